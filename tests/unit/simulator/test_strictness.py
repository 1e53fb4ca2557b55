"""The simulator is not a mirror of one client: what a client gets wrong is refused, in the protocol's words."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest

from tests.unit.simulator.raw_client import RawClient, open_tunnel, registration
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator import PairingError, Simulator
from whatsapp_mcp.simulator.state.accounts import SignedPreKey, SimDevice
from whatsapp_mcp.wire import xeddsa
from whatsapp_mcp.wire.keys import KeyPair
from whatsapp_mcp.wire.node import Node
from whatsapp_mcp.wire.protos import adv, wa6

SERVER = Jid("", "s.whatsapp.net")


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


def linked_device(simulator: Simulator, noise: KeyPair) -> tuple[SimDevice, KeyPair]:
    """A linked device, without the ceremony of linking."""
    identity, prekey = KeyPair.generate(), KeyPair.generate()
    signature = xeddsa.sign(identity.private, b"\x05" + prekey.public)
    account = simulator.phone.account
    device = SimDevice(
        account,
        1,
        identity=identity.public,
        registration_id=5,
        signed_prekey=SignedPreKey(1, prekey.public, signature),
        noise_public=noise.public,
    )
    account.devices[1] = device
    return device, identity


async def login(simulator: Simulator) -> tuple[RawClient, SimDevice, KeyPair]:
    noise = KeyPair.generate()
    device, identity = linked_device(simulator, noise)
    payload = wa6.ClientPayload(username=int(device.account.number), device=1, passive=False)
    client = await RawClient.connect(simulator.endpoint, noise, payload)
    assert (await client.receive()).tag == "success"
    assert (await client.receive()).child("offline") is not None
    return client, device, identity


async def ask(client: RawClient, xmlns: str, kind: str, *content: Node) -> Node:
    client.send(Node("iq", {"to": SERVER, "id": "q1", "xmlns": xmlns, "type": kind}, list(content)))
    while (answer := await client.receive()).get("id") != "q1":
        pass
    return answer


def error_of(answer: Node) -> str:
    error = answer.child("error")
    assert error is not None and answer.get("type") == "error", answer.xml()
    return error.get("code")


async def test_a_registration_with_a_forged_prekey_is_refused(simulator: Simulator) -> None:
    identity = KeyPair.generate()
    client = await RawClient.connect(simulator.endpoint, KeyPair.generate(), registration(identity, forge=True))
    answer = await client.receive()
    assert (answer.tag, answer.get("reason")) == ("failure", "400")
    await client.until_closed()


async def test_an_unknown_device_and_a_wrong_noise_key_are_logged_out(simulator: Simulator) -> None:
    linked_device(simulator, KeyPair.generate())
    for device in (1, 2):
        payload = wa6.ClientPayload(username=int(simulator.phone.account.number), device=device)
        client = await RawClient.connect(simulator.endpoint, KeyPair.generate(), payload)
        answer = await client.receive()
        assert (answer.tag, answer.get("reason")) == ("failure", "401")
        await client.until_closed()


async def test_a_companion_must_sign_the_identity_it_is_given(simulator: Simulator) -> None:
    noise, identity = KeyPair.generate(), KeyPair.generate()
    client = await RawClient.connect(simulator.endpoint, noise, registration(identity))
    offer = await client.receive()
    refs = offer.child("pair-device")
    assert refs is not None and len(refs.children("ref")) == 6
    keys = [base64.b64encode(key).decode() for key in (noise.public, identity.public, bytes(32))]
    scan = asyncio.create_task(simulator.phone.scan(",".join([refs.children("ref")[0].data.decode(), *keys, "1"])))
    success = await client.receive()
    box = success.path("pair-success", "device-identity")
    assert box is not None
    signed = adv.ADVSignedDeviceIdentity.FromString(adv.ADVSignedDeviceIdentityHMAC.FromString(box.data).details)
    signed.deviceSignature = xeddsa.sign(KeyPair.generate().private, b"\x06\x01" + signed.details)
    signed.ClearField("accountSignatureKey")
    answer = Node("pair-device-sign", {}, [Node("device-identity", {"key-index": "1"}, signed.SerializeToString())])
    client.send(Node("iq", {"to": SERVER, "type": "result", "id": success.get("id")}, [answer]))
    with pytest.raises(PairingError, match="signature"):
        await scan
    assert list(simulator.phone.account.devices) == [0]


async def test_a_code_that_is_no_longer_shown_cannot_be_scanned(simulator: Simulator) -> None:
    noise, identity = KeyPair.generate(), KeyPair.generate()
    client = await RawClient.connect(simulator.endpoint, noise, registration(identity))
    refs = (await client.receive()).child("pair-device")
    assert refs is not None
    keys = [base64.b64encode(key).decode() for key in (noise.public, identity.public, bytes(32))]
    text = ",".join([refs.children("ref")[0].data.decode(), *keys, "1"])
    now = simulator.world.clock()
    simulator.world.clock = lambda: now + 66
    with pytest.raises(PairingError, match="expired"):
        await simulator.phone.scan(text)
    client.writer.close()
    with pytest.raises(PairingError, match="not a WhatsApp pairing code"):
        await simulator.phone.scan("https://example.org/#hello")


async def test_prekeys_are_checked_kept_and_used_up(simulator: Simulator) -> None:
    simulator.phone.shares_keys = False  # it would use one up
    client, device, identity = await login(simulator)
    prekey = KeyPair.generate()

    def upload(*, signer: KeyPair, owner: KeyPair) -> list[Node]:
        skey = [
            Node("id", {}, b"\x00\x00\x02"),
            Node("value", {}, prekey.public),
            Node("signature", {}, xeddsa.sign(signer.private, b"\x05" + prekey.public)),
        ]
        one_time = [Node("id", {}, b"\x00\x00\x09"), Node("value", {}, prekey.public)]
        return [
            Node("registration", {}, (9).to_bytes(4, "big")),
            Node("type", {}, b"\x05"),
            Node("identity", {}, owner.public),
            Node("list", {}, [Node("key", {}, one_time)]),
            Node("skey", {}, skey),
        ]

    stranger = KeyPair.generate()
    assert error_of(await ask(client, "encrypt", "set", *upload(signer=stranger, owner=identity))) == "400"
    assert error_of(await ask(client, "encrypt", "set", *upload(signer=stranger, owner=stranger))) == "409"
    assert (await ask(client, "encrypt", "set", *upload(signer=identity, owner=identity))).get("type") == "result"
    wanted = Node("key", {}, [Node("user", {"jid": device.lid}), Node("user", {"jid": Jid("1", "lid", 3)})])
    first, second = await ask(client, "encrypt", "get", wanted), await ask(client, "encrypt", "get", wanted)
    users = first.path("list")
    assert users is not None
    found, missing = users.children("user")
    assert found.path("key", "id") is not None
    assert missing.child("error") is not None
    assert second.path("list", "user", "key") is None


async def test_unknown_requests_are_answered_with_an_error(simulator: Simulator) -> None:
    client, _, _ = await login(simulator)
    assert error_of(await ask(client, "w:g2", "get", Node("query"))) == "400"
    assert error_of(await ask(client, "no-such-thing", "set")) == "501"
    assert error_of(await ask(client, "usync", "get")) == "400"
    assert error_of(await ask(client, "privacy", "set", Node("privacy"))) == "400"
    assert (await ask(client, "w:p", "get")).get("type") == "result"


async def test_faults_of_requests(simulator: Simulator) -> None:
    client, _, _ = await login(simulator)
    simulator.faults.mute_keep_alive()
    simulator.faults.fail_iq("privacy", 429, "rate-overlimit", times=2)
    client.send(Node("iq", {"to": SERVER, "id": "ping", "xmlns": "w:p", "type": "get"}))
    for expected in ("429", "429"):
        assert error_of(await ask(client, "privacy", "get", Node("privacy"))) == expected
    simulator.faults.delay_answers(0.05)
    started = asyncio.get_running_loop().time()
    assert (await ask(client, "privacy", "get", Node("privacy"))).get("type") == "result"
    assert asyncio.get_running_loop().time() - started >= 0.05
    simulator.faults.clear()
    client.send(Node("iq", {"to": SERVER, "id": "ping 2", "xmlns": "w:p", "type": "get"}))
    assert (await client.receive()).get("id") == "ping 2"  # the first one stays unanswered


@pytest.mark.parametrize(
    ("to", "enc", "error"),
    [
        (Jid("999", "lid"), True, "404"),
        (Jid("120363000000000001", "g.us"), True, "404"),
        (None, False, "400"),
    ],
)
async def test_messages_that_cannot_be_relayed(simulator: Simulator, to: Jid | None, enc: bool, error: str) -> None:
    client, _, _ = await login(simulator)
    ana = await simulator.add_contact("Ana")
    content = [Node("enc", {"v": "2", "type": "msg"}, b"x")] if enc else []
    client.send(Node("message", {"to": to or ana.account.lid, "id": "m1", "type": "text"}, content))
    ack = await client.receive()
    assert (ack.tag, ack.get("error")) == ("ack", error)


async def test_app_state_conflicts_are_answered_with_what_is_missing(simulator: Simulator) -> None:
    client, device, _ = await login(simulator)
    patch = device.account.collections["critical_block"].patches[0]
    upload = Node("collection", {"name": "critical_block", "version": "0"}, [Node("patch", {}, patch)])
    answer = (await ask(client, "w:sync:app:state", "set", Node("sync", {}, [upload]))).path("sync", "collection")
    assert answer is not None
    assert (answer.get("type"), error_of(answer)) == ("error", "409")
    missing = answer.child("patches")
    assert missing is not None and [node.data for node in missing.children()] == [patch]
    nameless = Node("collection", {"version": "0"}, [Node("patch", {}, patch)])
    assert error_of(await ask(client, "w:sync:app:state", "set", Node("sync", {}, [nameless]))) == "400"


async def test_garbage_ends_one_connection_and_nothing_else(simulator: Simulator) -> None:
    client, _, _ = await login(simulator)
    client.send_garbage()
    await client.until_closed()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(simulator.endpoint.proxy.rpartition(":")[2]))
    writer.write(b"\x16\x03\x01garbage\r\n\r\n")
    assert (await reader.read(64)).startswith(b"HTTP/1.1 400")
    writer.close()
    with pytest.raises(ConnectionRefusedError, match="404"):
        await open_tunnel(simulator.endpoint, "example.org")
    again, _, _ = await login(simulator)
    assert (await ask(again, "w:p", "get")).get("type") == "result"


async def test_pictures_are_served_over_https(simulator: Simulator) -> None:
    picture = simulator.profile.set_picture(simulator.phone.account, b"\xff\xd8jpeg")
    reader, writer = await open_tunnel(simulator.endpoint, "pps.whatsapp.net")
    for path, status, body in ((picture.direct_path, b"200", b"\xff\xd8jpeg"), ("/mms/image/x", b"404", b"")):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: pps.whatsapp.net\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.split(b" ")[1] == status
        assert await reader.readexactly(len(body)) == body
    writer.close()
