"""Labelled pictures, and what the saving tests compare them with."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from aigc_hooks import Provider, label
from aigc_hooks.saving import pictures


@pytest.fixture(autouse=True)
def _installed() -> None:
    pictures.install()


@pytest.fixture
def plain() -> Image.Image:
    ramp = np.indices((96, 128)).sum(axis=0).astype(np.uint8)
    return Image.fromarray(np.stack([ramp, 255 - ramp, ramp // 2], axis=-1))


@pytest.fixture
def labelled(plain: Image.Image, provider: Provider) -> Image.Image:
    return label(plain.copy(), provider=provider)


@pytest.fixture
def field() -> Callable[[Image.Image], dict[str, str]]:
    """The seven elements that a picture carries in memory."""

    def read(image: Image.Image) -> dict[str, str]:
        elements: dict[str, str] = json.loads(image.info["AIGC"])["AIGC"]
        return elements

    return read
