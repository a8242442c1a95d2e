"""Which module puts the visible label into a document, by the name of its carrier."""

from __future__ import annotations

from typing import BinaryIO

from aigc_hooks.documents import html, packages, pdf, svg
from aigc_hooks.documents.plan import Plan
from aigc_hooks.errors import UnsupportedCarrierError
from aigc_hooks.provider import Provider

_FAMILIES = {
    "EPUB": packages.epub,
    "HTML": html.plan,
    "ODF": packages.open_document,
    "OOXML": packages.office,
    "PDF": pdf.plan,
    "SVG": svg.plan,
}

NAMES = frozenset(_FAMILIES)
"""The carriers of documents that can show the label."""


def plan(stream: BinaryIO, carrier: str, provider: Provider) -> Plan:
    """What is to be done to a document so that it shows its label.

    Args:
        stream: The document, seekable; the plan reads it again when it is carried out.
        carrier: The name of its format.
        provider: The settings.

    Raises:
        UnsupportedCarrierError: No label can be put into this format.
        UnsupportedOutputError: The wording does not fit.
        CarrierError: It is damaged, encrypted or signed.
    """
    family = _FAMILIES.get(carrier)
    if family is None:
        raise UnsupportedCarrierError(
            f"nothing here puts the visible label into a {carrier} file (into {', '.join(_FAMILIES)}): put it into the "
            "text when the document is made, and write_label() writes the implicit label"
        )
    stream.seek(0)
    return family(stream, provider)
