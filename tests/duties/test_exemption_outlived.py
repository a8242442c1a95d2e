"""Article 9: what outlives the context of an exemption, or was never in it, gets its explicit label."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import aigc_hooks
from aigc_hooks import ExemptionError, Provider, read_label

ASKED: dict[str, Any] = {"user": "u-1029", "agreement": "terms-7", "reason": "print"}
NOTICE = "（本内容由AI生成）"


@pytest.fixture
def labelled(provider: Provider, sink: Any) -> Callable[[], bool]:
    """Whether content that is made now gets its explicit label."""
    return lambda: aigc_hooks.label("a text", provider=provider).endswith(NOTICE)


def pictures(count: int) -> list[Image.Image]:
    return [Image.new("RGB", (256, 256), (0, 90 + number, 90)) for number in range(count)]


async def test_a_task_that_goes_on_labels(labelled: Callable[[], bool]) -> None:
    ended = asyncio.Event()

    async def work() -> list[bool]:
        made = [labelled()]
        await ended.wait()
        return [*made, labelled()]

    with aigc_hooks.exempt(**ASKED):
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
    ended.set()
    assert await task == [False, True]


def test_a_thread_that_goes_on_labels_and_so_do_the_workers_of_a_pool(labelled: Callable[[], bool]) -> None:
    begun, ended = threading.Event(), threading.Event()

    def work() -> list[bool]:
        made = [labelled()]
        begun.set()
        assert ended.wait(60)
        return [*made, labelled()]

    with ThreadPoolExecutor(1) as pool:
        with aigc_hooks.exempt(**ASKED):
            context = contextvars.copy_context()
            future = pool.submit(context.run, work)
            assert begun.wait(60)
        ended.set()
        assert future.result(60) == [False, True]
        with aigc_hooks.exempt(**ASKED):
            assert pool.submit(labelled).result(60)
        assert context.run(labelled)


def test_of_contexts_that_are_taken_along_the_one_that_lasts_counts(labelled: Callable[[], bool]) -> None:
    with aigc_hooks.exempt(**ASKED):
        with aigc_hooks.exempt(**ASKED):
            context = contextvars.copy_context()
        assert not context.run(labelled)
    assert context.run(labelled)


def test_a_generator_that_is_broken_off_ends_it(labelled: Callable[[], bool]) -> None:
    def answers() -> Iterator[bool]:
        with aigc_hooks.exempt(**ASKED):
            while True:
                yield labelled()

    for made in answers():
        assert not made
        break
    gc.collect()
    assert labelled()
    pieces = answers()
    next(pieces)
    pieces.close()
    assert labelled()


async def test_an_asynchronous_generator_that_nobody_closes_ends_it(labelled: Callable[[], bool]) -> None:
    async def answers() -> AsyncIterator[bool]:
        with aigc_hooks.exempt(**ASKED):
            while True:
                yield labelled()

    async for made in answers():
        assert not made
        break
    gc.collect()
    for _ in range(5):  # the loop closes it in a task, and so in a context, of its own
        await asyncio.sleep(0)
    assert labelled()


def test_a_generator_that_is_pulled_in_one_context_after_another(labelled: Callable[[], bool]) -> None:
    """As a web server pulls a synchronous one: each step in a thread, with a copy of the request's context."""

    def answers() -> Iterator[bool]:
        with aigc_hooks.exempt(**ASKED):
            yield labelled()
            yield labelled()

    pieces, context = answers(), contextvars.copy_context()
    steps = [context.copy().run(next, pieces, None) for _ in range(3)]
    assert steps == [False, True, None]
    assert labelled()


def test_what_is_computed_later_is_labelled(provider: Provider, sink: Any) -> None:
    with aigc_hooks.exempt(**ASKED):
        later = (aigc_hooks.label(text, provider=provider) for text in ("one", "two"))
        first = next(later)
    assert (first, next(later)) == ("one", f"two\n\n{NOTICE}")
    assert sink.outcomes() == ["exempted", "labelled"]


def test_it_lasts_as_long_as_the_context_that_holds_it(labelled: Callable[[], bool]) -> None:
    @contextmanager
    def asked_by(user: str) -> Iterator[None]:
        with aigc_hooks.exempt(**{**ASKED, "user": user}):
            yield

    with asked_by("u-1"), ExitStack() as stack:
        stack.enter_context(asked_by("u-2"))
        assert not labelled()
    assert labelled()
    with pytest.raises(ZeroDivisionError), asked_by("u-1"):
        1 / 0  # noqa: B018
    assert labelled()


