"""wrap, unwrap and is_wrapped: what any adapter gets from them.

The framework and its adapter are a fake distribution on disk, ``tests/data/plugins/tiny``.
"""

from __future__ import annotations

import asyncio
import copy
import gc
import importlib
import inspect
import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import aigc_hooks
from aigc_hooks import (
    AdapterNotFoundError,
    ConfigError,
    Provider,
    UnsupportedVersionError,
    is_wrapped,
    override,
    plugins,
    unwrap,
    wrap,
    wrapping,
)

TINY = Path(__file__).parent / "data" / "plugins" / "tiny"
ACME, OTHER = Provider(producer="acme"), Provider(producer="other")
SWAPPED = [
    "Drawer",
    "Slotted",
    "Rooted",
    "Unsettable",
    "Registered",
    "Reduced",
    "ReducedByFunction",
    "Stateful",
    "Copying",
    "Boxed",
    "ListDrawer",
    "FrozenDrawer",
    "ModelDrawer",
    "CompactDrawer",
]


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The tiny framework, with its adapter installed."""
    monkeypatch.syspath_prepend(str(TINY))
    plugins.reload()
    framework = importlib.import_module("tiny_framework")
    adapter = importlib.import_module("tiny_adapter")
    adapter.wrapped.clear()
    adapter.unwrapped.clear()
    yield framework
    plugins.reload()


def generated(cls: type) -> list[type]:
    """The classes among a class's ancestors that wrapping made."""
    return [parent for parent in cls.__mro__ if "__aigc_hooks_base__" in vars(parent)]


def run_script(script: str) -> None:
    """Runs a script that knows the tiny framework in a Python of its own."""
    env = {**os.environ, "PYTHONPATH": str(TINY)}
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=env)
    assert done.returncode == 0, done.stderr


# --- the same object -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SWAPPED)
def test_the_same_object_comes_back_and_labels(name: str, tiny: ModuleType) -> None:
    cls = getattr(tiny, name)
    obj = cls()
    plain = obj.draw()
    assert wrap(obj, provider=ACME) is obj
    assert obj.draw() == f"{plain} [acme]"
    assert isinstance(obj, cls)
    assert is_wrapped(obj)
    assert not is_wrapped(cls())
    assert unwrap(obj) is obj
    assert type(obj) is cls
    assert obj.draw() == plain
    assert not is_wrapped(obj)


@pytest.mark.parametrize("name", SWAPPED)
def test_the_class_looks_as_before(name: str, tiny: ModuleType) -> None:
    cls = getattr(tiny, name)
    made = type(wrap(cls(), provider=ACME))
    assert made.__mro__[1:] == cls.__mro__
    assert type(made) is type(cls)
    for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
        assert getattr(made, attribute) == getattr(cls, attribute)
    assert inspect.signature(made) == inspect.signature(cls)
    assert inspect.signature(made.draw) == inspect.signature(cls.draw)
    assert made.draw.__doc__ == cls.draw.__doc__
    assert made.draw.__qualname__ == cls.draw.__qualname__


def test_nothing_is_added_to_the_object(tiny: ModuleType) -> None:
    obj, model, clerk = tiny.Drawer(), tiny.ModelDrawer(), tiny.Unsettable()
    before = dict(vars(obj)), model.model_dump(), list(clerk.books)
    for each in (obj, model, clerk):
        wrap(each, provider=ACME)
    assert (dict(vars(obj)), model.model_dump(), clerk.books) == before


def test_a_method_that_returns_itself_keeps_the_label(tiny: ModuleType) -> None:
    obj = wrap(tiny.Drawer(), provider=ACME)
    assert obj.to("cpu") is obj
    assert obj.to("cpu").draw() == "a cat x1 by pen [acme]"


def test_an_object_is_called_through_its_class(tiny: ModuleType) -> None:
    assert wrap(tiny.Caller(), provider=ACME)("a dog") == "a dog [acme]"


