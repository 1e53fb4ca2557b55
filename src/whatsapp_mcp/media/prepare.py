"""The facade: a source string in, a file ready to be uploaded out.

    async with prepared_image(source, field="image", policy=policy, progress=progress) as image:
        ...  # image.path is there until the block ends

Fetching takes the first third of the reported progress, conversion the rest; the total is always 1.0. Converting runs
in two worker threads of the room; cancelling the caller stops it within a frame or so.

All raise InvalidArgument (naming the field) when the source does not exist, is too large or of the wrong kind, and
NotAllowed when it lies where this server must not read.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import anyio
from anyio import to_thread

from whatsapp_mcp.errors import InvalidArgument, StoreError
from whatsapp_mcp.media import kinds
from whatsapp_mcp.media.convert.documents import document_mimetype, safe_name
from whatsapp_mcp.media.policy import MIB, MediaKind, MediaPolicy
from whatsapp_mcp.media.prepared import (
    PreparedAudio,
    PreparedDocument,
    PreparedImage,
    PreparedPhoto,
    PreparedSticker,
    PreparedVideo,
)
from whatsapp_mcp.media.running import Relay, in_worker, relayed
from whatsapp_mcp.media.source import sources
from whatsapp_mcp.media.source.sources import SourceFile
from whatsapp_mcp.media.work import Progress, UnusableMedia, Work
from whatsapp_mcp.private_files import ensure_private_folder

if TYPE_CHECKING:
    from whatsapp_mcp.media.source.web import Resolver

__all__ = [
    "prepare_photo",
    "prepared_audio",
    "prepared_document",
    "prepared_image",
    "prepared_sticker",
    "prepared_video",
]

T = TypeVar("T")

_FETCHED: Final = 0.3
_PREFIX: Final = "send-"
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


@asynccontextmanager
async def prepared_image(
    source: str,
    *,
    field: str,
    policy: MediaPolicy,
    progress: Progress,
    compress: bool = False,
    hd: bool = False,
    resolver: Resolver | None = None,
) -> AsyncIterator[PreparedImage]:
    """A photo as JPEG, upright, without metadata; ``compress``: 600 pixels wide, ``hd``: up to 4096 instead of 1600."""

    def convert(found: SourceFile, target: Path, work: Work) -> PreparedImage:
        from whatsapp_mcp.media.convert import images

        facts = images.photo(found.path, target, compress=compress, hd=hd)
        return PreparedImage(
            path=target,
            mimetype="image/jpeg",
            file_length=target.stat().st_size,
            width=facts.width,
            height=facts.height,
            thumbnail=facts.thumbnail,
        )

    async with _prepared(source, convert, MediaKind.IMAGE, field, policy, progress, resolver) as image:
        yield image


@asynccontextmanager
async def prepared_audio(
    source: str,
    *,
    field: str,
    policy: MediaPolicy,
    progress: Progress,
    voice: bool = False,
    resolver: Resolver | None = None,
) -> AsyncIterator[PreparedAudio]:
    """Audio as it is, or with ``voice`` as a voice note (Ogg/Opus, with waveform)."""

    def convert(found: SourceFile, target: Path, work: Work) -> PreparedAudio:
        from whatsapp_mcp.media.convert import audio

        path, mimetype, waveform = found.path, found.mimetype, None
        if voice:
            facts = audio.voice_note(found.path, found.mimetype, target, work=work)
            seconds, waveform, mimetype = facts.seconds, facts.waveform, kinds.OGG_OPUS
            path = target if facts.converted else found.path
        else:
            seconds = audio.audio_seconds(found.path, found.mimetype)
            mimetype = _AUDIO_ONLY.get(mimetype, mimetype)
        return PreparedAudio(
            path=path, mimetype=mimetype, file_length=path.stat().st_size, seconds=seconds, waveform=waveform
        )

    async with _prepared(source, convert, MediaKind.AUDIO, field, policy, progress, resolver) as prepared:
        yield prepared


@asynccontextmanager
async def prepared_video(
    source: str,
    *,
    field: str,
    policy: MediaPolicy,
    progress: Progress,
    compress: bool = False,
    hd: bool = False,
    resolver: Resolver | None = None,
) -> AsyncIterator[PreparedVideo]:
    """A video (or an animated GIF) as MP4 that phones play; ``compress``: 720 pixels wide, crf 28."""

    def convert(found: SourceFile, target: Path, work: Work) -> PreparedVideo:
        from whatsapp_mcp.media.convert import video

        facts = video.prepare(found.path, found.mimetype, target, compress=compress, hd=hd, work=work)
        return PreparedVideo(
            path=target,
            mimetype="video/mp4",
            file_length=target.stat().st_size,
            seconds=facts.seconds,
            width=facts.width,
            height=facts.height,
            thumbnail=facts.thumbnail,
        )

    async with _prepared(source, convert, MediaKind.VIDEO, field, policy, progress, resolver) as prepared:
        yield prepared


@asynccontextmanager
async def prepared_document(
    source: str,
    *,
    field: str,
    policy: MediaPolicy,
    progress: Progress,
    name: str = "",
    resolver: Resolver | None = None,
) -> AsyncIterator[PreparedDocument]:
    """Any file, byte for byte as it is. ``name`` replaces the name that the source has."""

    def convert(found: SourceFile, target: Path, work: Work) -> PreparedDocument:
        kind = kinds.Kind(found.mimetype)
        file_name = safe_name(name or found.name, extension=kind.extension)
        return PreparedDocument(
            path=found.path,
            mimetype=document_mimetype(kind, file_name),
            file_length=found.size,
            file_name=file_name,
        )

    async with _prepared(source, convert, MediaKind.FILE, field, policy, progress, resolver) as prepared:
        yield prepared


@asynccontextmanager
async def prepared_sticker(
    source: str, *, field: str, policy: MediaPolicy, progress: Progress, resolver: Resolver | None = None
) -> AsyncIterator[PreparedSticker]:
    """A sticker of 512 x 512 pixels; animated when the source is and it stays small."""

    def convert(found: SourceFile, target: Path, work: Work) -> PreparedSticker:
        from whatsapp_mcp.media.convert import stickers

        facts = stickers.sticker(found.path, target, work=work)
        return PreparedSticker(
            path=target,
            mimetype="image/webp",
            file_length=target.stat().st_size,
            width=facts.width,
            height=facts.height,
            animated=facts.animated,
            thumbnail=facts.thumbnail,
        )

    async with _prepared(source, convert, MediaKind.IMAGE, field, policy, progress, resolver) as prepared:
        yield prepared


async def prepare_photo(
    source: str, *, field: str, policy: MediaPolicy, progress: Progress, resolver: Resolver | None = None
) -> PreparedPhoto:
    """A square picture for a profile or a group."""

    def convert(found: SourceFile, target: Path, work: Work) -> PreparedPhoto:
        from whatsapp_mcp.media.convert import images

        return PreparedPhoto(images.square_jpeg(found.path))

    async with _prepared(source, convert, MediaKind.IMAGE, field, policy, progress, resolver) as photo:
        return photo


@asynccontextmanager
async def _prepared(
    source: str,
    convert: Callable[[SourceFile, Path, Work], T],
    kind: MediaKind,
    field: str,
    policy: MediaPolicy,
    progress: Progress,
    resolver: Resolver | None,
) -> AsyncIterator[T]:
    """Fetch, convert, hand out, clean up."""
    folder = await to_thread.run_sync(_new_folder, policy)

    async def steps(relay: Relay) -> T:
        work = relay.stage("Reading", begin=0.0, end=_FETCHED)
        found = await sources.fetch(source, folder, field=field, kind=kind, policy=policy, work=work, resolver=resolver)
        work = relay.stage("Preparing", begin=_FETCHED, end=1.0)
        return await in_worker(lambda: convert(found, folder / "prepared", work))

    try:
        try:
            result = await relayed(steps, progress, interval=policy.progress_interval)
        except UnusableMedia as error:
            raise InvalidArgument(f"{field}: {error.message}", field=field, next_step=error.next_step) from error
        except OSError as error:
            raise _disk_trouble(error) from error
        _check_size(folder / "prepared", policy.limit(kind), field)
        yield result
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(lambda: shutil.rmtree(folder, ignore_errors=True))


def _new_folder(policy: MediaPolicy) -> Path:
    try:
        ensure_private_folder(policy.temp)
        _sweep(policy)
        return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=policy.temp))  # mode 0700
    except OSError as error:
        raise _disk_trouble(error) from error


def _sweep(policy: MediaPolicy) -> None:
    """Remove what servers that crashed left in the temporary folder."""
    for folder in policy.temp.glob(f"{_PREFIX}*"):
        if not folder.is_symlink() and folder.stat().st_mtime < time.time() - _STALE:
            shutil.rmtree(folder, ignore_errors=True)


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
