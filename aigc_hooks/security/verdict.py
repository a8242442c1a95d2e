"""What was found out about a label's signatures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any, Literal

from aigc_hooks.labels import Label

Status = Literal["intact", "altered", "unsigned", "signer unknown"]
Content = Literal["intact", "altered", "not signed"]


@dataclass(frozen=True, slots=True)
class Verification:
    """What ``verify`` found.

    Attributes:
        status: ``"intact"``: as it was signed, by a key that is known. ``"signer unknown"``: as it was signed, but by a
            key that comes with the label itself and could be anybody's. ``"altered"``: label or content are not what
            was signed. ``"unsigned"``: there is no signature that can be checked, which says nothing against it.
        reasons: Why, one sentence each.
        label: The label, if one was found.
        content: Whether the content is what was signed; a label may be signed alone.
        algorithm: Such as ``"SM3withSM2"``; empty if unsigned.
        key_id: The id under which the signer's key is known, or the authority that vouches for it; empty if neither is.
        fingerprint: SHA-256 of the signer's public key; empty if unsigned.
        subject: Whose key it is, as its certificate says; empty without one. An authority vouches for this name alone:
            whether it is that of ``ContentProducer`` is yours to compare.
        signed_at: When it was signed, as the signer says; None where it does not.
        propagator: The same of the signature of who spread the content, in ``ReservedCode2``; None where that is empty.
    """

    status: Status
    reasons: tuple[str, ...]
    label: Label | None = None
    content: Content = "not signed"
    algorithm: str = ""
    key_id: str = ""
    fingerprint: str = ""
    subject: str = ""
    signed_at: datetime | None = None
    propagator: Verification | None = None

    @property
    def ok(self) -> bool:
        """Whether it is intact, and by a known key, and nothing was altered of what a propagator signed."""
        return self.status == "intact" and (self.propagator is None or self.propagator.status != "altered")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON output."""
        return {
            "status": self.status,
            "reasons": list(self.reasons),
            "content": self.content,
            "algorithm": self.algorithm,
            "key_id": self.key_id,
            "fingerprint": self.fingerprint,
            "subject": self.subject,
            "signed_at": self.signed_at.isoformat() if self.signed_at else None,
            "propagator": _of_propagator(self.propagator.to_dict()) if self.propagator else None,
            "label": self.label.to_dict() if self.label else None,
        }

    def _repr_html_(self) -> str:
        """The view that notebooks show."""
        items = "".join(f"<li>{escape(reason)}</li>" for reason in self.reasons)
        told = f"<p><b>{escape(self.status)}</b> {escape(self.algorithm)} {escape(self.key_id)}</p><ul>{items}</ul>"
        return told + (f"<p>propagator 传播者</p>{self.propagator._repr_html_()}" if self.propagator else "")


def _of_propagator(found: dict[str, Any]) -> dict[str, Any]:
    """Of a propagator's signature what is its own."""
    return {key: value for key, value in found.items() if key not in ("label", "propagator")}
