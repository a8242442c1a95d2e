"""Signs labels, and the content of files as they are saved.

A label is signed once, when it is made; its signature covers three of its elements and holds wherever the content goes.
What its file holds is known only when that is encoded: then the digest of the content is signed too, and joins the
label. A file that is saved again gets a new one. A platform signs its own elements when it passes a file on.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import BinaryIO

from aigc_hooks.artifact import SNIFFED
from aigc_hooks.errors import LabelError
from aigc_hooks.implicit import markdown, png
from aigc_hooks.labels import KEYS, Label
from aigc_hooks.provider import Provider
from aigc_hooks.reading import known_carrier
from aigc_hooks.security import content
from aigc_hooks.security.algorithms import OWN, sm3
from aigc_hooks.security.certificates import joint_digest
from aigc_hooks.security.data import TIME, Binding, Certified, SecurityData, UnknownSchemeError
from aigc_hooks.security.keys import signing_key
from aigc_hooks.security.messages import (
    PRODUCER,
    PROPAGATOR,
    Part,
    certificate_message,
    content_message,
    message,
)
from aigc_hooks.security.signers import SigningKey

_COORDINATE = 32


def signed(label: Label, provider: Provider) -> Label:
    """A label with the signature of its elements, where the settings name a key and ``ReservedCode1`` is empty.

    What stands there already, a signature or another's code, stays.

    Raises:
        ConfigError: The key cannot be used.
        LabelError: It did not sign.
    """
    if label.reserved_code1 or not provider.security.signs:
        return label
    return _signed(label, signing_key(provider.security))


def passed_on(label: Label, provider: Provider, stream: BinaryIO, path: str | os.PathLike[str] | None = None) -> Label:
    """A label with the platform's signature of its own elements and of the content, where the settings name a key.

    A signature of the platform that holds stays, and so does what stands in ``ReservedCode2`` in another form.

    Args:
        label: The label with the platform's elements.
        provider: The platform.
        stream: The file, seekable.
        path: Its name, by which texts are known.

    Raises:
        ConfigError: The key cannot be used.
        LabelError: It did not sign.
        CarrierError: The file is damaged.
    """
    old = _data(label, PROPAGATOR)
    if not provider.security.signs or (label.reserved_code2 and old is None):
        return label
    key = signing_key(provider.security)
    found = _digest(stream, path) if provider.security.content else None
    if old is not None and _holds(old, key, label, found):
        return label
    data = _statement(label, key, PROPAGATOR)
    if found is not None:
        data = replace(data, binding=_binding(key, label, found, PROPAGATOR))
    return _with(label, data, PROPAGATOR)


def _holds(data: SecurityData, key: SigningKey, label: Label, digest: bytes | None) -> bool:
    """Whether a propagator's signature is by this key, of these elements and this content."""
    bound = None if data.binding is None else data.binding.digest
    certificates = () if data.certified is None else data.certified.ders
    if data.key != key.spki or bound != digest or certificates != _embedded(key):
        return False
    signed = message(label, PROPAGATOR)
    return any(data.algorithm.verifies(key.spki, data.signature, each) for each in (signed, sm3(signed)))


def _signed(label: Label, key: SigningKey) -> Label:
    return _with(label, _statement(label, key, PRODUCER))


def _statement(label: Label, key: SigningKey, part: Part) -> SecurityData:
    """The signature of a label's elements, with the certificates of the key."""
    profile = OWN if part.own else key.algorithm.profile
    data = SecurityData(key.algorithm, key.sign(message(label, part)), key.spki, profile=profile)
    ders = _embedded(key)
    if not ders:
        return data
    time = datetime.now(timezone.utc).strftime(TIME)
    signature = key.sign(certificate_message(label, joint_digest(ders), time, part))
    return replace(data, certified=Certified(ders, time, signature))


def _embedded(key: SigningKey) -> tuple[bytes, ...]:
    """The certificates that go into a label: what nobody but the key itself vouches for says nothing there."""
    return tuple(each.der for each in key.chain if not each.own)


def bound(label: Label, provider: Provider, stream: BinaryIO, path: str | os.PathLike[str] | None = None) -> Label:
    """A signed label with the signed digest of a file's content.

    A label that holds the digest of this content keeps it; one of other content loses it, also where there is no key to
    sign with.

    Args:
        label: The label that the file has or gets.
        provider: Whose key signs.
        stream: The file, seekable, with or without a label.
        path: Its name, by which texts are known.

    Raises:
        ConfigError: The key cannot be used.
        LabelError: It did not sign.
        CarrierError: The file is damaged.
    """
    data = _data(label)
    signs = provider.security.signs and provider.security.content
    if data is None or not (signs or data.binding):
        return label
    found = _digest(stream, path)
    if data.binding is not None and data.binding.digest == found:
        return label
    if not signs or found is None:
        return _with(label, replace(data, binding=None))
    key = signing_key(provider.security)
    label, data = _by(key, label, data)
    return _with(label, replace(data, binding=_binding(key, label, found)))


