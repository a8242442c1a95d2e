"""The explicit label of a text (GB 45438-2025, 5.1): where it stands, what it leaves alone, and that it stands once."""

from __future__ import annotations

import html
import itertools
import json
import random
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from aigc_hooks import ConfigError, Provider, TextStyle, label, wrap
from aigc_hooks.explicit.text import NOTICE, left_alone, shows_label, sign_of, strip_label

TEXT = "早上好。Good morning."
POSITIONS = ["end", "start", "both"]
STYLES: list[dict[str, Any]] = [
    {"position": position, "mark": mark, "markup": markup}
    for position in POSITIONS
    for mark in ("notice", "corner")
    for markup in ("plain", "html")
]
OTHERS: list[dict[str, Any]] = [
    {"wording": "本回答由人工智能生成 / AI-generated", "position": "both"},
    {"wording": "AI合成", "mark": "corner", "position": "both"},
    {"wording": "内容<由>AI&生成", "markup": "html"},
]
# Pieces of which texts are made that a label could break, or be mistaken in.
PIECES = [
    *("word", "字", " ", "\n", "\n\n", "\r\n", "\t", "    ", ".", "{", "}", "[", "]", '"a":1', "1"),
    *(
        "```",
        "~~~",
        "```py\n",
        "> ",
        "- ",
        "1. ",
        "# ",
        "| a | b |\n",
        "---",
        "<p>",
        "</p>",
        "<!--",
        "-->",
        "<sup>AI</sup>",
    ),
    *(NOTICE, f"\n\n{NOTICE}", f"{NOTICE}\n\n", "ᴬᴵ", "[AI合成]", "AI", "生成", "（", "）", "AI合成"),
]
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map("".join)
styles = st.sampled_from(STYLES + OTHERS)


def provider(style: Any = None) -> Provider:
    return Provider(producer="acme", text=style or {})


# T-01, T-02: positions and forms


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ({}, f"{TEXT}\n\n{NOTICE}"),
        ({"position": "start"}, f"{NOTICE}\n\n{TEXT}"),
        ({"position": "both"}, f"{NOTICE}\n\n{TEXT}\n\n{NOTICE}"),
        ({"markup": "html"}, f"{TEXT}\n<p>{NOTICE}</p>"),
        ({"markup": "html", "position": "start"}, f"<p>{NOTICE}</p>\n{TEXT}"),
        ({"mark": "corner"}, f"{TEXT}ᴬᴵ"),
        ({"mark": "corner", "position": "start"}, f"ᴬᴵ {TEXT}"),
        ({"mark": "corner", "markup": "html"}, f"{TEXT}<sup>AI</sup>"),
        ({"mark": "corner", "markup": "html", "position": "both"}, f"<sup>AI</sup>{TEXT}<sup>AI</sup>"),
        ({"mark": "corner", "wording": "AI合成"}, f"{TEXT}[AI合成]"),
        ({"wording": "本内容由AI生成 / AI-generated"}, f"{TEXT}\n\n本内容由AI生成 / AI-generated"),
        ({"wording": "内容<由>AI生成", "markup": "html"}, f"{TEXT}\n<p>内容&lt;由&gt;AI生成</p>"),
    ],
)
def test_t01_t02_positions_and_forms(style: Any, expected: str) -> None:
    assert label(TEXT, provider=provider(style)) == expected


def test_t01_an_unknown_position_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"text\.position = 'middle': Input should be 'end', 'start' or 'both'"):
        label(TEXT, producer="acme", text={"position": "middle"})


def test_the_providers_own_wording_is_the_texts_too() -> None:
    assert label(TEXT, producer="acme", wording="由AI生成") == f"{TEXT}\n\n由AI生成"
    assert label(TEXT, producer="acme", wording="由AI生成", text={"wording": "AI合成"}) == f"{TEXT}\n\nAI合成"
    assert label(TEXT, producer="acme", wording="由AI生成", text={"mark": "corner"}) == f"{TEXT}ᴬᴵ"


def test_lists_of_texts() -> None:
    found = label(["a", ("b", "c")], provider=provider())
    assert found == [f"a\n\n{NOTICE}", (f"b\n\n{NOTICE}", f"c\n\n{NOTICE}")]


def test_a_paragraph_of_its_own_needs_no_more_than_one_empty_line() -> None:
    for end in ("\n", "\n\n", "\n\n\n"):
        assert label(f"a{end}", provider=provider()) == f"a\n\n{NOTICE}" if len(end) < 3 else f"a{end}{NOTICE}"


@pytest.mark.parametrize(
    "text",
    [
        "see https://example.com/a",
        "$$\nx\n$$",
        "Title\n-",
        "- - -",
        "| a | " + "b " * 400 + "|",
        "- ```\n  code",
        "-     code",
        "<br/>",
    ],
)
def test_a_corner_mark_at_what_it_would_break_is_a_paragraph(text: str) -> None:
    assert label(text, producer="acme", text={"mark": "corner"}) == f"{text}\n\nᴬᴵ"


