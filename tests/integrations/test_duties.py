"""Exemption and review with real frameworks: a user who asked, and a plugin that refuses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pipelines as tiny
import pytest
import tiny_text_models
import torch
from transformers import TextStreamer

import aigc_hooks
from aigc_hooks import ReviewRefused, plugins

LABEL = "（本内容由AI生成）"
PLUGIN = """
from aigc_hooks import hookimpl

records, refused = [], []


@hookimpl
def aigc_audit(record):
    records.append(record)


@hookimpl
def aigc_review(call, artifact):
    what = "input" if call is not None else f"{artifact.modality} {artifact.part}"
    return "not today" if what in refused else None
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A plugin that keeps records, and refuses what is in its list."""
    info = tmp_path / "plugin" / "duties_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (info.parent / "duties_plugin.py").write_text(PLUGIN, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: duties-plugin\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[aigc_hooks]\nduties = duties_plugin\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(info.parent))
    plugins.reload()
    plugins.hooks()
    yield sys.modules["duties_plugin"]
    monkeypatch.undo()
    del sys.modules["duties_plugin"]
    plugins.reload()


def asked() -> Any:
    return aigc_hooks.exempt(user="u", agreement="a", reason="print")


def test_a_pipeline_of_pictures(plugin: Any, tmp_path: Path) -> None:
    arguments = {"prompt": "a cat", "num_inference_steps": 1}
    bare = tiny.sd()(**arguments, generator=torch.manual_seed(0)).images[0]
    pipe = aigc_hooks.wrap(tiny.sd(), producer="acme")
    with asked():
        image = pipe(**arguments, generator=torch.manual_seed(0)).images[0]
    assert image.tobytes() == bare.tobytes()
    image.save(tmp_path / "cat.jpg")
    (record,) = plugin.records
    assert record.outcome == "exempted"
    assert aigc_hooks.read_label(tmp_path / "cat.jpg").label == record.label
    assert pipe(**arguments, generator=torch.manual_seed(0)).images[0].tobytes() != bare.tobytes()
    for what in ("input", "image whole"):
        plugin.refused[:] = [what]
        with pytest.raises(ReviewRefused, match="not today"):
            pipe(**arguments)
        assert plugin.records[-1].outcome == "refused"


def test_a_pipeline_of_text(plugin: Any) -> None:
    pipe = aigc_hooks.wrap(tiny_text_models.pipe(), producer="acme")
    with asked():
        assert LABEL not in pipe("the cat", max_new_tokens=4)[0]["generated_text"]
    assert LABEL in pipe("the cat", max_new_tokens=4)[0]["generated_text"]
    assert [record.outcome for record in plugin.records] == ["exempted", "labelled"]
    for what in ("input", "text whole"):
        plugin.refused[:] = [what]
        with pytest.raises(ReviewRefused, match="not today"):
            pipe("the cat", max_new_tokens=4)


def test_a_streamer(plugin: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = aigc_hooks.wrap(tiny_text_models.pipe(), producer="acme")
    streamer = TextStreamer(pipe.tokenizer, skip_prompt=True)
    with asked():
        pipe("the cat", max_new_tokens=4, streamer=streamer)
    assert LABEL not in capsys.readouterr().out
    pipe("the cat", max_new_tokens=4, streamer=streamer)
    assert LABEL in capsys.readouterr().out
    plugin.refused[:] = ["text piece"]
    with pytest.raises(ReviewRefused, match="not today"):
        pipe("the cat", max_new_tokens=4, streamer=streamer)
    assert capsys.readouterr().out == ""
