"""Files that C2PA has signed: a label that is written now breaks the signature, or loses it with the old bytes."""

from __future__ import annotations

import os
import warnings
from typing import Literal

from aigc_hooks.artifact import Reading
from aigc_hooks.errors import SignedContentError

OnSignedContent = Literal["raise", "warn"]
"""What becomes of a label for such a file."""


def keep_manifests(path: str | os.PathLike[str], reading: Reading | None, choice: OnSignedContent) -> None:
    """Refuses to change a file that holds a C2PA manifest, or warns that its manifest goes.

    Args:
        path: The file, for messages.
        reading: What it carries; None where nobody could read it.
        choice: ``"raise"`` or ``"warn"``.

    Raises:
        SignedContentError: It holds one, and the choice is ``"raise"``.
    """
    if reading is None or not reading.manifests:
        return
    message = (
        f"{os.fspath(path)} is signed with C2PA ({', '.join(reading.manifests)}), and that does not outlive what "
        "is written now: write the AIGC label first, sign with C2PA after"
    )
    if choice == "raise":
        message += '. on_signed_content = "warn" writes it all the same'
        raise SignedContentError(message, stage="write_metadata")
    warnings.warn(f'{message} (on_signed_content = "warn")', stacklevel=2)
