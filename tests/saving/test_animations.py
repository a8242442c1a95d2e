"""An animation is labelled on every frame, and stays the same animation (I-10)."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from aigc_hooks import UnsupportedCarrierError, UnsupportedOutputError, label, read_label

DURATIONS = [40, 120, 70, 300]
FORMS = {"gif": "GIF", "png": "PNG", "webp": "WEBP", "avif": "AVIF"}


def ball(step: int, *, clear: bool = False) -> Image.Image:
    """One frame on black: there only text differs."""
    frame = Image.new("RGBA" if clear else "RGB", (320, 200))
    frame.paste((250, 40 * step, 30), (20 + 60 * step, 10, 60 + 60 * step, 60))
    return frame


def animation(form: str, *, clear: bool = False, **arguments: object) -> bytes:
    frames = [ball(step, clear=clear) for step in range(4)]
    memory = io.BytesIO()
    defaults = {"duration": DURATIONS, "loop": 7, "save_all": True, "append_images": frames[1:]}
    frames[0].save(memory, form, **{**defaults, **arguments})
    return memory.getvalue()


def frames_of(path: Path) -> list[Image.Image]:
    with Image.open(path) as opened:
        return [frame.convert("RGBA") for frame in ImageSequence.Iterator(opened)]


def timing(path: Path) -> tuple[list[float], int | None]:
    durations = []
    with Image.open(path) as opened:
        for frame in ImageSequence.Iterator(opened):
            frame.load()
            durations.append(frame.info.get("duration", 0))
        return durations, opened.info.get("loop")


def ink_height(frame: Image.Image) -> int:
    seen = np.asarray(frame.convert("L"), int)[100:]
    rows = np.flatnonzero((seen > 127).any(axis=1))
    return int(rows[-1] - rows[0] + 1)


@pytest.mark.parametrize("suffix", FORMS)
def test_every_frame_is_labelled_and_the_timing_kept(suffix, provider, tmp_path: Path, one_label):
    path = tmp_path / f"in.{suffix}"
    path.write_bytes(animation(FORMS[suffix], **({"quality": 95} if suffix in ("webp", "avif") else {})))
    before, plain = timing(path), frames_of(path)
    label(path, provider=provider)
    one_label(path)
    assert timing(path) == before
    frames = frames_of(path)
    assert len(frames) == 4
    for frame, old in zip(frames, plain, strict=True):
        assert ink_height(frame) >= 10
        difference = np.abs(np.asarray(frame.convert("RGB"), int) - np.asarray(old.convert("RGB"), int))[:150]
        assert difference.mean() < 1
        assert np.asarray(old)[100:].max(axis=(0, 1))[0] < 30
    label(path, provider=provider)
    assert timing(path) == before


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_transparent_animations(suffix, provider, tmp_path: Path):
    path = tmp_path / f"in.{suffix}"
    arguments = (
        {"disposal": 2} if suffix == "gif" else {"lossless": True} if suffix == "webp" else {"disposal": 1, "blend": 1}
    )
    path.write_bytes(animation(FORMS[suffix], clear=True, **arguments))
    before, plain = timing(path), frames_of(path)
    label(path, provider=provider)
    assert timing(path) == before
    frames = frames_of(path)
    assert len(frames) == len(plain)
    for frame, old in zip(frames, plain, strict=True):
        new, was = np.asarray(frame), np.asarray(old)
        assert (new[:150, :, 3] == was[:150, :, 3]).all()
        assert ink_height(frame) >= 10
        assert (new[184:194, 285:312, 3] == 255).all()


@pytest.mark.parametrize("loop", [None, 0, 1, 3])
@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_loops(suffix, loop, provider, tmp_path: Path):
    path = tmp_path / f"in.{suffix}"
    path.write_bytes(animation(FORMS[suffix], loop=loop) if loop is not None else animation(FORMS[suffix], loop=0))
    if loop is None and suffix == "gif":
        frames = [ball(step) for step in range(4)]
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=DURATIONS)
    before = timing(path)
    label(path, provider=provider)
    assert timing(path) == before


@pytest.mark.parametrize("source", FORMS)
@pytest.mark.parametrize("target", FORMS)
def test_from_one_animated_format_to_another(source, target, provider, tmp_path: Path, one_label):
    path, output = tmp_path / f"in.{source}", tmp_path / f"out.{target}"
    path.write_bytes(animation(FORMS[source]))
    label(path, provider=provider, output=output)
    one_label(output)
    durations, _ = timing(output)
    assert durations == pytest.approx(DURATIONS, abs=1)
    assert all(ink_height(frame) >= 10 for frame in frames_of(output))


def test_an_apng_with_a_cover_picture(provider, tmp_path: Path):
    path = tmp_path / "in.png"
    path.write_bytes(animation("PNG", default_image=True, duration=[120, 70, 300]))
    with Image.open(path) as opened:
        assert opened.default_image
        before = [(frame.info.get("duration"), opened.n_frames) for frame in ImageSequence.Iterator(opened)]
    label(path, provider=provider)
    with Image.open(path) as opened:
        assert opened.default_image
        assert [(frame.info.get("duration"), opened.n_frames) for frame in ImageSequence.Iterator(opened)] == before
    assert all(ink_height(frame) >= 10 for frame in frames_of(path))
    assert read_label(path).conforms


def test_other_readers_agree(provider, tmp_path: Path, command):
    for suffix in ("gif", "png"):
        path = tmp_path / f"in.{suffix}"
        path.write_bytes(animation(FORMS[suffix]))
        label(path, provider=provider)
        probe = command("ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", path)
        (stream,) = json.loads(probe)["streams"]
        assert stream["nb_read_frames"] == "4"
        assert (stream["width"], stream["height"]) == (320, 200)
    path = tmp_path / "in.webp"
    path.write_bytes(animation("WEBP"))
    label(path, provider=provider)
    text = command("webpmux", "-info", path).decode()
    assert "Number of frames: 4" in text
    assert "Loop Count : 7" in text
    assert "XMP metadata" in text
    command("gifsicle", "--info", tmp_path / "in.gif")


@pytest.mark.parametrize("suffix", FORMS)
def test_an_opened_animation_is_refused_with_the_way_out(suffix, provider, tmp_path: Path):
    path = tmp_path / f"in.{suffix}"
    path.write_bytes(animation(FORMS[suffix]))
    with Image.open(path) as opened, pytest.raises(UnsupportedOutputError, match=r"4 frames.*label\(Path"):
        label(opened, provider=provider)


def test_a_still_format_is_refused_for_an_animation(provider, tmp_path: Path):
    path = tmp_path / "in.gif"
    path.write_bytes(animation("GIF"))
    with pytest.raises(UnsupportedCarrierError, match="holds one picture, the source has 4"):
        label(path, provider=provider, output=tmp_path / "out.jpg")
    assert not (tmp_path / "out.jpg").exists()


def test_a_list_of_frames(provider, tmp_path: Path, one_label):
    frames = label([ball(step) for step in range(4)], provider=provider)
    frames[0].save(tmp_path / "out.gif", save_all=True, append_images=frames[1:], duration=50)
    one_label(tmp_path / "out.gif")
    assert all(ink_height(frame) >= 10 for frame in frames_of(tmp_path / "out.gif"))
