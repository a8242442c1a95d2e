"""Tables of settings that check themselves, and what is wrong with a setting in words that help."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from aigc_hooks.errors import ConfigError
from aigc_hooks.layers import Layer, did_you_mean

_LONGEST_CHOICE = 30
"""A value for a setting with a few choices is shown up to this length: a key is longer."""


class Settings(BaseModel):
    """Frozen, so that it can live on a generated class and in cache keys; its errors are ConfigErrors."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    secret: ClassVar[bool] = False
    """Whether a wrong value may be a key, and is not shown."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise config_error(error, [Layer(f"{type(self).__name__}(…)", values)], type(self)) from None

    @classmethod
    def missing(cls, key: str, values: Any) -> str:
        """What to say of a setting that has no default and was not given."""
        return f"{cls.__name__}: {key} is missing"


def styles_of(model: type[BaseModel]) -> dict[str, type[Settings]]:
    """The settings of a model that are tables of their own, by name."""
    found = {}
    for name, field in model.model_fields.items():
        kinds = (field.annotation, *getattr(field.annotation, "__args__", ()))
        if kind := next((k for k in kinds if isinstance(k, type) and issubclass(k, Settings)), None):
            found[name] = kind
    return found


def config_error(error: ValidationError, layers: list[Layer], model: type[Settings]) -> ConfigError:
    """Says of each fault which source it came from, which key it is, and which value was found."""
    return ConfigError("\n".join(_fault(path, fault, layers, model) for path, fault in _faults(error)))


def _faults(error: ValidationError, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each fault and the path to it, through the errors that nested settings have raised themselves."""
    for fault in error.errors(include_url=False):
        path = (*above, *map(str, fault["loc"]))
        inner = getattr(fault.get("ctx", {}).get("error"), "__context__", None)
        if isinstance(inner, ValidationError):
            yield from _faults(inner, path)
        else:
            yield path, fault


def _fault(path: tuple[str, ...], fault: Any, layers: list[Layer], model: type[Settings]) -> str:
    source = next((layer.source for layer in layers if _holds(layer.values, path)), layers[0].source)
    key = ".".join(path)
    shown = _shown(path, fault, model)
    if fault["type"] == "extra_forbidden":
        return f"{source}: unknown setting {key!r}{_suggestion(path, model)} (found {shown})"
    if fault["type"] == "missing":
        return _home(path, model).missing(key, fault["input"])
    head = f"{source}: {key} = {shown}" if key else source
    return f"{head}: {fault['msg'].removeprefix('Value error, ')}"


def _shown(path: tuple[str, ...], fault: Any, model: type[Settings]) -> str:
    """The value found, unless it is or may hold a secret: a watermark's or a signing key, or a database's password."""
    value = repr(fault["input"])
    if fault["type"] == "literal_error":
        return value if len(value) <= _LONGEST_CHOICE else "…"
    private = _home(path, model).secret or "security" in path or "-----BEGIN" in value
    return "…" if private or {"watermark", "keys", "audit_url"} & set(path) else value


def _holds(values: Any, path: tuple[str, ...]) -> bool:
    for key in path:
        if not isinstance(values, Mapping) or key not in values:
            # An item of a list, such as required_plugins.0, is in the layer that holds the list.
            return isinstance(values, (list, tuple, set, frozenset))
        values = values[key]
    return True


def _suggestion(path: tuple[str, ...], model: type[Settings]) -> str:
    name, model = path[-1], _home(path, model)
    if homes := [table for table, style in styles_of(model).items() if name in style.model_fields]:
        return "; it is one of " + _either(f"{table}: {table}={{{name!r}: …}}" for table in homes)
    return did_you_mean(name, list(model.model_fields))


def _home(path: tuple[str, ...], model: type[Settings]) -> type[Settings]:
    """The settings that the last name of a path belongs to."""
    for table in path[:-1]:
        model = styles_of(model).get(table, model)
    return model


def _either(choices: Iterable[str]) -> str:
    return ", or of ".join(choices)
