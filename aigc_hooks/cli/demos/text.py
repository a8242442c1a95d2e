"""``aigc-hooks demo text``: two models whose answers are labelled as they stream, saved, and read back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.text import Text

from aigc_hooks.cli.demos.frame import Demo, waiting
from aigc_hooks.explicit.text import shows_label, sign_of
from aigc_hooks.provider import Provider

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
    demo = Demo()
    with waiting("importing the frameworks and building tiny models 正在构建微型模型 …"):
        from aigc_hooks import save, wrap
        from aigc_hooks.cli.demos.toy_text import streamer, toy_chain, toy_chat_model, toy_pipeline

        pipe, model = toy_pipeline(seed), toy_chat_model()
    demo.step("A tiny language model: random weights, no network", "构建微型语言模型：随机权重，无需联网")
    pipe, provider = demo.wrapped("pipe", pipe, "every text it writes", "每段文本")
    streaming = f'pipe("{_PROMPT}", streamer=TextStreamer(pipe.tokenizer))'
    demo.step("Streamed as ever; the label is a piece of its own:", "照常流式输出；标识自成一段：", streaming)
    written, show = _shown(demo.screen, provider)
    pipe(_PROMPT, streamer=streamer(pipe, show))
    demo.screen.print("\n")
    chaining = f"chain = prompt | aigc_hooks.wrap(model{demo.shown_arguments}) | StrOutputParser()"
    demo.step("LangChain: a chain around a wrapped model streams the same way:", "LangChain 链同样如此：", chaining)
    said, show = _shown(demo.screen, provider)
    for piece in toy_chain(wrap(model, **demo.arguments)).stream({"subject": "a cat"}):
        show(piece)
    demo.screen.print("\n")
    out.mkdir(parents=True, exist_ok=True)
    texts = ["".join(written), "".join(said)]
    paths = [save(text, out / name, **demo.arguments) for text, name in zip(texts, _NAMES, strict=True)]
    saving = f'aigc_hooks.save(answer, "{_NAMES[0]}"{demo.shown_arguments})'
    demo.step("Saved as Markdown with both labels, and read back:", "连同两种标识存为 Markdown 并读回：", saving)
    words = f"{sign_of(provider).words}\n{provider.text.position}"
    seen = [shows_label(text, provider) for text in texts]
    return demo.report(paths, seen, words, ("Open a file", "请打开文件查看显式标识"))


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
