"""Files that other tools made, and the readers of this project and of others."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from aigc_hooks.artifact import Carrier, Finding
from aigc_hooks.implicit.field import parse
from aigc_hooks.labels import Label

REAL_LABELS = Path(__file__).parent.parent / "data" / "real_labels.json"


@pytest.fixture(scope="session")
def label() -> Label:
    return Label(
        content_producer="001191110102MACQD9K64010000",
        produce_id="cc75f5e99aae4210960acb722f10974e",
        reserved_code1='{"a":"<&>\'"}',
        content_propagator="001191110102MACQD9K64010000",
        propagate_id="cc75f5e99aae4210960acb722f10974e",
    )


@pytest.fixture(scope="session")
def real_labels() -> list[dict[str, Any]]:
    return json.loads(REAL_LABELS.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """Makes an encoded picture with Pillow."""

    def make(form: str, frames: int = 1, **options: Any) -> bytes:
        images = [
            Image.linear_gradient("L").resize((48, 32)).rotate(45 * step).convert("RGB") for step in range(frames)
        ]
        target = io.BytesIO()
        more = {"save_all": True, "append_images": images[1:]} if frames > 1 else {}
        images[0].save(target, form, **more, **options)
        return target.getvalue()

    return make


@pytest.fixture(scope="session")
def findings() -> Callable[[Carrier, bytes], list[Finding]]:
    """Reads a file as the core does."""

    def read(carrier: Carrier, data: bytes) -> list[Finding]:
        assert carrier.sniff(data[:64])
        stream = io.BytesIO(data)
        stream.seek(len(data) // 2)
        return [parse(raw) for raw in carrier.read(stream)]

    return read


@pytest.fixture(scope="session")
def tool(command: Callable[..., bytes]) -> Callable[..., bytes]:
    """Runs an independent tool."""
    return command
