"""How the adapter knows its objects: by names, importing nothing, and loudly where a version does not fit."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import aigc_hooks_diffusers as adapter
import diffusers
import pipelines as tiny
import pytest

import aigc_hooks
from aigc_hooks import AdapterNotFoundError, UnsupportedVersionError, is_wrapped


def run(code: str, *, folder: Path | None = None) -> str:
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, cwd=folder, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_deciding_imports_no_framework() -> None:
    code = """
        import sys
        import aigc_hooks, aigc_hooks_diffusers
        class Foreign: pass
        Foreign.__module__ = "somewhere.else"
        try:
            aigc_hooks.wrap(Foreign(), producer="acme")
        except aigc_hooks.AdapterNotFoundError:
            pass
        print(sorted({"torch", "diffusers", "transformers", "numpy", "PIL"} & set(sys.modules)))
    """
    assert run(code) == "[]"


def test_an_empty_module_of_the_framework_s_name(tmp_path: Path) -> None:
    (tmp_path / "diffusers.py").write_text("class Something: pass\nclass DiffusionPipeline: pass\n")
    code = """
        import sys; sys.path.insert(0, "")
        import aigc_hooks, diffusers
        assert not hasattr(diffusers, "__path__")
        for cls in (diffusers.Something, diffusers.DiffusionPipeline):
            try:
                aigc_hooks.wrap(cls(), producer="acme")
            except (aigc_hooks.AdapterNotFoundError, aigc_hooks.UnsupportedVersionError) as error:
                print(type(error).__name__)
    """
    assert run(code, folder=tmp_path).split() == ["AdapterNotFoundError", "UnsupportedVersionError"]


def test_models_and_schedulers_are_no_pipelines() -> None:
    pipe = tiny.ddpm()
    for part in (pipe.unet, pipe.scheduler, tiny.tokenizer()):
        with pytest.raises(AdapterNotFoundError):
            aigc_hooks.wrap(part, producer="acme")
        assert adapter.aigc_adapter(type(part)) is None


def outside(name: str, bases: tuple[type, ...] = (), **members: Any) -> type:
    """A class as another version of diffusers might define it."""
    return type(name, bases, {"__module__": "diffusers.pipelines.pipeline_utils", **members})


FULL = {
    "__call__": lambda self: None,
    "from_pretrained": classmethod(lambda cls: cls()),
    "register_modules": lambda self, **modules: None,
}


@pytest.mark.parametrize("missing", FULL)
def test_a_version_without_a_seam_is_refused(missing: str) -> None:
    root = outside("DiffusionPipeline", **{name: member for name, member in FULL.items() if name != missing})
    pipe = type("SomePipeline", (root,), {})()
    with pytest.raises(UnsupportedVersionError, match=missing):
        aigc_hooks.wrap(pipe, producer="acme")
    assert not is_wrapped(pipe)


def test_a_version_without_from_pipe_on_a_class_that_only_loads() -> None:
    root = outside("DiffusionPipeline", from_pretrained=FULL["from_pretrained"])
    with pytest.raises(UnsupportedVersionError, match="from_pipe"):
        aigc_hooks.wrap(root, producer="acme")


def test_a_pipeline_that_cannot_be_called_is_refused() -> None:
    class Uncallable(diffusers.DiffusionPipeline):  # type: ignore[misc]
        def generate(self) -> None: ...

    with pytest.raises(UnsupportedVersionError, match="__call__"):
        aigc_hooks.wrap(Uncallable(), producer="acme")


def test_a_base_class_that_stores_models_its_own_way_still_works() -> None:
    root = outside("DiffusionPipeline", **FULL)
    pipe = aigc_hooks.wrap(type("SomePipeline", (root,), {"__call__": lambda self: None})(), producer="acme")
    pipe.unet = tiny.ddpm().unet
    other = type("OtherPipeline", (root,), {"__call__": lambda self: None})()
    other.model = pipe.unet
    assert is_wrapped(other)


def test_the_base_class_is_watched_once() -> None:
    for _ in range(3):
        aigc_hooks.unwrap(aigc_hooks.wrap(tiny.ddpm(), producer="acme"))
    plain = vars(diffusers.DiffusionPipeline)["__setattr__"]
    assert not hasattr(plain.__wrapped__, "__aigc_hooks_original__")


def test_a_font_that_cannot_draw_the_label_is_refused_before_anything_is_generated(tmp_path: Path) -> None:
    pipe = tiny.ddpm()
    plain = type(pipe)
    with pytest.raises(aigc_hooks.ConfigError, match=r"none\.ttf"):
        aigc_hooks.wrap(pipe, producer="acme", image={"font": tmp_path / "none.ttf"})
    with pytest.raises(aigc_hooks.ConfigError, match="鑫"):
        aigc_hooks.wrap(pipe, producer="acme", wording="鑫鑫AI生成")
    assert type(pipe) is plain
