"""Pictures in answers are labelled as the pictures they are; sounds, films and files elsewhere are not released."""

from __future__ import annotations

import base64
import copy
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chat_models import LABEL, Scripted, Streaming, added, piece
from langchain_core.messages import AIMessage
from PIL import Image

from aigc_hooks import LabelError, Provider, SignedContentError, UnsupportedOutputError, read_label, wrap
from aigc_hooks.explicit.picture import shows_label

ACME = Provider(producer="acme")


def encoded(format: str = "PNG") -> str:
    file = io.BytesIO()
    Image.effect_noise((320, 200), 50).convert("RGB").save(file, format)
    return base64.b64encode(file.getvalue()).decode()


def check(text: str, format: str = "PNG") -> None:
    data = base64.b64decode(text)
    reading = read_label(data)
    assert reading.conforms
    assert reading.label is not None
    assert reading.label.content_producer == "acme"
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size) == (format, (320, 200))
        assert shows_label(image, ACME)


PICTURES: list[tuple[str, Any, Any]] = [
    ("v1", lambda b: {"type": "image", "base64": b, "mime_type": "image/png"}, lambda block: block["base64"]),
    ("v0", lambda b: {"type": "image", "source_type": "base64", "data": b}, lambda block: block["data"]),
    (
        "url",
        lambda b: {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b}"}},
        lambda block: block["image_url"]["url"].partition(",")[2],
    ),
    (
        "plain url",
        lambda b: {"type": "image_url", "image_url": f"data:image/png;base64,{b}"},
        lambda block: block["image_url"].partition(",")[2],
    ),
    ("media", lambda b: {"type": "media", "mime_type": "image/png", "data": b}, lambda block: block["data"]),
    (
        "call",
        lambda b: {"type": "image_generation_call", "id": "1", "result": b, "status": "completed"},
        lambda block: block["result"],
    ),
    (
        "non-standard",
        lambda b: {"type": "non_standard", "value": {"type": "image_generation_call", "result": b}},
        lambda block: block["value"]["result"],
    ),
]


@pytest.mark.parametrize(("block", "data"), [case[1:] for case in PICTURES], ids=[case[0] for case in PICTURES])
def test_a_picture_in_base64_carries_both_labels(block: Any, data: Any) -> None:
    content = [{"type": "text", "text": "look"}, block(encoded())]
    before = copy.deepcopy(content)
    message = AIMessage(content)
    answer = wrap(Scripted(script=[message]), provider=ACME).invoke("draw")
    assert answer.content[0]["text"] == "look" + LABEL
    check(data(answer.content[1]))
    assert message.content == before  # the model's own message is as it was
    assert {k for k in answer.content[1] if k != "id"} >= {k for k in before[1] if k != "id"}


def test_a_picture_alone_is_labelled_and_no_text_is_added() -> None:
    block = {"type": "image", "base64": encoded("JPEG"), "mime_type": "image/jpeg"}
    (answer,) = wrap(Scripted(script=[AIMessage([block])]), provider=ACME).invoke("draw").content
    check(answer["base64"], "JPEG")


def test_bytes_stay_bytes() -> None:
    block = {"type": "media", "mime_type": "image/webp", "data": base64.b64decode(encoded("WEBP"))}
    (answer,) = wrap(Scripted(script=[AIMessage([block])]), provider=ACME).invoke("draw").content
    assert isinstance(answer["data"], bytes)
    check(base64.b64encode(answer["data"]).decode(), "WEBP")


