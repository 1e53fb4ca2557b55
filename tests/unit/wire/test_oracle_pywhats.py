"""Our transport and Signal code against pywhats 0.2.0, an independent implementation.

Where pywhats differs from WhatsApp's own clients, the tests stay inside what both do the same:
text with ``@`` becomes a JID there, a device number exists for four servers only, packed strings may be longer.
"""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.signal import SenderKey, SignalDevice
from whatsapp_mcp.simulator.state.accounts import PreKeyBundle, SignedPreKey
from whatsapp_mcp.wire import tokens, xeddsa
from whatsapp_mcp.wire.binary import Attr, Node, decode, encode
from whatsapp_mcp.wire.keys import KeyPair
from whatsapp_mcp.wire.noise import WA_HEADER, Initiator, Responder
from whatsapp_mcp.wire.protos import wa6

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from pywhats.binary import decoder as their_decoder
    from pywhats.binary import encoder as their_encoder
    from pywhats.binary import tokens as their_tokens
    from pywhats.binary.node import Node as TheirNode
    from pywhats.events import JID as TheirJid
    from pywhats.signal.experimental import keys as their_keys
    from pywhats.signal.experimental import ratchet as their_ratchet
    from pywhats.signal.experimental import sender_key as their_sender_key
    from pywhats.signal.experimental import types as their_types
    from pywhats.signal.experimental import x3dh as their_x3dh
    from pywhats.socket import noise as their_noise

KEYS = st.binary(min_size=32, max_size=32)

ALL_TOKENS = [*tokens.NEWEST.single[1:], *(token for table in tokens.NEWEST.double for token in table)]
STRINGS = st.one_of(
    st.integers(0, len(ALL_TOKENS) - 1).map(lambda index: ALL_TOKENS[index]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="@"), max_size=40),
    st.text("0123456789-.", max_size=127),
    st.text("0123456789ABCDEF", max_size=127),
)
WORDS = STRINGS.filter(bool)
USERS = st.text("0123456789", min_size=1, max_size=20)
JIDS = st.one_of(
    st.builds(Jid, USERS, st.sampled_from(["s.whatsapp.net", "lid"]), st.integers(0, 255)),
    st.builds(Jid, USERS, st.sampled_from(["hosted", "hosted.lid"]), st.integers(1, 255)),
    st.builds(Jid, USERS, st.sampled_from(["g.us", "newsletter", "broadcast", "bot"])),
    st.builds(Jid, st.just(""), st.sampled_from(["s.whatsapp.net", "g.us"])),
)
ATTRS = st.dictionaries(WORDS, st.one_of(STRINGS, JIDS), max_size=6)
LEAVES = st.builds(Node, WORDS, ATTRS, st.one_of(st.none(), st.binary(max_size=300)))
NODES = st.recursive(LEAVES, lambda inner: st.builds(Node, WORDS, ATTRS, st.lists(inner, max_size=5)), max_leaves=15)


def to_theirs(node: Node) -> TheirNode:
    assert not isinstance(node.content, str), "theirs have no text as content"
    content = [to_theirs(child) for child in node.content] if isinstance(node.content, list) else node.content
    return TheirNode(node.tag, {name: _to_theirs(value) for name, value in node.attrs.items()}, content)


def _to_theirs(value: Attr) -> str | int | TheirJid:
    return TheirJid(value.user, value.server, value.device) if isinstance(value, Jid) else value


def test_the_token_tables_are_the_same() -> None:
    assert list(tokens.NEWEST.single) == their_tokens.SINGLE_BYTE_TOKENS
    assert [list(dictionary) for dictionary in tokens.NEWEST.double] == their_tokens.DOUBLE_BYTE_TOKENS


@given(NODES)
@settings(max_examples=100)
def test_both_encoders_write_the_same_bytes(node: Node) -> None:
    assert encode(node) == their_encoder.encode(to_theirs(node))


@given(NODES)
@settings(max_examples=100)
def test_they_read_what_we_write(node: Node) -> None:
    assert their_decoder.decode(encode(node)) == to_theirs(node)


@given(NODES, st.booleans())
@settings(max_examples=100)
def test_we_read_what_they_write(node: Node, compress: bool) -> None:
    assert decode(their_encoder.encode(to_theirs(node), compress=compress)) == node


@pytest.mark.parametrize("size", [0, 255, 256, (1 << 20) - 1, 1 << 20])
def test_large_content_is_written_the_same(size: int) -> None:
    node = Node("enc", {"v": "2"}, b"\5" * size)
    assert encode(node) == their_encoder.encode(to_theirs(node))


