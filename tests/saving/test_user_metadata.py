"""What the user saves beside the label is kept, and another label is not (M-11, M-12, M-16 to M-18)."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin

from aigc_hooks import CarrierError, Label, LabelError, Provider, label, read_label
from aigc_hooks.carry import carry

XMP = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4">'
    b"<dc:creator><rdf:Seq><rdf:li>Li Hua</rdf:li></rdf:Seq></dc:creator>%s</rdf:Description></rdf:RDF></x:xmpmeta>"
    b'<?xpacket end="w"?>'
)
OTHER = Label(content_producer="other", produce_id="x1", content_propagator="other", propagate_id="x1")
FOREIGN_XMP = XMP % (
    b'<T:AIGC xmlns:T="http://www.tc260.org.cn/ns/AIGC/1.0/">' + OTHER.to_json().encode() + b"</T:AIGC>"
)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif(comment: bytes | None = None) -> Image.Exif:
    made = Image.Exif()
    made[0x010F] = "Maker"
    made[0x8298] = "(c) acme"
    made.get_ifd(0x8769)[0x9003] = "2025:09:01 10:00:00"
    made.get_ifd(0x8825)[1] = "N"
    if comment:
        made.get_ifd(0x8769)[0x9286] = comment
    return made


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "gif", "avif", "mpo"])
def test_the_users_xmp_is_merged(suffix, labelled, field, tmp_path: Path, exif_tags, one_label):
    path = tmp_path / f"out.{suffix}"
    labelled.save(path, xmp=XMP % b"")
    tags = exif_tags(path)
    assert tags["XMP-dc:Creator"] in ("Li Hua", ["Li Hua"])
    assert tags["XMP-xmp:Rating"] == 4
    assert one_label(path) == field(labelled)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "gif", "avif"])
def test_another_label_in_the_users_xmp_is_replaced(suffix, labelled, field, tmp_path: Path, one_label):
    path = tmp_path / f"out.{suffix}"
    labelled.save(path, xmp=FOREIGN_XMP)
    assert one_label(path) == field(labelled)
    assert b"other" not in path.read_bytes()


@pytest.mark.parametrize("given", ["exif", "bytes"])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif", "mpo"])
def test_the_users_exif_is_kept(suffix, given, labelled, field, tmp_path: Path, exif_tags, one_label):
    path = tmp_path / f"out.{suffix}"
    labelled.save(path, exif=exif() if given == "exif" else exif().tobytes())
    tags = exif_tags(path)
    assert tags["IFD0:Make"] == "Maker"
    assert tags["IFD0:Copyright"] == "(c) acme"
    assert tags["ExifIFD:DateTimeOriginal"] == "2025:09:01 10:00:00"
    assert tags["GPS:GPSLatitudeRef"] == "North"
    assert one_label(path) == field(labelled)


def test_profile_resolution_and_comment_are_kept(labelled, tmp_path: Path, exif_tags):
    for suffix in ("jpg", "png", "webp", "tif", "avif"):
        path = tmp_path / f"out.{suffix}"
        labelled.save(path, icc_profile=PROFILE, dpi=(144, 144), comment="kept")
        with Image.open(path) as saved:
            assert saved.info["icc_profile"] == PROFILE
            if suffix in ("jpg", "png", "tif"):
                assert saved.info["dpi"] == pytest.approx((144, 144), abs=0.1)
    assert exif_tags(tmp_path / "out.jpg")["File:Comment"] == "kept"
    labelled.save(tmp_path / "out.gif", comment=b"kept too", loop=5)
    with Image.open(tmp_path / "out.gif") as saved:
        assert saved.info["comment"] == b"kept too"
        assert saved.info["loop"] == 5


@pytest.mark.parametrize("zipped", [False, True])
def test_the_users_pnginfo_is_kept(zipped, labelled, field, tmp_path: Path, exif_tags, one_label):
    given = PngImagePlugin.PngInfo()
    given.add_text("parameters", "a cat, steps: 20")
    given.add_text("Comment", "x" * 400, zip=True)
    given.add_itxt("Title", "猫", "zh", "标题")
    given.add_itxt("XML:com.adobe.xmp", (XMP % b"").decode(), zip=zipped)
    given.add_text("AIGC", OTHER.to_json(wrapped=True))
    given.add(b"tIME", bytes([7, 233, 9, 1, 10, 0, 0]))
    number = len(given.chunks)
    path = tmp_path / "out.png"
    labelled.save(path, pnginfo=given)
    assert len(given.chunks) == number
    tags = exif_tags(path)
    assert tags["PNG:Parameters"] == "a cat, steps: 20"
    assert tags["PNG:Comment"] == "x" * 400
    assert tags["PNG:Title-zh"] == "猫"
    assert tags["XMP-dc:Creator"] in ("Li Hua", ["Li Hua"])
    assert tags["PNG:ModifyDate"].startswith("2025:09:01")
    assert one_label(path) == field(labelled)
    with Image.open(path) as saved:
        saved.load()
        assert saved.text["Title"].lang == "zh"


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "group4"])
@pytest.mark.parametrize("kind", ["dict", "v1", "v2", "exif", "none"])
def test_the_users_tiff_tags_are_kept(
    kind, compression, labelled, provider, tmp_path: Path, exif_tags, one_label, field
):
    tags = {270: "a description", 315: "Li Hua"} | ({} if kind == "v1" else {282: 150.0})
    if kind == "dict":
        given = dict(tags)
    elif kind in ("v1", "v2"):
        given = TiffImagePlugin.ImageFileDirectory_v1() if kind == "v1" else TiffImagePlugin.ImageFileDirectory_v2()
        for tag, value in tags.items():
            given[tag] = value
    else:
        given = Image.Exif()
        given[270], given[315], given[282] = tags[270], tags[315], tags[282]
    image = labelled if compression != "group4" else label(Image.new("1", (200, 200), 1), provider=provider)
    path = tmp_path / "out.tif"
    arguments = {"tiffinfo": given} if kind != "none" else {"description": "a description", "artist": "Li Hua"}
    image.save(path, compression=compression, **arguments)
    read = exif_tags(path)
    assert read["IFD0:ImageDescription"] == "a description"
    assert read["IFD0:Artist"] == "Li Hua"
    if kind not in ("none", "v1"):
        assert read["IFD0:XResolution"] == 150
    assert one_label(path) == field(image)
    with Image.open(path) as saved:
        assert saved.tag_v2.tagtype[700] == 7


def test_tiff_xmp_tag_of_the_user_and_of_the_opened_file(
    labelled, provider, tmp_path: Path, one_label, exif_tags, field
):
    labelled.save(tmp_path / "tag.tif", tiffinfo={700: XMP % b""})
    assert one_label(tmp_path / "tag.tif") == field(labelled)
    assert exif_tags(tmp_path / "tag.tif")["XMP-xmp:Rating"] == 4
    Image.new("RGB", (90, 90)).save(tmp_path / "source.tif", tiffinfo={700: XMP % b"", 270: "kept"})
    with Image.open(tmp_path / "source.tif") as opened:
        label(opened, provider=provider)
        for compression in (None, "tiff_lzw"):
            opened.save(tmp_path / "again.tif", compression=compression)
            assert one_label(tmp_path / "again.tif") == field(opened)
            assert exif_tags(tmp_path / "again.tif")["XMP-xmp:Rating"] == 4


@pytest.mark.parametrize("suffix", ["jpg", "webp", "png", "tif", "avif"])
def test_another_label_in_the_users_exif_is_refused(suffix, labelled, tmp_path: Path):
    path = tmp_path / f"out.{suffix}"
    path.write_bytes(b"old")
    foreign = exif(b"ASCII\0\0\0" + OTHER.to_json(wrapped=True).encode())
    with pytest.raises(LabelError, match=r"found 2.*leave it out") as caught:
        labelled.save(path, exif=foreign)
    assert caught.value.stage == "read_back"
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", ["jpg", "webp", "png", "avif"])
def test_an_older_label_of_ours_in_exif_or_a_comment_gives_way(suffix, provider, tmp_path: Path, exif_tags):
    older = Label(content_producer="acme", produce_id="old", content_propagator="acme", propagate_id="old")
    path = tmp_path / f"in.{suffix}"
    comment = {"comment": older.to_json()} if suffix == "jpg" else {}
    made = exif(b"ASCII\0\0\0" + older.to_json(wrapped=True).encode())
    Image.new("RGB", (200, 120), "red").save(path, exif=made, **comment)
    label(path, provider=provider)
    [finding] = read_label(path).findings
    assert finding.label == older
    assert "UserComment" not in finding.place
    assert "COM" not in finding.place
    assert exif_tags(path)["IFD0:Make"] == "Maker"
    with Image.open(path) as opened:
        label(opened, provider=provider)
        opened.save(tmp_path / f"again.{suffix}", exif=made)
    assert [finding.label for finding in read_label(tmp_path / f"again.{suffix}").findings] == [older]


def test_another_label_in_a_jpeg_comment_is_refused(labelled, tmp_path: Path):
    with pytest.raises(LabelError, match="found 2"):
        labelled.save(tmp_path / "out.jpg", comment="AIGC" + OTHER.to_json())
    assert not list(tmp_path.iterdir())


def test_xmp_that_is_no_xml_is_refused(labelled, tmp_path: Path):
    for suffix in ("jpg", "png", "webp", "gif", "tif"):
        with pytest.raises(CarrierError, match=r"not well-formed|no rdf"):
            labelled.save(tmp_path / f"out.{suffix}", xmp=b"<x:oops")
    assert not list(tmp_path.iterdir())


def with_codes(plain: Image.Image, code: str, provider: Provider) -> Image.Image:
    made = Label(
        content_producer="acme",
        produce_id="id-1",
        reserved_code1=code,
        content_propagator="acme",
        propagate_id="id-1",
        reserved_code2=code[::-1],
    )
    carry(plain, made, provider)
    return plain


NESTED = json.dumps({"SecurityData": {"Type": "TC260PG", "PubSD": [{"TBSData": "<&>'"}]}}, separators=(",", ":"))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "gif", "avif"])
@pytest.mark.parametrize("code", ["\"&<>'", "]]>&amp;&#60;<!--", NESTED, "%s{}$1", "a" * 2000])
def test_special_and_long_values_come_back(code, suffix, plain, provider, tmp_path: Path, one_label):
    path = tmp_path / f"out.{suffix}"
    with_codes(plain, code, provider).save(path)
    read = one_label(path)
    assert read["ReservedCode1"] == code
    assert read["ReservedCode2"] == code[::-1]
    assert read_label(path).conforms


@pytest.mark.parametrize("size", [30_000, 60_000])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "gif", "avif"])
def test_60_and_120_kilobytes(size, suffix, plain, provider, tmp_path: Path):
    path = tmp_path / f"out.{suffix}"
    image = with_codes(plain, "k" * size, provider)
    if suffix == "jpg" and size == 60_000:
        path.write_bytes(b"old")
        with pytest.raises(LabelError, match=r"takes 12\d{4} bytes, a JPEG holds 65502; shorten"):
            image.save(path)
        assert path.read_bytes() == b"old"
        return
    image.save(path)
    assert read_label(path).label.reserved_code1 == "k" * size


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "gif", "avif", "jpg"])
def test_a_users_packet_of_70_kilobytes(suffix, labelled, field, tmp_path: Path, exif_tags, one_label):
    packet = XMP % (b"<dc:description>" + b"d" * 70_000 + b"</dc:description>")
    path = tmp_path / f"out.{suffix}"
    if suffix == "jpg":
        with pytest.raises(LabelError, match="shorten xmp="):
            labelled.save(path, xmp=packet)
        assert not path.exists()
        return
    labelled.save(path, xmp=packet)
    assert one_label(path) == field(labelled)
    assert len(exif_tags(path)["XMP-dc:Description"]) == 70_000


def test_unmarked_pictures_are_written_as_before(plain, tmp_path: Path):
    from aigc_hooks.saving import pictures

    originals = {name: getattr(handler, pictures._ORIGINAL) for name, handler in Image.SAVE.items()}
    for form in ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "AVIF", "BMP", "PPM", "TGA", "PDF", "ICO", "JPEG2000"):
        seamed, bare = io.BytesIO(), io.BytesIO()
        plain.save(seamed, form, xmp=XMP % b"", comment="c")
        twin = plain.copy()
        twin.encoderinfo, twin.encoderconfig = {"xmp": XMP % b"", "comment": "c"}, ()
        originals[form](twin, bare, "")
        assert strip_dates(seamed.getvalue()) == strip_dates(bare.getvalue()), form
    assert "AIGC" not in plain.info


def strip_dates(data: bytes) -> bytes:
    """A PDF says when it was made."""
    return b"\n".join(line for line in data.split(b"\n") if b"Date" not in line and not line.startswith(b"xref"))
