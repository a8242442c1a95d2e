"""OpenAI's client against a local server: speech carries both labels, however it is asked for."""

from __future__ import annotations

import asyncio
import base64
import copy
import io
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import openai
import pytest
from aigc_hooks_tts.events import SpeechEvents

import aigc_hooks
from aigc_hooks import UnsupportedOutputError, find_rhythm, read_label
from aigc_hooks.encoded import EncodedSound
from aigc_hooks.testing import ModelServer, Reply

RATE = 24_000
ENCODERS = {
    "mp3": ["-f", "mp3", "-b:a", "64k"],
    "opus": ["-c:a", "libopus", "-f", "ogg"],
    "aac": ["-c:a", "aac", "-f", "adts"],
    "flac": ["-f", "flac"],
    "wav": ["-f", "wav"],
    "pcm": ["-f", "s16le"],
}


@pytest.fixture(scope="module")
def sounds(command: Callable[..., bytes]) -> dict[str, bytes]:
    """Two seconds of a voice in every form that the service has."""
    command("ffmpeg", "-version")
    at = numpy.arange(2 * RATE) / RATE
    pitch = 140 + 40 * numpy.sin(2 * numpy.pi * numpy.random.default_rng().uniform(0.5, 2) * at)
    angle = 2 * numpy.pi * numpy.cumsum(pitch) / RATE
    voice = sum(0.1 * numpy.sin(n * angle) / n for n in range(1, 12)).astype("<f4")
    source = ["-f", "f32le", "-ar", str(RATE), "-ac", "1", "-i", "-"]
    return {
        name: subprocess.run(
            ["ffmpeg", "-v", "error", *source, *options, "-"], input=voice.tobytes(), capture_output=True, check=True
        ).stdout
        for name, options in ENCODERS.items()
    }


@pytest.fixture
def server(sounds: dict[str, bytes]) -> Iterator[ModelServer]:
    with ModelServer(lambda request: Reply("hello", audio=sounds[request.get("response_format", "mp3")])) as server:
        yield server


def client_of(server: ModelServer, **settings: Any) -> Any:
    client = openai.OpenAI(base_url=server.url, api_key="none", max_retries=0)
    return aigc_hooks.wrap(client, producer="acme", **settings)


def async_client_of(server: ModelServer) -> Any:
    client = openai.AsyncOpenAI(base_url=server.url, api_key="none", max_retries=0)
    return aigc_hooks.wrap(client, producer="acme")


ASKED = {"model": "tts-1", "voice": "alloy", "input": "你好"}


def checked(data: bytes, form: str = "mp3") -> None:
    source = ["-f", "s16le", "-ar", str(RATE), "-ac", "1"] if form == "pcm" else []
    command = ["ffmpeg", "-v", "error", *source, "-i", "-", "-f", "f32le", "-ac", "1", "-ar", str(RATE), "-"]
    done = subprocess.run(command, input=data, capture_output=True, check=True, timeout=60)
    assert done.stderr == b""
    assert len(find_rhythm(numpy.frombuffer(done.stdout, numpy.float32), RATE)) == 1
    if form != "pcm":
        assert [each.label.content_producer for each in read_label(data).findings if each.label] == ["acme"]


@pytest.mark.parametrize("form", ENCODERS)
def test_every_form(form: str, server: ModelServer, tmp_path: Path) -> None:
    client = client_of(server)
    speech = client.audio.speech.create(**ASKED, response_format=form)
    checked(speech.content, form)
    assert speech.read() == b"".join(speech.iter_bytes(1000)) == speech.content
    speech.write_to_file(tmp_path / f"a.{form}")
    checked((tmp_path / f"a.{form}").read_bytes(), form)
    with client.audio.speech.with_streaming_response.create(**ASKED, response_format=form) as response:
        pieces = list(response.iter_bytes())
        checked(b"".join(pieces), form)
        assert response.elapsed is not None
    with client.audio.speech.with_streaming_response.create(**ASKED, response_format=form) as response:
        response.stream_to_file(tmp_path / f"b.{form}")
    checked((tmp_path / f"b.{form}").read_bytes(), form)


