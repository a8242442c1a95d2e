"""pyttsx3, which speaks through the system: what it says begins with the prompt, what it saves is labelled then."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aigc_hooks.artifact import Adapter, Artifact, AuditRecord, Call
from aigc_hooks.contents import labelled
from aigc_hooks.errors import LabelError, UnsupportedCarrierError
from aigc_hooks.explicit.voice import WORDING
from aigc_hooks.labelling import save
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import Provider, active
from aigc_hooks.stages import commit, review

_PATIENCE = 600.0
"""How long a driver may write after its run, in seconds."""

_FILES, _PROMPTED = "_aigc_hooks_files", "_aigc_hooks_prompted"


def _labelled_say(say: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``say``: there are no samples to label, and so the voice says the prompt, before the first words of a run."""

    @functools.wraps(say)
    def replacement(self: Any, text: Any, *args: Any, **kwargs: Any) -> Any:
        if text and text.strip() and not vars(self).get(_PROMPTED):
            settings, source = active(provider), type(self).__name__
            review(Call(source, [text, *args], kwargs, "pyttsx3"), settings)
            spoken = Artifact(None, "audio", source)
            if spoken.exemption is not None:
                commit(spoken.exemption, spoken, settings)
                return say(self, text, *args, **kwargs)
            text = f"{settings.audio.wording or WORDING}。{text}"
            vars(self)[_PROMPTED] = True
            place = ("prompt in the text that is spoken",)
            hooks(settings).audit(AuditRecord.now("labelled", "audio", source=source, places=place), settings)
        return say(self, text, *args, **kwargs)

    return replacement


def _labelled_save(save_to_file: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``save_to_file``: the file is there when the queue has been worked off, and is remembered until then."""

    @functools.wraps(save_to_file)
    def replacement(self: Any, text: str, filename: str, *args: Any, **kwargs: Any) -> Any:
        review(Call(type(self).__name__, [text, filename, *args], kwargs, "pyttsx3"), active(provider))
        vars(self).setdefault(_FILES, []).append(Path(filename).absolute())
        return save_to_file(self, text, filename, *args, **kwargs)

    return replacement


def _labelled_run(run: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``runAndWait``, and what else ends a run: the files that it has written get both labels.

    A loop of the driver's own calls ``endLoop`` before it writes; one of the user's ends with it.
    """
    ends = run.__name__ == "endLoop"

    @functools.wraps(run)
    def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        output = run(self, *args, **kwargs)
        if self._driverLoop if ends else self._inLoop:
            return output
        vars(self)[_PROMPTED] = False
        _wait(self)
        files = vars(self).pop(_FILES, [])
        waiting = [file for file in files if file.exists()]
        settings, source = active(provider), type(self).__name__
        try:
            while waiting:
                _label_file(waiting[0], settings, source)
                waiting.pop(0)
        finally:
            for file in waiting:  # it could not be labelled, and so it does not stay
                file.unlink()
        return output

    return replacement


def _wait(engine: Any) -> None:
    """Waits for a driver that still writes: that of espeak does so in a thread, and its run may end before.

    Raises:
        LabelError: It does not end.
    """
    driver, until = getattr(engine.proxy, "_driver", None), time.monotonic() + _PATIENCE
    while getattr(driver, "_speaking", False):
        if time.monotonic() > until:
            raise LabelError(f"{type(engine).__name__} still speaks {_PATIENCE:.0f} s after its run", stage="detect")
        time.sleep(0.005)


def _label_file(path: Path, provider: Provider, source: str) -> None:
    try:
        import soundfile
    except ImportError as error:
        raise UnsupportedCarrierError(
            f"{path}: to label it, it is read with soundfile: pip install 'aigc-hooks[audio]'"
        ) from error
    samples, rate = soundfile.read(path, dtype="int16")
    save(labelled(samples, provider, source, rate), path, rate=rate, provider=provider)


ENGINE = Adapter(
    "pyttsx3",
    {
        "say": _labelled_say,
        "save_to_file": _labelled_save,
        "runAndWait": _labelled_run,
        "startLoop": _labelled_run,
        "endLoop": _labelled_run,
    },
)
