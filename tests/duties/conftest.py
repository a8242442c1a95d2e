"""A folder without settings, records to write, a sink that keeps them, and a PostgreSQL server that the tests kill."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aigc_hooks import AuditRecord, Label, Provider, plugins
from aigc_hooks.duties.log.database import Database
from aigc_hooks.duties.log.writer import close, write

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in os.environ:
        if variable.startswith("AIGC_HOOKS_"):
            monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close()


@pytest.fixture
def url(folder: Path) -> str:
    return str(folder / "record.db")


@pytest.fixture
def record() -> Callable[..., AuditRecord]:
    """A record of one picture."""

    def make(number: object = 1, outcome: str = "labelled", time: str = "", **more: Any) -> AuditRecord:
        label = Label(content_producer="acme", produce_id=f"id-{number}")
        made = AuditRecord.now(outcome, "image", source="Pipeline", label=label, places=["pixels"], **more)
        if not time:
            return made
        return AuditRecord(made.outcome, made.modality, made.source, label, made.places, made.reason, time)

    return make


@pytest.fixture
def written(url: str, record: Callable[..., AuditRecord]) -> Callable[..., Database]:
    """Writes rows, each with the time given for it, and opens the database."""

    def make(*times: str, count: int = 0, at: str = url) -> Database:
        provider = Provider(producer="acme", audit_url=at)
        for number, time_ in enumerate(times or [""] * count, start=1):
            write(record(number, time=time_), provider)
        return Database(at)

    return make


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a Python process that runs a script."""
    running: list[subprocess.Popen[str]] = []

    def run(script: str, *arguments: object) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script), *map(str, arguments)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=Path.cwd()
        )
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.wait()
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stderr.close()


class Server:
    """A PostgreSQL server on a socket of its own."""

    def __init__(self, programs: Path) -> None:
        # Not below pytest's folder: that is closed to other users, and a socket's path must be short.
        self.folder = Path(tempfile.mkdtemp(prefix="aigc-pg-"))
        self._programs = programs
        # PostgreSQL refuses to run as root.
        self._user = "postgres" if os.getuid() == 0 else None
        if self._user:
            shutil.chown(self.folder, self._user, self._user)
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", "--no-locale")
        self.start()
        self._databases = 0

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self.folder / "data"), *arguments]
        subprocess.run(command, check=True, capture_output=True, user=self._user, cwd="/", timeout=120)

    def start(self) -> None:
        """Starts it, also after it was killed."""
        command = [str(self._programs / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder)]
        # Who is killed alone needs no disk that is flushed: the system keeps what was written.
        command += ["-c", "listen_addresses=", "-c", "unix_socket_permissions=0777", "-c", "fsync=off"]
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with (self.folder / "log").open("ab") as log:
                self._process = subprocess.Popen(command, stdout=log, stderr=log, user=self._user, cwd="/")
            while self._process.poll() is None and time.monotonic() < deadline:
                if self._answers():
                    return
                time.sleep(0.05)
            time.sleep(0.2)  # the killed one's children still hold its memory
        raise RuntimeError((self.folder / "log").read_text())

    def _answers(self) -> bool:
        done = subprocess.run(
            [str(self._programs / "pg_isready"), "-h", str(self.folder)], capture_output=True, check=False
        )
        return done.returncode == 0

    def kill(self) -> None:
        """As the system does when memory runs out: no goodbye."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def database(self) -> str:
        """The URL of a new, empty database."""
        self._databases += 1
        name = f"record{self._databases}"
        command = [str(self._programs / "createdb"), "-h", str(self.folder), "-U", "postgres", name]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return self.url(name)

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A real PostgreSQL server. One that is missing fails the test in CI; elsewhere the test is skipped aloud."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres")) or [
        Path(path).resolve() for path in [shutil.which("postgres")] if path
    ]
    if not found:
        outcome = pytest.fail if os.environ.get("CI") else pytest.skip
        outcome("postgresql is not installed: see the README's list of Debian packages")
    made = Server(found[-1].parent)
    yield made
    made.close()


@pytest.fixture
def postgresql(server: Server) -> str:
    return server.database()


SINK = """
from aigc_hooks import hookimpl

records = []
fails = False


@hookimpl
def aigc_audit(record):
    if fails:
        raise OSError("disk full")
    records.append(record)
"""


class Sink:
    """The sink's records, and a switch that makes it fail."""

    def __init__(self, module: Callable[[], Any]) -> None:
        self._module = module

    @property
    def records(self) -> list[AuditRecord]:
        return list(self._module().records)

    def fail(self) -> None:
        self._module().fails = True

    def outcomes(self) -> list[str]:
        return [record.outcome for record in self.records]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Any]]:
    """Installs a plugin as pip leaves one; the result gives its module."""
    modules = set(sys.modules)

    def install(name: str, source: str) -> Callable[[], Any]:
        folder = tmp_path / "plugins" / name
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (folder / f"plugin_{name}.py").write_text(source, encoding="utf-8")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[aigc_hooks]\n{name} = plugin_{name}\n", encoding="utf-8")
        monkeypatch.syspath_prepend(str(folder))
        plugins.reload()
        plugins.hooks()
        return lambda: sys.modules[f"plugin_{name}"]

    yield install
    monkeypatch.undo()
    for name in set(sys.modules) - modules:
        if name.startswith("plugin_"):
            del sys.modules[name]
    plugins.reload()


@pytest.fixture
def sink(installed: Callable[[str, str], Any]) -> Sink:
    return Sink(installed("sink", SINK))