def test_a_picture_in_a_stream() -> None:
    class Drawing(Streaming):
        def _stream(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
            yield piece([{"type": "text", "text": "look", "index": 0}])
            yield piece([{"type": "image", "base64": encoded(), "mime_type": "image/png", "index": 1}])

    whole = added(list(wrap(Drawing(), provider=ACME).stream("draw")))
    assert whole.text == "look" + LABEL
    check(next(block for block in whole.content if block["type"] == "image")["base64"])


REFUSED: list[tuple[Any, str]] = [
    ({"type": "audio", "base64": "AAAA", "mime_type": "audio/wav"}, "audio which cannot be labelled"),
    ({"type": "video", "base64": "AAAA", "mime_type": "video/mp4"}, "video which cannot be labelled"),
    ({"type": "media", "mime_type": "audio/mp3", "data": "AAAA"}, "audio which cannot be labelled"),
    ({"type": "image_url", "image_url": {"url": "data:video/mp4;base64,AAAA"}}, "video which cannot be labelled"),
    ({"type": "file", "base64": "AAAA", "mime_type": "application/pdf"}, "application which cannot be labelled"),
    ({"type": "image", "url": "https://example.com/cat.png"}, "that lies elsewhere"),
    ({"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}, "that lies elsewhere"),
    ({"type": "image", "file_id": "file-1"}, "no bytes are at hand"),
]


@pytest.mark.parametrize(("block", "why"), REFUSED)
def test_what_cannot_be_labelled_is_not_released(block: Any, why: str) -> None:
    model = wrap(Scripted(script=[AIMessage([{"type": "text", "text": "hear"}, block])]), provider=ACME)
    with pytest.raises(UnsupportedOutputError, match=why):
        model.invoke("hi")


def test_sound_beside_the_content_is_not_released() -> None:
    message = AIMessage("", additional_kwargs={"audio": {"id": "1", "data": "AAAA", "transcript": "hi"}})
    with pytest.raises(UnsupportedOutputError, match="in additional_kwargs"):
        wrap(Scripted(script=[message]), provider=ACME).invoke("hi")


def test_a_warning_instead_where_the_settings_say_so() -> None:
    block = {"type": "audio", "base64": "AAAA", "mime_type": "audio/wav"}
    model = wrap(Scripted(script=[AIMessage([block])]), producer="acme", on_error="warn")
    with pytest.warns(UserWarning, match="audio which cannot be labelled"):
        assert model.invoke("hi").content == [block]


@pytest.mark.parametrize(("data", "why"), [("!!!", "no Base64"), ("AAAA", "cannot be read as a picture")])
def test_a_broken_picture_is_not_released(data: str, why: str) -> None:
    model = wrap(Scripted(script=[AIMessage([{"type": "image", "base64": data}])]), provider=ACME)
    with pytest.raises((LabelError, ValueError), match=why):
        model.invoke("draw")


def test_other_blocks_pass() -> None:
    blocks = [
        {"type": "reasoning", "reasoning": "hm"},
        {"type": "server_tool_call", "id": "1", "name": "search", "args": {}},
        {"type": "image_generation_call", "id": "1", "status": "in_progress"},
        {"type": "text", "text": "done"},
    ]
    assert wrap(Scripted(script=[AIMessage(blocks)]), provider=ACME).invoke("hi").content[:3] == blocks[:3]


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("tool_outputs", lambda b: {"type": "image_generation_call", "status": "completed", "result": b}),
        ("images", lambda b: {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b}"}}),
    ],
)
def test_pictures_beside_the_content(name: str, block: Any) -> None:
    extra = {name: [block(encoded()), {"type": "web_search_call", "id": "2"}], "other": 1}
    before = copy.deepcopy(extra)

    class Pieces(Streaming):
        def _stream(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
            yield piece("look")
            yield piece("", additional_kwargs=extra)

    model = wrap(Scripted(script=[AIMessage("look", additional_kwargs=extra)]), provider=ACME)
    streamed = wrap(Pieces(), provider=ACME)
    for answer in (model.invoke("draw"), added(list(streamed.stream("draw")))):
        assert answer.content == "look" + LABEL
        picture, search = answer.additional_kwargs[name]
        check(picture["result"] if "result" in picture else picture["image_url"]["url"].partition(",")[2])
        assert search == {"type": "web_search_call", "id": "2"}
        assert answer.additional_kwargs["other"] == 1
    assert extra == before


SIGNED = Path(__file__).parents[1] / "data" / "c2pa"


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "tiff", "avif"])
def test_a_picture_that_c2pa_has_signed_is_treated_as_a_file_is(suffix: str) -> None:
    data = base64.b64encode((SIGNED / f"signed.{suffix}").read_bytes()).decode()
    message = AIMessage([{"type": "image", "base64": data, "mime_type": f"image/{suffix}"}])
    with pytest.raises(SignedContentError, match="write the AIGC label first, sign with C2PA after"):
        wrap(Scripted(script=[message]), provider=ACME).invoke("a cat")
    on_purpose = Provider(producer="acme", on_signed_content="warn")
    with pytest.warns(UserWarning, match=r'on_signed_content = "warn"'):
        answer = wrap(Scripted(script=[message]), provider=on_purpose).invoke("a cat")
    assert read_label(base64.b64decode(answer.content[0]["base64"])).label is not None


def test_the_record_tells_which_model_made_a_picture(caplog: pytest.LogCaptureFixture) -> None:
    message = AIMessage([{"type": "image", "base64": encoded(), "mime_type": "image/png"}])
    with caplog.at_level("INFO", "aigc_hooks.audit"):
        wrap(Scripted(script=[message]), provider=ACME).invoke("a cat")
    rows = [json.loads(line.getMessage()) for line in caplog.records if line.name == "aigc_hooks.audit"]
    assert [(row["modality"], row["source"]) for row in rows if row["outcome"] == "labelled"] == [("image", "Scripted")]
