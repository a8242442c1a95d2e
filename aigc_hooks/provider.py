"""Provider: the settings of one service, and the layers they come from.

Layers, strongest first: the ``override()`` context, arguments of the call, ``AIGC_HOOKS_*`` environment variables,
``[providers.NAME]`` in ``aigc.toml`` (or ``[tool.aigc_hooks.providers.NAME]`` in ``pyproject.toml``), the base table of
that file, defaults.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from aigc_hooks.errors import ConfigError, LabelFormatError
from aigc_hooks.explicit.wording import check_wording
from aigc_hooks.labels import Label, ProviderCode
from aigc_hooks.layers import Layer, did_you_mean, environment, providers_in_file, tables, two_lines

MIN_TEXT_HEIGHT = 0.05
"""Least height of the label's characters, as a share of the picture's shorter side (GB 45438-2025, 5.2)."""

MIN_OPACITY = 0.55
"""Least opacity of the dark plate under white text: contrast ≥ 4.5 : 1 even on white. The standard names no number."""

_LIKE_A_CODE = re.compile(r"0011[0-9A-Z]{23}")

Position = Literal["top-left", "top", "top-right", "right", "bottom-right", "bottom", "bottom-left", "left"]


class _Settings(BaseModel):
    """Frozen, so that it can live on a generated class and in cache keys; its errors are ConfigErrors."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _config_error(error, [Layer(f"{type(self).__name__}(…)", values)], type(self)) from None


class ImageStyle(_Settings):
    """How the explicit label of a picture looks.

    Attributes:
        position: One of four corners and four edges (GB 45438-2025, 5.2: 边或角).
        wording: Text of the label in pictures; None takes the provider's.
        height: Height of every character's ink as a share of the shorter side, 0.05 to 0.5.
        opacity: Opacity of the dark plate under the white text, 0.55 to 1.0. The text itself is always opaque. The
            default gives a contrast of at least 7 : 1 on any background.
        font: A TrueType or OpenType file that has every character of the wording; None takes the one shipped.
    """

    position: Position = "bottom-right"
    wording: str | None = None
    height: float = Field(default=MIN_TEXT_HEIGHT, ge=MIN_TEXT_HEIGHT, le=0.5, allow_inf_nan=False)
    opacity: float = Field(default=0.65, ge=MIN_OPACITY, le=1.0, allow_inf_nan=False)
    font: Path | None = None

    @field_validator("wording")
    @classmethod
    def _wording_is_lawful(cls, text: str | None) -> str | None:
        return text if text is None else check_wording(text)


class Provider(_Settings):
    """The settings of one service that labels its output.

    Attributes:
        name: Name of its table in the configuration; empty if it was built in code.
        strict: Whether ``producer`` must be printable ASCII without spaces (Annex E j). ``False`` allows a name in
            another script, with a warning.
        producer: Name or code of the service, as it stands in ``ContentProducer``. There is no default.
        propagator: What to write into the propagator's two elements at first: ``"producer"`` repeats the producer's
            (Annex E, note 1), ``"empty"`` leaves them empty, as some services do.
        wording: Text of the explicit label; holds 人工智能 or AI, and 生成 or 合成.
        on_error: ``"raise"`` releases nothing that could not be labelled. ``"warn"`` releases it with a warning and an
            audit record.
        on_unsupported_carrier: What saving to a format without a place for the implicit label does: ``"raise"``, or
            ``"warn"``: save it with a warning and an audit record.
        audit: ``"required"``: a failing audit sink is a failing stage. ``"best-effort"``: it is logged.
        required_plugins: Names of plugins without which nothing is labelled or released.
        image: How the label of a picture looks.
    """

    name: str = ""
    strict: bool = True
    producer: str
    propagator: Literal["producer", "empty"] = "producer"
    wording: str = "AI生成"
    on_error: Literal["raise", "warn"] = "raise"
    on_unsupported_carrier: Literal["raise", "warn"] = "raise"
    audit: Literal["required", "best-effort"] = "required"
    required_plugins: tuple[str, ...] = ()
    image: ImageStyle = ImageStyle()

    @field_validator("wording")
    @classmethod
    def _wording_is_lawful(cls, text: str) -> str:
        return check_wording(text)

    @field_validator("producer")
    @classmethod
    def _producer_is_lawful(cls, text: str, info: ValidationInfo) -> str:
        try:
            Label(content_producer=text, produce_id="0", strict=info.data.get("strict", True))
        except LabelFormatError as error:
            helps = not text.isascii() and not set(text) & set(" \\\t\n")
            hint = "; strict = false allows a name in another script" if helps else ""
            hint = "; write it without the space" if " " in text else hint
            raise ValueError(f"{error}{hint}") from None
        if _LIKE_A_CODE.fullmatch(text):
            try:
                ProviderCode.parse(text)
            except LabelFormatError as error:
                # A plain name is lawful, whatever it looks like: say so, and let it pass.
                warnings.warn(f"producer {text!r} looks like a provider code and is none: {error}", stacklevel=2)
        return text


_overrides: ContextVar[tuple[Mapping[str, Any], ...]] = ContextVar("aigc_hooks_overrides", default=())


