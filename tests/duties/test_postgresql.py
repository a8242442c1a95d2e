"""The record in a PostgreSQL server, which is killed and started again under load."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy

from aigc_hooks import AuditRecord, LabelError, Provider, RecordError, override
from aigc_hooks.duties.log import chain, finding, keeping
from aigc_hooks.duties.log.database import Database
from aigc_hooks.duties.log.writer import write
from aigc_hooks.labelling import label

Make = Callable[..., AuditRecord]


def engine(url: str) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(
        url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sqlalchemy.NullPool
    )


def test_what_is_labelled_stands_in_the_database(postgresql: str) -> None:
    label("早上好", producer="acme", audit_url=postgresql)
    (row,) = finding.last(Database(postgresql), 10)
    assert (row.outcome, row.modality, row.producer) == ("labelled", "text", "acme")
    assert chain.verify(Database(postgresql)).intact


def test_text_that_postgresql_cannot_hold_is_written_in_words(postgresql: str, record: Make) -> None:
    write(record(reason="a\0b \ud83d"), Provider(producer="acme", audit_url=postgresql))
    (row,) = finding.last(Database(postgresql), 1)
    assert row.reason == r"a\0b \ud83d"
    assert chain.verify(Database(postgresql)).intact


def test_rows_cannot_be_changed_deleted_or_truncated_by_mistake(postgresql: str, written: Any) -> None:
    written(count=2, at=postgresql)
    for statement in ("UPDATE aigc_rows SET source = 'x'", "DELETE FROM aigc_rows", "TRUNCATE aigc_rows"):
        with (
            pytest.raises(sqlalchemy.exc.DBAPIError, match="rows of the record are never changed"),
            engine(postgresql).begin() as connection,
        ):
            connection.exec_driver_sql(statement)
    assert chain.verify(Database(postgresql)).rows == 2


def test_rows_changed_on_purpose_show(postgresql: str, written: Any) -> None:
    written(count=4, at=postgresql)
    with engine(postgresql).begin() as connection:
        connection.exec_driver_sql("ALTER TABLE aigc_rows DISABLE TRIGGER ALL")
        connection.exec_driver_sql("UPDATE aigc_rows SET outcome = 'passed' WHERE sequence = 2")
        connection.exec_driver_sql("DELETE FROM aigc_rows WHERE sequence = 4")
    found = chain.verify(Database(postgresql))
    assert [(each.sequence, each.what) for each in found.problems] == [
        (2, "it was changed: its hash is another"),
        (4, "row 4 missing at the end"),
    ]


def test_old_rows_are_purged_and_the_rest_verifies(postgresql: str, written: Any) -> None:
    database = written("2020-01-01T00:00:00.000+00:00", "2020-01-02T00:00:00.000+00:00", "", at=postgresql)
    before = keeping.youngest_purgeable(keeping.datetime.now(keeping.timezone.utc))
    assert keeping.purge(database, before, "Li Lei") == 2
    found = chain.verify(database)
    assert found.intact
    assert [row.sequence for row in finding.last(database, 9)] == [3, 4]


def test_an_sqlite_log_is_merged_into_it(postgresql: str, url: str, written: Any) -> None:
    source, target = written(count=5), written(count=3, at=postgresql)
    with engine(f"sqlite:///{url}").begin() as connection:
        connection.exec_driver_sql("UPDATE aigc_writers SET host = 'another-machine'")
    assert keeping.merge(source, target) == 5
    assert keeping.merge(source, target) == 0
    found = chain.verify(target)
    assert (found.intact, found.rows, len(found.heads)) == (True, 8, 2)


def test_two_processes_and_many_threads_continue_one_chain(postgresql: str, start: Any) -> None:
    script = """
        import sys, threading
        from aigc_hooks import AuditRecord, Provider
        from aigc_hooks.duties.log.writer import write
        provider = Provider(producer="acme", audit_url=sys.argv[1])
        def go():
            for number in range(20):
                write(AuditRecord.now("labelled", "image"), provider)
        threads = [threading.Thread(target=go) for _ in range(8)]
        [thread.start() for thread in threads]; [thread.join() for thread in threads]
    """
    for process in [start(script, postgresql) for _ in range(3)]:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    found = chain.verify(Database(postgresql))
    assert (found.intact, found.rows, len(found.heads)) == (True, 3 * 8 * 20, 1)


def test_no_row_is_lost_when_the_server_is_killed_under_load(server: Any, record: Make) -> None:
    url = server.database()
    provider = Provider(producer="acme", audit_url=url)
    returned: list[str] = []
    refused: list[BaseException] = []
    ends = threading.Event()

    def go(thread: int) -> None:
        number = 0
        while not ends.is_set():
            number += 1
            try:
                write(record(f"{thread}-{number}"), provider)
                returned.append(f"id-{thread}-{number}")
            except RecordError as error:
                refused.append(error)
                time.sleep(0.02)

    def go_on(more: int) -> None:
        limit, deadline = len(returned) + more, time.monotonic() + 60
        while len(returned) < limit:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    threads = [threading.Thread(target=go, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            go_on(100)
            server.kill()
            while not refused:
                time.sleep(0.01)
            refused.clear()
            server.start()
        go_on(100)
    finally:
        ends.set()
        for thread in threads:
            thread.join()
    database = Database(url)
    found = chain.verify(database)
    assert found.intact, found.problems
    numbers = [row.produce_id for row in finding.last(database, 1_000_000)]
    assert set(returned) <= set(numbers)
    assert len(numbers) == len(set(numbers))


def test_processes_that_label_go_on_when_the_server_is_back(server: Any, start: Any) -> None:
    script = """
        import os, sys, threading, time
        from aigc_hooks import LabelError, Provider, label
        from aigc_hooks.duties.digest import digest
        provider = Provider(producer="acme", audit_url=sys.argv[1])
        def go(thread):
            done = 0
            while done < 150:
                try:
                    made = label(f"{os.getpid()} {thread} {done}", provider=provider)
                except LabelError:
                    time.sleep(0.05)
                    continue
                done += 1
                os.write(1, f"{digest(made)}\\n".encode())
        threads = [threading.Thread(target=go, args=(thread,)) for thread in range(4)]
        [thread.start() for thread in threads]; [thread.join() for thread in threads]
    """
    url = server.database()
    running = [start(script, url) for _ in range(3)]
    released = [running[0].stdout.readline().strip() for _ in range(60)]
    server.kill()
    server.start()
    for process in running:
        told, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        released += told.split()
    found = chain.verify(Database(url))
    assert (found.intact, len(found.heads)) == (True, 1), found.problems
    assert len(set(released)) == 3 * 4 * 150
    assert set(released) <= {row.digest for row in finding.last(Database(url), 10_000)}


def test_a_server_that_is_not_there_releases_nothing_and_shows_no_password(folder: Any) -> None:
    url = "postgresql://acme:s3cret@127.0.0.1:1/record?connect_timeout=2"
    with override(audit_url=url), pytest.raises(LabelError, match="nothing was released: the record postgresql:") as e:
        label("hello", producer="acme")
    assert "postgresql://acme:***@127.0.0.1:1/record: " in str(e.value)
    assert e.value.stage == "audit"
    assert "is the server of audit_url running" in str(e.value)
    shown, cause = "", e.value
    while cause is not None:
        shown, cause = shown + repr(cause), cause.__cause__
    assert "s3cret" not in shown
    assert "s3cret" not in repr(Provider(producer="acme", audit_url="postgresql://acme:s3cret@h/record"))
