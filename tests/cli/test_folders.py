"""Whole folders: label, inspect and check walk them, and nothing that is in them gets lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fsspec
import numpy
import pytest
import soundfile
from PIL import Image

from aigc_hooks import Label, read_label
from aigc_hooks.cli.files import collisions, gather, plan
from aigc_hooks.folders.walking import is_leftover, walk
from aigc_hooks.folders.work import Job
from aigc_hooks.saving.atomic import replacing

Cli = Callable[..., Any]
Picture = Callable[..., Path]
Script = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def producer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_HOOKS_PRODUCER", "acme")


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def sound(name: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.3 * numpy.sin(numpy.arange(16_000) / 7), 16_000)
    return path


def tree(picture: Picture) -> list[str]:
    """A folder with one file of each kind, and their names in it."""
    picture("in/cat.png")
    picture("in/more/cat.jpg")
    sound("in/more/deep/voice.wav")
    write("in/more/deep/notes.md", "猫在河边。\n")
    write("in/notes.txt", "猫在河边。\n")
    return ["cat.png", "more/cat.jpg", "more/deep/notes.md", "more/deep/voice.wav", "notes.txt"]


def names(folder: str) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


def contents(folder: str) -> dict[str, bytes]:
    return {name: (Path(folder) / name).read_bytes() for name in names(folder)}


def test_a_folder_is_labelled_with_its_structure(script: Script, picture: Picture) -> None:
    files = tree(picture)
    before = contents("in")
    done = script("label", "in", "--out", "out", "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "labelled 5 of 5 into out 已标识 5/5\n"
    assert done.stderr == ""
    assert names("out") == files
    assert contents("in") == before
    assert all(read_label(f"out/{name}").conforms for name in files if not name.endswith(".txt"))
    assert len({getattr(read_label(f"out/{name}").label, "produce_id", name) for name in files}) == 5
    assert Path("out/notes.txt").read_text(encoding="utf-8") == "猫在河边。\n\n（本内容由AI生成）\n"


def test_one_process_and_several_do_the_same(cli: Cli, script: Script, picture: Picture) -> None:
    tree(picture)
    write("in/broken.md", "---\na: b: c\n---\n猫\n")
    write("in/data.bin", "no content")
    one = cli("label", "in", "--out", "out1", "--jobs", "1")
    two = script("label", "in", "--out", "out2", "--jobs", "2")
    assert one.exit_code == two.returncode == 1
    assert names("out1") == names("out2")
    assert sorted(one.output.replace("out1", "out2").splitlines()) == sorted((two.stdout + two.stderr).splitlines())


def test_what_is_done_is_not_done_again(cli: Cli, picture: Picture) -> None:
    files = tree(picture)
    write("in/blank.txt", " \n")
    assert cli("label", "in", "--out", "out").exit_code == 0
    before = {name: ((Path("out") / name).stat().st_mtime_ns, data) for name, data in contents("out").items()}
    for name in files[:2]:
        (Path("out") / name).unlink()
    result = cli("label", "in", "--out", "out")
    assert result.exit_code == 0, result.output
    assert "labelled 2 of 6 into out 已标识 2/6; labelled before 3 早已标识 3; nothing to label 1" in result.output
    after = {name: ((Path("out") / name).stat().st_mtime_ns, data) for name, data in contents("out").items()}
    assert {name: after[name] for name in after if name not in files[:2]} == {
        name: before[name] for name in before if name not in files[:2]
    }
    assert all(read_label(f"out/{name}").conforms for name in files[:2])
    again = cli("label", "in", "--out", "out", "--overwrite")
    assert "labelled 5 of 6" in again.output
    assert again.exit_code == 0


def test_a_target_that_is_not_labelled_by_this_producer_is_no_done_work(cli: Cli, picture: Picture) -> None:
    for name in ("a.png", "b.png", "c.png"):
        picture(f"in/{name}")
    write("in/d.txt", "猫")
    write("in/e.txt", "{}")
    picture("out/a.png")  # without a label
    assert cli("label", "in/b.png", "--out", "out", "--producer", "other").exit_code == 0
    Path("out/c.png").write_bytes(b"\x89PNG\r\n\x1a\n")  # cut off by another program
    write("out/d.txt", "猫")
    write("out/e.txt", "[]")
    before = contents("out")
    result = cli("label", "in", "--out", "out")
    assert result.exit_code == 1
    assert result.output.count("exists; --overwrite replaces it") == 5
    assert contents("out") == before
    assert cli("label", "in", "--out", "out", "--overwrite").exit_code == 0
    assert all(read_label(f"out/{name}.png").label.content_producer == "acme" for name in "abc")  # type: ignore[union-attr]


def test_a_killed_run_goes_on_where_it_was(picture: Picture, script: Script) -> None:
    for number in range(14):
        picture(f"in/{number:02}/cat.png")
        Image.effect_noise((600, 600), 90).convert("RGB").save(f"in/{number:02}/cat.png")
    command = [sys.executable, "-m", "aigc_hooks.cli", "label", "in", "--out", "out", "--jobs", "2"]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not Path("out").is_dir() or len(names("out")) < 3:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = {name: data for name, data in contents("out").items() if not is_leftover(Path(name).name)}
    assert 0 < len(done) < 14
    assert all(read_label(f"out/{name}").conforms for name in done)
    for path in Path("out").rglob(".*"):
        os.utime(path, (1, 1))
    result = script("label", "in", "--out", "out", "--jobs", "2")
    assert result.returncode == 0, result.stderr
    assert f"labelled before {len(done)} " in result.stdout
    assert names("out") == names("in")
    assert {name: data for name, data in contents("out").items() if name in done} == done


def test_leftovers_are_known_and_removed_only_when_nobody_writes(cli: Cli, picture: Picture) -> None:
    with replacing("cat.with-a-long-name-indeed.png"):
        found = [path.name for path in Path().iterdir()]
    assert len(found) == 1
    assert is_leftover(found[0])
    picture("in/cat.png")
    old, fresh, other = (f"out/.{stem}-{'0' * 16}.png" for stem in ("cat", "cat", "dog"))
    fresh = fresh.replace("0000", "1111")
    for name in (old, fresh, other):
        write(name, "x")
    os.utime(old, (1, 1))
    os.utime(other, (1, 1))
    assert cli("label", "in", "--out", "out").exit_code == 0
    assert [Path(name).exists() for name in (old, fresh, other)] == [False, True, True]
    result = cli("inspect", "out")
    assert result.exit_code == 0
    assert result.output.count("left unfinished by a run that was killed") == 2
    os.utime(fresh, (1, 1))
    assert cli("label", "out", "--in-place").exit_code == 0
    assert [Path(name).exists() for name in (fresh, other)] == [False, True]


def test_failures_come_at_the_end_and_the_rest_is_done(cli: Cli, picture: Picture) -> None:
    picture("in/a.png")
    picture("in/z.png")
    write("in/broken.png", "\x89PNG nothing")
    write("in/data.json", "{}")
    picture("in/old.bmp")
    Path("in/link.png").symlink_to("nowhere")
    result = cli("label", "in", "--out", "out")
    assert result.exit_code == 1
    assert names("out") == ["a.png", "z.png"]
    lines = [
        line.partition(": in")[0] + ": " + Path(line.split(": ")[1]).name for line in result.output.splitlines()[:-1]
    ]
    assert lines == [
        "not labelled 未标识: broken.png",
        "skipped 跳过: data.json",
        "skipped 跳过: old.bmp",
        "not labelled 未标识: link.png",
    ]
    assert "add --format png" in result.output
    assert "labelled 2 of 6 into out 已标识 2/6; skipped 2 跳过 2; failed 2 失败 2" in result.output
    left_out = cli("label", "in", "--out", "out", "--exclude", "*.json", "--exclude", "link.png", "--exclude", "b*")
    assert "skipped 1 跳过 1" in left_out.output
    assert left_out.exit_code == 1
    assert (
        cli("label", "in", "--out", "out", *(f"--exclude={p}" for p in ("*.json", "*.bmp", "[bl]*.png"))).exit_code == 0
    )


def test_the_folder_of_the_copies_is_not_walked(cli: Cli, picture: Picture) -> None:
    picture("in/cat.png")
    for _ in range(2):
        assert cli("label", "in", "--out", "in/out").exit_code == 0
        assert names("in") == ["cat.png", "out/cat.png"]
    same = cli("label", "in", "--out", "./in")
    assert same.exit_code == 2
    assert "--in-place labels the files there" in same.output


def test_in_place(cli: Cli, picture: Picture) -> None:
    files = tree(picture)
    Path("in/same.png").symlink_to("cat.png")
    result = cli("label", "in", "--in-place")
    assert result.exit_code == 0, result.output
    assert "labelled 5 of 5 in place" in result.output
    assert "in/same.png: the same file as in/cat.png" in result.output
    assert Path("in/same.png").is_symlink()
    assert all(read_label(f"in/{name}").conforms for name in files if not name.endswith(".txt"))
    before = contents("in")
    assert cli("label", "in", "--in-place").exit_code == 0
    assert contents("in") == before


def test_links_and_loops(cli: Cli, picture: Picture) -> None:
    picture("in/a/cat.png")
    picture("elsewhere/dog.png")
    Path("in/a/loop").symlink_to("..")
    Path("in/0-alias").symlink_to("a")
    Path("in/link").symlink_to("../elsewhere")
    Path("in/dog.png").symlink_to("../elsewhere/dog.png")
    result = cli("label", "in", "--out", "out")
    assert result.exit_code == 0, result.output
    assert names("out") == ["a/cat.png", "dog.png", "link/dog.png"]
    assert "in/a/loop: a link to in, which is walked already" in result.output
    assert "in/0-alias: a link to in/a, which is walked already" in result.output


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Root may look everywhere: it becomes nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_a_locked_folder_is_told(cli: Cli, picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    picture("cat.png")
    with TemporaryDirectory() as name:
        base = Path(name)
        (base / "locked").mkdir()
        shutil.copy("cat.png", base)
        monkeypatch.chdir(base)
        base.chmod(0o755)
        (base / "locked").chmod(0)
        with ordinary_user():
            found = walk(name)
            told = cli("inspect", name, "--json")
        (base / "locked").chmod(0o755)
        monkeypatch.undo()
    assert found.files == [(f"{name}/cat.png", "cat.png")]
    assert found.broken == [(f"{name}/locked", "Permission denied")]
    assert told.exit_code == 1
    assert {"path": f"{name}/locked", "error": "Permission denied"} in json.loads(told.output)


def test_names_that_collide_are_told_before_anything_is_written(cli: Cli, picture: Picture) -> None:
    picture("in/a/cat.png")
    picture("in/a/cat.jpg")
    result = cli("label", "in", "--out", "out", "--format", "webp")
    assert result.exit_code == 2
    assert "in/a/cat.jpg and in/a/cat.png would both become out/a/cat.webp" in result.output
    picture("other/a/cat.png")
    two = cli("label", "in", "other", "--out", "out")
    assert two.exit_code == 2
    assert "would both become out/a/cat.png" in two.output
    assert not Path("out").exists()


def test_a_name_of_strange_characters(script: Script, picture: Picture) -> None:
    picture("in/cat.png").rename("in/\udcff[red]\n.png")
    write("in/\udcfe.bin", "?")
    labelled = script("label", "in", "--out", "out", "--jobs", "2")
    assert labelled.returncode == 1
    assert "\\udcfe.bin" in labelled.stderr
    assert len(names("out")) == 1
    for command in (("check", "--json"), ("check", "--junit"), ("inspect",)):
        shown = script(*command, "out")
        assert shown.returncode == 0, shown.stderr


def test_a_position_goes_to_the_files_of_its_kind(cli: Cli, picture: Picture) -> None:
    tree(picture)
    assert cli("label", "in", "--out", "out", "--position", "start").exit_code == 0
    assert Path("out/notes.txt").read_text(encoding="utf-8").startswith("（")
    assert cli("label", "in", "--out", "new", "--position", "nowhere").exit_code == 2


def test_an_empty_folder(cli: Cli) -> None:
    Path("in/deep").mkdir(parents=True)
    assert cli("label", "in", "--out", "out").exit_code == 1
    assert cli("inspect", "in").exit_code == 1
    result = cli("check", "in")
    assert result.exit_code == 2
    assert "nothing was judged" in result.output


def test_inspect_lists_a_folder_in_order(cli: Cli, script: Script, picture: Picture) -> None:
    files = tree(picture)
    assert cli("label", "in", "--out", "out").exit_code == 0
    shown = script("inspect", "out", "--json", "--exclude", "*.txt", "--jobs", "2")
    assert shown.returncode == 0, shown.stderr
    assert [each["path"] for each in json.loads(shown.stdout)] == [f"out/{name}" for name in files[:-1]]
    assert all(each["conforms"] for each in json.loads(shown.stdout))
    write("out/data.bin", "no content")
    mixed = cli("inspect", "out", "--json")
    assert mixed.exit_code == 1
    (skipped,) = [each for each in json.loads(mixed.output) if "skipped" in each]
    assert skipped["path"] == "out/data.bin"
    assert "its format is not known" in skipped["skipped"]
    assert "跳过 skipped:" in cli("inspect", "out").output


def test_targets_are_planned_without_touching_anything(picture: Picture) -> None:
    picture("in/a/cat.bmp")
    chosen = gather(["in"])
    assert plan(chosen, "out", "png") == [Job("in/a/cat.bmp", "out/a/cat.png", "image", True)]
    assert plan(chosen, "memory://out/", None)[0].target == "memory://out/a/cat.bmp"
    assert collisions([Job("a", "x", "image"), Job("b", "x", "image")]) == [("a", "b", "x")]


# Stores that fsspec knows


@pytest.fixture
def memory() -> Iterator[Any]:
    """The store in this process's memory, empty."""
    store = fsspec.filesystem("memory")
    yield store
    for found in store.find("/"):
        store.rm(found)


