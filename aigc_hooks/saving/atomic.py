"""Writing a file so that its old content stays until the new one is whole."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_KEPT = re.compile(r"user\.|system\.posix_acl_access\Z")
"""Extended attributes that are copied; those for programs and for security are the system's to give."""


@contextmanager
def replacing(path: str | os.PathLike[str], *, durable: bool = True) -> Iterator[IO[bytes]]:
    """Opens a temporary file beside a path and puts it in the path's place when the block ends without an error.

    Links are followed. Of an existing file its mode is kept, and as far as the system lets us its owner, access list
    and extended attributes. It becomes another file all the same: a second hard link keeps the old content.

    Args:
        path: The file to write.
        durable: Whether to wait until the disk has it (fsync).

    Raises:
        OSError: The folder or the existing file cannot be written, or the disk is full; the old file is as it was.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(2, "its folder does not exist", str(path))
    exists = target.exists()
    if exists and not target.is_file():  # a pipe or a device cannot be replaced, only written
        with target.open("wb") as file:
            yield file
        return
    if exists and not os.access(target, os.W_OK):
        raise PermissionError(13, "the file is read-only; choose another target or change its mode", str(path))
    # Opened by number: Pillow would take the temporary name for the document's.
    name, descriptor = _created(target)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            if exists:
                _make_alike(name, target)
            if durable:
                os.fsync(file.fileno())
        name.replace(target)
    except BaseException:
        with suppress(OSError):
            name.unlink()
        raise


def _make_alike(name: Path, target: Path) -> None:
    """Gives a new file the owner, the mode and the attributes of the one whose place it takes."""
    old, new = target.stat(), name.stat()
    if hasattr(os, "chown") and (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        for owner in ((old.st_uid, old.st_gid), (-1, old.st_gid)):
            with suppress(OSError):
                os.chown(name, *owner)
                break
    if hasattr(os, "listxattr"):
        with suppress(OSError):  # a file system without them
            for key in filter(_KEPT.match, os.listxattr(target)):
                with suppress(OSError):
                    os.setxattr(name, key, os.getxattr(target, key))
    name.chmod(stat.S_IMODE(old.st_mode))


@contextmanager
def beside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """The path of a new, empty file beside a path, for work that needs a name; it is gone when the block ends.

    Raises:
        OSError: The folder cannot be written.
    """
    name, descriptor = _created(Path(os.path.realpath(path)))
    os.close(descriptor)
    try:
        yield name
    finally:
        name.unlink(missing_ok=True)


def _created(target: Path) -> tuple[Path, int]:
    """A new file beside a path, by the name that unfinished files have, and open."""
    name = target.with_name(f".{target.stem[:20]}-{secrets.token_hex(8)}{target.suffix[:10]}")
    # Exclusive, so that no link which somebody laid there is followed; its mode is what the umask makes of it.
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return name, os.open(name, flags, 0o666)
