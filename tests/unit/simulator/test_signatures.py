"""Everything that a linked device signs is checked: by the server as far as it can see it, else by who receives it.

Registrations, uploaded prekeys and the signature at the end of linking: ``test_strictness.py``.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.unit.simulator.raw_client import RawClient, registration
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator import Simulator, VirtualContact
from whatsapp_mcp.simulator.signal import SenderKey, SignalDevice, pad
from whatsapp_mcp.simulator.state.accounts import SimDevice
from whatsapp_mcp.wire import xeddsa
from whatsapp_mcp.wire.keys import KeyPair
from whatsapp_mcp.wire.node import Node
from whatsapp_mcp.wire.protos import adv, e2e, wa6

SERVER = Jid("", "s.whatsapp.net")
ADV_SECRET = bytes(32)


@dataclass
class Companion:
    """A linked and logged-in device that signs what the test wants."""

    client: RawClient
    device: SimDevice
    signal: SignalDevice
    signed: adv.ADVSignedDeviceIdentity

    async def expect(self, tag: str, message_id: str, kind: str = "") -> Node:
        """The next stanza of this sort; others are passed over."""
        while True:
            node = await self.client.receive()
            if (node.tag, node.get("id"), node.get("type")) == (tag, message_id, kind):
                return node

    def encrypted(self, contact: VirtualContact, message: e2e.Message) -> Node:
        """``<to>`` for the contact's phone."""
        if not self.signal.has_session(contact.name):
            self.signal.start_session(contact.name, contact.signal.bundle())
        kind, ciphertext = self.signal.encrypt(contact.name, pad(message.SerializeToString()))
        return Node("to", {"jid": contact.device.lid}, [Node("enc", {"v": "2", "type": kind}, ciphertext)])

    def send(self, to: Jid, message_id: str, *content: Node) -> None:
        self.client.send(Node("message", {"to": to, "id": message_id, "type": "text"}, list(content)))

    def identity(self, signed: adv.ADVSignedDeviceIdentity | None = None) -> Node:
        return Node("device-identity", {}, (signed or self.signed).SerializeToString())

    def copy_of_identity(self) -> adv.ADVSignedDeviceIdentity:
        return adv.ADVSignedDeviceIdentity.FromString(self.signed.SerializeToString())


async def linked(simulator: Simulator) -> Companion:
    """Link a device with QR code, phone and both signatures, and log it in."""
    noise, signal = KeyPair.generate(), SignalDevice()
    client = await RawClient.connect(simulator.endpoint, noise, registration(signal.identity))
    refs = (await client.receive()).child("pair-device")
    assert refs is not None
    keys = [base64.b64encode(key).decode() for key in (noise.public, signal.identity.public, ADV_SECRET)]
    scan = asyncio.create_task(simulator.phone.scan(",".join([refs.children("ref")[0].data.decode(), *keys])))
    success = await client.receive()
    box = success.path("pair-success", "device-identity")
    assert box is not None
    sealed = adv.ADVSignedDeviceIdentityHMAC.FromString(box.data)
    assert hmac.digest(ADV_SECRET, sealed.details, "sha256") == sealed.HMAC
    signed = adv.ADVSignedDeviceIdentity.FromString(sealed.details)
    by_device = b"\x06\x01" + signed.details + signal.identity.public + signed.accountSignatureKey
    signed.deviceSignature = xeddsa.sign(signal.identity.private, by_device)
    answer = Node("pair-device-sign", {}, [Node("device-identity", {"key-index": "1"}, signed.SerializeToString())])
    client.send(Node("iq", {"to": SERVER, "type": "result", "id": success.get("id")}, [answer]))
    device = await scan
    client.writer.close()
    payload = wa6.ClientPayload(username=int(device.account.number), device=device.number, passive=False)
    client = await RawClient.connect(simulator.endpoint, noise, payload)
    assert (await client.receive()).tag == "success"
    return Companion(client, device, signal, signed)


@dataclass
class Scene:
    simulator: Simulator
    ana: VirtualContact
    companion: Companion


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with Simulator() as simulator:
        ana = await simulator.add_contact("Ana")
        companion = await linked(simulator)
        yield Scene(simulator, ana, companion)
        companion.client.writer.close()