def test_a_folder_in_a_store(cli: Cli, picture: Picture, memory: Any) -> None:
    files = tree(picture)
    memory.put("in", "/bucket/in", recursive=True)
    result = cli("label", "memory://bucket/in", "--out", "memory://bucket/out")
    assert result.exit_code == 0, result.output
    assert "labelled 5 of 5 into memory://bucket/out" in result.output
    assert sorted(memory.find("/bucket/out")) == [f"/bucket/out/{name}" for name in files]
    for name in files[:-1]:
        assert read_label(memory.cat_file(f"/bucket/out/{name}")).conforms
    again = cli("label", "memory://bucket/in", "--out", "memory://bucket/out")
    assert "labelled 0 of 5 into memory://bucket/out 已标识 0/5; labelled before 5" in again.output
    assert cli("inspect", "memory://bucket/out", "--exclude", "*.txt").exit_code == 0
    judged = cli("check", "memory://bucket/out", "--json")
    assert judged.exit_code == 0, judged.output
    assert [each["path"] for each in json.loads(judged.output)["files"]] == [f"memory:///bucket/out/{n}" for n in files]


def test_between_a_store_and_this_machine(cli: Cli, picture: Picture, memory: Any) -> None:
    picture("cat.png")
    memory.put_file("cat.png", "/one/cat.png")
    assert cli("label", "memory://one", "--out", "here").exit_code == 0
    assert read_label("here/cat.png").conforms
    assert cli("label", "here", "--out", "memory://two").exit_code == 0
    assert memory.cat_file("/two/cat.png") == Path("here/cat.png").read_bytes()
    assert cli("label", "cat.png", "memory://one/cat.png", "--out", "memory://three").exit_code == 2
    assert cli("label", "memory://one/cat.png", "--in-place").exit_code == 0
    label = read_label(memory.cat_file("/one/cat.png")).label
    assert label is not None
    before = memory.modified("/one/cat.png")
    assert cli("label", "memory://one", "--in-place").exit_code == 0
    assert read_label(memory.cat_file("/one/cat.png")).label == label
    assert memory.modified("/one/cat.png") == before