WAYS: dict[str, Callable[[Any], bytes]] = {
    "raw": lambda client: client.audio.speech.with_raw_response.create(**ASKED).content,
    "raw, parsed": lambda client: client.audio.speech.with_raw_response.create(**ASKED).parse().content,
    "raw client": lambda client: client.with_raw_response.audio.speech.create(**ASKED).content,
    "with_options": lambda client: client.with_options(timeout=20).audio.speech.create(**ASKED).content,
    "copy": lambda client: client.copy().audio.speech.with_raw_response.create(**ASKED).content,
    "copy.copy": lambda client: copy.copy(client).audio.speech.create(**ASKED).content,
    "by its path": lambda client: client.post("/audio/speech", body=ASKED, cast_to=type(_response(client))).content,
    "iter_raw": lambda client: _streamed(client, "iter_bytes"),
    "in pieces of seven": lambda client: _streamed(client, "iter_bytes", 7),
    "read": lambda client: _read(client),
}


def _response(client: Any) -> Any:
    return client.audio.speech.with_raw_response.create(**ASKED).http_response


def _streamed(client: Any, way: str, *args: Any) -> bytes:
    with client.audio.speech.with_streaming_response.create(**ASKED) as response:
        return b"".join(getattr(response, way)(*args))


def _read(client: Any) -> bytes:
    with client.audio.speech.with_streaming_response.create(**ASKED) as response:
        return response.read()


@pytest.mark.parametrize("way", WAYS)
def test_every_way(way: str, server: ModelServer) -> None:
    checked(WAYS[way](client_of(server)))


def test_resources_that_were_taken_before(server: ModelServer) -> None:
    client = openai.OpenAI(base_url=server.url, api_key="none")
    speech, streaming = client.audio.speech, client.audio.speech.with_streaming_response
    aigc_hooks.wrap(client, producer="acme")
    checked(speech.create(**ASKED).content)
    with streaming.create(**ASKED) as response:
        checked(b"".join(response.iter_bytes()))
    aigc_hooks.unwrap(client)
    assert find_rhythm(_samples(speech.create(**ASKED, response_format="pcm").content), RATE) == ()


def _samples(data: bytes) -> Any:
    return numpy.frombuffer(data, "<i2")


def test_asynchronous(server: ModelServer, tmp_path: Path) -> None:
    async def run() -> None:
        client = async_client_of(server)
        checked((await client.audio.speech.create(**ASKED)).content)
        raw = await client.audio.speech.with_raw_response.create(**ASKED)
        checked(raw.content)
        options = client.with_options(max_retries=1)
        async with options.audio.speech.with_streaming_response.create(**ASKED, response_format="opus") as response:
            checked(b"".join([piece async for piece in response.iter_bytes()]), "opus")
        async with client.audio.speech.with_streaming_response.create(**ASKED) as response:
            await response.stream_to_file(tmp_path / "a.mp3")
        checked((tmp_path / "a.mp3").read_bytes())
        async with client.audio.speech.with_streaming_response.create(**ASKED) as response:
            async for piece in response.iter_bytes():
                assert piece
                break
        with pytest.raises(UnsupportedOutputError, match="/chat/completions"):
            await client.chat.completions.create(model="m", messages=[])
        await client.close()

    asyncio.run(run())


def test_the_first_piece_does_not_wait_for_the_last(sounds: dict[str, bytes]) -> None:
    with ModelServer(lambda request: Reply(audio=sounds["wav"] * 3, breaks_after=2)) as server:
        client = client_of(server)
        with client.audio.speech.with_streaming_response.create(**ASKED) as response:
            pieces = response.iter_bytes()
            assert next(pieces)[:4] == b"RIFF"
            with pytest.raises(Exception, match="incomplete"):
                list(pieces)


@pytest.mark.parametrize(("position", "labels"), [("end", 1), ("both", 2)])
def test_where_it_is_asked_for(position: str, labels: int, server: ModelServer) -> None:
    client = client_of(server, audio={"position": position})
    samples = _samples(client.audio.speech.create(**ASKED, response_format="pcm").content)
    found = find_rhythm(samples, RATE)
    assert len(found) == labels
    assert found[-1].start > 2


def test_another_rate_of_bare_samples(server: ModelServer) -> None:
    """Servers that speak OpenAI's language take other rates."""
    client = client_of(server)
    speech = client.audio.speech.create(**ASKED, response_format="pcm", extra_body={"sample_rate": 16_000})
    assert len(find_rhythm(_samples(speech.content), 16_000)) == 1


def test_bare_samples_that_are_saved_are_known(server: ModelServer, tmp_path: Path) -> None:
    import wave

    client = client_of(server)
    path = tmp_path / "a.wav"
    with (
        client.audio.speech.with_streaming_response.create(**ASKED, response_format="pcm") as response,
        wave.open(str(path), "wb") as file,
    ):
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        for piece in response.iter_bytes(1024):
            file.writeframes(piece)
    assert read_label(path).conforms


