"""``aigc-hooks demo``: one picture, both labels, three formats, read back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from aigc_hooks.cli import tables
from aigc_hooks.errors import ConfigError
from aigc_hooks.provider import Provider, resolve
from aigc_hooks.reading import read_label

_PRODUCER = "aigc-hooks-demo"
_PROMPT = "a cat"
_SUFFIXES = ("png", "jpg", "webp")


def run(out: Path, seed: int) -> int:
    """Runs the demonstration.

    Args:
        out: Folder for the pictures.
        seed: Seed of the random model.

    Returns:
        The exit code: 0 if every file holds the one label and shows it.

    Raises:
        AIGCHooksError: The frameworks are not installed.
        ConfigError: The configuration is wrong.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    screen = tables.console()
    arguments = own_arguments()
    call = f"pipe = aigc_hooks.wrap(pipe{shown(arguments)})"
    with waiting("importing diffusers and building a tiny pipeline 正在构建微型管线 …"):
        from aigc_hooks import wrap
        from aigc_hooks.cli.toy import toy_pipeline
        from aigc_hooks.wrapping import provider_of

        pipe = toy_pipeline(seed)
    step(screen, 1, "A tiny Stable Diffusion pipeline: random weights, no network", "构建微型管线：随机权重，无需联网")
    pipe = wrap(pipe, **arguments)
    provider = provider_of(pipe)
    assert provider is not None
    step(screen, 2, "One line, and every picture it makes is labelled:", "一行代码，即可为每张图片添加标识：", call)
    out.mkdir(parents=True, exist_ok=True)
    with waiting("generating 正在生成 …"):
        image = pipe(_PROMPT, num_inference_steps=4).images[0]
        paths = [out / f"aigc-demo.{suffix}" for suffix in _SUFFIXES]
        for path in paths:
            image.save(path)
    saving = f'image = pipe("{_PROMPT}").images[0]; image.save("aigc-demo.png")'
    step(screen, 3, "Generated and saved as ever:", "照常生成并保存：", saving)
    step(screen, 4, "Read back from the files:", "从文件中读回：")
    return _report(screen, paths, provider)


def _report(screen: Console, paths: list[Path], provider: Provider) -> int:
    readings = [read_label(path) for path in paths]
    seen = [_shows_label(path, provider) for path in paths]
    style = provider.image
    words = f"{style.wording or provider.wording}\n{style.position}"
    visible = [in_words(words, each) for each in seen]
    screen.print(tables.demo(list(zip(paths, readings, visible, strict=True))))
    for path in paths:
        screen.print(f"   {path}", soft_wrap=True)
    labels = {reading.label for reading in readings}
    if not (all(seen) and all(reading.conforms for reading in readings) and len(labels) == 1):
        return unverified()
    screen.print(f"\nLook at the picture, and at its label: aigc-hooks inspect {paths[0]}", soft_wrap=True)
    screen.print("请打开图片查看显式标识，并用上述命令查看隐式标识。")
    return 0


def in_words(words: str, seen: bool) -> Text:
    """A word on a visible label."""
    return Text(words, "bold green") if seen else Text("未见 not seen", "bold red")


def unverified() -> int:
    """Says that a label is not what it should be; returns the exit code."""
    message = "aigc-hooks: error: a label could not be verified 标识未通过核验"
    tables.console(stderr=True).print(message, soft_wrap=True)
    return 1


def own_arguments() -> dict[str, Any]:
    """Nothing where a producer is configured; else the demo's own."""
    try:
        resolve(None, {})
    except ConfigError as error:
        if str(error).startswith("no producer is set"):
            return {"producer": _PRODUCER}
        raise
    return {}


def _shows_label(path: Path, provider: Provider) -> bool:
    """Whether a file's pixels show the label."""
    from PIL import Image

    from aigc_hooks.explicit.picture import shows_label

    with Image.open(path) as image:
        return shows_label(image, provider)


def shown(arguments: dict[str, Any]) -> str:
    """Arguments as they follow another one in a call."""
    return "".join(f', {key}="{value}"' for key, value in arguments.items())


def waiting(message: str) -> Any:
    """A spinner, on a terminal only."""
    return tables.console(stderr=True).status(message)


def step(screen: Console, number: int, english: str, chinese: str, code: str = "") -> None:
    """Prints the heading of one step, and the code that does it."""
    screen.print(Text.assemble((f"{number}  ", "bold cyan"), (english, "bold")))
    screen.print(f"   {chinese}")
    if code:
        screen.print(Text(f"   >>> {code}", "green"), soft_wrap=True)
