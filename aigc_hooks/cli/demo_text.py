"""``aigc-hooks demo text``: two models whose answers are labelled as they stream, saved, and read back."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.text import Text

from aigc_hooks.cli import tables
from aigc_hooks.cli.demo import in_words, own_arguments, shown, step, unverified, waiting
from aigc_hooks.explicit.text import shows_label, sign_of
from aigc_hooks.provider import Provider
from aigc_hooks.reading import read_label

_PROMPT = "春花"
_NAMES = ("aigc-demo.md", "aigc-chain.md")
_PAUSE = 0.05


def run(out: Path, seed: int) -> int:
    """Runs the demonstration.

    Args:
        out: Folder for the texts.
        seed: Seed of the random model.

    Returns:
        The exit code: 0 if both texts show their label, and each file holds it.

    Raises:
        AIGCHooksError: The frameworks are not installed.
        ConfigError: The configuration is wrong.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    screen = tables.console()
    arguments = own_arguments()
    with waiting("importing the frameworks and building tiny models 正在构建微型模型 …"):
        from aigc_hooks import save, wrap
        from aigc_hooks.cli.toy_text import streamer, toy_chain, toy_chat_model, toy_pipeline
        from aigc_hooks.wrapping import provider_of

        pipe, model = toy_pipeline(seed), toy_chat_model()
    step(screen, 1, "A tiny language model: random weights, no network", "构建微型语言模型：随机权重，无需联网")
    pipe = wrap(pipe, **arguments)
    provider = provider_of(pipe)
    assert provider is not None
    call = f"pipe = aigc_hooks.wrap(pipe{shown(arguments)})"
    step(screen, 2, "One line, and every text it writes is labelled:", "一行代码，即可为每段文本添加标识：", call)
    streaming = f'pipe("{_PROMPT}", streamer=TextStreamer(pipe.tokenizer))'
    step(screen, 3, "Streamed as ever; the label is a piece of its own:", "照常流式输出；标识自成一段：", streaming)
    written, show = _shown(screen, provider)
    pipe(_PROMPT, streamer=streamer(pipe, show))
    screen.print("\n")
    chaining = f"chain = prompt | aigc_hooks.wrap(model{shown(arguments)}) | StrOutputParser()"
    step(
        screen, 4, "LangChain: a chain around a wrapped model streams the same way:", "LangChain 链同样如此：", chaining
    )
    said, show = _shown(screen, provider)
    for piece in toy_chain(wrap(model, **arguments)).stream({"subject": "a cat"}):
        show(piece)
    screen.print("\n")
    out.mkdir(parents=True, exist_ok=True)
    texts = ["".join(written), "".join(said)]
    paths = [save(text, out / name, **arguments) for text, name in zip(texts, _NAMES, strict=True)]
    saving = f'aigc_hooks.save(answer, "{_NAMES[0]}"{shown(arguments)})'
    step(screen, 5, "Saved as Markdown with both labels, and read back:", "连同两种标识存为 Markdown 并读回：", saving)
    return _report(screen, texts, paths, provider)


def _shown(screen: Console, provider: Provider) -> tuple[list[str], Callable[[str], None]]:
    """A list of pieces, and what takes each piece and prints it, with a bar between it and the next."""
    pieces: list[str] = []
    words = sign_of(provider).text

    def show(piece: str) -> None:
        if not piece:
            return
        if not pieces or words in piece or words in pieces[-1]:  # on a line of its own: it is a piece of its own
            screen.print("\n   " if pieces else "   ", end="")
        pieces.append(piece)
        style = "bold green" if words in piece else ""
        screen.print(Text.assemble((piece.replace("\n", "⏎"), style), ("│", "dim")), end="", soft_wrap=True)
        if screen.is_terminal:
            time.sleep(_PAUSE)

    return pieces, show


def _report(screen: Console, texts: list[str], paths: list[Path], provider: Provider) -> int:
    readings = [read_label(path) for path in paths]
    seen = [shows_label(text, provider) for text in texts]
    words = f"{sign_of(provider).words}\n{provider.text.position}"
    columns = zip(paths, readings, [in_words(words, each) for each in seen], strict=True)
    screen.print(tables.demo(list(columns)))
    for path in paths:
        screen.print(f"   {path}", soft_wrap=True)
    if not (all(seen) and all(reading.conforms for reading in readings)):
        return unverified()
    screen.print(f"\nOpen a file, and look at its label: aigc-hooks inspect {paths[0]}", soft_wrap=True)
    screen.print("请打开文件查看显式标识，并用上述命令查看隐式标识。")
    return 0
