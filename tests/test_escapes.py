"""Ways in which a label was once lost, or could have been: each was found by trying to break the package."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image

import aigc_hooks
from aigc_hooks import Provider, label, override, read_label, save


def test_a_buffer_filled_anew_is_labelled_again_when_it_is_saved(provider: Provider, tmp_path: Path) -> None:
    pixels = numpy.zeros((256, 256, 3), numpy.uint8)
    first = read_label(label(pixels, provider=provider)).label
    pixels[:] = 77
    path = save(pixels, tmp_path / "picture.png")
    second = read_label(path).label
    assert first is not None
    assert second is not None
    assert first.produce_id != second.produce_id
    with Image.open(path) as picture:
        assert picture.convert("L").getextrema()[1] == 255


def test_one_picture_of_a_batch_filled_anew(provider: Provider, tmp_path: Path) -> None:
    batch = label(torch.zeros(2, 3, 256, 256), provider=provider)
    batch[1] = 0.5
    path = save(batch[1], tmp_path / "picture.png", provider=provider)
    with Image.open(path) as picture:
        assert picture.convert("L").getextrema()[1] == 255


@pytest.mark.parametrize("format", ["GIF", "PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("from_path", [True, False])
def test_an_opened_file_keeps_its_producer(format: str, from_path: bool, provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / f"picture.{format.lower()}"
    label(Image.new("RGB", (128, 128), (80, 90, 100)), producer="other").save(path, format)
    with Image.open(path if from_path else io.BytesIO(path.read_bytes())) as opened:
        assert read_label(opened).label == read_label(path).label
        with pytest.raises(aigc_hooks.ForeignLabelError, match="other"):
            label(opened, provider=provider)


def test_a_label_in_a_comment_is_seen_in_an_opened_file(provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    text = aigc_hooks.Label(content_producer="other", produce_id="7").to_json()
    Image.new("RGB", (128, 128)).save(path, comment=text.encode())
    with Image.open(path) as opened, pytest.raises(aigc_hooks.ForeignLabelError, match="other"):
        label(opened, provider=provider)


@pytest.mark.parametrize("name", ["picture.jgp", "picture", "picture.heic"])
def test_an_output_without_a_known_format_is_refused(name: str, provider: Provider, tmp_path: Path) -> None:
    source = tmp_path / "source.png"
    Image.new("RGB", (128, 128)).save(source)
    with pytest.raises(aigc_hooks.UnsupportedCarrierError, match="PNG"):
        label(source, provider=provider, output=tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["source.png"]


def test_a_general_wording_wins_over_a_weaker_one_for_pictures() -> None:
    base = Provider(producer="acme", image={"wording": "AI合成"})  # type: ignore[arg-type]
    one, other = (Image.new("RGB", (256, 256)) for _ in range(2))
    label(one, provider=base)
    with override(wording="本图片由人工智能生成"):
        label(other, provider=base)
    assert one.getbbox() != other.getbbox()


def test_override_counts_when_a_picture_is_saved(provider: Provider, tmp_path: Path) -> None:
    picture = label(Image.new("RGB", (64, 64)), provider=provider)
    with override(on_unsupported_carrier="warn"), pytest.warns(UserWarning, match="BMP"):
        picture.save(tmp_path / "picture.bmp")
    with pytest.raises(aigc_hooks.UnsupportedCarrierError):
        picture.save(tmp_path / "again.bmp")


def test_sixteen_bits_are_not_halved_in_place(
    provider: Provider, tmp_path: Path, command: Callable[..., bytes]
) -> None:
    command("ffmpeg", "-version")
    path = tmp_path / "deep.png"
    rgb48 = numpy.full((64, 64 * 3), 40000, ">u2").tobytes()
    make = ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb48be", "-s", "64x64", "-i", "-", str(path)]
    subprocess.run(make, input=rgb48, check=True)
    before = path.read_bytes()
    with pytest.raises(aigc_hooks.CarrierError, match="16 bits"):
        label(path, provider=provider)
    assert path.read_bytes() == before
    assert read_label(label(path, provider=provider, output=tmp_path / "labelled.png")).conforms


def test_a_raw_stream_that_takes_little_at_a_time_gets_everything(provider: Provider) -> None:
    class Narrow(io.RawIOBase):
        data = b""

        def writable(self) -> bool:
            return True

        def write(self, data) -> int:  # type: ignore[no-untyped-def, override]
            self.data += bytes(data[:100])
            return min(100, len(data))

    stream = Narrow()
    label(Image.new("RGB", (64, 64)), provider=provider).save(stream, "PNG")
    assert read_label(stream.data).conforms


def test_a_missing_folder_is_named_as_the_user_wrote_it(provider: Provider, tmp_path: Path) -> None:
    picture = label(Image.new("RGB", (64, 64)), provider=provider)
    with pytest.raises(FileNotFoundError, match=r"none.picture\.png"):
        picture.save(tmp_path / "none" / "picture.png")


def test_a_code_with_a_wrong_check_character_is_noticed() -> None:
    with pytest.warns(UserWarning, match="check character"):
        Provider(producer="001191110102MACQD9K65010000")


def test_a_font_is_found_from_the_file_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aigc_hooks.explicit.lettering import SHIPPED_FONT

    (tmp_path / "deep").mkdir()
    (tmp_path / "own.otf").write_bytes(SHIPPED_FONT.read_bytes())
    (tmp_path / "aigc.toml").write_text('producer = "acme"\n[image]\nfont = "own.otf"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path / "deep")
    assert read_label(label(Image.new("RGB", (64, 64)))).found


def test_a_call_that_names_no_provider_learns_which_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "aigc.toml").write_text('[providers.acme]\nproducer = "acme"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(aigc_hooks.ConfigError, match="provider='acme'"):
        label(Image.new("RGB", (64, 64)))


def test_a_type_checker_knows_the_public_names(tmp_path: Path) -> None:
    script = tmp_path / "user.py"
    script.write_text(
        "from pathlib import Path\n"
        "from PIL import Image\n"
        "from aigc_hooks import *\n"
        "import aigc_hooks\n"
        "picture: Image.Image = aigc_hooks.label(Image.new('RGB', (64, 64)), producer='acme')\n"
        "path: Path = aigc_hooks.label(Path('a.png'), producer='acme')\n"
        "provider = Provider(producer='acme')\n"
        "aigc_hooks.lable(picture)\n",
        encoding="utf-8",
    )
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        f"--cache-dir={tmp_path / 'cache'}",
        str(script),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    errors = [line for line in done.stdout.splitlines() if ": error:" in line and "user.py" in line]
    assert len(errors) == 1, done.stdout
    assert "lable" in errors[0]
