"""How the label of sound is found again when it is saved.

A picture carries its label in ``info``; samples have no such place, and scripts do with them what they like: make
other arrays of them, scale them to integers, join them. So the samples themselves are asked: the content beside a label
that can be heard is compared with that of the sounds that were labelled in this process.

What is kept of each is a print: the first samples that can be heard, and a few now and then in the two seconds behind;
with the label at the end only, the last ones, and those before.
The first decide whether it is one of ours, all together which one: voices begin alike. It is found again after
``asarray``, ``tolist`` and a round trip through torch, as integers or floating point of any size, louder, fainter,
faded and inverted, in any layout, one channel or the mean of all, one sound of a batch, with more sound behind, a
little silence before, or the end cut off. After resampling, mixing, filtering or lossy coding it is known by its
envelope (``aigc_hooks.envelopes``), if its label can be heard and it gets louder and fainter, as speech does. It is not
known at another speed, nor in another process, unless that was forked since.

Sound that got no label that can be heard, for a user asked for it so, is known by its own beginning; all of the print
must be found then. Silence is not known again.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

from aigc_hooks import envelopes
from aigc_hooks.errors import LabelError
from aigc_hooks.forks import ForkSafeLock
from aigc_hooks.labels import Label
from aigc_hooks.provider import Provider
from aigc_hooks.styles import AudioStyle

MOST = 4096
"""How many sounds of one rate and style are remembered; the oldest are forgotten. A channel counts as a sound."""

_MOST_SHELVES = 8
"""For how many pairs of rate and style."""

_MOST_ROWS = 64
"""How many channels and sounds of one batch are remembered by themselves."""

_SECONDS = 2.2
_HEAD = 512
_LEAST = 64
"""Fewer samples than these are like too many others: such a piece counts as silent."""

_PLACES, _EVERY, _SIZE = 8, 0.2, 32
_LAG = 64
"""How many samples earlier or later the content may begin than it did: fades and rounding move its first sound."""

_ONSET = 0.05
"""From which share of the amplitude of the label a sample is heard: what follows later cannot change that."""

_ALIKE, _SAME = 0.98, 0.99999
_CHUNK = 256


class _Print(NamedTuple):
    """What is kept of one sound: its first samples that can be heard, how many, later ones, and the silence before.

    And its envelope, and how many steps that has.
    """

    head: Any
    heard: int
    places: Any
    silence: int
    envelope: Any
    steps: int


class _Shelf:
    """The prints of one rate and style, in a ring that grows."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.made = 0
        self.entries: list[tuple[Label, Provider, _Print]] = []
        self.heads: Any = None
        self.counts: Any = None
        self.envelopes: Any = None
        self.steps: Any = None

    def add(self, found: _Print, label: Label, provider: Provider) -> None:
        import numpy

        for back in range(1, min(len(self.entries), _MOST_ROWS + 1) + 1):
            at = (self.made - back) % MOST
            if self.entries[at][0].produce_id != label.produce_id:
                break
            if numpy.array_equal(self.heads[at], found.head):  # remembered again: its label has been signed since
                self.entries[at] = (label, provider, found)
                return
        at = self.made % MOST
        self.made += 1
        if at >= len(self.entries):
            if self.heads is None or at >= len(self.heads):
                size = min(max(64, 2 * at), MOST)
                heads: Any = numpy.zeros((size, _HEAD), numpy.float32)
                counts: Any = numpy.zeros(size, numpy.intp)
                curves: Any = numpy.zeros((size, len(found.envelope)), numpy.float32)
                steps: Any = numpy.zeros(size, numpy.intp)
                if at:
                    heads[:at], counts[:at] = self.heads, self.counts
                    curves[:at], steps[:at] = self.envelopes, self.steps
                self.heads, self.counts, self.envelopes, self.steps = heads, counts, curves, steps
            self.entries.append((label, provider, found))
        self.entries[at] = (label, provider, found)
        self.heads[at], self.counts[at] = found.head, found.heard
        self.envelopes[at], self.steps[at] = found.envelope, found.steps

    def alike(self, sound: Any, rate: int) -> tuple[float, Label, Provider] | None:
        """The print whose envelope is that of a sound, at whatever rate."""
        order = self._order()
        is_one, likeness, place = envelopes.likest(sound, rate, self.envelopes[order], self.steps[order])
        return (likeness, *self.entries[order[place]][:2]) if is_one else None

    def _order(self) -> list[int]:
        """Where the prints are, the newest first."""
        newest = self.made % MOST if self.made > MOST else len(self.entries)
        return [(newest - 1 - n) % len(self.entries) for n in range(len(self.entries))]

    def best(self, sound: Any, onset: int | None) -> tuple[float, Label, Provider] | None:
        """The print that is most like the content of a sound, the newest of equals."""
        import numpy

        order = self._order()
        if onset is None:
            found = next((n for n in order if not self.counts[n]), None)
            return None if found is None else (_ALIKE, *self.entries[found][:2])
        begin = onset - _LAG
        part: Any = numpy.zeros(_HEAD + 2 * _LAG, numpy.float32)
        inner = sound[max(begin, 0) : begin + len(part)]
        part[max(-begin, 0) : max(-begin, 0) + len(inner)] = inner
        windows = numpy.lib.stride_tricks.sliding_window_view(part, _HEAD)
        energy = numpy.concatenate([[0.0], numpy.cumsum(part * part, dtype=numpy.float64)])
        best: tuple[float, int] | None = None
        # As it was put there, which is a look at one place; then earlier and later, the newest first.
        for lags, step in ((slice(_LAG, _LAG + 1), MOST), (slice(None), _CHUNK)):
            for first in range(0, len(order), step):
                chosen = numpy.array(order[first : first + step])
                alike = numpy.abs(windows[lags] @ self.heads[chosen].T)  # of either polarity
                starts = numpy.arange(2 * _LAG + 1)[lags][:, None]
                sizes = energy[starts + self.counts[chosen][None]] - energy[starts]
                alike /= numpy.sqrt(numpy.maximum(sizes, 1e-30))
                lag, peak = alike.argmax(axis=0), alike.max(axis=0)
                for n in numpy.flatnonzero(peak >= _ALIKE):
                    place = int(chosen[n])
                    at = begin + int(starts[lag[n], 0])
                    likeness = _rest(self.entries[place][2], sound, at, self.rate) + float(peak[n])
                    if best is None or likeness > best[0] + 1e-6:
                        best = (likeness, place)
                    if likeness >= 2 * _SAME:
                        break
            if best is not None and best[0] >= 2 * _SAME:
                break
        if best is None:
            return self._silent(order, onset)
        return (best[0], *self.entries[best[1]][:2])

    def _silent(self, order: list[int], onset: int) -> tuple[float, Label, Provider] | None:
        """A sound of which the first piece was silent, when it was labelled, and is silent here."""
        for place in order:
            label, provider, found = self.entries[place]
            if not found.heard and found.silence <= onset:
                return 0.0, label, provider
        return None


