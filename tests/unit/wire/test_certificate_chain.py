"""The certificate chain: one test for each way in which a server can fail to prove who it is."""

from __future__ import annotations

import mmap
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import pytest

from whatsapp_mcp.wire import xeddsa
from whatsapp_mcp.wire.certificates import WHATSAPP_ROOT_PUBLIC, CertificateError, issue_chain, verify_chain
from whatsapp_mcp.wire.keys import KeyPair
from whatsapp_mcp.wire.protos import cert

NOW = 1_790_000_000
DAY = 86_400
ROOT = KeyPair(b"\x01" * 32)
INTERMEDIATE = KeyPair(b"\x02" * 32)
SERVER = KeyPair(b"\x03" * 32)
STRANGER = KeyPair(b"\x04" * 32)


@dataclass(frozen=True)
class Recipe:
    """Everything a chain is made of; the defaults make a good one."""

    root: KeyPair = ROOT
    intermediate_serial: int = 7
    intermediate_issuer: int = 0
    intermediate_key: bytes = INTERMEDIATE.public
    intermediate_period: tuple[int, int] = (NOW - DAY, NOW + DAY)
    leaf_signer: KeyPair = INTERMEDIATE
    leaf_issuer: int = 7
    leaf_key: bytes = SERVER.public
    leaf_period: tuple[int, int] = (NOW - DAY, NOW + DAY)

    def chain(self) -> cert.CertChain:
        chain = cert.CertChain()
        chain.intermediate.details = _details(
            self.intermediate_serial, self.intermediate_issuer, self.intermediate_key, self.intermediate_period
        )
        chain.intermediate.signature = xeddsa.sign(self.root.private, chain.intermediate.details)
        chain.leaf.details = _details(8, self.leaf_issuer, self.leaf_key, self.leaf_period)
        chain.leaf.signature = xeddsa.sign(self.leaf_signer.private, chain.leaf.details)
        return chain


def _details(serial: int, issuer: int, key: bytes, period: tuple[int, int]) -> bytes:
    details = cert.CertChain.NoiseCertificate.Details(
        serial=serial, issuerSerial=issuer, key=key, notBefore=period[0], notAfter=period[1]
    )
    return details.SerializeToString()


def check(chain: cert.CertChain | bytes, *, server_static: bytes = SERVER.public, root: bytes = ROOT.public) -> None:
    data = chain if isinstance(chain, bytes) else chain.SerializeToString()
    verify_chain(data, root_public=root, server_static=server_static, now=NOW)


def test_a_good_chain_is_accepted() -> None:
    check(Recipe().chain())


def test_an_issued_chain_is_accepted_while_it_is_valid() -> None:
    chain = issue_chain(ROOT, SERVER.public, now=NOW, valid_seconds=DAY)
    for now in (NOW - 3600, NOW, NOW + DAY):
        verify_chain(chain, root_public=ROOT.public, server_static=SERVER.public, now=now)
    for now, reason in ((NOW - 3601, "not valid yet"), (NOW + DAY + 1, "expired")):
        with pytest.raises(CertificateError, match=reason):
            verify_chain(chain, root_public=ROOT.public, server_static=SERVER.public, now=now)


