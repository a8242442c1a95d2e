"""OpenAI's client against a local server: speech carries both labels, however it is asked for."""

from __future__ import annotations

import asyncio
import copy
import io
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import openai
import pytest

import aigc_hooks
from aigc_hooks import UnsupportedOutputError, find_rhythm, read_label
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


def test_events_are_not_asked(server: ModelServer) -> None:
    with pytest.raises(UnsupportedOutputError, match="stream_format='sse'"):
        client_of(server).audio.speech.create(**ASKED, stream_format="sse")
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
