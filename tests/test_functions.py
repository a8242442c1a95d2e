"""``wrap(function, kind=…)``: a user's own functions and generators label what they make, and stay what they are."""

from __future__ import annotations

import asyncio
import functools
import inspect
import pickle
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy
import pytest
from PIL import Image

import aigc_hooks
from aigc_hooks import (
    AdapterNotFoundError,
    ConfigError,
    Provider,
    UnsupportedOutputError,
    is_wrapped,
    label,
    unwrap,
    wrap,
)
from aigc_hooks.explicit.text import NOTICE
from aigc_hooks.functions import Release

ACME = Provider(producer="acme")
LABEL = f"\n\n{NOTICE}"


def answer(question: str, *, loud: bool = False) -> str:
    """Answers."""
    return question.upper() if loud else question


async def ask(question: str) -> str:
    return question


def words(text: str) -> Iterator[str]:
    yield from text.split(" ")


async def awords(text: str) -> AsyncIterator[str]:
    for word in text.split(" "):
        yield word


@wrap(kind="text", provider=ACME)
def decorated(question: str) -> str:
    """Decorated."""
    return question


def text(function: Any, **more: Any) -> Any:
    return wrap(function, kind="text", provider=ACME, **more)


async def test_functions_of_every_kind() -> None:
    assert text(answer)("hi", loud=True) == "HI" + LABEL
    assert await text(ask)("hi") == "hi" + LABEL
    assert list(text(words)("a b")) == ["a", "b", LABEL]
    assert [word async for word in text(awords)("a b")] == ["a", "b", LABEL]
    assert decorated("hi") == "hi" + LABEL


@pytest.mark.parametrize("function", [answer, ask, words, awords])
def test_they_stay_what_they_are(function: Any) -> None:
    made = text(function)
    for ask_kind in (
        inspect.isfunction,
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
    ):
        assert ask_kind(made) == ask_kind(function)
    assert inspect.signature(made) == inspect.signature(function)
    assert (made.__name__, made.__doc__, made.__module__) == (function.__name__, function.__doc__, function.__module__)
    assert made.__wrapped__ is function


def test_methods_of_every_kind() -> None:
    class Bot:
        name = "bot"

        @wrap(kind="text", provider=ACME)
        def plain(self, word: str) -> str:
            return f"{self.name} {word}"

        @staticmethod
        @wrap(kind="text", provider=ACME)
        def static(word: str) -> str:
            return word

        @classmethod
        @wrap(kind="text", provider=ACME)
        def of_class(cls, word: str) -> str:
            return f"{cls.name} {word}"

        @wrap(kind="text", provider=ACME)
        def stream(self) -> Iterator[str]:
            yield self.name

        def __call__(self, word: str) -> str:
            return word

    bot = Bot()
    assert bot.plain("hi") == "bot hi" + LABEL
    assert bot.static("hi") == "hi" + LABEL
    assert Bot.of_class("hi") == "bot hi" + LABEL
    assert list(bot.stream()) == ["bot", LABEL]
    assert text(bot)("hi") == "hi" + LABEL
    assert text(bot.plain.__wrapped__.__get__(bot))("hi") == "bot hi" + LABEL


def test_decorators_in_either_order_and_methods_of_objects() -> None:
    class Bot:
        @wrap(kind="text", provider=ACME)
        @staticmethod
        def static(word: str) -> str:
            return word

        @wrap(kind="text", provider=ACME)
        @classmethod
        def of_class(cls, word: str) -> str:
            return word

        @wrap(kind="text", provider=ACME)
        def plain(self, word: str) -> str:
            return word

    bot = Bot()
    for method in (bot.static, Bot.static, bot.of_class, Bot.of_class, bot.plain):
        assert method("hi") == "hi" + LABEL
        assert is_wrapped(method)
        assert unwrap(method)("hi") == "hi"
    for name in ("static", "of_class"):
        assert type(unwrap(vars(Bot)[name])) is type(vars(Bot)[name])
    again = wrap(bot.plain, kind="text", provider=ACME, text={"wording": "AI合成"})
    assert again("hi") == "hi\n\nAI合成"