def test_seams_keep_their_kind(tiny: ModuleType) -> None:
    obj = wrap(tiny.Talker(), provider=ACME)
    for name in ("draw", "adraw", "stream", "astream"):
        for kind in (
            inspect.iscoroutinefunction,
            inspect.isgeneratorfunction,
            inspect.isasyncgenfunction,
            inspect.ismethod,
        ):
            assert kind(getattr(obj, name)) == kind(getattr(tiny.Talker(), name)), (name, kind)

    async def parts() -> list[str]:
        return [part async for part in obj.astream("two words")]

    assert obj.draw() == "a cat [acme]"
    assert asyncio.run(obj.adraw()) == "a cat [acme]"
    assert list(obj.stream("two words")) == ["two", "words", "[acme]"]
    assert asyncio.run(parts()) == ["two", "words", "[acme]"]


def test_class_and_static_methods_are_seams_too(tiny: ModuleType) -> None:
    cls = wrap(tiny.Maker, provider=ACME)
    for each in (cls, cls(), wrap(tiny.Maker(), provider=ACME)):
        assert each.made("a dog") == "a dog by Maker [acme]"
        assert each.drawn("a dog") == "a dog [acme]"
    assert tiny.Maker.made("a dog") == "a dog by Maker"
    assert tiny.Maker.drawn("a dog") == "a dog"


# --- again, and back -------------------------------------------------------------------------------------------------


def test_a_second_wrap_replaces_the_first(tiny: ModuleType) -> None:
    obj = wrap(wrap(tiny.Drawer(), provider=ACME), provider=OTHER)
    assert obj.draw() == "a cat x1 by pen [other]"
    assert generated(type(obj)) == [type(obj)]
    again = type(obj)
    assert type(wrap(obj, provider=OTHER)) is again
    assert type(unwrap(obj)) is tiny.Drawer
    assert unwrap(obj) is obj  # once more does nothing