@dataclass(frozen=True)
class Blank:
    """A label with room for the digest of content that is not encoded yet.

    Attributes:
        label: The label to encode, whose digest and signature are random.
    """

    label: Label
    key: SigningKey

    def filled(self, data: bytes, form: str) -> tuple[bytes, Label]:
        """Puts the digest of the content and its signature into an encoded file, in place of the random ones.

        Args:
            data: The file.
            form: Name of its format, for messages.

        Raises:
            LabelError: The label does not stand in it once and as it is.
        """
        from io import BytesIO

        room = _data(self.label)
        assert room is not None
        assert room.binding is not None
        found = _digest(BytesIO(data), None)
        if found is None:
            raise LabelError(f"the content of the encoded {form} cannot be digested", stage="sign")
        made = _binding(self.key, self.label, found)
        for old, new in ((room.binding.digest, made.digest), (room.binding.signature, made.signature)):
            text = old.hex().upper().encode()
            at = data.find(text)
            if at < 0 or data.find(text, at + 1) >= 0:
                raise LabelError(f"the encoded {form} should hold the signed label once, as it was given", stage="sign")
            data = data[:at] + new.hex().upper().encode() + data[at + len(text) :]
        if data.startswith(png.SIGNATURE):
            data = png.checked(data, at)
        return data, _with(self.label, replace(room, binding=made))


def blank(label: Label, provider: Provider) -> Blank | None:
    """A signed label with room for the digest of content that is about to be encoded; None where none is signed.

    Raises:
        ConfigError: The key cannot be used.
        LabelError: It did not sign.
    """
    data = _data(label)
    if data is None or not (provider.security.signs and provider.security.content):
        return None
    key = signing_key(provider.security)
    label, data = _by(key, label, data)
    length = len(_fixed(data.signature, key))
    room = Binding(secrets.token_bytes(32), secrets.token_bytes(length))
    return Blank(_with(label, replace(data, binding=room)), key)


def unbound(label: Label) -> Label:
    """A label without the digest of content that it was saved with before."""
    data = _data(label)
    return label if data is None or data.binding is None else _with(label, replace(data, binding=None))


def kept(label: Label, stream: BinaryIO, path: str | os.PathLike[str] | None = None) -> Label:
    """A label that goes on into another file as it is, but for the digest of content that this file does not hold.

    Nothing is signed anew: the label may be another's.

    Raises:
        CarrierError: The file is damaged.
    """
    data = _data(label)
    spread = _data(label, PROPAGATOR)
    if not any(each and each.binding for each in (data, spread)):
        return label
    found = _digest(stream, path)
    for each, part in ((data, PRODUCER), (spread, PROPAGATOR)):
        if each is not None and each.binding is not None and each.binding.digest != found:
            label = _with(label, replace(each, binding=None), part)
    return label


def _by(key: SigningKey, label: Label, data: SecurityData) -> tuple[Label, SecurityData]:
    """The label signed by this key: one that the provider's older key signed is signed anew."""
    if data.key != key.spki:
        label = _signed(label, key)
        fresh = _data(label)
        assert fresh is not None
        data = fresh
    return label, data


def _data(label: Label, part: Part = PRODUCER) -> SecurityData | None:
    code = getattr(label, part.name)
    try:
        return SecurityData.from_text(code, part) if code else None
    except UnknownSchemeError:
        return None  # another's code, which is not touched


def _with(label: Label, data: SecurityData, part: Part = PRODUCER) -> Label:
    elements = {name: getattr(label, name) for name in KEYS}
    return Label.unchecked(**{**elements, part.name: data.to_text()})


def _digest(stream: BinaryIO, path: str | os.PathLike[str] | None) -> bytes | None:
    stream.seek(0)
    carrier = known_carrier(stream.read(SNIFFED), path) or markdown.suffix_carrier(path)
    return None if carrier is None else content.digest(stream, carrier.name)


def _binding(key: SigningKey, label: Label, digest: bytes, part: Part = PRODUCER) -> Binding:
    return Binding(digest, _fixed(key.sign(content_message(label, digest, part)), key))


def _fixed(signature: bytes, key: SigningKey) -> bytes:
    """A signature in its one length: of curves, whose DER varies, r and s in 32 bytes each."""
    if key.algorithm.name not in ("sm2", "es256"):
        return signature
    numbers, at = [], 2
    for _ in range(2):  # a SEQUENCE of two INTEGERs, each shorter than 128 bytes
        length = signature[at + 1]
        numbers.append(int.from_bytes(signature[at + 2 : at + 2 + length], "big").to_bytes(_COORDINATE, "big"))
        at += 2 + length
    return b"".join(numbers)
