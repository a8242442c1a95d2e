"""What the demonstrations share: the steps on the screen, and the report on the files that were made."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from aigc_hooks.cli import tables
from aigc_hooks.errors import ConfigError
from aigc_hooks.provider import Provider, resolve
from aigc_hooks.reading import read_label

_PRODUCER = "aigc-hooks-demo"


class Demo:
    """One run of a demonstration.

    Attributes:
        screen: Where it is shown.
        arguments: What ``wrap`` is given beside the model: nothing where a producer is configured, else the
            demonstration's own.

    Raises:
        ConfigError: The configuration is wrong.
    """

    def __init__(self) -> None:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        self.screen = tables.console()
        self.arguments = _own_arguments()
        self._steps = 0

    def wrapped(self, name: str, model: Any, english: str, chinese: str) -> tuple[Any, Provider]:
        """Wraps a model, and shows the line that does it.

        Args:
            name: What the model is called in that line.
            model: The model.
            english: What is labelled from then on, in English, such as ``"every sound it makes"``.
            chinese: The same in Chinese.

        Returns:
            The model, and the settings by which it labels.
        """
        from aigc_hooks.wrapping import provider_of, wrap

        model = wrap(model, **self.arguments)
        provider = provider_of(model)
        assert provider is not None
        call = f"{name} = aigc_hooks.wrap({name}{self.shown_arguments})"
        self.step(f"One line, and {english} is labelled:", f"一行代码，即可为{chinese}添加标识：", call)
        return model, provider

    @property
    def shown_arguments(self) -> str:
        """The arguments as they follow another one in a call."""
        return "".join(f', {key}="{value}"' for key, value in self.arguments.items())

    def step(self, english: str, chinese: str, code: str = "") -> None:
        """Prints the heading of the next step, and the code that does it."""
        self._steps += 1
        self.screen.print(Text.assemble((f"{self._steps}  ", "bold cyan"), (english, "bold")))
        self.screen.print(f"   {chinese}")
        if code:
            self.screen.print(Text(f"   >>> {code}", "green"), soft_wrap=True)

    def report(self, paths: Sequence[Path], seen: Sequence[bool], words: str, advice: tuple[str, str]) -> int:
        """Reads the labels back and shows what the files carry.

        Args:
            paths: The files.
            seen: For each whether its explicit label is there.
            words: The explicit label in words.
            advice: What to do with the files, in English and in Chinese.

        Returns:
            The exit code: 0 if every file shows its label and holds it.
        """
        readings = [read_label(path) for path in paths]
        visible = [Text(words, "bold green") if each else Text("未见 not seen", "bold red") for each in seen]
        self.screen.print(tables.demo(list(zip(paths, readings, visible, strict=True))))
        for path in paths:
            self.screen.print(f"   {path}", soft_wrap=True)
        if not (all(seen) and all(reading.conforms for reading in readings)):
            message = "aigc-hooks: error: a label could not be verified 标识未通过核验"
            tables.console(stderr=True).print(message, soft_wrap=True)
            return 1
        english, chinese = advice
        self.screen.print(f"\n{english}, and look at its label: aigc-hooks inspect {paths[0]}", soft_wrap=True)
        self.screen.print(f"{chinese}，并用上述命令查看隐式标识。")
        return 0


def waiting(message: str) -> Any:
    """A spinner, on a terminal only."""
    return tables.console(stderr=True).status(message)


def _own_arguments() -> dict[str, Any]:
    try:
        resolve(None, {})
    except ConfigError as error:
        if str(error).startswith("no producer is set"):
            return {"producer": _PRODUCER}
        raise
    return {}
