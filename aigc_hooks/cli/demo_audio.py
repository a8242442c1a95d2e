"""``aigc-hooks demo audio``: a sound, both labels, three formats, heard and read back."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console

from aigc_hooks.cli import tables
from aigc_hooks.cli.demo import in_words, own_arguments, shown, step, unverified, waiting
from aigc_hooks.errors import AIGCHooksError
from aigc_hooks.explicit.sound import missing
from aigc_hooks.explicit.voice import WORDING
from aigc_hooks.provider import Provider
from aigc_hooks.reading import read_label

_PROMPT = "the moon is in the river"
_SUFFIXES = ("wav", "flac", "mp3")


def run(out: Path, seed: int) -> int:
    """Runs the demonstration.

    Args:
        out: Folder for the sounds.
        seed: Seed of the random model.

    Returns:
        The exit code: 0 if every file holds the one label and sounds it.

    Raises:
        AIGCHooksError: The frameworks are not installed.
        ConfigError: The configuration is wrong.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    screen = tables.console()
    arguments = own_arguments()
    try:
        import soundfile
    except ImportError as error:
        raise AIGCHooksError(f"sound is written with soundfile ({error}): pip install 'aigc-hooks[demo]'") from error
    with waiting("importing transformers and building a tiny voice 正在构建微型语音模型 …"):
        from aigc_hooks import wrap
        from aigc_hooks.cli.toy_audio import toy_pipeline
        from aigc_hooks.wrapping import provider_of

        tts = toy_pipeline(seed)
    step(screen, 1, "A tiny VITS voice: random weights, no network", "构建微型语音模型：随机权重，无需联网")
    tts = wrap(tts, **arguments)
    provider = provider_of(tts)
    assert provider is not None
    call = f"tts = aigc_hooks.wrap(tts{shown(arguments)})"
    step(screen, 2, "One line, and every sound it makes is labelled:", "一行代码，即可为每段音频添加标识：", call)
    out.mkdir(parents=True, exist_ok=True)
    sound = tts(_PROMPT)
    paths = [out / f"aigc-demo.{suffix}" for suffix in _SUFFIXES]
    for path in paths:
        soundfile.write(path, sound["audio"], sound["sampling_rate"])
    saving = f'sound = tts("{_PROMPT}"); soundfile.write("aigc-demo.wav", sound["audio"], sound["sampling_rate"])'
    step(screen, 3, "Generated and saved as ever:", "照常生成并保存：", saving)
    step(screen, 4, "Heard and read back from the files:", "从文件中听取并读回：")
    return _report(screen, paths, provider)


def _report(screen: Console, paths: list[Path], provider: Provider) -> int:
    readings = [read_label(path) for path in paths]
    style = provider.audio
    heard = [_sounds_label(path, provider) for path in paths]
    words = f"{style.wording or WORDING if style.kind == 'voice' else '· −   · ·'}\n{style.position}"
    columns = zip(paths, readings, [in_words(words, each) for each in heard], strict=True)
    screen.print(tables.demo(list(columns)))
    for path in paths:
        screen.print(f"   {path}", soft_wrap=True)
    labels = {reading.label for reading in readings}
    if not (all(heard) and all(reading.conforms for reading in readings) and len(labels) == 1):
        return unverified()
    screen.print(f"\nListen to the sound, and look at its label: aigc-hooks inspect {paths[0]}", soft_wrap=True)
    screen.print("请播放音频收听显式标识，并用上述命令查看隐式标识。")
    return 0


def _sounds_label(path: Path, provider: Provider) -> bool:
    """Whether the label can be heard in a file."""
    import soundfile

    samples, rate = soundfile.read(path)
    return not missing(samples, rate, provider)
