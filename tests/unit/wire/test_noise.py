"""The Noise handshake between our two sides."""

from __future__ import annotations

import hashlib

import pytest

from whatsapp_mcp.wire.keys import KeyPair
from whatsapp_mcp.wire.noise import WA_HEADER, Cipher, Handshake, Initiator, NoiseError, Responder
from whatsapp_mcp.wire.protos import wa6

CLIENT = KeyPair(b"\x11" * 32)
SERVER = KeyPair(b"\x22" * 32)


def accept(chain: bytes, server_static: bytes) -> None:
    assert chain == b"the chain"
    assert server_static == SERVER.public


def test_both_sides_end_with_the_same_keys() -> None:
    initiator, responder = Initiator(CLIENT, accept), Responder(SERVER, b"the chain")
    hello = responder.server_hello(initiator.client_hello())
    login = responder.finish(initiator.finish(hello, b"the payload"))
    assert login.noise_public == CLIENT.public
    assert login.payload == b"the payload"

    client, server = initiator.transport(), responder.transport()
    for number in range(3):
        up, down = b"up %d" % number, b"down %d" % number
        assert server.receive.decrypt(client.send.encrypt(up)) == up
        assert client.receive.decrypt(server.send.encrypt(down)) == down


def test_the_payload_and_the_client_key_are_not_readable_on_the_wire() -> None:
    initiator, responder = Initiator(CLIENT, accept), Responder(SERVER, b"the chain")
    first = initiator.client_hello()
    hello = responder.server_hello(first)
    second = initiator.finish(hello, b"the payload")
    assert CLIENT.public not in first + second
    assert b"the payload" not in second
    assert b"the chain" not in hello


def test_nothing_identifying_is_sent_to_a_server_that_is_not_trusted() -> None:
    class NotTrusted(Exception):
        pass

    def refuse(chain: bytes, server_static: bytes) -> None:
        raise NotTrusted

    initiator, responder = Initiator(CLIENT, refuse), Responder(SERVER, b"the chain")
    hello = responder.server_hello(initiator.client_hello())
    with pytest.raises(NotTrusted):
        initiator.finish(hello, b"the payload")
    with pytest.raises(NoiseError, match="not finished"):
        initiator.transport()


@pytest.mark.parametrize("field", ["ephemeral", "static", "payload"])
def test_an_altered_server_hello_is_refused(field: str) -> None:
    initiator, responder = Initiator(CLIENT, accept), Responder(SERVER, b"the chain")
    message = wa6.HandshakeMessage.FromString(responder.server_hello(initiator.client_hello()))
    value = bytearray(getattr(message.serverHello, field))
    value[0] ^= 1
    setattr(message.serverHello, field, bytes(value))
    with pytest.raises(NoiseError):
        initiator.finish(message.SerializeToString(), b"the payload")


@pytest.mark.parametrize("field", ["static", "payload"])
def test_an_altered_client_finish_is_refused(field: str) -> None:
    initiator, responder = Initiator(CLIENT, accept), Responder(SERVER, b"the chain")
    hello = responder.server_hello(initiator.client_hello())
    message = wa6.HandshakeMessage.FromString(initiator.finish(hello, b"the payload"))
    value = bytearray(getattr(message.clientFinish, field))
    value[-1] ^= 1
    setattr(message.clientFinish, field, bytes(value))
    with pytest.raises(NoiseError):
        responder.finish(message.SerializeToString())
    with pytest.raises(NoiseError, match="not finished"):
        responder.transport()


@pytest.mark.parametrize("frame", [b"", b"\xff\xff", b"\x12\x00", wa6.HandshakeMessage().SerializeToString()])
def test_a_first_frame_that_is_no_client_hello_is_refused(frame: bytes) -> None:
    with pytest.raises(NoiseError):
        Responder(SERVER, b"").server_hello(frame)


def test_a_client_key_of_small_order_is_refused() -> None:
    message = wa6.HandshakeMessage()
    message.clientHello.ephemeral = b"\0" * 32
    with pytest.raises(NoiseError, match="unusable public key"):
        Responder(SERVER, b"").server_hello(message.SerializeToString())


