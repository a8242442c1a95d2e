"""Verdicts for programs: plain data, SARIF 2.1.0 (OASIS), JUnit XML."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from aigc_hooks.checks.report import Check, Report
from aigc_hooks.checks.rules import EDITION, RULES

VERSION = version("aigc-hooks")

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_READABLE = "readable"
"""Id of what SARIF and JUnit say of a file that cannot be read: no rule of the checklist."""

# What XML 1.0 cannot hold, not even escaped.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass
class Verdicts:
    """Everything that was found out about some files.

    Attributes:
        strict: Whether what is unknown fails.
        reports: Of each file that was judged.
        broken: Files that cannot be read, with the reason.
        skipped: Files of a folder whose format is not known, with the reason.
    """

    strict: bool
    reports: list[Report] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def is_failure(self, check: Check) -> bool:
        """Whether a verdict counts as failed."""
        return check.status == "fail" or (self.strict and check.status == "unknown")

    @property
    def fails(self) -> bool:
        """Whether anything does."""
        return bool(self.broken or (self.strict and self.skipped)) or any(
            self.is_failure(check) for report in self.reports for check in report.checks
        )


def plain(found: Verdicts) -> dict[str, Any]:
    """As plain data for JSON."""
    return {
        "edition": {"standard": EDITION.standard, "guides": list(EDITION.guides), "since": EDITION.since},
        "library": VERSION,
        "strict": found.strict,
        "passed": not found.fails,
        "files": [report.to_dict() for report in found.reports],
        "errors": [{"path": path, "error": reason} for path, reason in found.broken],
        "skipped": [{"path": path, "reason": reason} for path, reason in found.skipped],
    }


def sarif(found: Verdicts) -> dict[str, Any]:
    """As a SARIF log: a result for each rule that is broken or left open, and for each file that cannot be read.

    What has passed is left out: some viewers take every result for an alert.
    """
    results = [
        _result(check.id, _told(check), report.path, fails=found.is_failure(check))
        for report in found.reports
        for check in report.checks
        if check.status != "pass"
    ]
    results += [_result(_READABLE, f"cannot be read: {reason}", path, fails=True) for path, reason in found.broken]
    rules = [_rule(id, rule.text, rule.source) for id, rule in RULES.items()]
    notes = [
        {
            "level": "error" if found.strict else "note",
            "message": {"text": f"skipped: {reason}"},
            "locations": [_location(path)],
        }
        for path, reason in found.skipped
    ]
    run = {
        "tool": {
            "driver": {
                "name": "aigc-hooks",
                "version": VERSION,
                "rules": [*rules, _rule(_READABLE, "the file can be read", "none")],
                "properties": {"standard": EDITION.standard, "guides": list(EDITION.guides)},
            }
        },
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notes}],
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(id: str, text: str, source: str) -> dict[str, Any]:
    return {"id": id, "shortDescription": {"text": text}, "fullDescription": {"text": f"{text} ({source})"}}


def _result(id: str, text: str, path: str, *, fails: bool) -> dict[str, Any]:
    # By the specification, what is open has no level.
    kind = {"kind": "fail", "level": "error"} if fails else {"kind": "open", "level": "none"}
    return {"ruleId": id, **kind, "message": {"text": text}, "locations": [_location(path)]}


def _location(path: str) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(path)}}}


def _uri(path: str) -> str:
    """A path as a URI; relative where the path is, so that a checkout elsewhere finds it too."""
    if "://" in path:
        return quote(path, safe="/:?&=%#@+,;!*'()[]~")
    if Path(path).is_absolute():
        return Path(path).as_uri()
    return quote(Path(path).as_posix().encode(errors="surrogateescape"))


def _told(check: Check) -> str:
    place = f" ({check.place})" if check.place else ""
    return f"{check.rule}: {check.status}: {check.reason}{place}"


def junit(found: Verdicts) -> str:
    """As JUnit XML: a suite for each file, a case for each rule; what is unknown is skipped, or fails if strict."""
    root = ElementTree.Element("testsuites", name="aigc-hooks")
    for report in found.reports:
        suite = _suite(root, report.path)
        for check in report.checks:
            case = _case(suite, report.path, f"{check.id} {check.rule}")
            if found.is_failure(check):
                _outcome(case, "failure", check.reason, _told(check))
            elif check.status == "unknown":
                _outcome(case, "skipped", check.reason)
        _properties(suite)
    for path, reason in found.broken:
        _outcome(_case(_suite(root, path), path, _READABLE), "error", reason, reason)
    for path, reason in found.skipped:
        _outcome(_case(_suite(root, path), path, _READABLE), "failure" if found.strict else "skipped", reason)
    for each in (*root, root):
        for name, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            each.set(name, str(sum(1 for _ in each.iter(tag))))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, "unicode")


def _suite(root: ElementTree.Element, path: str) -> ElementTree.Element:
    return ElementTree.SubElement(root, "testsuite", name=_lawful(path), time="0")


def _case(suite: ElementTree.Element, path: str, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=_lawful(path), name=_lawful(name), time="0")


def _outcome(case: ElementTree.Element, kind: str, message: str, text: str = "") -> None:
    element = ElementTree.SubElement(case, kind, message=_lawful(message))
    if kind != "skipped":
        element.set("type", kind)
        element.text = _lawful(text or message)


def _properties(suite: ElementTree.Element) -> None:
    properties = ElementTree.Element("properties")
    for name, value in (("edition", str(EDITION)), ("library", VERSION)):
        ElementTree.SubElement(properties, "property", name=name, value=value)
    suite.insert(0, properties)


def _lawful(text: str) -> str:
    """A text with what XML cannot hold written as an escape."""
    return _NO_XML.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
