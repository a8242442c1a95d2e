"""From the text of a label to a Finding: lenient JSON, every deviation named."""

from __future__ import annotations

import base64
import binascii
import functools
import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import unquote

from aigc_hooks.artifact import Finding, RawLabel
from aigc_hooks.implicit.bounds import MAX_TEXT
from aigc_hooks.labels import FIELD_NAME, KEYS, Label

# Annex B of the image guide (TC260-PG-20259A) prints the wrapper for these places; its XMP places hold the bare object.
_WRAPPED_PLACES = re.compile(r"(?:Exif UserComment|Xt AIGC)\Z")
# So do the places of sound, film and documents, which have the field's name themselves (TC260-PG-202510A,
# TC260-PG-20257A, TC260-PG-20258A).
_BARE_PLACES = re.compile(
    r"xmp|tag 700|mime item|AIGC chunk|TXXX AIGC|comment AIGC|attribute AIGC|keys AIGC|property AIGC|Info AIGC"
    r"|SimpleTag AIGC|onMetaData AIGC|AVI LIST INFO AIGC",
    re.I,
)

_PLAIN = r"[\x21\x23-\x5b\x5d-\x7e]"
_NAMES = {key.lower(): name for name, key in KEYS.items()}
_FILLED = {"label": "[123]", "content_producer": f"{_PLAIN}+", "produce_id": f"{_PLAIN}+"}
# A label as Annex E prints it, which most are: the seven keys in order, compact, of its characters (j) and without
# escapes, and what may not be empty is not. Nothing is left to be found wrong in it.
_ELEMENTS = (f'"{key}":"(?P<{name}>{_FILLED.get(name, f"{_PLAIN}*")})"' for name, key in KEYS.items())
_CANONICAL = re.compile("{" + ",".join(_ELEMENTS) + "}")
_BEFORE = re.compile(rf"{FIELD_NAME}\W{{0,3}}\Z")
_MOST_IN_A_TEXT = 100
_MISSPELT = {"reservecode1": "reserved_code1", "reservecode2": "reserved_code2"}

# What tells a label from any other text in places made for free text; the last is an old form of one platform.
_LABEL_LIKE = re.compile(
    r"""(?:\\?"|'|&quot;)(?:AIGC|ContentProducer|ProduceID|ServiceProvider)(?:\\?"|'|&quot;)\s{0,9}:"""
)
_PREFIX = re.compile(rf"{FIELD_NAME}\W{{0,3}}(?=\{{)")
_BEGIN = rf"(?:{FIELD_NAME}\W{{0,3}})?"
_QUOTED_FOR_ADDRESSES = re.compile(rf"{_BEGIN}%7B", re.I)
_QUOTED_FOR_PAGES = re.compile(rf"{_BEGIN}\{{\s{{0,9}}&(?:quot|#34|#x22|apos|#39);", re.I)
_QUOTED_FOR_PROGRAMS = re.compile(rf'{_BEGIN}\{{\s{{0,9}}\\"')
_SINGLE_QUOTED = re.compile(rf"{_BEGIN}\{{\s{{0,9}}'")
_IN_SINGLE_QUOTES = re.compile(r"'([^'\"\\]*)'")
_OBJECT_LIKE = re.compile(
    rb"""AIGC[^\w{<>]{0,4}(?=\{)|(?=\{\s{0,9}(?:\\?"|')(?:AIGC|Label|ContentProducer)(?:\\?"|')\s{0,9}:)"""
)


def parse(raw: RawLabel, wrapped: bool | None = None) -> Finding:
    """Reads the text of one label, whatever its faults, and names them.

    Args:
        raw: The text as the carrier's reader found it.
        wrapped: Whether the guides ask for ``{"AIGC":{…}}`` at this place; None takes it from ``raw.place``.

    Returns:
        The finding. Its label is None where the text holds none of the seven elements of Annex E.
    """
    if wrapped is None:
        wrapped = _expected(raw.place)
    if not raw.defects and not wrapped and (match := _CANONICAL.fullmatch(raw.text)):
        return Finding(Label.unchecked(**match.groupdict()), raw.place, (), raw.text)
    defects = list(raw.defects)
    value = _decode(raw.text, defects)
    value = _unwrap(value, wrapped, defects)
    label = _label(value, defects) if isinstance(value, dict) else None
    if label is None:
        defects.append("no element of GB 45438-2025, Annex E, can be read from it")
    return Finding(label, raw.place, tuple(dict.fromkeys(defects)), raw.text)


def others(text: str) -> dict[str, Any]:
    """What a label holds beside the elements of Annex E, by its keys; nothing where it is not JSON."""
    value = _unwrap(_decode(text, []), None, [])
    if not isinstance(value, dict):
        return {}
    return {key: held for key, held in value.items() if key.lower() not in {**_NAMES, **_MISSPELT}}


def resembles(text: str) -> bool:
    """Whether free text, such as a comment, is meant as a label."""
    return len(text) <= MAX_TEXT and bool(_LABEL_LIKE.search(text))


def meant(name: str, text: str) -> bool:
    """Whether a named text, such as a comment with a key, is meant as a label: by its name, or by what it says."""
    return name.upper() == FIELD_NAME or resembles(text)


def wrapped(text: str) -> str:
    """The text of a bare label inside the wrapper of Annex E b), in ASCII, as its places in Exif and tEXt hold it."""
    return json.dumps({FIELD_NAME: json.loads(text)}, separators=(",", ":"))


def glued(data: bytes, place: str, defect: str) -> Iterator[RawLabel]:
    """Yields the first label that stands as bare text somewhere in a block of bytes."""
    match = _OBJECT_LIKE.search(data)
    if match:
        text = data[match.end() : match.end() + MAX_TEXT].decode("utf-8", "replace").rstrip("\0 ")
        if resembles(text):
            yield RawLabel(place, text, (defect,))


