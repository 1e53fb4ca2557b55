"""The media hosts: uploads, downloads and deletions over HTTPS, and the permission for them over the chat socket.

Sources: whatsmeow mediaconn.go, upload.go, download.go.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from whatsapp_mcp.simulator.network.http import Exchange, Routes
from whatsapp_mcp.simulator.service.router import Router
from whatsapp_mcp.simulator.state.accounts import SimDevice
from whatsapp_mcp.simulator.state.blobs import Blob, BlobWriter
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.faults import Faults
from whatsapp_mcp.simulator.state.media_store import HOST, StoredFile
from whatsapp_mcp.simulator.state.record import Record
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.cbc import BLOCK
from whatsapp_mcp.wire.media import MAC_SIZE, MediaKind
from whatsapp_mcp.wire.node import Node

log = logging.getLogger(__name__)

MAX_UPLOAD = 2 * 1024**3
"""Bytes of the largest file that is taken."""
_PLAIN = ("/newsletter/", "/product/", "/pps/")
"""What is uploaded there is not encrypted: files of newsletters, pictures of products and at the top of a shop's
profile (Baileys Defaults: MEDIA_PATH_MAP)."""
_TTL_SECONDS = 3600
_AUTH_TTL_SECONDS = 6 * 3600


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a client uploaded."""

    device: SimDevice
    file: StoredFile