# Events


def events_of(data: bytes) -> list[Any]:
    """By the rules of the protocol, without the code that is tested."""
    blocks = data.decode().replace("\r\n", "\n").split("\n\n")
    found = ["\n".join(line[5:].strip() for line in block.split("\n") if line[:5] == "data:") for block in blocks]
    return [json.loads(each) for each in found if each and each != "[DONE]"]


def sound_of(data: bytes) -> bytes:
    events = events_of(data)
    assert events[-1]["type"] == "speech.audio.done"
    assert events[-1]["usage"]["total_tokens"] == 2
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    return b"".join(base64.b64decode(event["audio"], validate=True) for event in events[:-1])


@pytest.mark.parametrize("form", ENCODERS)
def test_events_carry_labelled_sound(form: str, server: ModelServer) -> None:
    client = client_of(server)
    asked = {**ASKED, "response_format": form, "stream_format": "sse"}
    whole = client.audio.speech.create(**asked).content
    checked(sound_of(whole), form)
    assert whole.endswith(b"data: [DONE]\n\n")
    for size in (1, 1000):
        with client.audio.speech.with_streaming_response.create(**asked) as response:
            checked(sound_of(b"".join(response.iter_bytes(size))), form)
    with client.audio.speech.with_streaming_response.create(**asked) as response:
        lines = "\n".join(response.iter_lines())
    checked(sound_of(lines.encode()), form)


@pytest.mark.parametrize(("position", "labels"), [("end", 1), ("both", 2)])
def test_events_with_the_label_where_it_is_asked_for(position: str, labels: int, server: ModelServer) -> None:
    client = client_of(server, audio={"position": position})
    made = client.audio.speech.create(**ASKED, response_format="pcm", stream_format="sse").content
    found = find_rhythm(_samples(sound_of(made)), RATE)
    assert len(found) == labels
    assert found[-1].start > 2


def test_asynchronous_events(server: ModelServer) -> None:
    async def run() -> bytes:
        async with async_client_of(server) as client:
            asked = {**ASKED, "stream_format": "sse"}
            async with client.audio.speech.with_streaming_response.create(**asked) as response:
                return b"".join([piece async for piece in response.iter_bytes()])

    checked(sound_of(asyncio.run(run())))


def test_the_first_event_does_not_wait_for_the_last(sounds: dict[str, bytes]) -> None:
    with ModelServer(lambda request: Reply(audio=sounds["wav"] * 3, breaks_after=2)) as server:
        client = client_of(server)
        with client.audio.speech.with_streaming_response.create(**ASKED, stream_format="sse") as response:
            pieces = response.iter_bytes()
            assert base64.b64decode(events_of(next(pieces))[0]["audio"])[:4] == b"RIFF"
            with pytest.raises(Exception, match="incomplete"):
                list(pieces)


def stream_of(sound: bytes, between: bytes = b"\n\n") -> bytes:
    """Events of another make: comments, other fields, data in two lines, none that ends it."""
    half = base64.b64encode(sound[:3000]).decode(), base64.b64encode(sound[3000:]).decode()
    line = between[: len(between) // 2]
    first = line.join([b"id: 1", b"event: speech.audio.delta", b'data: {"type": "speech.audio.delta",'])
    second = line.join([b'data: "audio": "%s", "n": 7}' % half[0].encode()])
    third = b'data:{"type":"speech.audio.delta","audio":"%s"}' % half[1].encode()
    return between.join([b": hello", first + line + second, third]) + between


@pytest.mark.parametrize("between", [b"\n\n", b"\r\n\r\n", b"\r\r"])
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_events_of_every_make(between: bytes, size: int, sounds: dict[str, bytes]) -> None:
    provider = aigc_hooks.Provider(producer="acme")
    events = SpeechEvents(EncodedSound(provider, "test"), "test")
    bare = stream_of(sounds["mp3"], between)
    made = b"".join(events.put(bare[at : at + size]) for at in range(0, len(bare), size)) + events.end()
    assert made.startswith(b": hello" + between)
    found = [json.loads(each[5:]) for each in made.splitlines() if each.startswith(b"data:")]
    checked(b"".join(base64.b64decode(each["audio"]) for each in found))
    assert found[0].get("n") in (7, None)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (b'{"type":"speech.audio.delta"}', "no base64"),
        (b'{"type":"speech.audio.delta","audio":"!!"}', "no base64"),
        (b'{"type":"speech.audio.delta","audio":7}', "no base64"),
        (b'{"type":"speech.audio.chunk","audio":"AAAA"}', "type 'speech.audio.chunk'"),
        (b'{"type":"speech.audio.done","audio":"AAAA"}', "type 'speech.audio.done'"),
        (b'["AAAA"]', "type None"),
        (b"AAAA", "no JSON"),
    ],
)
def test_events_that_are_not_known_are_not_released(event: bytes, message: str) -> None:
    provider = aigc_hooks.Provider(producer="acme")
    events = SpeechEvents(EncodedSound(provider, "test"), "test")
    with pytest.raises(UnsupportedOutputError, match=message):
        events.put(b"data: " + event + b"\n\n")
    events = SpeechEvents(EncodedSound(provider, "test"), "test")
    with pytest.raises(UnsupportedOutputError, match=message):
        events.put(b"data: " + event) + events.end()


