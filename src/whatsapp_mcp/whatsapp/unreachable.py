"""Why there is no connection to WhatsApp, in a sentence, from the chain of errors that Go gives."""

from __future__ import annotations

from typing import Final

_REASONS: Final = (
    (
        ("x509:", "certificate"),
        "what answers for WhatsApp shows a wrong certificate: check this machine's clock, and "
        "whether a proxy or firewall opens TLS connections",
    ),
    (("proxyconnect", "socks connect"), "the proxy that is configured for this machine cannot be reached"),
    (
        ("no such host", "server misbehaving", "name resolution"),
        "web.whatsapp.com is not found: there is no internet connection, or no name server",
    ),
    (("network is unreachable", "no route to host", "network is down"), "there is no internet connection"),
    (("connection refused", "connection reset"), "the connection to WhatsApp is refused: a firewall may forbid it"),
    (
        ("i/o timeout", "deadline exceeded", "handshake timeout", "timed out"),
        "WhatsApp does not answer: the internet connection is down or very slow, or a firewall forbids it",
    ),
)
"""By what the innermost errors say (Go: net, crypto/tls, crypto/x509; the texts of Linux and macOS), the more telling
one first: a proxy that refuses is a proxy."""


def why_unreachable(error: str) -> str | None:
    """A sentence for a person; None when the error says something else than that WhatsApp was not reached.

    Args:
        error: with which neonize ended before it was connected.
    """
    said = error.lower()
    return next((reason for signs, reason in _REASONS if any(sign in said for sign in signs)), None)
