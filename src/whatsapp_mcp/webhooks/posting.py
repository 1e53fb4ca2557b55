"""One request of a webhook: to an address that its owner allowed, within a time, without following anything."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import anyio
import httpcore2

from whatsapp_mcp import __version__
from whatsapp_mcp.errors import InvalidArgument, NotAllowed
from whatsapp_mcp.media.source.addresses import Reach
from whatsapp_mcp.media.source.web import GuardedNetwork, Resolver, check_link, core_url, ssl_context, system_resolver
from whatsapp_mcp.webhooks.book import Webhook
from whatsapp_mcp.webhooks.signing import signed_headers

TIME: Final = 15.0
"""Seconds for a whole request."""
_CONNECT: Final = 5.0
_ANSWER_READ: Final = 4_096
"""Bytes of an answer that are read; only its status counts."""
_CONNECTIONS: Final = 128
_IDLE_CONNECTIONS: Final = 32
_KEPT_OPEN: Final = 30.0
_LATER: Final = (408, 425, 429)
"""Refusals that say to come again (RFC 9110; RFC 8470; RFC 6585)."""
_GONE: Final = 410
"""Standard Webhooks: the receiver wants nothing more."""
_LONGEST_WAIT: Final = 3_600.0


class PostVerdict(StrEnum):
    TAKEN = "taken"
    REFUSED = "refused"
    """This request; another one may be taken."""
    FAILED = "failed"
    """The receiver, for now."""
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class PostResult:
    verdict: PostVerdict
    said: str
    """Why, in our words."""
    retry_after: float | None = None
    """Seconds, as the receiver asks."""


def check_url(url: str, reach: Reach) -> None:
    """Whether a webhook can be there, as far as the text can tell.

    Raises:
        InvalidArgument: it is no link, or would send over the internet what everybody can read.
    """
    link = check_link(url, field="URL")
    if link.scheme != "https" and not (reach.loopback or reach.private):
        raise InvalidArgument(
            "URL: only https:// keeps what is sent from others.",
            field="URL",
            next_step="Use https://, or --allow loopback or --allow private for a receiver that is near.",
        )
    if link.fragment:
        raise InvalidArgument("URL: a fragment (#…) is never sent.", field="URL", next_step="Leave it out.")


class Poster:
    """Sends requests; connections that were used are kept open for a while."""

    def __init__(self, *, resolver: Resolver = system_resolver) -> None:
        self._resolver = resolver
        self._pools: dict[Reach, httpcore2.AsyncConnectionPool] = {}

    async def close(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()

    async def post(self, webhook: Webhook, message_id: str, body: bytes) -> PostResult:
        """Never raises for what the receiver does."""
        try:
            url = check_link(webhook.url, field="URL")
            headers = {
                "Host": url.netloc.decode("ascii"),
                "User-Agent": f"whatsapp-web-mcp/{__version__}",
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                "Accept-Encoding": "identity",
            } | signed_headers(webhook.key, message_id, body, at=int(time.time()))
            with anyio.fail_after(TIME):
                async with self._pool(webhook.network).stream(
                    "POST",
                    core_url(url),
                    headers=list(headers.items()),
                    content=body,
                    extensions={"timeout": {"connect": _CONNECT, "read": TIME, "write": TIME, "pool": TIME}},
                ) as response:
                    await _read_a_little(response)
                    return _judged(response)
        except NotAllowed:
            return PostResult(PostVerdict.FAILED, "its address is not public, and it may not be at such an address")
        except (InvalidArgument, ValueError):
            return PostResult(PostVerdict.FAILED, "its address or secret cannot be used")
        except (TimeoutError, httpcore2.TimeoutException):
            return PostResult(PostVerdict.FAILED, "it did not answer in time")
        except ssl.SSLError:
            return PostResult(PostVerdict.FAILED, "its certificate cannot be verified")
        except httpcore2.NetworkError as error:
            return PostResult(PostVerdict.FAILED, _reason(error))
        except httpcore2.ProtocolError:
            return PostResult(PostVerdict.FAILED, "its answer is not valid HTTP")
        except OSError:
            return PostResult(PostVerdict.FAILED, "it cannot be reached")

    def _pool(self, reach: Reach) -> httpcore2.AsyncConnectionPool:
        if reach not in self._pools:
            self._pools[reach] = httpcore2.AsyncConnectionPool(
                ssl_context=ssl_context(),
                network_backend=GuardedNetwork(self._resolver, reach=reach),
                max_connections=_CONNECTIONS,
                max_keepalive_connections=_IDLE_CONNECTIONS,
                keepalive_expiry=_KEPT_OPEN,
            )
        return self._pools[reach]


async def _read_a_little(response: httpcore2.Response) -> None:
    """A connection is used again only when its answer was read to the end; a long answer is not."""
    read = 0
    async for part in response.aiter_stream():
        read += len(part)
        if read > _ANSWER_READ:
            return


def _judged(response: httpcore2.Response) -> PostResult:
    status = response.status
    said = f"it answered {status}"
    if 200 <= status < 300:
        return PostResult(PostVerdict.TAKEN, said)
    if status == _GONE:
        return PostResult(PostVerdict.GONE, said)
    if 400 <= status < 500 and status not in _LATER:
        return PostResult(PostVerdict.REFUSED, said)
    return PostResult(
        PostVerdict.FAILED, f"{said}, and is not followed" if 300 <= status < 400 else said, _wait(response)
    )


def _wait(response: httpcore2.Response) -> float | None:
    wanted = next((value for name, value in response.headers if name.lower() == b"retry-after"), b"").strip()
    return min(float(wanted), _LONGEST_WAIT) if wanted.isdigit() and len(wanted) < 10 else None


def _reason(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "its certificate cannot be verified"
        cause = cause.__cause__ or cause.__context__
    return "it cannot be reached"
