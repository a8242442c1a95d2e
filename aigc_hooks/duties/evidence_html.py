"""The bundle as one HTML file, with its pictures and sounds in it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from html import escape

from aigc_hooks.artifact import Finding
from aigc_hooks.duties.evidence import Evidence, Sample, versions
from aigc_hooks.duties.scheme import RULES

_STYLE = """
body { font: 16px/1.6 "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif; max-width: 52rem;
  margin: 2rem auto; padding: 0 1rem; color: #1a1a1a }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
th, td { border: 1px solid #ccc; padding: .3rem .6rem; text-align: left; vertical-align: top; word-break: break-all }
th { background: #f3f3f3; font-weight: 600; width: 14rem }
img { max-width: 100%; border: 1px solid #ccc }
pre { white-space: pre-wrap; background: #f7f7f7; padding: 1rem }
.yes { color: #17703a } .no { color: #b00020 }
"""


def page(evidence: Evidence) -> str:
    """The whole document."""
    title = "生成合成内容标识材料 Labelling evidence"
    producer = evidence.provider.producer
    body = [
        f"<h1>{title}</h1>",
        _table({"服务提供者 Provider": producer, "日期 Date": evidence.made}),
        "<p>《人工智能生成合成内容标识办法》第七条、第十二条。<br>"
        "Measures for Labelling AI-Generated Content, articles 7 and 12.</p>",
        "<h2>一、依据 Rules</h2>",
        "<ul>" + "".join(f"<li>{escape(chinese)}<br>{escape(english)}</li>" for chinese, english in RULES) + "</ul>",
        "<h2>二、标识方案 Scheme</h2>",
        *(f"<h3>{escape(r.title)}</h3><p>{escape(r.chinese)}<br>{escape(r.english)}</p>" for r in evidence.rules),
        "<h2>三、样例 Samples</h2>",
        *map(_sample, evidence.samples),
        "<h2>四、用户服务协议条款 Clause of the user agreement</h2>",
        f"<pre>{escape(evidence.agreement)}</pre>",
        "<h2>五、设置 Settings</h2>",
        _table(evidence.settings()),
        "<h2>六、版本 Versions</h2>",
        _table(versions()),
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="zh"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _sample(sample: Sample) -> str:
    verdict = '<b class="yes">符合 conforms</b>' if sample.reading.conforms else '<b class="no">不符合 defective</b>'
    link = f'<a href="{escape(sample.path)}">{escape(sample.path)}</a>'
    parts = [
        f"<h3>{escape(sample.title)}</h3>",
        f"<p>{link} · {escape(sample.reading.carrier)} · {verdict}</p>",
        f'<p><img src="{_data("image/png", sample.screenshot)}" alt="{escape(sample.title)}"></p>',
    ]
    if sample.kind == "audio":
        parts.append(f'<p><audio controls src="{_data("audio/wav", sample.data)}"></audio></p>')
    parts += map(_finding, sample.reading.findings)
    parts.append("".join(f'<p class="no">{escape(defect)}</p>' for defect in sample.reading.defects))
    return "\n".join(parts)


def _finding(finding: Finding) -> str:
    elements = finding.label.to_dict() if finding.label else {"?": finding.raw}
    return _table({"位置 Place": finding.place, **elements})


def _table(rows: Mapping[str, str]) -> str:
    return "<table>" + "".join(_rows(rows.items())) + "</table>"


def _rows(items: Iterable[tuple[str, str]]) -> Iterable[str]:
    return (f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in items)


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"
