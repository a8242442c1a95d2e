"""How the label of a mesh is found again when it is exported.

A mesh has no place for a label in memory. The object itself is remembered for as long as it lives, whatever becomes of
its vertices; and its form is, so that it is known again after a copy, a pickle or another object around the same
vertices, in any dtype and on any device, turned, moved or made larger in all directions alike. It is not as another
object after smoothing, cutting or making its faces fewer, nor in another process, unless that was forked since.
"""

from __future__ import annotations

import hashlib
import math
import weakref
from collections import OrderedDict
from contextlib import suppress
from typing import Any

from aigc_hooks.forks import ForkSafeLock
from aigc_hooks.labels import Label
from aigc_hooks.media import is_tensor
from aigc_hooks.provider import Provider

_MOST = 1024
"""How many forms are remembered; the oldest are forgotten."""

_POINTS = 24
"""How many vertices are compared, spread over the mesh."""

_NEAR = 0.002
"""How far apart the distances between them may be, as shares of the greatest: half precision rounds."""

Found = tuple[Label, Provider]

_objects: dict[int, tuple[weakref.ref[Any], Found]] = {}
# By faces, which stay as they are when a mesh is moved: the distances between vertices, and whose it is.
_forms: OrderedDict[bytes, tuple[Any, Found]] = OrderedDict()
_lock = ForkSafeLock()


def remember(mesh: Any, label: Label, provider: Provider) -> None:
    """Keeps the label of a mesh that has been labelled."""
    place, pop, found = id(mesh), _objects.pop, (label, provider)
    with suppress(TypeError):  # some classes allow no weak references
        _objects[place] = (weakref.ref(mesh, lambda _: pop(place, None)), found)
    faces, form = _form(mesh)
    key = faces + form.tobytes()
    with _lock:
        _forms[key] = (form, found)
        _forms.move_to_end(key)
        while len(_forms) > _MOST:
            _forms.popitem(last=False)


def label_of(mesh: Any, near: float = _NEAR) -> Found | None:
    """The label of a mesh, and by which settings; None where it got none in this process.

    Args:
        mesh: The mesh.
        near: How far its form may be from that of one that was labelled; 0 for a copy alone.
    """
    known = _objects.get(id(mesh))
    if known is not None and known[0]() is mesh:
        return known[1]
    if not _forms:
        return None
    import numpy

    faces, form = _form(mesh)
    with _lock:
        alike = [entry for key, entry in reversed(_forms.items()) if key.startswith(faces)]
    away = [float(numpy.abs(other - form).max(initial=0.0)) for other, _ in alike]
    least = min(away, default=math.inf)
    return alike[away.index(least)][1] if least <= near else None  # the newest of the nearest


def values(content: Any, dtype: str) -> Any:
    """An array or tensor, on any device, as an array of this type in the order of C."""
    import numpy

    if is_tensor(content):
        content = content.detach().cpu()
        content = content.float().numpy() if content.is_floating_point() else content.numpy()
    return numpy.ascontiguousarray(content, dtype)


def _form(mesh: Any) -> tuple[bytes, Any]:
    """The digest of the faces, and the distances between some vertices, as shares of the greatest."""
    import numpy

    digest = hashlib.sha256(values(mesh.faces, "<i8"))
    digest.update(len(mesh.verts).to_bytes(8, "little"))
    count = len(mesh.verts)
    chosen = sorted({count * number // _POINTS for number in range(_POINTS)}) if count else []
    points = values(mesh.verts[chosen], "<f8")
    distances = numpy.linalg.norm(points[:, None] - points[None], axis=-1)
    return digest.digest(), distances / max(float(distances.max(initial=0.0)), 1e-30)
