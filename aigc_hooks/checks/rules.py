"""The rules that one file can be judged by, and the editions they come from.

The ids are those of the project's acceptance checklist, where each rule has its source and its force.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edition:
    """What a file was judged by.

    Attributes:
        standard: The mandatory standard.
        guides: The practice guides, which say where each format carries the label.
        since: When the Measures and the standard came into force.
    """

    standard: str
    guides: tuple[str, ...]
    since: str

    def __str__(self) -> str:
        return f"{self.standard}; {', '.join(self.guides)}"


EDITION = Edition(
    "GB 45438-2025",
    (
        "TC260-PG-20252A",
        "TC260-PG-20257A",
        "TC260-PG-20258A",
        "TC260-PG-20259A",
        "TC260-PG-202510A",
        "TC260-PG-202511A",
        "TC260-PG-202512A",
    ),
    "2025-09-01",
)
"""The editions that this version of the library knows. A newer one may ask for something else."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it asks for, and the text that it comes from."""

    text: str
    source: str


_PICTURES, _SOUNDS, _FILMS, _TEXTS = (f"TC260-PG-{number}" for number in ("20259A", "202510A", "20257A", "20258A"))

RULES = {
    "W-01": Rule("the visible label says 人工智能 or AI, and 生成 or 合成", "GB 45438-2025, 5.1 b to 5.6 b"),
    "T-01": Rule("the text has its label at its start, end or a suitable place between", "GB 45438-2025, 5.1"),
    "T-02": Rule("a corner mark stands at the text as a small sign", "GB 45438-2025, 5.1 c"),
    "T-03": Rule("font and colour of the label in the text are legible", "GB 45438-2025, 5.1"),
    "I-01": Rule("the label in the picture is at least 5 % of its shorter side high", "GB 45438-2025, 5.2"),
    "I-03": Rule("the label is at an edge or a corner of the picture", "GB 45438-2025, 5.2"),
    "I-04": Rule("the label is completely inside the picture", "GB 45438-2025, 5.2"),
    "I-05": Rule("the label is legible", "GB 45438-2025, 5.2"),
    "I-10": Rule("every picture of an animation or a document has the label", "GB 45438-2025, 5.2 and 5.4"),
    "A-01": Rule("the sound has its label at its start, end or a suitable place between", "GB 45438-2025, 5.3 d"),
    "A-02": Rule("the rhythm is short-long, short-short", "GB 45438-2025, 5.3 c"),
    "V-01": Rule("the label is in the start frame", "GB 45438-2025, 5.4 c"),
    "V-02": Rule("the label lasts two seconds or longer", "GB 45438-2025, 5.4 g"),
    "V-03": Rule("the label in the film is at least 5 % of its shorter side high", "GB 45438-2025, 5.4 f"),
    "V-04": Rule("the label in the film is at an edge or a corner", "GB 45438-2025, 5.4 d"),
    "S-06": Rule("what can be downloaded, copied or exported has its visible label", "Measures, article 4"),
    "M-01": Rule("the field is named AIGC", "GB 45438-2025, Annex E a"),
    "M-02": Rule("the field holds exactly the seven elements, in their order", "GB 45438-2025, Annex E b"),
    "M-03": Rule("every element is a string", "GB 45438-2025, Annex E c to i"),
    "M-04": Rule("Label is 1, 2 or 3", "GB 45438-2025, Annex E c"),
    "M-05": Rule("a producer writes Label 1", "Measures, articles 5 and 6"),
    "M-06": Rule("ContentProducer names the service that generated the content", "GB 45438-2025, Annex E d"),
    "M-07": Rule("ProduceID has the producer's number of the content", "GB 45438-2025, Annex E e"),
    "M-08": Rule("at first the propagator's elements equal the producer's", "GB 45438-2025, Annex E, note 1"),
    "M-09": Rule("the reserved elements are there, if only empty", "GB 45438-2025, Annex E f and i"),
    "M-10": Rule("the values are printable ASCII without space and backslash", "GB 45438-2025, Annex E j"),
    "M-11": Rule("the file holds exactly one implicit label", "GB 45438-2025, 6.1 c"),
    "M-12": Rule("all places of the file say the same", "GB 45438-2025, 6.1 c"),
    "M-13": Rule("the value is plain JSON, neither Base64 nor compressed", "GB 45438-2025, Annex E b"),
    "M-14": Rule("the value is bare or wrapped, as the guide says for its place", "the guides"),
    "M-15": Rule("the JSON is compact", "GB 45438-2025, Annex E b, example"),
    "M-21": Rule("the file holds an implicit label", "Measures, article 5"),
    "F-01": Rule("JPEG: XMP in APP1, property TC260:AIGC", _PICTURES),
    "F-02": Rule("JPEG and WebP, the other way: Exif UserComment", f"{_PICTURES}, Annex B"),
    "F-03": Rule("PNG: XMP in iTXt, property TC260:AIGC", _PICTURES),
    "F-04": Rule("PNG, the other way: tEXt AIGC", f"{_PICTURES}, Annex B"),
    "F-05": Rule("WebP: chunk XMP, property TC260:AIGC", _PICTURES),
    "F-06": Rule("GIF: application extension XMP, property TC260:AIGC", _PICTURES),
    "F-07": Rule("TIFF: XMP in tag 700, property TC260:AIGC", _PICTURES),
    "F-08": Rule("HEIC: XMP item, property TC260:AIGC", _PICTURES),
    "F-09": Rule("AVIF: XMP item, property TC260:AIGC", f"{_PICTURES}, by analogy"),
    "F-11": Rule("WAV: chunk AIGC", _SOUNDS),
    "F-12": Rule("MP3: ID3v2 frame TXXX AIGC", _SOUNDS),
    "F-13": Rule("FLAC: Vorbis comment AIGC", _SOUNDS),
    "F-14": Rule("Ogg: comment AIGC", _SOUNDS),
    "F-15": Rule("M4A: key AIGC in moov.udta.meta", _SOUNDS),
    "F-16": Rule("MP4 and MOV: key AIGC in moov.udta.meta", _FILMS),
    "F-17": Rule("MKV and WebM: SimpleTag AIGC", _FILMS),
    "F-18": Rule("FLV: AIGC in onMetaData", _FILMS),
    "F-19": Rule("AVI: chunk AIGC in LIST/INFO", _FILMS),
    "F-20": Rule("a sound or film whose place no guide is known to name", "none"),
    "F-21": Rule("PDF: AIGC in the Info dictionary", f"{_TEXTS}, 6.3"),
    "F-22": Rule("DOCX, XLSX, PPTX: custom property AIGC", f"{_TEXTS}, 6.1"),
    "F-23": Rule("Markdown: AIGC in the YAML front matter", f"{_TEXTS}, 6.5"),
    "F-24": Rule("a document whose place no guide is known to name", "none"),
    "F-29": Rule("what C2PA signs has its label already: the label first, the signature last", "C2PA, hard bindings"),
    "C-04": Rule("the provider code has the right check character", "TC260-PG-20252A; GB 32100-2015"),
}
"""What each id asks for. Ids that no single file can answer, such as those of a process, are not among them."""