@given(KEYS, st.binary(max_size=100))
@settings(max_examples=25)
def test_xeddsa_signatures_are_valid_on_both_sides(private: bytes, message: bytes) -> None:
    public = KeyPair(private).public
    ours, theirs = xeddsa.sign(private, message), their_keys.xeddsa_sign(private, message)
    assert their_keys.xeddsa_verify(public, message, ours)
    assert xeddsa.verify(public, message, theirs)
    assert not their_keys.xeddsa_verify(public, message + b"x", ours)
    assert not xeddsa.verify(public, message + b"x", theirs)


class ChannelToOurResponder:
    """What pywhats' handshake takes for its socket."""

    def __init__(self, responder: Responder) -> None:
        self.responder = responder
        self.login: tuple[bytes, bytes] | None = None
        self.answer = b""
        self.sent: list[bytes] = []
        self.incoming: list[bytes] = []

    async def send_frame(self, payload: bytes) -> None:
        message = wa6.HandshakeMessage()
        if self.login is not None:
            self.sent.append(payload)
            return
        message.ParseFromString(payload)
        if message.HasField("clientHello"):
            self.incoming.append(self.responder.server_hello(payload))
        else:
            self.login = self.responder.finish(payload)

    async def recv_frame(self) -> bytes:
        return self.incoming.pop(0)


async def test_their_client_finishes_the_handshake_with_our_server() -> None:
    client = KeyPair.generate()
    channel = ChannelToOurResponder(Responder(KeyPair.generate(), b"chain"))
    handshake = their_noise.NoiseHandshake(
        channel,
        client_static_private=client.private,
        prologue=WA_HEADER,
        protocol_name=their_noise.NOISE_PROTOCOL_AESGCM,
    )
    theirs = await handshake.perform(b"payload")
    assert channel.login == (client.public, b"payload")

    ours = channel.responder.transport()
    for number in range(5):
        await theirs.send(b"up %d" % number)
        assert ours.receive.decrypt(channel.sent.pop()) == b"up %d" % number
        channel.incoming.append(ours.send.encrypt(b"down %d" % number))
        assert await theirs.recv() == b"down %d" % number


def test_our_client_writes_the_same_bytes_as_theirs() -> None:
    static, ephemeral = KeyPair.generate(), KeyPair.generate()
    server = KeyPair.generate()
    ours = Initiator(static, lambda chain, key: None, ephemeral=ephemeral)
    theirs = their_noise.HandshakeState(their_noise.NOISE_PROTOCOL_AESGCM, "AESGCM", WA_HEADER, static.private)

    first, _ = theirs.write_message(b"", ephemeral_private=ephemeral.private)
    hello = ours.client_hello()
    assert wa6.HandshakeMessage.FromString(hello).clientHello.ephemeral == first

    answer = Responder(server, b"chain").server_hello(hello)
    parts = wa6.HandshakeMessage.FromString(answer).serverHello
    chain, _ = theirs.read_message(parts.ephemeral + parts.static + parts.payload)
    assert chain == b"chain"
    assert theirs.remote_static == server.public

    finish = wa6.HandshakeMessage.FromString(ours.finish(answer, b"payload")).clientFinish
    second, ciphers = theirs.write_message(b"payload")
    assert finish.static + finish.payload == second
    assert ciphers is not None
    assert ours.transport().send.encrypt(b"x") == ciphers[0].encrypt_with_ad(b"", b"x")
    assert ours.transport().receive.encrypt(b"x") == ciphers[1].encrypt_with_ad(b"", b"x")


class TheirSession:
    """A session of pywhats, with as much around it as its own client has."""

    def __init__(self, identity: their_keys.IdentityKeyPair, peer: bytes, state: their_ratchet.RatchetState) -> None:
        self.identity = identity
        self.peer = peer
        self.state = state

    def encrypt(self, plaintext: bytes) -> tuple[their_types.SignalMessage, bytes]:
        header, ciphertext, mac_key = their_ratchet.ratchet_encrypt(self.state, plaintext, b"")
        return their_types.SignalMessage(header, ciphertext), mac_key

    def encrypt_msg(self, plaintext: bytes) -> bytes:
        message, mac_key = self.encrypt(plaintext)
        return message.encode(self.identity.public, self.peer, mac_key)

    def decrypt(self, message: their_types.SignalMessage) -> bytes:
        def verify(mac_key: bytes) -> None:
            message.verify_mac(self.peer, self.identity.public, mac_key)

        return their_ratchet.ratchet_decrypt(self.state, message.header, message.ciphertext, b"", verify)


