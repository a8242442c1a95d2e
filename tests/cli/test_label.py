"""aigc-hooks label: files in, labelled files out, and what becomes of those that cannot be labelled."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
import pytest
import soundfile
from PIL import Image

from aigc_hooks import find_rhythm, read_label

Cli = Callable[..., Any]
Picture = Callable[..., Path]


@pytest.fixture(autouse=True)
def producer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_HOOKS_PRODUCER", "acme")


def shows_plate(path: Path, corner: str = "bottom-right") -> bool:
    """Whether a corner of the picture holds the label's white text on its dark plate."""
    with Image.open(path) as image:
        grey = image.convert("L")
    left = 0 if "left" in corner else grey.width * 2 // 3
    top = 0 if "top" in corner else grey.height * 4 // 5
    low, high = grey.crop((left, top, left + grey.width // 3, top + grey.height // 5)).getextrema()
    return low < 100 and high > 240


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "gif", "avif"])
def test_label_keeps_the_format_and_leaves_the_source(cli: Cli, picture: Picture, suffix: str) -> None:
    source = picture(f"cat.{suffix}")
    before = source.read_bytes()
    result = cli("label", source, "--out", "out")
    assert result.exit_code == 0, result.output
    assert "labelled 1 of 1 into out" in result.output
    assert "已标识 1/1" in result.output
    reading = read_label(f"out/cat.{suffix}")
    assert reading.conforms
    assert reading.label is not None
    assert reading.label.content_producer == "acme"
    assert source.read_bytes() == before
    with Image.open(source) as one, Image.open(f"out/cat.{suffix}") as other:
        assert one.format == other.format


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def test_texts_and_pictures_in_one_call(cli: Cli, picture: Picture) -> None:
    picture("cat.png")
    write("notes.txt", "猫在河边。\n")
    write("report.md", "---\ntitle: 猫\n---\n# 猫\n")
    result = cli("label", "notes.txt", "report.md", "cat.png", "--out", "out")
    assert result.exit_code == 0, result.output
    assert "labelled 3 of 3 into out 已标识 3/3" in result.output
    assert Path("out/notes.txt").read_text(encoding="utf-8") == "猫在河边。\n\n（本内容由AI生成）\n"
    assert Path("out/report.md").read_text(encoding="utf-8").endswith("---\n# 猫\n\n（本内容由AI生成）\n")
    assert read_label("out/report.md").conforms
    assert read_label("out/cat.png").conforms
    assert Path("notes.txt").read_text(encoding="utf-8") == "猫在河边。\n"


def test_a_position_goes_to_the_files_of_its_kind(cli: Cli, picture: Picture) -> None:
    picture("cat.png")
    write("notes.txt", "猫在河边。\n")
    for number, (position, corner, start) in enumerate(
        [("start", "bottom-right", True), ("top-left", "top-left", False)]
    ):
        result = cli("label", "notes.txt", "cat.png", "--out", f"out{number}", "--position", position)
        assert result.exit_code == 0, result.output
        assert shows_plate(Path(f"out{number}/cat.png"), corner)
        assert Path(f"out{number}/notes.txt").read_text(encoding="utf-8").startswith("（") is start


def test_a_wording_goes_to_every_file(cli: Cli, picture: Picture) -> None:
    picture("cat.png")
    write("notes.txt", "猫在河边。")
    assert cli("label", "notes.txt", "cat.png", "--out", "out", "--wording", "人工智能合成").exit_code == 0
    assert Path("out/notes.txt").read_text(encoding="utf-8") == "猫在河边。\n\n人工智能合成"
    assert shows_plate(Path("out/cat.png"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["notes.txt", "--position", "top-left"], "--position 'top-left' fits none of the files: a text has end"),
        (["cat.png", "--position", "start"], "--position 'start' fits none of the files: a picture has top-left"),
        (["cat.png", "notes.txt", "--position", "middle"], "a picture has top-left"),
        (["cat.png", "notes.txt", "--format", "png"], "--format is for pictures, and notes.txt is a text"),
        (["notes.txt", "--wording", "made by us"], "lacks the AI element"),
    ],
)
def test_wrong_options_for_texts(cli: Cli, picture: Picture, arguments: list[str], message: str) -> None:
    picture("cat.png")
    write("notes.txt", "猫在河边。")
    result = cli("label", *arguments, "--out", "out")
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert not Path("out").exists()


