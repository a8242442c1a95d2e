"""The streams of a PDF file unpacked: Flate, and the predictors of PNG (ISO 32000, 7.4.4)."""

from __future__ import annotations

import zlib
from typing import Any

from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.bounds import MAX_PACKET, Source


def unpacked(source: Source, data: bytes, offset: int) -> bytes:
    """The data of a stream that Flate packed.

    Raises:
        CarrierError: They are damaged, or too long when unpacked.
    """
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(data, MAX_PACKET + 1)
    except zlib.error as error:
        raise source.fault(offset, f"a stream is damaged: {error}") from error
    source.spend(offset, len(data))
    if len(data) > MAX_PACKET:
        raise source.fault(offset, f"a stream is longer than {MAX_PACKET} bytes when unpacked")
    return data


def unpredicted(source: Source, parameters: Any, data: bytes, offset: int) -> bytes:
    """Undoes the predictors of PNG, with which cross-references are packed.

    Raises:
        CarrierError: It is another predictor, or its rows are no plain bytes.
    """
    told = parameters if isinstance(parameters, dict) else {}
    predictor, columns = told.get("Predictor", 1), told.get("Columns", 1)
    if predictor == 1:
        return data
    plain = told.get("Colors", 1) == 1 and told.get("BitsPerComponent", 8) == 8
    if not plain or predictor not in range(10, 16) or not isinstance(columns, int) or not 0 < columns < 4096:
        raise CarrierError(f"a PDF stream with predictor {str(predictor)[:20]} at offset {offset} is not read")
    rows, above = [], bytes(columns)
    for at in range(0, len(data), columns + 1):
        source.step(offset)
        above = _row(data[at], data[at + 1 : at + 1 + columns], above)
        rows.append(above)
    return b"".join(rows)


def _row(kind: int, row: bytes, above: bytes) -> bytes:
    """One row of PNG's filters, for values of one byte."""
    if kind == 0:
        return row
    if kind == 2:
        return bytes((value + up) & 0xFF for value, up in zip(row, above, strict=False))
    made = bytearray()
    left = corner = 0
    for value, up in zip(row, above, strict=False):
        guess = left + up - corner
        nearest = min((left, up, corner), key=lambda candidate: abs(guess - candidate))
        left = (value + {1: left, 3: (left + up) // 2, 4: nearest}.get(kind, 0)) & 0xFF
        made.append(left)
        corner = up
    return bytes(made)
