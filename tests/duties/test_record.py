"""The record in SQLite: what stands in it, what of it shows when it was changed, and for how long it is kept."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import aigc_hooks
from aigc_hooks import AuditRecord, ConfigError, Label, LabelError, Provider, RecordError, override
from aigc_hooks.duties.log import chain, finding, keeping, writer
from aigc_hooks.duties.log.database import Database
from aigc_hooks.duties.log.row import MOST_REASON
from aigc_hooks.duties.log.writer import write
from aigc_hooks.duties.waiting import deferred

Make = Callable[..., AuditRecord]
OLD = [f"2020-01-0{day}T00:00:00.000+00:00" for day in range(1, 6)]


def by_hand(url: str, *statements: str) -> None:
    """Changes a database as somebody would who has its file: without the triggers."""
    with closing(sqlite3.connect(url)) as connection:
        for trigger in ("aigc_rows_unchanged", "aigc_rows_kept"):
            connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def limit() -> datetime:
    return keeping.youngest_purgeable(datetime.now(timezone.utc))


# What stands in it


def test_every_output_has_its_row(url: str) -> None:
    made = aigc_hooks.label("早上好", producer="acme", audit_url=url)
    image = aigc_hooks.label(Image.new("RGB", (64, 64)), producer="acme", audit_url=url)
    aigc_hooks.label('{"a": 1}', producer="acme", audit_url=url)
    text, picture, passed = finding.last(Database(url), 10)
    assert (text.outcome, text.modality, text.producer) == ("labelled", "text", "acme")
    assert text.digest == f"text-sha256:{sha256(made.encode()).hexdigest()}"
    assert (picture.outcome, picture.modality) == ("labelled", "image")
    assert picture.digest == f"pixels-sha256:{sha256(image.tobytes()).hexdigest()}"
    assert json.loads(picture.label)["ProduceID"] == picture.produce_id != text.produce_id
    assert "pixels" in json.loads(picture.places)
    assert (passed.outcome, passed.reason, passed.label) == ("passed", "one JSON document", "")
    assert datetime.fromisoformat(text.time) <= datetime.fromisoformat(picture.time)


def test_the_digest_of_a_film_is_over_its_frames(url: str) -> None:
    frames = [Image.new("RGB", (128, 128), (0, 40 * number, 90)) for number in range(4)]
    aigc_hooks.label(frames, fps=2, producer="acme", audit_url=url)
    (row,) = finding.last(Database(url), 10)
    expected = sha256(b"".join(frame.tobytes() for frame in frames)).hexdigest()
    assert (row.modality, row.digest) == ("video", f"pixels-sha256:{expected}")


@pytest.mark.parametrize("kind", ["array", "strided array", "tensor", "bfloat16"])
def test_the_digest_of_values_is_over_their_bytes(kind: str) -> None:
    import numpy
    import torch

    from aigc_hooks.duties.digest import digest

    values = numpy.arange(24, dtype=numpy.float32).reshape(2, 3, 4)
    content: Any = values
    if kind == "strided array":
        content, values = values[:, :, ::2], values[:, :, ::2].copy()
    elif kind == "tensor":
        content = torch.from_numpy(values)
    elif kind == "bfloat16":
        content = torch.from_numpy(values).to(torch.bfloat16)
        values = content.view(torch.int16).numpy()
    assert digest(content) == f"values-sha256:{sha256(values.tobytes()).hexdigest()}"


def test_what_left_without_a_label_has_its_row(url: str) -> None:
    with pytest.warns(UserWarning, match="released without a label"):
        aigc_hooks.label(
            Image.new("RGB", (4, 4)), producer="acme", audit_url=url, on_error="warn", wording="由人工智能生成" * 99
        )
    (row,) = finding.last(Database(url), 10)
    assert (row.outcome, row.label, row.produce_id) == ("failed", "", "")
    assert row.reason


def test_neither_prompt_nor_person_is_in_it_unless_the_settings_say_so(url: str) -> None:
    aigc_hooks.label("a secret answer", producer="acme", audit_url=url)
    for path in Path(url).parent.iterdir():
        assert b"secret answer" not in path.read_bytes()
    with override(audit_reference="request 4711"):
        aigc_hooks.label("another answer", producer="acme", audit_url=url)
    assert [row.reference for row in finding.last(Database(url), 9)] == ["", "request 4711"]


def test_a_reason_is_cut_for_errors_quote_what_they_were_given(url: str, record: Make) -> None:
    write(record(reason="x" * 5000), Provider(producer="acme", audit_url=url))
    (row,) = finding.last(Database(url), 1)
    assert row.reason == "x" * (MOST_REASON - 1) + "…"


def test_the_reference_stands_in_the_lines_of_json_too(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "aigc_hooks.audit"):
        aigc_hooks.label("hello", producer="acme", audit_reference="request 4711")
    assert json.loads(caplog.records[-1].message)["reference"] == "request 4711"


@pytest.mark.parametrize("service_class", ["a", "e", "other"])
def test_the_class_of_the_service_stands_in_it(service_class: Any, url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "aigc_hooks.audit")
    with override(service_class=service_class):
        aigc_hooks.label("hello", producer="acme", audit_url=url)
        aigc_hooks.label("hello again", producer="acme")
    (row,) = finding.last(Database(url), 9)
    assert row.to_dict()["details"] == {"service_class": service_class}
    assert json.loads(caplog.messages[-1])["service_class"] == service_class


def test_a_failing_record_releases_nothing(folder: Path) -> None:
    with pytest.raises(LabelError, match=r"nothing was released: .* the folder .*nowhere does not exist; make it") as e:
        aigc_hooks.label("hello", producer="acme", audit_url=str(folder / "nowhere" / "record.db"))
    assert (e.value.stage, e.value.plugin) == ("audit", "aigc_hooks.duties.audit")


def test_best_effort_logs_the_row_that_was_not_written(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    url = str(folder / "nowhere" / "record.db")
    made = aigc_hooks.label("hello", producer="acme", audit_url=url, audit="best-effort")
    writer.close()
    assert made.startswith("hello")
    (told,) = [each.message for each in caplog.records if each.name == "aigc_hooks.audit"]
    assert "a row is not in the record" in told
    assert '"outcome": "labelled"' in told


def test_best_effort_rows_are_written_at_the_end(url: str) -> None:
    for _ in range(50):
        aigc_hooks.label("hello", producer="acme", audit_url=url, audit="best-effort")
    writer.close()
    assert chain.verify(Database(url)).rows == 50


def test_a_file_that_is_no_database_is_kept_and_named(folder: Path) -> None:
    path = folder / "record.db"
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(LabelError, match="not a database; keep the file as it is, and let audit_url name a new one"):
        aigc_hooks.label("hello", producer="acme", audit_url=str(path))
    assert path.read_bytes() == b"something else entirely" * 100


def test_a_record_of_a_newer_version_is_not_touched(url: str, written: Any) -> None:
    written(count=1)
    writer.close()
    by_hand(url, "UPDATE aigc_version SET version_num = '9999'")
    with pytest.raises(ConfigError, match=r"written by a newer version .*schema 9999.*pip install --upgrade"):
        aigc_hooks.label("hello", producer="acme", audit_url=url)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("mysql://root:s3cret@host/record", "SQLite .* or PostgreSQL .*, found mysql://…"),
        (":memory:", "outlives the process"),
        ("sqlite://", "outlives the process"),
        ("", "outlives the process"),
    ],
)
def test_a_wrong_url_is_refused_without_its_password(wrong: str, told: str) -> None:
    with pytest.raises(ConfigError, match=f"audit_url = .*{told}") as e:
        Provider(producer="acme", audit_url=wrong)
    assert "s3cret" not in str(e.value)


def test_a_url_that_cannot_be_parsed_is_refused_without_its_password() -> None:
    with pytest.raises(ConfigError, match="audit_url is no URL") as e:
        Database("postgresql://acme@host:s3cret/x")
    assert "s3cret" not in str(e.value)


def test_a_path_is_found_from_the_file_that_names_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "aigc.toml").write_text('producer = "acme"\naudit_url = "log/record.db"\n', encoding="utf-8")
    for name in ("log", "below"):
        (folder / name).mkdir()
    monkeypatch.chdir(folder / "below")
    aigc_hooks.label("hello")
    assert chain.verify(Database(str(folder / "log" / "record.db"))).rows == 1


def test_a_path_object_a_path_and_a_url_name_the_same_file(folder: Path) -> None:
    urls = [Path("record.db"), "record.db", "sqlite:///record.db", f"sqlite:////{folder.relative_to('/')}/record.db"]
    assert {Provider(producer="acme", audit_url=url).audit_url for url in urls} == {str(folder / "record.db")}


# Event loops


async def test_an_event_loop_goes_on_while_rows_are_committed(url: str) -> None:
    @aigc_hooks.wrap(kind="text", producer="acme", audit_url=url)
    async def answer() -> str:
        return "hello"

    await answer()  # the database is made
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    turning = asyncio.create_task(turn())
    with closing(sqlite3.connect(url, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # the row must wait
        waiting = asyncio.create_task(answer())
        await asyncio.sleep(0.1)
        before = turns
        await asyncio.sleep(0.1)
        assert turns > before
        assert not waiting.done()
        other.execute("COMMIT")
    assert (await waiting).startswith("hello")
    turning.cancel()
    assert chain.verify(Database(url)).rows == 2


async def test_an_asynchronous_caller_gets_nothing_that_is_not_recorded(folder: Path) -> None:
    @aigc_hooks.wrap(kind="text", producer="acme", audit_url=folder / "nowhere" / "record.db")
    async def answer() -> str:
        return "hello"

    with pytest.raises(LabelError, match="stage audit failed, and nothing was released: the record") as e:
        await answer()
    assert e.value.stage == "audit"


async def test_an_asynchronous_stream_ends_when_its_row_is_committed(url: str) -> None:
    @aigc_hooks.wrap(kind="text", producer="acme", audit_url=url)
    async def answer() -> Any:
        yield "good "
        yield "morning"

    pieces = [piece async for piece in answer()]
    (row,) = finding.last(Database(url), 9)
    assert row.digest == f"text-sha256:{sha256(''.join(pieces).encode()).hexdigest()}"


async def test_a_stream_that_is_broken_off_has_its_row(url: str) -> None:
    @aigc_hooks.wrap(kind="text", producer="acme", audit_url=url)
    async def answer() -> Any:
        yield "good "
        yield "morning"

    pieces = answer()
    await anext(pieces)
    await pieces.aclose()
    (row,) = finding.last(Database(url), 9)
    assert (row.outcome, row.reason) == ("aborted", "the stream was broken off before its end")


async def test_a_caller_that_is_cancelled_leaves_its_row(url: str, record: Make, written: Any) -> None:
    written(count=1)
    with closing(sqlite3.connect(url, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with deferred() as rows:
            write(record(2), Provider(producer="acme", audit_url=url))
        waiting = asyncio.create_task(rows.committed())
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        other.execute("COMMIT")
    writer.close()
    assert chain.verify(Database(url)).rows == 2


# What shows


def test_a_record_as_it_was_written_is_intact(written: Any) -> None:
    found = chain.verify(written(count=5))
    assert (found.intact, found.rows, found.problems, found.set_back) == (True, 5, [], 0)
    assert [head.sequence for head in found.heads] == [5]


@pytest.mark.parametrize("statement", ["UPDATE aigc_rows SET source = 'x'", "DELETE FROM aigc_rows"])
def test_rows_are_not_changed_by_mistake(url: str, written: Any, statement: str) -> None:
    written(count=2)
    with closing(sqlite3.connect(url)) as connection, pytest.raises(sqlite3.IntegrityError, match="rows of the record"):
        connection.execute(statement)
    assert chain.verify(Database(url)).intact


SWAP = (
    """UPDATE aigc_rows SET sequence = CASE sequence WHEN 2 THEN -3 WHEN 3 THEN -2 ELSE sequence END""",
    ("UPDATE aigc_rows SET sequence = -sequence WHERE sequence < 0"),
)
CHANGES: dict[str, tuple[tuple[str, ...], list[tuple[int, str]]]] = {
    "a row changed": (("UPDATE aigc_rows SET source = 'x' WHERE sequence = 2",), [(2, "it was changed")]),
    "the first row removed": (("DELETE FROM aigc_rows WHERE sequence = 1",), [(1, "row 1 missing")]),
    "rows removed": (("DELETE FROM aigc_rows WHERE sequence IN (2, 3)",), [(2, "rows 2 to 3 missing")]),
    "the last row removed": (("DELETE FROM aigc_rows WHERE sequence = 5",), [(5, "row 5 missing at the end")]),
    "all rows removed": (("DELETE FROM aigc_rows",), [(1, "rows 1 to 5 missing at the end")]),
    "rows swapped": (
        SWAP,
        [
            (2, "it does not follow"),
            (2, "it was changed"),
            (3, "it does not follow"),
            (3, "it was changed"),
            (4, "it does not follow"),
        ],
    ),
    "the chain not listed": (("DELETE FROM aigc_writers",), [(0, "rows of a chain that is not listed")]),
    "rows removed and called purged": (
        (
            "UPDATE aigc_writers SET purged = 2, purged_hash = (SELECT hash FROM aigc_rows WHERE sequence = 2)",
            "DELETE FROM aigc_rows WHERE sequence <= 2",
        ),
        [(2, "rows 1 to 2 are missing, and no purge is recorded")],
    ),
    "the end removed with its head": (
        (
            "DELETE FROM aigc_rows WHERE sequence = 5",
            "UPDATE aigc_writers SET sequence = 4",
        ),
        [(4, "the last row is not the one")],
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_by_hand_shows(url: str, written: Any, change: str) -> None:
    written(count=5)
    statements, told = CHANGES[change]
    by_hand(url, *statements)
    found = chain.verify(Database(url))
    assert not found.intact
    assert [each.sequence for each in found.problems] == [sequence for sequence, _ in told]
    for problem, (_, what) in zip(found.problems, told, strict=True):
        assert problem.what.startswith(what)


@pytest.mark.parametrize(
    "column",
    ["time", "outcome", "provider", "producer", "modality", "source", "produce_id", "label", "places", "digest"],
)
def test_no_column_can_be_changed_unseen(url: str, written: Any, column: str) -> None:
    written(count=2)
    by_hand(url, f"UPDATE aigc_rows SET {column} = {column} || ' ' WHERE sequence = 1")
    assert [each.sequence for each in chain.verify(Database(url)).problems] == [1]


def test_a_row_that_is_removed_before_the_next_is_written_shows_for_ever(url: str, written: Any) -> None:
    written(count=3)
    by_hand(url, "DELETE FROM aigc_rows WHERE sequence = 3")
    written(count=2)
    assert [each.what for each in chain.verify(Database(url)).problems] == ["row 3 missing"]


def test_a_chain_that_was_computed_anew_differs_from_a_head_that_was_kept_elsewhere(url: str, written: Any) -> None:
    (head,) = chain.verify(written(count=3)).heads
    writer.close()
    Path(url).unlink()
    database = written(count=3)
    by_hand(url, f"UPDATE aigc_writers SET writer = '{head.writer}'")
    with closing(sqlite3.connect(url)) as connection:  # the forger knows how hashes are made
        rows = [list(row) for row in connection.execute("SELECT * FROM aigc_rows ORDER BY sequence")]
        connection.execute("DELETE FROM aigc_rows")
        previous = "0" * 64
        for row in rows:
            row[0], row[-2] = head.writer, previous
            row[-1] = previous = sha256(json.dumps(row[:-1], separators=(",", ":")).encode()).hexdigest()
            connection.execute(f"INSERT INTO aigc_rows VALUES ({', '.join('?' * len(row))})", row)
        connection.execute("UPDATE aigc_writers SET hash = ?", [previous])
        connection.commit()
    assert chain.verify(database).intact
    found = chain.verify(database, [(head.writer, 3, head.hash), ("other", 1, "0")])
    assert [each.what for each in found.problems] == [
        "the chain is known from elsewhere, and is missing",
        "its hash was another when it was noted elsewhere",
    ]


def test_a_clock_that_is_set_back_is_told_and_is_no_fault(written: Any) -> None:
    found = chain.verify(written(OLD[2], OLD[1], OLD[3], OLD[0]))
    assert (found.intact, found.set_back) == (True, 2)


# How long it is kept


@pytest.mark.parametrize(
    ("now", "before"),
    [
        ("2026-07-15", "2026-01-15"),
        ("2026-03-15", "2025-09-15"),
        ("2026-08-31", "2026-02-28"),
        ("2024-08-31", "2024-02-29"),
    ],
)
def test_rows_are_kept_for_six_months_of_the_calendar(now: str, before: str) -> None:
    assert keeping.youngest_purgeable(datetime.fromisoformat(now)) == datetime.fromisoformat(before)


def test_young_rows_are_not_purged(written: Any) -> None:
    database = written(*OLD)
    with pytest.raises(RecordError, match=r"at least 6 months \(Measures, article 9\)"):
        keeping.purge(database, limit() + timedelta(hours=1), "Li Lei")
    with pytest.raises(RecordError, match="say by whom"):
        keeping.purge(database, limit(), " ")
    assert chain.verify(database).rows == 5


def test_a_purge_leaves_who_signed_it_off_and_the_chain_verifies(written: Any) -> None:
    database = written(*OLD, "")
    hash = finding.last(database, 6)[2].hash
    assert keeping.purge(database, datetime(2020, 1, 4, tzinfo=timezone.utc), "Li Lei", "disk") == 3
    rows = finding.last(database, 9)
    assert [row.sequence for row in rows] == [4, 5, 6, 7]
    assert (rows[-1].outcome, rows[-1].reason) == ("purged", "disk")
    told = json.loads(rows[-1].details)
    assert told == {
        "writer": rows[0].writer,
        "through": 3,
        "hash": hash,
        "removed": 3,
        "oldest": OLD[0],
        "newest": OLD[2],
        "by": "Li Lei",
    }
    assert chain.verify(database).intact
    written(count=1)
    assert chain.verify(database).intact


def test_a_purge_of_nothing_leaves_nothing(written: Any) -> None:
    database = written(count=2)
    assert keeping.purge(database, limit(), "Li Lei") == 0
    assert chain.verify(database).rows == 2


def test_a_purge_may_take_the_checkpoint_of_an_earlier_one(
    url: str, written: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = written(*OLD)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(2020, 12, 1, tzinfo=tz)

    monkeypatch.setattr(keeping, "datetime", Clock)
    assert keeping.purge(database, datetime(2020, 1, 3, tzinfo=timezone.utc), "Li Lei") == 2
    monkeypatch.undo()
    written(count=1, at=url)
    assert keeping.purge(database, limit(), "Han Meimei") == 4
    assert [row.sequence for row in finding.last(database, 9)] == [7, 8]
    assert chain.verify(database).intact


def test_a_clock_that_was_set_back_makes_no_row_old(written: Any) -> None:
    database = written(OLD[0], "", OLD[1], OLD[2])
    assert keeping.purge(database, limit(), "Li Lei") == 1
    assert [row.sequence for row in finding.last(database, 9) if row.outcome != "purged"] == [3, 4, 2]


def test_a_time_that_is_none_makes_no_row_old(written: Any) -> None:
    assert keeping.purge(written(OLD[0], "yesterday", OLD[1]), limit(), "Li Lei") == 1


def test_a_chain_that_was_changed_is_not_purged(url: str, written: Any) -> None:
    database = written(*OLD)
    by_hand(url, "UPDATE aigc_rows SET source = 'x' WHERE sequence = 2")
    with pytest.raises(RecordError, match=r"row 2 of chain .* a purge would hide that; nothing was purged"):
        keeping.purge(database, limit(), "Li Lei")
    assert chain.verify(database).rows == 5


# Two machines


@pytest.fixture
def other(folder: Path, written: Any) -> Callable[..., Database]:
    """The log of another machine."""

    def make(*times: str, count: int = 0) -> Database:
        url = str(folder / "other.db")
        database: Database = written(*times, count=count, at=url)
        writer.close()
        by_hand(url, "UPDATE aigc_writers SET host = 'another-machine'")
        return database

    return make


def test_two_logs_become_one_that_verifies_and_both_go_on(url: str, written: Any, other: Any) -> None:
    source, target = other(count=3), written(count=4)
    assert keeping.merge(source, target) == 3
    written(count=2)
    found = chain.verify(target)
    assert (found.intact, found.rows) == (True, 9)
    assert sorted((head.host == "another-machine", head.sequence) for head in found.heads) == [(False, 6), (True, 3)]
    assert keeping.merge(source, target) == 0


def test_whoever_gets_the_exports_of_two_machines_and_of_both_together_can_verify_them(
    written: Any, other: Any
) -> None:
    source, target = other(*OLD), written(count=4)
    exports = [exported(source), exported(target)]
    assert keeping.merge(source, target) == len(OLD)
    together = exported(target)
    assert sorted(exports[0] + exports[1]) == sorted(together)
    for rows in (*exports, together):
        heads = {name: ("0" * 64, 0) for name, *_ in rows}
        for name, sequence, *values, previous, hash in rows:
            assert (previous, int(sequence)) == (heads[name][0], heads[name][1] + 1)
            text = json.dumps([name, int(sequence), *values, previous], separators=(",", ":"))
            assert sha256(text.encode("ascii")).hexdigest() == hash
            heads[name] = (hash, int(sequence))


def exported(database: Database) -> list[list[str]]:
    """The rows of an export, as anybody reads them."""
    made = io.StringIO(newline="")
    finding.export(database, made, "csv")
    return list(csv.reader(io.StringIO(made.getvalue(), newline="")))[1:]


def test_a_log_is_merged_into_a_new_database(folder: Path, other: Any) -> None:
    target = Database(str(folder / "new.db"), create=True)
    source = other(*OLD, "")
    assert keeping.purge(source, limit(), "Li Lei") == 5
    assert keeping.merge(source, target) == 2 + 0
    assert chain.verify(target).intact


def test_copies_of_a_database_that_both_went_on_are_not_merged(url: str, folder: Path, written: Any) -> None:
    written(count=2)
    writer.close()
    copy = folder / "copy.db"
    copy.write_bytes(Path(url).read_bytes())
    target = written(count=1)
    source = written(count=3, at=str(copy))
    with pytest.raises(RecordError, match="has two different rows 3: two machines continue copies"):
        keeping.merge(source, target)
    assert chain.verify(target).rows == 3


def test_a_log_that_was_changed_is_not_merged(folder: Path, written: Any, other: Any) -> None:
    source, target = other(count=3), written(count=1)
    by_hand(str(folder / "other.db"), "UPDATE aigc_rows SET source = 'x' WHERE sequence = 3")
    with pytest.raises(RecordError, match=r"row 3 of chain .* does not verify"):
        keeping.merge(source, target)
    assert chain.verify(target).rows == 1


# Showing and exporting


def test_all_rows_of_one_number_are_found(url: str, record: Make, written: Any) -> None:
    written(count=3)
    write(record(2, "unsupported-carrier"), Provider(producer="acme", audit_url=url))
    assert [row.outcome for row in finding.by_number(Database(url), "id-2")] == ["labelled", "unsupported-carrier"]
    assert finding.by_number(Database(url), "id-9") == []


def test_rows_that_come_are_followed_whatever_their_clock_says(written: Any, other: Any) -> None:
    database = written(count=3)
    seen = finding.ends(database)
    assert finding.after(database, seen) == []
    written(OLD[1], OLD[0])
    keeping.merge(other(OLD[2]), database)
    assert [row.time for row in finding.after(database, seen)] == OLD[:3]
    assert finding.after(database, seen) == []


def test_an_export_holds_every_column(url: str, record: Make) -> None:
    write(record(1, reason='a "quoted", 中文\nreason'), Provider(producer="acme", name="acme", audit_url=url))
    database = Database(url)
    lines, table = io.StringIO(), io.StringIO(newline="")
    assert finding.export(database, lines, "jsonl") == finding.export(database, table, "csv") == 1
    row = json.loads(lines.getvalue())
    (cells,) = csv.DictReader(io.StringIO(table.getvalue(), newline=""))
    assert row["reason"] == cells["reason"] == 'a "quoted", 中文\nreason'
    assert row["label"]["ProduceID"] == json.loads(cells["label"])["ProduceID"] == "id-1"
    assert row["hash"] == cells["hash"]
    assert list(row) == list(cells)


@pytest.mark.parametrize("text", [f"{first}1+1" for first in "=+-@\t\r\n＝＋－＠'"])
def test_a_spreadsheet_takes_nothing_for_a_formula(url: str, record: Make, text: str) -> None:
    write(record(1, reason=text), Provider(producer="acme", audit_url=url))
    database, table = Database(url), io.StringIO(newline="")
    finding.export(database, table, "csv")
    (cells,) = csv.DictReader(io.StringIO(table.getvalue(), newline=""))
    assert cells["reason"] == f"'{text}"
    (row,) = finding.by_number(database, "id-1")
    assert row.reason == text


def test_every_reader_finds_one_row_on_a_line(url: str, record: Make) -> None:
    text = "a\x85b\u2028c\u2029d\x0be"
    write(record(1, reason=text), Provider(producer="acme", audit_url=url))
    lines = io.StringIO()
    finding.export(Database(url), lines, "jsonl")
    (line,) = lines.getvalue().splitlines()
    assert json.loads(line)["reason"] == text


def test_an_export_begins_and_ends_where_it_is_told(written: Any) -> None:
    made = io.StringIO()
    finding.export(written(*OLD), made, "jsonl", datetime(2020, 1, 2), datetime(2020, 1, 4, tzinfo=timezone.utc))
    assert [json.loads(line)["sequence"] for line in made.getvalue().splitlines()] == [2, 3]


def test_there_is_nothing_to_read_where_nothing_was_written(url: str) -> None:
    with pytest.raises(RecordError, match=r"no record at .*record.db: nothing has been written there yet"):
        chain.verify(Database(url))
    assert not Path(url).exists()


def test_labels_with_every_character_verify(url: str) -> None:
    text = "".join(map(chr, range(0x21, 0x180)))
    label = Label.unchecked(label="1", content_producer=text, produce_id="\u2028\ud800\0")
    write(AuditRecord.now("labelled", "text", label=label), Provider(producer="acme", audit_url=url))
    assert chain.verify(Database(url)).intact


@pytest.mark.parametrize("missing", ["sqlalchemy", "alembic", "psycopg"])
def test_without_its_extra_it_says_what_to_install(missing: str, start: Any) -> None:
    script = f"""
        import sys
        from importlib.machinery import PathFinder
        class Without(PathFinder):
            @classmethod
            def find_spec(cls, name, path=None, target=None):
                return None if name == {missing!r} else PathFinder.find_spec(name, path, target)
        sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]
        import aigc_hooks
        try:
            aigc_hooks.label("hello", producer="acme", audit_url="postgresql://acme@127.0.0.1:1/record")
        except aigc_hooks.ConfigError as error:
            print(error)
    """
    told, errors = start(script).communicate(timeout=60)
    assert f"needs a driver (No module named '{missing}')" in told or f"needs {missing}" in told, told + errors
    assert "pip install 'aigc-hooks[record]'" in told
