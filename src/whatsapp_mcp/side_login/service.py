"""Where WhatsApp is, what way leads there, and what proves that it is WhatsApp."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.wire.certificates import WHATSAPP_ROOT_PUBLIC

CHAT_HOST: Final = "web.whatsapp.com"
_PORT: Final = 443
_MAX_HEAD: Final = 16 * 1024
_STREAM_LIMIT: Final = 1 << 20


class ProxyRefusal(OSError):
    """The proxy does not open a tunnel."""


@dataclass(frozen=True, slots=True)
class Service:
    """The real WhatsApp, or the simulator of an endpoint file."""

    root_public: bytes
    """Root of the Noise certificate chain, 32 bytes."""
    ca_file: str | None = None
    """PEM file with the only authorities to trust; None: the system's (or ``SSL_CERT_FILE``)."""
    proxy: str | None = None
    """``http://[user:password@]host:port``."""

    @classmethod
    def choose(cls, endpoint: Endpoint | None, environment: Mapping[str, str], *, require_endpoint: bool) -> Service:
        """The endpoint's service when there is one, else WhatsApp's by the way that ``environment`` prescribes.

        Raises:
            SetupError: an endpoint is required and missing, or the proxy is of a kind that is not supported.
        """
        if endpoint is not None:
            return cls(endpoint.root_public, endpoint.ca_file, endpoint.proxy)
        if require_endpoint:
            raise SetupError(
                "this run requires a simulator endpoint and none is set; WhatsApp is not contacted",
                next_step="Set WHATSAPP_MCP_ENDPOINT, or unset WHATSAPP_MCP_REQUIRE_ENDPOINT to use the real WhatsApp.",
            )
        return cls(WHATSAPP_ROOT_PUBLIC, None, _environment_proxy(environment))

    def trust(self) -> ssl.SSLContext:
        """TLS as strict as the platform has it, without HTTP/2."""
        if self.ca_file is not None:
            context = ssl.create_default_context(cafile=self.ca_file)
        else:
            # Python alone finds no authorities on macOS, and on Windows only those that were needed before: this asks
            # the system there (truststore), as Go does.
            from httpcore2 import default_ssl_context  # slow to load, and only a side login needs it

            context = default_ssl_context()
        context.set_alpn_protocols(["http/1.1"])
        return context

    async def connect(self, host: str = CHAT_HOST) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A TLS connection to ``host``. The caller sets the deadline.

        Raises:
            ssl.SSLCertVerificationError: nobody we trust vouches for the other end.
            OSError: no way there; ``ProxyRefusal`` when the proxy says no.
        """
        trust = await asyncio.to_thread(self.trust)
        if self.proxy is None:
            return await asyncio.open_connection(host, _PORT, ssl=trust, server_hostname=host, limit=_STREAM_LIMIT)
        proxy = urlsplit(self.proxy)
        reader, writer = await asyncio.open_connection(proxy.hostname, proxy.port or 80, limit=_STREAM_LIMIT)
        try:
            await _open_tunnel(reader, writer, proxy, host)
            await writer.start_tls(trust, server_hostname=host)
        except BaseException:
            writer.transport.abort()
            raise
        return reader, writer


def _environment_proxy(environment: Mapping[str, str]) -> str | None:
    """What Go's http.ProxyFromEnvironment does for an https address, so that we take the way that neonize takes."""
    proxy = environment.get("HTTPS_PROXY") or environment.get("https_proxy") or ""
    if not proxy:
        return None
    excepted = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    if _is_excepted(CHAT_HOST, excepted):
        return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    parts = urlsplit(proxy)
    if parts.scheme != "http" or not parts.hostname:
        raise SetupError(
            f"HTTPS_PROXY names a proxy of kind {parts.scheme!r}; this request goes through http:// proxies only",
            next_step="Set HTTPS_PROXY to an http:// proxy, or let this machine reach WhatsApp directly.",
        )
    return proxy


def _is_excepted(host: str, no_proxy: str) -> bool:
    """``example.com`` stands for itself and what is below it, ``.example.com`` only for the latter, ``*`` for all."""
    for rule in (part.strip().lower().removeprefix("*.") for part in no_proxy.split(",")):
        name = rule.partition(":")[0]
        if name and (name == "*" or host == name or host.endswith("." + name.lstrip("."))):
            return True
    return False


async def _open_tunnel(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, proxy: SplitResult, host: str
) -> None:
    lines = [f"CONNECT {host}:{_PORT} HTTP/1.1", f"Host: {host}:{_PORT}"]
    if proxy.username is not None:
        account = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(account.encode()).decode()}")
    writer.write("\r\n".join((*lines, "", "")).encode())
    await writer.drain()
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise ProxyRefusal("the proxy closed the connection") from None
    status = head[:_MAX_HEAD].split(b"\r\n", 1)[0].decode("latin-1")
    if status.split(" ", 2)[1:2] != ["200"]:
        raise ProxyRefusal(f"the proxy answered {status[:100]!r}")
