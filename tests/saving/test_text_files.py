"""label(Path) and save() of texts: both labels, every other byte as it was (T-01 to T-08, F-23 to F-30, M-18)."""

from __future__ import annotations

import codecs
import json
import logging
import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from aigc_hooks import (
    CarrierError,
    ForeignLabelError,
    LabelError,
    UnsupportedCarrierError,
    hookimpl,
    label,
    plugins,
    read_label,
    save,
)
from aigc_hooks.explicit.text import NOTICE
from aigc_hooks.implicit import front_matter, markdown
from aigc_hooks.provider import Provider
from aigc_hooks.saving import documents

ENCODINGS = {
    "utf-8": b"",
    "utf-8-sig": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "gbk": b"",
    "gb18030": b"",
}
FOREIGN = '---\nAIGC: {"Label":"1","ContentProducer":"other","ProduceID":"x"}\n---\nbody\n'


def encoded(text: str, encoding: str) -> bytes:
    return ENCODINGS[encoding] + text.encode(encoding.removesuffix("-sig"))


def body(data: bytes, encoding: str = "utf-8") -> str:
    """A text without mark and front matter."""
    text = data.removeprefix(ENCODINGS[encoding]).decode(encoding.removesuffix("-sig"))
    front = front_matter.front_matter(text)
    return text[front.stop :] if front else text


@pytest.fixture
def installed() -> Any:
    """Registers an object as a plugin for one test."""
    registered = []

    def register(plugin: object) -> None:
        manager = plugins.hooks()._manager
        manager.register(plugin)
        registered.append((manager, plugin))

    yield register
    for manager, plugin in registered:
        manager.unregister(plugin)


@pytest.fixture
def audited(caplog: pytest.LogCaptureFixture) -> Any:
    """The audit records since the last call."""
    caplog.set_level(logging.INFO, "aigc_hooks.audit")

    def records() -> list[dict[str, Any]]:
        found = [json.loads(record.getMessage()) for record in caplog.records]
        caplog.clear()
        return found

    return records