async def test_callables_that_return_streams_and_awaitables() -> None:
    assert list(text(lambda: iter(["a"]))()) == ["a", LABEL]
    assert await text(lambda: ask("hi"))() == "hi" + LABEL
    assert [piece async for piece in text(lambda: awords("a"))()] == ["a", LABEL]
    assert text(functools.partial(answer, loud=True))("hi") == "HI" + LABEL
    assert await text(functools.partial(ask, "hi"))() == "hi" + LABEL

    async def opens() -> Any:
        return awords("a")

    assert [piece async for piece in await text(opens)()] == ["a", LABEL]


def test_iterators_themselves() -> None:
    assert list(text(iter(["a"]))) == ["a", LABEL]
    assert list(text(words("a b"))) == ["a", "b", LABEL]


def test_lists_tuples_and_nothing() -> None:
    assert text(lambda: ["a", ("b", None)])() == ["a" + LABEL, ("b" + LABEL, None)]
    assert text(lambda: None)() is None
    assert text(lambda: "")() == ""


def test_the_value_that_a_generator_returns_is_kept() -> None:
    def counted() -> Iterator[str]:
        yield "a"
        return 7

    def outer() -> Iterator[str]:
        value = yield from text(counted)()
        yield str(value)

    assert list(outer()) == ["a", LABEL, "7"]


def talking(heard: list[Any]) -> Iterator[Any]:
    """A generator that listens to its reader."""
    for word in ("a", "b", "c"):
        try:
            heard.append((yield word))
        except ValueError as error:
            heard.append(str(error))


async def atalking(heard: list[Any]) -> AsyncIterator[Any]:
    for word in ("a", "b", "c"):
        try:
            heard.append((yield word))
        except ValueError as error:
            heard.append(str(error))


@pytest.mark.parametrize("position", ["end", "both"])
@pytest.mark.parametrize("make", [lambda heard: talking(heard), talking])
async def test_what_is_sent_and_thrown_reaches_the_generator(make: Any, position: str) -> None:
    provider = Provider(producer="acme", text={"position": position})
    heard: list[Any] = []
    pieces = wrap(make, kind="text", provider=provider)(heard)
    assert inspect.isgenerator(pieces)
    got = [next(pieces) for _ in range(1 if position == "end" else 2)]
    got += [pieces.send("more"), pieces.throw(ValueError("less")), *pieces]
    assert heard == ["more", "less", None]
    assert "".join(got) == label("abc", provider=provider)

    heard.clear()
    apieces: Any = wrap(atalking, kind="text", provider=provider)(heard)
    got = [await anext(apieces) for _ in range(1 if position == "end" else 2)]
    got += [await apieces.asend("more"), await apieces.athrow(ValueError("less"))]
    got += [piece async for piece in apieces]
    assert heard == ["more", "less", None]
    assert "".join(got) == label("abc", provider=provider)


async def test_what_the_generator_does_not_take_comes_back() -> None:
    pieces = text(talking)([])
    assert next(pieces) == "a"
    with pytest.raises(KeyError, match="other"):
        pieces.throw(KeyError("other"))
    apieces: Any = text(atalking)([])
    assert await anext(apieces) == "a"
    with pytest.raises(KeyError, match="other"):
        await apieces.athrow(KeyError("other"))

    class Numbers:  # iterators that are no generators take nothing
        def __iter__(self) -> Iterator[str]:
            return self

        def __next__(self) -> str:
            return "1"

        def __aiter__(self) -> AsyncIterator[str]:
            return self

        async def __anext__(self) -> str:
            return "1"

    numbers = Release("text", ACME, None, "numbers")
    stream = numbers.pieces(Numbers())
    assert next(stream) == "1"
    with pytest.raises(ValueError, match="stop"):
        stream.throw(ValueError("stop"))
    astream = numbers.apieces(Numbers())
    assert await anext(astream) == "1"
    with pytest.raises(ValueError, match="stop"):
        await astream.athrow(ValueError("stop"))


def test_wrapped_unwrapped_wrapped_again() -> None:
    made = text(answer)
    assert is_wrapped(made)
    assert not is_wrapped(answer)
    assert unwrap(made) is answer
    again = wrap(made, kind="text", provider=ACME, text={"wording": "AI合成"})
    assert again("hi") == "hi\n\nAI合成"
    assert unwrap(again) is answer
    assert made("hi") == "hi" + LABEL


