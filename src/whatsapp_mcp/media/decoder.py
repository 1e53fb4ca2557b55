"""The decoder process: ``python -m whatsapp_mcp.media.decoder PARENT``. Takes jobs from stdin, one a line, answers on
stdout; see ``decoder_pool`` for the other end.

Decoders are large C libraries that eat strangers' bytes. Here they may run out of memory, of time, or crash: nothing
else lives in this process. It ends with its input, and with its parent.
"""

from __future__ import annotations

import gc
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from whatsapp_mcp.descriptors import claim_stdio
from whatsapp_mcp.media import confinement
from whatsapp_mcp.media.facts import NoFacts, SoundFacts, StickerFacts, ThumbnailFacts, to_json
from whatsapp_mcp.media.jobs import Job
from whatsapp_mcp.media.work import UnusableMedia, Work

_TELL_EVERY: Final = 0.1
"""Seconds between two lines of progress."""


def _photo(job: Job, work: Work) -> object:
    from whatsapp_mcp.media.convert import images

    options = {name: name in job.options for name in ("compress", "hd")}
    return images.photo(Path(job.source), Path(job.target), **options)


def _square(job: Job, work: Work) -> object:
    from whatsapp_mcp.media.convert import images

    Path(job.target).write_bytes(images.square_jpeg(Path(job.source)))
    return NoFacts()


def _shown(job: Job, work: Work) -> object:
    from whatsapp_mcp.media.convert import images

    Path(job.target).write_bytes(images.shown_jpeg(Path(job.source)))
    return NoFacts()


def _thumbnail(job: Job, work: Work) -> object:
    from whatsapp_mcp.media.convert import images

    return ThumbnailFacts(images.thumbnail_of(Path(job.source)))


def _sticker(job: Job, work: Work) -> object:
    from whatsapp_mcp.media.convert import stickers

    return StickerFacts(stickers.sticker(Path(job.source), Path(job.target), work=work))


def _video(job: Job, work: Work) -> object:
    from whatsapp_mcp.media.convert import video

    options = {name: name in job.options for name in ("compress", "hd")}
    return video.prepare(Path(job.source), job.mimetype, Path(job.target), work=work, **options)


def _voice(job: Job, work: Work) -> object:
    from whatsapp_mcp.media.convert import audio

    return audio.voice_note(Path(job.source), job.mimetype, Path(job.target), work=work)


def _sound(job: Job, work: Work) -> object:
    from whatsapp_mcp.media.convert import audio

    return SoundFacts(audio.audio_seconds(Path(job.source), job.mimetype))


def _speech(job: Job, work: Work) -> object:
    from whatsapp_mcp.media.convert import audio

    return SoundFacts(audio.speech(Path(job.source), job.mimetype, Path(job.target), work=work))


def _transcript(job: Job, work: Work) -> object:
    from whatsapp_mcp.media.convert import transcript

    language = job.options[0] if job.options else None
    return transcript.written_down(Path(job.source), Path(job.model), language=language, work=work)


def _page(job: Job, work: Work) -> object:
    from whatsapp_mcp.media.source.pages import describe

    return describe(Path(job.source).read_bytes(), job.mimetype)


_TASKS: Final[dict[str, tuple[str, Callable[[Job, Work], object]]]] = {
    "photo": ("convert.images", _photo),
    "square": ("convert.images", _square),
    "shown": ("convert.images", _shown),
    "thumbnail": ("convert.images", _thumbnail),
    "sticker": ("convert.stickers", _sticker),
    "video": ("convert.video", _video),
    "voice": ("convert.audio", _voice),
    "sound": ("convert.audio", _sound),
    "page": ("source.pages", _page),
    "speech": ("convert.audio", _speech),
    "transcript": ("convert.transcript", _transcript),
}
"""Task -> the module of this room that it needs, and what does it."""


class Decoder:
    """Carries out one job after the other."""

    def __init__(self, outgoing: int) -> None:
        self._outgoing = outgoing
        self._meter = confinement.Meter()
        self._told = 0.0

    def carry_out(self, job: Job) -> bool:
        """Answer with exactly one line that is not progress; whether this process is fit for another job."""
        module, task = _TASKS[job.task]
        self._load(f"whatsapp_mcp.media.{module}")
        self._meter.grant(cpu_seconds=job.cpu_seconds, file_bytes=job.file_bytes, memory=job.memory)
        self._say({"at": 0.0})
        try:
            answer: dict[str, object] = {"facts": to_json(task(job, Work(self._progress)))}
        except UnusableMedia as error:
            answer = {"unusable": [error.message, error.next_step]}
        except MemoryError:
            answer = {"failed": "MemoryError"}
        except Exception as error:  # the boundary: whatever a decoder raises is the file's fault, or the disk's
            answer = {"failed": _where(error), "errno": getattr(error, "errno", None)}
        if "unusable" in answer:
            gc.collect()  # closes what a library left open as it gave up: Windows removes no file that is open
        self._say(answer)
        return "failed" not in answer

    def _load(self, module: str) -> None:
        if module not in sys.modules:
            before = self._meter.now()
            __import__(module)
            self._meter.loaded(before)

    def _progress(self, fraction: float) -> None:
        if time.monotonic() > self._told + _TELL_EVERY:
            self._told = time.monotonic()
            self._say({"at": round(fraction, 4)})

    def _say(self, answer: dict[str, object]) -> None:
        os.write(self._outgoing, json.dumps(answer).encode() + b"\n")


def _where(error: Exception) -> str:
    """Class and place of an error, without its text: that may quote the file."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f" at {Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame is not None else ""
    return f"{type(error).__name__}{place}"


def main(parent: int) -> None:
    descriptors = claim_stdio()
    confinement.begin(parent)
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        with os.fdopen(descriptors.incoming, "rb") as incoming:
            for line in incoming:
                lines.put(line)
        os._exit(0)  # nobody is there any more who wants an answer

    threading.Thread(target=read, daemon=True).start()
    decoder = Decoder(descriptors.outgoing)
    while decoder.carry_out(Job.from_line(lines.get())):
        pass


if __name__ == "__main__":
    main(int(sys.argv[1]))
