"""The notebooks run from a fresh kernel, show what they promise, and are committed without outputs."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PLUGIN_LINES = 20


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Executes a notebook offline, in an empty folder, without settings."""
    for variable in os.environ:
        if variable.startswith("AIGC_HOOKS_"):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))

    def execute(name: str) -> Any:
        notebook = nbformat.read(FOLDER / name, as_version=4)
        # A kernel sends what is printed in pieces as it likes: each cell's are joined.
        client = NotebookClient(
            notebook,
            timeout=240,
            kernel_name="python3",
            coalesce_streams=True,
            resources={"metadata": {"path": str(tmp_path)}},
        )
        return client.execute()

    return execute


def outputs(notebook: Any, cell: str) -> Iterator[Any]:
    yield from next(each for each in notebook.cells if each.id == cell).outputs


def text(notebook: Any, cell: str) -> str:
    """Everything that a cell printed or returned, as text."""
    found = [
        output["text"] if output.output_type == "stream" else "".join(map(str, output["data"].values()))
        for output in outputs(notebook, cell)
    ]
    return "\n".join(found)


def pictures(notebook: Any, cell: str) -> list[str]:
    return [output["data"]["image/png"] for output in outputs(notebook, cell) if "image/png" in output.get("data", {})]


def complaints(notebook: Any) -> list[str]:
    """What went to standard error: a reader should see none."""
    every = (output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs)
    return [output["text"] for output in every if output.output_type == "stream" and output.name == "stderr"]


def test_quickstart(run: Callable[[str], Any]) -> None:
    notebook = run("01_quickstart.ipynb")
    for cell in ("wrap", "override", "array-view"):
        assert len(pictures(notebook, cell)) == 1
    assert "conforms 符合" in text(notebook, "save")
    assert "<table>" in text(notebook, "save")
    assert "JPEG APP1 XMP" in text(notebook, "save")
    assert "conforms: True\nproduced by: acme" in text(notebook, "reading")
    assert "lacks the AI element" in text(notebook, "wording")
    assert "a BMP file has no place for the implicit label" in text(notebook, "bmp")
    assert text(notebook, "bmp").endswith("False")
    assert text(notebook, "array") == "True"
    assert text(notebook, "file") == "('labelled.webp', True)"
    assert len({line.split()[1] for line in text(notebook, "batch").splitlines()}) == 3
    assert complaints(notebook) == []


def test_plugin(run: Callable[[str], Any]) -> None:
    notebook = run("02_write_a_plugin.ipynb")
    listed = text(notebook, "list")
    assert "acme-ids 1.0" in listed
    assert "aigc_make_label" in listed
    assert "acme-000001" in text(notebook, "effect")
    assert "conforms 符合" in text(notebook, "effect")
    assert len(pictures(notebook, "picture")) == 1
    trail = text(notebook, "trail").splitlines()
    assert [line.split()[:2] for line in trail] == [["labelled", "acme-000001"], ["labelled", "acme-000002"]]
    assert text(notebook, "fail").startswith("make_label | acme-ids | stage make_label of plugin 'acme-ids' failed")
    assert complaints(notebook) == []


def test_chatbot(run: Callable[[str], Any]) -> None:
    notebook = run("03_chatbot.ipynb")
    label = "（本内容由AI生成）"
    assert text(notebook, "wrap") == f"Good morning! This is answer 1.\n\n{label}\n"
    assert "'ContentProducer': 'acme'" in text(notebook, "record")
    *words, last = text(notebook, "stream").splitlines()
    assert "".join(map(ast.literal_eval, words)) == "Good morning! This is answer 1."
    assert ast.literal_eval(last) == f"\n\n{label}"
    assert text(notebook, "chain").endswith(f"{label}\n")
    steps = text(notebook, "tools")
    assert steps.count(label) == 1
    assert steps.index("look.") < steps.index("sunny in Hangzhou") < steps.index("hat.") < steps.index(label)
    assert text(notebook, "history").count(label) == 2
    assert label not in text(notebook, "sent")
    assert "take a hat." in text(notebook, "sent")
    assert text(notebook, "clean") == '\'{"city": "Hangzhou"}\''
    assert text(notebook, "settings").count("本回答由人工智能生成 / AI-generated") == 2
    assert text(notebook, "corner") == "Good morning! This is answer 1.ᴬᴵ\n"
    assert text(notebook, "function") == f"HOW DO YOU DO \n\n{label}\n"
    assert complaints(notebook) == []


def test_speech(run: Callable[[str], Any]) -> None:
    notebook = run("04_speech.ipynb")
    assert text(notebook, "wrap") == "(Rhythm(start=0.0, end=1.1),)"
    for cell in ("look", "settings"):
        assert len(pictures(notebook, cell)) == 1
    assert "data:audio/wav;base64" in text(notebook, "listen")
    assert [line.split()[0] for line in text(notebook, "save").splitlines()] == ["voice.wav", "voice.flac", "voice.mp3"]
    assert text(notebook, "save").count("acme True") == 3
    assert text(notebook, "mp3").count("Rhythm(") == 1
    assert text(notebook, "settings").startswith("2 labels")
    assert "file: acme" in text(notebook, "own")
    # The model makes its second part when the first has been taken.
    lines = [line.strip() for line in text(notebook, "own").splitlines()]
    assert lines[2] == "the model makes part 0"
    assert lines[3].endswith("(the label)")
    assert lines[5] == "the model makes part 1"
    assert sum(line.endswith("(the label)") for line in lines) == 1
    assert complaints(notebook) == []


def test_the_plugin_is_short() -> None:
    notebook = nbformat.read(FOLDER / "02_write_a_plugin.ipynb", as_version=4)
    magic, *lines = next(cell for cell in notebook.cells if cell.id == "plugin").source.splitlines()
    assert magic.startswith("%%writefile ")
    assert len(lines) <= PLUGIN_LINES


def test_video(run: Callable[[str], Any]) -> None:
    done = run("05_video.ipynb")
    assert len(pictures(done, "look")) == 1
    assert text(done, "save").count('"ContentProducer":"acme"') == 2
    rules = text(done, "check").splitlines()
    for rule in ("V-01", "V-02", "V-03", "V-04", "M-21"):
        assert any(line.startswith(f"{rule} pass") for line in rules), rule
    assert text(done, "file") == "True"


def test_trust(run: Callable[[str], Any]) -> None:
    done = run("06_trust.ipynb")
    assert text(done, "sign").startswith("intact")
    assert text(done, "alter").startswith("altered")
    assert text(done, "spread").splitlines()[-1] == "video-site"
    assert text(done, "exempt") == "'acme'"
    record = text(done, "record")
    assert "exempted" in record
    assert "labelled" in record
    assert "Traceback" not in record


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    for cell in code:
        assert cell.outputs == []
        assert cell.execution_count is None
        assert not cell.metadata


def test_all_are_there() -> None:
    names = ["01_quickstart", "02_write_a_plugin", "03_chatbot", "04_speech", "05_video", "06_trust"]
    assert [path.stem for path in NOTEBOOKS] == names