def test_settings_come_from_provider_and_overrides(tiny: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wrap(tiny.Drawer(), producer="third").draw().endswith("[third]")
    assert wrap(tiny.Drawer(), provider=ACME, producer="third").draw().endswith("[third]")
    assert wrapping.provider_of(wrap(tiny.Drawer(), provider=ACME, on_error="warn")) == Provider(
        producer="acme", on_error="warn"
    )
    assert wrapping.provider_of(tiny.Drawer()) is None
    with pytest.raises(ConfigError, match="did you mean 'producer'"):
        wrap(tiny.Drawer(), producr="third")


def test_what_override_sets_does_not_stay(tiny: ModuleType) -> None:
    with override(wording="AI合成"):
        obj = wrap(tiny.Drawer(), provider=ACME)
    assert wrapping.provider_of(obj) == ACME
    with (
        override(producer="passing"),
        pytest.raises(ConfigError, match=r"override.* lasts only as long as its context"),
    ):
        wrap(tiny.Drawer())


def test_the_adapter_is_told(tiny: ModuleType) -> None:
    adapter = importlib.import_module("tiny_adapter")
    obj = wrap(tiny.Drawer(), provider=ACME)
    assert adapter.wrapped == [obj]
    wrap(tiny.Drawer, provider=ACME)
    assert adapter.wrapped == [obj]  # a class is no object yet
    unwrap(obj)
    unwrap(obj)
    assert adapter.unwrapped == [obj]


def test_objects_of_the_same_settings_share_one_class(tiny: ModuleType) -> None:
    one, two = wrap(tiny.Drawer(), provider=ACME), wrap(tiny.Drawer(), provider=Provider(producer="acme"))
    assert type(one) is type(two)
    assert type(wrap(tiny.Drawer(), provider=OTHER)) is not type(one)


def test_a_class_that_nobody_uses_goes_away(tiny: ModuleType) -> None:
    gone = weakref.ref(type(wrap(tiny.Caller(), provider=Provider(producer="short-lived"))))
    gc.collect()
    assert gone() is None


# --- classes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SWAPPED)
def test_a_class_is_wrapped_as_a_subclass_of_the_same_name(name: str, tiny: ModuleType) -> None:
    cls = getattr(tiny, name)
    labelled = wrap(cls, provider=ACME)
    assert is_wrapped(labelled)
    assert not is_wrapped(cls)
    assert issubclass(labelled, cls)
    assert labelled.__name__ == name
    assert labelled().draw() == f"{cls().draw()} [acme]"
    assert type(wrap(cls(), provider=ACME)) is labelled
    assert wrap(labelled, provider=ACME) is labelled
    assert generated(wrap(labelled, provider=OTHER)) == [wrap(labelled, provider=OTHER)]
    assert unwrap(labelled) is cls
    assert unwrap(cls) is cls
    assert type(unwrap(labelled())) is cls


def test_a_subclass_of_a_wrapped_class_labels(tiny: ModuleType) -> None:
    class Mine(wrap(tiny.Drawer, provider=ACME)):  # type: ignore[misc]
        def draw(self, what: str = "a dog", *, times: int = 1) -> str:
            return super().draw(what, times=times)

    obj = Mine()
    assert is_wrapped(Mine)
    assert is_wrapped(obj)
    assert obj.draw() == "a dog x1 by pen [acme]"
    # What the user has added is not undone.
    assert unwrap(Mine) is Mine
    assert type(unwrap(obj)) is Mine


def test_a_wrapped_object_of_such_a_subclass_has_the_new_settings_only(tiny: ModuleType) -> None:
    class Mine(wrap(tiny.Drawer, provider=ACME)):  # type: ignore[misc]
        """Adds nothing to the seam."""

    obj = wrap(Mine(), provider=OTHER)
    assert obj.draw() == "a cat x1 by pen [other]"
    assert copy.copy(obj).draw() == "a cat x1 by pen [other]"
    assert copy.deepcopy(Mine()).draw() == "a cat x1 by pen [acme]"
    assert unwrap(obj).draw() == "a cat x1 by pen [acme]"
    assert type(obj) is Mine


# --- copies and processes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["copy", "deepcopy", *(f"pickle {p}" for p in range(pickle.HIGHEST_PROTOCOL + 1))])
@pytest.mark.parametrize("name", SWAPPED)
def test_copies_label_too(name: str, how: str, tiny: ModuleType) -> None:
    cls = getattr(tiny, name)

    def duplicate(obj: Any) -> Any:
        if how.startswith("pickle"):
            return pickle.loads(pickle.dumps(obj, int(how[-1])))
        return getattr(copy, how)(obj)

    if how in ("pickle 0", "pickle 1") and name in ("Slotted", "CompactDrawer"):
        # Python pickles slots from protocol 2 on. Losing what is in them would be worse.
        for obj in (cls(), wrap(cls(), provider=ACME)):
            with pytest.raises(TypeError, match=r"__slots__ without defining __getstate__"):
                duplicate(obj)
        return
    plain = duplicate(cls())
    made = duplicate(wrap(cls(), provider=ACME))
    assert type(made) is wrap(cls, provider=ACME)
    assert made.draw() == f"{plain.draw()} [acme]"
    assert getattr(made, "__dict__", None) == getattr(plain, "__dict__", None)


def test_a_copy_is_told_to_the_adapter_when_it_is_complete(tiny: ModuleType) -> None:
    adapter = importlib.import_module("tiny_adapter")
    for duplicate in (copy.copy, copy.deepcopy, lambda obj: pickle.loads(pickle.dumps(obj))):
        for name in ("Drawer", "Slotted", "Stateful", "Reduced", "Copying", "CompactDrawer"):
            made = duplicate(wrap(getattr(tiny, name)(), provider=ACME))
            assert adapter.wrapped.pop() is made, name
            assert made.name


def test_a_copy_of_a_subclass_that_names_its_base_labels(tiny: ModuleType) -> None:
    class Mine(wrap(tiny.Copying, provider=ACME)):  # type: ignore[misc]
        """Of the user; what it copies to is the framework's choice."""

    assert copy.copy(Mine()).draw() == copy.deepcopy(Mine()).draw() == "a cat x1 by pen [acme]"


def test_what_is_pickled_by_name_comes_back_as_it_is(tiny: ModuleType) -> None:
    wrap(tiny.SINGLE, provider=ACME)
    assert pickle.loads(pickle.dumps(tiny.SINGLE)) is tiny.SINGLE
    assert copy.deepcopy(tiny.SINGLE).draw() == "a cat x1 by pen [acme]"
    assert not is_wrapped(unwrap(tiny.SINGLE))


def test_a_deep_copy_is_deep_and_a_shallow_one_shallow(tiny: ModuleType) -> None:
    obj = wrap(tiny.Drawer(), provider=ACME)
    assert copy.copy(obj).parts is obj.parts
    assert copy.deepcopy(obj).parts is not obj.parts
    box = [obj, obj]
    twins = pickle.loads(pickle.dumps(box))
    assert twins[0] is twins[1]


def test_a_pydantic_copy_labels(tiny: ModuleType) -> None:
    obj = wrap(tiny.ModelDrawer(), provider=ACME)
    assert obj.model_copy(update={"name": "clay"}).draw() == "a cat by clay [acme]"
    assert obj.model_copy(deep=True).draw() == "a cat by model [acme]"
    assert type(obj).model_validate({"name": "clay"}).draw() == "a cat by clay [acme]"
    assert obj == copy.copy(obj)
    with pytest.raises(ValueError, match="valid string"):
        tiny.ModelDrawer.model_validate({"name": 5})


def test_spawned_workers_label(tiny: ModuleType) -> None:
    drawers = [wrap(getattr(tiny, name)(), provider=ACME) for name in SWAPPED]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        drawn = list(pool.map(tiny.draw, drawers))
    assert drawn == [pickle.loads(pickle.dumps(drawer)).draw() for drawer in drawers]
    assert all(text.endswith(" [acme]") for text in drawn)


def test_forked_workers_label() -> None:
    # In a Python of its own, for a process that forks should have no other threads.
    run_script("""
        import os
        import aigc_hooks, tiny_framework
        from multiprocessing import get_context
        drawer = aigc_hooks.wrap(tiny_framework.Drawer(), producer="acme")
        drawer.draw()
        if os.fork() == 0:
            assert drawer.draw() == "a cat x1 by pen [acme]"
            assert aigc_hooks.wrap(tiny_framework.Caller(), producer="child")() == "a cat [child]"
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
        with get_context("fork").Pool(2) as pool:
            assert pool.map(tiny_framework.draw, [drawer] * 4) == [drawer.draw()] * 4
    """)


def test_threads_that_wrap_and_call_share_one_class(tiny: ModuleType) -> None:
    start = threading.Barrier(8)

    def work(number: int) -> tuple[type, set[str]]:
        producer = f"thread-{number % 2}"
        obj = tiny.Drawer()
        start.wait()
        drawn = {wrap(obj, producer=producer).draw() for _ in range(50)}
        return type(obj), drawn

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(work, range(8)))
    for parity in (0, 1):
        classes, drawn = zip(*results[parity::2], strict=True)
        assert len(set(classes)) == 1
        assert set().union(*drawn) == {f"a cat x1 by pen [thread-{parity}]"}


