"""The bundle as PDF, in the font that ships with the package: it looks the same wherever it is opened."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

from aigc_hooks.duties.evidence import Evidence, Sample, versions
from aigc_hooks.duties.scheme import RULES
from aigc_hooks.errors import ConfigError
from aigc_hooks.explicit.lettering import SHIPPED_FONT

if TYPE_CHECKING:
    from fpdf import FPDF

_NAME_WIDTH, _LINE = 48.0, 6.0
"""Width of the names in tables, and height of a line, in millimetres."""


def document(evidence: Evidence) -> bytes:
    """The whole document.

    Raises:
        ConfigError: The library that writes PDF is missing.
    """
    try:
        from fpdf import FPDF
    except ImportError as error:
        raise ConfigError("the bundle as PDF needs fpdf2: pip install 'aigc-hooks[papers]'") from error
    pdf = FPDF()
    pdf.set_title("生成合成内容标识材料 Labelling evidence")
    pdf.add_font("label", fname=SHIPPED_FONT)
    pdf.set_auto_page_break(True, 15)
    pdf.add_page()
    _heading(pdf, "生成合成内容标识材料 Labelling evidence", 18)
    _table(pdf, {"服务提供者 Provider": evidence.provider.producer, "日期 Date": evidence.made})
    _paragraph(pdf, "《人工智能生成合成内容标识办法》第七条、第十二条。Measures, articles 7 and 12.")
    _heading(pdf, "一、依据 Rules")
    for chinese, english in RULES:
        _paragraph(pdf, f"{chinese}\n{english}")
    _heading(pdf, "二、标识方案 Scheme")
    for rule in evidence.rules:
        _heading(pdf, rule.title, 12)
        _paragraph(pdf, f"{rule.chinese}\n{rule.english}")
    _heading(pdf, "三、样例 Samples")
    for sample in evidence.samples:
        _sample(pdf, sample)
    _heading(pdf, "四、用户服务协议条款 Clause of the user agreement")
    _paragraph(pdf, evidence.agreement.replace("**", "").replace("#", "").strip())
    _heading(pdf, "五、设置 Settings")
    _table(pdf, evidence.settings())
    _heading(pdf, "六、版本 Versions")
    _table(pdf, versions())
    return bytes(pdf.output())


def _sample(pdf: FPDF, sample: Sample) -> None:
    _heading(pdf, sample.title, 12)
    pdf.image(io.BytesIO(sample.screenshot), w=min(pdf.epw, 120), alt_text=sample.title)
    _paragraph(pdf, f"{sample.path} · {sample.reading.carrier}")
    for finding in sample.reading.findings:
        elements = finding.label.to_dict() if finding.label else {"?": finding.raw}
        _table(pdf, {"位置 Place": finding.place, **elements})
    _paragraph(pdf, "符合 conforms" if sample.reading.conforms else "\n".join(sample.reading.defects))


def _heading(pdf: FPDF, text: str, size: int = 14) -> None:
    if pdf.will_page_break(40):  # a heading goes with what it heads
        pdf.add_page()
    pdf.ln(_LINE / 2)
    pdf.set_font("label", size=size)
    pdf.multi_cell(0, size * 0.6, text, align="L", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(1)


def _paragraph(pdf: FPDF, text: str) -> None:
    pdf.set_font("label", size=10)
    for line in text.splitlines():
        # Chinese has no spaces to break at.
        mode = "CHAR" if sum("一" <= character <= "鿿" for character in line) > len(line) / 3 else "WORD"
        pdf.multi_cell(0, _LINE, line, align="L", new_x="LMARGIN", new_y="NEXT", wrapmode=mode)
    pdf.ln(1)


def _table(pdf: FPDF, rows: Mapping[str, str]) -> None:
    pdf.set_font("label", size=9)
    for name, value in rows.items():
        if pdf.will_page_break(_LINE):
            pdf.add_page()
        pdf.cell(_NAME_WIDTH, _LINE, name)
        pdf.multi_cell(0, _LINE, value or "-", align="L", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(2)
