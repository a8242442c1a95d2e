"""The times of pictures while they are encoded: what a container told of each is told of it again."""

from __future__ import annotations

import math
from typing import Any

from aigc_hooks.saving.film_encoders import WITHOUT_TIMES


class Clock:
    """Keeps the times of pictures while they are encoded.

    Args:
        old: Their stream.
        numbered: Whether the encoder takes numbers in place of times.

    Attributes:
        seen: How many there were.
        until: When the last ends, in seconds.
        pace: How long one lasts, about.
    """

    def __init__(self, old: Any, *, numbered: bool) -> None:
        self.seen = 0
        self.until = -math.inf
        self.pace = float(1 / (old.average_rate or old.guessed_rate or 25))
        self._unit = old.time_base
        self._start = int(old.start_time or 0)
        self._numbered = numbered
        self._in_order = old.container.format.name in WITHOUT_TIMES
        self._late: int | None = None
        self._last: int | None = None
        self._end = self._start + old.duration if old.duration else None
        self._times: dict[int, tuple[int, int]] = {}
        self._next: dict[int, int] = {}

    def note(self, frame: Any) -> tuple[int, float]:
        """Takes a picture; returns its time for the encoder, and in seconds."""
        time = self._time(frame)
        number = self.seen if self._numbered else time
        self._times[number] = time, frame.duration or 0
        self.seen += 1
        if self._last is not None:
            self._next[self._last] = time
        self._last = time
        seconds = float(time * self._unit)
        self.until = max(self.until, seconds + (float(frame.duration * self._unit) or self.pace))
        return number, seconds

    def _time(self, frame: Any) -> int:
        if self._in_order and frame.dts is not None:
            # Pictures come in the order in which they are shown, each as much later than it was read as the first.
            self._late = int(frame.dts) - self._start if self._late is None else self._late
            return int(frame.dts) - self._late
        if frame.pts is not None and not self._in_order:
            return int(frame.pts)
        if self._last is None:
            return int(self._start)
        return self._last + max(int(frame.duration or self.pace / self._unit), 1)

    def give_back(self, packet: Any) -> Any:
        """A packet with the time that its picture had, and how long that is shown."""
        known = self._times.pop(packet.pts, None)
        if known is not None:
            time, told = known
            if self._numbered:
                packet.time_base = self._unit
                packet.pts = packet.dts = time
            # Where pictures are not read in the order in which they are shown, containers tell other lengths.
            following = self._next.pop(time, None) or self._end
            packet.duration = following - time if following is not None and following > time else told
        return packet
