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
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator

from aigc_hooks.errors import ConfigError, LabelFormatError
from aigc_hooks.explicit.wording import check_wording
from aigc_hooks.labels import Label, ProviderCode
from aigc_hooks.layers import Layer, environment, providers_in_file, record_url, tables, two_lines
from aigc_hooks.settings import Settings, config_error, styles_of
from aigc_hooks.styles import AudioStyle, ImageStyle, SecurityStyle, TextStyle, VideoStyle

_LIKE_A_CODE = re.compile(r"0011[0-9A-Z]{23}")

DEFAULT_WORDING = "AI生成"

PicturePlace = Literal["xmp", "alternative"]
"""Where a picture holds the implicit label (TC260-PG-20259A): in XMP, or as its Annex B has it."""


class Provider(Settings):
    """The settings of one service that labels its output.

    Attributes:
        name: Name of its table in the configuration; empty if it was built in code.
        strict: Whether ``producer`` must be printable ASCII without spaces (Annex E j). ``False`` allows a name in
            another script, with a warning.
        producer: Name or code of the service, as it stands in ``ContentProducer``. There is no default.
        propagator: What to write into the propagator's two elements at first: ``"producer"`` repeats the producer's
            (Annex E, note 1), ``"empty"`` leaves them empty, as some services do.
        service_class: Which service it is by article 17 of the Deep Synthesis Provisions, paragraph 1: ``"a"`` dialogue
            and writing like a person's, ``"b"`` synthetic or imitated voices, ``"c"`` faces, poses and pictures of
            people, ``"d"`` immersive scenes, ``"e"`` others that generate or markedly change content; or ``"other"``:
            none of them (paragraph 2). Where ``"a"`` to ``"e"`` may mislead the public, the visible label is a duty:
            ``on_error = "warn"`` is refused there, and only ``exempt()`` leaves the label away. ``"other"`` is labelled
            as well, and the user agreement says that users may label. None says nothing of it.
        wording: Text of the explicit label; holds 人工智能 or AI, and 生成 or 合成.
        on_error: ``"raise"`` releases nothing that could not be labelled. ``"warn"`` releases it with a warning and an
            audit record.
        on_unsupported_carrier: What saving to a format without a place for the implicit label does: ``"raise"``, or
            ``"warn"``: save it with a warning and an audit record.
        on_signed_content: What a label for a file that C2PA has signed does, whose signature it would break:
            ``"raise"``, or ``"warn"``: it is written with a warning.
        picture_place: Where pictures hold the implicit label: ``"xmp"``, or ``"alternative"``: in JPEG and WebP Exif
            UserComment, in PNG a tEXt chunk ``AIGC`` (TC260-PG-20259A, Annex B), for platforms that read no XMP. Other
            formats have one place.
        audit: ``"required"``: a failing audit sink is a failing stage. ``"best-effort"``: it is logged.
        audit_url: Where the record is kept: the path of an SQLite file, or ``postgresql://user@host/database``. None
            writes it to the logger ``aigc_hooks.audit``, as lines of JSON.
        audit_reference: What each record shall hold besides, such as the number of a request or of a user. Empty: the
            record holds nothing about people.
        exemption_ids: How the record holds the ids of a user and an agreement under ``exempt()``: ``"hashed"``, or
            ``"plain"``, where the provider may keep them so.
        required_plugins: Names of plugins without which nothing is labelled or released.
        image: How the label of a picture looks.
        text: How the label of a text looks.
        audio: How the label of sound sounds.
        video: How the label of a film looks, and how long it stays.
        security: How labels are signed, and whose signatures are known.
    """

    name: str = ""
    strict: bool = True
    producer: str
    propagator: Literal["producer", "empty"] = "producer"
    service_class: Literal["a", "b", "c", "d", "e", "other"] | None = None
    wording: str = DEFAULT_WORDING
    on_error: Literal["raise", "warn"] = "raise"
    on_unsupported_carrier: Literal["raise", "warn"] = "raise"
    on_signed_content: Literal["raise", "warn"] = "raise"
    picture_place: PicturePlace = "xmp"
    audit: Literal["required", "best-effort"] = "required"
    audit_url: str | None = Field(default=None, repr=False)
    audit_reference: str = ""
    exemption_ids: Literal["hashed", "plain"] = "hashed"
    required_plugins: tuple[str, ...] = ()
    image: ImageStyle = ImageStyle()
    text: TextStyle = TextStyle()
    audio: AudioStyle = AudioStyle()
    video: VideoStyle = VideoStyle()
    security: SecurityStyle = SecurityStyle()

    @classmethod
    def missing(cls, key: str, values: Any) -> str:
        """The producer is the one setting without a default."""
        return _no_producer(str(values.get("name", "")))

    @field_validator("audit_url", mode="before")
    @classmethod
    def _record_is_found_again(cls, url: Any) -> Any:
        return record_url(os.fspath(url)) if isinstance(url, (str, os.PathLike)) else url

    @field_validator("wording")
    @classmethod
    def _wording_is_lawful(cls, text: str) -> str:
        return check_wording(text)

    @field_validator("on_error")
    @classmethod
    def _what_must_be_labelled_is_not_let_through(cls, policy: str, info: ValidationInfo) -> str:
        service = info.data.get("service_class")
        if policy == "warn" and service not in (None, "other"):
            raise ValueError(
                f'releases content without its visible label, which a service of service_class = "{service}" must show '
                '(Deep Synthesis Provisions, article 17; Measures, article 4): leave on_error at "raise"'
            )
        return policy

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


_STYLES = tuple(styles_of(Provider))

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
    values = dict(provider)
    return Layer("the provider given", {**values, **{name: dict(values[name]) for name in _STYLES}})


def _build(layers: list[Layer]) -> Provider:
    """Merges layers, strongest first, and checks the result."""
    merged: dict[str, Any] = {}
    for layer in reversed(layers):
        if "wording" in layer.values:
            for name in _STYLES:  # a general wording that is stronger than one for pictures
                if isinstance(merged.get(name), dict):
                    merged[name].pop("wording", None)
        _merge(merged, layer.values)
    try:
        return Provider.model_validate(merged)
    except ValidationError as error:
        raise config_error(error, layers, Provider) from None


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
