"""Files in stores that fsspec knows, such as ``s3://`` and ``memory://``: copied here, worked on, put back whole."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from aigc_hooks.errors import AIGCHooksError, ConfigError
from aigc_hooks.implicit.bounds import opened_file

_PREFIX = "aigc-hooks-"
_COPY = re.compile(rf"[^\s'\"]*/{_PREFIX}[^/\s]+/(?:labelled-)?")


def is_url(location: str) -> bool:
    """Whether a location is a URL and no path."""
    return "://" in location


def name(location: str) -> str:
    """The name of a file by its path or URL."""
    return PurePosixPath(location.partition("::")[0]).name if is_url(location) else Path(location).name


def local(location: str) -> str:
    """A location, with ``file://`` and ``local://`` as the paths that they are."""
    if location.startswith(("file://", "local://")):
        return str(_store(location)[1])
    return location


def _store(url: str) -> tuple[Any, str]:
    """The store of a URL, and its path in there.

    Raises:
        ConfigError: fsspec, or its package for this kind of store, is not installed.
    """
    try:
        import fsspec
    except ImportError as error:
        raise ConfigError(
            f"{url}: stores beside this machine's are reached with fsspec: pip install 'aigc-hooks[remote]'"
        ) from error
    try:
        store, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:  # which package a protocol needs, or that it is not known
        raise ConfigError(f"{url}: {error}") from error
    return store, str(path)


def is_shared(location: str) -> bool:
    """Whether other processes see the same file: what is in memory they do not."""
    return not location.startswith("memory://")


def full(url: str) -> str:
    """A URL as the store itself writes it, to compare it with others."""
    store, path = _store(url)
    return str(store.unstrip_protocol(path)) + _chain(url)


def _chain(url: str) -> str:
    """What follows the first part of a URL, such as the archive that the files are in."""
    return "".join(url.partition("::")[1:])


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Makes one kind of error of all that the packages for the stores have of their own."""
    try:
        yield
    except (OSError, AIGCHooksError):
        raise
    except Exception as error:
        raise OSError(f"{url} cannot be reached: {type(error).__name__}: {error}") from error


def is_folder(url: str) -> bool:
    """Whether a URL is that of a folder.

    Raises:
        ConfigError: A package is missing.
        OSError: The store cannot be reached.
    """
    with _told(url):
        store, path = _store(url)
        return bool(store.isdir(path))


def files(url: str) -> Iterator[tuple[str, str]]:
    """The URL of each file below a URL, and its path from there, in the order of their names.

    Raises:
        OSError: The store cannot be reached.
    """
    store, path = _store(url)
    base = path.rstrip("/")
    with _told(url):
        below = sorted(store.find(path))
    for found in below:
        yield store.unstrip_protocol(found) + _chain(url), found.removeprefix(base).lstrip("/")


def exists(location: str) -> bool:
    """Whether there is a file at a location."""
    if not is_url(location):
        return Path(location).exists()
    store, path = _store(location)
    return bool(store.exists(path))


@contextmanager
def opened(location: str) -> Iterator[BinaryIO]:
    """A file as a seekable stream, unbuffered where it is on this machine."""
    if not is_url(location):
        with opened_file(location) as file:
            yield cast(BinaryIO, file)
        return
    store, path = _store(location)
    with store.open(path, "rb") as file:
        yield file


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder for copies, which lasts as long as the context."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as folder:
        yield Path(folder)


def without_copies(message: str) -> str:
    """A message in which copies have the names of their originals."""
    return _COPY.sub("", message)


@contextmanager
def here(location: str) -> Iterator[Path]:
    """A file on this machine: itself, or a copy that lasts as long as the context and has the same name."""
    if not is_url(location):
        yield Path(location)
        return
    store, path = _store(location)
    with workplace() as folder:
        copy = folder / (name(location) or "file")
        # Not get_file: it would take a folder for an empty file.
        with store.open(path, "rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        yield copy


def put(file: Path, url: str) -> None:
    """Uploads a file whole."""
    store, path = _store(url)
    try:
        store.put_file(str(file), path)
    except FileNotFoundError:  # stores of objects have no folders, others want them made
        store.makedirs(path.rpartition("/")[0], exist_ok=True)
        store.put_file(str(file), path)
