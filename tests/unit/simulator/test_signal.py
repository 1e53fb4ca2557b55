"""Signal between simulated devices: sessions, order of delivery, refusals, sender keys, padding."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatsapp_mcp.simulator.signal import (
    DuplicateMessageError,
    SenderKey,
    SignalDevice,
    SignalError,
    pad,
    unpad,
)
from whatsapp_mcp.simulator.signal.chain import MAX_FORWARD_JUMP, MAX_SKIPPED, Chain
from whatsapp_mcp.simulator.signal.messages import PreKeyMessage
from whatsapp_mcp.simulator.state.accounts import PreKeyBundle
from whatsapp_mcp.wire.keys import KeyPair


class Pair:
    """Alice and Bob, with a session that both have used."""

    def __init__(self) -> None:
        self.alice, self.bob = SignalDevice(), SignalDevice()
        self.alice.start_session("bob", self.bob.bundle())
        self.to_bob(b"first")
        self.to_alice(b"first answer")

    def to_bob(self, text: bytes) -> str:
        kind, message = self.alice.encrypt("bob", text)
        assert self.bob.decrypt("alice", kind, message) == text
        return kind

    def to_alice(self, text: bytes) -> str:
        kind, message = self.bob.encrypt("alice", text)
        assert self.alice.decrypt("bob", kind, message) == text
        return kind


def flipped(data: bytes, index: int) -> bytes:
    altered = bytearray(data)
    altered[index] ^= 1
    return bytes(altered)


@pytest.mark.parametrize("one_time", [True, False], ids=["one-time prekey", "signed prekey only"])
def test_the_first_messages_carry_the_keys_until_the_peer_has_answered(one_time: bool) -> None:
    alice, bob = SignalDevice(), SignalDevice()
    assert not alice.has_session("bob")
    alice.start_session("bob", bob.bundle(one_time=one_time))
    assert alice.has_session("bob")
    assert not bob.has_session("alice")
    for text in (b"one", b"two"):
        kind, message = alice.encrypt("bob", text)
        assert kind == "pkmsg"
        assert bob.decrypt("alice", kind, message) == text
    assert bob.has_session("alice")
    kind, answer = bob.encrypt("alice", b"three")
    assert kind == "msg"
    assert alice.decrypt("bob", kind, answer) == b"three"
    assert alice.encrypt("bob", b"four")[0] == "msg"


def test_ping_pong() -> None:
    pair = Pair()
    for turn in range(10):
        assert pair.to_bob(b"ping %d" % turn) == "msg"
        assert pair.to_alice(b"pong %d" % turn) == "msg"


@given(st.data())
@settings(max_examples=30)
def test_messages_may_arrive_in_any_order(data: st.DataObject) -> None:
    alice, bob = SignalDevice(), SignalDevice()
    alice.start_session("bob", bob.bundle())
    assert bob.decrypt("alice", *alice.encrypt("bob", b"first")) == b"first"
    to_bob: list[tuple[str, bytes, bytes]] = []
    to_alice: list[tuple[str, bytes, bytes]] = []
    # Few enough steps that nobody gets to drop an old chain: see the next test for that.
    for step in range(data.draw(st.integers(1, 18))):
        text = b"%d" % step
        match data.draw(st.sampled_from(["alice writes", "bob writes", "alice reads", "bob reads"])):
            case "alice writes":
                to_bob.append((*alice.encrypt("bob", text), text))
            case "bob writes":
                to_alice.append((*bob.encrypt("alice", text), text))
            case "alice reads" if to_alice:
                kind, message, expected = to_alice.pop(data.draw(st.integers(0, len(to_alice) - 1)))
                assert alice.decrypt("bob", kind, message) == expected
            case "bob reads" if to_bob:
                kind, message, expected = to_bob.pop(data.draw(st.integers(0, len(to_bob) - 1)))
                assert bob.decrypt("alice", kind, message) == expected


def test_messages_of_the_last_five_chains_can_be_late() -> None:
    pair = Pair()
    late = []
    for turn in range(6):
        late.append(pair.alice.encrypt("bob", b"late %d" % turn))
        pair.to_bob(b"in time")
        pair.to_alice(b"answer")
    for turn in range(1, 6):
        assert pair.bob.decrypt("alice", *late[turn]) == b"late %d" % turn
    with pytest.raises(SignalError):
        pair.bob.decrypt("alice", *late[0])


def test_the_last_forty_sessions_are_kept_beside_the_new_one() -> None:
    alice, bob = SignalDevice(), SignalDevice()
    sent = []
    for number in range(42):
        alice.start_session("bob", bob.bundle())
        assert bob.decrypt("alice", *alice.encrypt("bob", b"x")) == b"x"
        sent.append(alice.encrypt("bob", b"late %d" % number))
    assert bob.decrypt("alice", *sent[1]) == b"late 1"
    with pytest.raises(SignalError, match="unknown or used"):
        bob.decrypt("alice", *sent[0])


def test_both_start_at_the_same_time() -> None:
    alice, bob = SignalDevice(), SignalDevice()
    alice.start_session("bob", bob.bundle())
    bob.start_session("alice", alice.bundle())
    from_alice, from_bob = alice.encrypt("bob", b"from alice"), bob.encrypt("alice", b"from bob")
    assert bob.decrypt("alice", *from_alice) == b"from alice"
    assert alice.decrypt("bob", *from_bob) == b"from bob"
    for turn in range(3):
        assert bob.decrypt("alice", *alice.encrypt("bob", b"a%d" % turn)) == b"a%d" % turn
        assert alice.decrypt("bob", *bob.encrypt("alice", b"b%d" % turn)) == b"b%d" % turn


def test_a_new_session_does_not_lose_messages_of_the_old_one() -> None:
    pair = Pair()
    under_way = pair.alice.encrypt("bob", b"old session")
    pair.alice.start_session("bob", pair.bob.bundle())
    new = pair.alice.encrypt("bob", b"new session")
    assert new[0] == "pkmsg"
    assert pair.bob.decrypt("alice", *new) == b"new session"
    assert pair.bob.decrypt("alice", *under_way) == b"old session"


def test_a_device_that_forgot_its_session_starts_again() -> None:
    pair = Pair()
    lost = pair.alice.encrypt("bob", b"lost")
    pair.bob.end_session("alice")
    with pytest.raises(SignalError, match="no session with alice"):
        pair.bob.decrypt("alice", *lost)
    with pytest.raises(SignalError, match="no session with alice"):
        pair.bob.encrypt("alice", b"x")
    pair.alice.start_session("bob", pair.bob.bundle())
    assert pair.to_bob(b"again") == "pkmsg"
    assert pair.to_alice(b"and back") == "msg"


def test_a_message_is_decrypted_once() -> None:
    alice, bob = SignalDevice(), SignalDevice()
    alice.start_session("bob", bob.bundle())
    first = alice.encrypt("bob", b"first")
    bob.decrypt("alice", *first)
    with pytest.raises(DuplicateMessageError):
        bob.decrypt("alice", *first)
    second = alice.encrypt("bob", b"second")
    assert bob.decrypt("alice", *second) == b"second"


def test_a_one_time_prekey_serves_one_session() -> None:
    bob = SignalDevice()
    bundle = bob.bundle()
    assert bundle.one_time != bob.bundle().one_time
    alice, carol = SignalDevice(), SignalDevice()
    alice.start_session("bob", bundle)
    carol.start_session("bob", bundle)
    assert bob.decrypt("alice", *alice.encrypt("bob", b"x")) == b"x"
    with pytest.raises(SignalError, match="unknown or used"):
        bob.decrypt("carol", *carol.encrypt("bob", b"x"))


def test_every_altered_byte_of_a_message_is_noticed_and_does_no_harm() -> None:
    pair = Pair()
    kind, message = pair.alice.encrypt("bob", b"text")
    for index in range(len(message)):
        with pytest.raises(SignalError):
            pair.bob.decrypt("alice", kind, flipped(message, index))
    assert pair.bob.decrypt("alice", kind, message) == b"text"


def test_an_altered_first_message_does_not_use_up_the_prekey() -> None:
    alice, bob = SignalDevice(), SignalDevice()
    alice.start_session("bob", bob.bundle())
    kind, message = alice.encrypt("bob", b"text")
    envelope = PreKeyMessage.parse(message)
    altered = replace(envelope, message=flipped(envelope.message, -1))
    with pytest.raises(SignalError, match="MAC"):
        bob.decrypt("alice", kind, altered.serialize())
    assert not bob.has_session("alice")
    assert bob.decrypt("alice", kind, message) == b"text"


@pytest.mark.parametrize("forge", ["signature", "signed prekey", "identity"])
def test_a_forged_bundle_is_refused(forge: str) -> None:
    bundle = SignalDevice().bundle()
    signed = bundle.signed_prekey
    stranger = KeyPair.generate().public
    forged: PreKeyBundle = {
        "signature": replace(bundle, signed_prekey=replace(signed, signature=flipped(signed.signature, 3))),
        "signed prekey": replace(bundle, signed_prekey=replace(signed, public=stranger)),
        "identity": replace(bundle, identity=stranger),
    }[forge]
    alice = SignalDevice()
    with pytest.raises(SignalError, match="not signed by its identity"):
        alice.start_session("bob", forged)
    assert not alice.has_session("bob")


def test_a_message_for_somebody_else_is_refused() -> None:
    pair, mallory = Pair(), SignalDevice()
    mallory.start_session("bob", pair.bob.bundle())
    assert pair.bob.decrypt("mallory", *mallory.encrypt("bob", b"x")) == b"x"
    with pytest.raises(SignalError):
        pair.bob.decrypt("mallory", *pair.alice.encrypt("bob", b"x"))


@given(st.binary(max_size=120), st.sampled_from(["pkmsg", "msg", "skmsg", ""]))
def test_any_bytes_are_refused_with_a_signal_error(data: bytes, kind: str) -> None:
    device = SignalDevice(KeyPair(b"\1" * 32))
    for message in (data, b"\x33" + data):
        with pytest.raises(SignalError):
            device.decrypt("peer", kind, message)
        with pytest.raises(SignalError):
            SenderKey.from_distribution(message)


def test_given_identity_and_registration_id_are_used() -> None:
    identity = KeyPair.generate()
    bundle = SignalDevice(identity, 4242).bundle(one_time=False)
    assert bundle.identity == identity.public
    assert bundle.registration_id == 4242
    assert bundle.one_time is None


def test_skipped_keys_are_bounded() -> None:
    sender, receiver = Chain(b"\1" * 32), Chain(b"\1" * 32)
    seeds = [sender.next_seed() for _ in range(MAX_SKIPPED + 11)]
    assert receiver.seed_at(MAX_SKIPPED + 10) == seeds[-1]
    assert len(receiver.skipped) == MAX_SKIPPED
    assert receiver.seed_at(10) == seeds[10]
    with pytest.raises(DuplicateMessageError):
        receiver.seed_at(9)
    with pytest.raises(SignalError, match="too far ahead"):
        receiver.seed_at(receiver.counter + MAX_FORWARD_JUMP + 1)


def test_group_messages_in_any_order_from_the_moment_of_joining() -> None:
    sender = SenderKey.create()
    early = sender.encrypt(b"before")
    receiver = SenderKey.from_distribution(sender.distribution())
    messages = [sender.encrypt(b"%d" % number) for number in range(5)]
    for number in (3, 0, 4, 1, 2):
        assert receiver.decrypt(messages[number]) == b"%d" % number
    with pytest.raises(DuplicateMessageError):
        receiver.decrypt(messages[3])
    with pytest.raises(DuplicateMessageError):
        receiver.decrypt(early)


def test_group_messages_are_signed() -> None:
    sender = SenderKey.create()
    receiver = SenderKey.from_distribution(sender.distribution())
    message = sender.encrypt(b"text")
    for index in range(len(message)):
        with pytest.raises(SignalError):
            receiver.decrypt(flipped(message, index))
    assert receiver.decrypt(message) == b"text"


def test_a_member_cannot_write_with_the_key_of_another() -> None:
    receiver = SenderKey.from_distribution(SenderKey.create().distribution())
    with pytest.raises(SignalError, match="only the owner"):
        receiver.encrypt(b"x")


def test_a_message_of_another_sender_key_is_refused() -> None:
    receiver = SenderKey.from_distribution(SenderKey.create().distribution())
    with pytest.raises(SignalError, match="encrypted with sender key"):
        receiver.decrypt(SenderKey.create().encrypt(b"x"))


@given(st.binary(max_size=100))
def test_padding_comes_off_again(plaintext: bytes) -> None:
    padded = pad(plaintext)
    assert 1 <= len(padded) - len(plaintext) <= 15
    assert unpad(padded) == plaintext


@pytest.mark.parametrize("data", [b"", b"text\0", b"text\2", b"\3\3", b"x\5\5\5\4\5"])
def test_what_is_not_padded_is_refused(data: bytes) -> None:
    with pytest.raises(SignalError, match="not padded"):
        unpad(data)
