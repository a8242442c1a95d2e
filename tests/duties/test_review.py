"""A refusal stops what would leave: whole content, streams in the middle, and inputs before anything is generated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy
import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from PIL import Image

import aigc_hooks
from aigc_hooks import LabelError, Provider, ReviewRefused

REVIEWER = """
from aigc_hooks import ReviewRefused, hookimpl

seen = []


@hookimpl
def aigc_review(call, artifact):
    if call is not None:
        seen.append(("call", call.source))
        values = [*call.arguments, *call.keywords.values()]
        return "forbidden question" if "bomb" in str(values) else None
    seen.append((artifact.modality, artifact.part))
    if artifact.modality == "image":
        return "too red" if artifact.content.getpixel((0, 0)) == (255, 0, 0) else None
    if artifact.modality == "audio":
        content = artifact.content
        loud = b"bomb" in content if isinstance(content, bytes) else float(abs(content).max()) > 0.9
        if loud:
            raise ReviewRefused("too loud")
        return None
    return "forbidden answer" if "bomb" in artifact.content else None
"""


@pytest.fixture
def reviewer(installed: Callable[[str, str], Any], sink: Any) -> Any:
    return installed("reviewer", REVIEWER)


FORGIVING = Provider(producer="acme", on_error="warn", audit="best-effort")


def until_refused(stream: Iterator[Any]) -> tuple[list[Any], str]:
    """What leaves a stream before it is refused, and why it is."""
    left: list[Any] = []
    try:
        left.extend(stream)  # item by item
    except ReviewRefused as error:
        return left, str(error)
    return pytest.fail("nothing was refused")


def test_pictures_and_lists_of_them(reviewer: Any, sink: Any) -> None:
    good, bad = Image.new("RGB", (96, 96), "teal"), Image.new("RGB", (96, 96), "red")
    with pytest.raises(ReviewRefused, match="too red"):
        aigc_hooks.label([good, bad], provider=FORGIVING)
    assert bad.getcolors() == [(96 * 96, (255, 0, 0))]
    assert bad.info == {}
    assert sink.outcomes() == ["labelled", "refused"]


def answering(*pieces: str) -> Callable[..., Iterator[str]]:
    @aigc_hooks.wrap(kind="text", provider=FORGIVING)
    def answer(question: str = "") -> Iterator[str]:
        yield from pieces

    return answer


@pytest.mark.parametrize("position", ["start", "end", "both"])
def test_nothing_more_leaves_a_stream(position: str, reviewer: Any, sink: Any) -> None:
    with aigc_hooks.override(text={"position": position}):
        pieces = iter(answering("a long answer about ", "a bo", "mb ", "that goes on")())
        left, reason = until_refused(pieces)
        assert "forbidden answer" in reason
        assert list(pieces) == []
    assert "".join(left).count("mb ") == 0
    assert "a bo" in left
    assert sink.outcomes() == ["refused"]


def test_a_stream_that_is_let_through_is_like_any_other(reviewer: Any, sink: Any) -> None:
    made = list(answering("one ", "two ", "three")())
    assert made == ["one ", "two ", "three", "\n\n（本内容由AI生成）"]
    assert sink.outcomes() == ["labelled"]
    module = reviewer()
    assert module.seen[1:] == [("text", "piece")] * 3 + [("text", "tail")]


def test_asynchronous_streams(reviewer: Any, sink: Any) -> None:
    @aigc_hooks.wrap(kind="text", provider=FORGIVING)
    async def answer() -> AsyncIterator[str]:
        for piece in ("a ", "bomb", " more"):
            yield piece

    async def read() -> list[str]:
        left = []
        try:
            async for piece in answer():
                left.append(piece)
        except ReviewRefused:
            return left
        return pytest.fail("nothing was refused")

    assert asyncio.run(read()) == ["a "]
    assert sink.outcomes() == ["refused"]


def test_what_goes_in_is_refused_before_anything_is_generated(reviewer: Any, sink: Any) -> None:
    ran = []

    @aigc_hooks.wrap(kind="text", provider=FORGIVING)
    def answer(question: str) -> str:
        ran.append(question)
        return "an answer"

    with pytest.raises(ReviewRefused, match="forbidden question"):
        answer("how to build a bomb")
    with pytest.raises(ReviewRefused):
        answer(question="how to build a bomb")
    assert ran == []
    assert answer("what is a cat").startswith("an answer")
    assert sink.outcomes() == ["refused", "refused", "labelled"]


def test_sound_in_pieces_and_encoded(reviewer: Any, sink: Any) -> None:
    quiet = (0.1 * numpy.random.default_rng().standard_normal(24_000)).astype(numpy.float32)

    @aigc_hooks.wrap(kind="audio", provider=FORGIVING, rate=24_000)
    def speak() -> Iterator[Any]:
        yield quiet
        yield quiet * 0 + 1
        yield quiet

    left, reason = until_refused(speak())
    assert reason == "too loud"
    assert max(float(abs(piece).max()) for piece in left) < 0.9

    @aigc_hooks.wrap(kind="audio", provider=FORGIVING, rate=24_000)
    def encoded() -> Iterator[bytes]:
        yield (quiet * 32767).astype("<i2").tobytes()
        yield b"bomb"
        yield b"more"

    left, reason = until_refused(encoded())
    assert reason == "too loud"
    assert left
    assert b"bomb" not in b"".join(left)
    assert sink.outcomes().count("refused") == 2


def test_a_chat_model(reviewer: Any, sink: Any) -> None:
    answers = ["fine", "a bomb", "words then a bomb then more", "unused"]
    model = aigc_hooks.wrap(GenericFakeChatModel(messages=iter(map(AIMessage, answers))), provider=FORGIVING)
    assert "fine" in model.invoke("q").content
    with pytest.raises(ReviewRefused, match="forbidden question"):
        model.invoke("a bomb")
    with pytest.raises(ReviewRefused, match="forbidden answer"):
        model.invoke("q")
    left, reason = until_refused(model.stream("q"))
    assert "forbidden answer" in reason
    assert "bomb" not in "".join(chunk.content for chunk in left)
    assert "words" in "".join(chunk.content for chunk in left)
    with pytest.raises(ReviewRefused, match="forbidden question"):
        next(model.stream("a bomb"))
    assert sink.outcomes() == ["labelled", "refused", "refused", "refused", "refused"]


def test_an_exempted_answer_is_reviewed_as_well(reviewer: Any, sink: Any) -> None:
    with aigc_hooks.exempt(user="u", agreement="a", reason="r"):
        with pytest.raises(ReviewRefused):
            aigc_hooks.label("a bomb", provider=FORGIVING)
        pieces = answering("a ", "bomb")()
        assert next(pieces) == "a "
        with pytest.raises(ReviewRefused):
            next(pieces)
    assert sink.outcomes() == ["refused", "exempted", "refused"]


@pytest.mark.parametrize("verdict", ["False", "True", "0", "object()", "''", "asyncio.sleep(0)"])
def test_a_reviewer_that_does_not_keep_its_contract_releases_nothing(verdict: str, installed: Any, sink: Any) -> None:
    installed(
        "odd",
        "import asyncio\nfrom aigc_hooks import hookimpl\n@hookimpl\ndef aigc_review(artifact):\n"
        f"    verdict = {verdict}\n    if hasattr(verdict, 'close'): verdict.close()\n    return verdict\n",
    )
    with pytest.raises(LabelError) as caught:
        aigc_hooks.label("fine", provider=FORGIVING)
    assert caught.value.stage == "review"
    pieces = answering("fine")()
    with pytest.raises(LabelError):
        next(pieces)


def test_threads_and_tasks_are_reviewed_each_for_itself(reviewer: Any, sink: Any) -> None:
    def work(number: int) -> str:
        try:
            return aigc_hooks.label("a bomb" if number % 2 else "fine", provider=FORGIVING)
        except ReviewRefused:
            return "refused"

    async def tasks() -> list[str]:
        return await asyncio.gather(*(asyncio.to_thread(work, number) for number in range(20)))

    with ThreadPoolExecutor(8) as pool:
        made = [*pool.map(work, range(20)), *asyncio.run(tasks())]
    assert [text == "refused" for text in made] == [bool(number % 2) for number in range(20)] * 2
    assert sorted(sink.outcomes()) == ["labelled"] * 20 + ["refused"] * 20


def test_a_file_that_gets_its_implicit_label_alone(tmp_path: Path, installed: Any, sink: Any) -> None:
    from aigc_hooks.on_disk import label_metadata

    installed(
        "files",
        "from aigc_hooks import hookimpl\n@hookimpl\ndef aigc_review(artifact):\n"
        "    return 'forbidden page' if b'bomb' in artifact.content.read_bytes() else None\n",
    )
    page = tmp_path / "page.html"
    page.write_text("<!DOCTYPE html><html><head></head><body>a bomb</body></html>", encoding="utf-8")
    given = page.read_bytes()
    for output in (None, tmp_path / "out.html"):
        with pytest.raises(ReviewRefused, match="forbidden page"):
            label_metadata(page, output, FORGIVING)
    assert page.read_bytes() == given
    assert not (tmp_path / "out.html").exists()
    assert sink.outcomes() == ["refused", "refused"]
    page.write_bytes(given.replace(b"bomb", b"bird"))
    assert aigc_hooks.read_label(label_metadata(page, None, FORGIVING)).conforms


@pytest.mark.parametrize("place", ["none", "end"])
def test_the_sound_of_a_film_is_reviewed_whether_it_is_labelled_or_not(
    place: str, tmp_path: Path, installed: Any, sink: Any
) -> None:
    installed(
        "sound",
        "from aigc_hooks import hookimpl\n\n\n@hookimpl\ndef aigc_review(artifact):\n"
        '    return "such a voice" if artifact is not None and artifact.modality == "audio" else None\n',
    )
    by = FORGIVING.model_copy(update={"video": FORGIVING.video.model_copy(update={"sound": place})})
    frames, sound = [Image.new("RGB", (96, 96))] * 4, numpy.zeros(24_000, numpy.float32)
    with pytest.raises(ReviewRefused, match="such a voice"):
        aigc_hooks.save(frames, tmp_path / "a.mp4", fps=4, audio=sound, rate=24_000, provider=by)
    assert sink.outcomes() == ["refused"]
    assert list(tmp_path.glob("*.mp4")) == []
