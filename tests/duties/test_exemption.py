"""Article 9: no explicit label, the implicit one in its place, and the record before everything."""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import json
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import soundfile
from langchain_core.caches import InMemoryCache
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from PIL import Image

import aigc_hooks
from aigc_hooks import ExemptionError, LabelError, Provider, read_label

ASKED: dict[str, Any] = {"user": "u-1029", "agreement": "terms-7", "reason": "print"}
NOTICE = "（本内容由AI生成）"


def picture() -> Image.Image:
    return Image.new("RGB", (256, 256), "teal")


@pytest.fixture
def tone() -> Any:
    """Like none that another test had exempted: sound is known again by its samples."""
    return (0.1 * numpy.random.default_rng().standard_normal(24_000)).astype(numpy.float32)


def test_a_picture_has_no_ink_and_its_implicit_label(
    tmp_path: Path, provider: Provider, sink: Any, one_label: Any
) -> None:
    with aigc_hooks.exempt(**ASKED):
        image = aigc_hooks.label(picture(), provider=provider)
    assert image.tobytes() == picture().tobytes()
    image.save(tmp_path / "cat.png")
    with Image.open(tmp_path / "cat.png") as saved:
        assert saved.tobytes() == picture().tobytes()
    (record,) = sink.records
    assert one_label(tmp_path / "cat.png") == record.label.to_dict()
    assert (record.outcome, record.modality, record.reason) == ("exempted", "image", "print")


def test_a_text_and_a_file_of_it(tmp_path: Path, provider: Provider, sink: Any) -> None:
    with aigc_hooks.exempt(**ASKED):
        assert aigc_hooks.label("a text", provider=provider) == "a text"
        aigc_hooks.save("# Title\n\na text", tmp_path / "text.md", provider=provider)
    assert NOTICE not in (tmp_path / "text.md").read_text(encoding="utf-8")
    assert read_label(tmp_path / "text.md").label == sink.records[1].label
    assert sink.outcomes() == ["exempted", "exempted"]
    assert aigc_hooks.label("a text", provider=provider).endswith(NOTICE)
    assert sink.outcomes()[2:] == ["labelled"]


@pytest.mark.parametrize("position", ["start", "end", "both"])
def test_a_sound_and_a_file_of_it(tone: Any, position: str, tmp_path: Path, provider: Provider, sink: Any) -> None:
    with aigc_hooks.exempt(**ASKED), aigc_hooks.override(audio={"position": position}):
        made = aigc_hooks.label(tone, rate=24_000, provider=provider)
        (record,) = sink.records
        aigc_hooks.save(tone, tmp_path / "tone.wav", rate=24_000, provider=provider)
    assert numpy.array_equal(made, tone)
    soundfile.write(tmp_path / "later.flac", made, 24_000)
    for name in ("tone.wav", "later.flac"):
        assert len(soundfile.read(tmp_path / name)[0]) == len(tone)
        assert read_label(tmp_path / name).label == record.label
    assert sink.outcomes()[:2] == ["exempted", "exempted"]


def test_other_sound_is_not_taken_for_exempted(tone: Any, tmp_path: Path, provider: Provider, sink: Any) -> None:
    with aigc_hooks.exempt(**ASKED):
        aigc_hooks.label(tone, rate=24_000, provider=provider)
        aigc_hooks.label(numpy.zeros(24_000, numpy.float32), rate=24_000, provider=provider)
    other = tone.copy()
    other[3000:] = 0.2 * numpy.random.default_rng(3).standard_normal(21_000)
    for number, samples in enumerate([other, numpy.zeros(24_000, numpy.float32)]):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, samples, 24_000)
        assert not read_label(path).found


def test_a_file_of_sound_keeps_its_samples(tone: Any, tmp_path: Path, provider: Provider, sink: Any) -> None:
    soundfile.write(tmp_path / "a.wav", tone, 24_000)
    with aigc_hooks.exempt(**ASKED):
        aigc_hooks.label(tmp_path / "a.wav", provider=provider, output=tmp_path / "b.wav")
    one, other = (soundfile.read(tmp_path / name)[0] for name in ("a.wav", "b.wav"))
    assert numpy.array_equal(one, other)
    assert read_label(tmp_path / "b.wav").label == sink.records[0].label


