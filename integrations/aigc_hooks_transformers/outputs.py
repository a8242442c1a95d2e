"""What comes out of a pipeline: its text, pictures and sound are labelled, token ids pass; the rest is not released."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aigc_hooks.contents import labelled
from aigc_hooks.errors import UnsupportedOutputError
from aigc_hooks.media import is_array, is_picture, is_samples, is_tensor, time_axis
from aigc_hooks.provider import Provider
from aigc_hooks.sound_fields import RATES, SAMPLES, replaced
from aigc_hooks.speech import labelled_sound
from aigc_hooks.stages import forgive, passed
from aigc_hooks_transformers.chats import is_chat, labelled_message
from aigc_hooks_transformers.streamers import calls_tools

# Words in the names of fields: "generated_text", "summary_text", "generated_image", "generated_token_ids", "audio".
_TEXT = frozenset(("text", "texts", "answer", "caption", "response", "completion"))
_PICTURE = frozenset(("image", "images", "picture", "pictures"))
_SOUND = frozenset(("audio", "audios", "speech", "sound", "waveform", "waveforms"))
_REFUSED = {"spectrogram": "a spectrogram", **dict.fromkeys(("video", "videos", "frames"), "video")}
_GIVEN = frozenset(("input", "inputs", "prompt", "question", "query"))


class Release:
    """The output of one pipeline for one input, on its way out.

    Args:
        source: The name of the pipeline's class.
        provider: The settings.
        prompt: What the pipeline was given: a text, a conversation, or a list of them; None where that is not known.
        echoed: Whether a text begins with the prompt. None: it is looked at.
        tokenizer: Whose reader of messages tells calls of tools.
        rate: At which its models speak, in samples a second, where an answer does not tell.
    """

    def __init__(
        self,
        source: str,
        provider: Provider,
        prompt: Any = None,
        echoed: bool | None = None,
        tokenizer: Any = None,
        rate: int | None = None,
    ) -> None:
        self.source = source
        self.provider = provider
        self.prompt = prompt
        self.echoed = echoed
        self.tokenizer = tokenizer
        self.rate = rate

    def release(self, output: Any) -> Any:
        """Labels what a pipeline returned, and returns it in the same form.

        Raises:
            LabelError: It could not be labelled; nothing is released.
        """
        if isinstance(output, Mapping):
            return self.record(output)
        if isinstance(output, (list, tuple)):
            return type(output)(map(self.release, output))
        if isinstance(output, str):
            return self.text(output, self.prompt)
        if is_picture(output):
            return labelled(output, self.provider, self.source)
        if output is not None:
            self.refuse("a value", f"nothing is known of {_kind(output)}")
        return output

    def record(self, record: Any) -> Any:
        """One answer, as a mapping that names its fields; changed in place, for the pipeline has just made it."""
        prompt = record.get("input_text", self.prompt)
        kinds = {name: self.field(record, name, prompt) for name in list(record)}
        found = set(kinds.values())
        # Numbers may stand beside content, as scores do; a text beside token ids alone may be content of another name.
        if "content" not in found and ("ids" not in found or "text" in found):
            self.refuse(", ".join(map(str, record)) or "an empty record", "nothing in it is known as content")
        self.check_beside(record, [name for name, kind in kinds.items() if not kind])
        return record

    def check_beside(self, record: Any, others: list[Any]) -> None:
        """Refuses what looks like sound beside sound, and has no name that is known as such."""
        sounds = [record[name] for name in record if _is_sound(name, record[name])]
        if not sounds:
            return
        beside = {"audio": sounds, "beside": {name: record[name] for name in others}}
        try:
            replaced(beside, lambda sound, _: sound, source=self.source)
        except UnsupportedOutputError as error:
            forgive(error, self.provider, source=self.source)

    def field(self, record: Any, name: Any, prompt: Any) -> str:
        """Labels one field of a record; returns what it holds: content, ids, an unknown text, or nothing of note."""
        words = set(str(name).lower().split("_"))
        value = record[name]
        if words & _GIVEN or value is None:
            return ""
        if refused := next((kind for word, kind in _REFUSED.items() if word in words), ""):
            self.refuse(name, f"{refused} cannot be labelled by this version")
        elif _is_sound(name, value):
            told = next((record[rate] for rate in RATES if record.get(rate)), self.rate)
            record[name] = self.sound(name, value, told)
        elif words & _TEXT:
            record[name] = self.content(value, prompt)
        elif is_picture(value) or words & _PICTURE:
            record[name] = labelled(value, self.provider, self.source)
        elif "ids" in words:
            passed(self.source, self.provider, "token ids")
            return "ids"
        else:
            return "text" if isinstance(value, str) else ""
        return "content"

    def content(self, value: Any, prompt: Any) -> Any:
        """The text of one answer: a string, a conversation that ends with the answer, or a single message."""
        if isinstance(value, str):
            return self.text(value, prompt)
        if isinstance(value, Mapping):
            return labelled_message(value, self.provider, self.source)
        if isinstance(value, list) and value:
            if isinstance(value[-1], Mapping):
                return [*value[:-1], labelled_message(value[-1], self.provider, self.source)]
            return [self.content(item, prompt) for item in value]
        self.refuse("a text", f"{_kind(value)} is no text")
        return value

    def text(self, text: str, prompt: Any) -> str:
        """One answer; where the prompt stands before it, the label must not: callers cut by the prompt's length."""
        head = prompt if isinstance(prompt, str) and self.echoed is not False and text.startswith(prompt) else ""
        answer = text[len(head) :]
        # In a conversation this is the answer as the model wrote it, before anything was read out of it.
        if (is_chat(prompt) or isinstance(prompt, list)) and calls_tools(self.tokenizer, answer, ""):
            passed(self.source, self.provider, "tool calls")
            return text
        return head + str(labelled(answer, self.provider, self.source))

    def sound(self, name: str, value: Any, rate: int | None) -> Any:
        """Samples of one sound or of several."""
        if rate is None:
            self.refuse(name, "nothing tells the rate of this sound, and a label is sound of the same rate")
            return value
        return labelled_sound(value, self.provider, self.source, int(rate))

    def refuse(self, name: str, why: str) -> None:
        """Stops the output from leaving, or lets it go unlabelled with a warning where the settings say so."""
        error = UnsupportedOutputError(
            f"{self.source} returned {name!r}: {why}, and so it is not released. unwrap() the pipeline and label its "
            "output by other means",
            stage="detect",
        )
        forgive(error, self.provider, source=self.source)


