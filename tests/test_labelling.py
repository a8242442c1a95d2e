"""label(): the stages, their order, and what happens when one of them fails or has nothing to do."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
import torch
from PIL import Image

import aigc_hooks
from aigc_hooks import hookimpl, plugins
from aigc_hooks.provider import Provider

RED = (200, 30, 30)


@pytest.fixture
def installed() -> Any:
    """Registers an object as a plugin for one test."""
    registered = []

    def register(plugin: object) -> None:
        manager = plugins.hooks()._manager
        manager.register(plugin)
        registered.append((manager, plugin))

    yield register
    for manager, plugin in registered:
        manager.unregister(plugin)


def test_stages_run_in_order(installed: Any, provider: Provider) -> None:
    ran: list[str] = []
    stages = ("detect", "make_label", "render_explicit", "embed_watermark", "write_metadata", "sign", "audit")

    def stage(name: str) -> Any:
        def implementation() -> None:
            ran.append(name)

        implementation.__name__ = f"aigc_{name}"
        return hookimpl(implementation)

    installed(SimpleNamespace(**{f"aigc_{name}": stage(name) for name in stages}))
    aigc_hooks.label(Image.new("RGB", (128, 128), RED), provider=provider)
    assert tuple(ran) == stages


def test_the_same_object_comes_back_labelled(provider: Provider) -> None:
    for content in (
        Image.new("RGB", (128, 128), RED),
        numpy.zeros((128, 128, 3), dtype=numpy.uint8),
        torch.zeros(2, 3, 128, 128),
    ):
        assert aigc_hooks.label(content, provider=provider) is content


def test_lists_and_tuples_keep_their_shape(provider: Provider) -> None:
    pictures = [Image.new("RGB", (64, 64), RED) for _ in range(3)]
    nested = [pictures[0], [pictures[1]], (pictures[2],)]
    assert aigc_hooks.label(nested, provider=provider) is nested
    assert nested[1] == [pictures[1]]
    assert nested[2] == (pictures[2],)
    numbers = {aigc_hooks.read_label(picture).label.produce_id for picture in pictures}  # type: ignore[union-attr]
    assert len(numbers) == 3


def test_labelling_twice_changes_nothing(provider: Provider) -> None:
    picture = aigc_hooks.label(Image.effect_noise((200, 100), 60).convert("RGB"), provider=provider)
    pixels, label = picture.tobytes(), aigc_hooks.read_label(picture).label
    aigc_hooks.label(picture, provider=provider)
    assert picture.tobytes() == pixels
    assert aigc_hooks.read_label(picture).label == label


@pytest.mark.parametrize("content", [7, None, object(), b"bytes", {"images": []}])
def test_other_content_is_refused_by_name(content: Any, provider: Provider) -> None:
    with pytest.raises(aigc_hooks.UnsupportedOutputError, match=type(content).__name__) as caught:
        aigc_hooks.label(content, provider=provider)
    assert caught.value.stage == "detect"


def test_output_goes_with_a_path_only(provider: Provider) -> None:
    with pytest.raises(TypeError, match="output="):
        aigc_hooks.label(Image.new("RGB", (64, 64)), provider=provider, output="x.png")


def test_without_a_producer_nothing_is_labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    picture = Image.new("RGB", (64, 64), RED)
    with pytest.raises(aigc_hooks.ConfigError, match=r'producer = "'):
        aigc_hooks.label(picture)
    assert picture.getcolors() == [(64 * 64, RED)]


def test_a_plugin_that_fails_lets_nothing_out(installed: Any, provider: Provider) -> None:
    @hookimpl
    def aigc_write_metadata() -> None:
        raise RuntimeError("disk on fire")

    installed(SimpleNamespace(aigc_write_metadata=aigc_write_metadata))
    with pytest.raises(aigc_hooks.LabelError, match="disk on fire") as caught:
        aigc_hooks.label(Image.new("RGB", (64, 64)), provider=provider)
    assert caught.value.stage == "write_metadata"
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_on_error_warn_releases_and_records(
    installed: Any, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    @hookimpl
    def aigc_make_label() -> None:
        raise RuntimeError("no numbers left")

    installed(SimpleNamespace(aigc_make_label=aigc_make_label))
    picture = Image.new("RGB", (64, 64), RED)
    with caplog.at_level(logging.INFO, "aigc_hooks.audit"), pytest.warns(UserWarning, match="no numbers left"):
        assert aigc_hooks.label(picture, provider=provider, on_error="warn") is picture
    assert not aigc_hooks.read_label(picture).found
    assert '"outcome": "failed"' in caplog.text


def test_every_label_is_recorded(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    picture = Image.new("RGB", (64, 64), RED)
    with caplog.at_level(logging.INFO, "aigc_hooks.audit"):
        aigc_hooks.label(picture, provider=provider)
        aigc_hooks.label(picture, provider=provider)
    number = aigc_hooks.read_label(picture).label.produce_id  # type: ignore[union-attr]
    first, second = (record.getMessage() for record in caplog.records)
    assert '"outcome": "labelled"' in first
    assert '"outcome": "already-labelled"' in second
    assert number in first
    assert number in second


def test_another_producers_label_is_not_replaced(provider: Provider) -> None:
    picture = aigc_hooks.label(Image.new("RGB", (64, 64), RED), producer="somebody-else")
    before = picture.tobytes()
    with pytest.raises(aigc_hooks.ForeignLabelError, match="somebody-else"):
        aigc_hooks.label(picture, provider=provider)
    assert picture.tobytes() == before
    assert aigc_hooks.read_label(picture).label.content_producer == "somebody-else"  # type: ignore[union-attr]


def test_settings_of_the_call_win(provider: Provider) -> None:
    top = aigc_hooks.label(Image.new("RGB", (256, 256)), provider=provider, image={"position": "top-left"})
    box = top.getbbox()
    assert box is not None
    assert box[2] < 128
    assert box[3] < 128


@pytest.mark.parametrize("shape", [(1, 96, 128, 3), (96, 128, 3), (96, 128)])
def test_save_labels_arrays_and_writes_the_file(shape: tuple[int, ...], provider: Provider, tmp_path: Path) -> None:
    pixels = numpy.zeros(shape, dtype=numpy.float32)
    path = aigc_hooks.save(pixels, tmp_path / "picture.png", provider=provider)
    reading = aigc_hooks.read_label(path)
    assert reading.conforms
    with Image.open(path) as picture:
        assert picture.size == (128, 96)
        assert picture.convert("L").getextrema()[1] > 240  # white text on black
    # What is labelled already keeps its number, and needs no provider any more.
    again = aigc_hooks.save(pixels, tmp_path / "again.jpg", quality=95)
    assert aigc_hooks.read_label(again).label == reading.label


def test_save_knows_a_range_of_minus_one_to_one(provider: Provider, tmp_path: Path) -> None:
    pixels = numpy.full((96, 128, 3), -1, dtype=numpy.float32)
    pixels[:20] = 0
    path = aigc_hooks.save(pixels, tmp_path / "picture.png", provider=provider)
    with Image.open(path) as picture:
        assert picture.getpixel((0, 95)) == (0, 0, 0)
        assert picture.getpixel((0, 0)) == (128, 128, 128)


def test_save_refuses_a_batch(provider: Provider, tmp_path: Path) -> None:
    with pytest.raises(aigc_hooks.LabelError, match="batch of 2"):
        aigc_hooks.save(torch.zeros(2, 3, 64, 64), tmp_path / "batch.png", provider=provider)
    assert list(tmp_path.iterdir()) == []


def test_save_in_a_fresh_process_that_only_saw_arrays(provider: Provider, tmp_path: Path) -> None:
    """Pillow's savers must be taught even where no PIL image was labelled before."""
    import subprocess
    import sys

    path = tmp_path / "picture.png"
    code = (
        f"import aigc_hooks, numpy; aigc_hooks.save(numpy.zeros((64, 64, 3), 'uint8'), {str(path)!r}, producer='acme')"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
    assert aigc_hooks.read_label(path).conforms
