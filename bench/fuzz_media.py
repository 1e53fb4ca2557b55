"""``python -m bench.fuzz_media [--files N] [--seed S] [--keep FOLDER]``: damaged files, through all that decodes.

Small files of all kinds are damaged in ways that come up (bytes changed, cut, doubled, swapped, lengths made huge) and
prepared as the server prepares them. Every one has to end as prepared media or as ``invalid_media``; ends with 1 if one
does not. The same seed makes the same files.
"""

from __future__ import annotations

import asyncio
import io
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click
from PIL import Image
from tests.unit.media import samples

from whatsapp_mcp.errors import InvalidArgument, InvalidMedia
from whatsapp_mcp.media.decoder_pool import DecoderPool
from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.media.prepare import MediaSource
from whatsapp_mcp.media.shown import shown_picture
from whatsapp_mcp.media.work import UnusableMedia

SLOW: Final = 20.0
"""Seconds; no file may take longer: 8 of CPU time, and the machine does other things meanwhile."""
_AT_A_TIME: Final = 2
_EXTREMES: Final = (0, 1, 0x7F, 0x80, 0xFF)


@dataclass(slots=True)
class Report:
    files: int = 0
    slowest: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    """``prepared`` or the reason, and how often."""
    wrong: list[str] = field(default_factory=list)
    """What ended in any other way."""


def originals(folder: Path) -> dict[str, bytes]:
    """Name with the kind in front (``image-png``) -> a small healthy file."""
    files: dict[str, bytes] = {}
    picture = samples.two_halves(64, 48)
    for kind, options in {
        "JPEG": {},
        "PNG": {},
        "WEBP": {},
        "GIF": {},
        "BMP": {},
        "TIFF": {"compression": "tiff_lzw"},
        **({"AVIF": {}} if "AVIF" in Image.SAVE else {}),
    }.items():
        files[f"image-{kind.lower()}"] = _saved(picture, kind, **options)
    files["image-progressive"] = _saved(picture, "JPEG", progressive=True)
    files["image-palette"] = _saved(picture.convert("P"), "PNG")
    files["image-exif"] = samples.photo_with_place(folder / "exif", width=64, height=48).read_bytes()
    for kind in ("GIF", "WEBP", "PNG"):
        files[f"image-moving-{kind.lower()}"] = samples.animation(folder / kind, kind, side=24).read_bytes()
    for container, codec in (
        ("ogg", "libopus"),
        ("wav", "pcm_s16le"),
        ("mp3", "libmp3lame"),
        ("flac", "flac"),
        ("adts", "aac"),
        ("ipod", "aac"),
    ):
        files[f"sound-{container}"] = samples.sound(folder / container, container, codec, seconds=0.4).read_bytes()
    for container, codec, sound in (
        ("mp4", "libx264", "aac"),
        ("mov", "mpeg4", "aac"),
        ("matroska", "libx264", "aac"),
        ("avi", "mpeg4", ""),
        ("mpegts", "libx264", "aac"),
    ):
        film = samples.film(folder / f"film-{container}", container, codec, seconds=0.4, width=48, sound_codec=sound)
        files[f"film-{container}"] = film.read_bytes()
    files["film-gif"] = files["image-moving-gif"]
    files["file-pdf"] = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 0>>endobj\n"
    files["file-zip"] = b"PK\3\4" + bytes(22) + b"\x08\0\0\0mimetypeapplication/epub+zip" + b"PK\5\6" + bytes(18)
    files["file-svg"] = b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>"
    return files


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def damaged(content: bytes, others: list[bytes], dice: random.Random) -> bytes:
    """One to six damages; most near the head, where the lengths are."""
    data = bytearray(content)
    for _ in range(dice.choice((1, 1, 2, 3, 6))):
        if not data:
            break
        at = dice.randrange(min(len(data), dice.choice((32, 256, len(data)))))
        length = dice.choice((1, 2, 4, 4, 8, 64))
        match dice.randrange(8):
            case 0:
                data[at] ^= 1 << dice.randrange(8)
            case 1:
                data[at : at + length] = bytes([dice.choice(_EXTREMES)]) * min(length, len(data) - at)
            case 2:
                data[at : at + length] = dice.randbytes(min(length, len(data) - at))
            case 3:
                del data[at : at + length]
            case 4:
                data[at:at] = data[at : at + length] * dice.choice((1, 2, 500))
            case 5:
                del data[max(at, 16) :]
            case 6:
                other = dice.choice(others)
                start = dice.randrange(len(other))
                data[at : at + length] = other[start : start + length * 8]
            case 7:
                data[at : at + 4] = dice.choice((2**31 - 1, 2**32 - 1, 2**16, 10**6)).to_bytes(
                    4, dice.choice(("big", "little"))
                )
    return bytes(data)


