"""Jupyter notebooks: ``AIGC`` in the notebook's ``metadata``, an object with the seven keys.

A choice of this project: no guide is known to name a place. Jupyter keeps what it does not know in ``metadata``. The
text of the notebook stays as it is, indentation included; the label is the first entry, where sorted keys have it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from aigc_hooks.artifact import Carrier, RawLabel
from aigc_hooks.errors import UnsupportedCarrierError
from aigc_hooks.implicit.bounds import Source, reader
from aigc_hooks.implicit.json_text import Places, Text
from aigc_hooks.implicit.parts import Part, told
from aigc_hooks.labels import FIELD_NAME

PLACE = "notebook metadata AIGC"
"""Place of the label."""

_PLACES = Places(("metadata", FIELD_NAME), PLACE, ((),))
_START = re.compile(
    rb'(?:\xef\xbb\xbf)?\s*\{\s*"(?:'
    rb'cells"\s*:\s*\[\s*(?:\]|\{\s*"(?:attachments|cell_type|execution_count|id|metadata|outputs|source)")'
    rb'|nbformat(?:_minor)?"\s*:\s*\d'
    rb'|metadata"\s*:\s*\{(?=.*"(?:kernelspec|language_info|nbformat|cell_type|colab|AIGC)"))',
    re.DOTALL,
)


def _open(source: Source) -> Text:
    text = Text.whole(source)
    if text.at(("nbformat",)) is None:
        raise UnsupportedCarrierError("this JSON text is no notebook: it has no nbformat")
    return text


def _walk(source: Source) -> Iterator[RawLabel]:
    """Yields the labels of the notebook's metadata."""
    for _, raw in _PLACES.find(_open(source)):
        yield raw


def _write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies a notebook with the label in its metadata."""
    target.write(_PLACES.write(_open(Source(stream, "notebook")), text).data)


def content(source: Source) -> Iterator[Part]:
    """The text without its label."""
    yield told(b"JSON", _PLACES.without(_open(source)))


CARRIER = Carrier(
    "notebook",
    (".ipynb",),
    lambda head: _START.match(head) is not None,
    reader("notebook", _walk),
    _write,
    medium="document",
    by_analogy=True,
)
"""Jupyter notebooks, nbformat 3 and later."""
