"""Mappings and records of every kind: the names in them, what they hold, and others like them."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

_EXTRA = "__pydantic_extra__"
"""What a model of pydantic holds that it has not declared."""


def names_of(output: Any) -> list[Any] | None:
    """The names in a mapping or record; None of what is neither."""
    if isinstance(output, Mapping):
        return list(output)
    if isinstance(output, type):
        return None
    if dataclasses.is_dataclass(output):
        fields = [field.name for field in dataclasses.fields(output) if hasattr(output, field.name)]
        return list(dict.fromkeys([*fields, *getattr(output, "__dict__", ())]))  # and what was put there since
    if isinstance(output, SimpleNamespace):
        return list(vars(output))
    kind: Any = type(output)
    if isinstance(output, tuple):
        return list(kind._fields) if hasattr(kind, "_fields") else None
    if isinstance(declared := getattr(kind, "model_fields", None), dict):  # of pydantic
        return [*declared, *(getattr(output, _EXTRA, None) or ())]
    attributes = getattr(kind, "__attrs_attrs__", None)
    return [each.name for each in attributes] if attributes is not None else None


def get(output: Any, name: Any) -> Any:
    """What a mapping or record holds under a name."""
    return output[name] if isinstance(output, Mapping) else getattr(output, name)


def changed(output: Any, changes: dict[Any, Any], fresh: bool) -> Any:
    """A mapping or record with other values."""
    if not changes:
        return output
    if isinstance(output, tuple):
        return cast(Any, output)._replace(**changes)
    if isinstance(output, Mapping):
        try:
            made: Any = copy.copy(output) if fresh else output
            for name, value in changes.items():
                made[name] = value
        except TypeError:
            return {**output, **changes}
        return made
    made = copy.copy(output) if fresh else output
    extra = getattr(made, _EXTRA, None) or {}
    for name, value in changes.items():
        if name in extra:
            extra[name] = value
        else:
            object.__setattr__(made, name, value)  # also of what is frozen
    return made


def joined(output: Any, items: list[Any]) -> Any:
    """A list or tuple of the same kind with other items; the same where these are."""
    if all(one is other for one, other in zip(items, output, strict=True)):
        return output
    return type(output)(*items) if hasattr(output, "_fields") else type(output)(items)
