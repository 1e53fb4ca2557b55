"""Errors as Go gives them, on Linux."""

from __future__ import annotations

import pytest

from whatsapp_mcp.whatsapp.unreachable import why_unreachable

DIAL = 'failed to dial whatsapp web websocket: Get "https://web.whatsapp.com/ws/chat": '


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("dial tcp: lookup web.whatsapp.com: no such host", "no name server"),
        ("dial tcp: lookup web.whatsapp.com on 127.0.0.53:53: server misbehaving", "no name server"),
        ("dial tcp 157.240.0.60:443: connect: network is unreachable", "no internet connection"),
        ("dial tcp 157.240.0.60:443: connect: connection refused", "firewall"),
        ("dial tcp 157.240.0.60:443: i/o timeout", "does not answer"),
        ("proxyconnect tcp: dial tcp 127.0.0.1:9: connect: connection refused", "proxy"),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "clock"),
    ],
)
def test_what_a_person_is_told(error: str, words: str) -> None:
    told = why_unreachable(DIAL + error)
    assert told is not None
    assert words in told
    assert "dial" not in told


@pytest.mark.parametrize("error", ["", "failed to get device: database is locked"])
def test_what_is_no_matter_of_the_network(error: str) -> None:
    assert why_unreachable(error) is None
