"""Fetching a link that somebody else chose, without being led anywhere private.

Every connection is judged when it is made: the name is resolved once, each address of the answer must be public, and
the connection goes to one of exactly those addresses, so an answer that changes later changes nothing. TLS and the Host
header keep the name. Redirects are followed by hand and judged the same way. Proxies of the environment are not used:
a proxy would resolve names itself. Bodies are asked for uncompressed; a compressed one is refused.

Built on httpcore2, the connection pool below httpx2: there the network is an argument.
"""

from __future__ import annotations

import functools
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

import anyio
import httpcore2
import httpx2

from whatsapp_mcp.errors import InvalidArgument, NotAllowed
from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.media.source.addresses import Reach, is_odd_number, is_public

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""``await resolver(host, port)``: the addresses of a host, in text form, best first. OSError when there are none."""

_MAX_LINK: Final = 4096
_CONNECT_TIMEOUT: Final = 10.0
_READ_TIMEOUT: Final = 20.0
_MAX_ADDRESSES: Final = 4
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_USER_AGENT: Final = "Mozilla/5.0 (compatible; whatsapp-web-mcp; +link preview)"


async def system_resolver(host: str, port: int) -> Sequence[str]:
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class WebBody:
    """An answer with status 2xx, whose body has not been read yet."""

    url: str
    """Where the redirects ended."""
    content_type: str
    content_disposition: str
    length: int | None
    """As declared; not to be trusted."""
    chunks: AsyncIterator[bytes]


class GuardedNetwork(httpcore2.AsyncNetworkBackend):
    """Connects to public addresses only. ``dial`` makes the connection to an address that was judged."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        reach: Reach,
        dial: httpcore2.AsyncNetworkBackend | None = None,
    ) -> None:
        self._resolver = resolver
        self._reach = reach
        self._dial = dial or httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            with anyio.fail_after(timeout):
                addresses = await self._resolver(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError("the name has no address") from error
        if not addresses:
            raise httpcore2.ConnectError("the name has no address")
        if not all(is_public(address, reach=self._reach) for address in addresses):
            raise NotAllowed("")  # worded by the caller, who knows the field
        failure: Exception | None = None
        for address in addresses[:_MAX_ADDRESSES]:
            try:
                return await self._dial.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise httpcore2.ConnectError("no address answers") from failure

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None
    ) -> httpcore2.AsyncNetworkStream:
        raise httpcore2.ConnectError("not a network address")

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


def check_link(link: str, *, field: str) -> httpx2.URL:
    """A link that may be fetched, as far as its text can tell.

    Raises:
        InvalidArgument: not an http(s) link, with a password, or with a host in an odd notation.
    """
    if not link or len(link) > _MAX_LINK or re.search(r"[\x00-\x20\x7f\\]", link):
        raise _bad_link(field, "this is no link")
    try:
        url = httpx2.URL(link)
        port = url.port
    except (httpx2.InvalidURL, ValueError):
        raise _bad_link(field, "this is no link") from None
    if url.scheme not in ("http", "https"):
        raise _bad_link(field, "only http:// and https:// links can be fetched")
    if url.userinfo:
        raise _bad_link(field, "a link with a user name or password is not fetched")
    host = url.raw_host.decode("ascii", "replace")
    if not host or "%" in host or port == 0:
        raise _bad_link(field, "the link names no host")
    if is_odd_number(host):
        raise _bad_link(field, "the host is a number in an unusual notation")
    return url


