"""The two records of the standard: Label (GB 45438-2025, Annex E) and ProviderCode (TC260-PG-20252A)."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import InitVar, dataclass, fields
from typing import Any

from aigc_hooks.errors import LabelFormatError

FIELD_NAME = "AIGC"
"""Name of the extended metadata field (Annex E a)."""

KEYS = {
    "label": "Label",
    "content_producer": "ContentProducer",
    "produce_id": "ProduceID",
    "reserved_code1": "ReservedCode1",
    "content_propagator": "ContentPropagator",
    "propagate_id": "PropagateID",
    "reserved_code2": "ReservedCode2",
}
"""Python name of each element and its spelling in files, in the order of Annex E b)."""

DEGREES = {"1": "属于", "2": "可能", "3": "疑似"}
"""Values of ``Label`` (Annex E c): is, may be, is suspected to be generated or synthesised."""

# Annex E j) says the values "should mainly" be of these characters: printable ASCII without space and backslash.
_STRICT = re.compile(r"[\x21-\x5b\x5d-\x7e]*\Z")
# The wider set for names in the provider's own script: anything printable but space and backslash.
_SPOILT = re.compile(r"[\s\\]")


@dataclass(frozen=True, slots=True)
class Label:
    """The implicit label of one file: the seven string elements of GB 45438-2025, Annex E.

    Args:
        label: ``"1"`` is, ``"2"`` may be, ``"3"`` is suspected to be generated (Annex E c). A producer writes ``"1"``.
        content_producer: Name or code of the service that generated the content (Annex E d).
        produce_id: The producer's unique number for the content (Annex E e).
        reserved_code1: The producer's security information, or empty (Annex E f).
        content_propagator: Name or code of the service that spreads the content; on first writing the producer
            (Annex E g and note 1).
        propagate_id: The propagator's unique number; on first writing ``produce_id`` (Annex E h and note 1).
        reserved_code2: The propagator's security information, or empty (Annex E i).
        strict: Whether names must be printable ASCII without space, backslash and control characters (Annex E j).
            ``False`` lets names in other scripts through, with a warning: the clause says "mainly".

    Raises:
        LabelFormatError: A value is not a string, ``label`` is not 1, 2 or 3, a mandatory element is empty, or a
            character is outside the set of Annex E j).
    """

    label: str = "1"
    content_producer: str = ""
    produce_id: str = ""
    reserved_code1: str = ""
    content_propagator: str = ""
    propagate_id: str = ""
    reserved_code2: str = ""
    strict: InitVar[bool] = True

    def __post_init__(self, strict: bool) -> None:
        defects = self.defects(strict=strict)
        if defects:
            raise LabelFormatError(f"not a label by GB 45438-2025, Annex E: {'; '.join(defects)}")
        if not strict and (wide := _wide_keys(self)):
            warnings.warn(
                f"{', '.join(wide)} holds characters outside printable ASCII; Annex E j) of GB 45438-2025 asks for "
                "mainly ASCII: a provider code is safer",
                stacklevel=3,
            )

    @classmethod
    def unchecked(cls, **elements: str) -> Label:
        """Builds a label as a file holds it, whatever its faults; ``defects`` names them."""
        record = object.__new__(cls)
        for name in KEYS:
            object.__setattr__(record, name, elements.get(name, ""))
        return record

    def defects(self, *, strict: bool = True) -> tuple[str, ...]:
        """What in this record breaks Annex E, one sentence each; empty if nothing does."""
        found: list[str] = []
        for name, key in KEYS.items():
            value: Any = getattr(self, name)
            if not isinstance(value, str):
                found.append(f"{key} must be a string, found {type(value).__name__} {_short(repr(value))}")
            elif not _STRICT.match(value) and (strict or _SPOILT.search(value) or not value.isprintable()):
                found.append(
                    f"{key} {_short(value)!r} holds characters outside printable ASCII without space and backslash"
                )
        # A list has no hash: what is no string has been named above, and is no degree either.
        if not isinstance(self.label, str) or self.label not in DEGREES:
            found.append(f"Label must be '1', '2' or '3', found {_short(self.label)!r}")
        elif self.label == "1":
            # A platform that found no producer writes 2 or 3 and has no producer to name (Measures, article 6).
            found += [
                f"{KEYS[name]} is empty" for name in ("content_producer", "produce_id") if not getattr(self, name)
            ]
        return tuple(found)

    def to_dict(self) -> dict[str, str]:
        """The elements by their names in files, in the order of Annex E."""
        return {key: getattr(self, name) for name, key in KEYS.items()}

    def to_json(self, wrapped: bool = False) -> str:
        """The value of the field: compact JSON, bare or inside ``{"AIGC": …}`` as the carrier asks."""
        value: Any = self.to_dict()
        return json.dumps({FIELD_NAME: value} if wrapped else value, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str, *, strict: bool = True) -> Label:
        """Reads a bare or wrapped value, and accepts only what Annex E allows.

        Raises:
            LabelFormatError: The text is not JSON, lacks one of the seven keys, has another, or a value is wrong.
        """
        try:
            value = json.loads(text, object_pairs_hook=_each_key_once)
        except LabelFormatError:
            raise
        except (TypeError, ValueError, RecursionError) as error:
            raise LabelFormatError(f"a label is a JSON object, found {_short(text)!r}: {error}") from error
        if isinstance(value, dict) and list(value) == [FIELD_NAME]:
            value = value[FIELD_NAME]
        if not isinstance(value, dict):
            raise LabelFormatError(f"a label is a JSON object, found {_short(text)!r}")
        if unknown := [key for key in value if key not in KEYS.values()]:
            raise LabelFormatError(f"unknown element {unknown[0]!r}; Annex E has {', '.join(KEYS.values())}")
        if missing := [key for key in KEYS.values() if key not in value]:
            raise LabelFormatError(f"element {missing[0]!r} is missing; Annex E has {', '.join(KEYS.values())}")
        return cls(**{name: value[key] for name, key in KEYS.items()}, strict=strict)


assert tuple(KEYS) == tuple(field.name for field in fields(Label))


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # JSON readers disagree on which of two equal keys counts: such a record says two things.
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise LabelFormatError(f"element {_short(twice)!r} stands twice; Annex E has each once")
    return value


def _wide_keys(label: Label) -> list[str]:
    return [key for name, key in KEYS.items() if not _STRICT.match(getattr(label, name))]


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "…"


# TC260-PG-20252A was read through three implementations, not in the original: each rule is one constant.
_CODE = re.compile(r"[0-9A-Z]{27}\Z")
_FORMAT = "00"
_ORGANISATION = "11"
_NO_SERVICE = "00000"
_SERVICE_KINDS = {"1": "generation", "2": "propagation"}

# GB 32100-2015: the unified social credit code, 17 characters and a check character.
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)


@dataclass(frozen=True, slots=True)
class ProviderCode:
    """A service provider's 27-character code (TC260-PG-20252A), as ``content_producer`` may hold it.

    Attributes:
        subject: Characters 3 and 4, kind of subject and of binding; ``"11"`` is an organisation with its unified
            social credit code.
        identity: Characters 5 to 22, the subject's own code.
        service: Characters 23 to 27: ``"00000"``, or ``1`` (generation) or ``2`` (propagation) and four of one's own.
    """

    subject: str
    identity: str
    service: str

    def __str__(self) -> str:
        return _FORMAT + self.subject + self.identity + self.service

    @property
    def verified(self) -> bool:
        """Whether the code could be checked: only an organisation's has a check character."""
        return self.subject == _ORGANISATION

    @classmethod
    def parse(cls, text: str) -> ProviderCode:
        """Reads a code.

        Warns where the code may be right but cannot be verified: a natural person's code, an unknown service kind.

        Raises:
            LabelFormatError: It is not 27 digits and capital letters, does not begin with ``00``, or holds a unified
                social credit code whose check character is wrong.
        """
        if not isinstance(text, str) or not _CODE.match(text):
            found = f"{len(text)} characters" if isinstance(text, str) else type(text).__name__
            raise LabelFormatError(
                f"a provider code is 27 digits and capital letters, found {_short(text)!r} ({found}); "
                "a service without a code may use its plain name (GB 45438-2025, Annex E d)"
            )
        if not text.startswith(_FORMAT):
            raise LabelFormatError(f"a provider code begins with {_FORMAT!r}, found {text[:2]!r} in {text!r}")
        code = cls(text[2:4], text[4:22], text[22:])
        if code.verified:
            check_uscc(code.identity)
        else:
            warnings.warn(
                f"provider code {text!r} is no organisation's code ({_FORMAT + _ORGANISATION}…): taken as it is, "
                "unverified",
                stacklevel=2,
            )
        if code.service != _NO_SERVICE and code.service[0] not in _SERVICE_KINDS:
            warnings.warn(
                f"provider code {text!r}: service {code.service!r} begins neither with 1 (generation) nor with "
                f"2 (propagation), nor is it {_NO_SERVICE!r}",
                stacklevel=2,
            )
        return code

    @classmethod
    def from_uscc(cls, uscc: str, service: str = _NO_SERVICE) -> ProviderCode:
        """Derives an organisation's code from its unified social credit code.

        Args:
            uscc: The 18 characters of GB 32100-2015.
            service: ``"00000"``, or ``1`` or ``2`` and four digits or capital letters of one's own choice.

        Raises:
            LabelFormatError: The credit code or the service is wrong.
        """
        check_uscc(uscc)
        return cls.parse(_FORMAT + _ORGANISATION + uscc + service)


def check_uscc(uscc: str) -> None:
    """Checks a unified social credit code against its check character (GB 32100-2015).

    Raises:
        LabelFormatError: Wrong length, alphabet or check character.
    """
    if not isinstance(uscc, str) or len(uscc) != 18 or any(character not in _USCC_ALPHABET for character in uscc):
        raise LabelFormatError(f"a unified social credit code is 18 of {_USCC_ALPHABET}, found {uscc!r}")
    total = sum(
        weight * _USCC_ALPHABET.index(character) for weight, character in zip(_USCC_WEIGHTS, uscc[:17], strict=True)
    )
    expected = _USCC_ALPHABET[(31 - total % 31) % 31]
    if uscc[17] != expected:
        raise LabelFormatError(f"unified social credit code {uscc!r}: check character {uscc[17]!r}, not {expected!r}")
