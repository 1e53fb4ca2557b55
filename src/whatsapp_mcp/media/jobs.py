"""What a decoder process is asked to do, and what it may use for that."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from whatsapp_mcp.media import limits

Task = Literal[
    "photo", "square", "sticker", "shown", "thumbnail", "video", "voice", "sound", "page", "speech", "transcript"
]
FFMPEG_TASKS: Final[frozenset[Task]] = frozenset({"video", "voice", "sound", "speech"})
"""Those that the extra `media` is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One file to work on."""

    task: Task
    source: str
    """Path of a private copy."""
    target: str = ""
    """Path of the file to write, which does not exist yet; empty: nothing is written."""
    mimetype: str = ""
    """Of the source, by content; of a page, as its server declared it."""
    options: tuple[str, ...] = ()
    """``compress``, ``hd``: what is switched on; of a transcript the language, where it is known."""
    model: str = ""
    """Folder of the model that writes down speech."""
    file_bytes: int = limits.MIB
    """The largest file it may write."""
    cpu_seconds: int = limits.CPU_SECONDS
    memory: int = limits.DECODER_MEMORY
    """Bytes beyond what the libraries take."""

    @property
    def seconds(self) -> float:
        """How long it may take: the CPU time ends it, unless the machine has much else to do."""
        return 2.0 + 2 * self.cpu_seconds

    def to_line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Job:
        values = json.loads(line)
        return cls(**{**values, "options": tuple(values["options"])})


def cpu_seconds_for(path: Path) -> int:
    """CPU time for the sound or the film in a file: what is small cannot hold much."""
    return limits.CPU_SECONDS + path.stat().st_size // limits.BYTES_PER_CPU_SECOND
