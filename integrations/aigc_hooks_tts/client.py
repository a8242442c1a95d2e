"""OpenAI's client and its kin: what ``audio.speech`` brings is labelled, however it is asked for.

All resources of a client, their raw and streaming forms, and the clients that ``with_options`` makes of it send through
one method of it and receive through another. These are the two that are replaced, so that nothing that was taken from
the client before, or is taken in a way not thought of here, goes past them. What else the service generates is not
asked for: it would leave without a label.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from aigc_hooks.artifact import Adapter, Call
from aigc_hooks.duties.waiting import recorded
from aigc_hooks.encoded import EncodedSound
from aigc_hooks.errors import UnsupportedOutputError
from aigc_hooks.provider import Provider, active
from aigc_hooks.stages import review
from aigc_hooks_tts.events import SpeechEvents

_SPEECH = "/audio/speech"
_EVENTS = "text/event-stream"
_RATE = 24_000
"""Of samples without a header (``response_format="pcm"``), as the service documents it; others tell ``sample_rate``."""

# What generates nothing that is to be labelled: numbers, judgements, what was heard, and what is kept there.
_PASSED = (
    "/audio/transcriptions",
    "/audio/translations",
    "/embeddings",
    "/files",
    "/fine_tuning",
    "/models",
    "/moderations",
    "/uploads",
    "/vector_stores",
)
_SOCKETS = ("realtime", "live", "beta")
"""Resources that can speak past the two methods."""

# Of the body as it came: the new one has others.
_OLD_HEADERS = (b"content-length", b"content-encoding", b"transfer-encoding")


def _refused(what: str) -> UnsupportedOutputError:
    return UnsupportedOutputError(
        f"{what} of a wrapped OpenAI client may generate what this adapter does not label, and so it is not asked: it "
        "labels audio.speech. For chats wrap ChatOpenAI of langchain-openai; for anything else use a client that is "
        "not wrapped, and label() what it returns",
        stage="detect",
    )


def _check(options: Any) -> None:
    """Lets pass what is labelled, and what needs no label.

    Raises:
        UnsupportedOutputError: It is neither.
    """
    path = "/" + str(options.url).partition("?")[0].strip("/")
    if path != _SPEECH and not any(path == passed or path.startswith(f"{passed}/") for passed in _PASSED):
        raise _refused(path)


def _body(options: Any) -> dict[str, Any]:
    """What a request asks for."""
    return {**_mapping(options.json_data), **_mapping(getattr(options, "extra_json", None))}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _request(request: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``request``, of both kinds of client: it returns what the other returns."""

    @functools.wraps(request)
    def replacement(self: Any, cast_to: Any, options: Any, **kwargs: Any) -> Any:
        _check(options)
        review(Call(type(self).__name__, [], _body(options), "openai"), active(provider))
        return request(self, cast_to, options, **kwargs)

    @functools.wraps(request)
    async def replacement_async(self: Any, cast_to: Any, options: Any, **kwargs: Any) -> Any:
        _check(options)
        review(Call(type(self).__name__, [], _body(options), "openai"), active(provider))
        return await request(self, cast_to, options, **kwargs)

    return replacement_async if inspect.iscoroutinefunction(request) else replacement


def _process(process: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``_process_response``: it is given a response, from which all that a script may read comes."""

    @functools.wraps(process)
    def replacement(self: Any, *, options: Any, response: Any, **kwargs: Any) -> Any:
        return process(self, options=options, response=_labelled(self, options, response, provider), **kwargs)

    @functools.wraps(process)
    async def replacement_async(self: Any, *, options: Any, response: Any, **kwargs: Any) -> Any:
        return await process(self, options=options, response=_labelled(self, options, response, provider), **kwargs)

    return replacement_async if inspect.iscoroutinefunction(process) else replacement


def _labelled(client: Any, options: Any, response: Any, provider: Provider) -> Any:
    # Azure has put the name of the model before it.
    if not str(options.url).partition("?")[0].rstrip("/").endswith(_SPEECH):
        return response
    body = _body(options)
    rate = int(body.get("sample_rate") or _RATE) if body.get("response_format") == "pcm" else None
    source = type(client).__name__
    encoded = EncodedSound(provider, source, rate)
    in_events = response.headers.get("content-type", "").partition(";")[0].strip().lower() == _EVENTS
    sound = SpeechEvents(encoded, source) if in_events else encoded
    headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _OLD_HEADERS]
    kind: Any = type(response)
    if response.is_closed:  # it has been read
        content = sound.put(response.content) + sound.end()
        made = kind(response.status_code, headers=headers, content=content, request=response.request)
        made.elapsed = response.elapsed
    else:
        stream = _stream(response, sound)
        made = stream.made = kind(response.status_code, headers=headers, stream=stream, request=response.request)
    made.extensions, made.history = response.extensions, response.history
    return made


def _stream(response: Any, sound: EncodedSound | SpeechEvents) -> Any:
    """The body of a response that has not been read, labelled on its way."""
    library: Any = sys.modules[type(response).__module__.partition(".")[0]]

    class Stream(library.SyncByteStream):  # type: ignore[misc]
        made: Any

        def __iter__(self) -> Iterator[bytes]:
            for piece in response.iter_bytes():
                if data := sound.put(piece):
                    yield data
            if rest := sound.end():
                yield rest

        def close(self) -> None:
            response.close()
            self.made.elapsed = response.elapsed

    class AsyncStream(library.AsyncByteStream):  # type: ignore[misc]
        made: Any

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for piece in response.aiter_bytes():
                if data := await recorded(sound.put, piece):
                    yield data
            if rest := await recorded(lambda ended: ended.end(), sound):
                yield rest

        async def aclose(self) -> None:
            await response.aclose()
            self.made.elapsed = response.elapsed

    return Stream() if isinstance(response.stream, library.SyncByteStream) else AsyncStream()


def _socket(name: str) -> Callable[..., Any]:
    def seam(resource: Any, provider: Provider) -> Any:
        def refuse(self: Any) -> Any:
            raise _refused(name)

        return property(refuse, doc=resource.__doc__)

    return seam


def client_of(cls: type) -> Adapter:
    """The adapter of a client's class."""
    # Where there is no beta, it stands elsewhere, and the version is refused.
    sockets = {name: _socket(name) for name in _SOCKETS if name == "beta" or hasattr(cls, name)}
    return Adapter("openai", {"request": _request, "_process_response": _process, **sockets})
