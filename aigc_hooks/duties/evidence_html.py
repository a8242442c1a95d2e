"""The bundle as one HTML file, with its pictures, sounds, films and font in it."""

from __future__ import annotations

import io
from base64 import b64encode
from html import escape

from aigc_hooks.duties.evidence import TITLE, Block, Evidence, Figure, Heading, Paragraph, Sample, Table
from aigc_hooks.explicit.lettering import SHIPPED_FONT

_STYLE = """
body { font: 16px/1.6 label, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif; max-width: 54rem;
  margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; font-synthesis: weight }
h2 { border-bottom: 2px solid #ccc; margin-top: 2.5rem }
h4 { margin: 1.2rem 0 .3rem }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; font-size: .9rem }
th, td { border: 1px solid #ccc; padding: .3rem .6rem; text-align: left; vertical-align: top; overflow-wrap: anywhere }
th { background: #f3f3f3; font-weight: 600 }
table.two th { width: 14rem }
table.three th { width: 3.5rem }
table.three td:nth-child(2) { width: 11rem }
img, video { max-width: 100%; border: 1px solid #ccc; box-sizing: border-box }
audio { width: 100% }
p.yes { color: #17703a; font-weight: 600 } p.no { color: #b00020; font-weight: 600 }
"""

_PLAYERS = {"audio": ("audio", "audio/wav"), "video": ("video", "video/mp4")}


def page(evidence: Evidence) -> str:
    """The whole document.

    Raises:
        ConfigError: The library that cuts the font is missing.
    """
    body = "\n".join(map(_block, evidence.blocks()))
    face = f'@font-face {{ font-family: label; src: url({_data("font/otf", _font(body))}) format("opentype") }}'
    return (
        f'<!DOCTYPE html>\n<html lang="zh"><head><meta charset="utf-8"><title>{TITLE}</title>'
        f"<style>{face}{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _block(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(lines, good):
            kind = "" if good is None else ' class="yes"' if good else ' class="no"'
            return f"<p{kind}>{'<br>'.join(map(escape, lines))}</p>"
        case Table(rows):
            kind = "three" if rows and len(rows[0]) > 2 else "two"
            return f'<table class="{kind}">{"".join(map(_row, rows))}</table>'
        case Figure(sample):
            return _figure(sample)


def _row(cells: tuple[str, ...]) -> str:
    name, *others = map(escape, cells)
    return f"<tr><th>{name}</th>{''.join(f'<td>{cell}</td>' for cell in others)}</tr>"


def _figure(sample: Sample) -> str:
    title, path = escape(sample.title), escape(sample.path)
    made = f'<p><img src="{_data("image/png", sample.shown)}" alt="{title}"></p>'
    if sample.kind in _PLAYERS:
        tag, kind = _PLAYERS[sample.kind]
        made += f'<p><{tag} controls src="{_data(kind, sample.data)}"></{tag}></p>'
    return f'{made}<p><a href="{path}">{path}</a></p>'


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"


def _font(text: str) -> bytes:
    """The characters of a text in the font that ships with the package: not every reader has a Chinese one."""
    from fontTools import subset
    from fontTools.ttLib import TTFont

    with TTFont(SHIPPED_FONT) as font:
        cut = subset.Subsetter()
        cut.populate(text=text)
        cut.subset(font)
        made = io.BytesIO()
        font.save(made)
    return made.getvalue()
