"""Every bound of this room, in one place: how large a source may be, what is unpacked, and how large things are sent.

What the server's owner could want otherwise is a default of `policy.MediaPolicy`.
"""

from __future__ import annotations

from typing import Final

MIB: Final = 1024 * 1024

# -- what is unpacked at most ---------------------------------------------------------------------------------------

PICTURE_PIXELS: Final = 50_000_000
"""At once (RGB: 150 MB)."""
JPEG_PIXELS: Final = 170_000_000
"""A JPEG may have more: it is unpacked at a fraction of its size."""
ANIMATION_PIXELS: Final = 10 * PICTURE_PIXELS
"""In all frames together."""
ANIMATION_FRAMES: Final = 240
VIDEO_FRAME_PIXELS: Final = 40_000_000
SECONDS: Final = 6 * 3600
"""Of audio and video that is converted: a small file can hold days of silence."""

# -- how large it is sent: pixels, or bytes where the name says so --------------------------------------------------

PHOTO_SIDE: Final = 1600
PHOTO_HD_SIDE: Final = 4096
PHOTO_COMPRESSED_WIDTH: Final = 600
PHOTO_COMPRESSED_HEIGHT: Final = 8192
THUMBNAIL_SIDE: Final = 100
SQUARE_SIDE: Final = 640
"""Picture of a profile or a group."""
SQUARE_BYTES: Final = 100_000
STICKER_SIDE: Final = 512
STICKER_STILL_BYTES: Final = 100_000
STICKER_ANIMATED_BYTES: Final = 500_000
"""Both as WhatsApp's sticker documentation asks for."""
VIDEO_SIDE: Final = 1280
VIDEO_HD_SIDE: Final = 1920
VIDEO_COMPRESSED_WIDTH: Final = 720
FILE_NAME_BYTES: Final = 120

# -- characters of a link's preview ---------------------------------------------------------------------------------

TITLE_CHARACTERS: Final = 300
DESCRIPTION_CHARACTERS: Final = 600
