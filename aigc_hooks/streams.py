"""Text that leaves in pieces: which label goes where, and what of a text is recorded.

This is the thinking only: ``splicing`` puts the labels among the items of a stream.
"""

from __future__ import annotations

import logging

from aigc_hooks.artifact import Artifact
from aigc_hooks.duties.waiting import recorded
from aigc_hooks.errors import LabelError, ReviewRefused
from aigc_hooks.explicit import text as explicit
from aigc_hooks.labels import Label
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import Provider, active
from aigc_hooks.stages import forgive, record, review, run
from aigc_hooks.waiver import current

logger = logging.getLogger("aigc_hooks.streams")

_BROKEN_OFF = "the stream was broken off before its end"
_NOT_RECORDED = "a stream that was broken off could not be recorded: %s"


class TextStream:
    """The labels of one text whose pieces are on their way out.

    ``feed`` it each piece before the piece leaves, then call ``settle`` and ``end`` once, or ``abort`` where no end
    came. The stages run when the text is complete; for a label at the start they also run ahead of the first piece.

    Args:
        provider: The settings.
        source: What makes the text, for the audit record.
        passes: Why it is no content to label, where that is known from the start.

    Attributes:
        label: The implicit label, once the stages have made it.
        waiting: Whether a label at the start, or the record of an exemption, is still to come.
        pieces: What has left.
        checked: Whether every piece must be fed, for plugins review it. Where not, and while nothing is waited for, to
            add a piece to ``pieces`` is as good as to feed it.
    """

    def __init__(self, provider: Provider, source: str, passes: str = "") -> None:
        self.label: Label | None = None
        self._passes = passes
        self._provider = active(provider)  # as it is when the stream begins, whoever pulls it later
        self._source = source
        self.pieces: list[str] = []
        self._exemption = current()  # likewise
        self.waiting = (self._provider.text.position != "end" or self._exemption is not None) and not passes
        self.checked = hooks(self._provider).reviews
        self._refused = False
        self._begun = False
        self._forgiven = False

    def feed(self, piece: str) -> str | None:
        """Takes a piece that is about to leave.

        Returns:
            What goes before it, mostly nothing; or None where it must wait for the next one. Only the head of a text
            whose label stands at the start waits: while it is blank, or may become a whole HTML page, or its first line
            the label itself.

        Raises:
            LabelError: The text cannot be labelled. The piece must not leave.
        """
        self.pieces.append(piece)
        if self.checked and piece:
            self._review()
        if not self.waiting:
            return ""
        if piece.isspace() or not piece:
            return None
        if self._exemption is None and explicit.undecided("".join(self.pieces), self._provider):
            return None
        return self.settle()

    def _review(self) -> None:
        """Lets the plugins refuse the text with the piece that is about to leave."""
        text = "".join(self.pieces)
        piece = Artifact(
            text, "text", self._source, label=self.label, passes=self._passes, part="piece", exemption=self._exemption
        )
        try:
            review(piece, self._provider)
        except LabelError:
            self._refused = True
            raise

    def settle(self) -> str:
        """Ends the waiting for more.

        Returns:
            What goes before the pieces that have waited, or nothing.

        Raises:
            LabelError: The text cannot be labelled. The pieces must not leave.
        """
        if not self.waiting:
            return ""
        self.waiting = False
        head = "".join(self.pieces)
        if not head.strip() or (self._exemption is None and not explicit.before(head, self._provider)):
            return ""
        artifact = Artifact(head, "text", self._source, part="head", exemption=self._exemption)
        self.pieces.clear()  # where it fails, nothing has left
        self._forgiven = not run(artifact, self._provider, reviewed=self.checked)
        if self._forgiven:
            return ""
        self._begun = True
        self.label = artifact.label
        self.pieces.append(artifact.content)
        return str(artifact.content[: len(artifact.content) - len(head)])

    def end(self, passes: str = "") -> str:
        """Ends the text.

        Args:
            passes: Why it is no content to label, such as ``"tool calls"``.

        Returns:
            What goes after the last piece, or nothing.

        Raises:
            LabelError: The text cannot be labelled, or a plugin changed what has already left.
        """
        if self._forgiven:
            return ""
        sent = "".join(self.pieces)
        artifact = Artifact(
            sent,
            "text",
            self._source,
            label=self.label,
            passes=passes or self._passes,
            part="tail",
            exemption=self._exemption,
        )
        if self._begun and self._exemption is None:
            artifact.places.append("text start")
        try:
            outcome = run(artifact, self._provider)
            if outcome and not artifact.content.startswith(sent):
                outcome = ""
                changed = "a plugin changed text that has already left as a stream; only what follows it can be added"
                forgive(LabelError(changed, stage="render_explicit"), self._provider, source=self._source)
        except LabelError as error:
            self._refused = isinstance(error, ReviewRefused)
            self.abort(str(error))  # it left without, and whoever reads the record must know
            raise
        if not outcome:
            return ""
        self.label = artifact.label
        begun = self._begun and not artifact.passes
        if not (begun and self._exemption is not None):  # that was recorded before its first piece left
            record(artifact, "labelled" if begun else outcome, self._provider)
        return str(artifact.content[len(sent) :])

    def abort(self, reason: str = _BROKEN_OFF) -> None:
        """Records that the text ended without its last label. What has left cannot be called back."""
        sent = "".join(self.pieces)
        if self._forgiven or self._refused or self.waiting or not sent.strip():
            return  # nothing has left, or its refusal has been recorded
        begun = self._begun and self._exemption is None
        places = ["text start"] if begun else []
        artifact = Artifact("", "text", self._source, label=self.label, places=places)
        try:
            outcome = "labelled" if begun else "aborted"
            record(artifact, outcome, self._provider, reason)
        except LabelError as error:  # it must not take the place of what broke the stream off
            logger.error(_NOT_RECORDED, error)

    async def aabort(self) -> None:
        """``abort`` for asynchronous streams."""
        try:
            await recorded(self.abort, _BROKEN_OFF)
        except LabelError as error:
            logger.error(_NOT_RECORDED, error)
