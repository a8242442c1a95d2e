"""Films on disk: the visible label is burnt into their pictures, everything else is copied (GB 45438-2025, 5.4).

The pictures are decoded, drawn on and encoded anew in their own codec, size, depth, colours and times; where the label
is shown for a while only, no more of them than that, if the codec allows it. Sound, subtitles, chapters, attachments
and titles are copied packet by packet; the rotation and the shape of pixels stay told as they were. Where the settings
ask for it, the sound gets its own label (5.3), and its tracks are encoded anew too.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aigc_hooks.artifact import Drawable, Reading
from aigc_hooks.codecs import pyav
from aigc_hooks.errors import AIGCHooksError, CarrierError, LabelError, UnsupportedCarrierError
from aigc_hooks.explicit.overlay import Overlay
from aigc_hooks.explicit.video import as_picture
from aigc_hooks.labels import Label
from aigc_hooks.provider import Provider
from aigc_hooks.reading import read_label
from aigc_hooks.saving import film_sound
from aigc_hooks.saving.atomic import beside, replacing
from aigc_hooks.saving.film_burning import Labels, Progress, burn
from aigc_hooks.saving.film_encoders import CONTAINERS, layout_of
from aigc_hooks.saving.film_frames import MOST_PIXELS, form_of, in_planes
from aigc_hooks.saving.film_splicing import matches
from aigc_hooks.saving.manifests import keep_manifests
from aigc_hooks.saving.writing import write_label
from aigc_hooks.security.signing import bound


@dataclass
class Film(Drawable):
    """A film on its way from one file to another.

    Attributes:
        source: Where it comes from.
        target: Where it goes.
        reading: What it carries already.
        labels: The explicit ones that it gets, filled when they are rendered.
        progress: Is told how much is done while they are burnt in, from 0 to 1.
    """

    source: Path
    target: Path
    reading: Reading
    labels: Labels = field(default_factory=Labels)
    progress: Progress | None = None

    @classmethod
    def open(cls, source: Path, target: Path, progress: Progress | None = None) -> Film:
        """Looks at a film.

        Raises:
            UnsupportedCarrierError: The target is named for another container, or for none that is known.
            CarrierError: It is damaged.
            OSError: It cannot be read.
        """
        if target.suffix.lower() != source.suffix.lower() or source.suffix.lower() not in CONTAINERS:
            raise UnsupportedCarrierError(
                f"{target}: a film keeps its container, by its name one of {', '.join(CONTAINERS)}, and the names are "
                f"{source.name!r} and {target.name!r}; name both alike"
            )
        return cls(source, target, read_label(source), progress=progress)

    def draw(self, provider: Provider) -> list[str]:
        """Makes the labels for its pictures, and for its sound where the settings ask for one.

        Raises:
            UnsupportedOutputError: The wording does not fit.
            CarrierError: It is damaged.
        """
        self.labels.style = provider.video
        for index, frame, overlay in self._first(provider):
            if not overlay.shows(frame):
                self.labels.first[index], self.labels.overlays[index] = frame, overlay
        if provider.video.track == "label":
            self.labels.sounds = film_sound.missing(self.source, provider)
        sounds = (f"{provider.audio.kind} over the sound of track {number}" for number in self.labels.sounds)
        return [*(["pixels"] if self.labels.overlays else []), *sounds]

    def shows(self, provider: Provider) -> bool:
        """Whether the first picture of each stream shows the label where the settings put it, and its sound has one."""
        if not all(overlay.shows(frame) for _, frame, overlay in self._first(provider)):
            return False
        return provider.video.track != "label" or not film_sound.missing(self.source, provider)

    def _first(self, provider: Provider) -> Iterator[tuple[int, Any, Overlay]]:
        """The first picture of each stream, and its label."""
        av = pyav.library()
        by = as_picture(provider)
        try:
            with av.open(str(self.source)) as container:
                numbers = [stream.index for stream in pyav.pictures(container)]
            for number in numbers:
                # Each by itself: what was read for one is gone for the others, and not every film can be rewound.
                with av.open(str(self.source)) as container:
                    stream = container.streams[number]
                    if stream.codec_context.width * stream.codec_context.height > MOST_PIXELS:
                        raise CarrierError(f"{self.source} tells a picture of more than {MOST_PIXELS} pixels")
                    frame = next(iter(container.decode(stream)), None)
                    if frame is None:
                        raise CarrierError(f"{self.source} holds no picture that can be decoded")
                    aspect = float(stream.sample_aspect_ratio or 1) or 1.0
                    frame = in_planes(frame, layout_of(stream))
                    yield number, frame, Overlay(form_of(frame, aspect), by)
        except av.error.FFmpegError as error:
            raise CarrierError(f"{self.source} is damaged: {error.strerror or error}") from error

    def save(self, label: Label | None, provider: Provider) -> None:
        """Writes the film, whole or not at all.

        Args:
            label: The implicit label; None where it goes without one.
            provider: Whose key signs.

        Raises:
            CarrierError: It is damaged, ends early, or is of a codec that cannot be encoded here.
            LabelError: The label did not arrive; the old file is as it was.
        """
        self.target.parent.mkdir(parents=True, exist_ok=True)
        if not self.labels:
            self._finish(self.source, label, provider)
            return
        keep_manifests(self.source, self.reading, provider.on_signed_content)
        with beside(self.target) as made:
            self._burn(made, provider)
            self._finish(made, label, provider)

    def _finish(self, made: Path, label: Label | None, provider: Provider) -> None:
        if label is not None:
            with made.open("rb") as stream:
                label = bound(label, provider, stream, made)
            write_label(made, label, output=self.target, on_signed_content=provider.on_signed_content)
        elif made != self.target:
            with made.open("rb") as stream, replacing(self.target) as file:
                shutil.copyfileobj(stream, file)

    def _burn(self, made: Path, provider: Provider) -> None:
        av = pyav.library()
        try:
            plans = burn(self.source, made, self.labels, self.progress)
            if plans and not matches(self.source, made, plans):
                burn(self.source, made, self.labels, self.progress, splice=False)
        except AIGCHooksError:
            raise
        except (av.error.FFmpegError, ValueError) as error:
            raise CarrierError(f"{self.source} cannot be written anew: {error}") from error
        if self.labels.sounds and (deaf := film_sound.missing(made, provider)):
            raise LabelError(
                f"the label did not arrive in the sound of {self.source} (tracks {', '.join(map(str, deaf))})",
                stage="read_back",
            )


def opening(path: Path, styles: Sequence[Provider], seconds: float) -> tuple[Provider | None, float, bool]:
    """Which label the first picture of a film shows, and for how long it is seen.

    Args:
        path: The film.
        styles: The labels that are looked for.
        seconds: How much of the film is looked at, if it shows one.

    Returns:
        By whose settings it is; until when, in seconds from the start; and whether the film ends there.

    Raises:
        CarrierError: It is damaged, or holds no picture.
        UnsupportedCarrierError: PyAV is missing.
    """
    av = pyav.library()
    overlay: Overlay | None = None
    found: Provider | None = None
    begin = until = 0.0
    try:
        with av.open(str(path)) as container:
            stream = next(iter(pyav.pictures(container)), None)
            if stream is None or stream.codec_context.width * stream.codec_context.height > MOST_PIXELS:
                raise CarrierError(f"{path} holds no picture of at most {MOST_PIXELS} pixels")
            for frame in container.decode(stream):
                time = float(frame.time or 0)
                planar = in_planes(frame)
                if overlay is None:
                    begin = time
                    form = form_of(planar, float(stream.sample_aspect_ratio or 1) or 1.0)
                    looks = ((style, Overlay(form, style)) for style in styles)
                    found, overlay = next((look for look in looks if look[1].shows(planar)), (None, None))
                    if overlay is None:
                        return None, 0.0, False
                elif not overlay.shows(planar):
                    return found, time - begin, False
                until = time - begin + float((frame.duration or 0) * (frame.time_base or 0))
                if until >= seconds:
                    return found, until, False
    except av.error.FFmpegError as error:
        raise CarrierError(f"{path} is damaged: {error.strerror or error}") from error
    if overlay is None:
        raise CarrierError(f"{path} holds no picture that can be decoded")
    return found, until, True