@asynccontextmanager
async def get(
    link: str,
    *,
    field: str,
    policy: MediaPolicy,
    resolver: Resolver = system_resolver,
    accept: str = "*/*",
    dial: httpcore2.AsyncNetworkBackend | None = None,
) -> AsyncIterator[WebBody]:
    """GET a link, following redirects. The caller limits size and total time while reading ``chunks``.

    Raises:
        InvalidArgument: the link is malformed, nothing answers, or the answer is no success.
        NotAllowed: the link, or a redirect, leads to an address that is not public.
    """
    url = check_link(link, field=field)
    network = GuardedNetwork(resolver, reach=Reach(loopback=policy.allow_loopback), dial=dial)
    try:
        async with httpcore2.AsyncConnectionPool(
            ssl_context=ssl_context(), network_backend=network, max_connections=1, max_keepalive_connections=0
        ) as pool:
            for _hop in range(policy.max_redirects + 1):
                async with pool.stream(
                    "GET", core_url(url), headers=_headers(url, accept), extensions=_TIMEOUTS
                ) as response:
                    if response.status in _REDIRECTS:
                        url = _redirected(url, _header(response, b"location"), field)
                        continue
                    yield _body(url, response, field)
                    return
            raise _unreachable(field, "too many redirects")
    except NotAllowed as error:
        if error.message:
            raise
        raise _closed(field) from None
    except (httpcore2.TimeoutException, httpcore2.NetworkError, ssl.SSLError) as error:
        raise _unreachable(field, _reason(error)) from None
    except (httpcore2.ProtocolError, httpcore2.UnsupportedProtocol):
        raise _unreachable(field, "the server's answer is not valid HTTP") from None


_TIMEOUTS: Final = {"timeout": {"connect": _CONNECT_TIMEOUT, "read": _READ_TIMEOUT, "write": _READ_TIMEOUT}}


@functools.cache
def ssl_context() -> ssl.SSLContext:
    return httpcore2.default_ssl_context()


def _headers(url: httpx2.URL, accept: str) -> list[tuple[str, str]]:
    host = url.netloc.decode("ascii")  # an IPv6 address in brackets
    return [
        ("Host", host),
        ("User-Agent", _USER_AGENT),
        ("Accept", accept),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]


def core_url(url: httpx2.URL) -> httpcore2.URL:
    return httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _header(response: httpcore2.Response, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), "")


def _redirected(url: httpx2.URL, location: str, field: str) -> httpx2.URL:
    try:
        following = check_link(str(url.join(location)), field=field)
    except (httpx2.InvalidURL, ValueError, InvalidArgument):
        raise _unreachable(field, "it redirects to something that is no usable link") from None
    if url.scheme == "https" and following.scheme == "http":
        raise _unreachable(field, "it redirects from https to plain http")
    return following


def _body(url: httpx2.URL, response: httpcore2.Response, field: str) -> WebBody:
    if not 200 <= response.status < 300:
        raise _unreachable(field, f"the server answered {response.status}")
    if _header(response, b"content-encoding").strip().lower() not in ("", "identity"):
        raise _unreachable(field, "the server insists on compressing")
    declared = _header(response, b"content-length")
    return WebBody(
        url=str(url),
        content_type=_header(response, b"content-type"),
        content_disposition=_header(response, b"content-disposition"),
        length=int(declared) if declared.isascii() and declared.isdigit() else None,
        chunks=response.aiter_stream(),
    )


def name_from_disposition(header: str) -> str:
    """The file name in a Content-Disposition header (RFC 6266), or ""; not sanitised."""
    if extended := re.search(r"filename\*\s*=\s*([\w-]+)'[^']*'([^;\s]+)", header, re.IGNORECASE):
        try:
            return unquote(extended[2], encoding=extended[1], errors="replace")
        except LookupError:
            pass
    if plain := re.search(r'filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))', header, re.IGNORECASE):
        return re.sub(r"\\(.)", r"\1", plain[1]) if plain[1] is not None else plain[2]
    return ""


def _reason(error: BaseException) -> str:
    if isinstance(error, httpcore2.TimeoutException):
        return "it did not answer in time"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "its certificate cannot be verified"
        cause = cause.__cause__ or cause.__context__
    return "the host cannot be reached"


def _bad_link(field: str, why: str) -> InvalidArgument:
    return InvalidArgument(
        f"{field}: {why}.", field=field, next_step="Pass a complete https:// link without a password."
    )


def _unreachable(field: str, why: str) -> InvalidArgument:
    return InvalidArgument(
        f"{field}: the link could not be fetched: {why}.",
        field=field,
        next_step="Open the link in a browser to check it, or pass the file itself.",
    )


def _closed(field: str) -> NotAllowed:
    return NotAllowed(
        f"{field}: the link leads to an address that is not public; such links are not fetched.",
        next_step="Pass a link to a public host, or put the file into an outbox folder and pass its path.",
        details={"field": field},
    )