def test_a_failure_in_a_store_is_told_by_its_url(cli: Cli, memory: Any) -> None:
    memory.pipe("/in/broken.png", b"\x89PNG\r\n\x1a\n")
    memory.pipe("/in/data.bin", b"\1\2\3")
    result = cli("label", "memory://in", "--out", "memory://out")
    assert result.exit_code == 1
    assert "not labelled 未标识: memory:///in/broken.png: " in result.output
    assert "skipped 跳过: memory:///in/data.bin: " in result.output
    assert "aigc-hooks-" not in result.output
    assert memory.find("/out") == []
    missing = cli("inspect", "memory://in/nothing.png")
    assert missing.exit_code == 1
    assert "nothing.png" in missing.output


def test_a_url_of_this_machine_is_a_path(cli: Cli, picture: Picture, folder: Path) -> None:
    picture("in/猫 1.png")
    result = cli("label", f"file://{folder}/in", "--out", f"file://{folder}/out")
    assert result.exit_code == 0, result.output
    assert read_label("out/猫 1.png").conforms


def test_a_store_that_other_processes_see(script: Script, picture: Picture, folder: Path) -> None:
    picture("in/a.png")
    picture("in/deep/b.png")
    assert script("label", "in", "--out", "labelled").returncode == 0
    shutil.make_archive("all", "zip", "labelled")
    shown = script("check", f"zip://::file://{folder}/all.zip", "--json", "--jobs", "2")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert len(json.loads(shown.stdout)["files"]) == 2


