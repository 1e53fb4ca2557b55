"""What may be sent and fetched: folders, sizes, times. Built once from the settings, passed to everything here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from whatsapp_mcp.media.limits import MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaPolicy:
    """Limits of the media room. Sizes in bytes, times in seconds."""

    outbox: tuple[Path, ...]
    """Files are sent from these folders and what lies below them; none: no local file can be sent."""
    forbidden: Path
    """The data directory: nothing in it is ever sent, even when an outbox folder contains it."""
    temp: Path
    """Private folder for copies and conversions; created with mode 0700."""
    image_limit: int = 20 * MIB
    audio_limit: int = 20 * MIB
    video_limit: int = 100 * MIB
    file_limit: int = 100 * MIB
    page_limit: int = 2 * MIB
    """How much of a page is read for a link preview."""
    preview_image_limit: int = 5 * MIB
    url_timeout: float = 60.0
    """Fetching one link may take this long altogether: names, connections, redirects and body."""
    preview_timeout: float = 10.0
    """The same for a link preview: page and picture together."""
    max_redirects: int = 5
    allow_loopback: bool = False
    """Links may lead to this machine. For tests only."""
