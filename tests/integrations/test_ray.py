"""aigc_hooks_ray: the same files as from one machine, whatever happens to a worker, and nothing done twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from aigc_hooks import read_label

COUNT = 40

# Numbers that the content gives, so that two runs can be compared; and a worker that dies when it first sees one file.
PLUGIN = """
import hashlib, os, signal
from pathlib import Path
from aigc_hooks import Label, hookimpl

@hookimpl
def aigc_make_label(artifact, provider):
    content = artifact.content if isinstance(artifact.content, str) else artifact.content.tobytes()
    number = hashlib.sha256(content if isinstance(content, bytes) else content.encode()).hexdigest()
    deadly, dead = os.environ.get("DEADLY"), Path(os.environ.get("DEAD", "/nonexistent"))
    if artifact.source == deadly and not dead.exists():
        dead.write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)
    return Label(
        content_producer=provider.producer,
        produce_id=number,
        content_propagator=provider.producer,
        propagate_id=number,
    )
"""

DRIVER = """
import json, sys
import ray
import aigc_hooks_ray

ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
ray.data.DataContext.get_current().enable_progress_bars = False
runs = []
for _ in range(2):
    dataset = aigc_hooks_ray.paths("in", exclude=["left-out"])
    runs.append(aigc_hooks_ray.label_paths(dataset, "in", "out", producer="acme", batch_size=4).take_all())
outside = ray.data.from_items([{"file": "/etc/hostname"}])
runs.append(aigc_hooks_ray.label_paths(outside, "in", "out", producer="acme", column="file").take_all())
with open("runs.json", "w") as file:
    json.dump(runs, file)
ray.shutdown()
"""


class Labelled(NamedTuple):
    """A folder after Ray has worked on it."""

    folder: Path
    first: list[dict[str, str]]
    second: list[dict[str, str]]
    outside: list[dict[str, str]]
    environment: dict[str, str]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    folder = tmp_path_factory.mktemp("ray")
    info = folder / "site" / "numbers-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: numbers\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[aigc_hooks]\nnumbers = content_numbers\n", encoding="utf-8")
    (folder / "site" / "content_numbers.py").write_text(PLUGIN, encoding="utf-8")
    for number in range(COUNT):
        path = folder / "in" / f"{number % 3}" / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((200, 160), 60).convert("RGB").save(path)
    (folder / "in" / "notes.md").write_text("猫在河边。\n", encoding="utf-8")
    (folder / "in" / "data.bin").write_bytes(b"\1\2\3")
    (folder / "in" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "in" / "left-out").mkdir()
    (folder / "in" / "left-out" / "cat.txt").write_text("猫", encoding="utf-8")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder / "site"), *(path for path in sys.path if path)]),
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONIOENCODING": "utf-8",
    }
    deadly = {"DEADLY": "17.png", "DEAD": str(folder / "dead")}
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        cwd=folder,
        env={**environment, **deadly},
        capture_output=True,
        encoding="utf-8",
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    runs: list[Any] = json.loads((folder / "runs.json").read_text())
    return Labelled(folder, *(sorted(run, key=lambda row: row["path"]) for run in runs), environment)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_file_has_its_row_and_its_label(labelled: Labelled) -> None:
    assert len(labelled.first) == COUNT + 3
    statuses = {Path(row["path"]).name: row["status"] for row in labelled.first}
    assert statuses.pop("broken.png") == "failed"
    assert statuses.pop("data.bin") == "skipped"
    assert set(statuses.values()) <= {"labelled", "done"}
    reasons = {Path(row["path"]).name: row["reason"] for row in labelled.first if row["reason"]}
    assert set(reasons) == {"broken.png", "data.bin"}
    for row in labelled.first:
        if row["status"] in ("labelled", "done"):
            assert Path(row["target"]) == labelled.folder / "out" / Path(row["path"]).relative_to("in")
            assert read_label(row["target"]).conforms


def test_a_worker_was_killed_and_nothing_is_lost(labelled: Labelled) -> None:
    assert (labelled.folder / "dead").read_text().isdigit()
    assert read_label(labelled.folder / "out" / "2" / "17.png").conforms
    made = contents(labelled.folder / "out")
    assert len(made) == COUNT + 1
    assert not [name for name in made if Path(name).name.startswith(".")]


def test_what_is_done_is_not_done_again(labelled: Labelled) -> None:
    assert [row["path"] for row in labelled.second] == [row["path"] for row in labelled.first]
    statuses = [row["status"] for row in labelled.second if Path(row["path"]).name not in ("broken.png", "data.bin")]
    assert statuses == ["done"] * (COUNT + 1)


def test_one_machine_makes_the_same_files(labelled: Labelled) -> None:
    command = ["label", "in", "--out", "alone", "--producer", "acme", "--exclude", "left-out", "--jobs", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "aigc_hooks.cli", *command],
        cwd=labelled.folder,
        env=labelled.environment,
        capture_output=True,
        encoding="utf-8",
        timeout=240,
    )
    assert done.returncode == 1, done.stderr
    assert contents(labelled.folder / "alone") == contents(labelled.folder / "out")


def test_a_file_that_lies_elsewhere_is_told(labelled: Labelled) -> None:
    (row,) = labelled.outside
    assert (row["status"], row["target"]) == ("failed", "")
    assert "does not lie in" in row["reason"]


def test_what_no_worker_sees_and_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    code = (
        "import sys, aigc_hooks, aigc_hooks_ray\n"
        "for call in (lambda: aigc_hooks_ray.label_paths(None, 'memory://in', 'out', producer='acme'),\n"
        "             lambda: aigc_hooks_ray.label_paths(None, 'in', 'memory://out', producer='acme'),\n"
        "             lambda: aigc_hooks_ray.label_paths(None, 'in', 'out'),\n"
        "             lambda: aigc_hooks_ray.paths('in')):\n"
        "    try:\n        call()\n"
        "    except (aigc_hooks.ConfigError, OSError) as error:\n        print(type(error).__name__, str(error)[:60])\n"
    )
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to("nowhere")
    path = os.pathsep.join(each for each in sys.path if each)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ConfigError", "ConfigError", "ConfigError", "OSError"], done.stderr
    assert "memory of one process" in lines[0]
    assert "no producer is set" in lines[2]
