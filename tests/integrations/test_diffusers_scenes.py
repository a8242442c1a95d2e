"""Scenes out of pipelines: meshes keep their label until they are exported, and what is rendered of them is a film."""

from __future__ import annotations

import copy
import logging
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pipelines as tiny
import pytest
import torch
import trimesh
from diffusers.pipelines.shap_e.pipeline_shap_e import ShapEPipelineOutput
from diffusers.pipelines.shap_e.renderer import MeshDecoderOutput
from diffusers.utils import export_to_gif, export_to_obj, export_to_ply  # before anything is taught

import aigc_hooks
from aigc_hooks import ForeignLabelError, Label, UnsupportedOutputError, meshes, read_label, save


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, Path]]:
    """Meshes of the pipeline as it is, exported before others much like them are labelled."""
    found = []
    for seed in (0, 1):
        (mesh,) = made(tiny.shap_e(), "mesh", generator=torch.manual_seed(seed))
        folder = tmp_path_factory.mktemp("plain")
        export_to_ply(mesh, str(folder / "cat.ply"))
        export_to_obj(mesh, str(folder / "cat.obj"))
        found.append((mesh, folder))
    return found


@pytest.fixture(scope="module")
def pipe(plain: Any) -> Any:
    return aigc_hooks.wrap(tiny.shap_e(), producer="acme")


def made(pipe: Any, output_type: str, **arguments: Any) -> Any:
    return pipe(**tiny.SHAP_E, output_type=output_type, **arguments)[0]


# The exporter leaves its file for the garbage collector to close, and the scheduler has an old way to make arrays.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*unclosed file.*", "ignore:Exception ignored in.*FileIO"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]


def tetrahedron(scale: float = 1.0) -> MeshDecoderOutput:
    return MeshDecoderOutput(
        verts=scale * torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0.5, 2]]),
        faces=torch.tensor([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]]),
        vertex_channels={name: torch.linspace(0, at, 4) for name, at in zip("RGB", (1, 0.5, 0.25), strict=True)},
    )


def labelled(mesh: Any) -> Any:
    return aigc_hooks.label(mesh, producer="acme")


