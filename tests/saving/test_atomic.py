"""The old file stays until the new one is whole (F-27)."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from aigc_hooks import Provider, label, read_label
from aigc_hooks.saving.atomic import replacing

PREPARE = """
import os, resource, sys
from pathlib import Path
from PIL import Image
from aigc_hooks import Provider, label
provider = Provider(producer="acme")
image = label(Image.effect_noise((700, 700), 90).convert("RGB"), provider=provider)
path = Path(sys.argv[1])
"""


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", PREPARE + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_full_disk(tmp_path: Path):
    for suffix in ("png", "jpg", "webp", "gif", "tif"):
        path = tmp_path / f"out.{suffix}"
        path.write_bytes(b"old")
        code = """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    image.save(path)
except OSError as error:
    print(error.errno)
"""
        done = run(code, path)
        assert done.stdout.strip() == "27", done.stderr  # EFBIG
        assert path.read_bytes() == b"old"
        assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
        path.unlink()


def test_a_full_disk_for_a_file_that_is_labelled_in_place(tmp_path: Path):
    path = tmp_path / "in.png"
    Image.effect_noise((700, 700), 90).save(path)
    before = path.read_bytes()
    code = """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    label(path, provider=provider)
except OSError as error:
    print(error.errno)
"""
    done = run(code, path)
    assert done.stdout.strip() == "27", done.stderr
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_device_without_room(labelled):
    with pytest.raises(OSError, match="No space left"):
        labelled.save("/dev/full", "PNG")
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the user who is nobody can get at; pytest's own are shut."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_read_only_file_and_a_read_only_folder(open_folder: Path):
    tmp_path = open_folder
    folder = tmp_path / "shut"
    folder.mkdir()
    path = tmp_path / "out.png"
    path.write_bytes(b"old")
    (folder / "out.png").write_bytes(b"old")
    code = """
if os.getuid() == 0:  # root may write anything
    for entry in (path.parent, path, path.parent / "shut", path.parent / "shut" / "out.png"):
        os.chown(entry, 65534, 65534)
    os.setgid(65534)
    os.setuid(65534)
path.chmod(0o444)
(path.parent / "shut").chmod(0o555)
for target in (path, path.parent / "shut" / "out.png", path.parent / "shut" / "new.png"):
    try:
        image.save(target)
    except PermissionError as error:
        print(error.errno, target.name in str(error) or "shut" in str(error))
"""
    done = run(code, path)
    folder.chmod(0o755)
    assert done.stdout.splitlines() == ["13 True"] * 3, done.stderr
    assert path.read_bytes() == b"old"
    assert (folder / "out.png").read_bytes() == b"old"
    assert sorted(entry.name for entry in folder.iterdir()) == ["out.png"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["out.png", "shut"]


def test_killed_in_the_middle_of_many_saves(tmp_path: Path):
    path = tmp_path / "out.png"
    code = """
image.save(path)
print("ready", flush=True)
while True:
    image.save(path)
"""
    for wait in (0.0, 0.05, 0.11, 0.2):
        child = subprocess.Popen(
            [sys.executable, "-c", PREPARE + code, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert child.stdout.readline() == b"ready\n"
        time.sleep(wait)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        assert read_label(path).conforms
        with Image.open(path) as image:
            image.load()


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path):
    path = tmp_path / "out.txt"
    path.write_bytes(b"old")

    def interrupted() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_modes(mask, labelled, tmp_path: Path):
    before = os.umask(mask)
    try:
        labelled.save(tmp_path / "new.png")
        (tmp_path / "old.png").write_bytes(b"old")
        (tmp_path / "old.png").chmod(0o640)
        labelled.save(tmp_path / "old.png")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new.png").stat().st_mode) == 0o666 & ~mask
    assert stat.S_IMODE((tmp_path / "old.png").stat().st_mode) == 0o640


def test_links_are_followed(labelled, tmp_path: Path):
    (tmp_path / "real").mkdir()
    real = tmp_path / "real" / "out.png"
    real.write_bytes(b"old")
    (tmp_path / "link.png").symlink_to(real)
    (tmp_path / "fresh.png").symlink_to(tmp_path / "real" / "made.png")
    labelled.save(tmp_path / "link.png")
    labelled.save(tmp_path / "fresh.png")
    assert (tmp_path / "link.png").is_symlink()
    assert read_label(real).conforms
    assert read_label(tmp_path / "real" / "made.png").conforms


def test_a_pipe_gets_the_bytes(labelled, tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", str(tmp_path / "pipe")], stdout=subprocess.PIPE) as reader:
        labelled.save(tmp_path / "pipe", "PNG")
        data, _ = reader.communicate(timeout=30)
    assert read_label(data).conforms
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_awkward_names(labelled, tmp_path: Path):
    for name in ("图片 生成.png", "ü" * 120 + ".png", ".hidden.png", "a.b.c.jpg", "-dash.webp"):
        labelled.save(tmp_path / name)
        assert read_label(tmp_path / name).conforms
    assert len(list(tmp_path.iterdir())) == 5


def test_a_missing_folder(labelled, tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        labelled.save(tmp_path / "no" / "out.png")
    with pytest.raises(IsADirectoryError):
        labelled.save(tmp_path, "PNG")


def test_the_provider_survives_a_pickle(labelled):
    assert isinstance(labelled.info["AIGC"].provider, Provider)
    assert label(labelled, producer="acme") is labelled


def test_owner_and_attributes_stay(labelled, open_folder: Path):
    path = open_folder / "out.png"
    path.write_bytes(b"old")
    path.chmod(0o640)
    try:
        os.setxattr(path, "user.note", b"kept")
        noted = True
    except OSError:  # a file system without attributes
        noted = False
    if os.getuid() == 0:
        os.chown(path, 1234, 2345)
    before = path.stat()
    labelled.save(path)
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert not noted or os.getxattr(path, "user.note") == b"kept"
    assert read_label(path).conforms
