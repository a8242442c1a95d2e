"""What the signatures of a label sign (TC260-PG-202511A, appendix A.1), byte for byte.

That of the producer signs three elements as they stand in the label's JSON, without braces and spaces:
``"Label":"1","ContentProducer":"…","ProduceID":"…"``. The rest is our own. A propagator signs
``"Label":"1","ContentPropagator":"…","PropagateID":"…"`` in the same way: how the guide has it is not known. The
signatures of ``Bindings`` sign the one or the other, a comma, and

* ``"Certificate":"aigc-hooks:certificate-1:<AlgID>:<HEX>:<Time>"``: the SHA-256 of the certificates one behind the
  other, the signer's first and then those of authorities above it, and when it signed;
* ``"Content":"aigc-hooks:content-1:<AlgID>:<HEX>"``: the digest of the content (``aigc_hooks.security.content``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from aigc_hooks.labels import Label

CONTENT = "aigc-hooks:content-1"
"""Kind of our binding of the content, and its version."""

SHA256 = "2.16.840.1.101.3.4.2.1"
"""Object identifier of its digest: SHA-256 whatever signs, for SM3 takes five times as long."""

CERTIFICATE = "aigc-hooks:certificate-1"
"""Kind of our binding of the signer's certificate, and its version."""


@dataclass(frozen=True)
class Part:
    """Whose signature it is.

    Attributes:
        code: Where it stands, as the label has it in files.
        name: Where it stands, as the label has it in Python.
        signed: The elements that it signs.
        own: Whether all of it is our own form.
    """

    code: str
    name: str
    signed: tuple[str, str, str]
    own: bool


PRODUCER = Part("ReservedCode1", "reserved_code1", ("Label", "ContentProducer", "ProduceID"), own=False)
"""Who generated the content."""

PROPAGATOR = Part("ReservedCode2", "reserved_code2", ("Label", "ContentPropagator", "PropagateID"), own=True)
"""Who spreads it."""


def message(label: Label, part: Part = PRODUCER) -> bytes:
    """What the signature of a label signs (appendix A.1): three elements as they stand in its JSON, without braces."""
    elements = label.to_dict()
    return ",".join(f'"{key}":{_json(elements[key])}' for key in part.signed).encode("utf-8", "surrogatepass")


def content_message(label: Label, digest: bytes, part: Part = PRODUCER) -> bytes:
    """What the signature of the content signs."""
    return message(label, part) + f',"Content":"{CONTENT}:{SHA256}:{in_hex(digest)}"'.encode()


def certificate_message(label: Label, digest: bytes, time: str, part: Part = PRODUCER) -> bytes:
    """What the signature of certificates signs, of which this is the digest."""
    return message(label, part) + f',"Certificate":"{CERTIFICATE}:{SHA256}:{in_hex(digest)}:{time}"'.encode()


def in_hex(data: bytes) -> str:
    """Bytes as SecurityData has them."""
    return data.hex().upper()


def _json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
