"""Files of received messages: from WhatsApp's media hosts to disk, piece by piece, checked and decrypted on the way.

neonize's own download holds a file several times in memory. What a message says about its file is a stranger's claim:
the keys and hashes decide whether something is the file, its length decides nothing, and its address leads to
WhatsApp's hosts whatever it says. Source: whatsmeow download.go.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import http.client
import re
import shutil
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request, build_opener

from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.errors import MediaExpired, NotAllowed, NotFound, SessionTimeout, StoreError, WhatsAppRefused
from whatsapp_mcp.platform.files import is_deleted, remove
from whatsapp_mcp.private_files import new_private_file
from whatsapp_mcp.waiting import Wait, waits_for
from whatsapp_mcp.wire.media import MAC_SIZE, PIECE, MediaError, MediaKind, MediaReference, Opener

if TYPE_CHECKING:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import HistorySyncNotification, Message

HOST: Final = "mmg.whatsapp.net"
"""The host in the address of every upload; it has what the nearer ones have, which only neonize is told."""
_ORIGIN: Final = "https://web.whatsapp.com"
_PICTURE: Final = re.compile(r"https://(?:[a-z0-9-]{1,63}\.){1,4}whatsapp\.net/[!-\"$-\[\]-~]{1,4096}")
"""The address of a profile picture: a host of WhatsApp's, no port, no user, no fragment."""
_PATH: Final = re.compile(r"/[!-\"$-\[\]-~]{1,4096}")
"""A path and its query: printable, no fragment, no backslash."""
_KINDS: Final = {
    "imageMessage": MediaKind.IMAGE,
    "videoMessage": MediaKind.VIDEO,
    "audioMessage": MediaKind.AUDIO,
    "documentMessage": MediaKind.DOCUMENT,
    "stickerMessage": MediaKind.IMAGE,
}
_HASH_SIZE: Final = 32
_BLOCK: Final = 16
_ATTEMPTS: Final = 5
_SILENCE: Final = 20.0
"""Seconds without a byte after which a host does not answer."""
_MAX_PAUSE: Final = 10.0
_SPACE_LEFT: Final = 64 * 1024 * 1024
"""Bytes that a download leaves free on the disk: the message store is there too."""
_GONE: Final = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one download may take."""

    size: int
    """Bytes of the content."""
    until: float
    """On ``time.monotonic``'s clock."""


