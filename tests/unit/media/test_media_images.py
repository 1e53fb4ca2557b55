from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from tests.unit.media import samples
from whatsapp_mcp.media.convert import images, jpeg
from whatsapp_mcp.media.work import UnusableMedia


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


def save(picture: Image.Image, path: Path, kind: str) -> Path:
    # Pillow reads YCbCr in a TIFF that is not compressed since version 13.
    picture.save(path, kind, **({"compression": "tiff_lzw"} if kind == "TIFF" else {}))
    return path


def test_a_photo_is_turned_upright_and_loses_what_it_tells(tmp_path: Path, target: Path) -> None:
    source = samples.photo_with_place(tmp_path / "x", width=400, height=200, orientation=6)
    facts = images.photo(source, target)
    assert (facts.width, facts.height) == (200, 400)
    data = target.read_bytes()
    assert b"ACME-CAMERA" in source.read_bytes()
    for secret in (b"Exif", b"ACME-CAMERA", b"SECRET-COMMENT", b"GPS"):
        assert secret not in data
    with Image.open(target) as picture:
        assert picture.format == "JPEG"
        assert picture.size == (200, 400)
        assert not dict(picture.getexif())
        # orientation 6: the left side of the file is the top of the picture
        assert samples.is_red(picture.getpixel((100, 20)))
        assert samples.is_blue(picture.getpixel((100, 380)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation(orientation: int, tmp_path: Path, target: Path) -> None:
    samples.photo_with_place(tmp_path / "x", orientation=orientation)
    images.photo(tmp_path / "x", target)
    red_at = {1: "left", 2: "right", 3: "right", 4: "left", 5: "top", 6: "top", 7: "bottom", 8: "bottom"}[orientation]
    with Image.open(target) as picture:
        width, height = picture.size
        places = {
            "left": (5, height // 2),
            "right": (width - 5, height // 2),
            "top": (width // 2, 5),
            "bottom": (width // 2, height - 5),
        }
        assert samples.is_red(picture.getpixel(places[red_at]))


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, (1600, 800)),
        ({"hd": True}, (4096, 2048)),
        ({"compress": True}, (600, 300)),
        ({"compress": True, "hd": True}, (600, 300)),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_sizes(kind: str, options: dict[str, bool], size: tuple[int, int], tmp_path: Path, target: Path) -> None:
    facts = images.photo(save(samples.two_halves(5000, 2500), tmp_path / "x", kind), target, **options)
    assert (facts.width, facts.height) == size
    with Image.open(io.BytesIO(facts.thumbnail)) as small:
        assert small.format == "JPEG"
        assert small.size == (100, 50)
    assert len(facts.thumbnail) < 5000


@pytest.mark.parametrize("options", [{}, {"hd": True}])
@pytest.mark.parametrize("save_options", [{}, {"quality": 97}, {"progressive": True}, {"restart_marker_blocks": 4}])
def test_a_jpeg_without_anything_to_remove_stays_as_it_is(
    save_options: dict[str, int], options: dict[str, bool], tmp_path: Path, target: Path
) -> None:
    source = tmp_path / "x"
    samples.noise(300, 200).save(source, "JPEG", **save_options)
    facts = images.photo(source, target, **options)
    assert target.read_bytes() == source.read_bytes()
    assert (facts.width, facts.height) == (300, 200)
    target.unlink()
    images.photo(source, target, compress=True)
    assert target.stat().st_size < source.stat().st_size


def _with_preview(data: bytes) -> bytes:
    """In the JFIF header, as large as it says."""
    return data[:4] + (19).to_bytes(2, "big") + data[6:18] + b"\1\1" + b"RGB" + data[20:]


@pytest.mark.parametrize(
    "told",
    [
        lambda data: data[:2] + b"\xff\xfe\0\x08SECRET" + data[2:],  # a comment
        lambda data: data[:20] + b"\xff\xed\0\x08SECRET" + data[20:],  # what photo programs add
        lambda data: data + b"SECRET",
        lambda data: data[:20] + b"SECRET" + data[20:],  # between two segments
        _with_preview,
    ],
)
def test_whatever_else_a_jpeg_holds_is_removed(told: Callable[[bytes], bytes], tmp_path: Path, target: Path) -> None:
    bare, more = samples.jpeg(), told(samples.jpeg())
    assert (jpeg.is_bare(bare), jpeg.is_bare(more)) == (True, False)
    (tmp_path / "x").write_bytes(more)
    images.photo(tmp_path / "x", target)
    data = target.read_bytes()
    assert jpeg.is_bare(data)
    assert b"SECRET" not in data


def test_a_jpeg_that_is_cut_off_is_refused_as_before(tmp_path: Path, target: Path) -> None:
    (tmp_path / "x").write_bytes(samples.jpeg()[:-30])
    with pytest.raises(UnusableMedia):
        images.photo(tmp_path / "x", target)


def test_small_pictures_are_not_enlarged(tmp_path: Path, target: Path) -> None:
    facts = images.photo(save(samples.two_halves(30, 10), tmp_path / "x", "PNG"), target)
    assert (facts.width, facts.height) == (30, 10)


def test_transparency_becomes_white(tmp_path: Path, target: Path) -> None:
    picture = Image.new("RGBA", (60, 60), (0, 0, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 30, 60))
    indexed = picture.convert("P")
    indexed.info["transparency"] = 0
    for number, (source, kind) in enumerate(((picture, "PNG"), (picture, "WEBP"), (picture, "GIF"))):
        images.photo(save(source, tmp_path / f"{number}", kind), target)
        with Image.open(target) as flat:
            corner = flat.getpixel((55, 55))
            assert isinstance(corner, tuple)
            assert min(corner) > 240
            assert samples.is_red(flat.getpixel((10, 30)))
        target.unlink()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
def test_every_readable_format(kind: str, tmp_path: Path, target: Path) -> None:
    images.photo(save(samples.two_halves(80, 40), tmp_path / "x", kind), target)
    with Image.open(target) as picture:
        assert (picture.format, picture.size) == ("JPEG", (80, 40))
        assert samples.is_red(picture.getpixel((5, 20)))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "YCbCr", "I;16", "I", "F"])
def test_every_colour_mode(mode: str, tmp_path: Path, target: Path) -> None:
    kind = "TIFF" if mode in ("CMYK", "YCbCr", "F", "I") else "PNG"
    picture = (
        Image.new("L", (40, 20), 200).convert("I").point(lambda v: v * 257).convert("I;16") if mode == "I;16" else None
    )
    picture = picture or Image.new("L", (40, 20), 255).convert("RGB" if mode == "CMYK" else "L").convert(mode)
    images.photo(save(picture, tmp_path / "x", kind), target)
    with Image.open(target) as flat:
        pixel = flat.getpixel((20, 10))
        assert isinstance(pixel, tuple)
        if mode == "I;16":
            assert all(190 < value < 210 for value in pixel)


def test_colours_are_converted_from_the_profile(tmp_path: Path, target: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGB", (20, 20), "red").save(tmp_path / "x", "PNG", icc_profile=lab)
    images.photo(tmp_path / "x", target)
    with Image.open(target) as picture:
        assert "icc_profile" not in picture.info
        assert samples.is_red(picture.getpixel((10, 10)))
    target.unlink()
    Image.new("RGB", (20, 20), "red").save(tmp_path / "y", "PNG", icc_profile=b"no profile at all")
    images.photo(tmp_path / "y", target)
    with Image.open(target) as picture:
        assert samples.is_red(picture.getpixel((10, 10)))


def test_bombs_are_refused_before_they_are_unpacked(tmp_path: Path, target: Path) -> None:
    for number, size in enumerate([(50_000, 50_000), (12_000, 12_000), (60_000, 1000), (1_000_000, 1_000_000)]):
        path = tmp_path / str(number)
        path.write_bytes(samples.bomb_png(*size))
        with pytest.raises(UnusableMedia, match="pixels"):
            images.photo(path, target)


def test_a_bomb_is_not_even_opened() -> None:
    with pytest.raises(UnusableMedia, match="pixels"), images.opened(samples.bomb_png(9000, 9000)):
        pytest.fail("it was opened")


def test_a_large_jpeg_is_read_reduced(tmp_path: Path) -> None:
    path = save(Image.new("RGB", (9000, 7000), "red"), tmp_path / "x", "JPEG")  # 63 megapixels
    assert max(images.load(path, least_side=1600).size) <= 4500


def test_a_screenshot_of_any_length(tmp_path: Path, target: Path) -> None:
    facts = images.photo(save(Image.new("RGB", (300, 65_000)), tmp_path / "x", "PNG"), target, compress=True)
    assert facts.height == 8192


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n" + bytes(50),
        samples.jpeg()[:100],
        samples.bomb_png(10, 10),
        b"II*\0" + b"\xff" * 100,
        b"RIFF\x20\0\0\0WEBPVP8X" + bytes(20),
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    ],
)
def test_what_is_no_picture(data: bytes, tmp_path: Path, target: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(data)
    with pytest.raises(UnusableMedia):
        images.photo(tmp_path / "x.jpg", target)


def test_heic_is_explained(tmp_path: Path, target: Path) -> None:
    (tmp_path / "x").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    with pytest.raises(UnusableMedia) as caught:
        images.photo(tmp_path / "x", target)
    assert "HEIC" in caught.value.message
    assert "JPEG" in caught.value.next_step


@pytest.mark.parametrize("size", [(2000, 500), (500, 2000), (640, 640), (100, 50), (1, 1)])
def test_a_profile_picture(size: tuple[int, int], tmp_path: Path) -> None:
    data = images.square_jpeg(save(samples.noise(*size), tmp_path / "x", "PNG"))
    assert len(data) <= 100_000
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.format == "JPEG"
        assert picture.width == picture.height <= min(*size, 640)


def test_a_profile_picture_shows_the_middle(tmp_path: Path) -> None:
    picture = Image.new("RGB", (900, 300), "red")
    picture.paste("blue", (300, 0, 600, 300))
    with Image.open(io.BytesIO(images.square_jpeg(save(picture, tmp_path / "x", "PNG")))) as square:
        assert square.size == (300, 300)
        assert all(samples.is_blue(square.getpixel(place)) for place in ((10, 10), (150, 150), (290, 290)))


def test_a_profile_picture_from_a_photo_is_upright(tmp_path: Path) -> None:
    data = images.square_jpeg(samples.photo_with_place(tmp_path / "x", width=200, height=200, orientation=6))
    assert b"Exif" not in data
    with Image.open(io.BytesIO(data)) as square:
        assert samples.is_red(square.getpixel((100, 10)))