@contextmanager
def override(**settings: Any) -> Iterator[None]:
    """Lays settings over every provider while the context lasts, in this thread or task.

    Args:
        **settings: Any of ``Provider``'s; a style may be given as a dict of what to change.

    Raises:
        ConfigError: A setting is unknown or wrong.
    """
    # Refused here, and not at the next label. Whether a name must be ASCII depends on the provider below: it says so.
    _build([Layer("override(…)", settings), Layer("", {"producer": "unset", "strict": False})])
    token = _overrides.set((settings, *_overrides.get()))
    try:
        yield
    finally:
        _overrides.reset(token)


def active(provider: Provider) -> Provider:
    """A provider as the ``override()`` context has it now."""
    return resolve(provider, {})


def resolve(provider: str | Provider | None, overrides: Mapping[str, Any], *, in_context: bool = True) -> Provider:
    """Finds the settings of one call.

    Args:
        provider: Name of a table in the configuration, a ``Provider``, or None for ``AIGC_HOOKS_PROVIDER`` or the base
            table.
        overrides: Settings given as arguments of the call.
        in_context: Whether the ``override()`` context counts. It does not for settings that outlive it.

    Raises:
        ConfigError: No producer is set, the provider is unknown, a file cannot be read, or a setting is wrong.
    """
    layers = [Layer("override(…)", values) for values in _overrides.get()] if in_context else []
    layers.append(Layer("the arguments of the call", overrides))
    if isinstance(provider, Provider):
        if not any(layer.values for layer in layers):
            return provider
        layers.append(_whole(provider))
    elif provider is None or isinstance(provider, str):
        name = provider or os.environ.get("AIGC_HOOKS_PROVIDER", "")
        origin = "" if provider else " (from AIGC_HOOKS_PROVIDER)"
        layers += [
            *environment(Provider.model_fields.keys() - {"name"}),
            *tables(name, origin),
            Layer("", {"name": name}),
        ]
    else:
        raise ConfigError(f"provider= takes a name or a Provider, found {type(provider).__name__} {provider!r}")
    return _build(layers)


def _whole(provider: Provider) -> Layer:
    return Layer("the provider given", {**dict(provider), "image": dict(provider.image)})


def _build(layers: list[Layer]) -> Provider:
    """Merges layers, strongest first, and checks the result."""
    merged: dict[str, Any] = {}
    for layer in reversed(layers):
        if "wording" in layer.values and isinstance(merged.get("image"), dict):
            merged["image"].pop("wording", None)  # a general wording that is stronger than one for pictures
        _merge(merged, layer.values)
    try:
        return Provider.model_validate(merged)
    except ValidationError as error:
        raise _config_error(error, layers, Provider) from None


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Lays one layer over weaker ones; the tables of styles merge key by key."""
    for key, value in values.items():
        if isinstance(value, BaseModel):
            value = {name: getattr(value, name) for name in value.model_fields_set}
        if isinstance(value, Mapping):
            below = into.get(key)
            into[key] = dict(below) if isinstance(below, Mapping) else {}
            _merge(into[key], value)
        else:
            into[key] = value


def _no_producer(name: str) -> str:
    if not name and (known := providers_in_file()):
        return (
            f"no producer is set for a call that names no provider. The configuration has: {', '.join(known)}; pass "
            f"provider={known[0]!r}, or set AIGC_HOOKS_PROVIDER={known[0]}"
        )
    return (
        "no producer is set, and none is invented. Name the service that generates the content in aigc.toml:\n\n"
        f"{two_lines(name)}\nor set AIGC_HOOKS_PRODUCER, or pass producer=…"
        + ("; what override() sets lasts only as long as its context" if _overrides.get() else "")
    )


def _config_error(error: ValidationError, layers: list[Layer], model: type[BaseModel]) -> ConfigError:
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


def _fault(path: tuple[str, ...], fault: Any, layers: list[Layer], model: type[BaseModel]) -> str:
    source = next((layer.source for layer in layers if _holds(layer.values, path)), layers[0].source)
    key = ".".join(path)
    if fault["type"] == "missing":
        return _no_producer(str(fault["input"].get("name", "")))  # the one setting without a default
    if fault["type"] == "extra_forbidden":
        return f"{source}: unknown setting {key!r}{_suggestion(path, model)} (found {fault['input']!r})"
    return f"{source}: {key} = {fault['input']!r}: {fault['msg'].removeprefix('Value error, ')}"


def _holds(values: Any, path: tuple[str, ...]) -> bool:
    for key in path:
        if not isinstance(values, Mapping) or key not in values:
            # An item of a list, such as required_plugins.0, is in the layer that holds the list.
            return isinstance(values, (list, tuple, set, frozenset))
        values = values[key]
    return True


def _suggestion(path: tuple[str, ...], model: type[BaseModel]) -> str:
    if model is Provider and len(path) == 1 and path[0] in ImageStyle.model_fields:
        return f"; it is one of pictures: image={{{path[0]!r}: …}}"
    known = list((ImageStyle if path[:-1] == ("image",) else model).model_fields)
    return did_you_mean(path[-1], known)
