"""How the explicit label of each kind of content looks or sounds, and how labels are signed: the settings."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from aigc_hooks.explicit.wording import CORNER_MARK, check_wording
from aigc_hooks.settings import Settings

MIN_TEXT_HEIGHT = 0.05
"""Least height of the label's characters, as a share of the picture's shorter side (GB 45438-2025, 5.2)."""

MIN_OPACITY = 0.55
"""Least opacity of the dark plate under white text: contrast ≥ 4.5 : 1 even on white. The standard names no number."""

Position = Literal["top-left", "top", "top-right", "right", "bottom-right", "bottom", "bottom-left", "left"]

MOST_KEYS = 64
"""How many keys a SynthID watermark may have; each is one layer of its tournament."""


class ImageStyle(Settings):
    """How the explicit label of a picture looks.

    Attributes:
        position: One of four corners and four edges (GB 45438-2025, 5.2: 边或角).
        wording: Text of the label in pictures; None takes the provider's.
        height: Height of every character's ink as a share of the shorter side, 0.05 to 0.5.
        opacity: Opacity of the dark plate under the white text, 0.55 to 1.0. The text itself is always opaque. The
            default gives a contrast of at least 7 : 1 on any background.
        font: A TrueType or OpenType file that has every character of the wording; None takes the one shipped.
    """

    position: Position = "bottom-right"
    wording: str | None = None
    height: float = Field(default=MIN_TEXT_HEIGHT, ge=MIN_TEXT_HEIGHT, le=0.5, allow_inf_nan=False)
    opacity: float = Field(default=0.65, ge=MIN_OPACITY, le=1.0, allow_inf_nan=False)
    font: Path | None = None

    table: ClassVar[str] = "image"
    grid: ClassVar[int] = 1
    """Of how many pixels a side is made: it is measured as if it were enlarged to whole ones."""

    @field_validator("wording")
    @classmethod
    def _wording_is_lawful(cls, text: str | None) -> str | None:
        return text if text is None else check_wording(text)


class VideoStyle(ImageStyle):
    """How the explicit label of a film looks (GB 45438-2025, 5.4), and how long it stays.

    Position, wording, height, opacity and font are those of ``ImageStyle``.

    Attributes:
        coverage: ``"throughout"``: every frame shows it. ``"opening"``: the first frames do.
        seconds: Of an opening: how long it stays at normal speed, at least 2 (5.4 g).
        middle: Whether it is shown in the middle as well, as long (5.4 c: permitted).
        end: Whether it is shown at the end as well, as long (5.4 c: permitted).
        sound: Where the label of sound that is made together with a film goes: ``"end"`` keeps both in step, before
            ``"start"`` the picture would have to wait, and ``"none"`` leaves the sound to the label in the picture.
        track: What becomes of the sound of a film on disk: ``"keep"`` copies it, and leaves it to the label in the
            picture; ``"label"`` lays the label of ``AudioStyle`` over it (5.3), where the sound was generated too. It
            is lowered meanwhile, stays in step with the picture, and is encoded anew in its codec.
    """

    coverage: Literal["throughout", "opening"] = "throughout"
    seconds: float = Field(default=2.0, ge=2.0, le=3600.0, allow_inf_nan=False)
    middle: bool = False
    end: bool = False
    sound: Literal["end", "start", "none"] = "end"
    track: Literal["keep", "label"] = "keep"

    table: ClassVar[str] = "video"
    # Encoders enlarge pictures to whole macroblocks, as diffusers' does unless it is told otherwise.
    grid: ClassVar[int] = 16


class SamplingWatermark(Settings):
    """A statistical watermark in the choice of tokens (GB 45438-2025, 6.2: permitted, not asked for).

    Attributes:
        scheme: ``"kgw"``: a green list of tokens (Kirchenbauer et al. 2023); ``"synthid"``: tournament sampling
            (Dathathri et al. 2024). Both are the framework's own.
        keys: The secret: one number for ``"kgw"``, one to 64 for ``"synthid"`` (20 to 30 are usual), each from 1 to
            2**63 - 1. Never shown. Keys of SynthID that are equal modulo 2**16 count as one.
        ngram_len: Of SynthID: how many tokens decide together, 2 to 16.
        bias: Of KGW: how much green tokens are preferred, above 0 and at most 10.
        greenlist_ratio: Of KGW: share of the vocabulary that is green, 0.05 to 0.95.
    """

    scheme: Literal["kgw", "synthid"]
    keys: tuple[Annotated[int, Field(ge=1, lt=2**63)], ...] = Field(min_length=1, max_length=MOST_KEYS, repr=False)
    ngram_len: int = Field(default=5, ge=2, le=16)
    bias: float = Field(default=2.0, gt=0.0, le=10.0, allow_inf_nan=False)
    greenlist_ratio: float = Field(default=0.25, ge=0.05, le=0.95, allow_inf_nan=False)

    @field_validator("keys", mode="before")
    @classmethod
    def _keys_from_text(cls, keys: Any) -> Any:
        if isinstance(keys, str):  # an environment variable
            return [key.strip() for key in keys.split(",") if key.strip()]
        return (keys,) if isinstance(keys, int) and not isinstance(keys, bool) else keys

    @model_validator(mode="after")
    def _as_many_keys_as_the_scheme_takes(self) -> SamplingWatermark:
        if self.scheme == "kgw" and len(self.keys) != 1:
            raise ValueError(f"scheme 'kgw' takes one key, found {len(self.keys)}")
        return self


class TextStyle(Settings):
    """How the explicit label of a text looks (GB 45438-2025, 5.1).

    Attributes:
        position: ``"end"``, ``"start"`` or ``"both"``. A stream that is broken off shows a label at the start only.
        mark: ``"notice"`` is a paragraph of its own, ``"corner"`` a small sign at the text, as a superscript.
        wording: What it says. None takes the provider's ``wording`` where that was changed, else
            ``（本内容由AI生成）``; for a corner mark ``AI``, which may stand alone there and only there (5.1 c).
        markup: ``"plain"`` is plain text or Markdown; ``"html"`` writes ``<p>`` and ``<sup>``.
        watermark: A watermark in the choice of tokens, where the model runs in this process; None has none.
    """

    position: Literal["end", "start", "both"] = "end"
    mark: Literal["notice", "corner"] = "notice"
    wording: str | None = None
    markup: Literal["plain", "html"] = "plain"
    watermark: SamplingWatermark | None = None

    @field_validator("wording")
    @classmethod
    def _wording_is_lawful(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is None:
            return None
        return check_wording(text, corner=info.data.get("mark") == CORNER_MARK)


class AudioStyle(Settings):
    """How the explicit label of sound sounds (GB 45438-2025, 5.3).

    Attributes:
        kind: ``"rhythm"``: short-long, short-short (5.3 c); ``"voice"``: a spoken prompt (5.3 b).
        position: ``"start"`` (before the content), ``"end"`` (after it) or ``"both"``.
        frequency: Tone of the rhythm in Hz, 400 to 2000: inside the band of a telephone.
        unit: Length of a short sound of the rhythm in seconds, 0.06 to 0.2; a long one has three.
        wording: What the voice says; None: ``本音频由人工智能合成``.
        speaker: Who says it where there is no clip: ``"espeak"``: espeak-ng; ``"model"``: the wrapped model or function
            itself, which is asked once with ``wording`` in place of its text.
        clip: A sound file in which somebody says it, with ``transcript``; None lets ``speaker`` say ``wording``.
        transcript: What the clip says. It must hold both elements, at about 120 to 160 characters a minute (5.3 e).
    """

    kind: Literal["rhythm", "voice"] = "rhythm"
    position: Literal["start", "end", "both"] = "start"
    frequency: float = Field(default=800.0, ge=400.0, le=2000.0, allow_inf_nan=False)
    unit: float = Field(default=0.1, ge=0.06, le=0.2, allow_inf_nan=False)
    wording: str | None = None
    speaker: Literal["espeak", "model"] = "espeak"
    clip: Path | None = None
    transcript: str | None = None

    @field_validator("wording", "transcript")
    @classmethod
    def _wording_is_lawful(cls, text: str | None) -> str | None:
        return text if text is None else check_wording(text)

    @model_validator(mode="after")
    def _a_clip_says_what_it_says(self) -> AudioStyle:
        if self.clip is not None and self.transcript is None:
            raise ValueError(
                f"a clip needs its transcript, so that its words can be checked: clip = {str(self.clip)!r}"
            )
        return self


class SecurityStyle(Settings):
    """How labels are signed (TC260-PG-202511A), and whose signatures are known.

    It holds no key, only where one is: settings travel, in pickles, in messages and to other processes, and keys must
    not. Without ``key``, ``key_env`` and ``signer`` nothing is signed.

    Attributes:
        algorithm: ``"sm2"``: SM3withSM2, and ``"rsa"``: RSA with SHA-256, both in the form of the guide; ``"es256"``:
            ECDSA on P-256 with SHA-256, and ``"ed25519"``, in a form of our own.
        key_id: Name of the signing key, by which keys are changed: the old one's public key goes to ``trusted``.
        key: PEM file with the private key.
        key_env: Name of an environment variable with the private key in PEM.
        passphrase_env: Name of an environment variable with the passphrase of the private key.
        signer: For keys that leave no KMS or HSM: a function ``(key_id, message) -> signature``, as ``"module:name"``
            or the function itself, if that can be imported. It hashes the message as its algorithm does (SM2 with user
            id ``1234567812345678``) and returns DER; for Ed25519 and RSA the bare signature.
        certificate: PEM file with the signing key's certificate or public key. ``signer`` needs one; nothing is signed
            when it has expired. Certificates of authorities may follow it. One that another issued goes into the label,
            with those that follow but the root: whoever trusts an authority then knows who signed.
        message: For SM2: ``"digest"`` signs the SM3 digest of the message, as labels of StepFun do; ``"raw"`` the
            message. Both are verified.
        content: Whether files also get a signature of their content (``aigc_hooks.security.content``), where their
            format is known.
        trusted: Public keys or certificates, PEM files by key id: their signatures tell who signed. The signing key
            itself is one of them. The certificate of an authority vouches for all that it issued.
    """

    algorithm: Literal["sm2", "rsa", "es256", "ed25519"] = "sm2"
    key_id: str = ""
    key: Path | None = None
    key_env: str | None = None
    passphrase_env: str | None = None
    signer: str | None = None
    certificate: Path | None = None
    message: Literal["digest", "raw"] = "digest"
    content: bool = True
    trusted: tuple[tuple[str, Path], ...] = ()

    secret: ClassVar[bool] = True

    @property
    def signs(self) -> bool:
        """Whether there is a key to sign with."""
        return bool(self.key or self.key_env or self.signer)

    @field_validator("key", "key_env", "passphrase_env", "certificate", mode="before")
    @classmethod
    def _is_no_key_itself(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, (str, bytes)) and b"-----BEGIN" in (value.encode() if isinstance(value, str) else value):
            wanted = "the name of an environment variable" if str(info.field_name).endswith("env") else "a path"
            raise ValueError(f"takes {wanted}, not the key itself, which must not be in settings")
        return value

    @field_validator("signer", mode="before")
    @classmethod
    def _signer_by_name(cls, signer: Any) -> Any:
        if not callable(signer):
            return signer
        module, name = getattr(signer, "__module__", ""), getattr(signer, "__qualname__", "")
        found: Any = sys.modules.get(module)
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is not signer or not name:  # a method or a closure may hold a key, and would travel with it
            raise ValueError("takes a function of a module, or its name such as 'acme.kms:sign'")
        return f"{module}:{name}"

    @field_validator("trusted", mode="before")
    @classmethod
    def _trusted_from_table(cls, keys: Any) -> Any:
        if not isinstance(keys, Mapping):
            return keys
        # A tuple, because settings have a hash; an empty path takes a key away that a weaker layer has.
        return tuple((str(key_id), path) for key_id, path in keys.items() if path)

    @model_validator(mode="after")
    def _one_key(self) -> SecurityStyle:
        given = [name for name in ("key", "key_env", "signer") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other: one key signs; older ones go to trusted")
        if self.signer and self.certificate is None:
            raise ValueError("signer needs certificate: a PEM file with the certificate or public key of its key")
        return self
