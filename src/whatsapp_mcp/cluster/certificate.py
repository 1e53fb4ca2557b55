"""A certificate that a process makes for itself; who connects knows its fingerprint from the database."""

from __future__ import annotations

import ssl
import tempfile
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from whatsapp_mcp.clock import now

_VALID: Final = timedelta(days=3650)
"""Longer than any process: what counts is the fingerprint."""


def own_context() -> tuple[ssl.SSLContext, str]:
    """For a server, with a new key that stays in this process; and the fingerprint of its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whatsapp-mcp")])
    since = now() - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + _VALID)
        .sign(key, hashes.SHA256())
    )
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with tempfile.TemporaryDirectory(prefix="whatsapp-mcp-") as folder:  # OpenSSL reads it from nowhere else
        path = Path(folder) / "both.pem"
        path.write_bytes(certificate.public_bytes(pem) + private)
        context.load_cert_chain(path)
    return context, sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def pinning_context() -> ssl.SSLContext:
    """For a client, who compares the fingerprint itself before it says anything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
