"""Provider: the settings of one service, and the layers they come from.

Layers, strongest first: the ``override()`` context, arguments of the call, ``AIGC_HOOKS_*`` environment variables,
``[providers.NAME]`` in ``aigc.toml`` (or ``[tool.aigc_hooks.providers.NAME]`` in ``pyproject.toml``), the base table of
that file, defaults.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from aigc_hooks.errors import ConfigError, LabelFormatError
from aigc_hooks.explicit.wording import check_wording
from aigc_hooks.labels import Label

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ENV_PREFIX = "AIGC_HOOKS_"
# Variables that steer the package itself and are no settings of a provider.
CONTROL_VARIABLES = {
    "AIGC_HOOKS_CONFIG": "path of the configuration file",
    "AIGC_HOOKS_PROVIDER": "name of the provider where the call names none",
    "AIGC_HOOKS_PLUGINS": "comma list: load only these third-party plugins; empty: none",
    "AIGC_HOOKS_BLOCK_PLUGINS": "comma list: do not load these plugins",
    "AIGC_HOOKS_TRACE": "1: print every hook call to standard error",
}

MIN_TEXT_HEIGHT = 0.05
"""Least height of the label's characters, as a share of the picture's shorter side (GB 45438-2025, 5.2)."""

MIN_OPACITY = 0.55
"""Least opacity of the dark plate under white text: contrast ≥ 4.5 : 1 even on white. The standard names no number."""

Position = Literal["top-left", "top", "top-right", "right", "bottom-right", "bottom", "bottom-left", "left"]


class _Settings(BaseModel):
    """Frozen, so that it can live on a generated class and in cache keys; its errors are ConfigErrors."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, validate_default=False)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _config_error(type(self), error, [Layer(f"{type(self).__name__}(…)", values)]) from None


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
        producer: Name or code of the service, as it stands in ``ContentProducer``. There is no default.
        strict: Whether ``producer`` must be printable ASCII without spaces (Annex E j). ``False`` allows a name in
            another script, with a warning.
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
    producer: str
    strict: bool = True
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

    @model_validator(mode="after")
    def _producer_is_lawful(self) -> Provider:
        try:
            Label(content_producer=self.producer, produce_id="0", strict=self.strict)
        except LabelFormatError as error:
            hint = "; strict = false allows a name in another script" if not self.producer.isascii() else ""
            raise ValueError(f"producer {self.producer!r}: {error}{hint}") from None
        return self


class Layer(NamedTuple):
    """Settings from one source, and that source's name for messages."""

    source: str
    values: Mapping[str, Any]


_overrides: ContextVar[tuple[Mapping[str, Any], ...]] = ContextVar("aigc_hooks_overrides", default=())


@contextmanager
def override(**settings: Any) -> Iterator[None]:
    """Lays settings over every provider while the context lasts, in this thread or task.

    Args:
        **settings: Any of ``Provider``'s; a style may be given as a dict of what to change.

    Raises:
        ConfigError: A setting is unknown or wrong.
    """
    _build([Layer("override(…)", settings), Layer("", {"producer": "unset"})])  # refuse it here, not at the next label
    token = _overrides.set((settings, *_overrides.get()))
    try:
        yield
    finally:
        _overrides.reset(token)


def active(provider: Provider) -> Provider:
    """A provider as the ``override()`` context has it now."""
    contexts = _overrides.get()
    if not contexts:
        return provider
    return _build([*(Layer("override(…)", values) for values in contexts), _whole(provider)])


def resolve(provider: str | Provider | None, overrides: Mapping[str, Any]) -> Provider:
    """Finds the settings of one call.

    Args:
        provider: Name of a table in the configuration, a ``Provider``, or None for ``AIGC_HOOKS_PROVIDER`` or the base
            table.
        overrides: Settings given as arguments of the call.

    Raises:
        ConfigError: No producer is set, the provider is unknown, a file cannot be read, or a setting is wrong.
    """
    if isinstance(provider, Provider):
        if not overrides:
            return active(provider)
        layers = [_whole(provider)]
    elif provider is None or isinstance(provider, str):
        name = provider or os.environ.get("AIGC_HOOKS_PROVIDER", "")
        layers = [_environment(), *_tables(name), Layer("", {"name": name})]
    else:
        raise ConfigError(f"provider= takes a name or a Provider, found {type(provider).__name__} {provider!r}")
    contexts = (Layer("override(…)", values) for values in _overrides.get())
    return _build([*contexts, Layer("the arguments of the call", overrides), *layers])


def _whole(provider: Provider) -> Layer:
    values = {**dict(provider), "image": dict(provider.image)}
    return Layer(f"provider {provider.name!r}", values)


def _build(layers: list[Layer]) -> Provider:
    """Merges layers, strongest first, and checks the result."""
    merged: dict[str, Any] = {}
    for layer in reversed(layers):
        _merge(merged, layer.values)
    if "producer" not in merged:
        name = merged.get("name")
        table = f"[providers.{name}]" if name else ""
        raise ConfigError(
            "no producer is set, and none is invented. Name the service that generates the content in aigc.toml:\n\n"
            f'    {table or "# aigc.toml"}\n    producer = "your-service-or-27-character-code"\n\n'
            "or set AIGC_HOOKS_PRODUCER, or pass producer=…"
        )
    try:
        return Provider.model_validate(merged)
    except ValidationError as error:
        raise _config_error(Provider, error, layers) from None


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


