"""The short login: who is trusted, what is sent, and how it ends."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import truststore
from websockets.frames import Frame, Opcode

from tests.unit.side_login.linked import Linked
from tests.unit.systems import CHILD_LIMIT, needs_authorities_in_a_file
from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.errors import CertificateRefused, LoginRefused, RateLimited, SetupError, SideReplaced, WhatsAppRefused
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.side_login.login import SERVER, ConnectionLost, PassiveLogin
from whatsapp_mcp.side_login.payload import announced_version, login_payload
from whatsapp_mcp.side_login.service import ProxyRefusal, Service
from whatsapp_mcp.simulator.network.connection import Connection, SimSession
from whatsapp_mcp.simulator.service.router import Reply
from whatsapp_mcp.simulator.state.accounts import SimDevice
from whatsapp_mcp.wire import xeddsa
from whatsapp_mcp.wire.certificates import WHATSAPP_ROOT_PUBLIC, verify_chain
from whatsapp_mcp.wire.keys import KeyPair
from whatsapp_mcp.wire.node import Node
from whatsapp_mcp.wire.noise import ClientLogin
from whatsapp_mcp.wire.protos import cert, wa6


def chain_of(side: Linked) -> cert.CertChain:
    return cert.CertChain.FromString(side.simulator.host.chain)


@dataclass
class Logins:
    """Every login that the server got as far as reading."""

    payloads: list[bytes]


@pytest.fixture
def logins(side: Linked) -> Logins:
    seen = Logins([])
    open_session = side.simulator.host.open_session

    def record(connection: Connection, login: ClientLogin) -> SimSession | None:
        seen.payloads.append(login.payload)
        return open_session(connection, login)

    side.simulator.host.open_session = record
    return seen


@pytest.fixture
def stanzas(side: Linked) -> list[Node]:
    """Every stanza that the device sends."""
    seen: list[Node] = []
    dispatch = side.simulator.router.dispatch

    def record(device: SimDevice, node: Node, reply: Reply) -> None:
        if device is side.device:
            seen.append(node)
        dispatch(device, node, reply)

    side.simulator.router.dispatch = record  # type: ignore[method-assign]
    return seen


async def test_a_request_is_answered(side: Linked) -> None:
    async with side.login() as login:
        answer = await login.iq("w:p", "get", [Node("ping")])
        assert answer.get("type") == "result"
        assert side.device.link is not None
        assert not side.device.active
    async with asyncio.timeout(60):
        while side.device.link is not None:
            await asyncio.sleep(0.01)


async def test_the_login_says_what_neonize_says(side: Linked, logins: Logins) -> None:
    async with side.login():
        pass
    (payload,) = logins.payloads
    said = wa6.ClientPayload.FromString(payload)
    assert (str(said.username), said.device) == (side.simulator.phone.account.number, side.device.number)
    assert said.passive and said.pull and said.lidDbMigrated
    assert payload == login_payload(side.device.pn, announced_version())


async def test_only_iq_stanzas_are_sent_and_nothing_is_acknowledged(side: Linked, stanzas: list[Node]) -> None:
    """Also when the server pushes to a passive login what it should keep."""
    ana = await side.simulator.add_contact("Ana")
    notification = Node("notification", {"id": "n1", "from": SERVER, "type": "server_sync"}, [])
    side.device.deliver(notification)
    for pushes in (False, True):
        side.simulator.login.pushes_to_passive = pushes
        async with side.login() as login:
            side.device.deliver(Node("message", {"id": "m1", "from": ana.account.lid, "type": "text"}, []))
            for _ in range(3):
                await login.iq("w:p", "get", [Node("ping")])
    assert {node.tag for node in stanzas} == {"iq"}
    assert {node.get("xmlns") for node in stanzas} == {"w:p"}
    assert {node.get("id") for node in side.device.waiting} == {"n1", "m1"}


async def test_ids_of_two_logins_do_not_collide(side: Linked, stanzas: list[Node]) -> None:
    for _ in range(2):
        async with side.login() as login:
            await login.iq("w:p", "get")
            await login.iq("w:p", "get")
    assert len({node.get("id") for node in stanzas}) == 4


async def test_parallel_requests_take_turns(side: Linked) -> None:
    async with side.login() as login:
        answers = await asyncio.gather(*(login.iq("w:p", "get") for _ in range(5)))
    assert len({answer.get("id") for answer in answers}) == 5


async def test_refused_requests_name_the_code(side: Linked) -> None:
    async with side.login() as login:
        side.simulator.faults.fail_iq("w:p", 404, "item-not-found")
        with pytest.raises(WhatsAppRefused, match="404") as refused:
            await login.iq("w:p", "get")
        assert refused.value.details == {"error_code": 404, "whatsapp_said": "item-not-found"}
        side.simulator.faults.fail_iq("w:p", 429, "rate-overlimit")
        with pytest.raises(RateLimited):
            await login.iq("w:p", "get")
        await login.iq("w:p", "get")


async def test_no_answer_is_given_up(side: Linked) -> None:
    side.simulator.faults.ignore_iq("w:p")
    with pytest.raises(ConnectionLost, match="in time"):
        async with side.login(answer_seconds=0.2) as login:
            await login.iq("w:p", "get")


async def test_a_broken_connection_is_noticed(side: Linked) -> None:
    for how in ("abrupt", "clean"):
        with pytest.raises(ConnectionLost):
            async with side.login() as login:
                side.simulator.faults.drop("clean" if how == "clean" else "abrupt")
                await login.iq("w:p", "get")


async def test_a_websocket_ping_is_answered(side: Linked) -> None:
    pongs: list[bytes] = []
    async with side.login() as login:
        connection = side.device.link
        assert isinstance(connection, Connection)
        protocol = connection._websocket._protocol
        receive = protocol.recv_frame

        def received(frame: Frame) -> None:
            if frame.opcode is Opcode.PONG:
                pongs.append(bytes(frame.data))
            receive(frame)

        protocol.recv_frame = received  # type: ignore[method-assign]
        connection._writer.write(Frame(Opcode.PING, b"there?").serialize(mask=False))
        await login.iq("w:p", "get")
        await login.iq("w:p", "get")
        assert pongs == [b"there?"]


# --- who is trusted ---


def sign(details: bytes, signer: KeyPair) -> bytes:
    return xeddsa.sign(signer.private, details)


Details = cert.CertChain.NoiseCertificate.Details


def _wrong_root(chain: cert.CertChain) -> None:
    chain.intermediate.signature = sign(chain.intermediate.details, KeyPair.generate())


def _with_details(chain: cert.CertChain, side: Linked, which: str, change: Callable[[Details], None]) -> None:
    """Change a certificate's content and sign the chain again, by a new intermediate under the right root."""
    intermediate_key = KeyPair.generate()
    intermediate = Details.FromString(chain.intermediate.details)
    leaf = Details.FromString(chain.leaf.details)
    intermediate.key = intermediate_key.public
    change(intermediate if which == "intermediate" else leaf)
    chain.intermediate.details = intermediate.SerializeToString()
    chain.intermediate.signature = sign(chain.intermediate.details, side.simulator.host.root)
    chain.leaf.details = leaf.SerializeToString()
    chain.leaf.signature = sign(chain.leaf.details, intermediate_key)