def test_threads_may_wrap_one_object_while_others_call_it(tiny: ModuleType) -> None:
    obj = wrap(tiny.Drawer(), provider=ACME)
    stop = threading.Event()
    seen: set[str] = set()

    def call() -> None:
        while not stop.is_set():
            seen.add(obj.draw())

    callers = [threading.Thread(target=call) for _ in range(3)]
    for caller in callers:
        caller.start()
    for provider in (OTHER, ACME) * 100:
        wrap(obj, provider=provider)
    stop.set()
    for caller in callers:
        caller.join()
    assert seen <= {"a cat x1 by pen [acme]", "a cat x1 by pen [other]"}
    assert generated(type(obj)) == [type(obj)]


def test_a_reload_of_the_module_keeps_wrapped_objects() -> None:
    # A notebook with autoreload does this behind the user's back. Here in a Python of its own, to leave no trace.
    run_script("""
        import copy, importlib, pickle
        import aigc_hooks.wrapping, tiny_framework
        from aigc_hooks import wrap, Provider
        acme, other = Provider(producer="acme"), Provider(producer="other")
        obj, labelled = wrap(tiny_framework.Drawer(), provider=acme), wrap(tiny_framework.Drawer, provider=acme)

        fresh = importlib.reload(aigc_hooks.wrapping)
        assert fresh.wrap is not wrap
        assert fresh.is_wrapped(obj)
        assert fresh.is_wrapped(labelled)
        assert copy.copy(obj).draw() == pickle.loads(pickle.dumps(obj)).draw() == "a cat x1 by pen [acme]"
        assert fresh.wrap(obj, provider=other) is obj
        assert obj.draw() == "a cat x1 by pen [other]"
        assert type(obj).__mro__[1] is tiny_framework.Drawer
        assert type(fresh.unwrap(obj)) is tiny_framework.Drawer
        assert fresh.unwrap(labelled) is tiny_framework.Drawer
    """)