@pytest.mark.parametrize("text", ["1. a\n2. b", "1) a", "___\na", "- a", "> a", "# a", "`a`", "<b>a</b>", " a"])
def test_a_corner_mark_before_what_it_would_break_is_a_paragraph(text: str) -> None:
    assert label(text, producer="acme", text={"mark": "corner", "position": "start"}) == f"ᴬᴵ\n\n{text}"


@pytest.mark.parametrize(
    "text", ["# 标题", "- one\n- two", "| a | b |", "```\ncode\n```", "---", "a\n", "    indented", "a</div>\n</div>"]
)
def test_a_corner_mark_breaks_no_block(text: str) -> None:
    made = label(text, producer="acme", text={"mark": "corner", "position": "both"})
    whole = MarkdownIt("commonmark").parse(made)
    bare = MarkdownIt("commonmark").parse(text)
    kinds = [
        token.type for token in whole if token.type.endswith("_open") or token.type in ("fence", "code_block", "hr")
    ]
    for kind in [token.type for token in bare if token.type in ("fence", "hr", "heading_open", "list_item_open")]:
        assert kind in kinds


# T-05: once


@given(texts, styles)
@settings(max_examples=600, deadline=None)
def test_t05_labelling_twice_gives_one_label(text: str, style: Any) -> None:
    settings = provider(style)
    once = label(text, provider=settings)
    assert label(once, provider=settings) == once
    if once != text:
        assert shows_label(once, settings)
        assert once.count(sign_of(settings).text) - text.count(sign_of(settings).text) in (1, 2)


@given(texts, styles)
@settings(max_examples=400, deadline=None)
def test_the_text_itself_does_not_change(text: str, style: Any) -> None:
    made = label(text, provider=provider(style))
    assert text in made
    assert made == text if left_alone(text) else made != text or shows_label(text, provider(style))


@pytest.mark.parametrize(
    "written",
    [
        "（本内容由AI生成）",
        "(本内容由AI生成)",
        "**本内容由AI生成**",
        "本内容由 AI 生成。",
        "> （本内容由AI生成）",
        "【本内容由AI生成】",
    ],
)
def test_a_label_that_a_model_wrote_is_known(written: str) -> None:
    text = f"{TEXT}\n\n{written}"
    assert label(text, provider=provider()) == text


@pytest.mark.parametrize(
    "written",
    [
        "（本内容由ai生成）",
        "（本内容由ＡＩ生成）",
        "他写道（本内容由AI生成）",
        "（本内容由AI生成）是标识",
        "本内容由人生成",
    ],
)
def test_an_unlawful_or_quoted_one_is_not_taken_for_the_label(written: str) -> None:
    text = f"{TEXT}\n\n{written}"
    assert label(text, provider=provider()) == f"{text}\n\n{NOTICE}"


@pytest.mark.parametrize("many", [1, 509, 510, 511, 512, 513, 525, 5000])
def test_blank_ends_hide_no_label_and_make_none(many: int) -> None:
    for blank in (" " * many, "\n" * many):
        both = provider({"position": "both"})
        once = f"{blank}{NOTICE}\n\n{TEXT}\n\n{NOTICE}{blank}"
        assert label(once, provider=both) == once
        quoted = f"{TEXT}{NOTICE}{blank}"
        assert label(quoted, provider=provider()).count(NOTICE) == 2


@pytest.mark.parametrize("edge", ["*", "—", " "])
def test_the_end_of_a_long_line_is_no_label(edge: str) -> None:
    for many in range(480, 560):
        quoted = f"他写道{edge * many}{NOTICE}"
        assert label(quoted, provider=provider()) == f"{quoted}\n\n{NOTICE}"


@pytest.mark.parametrize("text", [f"```\ncode\n{NOTICE}", f"- ```\n  code\n  {NOTICE}", f"<!--\n{NOTICE}"])
def test_a_label_in_an_open_block_does_not_count(text: str) -> None:
    made = label(text, provider=provider())
    assert paragraphs(made)[-1] == NOTICE
    assert label(made, provider=provider()) == made


def test_a_longer_wording_than_the_window_is_known_again() -> None:
    settings = provider({"wording": "本内容由AI生成" * 100, "position": "both"})
    once = label(TEXT, provider=settings)
    assert label(once, provider=settings) == once