def _config_error(model: type[BaseModel], error: ValidationError, layers: list[Layer]) -> ConfigError:
    """Says of each fault which source it came from, which key it is, and which value was found."""
    return ConfigError("\n".join(_faults(model, error, layers)))


def _faults(model: type[BaseModel], error: ValidationError, layers: list[Layer]) -> Iterator[str]:
    for fault in error.errors(include_url=False):
        path = [str(part) for part in fault["loc"]]
        source = next((layer.source for layer in layers if _holds(layer.values, path)), layers[0].source)
        cause = fault.get("ctx", {}).get("error")
        if isinstance(cause, ConfigError):
            # A style that was given as a dict has already said what is wrong with it.
            yield f"{source}: {'.'.join(path)}: {cause}"
        elif fault["type"] == "extra_forbidden":
            yield f"{source}: unknown setting {'.'.join(path)!r}{_suggestion(model, path)} (found {fault['input']!r})"
        elif fault["type"] == "missing":
            yield f"{source}: {'.'.join(path)} is missing"
        else:
            message = fault["msg"].removeprefix("Value error, ")
            where = f"{'.'.join(path)} = {fault['input']!r}: " if path else ""
            yield f"{source}: {where}{message}"


def _holds(values: Mapping[str, Any], path: list[str]) -> bool:
    for key in path:
        if not isinstance(values, Mapping) or key not in values:
            return False
        values = values[key]
    return True


def _suggestion(model: type[BaseModel], path: list[str]) -> str:
    fields = list(model.model_fields)
    for part in path[:-1]:
        fields = list(ImageStyle.model_fields) if part == "image" else fields
    close = difflib.get_close_matches(path[-1], fields, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(fields)}"


def _environment() -> Layer:
    """``AIGC_HOOKS_WORDING`` is ``wording``, ``AIGC_HOOKS_IMAGE__POSITION`` is ``position`` in the table ``image``."""
    values: dict[str, Any] = {}
    for variable, text in os.environ.items():
        if not variable.startswith(ENV_PREFIX) or variable in CONTROL_VARIABLES or not text:
            continue
        path = variable.removeprefix(ENV_PREFIX).lower().split("__")
        if path[0] not in Provider.model_fields:
            known = [*CONTROL_VARIABLES, *(ENV_PREFIX + field.upper() for field in Provider.model_fields)]
            close = difflib.get_close_matches(variable, known, n=1)
            raise ConfigError(
                f"environment variable {variable}={text!r} is no setting"
                + (f"; did you mean {close[0]}?" if close else f"; known: {', '.join(known)}")
            )
        value: Any = text
        if path == ["required_plugins"]:
            value = [name.strip() for name in text.split(",") if name.strip()]
        table = values
        for part in path[:-1]:
            table = table.setdefault(part, {})
        table[path[-1]] = value
    return Layer("environment AIGC_HOOKS_*", values)


def _tables(name: str) -> list[Layer]:
    """The provider's table and the base table of the configuration file, strongest first."""
    path = config_file()
    if path is None:
        if name:
            raise ConfigError(
                f"unknown provider {name!r}: no aigc.toml and no [tool.aigc_hooks] in a pyproject.toml was found in "
                f"{Path.cwd()} or above. Write aigc.toml:\n\n    [providers.{name}]\n"
                '    producer = "your-service-or-27-character-code"\n'
            )
        return []
    document = _document(path)
    where = "tool.aigc_hooks" if path.name == "pyproject.toml" else ""
    base = {key: value for key, value in document.items() if key != "providers"}
    layers = [Layer(f"{path} [{where}]" if where else str(path), base)]
    if not name:
        return layers
    providers = document.get("providers", {})
    if not isinstance(providers, dict) or not isinstance(providers.get(name), dict):
        known = ", ".join(sorted(providers)) if isinstance(providers, dict) and providers else "none"
        raise ConfigError(
            f"unknown provider {name!r} in {path}; known: {known}. Add to it:\n\n    "
            f'[{where + "." if where else ""}providers.{name}]\n    producer = "your-service-or-27-character-code"\n'
        )
    prefix = f"{where}." if where else ""
    return [Layer(f"{path} [{prefix}providers.{name}]", providers[name]), *layers]


def config_file() -> Path | None:
    """The configuration in force: ``AIGC_HOOKS_CONFIG``, or the nearest file in the working folder or above it."""
    if given := os.environ.get("AIGC_HOOKS_CONFIG"):
        return Path(given)
    folder = Path.cwd()
    for parent in (folder, *folder.parents):
        if (path := parent / "aigc.toml").is_file():
            return path
        if (path := parent / "pyproject.toml").is_file() and _document(path):
            return path
    return None


def _document(path: Path) -> dict[str, Any]:
    """The settings in one file; read again only when the file has changed."""
    try:
        status = path.stat()
        whole = _parse(path, status.st_mtime_ns, status.st_size)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read the configuration {path}: {error}") from error
    if path.name != "pyproject.toml":
        return whole
    document = whole.get("tool", {}).get("aigc_hooks", {})
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: tool.aigc_hooks must be a table, found {document!r}")
    return document


@lru_cache(maxsize=16)
def _parse(path: Path, mtime_ns: int, size: int) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
