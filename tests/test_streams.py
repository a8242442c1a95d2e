"""Text that leaves in pieces: the label is a piece of its own, and the stream is otherwise what it was."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import aigc_hooks
from aigc_hooks import LabelError, Provider, hookimpl, label, override, plugins, wrap
from aigc_hooks.explicit.text import NOTICE, sign_of

LABEL = f"\n\n{NOTICE}"
STYLES: list[dict[str, Any]] = [
    {"position": position, "mark": mark} for position in ("end", "start", "both") for mark in ("notice", "corner")
]
pieces = st.lists(
    st.sampled_from(
        [
            *("word", " ", "\n", "", "{", '{"a":1}', "[", "]", "```\n", "- ```\n", "字", ".", "\t", "1", "_"),
            *(NOTICE[:4], NOTICE[4:], NOTICE, "ᴬ", "ᴵ", "<", "!", "html", "<HT", "ML>", "<!--", "-->"),
        ]
    ),
    max_size=10,
)


def provider(style: Any = None, **more: Any) -> Provider:
    return Provider(producer="acme", text=style or {}, **more)


def stream(items: Any, by: Provider | None = None) -> Any:
    return wrap(lambda: iter(items), kind="text", provider=by or provider())()


async def collected(items: list[str], by: Provider) -> list[str]:
    async def source() -> AsyncIterator[str]:
        for item in items:
            yield item

    return [piece async for piece in wrap(source, kind="text", provider=by)()]


@pytest.fixture
def trail(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    gc.collect()  # streams that another test broke off are recorded when they go
    caplog.set_level(logging.INFO, logger="aigc_hooks.audit")
    return lambda: [json.loads(each.getMessage()) for each in caplog.records if each.name == "aigc_hooks.audit"]


@pytest.fixture
def plugged() -> Iterator[Callable[[Any], None]]:
    """Registers plugins for one test."""
    manager = plugins.hooks()._manager
    registered: list[Any] = []

    def register(plugin: Any) -> None:
        manager.register(plugin)
        registered.append(plugin)

    yield register
    for plugin in registered:
        manager.unregister(plugin)


@given(pieces, st.sampled_from(STYLES))
@settings(max_examples=500, deadline=None)
def test_the_pieces_add_up_to_the_labelled_text(items: list[str], style: Any) -> None:
    by = provider(style)
    expected = label("".join(items), provider=by)
    found = list(stream(items, by))
    assert "".join(found) == expected
    assert asyncio.run(collected(items, by)) == found


@given(pieces, st.sampled_from(STYLES))
@example(["word", NOTICE, "```\n", "\n"], {"position": "end", "mark": "notice"})
@settings(max_examples=300, deadline=None)
def test_what_leaves_is_the_pieces_in_their_order_and_the_label(items: list[str], style: Any) -> None:
    by = provider(style)
    sign = sign_of(by).text
    found = list(stream(items, by))
    # A piece may say by chance what the label says: which ones were added is told by what is left without them.
    signed = [place for place, piece in enumerate(found) if sign in piece]
    count = len(found) - len(items)
    assert 0 <= count <= (2 if style["position"] == "both" else 1)
    assert any(
        [piece for place, piece in enumerate(found) if place not in labels] == items
        for labels in itertools.combinations(signed, count)
    )


def test_no_piece_waits_for_the_label() -> None:
    made: list[str] = []

    def source() -> Iterator[str]:
        for word in ("a", "b", "c"):
            made.append(word)
            yield word

    for position in ("end", "start", "both"):
        made.clear()
        found = stream(source(), provider({"position": position}))
        if position != "end":
            assert next(found) == f"{NOTICE}\n\n"
        for number, word in enumerate(("a", "b", "c"), start=1):
            assert next(found) == word
            assert len(made) == number


def test_only_what_has_no_content_waits() -> None:
    assert list(stream(["", "a", "", "b", "", ""])) == ["", "a", "", "b", LABEL, "", ""]
    start = provider({"position": "start"})
    assert list(stream(["", " ", "a"], start)) == ["", f"{NOTICE}\n\n", " ", "a"]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (["<", "html><p>x"], ["<", "html><p>x", LABEL]),
        (["<", "!DOCTYPE html>"], ["<", "!DOCTYPE html>", LABEL]),
        (["<", " x"], [f"{NOTICE}\n\n", "<", " x"]),
        ([NOTICE[:3], NOTICE[3:], "\n\nx"], [NOTICE[:3], NOTICE[3:], "\n\nx"]),
        ([NOTICE[:3], "x"], [f"{NOTICE}\n\n", NOTICE[:3], "x"]),
        (["<"], [f"{NOTICE}\n\n", "<"]),
        (["", "#", "", " "], ["", f"{NOTICE}\n\n", "#", "", " "]),
        ([NOTICE, "是标识"], [f"{NOTICE}\n\n", NOTICE, "是标识"]),
        (["**", "本内容由AI生成", "**", "\n", "x"], ["**", "本内容由AI生成", "**", "\n", "x"]),
        (["#", " x"], [f"{NOTICE}\n\n", "#", " x"]),
        (["[", "x"], ["[", "x", LABEL]),
    ],
)
def test_a_label_at_the_start_waits_while_it_may_have_no_place_there(items: list[str], expected: list[str]) -> None:
    by = provider({"position": "start"})
    assert list(stream(items, by)) == expected
    assert label("".join(items), provider=by) == "".join(expected)


def test_what_waited_and_never_left_is_not_recorded(trail: Any) -> None:
    found = stream(Source(" ", "<", error=ConnectionError("gone")), provider({"position": "start"}))
    with pytest.raises(ConnectionError, match="gone"):
        next(found)
    assert trail() == []


@pytest.mark.parametrize("items", [[], [""], [" ", "\n"], ['{"a":', " 1}"], ["[", "]"]])
@pytest.mark.parametrize("style", STYLES)
def test_blank_text_and_json_pass(items: list[str], style: Any) -> None:
    assert list(stream(items, provider(style))) == items


# Records


def test_one_record_for_each_stream(trail: Any) -> None:
    for position in ("end", "start", "both"):
        list(stream(["a", "b"], provider({"position": position})))
    assert [(line["outcome"], line["modality"]) for line in trail()] == [("labelled", "text")] * 3
    assert [line["places"] for line in trail()] == [["text end"], ["text start"], ["text start", "text end"]]
    assert len({line["label"]["ProduceID"] for line in trail()}) == 3
    assert not any("ab" in json.dumps(line["reason"]) for line in trail())


def test_what_passes_is_recorded(trail: Any) -> None:
    list(stream(['{"a":', " 1}"]))
    list(stream([" "]))
    assert [(line["outcome"], line["reason"]) for line in trail()] == [
        ("passed", "one JSON document"),
        ("passed", "blank text"),
    ]


# Ends before the end


class Source:
    """A stream that says what was done to it."""

    def __init__(self, *items: str, error: BaseException | None = None) -> None:
        self.items = iter(items)
        self.error = error
        self.done: list[str] = []

    def __iter__(self) -> Source:
        return self

    def __next__(self) -> str:
        for item in self.items:
            return item
        if self.error:
            raise self.error
        raise StopIteration

    def close(self) -> None:
        self.done.append("close")

    def __enter__(self) -> Source:
        self.done.append("enter")
        return self

    def __exit__(self, *error: Any) -> None:
        self.done.append("exit")


class AsyncSource(Source):
    def __aiter__(self) -> AsyncSource:
        return self

    async def __anext__(self) -> str:
        try:
            return next(self)
        except StopIteration:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        self.done.append("close")

    async def __aenter__(self) -> AsyncSource:
        self.done.append("enter")
        return self

    async def __aexit__(self, *error: Any) -> None:
        self.done.append("exit")


def labelled(source: Any, by: Provider | None = None) -> Any:
    return wrap(source, kind="text", provider=by or provider())


@pytest.mark.parametrize(("position", "outcome"), [("end", "aborted"), ("start", "labelled"), ("both", "labelled")])
def test_t06_a_broken_off_stream_keeps_its_start_label_and_is_recorded(position: str, outcome: str, trail: Any) -> None:
    source = Source("a", "b", "c")
    found = labelled(source, provider({"position": position}))
    taken = [next(found) for _ in range(3)]
    found.close()
    assert "".join(taken).startswith(NOTICE) == (position != "end")
    assert "close" in source.done
    (line,) = trail()
    assert (line["outcome"], line["reason"]) == (outcome, "the stream was broken off before its end")
    assert list(found) == []


def test_break_ends_the_source() -> None:
    closed: list[bool] = []

    @wrap(kind="text", provider=provider())
    def source() -> Iterator[str]:
        try:
            yield "a"
            yield "b"
        finally:
            closed.append(True)

    for _ in source():
        break
    assert closed == [True]


def test_an_error_comes_through_as_it_is(trail: Any) -> None:
    error = ConnectionError("gone")
    found = labelled(Source("a", error=error))
    assert next(found) == "a"
    with pytest.raises(ConnectionError, match="gone") as caught:
        next(found)
    assert caught.value is error
    assert [line["outcome"] for line in trail()] == ["aborted"]


@pytest.mark.parametrize("taken", [0, 1, 3])
async def test_the_source_is_closed_once(taken: int) -> None:
    source = Source("a", "b")
    found = labelled(source)
    assert len([piece for _, piece in zip(range(taken), found, strict=False)]) == taken
    found.close()
    found.close()
    assert source.done == ["close"]
    source = AsyncSource("a", "b")
    found = labelled(source)
    for _ in range(taken):
        await anext(found)
    await found.aclose()
    await found.aclose()
    assert source.done == ["close"]


def test_what_cannot_be_labelled_closes_the_source() -> None:
    source = Source("a", 5)  # type: ignore[arg-type]
    with pytest.raises(aigc_hooks.UnsupportedOutputError, match="yields strings"):
        list(labelled(source))
    assert source.done == ["close"]


def test_with() -> None:
    source = Source("a")
    with labelled(source) as found:
        assert list(found) == ["a", LABEL]
    assert source.done == ["enter", "exit"]
    with labelled(iter(["a"])) as found:
        assert next(found) == "a"
    source = Source("a", "b")
    with labelled(source) as found:
        next(found)
    assert source.done == ["enter", "exit"]


async def test_async_with_and_aclose(trail: Any) -> None:
    source = AsyncSource("a", "b")
    async with labelled(source) as found:
        assert await anext(found) == "a"
    assert source.done == ["enter", "exit"]
    source = AsyncSource("a", "b")
    found = labelled(source)
    assert await anext(found) == "a"
    await found.aclose()
    assert source.done == ["close"]
    with pytest.raises(StopAsyncIteration):
        await anext(found)
    assert [line["outcome"] for line in trail()] == ["aborted"] * 2


async def test_cancellation_in_the_middle(trail: Any) -> None:
    closed = asyncio.Event()

    @wrap(kind="text", provider=provider())
    async def source() -> AsyncIterator[str]:
        try:
            yield "a"
            await asyncio.sleep(60)
        finally:
            closed.set()

    async def read() -> None:
        async for _ in source():
            pass

    task = asyncio.create_task(read())
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(closed.wait(), 5)
    assert [line["outcome"] for line in trail()] == ["aborted"]


# Contexts


def test_nothing_leaks_across_a_yield() -> None:
    place: ContextVar[str] = ContextVar("place", default="nowhere")
    seen: list[str] = []

    def source() -> Iterator[str]:
        for word in ("a", "b"):
            seen.append(place.get())
            yield word

    found = stream(source())
    place.set("here")
    next(found)
    place.set("there")
    next(found)
    assert seen == ["here", "there"]  # as with the bare generator
    assert place.get() == "there"


def test_the_settings_are_those_of_the_beginning() -> None:
    with override(text={"wording": "AI合成"}):
        found = stream(["a", "b"])
        assert next(found) == "a"
    with override(text={"wording": "人工智能生成"}):
        assert list(found) == ["b", "\n\nAI合成"]


# Failures


class Failing:
    @hookimpl
    def aigc_make_label(self) -> Any:
        raise ConnectionError("the id service is down")


@pytest.mark.parametrize("position", ["end", "start"])
def test_a_failing_plugin_stops_the_stream(position: str, plugged: Any, trail: Any) -> None:
    plugged(Failing())
    found = stream(["a", "b"], provider({"position": position}))
    left: list[str] = []

    def taking(found: Iterator[str]) -> Iterator[str]:
        for piece in found:
            left.append(piece)
            yield piece

    with pytest.raises(LabelError, match="the id service is down"):
        list(taking(found))
    # A label at the start is made before anything leaves; one at the end when all has left, and then it is recorded.
    assert left == ([] if position == "start" else ["a", "b"])
    assert [line["outcome"] for line in trail()] == ([] if position == "start" else ["aborted"])


@pytest.mark.parametrize("position", ["end", "start", "both"])
def test_on_error_warn_releases_it_with_a_record(position: str, plugged: Any, trail: Any) -> None:
    plugged(Failing())
    found = stream(["a", "b"], provider({"position": position}, on_error="warn"))
    with pytest.warns(UserWarning, match="the id service is down"):
        assert list(found) == ["a", "b"]
    assert [line["outcome"] for line in trail()] == ["failed"]


def test_a_plugin_cannot_change_what_has_left(plugged: Any) -> None:
    class Shouting:
        @hookimpl
        def aigc_render_explicit(self, artifact: Any) -> bool:
            artifact.content = artifact.content.upper() + " AI生成"
            return True

    plugged(Shouting())
    with pytest.raises(LabelError, match="text that has already left"):
        list(stream(["a"]))
    assert label("a", provider=provider()) == "A AI生成"


def test_a_plugin_may_add_after_it(plugged: Any) -> None:
    class Signing:
        @hookimpl
        def aigc_render_explicit(self, artifact: Any) -> bool:
            artifact.content += " [AI生成 by acme]"
            return True

    plugged(Signing())
    assert list(stream(["a"])) == ["a", " [AI生成 by acme]"]


def test_a_failing_audit_of_a_broken_off_stream_hides_nothing(plugged: Any, caplog: pytest.LogCaptureFixture) -> None:
    class Full:
        @hookimpl
        def aigc_audit(self) -> None:
            raise OSError("disk full")

    plugged(Full())
    with pytest.raises(ConnectionError, match="gone"):
        list(labelled(Source("a", error=ConnectionError("gone"))))
    assert "could not be recorded" in caplog.text
    with pytest.raises(LabelError, match="disk full"):
        list(stream(["a"]))


def test_what_yields_no_strings_is_refused() -> None:
    for item in (1, b"a", None, {"text": "a"}):
        with pytest.raises(aigc_hooks.UnsupportedOutputError, match="yields strings"):
            list(stream(["a", item]))
