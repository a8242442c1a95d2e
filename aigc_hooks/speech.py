"""Sound as models return it: samples, alone or with their rate, or encoded; whole or in pieces; labelled as it came."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aigc_hooks.artifact import Artifact
from aigc_hooks.contents import labelled
from aigc_hooks.encoded import EncodedSound
from aigc_hooks.errors import LabelError, UnsupportedOutputError
from aigc_hooks.explicit.samples import check_numbers, check_rate, samples_of
from aigc_hooks.media import is_samples, time_axis
from aigc_hooks.provider import Provider, active
from aigc_hooks.sound_fields import check_known, held_sound, is_notice, length, replaced, unknown
from aigc_hooks.stages import forgive, review
from aigc_hooks.waiver import current, under

# Names under which models and their configurations say at what rate they speak, and where these stand.
_SPOKEN = ("output_sampling_rate", "sampling_rate", "sample_rate")
_CONFIGURATIONS = ("config", "generation_config", "codec_config", "audio_encoder", "audio_encoder_config")


def labelled_sound(
    output: Any, provider: Provider, source: str, rate: int | None = None, *, fresh: bool = False
) -> Any:
    """One sound, or several, with their labels, in the form in which they came.

    Args:
        output: An array, tensor or list of numbers; a pair of rate and samples, in either order, with more behind it; a
            mapping or record that names its samples and perhaps their rate; an encoded file as bytes; or a list of
            such. None passes.
        provider: The settings.
        source: What made it, for the audit record.
        rate: Samples a second, where the output does not tell; bytes without a header are then one channel of 16 bits.
        fresh: Whether mappings and records are copied; else they get the new samples where they can.

    Raises:
        LabelError: It cannot be labelled, nothing tells its rate, or something in it looks like sound and is not known.
    """
    if output is None:
        return None
    # Before anything is labelled: what is refused is no output.
    found = [(sound, told) for sound, told in check_known(output, rate, source) if length(sound)]
    silent = not found
    if len(found) > 1 and active(provider).on_error == "raise":
        for sound, told in found:
            if not isinstance(sound, bytes):
                check_rate(_given(told, source))
                samples_of(sound)

    def change(sound: Any, told: int | None) -> Any:
        if isinstance(sound, bytes):
            encoded = EncodedSound(provider, source, told)
            return encoded.put(sound) + encoded.end()
        if not length(sound) and not silent:
            return sound
        return labelled(sound, provider, source, _given(told, source))

    return replaced(output, change, rate, fresh=fresh)


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
        held = held_sound(item, self._rate)
        if not any(length(sound) for sound, _ in held):
            if not held and not is_notice(item):
                raise unknown(item, self._source)
            yield item  # nothing of it can be heard: what comes next is the beginning
            return
        review(Artifact(item, "audio", self._source, part="piece", rate=self._rate), self._provider)
        begins, self._begun = not self._begun, True
        self._last = item
        # Without an explicit label, the record of that comes first, as a label at the start does.
        if not begins or (self._provider.audio.position == "end" and self._exemption is None):
            self._check(held, begins)
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

    def _check(self, held: list[tuple[Any, int | None]], begins: bool) -> None:
        """Checks what leaves without a label of its own: at first, whether one can follow."""
        sounds = [(sound, told) for sound, told in held if not isinstance(sound, bytes)]
        try:
            for sound, told in sounds:
                if begins:
                    check_rate(_given(told, self._source))
                if length(sound):
                    check_numbers(sound)
        except LabelError as error:
            forgive(error, self._provider, source=self._source, modality="audio")

    def _label(self, item: Any, place: str) -> Iterator[Any]:
        made = self._labelled(item, place, fresh=True)
        bare = iter(held_sound(item, self._rate))
        more = False

        def cut(sound: Any, _: int | None) -> Any:
            nonlocal more
            part, longer = _cut(sound, next(bare)[0], place, self._source)
            more = more or longer
            return part

        part = replaced(made, cut, self._rate, fresh=True)
        if more:
            yield part

    def _labelled(self, item: Any, place: str, *, fresh: bool = False) -> Any:
        style = self._provider.audio.model_copy(update={"position": place})
        provider = self._provider.model_copy(update={"audio": style})
        with under(self._exemption):
            return labelled_sound(item, provider, self._source, self._rate, fresh=fresh)


def _cut(made: Any, bare: Any, place: str, source: str) -> tuple[Any, bool]:
    """What a labelled sound has more than the bare one, and whether that is anything."""
    if isinstance(made, (bytes, list)):
        more = len(made) - len(bare)
        part, rest = (made[:more], made[more:]) if place == "start" else (made[len(bare) :], made[: len(bare)])
        if isinstance(made, bytes) and rest != bare:
            raise UnsupportedOutputError(
                f"{source} yields records with encoded sound, and no label can follow it there: yield its bytes alone, "
                "or set audio.position = 'start'",
                stage="render_explicit",
            )
        return part, more > 0
    axis = time_axis(made)
    more = made.shape[axis] - bare.shape[axis]
    at: list[Any] = [slice(None)] * made.ndim
    at[axis] = slice(None, more) if place == "start" else slice(bare.shape[axis], None)
    return made[tuple(at)], more > 0