def test_sounds_and_pictures_in_one_call(cli: Cli, picture: Picture) -> None:
    tone = 0.3 * numpy.sin(numpy.arange(32_000) / 10)
    soundfile.write("voice.mp3", tone, 16_000)
    picture("cat.png")
    result = cli("label", "voice.mp3", "cat.png", "--out", "out", "--producer", "acme", "--position", "both")
    assert result.exit_code == 0, result.output
    samples, rate = soundfile.read("out/voice.mp3")
    assert len(find_rhythm(samples, rate)) == 2  # the position is one of sounds, not of pictures
    for name in ("voice.mp3", "cat.png"):
        label = read_label(f"out/{name}").label
        assert label is not None
        assert label.content_producer == "acme"
    result = cli("label", "voice.mp3", "--out", "out", "--producer", "acme", "--format", "png")
    assert result.exit_code == 2
    assert "voice.mp3 is a sound" in " ".join(result.output.split())


def test_a_sound_that_is_cut_off_is_told_and_stays(cli: Cli) -> None:
    soundfile.write("voice.flac", 0.3 * numpy.sin(numpy.arange(32_000) / 10), 16_000)
    Path("voice.flac").write_bytes(Path("voice.flac").read_bytes()[:100])
    before = Path("voice.flac").read_bytes()
    result = cli("label", "voice.flac", "--in-place", "--producer", "acme")
    assert result.exit_code == 1
    assert "voice.flac" in result.output
    assert Path("voice.flac").read_bytes() == before


def test_texts_without_anything_to_label_are_copied_and_not_counted(cli: Cli) -> None:
    write("blank.txt", " \n")
    write("data.txt", '{"a": 1}\n')
    write("notes.txt", "猫在河边。")
    result = cli("label", "blank.txt", "data.txt", "notes.txt", "--out", "out")
    assert result.exit_code == 0, result.output
    assert "nothing to label 无需标识: blank.txt: blank text\n" in result.output
    assert "nothing to label 无需标识: data.txt: one JSON document\n" in result.output
    assert "labelled 1 of 3 into out 已标识 1/3; nothing to label 2 无需标识 2" in result.output
    assert Path("out/data.txt").read_bytes() == Path("data.txt").read_bytes()
    assert Path("out/blank.txt").read_bytes() == Path("blank.txt").read_bytes()


def test_texts_that_cannot_be_labelled(cli: Cli, picture: Picture) -> None:
    Path("binary.txt").write_bytes(b"a\0b")
    write("broken.md", "---\ntitle: a: b\n---\n猫\n")
    write("text.png", "猫在河边。")
    picture("cat.png").rename("picture.txt")
    result = cli("label", "binary.txt", "broken.md", "text.png", "picture.txt", "--in-place")
    assert result.exit_code == 1
    lines = [line for line in result.output.splitlines() if line.startswith("not labelled 未标识: ")]
    assert [line.split(": ", 2)[1] for line in lines] == ["binary.txt", "broken.md", "text.png"]
    assert "cannot be read as text: it holds NUL bytes" in lines[0]
    assert "cannot be read as YAML: line 2" in lines[1]
    assert "cannot be read as a picture" in lines[2]
    assert read_label("picture.txt").carrier == "PNG"
    assert "--format" not in result.output


@pytest.mark.parametrize("format", ["png", "jpeg", "webp", "tiff", "gif", "avif"])
def test_format_converts_and_changes_the_suffix(cli: Cli, picture: Picture, format: str) -> None:
    picture("cat.bmp")
    result = cli("label", "cat.bmp", "--out", "deep/out", "--format", format)
    assert result.exit_code == 0, result.output
    (made,) = Path("deep/out").iterdir()
    assert read_label(made).conforms
    with Image.open(made) as image:
        assert image.format == format.upper()
        assert Image.registered_extensions()[made.suffix] == image.format


def test_position_wording_and_producer(cli: Cli, picture: Picture) -> None:
    picture("cat.png")
    result = cli(
        "label", "cat.png", "-o", "out", "--producer", "other", "--position", "top-left", "--wording", "人工智能合成"
    )
    assert result.exit_code == 0, result.output
    reading = read_label("out/cat.png")
    assert reading.label is not None
    assert reading.label.content_producer == "other"
    assert shows_plate(Path("out/cat.png"), "top-left")
    assert not shows_plate(Path("out/cat.png"), "bottom-right")
    assert cli("label", "cat.png", "-o", "short").exit_code == 0
    assert shows_plate(Path("short/cat.png"), "bottom-right")


