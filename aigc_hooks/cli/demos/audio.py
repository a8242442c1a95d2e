"""``aigc-hooks demo audio``: a sound, both labels, three formats, heard and read back."""

from __future__ import annotations

from pathlib import Path

from aigc_hooks.cli.demos.frame import Demo, waiting
from aigc_hooks.errors import AIGCHooksError
from aigc_hooks.explicit.sound import missing
from aigc_hooks.explicit.voice import WORDING
from aigc_hooks.provider import Provider

_PROMPT = "the moon is in the river"
_SUFFIXES = ("wav", "flac", "mp3")


def run(out: Path, seed: int) -> int:
    """Runs the demonstration.

    Args:
        out: Folder for the sounds.
        seed: Seed of the random model.

    Returns:
        The exit code: 0 if every file holds its label and sounds it.

    Raises:
        AIGCHooksError: The frameworks are not installed.
        ConfigError: The configuration is wrong.
    """
    demo = Demo()
    try:
        import soundfile
    except ImportError as error:
        raise AIGCHooksError(f"sound is written with soundfile ({error}): pip install 'aigc-hooks[demo]'") from error
    with waiting("importing transformers and building a tiny voice 正在构建微型语音模型 …"):
        from aigc_hooks.cli.demos.toy_audio import toy_pipeline

        tts = toy_pipeline(seed)
    demo.step("A tiny VITS voice: random weights, no network", "构建微型语音模型：随机权重，无需联网")
    tts, provider = demo.wrapped("tts", tts, "every sound it makes", "每段音频")
    out.mkdir(parents=True, exist_ok=True)
    sound = tts(_PROMPT)
    paths = [out / f"aigc-demo.{suffix}" for suffix in _SUFFIXES]
    for path in paths:
        soundfile.write(path, sound["audio"], sound["sampling_rate"])
    saving = f'sound = tts("{_PROMPT}"); soundfile.write("aigc-demo.wav", sound["audio"], sound["sampling_rate"])'
    demo.step("Generated and saved as ever:", "照常生成并保存：", saving)
    demo.step("Heard and read back from the files:", "从文件中听取并读回：")
    style = provider.audio
    words = f"{style.wording or WORDING if style.kind == 'voice' else '· −   · ·'}\n{style.position}"
    heard = [_sounds_label(path, provider) for path in paths]
    return demo.report(paths, heard, words, ("Listen to the sound", "请播放音频收听显式标识"))


def _sounds_label(path: Path, provider: Provider) -> bool:
    """Whether the label can be heard in a file."""
    import soundfile

    samples, rate = soundfile.read(path)
    return not missing(samples, rate, provider)