def test_another_header_leads_to_other_keys() -> None:
    one, other = Handshake(WA_HEADER), Handshake(b"WA\x06\x02")
    one.mix_key(b"\1" * 32)
    other.mix_key(b"\1" * 32)
    with pytest.raises(NoiseError):
        other.decrypt(one.encrypt(b"x"))


def test_messages_out_of_order_are_refused_and_the_right_one_still_works() -> None:
    sender, receiver = Cipher(b"\3" * 32), Cipher(b"\3" * 32)
    first, second = sender.encrypt(b"1"), sender.encrypt(b"2")
    with pytest.raises(NoiseError):
        receiver.decrypt(second)
    assert receiver.decrypt(first) == b"1"
    assert receiver.decrypt(second) == b"2"
    with pytest.raises(NoiseError):
        receiver.decrypt(second)
    with pytest.raises(NoiseError):
        receiver.decrypt(b"short")


class Returning:
    """A client that knows the server's static key from before (noiseprotocol.org: IK, and XXfallback)."""

    def __init__(self, server: bytes) -> None:
        self.ephemeral = KeyPair.generate()
        self.noise = Handshake(WA_HEADER, b"Noise_IK_25519_AESGCM_SHA256\0\0\0\0")
        self.noise.mix_hash(server)
        self.noise.mix_hash(self.ephemeral.public)
        self.noise.mix_key(self.ephemeral.agree(server))
        hello = wa6.HandshakeMessage()
        hello.clientHello.ephemeral = self.ephemeral.public
        hello.clientHello.static = self.noise.encrypt(CLIENT.public)
        self.noise.mix_key(CLIENT.agree(server))
        hello.clientHello.payload = self.noise.encrypt(b"the payload")
        self.hello = hello.SerializeToString()

    def accept(self, answer: bytes) -> None:
        hello = wa6.HandshakeMessage.FromString(answer).serverHello
        assert not hello.static
        self.noise.mix_hash(hello.ephemeral)
        self.noise.mix_key(self.ephemeral.agree(hello.ephemeral))
        self.noise.mix_key(CLIENT.agree(hello.ephemeral))
        assert self.noise.decrypt(hello.payload) == b"the chain"
        self.noise.finished = True

    def fall_back(self, answer: bytes) -> bytes:
        hello = wa6.HandshakeMessage.FromString(answer).serverHello
        self.noise = Handshake(WA_HEADER, hashlib.sha256(b"Noise_XXfallback_25519_AESGCM_SHA256").digest())
        self.noise.mix_hash(self.ephemeral.public)
        self.noise.mix_hash(hello.ephemeral)
        self.noise.mix_key(self.ephemeral.agree(hello.ephemeral))
        server = self.noise.decrypt(hello.static)
        self.noise.mix_key(self.ephemeral.agree(server))
        assert self.noise.decrypt(hello.payload) == b"the chain"
        finish = wa6.HandshakeMessage()
        finish.clientFinish.static = self.noise.encrypt(CLIENT.public)
        self.noise.mix_key(CLIENT.agree(hello.ephemeral))
        finish.clientFinish.payload = self.noise.encrypt(b"the payload")
        self.noise.finished = True
        return finish.SerializeToString()


@pytest.mark.parametrize("known", [True, False])
def test_a_client_that_comes_back_says_who_it_is_at_once(known: bool) -> None:
    client, responder = Returning((SERVER if known else KeyPair.generate()).public), Responder(SERVER, b"the chain")
    answer = responder.server_hello(client.hello)
    if known:
        client.accept(answer)
    else:
        assert responder.login is None
        responder.finish(client.fall_back(answer))
    assert responder.login == (CLIENT.public, b"the payload")
    to_server, to_client = client.noise.split()
    server = responder.transport()
    assert server.receive.decrypt(to_server.encrypt(b"up")) == b"up"
    assert to_client.decrypt(server.send.encrypt(b"down")) == b"down"