def _set(**values: int | bytes) -> Callable[[Details], None]:
    def change(details: Details) -> None:
        for name, value in values.items():
            setattr(details, name, value)

    return change


REFUSED: dict[str, Callable[[cert.CertChain, Linked], None]] = {
    "wrong root": lambda chain, side: _wrong_root(chain),
    "expired leaf": lambda chain, side: _with_details(chain, side, "leaf", _set(notAfter=1_000_000_000)),
    "expired intermediate": lambda chain, side: _with_details(
        chain, side, "intermediate", _set(notAfter=1_000_000_000)
    ),
    "leaf not valid yet": lambda chain, side: _with_details(chain, side, "leaf", _set(notBefore=4_000_000_000)),
    "intermediate not valid yet": lambda chain, side: _with_details(
        chain, side, "intermediate", _set(notBefore=4_000_000_000)
    ),
    "leaf of another issuer": lambda chain, side: _with_details(chain, side, "leaf", _set(issuerSerial=9)),
    "intermediate of another issuer": lambda chain, side: _with_details(
        chain, side, "intermediate", _set(issuerSerial=9)
    ),
    "leaf for another key": lambda chain, side: _with_details(chain, side, "leaf", _set(key=KeyPair.generate().public)),
    "leaf signed by a stranger": lambda chain, side: setattr(
        chain.leaf, "signature", sign(chain.leaf.details, KeyPair.generate())
    ),
    "one bit flipped": lambda chain, side: setattr(
        chain.leaf, "signature", chain.leaf.signature[:-1] + bytes([chain.leaf.signature[-1] ^ 1])
    ),
    "short signature": lambda chain, side: setattr(chain.leaf, "signature", chain.leaf.signature[:63]),
    "missing leaf": lambda chain, side: chain.ClearField("leaf"),
    "missing intermediate": lambda chain, side: chain.ClearField("intermediate"),
}


