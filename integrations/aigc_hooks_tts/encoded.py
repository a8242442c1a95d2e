"""Libraries whose service sends finished MP3: edge-tts and gTTS.

There are no samples to label, and to decode and encode again would cost quality and time. So the label is encoded by
itself, as the stream is (rate, channels, bitrate), and its frames leave before the first or after the last of the
stream: MP3 frames can be joined. The stream begins with a tag that holds the implicit label, so that a file has it also
where a script writes the pieces itself. The label is as loud as beside common speech, for the content is not decoded.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

from aigc_hooks.artifact import Adapter, Artifact
from aigc_hooks.errors import AIGCHooksError, LabelError, UnsupportedCarrierError, UnsupportedOutputError
from aigc_hooks.labelling import forgive, record, run
from aigc_hooks.labels import Label
from aigc_hooks.provider import Provider, active
from aigc_hooks.saving.atomic import replacing
from aigc_hooks.saving.sound import embed
from aigc_hooks.saving.writing import write_label

_SEARCHED = 65_536
"""Bytes behind the tags in which the first frame of a stream must begin."""

_STAND_IN, _SPEECH_LEVEL = 0.2, 0.07
"""Length in seconds, and root mean square, of the sound that is labelled in place of the stream."""

_LEAST_BITRATE = 32
"""The label does not sound worse than this allows, in kbit/s, however little the stream is given."""

_TICKS = 10_000_000
"""Units a second of the times that edge-tts tells."""

_MPEG_1, _MPEG_2 = 3, 2
_LAYER_3 = 1
_MONO = 3
_FREQUENCIES = (44_100, 48_000, 32_000)
_BITRATES = {
    True: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


class Frame(NamedTuple):
    """What the header of an MPEG Layer III frame tells (ISO/IEC 11172-3, 2.4.2.3; 13818-3).

    Attributes:
        rate: Samples a second.
        channels: 1 or 2.
        bitrate: In kbit/s.
        samples: How many it holds in each channel.
        size: In bytes, with the header.
        side: Bytes from its beginning to what follows the side information.
    """

    rate: int
    channels: int
    bitrate: int
    samples: int
    size: int
    side: int

    @classmethod
    def at(cls, data: bytes, place: int) -> Frame | None:
        """The frame whose header stands at a place; None where none does, or it has not all come yet."""
        word = int.from_bytes(data[place : place + 4].ljust(4, b"\0"), "big")
        version, layer, bitrate, frequency = word >> 19 & 3, word >> 17 & 3, word >> 12 & 15, word >> 10 & 3
        if word >> 21 != 0x7FF or version == 1 or layer != _LAYER_3 or bitrate in (0, 15) or frequency == 3:
            return None
        first, mono = version == _MPEG_1, word >> 6 & 3 == _MONO
        rate = _FREQUENCIES[frequency] // {_MPEG_1: 1, _MPEG_2: 2}.get(version, 4)
        samples, kilobits = 1152 if first else 576, _BITRATES[first][bitrate - 1]
        size = samples // 8 * kilobits * 1000 // rate + (word >> 9 & 1)
        side = {(True, False): 32, (False, True): 9}.get((first, mono), 17)
        return cls(rate, 1 if mono else 2, kilobits, samples, size, 4 + (0 if word >> 16 & 1 else 2) + side)

    def tells_length(self, data: bytes, place: int) -> bool:
        """Whether it holds no sound but the length of the whole, which is wrong as soon as a label stands beside."""
        return data[place + self.side : place + self.side + 4] in (b"Xing", b"Info")


def _behind_tags(data: bytes) -> int:
    """Where the ID3v2 tags at the beginning end, which may not all have come yet."""
    place = 0
    while data[place : place + 3] == b"ID3" and len(data) >= place + 10:
        one, two, three, four = data[place + 6 : place + 10]
        place += 10 + (one << 21 | two << 14 | three << 7 | four) + (10 if data[place + 5] & 0x10 else 0)
    return place


def _first(data: bytes, begin: int, ended: bool) -> tuple[int, Frame] | None:
    """The first frame and its place; None where there is none, or more must come to tell.

    Two bytes of anything can look like a header. One is believed when the next stands where it says, or when it stands
    where it should and the stream ends with it.
    """
    for place in range(begin, min(len(data), begin + _SEARCHED)):
        if data[place] != 0xFF or (frame := Frame.at(data, place)) is None:
            continue
        following = Frame.at(data, place + frame.size)
        if following is not None and (following.rate, following.samples) == (frame.rate, frame.samples):
            return place, frame
        if ended and place == begin and len(data) == place + frame.size:
            return place, frame
    return None


def _without_length(data: bytes) -> bytes:
    """The frames of an encoder's output, without the tags and the frame that tells their length."""
    found = _first(data, _behind_tags(data), ended=True)
    if found is None:
        raise LabelError("the encoder of the label made no MP3 frames", stage="render_explicit")
    place, frame = found
    return data[place + frame.size if frame.tells_length(data, place) else place :]