@pytest.mark.parametrize("way", ["fork", "pool"])
def test_a_forked_process_labels(way: str, start: Any, url: str) -> None:
    script = """
        import multiprocessing, os, sys, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        import aigc_hooks
        provider = aigc_hooks.Provider(producer="acme", audit_url=sys.argv[2])
        def made(_=0): return aigc_hooks.label("a text", provider=provider)
        with aigc_hooks.exempt(user="u", agreement="a", reason="r"):
            print(made() == "a text")
            if sys.argv[1] == "pool":
                with multiprocessing.get_context("fork").Pool(1) as pool: print(pool.map(made, [0])[0] == "a text")
            else:
                sys.stdout.flush()
                if not (child := os.fork()):
                    os.write(1, f"{made() == 'a text'}\\n".encode())
                    with aigc_hooks.exempt(user="v", agreement="a", reason="r"):
                        os.write(1, f"{made() == 'a text'}\\n".encode())
                    os._exit(0)
                assert os.waitpid(child, 0)[1] == 0
            print(made() == "a text")
    """
    told, errors = start(script, way, url).communicate(timeout=120)
    expected = ["True", "False", "True"] if way == "pool" else ["True", "False", "True", "True"]
    assert told.split() == expected, errors


def test_every_picture_of_a_batch_is_recorded_and_none_leaves_if_one_is_not(
    tmp_path: Path, provider: Provider, installed: Any
) -> None:
    module = installed(
        "counting",
        "from aigc_hooks import hookimpl\nrecords = []\n@hookimpl\ndef aigc_audit(record):\n"
        "    records.append(record)\n    if len(records) == 3: raise OSError('disk full')\n",
    )

    @aigc_hooks.wrap(kind="image", provider=provider)
    def paint(count: int) -> list[Image.Image]:
        return pictures(count)

    with aigc_hooks.exempt(**ASKED):
        made = paint(2)
        assert [image.tobytes() for image in made] == [image.tobytes() for image in pictures(2)]
        with pytest.raises(ExemptionError, match="disk full"):
            paint(2)
        again = paint(2)
    numbers = [record.label.produce_id for record in module().records]
    assert {record.outcome for record in module().records} == {"exempted"}
    assert len(set(numbers)) == 5
    for number, image in zip(numbers[:2] + numbers[-2:], [*made, *again], strict=True):
        image.save(tmp_path / "a.png")
        label = read_label(tmp_path / "a.png").label
        assert label is not None
        assert label.produce_id == number


def test_a_film_and_a_file_of_it(tmp_path: Path, provider: Provider, sink: Any) -> None:
    frames = pictures(6)
    with aigc_hooks.exempt(**ASKED):
        aigc_hooks.save(frames, tmp_path / "a.mp4", fps=6, provider=provider)
    assert [frame.tobytes() for frame in frames] == [frame.tobytes() for frame in pictures(6)]
    label = read_label(tmp_path / "a.mp4").label
    assert label is not None
    assert (sink.outcomes()[0], sink.records[0].modality, sink.records[0].label) == ("exempted", "video", label)


def test_a_file_whose_record_is_lost_keeps_its_bytes(tmp_path: Path, provider: Provider, url: str) -> None:
    import subprocess

    film = tmp_path / "a.mp4"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=d=1:r=6:s=320x240", "-pix_fmt", "yuv420p", film]
    subprocess.run(command, check=True)
    given = film.read_bytes()
    record = tmp_path / "missing" / "record.db"
    with aigc_hooks.exempt(**ASKED), pytest.raises(ExemptionError, match="could not be recorded"):
        aigc_hooks.label(film, provider=provider, audit_url=str(record), audit="best-effort")
    assert film.read_bytes() == given
    with aigc_hooks.exempt(**ASKED):
        aigc_hooks.label(film, provider=provider, audit_url=url)
    assert read_label(film).label is not None


def test_an_exemption_costs_nothing_that_stays(labelled: Callable[[], bool]) -> None:
    context = contextvars.copy_context()

    def begin() -> Iterator[None]:
        with aigc_hooks.exempt(**ASKED):
            yield

    for _ in range(50):  # each ends in another context than it began in
        held = begin()
        context.run(next, held)
        held.close()
    assert context.run(labelled)
    assert sum(type(each).__name__ == "_Standing" for each in gc.get_objects()) <= 3


def test_the_record_tells_who_asked_under_two_exemptions_at_once(url: str, provider: Provider) -> None:
    from aigc_hooks.duties.log import finding
    from aigc_hooks.duties.log.database import Database

    def work(user: str) -> None:
        with aigc_hooks.exempt(**{**ASKED, "user": user}):
            for number in range(10):
                text = aigc_hooks.label(f"{user} {number}", provider=provider, audit_url=url, exemption_ids="plain")
                assert NOTICE not in text

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [f"user-{number}" for number in range(8)]))
    details = [json.loads(row.details) for row in finding.last(Database(url), 1000)]
    assert sorted(each["user"] for each in details) == sorted(f"user-{n}" for n in range(8) for _ in range(10))
