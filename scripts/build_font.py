"""Builds the font that ships with the package: a subset of Noto Sans CJK SC.

Needs fontTools and the font itself (Debian: fonts-noto-cjk). Run it from the project's root:

    python scripts/build_font.py /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc

The subset holds ASCII, the punctuation of Chinese text, full-width forms and the 3,755 characters of GB 2312 level 1,
so that a provider can word its label freely. The outlines are untouched; layout features are dropped.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTCollection

FAMILY = "Noto Sans CJK SC"
TARGET = Path(__file__).parent.parent / "aigc_hooks" / "explicit" / "fonts" / "NotoSansCJKsc-Label.otf"
LEVEL_1 = range(0xB0, 0xD8)  # GB 2312 rows 16 to 55 by their first byte in EUC-CN
PUNCTUATION = "·×—‘’“”…、。〈〉《》「」『』【】〔〕〖〗•‧℃™©®"


def characters() -> set[int]:
    """Code points of the subset."""
    chosen = set(range(0x20, 0x7F)) | {ord(character) for character in PUNCTUATION}
    chosen |= set(range(0xFF01, 0xFF5F))  # full-width forms of ASCII
    for first in LEVEL_1:
        for second in range(0xA1, 0xFF):
            try:
                chosen.add(ord(bytes((first, second)).decode("gb2312")))
            except UnicodeDecodeError:
                continue  # the last row of level 1 is not full
    return chosen


def main(source: str) -> None:
    """Writes the subset of the collection's SC face to the package."""
    collection = TTCollection(source)
    face = next(font for font in collection.fonts if font["name"].getDebugName(1) == FAMILY)
    # Copyright, names, version and licence stay in the file.
    options = subset.Options(layout_features=[], name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14], notdef_outline=True)
    options.drop_tables += ["VORG", "BASE", "vhea", "vmtx"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters())
    subsetter.subset(face)
    face.save(TARGET)
    print(f"{TARGET}: {len(face.getBestCmap())} characters, {TARGET.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1])