# T-07: what stays as it is


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        "[]",
        "{}",
        ' \n[{"a": null}]\n ',
        json.dumps({"deep": [[[1, 2], {"x": "（本内容由AI生成）"}]]}, indent=2),
        '{"number": ' + "9" * 10_000 + "}",
        "[NaN, Infinity, -1e999]",
        '{"a": 1}' + " " * 2000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 2000 + "[]" + "}" * 2000,
    ],
)
@pytest.mark.parametrize("position", POSITIONS)
def test_t07_a_json_document_is_left_alone(text: str, position: str) -> None:
    assert label(text, producer="acme", text={"position": position}) == text
    assert left_alone(text) == "one JSON document"


@pytest.mark.parametrize(
    "text",
    [
        "42",
        "true",
        '"quoted"',
        "null",
        "[链接](x)",
        "{x}",
        '{"a": 1',
        '{"a": 1} and more',
        "[" * 100_000,
        "[" * 9 + "]" * 8,
    ],
)
def test_other_text_is_labelled_even_if_it_looks_like_json(text: str) -> None:
    assert label(text, provider=provider()).endswith(NOTICE)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('\ufeff{"a": 1}', "one JSON document"),
        ('{"a": 1}\n{"b": "x\u2028y"}\r\n\n  {}\n', "JSON Lines"),
        ("<answer><city>北京</city></answer>", "one XML document"),
        ("\n<ns:a xmlns:ns='urn:x'/>\n", "one XML document"),
        ('<?xml version="1.0" encoding="UTF-8"?>\n<!-- c --><p>x</p >', "one XML document"),
        ('<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>', "one XML document"),
        ("<a1>" * 50_000 + "</a1>" * 50_000, "one XML document"),
    ],
)
@pytest.mark.parametrize("position", POSITIONS)
def test_t07_other_documents_are_left_alone(text: str, what: str, position: str) -> None:
    made = label(text, producer="acme", text={"position": position})
    assert made == text
    assert left_alone(text) == what
    if "XML" in what:
        ElementTree.fromstring(made.strip())
    pieces = wrap(lambda: iter(text[:200]), kind="text", producer="acme", text={"position": position})()
    assert len(text) > 200 or "".join(pieces) == text


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}\n{"b": 2',
        '{"a": 1}\n[1]',
        "[1]\n[2]",
        "{a}\n{b}",
        "<p>早上好。</p>",
        "<DIV><b>x</b></DIV>",
        "<my-card>x</my-card>",
        "<answer>42</answer> is the answer",
        "<answer>42",
        "<answer>\ud800</answer>",
        "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>",
        "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>",
        "<3 you >",
        "<>",
        "<think>hm</think>Good morning.",
    ],
)
def test_what_is_no_document_is_labelled(text: str) -> None:
    for style in STYLES:
        by = provider(style)
        made = label(text, provider=by)
        assert sign_of(by).text in made
        assert "".join(wrap(lambda: iter(text), kind="text", provider=by)()) == made


@pytest.mark.parametrize("text", ["<answer>42</answer> is it", "<think>hm</think>Good morning."])
def test_what_may_become_xml_has_its_label_at_the_end(text: str) -> None:
    assert label(text, producer="acme", text={"position": "start"}) == f"{text}\n\n{NOTICE}"


def test_json_in_a_fence_is_labelled_after_the_fence() -> None:
    text = '```json\n{"a": 1}\n```'
    assert label(text, provider=provider()) == f"{text}\n\n{NOTICE}"


@pytest.mark.parametrize("text", ["", " ", "\n\t \r\n", "\u3000", " " * 5000])
def test_blank_text_is_left_alone(text: str) -> None:
    for style in STYLES:
        assert label(text, provider=provider(style)) == text


@pytest.mark.parametrize("text", ["{x}", "[链接](x)", "  [1] 参考", "<!DOCTYPE html><p>x", "<html><body>x"])
def test_what_may_become_json_or_is_a_whole_page_has_its_label_at_the_end(text: str) -> None:
    assert label(text, producer="acme", text={"position": "start"}) == f"{text}\n\n{NOTICE}"


# Markdown


MARKDOWN = MarkdownIt("commonmark")


def paragraphs(text: str) -> list[str]:
    """The paragraphs at the top level, which stand in no list, quotation or block of code."""
    tokens = MARKDOWN.parse(text)
    return [
        token.content
        for before, token in itertools.pairwise(tokens)
        if token.type == "inline" and before.type == "paragraph_open" and not before.level
    ]


def code(text: str) -> list[str]:
    return [token.content.rstrip() for token in MARKDOWN.parse(text) if token.type in ("fence", "code_block")]


BLOCKS = [
    "```python\nprint(1)",
    "```python\nprint(1)\n```",
    "~~~\nx\n```",
    "````\n```\nx",
    "````\n```\nx\n````",
    "1. one\n\n   ```bash\n   pip install",
    "1. one\n   ```bash\n   pip install\n   ```",
    "> ```\n> quoted",
    "- a\n  - b\n\n    ~~~\n    x",
    "``` not `a` fence",
    "text\n\n    indented code",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "<!-- a comment",
    "<script>\nlet x = 1",
    "<pre>\nx",
    "<div>\nx",
    "~~~\n" * 3,
    "```\n" * 1001,
    "a\n---",
    "```",
    "- ```",
    "> a\n```\nb",
]


