"""Encoded sound on its way out: which form it is of, and its label in that form."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from aigc_hooks import sounds
from aigc_hooks.artifact import Artifact
from aigc_hooks.codecs.adts import ADTS
from aigc_hooks.codecs.codec import Codec
from aigc_hooks.codecs.mp3 import MP3, SEARCHED, behind_tags
from aigc_hooks.codecs.opus import Opus
from aigc_hooks.codecs.waves import PCM, WAV
from aigc_hooks.errors import LabelError, UnsupportedOutputError
from aigc_hooks.implicit import mpeg, ogg
from aigc_hooks.labelling import label
from aigc_hooks.labels import Label
from aigc_hooks.media import require_numpy
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import Provider, active
from aigc_hooks.stages import forgive, own_label, record, review, run
from aigc_hooks.waiver import current, under

_HEAD = 64
"""How many bytes tell the form."""

_FRAMED = ("MP3", "AAC")
"""Carriers whose frames are looked for here, more closely than by their first bytes."""

_MOST = 512 << 20
"""Bytes of a sound that is held back whole."""


class EncodedSound:
    """One encoded sound on its way out.

    MP3, AAC (ADTS), Opus, WAV and headerless samples leave as they come, behind their label. Of other forms, such as
    FLAC, whose frames are numbered, nothing leaves before all has come: they are labelled as files are.

    Args:
        provider: The settings.
        source: What made it, for the audit record.
        rate: Samples a second of bytes that have no header: integers of 16 bits, the lower byte first. None: there are
            no such.
        channels: Of these.

    Attributes:
        label: Its label, once it has begun; None where it was released without one.
        delay: By how many seconds the content comes later than without the label.
        begun: Whether anything has left.
    """

    def __init__(self, provider: Provider, source: str, rate: int | None = None, channels: int = 1) -> None:
        self._settings = active(provider)
        self._exemption = current()
        self._source = source
        self._rate = rate
        self._channels = channels
        self._kept: list[bytes] = []
        self._size = 0
        self._whole = False
        self._codec: Codec | None = None
        self._at_end: Callable[[], None] | None = None
        self.label: Label | None = None
        self.delay = 0.0
        self.begun = False

    def put(self, data: bytes) -> bytes:
        """Takes the next bytes; returns those that leave now.

        Raises:
            LabelError: It cannot be labelled, and nothing has left.
        """
        review(Artifact(data, "audio", self._source, part="piece", rate=self._rate), self._settings)
        if self._codec is not None:
            return self._codec.more(data)
        if self.begun:  # without a label, which the settings forgive
            return data
        self._kept.append(data)
        self._size += len(data)
        if self._whole:
            if self._size > _MOST:
                raise LabelError(
                    f"{self._source} made more than {_MOST >> 20} MiB of a sound that is labelled when it is complete; "
                    "ask for MP3, Opus, AAC or WAV",
                    stage="detect",
                )
            return b""
        return self._begin(ended=False)

    def end(self) -> bytes:
        """Ends the sound; returns what leaves last."""
        rest = self._begin(ended=True) if self._size and not self.begun else b""
        if self._codec is None:
            return rest
        rest += self._codec.end()
        if isinstance(self._codec, PCM) and self.label is not None and (samples := self._codec.ending()) is not None:
            # By its end, where it is known by that, the sound that has left is known, and not what was labelled first.
            sounds.remember(samples, self._codec.rate, self.label, self._placed("end"))
        if self._at_end is not None:
            self._at_end()
        return rest

    def _begin(self, ended: bool) -> bytes:
        data = b"".join(self._kept)
        self._kept = [data]
        try:
            if self._whole:
                made = self._labelled_whole(data)
            else:
                codec = self._opened(data, ended)
                if codec is None:
                    return self._begin(ended) if ended else b""
                made = self._labelled(codec)
        except LabelError as error:
            forgive(error, self._settings, source=self._source, modality="audio")
            made, self._codec = data, None
        self._kept, self.begun = [], True
        return made

    def _opened(self, data: bytes, ended: bool) -> Codec | None:
        """The sound by what it begins with; None where more must come, or all of it (``_whole``)."""
        begin = behind_tags(data)
        if len(data) < begin + _HEAD and not ended:
            return None
        head = data[:_HEAD]
        if ogg.OPUS.sniff(head):
            return Opus.open(data, ended)
        plain = WAV.is_plain(data)
        if plain or (plain is None and not ended):
            return WAV.open(data, ended) if plain else None
        if head[:3] != b"ID3" and any(carrier.name not in _FRAMED and carrier.sniff(head) for carrier in _holders()):
            self._whole = True
            return None
        if mpeg.AAC.sniff(data[begin : begin + _HEAD]):
            return ADTS.open(data, ended)
        if (mp3 := MP3.open(data, ended, at_once=self._rate is not None)) is not None:
            return mp3
        if self._rate is not None and not begin:
            return PCM.open(data, ended, self._rate, self._channels)
        if MP3.waits(data) and not ended:
            return None
        raise UnsupportedOutputError(
            f"{self._source} made bytes that are no sound of a known form (they begin with {data[:8]!r}, and have no "
            f"frame of MP3 in their first {SEARCHED // 1024} KiB), and so they are not released. Known are MP3, AAC in "
            "ADTS, Ogg, FLAC and WAV; of samples without a header give the rate",
            stage="detect",
        )

    def _labelled(self, codec: Codec) -> bytes:
        """The beginning of the sound with its label."""
        position = self._settings.audio.position
        places = ("start", "end") if position == "both" and self._exemption is None else (position,)
        own = own_label(list(codec.findings()), self._settings)
        artifact, outcome, parts = self._made(codec, places, own)
        if not outcome:  # it was forgiven, and has been recorded
            return codec.begin(b"", b"", None)
        start, end = parts.get("start", b""), parts.get("end", b"")
        data = codec.begin(start, end, artifact.label)
        artifact.places.append(f"{codec.form} stream")
        finish = functools.partial(record, artifact, outcome, self._settings)
        if position == "end":
            self._at_end = finish
        else:
            finish()
        self._codec, self.label, self.delay = codec, artifact.label, codec.length(start)
        return data

    def _made(self, codec: Codec, places: Iterable[str], own: Label | None) -> tuple[Artifact, str, dict[str, bytes]]:
        """Labels a sound like it, and takes its labels: all before anything leaves, and all with one number."""
        require_numpy("sound is labelled", "audio")
        like = codec.like()
        first: Artifact | None = None
        parts: dict[str, bytes] = {}
        outcome = ""
        for place in places:
            artifact = Artifact(like, "audio", self._source, rate=codec.rate, exemption=self._exemption)
            artifact.label = first.label if first is not None else own
            outcome = run(artifact, self._placed(place), reviewed=True)
            more = len(artifact.content) - len(like)
            if outcome and more:
                made = artifact.content
                parts[place] = codec.encoded(made[:more] if place == "start" else made[len(like) :])
            if first is not None:
                first.places += [name for name in artifact.places if name not in first.places]
            first = first or artifact
        assert first is not None
        return first, outcome, parts

    def _placed(self, place: str) -> Provider:
        style = self._settings.audio.model_copy(update={"position": place})
        return self._settings.model_copy(update={"audio": style})

    def _labelled_whole(self, data: bytes) -> bytes:
        """A sound that has come whole, labelled as a file is."""
        carrier = next(carrier for carrier in _holders() if carrier.sniff(data[:_HEAD]))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"sound{carrier.suffixes[0] if carrier.suffixes else '.ogg'}"
            path.write_bytes(data)
            with under(self._exemption):
                label(path, provider=self._settings)
            return path.read_bytes()


def _holders() -> Iterator[Any]:
    return (each for each in hooks().carriers if each.write is not None and each.medium in ("", "audio", "video"))