@pytest.mark.parametrize(("url", "message"), [("nothing://a/b", "nothing"), ("s3://bucket/a.png", "s3fs")])
def test_a_store_that_cannot_be_reached(cli: Cli, url: str, message: str) -> None:
    result = cli("label", url, "--out", "out")
    assert result.exit_code == 2
    assert message in result.output


class Locked(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """A store whose package has errors of its own, as those for clouds have."""

    protocol = "locked"

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        raise RuntimeError("no credentials")

    ls = find = info


def test_errors_of_a_store_are_one_message(cli: Cli) -> None:
    fsspec.register_implementation("locked", Locked, clobber=True)
    for command in (("label", "--out", "out"), ("inspect",), ("check",)):
        result = cli(command[0], "locked://bucket/in", *command[1:])
        assert result.exit_code == 1
        assert "no credentials" in result.output
        assert not isinstance(result.exception, RuntimeError)


def test_the_folder_of_the_copies_in_a_store_is_not_walked(cli: Cli, picture: Picture, memory: Any) -> None:
    memory.put_file(str(picture("cat.png")), "/in/cat.png")
    for _ in range(2):
        assert cli("label", "memory://in", "--out", "memory://in/out").exit_code == 0
        assert sorted(memory.find("/in")) == ["/in/cat.png", "/in/out/cat.png"]
    assert cli("label", "memory://in/", "--out", "memory:///in").exit_code == 2


def test_without_fsspec_a_url_says_what_to_install(picture: Picture) -> None:
    code = (
        "import sys; sys.modules['fsspec'] = None; sys.argv = ['aigc-hooks', 'inspect', 's3://bucket/a.png']\n"
        "from aigc_hooks.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "pip install 'aigc-hooks[remote]'" in done.stderr


def test_paths_need_no_fsspec(picture: Picture) -> None:
    picture("in/cat.png")
    code = (
        "import sys; sys.modules['fsspec'] = None\n"
        "sys.argv = ['aigc-hooks', 'label', 'in', '--out', 'out', '--producer', 'acme']\n"
        "from aigc_hooks.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert isinstance(read_label("out/cat.png").label, Label)


def test_the_implicit_label_alone_goes_into_documents_and_films(cli: Cli, picture: Picture, command: Any) -> None:
    write("in/page.html", "<!doctype html><html><head><title>x</title></head><body>hi</body></html>")
    picture("in/cat.png")
    command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=d=0.2:size=64x64", Path("in/river.mp4"))
    result = cli("label", "in", "--out", "out", "--implicit-only")
    assert result.exit_code == 0, result.output
    assert {read_label(path).label.content_producer for path in Path("out").iterdir()} == {"acme"}
    with Image.open("in/cat.png") as one, Image.open("out/cat.png") as other:
        assert one.tobytes() == other.tobytes()
    hashes = [
        command("ffmpeg", "-v", "error", "-i", f"{folder}/river.mp4", "-c", "copy", "-f", "md5", "-")
        for folder in ("in", "out")
    ]
    assert hashes[0] == hashes[1]
    # What is there already stays.
    before = Path("out/page.html").read_bytes()
    assert cli("label", "out", "--in-place", "--implicit-only").exit_code == 0
    assert Path("out/page.html").read_bytes() == before
    assert cli("label", "in", "--out", "x", "--implicit-only", "--wording", "AI生成").exit_code == 2


def test_documents_get_both_labels(cli: Cli, tmp_path: Path) -> None:
    write("in/page.html", "<!doctype html><html><head><title>x</title></head><body>hi</body></html>")
    write("in/cat.svg", '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 30"/>')
    for name in ("writer.docx", "writer.odt", "writer.pdf", "impress.pptx"):
        shutil.copy(Path(__file__).parent.parent / "data" / "documents" / name, "in")
    assert cli("label", "in", "--out", "out", "--position", "start").exit_code == 0
    from aigc_hooks import check

    for path in Path("out").iterdir():
        assert {each.status for each in check(path).checks if each.id[0] in "TWI"} == {"pass"}, path
    assert check("out/writer.pdf")["T-01"].place == "page start"
    assert cli("check", "out").exit_code == 0
    again = cli("label", "in", "--out", "out", "--position", "start")
    assert again.exit_code == 0
    assert "labelled before 6" in again.output
    shutil.copy(Path(__file__).parent.parent / "data" / "documents" / "calc.xlsx", "in")
    result = cli("label", "in/calc.xlsx", "--out", "out")
    assert result.exit_code == 1
    assert "workbook" in result.output
    assert not Path("out/calc.xlsx").exists()


def test_films_have_places_of_their_own(cli: Cli, command: Any) -> None:
    Path("in").mkdir()
    command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=d=0.2:size=320x240", Path("in/river.mp4"))
    assert cli("label", "in", "--out", "out", "--position", "top-left").exit_code == 0
    from aigc_hooks import check

    assert check("out/river.mp4")["V-04"].reason == "it is at the top-left"
    wrong = cli("label", "in", "--out", "out2", "--position", "start")
    assert wrong.exit_code == 2
    assert "a film has" in wrong.output


def test_the_implicit_label_alone_goes_into_markdown_and_is_not_written_twice(cli: Cli, picture: Picture) -> None:
    write("in/a.md", "# 标题\n")
    assert cli("label", "in", "--out", "out", "--implicit-only").exit_code == 0
    assert Path("out/a.md").read_text(encoding="utf-8").endswith("---\n# 标题\n")
    again = cli("label", "in", "--out", "out", "--implicit-only")
    assert again.exit_code == 0
    assert "labelled before 1 早已标识 1" in again.output
    picture("in/old.bmp")
    refused = cli("label", "in/old.bmp", "--out", "out", "--implicit-only")
    assert refused.exit_code == 1
    assert "--format" not in refused.output  # which --implicit-only does not take


def test_a_picture_that_is_known_and_not_decoded_says_so_and_a_path_is_told_once(cli: Cli) -> None:
    heic = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + b"\0\0\0\x08mdat"
    Path("a.heic").write_bytes(heic)
    Path("b.ts").write_bytes((b"\x47\x40\0\x10" + bytes(184)) * 8)
    result = cli("label", "a.heic", "b.ts", "--out", "out")
    assert result.exit_code == 1
    told = " ".join(result.output.split())
    assert "no HEIC can be decoded; write_label() writes the implicit label alone" in told
    assert ": b.ts: MPEG-TS cannot be labelled" in told
