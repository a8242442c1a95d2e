"""EPUB: the label at the start of the first document of the book or at the end of the last one (GB 45438-2025, 5.1)."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from aigc_hooks.documents import html
from aigc_hooks.documents.plan import Place, places_of
from aigc_hooks.documents.xml_map import Map
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.html import opened
from aigc_hooks.provider import Provider

if TYPE_CHECKING:
    from aigc_hooks.implicit.zipped import Package

_ENCRYPTED = "META-INF/encryption.xml"
_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")


def edited(package: Package, name: str, provider: Provider) -> dict[str, bytes]:
    """The documents that change, by the names of their parts.

    Args:
        package: The book.
        name: The name of its package document.
        provider: The settings.

    Raises:
        CarrierError: It is damaged, encrypted, or has no text.
    """
    pages = _pages(package, name)
    if _ENCRYPTED in package:
        hidden = package.read(_ENCRYPTED).decode("utf-8", "replace")
        if locked := [page for page in pages if page in unquote(hidden)]:
            raise CarrierError(f"the part {locked[0][:100]!r} is encrypted: take the protection off first")
    wanted: dict[str, list[Place]] = {pages[0]: [], pages[-1]: []}
    for place in places_of(provider):
        wanted[pages[0] if place == "start" else pages[-1]].append(place)
    made = {}
    for part, places in wanted.items():
        data = package.read(part)
        source = package.source.inside(data, part)
        page = opened(source)
        text = html.edited(page, source, provider, tuple(places))
        if text != page.text:
            made[part] = page.encoded(text)
    return made


def _pages(package: Package, name: str) -> list[str]:
    """The parts with the text of the book, in their order."""
    map = Map(package.read(name), f"the part {name!r}", 3)
    items = {item.get("id"): item for item in map.path("package", "manifest").children}
    found = []
    for reference in map.path("package", "spine").children:
        item = items.get(reference.get("idref"))
        if item is None or reference.get("linear") == "no" or item.get("media-type") not in _PAGES:
            continue
        part = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(item.get("href"))))
        if part in package:
            found.append(part)
    if not found:
        raise CarrierError(f"the package document {name[:100]!r} lists no text in its spine")
    return found
