"""The certificate chain in the server's handshake message: root key -> intermediate -> leaf = the server's static key.

Serialised ``waCert.CertChain``; the signatures are XEdDSA over the raw ``details`` bytes. It is the only proof that the
other end is WhatsApp: TLS may end at a proxy of the user's company. Source: whatsmeow handshake.go (verifyServerCert).
"""

from __future__ import annotations

from typing import Final

from google.protobuf.message import DecodeError

from whatsapp_mcp.wire import protos, xeddsa
from whatsapp_mcp.wire.keys import KeyPair

WHATSAPP_ROOT_PUBLIC: Final = bytes.fromhex("142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b")
"""WhatsApp's root key (whatsmeow handshake.go: WACertPubKey)."""

_ROOT_SERIAL: Final = 0


class CertificateError(ValueError):
    """The server did not prove that it is WhatsApp; the text says which check failed."""


def issue_chain(
    root: KeyPair,
    server_static_public: bytes,
    *,
    now: int,
    valid_seconds: int = 7 * 24 * 3600,
    intermediate_serial: int = 1,
    leaf_serial: int = 2,
) -> bytes:
    """A chain that certifies ``server_static_public`` (32 bytes) under a root of our own, for the simulator.

    ``now`` is unix seconds; the chain is valid from an hour before it (clocks differ) until ``valid_seconds`` after it.
    Returns the serialised ``CertChain``.
    """
    intermediate = KeyPair.generate()
    period = (now - 3600, now + valid_seconds)
    chain = protos.cert.CertChain()
    chain.intermediate.details = _details(intermediate_serial, _ROOT_SERIAL, intermediate.public, period)
    chain.intermediate.signature = xeddsa.sign(root.private, chain.intermediate.details)
    chain.leaf.details = _details(leaf_serial, intermediate_serial, server_static_public, period)
    chain.leaf.signature = xeddsa.sign(intermediate.private, chain.leaf.details)
    return chain.SerializeToString()


def verify_chain(chain: bytes, *, root_public: bytes, server_static: bytes, now: int) -> None:
    """Check that ``root_public`` vouches for ``server_static`` (both 32 bytes) at ``now`` (unix seconds).

    The order of the checks is whatsmeow's. The local clock must be right: a wrong one shows as an expired certificate.

    Raises:
        CertificateError: with the first check that failed.
    """
    parsed = _parse_chain(chain)
    for name, certificate in (("intermediate", parsed.intermediate), ("leaf", parsed.leaf)):
        if not certificate.details:
            raise CertificateError(f"the {name} certificate is missing")
        if len(certificate.signature) != xeddsa.SIGNATURE_SIZE:
            raise CertificateError(
                f"the signature of the {name} certificate has {len(certificate.signature)} bytes, not 64"
            )

    if not xeddsa.verify(root_public, parsed.intermediate.details, parsed.intermediate.signature):
        raise CertificateError("the intermediate certificate is not signed by the root key")
    intermediate = _parse_details("intermediate", parsed.intermediate.details)
    if intermediate.issuerSerial != _ROOT_SERIAL:
        raise CertificateError(f"the intermediate certificate names issuer {intermediate.issuerSerial}, not the root")
    if len(intermediate.key) != 32:
        raise CertificateError(f"the key of the intermediate certificate has {len(intermediate.key)} bytes, not 32")

    if not xeddsa.verify(intermediate.key, parsed.leaf.details, parsed.leaf.signature):
        raise CertificateError("the leaf certificate is not signed by the intermediate certificate")
    _check_period("intermediate", intermediate, now)
    leaf = _parse_details("leaf", parsed.leaf.details)
    if leaf.issuerSerial != intermediate.serial:
        raise CertificateError(f"the leaf certificate names issuer {leaf.issuerSerial}, not {intermediate.serial}")
    if leaf.key != server_static:
        raise CertificateError("the leaf certificate is for another key than the server's")
    _check_period("leaf", leaf, now)


def _details(serial: int, issuer_serial: int, key: bytes, period: tuple[int, int]) -> bytes:
    details = protos.cert.CertChain.NoiseCertificate.Details(
        serial=serial, issuerSerial=issuer_serial, key=key, notBefore=period[0], notAfter=period[1]
    )
    return details.SerializeToString()


def _parse_chain(chain: bytes) -> protos.cert.CertChain:
    try:
        return protos.cert.CertChain.FromString(chain)
    except DecodeError:
        raise CertificateError("the certificate chain cannot be read") from None


def _parse_details(name: str, details: bytes) -> protos.cert.CertChain.NoiseCertificate.Details:
    try:
        return protos.cert.CertChain.NoiseCertificate.Details.FromString(details)
    except DecodeError:
        raise CertificateError(f"the {name} certificate cannot be read") from None


def _check_period(name: str, details: protos.cert.CertChain.NoiseCertificate.Details, now: int) -> None:
    if now < details.notBefore:
        raise CertificateError(f"the {name} certificate is not valid yet (from {details.notBefore}, now {now})")
    if now > details.notAfter:
        raise CertificateError(f"the {name} certificate has expired (at {details.notAfter}, now {now})")