@pytest.mark.parametrize("position", ["start", "end", "both"])
def test_encoded_sound_on_its_way(tone: Any, position: str, tmp_path: Path, provider: Provider, sink: Any) -> None:
    soundfile.write(tmp_path / "a.wav", tone, 24_000)
    data = (tmp_path / "a.wav").read_bytes()

    @aigc_hooks.wrap(kind="audio", provider=provider)
    def speak() -> Iterator[bytes]:
        for at in range(0, len(data), 4096):
            yield data[at : at + 4096]

    with aigc_hooks.exempt(**ASKED), aigc_hooks.override(audio={"position": position}):
        pieces = speak()
        first = next(pieces)
        assert sink.outcomes() == ["exempted"]  # before it left
    (tmp_path / "b.wav").write_bytes(first + b"".join(pieces))
    assert numpy.array_equal(soundfile.read(tmp_path / "b.wav")[0], soundfile.read(tmp_path / "a.wav")[0])
    assert read_label(tmp_path / "b.wav").label == sink.records[0].label
    assert sink.outcomes() == ["exempted"]


@pytest.mark.parametrize("position", ["start", "end", "both"])
def test_samples_without_a_header_are_known_when_they_are_saved(
    position: str, tone: Any, tmp_path: Path, provider: Provider, sink: Any
) -> None:
    swelling = (tone * numpy.linspace(0.01, 1, len(tone)) * 32767).astype("<i2")

    @aigc_hooks.wrap(kind="audio", provider=provider, rate=24_000)
    def speak() -> Iterator[bytes]:
        for part in numpy.split(swelling, 6):
            yield part.tobytes()

    with aigc_hooks.exempt(**ASKED), aigc_hooks.override(audio={"position": position}):
        made = numpy.frombuffer(b"".join(speak()), "<i2")
    assert numpy.array_equal(made, swelling)
    soundfile.write(tmp_path / "a.wav", made, 24_000)
    assert read_label(tmp_path / "a.wav").label == sink.records[0].label


@pytest.mark.parametrize("position", ["start", "end", "both"])
def test_sound_in_pieces(tone: Any, position: str, provider: Provider, sink: Any) -> None:
    @aigc_hooks.wrap(kind="audio", provider=provider, rate=24_000)
    def speak() -> Iterator[Any]:
        yield from numpy.split(tone, 4)

    with aigc_hooks.exempt(**ASKED), aigc_hooks.override(audio={"position": position}):
        pieces = speak()
        first = next(pieces)
        assert sink.outcomes() == ["exempted"]
    assert numpy.array_equal(numpy.concatenate([first, *pieces]), tone)
    assert sink.outcomes() == ["exempted"]


@pytest.mark.parametrize("position", ["start", "end", "both"])
def test_a_stream_belongs_to_the_context_in_which_it_begins(position: str, provider: Provider, sink: Any) -> None:
    @aigc_hooks.wrap(kind="text", provider=provider)
    def answer() -> Iterator[str]:
        yield from ("\n", "a ", "long ", "answer")

    with aigc_hooks.override(text={"position": position}):
        with aigc_hooks.exempt(**ASKED):
            pieces = iter(answer())
            first = [next(pieces), next(pieces)]
            assert sink.outcomes() == ["exempted"]
        assert "".join([*first, *pieces]) == "\na long answer"
        assert sink.outcomes() == ["exempted"]
        assert NOTICE in "".join(answer())


def test_a_stream_that_began_outside_is_labelled(provider: Provider, sink: Any) -> None:
    @aigc_hooks.wrap(kind="text", provider=provider)
    def answer() -> Iterator[str]:
        yield from ("a ", "long ", "answer")

    pieces = iter(answer())
    begun = next(pieces)
    with aigc_hooks.exempt(**ASKED):
        assert begun + "".join(pieces) == f"a long answer\n\n{NOTICE}"
    assert sink.outcomes() == ["labelled"]


