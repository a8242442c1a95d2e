"""Streamers: the label is a piece of its own, after the last text and before the signal that ends the stream."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aigc_hooks.artifact import Adapter
from aigc_hooks.provider import Provider
from aigc_hooks.streams import TextStream
from aigc_hooks.wrapping import is_wrapped, unwrap, wrap
from aigc_hooks_transformers.kinds import FRAMEWORK, is_text_streamer

logger = logging.getLogger("aigc_hooks.transformers")

# Among the streamer's own attributes, and only while a text is on its way: so a copy takes along what it has begun.
_TEXT = "_aigc_hooks_text"


class Text:
    """One text on its way through a streamer.

    Attributes:
        stream: Its labels.
        in_prompt: Whether the prompt is being put, which comes first.
        prompt: The prompt as the model got it, where its tokenizer reads messages out of answers; else None.
        left: How many characters of the prompt are still to come: its last word leaves with the first of the answer.
        held: Blank text that waits, for a label at the start goes before it.
        answer: What of the answer has come so far, where that is read.
    """

    def __init__(self, provider: Provider, source: str) -> None:
        self.stream = TextStream(provider, source)
        self.in_prompt = False
        self.prompt: str | None = None
        self.left = 0
        self.held = ""
        self.answer: list[str] = []

    def take(self, piece: str) -> list[str]:
        """The pieces that leave for one that came."""
        prompt, answer = piece[: self.left], piece[self.left :]
        self.left -= len(prompt)
        if self.prompt is not None:
            self.answer.append(answer)
        before = self.stream.feed(answer) if answer else ""
        if before is None:
            self.held += answer
            return [prompt]
        held, self.held = self.held, "" if answer else self.held
        if not answer or not (before or held):
            return [piece]
        return [part for part in (prompt, before, held + answer) if part]


def labelled_put(put: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``put``: what comes first is the prompt, which is not the model's."""

    @functools.wraps(put)
    def replacement(self: Any, value: Any) -> Any:
        if _TEXT in vars(self):
            return put(self, value)
        text = vars(self)[_TEXT] = Text(provider, type(self).__name__)
        text.in_prompt = True
        try:
            result = put(self, value)
        except BaseException:
            vars(self).pop(_TEXT, None)
            raise
        text.in_prompt = False
        if vars(self).get("token_cache"):  # a user's own may do without
            # What of the prompt is still in the cache leaves with the next tokens, in one piece with them.
            text.left = max(len(self.tokenizer.decode(self.token_cache, **self.decode_kwargs)) - self.print_len, 0)
        if parser(vars(self).get("tokenizer")) is not None:
            text.prompt = self.tokenizer.decode(value.flatten())
        return result

    return replacement


def labelled_text(on_finalized_text: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``on_finalized_text``: the one way out of every streamer of text."""

    @functools.wraps(on_finalized_text)
    def replacement(self: Any, text: str, stream_end: bool = False) -> Any:
        state: Text | None = vars(self).get(_TEXT)
        if state is not None and state.in_prompt:
            return on_finalized_text(self, text, stream_end)
        if state is None:
            state = vars(self)[_TEXT] = Text(provider, type(self).__name__)
        pieces = state.take(text)
        if stream_end:
            del vars(self)[_TEXT]
            passes = _passes(state, vars(self).get("tokenizer"))
            before = "" if passes else state.stream.settle()
            pieces = [*pieces, *filter(None, (before, state.held, state.stream.end(passes)))]
        for piece in pieces[:-1]:
            on_finalized_text(self, piece)
        return on_finalized_text(self, pieces[-1], stream_end)

    return replacement


def abort(streamer: Any) -> None:
    """Ends the text of a streamer whose generation has failed, or which is unwrapped in the middle."""
    text: Text | None = vars(streamer).pop(_TEXT, None)
    if text is not None:
        text.stream.abort()


def parser(tokenizer: Any) -> Any:
    """The tokenizer if it can read messages, with their calls of tools, out of an answer; else None."""
    tokenizer = getattr(tokenizer, "tokenizer", tokenizer)  # of a processor
    return tokenizer if getattr(tokenizer, "response_template", None) else None


def calls_tools(tokenizer: Any, answer: str, prompt: str) -> bool:
    """Whether an answer, as the model wrote it, calls tools: a program reads it."""
    reader = parser(tokenizer)
    if reader is None:
        return False
    try:
        return bool(reader.parse_response(answer, prefix=prompt).get("tool_calls"))
    except Exception as error:  # what cannot be read as a message is a text
        logger.debug("an answer could not be read as a message: %s", type(error).__name__)
        return False


def _passes(text: Text, tokenizer: Any) -> str:
    if text.prompt is None:
        return ""
    return "tool calls" if calls_tools(tokenizer, "".join(text.answer), text.prompt) else ""


@contextmanager
def labelled_during(streamer: Any, provider: Provider) -> Iterator[None]:
    """Makes a streamer label for as long as one generation lasts; one that was wrapped by itself stays as it is."""
    if not is_text_streamer(streamer):
        yield
        return
    lent = not is_wrapped(streamer)
    if lent:
        wrap(streamer, provider=provider)
    try:
        yield
    except BaseException:
        abort(streamer)
        raise
    finally:
        if lent:
            unwrap(streamer)


STREAMER = Adapter(FRAMEWORK, {"put": labelled_put, "on_finalized_text": labelled_text}, unwrapped=abort)
