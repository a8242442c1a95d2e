"""DOCX: a paragraph of its own, or a superscript in the first or last one (GB 45438-2025, 5.1).

Only the main part changes, by what is put into it. The label says itself how it looks: black on white, 12 points, in a
font that has letters, whatever the styles of the document are.
"""

from __future__ import annotations

import re

from aigc_hooks.documents import blocks
from aigc_hooks.documents.plan import FONTS, INK, MARK, PAPER, POINTS, Cut, Place
from aigc_hooks.documents.xml_map import Map
from aigc_hooks.provider import Provider

_NUMBER = re.compile(rb":id=[\"'](\d{1,9})[\"']")
_HIDDEN = re.compile(rb":vanish(?:\s+[\w:]*val=[\"'](?:1|true|on)[\"'])?\s*/")
_AFTER = ("sectPr",)
_TEXT = ("t",)


def edited(data: bytes, name: str, provider: Provider) -> list[Cut]:
    """What changes in the main part of a document.

    Args:
        data: The part.
        name: Its name.
        provider: The settings.

    Raises:
        CarrierError: It is damaged, or no text.
    """
    map = Map(data, f"the part {name!r}", 4, _TEXT)
    body = map.path("document", "body")
    content = [block for block in body.children if block.name not in _AFTER]
    writer = _Writer(map)
    if not content and body.children:
        # Only the settings of the page stand in it: what is shown goes before them.
        body.inner = body.children[0].start
    dialect = blocks.Dialect(
        ("p",), "pPr", "bookmarkStart", "bookmarkEnd", "id", writer.notice, writer.corner, _legible
    )
    return blocks.edited(map, body, content, dialect, provider)


def _legible(raw: bytes, corner: bool) -> bool:
    seen = INK.encode() in raw and PAPER.encode() in raw.upper() and not _HIDDEN.search(raw)
    return seen and (b"superscript" in raw) is corner


class _Writer:
    """Writes labels in the namespace of a document, with numbers that no bookmark in it has."""

    def __init__(self, map: Map) -> None:
        self._map = map
        self._numbers = {int(number) for number in _NUMBER.findall(map.data)}

    def notice(self, words: str, place: Place, corner: bool) -> bytes:
        paragraph = (
            '<w:keepLines/><w:numPr><w:numId w:val="0"/></w:numPr><w:spacing w:line="240" w:lineRule="auto"/>'
            '<w:ind w:left="0" w:right="0" w:firstLine="0"/>'
        )
        inside = self._marked(words, place, corner)
        return b"<w:p %s><w:pPr>%s</w:pPr>%s</w:p>" % (self._namespace(), paragraph.encode(), inside)

    def corner(self, words: str, place: Place) -> bytes:
        inside = self._marked(words, place, True)
        # Declared in each element: the document may call the namespace by another name.
        return re.sub(rb"<w:(bookmarkStart|r|bookmarkEnd)\b", rb"<w:\1 " + self._namespace(), inside)

    def _namespace(self) -> bytes:
        return b'xmlns:w="%s"' % self._map.root.namespace.encode()

    def _marked(self, words: str, place: Place, corner: bool) -> bytes:
        number = next(number for number in range(1, len(self._numbers) + 2) if number not in self._numbers)
        self._numbers.add(number)
        latin, chinese = FONTS
        look = (
            f'<w:rFonts w:ascii="{latin}" w:hAnsi="{latin}" w:eastAsia="{chinese}" w:cs="{latin}"/>'
            f'<w:vanish w:val="0"/><w:color w:val="{INK}"/><w:sz w:val="{2 * POINTS}"/><w:szCs w:val="{2 * POINTS}"/>'
            f'<w:shd w:val="clear" w:color="auto" w:fill="{PAPER}"/>'
            + ('<w:vertAlign w:val="superscript"/>' if corner else "")
            + '<w:lang w:eastAsia="zh-CN"/>'
        )
        return (
            (
                f'<w:bookmarkStart w:id="{number}" w:name="{MARK}_{place}"/><w:r><w:rPr>{look}</w:rPr>'
                '<w:t xml:space="preserve">'
            ).encode()
            + self._map.stored(words)
            + f'</w:t></w:r><w:bookmarkEnd w:id="{number}"/>'.encode()
        )
