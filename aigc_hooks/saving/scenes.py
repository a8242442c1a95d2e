"""Saves labelled meshes, and puts the label into files that others have just written: PLY, OBJ, GLB.

The label that people see is not in such a file: the viewer that shows the scene lays it over the opening frame, as
``SceneLabel`` gives it (GB 45438-2025, 5.5). A GLB can bring it along, hung before a camera of its own.
"""

from __future__ import annotations

import io
import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from aigc_hooks import meshes
from aigc_hooks.artifact import AuditRecord
from aigc_hooks.errors import LabelError, UnsupportedCarrierError
from aigc_hooks.explicit.glb import FLOAT, INTEGER, Glb
from aigc_hooks.explicit.scene import hang
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import Provider, active
from aigc_hooks.saving.writing import put, write_label

_FIELD_OF_VIEW, _ASPECT = math.pi / 3, 16 / 9
_NEAREST = 0.05
"""How far before the camera the label hangs, of the way to the middle of the mesh."""


class _Parts(NamedTuple):
    """What is written of a mesh: (N,3) float32, (M,3) uint32, and (N,3) float32 in 0–1 or None."""

    vertices: Any
    faces: Any
    colours: Any


def save(mesh: Any, path: Path, params: dict[str, Any]) -> Path:
    """Writes a labelled mesh to a file, whole or not at all.

    Raises:
        UnsupportedCarrierError: The suffix names no format that is written.
        LabelError: It has no label, or its values are none of a mesh.
    """
    suffix = path.suffix.lower()
    if suffix not in _WRITERS:
        raise UnsupportedCarrierError(
            f"{path}: meshes are saved as {', '.join(_WRITERS)}, and the suffix is {path.suffix!r}; choose for example "
            f"{path.with_suffix('.glb').name!r}"
        )
    camera = bool(params.pop("camera", False))
    if params or (camera and suffix != ".glb"):
        raise TypeError(
            f"save() of a mesh as {suffix} takes settings of Provider"
            f"{' and camera=' if suffix == '.glb' else ''}, and no {', '.join(params) or 'camera'}="
        )
    found = meshes.label_of(mesh)
    if found is None:  # on_error = "warn" has let it through
        raise LabelError("the mesh could not be labelled, and save() writes only labelled ones", stage="save")
    data = _WRITERS[suffix](_parts(mesh), active(found[1]) if camera else None)
    # Beside the target, so that it need not be copied from one disk to another.
    with tempfile.TemporaryDirectory(prefix=".aigc-", dir=path.parent) as folder:
        raw = Path(folder, f"mesh{suffix}")
        raw.write_bytes(data)
        write_label(raw, found[0], output=path)
    return path


def exported(mesh: Any, path: str | os.PathLike[str] | None, suffix: str, write: Callable[[str], Any]) -> str | None:
    """Lets an exporter write a mesh, and puts the label of a labelled one into the file before that takes its place.

    Args:
        mesh: The mesh.
        path: Where the file goes; None leaves the place to the exporter.
        suffix: Of the format that it writes.
        write: Writes the mesh to a path.

    Returns:
        The path; None of a mesh without a label, of which nothing has been written.

    Raises:
        LabelError: The label did not arrive; the old file is as it was.
    """
    found = meshes.label_of(mesh)
    if found is None:
        return None
    if path is None:
        with tempfile.NamedTemporaryFile(suffix=suffix, delete=False) as made:
            path = made.name
    target = Path(path)
    with tempfile.TemporaryDirectory(prefix=".aigc-", dir=target.parent) as folder:
        raw = Path(folder, f"mesh{suffix}")
        write(str(raw))
        put(raw, found[0], target)  # nor does who wrote it wait for the disk
    form = suffix.removeprefix(".").upper()
    record = AuditRecord.now("labelled", "scene", source="save", label=found[0], places=[f"{form} file"])
    hooks(found[1]).audit(record, found[1])
    return os.fspath(path)


def _parts(mesh: Any) -> _Parts:
    """The values of a mesh, checked: what is no number has no place in a scene.

    Raises:
        LabelError: A vertex is not finite, or a face names one that is not there.
    """
    import numpy

    vertices, faces = meshes.values(mesh.verts, "<f4"), meshes.values(mesh.faces, "<i8")
    if not numpy.isfinite(vertices).all():
        raise LabelError("the mesh has vertices that are not finite: remove them before it is saved", stage="save")
    if faces.size and not (faces.min() >= 0 and faces.max() < len(vertices)):
        raise LabelError(
            f"the mesh has {len(vertices)} vertices, and its faces name {faces.min()} to {faces.max()}", stage="save"
        )
    channels = getattr(mesh, "vertex_channels", None) or {}
    colours = None
    if all(name in channels for name in "RGB"):
        bands = [meshes.values(channels[name], "<f4") for name in "RGB"]
        if any(band.shape != (len(vertices),) for band in bands):
            raise LabelError("the mesh has not one colour to each vertex", stage="save")
        colours = numpy.nan_to_num(numpy.stack(bands, axis=1)).clip(0, 1)
    return _Parts(vertices, faces.astype("<u4"), colours)