def forged(companion: Companion, what: str) -> list[Node]:
    """What a message shows instead of the true device identity."""
    signed, own, stranger = companion.copy_of_identity(), companion.signal.identity, KeyPair.generate()
    if what == "missing":
        return []
    if what == "not an identity":
        return [Node("device-identity", {}, b"\xff\xff")]
    if what == "another phone":
        # Consistent in itself: a phone of the forger's own vouches for the device.
        signed.accountSignatureKey = stranger.public
        signed.accountSignature = xeddsa.sign(stranger.private, b"\x06\x00" + signed.details + own.public)
        by_device = b"\x06\x01" + signed.details + own.public + stranger.public
        signed.deviceSignature = xeddsa.sign(own.private, by_device)
    if what == "account signature":
        signed.accountSignature = xeddsa.sign(stranger.private, b"\x06\x00" + signed.details + own.public)
    if what == "device signature":
        by_device = b"\x06\x01" + signed.details + own.public + signed.accountSignatureKey
        signed.deviceSignature = xeddsa.sign(stranger.private, by_device)
    if what == "details":
        signed.details = adv.ADVDeviceIdentity(rawID=1, timestamp=1, keyIndex=9).SerializeToString()
    return [companion.identity(signed)]


@pytest.mark.parametrize(
    "what", ["missing", "not an identity", "another phone", "account signature", "device signature", "details"]
)
async def test_a_session_starts_with_the_true_device_identity_only(scene: Scene, what: str) -> None:
    ana, companion = scene.ana, scene.companion
    first = companion.encrypted(ana, e2e.Message(conversation="who am I?"))
    companion.send(ana.account.lid, "M1", Node("participants", {}, [first]), *forged(companion, what))
    assert (await companion.expect("ack", "M1")).get("error") == "400"
    second = companion.encrypted(ana, e2e.Message(conversation="it is me"))
    companion.send(ana.account.lid, "M2", Node("participants", {}, [second]), companion.identity())
    assert (await companion.expect("ack", "M2")).get("error") == ""
    await ana.wait_for_message(lambda message: message.id == "M2")
    assert [message.id for message in ana.inbox] == ["M2"]
    # Now she knows it: an answer to a retry receipt need not show it again.
    third = companion.encrypted(ana, e2e.Message(conversation="once more"))
    companion.send(ana.account.pn, "M3", Node("participants", {}, [third]))
    assert (await companion.expect("ack", "M3")).get("error") == ""
    await ana.wait_for_message(lambda message: message.id == "M3")


async def test_a_group_message_with_a_wrong_signature_is_not_read(scene: Scene) -> None:
    ana, companion = scene.ana, scene.companion
    group = await scene.simulator.add_group("Trip", [ana, scene.simulator.phone])
    key = SenderKey.create()
    handed_out = e2e.Message(
        senderKeyDistributionMessage=e2e.SenderKeyDistributionMessage(
            groupID=str(group.jid), axolotlSenderKeyDistributionMessage=key.distribution()
        )
    )
    genuine = key.encrypt(pad(e2e.Message(conversation="hello").SerializeToString()))
    body = genuine[: -xeddsa.SIGNATURE_SIZE]
    wrong = body + xeddsa.sign(KeyPair.generate().private, body)
    participants = Node("participants", {}, [companion.encrypted(ana, handed_out)])
    companion.send(group.jid, "G1", participants, Node("enc", {"v": "2", "type": "skmsg"}, wrong), companion.identity())
    retry = await companion.expect("receipt", "G1", "retry")
    assert retry.get("participant") == str(ana.account.lid)
    companion.send(group.jid, "G2", Node("enc", {"v": "2", "type": "skmsg"}, genuine))
    assert (await ana.wait_for_message(lambda message: message.id == "G2")).text == "hello"
    assert [message.id for message in ana.inbox] == ["G2"]


async def test_a_retry_receipt_with_a_wrong_signature_gets_no_message(scene: Scene) -> None:
    ana, companion = scene.ana, scene.companion
    said = ana.say("for you only")
    first = await companion.expect("message", said.id, "text")

    def ask_again(signer: KeyPair, count: str) -> None:
        prekey = KeyPair.generate()
        signature = xeddsa.sign(signer.private, b"\x05" + prekey.public)
        skey = [Node("id", {}, b"\0\0\1"), Node("value", {}, prekey.public), Node("signature", {}, signature)]
        keys = [Node("type", {}, b"\x05"), Node("identity", {}, companion.signal.identity.public)]
        retry = Node("retry", {"count": count, "id": said.id, "t": first.get("t"), "v": "1"})
        content = [retry, Node("registration", {}, bytes(4)), Node("keys", {}, [*keys, Node("skey", {}, skey)])]
        companion.client.send(Node("receipt", {"to": ana.device.lid, "id": said.id, "type": "retry"}, content))

    ask_again(KeyPair.generate(), "1")
    ask_again(companion.signal.identity, "2")
    again = await companion.expect("message", said.id, "text")
    (enc,) = again.children("enc")
    assert (enc.get("type"), enc.get("count")) == ("pkmsg", "2"), "the forged one, count 1, was not answered"
