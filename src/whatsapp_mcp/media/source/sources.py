"""From what a caller names to a private copy on disk: a path in an outbox folder, an http(s) link, or a data: URI."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

import anyio
from anyio import to_thread

from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.media import sniffing
from whatsapp_mcp.media.limits import MIB
from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.media.source import paths
from whatsapp_mcp.media.source.data_uri import write_data_uri
from whatsapp_mcp.media.work import OnProgress, Work

_CHUNK: Final = MIB
_SCHEME: Final = "://"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A copy of the source in the folder that the caller gave; it belongs to the caller."""

    path: Path
    name: str
    """As the source names itself, not sanitised; may be empty."""
    mimetype: str
    """By content."""


class KeptSource(Protocol):
    """A received file that was downloaded before."""

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int:
        """Bytes."""

    def copy_to(self, place: Path, on_progress: OnProgress = ...) -> None: ...


async def fetch(
    source: str,
    folder: Path,
    *,
    field: str,
    limit: int,
    policy: MediaPolicy,
    work: Work,
    kept: KeptSource | None = None,
) -> SourceFile:
    """Copy a source of at most ``limit`` bytes into ``folder`` as ``source``, in bounded memory. ``kept`` is the source
    when we have it already: it is a file of our own.

    Raises:
        InvalidArgument: it does not exist, is empty, too large, or cannot be fetched; names the field.
        NotAllowed: the path or the link leads to where this server must not read.
    """
    target = folder / "source"
    if kept is not None:
        name = await to_thread.run_sync(
            lambda: _copy_kept(kept, target, field=field, limit=limit, policy=policy, work=work)
        )
    elif source[:5].lower() == "data:":
        name = await to_thread.run_sync(lambda: write_data_uri(source, target, field=field, limit=limit))
    elif source[:9].lower() == "whatsapp:":
        raise paths.came_with_a_message(field)
    elif _SCHEME in source[:32] and not source.startswith(("/", ".", "~")):
        name = await _download(source, target, field=field, limit=limit, policy=policy, work=work)
    else:
        name = await to_thread.run_sync(
            lambda: _copy(source, target, field=field, limit=limit, policy=policy, work=work)
        )
    found = await to_thread.run_sync(sniffing.sniff, target)
    return SourceFile(path=target, name=name, mimetype=found.mimetype)


def _copy(source: str, target: Path, *, field: str, limit: int, policy: MediaPolicy, work: Work) -> str:
    """Copy through the opened descriptor; gives the file's name."""
    with paths.opened(source, field=field, policy=policy) as (descriptor, name):
        _copy_open(descriptor, target, field=field, limit=limit, policy=policy, work=work)
    return name


def _copy_kept(source: KeptSource, target: Path, *, field: str, limit: int, policy: MediaPolicy, work: Work) -> str:
    if source.size > limit:
        raise _too_large(field, limit, policy)
    source.copy_to(target, work.step)
    if not target.stat().st_size:
        raise _empty(field)
    return source.name


def _copy_open(descriptor: int, target: Path, *, field: str, limit: int, policy: MediaPolicy, work: Work) -> None:
    expected = os.fstat(descriptor).st_size
    if expected > limit:
        raise _too_large(field, limit, policy)
    written = 0
    with target.open("xb") as file:
        while data := os.read(descriptor, _CHUNK):
            written += len(data)
            if written > limit:
                raise _too_large(field, limit, policy)
            file.write(data)
            work.step(written / max(expected, 1))
    if not written:
        raise _empty(field)


async def _download(link: str, target: Path, *, field: str, limit: int, policy: MediaPolicy, work: Work) -> str:
    """Stream a link into the file; gives the name that the server or the link suggests."""
    from whatsapp_mcp.media.source import web

    try:
        with anyio.fail_after(policy.url_timeout):
            async with web.get(link, field=field, policy=policy) as body:
                if body.length is not None and body.length > limit:
                    raise _too_large(field, limit, policy)
                written = 0
                async with await anyio.open_file(target, "xb") as file:
                    async for data in body.chunks:
                        written += len(data)
                        if written > limit:
                            raise _too_large(field, limit, policy)
                        await file.write(data)
                        work.step(written / body.length if body.length else 0.5)
                if not written:
                    raise _empty(field)
                return web.name_from_disposition(body.content_disposition) or _name_in_link(body.url)
    except TimeoutError:
        raise InvalidArgument(
            f"{field}: the link was not fetched within {policy.url_timeout:.0f} seconds.",
            field=field,
            next_step="Try again, or pass the file itself.",
        ) from None


def _name_in_link(url: str) -> str:
    return unquote(urlsplit(url).path).rpartition("/")[2]


def _too_large(field: str, limit: int, policy: MediaPolicy) -> InvalidArgument:
    return InvalidArgument(
        f"{field}: larger than {limit // MIB} MiB, the limit for this kind.",
        field=field,
        next_step="Pass a smaller file."
        if limit >= policy.file_limit
        else f"Pass a smaller file; sendFile takes up to {policy.file_limit // MIB} MiB.",
    )


def _empty(field: str) -> InvalidArgument:
    return InvalidArgument(f"{field}: the file is empty.", field=field, next_step="Pass a file with content.")
