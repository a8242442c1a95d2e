"""``aigc-hooks demo video``: a film, both labels, three formats, looked at and read back."""

from __future__ import annotations

from pathlib import Path

from aigc_hooks.cli.demos.frame import Demo, waiting
from aigc_hooks.errors import AIGCHooksError
from aigc_hooks.explicit.video import as_picture
from aigc_hooks.provider import Provider

_SUFFIXES = ("mp4", "webm", "gif")
_FRAMES, _FPS, _SIDE = 24, 12, 256
_CONTRAST = 90
"""Of 255: how much brighter than its plate the text of a GIF is at least."""


def run(out: Path, seed: int) -> int:
    """Runs the demonstration.

    Args:
        out: Folder for the films.
        seed: Seed of the random model.

    Returns:
        The exit code: 0 if every file holds its label and shows it.

    Raises:
        AIGCHooksError: The frameworks are not installed.
        ConfigError: The configuration is wrong.
    """
    demo = Demo()
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise AIGCHooksError(f"films are written with PyAV ({error}): pip install 'aigc-hooks[demo]'") from error
    with waiting("importing diffusers and building a tiny model 正在构建微型视频模型 …"):
        from aigc_hooks import save
        from aigc_hooks.cli.demos.toy_video import toy_pipeline

        pipe = toy_pipeline(seed)
    demo.step("A tiny film pipeline: random weights, no network", "构建微型视频模型：随机权重，无需联网")
    pipe, provider = demo.wrapped("pipe", pipe, "every film it makes", "每段视频")
    out.mkdir(parents=True, exist_ok=True)
    with waiting("making a film 正在生成视频 …"):
        size = {"height": _SIDE, "width": _SIDE}
        frames = pipe("a river", num_frames=_FRAMES, num_inference_steps=3, **size).frames[0]
        paths = [save(frames, out / f"aigc-demo.{suffix}", fps=_FPS) for suffix in _SUFFIXES]
    saving = f'frames = pipe(…).frames[0]; aigc_hooks.save(frames, "aigc-demo.mp4", fps={_FPS})'
    demo.step("Generated and saved as ever:", "照常生成并保存：", saving)
    demo.step("Looked at and read back from the files:", "从文件中查看并读回：")
    words = f"{provider.video.wording or provider.wording}\n{provider.video.position}"
    seen = [_shows(path, provider) for path in paths]
    return demo.report(paths, seen, words, ("Watch the film", "请播放视频查看显式标识"))


def _shows(path: Path, provider: Provider) -> bool:
    """Whether the first picture of a file shows the label."""
    if path.suffix == ".gif":
        from PIL import Image, ImageStat

        from aigc_hooks.explicit.stencil import stencil

        with Image.open(path) as image:
            mark = stencil(image.width, image.height, as_picture(provider))
            part = image.convert("L").crop(mark.box)
        # A palette of 256 colours leaves neither pure white nor an even plate.
        text, plate = (ImageStat.Stat(part, mask).mean[0] for mask in (mark.text_mask, mark.plate_mask))
        return text - plate > _CONTRAST
    from aigc_hooks.saving.film import Film

    return Film.open(path, path).shows(provider)
