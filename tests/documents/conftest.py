"""Documents made by other programs, and readers that this project did not write."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

DATA = Path(__file__).parent.parent / "data" / "documents"
BROWSER = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]

Command = Callable[..., bytes]


@pytest.fixture
def sample(tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a document that an office program made."""

    def copy(name: str) -> Path:
        return Path(shutil.copy(DATA / name, tmp_path / name))

    return copy


@pytest.fixture
def parts() -> Callable[[Path], dict[str, bytes]]:
    """The parts of a package, whose checksums are right."""

    def read(path: Path) -> dict[str, bytes]:
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as file:
            assert file.testzip() is None
            return {name: file.read(name) for name in file.namelist()}

    return read


@pytest.fixture
def shot(command: Command, tmp_path: Path) -> Callable[..., Any]:
    """What a browser shows of a page or a picture."""

    def take(page: Path, width: int, height: int) -> Any:
        picture = tmp_path / "shot.png"
        # A window is no narrower than 500 pixels, and a part of its height is the browser's own.
        size = f"--window-size={max(width, 500)},{height + 200}"
        command("chromium", *BROWSER, f"--screenshot={picture}", size, page.as_uri())
        with Image.open(picture) as image:
            return numpy.asarray(image.convert("L").crop((0, 0, width, height)), int)

    return take


@pytest.fixture
def told(command: Command) -> Callable[[Path, str], str]:
    """What a script in a page finds, in a browser."""

    def ask(page: Path, expression: str) -> str:
        asking = page.with_name(f"asking-{page.name}")
        script = f"<script>document.title = 'told:' + ({expression})</script>"
        asking.write_bytes(page.read_bytes() + script.encode())
        shown = command("chromium", *BROWSER, "--dump-dom", asking.as_uri()).decode()
        found = re.search(r"<title>told:(.*?)</title>", shown, re.DOTALL)
        assert found is not None, shown
        return found[1]

    return ask


@pytest.fixture
def rendered(command: Command, tmp_path: Path) -> Callable[..., Any]:
    """The pages of a PDF as poppler shows them, as brightness."""

    def render(path: Path, resolution: int = 72) -> list[Any]:
        for old in tmp_path.glob("page-*.png"):
            old.unlink()
        command("pdftoppm", "-cropbox", "-r", str(resolution), "-png", path, tmp_path / "page")
        return [numpy.asarray(Image.open(page).convert("L"), int) for page in sorted(tmp_path.glob("page-*.png"))]

    return render


@pytest.fixture
def read_aloud(command: Command, tmp_path: Path) -> Callable[[Any], str]:
    """What tesseract reads in a picture, without white space."""

    def read(picture: Any) -> str:
        path = tmp_path / "ocr.png"
        image = Image.fromarray(picture.astype("uint8"))
        image.resize((image.width * 2, image.height * 2)).save(path)
        read = command("tesseract", path, "-", "-l", "chi_sim", "--psm", "6").decode()
        return "".join(read.split()).replace("AI", "Al")

    return read
