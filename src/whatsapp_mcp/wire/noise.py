"""The Noise handshakes of WhatsApp, both sides, without I/O.

``Noise_XX_25519_AESGCM_SHA256`` (noiseprotocol.org) with WhatsApp's connection header as prologue and a protobuf,
``HandshakeMessage``, around the three messages. Source: whatsmeow socket/noisehandshake.go, handshake.go.

    initiator (client)                      responder (server)
    client_hello()      -- ephemeral -->    server_hello(…)
    finish(…)           <-- ephemeral, static, certificate chain --
                        -- static, login payload -->  finish(…)
    transport()                             transport()

A client that was there before may know the server's static key, and sends its own and the payload with its first
message already (pattern IK; the server's side only). When it means a key that the server has no more, both go on as
above, under the name of the pattern XXfallback.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError

from whatsapp_mcp.wire import protos
from whatsapp_mcp.wire.keys import KeyPair, hkdf

WA_HEADER: Final = b"WA\x06\x03"
"""Sent once by the client before its first frame: "WA", protocol version 6, token dictionary version 3."""

_XX: Final = b"Noise_XX_25519_AESGCM_SHA256\0\0\0\0"
_IK: Final = b"Noise_IK_25519_AESGCM_SHA256\0\0\0\0"
_XX_FALLBACK: Final = hashlib.sha256(b"Noise_XXfallback_25519_AESGCM_SHA256").digest()
"""Used as they are when they fit into a hash, else by their hash (Noise, 5.2)."""


class NoiseError(ValueError):
    """The peer does not follow the protocol, or a message was altered."""


class Cipher:
    """AES-256-GCM in one direction; the nonce is a counter that starts at 0."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self._counter = 0

    def encrypt(self, plaintext: bytes, *, associated: bytes = b"") -> bytes:
        """Ciphertext and 16-byte tag."""
        ciphertext = self._aead.encrypt(self._nonce(), plaintext, associated)
        self._counter += 1
        return ciphertext

    def decrypt(self, ciphertext: bytes, *, associated: bytes = b"") -> bytes:
        """The plaintext. The counter moves only when the tag was right.

        Raises:
            NoiseError: wrong key, altered or reordered message.
        """
        try:
            plaintext = self._aead.decrypt(self._nonce(), ciphertext, associated)
        except (InvalidTag, ValueError):
            raise NoiseError("a message cannot be decrypted: altered, out of order, or another key") from None
        self._counter += 1
        return plaintext

    def _nonce(self) -> bytes:
        if self._counter >= 1 << 32:
            raise NoiseError("the message counter is used up: reconnect")
        return self._counter.to_bytes(12, "big")


class Transport(NamedTuple):
    """The two directions after the handshake."""

    receive: Cipher
    send: Cipher


class Handshake:
    """Noise's symmetric state: a running hash of everything seen, and a key that grows with every key agreement."""

    def __init__(self, header: bytes = WA_HEADER, pattern: bytes = _XX) -> None:
        self._hash = self._chaining_key = pattern
        self._cipher = Cipher(pattern)
        self.finished = False
        self.mix_hash(header)

    def mix_hash(self, data: bytes) -> None:
        self._hash = hashlib.sha256(self._hash + data).digest()

    def mix_key(self, secret: bytes) -> None:
        keys = hkdf(secret, 64, salt=self._chaining_key)
        self._chaining_key = keys[:32]
        self._cipher = Cipher(keys[32:])

    def encrypt(self, plaintext: bytes) -> bytes:
        ciphertext = self._cipher.encrypt(plaintext, associated=self._hash)
        self.mix_hash(ciphertext)
        return ciphertext

    def decrypt(self, ciphertext: bytes) -> bytes:
        plaintext = self._cipher.decrypt(ciphertext, associated=self._hash)
        self.mix_hash(ciphertext)
        return plaintext

    def split(self) -> tuple[Cipher, Cipher]:
        """The transport ciphers: client to server, server to client.

        Raises:
            NoiseError: the handshake is not finished.
        """
        if not self.finished:
            raise NoiseError("the handshake is not finished")
        keys = hkdf(b"", 64, salt=self._chaining_key)
        return Cipher(keys[:32]), Cipher(keys[32:])


class ClientLogin(NamedTuple):
    """What the client said in its last handshake message."""

    noise_public: bytes
    """The client's static key (32 bytes): it stands for the linked device at every later login."""
    payload: bytes
    """Serialised ``waWa6.ClientPayload``."""


