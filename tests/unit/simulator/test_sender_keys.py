"""Which sender keys a simulated device keeps, and for whom it makes new ones."""

from __future__ import annotations

import pytest

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator import Simulator
from whatsapp_mcp.simulator.signal import DuplicateMessageError, SenderKey, SignalError
from whatsapp_mcp.simulator.signal.chain import Chain
from whatsapp_mcp.simulator.signal.sender_keys import SenderKeys
from whatsapp_mcp.simulator.state.accounts import SimDevice
from whatsapp_mcp.wire.keys import KeyPair

GROUP = Jid("120363000000000001", "g.us")


@pytest.fixture
async def devices() -> list[SimDevice]:
    simulator = Simulator()
    return [(await simulator.add_contact(name)).device for name in ("Ana", "Bruno", "Chen")]


async def test_the_key_is_handed_out_once_and_renewed_when_somebody_is_gone(devices: list[SimDevice]) -> None:
    _, bruno, chen = devices
    keys = SenderKeys()
    assert keys.prepare(GROUP, [bruno]) == [bruno]
    first = keys.distribution(GROUP)
    assert keys.prepare(GROUP, [bruno, chen]) == [chen]
    assert keys.distribution(GROUP) == first
    assert keys.prepare(GROUP, [chen]) == [chen]
    assert keys.distribution(GROUP) != first


async def test_a_distribution_does_not_open_what_came_before(devices: list[SimDevice]) -> None:
    ana = devices[0]
    sender, receiver = SenderKeys(), SenderKeys()
    before = sender.encrypt(GROUP, b"before")
    receiver.learn(GROUP, ana, sender.distribution(GROUP).axolotlSenderKeyDistributionMessage)
    after = sender.encrypt(GROUP, b"after")
    assert receiver.decrypt(GROUP, ana, after) == b"after"
    with pytest.raises(SignalError):
        receiver.decrypt(GROUP, ana, before)
    with pytest.raises(DuplicateMessageError):
        receiver.decrypt(GROUP, ana, after)


async def test_a_key_sent_again_does_not_lose_messages_under_way(devices: list[SimDevice]) -> None:
    ana = devices[0]
    sender, receiver = SenderKeys(), SenderKeys()
    receiver.learn(GROUP, ana, sender.distribution(GROUP).axolotlSenderKeyDistributionMessage)
    late = sender.encrypt(GROUP, b"late")
    receiver.learn(GROUP, ana, sender.distribution(GROUP).axolotlSenderKeyDistributionMessage)
    assert receiver.decrypt(GROUP, ana, sender.encrypt(GROUP, b"early")) == b"early"
    assert receiver.decrypt(GROUP, ana, late) == b"late"


async def test_another_key_under_the_same_id_counts(devices: list[SimDevice]) -> None:
    ana = devices[0]
    receiver = SenderKeys()
    for text in (b"first phone", b"second phone"):
        signing = KeyPair.generate()
        key = SenderKey(7, Chain(bytes(32)), signing.public, signing)
        receiver.learn(GROUP, ana, key.distribution())
        assert receiver.decrypt(GROUP, ana, key.encrypt(text)) == text


async def test_damaged_messages_and_keys_are_refused(devices: list[SimDevice]) -> None:
    ana, bruno, _ = devices
    sender, receiver = SenderKeys(), SenderKeys()
    receiver.learn(GROUP, ana, sender.distribution(GROUP).axolotlSenderKeyDistributionMessage)
    message = sender.encrypt(GROUP, b"text")
    for damaged in (message[:-1] + bytes([message[-1] ^ 1]), message[:40], b""):
        with pytest.raises(SignalError):
            receiver.decrypt(GROUP, ana, damaged)
    with pytest.raises(SignalError):
        receiver.decrypt(GROUP, bruno, message)
    with pytest.raises(SignalError):
        receiver.learn(GROUP, ana, b"no key")
    assert receiver.decrypt(GROUP, ana, message) == b"text"
