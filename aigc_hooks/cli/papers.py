"""``evidence``: the bundle for app stores and filing, written to a folder."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from aigc_hooks.cli import tables
from aigc_hooks.cli.samples import make
from aigc_hooks.duties import evidence_html, evidence_pdf
from aigc_hooks.duties.agreement import agreement
from aigc_hooks.duties.evidence import Evidence
from aigc_hooks.on_disk import label_metadata
from aigc_hooks.provider import resolve
from aigc_hooks.saving.atomic import replacing


def bundle(out: Path, provider: str | None) -> int:
    """Makes the samples and writes the papers; returns the exit code: 1 where a sample does not conform.

    Raises:
        ConfigError: A setting is missing or wrong, or the library that writes PDF is missing.
        AIGCHooksError: A sample cannot be labelled.
    """
    settings = resolve(provider, {"on_error": "raise"})
    out.mkdir(parents=True, exist_ok=True)
    evidence = Evidence(settings, date.today().isoformat(), make(out, settings), agreement(settings, "zh"))
    papers = {
        "evidence.html": evidence_html.page(evidence).encode(),
        "evidence.pdf": evidence_pdf.document(evidence),
        "evidence.json": evidence.to_json().encode(),
        "agreement.md": agreement(settings).encode(),
    }
    for name, data in papers.items():
        with replacing(out / name) as file:
            file.write(data)
    for name in ("evidence.html", "evidence.pdf"):  # they show the samples, and so are labelled like these
        label_metadata(out / name, None, settings)
    console = tables.console()
    for sample in evidence.samples:
        console.print(f"{out / sample.path}: ", tables.verdict(sample.reading), sep="", soft_wrap=True)
        for check in sample.report.failed:
            console.print(f"  {check.id} {check.rule}: {check.reason}", soft_wrap=True)
    console.print(f"written 已写入: {', '.join(str(out / name) for name in papers)}", soft_wrap=True)
    return 0 if evidence.conforms else 1