# --- the real pipeline -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("return_dict", [True, False])
def test_a_mesh_is_returned_as_it_is_and_exported_with_its_label(
    pipe: Any,
    plain: list[tuple[Any, Path]],
    return_dict: bool,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before, folder = plain[return_dict]
    with caplog.at_level(logging.INFO, "aigc_hooks.audit"):
        (mesh,) = made(pipe, "mesh", generator=torch.manual_seed(return_dict), return_dict=return_dict)
    assert type(mesh) is MeshDecoderOutput
    assert torch.equal(mesh.verts, before.verts)
    assert torch.equal(mesh.faces, before.faces)
    assert "viewer (SceneLabel)" in caplog.text
    assert '"modality": "scene"' in caplog.text
    ply, obj = tmp_path / "cat.ply", tmp_path / "cat.obj"
    assert export_to_ply(mesh, str(ply)) == str(ply)
    assert export_to_obj(mesh, output_obj_path=str(obj)) is None
    for path in (ply, obj):
        assert read_label(path).conforms
        other = folder / path.name
        assert not read_label(other).found
        kept = b"".join(line for line in path.read_bytes().splitlines(keepends=True) if b"AIGC" not in line)
        assert kept == other.read_bytes()
        read = trimesh.load(path, process=False)
        assert len(read.faces) == len(mesh.faces)
        assert numpy.allclose(numpy.asarray(read.vertices), mesh.verts.numpy(), atol=1e-6)
    assert read_label(ply).label == read_label(obj).label
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["cat.obj", "cat.ply"]


def test_a_turntable_is_one_film_with_a_label_on_its_opening(pipe: Any, tmp_path: Path) -> None:
    (film,) = made(pipe, "pil")
    assert len(film) == 20
    first = read_label(film[0]).label
    assert first is not None
    assert {read_label(frame).label for frame in film} == {first}
    for frame in film:  # of a scene that is dark
        ink = numpy.asarray(frame.convert("L")) > 200
        assert numpy.flatnonzero(ink.any(axis=1))[-1] >= 0.8 * 32
        assert ink.any(axis=1).sum() >= 0.05 * 32
    export_to_gif(film, str(tmp_path / "cat.gif"))
    assert read_label(tmp_path / "cat.gif").label == first


def test_two_meshes_have_two_labels_and_latents_none() -> None:
    one, other = tetrahedron(), MeshDecoderOutput(torch.eye(3), torch.tensor([[0, 1, 2]]), {})
    result = ShapEPipelineOutput(images=[one, other])
    output = aigc_hooks.wrap(tiny.Published(result=result), producer="acme")()
    assert output.images == [one, other]
    labels = {found[0] for mesh in output.images if (found := meshes.label_of(mesh))}
    assert len(labels) == 2
    bare = aigc_hooks.wrap(tiny.Published(result=tetrahedron()), producer="acme")()
    assert meshes.label_of(bare) is not None


def test_a_mesh_without_faces_is_not_released() -> None:
    empty = MeshDecoderOutput(verts=torch.rand(4, 3), faces=torch.zeros(0, 3, dtype=torch.int64), vertex_channels={})
    with pytest.raises(UnsupportedOutputError, match="without faces"):
        aigc_hooks.wrap(tiny.Published(result=ShapEPipelineOutput(images=[empty])), producer="acme")()


# --- what scripts do with meshes -------------------------------------------------------------------------------------

CHANGES: dict[str, Callable[[Any], Any]] = {
    "a copy": copy.copy,
    "a deep copy": copy.deepcopy,
    "a pickle": lambda mesh: pickle.loads(pickle.dumps(mesh)),
    "other vertices of the same object": lambda mesh: (setattr(mesh, "verts", mesh.verts**2), mesh)[1],
    "half precision": lambda mesh: around(mesh, mesh.verts.half()),
    "larger and elsewhere": lambda mesh: around(mesh, 7 * mesh.verts + 100),
    "turned": lambda mesh: around(mesh, mesh.verts[:, [1, 2, 0]] * torch.tensor([1, -1, 1])),
    "narrow faces": lambda mesh: MeshDecoderOutput(mesh.verts, mesh.faces.int(), mesh.vertex_channels),
}


def around(mesh: Any, vertices: Any) -> Any:
    return MeshDecoderOutput(vertices, mesh.faces, mesh.vertex_channels)


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_known_again(change: str, tmp_path: Path) -> None:
    mesh = labelled(tetrahedron(3.0))
    label = meshes.label_of(mesh)
    assert label is not None
    path = export_to_ply(CHANGES[change](mesh), str(tmp_path / "cat.ply"))
    assert read_label(Path(path)).label == label[0]


def test_others_are_left_alone(tmp_path: Path) -> None:
    labelled(tetrahedron())
    same_faces = around(tetrahedron(), torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 9]]))
    fewer_faces = MeshDecoderOutput(tetrahedron().verts, tetrahedron().faces[:3], tetrahedron().vertex_channels)
    for number, mesh in enumerate((same_faces, fewer_faces)):
        assert not read_label(Path(export_to_ply(mesh, str(tmp_path / f"{number}.ply")))).found


def test_one_that_is_much_like_another_has_a_label_of_its_own(tmp_path: Path) -> None:
    one = labelled(tetrahedron(19.0))
    other = labelled(around(one, one.verts * torch.tensor([1.001, 1, 1])))
    copies = [copy.deepcopy(mesh) for mesh in (one, other)]
    labels = [read_label(save(mesh, tmp_path / "cat.ply")).label for mesh in (one, other, *copies)]
    assert labels[:2] == labels[2:]
    assert labels[0] != labels[1]


def test_once_labelled_it_stays_so_and_is_not_anothers() -> None:
    mesh = labelled(tetrahedron(5.0))
    label = meshes.label_of(mesh)
    assert labelled(mesh) is mesh
    assert meshes.label_of(mesh) == label
    with pytest.raises(ForeignLabelError, match="acme"):
        aigc_hooks.label(mesh, producer="other")


def test_a_place_that_the_exporter_chooses() -> None:
    path = Path(export_to_ply(labelled(tetrahedron(11.0))))
    try:
        assert read_label(path).conforms
    finally:
        path.unlink()


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    mesh = labelled(tetrahedron(13.0))
    old = tmp_path / "cat.obj"
    old.write_bytes(b"# AIGC " + Label(content_producer="other", produce_id="1").to_json().encode() + b"\nv 0 0 0\n")
    before = old.read_bytes()
    mesh.vertex_channels = {}  # of which the exporters make an error
    with pytest.raises(KeyError):
        export_to_obj(mesh, str(old))
    assert old.read_bytes() == before
    assert list(tmp_path.iterdir()) == [old]


