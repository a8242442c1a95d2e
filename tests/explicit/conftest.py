"""How the tests see a visible label: by the pixels that it changed, never by the code that drew it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from aigc_hooks import Provider, label

from .ink import Pixels, ink_of


@pytest.fixture
def text_on_black() -> Callable[..., Pixels]:
    """The ink of a label on a black picture: there the plate changes nothing, so only text differs."""

    def draw(width: int, height: int, provider: Provider) -> Pixels:
        plain = Image.new("L", (width, height))
        return ink_of(label(plain.copy(), provider=provider), plain)

    return draw


@pytest.fixture(scope="session")
def backgrounds() -> Callable[[int, int], dict[str, Image.Image]]:
    """Pictures that make a label hard to read."""

    def make(width: int, height: int) -> dict[str, Image.Image]:
        random = np.random.default_rng(7)
        noise = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        squares = (np.indices((height, width)).sum(axis=0) // 8 % 2 * 255).astype(np.uint8)
        stripes = (np.indices((height, width))[1] // 3 % 2 * 255).astype(np.uint8)
        made = {name: Image.new("RGB", (width, height), name) for name in ("white", "black", "red", "yellow")}
        made["grey"] = Image.new("RGB", (width, height), (128, 128, 128))
        made["noise"] = Image.fromarray(noise)
        made["checkerboard"] = Image.fromarray(squares).convert("RGB")
        made["stripes"] = Image.fromarray(stripes).convert("RGB")
        return made

    return make