def without(text: str) -> str:
    """Free text without the labels in it; empty where nothing is left that says anything."""
    for _ in range(_MOST_IN_A_TEXT):
        match = _LABEL_LIKE.search(text)
        if match is None:
            return text if any(map(str.isalnum, text)) else ""
        start = text.rfind("{", 0, match.start())
        try:
            _, end = json.JSONDecoder().raw_decode(text, max(start, 0))
        except (ValueError, RecursionError):
            end = len(text)  # where a broken object ends cannot be told
        text = _BEFORE.sub("", text[: max(start, 0)]) + text[max(end, match.end()) :]
    return ""


@functools.lru_cache(maxsize=64)
def _expected(place: str) -> bool | None:
    """Whether this place holds a wrapped label, by the guides; None where they know no such place."""
    if _WRAPPED_PLACES.search(place):
        return True
    return False if _BARE_PLACES.search(place) else None


def _decode(text: str, defects: list[str]) -> Any:
    """The JSON value of a text, through up to three layers of encoding."""
    if len(text) > MAX_TEXT:
        defects.append(f"the text is longer than {MAX_TEXT} characters and was not parsed")
        return None
    value: Any = text
    for layer in range(3):
        if not isinstance(value, str):
            break
        if layer == 1:
            defects.append("the JSON is encoded twice")
        try:
            value = _json(value.strip("\0\ufeff \t\r\n"), defects)
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
            defects.append(f"the text is not JSON: {reason}")
            return None
    return value


def _json(text: str, defects: list[str]) -> Any:
    """One JSON value, with Base64 around it or other text before and after it."""
    if text.startswith(("eyJ", "ewog")):
        try:
            text = base64.b64decode(text, validate=True).decode()
            defects.append("the JSON is encoded in Base64; the standard asks for plain text")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise ValueError(f"neither JSON nor Base64 of it: {error}") from error
    text = _plain(text, defects)
    start = None if text.startswith("{") else _PREFIX.match(text)
    if start:
        defects.append(f"{start.group()!r} stands before the JSON object")
        text = text[start.end() :]

    try:
        value, end = _DECODER.raw_decode(text)
    except _RepeatedKeyError:
        defects.append("a key appears twice in the JSON object")
        value, end = json.JSONDecoder().raw_decode(text)
    if text[end:].strip("\0 \t\r\n"):
        defects.append("other text follows the JSON value")
    return value


def _plain(text: str, defects: list[str]) -> str:
    """The text without the escapes of what it was copied from, such as a page, an address or a program."""
    if _QUOTED_FOR_ADDRESSES.match(text):
        defects.append("the JSON is percent-encoded; the standard asks for plain text")
        text = unquote(text)
    if _QUOTED_FOR_PAGES.match(text):
        defects.append("the quotes of the JSON are written as HTML entities")
        text = unescape(text)
    if _QUOTED_FOR_PROGRAMS.match(text):
        defects.append("the quotes of the JSON are escaped")
        text = text.replace('\\"', '"').replace("\\\\", "\\")
    if _SINGLE_QUOTED.match(text):
        defects.append("the JSON has single quotes")
        text = _IN_SINGLE_QUOTES.sub(r'"\1"', text)
    return text


class _RepeatedKeyError(Exception):
    """A JSON object holds one key twice."""


def _pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(items)
    if len(found) < len(items):
        raise _RepeatedKeyError
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs)


def _unwrap(value: Any, wrapped: bool | None, defects: list[str]) -> Any:
    """The object with the seven elements, with or without the wrapper of Annex E b)."""
    depth = 0
    while isinstance(value, dict) and (key := next((key for key in value if key.upper() == FIELD_NAME), None)):
        depth += 1
        if key != FIELD_NAME:
            defects.append(f"the wrapper is named {key!r}, not {FIELD_NAME!r}")
        if len(value) > 1:
            defects.append(f"the wrapper holds more than {FIELD_NAME!r}")
        value = value[key]
        if isinstance(value, str):
            defects.append("the JSON is encoded twice")
            value = _decode(value, defects)
    if depth > 1:
        defects.append("the object is wrapped more than once")
    if isinstance(value, dict) and wrapped is not None and wrapped != (depth > 0):
        form = f'the object inside {{"{FIELD_NAME}":…}}' if wrapped else "the bare object"
        defects.append(f"the guide asks for {form} here")
    return value


def _label(found: dict[str, Any], defects: list[str]) -> Label | None:
    """The record of an object with at least one element of Annex E."""
    elements: dict[str, str] = {}
    for key, value in found.items():
        name = _NAMES.get(key.lower()) or _MISSPELT.get(key.lower())
        if name is None or name in elements:
            defects.append(f"{key[:60]!r} is no element of Annex E" if name is None else f"{KEYS[name]} appears twice")
            continue
        if key != KEYS[name]:
            defects.append(f"{KEYS[name]} is misspelt {key!r}")
        elements[name] = _text(KEYS[name], value, defects)
    if not elements:
        return None
    missing = [KEYS[name] for name in KEYS if name not in elements]
    defects.extend(f"element {key!r} is missing" for key in missing)
    label = Label.unchecked(**elements)
    # What is missing need not be called empty as well.
    defects.extend(defect for defect in label.defects() if defect.split(" ", 1)[0] not in missing)
    return label


def _text(key: str, value: Any, defects: list[str]) -> str:
    """The value of one element as the string that it should be."""
    if isinstance(value, str):
        return value
    defects.append(f"{key} must be a string, found {type(value).__name__}")
    if value is None:
        return ""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        defects.append(f"{key} is nested too deeply")
        return ""
