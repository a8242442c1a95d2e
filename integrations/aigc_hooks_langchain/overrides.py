"""Models that answer by public methods of their own, past the four that are labelled: looked at as they leave.

Nearly all call their base class in the end, and their answers carry the label already. The rest get it here: a whole
answer wherever the settings want it, a stream behind its last piece.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Mapping
from contextlib import aclosing, closing, nullcontext
from typing import Any

from aigc_hooks.artifact import Seam
from aigc_hooks.contents import labelled
from aigc_hooks.duties.waiting import recorded
from aigc_hooks.explicit.text import left_alone, shows_label
from aigc_hooks.provider import Provider, active
from aigc_hooks_langchain.media import labelled_media
from aigc_hooks_langchain.messages import RECORD, calls_tools, missed, structured, text_of


def _whole(answer: Any, arguments: Mapping[str, Any], provider: Provider, source: str) -> Any:
    """An answer, of a chat model or a text model, with its label."""
    if not isinstance(answer, str):
        return missed(answer, arguments, provider, source)
    if structured(arguments) or left_alone(answer) or shows_label(answer, provider):
        return answer
    return labelled(answer, provider, source)


def _drawn(piece: Any, provider: Provider, source: str) -> Any:
    """A piece of a stream, its media labelled."""
    return piece if isinstance(piece, str) else labelled_media(piece, provider, source)


def _last(pieces: list[Any], arguments: Mapping[str, Any], provider: Provider, source: str) -> list[Any]:
    """The piece that a stream lacks, if any."""
    if not pieces:
        return []
    text = "".join(piece if isinstance(piece, str) else text_of(piece.content) for piece in pieces)
    if shows_label(text, provider) or left_alone(text):
        return []
    if any(RECORD in piece.response_metadata or calls_tools(piece) for piece in pieces if not isinstance(piece, str)):
        return []
    # What has left cannot have a label before it any more.
    provider = provider.model_copy(update={"text": provider.text.model_copy(update={"position": "end"})})
    if isinstance(pieces[0], str):
        return [_whole(text, arguments, provider, source)[len(text) :]]
    message = _whole(type(pieces[0])(content=text, id=pieces[0].id), arguments, provider, source)
    rest = message.content[len(text) :]
    return [message.model_copy(update={"content": rest})] if rest else []


def _invoke(original: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    @functools.wraps(original)
    def invoke(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _whole(original(self, *args, **kwargs), kwargs, active(provider), type(self).__name__)

    return invoke


def _ainvoke(original: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    @functools.wraps(original)
    async def ainvoke(self: Any, *args: Any, **kwargs: Any) -> Any:
        settings, source = active(provider), type(self).__name__
        answer = await original(self, *args, **kwargs)
        return await recorded(lambda answer: _whole(answer, kwargs, settings, source), answer)

    return ainvoke


def _stream(original: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    @functools.wraps(original)
    def stream(self: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        settings, source, pieces = active(provider), type(self).__name__, []
        bare = iter(original(self, *args, **kwargs))
        with closing(bare) if isinstance(bare, Generator) else nullcontext():
            for piece in bare:
                pieces.append(_drawn(piece, settings, source))
                yield pieces[-1]
        yield from _last(pieces, kwargs, settings, source)

    return stream


def _astream(original: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    @functools.wraps(original)
    async def astream(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        settings, source, pieces = active(provider), type(self).__name__, []
        bare = aiter(original(self, *args, **kwargs))
        async with aclosing(bare) if isinstance(bare, AsyncGenerator) else nullcontext():
            async for piece in bare:
                pieces.append(await recorded(lambda piece: _drawn(piece, settings, source), piece))
                yield pieces[-1]
        for piece in await recorded(lambda pieces: _last(pieces, kwargs, settings, source), pieces):
            yield piece

    return astream


SEAMS: dict[str, Seam] = {"invoke": _invoke, "ainvoke": _ainvoke, "stream": _stream, "astream": _astream}
"""Of methods that a model has in place of its base class's."""