class MediaHost:
    """``iq xmlns=w:m``, and the hosts ``*.whatsapp.net`` as far as they keep files."""

    def __init__(self, world: World, routes: Routes, faults: Faults) -> None:
        self._world = world
        self._faults = faults
        self._devices: dict[str, tuple[SimDevice, float]] = {}
        self.uploads: Record[Upload] = Record("upload")
        self.downloads: Record[StoredFile] = Record("download")
        self.deletions: Record[StoredFile] = Record("deletion")
        """Files that clients deleted: history syncs, once they took them in."""
        for prefix in ("/mms/", *_PLAIN):
            routes.add(prefix, self._change)
        for prefix in ("/v/", "/m1/"):
            routes.add(prefix, self._download)

    def register(self, router: Router) -> None:
        router.on_iq("w:m", "set", self._media_conn)

    # --- permission ---

    def _media_conn(self, device: SimDevice, node: Node) -> Sequence[Node]:
        if node.child("media_conn") is None:
            raise IqError(400, "bad-request")
        auth = secrets.token_urlsafe(48)
        self._devices[auth] = (device, self._world.clock() + _AUTH_TTL_SECONDS)
        attrs = {"auth": auth, "ttl": str(_TTL_SECONDS), "auth_ttl": str(_AUTH_TTL_SECONDS), "max_buckets": "12"}
        return [Node("media_conn", dict(attrs), [Node("host", {"hostname": HOST})])]

    def _authorised(self, auth: str) -> SimDevice | None:
        """The device that was given ``auth``, while that is valid and the device is linked."""
        device, until = self._devices.get(auth, (None, 0.0))
        if device is None or self._world.clock() > until:
            return None
        return device if device.account.devices.get(device.number) is device else None

    # --- uploads and deletions ---

    async def _change(self, exchange: Exchange) -> None:
        await self._faults.flowing.wait()
        plain = exchange.request.path.startswith(_PLAIN)
        kind, token = _parse_path(exchange.request.path)
        device = self._authorised(exchange.request.query.get("auth", ""))
        if kind is None or token is None:
            await self._refuse(exchange, HTTPStatus.NOT_FOUND, "not a media path")
        elif device is None:
            await self._refuse(exchange, HTTPStatus.UNAUTHORIZED, "auth is not one that was given out")
        elif exchange.request.method == "POST":
            await self._upload(exchange, device, kind, token, plain=plain)
        elif exchange.request.method == "DELETE" and not plain:
            await self._delete(exchange, token)
        else:
            await self._refuse(exchange, HTTPStatus.METHOD_NOT_ALLOWED, exchange.request.method)

    async def _upload(
        self, exchange: Exchange, device: SimDevice, kind: MediaKind, token: bytes, *, plain: bool
    ) -> None:
        refusal = self._faults.media.upload_refusal.take()
        if refusal is not None:
            await self._refuse(exchange, refusal.status, "as wanted")
            return
        if _decode_token(exchange.request.query.get("token", "")) != token:
            await self._refuse(exchange, HTTPStatus.BAD_REQUEST, "the token differs between path and query")
            return
        if exchange.announced > MAX_UPLOAD:
            await self._refuse(exchange, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{exchange.announced} bytes")
            return
        blob = await self._receive(exchange)
        if blob is None:
            return
        if blob.sha256 != token:
            await self._refuse(exchange, HTTPStatus.BAD_REQUEST, "the token is not the hash of the body")
        else:
            # Baileys uploads the files of newsletters, which are not encrypted, to the place of those that are.
            plain = plain or blob.size <= MAC_SIZE or blob.size % BLOCK != MAC_SIZE
            stored = self._world.media.add(kind, blob, encrypted=not plain)
            self.uploads.add(Upload(device, stored))
            answer = {"url": stored.url, "direct_path": stored.direct_path}
            if plain:
                answer["handle"] = secrets.token_urlsafe(24)
            if exchange.request.path.startswith("/pps/"):
                proof = secrets.token_urlsafe(24)
                answer |= {"meta_hmac": proof, "fbid": str(secrets.randbelow(10**15)), "ts": self._world.now()}
            await _answer_json(exchange, answer)

    async def _receive(self, exchange: Exchange) -> Blob | None:
        """Take in the body; ``None`` when the connection was cut on purpose."""
        seconds, cut = self._faults.media.slowness.take(), self._faults.media.cut_upload.take()
        writer = BlobWriter()
        total = max(exchange.announced, 1)
        async for piece in exchange.body():
            writer.write(piece)
            if seconds:
                await asyncio.sleep(seconds * len(piece) / total)
            if cut and writer.size * 2 >= total:
                exchange.abort()
                return None
        return writer.finish()

    async def _delete(self, exchange: Exchange, token: bytes) -> None:
        """``d_md`` is the direct path without its query; ``token`` the hash of the file (whatsmeow upload.go:
        DeleteMedia)."""
        encoded = exchange.request.query.get("d_md", "")
        try:
            path = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        except ValueError:
            path = ""
        stored = self._world.media.find(path)
        if stored is None or stored.blob.sha256 != token:
            await self._refuse(exchange, HTTPStatus.NOT_FOUND, "no such file")
            return
        self._world.media.remove(stored)
        self.deletions.add(stored)
        await _answer_json(exchange, {})

    # --- downloads ---

    async def _download(self, exchange: Exchange) -> None:
        await self._faults.flowing.wait()
        if exchange.request.method != "GET":
            await self._refuse(exchange, HTTPStatus.METHOD_NOT_ALLOWED, exchange.request.method)
            return
        refusal = self._faults.media.download_refusal.take()
        if refusal is not None:
            headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
            await exchange.answer(refusal.status, headers=headers)
            return
        stored = self._world.media.find(exchange.request.path)
        if stored is None or stored.status is not HTTPStatus.OK:
            await self._refuse(exchange, stored.status if stored else HTTPStatus.NOT_FOUND, "there is no file")
            return
        self.downloads.add(stored)
        await exchange.answer(content=self._content(exchange, stored.blob), length=stored.blob.size)

    async def _content(self, exchange: Exchange, blob: Blob) -> AsyncIterator[bytes]:
        faults = self._faults.media
        seconds, cut, corrupt = faults.slowness.take(), faults.cut_download.take(), faults.corruption.take()
        sent = 0
        for piece in blob.pieces():
            part = piece
            if cut and (sent + len(piece)) * 2 >= blob.size:
                yield part[: blob.size // 2 - sent]
                # What was written is to arrive before the reset, or it would look like a refused connection.
                await asyncio.sleep(0.05)
                exchange.abort()
                return
            if corrupt and sent == 0:
                part = bytes([part[0] ^ 0xFF]) + part[1:]
            if seconds:
                await asyncio.sleep(seconds * len(part) / blob.size)
            sent += len(part)
            yield part

    @staticmethod
    async def _refuse(exchange: Exchange, status: HTTPStatus, reason: str) -> None:
        log.info("media host: %s %s: %d, %s", exchange.request.method, exchange.request.path, status, reason)
        await exchange.answer(status)


async def _answer_json(exchange: Exchange, answer: dict[str, str]) -> None:
    await exchange.answer(content=json.dumps(answer).encode(), content_type="application/json")


def _parse_path(path: str) -> tuple[MediaKind | None, bytes | None]:
    """Kind and token of ``/mms/TYPE/TOKEN``, ``/newsletter/newsletter-TYPE/TOKEN`` …"""
    parts = path.split("/")
    if len(parts) != 4:
        return None, None
    name = parts[2].removeprefix("newsletter-") if parts[1] == "newsletter" else parts[2]
    if parts[1] == "pps":
        name = MediaKind.IMAGE.mms_type
    return MediaKind.of_mms_type(name), _decode_token(parts[3])


def _decode_token(token: str) -> bytes | None:
    """The SHA-256 that an upload token is; ``None``: it is none."""
    try:
        padded = token.rstrip("=") + "=" * (-len(token.rstrip("=")) % 4)
        digest = base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest if len(digest) == 32 else None