GOOD = Recipe()
REFUSED = {
    "wrong root": (replace(GOOD, root=STRANGER), "intermediate certificate is not signed by the root"),
    "intermediate names another issuer": (replace(GOOD, intermediate_issuer=1), "names issuer 1, not the root"),
    "intermediate key too short": (replace(GOOD, intermediate_key=b"\1" * 31), "has 31 bytes, not 32"),
    "leaf signed by a stranger": (replace(GOOD, leaf_signer=STRANGER), "leaf certificate is not signed"),
    "leaf signed by the root": (replace(GOOD, leaf_signer=ROOT), "leaf certificate is not signed"),
    "intermediate expired": (
        replace(GOOD, intermediate_period=(NOW - DAY, NOW - 1)),
        "intermediate certificate has expired",
    ),
    "intermediate too early": (
        replace(GOOD, intermediate_period=(NOW + 1, NOW + DAY)),
        "intermediate certificate is not valid yet",
    ),
    "leaf names another issuer": (replace(GOOD, leaf_issuer=6), "leaf certificate names issuer 6, not 7"),
    "leaf for another key": (replace(GOOD, leaf_key=STRANGER.public), "for another key"),
    "leaf expired": (replace(GOOD, leaf_period=(NOW - DAY, NOW - 1)), "leaf certificate has expired"),
    "leaf too early": (replace(GOOD, leaf_period=(NOW + 1, NOW + DAY)), "leaf certificate is not valid yet"),
}


@pytest.mark.parametrize(("recipe", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_properly_signed_but_wrong_chain_is_refused(recipe: Recipe, reason: str) -> None:
    with pytest.raises(CertificateError, match=reason):
        check(recipe.chain())


@pytest.mark.parametrize("name", ["intermediate", "leaf"])
def test_a_missing_certificate_is_refused(name: Literal["intermediate", "leaf"]) -> None:
    chain = GOOD.chain()
    chain.ClearField(name)
    with pytest.raises(CertificateError, match=f"the {name} certificate is missing"):
        check(chain)


@pytest.mark.parametrize("name", ["intermediate", "leaf"])
@pytest.mark.parametrize("size", [0, 63, 65])
def test_a_signature_of_another_size_is_refused(name: str, size: int) -> None:
    chain = GOOD.chain()
    certificate = getattr(chain, name)
    certificate.signature = (certificate.signature + b"\0")[:size]
    with pytest.raises(CertificateError, match=f"signature of the {name} certificate has {size} bytes"):
        check(chain)


@pytest.mark.parametrize("name", ["intermediate", "leaf"])
@pytest.mark.parametrize("part", ["details", "signature"])
def test_one_flipped_bit_is_refused(name: str, part: str) -> None:
    chain = GOOD.chain()
    certificate = getattr(chain, name)
    value = bytearray(getattr(certificate, part))
    value[10] ^= 0x10
    setattr(certificate, part, bytes(value))
    with pytest.raises(CertificateError, match=f"the {name} certificate is not signed"):
        check(chain)


def test_signed_details_that_cannot_be_read_are_refused() -> None:
    chain = GOOD.chain()
    chain.intermediate.details = b"\xff"
    chain.intermediate.signature = xeddsa.sign(ROOT.private, b"\xff")
    with pytest.raises(CertificateError, match="intermediate certificate cannot be read"):
        check(chain)


@pytest.mark.parametrize(("chain", "reason"), [(b"", "missing"), (b"\xff\xff", "chain cannot be read")])
def test_what_is_no_chain_is_refused(chain: bytes, reason: str) -> None:
    with pytest.raises(CertificateError, match=reason):
        check(chain)


def test_a_good_chain_proves_nothing_for_another_server_or_another_root() -> None:
    chain = GOOD.chain()
    with pytest.raises(CertificateError, match="for another key"):
        check(chain, server_static=STRANGER.public)
    with pytest.raises(CertificateError, match="not signed by the root"):
        check(chain, root=WHATSAPP_ROOT_PUBLIC)


def test_the_root_key_is_the_one_that_the_installed_neonize_trusts() -> None:
    assert len(WHATSAPP_ROOT_PUBLIC) == 32
    assert WHATSAPP_ROOT_PUBLIC.hex().startswith("142375574d0a")
    assert WHATSAPP_ROOT_PUBLIC.hex().endswith("a8ee6b")
    spec = find_spec("neonize")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0])
    (library,) = [file for file in folder.iterdir() if file.suffix in (".so", ".dylib", ".dll")]
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        assert content.find(WHATSAPP_ROOT_PUBLIC) != -1
