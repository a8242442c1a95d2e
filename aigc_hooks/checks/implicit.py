"""Judges the implicit label: what the readers found, sorted by the rule that each defect breaks."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator

from aigc_hooks.artifact import BY_ANALOGY, Finding, Reading
from aigc_hooks.checks.report import Check
from aigc_hooks.errors import LabelFormatError
from aigc_hooks.labels import KEYS, Label, ProviderCode

# The sentences of ``labels`` and ``implicit.field``, and of the carriers about names; what else a carrier says is about
# its place. The first that fits counts.
_DEFECTS = tuple(
    (id, re.compile(pattern))
    for id, pattern in (
        ("M-09", r"element 'ReservedCode[12]' is missing|ReservedCode[12] is misspelt"),
        (
            "M-13",
            r"encoded twice|encoded in Base64|is compressed|percent-encoded|quotes of the JSON|single quotes|is UTF-16",
        ),
        (
            "M-14",
            r"wrapp|asks for the object inside|asks for the bare object|stands before the JSON|other text follows",
        ),
        ("M-03", r"must be a string|is a YAML alias|holds elements, not plain text"),
        ("M-10", r"outside printable ASCII"),
        ("M-04", r"Label must be"),
        ("M-06", r"^ContentProducer is empty"),
        ("M-07", r"^ProduceID is empty"),
        (
            "M-02",
            r"no element of|is no element|is missing$|appears twice|is misspelt|is not JSON|nested too|was not parsed"
            r"|asks for the seven keys",
        ),
        ("M-01", r"(?:key|keyword|frame|property) is (?:named |described )?['\"].*, not "),
    )
)
_OF_THE_FIELD = ("M-01", "M-02", "M-03", "M-04", "M-06", "M-07", "M-09", "M-10", "M-13", "M-14")

# What each format's place is judged by; a carrier that a plugin brings under another name has none here.
_PLACES = tuple(
    (id, re.compile(pattern, re.IGNORECASE))
    for id, pattern in (
        ("F-01", r"JPEG"),
        ("F-03", r"A?PNG"),
        ("F-05", r"WebP"),
        ("F-06", r"GIF"),
        ("F-07", r"(?:Big)?TIFF"),
        ("F-08", r"HEI[CF]"),
        ("F-09", r"AVIF"),
        ("F-11", r"WAV"),
        ("F-12", r"MP3"),
        ("F-13", r"FLAC"),
        ("F-14", r"Ogg.*|Opus"),
        ("F-15", r"M4A"),
        ("F-16", r"MP4|MOV|M4V|QuickTime"),
        ("F-17", r"MKV|WebM|Matroska.*"),
        ("F-18", r"FLV"),
        ("F-19", r"AVI"),
        ("F-20", r"AAC|ASF|AIFF|WM[AV]|3GPP?|MPEG.*"),
        ("F-21", r"PDF"),
        ("F-22", r"DOCX|XLSX|PPTX|OOXML|Office.*"),
        ("F-23", r"Markdown"),
        ("F-24", r"text|TXT|HTML|SVG|EPUB|OD[FTSP]|OpenDocument|OFD|notebook|Jupyter.*|glTF|GLB|PLY|OBJ"),
    )
)

_KEY = re.compile(r'(?<!\\)"(' + "|".join(KEYS.values()) + r')"\s*:')
_SPACE_OUTSIDE = re.compile(r'"(?:[^"\\]|\\.)*"|(\s)')
_CODE_LIKE = re.compile(r"0011[0-9A-Z]{23}")


def judge(reading: Reading, suffix: str = "") -> list[Check]:
    """The verdicts on the implicit label of a file.

    Without a label, only whether there must be one can be judged.

    Args:
        reading: What was read from the file.
        suffix: How its name ends: the same container of sound and of film is named in two guides.
    """
    if not reading.findings:
        if _format_rule(reading.carrier) == "F-24":
            reason = f"no label found; no guide is known that has a place for it in this format ({reading.carrier})"
            return [Check("M-21", "unknown", reason), *_of_the_signature(reading)]
        reason = "no label found (which does not mean that the content was not generated)"
        return [Check("M-21", "fail", reason), *_of_the_signature(reading)]
    places = ", ".join(dict.fromkeys(finding.place for finding in reading.findings))
    return [
        Check("M-21", "pass", "a label was found", places),
        *_of_the_field(reading),
        *_of_the_values(reading.findings[0]),
        *_of_the_file(reading, places),
        *_of_the_place(reading, suffix.lower()),
        *_of_the_signature(reading),
    ]


def rule_of(defect: str) -> str | None:
    """The rule that a defect of a finding breaks; None where that is the one on the place in its format."""
    return next((id for id, pattern in _DEFECTS if pattern.search(defect)), None)


def _format_rule(carrier: str) -> str | None:
    return next((id for id, pattern in _PLACES if pattern.fullmatch(carrier)), None)


def _of_the_field(reading: Reading) -> Iterator[Check]:
    broken: dict[str, dict[str, str]] = {}
    for finding in reading.findings:
        for defect in (*finding.defects, *_order(finding)):
            broken.setdefault(rule_of(defect) or "", {})[defect] = finding.place
    for id in _OF_THE_FIELD:
        if found := broken.get(id):
            yield Check(id, "fail", "; ".join(found), ", ".join(dict.fromkeys(found.values())))
        else:
            yield Check(id, "pass", "as it should be")
    loose = [finding for finding in reading.findings if _is_loose(finding.raw)]
    if loose:
        yield Check("M-15", "fail", "there is white space between the elements", loose[0].place)
    else:
        yield Check("M-15", "pass", "as it should be")


def _order(finding: Finding) -> Iterator[str]:
    """Annex E b) prints the elements in one order; that of others is a defect that the readers forgive."""
    keys = [key for key in _KEY.findall(finding.raw) if key in KEYS.values()]
    if len(keys) == len(KEYS) and keys != list(KEYS.values()) and sorted(keys) == sorted(KEYS.values()):
        yield f"no element of Annex E is missing, but they stand in another order: {', '.join(keys)}"


def _is_loose(raw: str) -> bool:
    """Whether there is white space outside the strings of a JSON text."""
    text = raw.strip()
    return text.startswith("{") and any(match[1] for match in _SPACE_OUTSIDE.finditer(text))


def _of_the_values(finding: Finding) -> Iterator[Check]:
    label = finding.label
    if label is None:
        return
    if label.label == "1":
        yield Check("M-05", "pass", "Label is 1: the content is generated", finding.place)
    else:
        reason = f"Label is {label.label!r}, which a platform may write (Measures, article 6) and a producer may not"
        yield Check("M-05", "unknown", reason, finding.place)
    yield _propagator(label, finding.place)
    if _CODE_LIKE.fullmatch(label.content_producer):
        yield _code(label.content_producer, finding.place)


def _propagator(label: Label, place: str) -> Check:
    producer = (label.content_producer, label.produce_id)
    propagator = (label.content_propagator, label.propagate_id)
    if propagator == producer:
        return Check("M-08", "pass", "they are the producer's", place)
    if not any(propagator):
        reason = "they are empty; some services leave them so on first writing, which this may be"
        return Check("M-08", "unknown", reason, place)
    if all(propagator):
        return Check("M-08", "pass", f"they name {label.content_propagator!r}, which has spread the content", place)
    return Check("M-08", "fail", "one of ContentPropagator and PropagateID is empty, the other is not", place)


def _code(code: str, place: str) -> Check:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an unusual service kind is no fault
        try:
            ProviderCode.parse(code)
        except LabelFormatError as error:
            return Check("C-04", "unknown", f"it looks like a provider code, but may be a plain name: {error}", place)
    return Check("C-04", "pass", "the check character is right", place)


def _of_the_file(reading: Reading, places: str) -> Iterator[Check]:
    count = len(reading.findings)
    if count == 1:
        yield Check("M-11", "pass", "one label", places)
        yield Check("M-12", "pass", "one place", places)
        return
    yield Check("M-11", "fail", f"{count} labels in one file", places)
    said = {json.dumps(f.label.to_dict()) if f.label else f.raw for f in reading.findings}
    if len(said) == 1:
        yield Check("M-12", "pass", "the labels are the same", places)
    else:
        yield Check("M-12", "fail", f"{len(said)} different labels", places)


def _of_the_place(reading: Reading, suffix: str) -> Iterator[Check]:
    """Whether the label stands where the guide for its format has it; one verdict a rule, the worst of its findings."""
    verdicts: dict[str, Check] = {}
    for finding in reading.findings:
        id = _place_rule(reading.carrier, finding.place, suffix)
        if id is None:
            continue
        wrong = [defect for defect in finding.defects if rule_of(defect) is None]
        if reading.by_analogy and id in _WITH_KIN:
            id = "F-20"
        if wrong:
            verdict = Check(id, "fail", "; ".join(wrong), finding.place)
        elif reading.by_analogy:
            verdict = Check(id, "unknown", BY_ANALOGY, finding.place)
        else:
            verdict = Check(id, "pass", "it stands where the guide has it", finding.place)
        if id not in verdicts or _WORSE[verdict.status] > _WORSE[verdicts[id].status]:
            verdicts[id] = verdict
    yield from verdicts.values()


def _of_the_signature(reading: Reading) -> Iterator[Check]:
    """That a C2PA manifest is there, which nothing here verifies."""
    if not reading.manifests:
        return
    if reading.findings:
        reason = "a C2PA manifest is there; whether it was signed after the label was written, its validators tell"
    else:
        reason = "a C2PA manifest is there, and a label written now would break it: label first, sign with C2PA after"
    yield Check("F-29", "unknown", reason, ", ".join(reading.manifests))


# AAC behind an ID3 tag is known as MP3 is, and 3GP as MP4.
_WITH_KIN = ("F-12", "F-15", "F-16")

_WORSE = {"pass": 0, "unknown": 1, "fail": 2}


def _place_rule(carrier: str, place: str, suffix: str) -> str | None:
    usual = _format_rule(carrier)
    if usual in ("F-01", "F-05") and place.startswith("Exif UserComment"):
        return "F-02"
    if usual == "F-16" and suffix in (".m4a", ".m4b"):
        return "F-15"
    if usual == "F-03" and place.endswith("Xt AIGC"):
        return "F-04"
    return usual