def test_the_chain_of_these_tests_is_good_until_it_is_changed(side: Linked) -> None:
    chain = chain_of(side)
    _with_details(chain, side, "leaf", _set())
    static, root = side.simulator.host.static.public, side.simulator.host.root.public
    verify_chain(
        chain.SerializeToString(), root_public=root, server_static=static, now=int(side.simulator.world.clock())
    )


@pytest.mark.parametrize("what", REFUSED)
async def test_a_bad_chain_ends_it_before_anything_is_said(side: Linked, logins: Logins, what: str) -> None:
    chain = chain_of(side)
    REFUSED[what](chain, side)
    side.simulator.host.chain = chain.SerializeToString()
    with pytest.raises(CertificateRefused, match="did not prove"):
        async with side.login():
            raise AssertionError("logged in")
    assert not logins.payloads, "the second handshake message, which names the device, was sent"


async def test_the_simulator_is_not_whatsapp(side: Linked, logins: Logins) -> None:
    ours = side.service
    whatsapp = Service(WHATSAPP_ROOT_PUBLIC, ours.ca_file, ours.proxy)
    with pytest.raises(CertificateRefused, match="did not prove") as refused:
        async with PassiveLogin(side.stored, whatsapp, b""):
            raise AssertionError("logged in")
    assert "root" in refused.value.details["whatsapp_said"]
    assert not logins.payloads


async def test_an_unknown_tls_authority_is_refused(side: Linked, logins: Logins) -> None:
    everybody_elses = Service(side.service.root_public, None, side.service.proxy)
    with pytest.raises(CertificateRefused, match="TLS"):
        async with PassiveLogin(side.stored, everybody_elses, b""):
            raise AssertionError("logged in")
    assert not logins.payloads


