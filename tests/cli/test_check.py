"""aigc-hooks check: verdicts in a table, as JSON, SARIF and JUnit, and what the exit code says."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import junitparser
import pytest
import sarif_pydantic
from hypothesis import given
from hypothesis.strategies import text

from aigc_hooks import check
from aigc_hooks.checks.report import Check, Report
from aigc_hooks.checks.rules import EDITION, RULES
from aigc_hooks.cli import reports
from aigc_hooks.cli.reports import Verdicts

Cli = Callable[..., Any]
Picture = Callable[..., Path]


@pytest.fixture
def files(cli: Cli, picture: Picture) -> Path:
    """A folder with a file that passes, one that fails, one that is broken, and one whose format is not known."""
    good = picture("in/good.png")
    assert cli("label", good, "--in-place", "--producer", "acme").exit_code == 0
    picture("in/plain.jpg")
    Path("in/broken.png").write_bytes(good.read_bytes()[:200])
    Path("in/data.bin").write_bytes(b"\1\2\3")
    return Path("in")


def test_a_table_for_one_file(cli: Cli, files: Path) -> None:
    result = cli("check", files / "good.png")
    assert result.exit_code == 0, result.output
    shown = " ".join(result.output.split())
    for each in check(files / "good.png").checks:
        assert re.search(rf"^ *{each.id} ", result.output, re.MULTILINE)
        assert " ".join(each.rule.split()[:3]) in shown
    assert result.output.count("通过 pass") == 1 + len(check(files / "good.png").checks)
    assert "judged 1 files 已检查 1 个文件; passed 1 通过 1" in result.output
    assert "依据 GB 45438-2025; TC260-PG-20252A" in result.output
    assert max(map(len, result.output.splitlines()[:-2])) <= 80


def test_a_table_for_a_folder_shows_what_is_not_passed(cli: Cli, files: Path) -> None:
    result = cli("check", files)
    assert result.exit_code == 1
    assert "M-11" not in result.output
    assert "M-21" in result.output
    assert "does not mean that the content was not generated" in " ".join(result.output.split())
    assert re.search(r"in/good\.png\s+PNG\s+通过 pass", result.output)
    assert re.search(r"in/plain\.jpg\s+JPEG\s+不通过 fail", result.output)
    assert re.search(r"in/broken\.png\n\s+无法读取 cannot be read", result.output)
    assert re.search(r"in/data\.bin\n\s+跳过 skipped", result.output)
    told = "judged 2 files 已检查 2 个文件; passed 1 通过 1; failed 1 不通过 1; cannot be read 1 无法读取 1"
    assert f"{told}; skipped 1 跳过 1" in result.output


def test_json(cli: Cli, files: Path) -> None:
    result = cli("check", files, "--json")
    assert result.exit_code == 1
    data = json.loads(result.output)
    assert data["edition"] == {
        "standard": EDITION.standard,
        "guides": list(EDITION.guides),
        "since": EDITION.since,
    }
    assert [each["path"] for each in data["files"]] == ["in/good.png", "in/plain.jpg"]
    assert data["files"][0] == check("in/good.png").to_dict()
    assert [each["path"] for each in data["errors"]] == ["in/broken.png"]
    assert [each["path"] for each in data["skipped"]] == ["in/data.bin"]
    assert data["passed"] is False


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["in/good.png"], 0),
        (["in/good.png", "--strict"], 0),
        (["in/plain.jpg"], 1),
        (["in/broken.png"], 1),
        (["in/data.bin"], 1),
        (["in/missing.png"], 1),
        (["in", "--exclude", "plain.jpg", "--exclude", "broken.png"], 0),
        (["in", "--exclude", "plain.jpg", "--exclude", "broken.png", "--strict"], 1),
        (["in", "--exclude", "*.*g"], 2),
        (["in", "--exclude", "*.*g", "--strict"], 1),
        (["in/open.png"], 0),
        (["in/open.png", "--strict"], 1),
        (["in/good.png", "--json", "--sarif"], 2),
        (["in/good.png", "--provider", "nobody"], 2),
        ([], 2),
    ],
)
@pytest.mark.parametrize("form", [None, "--json", "--sarif", "--junit"])
def test_exit_codes(cli: Cli, files: Path, picture: Picture, arguments: list[str], code: int, form: str | None) -> None:
    if form and "--sarif" in arguments:
        form = "--junit"
    if "in/open.png" in arguments:
        Path("aigc.toml").write_text('producer = "acme"\nwording = "人工智能合成"\n', encoding="utf-8")
        assert cli("label", picture("in/open.png"), "--in-place").exit_code == 0
    assert cli("check", *arguments, *([form] if form else [])).exit_code == code


def test_the_wording_of_a_provider(cli: Cli, picture: Picture) -> None:
    Path("aigc.toml").write_text('[providers.own]\nproducer = "acme"\nwording = "人工智能合成"\n', encoding="utf-8")
    assert cli("label", picture("cat.png"), "--in-place", "--provider", "own").exit_code == 0
    assert cli("check", "cat.png", "--strict").exit_code == 1
    assert cli("check", "cat.png", "--strict", "--provider", "own").exit_code == 0


def test_sarif_is_read_by_another_library(cli: Cli, files: Path) -> None:
    result = cli("check", files, "--sarif")
    assert result.exit_code == 1
    log = sarif_pydantic.Sarif.model_validate_json(result.output)
    (run,) = log.runs
    assert log.version == "2.1.0"
    rules = {rule.id for rule in run.tool.driver.rules or []}
    assert rules == {*RULES, "readable"}
    found = [(each.rule_id, each.locations[0].physical_location.artifact_location.uri) for each in run.results or []]
    assert ("M-21", "in/plain.jpg") in found
    assert ("readable", "in/broken.png") in found
    assert not [each for each in found if each[1] == "in/good.png"]
    assert {each.rule_id for each in run.results or []} <= rules
    for each in json.loads(result.output)["runs"][0]["results"]:
        # SARIF 2.1.0, 3.27.9 and 3.27.10: only a failure has a level.
        assert (each["kind"], each["level"]) in (("fail", "error"), ("open", "none"))
    (note,) = json.loads(result.output)["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"].startswith("skipped: ")
    strict = json.loads(cli("check", files, "--sarif", "--strict").output)
    assert {each["level"] for each in strict["runs"][0]["results"]} == {"error"}


def odd_report(path: str) -> Verdicts:
    reason = "it holds \x00\x1b[31m & <b> \ud800 \uffff \U0001f600 '\""
    checks = (Check("M-02", "fail", reason, "<&>"), Check("A-01", "unknown", reason), Check("M-11", "pass", "one"))
    return Verdicts(False, [Report(path, "PNG", checks)], [(path, reason)], [(path, reason)])


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("a b/猫#1?.png", "a%20b/%E7%8C%AB%231%3F.png"),
        ("/a b/c.png", "file:///a%20b/c.png"),
        ("\udcff.png", "%FF.png"),
        ("s3://bucket/a b.png", "s3://bucket/a%20b.png"),
    ],
)
def test_locations_in_sarif_are_uris(path: str, uri: str) -> None:
    log = json.loads(json.dumps(reports.sarif(odd_report(path))))
    places = [each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in log["runs"][0]["results"]]
    assert places == [uri, uri, uri]


def test_junit_is_read_by_another_library(cli: Cli, files: Path) -> None:
    result = cli("check", files, "--junit")
    assert result.exit_code == 1
    Path("report.xml").write_text(result.output, encoding="utf-8")
    suites = {suite.name: suite for suite in junitparser.JUnitXml.fromfile("report.xml")}
    assert set(suites) == {"in/good.png", "in/plain.jpg", "in/broken.png", "in/data.bin"}
    good, plain, broken, data = (suites[f"in/{name}"] for name in ("good.png", "plain.jpg", "broken.png", "data.bin"))
    assert (good.tests, good.failures, good.errors, good.skipped) == (len(check("in/good.png").checks), 0, 0, 0)
    assert plain.failures == 1
    assert plain.skipped == len(check("in/plain.jpg").unknown)
    assert (broken.tests, broken.errors) == (1, 1)
    assert (data.tests, data.skipped) == (1, 1)
    assert {each.name: each.value for each in good.properties()}["edition"] == str(EDITION)
    (failed,) = [case for case in plain if any(isinstance(each, junitparser.Failure) for each in case.result)]
    assert failed.name.startswith("M-21 ")
    assert "no label found" in failed.result[0].message
    strict = ElementTree.fromstring(cli("check", files, "--junit", "--strict").output.encode())
    assert strict.get("skipped") == "0"
    assert int(strict.get("failures", "0")) == 1 + plain.skipped + 1


def test_junit_is_xml_whatever_a_file_says() -> None:
    root = ElementTree.fromstring(reports.junit(odd_report("a\x01<b>.png")).encode())
    assert root.get("tests") == "5"
    assert (root.get("failures"), root.get("errors"), root.get("skipped")) == ("1", "1", "2")
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.get("message") == "it holds \\x00\\x1b[31m & <b> \\xd800 \\xffff \U0001f600 '\""


@given(text(max_size=40), text(max_size=40))
def test_every_form_holds_every_name_and_reason(path: str, reason: str) -> None:
    found = Verdicts(True, [Report(path, "PNG", (Check("M-02", "fail", reason, path),))], [(path, reason)], [])
    root = ElementTree.fromstring(reports.junit(found).encode())
    assert root.get("tests") == "2"
    log = json.loads(json.dumps(reports.sarif(found)))
    for each in log["runs"][0]["results"]:
        uri = each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert uri.isascii()
        assert re.fullmatch(r"[\w.~:/?#\[\]@!$&'()*+,;=%-]*", uri)


def test_script(script: Callable[..., subprocess.CompletedProcess[str]], files: Path) -> None:
    done = script("check", files, "--sarif", "--jobs", "2")
    assert done.returncode == 1
    assert done.stderr == ""
    assert json.loads(done.stdout)["version"] == "2.1.0"
    nothing = script("check", files, "--exclude", "*")
    assert nothing.returncode == 2
    assert "nothing was judged" in nothing.stderr
