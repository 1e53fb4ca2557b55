"""In place of faster-whisper and of a speech model: hears what a file in the model's folder says. It loads nothing.

Put before everything else with PYTHONPATH, into the process that would load the library.
"""

from __future__ import annotations

import os
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
SAID: Final = "said.txt"
"""A line for each second that is heard."""
SLOW: Final = "slow"
"""While a file of this name is there, nothing is heard."""
BROKEN: Final = b"no weights"


def model_in(folder: Path, said: str) -> Path:
    """A folder that looks like a model, with which this is heard."""
    folder.mkdir()
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (folder / name).write_bytes(b"{}")
    (folder / SAID).write_text(said, encoding="utf-8")
    return folder


@dataclass
class Segment:
    text: str
    end: float


@dataclass
class Info:
    language: str
    duration: float


class WhisperModel:
    supported_languages: Final = ("en", "de")

    def __init__(self, folder: str, **options: object) -> None:
        assert options["local_files_only"] is True
        assert os.environ["HF_HUB_OFFLINE"] == "1", "nothing is fetched"
        assert not [name for name in os.environ if name.startswith("WHATSAPP_MCP_")], "no setting comes this far"
        self._folder = Path(folder)
        if (self._folder / "model.bin").read_bytes() == BROKEN:
            raise RuntimeError("Unsupported model binary version")

    def transcribe(
        self, sound: str, *, language: str | None, vad_filter: bool, condition_on_previous_text: bool, task: str
    ) -> tuple[Iterator[Segment], Info]:
        assert (vad_filter, condition_on_previous_text, task) == (True, False, "transcribe")
        with wave.open(sound) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
            duration = file.getnframes() / file.getframerate()
            loud = any(file.readframes(file.getnframes()))
        said = (self._folder / SAID).read_text(encoding="utf-8").splitlines() if loud else []
        return self._heard(said[: round(duration)]), Info(language or "en", duration)

    def _heard(self, said: list[str]) -> Iterator[Segment]:
        while (self._folder / SLOW).exists():
            time.sleep(0.02)
        for second, line in enumerate(said, 1):
            yield Segment(f" {line} ", second)
