"""Where the HTTP transport listens: only where it may, and with TLS of its own."""

from __future__ import annotations

import datetime
import logging
import ssl
from pathlib import Path

import anyio
import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from tests.unit.server.connections import DEADLINE, FakeAccounts, fake_server, initialize, listening
from tests.unit.server.fakes import TOKEN, FakeTokens
from whatsapp_mcp.clock import now
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.server.auth import HttpAccess
from whatsapp_mcp.server.http import serve_http
from whatsapp_mcp.server.listening import TlsFiles, check_remote, tls_context

PLAIN = NoEncryption()


def files(folder: Path, name: str = "wa", protection: KeySerializationEncryption = PLAIN) -> TlsFiles:
    """A certificate for localhost that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    certificate = (
        x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
        .not_valid_before(now() - datetime.timedelta(days=1))
        .not_valid_after(now() + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = TlsFiles(folder / f"{name}.crt", folder / f"{name}.key")
    made.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection))
    return made


async def test_tls_is_served(tmp_path: Path) -> None:
    tls = files(tmp_path)
    trusting = ssl.create_default_context(cafile=str(tls.certificate))
    old = ssl.create_default_context(cafile=str(tls.certificate))
    with pytest.warns(DeprecationWarning):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json, text/event-stream"}
    async with listening(fake_server(), host="localhost", tls=tls) as url:
        assert url.startswith("https://localhost:")
        async with httpx2.AsyncClient(verify=trusting, headers=headers, timeout=DEADLINE) as web:
            assert (await web.post(url, json=initialize())).status_code == 200
            with pytest.raises(httpx2.HTTPError):
                await web.post(url.replace("https:", "http:"), json=initialize())
        async with httpx2.AsyncClient(verify=old, headers=headers, timeout=DEADLINE) as web:
            with pytest.raises(httpx2.HTTPError):
                await web.post(url, json=initialize())


def test_wrong_files_are_named(tmp_path: Path) -> None:
    good, other = files(tmp_path), files(tmp_path, "other")
    locked = files(tmp_path, "locked", BestAvailableEncryption(b"passphrase"))
    nonsense = tmp_path / "nonsense"
    nonsense.write_text("no certificate")
    for tls, said in {
        TlsFiles(tmp_path / "none", good.key): "--tls-cert .*none cannot be read: No such file",
        TlsFiles(good.certificate, tmp_path / "none"): "--tls-key .*none cannot be read: No such file",
        TlsFiles(nonsense, good.key): "no PEM file of its kind",
        TlsFiles(good.certificate, nonsense): "no PEM file of its kind",
        TlsFiles(good.key, good.certificate): "no PEM file of its kind",
        TlsFiles(good.certificate, other.key): "the key belongs to another certificate",
        locked: "--tls-key .*locked.key is encrypted",
    }.items():
        with pytest.raises(SetupError, match=said):
            tls_context(tls)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "wa.example"])
async def test_nobody_else_can_reach_it_unasked(host: str, caplog: pytest.LogCaptureFixture) -> None:
    with anyio.fail_after(DEADLINE), pytest.raises(SetupError) as refused:
        await serve_http(FakeAccounts(), access=HttpAccess(FakeTokens()), host=host, allowed_hosts=["wa.example"])
    assert "--allow-remote" in refused.value.next_step
    assert "TLS is needed" in refused.value.next_step
    with caplog.at_level(logging.WARNING):
        check_remote(host, allowed=True, encrypted=True)
        assert not caplog.records
        check_remote(host, allowed=True, encrypted=False)
    assert "WITHOUT TLS" in caplog.text


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_loopback_needs_nothing(host: str, caplog: pytest.LogCaptureFixture) -> None:
    check_remote(host, allowed=False, encrypted=False)
    assert not caplog.records