@pytest.mark.parametrize("known", [pytest.param(True, marks=needs_authorities_in_a_file), False])
async def test_the_authorities_of_the_system_decide(
    known: bool, side: Linked, logins: Logins, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what macOS and Windows have their authorities from; here it asks for the file of OpenSSL."""
    monkeypatch.setattr("httpcore2.default_ssl_context", lambda: truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    if known:
        monkeypatch.setenv("SSL_CERT_FILE", side.service.ca_file or "")
    by_system = Service(side.service.root_public, None, side.service.proxy)
    with pytest.raises(LoginRefused if known else CertificateRefused):  # the first: it was asked who we are
        async with PassiveLogin(side.stored, by_system, b""):
            raise AssertionError("logged in")
    assert logins.payloads == ([b""] if known else [])


async def test_a_certificate_for_another_host_is_refused(side: Linked, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("simulator.network.transport", "side_login.login", "side_login.service"):
        monkeypatch.setattr(f"whatsapp_mcp.{module}.CHAT_HOST", "chat.example.org")
    monkeypatch.setattr(Service.connect, "__defaults__", ("chat.example.org",))
    with pytest.raises(CertificateRefused, match="TLS") as refused:
        async with side.login():
            raise AssertionError("logged in")
    assert "chat.example.org" in refused.value.details["whatsapp_said"]


# --- who is let in ---


@pytest.mark.parametrize("reason", [401, 403, 405, 409, 503])
async def test_a_refused_login_names_the_reason(side: Linked, reason: int) -> None:
    before = side.database_path.read_bytes()
    side.simulator.faults.refuse_login(reason)
    with pytest.raises(LoginRefused, match=str(reason)) as refused:
        async with side.login():
            raise AssertionError("logged in")
    assert refused.value.details["reason"] == reason
    assert refused.value.next_step
    assert side.database_path.read_bytes() == before, "a refusal never touches the session"


async def test_a_ban_says_until_when(side: Linked) -> None:
    side.simulator.faults.refuse_login(402, code=101, expire_seconds=3600)
    with pytest.raises(LoginRefused, match="402") as refused:
        async with side.login():
            raise AssertionError("logged in")
    assert refused.value.details == {"reason": 402, "code": "101", "expire": "3600"}


async def test_another_noise_key_is_not_let_in(side: Linked) -> None:
    side.execute("UPDATE whatsmeow_device SET noise_key = ?", KeyPair.generate().private)
    with pytest.raises(LoginRefused, match="401"):
        async with side.login():
            raise AssertionError("logged in")


async def test_a_second_login_replaces_the_first(side: Linked) -> None:
    with pytest.raises(SideReplaced):
        async with side.login() as first, side.login() as second:
            await second.iq("w:p", "get")
            await first.iq("w:p", "get")


async def test_a_device_that_is_removed_meanwhile_is_told_so(side: Linked) -> None:
    with pytest.raises(LoginRefused) as refused:
        async with side.login() as login:
            side.simulator.phone.unlink(side.device)
            await login.iq("w:p", "get")
    assert refused.value.details["reason"] == 401


# --- the way there ---


async def test_a_proxy_that_says_no(side: Linked) -> None:
    with pytest.raises(ProxyRefusal, match="404"):
        await side.service.connect("www.example.org")
    nobody = Service(side.service.root_public, side.service.ca_file, "http://127.0.0.1:1")
    with pytest.raises(ConnectionLost, match="connection broke"):
        async with PassiveLogin(side.stored, nobody, b""):
            raise AssertionError("logged in")


def test_the_way_is_the_one_that_go_takes() -> None:
    def proxy(**environment: str) -> str | None:
        return Service.choose(None, environment, require_endpoint=False).proxy

    assert proxy() is None
    assert proxy(HTTPS_PROXY="http://proxy:3128") == "http://proxy:3128"
    assert proxy(https_proxy="proxy:3128") == "http://proxy:3128"
    assert proxy(HTTP_PROXY="http://proxy:3128") is None
    for excepted in ("*", "web.whatsapp.com", "localhost, .whatsapp.com", "whatsapp.com"):
        assert proxy(HTTPS_PROXY="http://proxy:3128", NO_PROXY=excepted) is None
    for other in ("example.org", "app.com", ""):
        assert proxy(HTTPS_PROXY="http://proxy:3128", NO_PROXY=other) == "http://proxy:3128"
    with pytest.raises(SetupError, match="socks5"):
        proxy(HTTPS_PROXY="socks5://proxy:1080")
    with pytest.raises(SetupError, match="endpoint"):
        Service.choose(None, {}, require_endpoint=True)


def test_an_endpoint_leaves_no_other_way(side: Linked) -> None:
    endpoint = Endpoint.read(side.endpoint_path)
    service = Service.choose(endpoint, {"HTTPS_PROXY": "http://proxy:3128"}, require_endpoint=False)
    assert service.proxy == endpoint.proxy
    assert service.root_public == endpoint.root_public
    assert service.root_public != WHATSAPP_ROOT_PUBLIC


def test_the_payload_keeps_the_number_whole() -> None:
    payload = wa6.ClientPayload.FromString(login_payload(Jid("999999999999999", "s.whatsapp.net", 99), (2, 3000, 1)))
    assert (payload.username, payload.device) == (999999999999999, 99)


_STEPS = """
import sys
import whatsapp_mcp.side_login.process
from whatsapp_mcp.side_login.login import load
from whatsapp_mcp.side_login.service import Service
from whatsapp_mcp.wire.certificates import CertificateError, verify_chain
from whatsapp_mcp.wire.keys import KeyPair
from whatsapp_mcp.wire.noise import Initiator
from whatsapp_mcp.wire.websocket import WebSocketBuffer

service = Service(bytes(32))
load(service)
loaded = set(sys.modules)
service.trust()
WebSocketBuffer("client").feed(b"")
Initiator(KeyPair.generate(), lambda *_: None).client_hello()
try:
    verify_chain(b"", root_public=bytes(32), server_static=bytes(32), now=0)
except CertificateError:
    pass
print(sorted(set(sys.modules) - loaded))
"""


def test_nothing_is_loaded_any_more_while_the_session_waits_for_the_login() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _STEPS], capture_output=True, text=True, timeout=CHILD_LIMIT, check=True
    )
    assert done.stdout == "[]\n"
