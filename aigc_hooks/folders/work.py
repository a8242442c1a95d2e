"""What is done with one file of many: it is labelled, read, judged or verified.

Each function returns what became of it, and raises nothing that is the file's fault.
"""

from __future__ import annotations

import filecmp
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from aigc_hooks.artifact import Carrier, Reading
from aigc_hooks.checking import check
from aigc_hooks.checks.report import Report
from aigc_hooks.errors import AIGCHooksError, CarrierError, ConfigError, UnsupportedCarrierError
from aigc_hooks.explicit.text import left_alone, shows_label
from aigc_hooks.folders import remote
from aigc_hooks.implicit import svg
from aigc_hooks.implicit.markdown import TEXT
from aigc_hooks.labelling import label
from aigc_hooks.on_disk import label_metadata
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import Provider
from aigc_hooks.reading import carrier_of, read_stream
from aigc_hooks.saving.documents import SUFFIXES, TextFile, is_text
from aigc_hooks.saving.recordings import is_sound
from aigc_hooks.security.signers import PinnedKey
from aigc_hooks.security.verdict import Verification
from aigc_hooks.security.verification import verified

_HEAD = 4096
"""How many bytes of a file are enough to tell its format."""


_SOUNDS = (".m4a", ".m4b", ".mka")
"""Names of sounds in the containers of films."""

Progress = Callable[[float], object]
"""Is told how much of a film is done, from 0 to 1."""

Status = Literal["labelled", "done", "nothing", "skipped", "failed"]


class Job(NamedTuple):
    """One file to label.

    Attributes:
        source: Its path or URL.
        target: Where its labelled copy goes; None labels the file itself.
        kind: ``"text"``, ``"audio"``, ``"video"`` or ``"image"``.
        walked: Whether it was found in a folder: then a target that has this producer's label already is done.
        implicit_only: Whether it gets the implicit label alone.
    """

    source: str
    target: str | None
    kind: str
    walked: bool = False
    implicit_only: bool = False


class Outcome(NamedTuple):
    """What became of a file.

    Attributes:
        status: ``"labelled"``; ``"done"``: its target was labelled before; ``"nothing"``: there is nothing to label in
            it; ``"skipped"``: its format has no label; ``"failed"``.
        reason: Why it was not labelled.
        unsupported: Whether another format would do.
        trace: The traceback of a failure.
    """

    status: Status
    reason: str = ""
    unsupported: bool = False
    trace: str = ""


class Refusal(NamedTuple):
    """Why a file could not be read; ``unknown``: because its format is not known, or has no place for a label."""

    reason: str
    unknown: bool


def kind_of(location: str) -> str:
    """What a file is labelled as: ``"text"``, ``"audio"``, ``"video"`` or ``"image"``, by content, or name if far."""
    path = _path(location)
    try:
        if remote.is_url(location):
            return _kind_by_name(path)
        if is_text(path, path):
            return "text"
        carrier = carrier_of(path)
        if carrier is not None and carrier.medium == "video":
            return "audio" if is_sound(path) else "video"
        return _kind_of_medium(carrier)
    except (AIGCHooksError, OSError):  # it will be said when its turn comes
        return _kind_by_name(path)


def _kind_of_medium(carrier: Carrier | None) -> str:
    """A document is labelled as a text, but for one that is a picture."""
    if carrier is None or carrier.name == svg.CARRIER.name:
        return "image"
    return {"document": "text", "audio": "audio", "video": "video"}.get(carrier.medium, "image")


