"""``aigc-hooks demo``: one picture, both labels, three formats, read back."""

from __future__ import annotations

from pathlib import Path

from aigc_hooks.cli.demos.frame import Demo, waiting
from aigc_hooks.provider import Provider

_PROMPT = "a cat"
_SUFFIXES = ("png", "jpg", "webp")


def run(out: Path, seed: int) -> int:
    """Runs the demonstration.

    Args:
        out: Folder for the pictures.
        seed: Seed of the random model.

    Returns:
        The exit code: 0 if every file holds its label and shows it.

    Raises:
        AIGCHooksError: The frameworks are not installed.
        ConfigError: The configuration is wrong.
    """
    demo = Demo()
    with waiting("importing diffusers and building a tiny pipeline 正在构建微型管线 …"):
        from aigc_hooks.cli.demos.toy_image import toy_pipeline

        pipe = toy_pipeline(seed)
    demo.step("A tiny Stable Diffusion pipeline: random weights, no network", "构建微型管线：随机权重，无需联网")
    pipe, provider = demo.wrapped("pipe", pipe, "every picture it makes", "每张图片")
    out.mkdir(parents=True, exist_ok=True)
    with waiting("generating 正在生成 …"):
        image = pipe(_PROMPT, num_inference_steps=4).images[0]
        paths = [out / f"aigc-demo.{suffix}" for suffix in _SUFFIXES]
        for path in paths:
            image.save(path)
    saving = f'image = pipe("{_PROMPT}").images[0]; image.save("aigc-demo.png")'
    demo.step("Generated and saved as ever:", "照常生成并保存：", saving)
    demo.step("Read back from the files:", "从文件中读回：")
    words = f"{provider.image.wording or provider.wording}\n{provider.image.position}"
    seen = [_shows_label(path, provider) for path in paths]
    return demo.report(paths, seen, words, ("Look at the picture", "请打开图片查看显式标识"))


def _shows_label(path: Path, provider: Provider) -> bool:
    """Whether a file's pixels show the label."""
    from PIL import Image

    from aigc_hooks.explicit.picture import shows_label

    with Image.open(path) as image:
        return shows_label(image, provider)
