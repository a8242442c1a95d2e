"""SceneLabel: the visible label of virtual scenes and interfaces (GB 45438-2025, 5.5 and 5.6), for those who draw them.

A scene is drawn by an engine, a browser or a viewer. It gets the label as pixels to lay over its opening frame, as a
piece of a web page that stays where it is, or as a plane to hang before its camera.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable
from html import escape
from struct import pack
from typing import Any

from aigc_hooks.errors import ConfigError
from aigc_hooks.explicit.glb import FLOAT, SHORT, Glb
from aigc_hooks.explicit.stencil import Stencil, stencil
from aigc_hooks.media import require_numpy
from aigc_hooks.provider import Provider, resolve

_SIDE = 2048
"""Shorter side, in pixels, of the picture that the label is drawn for where it is scaled afterwards."""

_DISTANCE = 1.0
_ON_TOP = 2147483647
# What fills the window of a page, around the label.
_FRAME = (
    "all:initial",
    "position:fixed",
    "inset:0",
    "container-type:size",
    f"z-index:{_ON_TOP}",
    "pointer-events:none",
)


class SceneLabel:
    """The visible label of a scene, in the place, the words and the size that a provider's settings say.

        overlay = aigc_hooks.SceneLabel(provider="acme")
        overlay.rgba(1920, 1080)  # to lay over the opening frame
        overlay.html()  # for a web page

    Args:
        provider: Name of a provider in the configuration, or a ``Provider``.
        **overrides: Settings of ``Provider``; place, wording and height are those of pictures (``image``).

    Raises:
        ConfigError: A setting is missing or wrong.
    """

    def __init__(self, *, provider: str | Provider | None = None, **overrides: Any) -> None:
        self._provider = resolve(provider, overrides)

    @property
    def wording(self) -> str:
        """What it says."""
        return self._provider.image.wording or self._provider.wording

    def rgba(self, width: int, height: int) -> Any:
        """The label for a viewport, transparent elsewhere.

        Args:
            width: Of the viewport, in pixels.
            height: In pixels.

        Returns:
            (height, width, 4) uint8, not premultiplied. Its characters are at least 5 % of the shorter side high.

        Raises:
            UnsupportedOutputError: The viewport is too small for a legible label.
            LabelError: NumPy is missing.
        """
        require_numpy("the label is drawn as an array", "video")
        import numpy

        mark = stencil(width, height, self._provider)
        made: Any = numpy.zeros((height, width, 4), numpy.uint8)
        left, top, right, bottom = mark.box
        made[top:bottom, left:right] = _pixels(mark)
        return made

    def html(self, *, inside: bool = False) -> str:
        """The label as a piece of a web page: it stays in its place when the page is scrolled, and nothing closes it.

        No style of the page changes it. It belongs right before ``</body>``: an element around it that is transformed,
        filtered or clipped would carry it away, and one with a lower ``z-index`` than others would sink with it.

        Args:
            inside: It is placed in the element that holds it, which is positioned and of ``container-type: size``, and
                not in the window.

        Returns:
            HTML that needs no script, style sheet or file.
        """
        mark, unit = stencil(_SIDE, _SIDE, self._provider), "cqmin"
        left, top, right, bottom = mark.box
        share = 100 / _SIDE
        position = self._provider.image.position
        # Pages have rules for pictures, such as "max-height", or "opacity:0" until a script has seen them.
        rules = [
            "all:initial",
            "position:absolute",
            f"width:{(right - left) * share:.4f}{unit}",
            f"height:{(bottom - top) * share:.4f}{unit}",
            f"z-index:{_ON_TOP}",
            "pointer-events:none",
        ]
        moves = []
        for near, far, before, behind, move in (
            ("left", "right", left, _SIDE - right, "X"),
            ("top", "bottom", top, _SIDE - bottom, "Y"),
        ):
            if near in position:
                rules.append(f"{near}:{before * share:.4f}{unit}")
            elif far in position:
                rules.append(f"{far}:{behind * share:.4f}{unit}")
            else:
                rules.append(f"{near}:50%")
                moves.append(f"translate{move}(-50%)")
        if moves:
            rules.append(f"transform:{' '.join(moves)}")
        data = base64.b64encode(_png(mark)).decode()
        image = (
            f'<img role="note" alt="{escape(self.wording, quote=True)}" src="data:image/png;base64,{data}" '
            f'style="{_important(rules)}">'
        )
        # Shares of a frame that fills the window, and not of the window: a page that sets zoom shrinks those.
        return image if inside else f'<div style="{_important(_FRAME)}">{image}</div>'

    def plane(self, *, field_of_view: float = math.pi / 3, aspect: float = 16 / 9) -> bytes:
        """The label as a plane to hang before a camera: its child, it stands at the edge of what the camera sees.

        Args:
            field_of_view: Vertical, in radians, as glTF's ``yfov``.
            aspect: Width of the viewport in its heights.

        Returns:
            A GLB (glTF 2.0): one unlit, transparent quad, facing a camera at the origin that looks along -Z.

        Raises:
            ConfigError: The field of view or the aspect is none.
        """
        glb = Glb()
        return glb.to_bytes([hang(glb, self._provider, field_of_view, aspect)])


def _important(rules: Iterable[str]) -> str:
    return ";".join(f"{rule}!important" for rule in rules)


def hang(glb: Glb, provider: Provider, field_of_view: float, aspect: float) -> int:
    """Adds the plane of ``SceneLabel.plane`` to a scene, and tells the number of its node.

    Raises:
        ConfigError: The field of view or the aspect is none.
    """
    if not 0 < field_of_view < math.pi or not 0 < aspect < math.inf:
        raise ConfigError(
            f"field_of_view = {field_of_view!r}, aspect = {aspect!r}: give radians between 0 and pi, and width over "
            "height"
        )
    width = max(round(_SIDE * aspect), 1) if aspect >= 1 else _SIDE
    height = _SIDE if aspect >= 1 else max(round(_SIDE / aspect), 1)
    mark = stencil(width, height, provider)
    half = math.tan(field_of_view / 2) * _DISTANCE
    left, right = ((2 * x / width - 1) * half * aspect for x in (mark.box[0], mark.box[2]))
    top, bottom = ((1 - 2 * y / height) * half for y in (mark.box[1], mark.box[3]))
    corners = ((left, bottom), (right, bottom), (left, top), (right, top))
    places = b"".join(pack("<3f", x, y, -_DISTANCE) for x, y in corners)
    span = {"min": [left, bottom, -_DISTANCE], "max": [right, top, -_DISTANCE]}
    primitive = {
        "attributes": {
            "POSITION": glb.accessor(places, "VEC3", 4, FLOAT, **span),
            "TEXCOORD_0": glb.accessor(pack("<8f", 0, 1, 1, 1, 0, 0, 1, 0), "VEC2", 4, FLOAT),
        },
        "indices": glb.accessor(pack("<6H", 0, 1, 2, 2, 1, 3), "SCALAR", 6, SHORT),
    }
    image = glb.add("images", {"bufferView": glb.view(_png(mark)), "mimeType": "image/png"})
    texture = {"baseColorTexture": {"index": glb.add("textures", {"source": image})}, "metallicFactor": 0.0}
    unlit = "KHR_materials_unlit"
    glb.document["extensionsUsed"] = [unlit]
    primitive["material"] = glb.add(
        "materials",
        {"pbrMetallicRoughness": texture, "alphaMode": "BLEND", "doubleSided": True, "extensions": {unlit: {}}},
    )
    mesh = glb.add("meshes", {"primitives": [primitive]})
    return glb.add("nodes", {"mesh": mesh, "name": provider.image.wording or provider.wording})


def _pixels(mark: Stencil) -> Any:
    """The label's own pixels: (h, w, 4) uint8."""
    import numpy

    cover, grey = numpy.asarray(mark.cover), numpy.asarray(mark.grey)
    return numpy.stack([grey, grey, grey, cover], axis=-1)


def _png(mark: Stencil) -> bytes:
    from PIL import Image

    made = io.BytesIO()
    Image.merge("LA", (mark.grey, mark.cover)).save(made, "PNG")
    return made.getvalue()
