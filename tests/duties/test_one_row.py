"""One output, one row; and a file that could not be written, though its row was there first, is told of in another."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
import soundfile
from PIL import Image

import aigc_hooks
from aigc_hooks import Provider, read_label
from aigc_hooks.on_disk import label_metadata

DOCUMENTS = Path(__file__).parent.parent / "data" / "documents"
RATE = 24_000


def picture(tone: int = 0) -> Image.Image:
    return Image.new("RGB", (96, 64), (tone, 90, 120))


def sound() -> Any:
    """Like none that another test had labelled."""
    return (0.1 * numpy.random.default_rng().standard_normal(RATE)).astype(numpy.float32)


def frames() -> list[Image.Image]:
    return [picture(20 * number) for number in range(5)]


def mesh() -> Any:
    corners = numpy.random.default_rng().random((4, 3)).astype(numpy.float32)
    faces = numpy.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]])
    return SimpleNamespace(verts=corners, faces=faces, vertex_channels={})


def _film(path: Path, command: Callable[..., bytes]) -> None:
    source = "testsrc=size=160x120:rate=10:duration=1"
    command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", path)


@pytest.fixture
def made(folder: Path, command: Callable[..., bytes]) -> Callable[[str], Path]:
    """Makes a file without labels, of the kind that its name says."""

    def make(name: str) -> Path:
        path = folder / name
        if path.suffix == ".png":
            picture().save(path)
        elif path.suffix == ".gif":
            first, *others = frames()
            first.save(path, save_all=True, append_images=others, duration=100)
        elif path.suffix in (".wav", ".flac", ".mp3", ".ogg"):
            soundfile.write(path, sound(), RATE)
        elif path.suffix == ".mp4":
            _film(path, command)
        elif path.suffix == ".md":
            path.write_text("# Title\n\na text\n", encoding="utf-8")
        else:
            shutil.copy(DOCUMENTS / f"writer{path.suffix}", path)
        return path

    return make


NAMES = ("a.png", "a.gif", "a.wav", "a.flac", "a.mp3", "a.ogg", "a.mp4", "a.md", "a.docx", "a.odt", "a.pdf")

SAVED: dict[str, Callable[[Path, Provider], Any]] = {
    "s.png": lambda path, by: aigc_hooks.save(picture(), path, provider=by),
    "array.webp": lambda path, by: aigc_hooks.save(numpy.array(picture()), path, provider=by),
    "s.wav": lambda path, by: aigc_hooks.save(sound(), path, rate=RATE, provider=by),
    "s.mp3": lambda path, by: aigc_hooks.save(sound(), path, rate=RATE, provider=by),
    "s.m4a": lambda path, by: aigc_hooks.save(sound(), path, rate=RATE, provider=by),
    "s.mp4": lambda path, by: aigc_hooks.save(frames(), path, fps=5, provider=by),
    "heard.mp4": lambda path, by: aigc_hooks.save(frames(), path, fps=5, audio=sound(), rate=RATE, provider=by),
    "s.gif": lambda path, by: aigc_hooks.save(frames(), path, fps=5, provider=by),
    "s.ply": lambda path, by: aigc_hooks.save(mesh(), path, provider=by),
    "s.md": lambda path, by: aigc_hooks.save("# Title\n\na text\n", path, provider=by),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_labelled_has_one_row(name: str, made: Any, provider: Provider, sink: Any) -> None:
    path = made(name)
    aigc_hooks.label(path, provider=provider)
    (row,) = sink.records
    assert row.outcome == "labelled"
    assert row.label == read_label(path).label
    assert any(place.endswith("file") or "front matter" in place for place in row.places)


@pytest.mark.parametrize("name", NAMES)
def test_an_exempted_file_has_one_row(name: str, made: Any, provider: Provider, sink: Any) -> None:
    path = made(name)
    with aigc_hooks.exempt(user="u", agreement="a", reason="print"):
        aigc_hooks.label(path, provider=provider)
    (row,) = sink.records
    assert row.outcome == "exempted"
    assert row.label == read_label(path).label


@pytest.mark.parametrize("name", SAVED)
def test_content_that_is_saved_has_one_row(name: str, folder: Path, provider: Provider, sink: Any) -> None:
    SAVED[name](folder / name, provider)
    (row,) = sink.records
    assert row.outcome == "labelled"
    assert row.label == read_label(folder / name).label
    assert any(place.endswith("file") or "front matter" in place for place in row.places)


def test_the_row_of_a_film_tells_of_its_sound(folder: Path, provider: Provider, sink: Any) -> None:
    by = provider.model_copy(update={"video": provider.video.model_copy(update={"sound": "start"})})
    SAVED["heard.mp4"](folder / "a.mp4", by)
    (row,) = sink.records
    assert row.modality == "video"
    assert any("start of the sound" in place for place in row.places)


def test_what_a_caller_writes_meanwhile_has_its_own_row(made: Any, folder: Path, provider: Provider, sink: Any) -> None:
    path, other = made("a.mp4"), aigc_hooks.label(sound(), rate=RATE, provider=provider)
    aigc_hooks.label(path, provider=provider, progress=lambda _: soundfile.write(folder / "other.wav", other, RATE))
    written = [row for row in sink.records if row.places == ("WAV file",)]
    assert written
    assert all(row.label == read_label(folder / "other.wav").label for row in written)


def test_every_frame_of_an_animation_shows_its_label(made: Any, provider: Provider, sink: Any) -> None:
    path = made("a.gif")
    with Image.open(path) as image:
        before = [_pixels(image, number) for number in range(5)]
    aigc_hooks.label(path, provider=provider)
    with Image.open(path) as image:
        assert all(_pixels(image, number) != before[number] for number in range(5))


def _pixels(image: Image.Image, number: int) -> bytes:
    image.seek(number)
    return image.convert("RGB").tobytes()


def _told(sink: Any, outcome: str = "labelled") -> None:
    first, second = sink.records
    assert (first.outcome, second.outcome) == (outcome, "failed")
    assert second.label is not None
    assert second.label.produce_id == first.label.produce_id
    assert second.modality == first.modality
    assert second.reason.startswith("not written: ")


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file can take its place any more."""

    def replace(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(Path, "replace", replace)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_could_not_be_written_is_told_of(
    name: str, made: Any, provider: Provider, sink: Any, full: None
) -> None:
    path = made(name)
    before = path.read_bytes()
    with pytest.raises(OSError, match="No space left"):
        aigc_hooks.label(path, provider=provider)
    _told(sink)
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", SAVED)
def test_content_that_could_not_be_saved_is_told_of(
    name: str, folder: Path, provider: Provider, sink: Any, full: None
) -> None:
    with pytest.raises(OSError, match="No space left"):
        SAVED[name](folder / name, provider)
    _told(sink)
    assert not (folder / name).exists()


@pytest.mark.parametrize("name", ["a.png", "a.wav", "a.mp4", "a.md", "a.docx"])
def test_an_implicit_label_that_could_not_be_written_is_told_of(
    name: str, made: Any, provider: Provider, sink: Any, full: None
) -> None:
    path = made(name)
    with pytest.raises(OSError, match="No space left"):
        label_metadata(path, None, provider)
    _told(sink)


def test_a_file_that_could_not_be_passed_on_is_told_of(made: Any, provider: Provider, sink: Any, full: None) -> None:
    path = made("a.png")
    with pytest.raises(OSError, match="No space left"):
        aigc_hooks.propagate(path, provider=provider, declared=True)
    first, second = sink.records
    assert (first.outcome, second.outcome) == ("propagated", "failed")
    assert second.label == first.label


def test_an_exempted_file_that_could_not_be_written_is_told_of(
    made: Any, provider: Provider, sink: Any, full: None
) -> None:
    path = made("a.wav")
    with pytest.raises(OSError, match="No space left"), aigc_hooks.exempt(user="u", agreement="a", reason="print"):
        aigc_hooks.label(path, provider=provider)
    _told(sink, "exempted")


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "opus"])
def test_a_file_keeps_its_number_though_the_same_sound_got_another(
    suffix: str, folder: Path, provider: Provider, sink: Any
) -> None:
    paths, samples = [folder / f"{name}.{suffix}" for name in "ab"], sound()
    form = {"format": "OGG", "subtype": "OPUS"} if suffix == "opus" else {}
    for path in paths:
        soundfile.write(path, samples, RATE, **form)
        aigc_hooks.label(path, provider=provider)
    before = [read_label(path).label for path in paths]
    assert before[0] != before[1]
    for path in paths:
        aigc_hooks.label(path, provider=provider)
    assert [read_label(path).label for path in paths] == before
    assert [row.label for row in sink.records] == before * 2
