"""SecurityData, the JSON string in ``ReservedCode1``, and the messages that its signatures sign (TC260-PG-202511A).

    {"SecurityData":{"Type":"TC260PG","Version":1,
     "PubSD":[{"Type":"DS","AlgID":"…","TBSData":{"Type":"LabelMataData"},"Signature":"<hex>"},
              {"Type":"PubKey","AlgID":"…","KeyValue":"<hex SPKI>"}],
     "Bindings":[{"BType":"aigc-hooks:content-1","AlgID":"…","Digest":"<hex>","Signature":"<hex>"}]}}

The entry of ``Bindings`` is our own. Its signature signs the message of the label, a comma, and
``"Content":"aigc-hooks:content-1:<AlgID>:<HEX>"``; ``aigc_hooks.security.content`` says what is digested.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aigc_hooks.labels import Label
from aigc_hooks.security.algorithms import BY_OID, GUIDE, OWN, Algorithm

CONTENT = "aigc-hooks:content-1"
"""Kind of our binding of the content, and its version."""

SHA256 = "2.16.840.1.101.3.4.2.1"
"""Object identifier of its digest: SHA-256 whatever signs, for SM3 takes five times as long."""

_LABEL = "LabelMataData"
# The spelling is that of real labels; some implementations have the second.
_LABEL_KINDS = (_LABEL, "Md")
# Honor's. What it signs is not known.
_OTHER_KIND = "Content"
_LONGEST = 1 << 16
_SIGNED = ("Label", "ContentProducer", "ProduceID")


class UnknownSchemeError(ValueError):
    """A reserved code holds something else than SecurityData of a form that is known."""


@dataclass(frozen=True)
class Binding:
    """The signed digest of the content."""

    digest: bytes
    signature: bytes


@dataclass(frozen=True)
class SecurityData:
    """What a label says of its signature.

    Attributes:
        algorithm: How it was made.
        signature: That of the label.
        key: The public key in it, a SubjectPublicKeyInfo in DER; None if there is none.
        binding: That of the content, if there is one.
        signs_label: Whether it is said to sign the label's elements; False: it signs what is not known.
    """

    algorithm: Algorithm
    signature: bytes
    key: bytes | None
    binding: Binding | None = None
    signs_label: bool = True

    def to_text(self) -> str:
        """The value of ``ReservedCode1``."""
        oid = self.algorithm.oid
        entries: list[dict[str, Any]] = [
            {"Type": "DS", "AlgID": oid, "TBSData": {"Type": _LABEL}, "Signature": _hex(self.signature)}
        ]
        if self.key is not None:
            entries.append({"Type": "PubKey", "AlgID": oid, "KeyValue": _hex(self.key)})
        data: dict[str, Any] = {"Type": self.algorithm.profile, "Version": 1, "PubSD": entries}
        if self.binding is not None:
            digest, signature = _hex(self.binding.digest), _hex(self.binding.signature)
            data["Bindings"] = [{"BType": CONTENT, "AlgID": SHA256, "Digest": digest, "Signature": signature}]
        return json.dumps({"SecurityData": data}, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> SecurityData:
        """Reads the value of a reserved code.

        Strictly: what is passed over could be changed unseen.

        Raises:
            UnknownSchemeError: It is none, or of a form that is not known; says what about it.
        """
        if len(text) > _LONGEST:
            raise UnknownSchemeError(f"it has {len(text)} characters")
        try:
            whole = json.loads(text, object_pairs_hook=_each_once)
        except UnknownSchemeError:
            raise
        except (ValueError, RecursionError):
            raise UnknownSchemeError("it is no SecurityData") from None
        if not isinstance(whole, dict) or list(whole) != ["SecurityData"]:
            raise UnknownSchemeError("it is no SecurityData")
        data = whole["SecurityData"]
        listed = next((name for name in ("PubSD", "PubSd") if isinstance(data, dict) and name in data), "PubSD")
        data = _members(data, "SecurityData", ("Type", "Version", listed), ("Bindings",))
        if data["Type"] not in (GUIDE, OWN):
            raise UnknownSchemeError(f"SecurityData of type {data['Type']!r:.40}")
        if data["Version"] != 1 or type(data["Version"]) is not int:
            raise UnknownSchemeError(f"SecurityData of version {data['Version']!r:.40}")
        made = cls._from_entries(_list(data[listed], listed))
        if made.algorithm.profile != data["Type"]:
            raise UnknownSchemeError(f"{made.algorithm.title} in SecurityData of type {data['Type']!r}")
        binding = _binding(_list(data["Bindings"], "Bindings")) if "Bindings" in data else None
        return cls(made.algorithm, made.signature, made.key, binding, made.signs_label)

    @classmethod
    def _from_entries(cls, entries: list[Any]) -> SecurityData:
        kinds = [entry.get("Type") if isinstance(entry, dict) else None for entry in entries]
        if kinds not in (["DS"], ["DS", "PubKey"], ["PubKey", "DS"]):
            raise UnknownSchemeError(f"entries of SecurityData {kinds!r:.80}, and not one DS with one PubKey")
        entry = _members(entries[kinds.index("DS")], "DS", ("Type", "AlgID", "TBSData", "Signature"))
        algorithm = BY_OID.get(entry["AlgID"]) if isinstance(entry["AlgID"], str) else None
        if algorithm is None:
            raise UnknownSchemeError(f"algorithm {entry['AlgID']!r:.60}")
        kind = _members(entry["TBSData"], "TBSData", ("Type",))["Type"]
        if kind not in (*_LABEL_KINDS, _OTHER_KIND):
            raise UnknownSchemeError(f"TBSData of type {kind!r:.40}")
        key = None
        if "PubKey" in kinds:
            public = _members(entries[kinds.index("PubKey")], "PubKey", ("Type", "AlgID", "KeyValue"))
            if public["AlgID"] != algorithm.oid:
                raise UnknownSchemeError(f"a key of algorithm {public['AlgID']!r:.60} for {algorithm.title}")
            key = _bytes(public["KeyValue"], "KeyValue")
        return cls(algorithm, _bytes(entry["Signature"], "Signature"), key, signs_label=kind != _OTHER_KIND)


def message(label: Label) -> bytes:
    """What the signature of a label signs (appendix A.1): three elements as they stand in its JSON, without braces."""
    elements = label.to_dict()
    return ",".join(f'"{key}":{_json(elements[key])}' for key in _SIGNED).encode("utf-8", "surrogatepass")


def content_message(label: Label, digest: bytes) -> bytes:
    """What the signature of the content signs."""
    return message(label) + f',"Content":"{CONTENT}:{SHA256}:{_hex(digest)}"'.encode()


def _json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _binding(entries: list[Any]) -> Binding:
    if len(entries) != 1 or not isinstance(entries[0], dict) or entries[0].get("BType") != CONTENT:
        raise UnknownSchemeError("Bindings of a kind that is not known")
    entry = _members(entries[0], "Bindings", ("BType", "AlgID", "Digest", "Signature"))
    if entry["AlgID"] != SHA256:
        raise UnknownSchemeError(f"a digest of the content by algorithm {entry['AlgID']!r:.60}")
    return Binding(_bytes(entry["Digest"], "Digest"), _bytes(entry["Signature"], "Signature"))


def _members(value: Any, what: str, needed: tuple[str, ...], others: tuple[str, ...] = ()) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UnknownSchemeError(f"{what} is no object")
    if missing := [name for name in needed if name not in value]:
        raise UnknownSchemeError(f"{what} without {missing[0]}")
    if more := [name for name in value if name not in (*needed, *others)]:
        raise UnknownSchemeError(f"{what} with {more[0]!r:.40}")
    return value


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise UnknownSchemeError(f"{what} is no list")
    return value


def _bytes(value: Any, what: str) -> bytes:
    # In one case throughout: otherwise letters could be changed unseen.
    if not isinstance(value, str) or value not in (value.upper(), value.lower()) or not value.isalnum():
        raise UnknownSchemeError(f"{what} is not in hexadecimal digits")
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise UnknownSchemeError(f"{what} is not in hexadecimal digits") from None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise UnknownSchemeError("a member of SecurityData stands twice")
    return found


def _hex(data: bytes) -> str:
    return data.hex().upper()