def ping_pong(ours: SignalDevice, theirs: TheirSession) -> None:
    """Several turns of the ratchet, with a message out of order in each direction."""
    for turn in range(4):
        sent = [ours.encrypt("them", b"%d ours %d" % (turn, number)) for number in range(3)]
        assert {kind for kind, _ in sent} == {"msg"}
        for number in (2, 0, 1):
            message = their_types.SignalMessage.decode(sent[number][1])
            assert theirs.decrypt(message) == b"%d ours %d" % (turn, number)
        back = [theirs.encrypt_msg(b"%d theirs %d" % (turn, number)) for number in range(3)]
        for number in (1, 2, 0):
            assert ours.decrypt("them", "msg", back[number]) == b"%d theirs %d" % (turn, number)


@pytest.mark.parametrize("one_time", [True, False], ids=["one-time prekey", "signed prekey only"])
def test_our_device_starts_a_session_with_theirs(one_time: bool) -> None:
    identity = their_keys.IdentityKeyPair.generate()
    signed = their_keys.SignedPreKey.generate(identity, 77)
    prekey = their_keys.generate_pre_key(5) if one_time else None
    ours = SignalDevice()
    ours.start_session(
        "them",
        PreKeyBundle(
            registration_id=1234,
            identity=identity.public,
            signed_prekey=SignedPreKey(signed.key_id, signed.public, signed.signature),
            one_time=(prekey.key_id, prekey.public) if prekey else None,
        ),
    )
    kind, first = ours.encrypt("them", b"hello")
    assert kind == "pkmsg"

    envelope = their_types.PreKeySignalMessage.decode(first)
    assert envelope.registration_id == ours.registration_id
    assert envelope.signed_pre_key_id == 77
    assert envelope.one_time_pre_key_id == (5 if one_time else None)
    agreed = their_x3dh.x3dh_responder(identity, signed, prekey, envelope.identity_key, envelope.base_key)
    state = their_ratchet.ratchet_init_bob(agreed.shared_secret, signed.private, signed.public)
    theirs = TheirSession(identity, ours.identity.public, state)
    assert theirs.decrypt(envelope.message) == b"hello"
    assert ours.decrypt("them", "msg", theirs.encrypt_msg(b"hello yourself")) == b"hello yourself"
    ping_pong(ours, theirs)


@pytest.mark.parametrize("one_time", [True, False], ids=["one-time prekey", "signed prekey only"])
def test_their_device_starts_a_session_with_ours(one_time: bool) -> None:
    ours = SignalDevice()
    bundle = ours.bundle(one_time=one_time)
    identity = their_keys.IdentityKeyPair.generate()
    agreed = their_x3dh.x3dh_initiator(
        identity,
        their_keys.PreKeyBundle(
            identity_key=bundle.identity,
            signed_pre_key_id=bundle.signed_prekey.id,
            signed_pre_key_public=bundle.signed_prekey.public,
            signed_pre_key_signature=bundle.signed_prekey.signature,
            one_time_pre_key_id=bundle.one_time[0] if bundle.one_time else None,
            one_time_pre_key_public=bundle.one_time[1] if bundle.one_time else None,
        ),
    )
    state = their_ratchet.ratchet_init_alice(agreed.shared_secret, bundle.signed_prekey.public)
    theirs = TheirSession(identity, ours.identity.public, state)
    message, mac_key = theirs.encrypt(b"hello")
    envelope = their_types.PreKeySignalMessage(
        registration_id=99,
        one_time_pre_key_id=agreed.used_one_time_pre_key_id,
        signed_pre_key_id=agreed.used_signed_pre_key_id,
        base_key=agreed.ephemeral_public,
        identity_key=identity.public,
        message=message,
    )
    data = envelope.encode(identity.public, ours.identity.public, mac_key)
    assert ours.decrypt("them", "pkmsg", data) == b"hello"
    ping_pong(ours, theirs)


def test_they_read_our_group_messages() -> None:
    ours = SenderKey.create()
    ours.encrypt(b"before they joined")
    theirs = their_sender_key.process_distribution_message(ours.distribution())
    for number in range(3):
        plaintext, theirs = their_sender_key.group_decrypt(theirs, ours.encrypt(b"group %d" % number))
        assert plaintext == b"group %d" % number


def test_we_read_their_group_messages() -> None:
    theirs = their_sender_key.create_sender_key_state(4711)
    ours = SenderKey.from_distribution(their_sender_key.build_distribution_message(theirs))
    messages = []
    for number in range(4):
        message, theirs = their_sender_key.group_encrypt(theirs, b"group %d" % number)
        messages.append(message)
    for number in (2, 0, 3, 1):
        assert ours.decrypt(messages[number]) == b"group %d" % number