def test_an_asynchronous_stream_and_tasks_do_not_disturb_each_other(provider: Provider, sink: Any) -> None:
    @aigc_hooks.wrap(kind="text", provider=provider)
    async def answer(name: str) -> AsyncIterator[str]:
        for piece in (name, " one", " two"):
            await asyncio.sleep(0)
            yield piece

    async def exempted(name: str) -> str:
        with aigc_hooks.exempt(**{**ASKED, "user": name}):
            return "".join([piece async for piece in answer(name)])

    async def plain(name: str) -> str:
        return "".join([piece async for piece in answer(name)])

    async def both() -> list[str]:
        return await asyncio.gather(exempted("a"), plain("b"), exempted("c"), plain("d"))

    with aigc_hooks.override(exemption_ids="plain"):
        texts = asyncio.run(both())
    assert [NOTICE in text for text in texts] == [False, True, False, True]
    assert sorted(record.user for record in sink.records if record.outcome == "exempted") == ["a", "c"]


def test_threads_see_it_only_where_it_is_taken_along(provider: Provider, sink: Any) -> None:
    made: dict[str, str] = {}

    def work(name: str) -> None:
        made[name] = aigc_hooks.label("a text", provider=provider)

    with aigc_hooks.exempt(**ASKED):
        context = contextvars.copy_context()
        threads = [
            threading.Thread(target=contextvars.Context().run, args=[work, "by hand"]),
            threading.Thread(target=context.run, args=[work, "taken along"]),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        asyncio.run(asyncio.to_thread(work, "to_thread"))  # type: ignore[arg-type]
    assert {name: NOTICE in text for name, text in made.items()} == {
        "by hand": True,
        "taken along": False,
        "to_thread": False,
    }


def test_contexts_in_each_other(provider: Provider, sink: Any) -> None:
    with aigc_hooks.override(exemption_ids="plain"), aigc_hooks.exempt(**ASKED):
        with aigc_hooks.exempt(user="inner", agreement="terms-8", reason="film"):
            aigc_hooks.label("one", provider=provider)
        aigc_hooks.label("two", provider=provider)
        with pytest.raises(ZeroDivisionError), aigc_hooks.exempt(**{**ASKED, "user": "failing"}):
            1 / 0  # noqa: B018
        aigc_hooks.label("three", provider=provider)
    told = [(record.user, record.agreement, record.reason) for record in sink.records]
    assert told == [("inner", "terms-8", "film"), ("u-1029", "terms-7", "print"), ("u-1029", "terms-7", "print")]


def test_ids_are_hashed_unless_told_otherwise(provider: Provider, sink: Any) -> None:
    with aigc_hooks.exempt(**ASKED):
        aigc_hooks.label("one", provider=provider)
        aigc_hooks.label("two", provider=provider, exemption_ids="plain")
    hashed, plain = sink.records
    assert hashed.user == f"sha256:{hashlib.sha256(b'u-1029').hexdigest()}"
    assert hashed.agreement == f"sha256:{hashlib.sha256(b'terms-7').hexdigest()}"
    assert (plain.user, plain.agreement) == ("u-1029", "terms-7")
    assert "u-1029" not in repr(hashed)


@pytest.mark.parametrize("missing", ["user", "agreement", "reason"])
@pytest.mark.parametrize("value", ["", "  ", None, 7])
def test_an_incomplete_exemption_is_refused(missing: str, value: Any) -> None:
    with (
        pytest.raises(ExemptionError, match=rf"exempt\({missing}=.*incomplete"),
        aigc_hooks.exempt(**{**ASKED, missing: value}),
    ):
        pytest.fail("it was let in")


@pytest.mark.parametrize("settings", [{}, {"audit": "best-effort"}, {"on_error": "warn"}])
def test_a_failing_sink_stops_it_whatever_is_forgiven(tone: Any, settings: Any, tmp_path: Path, sink: Any) -> None:
    provider = Provider(producer="acme", **settings)
    sink.fail()
    soundfile.write(tmp_path / "a.wav", tone, 24_000)
    picture().save(tmp_path / "a.png")
    (tmp_path / "a.md").write_text("a text", encoding="utf-8")
    given = {path.name: path.read_bytes() for path in tmp_path.glob("a.*")}
    image, out = picture(), tmp_path / "out"
    out.mkdir()

    @aigc_hooks.wrap(kind="text", provider=provider)
    def answer() -> Iterator[str]:
        yield from ("a ", "long ", "answer")

    with aigc_hooks.exempt(**ASKED):
        for attempt in (
            lambda: aigc_hooks.label(image, provider=provider),
            lambda: aigc_hooks.label("a text", provider=provider),
            lambda: aigc_hooks.label(tone, rate=24_000, provider=provider),
            lambda: next(iter(answer())),
            *(lambda name=name: aigc_hooks.label(tmp_path / name, provider=provider) for name in given),
            *(
                lambda name=name: aigc_hooks.label(tmp_path / name, output=out / name, provider=provider)
                for name in given
            ),
        ):
            with pytest.raises(ExemptionError, match=r"could not be recorded.*disk full") as caught:
                attempt()
            assert caught.value.plugin == "sink"
    assert image.info == {}
    assert {path.name: path.read_bytes() for path in tmp_path.glob("a.*")} == given
    assert list(out.iterdir()) == []


def test_a_silenced_log_is_no_sink(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "aigc_hooks.audit")
    with aigc_hooks.exempt(**ASKED), pytest.raises(ExemptionError, match="no sink keeps the record"):
        aigc_hooks.label("a text", provider=provider)
    caplog.set_level(logging.WARNING, "aigc_hooks.audit")
    with aigc_hooks.exempt(**ASKED):
        aigc_hooks.label("a text", provider=provider)
    line = json.loads(caplog.records[-1].getMessage())
    assert line["outcome"] == "exempted"
    assert line["user"].startswith("sha256:")


def test_what_is_labelled_already_keeps_its_label(provider: Provider, sink: Any) -> None:
    text, image = aigc_hooks.label("a text", provider=provider), aigc_hooks.label(picture(), provider=provider)
    pixels = image.tobytes()
    with aigc_hooks.exempt(**ASKED):
        assert aigc_hooks.label(text, provider=provider) == text
        assert aigc_hooks.label(image, provider=provider).tobytes() == pixels
    assert sink.outcomes()[2:] == ["already-labelled", "already-labelled"]


def test_what_needs_no_label_needs_no_exemption(provider: Provider, sink: Any) -> None:
    with aigc_hooks.exempt(**ASKED):
        assert aigc_hooks.label('{"a": 1}', provider=provider) == '{"a": 1}'
    assert sink.outcomes() == ["passed"]


def test_a_chat_model_and_its_cache(provider: Provider, sink: Any) -> None:
    model = GenericFakeChatModel(messages=iter(AIMessage(f"answer {n}") for n in range(9)), cache=InMemoryCache())
    aigc_hooks.wrap(model, provider=provider)
    with aigc_hooks.exempt(**ASKED):
        assert model.invoke("q").content == "answer 0"
        assert model.invoke("q").content == "answer 0"
    with aigc_hooks.exempt(**ASKED):  # another exemption, another record
        assert model.invoke("q").content == "answer 1"
    assert model.invoke("q").content == f"answer 2\n\n{NOTICE}"
    assert sink.outcomes() == ["exempted", "exempted", "labelled"]
    with aigc_hooks.exempt(**ASKED):
        assert "".join(chunk.content for chunk in model.stream("q")) == "answer 3"
    assert sink.outcomes()[3:] == ["exempted"]


def test_a_label_that_cannot_be_made_is_no_exemption(provider: Provider, installed: Any) -> None:
    installed("mine", "from aigc_hooks import hookimpl\n@hookimpl\ndef aigc_make_label(): raise OSError('none left')\n")
    with aigc_hooks.exempt(**ASKED), pytest.raises(LabelError, match="none left"):
        aigc_hooks.label("a text", provider=provider)
