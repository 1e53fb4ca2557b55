"""Photos: upright, in sRGB, as JPEG, without metadata (a photo's EXIF says where it was taken), with a thumbnail.

Pictures from anywhere are decoded here, so the number of pixels is limited before anything is unpacked, and only
formats without external parts or programs are opened at all.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from PIL import Image, ImageCms, ImageOps, features

from whatsapp_mcp.media import limits, sniffing
from whatsapp_mcp.media.convert import jpeg
from whatsapp_mcp.media.facts import JpegFacts
from whatsapp_mcp.media.work import UnusableMedia, WorkCancelled

warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # the limits are ours

_STRIP_PIXELS: Final = 1_000_000
_ORIENTATION: Final = 0x0112
"""EXIF tag; its values: EXIF 2.3, 4.6.4."""
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")


def photo(source: Path, target: Path, *, compress: bool = False, hd: bool = False) -> JpegFacts:
    """Write the picture as phones send photos: JPEG, at most 1600 pixels on its longer side (``hd``: 4096). A JPEG that
    is one already, and has nothing to be removed, stays byte for byte.

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
    as_it_is = None if compress else _fitting_jpeg(source, side)
    data = as_it_is or jpeg_bytes(picture, quality=70 if compress else 90 if hd else 82)
    with target.open("xb") as file:  # Pillow itself overlooks a write that is cut short
        file.write(data)
    return JpegFacts(picture.width, picture.height, thumbnail(picture))


def _fitting_jpeg(source: Path, side: int) -> bytes | None:
    """The file, when it can be sent as it is."""
    with opened(source) as picture:
        fits = picture.format == "JPEG" and picture.mode in ("RGB", "L") and max(picture.size) <= side
    data = source.read_bytes() if fits else b""
    return data if jpeg.is_bare(data) else None


def square_jpeg(source: Path | bytes) -> bytes:
    """The middle of the picture as a square JPEG for a profile or group: at most 640 pixels and 100 kB.

    Raises:
        UnusableMedia: as :func:`photo`.
    """
    picture = load(source, least_side=limits.SQUARE_SIDE)
    side = min(*picture.size, limits.SQUARE_SIDE)
    picture = _flat(ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS))
    return _within(picture, limits.SQUARE_BYTES)


def shown_jpeg(source: Path | bytes) -> bytes:
    """A received picture as it is shown in a result: at most 1280 pixels on its longer side and 512 KiB.

    Raises:
        UnusableMedia: as :func:`photo`.
    """
    picture = load(source, least_side=limits.SHOWN_SIDE)
    picture.thumbnail((limits.SHOWN_SIDE, limits.SHOWN_SIDE), Image.Resampling.LANCZOS)
    return _within(_flat(picture), limits.SHOWN_BYTES)


def thumbnail_of(source: Path | bytes) -> bytes:
    """A small JPEG of a picture that is sent as something else.

    Raises:
        UnusableMedia: as :func:`photo`.
    """
    return thumbnail(load(source, least_side=limits.THUMBNAIL_SIDE))


def _within(picture: Image.Image, size: int) -> bytes:
    """A JPEG of at most ``size`` bytes: in lower quality, or smaller, if need be."""
    while True:
        for quality in range(80, 20, -10):
            if len(data := jpeg_bytes(picture, quality=quality)) <= size:
                return data
        smaller = (max(1, int(picture.width * 0.8)), max(1, int(picture.height * 0.8)))
        picture = picture.resize(smaller, Image.Resampling.LANCZOS)


def thumbnail(picture: Image.Image, *, side: int = limits.THUMBNAIL_SIDE, quality: int = 60) -> bytes:
    """A small JPEG of a picture; the picture stays as it is."""
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return jpeg_bytes(_flat(small), quality=quality)