def test_a_users_own_decorator_is_not_unwrapped_with_it() -> None:
    made = text(answer)

    @functools.wraps(made)
    def shouting(*args: Any) -> str:
        return str(made(*args)).upper()

    assert unwrap(shouting) is shouting
    assert not is_wrapped(shouting)


def test_decorated_functions_pickle_by_name() -> None:
    assert pickle.loads(pickle.dumps(decorated))("hi") == "hi" + LABEL


def test_a_decorator_takes_settings() -> None:
    @wrap(kind="text", producer="acme", text={"position": "start"})
    def other() -> str:
        return "hi"

    assert other() == f"{NOTICE}\n\nhi"
    with pytest.raises(ConfigError, match="no producer is set"):
        wrap(kind="text")


def test_wrong_uses_say_what_to_do() -> None:
    with pytest.raises(ConfigError, match="kind = 'film': a function makes 'text' or 'image'"):
        wrap(answer, kind="film", provider=ACME)
    with pytest.raises(TypeError, match=r"@wrap\(kind='text'\)"):
        wrap(provider=ACME)
    with pytest.raises(AdapterNotFoundError, match=r"wrap\(function, kind='text'\)"):
        wrap(answer, provider=ACME)
    for value in (5, "text", None, ["a"]):
        with pytest.raises(AdapterNotFoundError, match="goes with a function or an iterator"):
            wrap(value, kind="text", provider=ACME)


@pytest.mark.parametrize("value", [5, {"text": "hi"}, b"hi", Image.new("RGB", (64, 64)), {"a", "b"}])
def test_what_is_no_text_is_not_released(value: Any) -> None:
    with pytest.raises(UnsupportedOutputError, match=rf"{type(value).__name__}, which cannot be labelled.*label\(\)"):
        text(lambda: value)()


def test_pictures() -> None:
    def drawn() -> Any:
        return [Image.effect_noise((200, 100), 50).convert("RGB"), numpy.zeros((100, 200, 3), numpy.uint8)]

    made = wrap(drawn, kind="image", provider=ACME)()
    assert [aigc_hooks.read_label(picture).label.content_producer for picture in made] == ["acme", "acme"]
    assert made[1].any()

    def frames() -> Iterator[Any]:
        yield from drawn()

    lazy = wrap(frames, kind="image", provider=ACME)()
    assert aigc_hooks.read_label(next(lazy)).found
    with pytest.raises(UnsupportedOutputError, match="str, which cannot be labelled"):
        wrap(lambda: "a.png", kind="image", provider=ACME)()


async def test_streams_of_pictures_end_their_source_and_keep_what_it_returns() -> None:
    closed: list[str] = []

    def frames() -> Iterator[Any]:
        try:
            for _ in range(2):
                yield Image.new("RGB", (64, 64))
            return "done"
        finally:
            closed.append("sync")

    async def aframes() -> AsyncIterator[Any]:
        try:
            for _ in range(2):
                yield Image.new("RGB", (64, 64))
        finally:
            closed.append("async")

    source = frames()  # held here, so that nothing but the stream can end it
    found = wrap(source, kind="image", provider=ACME)
    assert aigc_hooks.read_label(next(found)).found
    found.close()
    assert closed == ["sync"]
    asource = aframes()
    afound = wrap(asource, kind="image", provider=ACME)
    assert aigc_hooks.read_label(await anext(afound)).found
    await afound.aclose()
    assert closed == ["sync", "async"]

    def outer() -> Iterator[Any]:
        yield (yield from wrap(frames, kind="image", provider=ACME)())

    assert list(outer())[2] == "done"


async def test_many_at_once() -> None:
    made, stream = text(answer), text(words)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(made, ["hi"] * 100)) == {"hi" + LABEL}
        assert set(pool.map(lambda _: "".join(stream("a b")), range(100))) == {"ab" + LABEL}
    asked = text(ask)
    assert set(await asyncio.gather(*(asked("hi") for _ in range(100)))) == {"hi" + LABEL}
