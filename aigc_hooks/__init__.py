"""aigc_hooks labels AI-generated content as Chinese law demands: visibly, and in the file's metadata.

    pipe = aigc_hooks.wrap(pipe, provider="acme")
    pipe("a cat").images[0].save("cat.jpg")

Names are imported on first use, so that ``import aigc_hooks`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aigc_hooks.artifact import Adapter as Adapter
    from aigc_hooks.artifact import Artifact as Artifact
    from aigc_hooks.artifact import AuditRecord as AuditRecord
    from aigc_hooks.artifact import Call as Call
    from aigc_hooks.artifact import Carrier as Carrier
    from aigc_hooks.artifact import Finding as Finding
    from aigc_hooks.artifact import RawLabel as RawLabel
    from aigc_hooks.artifact import Reading as Reading
    from aigc_hooks.checking import check as check
    from aigc_hooks.checks.report import Check as Check
    from aigc_hooks.checks.report import Report as Report
    from aigc_hooks.duties.exemption import exempt as exempt
    from aigc_hooks.duties.platform import Propagation as Propagation
    from aigc_hooks.duties.platform import propagate as propagate
    from aigc_hooks.errors import AdapterNotFoundError as AdapterNotFoundError
    from aigc_hooks.errors import AIGCHooksError as AIGCHooksError
    from aigc_hooks.errors import CarrierError as CarrierError
    from aigc_hooks.errors import ConfigError as ConfigError
    from aigc_hooks.errors import ExemptionError as ExemptionError
    from aigc_hooks.errors import ForeignLabelError as ForeignLabelError
    from aigc_hooks.errors import LabelError as LabelError
    from aigc_hooks.errors import LabelFormatError as LabelFormatError
    from aigc_hooks.errors import PluginError as PluginError
    from aigc_hooks.errors import RecordError as RecordError
    from aigc_hooks.errors import ReviewRefused as ReviewRefused
    from aigc_hooks.errors import SignedContentError as SignedContentError
    from aigc_hooks.errors import UnsupportedCarrierError as UnsupportedCarrierError
    from aigc_hooks.errors import UnsupportedOutputError as UnsupportedOutputError
    from aigc_hooks.errors import UnsupportedVersionError as UnsupportedVersionError
    from aigc_hooks.errors import WordingError as WordingError
    from aigc_hooks.explicit.rhythm import Rhythm as Rhythm
    from aigc_hooks.explicit.scene import SceneLabel as SceneLabel
    from aigc_hooks.explicit.sound import find_rhythm as find_rhythm
    from aigc_hooks.hookspecs import hookimpl as hookimpl
    from aigc_hooks.labelling import label as label
    from aigc_hooks.labelling import save as save
    from aigc_hooks.labels import Label as Label
    from aigc_hooks.labels import ProviderCode as ProviderCode
    from aigc_hooks.provider import Provider as Provider
    from aigc_hooks.provider import override as override
    from aigc_hooks.reading import read_label as read_label
    from aigc_hooks.saving.converting import convert as convert
    from aigc_hooks.saving.writing import write_label as write_label
    from aigc_hooks.security.verdict import Verification as Verification
    from aigc_hooks.security.verification import verify as verify
    from aigc_hooks.styles import AudioStyle as AudioStyle
    from aigc_hooks.styles import ImageStyle as ImageStyle
    from aigc_hooks.styles import SamplingWatermark as SamplingWatermark
    from aigc_hooks.styles import SecurityStyle as SecurityStyle
    from aigc_hooks.styles import TextStyle as TextStyle
    from aigc_hooks.styles import VideoStyle as VideoStyle
    from aigc_hooks.wrapping import is_wrapped as is_wrapped
    from aigc_hooks.wrapping import unwrap as unwrap
    from aigc_hooks.wrapping import wrap as wrap

# The module of each public name; tests keep it equal to the imports above.
_HOMES = {
    "AIGCHooksError": "errors",
    "Adapter": "artifact",
    "AdapterNotFoundError": "errors",
    "Artifact": "artifact",
    "AudioStyle": "styles",
    "AuditRecord": "artifact",
    "Call": "artifact",
    "Carrier": "artifact",
    "CarrierError": "errors",
    "Check": "checks.report",
    "ConfigError": "errors",
    "ExemptionError": "errors",
    "Finding": "artifact",
    "ForeignLabelError": "errors",
    "ImageStyle": "styles",
    "Label": "labels",
    "LabelError": "errors",
    "LabelFormatError": "errors",
    "PluginError": "errors",
    "Propagation": "duties.platform",
    "Provider": "provider",
    "ProviderCode": "labels",
    "RawLabel": "artifact",
    "Reading": "artifact",
    "RecordError": "errors",
    "Report": "checks.report",
    "ReviewRefused": "errors",
    "Rhythm": "explicit.rhythm",
    "SamplingWatermark": "styles",
    "SceneLabel": "explicit.scene",
    "SecurityStyle": "styles",
    "SignedContentError": "errors",
    "TextStyle": "styles",
    "UnsupportedCarrierError": "errors",
    "UnsupportedOutputError": "errors",
    "UnsupportedVersionError": "errors",
    "Verification": "security.verdict",
    "VideoStyle": "styles",
    "WordingError": "errors",
    "check": "checking",
    "convert": "saving.converting",
    "exempt": "duties.exemption",
    "find_rhythm": "explicit.sound",
    "hookimpl": "hookspecs",
    "is_wrapped": "wrapping",
    "label": "labelling",
    "override": "provider",
    "propagate": "duties.platform",
    "read_label": "reading",
    "save": "labelling",
    "unwrap": "wrapping",
    "verify": "security.verification",
    "wrap": "wrapping",
    "write_label": "saving.writing",
}

__all__ = [
    "AIGCHooksError",
    "Adapter",
    "AdapterNotFoundError",
    "Artifact",
    "AudioStyle",
    "AuditRecord",
    "Call",
    "Carrier",
    "CarrierError",
    "Check",
    "ConfigError",
    "ExemptionError",
    "Finding",
    "ForeignLabelError",
    "ImageStyle",
    "Label",
    "LabelError",
    "LabelFormatError",
    "PluginError",
    "Propagation",
    "Provider",
    "ProviderCode",
    "RawLabel",
    "Reading",
    "RecordError",
    "Report",
    "ReviewRefused",
    "Rhythm",
    "SamplingWatermark",
    "SceneLabel",
    "SecurityStyle",
    "SignedContentError",
    "TextStyle",
    "UnsupportedCarrierError",
    "UnsupportedOutputError",
    "UnsupportedVersionError",
    "Verification",
    "VideoStyle",
    "WordingError",
    "check",
    "convert",
    "exempt",
    "find_rhythm",
    "hookimpl",
    "is_wrapped",
    "label",
    "override",
    "propagate",
    "read_label",
    "save",
    "unwrap",
    "verify",
    "wrap",
    "write_label",
]


if not TYPE_CHECKING:  # a type checker must see that a misspelt name is none

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'aigc_hooks' has no attribute {name!r}")
        value = getattr(importlib.import_module(f"aigc_hooks.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return __all__