def test_provider_of_the_configuration(cli: Cli, picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIGC_HOOKS_PRODUCER")
    Path("aigc.toml").write_text('[providers.gamma]\nproducer = "gamma-service"\n', encoding="utf-8")
    picture("cat.png")
    assert cli("label", "cat.png", "--out", "out", "--provider", "gamma").exit_code == 0
    reading = read_label("out/cat.png")
    assert reading.label is not None
    assert reading.label.content_producer == "gamma-service"
    unknown = cli("label", "cat.png", "--out", "out", "--provider", "delta")
    assert unknown.exit_code == 2
    assert "unknown provider 'delta'" in unknown.output


def test_in_place_twice_keeps_the_produce_id(cli: Cli, picture: Picture) -> None:
    path = picture("cat.png")
    assert cli("label", path, "--in-place").exit_code == 0
    first = read_label(path)
    assert first.conforms
    assert shows_plate(path)
    result = cli("label", path, "--in-place")
    assert result.exit_code == 0
    assert "labelled 1 of 1 in place" in result.output
    assert read_label(path).label == first.label


def test_one_failure_does_not_stop_the_others(cli: Cli, picture: Picture) -> None:
    good = [picture("a.png"), picture("z.jpg")]
    broken = Path("broken.png")
    broken.write_bytes(good[0].read_bytes()[:200])
    Path("text.png").write_text("no picture", encoding="utf-8")
    Path("empty.jpg").touch()
    Path("folder").mkdir()
    result = cli("label", "a.png", broken, "text.png", "empty.jpg", "folder", "missing.png", "z.jpg", "--out", "out")
    assert result.exit_code == 1
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "z.jpg"]
    assert all(read_label(path).conforms for path in Path("out").iterdir())
    lines = [line for line in result.output.splitlines() if line.startswith("not labelled 未标识: ")]
    assert [line.split(": ")[1] for line in lines] == ["broken.png", "text.png", "empty.jpg", "folder", "missing.png"]
    assert "damaged" in lines[0]
    assert "No such file" in lines[4]
    assert "labelled 2 of 7 into out 已标识 2/7; failed 5 失败 5" in result.output
    assert "Traceback" not in result.output


def test_bmp_has_no_place_and_the_message_tells_the_option(cli: Cli, picture: Picture) -> None:
    path = picture("cat.bmp")
    before = path.read_bytes()
    copied = cli("label", path, "--out", "out")
    assert copied.exit_code == 1
    assert "BMP file has no place" in copied.output
    assert "add --format png" in copied.output
    in_place = cli("label", path, "--in-place")
    assert in_place.exit_code == 1
    assert "add --out DIR --format png" in in_place.output
    assert path.read_bytes() == before
    assert not list(Path("out").glob("*"))


def test_foreign_label_is_refused_and_left_alone(cli: Cli, picture: Picture) -> None:
    picture("cat.png")
    assert cli("label", "cat.png", "--in-place", "--producer", "somebody-else").exit_code == 0
    before = Path("cat.png").read_bytes()
    for target in (["--in-place"], ["--out", "out"]):
        result = cli("label", "cat.png", *target)
        assert result.exit_code == 1
        assert "already carries the label of 'somebody-else'" in result.output
    assert Path("cat.png").read_bytes() == before
    assert not list(Path("out").glob("*"))


def test_existing_files_are_replaced_only_on_request(cli: Cli, picture: Picture) -> None:
    picture("cat.png")
    picture("out/cat.png")
    before = Path("out/cat.png").read_bytes()
    result = cli("label", "cat.png", "--out", "out")
    assert result.exit_code == 1
    assert "out/cat.png exists; --overwrite replaces it" in result.output
    assert Path("out/cat.png").read_bytes() == before
    assert cli("label", "cat.png", "--out", "out", "--overwrite").exit_code == 0
    assert read_label("out/cat.png").conforms


@pytest.mark.parametrize("options", [[], ["--overwrite"]])
def test_out_never_replaces_the_source(cli: Cli, picture: Picture, options: list[str]) -> None:
    picture("cat.png")
    before = Path("cat.png").read_bytes()
    result = cli("label", "cat.png", "--out", ".", *options)
    assert result.exit_code == 1
    assert "is the file itself; --in-place labels it there" in result.output
    assert Path("cat.png").read_bytes() == before