# --- what cannot be wrapped ------------------------------------------------------------------------------------------


def test_a_missing_seam_is_an_unsupported_version(tiny: ModuleType) -> None:
    # "__call__" is there, but on the metaclass: that one calls the class, not the object.
    obj = tiny.CallerWithoutCall()
    with pytest.raises(UnsupportedVersionError, match=r"CallerWithoutCall has no method __call__, which the"):
        wrap(obj, provider=ACME)
    assert type(obj) is tiny.CallerWithoutCall


def test_a_seam_that_is_no_method_is_an_unsupported_version(tiny: ModuleType) -> None:
    with pytest.raises(UnsupportedVersionError, match=r"MakerOfConstants has no method made, which the adapter"):
        wrap(tiny.MakerOfConstants(), provider=ACME)


def test_a_class_without_subclasses_is_an_unsupported_version(tiny: ModuleType) -> None:
    obj = tiny.FinalDrawer()
    with pytest.raises(UnsupportedVersionError, match=r"FinalDrawer cannot be wrapped, .*: FinalDrawer is final"):
        wrap(obj, provider=ACME)
    assert type(obj) is tiny.FinalDrawer


@pytest.mark.parametrize("obj", [None, object(), 5, "pipe", len, int, ACME])
def test_an_unknown_object_is_named_with_the_adapters_found(obj: object) -> None:
    cls = obj if isinstance(obj, type) else type(obj)
    with pytest.raises(AdapterNotFoundError) as caught:
        wrap(obj, provider=ACME)
    text = str(caught.value)
    found = "adapters found: diffusers, langchain, transformers, tts, tiny."
    assert f"no adapter knows {cls.__module__}.{cls.__qualname__}; {found}" in text
    assert "To label finished content use label()" in text
    assert "pip install" not in text


def test_a_known_framework_without_adapter_gets_its_pip_line() -> None:
    from transformers import PretrainedConfig

    class Mine(PretrainedConfig):
        """Of the user's own module, and transformers' by descent."""

    for obj in (PretrainedConfig(), PretrainedConfig, Mine()):
        with pytest.raises(
            AdapterNotFoundError, match=r"For transformers: pip install --upgrade 'aigc-hooks\[transformers\]'"
        ):
            wrap(obj, provider=ACME)


def test_unwrapping_what_was_never_wrapped_does_nothing(tiny: ModuleType) -> None:
    for obj in (None, 5, object(), tiny.Drawer(), tiny.Drawer, int):
        assert unwrap(obj) is obj
        assert not is_wrapped(obj)


def test_a_pickle_needs_the_adapter_on_arrival(tiny: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without it the object would come out of the pickle unlabelled.
    data = pickle.dumps(wrap(tiny.Drawer(), provider=ACME))
    monkeypatch.setenv("AIGC_HOOKS_BLOCK_PLUGINS", "tiny")
    plugins.reload()
    with pytest.raises(AdapterNotFoundError, match=r"Not loaded: tiny \(in AIGC_HOOKS_BLOCK_PLUGINS\)"):
        pickle.loads(data)


def test_the_public_names_are_these() -> None:
    assert (aigc_hooks.wrap, aigc_hooks.unwrap, aigc_hooks.is_wrapped) == (wrap, unwrap, is_wrapped)
