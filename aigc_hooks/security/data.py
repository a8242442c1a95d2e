"""SecurityData, the JSON string in ``ReservedCode1``, and for propagators ``ReservedCode2`` (TC260-PG-202511A).

    {"SecurityData":{"Type":"TC260PG","Version":1,
     "PubSD":[{"Type":"DS","AlgID":"…","TBSData":{"Type":"LabelMataData"},"Signature":"<hex>"},
              {"Type":"PubKey","AlgID":"…","KeyValue":"<hex SPKI>"}],
     "Bindings":[{"BType":"aigc-hooks:certificate-1","Time":"…","Certificates":["<hex>",…],"Signature":"<hex>"},
                 {"BType":"aigc-hooks:content-1","AlgID":"…","Digest":"<hex>","Signature":"<hex>"}]}}

The entries of ``Bindings`` are our own; ``aigc_hooks.security.messages`` says what each signature signs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from aigc_hooks.security.algorithms import BY_OID, GUIDE, OWN, Algorithm
from aigc_hooks.security.messages import CERTIFICATE, CONTENT, PRODUCER, SHA256, Part, in_hex

TIME = "%Y-%m-%dT%H:%M:%SZ"
"""How the time of signing is written, in UTC."""

MOST_CERTIFICATES = 5
"""Longest chain of certificates that stands in a label."""

_LABEL = "LabelMataData"
# The spelling is that of real labels; some implementations have the second.
_LABEL_KINDS = (_LABEL, "Md")
# Honor's. What it signs is not known.
_OTHER_KIND = "Content"
_LONGEST = 1 << 16
# Algorithms that others sign with, and that are named rather than verified.
_NAMES = {
    "1.2.840.113549.1.1.10": "RSASSA-PSS",
    "1.2.840.113549.1.1.5": "RSA with SHA-1",
    "1.2.840.113549.1.1.12": "RSA with SHA-384",
    "1.2.840.113549.1.1.13": "RSA with SHA-512",
    "1.2.840.10045.4.3.3": "ECDSA with SHA-384",
    "1.2.840.10045.4.3.4": "ECDSA with SHA-512",
    "1.2.156.10197.1.301": "the curve SM2, which is no signature algorithm",
}


class UnknownSchemeError(ValueError):
    """A reserved code holds something else than SecurityData of a form that is known."""


@dataclass(frozen=True)
class Binding:
    """The signed digest of the content."""

    digest: bytes
    signature: bytes


@dataclass(frozen=True)
class Certified:
    """The certificates of the signer, which it has signed together with the time.

    Attributes:
        ders: Its own, and those of authorities above it.
        time: When it signed, as it says.
        signature: That of both.
    """

    ders: tuple[bytes, ...]
    time: str
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
        certified: The certificates, if there are some.
        profile: ``Type`` of it; None stands for that of the algorithm.
    """

    algorithm: Algorithm
    signature: bytes
    key: bytes | None
    binding: Binding | None = None
    signs_label: bool = True
    certified: Certified | None = None
    profile: str | None = None

    def to_text(self) -> str:
        """The value of the reserved code."""
        oid = self.algorithm.oid
        entries: list[dict[str, Any]] = [
            {"Type": "DS", "AlgID": oid, "TBSData": {"Type": _LABEL}, "Signature": in_hex(self.signature)}
        ]
        if self.key is not None:
            entries.append({"Type": "PubKey", "AlgID": oid, "KeyValue": in_hex(self.key)})
        data: dict[str, Any] = {"Type": self.profile or self.algorithm.profile, "Version": 1, "PubSD": entries}
        bindings: list[dict[str, Any]] = []
        if (each := self.certified) is not None:
            listed, signature = [in_hex(der) for der in each.ders], in_hex(each.signature)
            bindings.append({"BType": CERTIFICATE, "Time": each.time, "Certificates": listed, "Signature": signature})
        if self.binding is not None:
            digest, signature = in_hex(self.binding.digest), in_hex(self.binding.signature)
            bindings.append({"BType": CONTENT, "AlgID": SHA256, "Digest": digest, "Signature": signature})
        if bindings:
            data["Bindings"] = bindings
        return json.dumps({"SecurityData": data}, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str, part: Part = PRODUCER) -> SecurityData:
        """Reads the value of a reserved code.

        Strictly: what is passed over could be changed unseen.

        Args:
            text: The value.
            part: Whose it is.

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
        if part.own and data["Type"] != OWN:
            raise UnknownSchemeError(f"SecurityData of type {data['Type']!r}, of which is not known what it signs here")
        if not part.own and data["Type"] != made.algorithm.profile:
            raise UnknownSchemeError(f"{made.algorithm.title} in SecurityData of type {data['Type']!r}")
        certified, binding = _bindings(_list(data["Bindings"], "Bindings")) if "Bindings" in data else (None, None)
        return replace(made, binding=binding, certified=certified, profile=data["Type"])

    @classmethod
    def _from_entries(cls, entries: list[Any]) -> SecurityData:
        kinds = [entry.get("Type") if isinstance(entry, dict) else None for entry in entries]
        if kinds not in (["DS"], ["DS", "PubKey"], ["PubKey", "DS"]):
            raise UnknownSchemeError(f"entries of SecurityData {kinds!r:.80}, and not one DS with one PubKey")
        entry = _members(entries[kinds.index("DS")], "DS", ("Type", "AlgID", "TBSData", "Signature"))
        algorithm = BY_OID.get(entry["AlgID"]) if isinstance(entry["AlgID"], str) else None
        if algorithm is None:
            name = _NAMES.get(str(entry["AlgID"]), "not known here")
            raise UnknownSchemeError(f"algorithm {entry['AlgID']!r:.60} ({name})")
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


def _bindings(entries: list[Any]) -> tuple[Certified | None, Binding | None]:
    kinds = [entry.get("BType") if isinstance(entry, dict) else None for entry in entries]
    if kinds not in ([CERTIFICATE, CONTENT], [CERTIFICATE], [CONTENT]):
        raise UnknownSchemeError("Bindings of a kind that is not known")
    certified = _certified(entries[0]) if CERTIFICATE in kinds else None
    return certified, _binding(entries[-1]) if CONTENT in kinds else None


def _certified(entry: Any) -> Certified:
    entry = _members(entry, "Bindings", ("BType", "Time", "Certificates", "Signature"))
    ders, time = _list(entry["Certificates"], "Certificates"), entry["Time"]
    if not 0 < len(ders) <= MOST_CERTIFICATES:
        raise UnknownSchemeError(f"{len(ders)} certificates, and at most {MOST_CERTIFICATES} are read")
    if not isinstance(time, str) or _time(time) is None:
        raise UnknownSchemeError(f"a time of signing of {time!r:.40}")
    return Certified(tuple(_bytes(der, "Certificates") for der in ders), time, _bytes(entry["Signature"], "Signature"))


def _time(text: str) -> datetime | None:
    try:
        found = datetime.strptime(text, TIME)
    except ValueError:
        return None
    return found if found.strftime(TIME) == text else None


def signing_time(certified: Certified) -> datetime:
    """When certificates were signed, as the signer says."""
    return datetime.strptime(certified.time, TIME).replace(tzinfo=timezone.utc)


def _binding(entry: Any) -> Binding:
    entry = _members(entry, "Bindings", ("BType", "AlgID", "Digest", "Signature"))
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
