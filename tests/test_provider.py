"""The settings of a service: their layers, their files, and what is said of a wrong one."""

from __future__ import annotations

import asyncio
import copy
import itertools
import os
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import aigc_hooks
from aigc_hooks import ConfigError, ImageStyle, Provider, override
from aigc_hooks.layers import ENV_PREFIX, config_file
from aigc_hooks.provider import active, resolve


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder, and an environment without settings."""
    for variable in os.environ:
        if variable.startswith(ENV_PREFIX):
            monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def message(call: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        call()
    return str(caught.value)


# --- layers ----------------------------------------------------------------------------------------------------------

# Strongest first. Each sets two settings to its own name: one at the top, one in a style.
LAYERS = ["override", "argument", "environment", "provider table", "base table", "default"]


def settings_of(layers: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """The settings in force when these layers, and no other, say what the wording is."""
    texts = {layer: (f"AI生成 {layer}", f"{layer} 由AI生成") for layer in layers if layer != "default"}
    toml = 'producer = "acme"\n'
    for layer, head in (("base table", ""), ("provider table", "providers.acme")):
        toml += f"[{head}]\n" if head else ""
        if layer in texts:
            toml += f'wording = "{texts[layer][0]}"\n'
            toml += f'[{head + "." if head else ""}image]\nwording = "{texts[layer][1]}"\n'
    write(folder / "aigc.toml", toml)
    if "environment" in texts:
        monkeypatch.setenv("AIGC_HOOKS_WORDING", texts["environment"][0])
        monkeypatch.setenv("AIGC_HOOKS_IMAGE__WORDING", texts["environment"][1])

    def values(layer: str) -> dict[str, Any]:
        return {"wording": texts[layer][0], "image": {"wording": texts[layer][1]}} if layer in texts else {}

    with override(**values("override")):
        return resolve("acme", values("argument"))


@pytest.mark.parametrize(("stronger", "weaker"), list(itertools.combinations(LAYERS, 2)))
def test_of_two_layers_the_stronger_one_counts(
    stronger: str, weaker: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = settings_of([stronger, weaker], folder, monkeypatch)
    assert found.wording == f"AI生成 {stronger}"
    assert found.image.wording == f"{stronger} 由AI生成"


def test_all_layers_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for strongest in range(len(LAYERS) - 1):
        found = settings_of(LAYERS[strongest:-1], folder, monkeypatch)
        assert found.wording == f"AI生成 {LAYERS[strongest]}"
        monkeypatch.undo()
        monkeypatch.chdir(folder)


def test_styles_merge_key_by_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        folder / "aigc.toml",
        'producer = "acme"\n[image]\nposition = "top"\nheight = 0.06\nopacity = 0.7\n'
        '[providers.acme.image]\nposition = "left"\nopacity = 0.8\n',
    )
    monkeypatch.setenv("AIGC_HOOKS_IMAGE__OPACITY", "0.9")
    assert resolve("acme", {}).image == ImageStyle(position="left", height=0.06, opacity=0.9)
    assert resolve("acme", {"image": {"height": 0.1}}).image == ImageStyle(position="left", height=0.1, opacity=0.9)
    # Of a style object only what it was given counts, not its defaults.
    assert resolve("acme", {"image": ImageStyle(height=0.1)}).image.position == "left"
    with override(image={"position": "right"}):
        assert resolve("acme", {}).image == ImageStyle(position="right", height=0.06, opacity=0.9)


def test_a_provider_object_is_an_argument_that_more_arguments_change(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "aigc.toml", 'producer = "other"\nwording = "AI合成"\n')
    monkeypatch.setenv("AIGC_HOOKS_WORDING", "由AI合成")
    acme = Provider(producer="acme", image=ImageStyle(position="top", opacity=0.9))
    assert resolve(acme, {}) is acme
    assert resolve(acme, {"image": {"position": "left"}}) == Provider(
        producer="acme", image=ImageStyle(position="left", opacity=0.9)
    )
    with override(wording="AI合成"):
        assert resolve(acme, {}).wording == "AI合成"


def test_the_environment_names_settings_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_HOOKS_PRODUCER", "acme")
    monkeypatch.setenv("AIGC_HOOKS_IMAGE__POSITION", "top-left")
    monkeypatch.setenv("AIGC_HOOKS_REQUIRED_PLUGINS", "one, two ,")
    monkeypatch.setenv("AIGC_HOOKS_WORDING", "")  # as good as not set
    assert resolve(None, {}) == Provider(
        producer="acme", image=ImageStyle(position="top-left"), required_plugins=("one", "two")
    )


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("aigc.toml", 'producer = "base"\n[providers.acme]\nproducer = "acme"\n'),
        (
            "pyproject.toml",
            '[tool.aigc_hooks]\nproducer = "base"\n[tool.aigc_hooks.providers.acme]\nproducer = "acme"\n',
        ),
    ],
)
def test_both_files_hold_a_base_table_and_providers(name: str, text: str, folder: Path) -> None:
    write(folder / name, text)
    assert (resolve(None, {}).producer, resolve(None, {}).name) == ("base", "")
    assert (resolve("acme", {}).producer, resolve("acme", {}).name) == ("acme", "acme")


def test_the_nearest_file_counts_and_aigc_toml_before_pyproject(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = folder / "a" / "b"
    far = write(folder / "aigc.toml", 'producer = "far"\n')
    write(deep / "pyproject.toml", "[project]\nname = 'theirs'\n")  # without a table of ours
    monkeypatch.chdir(deep)
    assert config_file() == far
    near = write(folder / "a" / "pyproject.toml", '[tool.aigc_hooks]\nproducer = "near"\n')
    assert config_file() == near
    assert resolve(None, {}).producer == "near"
    assert config_file() != write(folder / "a" / "aigc.toml", 'producer = "nearest"\n').parent
    assert resolve(None, {}).producer == "nearest"


def test_a_variable_names_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "aigc.toml", 'producer = "here"\n')
    monkeypatch.setenv("AIGC_HOOKS_CONFIG", str(write(folder / "etc" / "labels.toml", 'producer = "there"\n')))
    assert resolve(None, {}).producer == "there"


def test_a_variable_names_the_provider(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "aigc.toml", '[providers.acme]\nproducer = "one"\n[providers.other]\nproducer = "two"\n')
    monkeypatch.setenv("AIGC_HOOKS_PROVIDER", "other")
    assert resolve(None, {}).producer == "two"
    assert resolve("acme", {}).producer == "one"
    monkeypatch.setenv("AIGC_HOOKS_PROVIDER", "othr")
    assert "unknown provider 'othr' (from AIGC_HOOKS_PROVIDER)" in message(lambda: resolve(None, {}))


def test_a_changed_file_is_read_again_however_quickly_it_changed(folder: Path) -> None:
    stamps = []
    for text in ("AI生成", "AI合成", "AI生成"):
        path = write(folder / "aigc.toml", f'producer = "acme"\nwording = "{text}"\n')
        os.utime(path, ns=(0, 0))  # file systems stamp coarsely: time and size may stay the same
        stamps.append((path.stat().st_mtime_ns, path.stat().st_size))
        assert resolve(None, {}).wording == text
    assert len(set(stamps)) == 1


def test_a_byte_order_mark_is_no_fault(folder: Path) -> None:
    (folder / "aigc.toml").write_bytes(b"\xef\xbb\xbf" + b'producer = "acme"\n')
    assert resolve(None, {}).producer == "acme"


# --- what is said of a wrong setting ---------------------------------------------------------------------------------


def test_no_producer_is_invented_and_two_lines_set_it(folder: Path) -> None:
    text = message(lambda: resolve(None, {}))
    assert "no producer is set, and none is invented" in text
    lines = text.split("\n\n")[1]
    assert len(lines.splitlines()) == 2
    write(folder / "aigc.toml", "\n".join(line.strip() for line in lines.splitlines()))
    assert resolve(None, {}).producer == "your-service-or-27-character-code"


@pytest.mark.parametrize("name", ["acme", "my service", "某科技"])
@pytest.mark.parametrize("file", ["aigc.toml", "pyproject.toml"])
def test_the_two_lines_for_a_provider_can_be_pasted(name: str, file: str, folder: Path) -> None:
    path = write(folder / file, "[tool.aigc_hooks.providers.x]\n" if file == "pyproject.toml" else "[providers.x]\n")
    text = message(lambda: resolve(name, {}))
    assert f"unknown provider {name!r} in {path}; known: x." in text
    with path.open("a", encoding="utf-8") as stream:
        stream.write(text.split("\n\n")[1])
    assert resolve(name, {}).name == name


def test_a_table_without_producer_is_named() -> None:
    write(Path("aigc.toml"), "[providers.acme]\n")
    assert "[providers.acme]\n    producer =" in message(lambda: resolve("acme", {}))
    assert "no producer is set" in message(Provider)


def test_wrapping_and_labelling_ask_for_a_producer() -> None:
    from PIL import Image

    for call in (lambda: aigc_hooks.wrap(object()), lambda: aigc_hooks.label(Image.new("RGB", (64, 64)))):
        assert "producer =" in message(call)


def test_an_unknown_provider_is_named_with_the_likely_one(folder: Path) -> None:
    assert f"neither aigc.toml nor [tool.aigc_hooks] in pyproject.toml was found in {folder}" in message(
        lambda: resolve("acme", {})
    )
    path = write(folder / "aigc.toml", '[providers.acme]\nproducer = "acme"\n')
    assert f"unknown provider 'acmee' in {path}; did you mean 'acme'?" in message(lambda: resolve("acmee", {}))


@pytest.mark.parametrize("value", [1, b"acme", ["acme"], Path("acme"), ImageStyle()])
def test_a_provider_is_a_name_or_a_provider(value: Any) -> None:
    assert f"takes a name or a Provider, found {type(value).__name__}" in message(lambda: resolve(value, {}))


# (line in the file, what the message says of it)
WRONG = [
    ("wordng = 'AI生成'", "unknown setting 'wordng'; did you mean 'wording'? (found 'AI生成')"),
    ("colour = 'red'", "unknown setting 'colour'; known: name, strict, producer"),
    ("wording = 'AI'", "wording = 'AI': label text 'AI' lacks the generation element"),
    ("wording = 5", "wording = 5: "),
    ("strict = 'perhaps'", "strict = 'perhaps': "),
    ("on_error = 'ignore'", "on_error = 'ignore': Input should be 'raise' or 'warn'"),
    ("audit = 'never'", "audit = 'never': Input should be 'required' or 'best-effort'"),
    ("propagator = 'x'", "propagator = 'x': Input should be 'producer' or 'empty'"),
    ("required_plugins = 'acme'", "required_plugins = 'acme': "),
    ("required_plugins = ['acme', 1]", "required_plugins.1 = 1: "),
    ("image = 'top'", "image = 'top': "),
    ("image.positon = 'top'", "unknown setting 'image.positon'; did you mean 'position'? (found 'top')"),
    ("image.position = 'centre'", "image.position = 'centre': Input should be 'top-left', 'top', "),
    ("image.opacity = 0.05", "image.opacity = 0.05: Input should be greater than or equal to 0.55"),
    ("image.height = 0.01", "image.height = 0.01: Input should be greater than or equal to 0.05"),
    ("image.height = 0.9", "image.height = 0.9: Input should be less than or equal to 0.5"),
    ("image.height = nan", "image.height = nan: Input should be a finite number"),
    ("image.opacity = inf", "image.opacity = inf: Input should be a finite number"),
    ("image.opacity = 'high'", "image.opacity = 'high': "),
    ("image.wording = '生成'", "image.wording = '生成': label text '生成' lacks the AI element"),
    ("image.font = 5", "image.font = 5: "),
]


@pytest.mark.parametrize(("line", "expected"), WRONG)
def test_a_wrong_setting_in_a_file_names_file_key_and_value(line: str, expected: str, folder: Path) -> None:
    path = write(folder / "aigc.toml", f'producer = "acme"\n{line}\n')
    assert f"{path}: {expected}" in message(lambda: resolve(None, {}))
    path = write(folder / "aigc.toml", f'producer = "acme"\n[providers.acme]\n{line}\n')
    # A stronger layer that says something else of the same table is not to blame.
    assert f"{path} [providers.acme]: {expected}" in message(lambda: resolve("acme", {"name": "x"}))


def test_the_layer_that_holds_the_value_is_blamed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(folder / "aigc.toml", 'producer = "acme"\n[image]\nposition = "centre"\n')
    with override(image={"opacity": 0.8}):
        text = message(lambda: resolve(None, {"image": ImageStyle(height=0.1)}))
    assert text.startswith(f"{path}: image.position = 'centre'")
    monkeypatch.setenv("AIGC_HOOKS_IMAGE__POSITION", "center")
    monkeypatch.setenv("AIGC_HOOKS_IMAGE__OPACITY", "0.1")
    text = message(lambda: resolve(None, {"wordng": "x"}))
    assert "environment variable AIGC_HOOKS_IMAGE__POSITION: image.position = 'center'" in text
    assert "environment variable AIGC_HOOKS_IMAGE__OPACITY: image.opacity = '0.1'" in text
    assert "the arguments of the call: unknown setting 'wordng'" in text
    assert len(text.splitlines()) == 3


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("AIGC_HOOKS_WORDNG", "no setting; did you mean 'AIGC_HOOKS_WORDING'?"),
        ("AIGC_HOOKS_PROVIDR", "no setting; did you mean 'AIGC_HOOKS_PROVIDER'?"),
        ("AIGC_HOOKS_XYZ", "no setting; known: AIGC_HOOKS_CONFIG, "),
    ],
)
def test_an_unknown_variable_is_named(variable: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "x")
    assert f"environment variable {variable}='x' is {expected}" in message(lambda: resolve(None, {"producer": "acme"}))


def test_a_style_given_as_a_word_and_by_its_keys_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_HOOKS_IMAGE", "top")
    assert "environment variable AIGC_HOOKS_IMAGE: image = 'top'" in message(lambda: resolve(None, {"producer": "x"}))
    monkeypatch.setenv("AIGC_HOOKS_IMAGE__POSITION", "left")
    monkeypatch.setenv("AIGC_HOOKS_WORDING__X", "AI生成")
    assert "AIGC_HOOKS_WORDING__X: wording = {'x': 'AI生成'}" in message(lambda: resolve(None, {"producer": "x"}))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("aigc.toml", b"producer = ", "Invalid value"),
        ("aigc.toml", b'producer = "\xff"', "can't decode byte 0xff"),
        ("aigc.toml", b"providers = 5", "providers must be a table, found 5"),
        ("aigc.toml", b"[providers]\nacme = 5", "providers.acme must be a table, found 5"),
        ("pyproject.toml", b"[tool", "cannot read the configuration"),
        ("pyproject.toml", b"tool = 5", "tool must be a table, found 5"),
        ("pyproject.toml", b"tool.aigc_hooks = 5", "tool.aigc_hooks must be a table, found 5"),
        ("pyproject.toml", b"tool.aigc_hooks.providers = 5", "tool.aigc_hooks.providers must be a table, found 5"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(name: str, content: bytes, expected: str, folder: Path) -> None:
    path = folder / name
    path.write_bytes(content)
    text = message(lambda: resolve("acme", {}))
    assert str(path) in text
    assert expected in text


def test_a_file_that_cannot_be_opened_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (folder / "missing.toml", folder):
        monkeypatch.setenv("AIGC_HOOKS_CONFIG", str(path))
        assert f"cannot read the configuration {path}: " in message(lambda: resolve(None, {}))


def test_a_working_folder_that_is_gone_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert "set AIGC_HOOKS_CONFIG" in message(lambda: resolve(None, {}))
    assert resolve(Provider(producer="acme"), {}).producer == "acme"


@pytest.mark.parametrize("producer", ["", "two words", "back\\slash", "某科技", "line\nbreak"])
def test_a_producer_that_no_label_may_name_is_refused(producer: str) -> None:
    text = message(lambda: Provider(producer=producer))
    assert text.startswith(
        f"Provider(…): producer = {producer!r}: not a label by GB 45438-2025, Annex E: ContentProducer"
    )
    assert ("strict = false" in text) == (not producer.isascii())


def test_a_name_in_another_script_needs_strict_off_and_warns() -> None:
    with pytest.warns(UserWarning, match="Annex E j"):
        assert Provider(producer="某科技", strict=False).producer == "某科技"
    for producer in ("某 科技", "某\\科技"):
        with pytest.raises(ConfigError, match="producer = "):
            Provider(producer=producer, strict=False)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: ImageStyle(position="centre"), "ImageStyle(…): position = 'centre'"),
        (lambda: ImageStyle(opacity=0.05), "ImageStyle(…): opacity = 0.05"),
        (lambda: ImageStyle(height=0.01), "ImageStyle(…): height = 0.01"),
        (lambda: ImageStyle(height=float("nan")), "ImageStyle(…): height = nan"),
        (lambda: ImageStyle(postion="top"), "unknown setting 'postion'; did you mean 'position'?"),
        (lambda: ImageStyle(wording="AIGC"), "ImageStyle(…): wording = 'AIGC'"),
        (lambda: Provider(producer="acme", image={"position": "centre"}), "Provider(…): image.position = 'centre'"),
        (lambda: Provider(producer="acme", image={"postion": "top"}), "unknown setting 'image.postion'; did you mean"),
        (lambda: Provider(producer="acme", image=5), "Provider(…): image = 5"),
        (lambda: Provider(producer=5), "Provider(…): producer = 5"),
        (lambda: Provider(producer="acme", on_error="ignore"), "Provider(…): on_error = 'ignore'"),
        (lambda: Provider(producer="acme", onerror="warn"), "unknown setting 'onerror'; did you mean 'on_error'?"),
    ],
)
def test_settings_built_in_code_speak_alike(build: Any, expected: str) -> None:
    text = message(build)
    assert expected in text
    assert len(text.splitlines()) == 1


def test_a_misspelt_producer_is_told_beside_the_missing_one() -> None:
    text = message(lambda: resolve(None, {"producr": "acme"}))
    assert "no producer is set" in text
    assert "the arguments of the call: unknown setting 'producr'; did you mean 'producer'? (found 'acme')" in text


def test_several_faults_are_told_at_once() -> None:
    text = message(lambda: Provider(producer="two words", wording="AI", image={"height": 9, "position": "x"}))
    assert [line.split(" = ")[0].removeprefix("Provider(…): ") for line in text.splitlines()] == [
        "producer",
        "wording",
        "image.position",
        "image.height",
    ]


# --- the value itself ------------------------------------------------------------------------------------------------


def test_settings_are_frozen_values() -> None:
    one = Provider(producer="acme", image={"font": "fonts/a.ttf", "position": "top"}, required_plugins=["a", "b"])
    assert one.image.font == Path("fonts/a.ttf")
    assert one.required_plugins == ("a", "b")
    for other in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one), copy.copy(one)):
        assert other == one
        assert hash(other) == hash(one)
    assert one != Provider(producer="acme")
    with pytest.raises(ValidationError, match="frozen"):
        one.producer = "other"  # type: ignore[misc]


# --- override() ------------------------------------------------------------------------------------------------------

ACME = Provider(producer="acme")


def test_override_nests_and_ends() -> None:
    assert active(ACME) is ACME
    with override(wording="AI合成", image={"position": "top"}):
        assert (active(ACME).wording, active(ACME).image.position) == ("AI合成", "top")
        with override(wording="由AI生成", image={"opacity": 0.9}):
            assert active(ACME) == Provider(
                producer="acme", wording="由AI生成", image=ImageStyle(position="top", opacity=0.9)
            )
        assert (active(ACME).wording, active(ACME).image.opacity) == ("AI合成", ImageStyle().opacity)
    assert active(ACME) is ACME


def test_override_ends_with_an_exception() -> None:
    with pytest.raises(ZeroDivisionError), override(wording="AI合成"):
        raise ZeroDivisionError
    assert active(ACME) is ACME


def test_override_decorates_too() -> None:
    @override(wording="AI合成")
    def wording() -> str:
        return active(ACME).wording

    assert (wording(), wording(), active(ACME).wording) == ("AI合成", "AI合成", "AI生成")


def test_override_belongs_to_one_thread() -> None:
    seen: list[str] = []
    with override(wording="AI合成"):
        thread = threading.Thread(target=lambda: seen.append(active(ACME).wording))
        thread.start()
        thread.join()
    assert seen == ["AI生成"]


def test_override_belongs_to_one_task() -> None:
    async def task(wording: str, mine: asyncio.Event, theirs: asyncio.Event) -> str:
        with override(wording=wording):
            mine.set()
            await theirs.wait()
            return active(ACME).wording

    async def both() -> list[str]:
        one, two = asyncio.Event(), asyncio.Event()
        return await asyncio.gather(task("AI合成", one, two), task("由AI合成", two, one))

    assert asyncio.run(both()) == ["AI合成", "由AI合成"]


def test_override_sets_the_producer_where_nothing_else_does() -> None:
    with override(producer="acme"):
        assert resolve(None, {}).producer == "acme"
        # What outlives the context must not be built on it.
        text = message(lambda: resolve(None, {}, in_context=False))
        assert "what override() sets lasts only as long as its context" in text


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"wordng": "AI生成"}, "override(…): unknown setting 'wordng'; did you mean 'wording'?"),
        ({"wording": "AI"}, "override(…): wording = 'AI'"),
        ({"image": {"position": "centre"}}, "override(…): image.position = 'centre'"),
        ({"producer": "two words"}, "override(…): producer = 'two words'"),
    ],
)
def test_override_refuses_a_wrong_setting_at_once(settings: dict[str, Any], expected: str) -> None:
    def enter() -> None:
        with override(**settings):
            raise AssertionError("it was let in")

    assert expected in message(enter)
    assert active(ACME) is ACME


def test_override_leaves_it_to_the_provider_whether_a_name_must_be_ascii() -> None:
    def both() -> tuple[str, str]:
        wide = Provider(producer="某科技", strict=False)
        with override(producer="另一科技"):
            return active(wide).producer, message(lambda: active(ACME))

    with pytest.warns(UserWarning, match="Annex E j"):
        allowed, refused = both()
    assert allowed == "另一科技"
    assert refused.startswith("override(…): producer = '另一科技': ")


# --- the class of the service (Deep Synthesis Provisions, article 17) -------------------------------------------------


@pytest.mark.parametrize("service_class", ["a", "b", "c", "d", "e"])
def test_a_service_that_must_show_the_label_lets_nothing_through(
    service_class: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Provider(producer="acme", service_class=service_class).on_error == "raise"
    told = message(lambda: Provider(producer="acme", service_class=service_class, on_error="warn"))
    assert "on_error = 'warn'" in told
    assert "Deep Synthesis Provisions, article 17" in told
    with override(on_error="warn"), pytest.raises(ConfigError, match="article 17"):
        aigc_hooks.label("hello", producer="acme", service_class=service_class)
    with override(service_class=service_class), pytest.raises(ConfigError, match="article 17"):
        aigc_hooks.label("hello", producer="acme", on_error="warn")
    monkeypatch.setenv("AIGC_HOOKS_SERVICE_CLASS", service_class)
    monkeypatch.setenv("AIGC_HOOKS_ON_ERROR", "warn")
    with pytest.raises(ConfigError, match="article 17"):
        aigc_hooks.label("hello", producer="acme")


def test_another_service_is_labelled_as_well() -> None:
    provider = Provider(producer="acme", service_class="other", on_error="warn")
    assert aigc_hooks.label("hello", provider=provider).endswith("（本内容由AI生成）")
    assert Provider(producer="acme").service_class is None
    assert "service_class" in message(lambda: Provider(producer="acme", service_class="f"))
