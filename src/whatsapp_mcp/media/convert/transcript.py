"""What is said in a sound, written down by a Whisper model of the owner's (faster-whisper, the extra ``voice``).

It is given a file that was made here, not the one that a stranger sent: that was decoded before, in another process.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from faster_whisper import WhisperModel

from whatsapp_mcp.media import limits
from whatsapp_mcp.media.facts import TranscriptFacts
from whatsapp_mcp.media.work import Work

_THREADS: Final = 4
"""More are hardly quicker, and a server shares the machine."""


def written_down(sound: Path, model: Path, *, language: str | None, work: Work) -> TranscriptFacts:
    """What a sound says.

    Args:
        sound: of `audio.speech`.
        model: a folder, with a Whisper model as CTranslate2 has it.
        language: ISO 639; None: as the model hears it.
    """
    try:
        loaded = _loaded(model)
    except (RuntimeError, ValueError, OSError):
        return TranscriptFacts("", "", "model")
    if language is not None and language not in loaded.supported_languages:
        return TranscriptFacts("", "", "language")
    # Parts without speech are left out: in silence such models hear what was in the films that they learned from.
    segments, info = loaded.transcribe(
        str(sound), language=language, vad_filter=True, condition_on_previous_text=False, task="transcribe"
    )
    parts, total = [], max(1.0, float(info.duration))
    for segment in segments:
        parts.append(str(segment.text).strip())
        work.step(float(segment.end) / total)
    text = " ".join(filter(None, parts))[: limits.TRANSCRIPT_CHARACTERS]
    return TranscriptFacts(text, str(info.language), "")


@lru_cache(maxsize=1)
def _loaded(model: Path) -> Any:
    """It stays loaded as long as the process."""
    threads = min(_THREADS, os.cpu_count() or 1)
    return WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True)
