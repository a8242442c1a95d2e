"""Finding files: what counts as one, and what is left out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aigc_hooks.folders.walking import is_leftover, walk


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_what_is_no_file_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "cat.png")
    os.mkfifo(tmp_path / "pipe")
    found = walk(str(tmp_path))
    assert [below for _, below in found.files] == ["cat.png"]
    assert found.passed_over == [(f"{tmp_path}/pipe", "no file: a pipe, a socket or a device")]


def test_patterns_leave_out_names_paths_and_whole_folders(tmp_path: Path) -> None:
    for name in ("a/x.png", "a/y.png", ".git/z.png", "b/a/x.png"):
        write(tmp_path / name)

    def found(*patterns: str) -> list[str]:
        return [below for _, below in walk(str(tmp_path), exclude=patterns).files]

    assert found(".git", "a/x.png") == ["a/y.png", "b/a/x.png"]
    assert found("a") == [".git/z.png"]
    assert found("*.png") == []
    assert found() == [".git/z.png", "a/x.png", "a/y.png", "b/a/x.png"]


def test_many_links_to_each_other_are_walked_in_no_time(tmp_path: Path) -> None:
    for number in range(20):
        folder = write(tmp_path / f"{number:02}" / "cat.png").parent
        for other in range(20):
            (folder / f"to-{other:02}").symlink_to(f"../{other:02}")
    found = walk(str(tmp_path))
    assert [below for _, below in found.files] == [f"{number:02}/cat.png" for number in range(20)]
    assert len(found.passed_over) == 400


def test_a_file_is_found_behind_a_link_only(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "deep" / "cat.png")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to("../elsewhere")
    assert [below for _, below in walk(str(tmp_path / "in")).files] == ["link/deep/cat.png"]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        (".cat-0123456789abcdef.png", True),
        (".-0123456789abcdef", True),
        ("cat-0123456789abcdef.png", False),
        (".cat-0123456789abcdeg.png", False),
        (".cat.png", False),
    ],
)
def test_unfinished_files_are_known_by_their_names(name: str, known: bool) -> None:
    assert is_leftover(name) is known