def _length(frames: bytes) -> int:
    """How many samples a decoder makes of frames."""
    place = samples = 0
    while (frame := Frame.at(frames, place)) is not None:
        place, samples = place + frame.size, samples + frame.samples
    return samples


def _encoded(samples: Any, like: Frame) -> bytes:
    """The frames of samples, (N,) or (N,2) float32, at the rate and the constant bitrate of another frame.

    The same bitrate, for players reckon the length of a whole by that of its first frames.
    """
    try:
        import soundfile
    except ImportError as error:
        raise UnsupportedCarrierError(
            "the label of MP3 is encoded with soundfile: pip install 'aigc-hooks[audio]'"
        ) from error
    # soundfile counts from the best bitrate, 0, to the least, 1, and refuses that itself.
    rates = _BITRATES[like.samples == 1152]
    most = rates[-1] if like.rate >= 16_000 else 64
    level = (most - min(max(like.bitrate, _LEAST_BITRATE), most)) / (most - rates[0])
    made = io.BytesIO()
    with soundfile.SoundFile(
        made,
        "w",
        like.rate,
        like.channels,
        subtype="MPEG_LAYER_III",
        format="MP3",
        bitrate_mode="CONSTANT",
        compression_level=min(level, 0.99),
    ) as file:
        # Not write(), which has been taught to look for the label of what is saved, and would put it in here. And not
        # integers, of which libsndfile makes two channels too loud.
        file.buffer_write(samples.tobytes(), dtype="float32")
    return _without_length(made.getvalue())


