"""Plugins: how they are found, what happens when one is broken, and what each hook does.

The plugins are fake distributions on disk: a module and a ``dist-info`` folder on ``sys.path``, as pip leaves them.
"""

from __future__ import annotations

import importlib.metadata
import inspect
import json
import logging
import pickle
import re
import sys
import textwrap
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import aigc_hooks
from aigc_hooks import (
    AdapterNotFoundError,
    AuditRecord,
    Call,
    ForeignLabelError,
    Label,
    LabelError,
    PluginError,
    Provider,
    ReviewRefused,
    UnsupportedOutputError,
    hookspecs,
    plugins,
    read_label,
    stages,
)
from aigc_hooks.artifact import Artifact

ACME = Provider(producer="acme")
HOOKS = [name for name in vars(hookspecs) if name.startswith("aigc_")]
# What every plugin below begins with.
HEAD = """
from aigc_hooks import AuditRecord, Adapter, Carrier, Finding, Label, LabelError, RawLabel, hookimpl
calls = []
"""

Install = Callable[..., Any]


@pytest.fixture(autouse=True)
def fresh_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Plugins are found anew in each test, and forgotten after it."""
    for variable in ("AIGC_HOOKS_PLUGINS", "AIGC_HOOKS_BLOCK_PLUGINS", "AIGC_HOOKS_TRACE"):
        monkeypatch.delenv(variable, raising=False)
    plugins.reload()
    modules = set(sys.modules)
    yield
    monkeypatch.undo()
    for name in set(sys.modules) - modules:
        if name.startswith("plugin_"):
            del sys.modules[name]
    plugins.reload()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a fake distribution that brings one plugin, and returns its (not yet imported) module's name."""

    def install(name: str, source: str, *, distribution: str = "", version: str = "1.0", metadata: str = "") -> str:
        distribution = distribution or f"{name}-labels"
        folder = tmp_path / distribution
        info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        module = "plugin_" + re.sub(r"\W", "_", distribution)
        (folder / f"{module}.py").write_text(HEAD + textwrap.dedent(source), encoding="utf-8")
        (info / "METADATA").write_text(
            metadata or f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n", encoding="utf-8"
        )
        (info / "entry_points.txt").write_text(f"[aigc_hooks]\n{name} = {module}\n", encoding="utf-8")
        monkeypatch.syspath_prepend(str(folder))
        plugins.reload()
        return module

    return install


def picture() -> Image.Image:
    return Image.new("RGB", (96, 96), "teal")


def untouched(image: Image.Image) -> bool:
    """Whether neither pixels nor metadata say that the image was labelled."""
    return image.tobytes() == picture().tobytes() and not image.info


def info(name: str) -> plugins.PluginInfo:
    return next(info for info in plugins.hooks().plugins() if info.name == name)


def third_parties() -> list[str]:
    return [info.name for info in plugins.hooks().plugins() if not info.distribution.startswith("aigc-hooks")]


# --- found on disk ---------------------------------------------------------------------------------------------------

NUMBERING = """
@hookimpl
def aigc_make_label(provider):
    calls.append("make_label")
    return Label(content_producer=provider.producer, produce_id="number-" + str(len(calls)))
"""


def test_a_plugin_is_found_by_its_entry_point(install: Install) -> None:
    install("numbers", NUMBERING, distribution="Acme_Labels.Numbers", version="2.1")
    assert info("numbers") == plugins.PluginInfo("numbers", "acme-labels-numbers 2.1", ("aigc_make_label",))
    assert aigc_hooks.label(picture(), provider=ACME).info["AIGC"].label.produce_id == "number-1"


def test_built_ins_and_own_adapters_come_by_the_same_door() -> None:
    found = plugins.hooks().plugins()
    assert [info.name for info in found[: len(plugins.BUILTINS)]] == list(plugins.BUILTINS)
    version = importlib.metadata.version("aigc-hooks")
    assert plugins.PluginInfo("diffusers", f"aigc-hooks {version}", ("aigc_adapter",)) in found


