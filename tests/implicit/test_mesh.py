"""PLY and OBJ: the label in a comment; a reader that others wrote finds the same mesh."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from aigc_hooks import CarrierError, Label, read_label, write_label

OWN = Label(content_producer="acme", produce_id="7", content_propagator="acme", propagate_id="7")
VERTICES = numpy.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4")
BINARY = (
    b"ply\nformat binary_little_endian 1.0\ncomment made by a tool\nelement vertex 3\nproperty float x\n"
    b"property float y\nproperty float z\nelement face 1\nproperty list uchar int vertex_index\nend_header\n"
    + VERTICES.tobytes()
    + b"\x03"
    + numpy.array([0, 1, 2], "<i4").tobytes()
)
TEXT = BINARY[: BINARY.index(b"end_header\n") + 11].replace(b"binary_little_endian", b"ascii")
TEXT += b"0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
OBJ = b"# made by a tool\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
FILES = {
    "binary.ply": BINARY,
    "text.ply": TEXT,
    "windows.ply": TEXT.replace(b"\n", b"\r\n"),
    "a.obj": OBJ,
    "bare.obj": OBJ.split(b"\n", 1)[1],
    "windows.obj": OBJ.replace(b"\n", b"\r\n"),
}


@pytest.mark.parametrize("name", FILES)
def test_the_label_is_a_comment_and_all_else_stays(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name])
    assert read_label(path).label is None
    write_label(path, OWN)
    found = read_label(path)
    assert [finding.label for finding in found.findings] == [OWN]
    once = path.read_bytes()
    lines = once.splitlines(keepends=True)
    assert b"".join(line for line in lines if b"AIGC" not in line) == FILES[name]
    assert sum(b"AIGC" in line for line in lines) == 1
    assert name.startswith("windows") == (b"\r\n" in lines[0])
    write_label(path, OWN)
    assert path.read_bytes() == once


def test_what_stands_there_twice_stands_there_once(tmp_path: Path) -> None:
    line = b"comment AIGC " + OWN.to_json().encode() + b"\n"
    path = tmp_path / "a.ply"
    path.write_bytes(TEXT.replace(b"element vertex", line + line + b"element vertex"))
    assert len(read_label(path).findings) == 2
    write_label(path, OWN)
    assert len(read_label(path).findings) == 1


@pytest.mark.parametrize("rest", [b"element vertex 3\n", b"x" * 5000])
def test_a_header_without_an_end(rest: bytes, tmp_path: Path) -> None:
    data = b"ply\nformat ascii 1.0\n" + rest
    path = tmp_path / "a.ply"
    path.write_bytes(data)
    with pytest.raises(CarrierError, match="header does not end"):
        write_label(path, OWN)
    assert path.read_bytes() == data