class EncodedSound:
    """One MP3 stream on its way out: holds it back until its label is made.

    Args:
        provider: The settings.
        source: What made it, for the audit record.

    Attributes:
        label: Its label, once it has begun; None where it was released without one.
        delay: By how much the content comes later than without the label, in units of ``_TICKS``.
        begun: Whether anything has left.
    """

    def __init__(self, provider: Provider, source: str) -> None:
        self._settings = active(provider)
        self._source = source
        self._kept = b""
        self._tail = b""
        self._at_end: Callable[[], None] | None = None
        self.label: Label | None = None
        self.delay = 0
        self.begun = False

    def put(self, data: bytes) -> bytes:
        """Takes the next bytes; returns those that leave now.

        Raises:
            LabelError: It cannot be labelled, and nothing has left.
        """
        if self.begun:
            return data
        self._kept += data
        return self._begin(ended=False)

    def end(self) -> bytes:
        """Ends the stream; returns what leaves last."""
        rest = self._begin(ended=True) if self._kept and not self.begun else b""
        if self._at_end is not None:
            self._at_end()
        return rest + self._tail

    def _begin(self, ended: bool) -> bytes:
        data = self._kept
        begin = _behind_tags(data)
        found = _first(data, begin, ended)
        if found is None and not ended and len(data) < begin + _SEARCHED:
            return b""
        try:
            if found is None:
                raise UnsupportedOutputError(
                    f"{self._source} made a stream that is no MP3: it has no frame of it in its first "
                    f"{_SEARCHED // 1024} KiB, and so it is not released. Let it make MP3, or label() the finished "
                    "file",
                    stage="detect",
                )
            data = self._labelled(data, begin, *found)
        except LabelError as error:
            forgive(error, self._settings, source=self._source, modality="audio")
        self._kept, self.begun = b"", True
        return data

    def _labelled(self, data: bytes, begin: int, place: int, frame: Frame) -> bytes:
        """The beginning of the stream with its label, and with the tag that holds it."""
        if frame.tells_length(data, place) and (following := Frame.at(data, place + frame.size)):
            data = data[:place] + data[place + frame.size :]
            frame = following
        position = self._settings.audio.position
        artifact, outcome, parts = self._made(frame, ("start", "end") if position == "both" else (position,))
        if not outcome:  # it was forgiven, and has been recorded
            return data
        head, tail = parts.get("start", b""), parts.get("end", b"")
        data = data[:begin] + head + data[begin:]
        if artifact.label is not None:
            file = io.BytesIO(data)
            embed((artifact.label, self._settings), file, "MP3")
            data = file.getvalue()
        finish = functools.partial(record, artifact, outcome, self._settings)
        if position == "end":
            self._at_end = finish
        else:
            finish()
        self.label, self.delay, self._tail = artifact.label, round(_length(head) * _TICKS / frame.rate), tail
        return data

    def _made(self, frame: Frame, places: tuple[str, ...]) -> tuple[Artifact, str, dict[str, bytes]]:
        """Labels a sound like speech, and takes its labels: all before anything leaves, and all with one number."""
        import numpy

        size = round(_STAND_IN * frame.rate)
        # Of no seed: the sound behind a label is what the label is known by, and nobody else's may be like it.
        noise = _SPEECH_LEVEL * numpy.random.default_rng().standard_normal(size).astype(numpy.float32)
        like = noise if frame.channels == 1 else numpy.stack([noise] * frame.channels, axis=1)
        first: Artifact | None = None
        parts: dict[str, bytes] = {}
        outcome = ""
        for place in places:
            artifact = Artifact(like, "audio", self._source, rate=frame.rate)
            artifact.label = first.label if first is not None else None
            style = self._settings.audio.model_copy(update={"position": place})
            outcome = run(artifact, self._settings.model_copy(update={"audio": style}))
            more = len(artifact.content) - size
            if outcome and more:
                parts[place] = _encoded(artifact.content[:more] if place == "start" else artifact.content[size:], frame)
            if first is not None:
                first.places += artifact.places
            first = first or artifact
        assert first is not None
        return first, outcome, parts


# What the outer method of an object, which saves, learns of the stream that it asks for.
_streams: ContextVar[list[EncodedSound] | None] = ContextVar("aigc_hooks_tts_streams", default=None)


@contextmanager
def _watched() -> Iterator[list[EncodedSound]]:
    """Collects the streams that are made in this thread or task."""
    streams: list[EncodedSound] = []
    token = _streams.set(streams)
    try:
        yield streams
    finally:
        _streams.reset(token)


def _stream(obj: Any, provider: Provider) -> EncodedSound:
    stream = EncodedSound(provider, type(obj).__name__)
    if (streams := _streams.get()) is not None:
        streams.append(stream)
    return stream


@contextmanager
def _saving(target: Any, source: str) -> Iterator[str]:
    """Gives a path to write to, and puts the file with its implicit label in the place of the target afterwards.

    Elsewhere until then: what breaks off, or cannot be labelled, does not stay, and an old file does.

    Raises:
        UnsupportedOutputError: The target is no path.
        LabelError: The label did not arrive.
    """
    if not isinstance(target, (str, bytes, os.PathLike)):
        raise UnsupportedOutputError(
            f"{source}: {target!r} is no path of a file, and the label could not be written into it", stage="detect"
        )
    path = Path(os.fsdecode(target))
    with tempfile.TemporaryDirectory() as folder, _watched() as streams:
        part = Path(folder) / "sound.mp3"
        yield str(part)
        label = streams[-1].label if streams else None
        if label is None:  # there was no sound, or the settings forgive that it has no label
            with part.open("rb") as made, replacing(path) as file:
                shutil.copyfileobj(made, file)
            return
        write_label(part, label, output=path)


def _argument(method: Callable[..., Any], name: str, args: Any, kwargs: Any) -> inspect.BoundArguments:
    bound = inspect.signature(method).bind(*args, **kwargs)
    if name not in bound.arguments:
        raise UnsupportedOutputError(f"{method.__qualname__} was given no {name}", stage="detect")
    return bound