def test_taught_when_diffusers_is_imported_later(tmp_path: Path) -> None:
    script = f"""
        import types
        import torch
        import aigc_hooks
        mesh = types.SimpleNamespace(verts=torch.eye(3), faces=torch.tensor([[0, 1, 2]]),
                                     vertex_channels=dict.fromkeys("RGB", torch.ones(3)))
        aigc_hooks.label(mesh, producer="acme")
        import sys
        assert "diffusers" not in sys.modules
        from diffusers.utils.export_utils import export_to_ply
        export_to_ply(mesh, {str(tmp_path / "later.ply")!r})
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=60)
    assert read_label(tmp_path / "later.ply").conforms


# --- save ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".ply", ".obj", ".glb"])
@pytest.mark.parametrize("colours", [True, False])
def test_save_writes_what_other_readers_read(suffix: str, colours: bool, tmp_path: Path) -> None:
    mesh = tetrahedron(17.0)
    mesh.vertex_channels = mesh.vertex_channels if colours else {}
    path = save(mesh, tmp_path / f"cat{suffix}", producer="acme")
    assert read_label(path).conforms
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    read = trimesh.load(path, process=False, force="mesh")
    assert numpy.allclose(numpy.asarray(read.vertices), mesh.verts.numpy())
    assert numpy.array_equal(numpy.asarray(read.faces), mesh.faces.numpy())
    assert (read.visual.kind == "vertex") == colours
    if colours:
        wanted = torch.stack([mesh.vertex_channels[name] for name in "RGB"], dim=1).numpy() * 255
        assert numpy.abs(read.visual.vertex_colors[:, :3].astype(float) - wanted).max() <= 1
    # And again: the same label.
    label = read_label(path).label
    assert read_label(save(mesh, tmp_path / f"again{suffix}")).label == label


def test_save_of_the_real_one(pipe: Any, tmp_path: Path) -> None:
    (mesh,) = made(pipe, "mesh")
    path = save(mesh, tmp_path / "cat.glb")
    read = trimesh.load(path, process=False, force="mesh")
    assert read.vertices.shape == tuple(mesh.verts.shape)
    assert read_label(path).conforms


@pytest.mark.parametrize("scale", [0.001, 1.0, 1000.0])
def test_the_label_hangs_before_a_camera_that_sees_the_whole(scale: float, tmp_path: Path) -> None:
    mesh = around(tetrahedron(), scale * tetrahedron().verts + 3 * scale)
    path = save(mesh, tmp_path / "cat.glb", producer="acme", camera=True)
    assert read_label(path).conforms
    scene = trimesh.load(path)
    shown = {name: scene.graph.get(name) for name in scene.graph.nodes_geometry}
    plane, own = sorted(shown, key=lambda name: len(scene.geometry[shown[name][1]].faces))
    to_camera = numpy.linalg.inv(scene.camera_transform)
    half = numpy.array([numpy.tan(numpy.pi / 6) * 16 / 9, numpy.tan(numpy.pi / 6)])
    seen = {}
    for name, (matrix, geometry) in shown.items():
        points = trimesh.transform_points(scene.geometry[geometry].vertices, to_camera @ matrix)
        assert (points[:, 2] < 0).all()
        seen[name] = points[:, :2] / -points[:, 2:] / half, -points[:, 2]
    assert all((numpy.abs(shares) <= 1 + 1e-6).all() for shares, _ in seen.values())
    assert seen[plane][1].max() < seen[own][1].min()
    shares = seen[plane][0]
    assert shares[:, 0].max() > 0.9
    assert shares[:, 1].min() < -0.9
    assert shares[:, 1].max() - shares[:, 1].min() >= 0.05 * 2


def test_save_refuses_what_is_no_mesh_and_keeps_the_old_file(tmp_path: Path) -> None:
    old = tmp_path / "cat.glb"
    old.write_bytes(b"old")
    for vertices, faces in (
        (torch.tensor([[0.0, 0, 0], [1, float("nan"), 0], [0, 1, 0]]), [[0, 1, 2]]),
        (torch.eye(3), [[0, 1, 3]]),
        (torch.eye(3), [[0, 1, -1]]),
    ):
        with pytest.raises(aigc_hooks.LabelError, match="mesh has"):
            save(MeshDecoderOutput(vertices, torch.tensor(faces), {}), old, producer="acme")
    with pytest.raises(aigc_hooks.UnsupportedCarrierError, match=r"cat\.stl"):
        save(tetrahedron(), tmp_path / "cat.stl", producer="acme")
    with pytest.raises(TypeError, match="camera"):
        save(tetrahedron(), tmp_path / "cat.ply", producer="acme", camera=True)
    with pytest.raises(TypeError, match="quality"):
        save(tetrahedron(), old, producer="acme", quality=3)
    with pytest.raises(FileNotFoundError):
        save(tetrahedron(), tmp_path / "nowhere" / "cat.glb", producer="acme")
    assert old.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [old]
