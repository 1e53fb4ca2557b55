"""The facade: a source in, a file ready to be uploaded out, with what its message says about it.

    async with MediaSource(source, field="image", policy=policy).as_image(hd=True) as image:
        ...  # image.path is there until the block ends

Converting runs in a decoder process; cancelling the caller ends it. How far both are is said with `waiting`.

All raise InvalidArgument (naming the field) when the source does not exist or is too large, InvalidMedia (the same)
when its content is of the wrong kind, damaged or too much work, and NotAllowed when it lies where this server must not
read.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import anyio
from anyio import to_thread

from whatsapp_mcp.clock import now
from whatsapp_mcp.errors import InvalidArgument, InvalidMedia, StoreError
from whatsapp_mcp.media import kinds
from whatsapp_mcp.media.convert.documents import document_mimetype, safe_name
from whatsapp_mcp.media.decoder_pool import DecoderPool
from whatsapp_mcp.media.downloads import DOWNLOAD_PREFIX
from whatsapp_mcp.media.facts import F, JpegFacts, NoFacts, SoundFacts, StickerFacts, VideoFacts, VoiceFacts
from whatsapp_mcp.media.jobs import Job, Task, cpu_seconds_for
from whatsapp_mcp.media.limits import CPU_SECONDS, MIB, STICKER_SIDE
from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.media.source.sources import KeptSource, SourceFile, fetch
from whatsapp_mcp.media.work import UnusableMedia, Work, stoppable
from whatsapp_mcp.models.outgoing import AudioOut, DocumentOut, ImageOut, StickerOut, VideoOut
from whatsapp_mcp.platform.files import remove_folder
from whatsapp_mcp.private_files import ensure_private_folder
from whatsapp_mcp.waiting import Wait, waits_for

T = TypeVar("T")

_PREFIXES: Final = ("send-", DOWNLOAD_PREFIX)
_AUDIO_ONLY: Final = {
    "video/mp4": "audio/mp4",
    "video/quicktime": "audio/mp4",
    "video/3gpp": "audio/mp4",
    "video/webm": "audio/webm",
    "video/x-matroska": "audio/x-matroska",
}
"""What containers of video are called when there is only sound in them."""

_STALE: Final = 24 * 3600
"""Seconds after which what a crashed server left behind is removed."""


@dataclass(frozen=True, slots=True)
class _Fetched:
    """A source on disk, and what turns it into something else."""

    file: SourceFile
    target: Path
    decoders: DecoderPool
    limit: int
    work: Work

    async def decoded(self, task: Task, expected: type[F], *options: str, as_stream: bool = False) -> F:
        """Let a decoder process do it. ``as_stream``: the work grows with the file."""
        job = Job(
            task=task,
            source=str(self.file.path),
            target=str(self.target),
            mimetype=self.file.mimetype,
            options=options,
            file_bytes=self.limit + MIB,
            cpu_seconds=cpu_seconds_for(self.file.path) if as_stream else CPU_SECONDS,
        )
        return await self.decoders.run(job, expected, on_progress=self.work.on_progress)


@dataclass(frozen=True, slots=True)
class MediaSource:
    """A path in an outbox folder, an http(s) link or a data: URI, and what can be made of it."""

    source: str
    field: str
    """The argument it was given in, for errors."""
    policy: MediaPolicy
    decoders: DecoderPool | None = None
    """None: one for this source alone."""
    name: str | None = None
    """What others see a document called; None: as the source calls itself."""
    kept: KeptSource | None = None
    """The source, of a received file, which is in no outbox folder."""

    def as_image(
        self, *, caption: str = "", view_once: bool = False, compress: bool = False, hd: bool = False
    ) -> AbstractAsyncContextManager[ImageOut]:
        """A JPEG, upright, without metadata; ``compress``: 600 pixels wide, ``hd``: up to 4096 instead of 1600."""

        async def convert(fetched: _Fetched) -> ImageOut:
            facts = await fetched.decoded("photo", JpegFacts, *_chosen(compress=compress, hd=hd))
            return ImageOut(
                path=fetched.target,
                mimetype="image/jpeg",
                width=facts.width,
                height=facts.height,
                thumbnail=facts.thumbnail,
                caption=caption,
                view_once=view_once,
            )

        return self._prepared(convert, self.policy.image_limit)

    def as_video(
        self,
        *,
        caption: str = "",
        view_once: bool = False,
        gif: bool = False,
        compress: bool = False,
        hd: bool = False,
    ) -> AbstractAsyncContextManager[VideoOut]:
        """A video (or an animated GIF) as MP4 that phones play; ``compress``: 720 pixels wide, crf 28."""

        async def convert(fetched: _Fetched) -> VideoOut:
            options = _chosen(compress=compress, hd=hd)
            facts = await fetched.decoded("video", VideoFacts, *options, as_stream=True)
            return VideoOut(
                path=fetched.target,
                mimetype="video/mp4",
                seconds=facts.seconds,
                width=facts.width,
                height=facts.height,
                thumbnail=facts.thumbnail,
                caption=caption,
                view_once=view_once,
                gif=gif,
            )

        return self._prepared(convert, self.policy.video_limit)

    def as_audio(self) -> AbstractAsyncContextManager[AudioOut]:
        """Audio as it is."""

        async def convert(fetched: _Fetched) -> AudioOut:
            facts = await fetched.decoded("sound", SoundFacts, as_stream=True)
            found = fetched.file
            mimetype = _AUDIO_ONLY.get(found.mimetype, found.mimetype)
            return AudioOut(path=found.path, mimetype=mimetype, seconds=facts.seconds)

        return self._prepared(convert, self.policy.audio_limit)

    def as_voice_note(self) -> AbstractAsyncContextManager[AudioOut]:
        """Any sound as a voice note: Ogg/Opus, with waveform."""

        async def convert(fetched: _Fetched) -> AudioOut:
            facts = await fetched.decoded("voice", VoiceFacts, as_stream=True)
            return AudioOut(
                path=fetched.target if facts.converted else fetched.file.path,
                mimetype=kinds.OGG_OPUS,
                seconds=facts.seconds,
                voice=True,
                waveform=facts.waveform,
            )

        return self._prepared(convert, self.policy.audio_limit)

    def as_document(self, *, caption: str = "") -> AbstractAsyncContextManager[DocumentOut]:
        """Any file, byte for byte as it is."""

        async def convert(fetched: _Fetched) -> DocumentOut:
            found = fetched.file
            kind = kinds.Kind(found.mimetype)
            name = safe_name(self.name or found.name, extension=kind.extension)
            return DocumentOut(path=found.path, mimetype=document_mimetype(kind, name), file_name=name, caption=caption)

        return self._prepared(convert, self.policy.file_limit)

    def as_sticker(self) -> AbstractAsyncContextManager[StickerOut]:
        """A sticker of 512 x 512 pixels; animated when the source is and it stays small."""

        async def convert(fetched: _Fetched) -> StickerOut:
            facts = await fetched.decoded("sticker", StickerFacts)
            return StickerOut(
                path=fetched.target,
                mimetype="image/webp",
                width=STICKER_SIDE,
                height=STICKER_SIDE,
                animated=facts.animated,
            )

        return self._prepared(convert, self.policy.image_limit)

    def as_square(self) -> AbstractAsyncContextManager[Path]:
        """A square JPEG for a profile or a group."""

        async def convert(fetched: _Fetched) -> Path:
            await fetched.decoded("square", NoFacts)
            return fetched.target

        return self._prepared(convert, self.policy.image_limit)

    @asynccontextmanager
    async def _prepared(self, convert: Callable[[_Fetched], Awaitable[T]], limit: int) -> AsyncIterator[T]:
        """Fetch, convert, hand out, clean up."""
        folder = await to_thread.run_sync(_new_folder, self.policy)
        try:
            async with AsyncExitStack() as stack:
                pool = self.decoders
                decoders = pool if pool is not None else await stack.enter_async_context(DecoderPool())

                async def steps(cancelled: threading.Event) -> T:
                    with waits_for("reading the file", total=1.0) as wait:
                        work = _told(wait, cancelled)
                        found = await fetch(
                            self.source,
                            folder,
                            field=self.field,
                            limit=limit,
                            policy=self.policy,
                            work=work,
                            kept=self.kept,
                        )
                    with waits_for("converting the file", total=1.0) as wait:
                        work = _told(wait, cancelled)
                        return await convert(_Fetched(found, folder / "prepared", decoders, limit, work))

                result = await self._with_reasons(steps)
            _check_size(folder / "prepared", limit, self.field)
            yield result
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(_remove, folder)

    async def _with_reasons(self, steps: Callable[[threading.Event], Awaitable[T]]) -> T:
        try:
            return await stoppable(steps)
        except UnusableMedia as error:
            message = f"{self.field}: {error.message}"
            raise InvalidMedia(message, field=self.field, next_step=error.next_step) from error
        except OSError as error:
            raise _disk_trouble(error) from error


def _told(wait: Wait, cancelled: threading.Event) -> Work:
    """Work that says how far it is."""

    def on_progress(fraction: float) -> None:
        wait.done = fraction

    return Work(on_progress, cancelled)


def _chosen(**options: bool) -> tuple[str, ...]:
    return tuple(name for name, chosen in options.items() if chosen)


def _new_folder(policy: MediaPolicy) -> Path:
    try:
        ensure_private_folder(policy.temp)
        _sweep(policy)
        return Path(tempfile.mkdtemp(prefix=_PREFIXES[0], dir=policy.temp))  # mode 0700
    except OSError as error:
        raise _disk_trouble(error) from error


def _remove(folder: Path) -> None:
    with contextlib.suppress(OSError):  # what stays is swept away later
        remove_folder(folder)


def _sweep(policy: MediaPolicy) -> None:
    """Remove what servers that crashed left in the temporary folder."""
    for place in (place for prefix in _PREFIXES for place in policy.temp.glob(f"{prefix}*")):
        with contextlib.suppress(OSError):  # another call has just removed it, or somebody looks at it (Windows)
            if place.is_symlink() or place.lstat().st_mtime >= now().timestamp() - _STALE:
                continue
            if place.is_dir():
                shutil.rmtree(place, ignore_errors=True)
            else:
                place.unlink()


def _disk_trouble(error: OSError) -> StoreError:
    return StoreError(
        f"the folder for temporary media cannot be used: {error.strerror}",
        next_step="Free some space on the disk, or check the rights of the data directory.",
    )


def _check_size(path: Path, limit: int, field: str) -> None:
    """A conversion can make a file larger than it was."""
    if path.exists() and path.stat().st_size > limit:
        raise InvalidArgument(
            f"{field}: larger than {limit // MIB} MiB once converted.", field=field, next_step="Pass a shorter one."
        )
