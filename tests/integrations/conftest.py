from __future__ import annotations

import os
import sys
from pathlib import Path

# Read once, when the frameworks are imported: nothing here may ask the network.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
# The helpers of this folder are no package, and spawned workers must find them too.
sys.path.insert(0, str(Path(__file__).parent))

import pytest


@pytest.fixture(autouse=True)
def _no_settings_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("AIGC_HOOKS_")]:
        monkeypatch.delenv(name)
