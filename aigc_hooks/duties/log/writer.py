"""The thread that writes: rows of all threads and tasks of a process go to one connection, in batches.

While one batch is being committed the next one gathers, so that many callers share what a commit costs. A row is on
disk when its future has a result: with the file flushed (``synchronous = FULL``), or PostgreSQL's commit returned.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import threading
from concurrent.futures import Future
from queue import Empty, SimpleQueue

from aigc_hooks.artifact import AuditRecord
from aigc_hooks.duties.log import chain
from aigc_hooks.duties.log.database import Database
from aigc_hooks.duties.log.row import Entry, Row, entry_of
from aigc_hooks.duties.waiting import wait
from aigc_hooks.errors import RecordError
from aigc_hooks.provider import Provider

logger = logging.getLogger("aigc_hooks.audit")

_BATCH = 500
"""Rows in one commit, at most."""

_MOST_WAITING = 20_000
"""Rows that nobody waits for may queue up to this number; more are logged instead."""

_LAST_CHANCE = 10.0
"""Seconds that the end of a process waits for rows that nobody waited for."""

_Job = tuple[Entry, "Future[None]"]


def write(record: AuditRecord, provider: Provider) -> None:
    """Writes a record to the database of a provider's ``audit_url``.

    Under ``audit="required"`` it returns when the row is committed, or leaves the waiting to ``deferred()``. Under
    ``"best-effort"`` it returns at once, and a row that could not be written is logged.

    Raises:
        RecordError: It could not be written.
        ConfigError: ``audit_url`` is wrong, or a library is missing.
    """
    assert provider.audit_url is not None
    entry = entry_of(record, provider)
    if provider.audit == "required":
        wait(submit(entry, provider.audit_url))
    elif _writer(provider.audit_url).waiting < _MOST_WAITING:
        submit(entry, provider.audit_url).add_done_callback(lambda future: _log_lost(entry, future.exception()))
    else:
        _log_lost(entry, RecordError(f"{_MOST_WAITING} rows wait already"))


def submit(entry: Entry, url: str) -> Future[None]:
    """Hands an entry to the writer of a database; its future has a result once it is committed, or an error."""
    while (future := _writer(url).take(entry)) is None:
        pass  # it was closed a moment ago, and the next one is new
    return future


def close() -> None:
    """Writes what waits, and closes all connections of this process. The next row opens them again."""
    with _lock:
        writers = list(_writers.values())
        _writers.clear()
    for writer in writers:
        writer.close()


def _log_lost(entry: Entry, error: BaseException | None) -> None:
    if error is not None:
        line = json.dumps(entry._asdict(), ensure_ascii=False)
        logger.warning('a row is not in the record (audit = "best-effort"): %s: %s', error, line)


class Writer:
    """The writer of one database in this process."""

    def __init__(self, url: str) -> None:
        self._database = Database(url, create=True, keep=True)
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._busy = threading.Lock()  # while a batch is under way: a fork waits for it
        self._gate = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="aigc-hooks-record", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many rows are waiting, about."""
        return self._jobs.qsize()

    def take(self, entry: Entry) -> Future[None] | None:
        """Takes an entry, or None if the writer was closed."""
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()  # a row cannot be called back
        with self._gate:  # nothing may come behind the end
            if self._closed:
                return None
            self._jobs.put((entry, future))
        return future

    def close(self) -> None:
        """Writes what waits, and ends the thread."""
        with self._gate:
            self._closed = True
            self._jobs.put(None)
        self._thread.join(_LAST_CHANCE)

    def pause(self) -> None:
        """Keeps the thread from the database until ``resume``, without a connection that a fork would share."""
        self._busy.acquire()
        self._database.close()

    def resume(self) -> None:
        """Lets the thread go on."""
        self._busy.release()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch = [job]
            ends = False
            while len(batch) < _BATCH and not ends:
                try:
                    more = self._jobs.get_nowait()
                except Empty:
                    break
                if more is None:
                    ends = True
                else:
                    batch.append(more)
            with self._busy:
                error = self._committed([entry for entry, _ in batch])
            for _, future in batch:
                if error is None:
                    future.set_result(None)
                else:  # one for each, for each is raised in another place
                    future.set_exception(RecordError(str(error)) if isinstance(error, RecordError) else error)
            if ends:
                break
        self._database.close()

    def _committed(self, entries: list[Entry]) -> Exception | None:
        """Writes a batch; returns why it could not be."""
        rows: list[Row] = []
        error: Exception | None = None
        for _ in range(self._database.attempts):
            try:
                with self._database.writing() as connection:
                    # A connection may break when the commit is done and not yet told.
                    if not (rows and chain.holds(connection, rows[-1])):
                        rows = chain.append(connection, entries)
                return None
            except RecordError as fault:
                error = fault
            except Exception as fault:  # whatever it is, somebody waits to hear it
                return fault
        return error


_writers: dict[str, Writer] = {}
_lock = threading.Lock()


def _writer(url: str) -> Writer:
    found = _writers.get(url)
    if found is not None:
        return found
    with _lock:
        if url not in _writers:
            _writers[url] = Writer(url)
        return _writers[url]


# A connection must not live in two processes: the parent closes its own before it forks, and a child has no writers.


def _before_fork() -> None:
    _lock.acquire()
    for writer in _writers.values():
        writer.pause()


def _after_fork_in_parent() -> None:
    for writer in _writers.values():
        writer.resume()
    _lock.release()


def _after_fork_in_child() -> None:
    global _lock
    _writers.clear()
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
atexit.register(close)
