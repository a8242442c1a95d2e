"""ODT: a paragraph of its own, or a superscript in the first or last one (GB 45438-2025, 5.1).

Only ``content.xml`` changes, by what is put into it: the label and the style that says how it looks.
"""

from __future__ import annotations

import re

from aigc_hooks.documents import blocks
from aigc_hooks.documents.plan import FONTS, INK, MARK, PAPER, POINTS, Cut, Place
from aigc_hooks.documents.xml_map import Map
from aigc_hooks.errors import UnsupportedCarrierError
from aigc_hooks.provider import Provider

PART = "content.xml"
"""The part that holds what is shown."""

_OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
_TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
_STYLE = "urn:oasis:names:tc:opendocument:xmlns:style:1.0"
_XSL = "urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0"
_SPACE = f'xmlns:style="{_STYLE}" xmlns:fo="{_XSL}"'
_LINE = (
    f'<style:paragraph-properties {_SPACE} fo:line-height="100%" fo:margin-left="0cm" fo:margin-right="0cm" '
    'fo:text-indent="0cm"/>'
)
_SIZES = "".join(
    f' {kind}="{POINTS}pt"' for kind in ("fo:font-size", "style:font-size-asian", "style:font-size-complex")
)
_LOOK = (
    f'<style:text-properties {_SPACE} fo:color="#{INK}" style:use-window-font-color="false" '
    f'fo:background-color="#{PAPER.lower()}"{_SIZES} fo:font-family="{FONTS[0]}" '
    f'style:font-family-asian="{FONTS[1]}" text:display="true" xmlns:text="{_TEXT}"{{}}/>'
)
_RAISED = ' style:text-position="super 65%"'
_NAMED = re.compile(rb"style-name=[\"']([^\"']+)[\"']")
_BEFORE = (
    "forms",
    "tracked-changes",
    "variable-decls",
    "sequence-decls",
    "user-field-decls",
    "dde-connection-decls",
    "alphabetical-index-auto-mark-file",
    "calculation-settings",
    "content-validations",
    "label-ranges",
)
_AFTER = ("named-expressions", "database-ranges", "data-pilot-tables", "consolidation", "dde-links")
_SHOWN = ("p", "h")


def edited(data: bytes, provider: Provider) -> list[Cut]:
    """What changes in ``content.xml``.

    Raises:
        UnsupportedCarrierError: It is no text: tables, slides and drawings are not labelled.
        CarrierError: It is damaged.
    """
    map = Map(data, f"the part {PART!r}", 5, _SHOWN)
    kinds = [child.name for child in map.path("document-content", "body").children]
    if kinds != ["text"]:
        raise UnsupportedCarrierError(
            f"nothing here puts the visible label into an OpenDocument {', '.join(kinds)[:60] or 'file'}: put it into "
            "the pages when it is made, and write_label() writes the implicit label"
        )
    body = map.path("document-content", "body", "text")
    content = [child for child in body.children if child.name not in _BEFORE + _AFTER]
    before = [child for child in body.children if child.name in _BEFORE]
    if not content and before:
        body.inner = before[-1].stop
    writer = _Writer(map)
    dialect = blocks.Dialect(
        _SHOWN, "", "bookmark-start", "bookmark-end", "name", writer.notice, writer.corner, writer.legible
    )
    cuts = blocks.edited(map, body, content, dialect, provider)
    return [*cuts, *writer.styles()] if any(cut.made for cut in cuts) else cuts


class _Writer:
    """Writes labels into a document, and the styles that they name."""

    def __init__(self, map: Map) -> None:
        self._map = map
        lists = [child for child in map.root.children if child.name == "automatic-styles"]
        self._list = lists[0] if lists else None
        self._known = {style.get("name"): map.raw(style) for each in lists for style in each.children}
        self._used: dict[str, str] = {}

    def notice(self, words: str, place: Place, corner: bool) -> bytes:
        style = self._style(f"{MARK}_line", "paragraph", _LINE)
        return (
            f'<text:p xmlns:text="{_TEXT}" text:style-name="{style}">'.encode()
            + self._marked(words, place, corner)
            + b"</text:p>"
        )

    def corner(self, words: str, place: Place) -> bytes:
        return self._marked(words, place, True)

    def _marked(self, words: str, place: Place, corner: bool) -> bytes:
        look = _RAISED if corner else ""
        style = self._style(f"{MARK}_corner" if corner else f"{MARK}_notice", "text", _LOOK.format(look))
        bookmark = f'xmlns:text="{_TEXT}" text:name="{MARK}_{place}"'
        return (
            f'<text:bookmark-start {bookmark}/><text:span xmlns:text="{_TEXT}" text:style-name="{style}">'.encode()
            + self._map.stored(words)
            + f"</text:span><text:bookmark-end {bookmark}/>".encode()
        )

    def _style(self, name: str, family: str, look: str) -> str:
        """The name of a style that looks so, which is written where it is not there yet."""
        made = f'<style:style xmlns:style="{_STYLE}" style:name="{{}}" style:family="{family}">{look}</style:style>'
        number = 0
        while (own := f"{name}{number or ''}") in self._known and self._known[own] != made.format(own).encode():
            number += 1
        if own not in self._known:
            self._used[own] = made.format(own)
        return own

    def styles(self) -> list[Cut]:
        """The styles that are missing."""
        made = "".join(self._used.values()).encode()
        if not made:
            return []
        if self._list is None:
            at = self._map.path("document-content", "body").start
            whole = f'<office:automatic-styles xmlns:office="{_OFFICE}">'.encode() + made
            return [Cut(at, at, whole + b"</office:automatic-styles>")]
        if self._list.is_empty:
            opened = self._map.raw(self._list)[:-2] + b">"
            closed = b"</" + self._list.tag.encode() + b">"
            return [Cut(self._list.start, self._list.stop, opened + made + closed)]
        return [Cut(self._list.end, self._list.end, made)]

    def legible(self, raw: bytes, corner: bool) -> bool:
        """Whether a style of a label, by whatever name another program gave it, looks like ours."""
        names = [name.decode("utf-8", "replace") for name in _NAMED.findall(raw)]
        looks = [self._known.get(name, b"") for name in names]
        return any(_seen(look, corner) for look in looks) and not any(b'display="none"' in look for look in looks)


def _seen(look: bytes, corner: bool) -> bool:
    colours = b"#" + INK.encode() in look and b"#" + PAPER.lower().encode() in look.lower()
    return colours and (b"super" in look) is corner
