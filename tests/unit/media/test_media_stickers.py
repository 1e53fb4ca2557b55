from __future__ import annotations

import threading
from pathlib import Path

import pytest
from PIL import Image

from tests.unit.media import samples
from whatsapp_mcp.media.convert import stickers
from whatsapp_mcp.media.work import UnusableMedia, Work, WorkCancelled


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


def test_a_picture_becomes_a_sticker(tmp_path: Path, target: Path) -> None:
    samples.two_halves(200, 100).save(tmp_path / "x", "PNG")
    assert not stickers.sticker(tmp_path / "x", target, work=Work())
    with Image.open(target) as picture:
        assert (picture.format, picture.size) == ("WEBP", (512, 512))
        rgba = picture.convert("RGBA")
    top, middle = rgba.getpixel((256, 10)), rgba.getpixel((100, 256))
    assert isinstance(top, tuple)
    assert top[3] == 0
    assert samples.is_red(middle)


def test_a_still_sticker_stays_small(tmp_path: Path, target: Path) -> None:
    samples.noise(1500, 1500).save(tmp_path / "x", "PNG")
    stickers.sticker(tmp_path / "x", target, work=Work())
    assert target.stat().st_size <= 100_000


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_stays_one(kind: str, tmp_path: Path, target: Path) -> None:
    assert stickers.sticker(samples.animation(tmp_path / "x", kind), target, work=Work())
    assert target.stat().st_size <= 500_000
    with Image.open(target) as picture:
        assert (picture.size, getattr(picture, "n_frames", 1)) == ((512, 512), 4)


def test_a_finished_animated_sticker_is_kept_without_its_metadata(tmp_path: Path, target: Path) -> None:
    frames = [Image.new("RGBA", (512, 512), (60 * n, 0, 0, 255)) for n in range(3)]
    exif = Image.Exif()
    exif[samples.MAKE] = "ACME-CAMERA"
    frames[0].save(tmp_path / "x", "WEBP", save_all=True, append_images=frames[1:], exif=exif, xmp=b"SECRET", loop=0)
    assert b"ACME-CAMERA" in (tmp_path / "x").read_bytes()
    stickers.sticker(tmp_path / "x", target, work=Work())
    data = target.read_bytes()
    assert b"ACME-CAMERA" not in data
    assert b"SECRET" not in data
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    with Image.open(target) as kept, Image.open(tmp_path / "x") as before:
        assert getattr(kept, "n_frames", 1) == 3
        assert kept.convert("RGBA").tobytes() == before.convert("RGBA").tobytes()


def test_an_animation_that_stays_too_large_becomes_its_first_frame(tmp_path: Path, target: Path) -> None:
    frames = [samples.noise(512, 512) for _ in range(12)]
    frames[0].save(tmp_path / "x", "GIF", save_all=True, append_images=frames[1:], duration=50)
    assert not stickers.sticker(tmp_path / "x", target, work=Work())
    assert target.stat().st_size <= 100_000


def test_what_is_no_picture(tmp_path: Path, target: Path) -> None:
    (tmp_path / "x").write_bytes(b"RIFF\x20\0\0\0WEBPVP8X" + bytes(20))
    with pytest.raises(UnusableMedia):
        stickers.sticker(tmp_path / "x", target, work=Work())


def test_a_damaged_animation(tmp_path: Path, target: Path) -> None:
    frames = [samples.noise(512, 512) for _ in range(2)]
    frames[0].save(tmp_path / "whole", "WEBP", save_all=True, append_images=frames[1:], quality=20)
    data = bytearray((tmp_path / "whole").read_bytes())
    begin = data.index(b"VP8 ", 30) + 8
    data[begin : begin + 40] = bytes(40)
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(UnusableMedia):
        stickers.sticker(tmp_path / "x", target, work=Work())


def test_cancelling(tmp_path: Path, target: Path) -> None:
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(WorkCancelled):
        stickers.sticker(samples.animation(tmp_path / "x", "GIF"), target, work=Work(cancelled=cancelled))