class _Again(Exception):
    """It may work the next time. ``pause``: seconds, if the host said so."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.ours = reason
        self.pause = pause


class _NoRedirect(HTTPRedirectHandler):
    """Media hosts send nobody anywhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class MediaDownloads:
    """Fetches files over the same way that neonize takes."""

    def __init__(self, endpoint: Endpoint | None) -> None:
        self._endpoint = endpoint

    def fetch(self, message: Message, path: Path, bounds: Bounds) -> None:
        """Write the file of a message to ``path``, which does not exist yet (mode 0600).

        Blocks. Ends early when somebody deletes ``path`` meanwhile: then nobody waits for it any more.

        Args:
            message: with its file where ``content.media.file_of`` puts it.

        Raises:
            MediaExpired: WhatsApp no longer has it.
            NotAllowed: it is larger than ``bounds``.
            NotFound: the message does not say where it lies.
            SessionTimeout: not done in time.
            StoreError: it cannot be written, or there is no space for it.
            WhatsAppRefused: what the host gives is not this file, or it gives nothing.
        """
        self._write(_Source.of(message), path, bounds)

    def fetch_picture(self, address: str, path: Path, bounds: Bounds) -> None:
        """The same for a profile picture, by the address that WhatsApp told. Nothing says what its content is.

        Raises:
            NotFound: the address leads to no host of WhatsApp's.
        """
        self._write(_Picture.at(address), path, bounds)

    def fetch_history(self, announced: HistorySyncNotification, path: Path, bounds: Bounds) -> None:
        """The same for a part of a history, packed as the phone sent it."""
        self._write(_Source.told(announced, MediaKind.HISTORY), path, bounds)

    def _write(self, source: _Source | _Picture, path: Path, bounds: Bounds) -> None:
        opener = self._opener()
        try:
            with new_private_file(path) as file, waits_for("downloading the file") as wait:
                _repeated(opener, source, file, path.parent, bounds, wait)
        except OSError as error:
            remove(path)
            raise StoreError(f"the media folder cannot be written: {error.strerror}") from error
        except BaseException:
            remove(path)
            raise

    def _opener(self) -> OpenerDirector:
        endpoint = self._endpoint
        trust = ssl.create_default_context(cafile=endpoint.ca_file if endpoint else None)
        way = ProxyHandler({"https": endpoint.proxy}) if endpoint else ProxyHandler()
        return build_opener(way, HTTPSHandler(context=trust), _NoRedirect())


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a file lies, and what proves that it is the one."""

    address: str
    reference: MediaReference
    """Of a file in a newsletter, which is not encrypted, only the hash of the content counts."""
    encrypted: bool

    @classmethod
    def of(cls, message: Message) -> _Source:
        for field, value in message.ListFields():
            if (kind := _KINDS.get(field.name)) is not None:
                return cls.told(value, kind)
        raise NotFound("this message has no file")

    @classmethod
    def told(cls, value: Any, kind: MediaKind) -> _Source:
        path = value.directPath
        if not _PATH.fullmatch(path) or path.startswith("//"):
            raise NotFound(
                "this message does not say where its file lies", next_step="Ask the sender to send it again."
            )
        encrypted = bool(value.mediaKey and value.fileEncSHA256)
        if len(value.fileSHA256) != _HASH_SIZE or (encrypted and len(value.mediaKey) != _HASH_SIZE):
            raise _other_file()
        reference = MediaReference(kind, value.mediaKey, value.fileSHA256, value.fileEncSHA256, value.fileLength)
        digest = base64.urlsafe_b64encode(value.fileEncSHA256).decode()
        joint = "&" if "?" in path else "?"
        query = f"{joint}hash={digest}&mms-type={kind.mms_type}&__wa-mms="
        return cls(f"https://{HOST}{path}{query}", reference, encrypted)

    def opened(self) -> Opener | _Plain:
        return Opener(self.reference) if self.encrypted else _Plain(self.reference)


@dataclass(frozen=True, slots=True)
class _Picture:
    """A profile picture, which is the same for everybody."""

    address: str
    encrypted: bool = False

    @classmethod
    def at(cls, address: str) -> _Picture:
        found = _PICTURE.fullmatch(address)
        if found is None:
            raise NotFound("WhatsApp does not say where this picture lies", next_step="Look at it on the phone.")
        return cls(address)

    def opened(self) -> _Unknown:
        return _Unknown()


class _Unknown:
    """What `Opener` is for content of which nothing is announced."""

    def update(self, file: bytes) -> bytes:
        return file

    def finish(self) -> bytes:
        return b""


class _Plain:
    """What `Opener` is for a file that is not encrypted."""

    def __init__(self, reference: MediaReference) -> None:
        self._reference = reference
        self._hash = hashlib.sha256()

    def update(self, file: bytes) -> bytes:
        self._hash.update(file)
        return file

    def finish(self) -> bytes:
        if not hmac.compare_digest(self._hash.digest(), self._reference.sha256):
            raise MediaError("the content is not the one that was announced")
        return b""


def _repeated(
    opener: OpenerDirector, source: _Source | _Picture, file: BinaryIO, folder: Path, bounds: Bounds, wait: Wait
) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _once(opener, source, file, folder, bounds, wait)
        except _Again as reason:
            pause = min(float(attempt) if reason.pause is None else reason.pause, _MAX_PAUSE)
            if attempt == _ATTEMPTS or time.monotonic() + pause > bounds.until:
                raise WhatsAppRefused(
                    f"WhatsApp did not hand out the media: {reason.ours}", next_step="Try again in a minute."
                ) from None
            time.sleep(pause)
            file.seek(0)
            file.truncate()
        except MediaError:
            raise _other_file() from None
        else:
            return


def _once(
    opener: OpenerDirector, source: _Source | _Picture, file: BinaryIO, folder: Path, bounds: Bounds, wait: Wait
) -> None:
    """One attempt, from the beginning."""
    opened = source.opened()
    overhead = _BLOCK + MAC_SIZE if source.encrypted else 0
    received = 0
    with _answer(opener, source.address) as answer:
        announced = _announced(answer)
        if announced is not None:
            _check_size(announced - overhead, bounds)
            _check_space(folder, announced)
            wait.total = announced
        for piece in _pieces(answer):
            received += len(piece)
            wait.done = received
            _check_size(received - overhead, bounds)
            _check_wanted(file, bounds)
            file.write(opened.update(piece))
    if announced is not None and received != announced:
        raise _Again("the file broke off")
    if source.encrypted and (received <= MAC_SIZE or received % _BLOCK != MAC_SIZE):
        raise MediaError("not whole blocks and a MAC")
    file.write(opened.finish())
    file.flush()


@contextlib.contextmanager
def _answer(opener: OpenerDirector, address: str) -> Iterator[http.client.HTTPResponse]:
    request = Request(address, headers={"Origin": _ORIGIN, "Referer": f"{_ORIGIN}/", "Accept-Encoding": "identity"})
    try:
        answer = opener.open(request, timeout=_SILENCE)
    except HTTPError as error:
        status, pause = error.code, error.headers.get("Retry-After", "")
        error.close()
        if status in _GONE:
            raise MediaExpired("WhatsApp no longer has the media of this message") from None
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise _Again(f"error {status}", float(pause) if pause.isdigit() else None) from None
        raise WhatsAppRefused(
            f"WhatsApp did not hand out the media (error {status})", details={"whatsapp_code": status}
        ) from None
    except (OSError, http.client.HTTPException):
        raise _Again("its media host does not answer") from None
    with answer:
        yield answer


def _pieces(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            piece = answer.read(PIECE)
        except (OSError, http.client.HTTPException):
            raise _Again("the file broke off") from None
        if not piece:
            return
        yield piece


def _announced(answer: http.client.HTTPResponse) -> int | None:
    """Bytes that will come, as the host says."""
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isdigit() and len(length) < 19 else None


def _check_size(size: int, bounds: Bounds) -> None:
    if size > bounds.size:
        raise NotAllowed(
            f"the file is larger than {bounds.size >> 20} MiB, the most that this server downloads",
            next_step="Look at it on the phone, or ask who runs the server to raise WHATSAPP_MCP_DOWNLOAD_LIMIT.",
        )


def _check_space(folder: Path, size: int) -> None:
    if shutil.disk_usage(folder).free < size + _SPACE_LEFT:
        raise StoreError(
            "there is not enough space on the disk for this file", next_step="Free some space and call again."
        )


def _check_wanted(file: BinaryIO, bounds: Bounds) -> None:
    if time.monotonic() > bounds.until or is_deleted(file.fileno()):
        raise SessionTimeout("the download took too long", next_step="Call again: another time may be faster.")


def _other_file() -> WhatsAppRefused:
    return WhatsAppRefused(
        "what WhatsApp has there is not the file that was sent", next_step="Ask the sender to send it again."
    )
