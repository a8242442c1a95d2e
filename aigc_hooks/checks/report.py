"""The records of a compliance report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from importlib.metadata import version
from typing import Any, Literal

from aigc_hooks.checks.rules import EDITION, RULES, Edition

Status = Literal["pass", "fail", "unknown"]

_COLOURS = {"pass": "green", "fail": "red", "unknown": "darkorange"}


@dataclass(frozen=True, slots=True)
class Check:
    """What one file is by one rule.

    Attributes:
        id: The rule's id in the checklist, such as ``"M-11"``.
        status: ``"pass"``, ``"fail"``, or ``"unknown"`` where the file alone does not tell.
        reason: Why.
        place: Where in the file, such as ``"PNG iTXt XML:com.adobe.xmp"``; empty where that says nothing.
    """

    id: str
    status: Status
    reason: str
    place: str = ""

    @property
    def rule(self) -> str:
        """What the rule asks for."""
        return RULES[self.id].text

    @property
    def source(self) -> str:
        """Where the rule comes from."""
        return RULES[self.id].source

    def to_dict(self) -> dict[str, str]:
        """Plain data for JSON output."""
        return {
            "id": self.id,
            "status": self.status,
            "rule": self.rule,
            "source": self.source,
            "reason": self.reason,
            "place": self.place,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What ``check`` found about one file.

    It tells what the file shows, and no more: a pass is no legal opinion, and a missing label does not mean that the
    content was not generated.

    Attributes:
        path: The file.
        carrier: The format that was recognised, such as ``"PNG"``.
        checks: Every rule that applies to it, by id.
        edition: The standard and the guides that it was judged by.
        library: The version of this library.
    """

    path: str
    carrier: str
    checks: tuple[Check, ...]
    edition: Edition = EDITION
    library: str = field(default_factory=lambda: version("aigc-hooks"))

    @property
    def failed(self) -> tuple[Check, ...]:
        """The rules that the file breaks."""
        return self._of("fail")

    @property
    def unknown(self) -> tuple[Check, ...]:
        """The rules that the file alone cannot answer."""
        return self._of("unknown")

    @property
    def passed(self) -> bool:
        """Whether no rule is broken. Rules that are unknown may still be."""
        return not self.failed

    def _of(self, status: Status) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.status == status)

    def __getitem__(self, id: str) -> Check:
        """The check with this id.

        Raises:
            KeyError: The rule does not apply to this file.
        """
        for check in self.checks:
            if check.id == id:
                return check
        raise KeyError(f"{id} does not apply to {self.path}; it was judged by {', '.join(c.id for c in self.checks)}")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON output."""
        return {
            "path": self.path,
            "carrier": self.carrier,
            "passed": self.passed,
            "edition": {"standard": self.edition.standard, "guides": list(self.edition.guides)},
            "library": self.library,
            "checks": [check.to_dict() for check in self.checks],
        }

    def _repr_html_(self) -> str:
        """The view that notebooks show."""
        rows = "".join(
            f'<tr style="text-align:left"><td>{check.id}</td><td style="color:{_COLOURS[check.status]}">'
            f"{check.status}</td><td>{escape(check.rule)}</td><td>{escape(check.reason)}</td></tr>"
            for check in self.checks
        )
        head = f"<p><b>{escape(self.path)}</b> ({escape(self.carrier)}), judged by {escape(str(self.edition))}</p>"
        return f"{head}<table>{rows}</table>"


def every(ids: Iterable[str], status: Status, reason: str, place: str = "") -> list[Check]:
    """One verdict on several rules."""
    return [Check(id, status, reason, place) for id in ids]
