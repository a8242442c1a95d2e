"""What comes out of a pipeline: its text and pictures are labelled, token ids pass, and the rest is not released."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aigc_hooks.errors import UnsupportedOutputError
from aigc_hooks.labelling import forgive, labelled, passed
from aigc_hooks.media import is_array, is_picture, is_tensor
from aigc_hooks.provider import Provider
from aigc_hooks_transformers.chats import is_chat, labelled_message
from aigc_hooks_transformers.streamers import calls_tools

# Words in the names of fields: "generated_text", "summary_text", "generated_image", "generated_token_ids", "audio".
_TEXT = frozenset(("text", "texts", "answer", "caption", "response", "completion"))
_PICTURE = frozenset(("image", "images", "picture", "pictures"))
_REFUSED = {
    **dict.fromkeys(("audio", "audios", "speech", "sound", "waveform", "waveforms", "spectrogram"), "audio"),
    **dict.fromkeys(("video", "videos", "frames"), "video"),
}
_GIVEN = frozenset(("input", "inputs", "prompt", "question", "query"))


class Release:
    """The output of one pipeline for one input, on its way out.

    Args:
        source: The name of the pipeline's class.
        provider: The settings.
        prompt: What the pipeline was given: a text, a conversation, or a list of them; None where that is not known.
        echoed: Whether a text begins with the prompt. None: it is looked at.
        tokenizer: Whose reader of messages tells calls of tools.
    """

    def __init__(
        self, source: str, provider: Provider, prompt: Any = None, echoed: bool | None = None, tokenizer: Any = None
    ) -> None:
        self.source = source
        self.provider = provider
        self.prompt = prompt
        self.echoed = echoed
        self.tokenizer = tokenizer

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
        found = {self.field(record, name, prompt) for name in list(record)}
        # Numbers may stand beside content, as scores do; a text beside token ids alone may be content of another name.
        if "content" not in found and ("ids" not in found or "text" in found):
            self.refuse(", ".join(map(str, record)) or "an empty record", "nothing in it is known as content")
        return record

    def field(self, record: Any, name: Any, prompt: Any) -> str:
        """Labels one field of a record; returns what it holds: content, ids, an unknown text, or nothing of note."""
        words = set(str(name).lower().split("_"))
        value = record[name]
        if words & _GIVEN or value is None:
            return ""
        if refused := next((kind for word, kind in _REFUSED.items() if word in words), ""):
            self.refuse(name, f"{refused} cannot be labelled by this version")
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

    def refuse(self, name: str, why: str) -> None:
        """Stops the output from leaving, or lets it go unlabelled with a warning where the settings say so."""
        error = UnsupportedOutputError(
            f"{self.source} returned {name!r}: {why}, and so it is not released. unwrap() the pipeline and label its "
            "output by other means",
            stage="detect",
        )
        forgive(error, self.provider, source=self.source)


def refuse_sound(output: Any, provider: Provider, source: str) -> None:
    """Stops numbers that are no token ids: a waveform, or pictures that are not drawn yet."""
    names = {str(name) for name in output} if isinstance(output, Mapping) else set()
    parts = [output.get("sequences")] if names else list(output) if isinstance(output, (list, tuple)) else [output]
    sound = names & _REFUSED.keys() or any(
        (is_tensor(part) and part.is_floating_point()) or (is_array(part) and part.dtype.kind == "f") for part in parts
    )
    if sound:
        Release(source, provider).refuse("a waveform", "audio cannot be labelled by this version")


def _kind(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
