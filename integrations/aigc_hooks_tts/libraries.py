"""The libraries: for each class, the methods that speak, and the form and rate of what they return."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from aigc_hooks.artifact import Seam
from aigc_hooks_tts.seams import attribute, fixed, returned, streamed, written, yielded


def _piper_samples(chunk: Any) -> Any:
    return chunk.audio_float_array


def _piper_chunk(chunk: Any, samples: Any) -> Any:
    # Its integers are kept beside its floats from the first time that they are asked for.
    kept = {field.name: None for field in dataclasses.fields(chunk) if field.name.startswith("_audio_int16")}
    return dataclasses.replace(chunk, audio_float_array=samples, **kept)


def _kokoro_samples(result: Any) -> Any:
    return result.audio


def _kokoro_result(result: Any, samples: Any) -> Any:
    return dataclasses.replace(result, output=dataclasses.replace(result.output, audio=samples))


_COSYVOICE: dict[str, Seam] = dict.fromkeys(
    (
        "inference_sft",
        "inference_zero_shot",
        "inference_cross_lingual",
        "inference_instruct",
        "inference_instruct2",
        "inference_vc",
    ),
    returned(attribute("sample_rate", otherwise=22_050)),
)

LIBRARIES: Mapping[tuple[str, str], Mapping[str, Seam]] = {
    # coqui-tts: what writes files asks these for the sound, and writes it with what has been taught to write labels.
    ("TTS", "TTS"): {
        "tts": returned(attribute("synthesizer.output_sample_rate")),
        "tts_with_vc": returned(attribute("voice_converter.vc_config.audio.output_sample_rate")),
        "voice_conversion": returned(attribute("voice_converter.vc_config.audio.output_sample_rate")),
    },
    ("kokoro", "KPipeline"): {"__call__": yielded(fixed(24_000), _kokoro_samples, _kokoro_result)},
    # synthesize_wav() goes through it.
    ("piper", "PiperVoice"): {"synthesize": yielded(attribute("sample_rate"), _piper_samples, _piper_chunk)},
    ("ChatTTS", "Chat"): {"infer": returned(fixed(24_000))},
    # It removes silence in the file alone.
    ("f5_tts", "F5TTS"): {
        "infer": written(
            attribute("target_sample_rate"),
            "file_wave",
            lambda path, made: made,
            text="gen_text",
            rewritten="remove_silence",
        )
    },
    ("melo", "TTS"): {
        "tts_to_file": written(attribute("hps.data.sampling_rate"), "output_path", lambda path, made: None, text="text")
    },
    ("cosyvoice", "CosyVoice"): _COSYVOICE,
    ("cosyvoice", "CosyVoice2"): _COSYVOICE,
    ("cosyvoice", "CosyVoice3"): _COSYVOICE,
    # Its pieces are in the range of 16-bit integers.
    ("indextts", "IndexTTS2"): {
        "infer": written(fixed(22_050), "output_path", lambda path, made: path, text="text", streaming="stream_return"),
        "infer_generator": streamed(fixed(22_050), "output_path", lambda path, made: path, text="text"),
    },
}
