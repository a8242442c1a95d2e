"""Files that a run over mutated ones has found: what is written into them must not change anything beside the label."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from aigc_hooks import CarrierError, Label, read_label
from aigc_hooks.implicit import isobmff, mpeg, tiff

TEXT = Label(content_producer="acme", produce_id="7", content_propagator="acme", propagate_id="7").to_json()


def _picture(format: str) -> bytearray:
    file = io.BytesIO()
    Image.effect_noise((8, 8), 50).convert("RGB").save(file, format)
    return bytearray(file.getvalue())


def test_a_tiff_that_is_cut_in_its_pixels_gets_no_label_for_pixels() -> None:
    data = bytes(_picture("TIFF")[:-64])
    assert not read_label(data).findings
    with pytest.raises(CarrierError, match="a strip or tile of 192 bytes ends after the file"):
        tiff.CARRIER.write(io.BytesIO(data), io.BytesIO(), TEXT)  # type: ignore[misc]


def test_an_avif_item_that_only_a_reference_locates_is_not_left_behind() -> None:
    data = _picture("AVIF")
    # iloc: version and flags, sizes, number of items, item_ID, data_reference_index (ISO/IEC 14496-12, 8.11.3)
    at = data.index(b"iloc") + 4 + 4 + 2 + 2 + 2
    assert data[at : at + 2] == b"\0\0"
    data[at : at + 2] = b"\0\1"
    with pytest.raises(CarrierError, match="item 1 is told by a reference to a file"):
        isobmff.AVIF.write(io.BytesIO(data), io.BytesIO(), TEXT)  # type: ignore[misc]


def test_an_avif_item_that_takes_in_its_own_meta_box_is_refused() -> None:
    data = _picture("AVIF")
    at = data.index(b"iloc") + 4 + 4 + 2 + 2 + 2 + 2 + 2  # behind its extent_count: offset and length
    struct.pack_into(">II", data, at, 0, len(data))
    with pytest.raises(CarrierError, match="item 1 lies in the meta box"):
        isobmff.AVIF.write(io.BytesIO(data), io.BytesIO(), TEXT)  # type: ignore[misc]


@pytest.mark.parametrize("junk", [bytes(1) + b"\xff" * 126 + bytes(60), b"\1" * 300])
def test_what_is_no_frame_is_never_taken_for_more_of_the_label(junk: bytes) -> None:
    # A length of 143 in seven bits a byte is 271 in eight: where neither leads to a frame, old programs' one was taken.
    data = b"ID3\4\0\0" + bytes(len(junk) >> shift & 127 for shift in (21, 14, 7, 0)) + junk + b"\xff\xfb\x90\0" * 9
    once, twice = io.BytesIO(), io.BytesIO()
    mpeg.MP3.write(io.BytesIO(data), once, TEXT)  # type: ignore[misc]
    mpeg.MP3.write(io.BytesIO(once.getvalue()), twice, TEXT)  # type: ignore[misc]
    assert [finding.raw for finding in read_label(once.getvalue()).findings] == [TEXT]
    assert twice.getvalue() == once.getvalue()
    assert junk in once.getvalue()