# Where the labels go


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        ("end", "# 猫\n\n{label}\n"),
        ("start", "{label}\n\n# 猫\n"),
        ("both", "{label}\n\n# 猫\n\n{label}\n"),
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.MARKDOWN"])
@pytest.mark.parametrize("front", ["", "---\ntitle: x\n---\n"])
def test_in_place(position: str, expected: str, name: str, front: str, provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(f"{front}# 猫\n".encode())
    assert label(path, provider=provider, text={"position": position}) == path
    data = path.read_bytes()
    assert body(data) == expected.format(label=NOTICE)
    reading = read_label(path)
    if name == "a.txt":
        assert (reading.carrier, reading.findings) == ("Markdown" if front else "text", ())
        assert data.decode() == front + body(data)
    else:
        assert reading.conforms
        assert reading.label is not None
        assert reading.label.content_producer == "acme"
        assert data.decode().startswith(front.removesuffix("---\n") or "---\nAIGC:\n")
    assert len(list(tmp_path.iterdir())) == 1


def test_another_file(provider: Provider, tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_bytes("猫".encode())
    assert label(source, provider=provider, output=tmp_path / "b.md") == tmp_path / "b.md"
    assert source.read_bytes() == "猫".encode()
    assert read_label(tmp_path / "b.md").conforms
    back = label(tmp_path / "b.md", provider=provider, output=tmp_path / "c.txt")
    assert back.read_bytes() == (tmp_path / "b.md").read_bytes()
    (tmp_path / "notes.log").write_bytes("猫".encode())
    assert (
        label(tmp_path / "notes.log", provider=provider, output=tmp_path / "d.txt").read_bytes().endswith("）".encode())
    )
    for target in ("x.png", "x.docx", "x"):
        with pytest.raises(UnsupportedCarrierError, match=r"\.txt, \.md, \.markdown.*choose for example 'x\.md'"):
            label(source, provider=provider, output=tmp_path / target)
        assert not (tmp_path / target).exists()


@pytest.mark.parametrize("text", ["# x\n\n```py\ncode", "# x\n\n```py\ncode\n"])
def test_an_open_block_of_code_is_closed_before_the_label(text: str, provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(text.encode())
    label(path, provider=provider)
    assert body(path.read_bytes()) == f"# x\n\n```py\ncode\n```\n\n{NOTICE}" + ("\n" if text.endswith("\n") else "")


def test_a_corner_mark_stands_in_the_last_line(provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("猫在河边。\r\n".encode())
    label(path, provider=provider, text={"mark": "corner"})
    assert path.read_bytes() == "猫在河边。ᴬᴵ\r\n".encode()


# Every other byte

bodies = st.text(alphabet="ab猫河。 #-`~|\n", max_size=80) | st.sampled_from(
    ["---\ntitle: 猫 # c\n---\n# 猫\n", "---\n\n猫\n\n---\n猫", "```\n猫", "# 猫\n\n---\na: b\n---\n\n\n", "AI", "（本"]
)
looks = st.fixed_dictionaries(
    {"position": st.sampled_from(["end", "start", "both"]), "mark": st.sampled_from(["notice", "corner"])}
)


@given(
    bodies,
    st.sampled_from(list(ENCODINGS)),
    st.sampled_from(["\n", "\r\n", "\r"]),
    looks,
    st.sampled_from(["a.txt", "a.md"]),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_text_keeps_every_byte_and_gets_each_label_once(
    provider: Provider, tmp_path: Path, text: str, encoding: str, end: str, look: dict[str, str], name: str
) -> None:
    if encoding.startswith("gb"):  # what can only be GBK, and what GBK lacks
        text = f"河边。{'ᴀ' if encoding == 'gb18030' else ''}\n{text}"
    before = encoded(text.replace("\n", end), encoding)
    path = tmp_path / name
    path.write_bytes(before)
    if encoding == "gbk":
        look["mark"] = "notice"
    label(path, provider=provider, text=look)
    after = path.read_bytes()
    if not text.split("---\n")[-1].strip():
        return  # blank, or front matter alone
    # What was there is there, in order; what came is the label, its line ends, and front matter.
    left, plain = body(before, encoding), body(after, encoding)
    kept = left.removesuffix(end) if end in text.replace("\n", end) else left
    shown = NOTICE if look["mark"] == "notice" else "ᴬᴵ"
    places = [at for at in range(len(plain)) if plain.startswith(kept, at)]
    assert any(shown in plain[:at] + "\0" + plain[at + len(kept) :] for at in places)
    assert kept.encode(encoding.removesuffix("-sig")) in after
    assert after.startswith(ENCODINGS[encoding])
    if end in text.replace("\n", end):
        assert plain.endswith(end) is left.endswith(end)
        assert end == "\n" or "\n" not in plain.replace(end, "")
    if name == "a.md":
        reading = read_label(path)
        assert reading.conforms
        assert reading.label is not None
        assert reading.label.content_producer == "acme"
    label(path, provider=provider, text=look)
    assert path.read_bytes() == after


def test_each_part_keeps_its_own_line_ends(provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"---\r\ntitle: x\r\n---\r\nbody\nmore\r\nlast\n")
    label(path, provider=provider)
    data = path.read_bytes()
    assert data.startswith(b"---\r\ntitle: x\r\nAIGC:\r\n  Label: ")
    assert data.endswith(b'"\r\n---\r\nbody\nmore\r\nlast\n\n' + f"{NOTICE}\n".encode())


def test_what_the_encoding_lacks_is_one_clear_error(provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("猫在河边。".encode("gbk"))
    with pytest.raises(LabelError, match=r"a\.txt is written in GBK, which has no 'ᴬ': the label 'ᴬᴵ'.*wording.*UTF-8"):
        label(path, provider=provider, text={"mark": "corner"})
    with pytest.raises(LabelError, match="GBK, which has no '™'"):
        label(path, provider=provider, wording="AI生成 ™")
    assert path.read_bytes() == "猫在河边。".encode("gbk")
    label(path, provider=provider)
    assert path.read_bytes() == f"猫在河边。\n\n{NOTICE}".encode("gbk")


TRADITIONAL = "雖然這篇文章是用傳統漢字寫成的，標識仍然應當以同樣的編碼寫入，其餘的每一個位元組都保持不變。"


@pytest.mark.parametrize("text", ["猫。", TRADITIONAL, "a 猫河 b", "ᠮᠣᠩᠭᠣᠯ 𠀀𠀁", "100€"])
def test_chinese_code_pages_are_known(text: str, provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode("gb18030"))
    label(path, provider=provider)
    assert path.read_bytes() == f"{text}\n\n{NOTICE}".encode("gb18030")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x89PNG\r\n\x1a\r\n\0\0\0", "NUL bytes"),
        (b"text\0text", "NUL bytes"),
        ("猫".encode("utf-16-le") * 9 + b"a\0", "NUL bytes"),
        (codecs.BOM_UTF32_LE + "a".encode("utf-32-le"), "NUL"),
        (codecs.BOM_UTF16_LE + b"abc", "truncated"),
        (codecs.BOM_UTF16_LE + b"\0\xd8a\0", "surrogate"),
        (codecs.BOM_UTF8 + b"\xff", "invalid start byte"),
        (b"\xff\xff\xff", "neither UTF-8 nor GB18030"),
        ("café, naïve “quotes” déjà".encode("cp1252"), "neither UTF-8 nor GB18030"),
        ("Élan über façade, pñata, Cœur, smörgåsbord".encode("cp1252"), "neither UTF-8 nor GB18030"),
        (b"BM\x36\0\0\0\0\0", "NUL bytes"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, reason: str, provider: Provider, tmp_path: Path) -> None:
    for name in ("a.txt", "a.md"):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(CarrierError, match=f"{name} cannot be read as text: .*{reason}"):
            label(path, provider=provider)
        assert path.read_bytes() == data


def test_the_content_tells_a_picture_and_the_name_a_text(provider: Provider, tmp_path: Path) -> None:
    picture = tmp_path / "picture.txt"
    Image.new("RGB", (200, 150)).save(picture, "PNG")
    label(picture, provider=provider)
    assert read_label(picture).carrier == "PNG"
    assert read_label(picture).conforms
    text = tmp_path / "text.png"
    text.write_bytes("猫".encode())
    with pytest.raises(CarrierError, match="cannot be read as a picture"):
        label(text, provider=provider)
    assert text.read_bytes() == "猫".encode()


@pytest.mark.parametrize("name", ["a.txt", "a.md"])
@pytest.mark.parametrize("data", [b"", b" \n\t\n", codecs.BOM_UTF8, b'{"a": [1]}\n', b"---\ntitle: x\n---\n\n"])
def test_what_has_nothing_to_label_is_copied_and_recorded(
    data: bytes, name: str, provider: Provider, tmp_path: Path, audited: Any
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    label(path, provider=provider)
    label(path, provider=provider, output=tmp_path / f"copy{path.suffix}")
    assert path.read_bytes() == (tmp_path / f"copy{path.suffix}").read_bytes() == data
    reason = "one JSON document" if b"{" in data else "blank text"
    assert [(each["outcome"], each["reason"], each["places"]) for each in audited()] == [("passed", reason, [])] * 2


# Once, and only one's own


def test_a_second_time_changes_nothing_and_keeps_the_number(provider: Provider, tmp_path: Path, audited: Any) -> None:
    path = tmp_path / "a.md"
    path.write_bytes("# 猫\n".encode())
    label(path, provider=provider)
    once, number = path.read_bytes(), path.stat().st_ino
    (first,) = audited()
    assert first["places"] == ["text end", "YAML front matter AIGC"]
    label(path, provider=provider)
    assert path.read_bytes() == once
    assert path.stat().st_ino == number  # not written at all
    (second,) = audited()
    assert second["outcome"] == "already-labelled"
    assert second["label"] == first["label"]
    copy = label(path, provider=provider, output=tmp_path / "b.md")
    assert copy.read_bytes() == once


def test_a_visible_label_that_was_lost_comes_back_with_the_same_number(provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes("# 猫\n".encode())
    label(path, provider=provider)
    once = path.read_bytes()
    path.write_bytes(once.replace(f"\n{NOTICE}\n".encode(), b""))
    label(path, provider=provider)
    assert path.read_bytes() == once
    front, _, rest = once.partition("# 猫".encode())
    path.write_bytes("# 猫".encode() + rest)  # and the other way about: a new number, one visible label
    label(path, provider=provider)
    assert path.read_bytes().endswith("# 猫".encode() + rest)
    assert path.read_bytes().decode().count(NOTICE) == 1
    assert read_label(path).conforms
    assert not path.read_bytes().startswith(front)


def test_an_own_label_that_breaks_the_standard_is_written_anew(provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"---\nAIGC:\n  Label: 1\n  ContentProducer: acme\n  ProduceID: '7'\n---\nbody\n")
    label(path, provider=provider)
    reading = read_label(path)
    assert reading.conforms
    assert reading.label is not None
    assert reading.label.produce_id == "7"
    path.write_bytes(b"---\nAIGC:\n  Label: AIGC\n  ContentProducer: acme\n---\nbody\n")
    label(path, provider=provider)
    assert read_label(path).conforms


@pytest.mark.parametrize("name", ["a.txt", "a.md"])
@pytest.mark.parametrize(
    "text",
    [
        FOREIGN,
        '---\nAIGC:\n  Label: "1",\n  "ContentProducer": "other",\n---\nbody\n',
        "---\nAIGC: {ContentProducer: acme, Label: '1', ProduceID: x}\naigc: {ContentProducer: other}\n---\nbody\n",
    ],
)
def test_the_label_of_another_producer_stays(text: str, name: str, provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode())
    if name == "a.txt" and "aigc" in text:
        return  # the second one is looked at where front matter is written
    for output in (None, tmp_path / f"copy{path.suffix}"):
        with pytest.raises(ForeignLabelError, match="'other'"):
            label(path, provider=provider, output=output)
    assert path.read_bytes() == text.encode()
    assert len(list(tmp_path.iterdir())) == 1


def test_on_error_warn_lets_the_text_go_as_it_is(provider: Provider, tmp_path: Path, audited: Any) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(FOREIGN.encode())
    with pytest.warns(UserWarning, match="'other'"):
        label(path, provider=provider, on_error="warn", output=tmp_path / "b.md")
    assert (tmp_path / "b.md").read_bytes() == FOREIGN.encode()
    (tmp_path / "a.txt").write_bytes("猫。".encode("gbk"))
    with pytest.warns(UserWarning, match="GBK"):
        label(tmp_path / "a.txt", provider=provider, on_error="warn", text={"mark": "corner"})
    assert (tmp_path / "a.txt").read_bytes() == "猫。".encode("gbk")
    assert [each["outcome"] for each in audited()] == ["failed", "failed"]


def test_the_record_of_a_plain_text_says_that_it_has_no_place(provider: Provider, tmp_path: Path, audited: Any) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("猫".encode())
    label(path, provider=provider)
    (record,) = audited()
    assert record["reason"] == "TXT has no place for the implicit label"
    assert record["places"] == ["text end"]


# Plugins and failures


def test_a_plugin_that_changes_the_text_changes_the_file(installed: Any, provider: Provider, tmp_path: Path) -> None:
    @hookimpl
    def aigc_embed_watermark(artifact: Any) -> None:
        artifact.content = artifact.content.replace("猫", "猫\u200b")

    installed(SimpleNamespace(aigc_embed_watermark=aigc_embed_watermark))
    path = tmp_path / "a.md"
    path.write_bytes("---\r\na: 1\r\n---\r\n猫\r\n猫\r\n".encode())
    label(path, provider=provider)
    assert body(path.read_bytes()) == f"猫\u200b\r\n猫\u200b\r\n\r\n{NOTICE}\r\n"
    assert read_label(path).conforms


def test_a_stage_that_fails_leaves_the_file_alone(installed: Any, provider: Provider, tmp_path: Path) -> None:
    @hookimpl
    def aigc_sign() -> None:
        raise RuntimeError("no key")

    installed(SimpleNamespace(aigc_sign=aigc_sign))
    path = tmp_path / "a.md"
    path.write_bytes(b"body")
    with pytest.raises(LabelError, match="no key"):
        label(path, provider=provider)
    with pytest.raises(LabelError, match="no key"):
        save("body", tmp_path / "b.md", provider=provider)
    assert path.read_bytes() == b"body"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_label_that_does_not_arrive_is_an_error(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"body")
    with monkeypatch.context() as patch:
        patch.setattr(markdown, "merge", lambda text, label: [])
        with pytest.raises(CarrierError):  # text without front matter is no Markdown to its reader
            label(path, provider=provider)
        path.write_bytes(b"---\na: 1\n---\nbody")
        with pytest.raises(LabelError, match=r"should hold the label .* once, found 0") as caught:
            label(path, provider=provider)
    assert caught.value.stage == "read_back"
    assert path.read_bytes() == b"---\na: 1\n---\nbody"
    assert len(list(tmp_path.iterdir())) == 1


def test_an_error_while_writing_leaves_the_old_file(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"body")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        label(path, provider=provider)
    assert path.read_bytes() == b"body"
    assert len(list(tmp_path.iterdir())) == 1


def test_links_and_modes_are_kept(provider: Provider, tmp_path: Path) -> None:
    path, link = tmp_path / "a.md", tmp_path / "link.md"
    path.write_bytes(b"body")
    path.chmod(0o640)
    link.symlink_to("a.md")
    label(link, provider=provider)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert read_label(path).conforms


def test_missing_files_and_folders(provider: Provider, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.md"):
        label(tmp_path / "none.md", provider=provider)
    (tmp_path / "folder.md").mkdir()
    with pytest.raises(IsADirectoryError):
        label(tmp_path / "folder.md", provider=provider)
    (tmp_path / "a.md").write_bytes(b"body")
    with pytest.raises(FileNotFoundError):
        label(tmp_path / "a.md", provider=provider, output=tmp_path / "no" / "b.md")


def test_a_text_that_is_too_long_is_refused(provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        file.truncate(documents.MAX_SIZE + 1)
    with pytest.raises(CarrierError, match=r"a\.txt has more than 67108864 bytes.*split it"):
        label(path, provider=provider)


@pytest.mark.parametrize(
    "line", ["这是一行中文，足够长。\n", "All work and no play makes Jack a dull boy.\n", "```\n", "a" * 64]
)
def test_a_long_text_is_labelled(line: str, provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    text = (line * (1 << 20))[: 1 << 20]
    path.write_text(text, encoding="utf-8")
    label(path, provider=provider)
    written = path.read_bytes().decode()
    assert text.rstrip("\n") in written
    assert read_label(path).conforms