def ways(kind: str, source: MediaSource) -> list[Callable[[], AbstractAsyncContextManager[object]]]:
    """What files of a kind are made into."""
    match kind:
        case "image":
            return [source.as_image, source.as_sticker, source.as_square, lambda: source.as_image(compress=True)]
        case "sound":
            return [source.as_audio, source.as_voice_note]
        case "film":
            return [source.as_video, lambda: source.as_video(compress=True), source.as_voice_note]
        case _:
            return [source.as_document, source.as_image, source.as_video, source.as_audio]


async def fuzz(files: int, seed: int, folder: Path) -> Report:
    """Prepare ``files`` damaged files; ``folder`` is used for all of them."""
    outbox = folder / "outbox"
    outbox.mkdir(mode=0o700)
    healthy = originals(folder)
    names, contents = list(healthy), list(healthy.values())
    policy = MediaPolicy(outbox=(outbox,), forbidden=folder / "data", temp=folder / "temp")
    report, numbers = Report(), iter(range(files))

    async def work(pool: DecoderPool) -> None:
        for number in numbers:
            dice = random.Random(f"{seed}-{number}")
            name = names[number % len(names)]
            path = outbox / f"{number}"
            path.write_bytes(damaged(healthy[name], contents, dice))
            began = time.monotonic()
            outcome = await _prepared(path, name.partition("-")[0], dice, policy, pool)
            took = time.monotonic() - began
            report.files += 1
            report.slowest = max(report.slowest, took)
            report.outcomes[outcome] += 1
            if outcome.startswith("!") or took > SLOW:
                report.wrong.append(f"{path.name} ({name}): {outcome}, {took:.1f} s")
            else:
                path.unlink()

    async with DecoderPool() as pool, asyncio.TaskGroup() as group:
        for _ in range(_AT_A_TIME):
            group.create_task(work(pool))
    return report


async def _prepared(path: Path, kind: str, dice: random.Random, policy: MediaPolicy, pool: DecoderPool) -> str:
    """``prepared``, the reason why not, or with ``!`` in front what nobody foresaw."""
    source = MediaSource(path.name, "it", policy, pool)
    try:
        if kind == "image" and dice.random() < 0.2:
            picture = await shown_picture(path, policy=policy, decoders=pool)
            return "prepared" if picture is None or picture.startswith(b"\xff\xd8\xff") else "! no JPEG"
        async with dice.choice(ways(kind, source))():
            return "prepared"
    except InvalidMedia as error:
        assert error.details["field"] == "it"
        return error.message
    except UnusableMedia as error:
        return error.message
    except InvalidArgument as error:
        return error.message if "empty" in error.message else f"! {error.message}"
    except Exception as error:
        return f"! {type(error).__name__}: {error}"


@click.command()
@click.option("--files", default=12_960, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Copy files that ended wrongly here.")
def main(files: int, seed: int, keep: Path | None) -> None:
    """Prepare damaged files and report how they ended."""
    with tempfile.TemporaryDirectory() as name:
        began = time.monotonic()
        report = asyncio.run(fuzz(files, seed, Path(name)))
        if keep is not None:
            shutil.copytree(Path(name) / "outbox", keep, dirs_exist_ok=True)
    for outcome, count in report.outcomes.most_common():
        click.echo(f"{count:7}  {outcome}")
    click.echo(f"{report.files} files in {time.monotonic() - began:.0f} s, the slowest in {report.slowest:.1f} s")
    for line in report.wrong:
        click.echo(f"WRONG  {line}")
    sys.exit(1 if report.wrong else 0)


if __name__ == "__main__":
    main()
