"""``aigc-hooks log``: the record on the command line."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aigc_hooks import AuditRecord, Label, Provider
from aigc_hooks.duties.log import writer

OLD = "2020-01-01T00:00:00.000+00:00"


@pytest.fixture
def log(folder: Path) -> Iterator[Callable[..., None]]:
    """Settings that name a record, and rows in it."""
    (folder / "aigc.toml").write_text('producer = "acme"\naudit_url = "record.db"\n', encoding="utf-8")

    def write(*times: str, at: str = "record.db") -> None:
        for number, time in enumerate(times, start=1):
            label = Label(content_producer="acme", produce_id=f"id-{number}")
            record = AuditRecord("labelled", "image", "Pipeline", label, ("pixels",), "", time)
            writer.write(record, Provider(producer="acme", audit_url=at))
        writer.close()

    yield write
    writer.close()


def test_without_a_record_it_says_how_to_have_one(cli: Any, folder: Path) -> None:
    (folder / "aigc.toml").write_text('producer = "acme"\n', encoding="utf-8")
    done = cli("log", "tail")
    assert done.exit_code == 2
    assert "set audit_url in aigc.toml, AIGC_HOOKS_AUDIT_URL, or give --url" in done.output


def test_a_record_that_is_not_there_is_an_error_and_is_not_made(cli: Any, folder: Path) -> None:
    done = cli("log", "verify", "--url", "nothing.db")
    assert done.exit_code == 1
    assert "no record at" in done.output
    assert not (folder / "nothing.db").exists()


def test_tail_shows_the_last_rows(cli: Any, log: Any) -> None:
    log(*[f"2026-01-0{day}T00:00:00.000+00:00" for day in range(1, 6)])
    done = cli("log", "tail", "-n", 2)
    assert [line.split()[0] for line in done.output.splitlines()] == [
        "2026-01-04T00:00:00.000+00:00",
        "2026-01-05T00:00:00.000+00:00",
    ]
    assert "Pipeline · id-5" in done.output
    lines = cli("log", "tail", "--json").output.splitlines()
    assert [json.loads(line)["produce_id"] for line in lines] == [f"id-{number}" for number in range(1, 6)]


def test_tail_follows(log: Any) -> None:
    log(OLD)
    process = subprocess.Popen(
        [sys.executable, "-c", "from aigc_hooks.cli import main; main()", "log", "tail", "-f"],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)), "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        assert "id-1" in process.stdout.readline()
        log(OLD, OLD)
        assert "id-1" in process.stdout.readline()
        assert "id-2" in process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


def test_show_tells_all_of_one_number(cli: Any, log: Any) -> None:
    log(OLD, OLD)
    done = cli("log", "show", "id-2")
    (row,) = json.loads(done.output)
    assert (row["outcome"], row["label"]["ContentProducer"], row["places"]) == ("labelled", "acme", ["pixels"])
    assert cli("log", "show", "id-9").exit_code == 1


def test_the_last_rows_tell_a_terminal_nothing(cli: Any, log: Any) -> None:
    source, reason = "\x1b[31mred\x1b]0;title\x07", "a\rb\u202ec[/x]"
    record = AuditRecord.now("labelled", "image", source=source, reason=reason)
    writer.write(record, Provider(producer="acme", audit_url="record.db", audit="required"))
    (line,) = cli("log", "tail").output.splitlines()
    assert line.isprintable()
    assert r"\u001b[31mred\u001b]0;title" in line
    assert r"b\u202ec[/x]" in line


def test_export_writes_json_lines_and_csv(cli: Any, log: Any, folder: Path) -> None:
    log(OLD, "2026-01-01T00:00:00.000+00:00")
    lines = cli("log", "export").output.splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == [1, 2]
    done = cli("log", "export", "--format", "csv", "--out", "rows.csv", "--since", "2025-01-01")
    assert done.exit_code == 0
    with (folder / "rows.csv").open(encoding="utf-8", newline="") as file:
        assert [row["produce_id"] for row in csv.DictReader(file)] == ["id-2"]


def test_verify_tells_the_heads_and_what_is_wrong(cli: Any, log: Any) -> None:
    log(OLD, OLD, OLD)
    done = cli("log", "verify")
    assert done.exit_code == 0
    assert "3 rows 条: 完整 intact" in done.output
    known = done.output.split()[0]
    with closing(sqlite3.connect("record.db")) as connection:
        connection.execute("DROP TRIGGER aigc_rows_kept")
        connection.execute("DELETE FROM aigc_rows WHERE sequence = 2")
        connection.commit()
    done = cli("log", "verify", "--known", known)
    assert done.exit_code == 1
    assert "row 2: row 2 missing" in done.output
    found = json.loads(cli("log", "verify", "--json").output)
    assert (found["intact"], found["rows"], found["problems_found"]) == (False, 2, 1)
    done = cli("log", "verify", "--known", "nonsense")
    assert done.exit_code == 2
    assert "--known takes CHAIN:ROW:HASH" in done.output


def test_one_row_is_told_of_as_one(cli: Any, log: Any) -> None:
    log(OLD)
    assert "1 row 条: 完整 intact" in cli("log", "verify").output


def test_purge_removes_old_rows_and_refuses_young_ones(cli: Any, log: Any) -> None:
    log(OLD, OLD)
    done = cli("log", "purge", "--before", "2999-01-01", "--by", "Li Lei")
    assert done.exit_code == 1
    assert "at least 6 months (Measures, article 9)" in done.output
    assert "2 rows purged" in cli("log", "purge", "--before", "2020-06-01", "--by", "Li Lei", "--reason", "disk").output
    assert cli("log", "verify").exit_code == 0
    assert cli("log", "purge", "--before", "2020-06-01").exit_code == 2


def test_merge_brings_the_rows_of_another_machine(cli: Any, log: Any) -> None:
    log(OLD, at="other.db")
    log(OLD, OLD)
    with closing(sqlite3.connect("other.db")) as connection:
        connection.execute("UPDATE aigc_writers SET host = 'another-machine'")
        connection.commit()
    assert "1 row merged" in cli("log", "merge", "other.db").output
    done = cli("log", "verify")
    assert "another-machine" in done.output
    assert "3 rows 条: 完整 intact" in done.output


def test_upgrade_makes_the_tables_once(cli: Any, log: Any) -> None:
    assert "upgraded 已升级" in cli("log", "upgrade").output
    assert "up to date 已是最新" in cli("log", "upgrade").output
    assert "0 rows 条: 完整 intact" in cli("log", "verify").output
