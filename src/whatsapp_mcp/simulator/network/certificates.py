"""The TLS side of "being" web.whatsapp.com on loopback: an own certificate authority and one server certificate.

The authority exists for one simulator run, unless it is kept; its key never leaves the process otherwise. Clients are
told to trust it through ``SSL_CERT_FILE`` and the like.
"""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from whatsapp_mcp.private_files import write_private

HOST_NAMES = ("web.whatsapp.com", "*.whatsapp.net")
"""The chat host and the media hosts."""

_CA_NAME = "WhatsApp simulator (this machine only)"
_LIFETIME = timedelta(days=30)
_CA_LIFETIME = timedelta(days=3650)
_CLOCK_SKEW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """PEM texts: the authority's certificate and key, and the server's certificate with its private key."""

    ca_certificate: bytes
    ca_key: bytes
    server_certificate: bytes
    server_key: bytes


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: str, issuer: str, public_key: ec.EllipticCurvePublicKey, now: datetime, lifetime: timedelta = _LIFETIME
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + lifetime)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def new_authority() -> tuple[bytes, bytes]:
    """Certificate and key of a new authority (PEM, ECDSA P-256, valid ten years)."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_CA_NAME, _CA_NAME, key.public_key(), datetime.now(UTC), _CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM), _pem(key)


def issue_tls_identity(authority: tuple[bytes, bytes]) -> TlsIdentity:
    """A new certificate of this authority for :data:`HOST_NAMES`, localhost and 127.0.0.1 (valid 30 days).

    Raises:
        ValueError: the authority's key is none that was made here.
    """
    ca_certificate, ca_pem = authority
    ca_key = serialization.load_pem_private_key(ca_pem, None)
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
        raise ValueError("the authority has a key of another kind")
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in (*HOST_NAMES, "localhost")]
    names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    leaf = (
        _builder(HOST_NAMES[0], _CA_NAME, key.public_key(), datetime.now(UTC))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return TlsIdentity(ca_certificate, ca_pem, leaf.public_bytes(serialization.Encoding.PEM), _pem(key))


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())


def server_context(identity: TlsIdentity) -> ssl.SSLContext:
    """The TLS configuration of the listener. HTTP/1.1 only: offered h2, Go would use it for media."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    # The ssl module loads keys from files only; this one exists for a moment, readable by nobody else.
    with tempfile.TemporaryDirectory(prefix="whatsapp-simulator-") as directory:
        path = Path(directory, "server.pem")
        write_private(path, identity.server_key + identity.server_certificate)
        context.load_cert_chain(path)
    return context
