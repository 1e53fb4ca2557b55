"""Photos: upright, in sRGB, as JPEG, without metadata (a photo's EXIF says where it was taken), with a thumbnail.

Pictures from anywhere are decoded here, so the number of pixels is limited before anything is unpacked, and only
formats without external parts or programs are opened at all.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from PIL import Image, ImageCms, ImageOps, features

from whatsapp_mcp.media import limits, sniffing
from whatsapp_mcp.media.work import UnusableMedia

warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # the limits are ours

_FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")


@dataclass(frozen=True, slots=True)
class JpegFacts:
    """What a message says about a picture."""

    width: int
    height: int
    thumbnail: bytes
    """JPEG of at most 100 pixels on its longer side."""


def photo(source: Path, target: Path, *, compress: bool = False, hd: bool = False) -> JpegFacts:
    """Write the picture as phones send photos: JPEG, at most 1600 pixels on its longer side (``hd``: 4096).

    Args:
        compress: at most 600 pixels wide, in lower quality; wins over ``hd``.

    Raises:
        UnusableMedia: it is no picture, none that can be read here, or too large to unpack.
    """
    side = limits.PHOTO_COMPRESSED_WIDTH if compress else limits.PHOTO_HD_SIDE if hd else limits.PHOTO_SIDE
    picture = load(source, least_side=side)
    # compress limits the width alone: a long screenshot stays readable
    picture.thumbnail((side, limits.PHOTO_COMPRESSED_HEIGHT if compress else side), Image.Resampling.LANCZOS)
    picture = _flat(picture)
    with target.open("xb") as file:
        _save_jpeg(picture, file, quality=70 if compress else 90 if hd else 82)
    return JpegFacts(picture.width, picture.height, thumbnail(picture))


def square_jpeg(source: Path | bytes) -> bytes:
    """The middle of the picture as a square JPEG for a profile or group: at most 640 pixels and 100 kB.

    Raises:
        UnusableMedia: as :func:`photo`.
    """
    picture = load(source, least_side=limits.SQUARE_SIDE)
    side = min(*picture.size, limits.SQUARE_SIDE)
    picture = _flat(ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS))
    while True:
        for quality in range(80, 20, -10):
            if len(data := jpeg_bytes(picture, quality=quality)) <= limits.SQUARE_BYTES:
                return data
        picture = picture.resize((max(1, int(picture.width * 0.8)),) * 2, Image.Resampling.LANCZOS)


def thumbnail(picture: Image.Image, *, side: int = limits.THUMBNAIL_SIDE, quality: int = 60) -> bytes:
    """A small JPEG of a picture; the picture stays as it is."""
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return jpeg_bytes(_flat(small), quality=quality)


def jpeg_bytes(picture: Image.Image, *, quality: int) -> bytes:
    buffer = io.BytesIO()
    _save_jpeg(picture, buffer, quality=quality)
    return buffer.getvalue()


def load(source: Path | bytes, *, least_side: int = limits.PICTURE_PIXELS) -> Image.Image:
    """The picture upright, in sRGB, as RGB or (when something is transparent) RGBA, without metadata.

    Args:
        least_side: a larger JPEG may come reduced, to not less than this on either side.

    Raises:
        UnusableMedia: it is no picture, none that can be read here, or too large to unpack.
    """
    with opened(source) as picture:
        if picture.format in ("JPEG", "MPO"):
            picture.draft(picture.mode, (least_side, least_side))
        if picture.width * picture.height > limits.PICTURE_PIXELS:
            raise _too_many_pixels()
        picture.load()
        upright = ImageOps.exif_transpose(picture)
    profile = upright.info.get("icc_profile")
    upright = _in_srgb(_plain(upright), profile)
    upright.info.clear()
    return upright


@contextmanager
def opened(source: Path | bytes) -> Iterator[Image.Image]:
    """Open a picture without unpacking it; what Pillow raises while it is used becomes UnusableMedia.

    Raises:
        UnusableMedia: it is no picture, none that can be read here, or declares too many pixels.
    """
    formats = [*_FORMATS, *(["HEIF"] if _has_heif() else [])]
    try:
        picture = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=formats)
        with picture:
            limit = limits.JPEG_PIXELS if picture.format in ("JPEG", "MPO") else limits.PICTURE_PIXELS
            if picture.width * picture.height > limit:
                raise _too_many_pixels()
            yield picture
    except Image.DecompressionBombError:
        raise _too_many_pixels() from None
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, OverflowError) as error:
        raise _unreadable(source) from error


def _unreadable(source: Path | bytes) -> UnusableMedia:
    kind = sniffing.sniff_bytes(source[:65536]) if isinstance(source, bytes) else sniffing.sniff(source)
    if kind.mimetype == "image/heic":
        return UnusableMedia(
            "HEIC pictures cannot be read on this server.",
            next_step="Convert it to JPEG, send it as a document, or install the Python package pillow-heif.",
        )
    if kind.mimetype == "image/avif" and not features.check("avif"):
        return UnusableMedia("AVIF pictures cannot be read on this server.", next_step="Convert it to JPEG.")
    if kind.family == "image":
        return UnusableMedia("the picture is damaged or of a kind that cannot be read here.")
    return UnusableMedia(f"this is no picture (by its content: {kind.mimetype}).")


def _too_many_pixels() -> UnusableMedia:
    return UnusableMedia(
        "the picture has too many pixels to be unpacked safely.",
        next_step="Reduce it below 50 megapixels, or send it as a document.",
    )


def _has_heif() -> bool:
    """Pillow reads HEIC through the package pillow-heif, where somebody installed it."""
    if importlib.util.find_spec("pillow_heif") is None:
        return False
    importlib.import_module("pillow_heif").register_heif_opener()
    return True


def _plain(picture: Image.Image) -> Image.Image:
    """In a mode that scales well: RGB, RGBA or CMYK."""
    if picture.mode in ("RGB", "RGBA", "CMYK"):
        return picture
    if picture.mode.startswith("I"):  # 16 bits a pixel, whatever the mode is called
        return picture.convert("I").point(lambda value: value / 256).convert("L").convert("RGB")
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def _in_srgb(picture: Image.Image, profile: object) -> Image.Image:
    """Colours as the profile means them; phones show what carries no profile as sRGB."""
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    if isinstance(profile, bytes):
        try:
            converted = ImageCms.profileToProfile(
                picture,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode=mode,
            )
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a wrong profile is no reason to refuse the picture
        else:
            return converted or picture
    return picture.convert(mode)


def _flat(picture: Image.Image) -> Image.Image:
    """On white, where it is transparent."""
    if picture.mode == "RGB":
        return picture
    ground = Image.new("RGB", picture.size, "white")
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def _save_jpeg(picture: Image.Image, file: IO[bytes], *, quality: int) -> None:
    picture.save(file, "JPEG", quality=quality, optimize=True)
