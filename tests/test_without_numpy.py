"""An installation that has no NumPy says which extra brings it; none of our own dependencies does."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT = """
import io, sys, wave
sys.modules["numpy"] = None
import aigc_hooks

def wav():
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, 24000, 0, "NONE", ""))
        file.writeframes(bytes(48000))
    return made.getvalue()

try:
    {call}
except aigc_hooks.LabelError as error:
    print(error)
"""

CALLS = {
    "aigc_hooks.find_rhythm([0.1] * 9000, 24000)": "audio",
    "aigc_hooks.label([0.1] * 9000, rate=24000, producer='acme')": "audio",
    "aigc_hooks.label({'audio': [0.1] * 9000, 'sampling_rate': 24000}, producer='acme')": "audio",
    "aigc_hooks.wrap(lambda: [0.1] * 9000, kind='audio', rate=24000, producer='acme')()": "audio",
    "aigc_hooks.wrap(wav, kind='audio', producer='acme')()": "audio",
    "aigc_hooks.wrap(lambda: bytes(48000), kind='audio', rate=24000, producer='acme')()": "audio",
    "aigc_hooks.SceneLabel(producer='acme').rgba(640, 480)": "video",
}


@pytest.mark.parametrize("call", CALLS)
def test_the_extra_is_named(call: str) -> None:
    script = WITHOUT.format(call=call)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(f"with NumPy: pip install 'aigc-hooks[{CALLS[call]}]'"), done.stdout