def jpeg_bytes(picture: Image.Image, *, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def load(source: Path | bytes, *, least_side: int = limits.PICTURE_PIXELS) -> Image.Image:
    """The picture upright, in sRGB, as RGB or (when something is transparent) RGBA, without metadata.

    Args:
        least_side: a larger picture may come reduced, to not less than this on either side.

    Raises:
        UnusableMedia: it is no picture, none that can be read here, or too large to unpack.
    """
    with opened(source) as picture:
        if picture.format in ("JPEG", "MPO"):
            scale = _draft_scale(*picture.size, least_side)
            picture.draft(picture.mode, (picture.width // scale, picture.height // scale))
        if picture.width * picture.height > limits.PICTURE_PIXELS:
            raise _too_many_pixels()
        picture.load()
        profile = picture.info.get("icc_profile")
        orientation = picture.getexif().get(_ORIENTATION, 1)
        upright = _reduced(picture, least_side)
    upright = _in_srgb(upright, profile)
    upright = _turned(upright, orientation)
    upright.info.clear()
    return upright


def _draft_scale(width: int, height: int, least_side: int) -> int:
    """By how much a JPEG is reduced while it is unpacked: what is larger than wanted, or than fits into memory."""
    return next(
        (
            scale
            for scale in (8, 4, 2)
            if min(width, height) >= scale * least_side or 4 * width * height > scale**2 * limits.REDUCED_PIXELS
        ),
        1,
    )


def _reduced(picture: Image.Image, least_side: int) -> Image.Image:
    """In a mode that scales well, and without pixels that nobody needs; in strips, so that it exists in memory once."""
    factor = max(
        min(picture.size) // least_side, math.ceil(math.sqrt(picture.width * picture.height / limits.REDUCED_PIXELS))
    )
    mode = _plain(picture.crop((0, 0, 1, 1))).mode
    if factor == 1 and mode == picture.mode:
        return picture
    width, height = -(-picture.width // factor), -(-picture.height // factor)
    small = Image.new(mode, (width, height))
    rows = max(1, _STRIP_PIXELS // (picture.width * factor))
    for top in range(0, height, rows):
        bottom = min(picture.height, (top + rows) * factor)
        strip = _plain(picture.crop((0, top * factor, picture.width, bottom)))
        small.paste(strip.reduce(factor) if factor > 1 else strip, (0, top))
    return small


def _turned(picture: Image.Image, orientation: object) -> Image.Image:
    method = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return picture if method is None else picture.transpose(method)


@contextmanager
def opened(source: Path | bytes) -> Iterator[Image.Image]:
    """Open a picture without unpacking it; what Pillow raises while it is used becomes UnusableMedia.

    Raises:
        UnusableMedia: it is no picture, none that can be read here, or declares too many pixels.
        MemoryError: it does not fit into memory.
    """
    formats = [*_FORMATS, *(["HEIF"] if _has_heif() else [])]
    try:
        picture = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=formats)
        with picture:
            is_jpeg = picture.format in ("JPEG", "MPO")
            if picture.width * picture.height > (limits.JPEG_PIXELS if is_jpeg else limits.PICTURE_PIXELS):
                raise _too_many_pixels()
            if max(picture.size) > limits.PICTURE_SIDE:
                raise UnusableMedia("the picture is too long or too wide.", next_step="Cut it into several.")
            if is_jpeg:
                jpeg.check(source)
            yield picture
    except (UnusableMedia, WorkCancelled, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise _too_many_pixels() from None
    except Exception as error:  # Pillow's plug-ins raise anything at damaged files
        if "out of memory" in str(error):
            raise MemoryError from None
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
        next_step=f"Reduce it below {limits.PICTURE_PIXELS // 1_000_000} megapixels, or send it as a document.",
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
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass  # a wrong profile is no reason to refuse the picture
        else:
            return converted or picture
    return picture if picture.mode == mode else picture.convert(mode)


def _flat(picture: Image.Image) -> Image.Image:
    """On white, where it is transparent."""
    if picture.mode == "RGB":
        return picture
    ground = Image.new("RGB", picture.size, "white")
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground
