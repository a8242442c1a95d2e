"""What is asked of a form in which encoded sound comes."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from aigc_hooks.artifact import Finding
from aigc_hooks.errors import LabelError
from aigc_hooks.labels import Label
from aigc_hooks.plugins import hooks
from aigc_hooks.reading import read_stream

# Length in seconds, and root mean square, of the sound that is labelled in place of one that is not decoded: the label
# is as loud as beside common speech.
_STAND_IN, _SPEECH_LEVEL = 0.2, 0.07


class Codec(ABC):
    """One sound as encoded bytes, of which the beginning has come.

    Attributes:
        form: What audit records call it.
        rate: Samples a second.
        channels: How many.
    """

    form: ClassVar[str]
    rate: int
    channels: int
    tail = b""
    """The encoded label that follows the content."""

    def like(self) -> Any:
        """Samples to label in place of it, (N,) or (N,C)."""
        import numpy

        # Of no seed: the sound behind a label is what the label is known by, and nobody else's may be like it.
        shape = round(_STAND_IN * self.rate), *([self.channels] if self.channels > 1 else [])
        return _SPEECH_LEVEL * numpy.random.default_rng().standard_normal(shape).astype(numpy.float32)

    def spliced(self, start: bytes, end: bytes, label: Label | None) -> bytes:
        """The whole, of which all has come, with its labels: see ``begin``."""
        return self.begin(start, end, label) + self.end()

    @abstractmethod
    def findings(self) -> tuple[Finding, ...]:
        """The implicit labels that it brings."""

    @abstractmethod
    def encoded(self, samples: Any) -> bytes:
        """Samples of the label, (N,) or (N,C), encoded as the sound is."""

    @abstractmethod
    def begin(self, start: bytes, end: bytes, label: Label | None) -> bytes:
        """What has come, with the label before the content and the implicit one where it has a place.

        Args:
            start: The encoded label that goes before the content; empty where none does.
            end: The one that will follow it.
            label: The implicit label; None where there is none.

        Raises:
            LabelError: It did not arrive.
        """

    def more(self, data: bytes) -> bytes:
        """Takes what comes later; returns what leaves of it."""
        return data

    def end(self) -> bytes:
        """What leaves last."""
        return self.tail

    @abstractmethod
    def length(self, encoded: bytes) -> float:
        """How long an encoded label plays, in seconds."""


def embedded(data: bytes, label: Label) -> bytes:
    """The beginning of a file with the implicit label, by the carrier that knows it; read back.

    Raises:
        LabelError: It did not arrive.
    """
    source, target = io.BytesIO(data), io.BytesIO()
    carrier = next(each for each in hooks().carriers if each.sniff(data[:64]))
    assert carrier.write is not None
    carrier.write(source, target, label.to_json())
    target.seek(0)
    if [finding.label for finding in read_stream(target).findings] != [label]:
        raise LabelError(f"the label did not arrive in the {carrier.name} stream", stage="read_back")
    return target.getvalue()