def labelled_samples(output: Any, release: Release, speaks: bool) -> tuple[Any, int | None]:
    """Labels the sound in what a model returned.

    Numbers that are no token ids are sound where the model is one that speaks. Else they are a spectrogram, pictures
    that are not drawn yet, or something of the kind, and do not leave.

    Returns:
        The output, and by how many samples its sound became longer; None where there is no sound in it.
    """
    if isinstance(output, Mapping):
        names = [name for name in output if name in _SOUND or (name == "sequences" and _is_real(output[name]))]
        grown = None
        for name in names:
            sound = release.sound(name, output[name], release.rate)
            grown = _grown(output[name], sound)
            output[name] = sound  # type: ignore[index]
        if grown and output.get("sequence_lengths") is not None:
            output["sequence_lengths"] = _longer(output["sequence_lengths"], grown)  # type: ignore[index]
        return output, grown
    if isinstance(output, (list, tuple)):
        items = [labelled_samples(item, release, speaks) for item in output]
        grown = next((more for _, more in items if more is not None), None)
        return (output if grown is None else type(output)([item for item, _ in items])), grown
    if not _is_real(output):
        return output, None
    if not speaks:
        why = f"{_kind(output)} is neither token ids nor sound at a known rate (a model of spectrograms takes vocoder=)"
        release.refuse("numbers", why)
        return output, 0
    sound = release.sound("sound", output, release.rate)
    return sound, _grown(output, sound)


def with_lengths(output: Any, grown: int) -> Any:
    """The pair of a sound and its lengths, as models return it when asked, with the lengths that it has now."""
    sound, lengths = output
    return sound, _longer(lengths, grown)


def _grown(before: Any, after: Any) -> int:
    """How many samples longer a sound became; of several, the first: they get the same label."""
    if isinstance(before, (list, tuple)):
        return _grown(before[0], after[0]) if before else 0
    return int(after.shape[time_axis(after)] - before.shape[time_axis(before)])


def _longer(lengths: Any, grown: int) -> Any:
    return [length + grown for length in lengths] if isinstance(lengths, list) else lengths + grown


def _is_real(value: Any) -> bool:
    return (is_tensor(value) and value.is_floating_point()) or (is_array(value) and value.dtype.kind == "f")


def _is_sound(name: Any, value: Any) -> bool:
    """Whether a field holds sound by its name, of which the more common ones may stand for a text as well."""
    known = str(name).lower()
    return bool(set(known.split("_")) & _SOUND) or (known in SAMPLES and is_samples(value))


def _kind(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
