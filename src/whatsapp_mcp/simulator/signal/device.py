"""The Signal side of one simulated device: its keys, and its sessions with other devices."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Final, Literal

from whatsapp_mcp.simulator.signal.messages import PreKeyMessage, tagged
from whatsapp_mcp.simulator.signal.session import PendingPreKey, SignalSession
from whatsapp_mcp.simulator.signal.signal_errors import DuplicateMessageError, SignalError
from whatsapp_mcp.simulator.state.accounts import PreKeyBundle, SignedPreKey
from whatsapp_mcp.wire import xeddsa
from whatsapp_mcp.wire.keys import KeyPair

MessageType = Literal["pkmsg", "msg"]
"""The ``type`` of an ``<enc>`` element."""

MAX_ARCHIVED_SESSIONS: Final = 40
"""libsignal consts.rs: earlier sessions with the same device, for messages under way while a new one was made."""

_SIGNED_PREKEY_ID: Final = 1
_PREKEY_IDS: Final = 1 << 24


class SignalDevice:
    """One device of a simulated person. Addresses are opaque strings that name the other devices.

    Args:
        identity: the identity key pair; by default a new one. (A phone's is the key that signs linked devices.)
        registration_id: 1..16380; by default a random one.
        prekey: the pair of the signed prekey; by default a new one.
    """

    def __init__(
        self, identity: KeyPair | None = None, registration_id: int | None = None, prekey: KeyPair | None = None
    ) -> None:
        self.identity = identity or KeyPair.generate()
        self.registration_id = 1 + secrets.randbelow(16380) if registration_id is None else registration_id
        self.prekey_pair = prekey or KeyPair.generate()
        public = self.prekey_pair.public
        signature = xeddsa.sign(self.identity.private, tagged(public))
        self.signed_prekey = SignedPreKey(_SIGNED_PREKEY_ID, public, signature)
        self._prekeys: dict[int, KeyPair] = {}
        self._next_prekey_id = 1
        self._sessions: dict[str, list[SignalSession]] = {}
        """By address, the one in use first."""

    def bundle(self, *, one_time: bool = True) -> PreKeyBundle:
        """The keys that one other device may fetch, with a fresh one-time prekey or (``one_time=False``) without."""
        prekey = self.new_prekey() if one_time else None
        return PreKeyBundle(self.registration_id, self.identity.public, self.signed_prekey, prekey)

    def has_session(self, address: str) -> bool:
        """Whether ``encrypt`` can be called for this device without a bundle."""
        return bool(self._sessions.get(address))

    def end_session(self, address: str) -> None:
        """Forget everything about a device, as after a reinstallation."""
        self._sessions.pop(address, None)

    def start_session(self, address: str, bundle: PreKeyBundle) -> None:
        """Make a session from the keys that a device published; an existing one is kept for reading only.

        Raises:
            SignalError: the signed prekey is not signed by the identity key, or a key is unusable.
        """
        signed = bundle.signed_prekey
        prekey_id, prekey = bundle.one_time or (None, None)
        if not xeddsa.verify(bundle.identity, tagged(signed.public), signed.signature):
            raise SignalError(f"the signed prekey of {address} is not signed by its identity key")
        session = SignalSession.initiate(
            self.identity,
            bundle.identity,
            signed_prekey=signed.public,
            one_time_prekey=prekey,
            pending=PendingPreKey(prekey_id, signed.id),
        )
        self._use(address, session)

    def encrypt(self, address: str, plaintext: bytes) -> tuple[MessageType, bytes]:
        """The message for one device, as the type and content of its ``<enc>``; pad the plaintext before.

        Raises:
            SignalError: there is no session.
        """
        sessions = self._sessions.get(address)
        if not sessions:
            raise SignalError(f"no session with {address}")
        session = sessions[0]
        message = session.encrypt(plaintext)
        if session.pending is None:
            return "msg", message
        envelope = PreKeyMessage(
            registration_id=self.registration_id,
            prekey_id=session.pending.prekey_id,
            signed_prekey_id=session.pending.signed_prekey_id,
            base_public=session.base_public,
            identity_public=self.identity.public,
            message=message,
        )
        return "pkmsg", envelope.serialize()

    def decrypt(self, address: str, type: str, ciphertext: bytes) -> bytes:
        """The (padded) plaintext of an ``<enc>`` from one device; a ``pkmsg`` makes the session.

        A failure changes nothing.

        Raises:
            DuplicateMessageError: decrypted before.
            SignalError: no session, unknown prekey, altered message …
        """
        if type == "msg":
            return self._decrypt_with_any(address, self._sessions.get(address, []), ciphertext)
        if type != "pkmsg":
            raise SignalError(f"a device-to-device message cannot be of type {type!r}")
        envelope = PreKeyMessage.parse(ciphertext)
        known = [s for s in self._sessions.get(address, []) if s.base_public == envelope.base_public]
        if known:
            return self._decrypt_with_any(address, known, envelope.message)
        session = self._answering_session(envelope)
        plaintext = session.decrypt(envelope.message)
        self._use(address, session)
        if envelope.prekey_id is not None:
            del self._prekeys[envelope.prekey_id]
        return plaintext

    def _decrypt_with_any(self, address: str, sessions: Iterable[SignalSession], message: bytes) -> bytes:
        failure = SignalError(f"no session with {address}")
        for session in sessions:
            attempt = session.copy()
            try:
                plaintext = attempt.decrypt(message)
            except DuplicateMessageError:
                raise
            except SignalError as error:
                failure = error
                continue
            self._use(address, attempt)
            return plaintext
        raise failure

    def _answering_session(self, envelope: PreKeyMessage) -> SignalSession:
        if envelope.signed_prekey_id != _SIGNED_PREKEY_ID:
            raise SignalError(f"unknown signed prekey {envelope.signed_prekey_id}")
        one_time_prekey = None
        if envelope.prekey_id is not None:
            one_time_prekey = self._prekeys.get(envelope.prekey_id)
            if one_time_prekey is None:
                raise SignalError(f"one-time prekey {envelope.prekey_id} is unknown or used")
        return SignalSession.answer(
            self.identity,
            envelope.identity_public,
            envelope.base_public,
            signed_prekey=self.prekey_pair,
            one_time_prekey=one_time_prekey,
        )

    def _use(self, address: str, session: SignalSession) -> None:
        """Put a session first, in place of an earlier state of the same session."""
        others = [s for s in self._sessions.get(address, []) if s.base_public != session.base_public]
        self._sessions[address] = [session, *others][: 1 + MAX_ARCHIVED_SESSIONS]

    def new_prekey(self) -> tuple[int, bytes]:
        """A fresh one-time prekey: id and public key."""
        prekey_id = self._next_prekey_id
        self._next_prekey_id = prekey_id % (_PREKEY_IDS - 1) + 1
        self._prekeys[prekey_id] = KeyPair.generate()
        return prekey_id, self._prekeys[prekey_id].public
