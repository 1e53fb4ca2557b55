"""What is said in a received voice note, film or sound. Nothing is fetched: the owner installs the extra ``voice`` and
puts a model into a folder, or there is no transcript.

A decoder process makes a plain sound of the file, with the limits of all decoding; another process, with a model in
place of a decoder, makes words of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from anyio import to_thread

from whatsapp_mcp.media import downloads, limits, sniffing
from whatsapp_mcp.media.decoder_pool import DecoderPool
from whatsapp_mcp.media.facts import SoundFacts, TranscriptFacts
from whatsapp_mcp.media.jobs import Job, cpu_seconds_for
from whatsapp_mcp.media.work import OnProgress

_WEIGHTS: Final = "model.bin"
MODEL_FILES: Final = (_WEIGHTS, "config.json", "tokenizer.json")
"""Without its own tokenizer the library would ask a hub for one."""

IDLE_SECONDS: Final = 60.0
"""For so long a model stays loaded."""


def is_model(folder: Path) -> bool:
    """Whether the folder holds what a model needs, by the names of the files."""
    return all((folder / name).is_file() for name in MODEL_FILES)


def transcribers() -> DecoderPool:
    """Processes for `transcript_of`: one at a time, for it takes all that the machine has."""
    return DecoderPool(idle_seconds=IDLE_SECONDS, at_a_time=1)


@dataclass(frozen=True, slots=True)
class Transcriber:
    """What writes down speech."""

    model: Path
    """Folder of the model."""
    temp: Path
    """Private folder for the sound that the model hears."""
    decoders: DecoderPool
    models: DecoderPool
    """Of :func:`transcribers`."""

    async def transcript_of(self, file: Path, *, language: str | None, on_progress: OnProgress) -> TranscriptFacts:
        """What is said in a file.

        Raises:
            UnusableMedia: there is no sound in it, it is too long or damaged, or it takes too much.
            StoreError: the temporary folder cannot be written, or no process can be started.
        """
        plain = await to_thread.run_sync(downloads.draft, self.temp)
        try:
            sound = await self.decoders.run(await to_thread.run_sync(_decoding, file, plain), SoundFacts)
            writing = await to_thread.run_sync(_writing, plain, self.model, language, sound.seconds)
            return await self.models.run(writing, TranscriptFacts, on_progress=on_progress)
        finally:
            downloads.discard(plain)


def _decoding(file: Path, plain: Path) -> Job:
    return Job(
        task="speech",
        source=str(file),
        target=str(plain),
        mimetype=sniffing.sniff(file).mimetype,
        file_bytes=(limits.SPEECH_SECONDS + 1) * limits.SPEECH_RATE * 2,
        cpu_seconds=cpu_seconds_for(file),
    )


def _writing(plain: Path, model: Path, language: str | None, seconds: int) -> Job:
    wanted = limits.SPEECH_START_SECONDS + limits.SPEECH_CPU_PER_SECOND * seconds
    return Job(
        task="transcript",
        source=str(plain),
        model=str(model),
        options=(language,) if language else (),
        cpu_seconds=min(wanted, limits.SPEECH_CPU_SECONDS),
        memory=limits.SPEECH_MEMORY + limits.SPEECH_MODEL_TIMES * (model / _WEIGHTS).stat().st_size,
    )