class Responder:
    """The server's side.

    Args:
        static: the server's static key pair, certified by ``certificate_chain``.
        certificate_chain: serialised ``waCert.CertChain`` (see ``certificates.issue_chain``).
        header: what the client sent before its first frame.
        ephemeral: only for reproducible tests.
    """

    def __init__(
        self,
        static: KeyPair,
        certificate_chain: bytes,
        *,
        header: bytes = WA_HEADER,
        ephemeral: KeyPair | None = None,
    ) -> None:
        self._static = static
        self._chain = certificate_chain
        self._header = header
        self._ephemeral = ephemeral or KeyPair.generate()
        self._handshake = Handshake(header)
        self.login: ClientLogin | None = None
        """Who the client is, once it has said so: in its first frame or in its second."""

    def server_hello(self, client_hello: bytes) -> bytes:
        """Answer the first frame of a client. When :attr:`login` is known then, there is no second."""
        hello = _parse(client_hello).clientHello
        if hello.static and hello.payload:
            try:
                return self._answer_known(hello)
            except NoiseError:
                self._handshake = Handshake(self._header, _XX_FALLBACK)
        noise = self._handshake
        noise.mix_hash(hello.ephemeral)
        noise.mix_hash(self._ephemeral.public)
        noise.mix_key(_agree(self._ephemeral, hello.ephemeral))
        message = protos.wa6.HandshakeMessage()
        message.serverHello.ephemeral = self._ephemeral.public
        message.serverHello.static = noise.encrypt(self._static.public)
        noise.mix_key(_agree(self._static, hello.ephemeral))
        message.serverHello.payload = noise.encrypt(self._chain)
        return message.SerializeToString()

    def _answer_known(self, hello: protos.wa6.HandshakeMessage.ClientHello) -> bytes:
        """Pattern IK. Raises NoiseError: it was made for another static key."""
        noise = Handshake(self._header, _IK)
        noise.mix_hash(self._static.public)
        noise.mix_hash(hello.ephemeral)
        noise.mix_key(_agree(self._static, hello.ephemeral))
        noise_public = noise.decrypt(hello.static)
        noise.mix_key(_agree(self._static, noise_public))
        payload = noise.decrypt(hello.payload)
        noise.mix_hash(self._ephemeral.public)
        noise.mix_key(_agree(self._ephemeral, hello.ephemeral))
        noise.mix_key(_agree(self._ephemeral, noise_public))
        message = protos.wa6.HandshakeMessage()
        message.serverHello.ephemeral = self._ephemeral.public
        message.serverHello.payload = noise.encrypt(self._chain)
        noise.finished = True
        self._handshake = noise
        self.login = ClientLogin(noise_public, payload)
        return message.SerializeToString()

    def finish(self, client_finish: bytes) -> ClientLogin:
        """Read the second frame of a client: who it is.

        Raises:
            NoiseError: the frame is not the answer to our hello.
        """
        finish = _parse(client_finish).clientFinish
        noise_public = self._handshake.decrypt(finish.static)
        self._handshake.mix_key(_agree(self._ephemeral, noise_public))
        payload = self._handshake.decrypt(finish.payload)
        self._handshake.finished = True
        self.login = ClientLogin(noise_public, payload)
        return self.login

    def transport(self) -> Transport:
        """The ciphers for everything after the handshake."""
        to_server, to_client = self._handshake.split()
        return Transport(receive=to_server, send=to_client)


class Initiator:
    """The client's side.

    Args:
        static: the linked device's noise key pair.
        verify_certificate: called with the certificate chain and the server's static key; it raises when it does not
            trust them. Nothing that identifies us has been sent by then, and nothing will be when it raises.
        header: what goes before the first frame.
        ephemeral: only for reproducible tests.
    """

    def __init__(
        self,
        static: KeyPair,
        verify_certificate: Callable[[bytes, bytes], None],
        *,
        header: bytes = WA_HEADER,
        ephemeral: KeyPair | None = None,
    ) -> None:
        self._static = static
        self._verify_certificate = verify_certificate
        self._ephemeral = ephemeral or KeyPair.generate()
        self._handshake = Handshake(header)

    def client_hello(self) -> bytes:
        """The first frame (``WA_HEADER`` goes before it)."""
        self._handshake.mix_hash(self._ephemeral.public)
        message = protos.wa6.HandshakeMessage()
        message.clientHello.ephemeral = self._ephemeral.public
        return message.SerializeToString()

    def finish(self, server_hello: bytes, payload: bytes) -> bytes:
        """Check the server's answer; the second frame, with ``payload`` (serialised ``ClientPayload``) in it.

        Raises:
            NoiseError: the answer does not fit to our hello.
            Exception: whatever ``verify_certificate`` raises.
        """
        noise = self._handshake
        hello = _parse(server_hello).serverHello
        noise.mix_hash(hello.ephemeral)
        noise.mix_key(_agree(self._ephemeral, hello.ephemeral))
        server_static = noise.decrypt(hello.static)
        noise.mix_key(_agree(self._ephemeral, server_static))
        self._verify_certificate(noise.decrypt(hello.payload), server_static)

        message = protos.wa6.HandshakeMessage()
        message.clientFinish.static = noise.encrypt(self._static.public)
        noise.mix_key(_agree(self._static, hello.ephemeral))
        message.clientFinish.payload = noise.encrypt(payload)
        self._handshake.finished = True
        return message.SerializeToString()

    def transport(self) -> Transport:
        """The ciphers for everything after the handshake."""
        to_server, to_client = self._handshake.split()
        return Transport(receive=to_client, send=to_server)


def _parse(frame: bytes) -> protos.wa6.HandshakeMessage:
    try:
        return protos.wa6.HandshakeMessage.FromString(frame)
    except DecodeError:
        raise NoiseError("not a handshake message") from None


def _agree(own: KeyPair, public: bytes) -> bytes:
    try:
        return own.agree(public)
    except ValueError as error:
        raise NoiseError(f"the peer sent an unusable public key: {error}") from None