def _ply(parts: _Parts, camera: Provider | None) -> bytes:
    import numpy

    kinds = [(name, "<f4") for name in "xyz"]
    if parts.colours is not None:
        kinds += [(name, "u1") for name in ("red", "green", "blue")]
    rows: Any = numpy.empty(len(parts.vertices), kinds)
    for number, name in enumerate("xyz"):
        rows[name] = parts.vertices[:, number]
    if parts.colours is not None:
        for number, name in enumerate(("red", "green", "blue")):
            rows[name] = (parts.colours[:, number] * 255).round()
    faces: Any = numpy.empty(len(parts.faces), [("count", "u1"), ("corners", "<u4", 3)])
    faces["count"], faces["corners"] = 3, parts.faces
    properties = [f"property {'float' if kind == '<f4' else 'uchar'} {name}" for name, kind in kinds]
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(rows)}",
        *properties,
        f"element face {len(faces)}",
        "property list uchar uint vertex_index",
        "end_header\n",
    ]
    return b"".join(("\n".join(header).encode(), rows.tobytes(), faces.tobytes()))


def _obj(parts: _Parts, camera: Provider | None) -> bytes:
    import numpy

    rows = parts.vertices if parts.colours is None else numpy.hstack([parts.vertices, parts.colours])
    made = io.BytesIO()
    numpy.savetxt(made, rows, " ".join(["v", *["%.9g"] * rows.shape[1]]))
    numpy.savetxt(made, parts.faces.astype("<i8") + 1, "f %d %d %d")
    return made.getvalue()


def _glb(parts: _Parts, camera: Provider | None) -> bytes:
    glb = Glb()
    least, most = parts.vertices.min(axis=0), parts.vertices.max(axis=0)
    corners = len(parts.vertices)
    span = {"min": least.tolist(), "max": most.tolist()}
    attributes = {"POSITION": glb.accessor(parts.vertices.tobytes(), "VEC3", corners, FLOAT, **span)}
    if parts.colours is not None:
        attributes["COLOR_0"] = glb.accessor(parts.colours.tobytes(), "VEC3", corners, FLOAT)
    # Without a material: some readers take the colours of vertices for nothing beside one.
    indices = glb.accessor(parts.faces.tobytes(), "SCALAR", parts.faces.size, INTEGER)
    primitive = {"attributes": attributes, "indices": indices}
    nodes = [glb.add("nodes", {"mesh": glb.add("meshes", {"primitives": [primitive]})})]
    if camera is not None:
        middle = (least.astype("f8") + most) / 2
        radius = max(float(((most.astype("f8") - least) ** 2).sum() ** 0.5) / 2, 1e-6)
        nodes += _camera(glb, camera, middle.tolist(), radius)
    try:
        return glb.to_bytes(nodes)
    except OverflowError as error:
        raise LabelError(f"{error}; save the mesh as PLY", stage="save") from error


def _camera(glb: Glb, provider: Provider, middle: list[float], radius: float) -> list[int]:
    """A camera that sees the whole mesh, and the label in its view: nearer, it is smaller and looks the same."""
    away = 1.1 * radius / math.sin(_FIELD_OF_VIEW / 2)
    near = _NEAREST * away
    lens = {"yfov": _FIELD_OF_VIEW, "aspectRatio": _ASPECT, "znear": near / 2, "zfar": away + 2 * radius}
    camera = glb.add("cameras", {"type": "perspective", "perspective": lens})
    place = [middle[0], middle[1], middle[2] + away]
    label = hang(glb, provider, _FIELD_OF_VIEW, _ASPECT)
    glb.document["nodes"][label] |= {"translation": place, "scale": [near] * 3}
    # Beside each other, and not one below the other: some readers forget what hangs below a camera.
    return [glb.add("nodes", {"camera": camera, "translation": place}), label]


_WRITERS: dict[str, Callable[[_Parts, Provider | None], bytes]] = {".ply": _ply, ".obj": _obj, ".glb": _glb}
