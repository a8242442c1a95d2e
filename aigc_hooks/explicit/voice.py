"""A spoken prompt before or after sound (GB 45438-2025, 5.3 b and e): a clip of somebody's, or spoken by espeak-ng."""

from __future__ import annotations

import functools
import io
import math
import shutil
import subprocess
import wave
from pathlib import Path
from typing import Any

from aigc_hooks.errors import ConfigError
from aigc_hooks.styles import AudioStyle

WORDING = "本音频由人工智能合成"
"""What the voice says where nothing else is configured."""

SLOWEST, FASTEST = 120, 160
"""Characters a minute (5.3 e, note 4: about)."""

TOLERANCE = 0.15
"""The note says "about": this much slower or faster is taken."""

_SPEED = 140
_TRIES = 4
_PATIENCE = 30
_SILENCE = 0.02


def prompt(rate: int, style: AudioStyle) -> Any:
    """The spoken prompt at a sampling rate.

    Returns:
        (N,) float32, read-only, as loud where it is not silent as a tone of amplitude 1; its peaks go beyond.

    Raises:
        ConfigError: The clip cannot be read, is spoken too fast or too slowly, or espeak-ng is missing.
    """
    if style.speaker == "model" and style.clip is None:
        raise ConfigError(
            "audio.speaker = 'model' is for a wrapped model or function that is given a text; here set audio.clip with "
            "audio.transcript, or audio.speaker = 'espeak'"
        )
    return _prompt(rate, style.clip, style.transcript or "", style.wording or WORDING)


@functools.lru_cache(maxsize=32)
def _prompt(rate: int, clip: Path | None, transcript: str, text: str) -> Any:
    if clip is None:
        return _fitted(*_spoken(text), rate)
    samples, clip_rate = _read(clip)
    check_pace(f"audio.clip = {str(clip)!r} is spoken", transcript, samples, clip_rate)
    return _fitted(samples, clip_rate, rate)


def _fitted(samples: Any, rate: int, wanted: int) -> Any:
    """A prompt at another rate, as loud as a tone of amplitude 1 where it is not silent."""
    import numpy

    made: Any = numpy.asarray(_resampled(samples, rate, wanted), numpy.float32)
    loud = made[numpy.abs(made) > _SILENCE * max(float(numpy.abs(made).max(initial=0.0)), 1e-9)]
    size = math.sqrt(2 * float(loud @ loud) / max(len(loud), 1))
    made = made / numpy.float32(max(size, 1e-9))
    made.flags.writeable = False
    return made


def check_pace(what: str, text: str, samples: Any, rate: int) -> None:
    """Checks the pace of what is said.

    Raises:
        ConfigError: It is too fast or too slow (5.3 e, note 4).
    """
    pace = _pace(text, samples, rate)
    if not _is_lawful(pace):
        raise ConfigError(
            f"{what} at {pace:.0f} characters a minute; GB 45438-2025, 5.3 e, asks for about {SLOWEST} to {FASTEST} "
            f"({TOLERANCE:.0%} more or less is taken): say it {'slower' if pace > FASTEST else 'faster'}"
        )


def _is_lawful(pace: float) -> bool:
    return SLOWEST * (1 - TOLERANCE) <= pace <= FASTEST * (1 + TOLERANCE)


def _pace(text: str, samples: Any, rate: int) -> float:
    """Characters a minute: ideographs, and words or abbreviations of other scripts, over the time they take."""
    import re

    import numpy

    loud = numpy.flatnonzero(numpy.abs(samples) > _SILENCE * max(float(numpy.abs(samples).max(initial=0.0)), 1e-9))
    seconds = (loud[-1] - loud[0] + 1) / rate if len(loud) else 0.0
    count = len(re.findall(r"[\u3400-\u9fff]|[A-Z]|[a-z]+|\d", text))
    return count * 60 / seconds if seconds else float("inf")


@functools.lru_cache(maxsize=8)
def _spoken(text: str) -> tuple[Any, int]:
    """A text as espeak-ng speaks it, at a lawful pace."""
    program = shutil.which("espeak-ng") or shutil.which("espeak")
    if program is None:
        raise ConfigError(
            "audio.kind = 'voice' without a clip is spoken by espeak-ng, which is not installed: apt-get install "
            "espeak-ng, or give audio.clip with audio.transcript"
        )
    speed = float(_SPEED)
    for _ in range(_TRIES):
        command = [program, "-v", "cmn", "-s", str(round(speed)), "--stdout", text]
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)
        if done.returncode or not done.stdout:
            raise ConfigError(f"espeak-ng cannot speak {text!r}: {done.stderr.decode(errors='replace').strip()[:200]}")
        samples, rate = _wave(io.BytesIO(done.stdout))
        pace = _pace(text, samples, rate)
        if _is_lawful(pace):
            return samples, rate
        speed = min(max(speed * (SLOWEST + FASTEST) / 2 / pace, 80), 450)
    raise ConfigError(
        f"espeak-ng speaks {text!r} at {pace:.0f} characters a minute, which is no lawful pace; give a clip"
    )


def _read(path: Path) -> tuple[Any, int]:
    try:
        with path.open("rb") as file:
            return _wave(file)
    except OSError as error:
        raise ConfigError(f"audio.clip = {str(path)!r} cannot be read: {error.strerror or error}") from error
    except (wave.Error, EOFError, ValueError):
        pass
    try:
        import soundfile
    except ImportError as error:
        raise ConfigError(
            f"audio.clip = {str(path)!r} is no PCM WAV; for other formats: pip install 'aigc-hooks[audio]'"
        ) from error
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except Exception as error:
        raise ConfigError(f"audio.clip = {str(path)!r} cannot be read as sound: {error}") from error
    return samples.mean(axis=1), int(rate)


def _wave(file: Any) -> tuple[Any, int]:
    """A PCM WAV as one channel of float32, and its rate."""
    import numpy

    with wave.open(file) as reader:
        width, channels, rate = reader.getsampwidth(), reader.getnchannels(), reader.getframerate()
        data = reader.readframes(1 << 30)
    if width == 3:
        wide: Any = numpy.zeros((len(data) // 3, 4), numpy.uint8)
        wide[:, 1:] = numpy.frombuffer(data[: len(data) // 3 * 3], numpy.uint8).reshape(-1, 3)
        samples = wide.view("<i4")[:, 0] / 2.0**31
    elif width == 1:
        samples = (numpy.frombuffer(data, numpy.uint8) - 128.0) / 128
    else:
        samples = numpy.frombuffer(data[: len(data) // width * width], f"<i{width}") / 2.0 ** (8 * width - 1)
    whole = samples[: len(samples) // channels * channels].reshape(-1, channels)
    return whole.mean(axis=1).astype(numpy.float32), rate


def _resampled(samples: Any, rate: int, wanted: int) -> Any:
    """At another rate, exactly band-limited, by its spectrum: a prompt is short."""
    import numpy

    if rate == wanted:
        return samples
    count = round(len(samples) * wanted / rate)
    spectrum = numpy.fft.rfft(samples)
    size = count // 2 + 1
    fitted = spectrum[:size] if size <= len(spectrum) else numpy.pad(spectrum, (0, size - len(spectrum)))
    return numpy.fft.irfft(fitted, count) * (count / len(samples))