@pytest.mark.parametrize("text", BLOCKS)
def test_the_label_is_a_paragraph_outside_all_code(text: str) -> None:
    made = label(text, provider=provider())
    assert paragraphs(made)[-1] == NOTICE
    assert code(made) == code(text)


def test_the_label_is_a_paragraph_after_any_blocks() -> None:
    chance = random.Random(0)
    fences = ["```", "````", "~~~", "```py", "~~~x"]
    blocks = ["text", "-", "1.", ">", "#", "*", "+", "|a|", "2)", "===", "---"]
    tags = ["<div>", "<!--", "-->", "<script>", "</script>", "<pre>", "<b>", "<?", "?>", "<![CDATA[", "]]>", "<!X"]
    pieces = ["", " ", "   ", "    ", "\t", *fences, *blocks, *tags]
    for _ in range(3000):
        lines = (
            "".join(chance.choice(pieces) for _ in range(chance.randint(0, 3))) for _ in range(chance.randint(1, 7))
        )
        text = "\n".join(lines)
        made = label(text, provider=provider())
        if made != text:
            assert paragraphs(made)[-1] == NOTICE, text
            assert code(made) == code(text), text
        made = label(text, producer="acme", text={"mark": "corner", "position": "both"})
        assert code(made) == code(text), text


@pytest.mark.parametrize(
    "text", ["`" * 300_000, "~" * 300_000, "\n" * 300_000 + "x", "> " * 100_000, "- " * 100_000, "a ``` " * 50_000]
)
@pytest.mark.parametrize("style", [{}, {"mark": "corner", "position": "both"}])
def test_hostile_texts_are_labelled(text: str, style: Any) -> None:
    for end in ("\nx", "\n - ```\n\n```\nx"):  # the second is read line by line
        made = label(text + end, provider=provider(style))
        assert sign_of(provider(style)).text in made[-40:]


# HTML


@given(st.text(alphabet="人工智能生成AI <>&\"'", min_size=1, max_size=12))
def test_html_shows_the_wording_as_it_is(extra: str) -> None:
    words = f"AI生成{extra}".strip()
    made = label(TEXT, producer="acme", text={"wording": words, "markup": "html"})
    assert html.unescape(made.rsplit("<p>", 1)[1].removesuffix("</p>")) == words


def test_the_style_is_a_setting_like_any_other() -> None:
    assert TextStyle(position="both") == TextStyle.model_validate({"position": "both"})
    assert hash(Provider(producer="a", text=TextStyle(mark="corner")))
    with pytest.raises(ConfigError, match=r"did you mean 'position'"):
        TextStyle(positon="end")


# History


@given(texts, styles)
@settings(max_examples=400, deadline=None)
def test_stripping_takes_out_what_labelling_put_in(text: str, style: Any) -> None:
    settings = provider(style)
    sign = sign_of(settings).text
    if sign in text or left_alone(text):
        return
    bare = strip_label(label(text, provider=settings), settings)
    assert sign not in bare
    assert bare.strip().startswith(text.strip())
    # All that may stay is what closed a block that was open.
    assert len(bare.strip()) - len(text.strip()) < 20 or "`" in text or "~" in text


def test_stripping_takes_whole_lines_and_no_quotations() -> None:
    acme = provider()
    assert strip_label(f"a\n\n{NOTICE}", acme) == "a"
    assert strip_label(f"{NOTICE}\n\na\n\n{NOTICE}\n\n{NOTICE}", acme) == "a"
    assert strip_label(f"one\n\n{NOTICE}\n\ntwo\n\n{NOTICE}\n", acme) == "one\n\ntwo\n"
    assert strip_label(f"a\r\n\r\n{NOTICE}\r\n", acme) == "a\r\n"
    assert strip_label(f"He wrote {NOTICE}", acme) == f"He wrote {NOTICE}"
    assert strip_label("(本内容由AI生成)", acme) == "(本内容由AI生成)"  # exact wording only
    assert strip_label(f"a\n\n{NOTICE}", provider({"wording": "AI合成"})) == f"a\n\n{NOTICE}"


def test_stripping_corner_marks_at_the_ends_only() -> None:
    corner = provider({"mark": "corner", "position": "both"})
    assert strip_label("ᴬᴵ aᴬᴵ", corner) == "a"
    assert strip_label("aᴬᴵb", corner) == "aᴬᴵb"


def test_p10_no_public_name_strips() -> None:
    import aigc_hooks

    assert not [name for name in aigc_hooks.__all__ if any(word in name for word in ("strip", "remove", "clean"))]