def test_two_inputs_never_share_one_output(cli: Cli, picture: Picture) -> None:
    picture("one/cat.png")
    picture("two/cat.png")
    picture("one/cat.jpg")
    for arguments in (["one/cat.png", "two/cat.png"], ["one/cat.png", "one/cat.jpg", "--format", "webp"]):
        result = cli("label", *arguments, "--out", "out", "--overwrite")
        assert result.exit_code == 2
        assert f"{arguments[0]} and {arguments[1]} would both become out{os.sep}cat." in result.output
        assert not Path("out").exists()
    assert cli("label", "one/cat.png", "one/cat.jpg", "--out", "out").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cat.png"], "give either --out DIR or --in-place"),
        (["cat.png", "--out", "out", "--in-place"], "not both"),
        (["cat.png", "--in-place", "--format", "png"], "--format goes with --out"),
        (["cat.png", "--in-place", "--overwrite"], "--overwrite goes with --out"),
        (["--out", "out"], "Missing argument"),
        (["cat.png", "--out", "cat.png"], "is a file"),
        (["cat.png", "--out", "out", "--format", "bmp"], "'bmp' is not one of"),
        (["cat.png", "--out", "out", "--position", "middle"], "'middle'"),
        (["cat.png", "--out", "out", "--wording", "made by us"], "lacks the AI element"),
        (["cat.png", "--out", "out", "--producer", "with space"], "with space"),
        (["cat.png", "--out", "out", "--nonsense"], "No such option"),
    ],
)
def test_wrong_calls_and_settings(cli: Cli, picture: Picture, arguments: list[str], message: str) -> None:
    before = picture("cat.png").read_bytes()
    result = cli("label", *arguments)
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert not Path("out").exists()
    assert Path("cat.png").read_bytes() == before


def test_without_a_producer_nothing_is_labelled(cli: Cli, picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIGC_HOOKS_PRODUCER")
    picture("cat.png")
    result = cli("label", "cat.png", "--out", "out")
    assert result.exit_code == 2
    assert 'producer = "your-service-or-27-character-code"' in result.output
    assert not Path("out").exists()


def test_on_error_warn_does_not_pass_an_unlabelled_file_off_as_done(
    cli: Cli, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIGC_HOOKS_ON_ERROR", "warn")
    picture("cat.png")
    Image.new("RGB", (4, 4)).save("tiny.png")
    result = cli("label", "cat.png", "tiny.png", "--out", "out")
    assert result.exit_code == 1
    assert [path.name for path in Path("out").iterdir()] == ["cat.png"]


def test_names_that_look_like_markup(cli: Cli, picture: Picture) -> None:
    picture("[red]cat[0] :smile:.png")
    result = cli("label", "[red]cat[0] :smile:.png", "nothing[bold].png", "--out", "out[1]")
    assert result.exit_code == 1
    assert "nothing[bold].png" in result.output
    assert "into out[1]" in result.output
    assert read_label("out[1]/[red]cat[0] :smile:.png").conforms


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Root may write everywhere: it becomes nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that every user can enter, unlike pytest's own."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    path.chmod(0o755)
    shutil.rmtree(path)


def test_read_only_files_and_folders(
    cli: Cli, picture: Picture, folder: Path, public_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(public_folder)
    locked = picture(str(public_folder / "locked.png"))
    before = locked.read_bytes()
    # Also loads what cannot be loaded as nobody.
    assert cli("label", locked, "--out", folder / "out").exit_code == 0
    locked.chmod(0o444)
    text = write(str(public_folder / "text.md"), "猫")
    public_folder.chmod(0o555)
    with ordinary_user():
        in_place = cli("label", locked, "--in-place")
        copied = cli("label", locked, "--out", public_folder / "out")
        texts = cli("label", text, "--in-place")
    assert (in_place.exit_code, copied.exit_code, texts.exit_code) == (1, 1, 1)
    assert "read-only" in in_place.output
    assert "Permission denied" in copied.output
    assert "text.md: " in texts.output
    assert "Traceback" not in texts.output
    assert locked.read_bytes() == before
    assert text.read_text(encoding="utf-8") == "猫"
    assert sorted(path.name for path in public_folder.iterdir()) == ["locked.png", "text.md"]


def test_script_separates_results_from_failures(
    script: Callable[..., subprocess.CompletedProcess[str]], picture: Picture
) -> None:
    picture("猫.png")
    done = script("label", "猫.png", "--out", "out")
    assert (done.returncode, done.stdout, done.stderr) == (0, "labelled 1 of 1 into out 已标识 1/1\n", "")
    failed = script("label", "猫.png", "nothing.png", "--out", "out", "--overwrite")
    assert failed.returncode == 1
    assert failed.stderr == "not labelled 未标识: nothing.png: No such file or directory\n"
    assert script("label", "猫.png").returncode == 2
