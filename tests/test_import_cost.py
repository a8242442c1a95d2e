"""``import aigc_hooks`` is light, and asking an adapter imports no framework."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import aigc_hooks

FRAMEWORKS = {"torch", "diffusers", "transformers", "langchain_core", "langchain", "tensorflow", "jax"}
HEAVY = FRAMEWORKS | {"numpy", "PIL", "pydantic", "pydantic_core", "lxml", "typer", "rich", "av", "soundfile", "pluggy"}


def loaded_by(script: str, *paths: Path) -> set[str]:
    """The top-level modules that a fresh Python has loaded after a script."""
    lines = [
        "import sys",
        f"sys.path[:0] = {[str(path) for path in paths]!r}",
        textwrap.dedent(script),
        "import json; print(json.dumps(sorted(name for name in sys.modules)))",
    ]
    command = [sys.executable, "-W", "error", "-c", "\n".join(lines)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import aigc_hooks") & HEAVY == set()


def test_errors_and_labels_need_no_settings_library() -> None:
    script = "from aigc_hooks import AIGCHooksError, Label, LabelError, ProviderCode"
    assert loaded_by(script) & HEAVY == set()


@pytest.mark.parametrize("name", aigc_hooks.__all__)
def test_no_public_name_loads_a_framework_numpy_or_pillow(name: str) -> None:
    assert loaded_by(f"from aigc_hooks import {name}") & (FRAMEWORKS | {"numpy", "PIL"}) == set()


def test_wrapping_a_foreign_object_loads_no_framework_numpy_or_pillow() -> None:
    script = """
        import aigc_hooks
        class Pipeline:
            def __call__(self): ...
        try:
            aigc_hooks.wrap(Pipeline(), producer="acme")
        except aigc_hooks.AdapterNotFoundError:
            pass
        else:
            raise SystemExit("it was wrapped")
    """
    assert loaded_by(script) & (FRAMEWORKS | {"numpy", "PIL"}) == set()


def test_loading_the_plugins_loads_no_framework_numpy_or_pillow() -> None:
    script = """
        from aigc_hooks.plugins import hooks
        assert [info for info in hooks().plugins() if "aigc_adapter" in info.hooks]
    """
    assert loaded_by(script) & (FRAMEWORKS | {"numpy", "PIL"}) == set()


def test_a_module_that_shadows_a_framework_disturbs_nothing(tmp_path: Path) -> None:
    # People name their own files after what they try out: an empty diffusers.py stands before the real one.
    for name in ("diffusers", "transformers", "torch", "numpy"):
        (tmp_path / f"{name}.py").write_text("class Pipeline:\n    def __call__(self): ...\n", encoding="utf-8")
    script = """
        import aigc_hooks, diffusers
        assert not hasattr(diffusers, "__path__")
        try:
            aigc_hooks.wrap(diffusers.Pipeline(), producer="acme")
        except aigc_hooks.AdapterNotFoundError as error:
            assert "diffusers.Pipeline" in str(error), error
            assert "pip install --upgrade 'aigc-hooks[diffusers]'" in str(error), error
        else:
            raise SystemExit("it was wrapped")
    """
    assert loaded_by(script, tmp_path) & {"PIL", "transformers", "torch"} == set()
