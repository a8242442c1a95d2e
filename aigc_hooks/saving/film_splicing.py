"""Films that show their label for a while only: what is drawn on is encoded anew, the rest is copied.

That goes where each key picture begins anew and a codec can change its encoder there: VP8, VP9, and H.264, whose
parameter sets stand side by side before the pictures.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aigc_hooks.codecs import pyav
from aigc_hooks.codecs.h264 import MOST_IDS, Configuration
from aigc_hooks.errors import CarrierError
from aigc_hooks.explicit.overlay import Overlay
from aigc_hooks.saving.film_encoders import encoder_beside, layout_of, tell
from aigc_hooks.saving.film_frames import in_planes, pixels

_SELF_CONTAINED = ("vp8", "vp9")
_PROFILES = {66: "baseline", 77: "main"}
"""Of H.264: what decoders of a film need not know more than."""

_COMPARED = 4
"""How many pictures behind each seam are compared with those of the old film."""


_GLOBAL_HEADER = 1 << 22
"""Flag of an encoder that gives its parameter sets once, before all."""


@dataclass
class Plan:
    """Which packets of a stream are encoded anew.

    Attributes:
        spans: Runs of packets, by their numbers in the order of the file.
        times: When each packet is decoded.
        seams: When the first picture behind each run is shown.
    """

    spans: list[range]
    times: array[int]
    seams: list[int]


def plan(source: Path, number: int, shows: Callable[[float], bool]) -> Plan | None:
    """Looks where a stream can be cut; None where it has to be encoded as a whole.

    Args:
        source: The film.
        number: Of the stream.
        shows: Whether the picture at a time shows the label, in seconds from the first.
    """
    with pyav.library().open(str(source)) as container:
        stream = container.streams[number]
        unit = float(stream.time_base)
        codec = stream.codec_context.codec.canonical_name
        known = codec in _SELF_CONTAINED or (
            codec == "h264" and Configuration.parse(stream.codec_context.extradata or b"") is not None
        )
        if not known or container.format.name.partition(",")[0] not in ("mov", "matroska"):
            return None
        decoded, shown = array("q"), array("q")
        keys: list[int] = []
        for packet in container.demux(stream):
            if not packet.size:
                continue
            if packet.pts is None or packet.is_discard or (packet.dts is None and decoded):
                return None
            if packet.is_keyframe:
                keys.append(len(shown))
            if packet.dts is not None:
                decoded.append(packet.dts)
            shown.append(packet.pts)
    if not keys or keys[0] or not decoded:
        return None
    # Matroska does not tell when pictures are decoded, and nobody can say it of the first: before the others.
    untold = len(shown) - len(decoded)
    decoded = array("q", (decoded[0] - number for number in range(untold, 0, -1))) + decoded
    begin = shown[0]
    spans: list[range] = []
    for one, other in zip(keys, [*keys[1:], len(shown)], strict=True):
        part = shown[one:other]
        # A picture that is shown before its key picture, or after the next, needs others than those between them.
        if min(part) < shown[one] or (other < len(shown) and max(part) >= shown[other]):
            return None
        if any(shows((time - begin) * unit) for time in part):
            joins = bool(spans) and spans[-1].stop == one
            spans[-1:] = [range(spans[-1].start, other)] if joins else [*spans[-1:], range(one, other)]
    seams = [shown[span.stop] for span in spans if span.stop < len(shown)]
    # Where the first are copied, they must be told as they are.
    cut = sum(map(len, spans)) < len(shown) and bool(spans) and not spans[0].start
    return Plan(spans, decoded, seams) if cut else None


class Splicer:
    """One stream of pictures, of which some are drawn on.

    Args:
        source: The film, which messages name.
        old: The stream.
        new: The container that it goes to.
        first: Its first frame.
        overlay: The label.
        plan: Where it is cut.
        shows: Whether the picture at a time shows the label, in seconds from the first.
        whole: Refuses a film that ended before it should, by how many packets arrived and when the last ended: of the
            film, of the stream, and of those decoded.
    """

    def __init__(
        self,
        source: Path,
        old: Any,
        new: Any,
        first: Any,
        overlay: Overlay,
        plan: Plan,
        shows: Callable[[float], bool],
        whole: Callable[[int, float, float, float], None],
    ) -> None:
        self._source = source
        self._old = old
        self._first = first
        self._overlay = overlay
        self._plan = plan
        self._shows = shows
        self._whole = whole
        self._layout = layout_of(old)
        self._spans = list(plan.spans)
        self._count = 0
        self._until = 0.0
        self._begin: float | None = None
        self._encoder: Any = None
        self._made = 0
        old.thread_type = "AUTO"
        self._configuration: Configuration | None = None
        self._options: dict[str, str] = {}
        self._stream = new.add_stream_from_template(old, opaque=True)
        tell(self._stream, old, first)
        if old.codec_context.codec.canonical_name == "h264":
            self._stream.codec_context.extradata = self._parameters(old.codec_context)

    def _parameters(self, context: Any) -> bytes:
        """The parameter sets of the old pictures and of the new; sets the options of the encoder."""
        self._configuration = Configuration.parse(context.extradata)
        assert self._configuration is not None
        free = next((each for each in reversed(range(MOST_IDS)) if each not in self._configuration.ids), None)
        self._options = {"x264-params": f"sps-id={free}"}
        if (profile := _PROFILES.get(self._configuration.head[1])) is not None:
            self._options["profile"] = profile
        trial = self._new_encoder()
        trial.open()
        joined = self._configuration.joined(bytes(trial.extradata or b""))
        if free is None or joined is None:
            raise CarrierError(f"{self._source} holds as many parameter sets as there can be")
        return joined

    def _new_encoder(self) -> Any:
        made = encoder_beside(self._old, self._first, self._options)
        if self._configuration is not None:
            made.flags |= _GLOBAL_HEADER
        return made

    def take(self, packet: Any) -> Iterator[Any]:
        """Takes a packet; yields those that are written."""
        if not packet.size:
            return
        if self._spans and self._count >= self._spans[0].stop:
            yield from self._close()
        span = self._spans[0] if self._spans else None
        inside = span is not None and self._count in span
        self._count += 1
        end = packet.pts + (packet.duration or 0)
        self._until = max(self._until, float(end * packet.time_base))
        if inside:
            for frame in packet.decode():
                yield from self._painted(frame)
        else:
            packet.stream = self._stream
            yield packet

    def end(self) -> Iterator[Any]:
        """Yields the last packets."""
        if self._spans and self._count > self._spans[0].start:
            yield from self._close()

    def check(self, reached: float) -> None:
        """Refuses a film that ended before it should.

        Args:
            reached: When the last picture or sound that arrived ends, in seconds.

        Raises:
            CarrierError: It did.
        """
        self._whole(self._count, reached, self._until, self._until)

    def _close(self) -> Iterator[Any]:
        """Ends a run: the decoder and the encoder give what they still have."""
        context = self._old.codec_context
        for frame in context.decode(None):
            yield from self._painted(frame)
        context.flush_buffers()
        if self._encoder is not None:
            yield from map(self._placed, self._encoder.encode(None))
        span = self._spans.pop(0)
        if self._made != len(span) and self._configuration is not None:
            raise CarrierError(f"{self._source} is damaged: {len(span)} packets hold {self._made} pictures")
        self._encoder, self._made = None, 0

    def _painted(self, frame: Any) -> Iterator[Any]:
        # The last ones that a decoder gives have no unit of their own.
        pts, time = frame.pts, float(frame.pts * self._old.time_base)
        if frame.width != self._first.width or frame.height != self._first.height:
            raise CarrierError(f"{self._source} changes its size at {time:.3f} s; label it in parts")
        self._encoder = self._encoder or self._new_encoder()
        self._begin = time if self._begin is None else self._begin
        frame = in_planes(frame, self._layout)
        if self._shows(time - self._begin):
            self._overlay.blend(frame)
        if frame.format.name != self._encoder.pix_fmt:
            frame = frame.reformat(format=self._encoder.pix_fmt)
        frame.pts, frame.time_base, frame.pict_type = pts, self._old.time_base, 0
        yield from map(self._placed, self._encoder.encode(frame))

    def _placed(self, packet: Any) -> Any:
        """A packet of the encoder, as the stream holds it."""
        made = packet
        if self._configuration is not None:
            made = pyav.library().Packet(self._configuration.packed(bytes(packet)))
            made.pts, made.duration, made.time_base = packet.pts, packet.duration, packet.time_base
            made.is_keyframe = packet.is_keyframe
            # No new picture is shown out of order, and so none is decoded too late at the times of the old ones.
            made.dts = self._plan.times[self._spans[0].start + self._made]
        else:
            made.dts = made.pts
        made.stream = self._stream
        self._made += 1
        return made


def matches(source: Path, made: Path, plans: dict[int, Plan]) -> bool:
    """Whether the pictures behind each seam are those of the old film.

    Args:
        source: The old film.
        made: The new one.
        plans: The plan of each stream that was spliced, by its place among those of pictures.
    """
    return all(
        _behind(source, place, seam) == _behind(made, place, seam)
        for place, each in plans.items()
        for seam in each.seams
    )


def _behind(path: Path, place: int, seam: int) -> list[bytes]:
    found: list[bytes] = []
    with pyav.library().open(str(path)) as container:
        stream = pyav.pictures(container)[place]
        container.seek(seam, stream=stream)
        for frame in container.decode(stream):
            if frame.pts >= seam:
                found.append(pixels(in_planes(frame)))
            if len(found) == _COMPARED:
                break
    return found
