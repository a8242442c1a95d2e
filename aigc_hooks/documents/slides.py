"""PPTX: a text box on the first or the last slide that is shown (GB 45438-2025, 5.1).

It is the last shape of the slide, so that nothing lies over it: black on white, at the lower right.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from urllib.parse import unquote

from aigc_hooks.documents.plan import FONTS, INK, MARK, PAPER, POINTS, Cut, places_of
from aigc_hooks.documents.xml_map import Element, Map
from aigc_hooks.errors import CarrierError, UnsupportedOutputError
from aigc_hooks.explicit.text import Sign, sign_of
from aigc_hooks.provider import Provider

_UNITS = 12_700
"""How many of the units in which slides are measured make one point."""

_SHARE = 0.03
"""Size of the text as a share of the slide's shorter side, where that is more than that of a notice."""

_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
_STRICT = "http://purl.oclc.org/ooxml/drawingml/main"
_WIDE = 0x2E80
"""From which character on characters are as wide as they are high."""


def edited(read: Callable[[str], bytes], name: str, provider: Provider) -> dict[str, list[Cut]]:
    """What changes in the slides, by the names of their parts.

    Args:
        read: Gives a part by its name.
        name: The name of the main part.
        provider: The settings.

    Raises:
        CarrierError: It is damaged, or no slide is shown.
        UnsupportedOutputError: The wording does not fit.
    """
    show = Map(read(name), f"the part {name!r}", 3)
    size = show.path("presentation", "sldSz")
    width, height = (int(value) if value.isdigit() else 0 for value in (size.get("cx"), size.get("cy")))
    parts = _parts(read, name, show)
    first = next((map for map in _maps(read, parts) if _is_shown(map[1])), None)
    last = next((map for map in _maps(read, parts[::-1]) if _is_shown(map[1])), None)
    if first is None or last is None:
        raise CarrierError("the presentation shows no slide")
    wanted = {{"start": first, "end": last}[place][0] for place in places_of(provider)}
    cuts = {}
    for part, map in dict((first, last)).items():
        sign = sign_of(provider) if part in wanted else None
        if sign is None or not _stands(map, sign):
            cuts[part] = _put(map, _box(map, sign, width, height) if sign is not None else b"")
    return cuts


def _maps(read: Callable[[str], bytes], parts: list[str]) -> Iterator[tuple[str, Map]]:
    for part in parts:
        yield part, Map(read(part), f"the part {part!r}", 6, ("t",))


def _parts(read: Callable[[str], bytes], name: str, show: Map) -> list[str]:
    """The parts of the slides, in their order."""
    folder, file = posixpath.split(name)
    links = Map(read(f"{folder}/_rels/{file}.rels"), "the list of the slides", 2).root.children
    targets = {
        link.get("Id"): posixpath.normpath(posixpath.join("/", folder, unquote(link.get("Target")))) for link in links
    }
    slides = show.root.child("sldIdLst")
    ids = [
        next((value for key, value in slide.attributes.items() if key.endswith("relationships}id")), "")
        for slide in (slides.children if slides is not None else ())
    ]
    if missing := [number for number in ids if number not in targets]:
        raise CarrierError(f"the presentation names a slide {missing[0][:40]!r} that is not in it")
    return [targets[number].lstrip("/") for number in ids]


def _is_shown(map: Map) -> bool:
    return map.root.get("show") not in ("0", "false")


def _stands(map: Map, sign: Sign) -> bool:
    """Whether the label of ours is there, as we or another program wrote it: over all else, in its own colours."""
    shapes = _shapes(map)
    own = [shape for shape in shapes if _name(shape).startswith(MARK)]
    raw = map.raw(own[-1]) if own else b""
    lawful = INK.encode() in raw and PAPER.encode() in raw.upper() and b"hidden=" not in raw
    return (
        len(own) == 1
        and own[0] is shapes[-1]
        and own[0].text == sign.words
        and lawful
        and ((b'baseline="3' in raw) is sign.corner)
    )


def _shapes(map: Map) -> list[Element]:
    return [child for child in map.path("sld", "cSld", "spTree").children if child.name != "extLst"]


def _put(map: Map, label: bytes) -> list[Cut]:
    tree, shapes = map.path("sld", "cSld", "spTree"), _shapes(map)
    own = [shape for shape in shapes if _name(shape).startswith(MARK)]
    cuts = [Cut(shape.start, shape.stop, b"") for shape in own]
    if label:
        at = shapes[-1].stop if shapes else tree.inner
        cuts.append(Cut(at, at, label))
    return cuts


def _name(shape: Element) -> str:
    told = shape.child("nvSpPr")
    told = told.child("cNvPr") if told is not None else None
    return told.get("name") if told is not None else ""


def _box(map: Map, sign: Sign, width: int, height: int) -> bytes:
    tree = map.path("sld", "cSld", "spTree")
    own = [shape for shape in tree.children if _name(shape).startswith(MARK)]
    used = [int(each) for shape in tree.children for each in _ids(shape) if each.isdigit() and len(each) < 10]
    number = _ids(own[-1])[0] if own else str(max(used, default=1) + 1)
    points = max(POINTS, round(_SHARE * min(width, height) / _UNITS))
    em = points * _UNITS
    needed = sum(em if ord(character) >= _WIDE else em * 2 // 3 for character in sign.words) + em
    wide = min(needed, width - em)
    lines = -(-needed // wide) if wide > 2 * em else 0
    high = lines * em * 3 // 2
    if not lines or high > height - em:
        raise UnsupportedOutputError(
            f"the label {sign.words!r} does not fit a slide of {width}×{height} units; choose a shorter wording",
            stage="render_explicit",
        )
    drawing = _STRICT if "purl.oclc.org" in map.root.namespace else _DRAWING
    words = map.stored(sign.words).decode("latin-1")
    raised = ' baseline="30000"' if sign.corner else ""
    return (
        f'<p:sp xmlns:p="{map.root.namespace}" xmlns:a="{drawing}"><p:nvSpPr>'
        f'<p:cNvPr id="{number}" name="{MARK}" descr="{words}"/><p:cNvSpPr txBox="1"/><p:nvPr/></p:nvSpPr><p:spPr>'
        f'<a:xfrm><a:off x="{width - wide - em // 2}" y="{height - high - em // 2}"/><a:ext cx="{wide}" cy="{high}"/>'
        f'</a:xfrm><a:prstGeom prst="rect"><a:avLst/></a:prstGeom><a:solidFill><a:srgbClr val="{PAPER}"/></a:solidFill>'
        '<a:ln><a:noFill/></a:ln></p:spPr><p:txBody><a:bodyPr wrap="square" lIns="0" tIns="0" rIns="0" bIns="0" '
        'anchor="ctr"><a:noAutofit/></a:bodyPr><a:lstStyle/><a:p><a:pPr marL="0" indent="0" algn="ctr"><a:buNone/>'
        f'</a:pPr><a:r><a:rPr lang="zh-CN" sz="{points * 100}"{raised}><a:solidFill><a:srgbClr val="{INK}"/>'
        f'</a:solidFill><a:latin typeface="{FONTS[0]}"/><a:ea typeface="{FONTS[1]}"/></a:rPr><a:t>{words}</a:t></a:r>'
        "</a:p></p:txBody></p:sp>"
    ).encode("latin-1")


def _ids(shape: Element) -> list[str]:
    return [told.get("id") for part in shape.children for told in part.children if told.name == "cNvPr"]
