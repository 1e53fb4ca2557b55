"""Every bound of this room, in one place: how large a source may be, what is unpacked, and how large things are sent.

What the server's owner could want otherwise is a default of `policy.MediaPolicy`.
"""

from __future__ import annotations

from typing import Final

MIB: Final = 1024 * 1024

# -- what a decoder process may use ---------------------------------------------------------------------------------

DECODER_MEMORY: Final = 220 * MIB
"""Beyond what the process has once its libraries are loaded (40 to 50 MB), so that it stays below 300 MB."""
DECODER_FILES: Final = 64
CPU_SECONDS: Final = 8
"""For any picture or page, and for the smallest of films and sounds."""
BYTES_PER_CPU_SECOND: Final = 128 * 1024
"""A film or a sound gets one more second for each of these."""

# -- what writing down speech may use, by a model that the owner chose -----------------------------------------------

SPEECH_RATE: Final = 16_000
"""Samples a second that such models hear, 16 bits each."""
SPEECH_SECONDS: Final = 30 * 60
"""The longest sound that is written down."""
SPEECH_START_SECONDS: Final = 60
"""CPU time for loading the model."""
SPEECH_CPU_PER_SECOND: Final = 8
"""CPU time for a second of sound; the largest models take about that."""
SPEECH_CPU_SECONDS: Final = 3_600
"""The most, whatever the length."""
SPEECH_MEMORY: Final = 1024 * MIB
"""Beside the model: threads, the sound, the search for words."""
SPEECH_MODEL_TIMES: Final = 3
"""So many times the model's file fits beside it, while its numbers are converted."""
TRANSCRIPT_CHARACTERS: Final = 40_000
"""More than anybody says in the longest sound."""

# -- what is unpacked at most ---------------------------------------------------------------------------------------

PICTURE_PIXELS: Final = 40_000_000
"""At once (four bytes each: 160 MB)."""
PICTURE_SIDE: Final = 65_535
"""The longest that a JPEG can have; memory is also taken by the row."""
REDUCED_PIXELS: Final = 20_000_000
"""What has more is reduced before anything else is done with it, whatever size was wanted."""
JPEG_PIXELS: Final = 170_000_000
"""A JPEG may have more: it is unpacked at a fraction of its size."""
JPEG_SCANS: Final = 64
"""Cameras and converters make one to eleven."""
JPEG_COEFFICIENTS: Final = 75_000_000
"""Of a JPEG with several scans: all stay in memory until the last, two bytes each."""
ANIMATION_PIXELS: Final = 120_000_000
"""In all frames together."""
ANIMATION_FRAMES: Final = 120
VIDEO_FRAME_PIXELS: Final = 4096 * 2304
STREAMS: Final = 16
CHAPTERS: Final = 1_000
SAMPLE_RATES: Final = range(4_000, 384_001)
CHANNELS: Final = 8
SECONDS: Final = 6 * 3600
"""Of audio and video that is converted: a small file can hold days of silence."""
SOUND_GAPS: Final = 60
"""Seconds without sound, together, that are filled with silence beside a picture."""
PICTURE_GAP: Final = 600
"""Seconds that one frame of a video may stand still."""
FRAMES: Final = 10_000
"""Of a video whose frames are next to nothing; each costs time, however small."""
BYTES_PER_FRAME: Final = 64
"""On average, for a video with more frames than that."""
PIXELS_PER_BYTE: Final = 20_000
"""Of a video that is converted, in all frames together."""
SAMPLES_PER_BYTE: Final = 4_000
"""The same for sound, of all channels; a pause in Opus has a few hundred."""

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
SHOWN_SIDE: Final = 1280
SHOWN_BYTES: Final = MIB // 2
"""Of a received picture in a result; some clients refuse results above 1 MiB."""

# -- characters of a link's preview ---------------------------------------------------------------------------------

TITLE_CHARACTERS: Final = 300
DESCRIPTION_CHARACTERS: Final = 600
