"""Every error that aigc_hooks raises on purpose.

    AIGCHooksError
    ├── ConfigError (ValueError)             a setting is missing, unknown or wrong
    ├── WordingError (ValueError)            a label text lacks one of its two elements (GB 45438-2025, 5.x b)
    ├── LabelFormatError (ValueError)        a label record breaks Annex E, or a provider code TC260-PG-20252A
    ├── AdapterNotFoundError (TypeError)     no adapter knows this object
    ├── UnsupportedVersionError              a framework lacks the seam that its adapter needs
    ├── PluginError                          a plugin is broken, missing or misspelt
    ├── RecordError                          the record cannot be read, written or purged
    ├── CarrierError (ValueError)            a file cannot be read as what it claims to be
    │   └── UnsupportedCarrierError          a file format has no place for the implicit label
    └── LabelError                           a stage failed: the content was not released
        ├── UnsupportedOutputError           a kind of output that cannot be labelled
        ├── ExemptionError (ValueError)      an exemption without a complete record (Measures, article 9)
        ├── ReviewRefused                    a plugin refused an input or an output; never forgiven
        ├── ForeignLabelError                the content already carries another producer's label
        └── SignedContentError               a file is signed with C2PA, which a label would break

Messages name the value found and the fix. ``LabelError`` and its children say in ``stage`` and ``plugin`` where the
work stopped, and are chained from the cause.
"""

from __future__ import annotations

__all__ = [
    "AIGCHooksError",
    "AdapterNotFoundError",
    "CarrierError",
    "ConfigError",
    "ExemptionError",
    "ForeignLabelError",
    "LabelError",
    "LabelFormatError",
    "PluginError",
    "RecordError",
    "ReviewRefused",
    "SignedContentError",
    "UnsupportedCarrierError",
    "UnsupportedOutputError",
    "UnsupportedVersionError",
    "WordingError",
]


class AIGCHooksError(Exception):
    """The root: catch it to catch everything that aigc_hooks raises on purpose."""


class ConfigError(AIGCHooksError, ValueError):
    """A setting is missing, unknown or wrong; the message names the source, the key and the value found."""


class WordingError(AIGCHooksError, ValueError):
    """A label text lacks the AI element or the generation element (GB 45438-2025, 5.1 b to 5.6 b)."""


class LabelFormatError(AIGCHooksError, ValueError):
    """A label record breaks Annex E of GB 45438-2025, or a provider code TC260-PG-20252A."""


class AdapterNotFoundError(AIGCHooksError, TypeError):
    """No adapter knows the object given to ``wrap``."""


class UnsupportedVersionError(AIGCHooksError):
    """The installed framework lacks a seam that its adapter needs."""


class PluginError(AIGCHooksError):
    """A plugin is broken, missing although required, or implements a hook that does not exist."""


class RecordError(AIGCHooksError):
    """The record of what left cannot be reached, read, written, merged or purged; the message says what to do."""


class CarrierError(AIGCHooksError, ValueError):
    """A file cannot be read as what it claims to be: truncated, damaged or not supported."""


class UnsupportedCarrierError(CarrierError):
    """A file format has no place for the implicit label; the message says which format to use."""


class LabelError(AIGCHooksError):
    """A stage of labelling failed, and the content was not released.

    Attributes:
        stage: The stage that failed, such as ``"render_explicit"``.
        plugin: The plugin that failed, or ``""`` where it was none.
    """

    def __init__(self, message: str, *, stage: str = "", plugin: str = "") -> None:
        super().__init__(message)
        self.stage = stage
        self.plugin = plugin

    def __reduce__(self) -> tuple[object, ...]:
        # BaseException pickles its positional arguments only: keep the two keywords across process pools.
        return _restore_label_error, (type(self), str(self), self.stage, self.plugin)


class UnsupportedOutputError(LabelError):
    """A kind of output that cannot be labelled, and so is not released."""


class ExemptionError(LabelError, ValueError):
    """An exemption from the explicit label lacks its record (Measures, article 9): nothing was released."""


class ReviewRefused(LabelError):  # noqa: N818 - a decision, and no fault
    """A plugin refused an input or an output (Deep Synthesis Provisions, article 10): nothing more was released."""


class ForeignLabelError(LabelError):
    """The content carries the label of another producer, which may not be overwritten (Measures, article 10)."""


class SignedContentError(LabelError):
    """A file is signed with C2PA, and writing the label now would break that: label it first, sign it after."""


def _restore_label_error(cls: type[LabelError], message: str, stage: str, plugin: str) -> LabelError:
    return cls(message, stage=stage, plugin=plugin)