def test_a_plugin_may_be_an_object(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install(
        "numbers",
        """
        class Numbers:
            @hookimpl
            def aigc_make_label(self, provider):
                return Label(content_producer=provider.producer, produce_id="of-an-object")

        plugin = Numbers()
        """,
    )
    entry_points = next(Path(folder) for folder in sys.path if folder.endswith("numbers-labels"))
    (entry_points / "numbers_labels-1.0.dist-info" / "entry_points.txt").write_text(
        "[aigc_hooks]\nnumbers = plugin_numbers_labels:plugin\n", encoding="utf-8"
    )
    assert plugins.hooks().make_label(Artifact(None, "image"), ACME) == Label(
        content_producer="acme", produce_id="of-an-object"
    )


@pytest.mark.parametrize("order", [("alpha", "mike", "zulu"), ("zulu", "alpha", "mike"), ("mike", "zulu", "alpha")])
def test_order_comes_from_names_and_not_from_the_file_system(order: tuple[str, ...], install: Install) -> None:
    for name in order:
        install(name, NUMBERING)
    assert third_parties() == ["alpha", "mike", "zulu"]
    # The same one is asked first, whatever came first to the disk.
    aigc_hooks.label(picture(), provider=ACME)
    assert {name: sys.modules[f"plugin_{name}_labels"].calls for name in order} == {
        "alpha": [],
        "mike": [],
        "zulu": ["make_label"],
    }


def test_a_third_party_is_asked_before_the_built_ins(install: Install) -> None:
    # By name it comes before "diffusers" and before every built-in: it counts that it is a third party.
    install(
        "aaa",
        """
        @hookimpl
        def aigc_adapter(cls):
            if cls.__name__ == "StableDiffusionPipeline":
                return Adapter("mine", {})

        @hookimpl
        def aigc_make_label(provider):
            return Label(content_producer=provider.producer, produce_id="mine")

        @hookimpl
        def aigc_render_explicit(artifact):
            artifact.content.putpixel((0, 0), (1, 2, 3))
            return True

        @hookimpl
        def aigc_carriers():
            return [Carrier("MY-PNG", (".png",), lambda head: head[1:4] == b"PNG", lambda stream: [])]
        """,
    )
    pipeline = type("StableDiffusionPipeline", (type("DiffusionPipeline", (), {"__module__": "diffusers"}),), {})
    adapter = plugins.hooks().adapter(pipeline)
    assert adapter is not None
    assert adapter.name == "mine"
    image = aigc_hooks.label(picture(), provider=ACME)
    assert image.info["AIGC"].label.produce_id == "mine"
    assert image.getpixel((0, 0)) == (1, 2, 3)
    assert image.getpixel((90, 90)) == picture().getpixel((90, 90))  # the built-in renderer was not asked
    assert plugins.hooks().carriers[0].name == "MY-PNG"


def test_the_first_of_two_distributions_of_one_name_counts(install: Install, tmp_path: Path) -> None:
    install("numbers", NUMBERING, distribution="numbers-labels", version="1.0")
    newer = tmp_path / "first-on-path" / "numbers_labels-2.0.dist-info"
    newer.mkdir(parents=True)
    (newer / "METADATA").write_text("Name: Numbers.Labels\nVersion: 2.0\n", encoding="utf-8")
    (newer / "entry_points.txt").write_text("[aigc_hooks]\nnumbers = plugin_numbers_labels\n", encoding="utf-8")
    sys.path.insert(0, str(newer.parent))  # taken off again when the fixture restores the path
    plugins.reload()
    assert info("numbers").distribution == "numbers-labels 2.0"
    assert third_parties() == ["numbers"]


def test_a_name_that_is_taken_is_no_door(install: Install) -> None:
    install("diffusers", NUMBERING, distribution="aaa-impostor")
    with pytest.warns(
        UserWarning, match=r"'diffusers' of aaa-impostor 1.0 was skipped: .*taken by a plugin of aigc-hooks"
    ):
        found = plugins.hooks().plugins()
    assert [(info.distribution, bool(info.problem)) for info in found if info.name == "diffusers"] == [
        (f"aigc-hooks {importlib.metadata.version('aigc-hooks')}", False),
        ("aaa-impostor 1.0", True),
    ]
    plugins.hooks().require(("diffusers",))


def test_plugins_are_loaded_once_by_many_threads(install: Install) -> None:
    install("slow", "import time; time.sleep(0.05)\n" + textwrap.dedent(NUMBERING))
    start = threading.Barrier(8)
    found: list[plugins.Hooks] = []

    def work() -> None:
        start.wait()
        found.append(plugins.hooks())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_reload_finds_what_was_installed_since(install: Install) -> None:
    before = plugins.hooks()
    assert plugins.hooks() is before
    install("numbers", NUMBERING)
    assert plugins.hooks() is not before
    assert info("numbers").hooks == ("aigc_make_label",)


# --- broken ----------------------------------------------------------------------------------------------------------

BROKEN = {
    "an import that fails": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "a syntax error": ("def", "SyntaxError: invalid syntax"),
    "raising at import": ("1 / 0", "ZeroDivisionError: division by zero"),
    "leaving at import": ("raise SystemExit('bye')", "SystemExit: bye"),
    "a coroutine": ("@hookimpl\nasync def aigc_audit(record): ...", "aigc_audit is async"),
    "an async generator": ("@hookimpl\nasync def aigc_detect(artifact):\n    yield", "aigc_detect is async"),
    "a generator": (
        "@hookimpl\ndef aigc_render_explicit(artifact):\n    yield True",
        "aigc_render_explicit is a generator",
    ),
    "a forgotten marker": ("def aigc_audit(record): ...", "aigc_audit is not marked with @aigc_hooks.hookimpl"),
    "a misspelt argument": (
        "@hookimpl\ndef aigc_audit(record): calls.append(record)\n@hookimpl\ndef aigc_detect(artefact): ...",
        "artefact",
    ),
    "raising carriers": ("@hookimpl\ndef aigc_carriers(): raise OSError('no disk')", "OSError: no disk"),
    "carriers that are none": ("@hookimpl\ndef aigc_carriers(): return ['PNG']", "str 'PNG' among its Carriers"),
    "late raising carriers": ("@hookimpl\ndef aigc_carriers():\n    yield from ()\n    1 / 0", "division by zero"),
}


@pytest.mark.parametrize(("source", "problem"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_skipped_with_a_warning_that_names_it(source: str, problem: str, install: Install) -> None:
    module = install("broken", source, distribution="acme-broken", version="0.3")
    install("sound", NUMBERING)
    with pytest.warns(UserWarning, match="plugin 'broken' of acme-broken 0.3 was skipped: ") as caught:
        assert problem in info("broken").problem
    assert len(caught) == 1
    assert problem in str(caught[0].message)
    assert "AIGC_HOOKS_BLOCK_PLUGINS=broken" in str(caught[0].message)
    # It is out altogether: none of its hooks is called, and the others are.
    assert info("broken").hooks == ()
    assert plugins.hooks().carriers[0].name == "JPEG"
    assert aigc_hooks.label(picture(), provider=ACME).info["AIGC"].label.produce_id == "number-1"
    assert not getattr(sys.modules.get(module), "calls", [])


def test_a_broken_plugin_takes_nothing_down_but_itself_when_it_is_blocked(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("broken", "1 / 0")
    monkeypatch.setenv("AIGC_HOOKS_BLOCK_PLUGINS", "other, broken")
    assert info("broken").problem == "in AIGC_HOOKS_BLOCK_PLUGINS"


def test_a_misspelt_hook_is_an_error_that_names_it(install: Install) -> None:
    install("sloppy", "@hookimpl\ndef aigc_rendr_explicit(artifact): ...", distribution="acme-sloppy", version="0.3")
    with pytest.raises(
        PluginError, match=r"plugin 'sloppy' of acme-sloppy 0.3: unknown hook 'aigc_rendr_explicit'"
    ) as caught:
        plugins.hooks()
    assert all(hook in str(caught.value) for hook in HOOKS)
    image = picture()
    for call in (lambda: aigc_hooks.label(image, provider=ACME), lambda: aigc_hooks.wrap(object(), provider=ACME)):
        with pytest.raises(PluginError):
            call()
    assert untouched(image)


@pytest.mark.parametrize("metadata", ["Metadata-Version: 2.1\n", "\n"])
def test_a_distribution_without_a_name_does_no_harm(metadata: str, install: Install) -> None:
    install("numbers", NUMBERING, metadata=metadata)
    assert info("numbers") == plugins.PluginInfo("numbers", "? ?", ("aigc_make_label",))


def test_entry_points_that_cannot_be_read_are_skipped_with_a_warning(install: Install, tmp_path: Path) -> None:
    install("broken", NUMBERING)
    next(tmp_path.rglob("entry_points.txt")).write_text("[aigc_hooks]\nno equals sign\n", encoding="utf-8")
    install("sound", NUMBERING)
    with pytest.warns(UserWarning, match="the plugins of broken-labels were skipped"):
        assert third_parties() == ["sound"]


# --- required, allowed, blocked --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["missing", "broken", "blocked", "not allowed"])
def test_without_a_required_plugin_nothing_is_labelled(
    case: str, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    if case != "missing":
        install("numbers", "1 / 0" if case == "broken" else NUMBERING)
    if case == "blocked":
        monkeypatch.setenv("AIGC_HOOKS_BLOCK_PLUGINS", "numbers")
    if case == "not allowed":
        monkeypatch.setenv("AIGC_HOOKS_PLUGINS", "other")
    if case == "broken":
        with pytest.warns(UserWarning, match="skipped"):
            plugins.hooks()
    reason = {
        "missing": "no installed distribution brings it",
        "broken": "ZeroDivisionError: division by zero",
        "blocked": "in AIGC_HOOKS_BLOCK_PLUGINS",
        "not allowed": "not in AIGC_HOOKS_PLUGINS=other",
    }[case]
    image = picture()
    # Not even the explicit opt-out lets content out without it.
    for on_error in ("raise", "warn"):
        provider = Provider(producer="acme", required_plugins=("numbers",), on_error=on_error)
        with pytest.raises(PluginError, match=f"required plugin 'numbers' is not loaded: {reason}"):
            aigc_hooks.label(image, provider=provider)
        with pytest.raises(PluginError, match="required plugin 'numbers'"):
            aigc_hooks.wrap(object(), provider=provider)
    assert untouched(image)


def test_a_required_plugin_that_is_there_is_used(install: Install) -> None:
    install("numbers", NUMBERING)
    image = aigc_hooks.label(picture(), provider=ACME, required_plugins=["numbers", "aigc_hooks.duties.audit"])
    assert image.info["AIGC"].label.produce_id == "number-1"


@pytest.mark.parametrize(("allowed", "expected"), [("", []), ("one", ["one"]), (" two , one", ["one", "two"])])
def test_the_allow_list_names_the_third_parties_that_are_loaded(
    allowed: str, expected: list[str], install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two", "three"):
        install(name, NUMBERING)
    monkeypatch.setenv("AIGC_HOOKS_PLUGINS", allowed)
    loaded = [info.name for info in plugins.hooks().plugins() if not info.problem]
    assert [name for name in ("one", "two", "three") if name in loaded] == sorted(expected, key="one two three".find)
    assert info("three").problem == f"not in AIGC_HOOKS_PLUGINS={allowed}"
    assert {"diffusers", *plugins.BUILTINS} <= set(loaded)


def test_a_plugin_that_is_not_loaded_is_not_even_imported(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    module = install("numbers", NUMBERING)
    monkeypatch.setenv("AIGC_HOOKS_PLUGINS", "")
    plugins.hooks()
    assert module not in sys.modules


def test_an_own_adapter_can_be_blocked_and_wrap_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_HOOKS_BLOCK_PLUGINS", "diffusers")
    with pytest.raises(AdapterNotFoundError, match=r"Not loaded: diffusers \(in AIGC_HOOKS_BLOCK_PLUGINS\)"):
        aigc_hooks.wrap(object(), provider=ACME)


@pytest.mark.parametrize("value", ["1", "true"])
def test_trace_prints_every_hook_call(
    value: str, install: Install, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install("numbers", NUMBERING)
    monkeypatch.setenv("AIGC_HOOKS_TRACE", value)
    aigc_hooks.label(picture(), provider=ACME)
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert [line.partition("(")[0].removeprefix("aigc_hooks: ") for line in lines if "carriers" not in line] == [
        "aigc_detect",
        "aigc_make_label",
        "aigc_render_explicit",
        "aigc_embed_watermark",
        "aigc_write_metadata",
        "aigc_sign",
        "aigc_audit",
    ]
    made = next(line for line in lines if "aigc_make_label" in line)
    assert "(artifact=Artifact, provider=Provider) -> " in made
    assert "numbers" in made
    assert "aigc_hooks.saving.plugin" in made


@pytest.mark.parametrize("value", ["", "0", "false", "No"])
def test_no_trace_unless_asked(value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("AIGC_HOOKS_TRACE", value)
    aigc_hooks.label(picture(), provider=ACME)
    assert capsys.readouterr().err == ""


# --- each hook -------------------------------------------------------------------------------------------------------


def module(name: str) -> Any:
    return sys.modules[name]


def test_aigc_adapter_says_how_to_wrap(install: Install) -> None:
    install(
        "mine",
        """
        import functools

        def seam(original, provider):
            @functools.wraps(original)
            def draw(self):
                return f"{original(self)} by {provider.producer}"
            return draw

        @hookimpl
        def aigc_adapter(cls):
            if any(parent.__name__ == "Mine" for parent in cls.__mro__):
                return Adapter("mine", {"draw": seam})
        """,
    )
    thing = type("Mine", (), {"draw": lambda self: "a cat"})()
    assert aigc_hooks.wrap(thing, provider=ACME).draw() == "a cat by acme"


def test_aigc_adapter_that_fails_is_named(install: Install) -> None:
    install("mine", "@hookimpl\ndef aigc_adapter(cls): return 1 / 0")
    with pytest.raises(PluginError, match="aigc_adapter of plugin 'mine' failed, asked for object: division by zero"):
        aigc_hooks.wrap(object(), provider=ACME)


def test_aigc_carriers_brings_a_format(install: Install) -> None:
    install(
        "mine",
        """
        def read(stream):
            stream.seek(4)
            yield RawLabel("MINE field", stream.read().decode())

        @hookimpl
        def aigc_carriers():
            yield Carrier("MINE", (".mine",), lambda head: head.startswith(b"MINE"), read)
        """,
    )
    label = Label(content_producer="acme", produce_id="17")
    reading = read_label(b"MINE" + label.to_json().encode())
    assert (reading.carrier, reading.label, reading.findings[0].place) == ("MINE", label, "MINE field")


def test_aigc_prepare_changes_what_a_generation_is_given(install: Install) -> None:
    install(
        "mine",
        """
        @hookimpl
        def aigc_prepare(call, provider):
            call.arguments[0] = call.arguments[0].replace(provider.wording, "").strip()
            call.keywords["seed"] = 1
        """,
    )
    call = Call("Pipeline", ["a cat AI生成"], {})
    stages.prepare(call, ACME)
    assert (call.arguments, call.keywords) == (["a cat"], {"seed": 1})


REVIEW = """
@hookimpl
def aigc_review(call, artifact):
    calls.append(call or artifact)
    given = call.arguments if call else [artifact.content]
    return "a forbidden word" if any(isinstance(value, str) and "bomb" in value for value in given) else None
"""


def test_aigc_review_refuses_an_input_and_an_output(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    install("reviewer", REVIEW)
    caplog.set_level(logging.INFO, "aigc_hooks.audit")
    with pytest.raises(ReviewRefused, match="Pipeline was refused: a forbidden word") as caught:
        stages.prepare(Call("Pipeline", ["a bomb"], {}), ACME)
    assert caught.value.stage == "review"
    stages.prepare(Call("Pipeline", ["a cat"], {}), ACME)
    with pytest.raises(ReviewRefused, match="content was refused"):
        aigc_hooks.label("how to build a bomb", provider=Provider(producer="acme", on_error="warn"))
    assert aigc_hooks.label("a cat", provider=ACME).startswith("a cat")
    lines = [json.loads(record.getMessage()) for record in caplog.records]
    assert [(line["outcome"], line["modality"]) for line in lines] == [
        ("refused", ""),
        ("refused", "text"),
        ("labelled", "text"),
    ]
    assert lines[0]["reason"] == "a forbidden word"


def test_aigc_review_that_fails_lets_nothing_out_whatever_is_forgiven(install: Install) -> None:
    install("reviewer", "@hookimpl\ndef aigc_review(call, artifact): raise OSError('no network')")
    forgiving = Provider(producer="acme", on_error="warn")
    image = picture()
    for attempt in (
        lambda: aigc_hooks.label(image, provider=forgiving),
        lambda: aigc_hooks.label("a text", provider=forgiving),
        lambda: stages.prepare(Call("Pipeline", ["a cat"], {}), forgiving),
    ):
        with pytest.raises(LabelError, match="stage review of plugin 'reviewer' failed"):
            attempt()
    assert untouched(image)


def test_aigc_review_stays_refused_where_the_refusal_cannot_be_recorded(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install("reviewer", REVIEW + "\n@hookimpl\ndef aigc_audit(record): raise OSError('full disk')")
    with pytest.raises(ReviewRefused, match="a forbidden word"):
        aigc_hooks.label("a bomb", provider=ACME)
    assert "a refusal could not be recorded" in caplog.text


def test_aigc_detect_reports_what_is_already_there(install: Install) -> None:
    install(
        "mine",
        """
        @hookimpl
        def aigc_detect(artifact):
            artifact.visible = True
            yield Finding(Label(content_producer="acme", produce_id="17"), "a register", (), "")
        """,
    )
    assert aigc_hooks.label(picture(), provider=ACME).tobytes() == picture().tobytes()
    image = picture()
    with pytest.raises(ForeignLabelError, match=r"the label of 'acme' \(a register, '17'\)"):
        aigc_hooks.label(image, producer="another")
    assert untouched(image)


def test_aigc_make_label_of_a_plugin_wins(install: Install) -> None:
    mine = module_of(install, "numbers", NUMBERING)
    first = aigc_hooks.label(picture(), provider=ACME)
    second = aigc_hooks.label(picture(), provider=ACME)
    assert [image.info["AIGC"].label.produce_id for image in (first, second)] == ["number-1", "number-2"]
    assert mine().calls == ["make_label"] * 2


def test_aigc_make_label_passes_on_with_none(install: Install) -> None:
    mine = module_of(install, "mine", "@hookimpl\ndef aigc_make_label(artifact): calls.append(artifact.modality)")
    assert len(aigc_hooks.label(picture(), provider=ACME).info["AIGC"].label.produce_id) == 32
    assert mine().calls == ["image"]


def test_aigc_render_explicit_draws_another_kind_of_label(install: Install) -> None:
    source = """
        @hookimpl
        def aigc_render_explicit(artifact, label, provider):
            artifact.content.putpixel((0, 0), (1, 2, 3))
            artifact.places.append("a pixel")
            return True
    """
    install("mine", source)
    image = aigc_hooks.label(picture(), provider=ACME)
    expected = picture()
    expected.putpixel((0, 0), (1, 2, 3))
    assert image.tobytes() == expected.tobytes()


def test_aigc_embed_watermark_runs_for_every_plugin_after_the_visible_label(install: Install) -> None:
    source = """
        @hookimpl
        def aigc_embed_watermark(artifact, label, provider):
            calls.append(label.produce_id)
            assert "pixels" in artifact.places
            artifact.places.append(__name__)
    """
    one, two = module_of(install, "one", source), module_of(install, "two", source)
    image = aigc_hooks.label(picture(), provider=ACME)
    assert one().calls == two().calls == [image.info["AIGC"].label.produce_id]


def test_aigc_write_metadata_puts_the_label_where_a_plugin_likes(install: Install) -> None:
    install(
        "mine",
        """
        @hookimpl
        def aigc_write_metadata(artifact, label):
            artifact.content.info["mine"] = label.produce_id
        """,
    )
    image = aigc_hooks.label(picture(), provider=ACME)
    assert image.info["mine"] == image.info["AIGC"].label.produce_id


def test_aigc_sign_comes_last(install: Install) -> None:
    mine = module_of(
        install,
        "mine",
        """
        @hookimpl
        def aigc_sign(artifact, label):
            calls.append((artifact.content.info["AIGC"].label == label, list(artifact.places)))
            return True
        """,
    )
    aigc_hooks.label(picture(), provider=ACME)
    assert mine().calls == [(True, ["pixels", "info"])]


def test_aigc_audit_gets_one_record_for_each_picture(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    mine = module_of(install, "mine", "@hookimpl\ndef aigc_audit(record, provider): calls.append((record, provider))")
    caplog.set_level(logging.INFO, "aigc_hooks.audit")
    images = aigc_hooks.label([picture(), picture()], provider=ACME)
    records = [record for record, provider in mine().calls if provider == ACME]
    assert [record.outcome for record in records] == ["labelled"] * 2
    assert [record.label for record in records] == [image.info["AIGC"].label for image in images]
    # The built-in sink logs the same as one line of JSON.
    lines = [json.loads(record.message) for record in caplog.records if record.name == "aigc_hooks.audit"]
    assert [line["label"] for line in lines] == [record.label.to_dict() for record in records]
    assert lines[0] | {"time": "", "label": {}} == {
        "time": "",
        "provider": "",
        "outcome": "labelled",
        "modality": "image",
        "source": "",
        "label": {},
        "places": ["pixels", "info"],
        "reason": "",
    }


def test_aigc_audit_of_content_that_left_unlabelled_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    for outcome, level in (("labelled", "INFO"), ("failed", "WARNING"), ("unsupported-carrier", "WARNING")):
        caplog.clear()
        caplog.set_level(logging.INFO, "aigc_hooks.audit")
        plugins.hooks().audit(AuditRecord.now(outcome, "image"), ACME)
        assert [record.levelname for record in caplog.records] == [level]
    caplog.clear()
    caplog.set_level(logging.WARNING, "aigc_hooks.audit")
    plugins.hooks().audit(AuditRecord.now("labelled", "image"), ACME)
    assert not caplog.records


def module_of(install: Install, name: str, source: str) -> Callable[[], Any]:
    """Installs a plugin; the result gives its module, once it is loaded."""
    found = install(name, source)
    return lambda: sys.modules[found]


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_a_test_and_a_contract(name: str) -> None:
    tests = [test for test in globals() if test.startswith(f"test_{name}")]
    assert tests
    assert inspect.getdoc(getattr(hookspecs, name))


# --- raising ---------------------------------------------------------------------------------------------------------

RAISING = "@hookimpl\ndef aigc_{stage}({argument}): raise OSError('no disk')"
STAGES = ["detect", "make_label", "render_explicit", "embed_watermark", "write_metadata", "sign"]


@pytest.mark.parametrize("stage", [*STAGES, "audit"])
def test_a_raising_plugin_lets_nothing_out(stage: str, install: Install) -> None:
    install("failing", RAISING.format(stage=stage, argument="record" if stage == "audit" else "artifact"))
    with pytest.raises(LabelError) as caught:
        aigc_hooks.label(picture(), provider=ACME)
    error = caught.value
    assert (error.stage, error.plugin) == (stage, "failing")
    assert str(error) == f"stage {stage} of plugin 'failing' failed, and nothing was released: no disk"
    assert isinstance(error.__cause__, OSError)


def test_a_raising_aigc_prepare_stops_the_generation(install: Install) -> None:
    install("failing", RAISING.format(stage="prepare", argument="call"))
    with pytest.raises(LabelError, match="no disk") as caught:
        stages.prepare(Call("Pipeline", [], {}), ACME)
    assert (caught.value.stage, caught.value.plugin) == ("prepare", "failing")
    with pytest.warns(UserWarning, match="goes on unprepared"):
        stages.prepare(Call("Pipeline", [], {}), Provider(producer="acme", on_error="warn"))


def test_a_lazy_aigc_detect_that_raises_is_named_too(install: Install) -> None:
    install("failing", "@hookimpl\ndef aigc_detect(artifact):\n    yield from ()\n    raise OSError('no disk')")
    with pytest.raises(LabelError, match="stage detect of plugin 'failing'"):
        aigc_hooks.label(picture(), provider=ACME)


def test_a_plugin_may_raise_a_label_error_of_its_own(install: Install) -> None:
    install("strict", "@hookimpl\ndef aigc_make_label(artifact): raise LabelError('the register is closed')")
    with pytest.raises(LabelError, match=r"\Athe register is closed\Z") as caught:
        aigc_hooks.label(picture(), provider=ACME)
    assert (caught.value.stage, caught.value.plugin) == ("make_label", "strict")


@pytest.mark.parametrize(
    ("hook", "answer"),
    [
        ("make_label", '"17"'),
        ("make_label", "{}"),
        ("render_explicit", '"yes"'),
        ("render_explicit", "artifact"),
        ("sign", "1"),
        ("detect", "[17]"),
        ("detect", "17"),
    ],
)
def test_an_answer_of_the_wrong_kind_is_a_failure(hook: str, answer: str, install: Install) -> None:
    install("sloppy", f"@hookimpl\ndef aigc_{hook}(artifact): return {answer}")
    with pytest.raises(LabelError) as caught:
        aigc_hooks.label(picture(), provider=ACME)
    assert caught.value.stage == hook
    assert isinstance(caught.value.__cause__, TypeError)


def test_false_is_not_done(install: Install) -> None:
    install("sloppy", "@hookimpl\ndef aigc_render_explicit(artifact): return False")
    with pytest.raises(UnsupportedOutputError, match="no plugin renders the explicit label"):
        aigc_hooks.label(picture(), provider=ACME)


@pytest.mark.parametrize("stage", STAGES)
def test_on_error_warn_releases_with_a_warning_and_a_record(stage: str, install: Install) -> None:
    install("failing", RAISING.format(stage=stage, argument="artifact"))
    sink = module_of(install, "sink", "@hookimpl\ndef aigc_audit(record): calls.append(record)")
    image = picture()
    with pytest.warns(UserWarning, match=f"released without a label .*stage {stage} of plugin 'failing' failed"):
        assert aigc_hooks.label(image, provider=ACME, on_error="warn") is image
    (record,) = sink().calls
    assert (record.outcome, record.label) == ("failed", None)
    assert "no disk" in record.reason


def test_a_raising_audit_sink_hides_neither_content_nor_record_under_best_effort(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sinks = [module_of(install, name, "@hookimpl\ndef aigc_audit(record): calls.append(record)") for name in ("a", "z")]
    install("failing", RAISING.format(stage="audit", argument="record"))
    image = aigc_hooks.label(picture(), provider=ACME, audit="best-effort")
    assert image.info["AIGC"].label
    # Those before and behind the failing one have it, and the built-in log.
    assert [len(sink().calls) for sink in sinks] == [1, 1]
    assert [record.levelname for record in caplog.records if record.name == "aigc_hooks.audit"] == ["INFO"]
    assert [
        "stage audit of plugin 'failing'" in record.message
        for record in caplog.records
        if record.levelname == "WARNING"
    ]


def test_an_error_keeps_stage_and_plugin_across_processes() -> None:
    for kind in (LabelError, ForeignLabelError, UnsupportedOutputError):
        error = pickle.loads(pickle.dumps(kind("no", stage="sign", plugin="mine")))
        assert (type(error), str(error), error.stage, error.plugin) == (kind, "no", "sign", "mine")


def test_warnings_turned_into_errors_stop_the_loading_of_a_broken_plugin(install: Install) -> None:
    install("broken", "1 / 0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):  # every time, and not only the first
            with pytest.raises(UserWarning, match="'broken'"):
                plugins.hooks()