def test_events_behind_the_end_and_errors(sounds: dict[str, bytes]) -> None:
    provider = aigc_hooks.Provider(producer="acme")
    events = SpeechEvents(EncodedSound(provider, "test"), "test")
    error = b'data: {"error": {"message": "busy"}}\n\n'
    assert events.put(error) == error
    assert events.put(b'data: {"type": "speech.audio.done"}\n\n') == b'data: {"type": "speech.audio.done"}\n\n'
    with pytest.raises(UnsupportedOutputError, match="behind its end"):
        events.put(stream_of(sounds["mp3"]))


# What is not labelled is not asked for


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.chat.completions.create(model="m", messages=[]),
        lambda client: client.chat.completions.with_raw_response.create(model="m", messages=[]),
        lambda client: client.responses.create(model="m", input="hello"),
        lambda client: client.images.generate(prompt="a cat"),
        lambda client: client.completions.create(model="m", prompt="hello"),
        lambda client: client.with_options(timeout=3).images.generate(prompt="a cat"),
        lambda client: client.post("chat/completions", body={}, cast_to=object),
        lambda client: client.realtime,
        lambda client: client.beta,
    ],
)
def test_what_it_does_not_label_is_not_asked(ask: Callable[[Any], Any], server: ModelServer) -> None:
    client = client_of(server)
    with pytest.raises(UnsupportedOutputError, match=r"labels audio\.speech.*ChatOpenAI"):
        ask(client)
    assert server.requests == []


def test_what_generates_nothing_passes(server: ModelServer) -> None:
    with pytest.raises(openai.NotFoundError):  # the server has no models, and was asked
        client_of(server).embeddings.create(model="m", input="hello")
    assert len(server.requests) == 1


def test_what_is_no_sound_is_not_released() -> None:
    with ModelServer(lambda request: Reply(audio=b"<html>busy</html>" * 9000)) as server:
        client = client_of(server)
        with pytest.raises(UnsupportedOutputError, match="no sound of a known form"):
            client.audio.speech.create(**ASKED)
        with (
            client.audio.speech.with_streaming_response.create(**ASKED) as response,
            pytest.raises(UnsupportedOutputError, match="no sound of a known form"),
        ):
            response.read()


def test_errors_of_the_service_stay_its_own() -> None:
    with (
        ModelServer(lambda request: Reply("no such voice", status=400)) as server,
        pytest.raises(openai.BadRequestError, match="no such voice"),
    ):
        client_of(server).audio.speech.create(**ASKED)


def test_azure_puts_the_model_into_its_path(server: ModelServer) -> None:
    client = openai.AzureOpenAI(base_url=f"{server.url}/openai", api_key="none", api_version="2025-01-01")
    aigc_hooks.wrap(client, producer="acme")
    checked(client.audio.speech.create(**ASKED).content)
    client = openai.AzureOpenAI(azure_endpoint=server.url, api_key="none", api_version="2025-01-01")
    aigc_hooks.wrap(client, producer="acme")
    checked(client.audio.speech.create(**ASKED).content)


def test_it_stays_what_it_was(server: ModelServer) -> None:
    client = client_of(server)
    assert isinstance(client, openai.OpenAI)
    assert type(client).__name__ == "OpenAI"
    assert aigc_hooks.is_wrapped(client.with_options(timeout=1))
    assert io.BytesIO(client.audio.speech.create(**ASKED).content).read(3) == b"ID3"