def _kind_by_name(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return "text"
    if suffix in _SOUNDS:
        return "audio"
    kinds = (_kind_of_medium(carrier) for carrier in hooks().carriers if suffix in carrier.suffixes)
    return next((kind for kind in kinds if kind != "image"), "image")


def label_one(
    job: Job, provider: Provider, *, overwrite: bool = False, progress: Callable[[Job], Progress | None] | None = None
) -> Outcome:
    """Labels one file of many, or tells why it was not.

    A target is written whole or not at all, so that a killed run leaves nothing half done, and what it has done is not
    done again.

    Args:
        job: The file, and where its copy goes.
        provider: The settings; ``on_error`` should be ``"raise"``: a file without its label must not count as done.
        overwrite: Whether a target that exists may be replaced, whatever it is.
        progress: Gives for a film who is told how much of it is done.
    """
    try:
        return _label(job, provider, overwrite, progress(job) if progress is not None and job.kind == "video" else None)
    except Exception as error:  # a broken file can fail anywhere in a decoder, and must not stop the others
        unsupported = isinstance(error, UnsupportedCarrierError)
        unknown = unsupported or (isinstance(error, CarrierError) and _is_of_no_format(job.source))
        status: Status = "skipped" if unknown else "failed"
        return Outcome(status, _reason(error, job.source), unsupported, traceback.format_exc())


def _label(job: Job, provider: Provider, overwrite: bool, progress: Progress | None) -> Outcome:
    if job.target is not None and remote.exists(job.target) and (known := _existing(job, provider, overwrite)):
        return known
    with remote.here(job.source) as source:
        nothing = _nothing(job, source)
        if job.target is None:
            _in_place(job, source, provider, progress)
        elif remote.is_url(job.target):
            with remote.workplace() as folder:
                made = folder / _path(job.target).name
                _labelled(job, source, made, provider, progress)
                remote.put(made, job.target)
        else:
            target = Path(job.target)
            target.parent.mkdir(parents=True, exist_ok=True)
            _labelled(job, source, target, provider, progress)
    return Outcome("nothing", nothing) if nothing else Outcome("labelled")


def _labelled(job: Job, source: Path, target: Path | None, provider: Provider, progress: Progress | None) -> None:
    if job.implicit_only:
        label_metadata(source, target, provider)
    else:
        label(source, provider=provider, output=target, progress=progress)


def _nothing(job: Job, source: Path) -> str:
    """Why there is nothing to label in a text; empty where there is, and of other kinds."""
    target = _path(job.target or job.source)
    if job.implicit_only or job.kind != "text" or not is_text(source, target):
        return ""
    return left_alone(TextFile.open(source, target).content)


def _path(location: str) -> Path:
    """The name of a file, as a path that need not exist."""
    return Path(remote.name(location)) if remote.is_url(location) else Path(location)


def _in_place(job: Job, source: Path, provider: Provider, progress: Progress | None) -> None:
    if not remote.is_url(job.source):
        _labelled(job, source, None, provider, progress)
        return
    made = source.with_name(f"labelled-{source.name}")
    _labelled(job, source, made, provider, progress)
    if not filecmp.cmp(source, made, shallow=False):
        remote.put(made, job.source)


def _existing(job: Job, provider: Provider, overwrite: bool) -> Outcome | None:
    """What is to be said of a target that exists; None if it may be replaced."""
    assert job.target is not None
    if not remote.is_url(job.source) and not remote.is_url(job.target):
        source, target = Path(job.source), Path(job.target)
        if source.exists() and target.samefile(source):
            raise FileExistsError(f"{target} is the file itself; --in-place labels it there")
    if overwrite:
        return None
    if job.walked and (outcome := _done(job, provider)):
        return outcome
    raise FileExistsError(f"{job.target} exists; --overwrite replaces it")


def _done(job: Job, provider: Provider) -> Outcome | None:
    """Whether the target has this producer's label, and no other, from an earlier run."""
    assert job.target is not None
    if not job.implicit_only and _path(job.target).suffix.lower() in SUFFIXES:
        with remote.here(job.target) as target:
            if is_text(target, target):
                return _text_done(job, target, provider)
    try:
        with remote.opened(job.target) as stream:
            labels = [finding.label for finding in read_stream(stream, _path(job.target)).findings]
    except CarrierError:
        return None
    mine = len(labels) == 1 and labels[0] is not None and labels[0].content_producer == provider.producer
    return Outcome("done") if mine else None


def _text_done(job: Job, target: Path, provider: Provider) -> Outcome | None:
    file = TextFile.open(target, target)
    if nothing := left_alone(file.content):
        with remote.here(job.source) as source:
            return Outcome("nothing", nothing) if filecmp.cmp(source, target, shallow=False) else None
    labels = [finding.label for finding in file.findings]
    mine = all(label is not None and label.content_producer == provider.producer for label in labels)
    wanted = 0 if file.note else 1  # plain text has no place for the implicit label
    return Outcome("done") if mine and len(labels) == wanted and shows_label(file.content, provider) else None


def read_one(location: str) -> Reading | Refusal:
    """What one file of many carries, or why it cannot be read."""
    try:
        with remote.opened(location) as stream:
            return read_stream(stream, _path(location))
    except Exception as error:
        return _refused(error, location)


def verify_one(location: str, known: list[PinnedKey]) -> Verification | Refusal:
    """What the signature of one file of many is worth, or why it cannot be read.

    Raises:
        ConfigError: The library of its algorithm is missing.
    """
    try:
        with remote.opened(location) as stream:
            return verified(stream, _path(location), known)
    except ConfigError:
        raise
    except Exception as error:
        return _refused(error, location)


def check_one(location: str, provider: Provider | None) -> Report | Refusal:
    """What one file of many is by the rules, or why it cannot be judged."""
    try:
        with remote.here(location) as path:
            report = check(path, provider=provider)
        return Report(location, report.carrier, report.checks)
    except Exception as error:
        return _refused(error, location)


def _refused(error: Exception, location: str) -> Refusal:
    # What is known, and is refused all the same, has no place for a label.
    unknown = isinstance(error, UnsupportedCarrierError) and (_is_of_no_format(location) or _sniffed(location)[1])
    return Refusal(_reason(error, location), unknown)


def _is_of_no_format(location: str) -> bool:
    """Whether neither the first bytes of a file nor its name tell a format; an empty file is broken instead."""
    head, sniffed = _sniffed(location)
    suffix = _path(location).suffix.lower()
    return bool(head) and not sniffed and not any(suffix in carrier.suffixes for carrier in (*hooks().carriers, TEXT))


def _sniffed(location: str) -> tuple[bytes, bool]:
    """The first bytes of a file, and whether a carrier knows them."""
    try:
        with remote.opened(location) as stream:
            head = stream.read(_HEAD)
    except (OSError, UnsupportedCarrierError):  # a pipe is neither read nor waited for
        return b"", False
    return head, any(carrier.sniff(head) for carrier in hooks().carriers)


def _reason(error: Exception, location: str) -> str:
    """Why, without the name of the file, which stands before it."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    told = str(error) if isinstance(error, AIGCHooksError) else f"{type(error).__name__}: {error}"
    return (
        (remote.without_copies(told) if remote.is_url(location) else told)
        .removeprefix(f"{location}: ")
        .removeprefix(f"{location} ")
    )
