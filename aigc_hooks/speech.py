"""Sound as models return it: samples, alone or with their rate, or encoded; whole or in pieces; labelled as it came."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from aigc_hooks.artifact import Artifact
from aigc_hooks.contents import labelled
from aigc_hooks.encoded import EncodedSound
from aigc_hooks.errors import UnsupportedOutputError
from aigc_hooks.media import is_samples, time_axis
from aigc_hooks.provider import Provider, active
from aigc_hooks.stages import review
from aigc_hooks.waiver import current, under

# Names under which mappings and records hold samples and their rate, across the libraries that speak.
SAMPLES = ("audio", "audios", "tts_speech", "wav", "waveform", "speech", "samples")
RATES = ("sampling_rate", "sample_rate", "rate", "sr")
# Names under which models and their configurations say at what rate they speak, and where these stand.
_SPOKEN = ("output_sampling_rate", "sampling_rate", "sample_rate")
_CONFIGURATIONS = ("config", "generation_config", "codec_config", "audio_encoder", "audio_encoder_config")


def labelled_sound(output: Any, provider: Provider, source: str, rate: int | None = None) -> Any:
    """One sound, or several, with their labels, in the form in which they came.

    Args:
        output: An array, tensor or list of numbers; a pair of rate and samples, in either order, with more behind it; a
            mapping or record that names its samples and perhaps its rate; an encoded file as bytes; or a list of such.
            None passes.
        provider: The settings.
        source: What made it, for the audit record.
        rate: Samples a second, where the output does not tell; bytes without a header are then one channel of 16 bits.

    Raises:
        LabelError: It cannot be labelled, or nothing tells its rate.
    """
    if output is None:
        return None
    if isinstance(output, bytes):
        sound = EncodedSound(provider, source, rate)
        return sound.put(output) + sound.end()
    if is_samples(output):
        return labelled(output, provider, source, _given(rate, source))
    if isinstance(output, tuple) and (places := _pair(output)):
        samples, told = places
        items = list(output)
        items[samples] = labelled(items[samples], provider, source, int(items[told]))
        return type(output)(*items) if hasattr(output, "_fields") else tuple(items)
    if isinstance(output, (list, tuple)):
        return type(output)([labelled_sound(item, provider, source, rate) for item in output])
    if (named := _named(output, rate)) is not None:
        name, own = named
        return _with(output, name, labelled_sound(_get(output, name), provider, source, own))
    kind = f"{type(output).__module__}.{type(output).__qualname__}"
    raise UnsupportedOutputError(
        f"{source} returned {kind}, which is not known as sound, and so it is not released; labelled are samples "
        "(arrays, tensors, lists), pairs of rate and samples, mappings that hold both, and bytes of encoded sound. "
        "Return one of these, or label() it",
        stage="detect",
    )


def held_sound(output: Any, rate: int | None) -> Iterator[tuple[Any, int | None]]:
    """The samples in an output of any form that ``labelled_sound`` takes, and their rates; nothing of other forms."""
    if output is None or isinstance(output, bytes):
        return
    if is_samples(output):
        yield output, rate
    elif isinstance(output, tuple) and (places := _pair(output)):
        yield output[places[0]], int(output[places[1]])
    elif isinstance(output, (list, tuple, Iterator)):
        for item in output:
            yield from held_sound(item, rate)
    elif (named := _named(output, rate)) is not None:
        name, own = named
        yield from held_sound(_get(output, name), own)


def rate_of(*models: Any) -> int | None:
    """The rate at which the first of some models that tells it makes sound, in samples a second; None if none does."""
    for model in models:
        config = getattr(model, "config", None)
        places = [*(getattr(owner, name, None) for name in _CONFIGURATIONS for owner in (model, config)), model]
        for name in _SPOKEN:
            for place in places:
                rate = getattr(place, name, None)
                if isinstance(rate, (int, float)) and not isinstance(rate, bool) and rate > 0:
                    return int(rate)
    return None


def _given(rate: int | None, source: str) -> int:
    if rate is None:
        raise UnsupportedOutputError(
            f"{source} returned samples and nothing tells their rate: wrap(…, kind='audio', rate=24000), in samples a "
            "second",
            stage="detect",
        )
    return rate


def _pair(output: tuple[Any, ...]) -> tuple[int, int] | None:
    """Places of samples and rate in a tuple that begins with both."""
    if len(output) < 2:
        return None
    for samples, told in ((0, 1), (1, 0)):
        rate = output[told]
        if is_samples(output[samples]) and not isinstance(rate, bool) and isinstance(rate, (int, float)):
            return samples, told
    return None


def _named(output: Any, rate: int | None) -> tuple[str, int | None] | None:
    """The name of the samples in a mapping or record, and their rate; None where it names none."""
    names = list(output) if isinstance(output, Mapping) else _fields(output)
    samples = next((name for name in SAMPLES if name in names), None)
    if samples is None:
        return None
    told = next((name for name in RATES if name in names and _get(output, name)), None)
    return samples, rate if told is None else int(_get(output, told))


def _fields(output: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(output)] if dataclasses.is_dataclass(output) else []


def _with(output: Any, name: str, value: Any) -> Any:
    """An output with other samples: changed in place where it can be, for it has just been made."""
    if isinstance(output, Mapping):
        try:
            output[name] = value  # type: ignore[index]
        except TypeError:
            return {**output, name: value}
        return output
    object.__setattr__(output, name, value)
    return output


class SoundStream:
    """Sound that leaves in pieces.

    Bare samples are pieces of one sound: the label is a piece of its own, before the first or after the last. What says
    more, such as a record for every sentence, may be saved by itself: the first carries the label. Bytes are pieces of
    one encoded sound.

    Args:
        provider: The settings.
        source: What makes it, for the audit record.
        rate: Samples a second, where the pieces do not tell.
    """

    def __init__(self, provider: Provider, source: str, rate: int | None) -> None:
        self._provider = active(provider)
        self._exemption = current()
        self._source = source
        self._rate = rate
        self._begun = False
        self._last: Any = None
        self._encoded: EncodedSound | None = None

    def put(self, item: Any) -> Iterator[Any]:
        """Takes the next piece; yields what leaves now.

        Raises:
            LabelError: It cannot be labelled, and has not left.
        """
        if item is None:
            yield item
            return
        if isinstance(item, bytes):
            if self._encoded is None:
                with under(self._exemption):
                    self._encoded = EncodedSound(self._provider, self._source, self._rate)
            if data := self._encoded.put(item):
                yield data
            return
        review(Artifact(item, "audio", self._source, part="piece", rate=self._rate), self._provider)
        begins, self._begun = not self._begun, True
        self._last = item
        # Without an explicit label, the record of that comes first, as a label at the start does.
        if not begins or (self._provider.audio.position == "end" and self._exemption is None):
            yield item
        elif is_samples(item):
            yield from self._label(item, "start")
            yield item
        else:
            yield self._labelled(item, "start")

    def end(self) -> Iterator[Any]:
        """Ends the sound; yields the label that follows it, if one does."""
        if self._encoded is not None and (rest := self._encoded.end()):
            yield rest
        if self._begun and self._provider.audio.position != "start" and self._exemption is None:
            yield from self._label(self._last, "end")

    def _label(self, item: Any, place: str) -> Iterator[Any]:
        if (part := _cut(self._labelled(_copied(item), place), item, place)) is not None:
            yield part

    def _labelled(self, item: Any, place: str) -> Any:
        style = self._provider.audio.model_copy(update={"position": place})
        provider = self._provider.model_copy(update={"audio": style})
        with under(self._exemption):
            return labelled_sound(item, provider, self._source, self._rate)


def _copied(item: Any) -> Any:
    """A piece whose samples can be replaced without changing the one that leaves."""
    import copy

    return copy.copy(item) if isinstance(item, Mapping) or dataclasses.is_dataclass(item) else item


def _cut(made: Any, item: Any, place: str) -> Any:
    """What a labelled piece has more than the bare one, in the same form; None where that is nothing."""
    if is_samples(item):
        if isinstance(item, list):
            more = len(made) - len(item)
            return (made[:more] if place == "start" else made[len(item) :]) if more else None
        axis = time_axis(item)
        more = made.shape[axis] - item.shape[axis]
        at: list[Any] = [slice(None)] * made.ndim
        at[axis] = slice(None, more) if place == "start" else slice(item.shape[axis], None)
        return made[tuple(at)] if more else None
    if isinstance(item, tuple) and (places := _pair(item)):
        parts = list(made)
        parts[places[0]] = _cut(made[places[0]], item[places[0]], place)
        return None if parts[places[0]] is None else tuple(parts)
    named = _named(item, None)
    assert named is not None  # it has been labelled
    name, _ = named
    part = _cut(_get(made, name), _get(item, name), place)
    return None if part is None else _with(made, name, part)


def _get(output: Any, name: str) -> Any:
    return output[name] if isinstance(output, Mapping) else getattr(output, name)
