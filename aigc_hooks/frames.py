"""Films that leave frame by frame."""

from __future__ import annotations

from typing import Any

from aigc_hooks import films
from aigc_hooks.artifact import Artifact
from aigc_hooks.carry import carry
from aigc_hooks.contents import labelled_films
from aigc_hooks.explicit.video import as_picture, opening
from aigc_hooks.labels import Label
from aigc_hooks.media import films_in
from aigc_hooks.provider import Provider, active
from aigc_hooks.stages import record, review, run


class FilmStream:
    """A film that leaves in frames, all with one label: shown in each, or in those of the opening.

    Where a label in the middle or at the end is asked for too, each frame shows it, for nobody knows which is the last.
    An item that is a film itself, a list or an array of frames, is labelled as one of its own.

    Args:
        provider: The settings.
        source: What makes it, for the audit record.
        fps: Frames a second; None where nothing tells.
    """

    def __init__(self, provider: Provider, source: str, fps: float | None) -> None:
        self._provider = active(provider)
        self._source = source
        self._fps = fps
        self._label: Label | None = None
        self._bare = False
        self._count = 0
        style = self._provider.video
        whole = style.coverage == "throughout" or style.middle or style.end
        self._shown = None if whole else opening(style, fps)

    def put(self, item: Any) -> Any:
        """The next frame with its label.

        Raises:
            LabelError: It cannot be labelled, and has not left.
        """
        if item is None:
            return None
        if films_in(item):
            return labelled_films(item, self._provider, self._source, self._fps)
        self._count += 1
        if self._label is None:
            return self._first(item)
        if self._bare or (self._shown is not None and self._count > self._shown):
            return self._later(item)
        artifact = Artifact([item], "video", self._source, label=self._label, fps=self._fps, exemption=None)
        run(artifact, self._provider)
        return artifact.content[0]

    def _first(self, frame: Any) -> Any:
        """It gets the label of all, and is recorded for them."""
        artifact = Artifact([frame], "video", self._source, fps=self._fps)
        if outcome := run(artifact, self._provider):
            self._label = artifact.label
            self._bare = outcome == "exempted"
            record(artifact, outcome, self._provider)
        return artifact.content[0]

    def _later(self, frame: Any) -> Any:
        """One that shows no label, and belongs to a film that has one."""
        review(Artifact(frame, "video", self._source, part="piece", fps=self._fps), self._provider)
        assert self._label is not None
        carry(frame, self._label, as_picture(self._provider), bare=True)
        films.remember([frame], self._label, self._provider, frozenset())
        return frame