# Without a style: what has no label that can be heard.
_shelves: OrderedDict[tuple[int, AudioStyle | None], _Shelf] = OrderedDict()
_lock = ForkSafeLock()


def remember(audio: Any, rate: int, label: Label, provider: Provider, *, bare: bool = False) -> None:
    """Keeps the label of a sound that has been labelled: a whole one, or the piece of one that is beside the label.

    Args:
        audio: The sound.
        rate: Samples a second.
        label: Its label.
        provider: By whose settings.
        bare: Whether it has no label that can be heard.
    """
    from aigc_hooks.explicit import samples

    style = None if bare else provider.audio
    parts = _parts(audio, rate, style)
    if not parts:
        return
    checked = samples.samples_of(audio)
    if len(parts) > 1 and len(channels := samples.rows(checked)) <= _MOST_ROWS:
        parts = [parts[0], *(part for row in channels for part in _parts(row, rate, style))]
    prints = [_print(part, amplitude, rate) for part, amplitude in parts]
    with _lock:
        key = (rate, style)
        if key not in _shelves:
            while len(_shelves) >= _MOST_SHELVES:
                _shelves.popitem(last=False)
            _shelves[key] = _Shelf(rate)
        _shelves.move_to_end(key)
        for found in prints:
            if found.heard or not bare:
                _shelves[key].add(found, label, provider)