# edge-tts. Its synchronous methods run the others in a thread of their own, where what override() laid over is not seen
# and where what is raised is lost.

_CALLER = "_aigc_hooks_caller"


class _Caller:
    """Who waits in another thread: by which settings, and what went wrong."""

    def __init__(self, provider: Provider) -> None:
        self.settings = active(provider)
        self.errors: list[AIGCHooksError] = []


@contextmanager
def _calling(obj: Any, provider: Provider) -> Iterator[_Caller]:
    caller = vars(obj)[_CALLER] = _Caller(provider)
    try:
        yield caller
    finally:
        vars(obj).pop(_CALLER, None)


def _edge_stream(stream: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``stream``: what comes before the sound waits for it, for only then is it known how much later all will be."""

    @functools.wraps(stream)
    async def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        caller: _Caller | None = vars(self).get(_CALLER)
        sound = _stream(self, caller.settings if caller else provider)
        waiting: list[Any] = []
        try:
            async with aclosing(stream(self, *args, **kwargs)) as items:
                async for item in items:
                    for leaves in _edge_items(item, sound, waiting):
                        yield leaves
            if rest := sound.end():
                yield {"type": "audio", "data": rest}
            for item in waiting:
                yield _later(item, sound.delay)
        except AIGCHooksError as error:
            if caller is None:
                raise
            caller.errors.append(error)

    return replacement


def _edge_items(item: Any, sound: EncodedSound, waiting: list[Any]) -> Iterator[Any]:
    if item["type"] == "audio":
        if data := sound.put(item["data"]):
            yield {**item, "data": data}
            while waiting:
                yield _later(waiting.pop(0), sound.delay)
    elif sound.begun:
        yield _later(item, sound.delay)
    else:
        waiting.append(item)


def _later(item: Any, delay: int) -> Any:
    return {**item, "offset": item["offset"] + delay} if "offset" in item else item


def _edge_stream_sync(stream_sync: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``stream_sync``: raises what its thread would swallow, to wait for ever."""

    @functools.wraps(stream_sync)
    def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _calling(self, provider) as caller:
            yield from stream_sync(self, *args, **kwargs)
        if caller.errors:
            raise caller.errors[0]

    return replacement


def _edge_save(save: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``save``: its file gets the implicit label."""

    @functools.wraps(save)
    async def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        bound = _argument(save, "audio_fname", (self, *args), kwargs)
        caller: _Caller | None = vars(self).get(_CALLER)
        with _saving(bound.arguments["audio_fname"], type(self).__name__) as part:
            bound.arguments["audio_fname"] = part
            output = await save(*bound.args, **bound.kwargs)
            if caller is not None and caller.errors:
                raise caller.errors[0]
        return output

    return replacement


def _edge_save_sync(save_sync: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``save_sync``, which goes through ``save`` in another thread."""

    @functools.wraps(save_sync)
    def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _calling(self, provider):
            return save_sync(self, *args, **kwargs)

    return replacement


EDGE = Adapter(
    "edge_tts",
    {
        "stream": _edge_stream,
        "stream_sync": _edge_stream_sync,
        "save": _edge_save,
        "save_sync": _edge_save_sync,
    },
)


# gTTS


def _google_stream(stream: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``stream``, and through it ``write_to_fp``.

    What that writes to a file object carries both labels, for the stream begins with a tag. Where several sounds are
    written to one, each has its audible label, and the tag of the first is the one that is read.
    """

    @functools.wraps(stream)
    def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        sound = _stream(self, provider)
        with contextlib.closing(stream(self, *args, **kwargs)) as pieces:
            for piece in pieces:
                if data := sound.put(piece):
                    yield data
        if rest := sound.end():
            yield rest

    return replacement


def _google_save(save: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``save``: its file gets the implicit label."""

    @functools.wraps(save)
    def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        bound = _argument(save, "savefile", (self, *args), kwargs)
        with _saving(bound.arguments["savefile"], type(self).__name__) as part:
            bound.arguments["savefile"] = part
            return save(*bound.args, **bound.kwargs)

    return replacement


GOOGLE = Adapter("gtts", {"stream": _google_stream, "save": _google_save})
