"""mutagen, where it is needed: it is loaded late, and its many errors become ``CarrierError``."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from aigc_hooks.errors import CarrierError, UnsupportedCarrierError
from aigc_hooks.implicit.bounds import Source


def mutagen(name: str) -> Any:
    """A module of mutagen.

    Raises:
        UnsupportedCarrierError: mutagen is not installed.
    """
    try:
        return importlib.import_module(f"mutagen.{name}")
    except ImportError as error:
        raise UnsupportedCarrierError(
            "labels in Ogg and WMA files and in ID3 tags of version 2.2 are written with mutagen: "
            "pip install 'aigc-hooks[audio]'"
        ) from error


def guarded(source: Source, work: Callable[[], Any]) -> Any:
    """Runs mutagen on a file, whatever it raises for a damaged one.

    Raises:
        CarrierError: The file is damaged.
    """
    try:
        return work()
    except (CarrierError, MemoryError):
        raise
    except Exception as error:
        # A full disk is no damaged file; mutagen hides one in the other.
        for cause in (error, error.__cause__, error.__context__):
            if isinstance(cause, OSError) and cause.errno is not None:
                raise cause from None
        raise CarrierError(f"damaged {source.carrier} file: {str(error)[:200] or type(error).__name__}") from error