def _parts(audio: Any, rate: int, style: AudioStyle | None) -> list[tuple[Any, float]]:
    from aigc_hooks.explicit import sound

    return sound.begins(audio, rate, _SECONDS) if style is None else sound.content(audio, rate, style, _SECONDS)


def label_of(audio: Any, rate: int) -> tuple[Label, Provider] | None:
    """The label that a sound got in this process, and by which settings; None where it got none, or was forgotten.

    What it survives: see the module.
    """
    if not _shelves:
        return None
    best: tuple[float, Label, Provider] | None = None
    heard: dict[AudioStyle, list[tuple[Any, float]]] = {}
    for (own, style), shelf in reversed(list(_shelves.items())):
        if not _is(own, rate):
            continue
        try:
            parts = _parts(audio, own, style)
        except LabelError:
            return None
        if style is not None:
            heard[style] = parts
        with _lock:
            for part, amplitude in parts:
                found = shelf.best(part, _onset(part, amplitude))
                if style is None and found is not None and found[0] < 2 * _ALIKE:
                    continue  # there is no label to say that it is one of ours at all
                if found is not None and (best is None or found[0] > best[0]):
                    best = found
                if found is not None:
                    break
    if best is None:
        best = _alike(audio, rate, heard)
    return best[1:] if best else None


def _alike(
    audio: Any, rate: Any, heard: dict[AudioStyle, list[tuple[Any, float]]]
) -> tuple[float, Label, Provider] | None:
    """A sound whose samples have become others; ``heard`` is what is beside its labels, as far as that is known."""
    from aigc_hooks.explicit.samples import check_rate

    try:
        told = check_rate(rate)
    except LabelError:
        return None
    best: tuple[float, Label, Provider] | None = None
    for (_, style), shelf in reversed(list(_shelves.items())):
        if style is None:
            continue
        try:
            parts = heard[style] if style in heard else heard.setdefault(style, _parts(audio, told, style))
        except LabelError:
            return None
        with _lock:
            for part, _ in parts:
                found = shelf.alike(part, told)
                if found is not None and (best is None or found[0] > best[0]):
                    best = found
    return best


def _is(own: int, rate: Any) -> bool:
    try:
        return bool(own == rate)
    except (TypeError, ValueError, RuntimeError):  # no number at all, which is for others to say
        return False


def _onset(part: Any, amplitude: float) -> int | None:
    """The first sample that can be heard; None where none can."""
    import numpy

    heard = numpy.abs(part) >= max(_ONSET * amplitude, 1e-30)
    first = int(heard.argmax()) if len(heard) else 0
    return first if len(heard) and heard[first] else None


def _print(part: Any, amplitude: float, rate: int) -> _Print:
    import numpy

    head: Any = numpy.zeros(_HEAD, numpy.float32)
    onset = _onset(part, amplitude)
    if onset is None or len(part) - onset < _LEAST:
        nothing = head[:0].reshape(0, _SIZE)
        return _Print(head, 0, nothing, len(part) if onset is None else onset, *envelopes.envelope(part, rate))
    first = part[onset : onset + _HEAD]
    size = numpy.float32(numpy.linalg.norm(first))
    head[: len(first)] = first / size
    return _Print(head, len(first), _later(part, onset, rate) / size, onset, *envelopes.envelope(part, rate))


def _later(part: Any, onset: int, rate: int) -> Any:
    """A few samples now and then behind the first sound, (n, 32): as many as there are whole."""
    import numpy

    starts = [onset + round(n * _EVERY * rate) for n in range(1, _PLACES + 1)]
    taken = [part[one : one + _SIZE] for one in starts if one + _SIZE <= len(part)]
    return numpy.stack(taken) if taken else numpy.zeros((0, _SIZE), numpy.float32)


def _rest(kept: _Print, sound: Any, onset: int, rate: int) -> float:
    """How much the later places of a print are like those of a sound, 1 for the same; 1 where there are none."""
    found = _later(sound, onset, rate) if onset >= 0 else kept.places[:0]
    count = min(len(found), len(kept.places))
    one, other = found[:count].ravel(), kept.places[:count].ravel()
    size = float(one @ one) * float(other @ other)
    return abs(float(one @ other)) / size**0.5 if size > 0 else float(not (one.any() or other.any()))
