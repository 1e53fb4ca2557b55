"""Where the HTTP transport listens: address, names under which it is reached, TLS."""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mcp.server.transport_security import TransportSecuritySettings

from whatsapp_mcp.errors import SetupError

_LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What TLS is served with, both in PEM."""

    certificate: Path
    """With those of the authorities in between."""
    key: Path


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS 1.2 or newer.

    Raises:
        SetupError: a file cannot be read, holds something else, or key and certificate do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for name, path in (("--tls-cert", files.certificate), ("--tls-key", files.key)):
        try:
            path.read_bytes()
        except OSError as error:
            raise SetupError(
                f"{name} {path} cannot be read: {error.strerror}",
                next_step="Name a PEM file that the user who runs the server can read.",
            ) from None

    def encrypted() -> str:  # OpenSSL would ask at the terminal
        raise SetupError(
            f"--tls-key {files.key} is encrypted", next_step="Give a key without passphrase: openssl pkey -in … -out …"
        )

    try:
        context.load_cert_chain(files.certificate, files.key, password=encrypted)
    except (ssl.SSLError, ValueError) as error:
        raise SetupError(
            f"--tls-cert {files.certificate} and --tls-key {files.key} cannot be used: {_why(error)}",
            next_step="Give the certificate with its chain, and the private key that belongs to it, both as PEM.",
        ) from None
    return context


def _why(error: Exception) -> str:
    if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
        return "the key belongs to another certificate"
    return "one of them is no PEM file of its kind"


def check_remote(host: str, *, allowed: bool, encrypted: bool) -> None:
    """Whether this address may be listened on. Warns where what is said can be read on the way.

    Raises:
        SetupError: others could reach it, and nobody said that they may.
    """
    if is_loopback(host):
        return
    if not allowed:
        raise SetupError(
            f"{host} can be reached from other machines",
            next_step="Listen on 127.0.0.1, or give --allow-remote. Then TLS is needed, since tokens and messages can "
            "be read on the way without it: --tls-cert and --tls-key, or a proxy that speaks TLS.",
        )
    if not encrypted:
        logger.warning(
            "%s is served WITHOUT TLS: unless a proxy before it speaks TLS and nobody else can reach this port, tokens "
            "and messages can be read on the way. --tls-cert and --tls-key serve TLS.",
            host,
        )


def security_of(host: str, allowed_hosts: Sequence[str]) -> TransportSecuritySettings:
    """Which ``Host`` and ``Origin`` headers are taken.

    Raises:
        SetupError: ``host`` can be reached from elsewhere and ``allowed_hosts`` is empty.
    """
    names = [_in_url(host)] if is_loopback(host) else []
    names.extend(_in_url(name) for name in allowed_hosts)
    if not names:
        raise SetupError(
            f"{host} can be reached from other machines, and no host name is allowed",
            next_step="Name the hosts that clients use with --allowed-host, or listen on 127.0.0.1.",
        )
    # What listens everywhere also serves this machine, and no other site's page can have a loopback name.
    names = list(dict.fromkeys((*_LOOPBACK_NAMES, *names)))
    origins = [f"{scheme}://{name}" for scheme in ("http", "https") for name in names]
    return TransportSecuritySettings(
        allowed_hosts=[*names, *(f"{name}:*" for name in names)],
        allowed_origins=[*origins, *(f"{origin}:*" for origin in origins)],
    )


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def url_of(host: str, listener: socket.socket, *, encrypted: bool) -> str:
    """The address of the default account."""
    return f"{'https' if encrypted else 'http'}://{_in_url(host)}:{listener.getsockname()[1]}/mcp"


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that connections can be accepted on.

    Raises:
        SetupError: the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise SetupError(
            f"{host}:{port} cannot be listened on: {getattr(error, 'strerror', None) or error}",
            next_step="Choose another --port or --host, or stop the program that uses it.",
        ) from None
    with listener:
        yield listener
