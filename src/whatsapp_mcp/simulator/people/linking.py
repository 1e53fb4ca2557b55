"""How a phone links companions: by the QR code that one shows, or by a code of eight characters (whatsmeow pair.go,
pair-code.go)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from whatsapp_mcp.simulator.service.device_identity import sign_for_account, signed_key_index_list
from whatsapp_mcp.simulator.service.pairing import LinkRequest, Pairing, PairingError, PairingSession
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.record import Record
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.keys import KeyPair, hkdf
from whatsapp_mcp.wire.protos import adv

log = logging.getLogger(__name__)

_CODE_ALPHABET = frozenset("123456789ABCDEFGHJKLMNPQRSTVWXYZ")
_CODE_ROUNDS = 2 << 16


@dataclass(frozen=True, slots=True)
class QrCode:
    """What a companion's QR code says (whatsmeow pair.go: makeQRData)."""

    ref: str
    noise_public: bytes
    identity: bytes
    adv_secret: bytes

    @classmethod
    def parse(cls, text: str) -> QrCode:
        """Parse the text of a QR code, with or without the ``https://wa.me/…#`` in front.

        Raises:
            PairingError: it is not a pairing code.
        """
        parts = text.strip().rpartition("#")[2].split(",")
        try:
            ref, keys = parts[0], [base64.b64decode(part, validate=True) for part in parts[1:4]]
        except binascii.Error as error:
            raise PairingError("not a WhatsApp pairing code: a key is not base64") from error
        if len(keys) != 3 or any(len(key) != 32 for key in keys):
            raise PairingError("not a WhatsApp pairing code: it needs a ref and three keys of 32 bytes")
        return cls(ref, *keys)


class Linking:
    """The part of one phone that links. ``identity`` is the phone's own key."""

    def __init__(self, world: World, account: SimAccount, identity: KeyPair, pairing: Pairing) -> None:
        self._world = world
        self._account = account
        self._identity = identity
        self._pairing = pairing
        self.raw_id = secrets.randbelow(1 << 31)
        self.key_index = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._later: asyncio.Task[None] | None = None
        self._seen: tuple[str, float] | None = None
        """The code that was seen last, and when (of the loop's clock) it is or was used; None once that has failed."""
        self.requests: Record[LinkRequest] = Record("link request")
        """Companions that asked to be linked by code."""
        self.autoscan: float | None = None
        """Seconds after which the phone scans (or types in) a code that it is told about; ``None``: it waits for a
        person."""
        account.sign_devices = self.sign_devices
        pairing.on_request.append(self._on_link_request)

    async def scan(self, qr_text: str) -> SimDevice:
        """See :meth:`SimulatedPhone.scan`."""
        code = QrCode.parse(qr_text)
        session = self._pairing.pending(code.ref, code.noise_public, code.identity)
        return await self._link(session, code.adv_secret)

    async def enter_code(self, code: str, *, timeout: float = 30.0) -> SimDevice:
        """See :meth:`SimulatedPhone.enter_code`."""
        plain_code = code.replace("-", "").replace(" ", "").upper()
        if len(plain_code) != 8 or not _CODE_ALPHABET.issuperset(plain_code):
            raise PairingError(f"not a pairing code: {code!r}")
        request = await self._wait_for_request(timeout)
        loop = asyncio.get_running_loop()
        # 131,072 rounds of SHA-256 take a while: not in the event loop.
        wrapping_key = await loop.run_in_executor(None, _code_key, plain_code, request.wrapped_ephemeral[:32])
        companion_ephemeral = _aes_ctr(wrapping_key, request.wrapped_ephemeral[32:48], request.wrapped_ephemeral[48:])
        ephemeral = KeyPair.generate()
        salt, iv = secrets.token_bytes(32), secrets.token_bytes(16)
        own_key = await loop.run_in_executor(None, _code_key, plain_code, salt)
        wrapped = salt + iv + _aes_ctr(own_key, iv, ephemeral.public)
        bundle, companion_identity = await self._pairing.send_primary_hello(request, wrapped, self._identity.public)
        shared = ephemeral.agree(companion_ephemeral)
        adv_random = self._open_key_bundle(bundle, shared, companion_identity)
        secret = shared + self._identity.agree(companion_identity) + adv_random
        return await self._link(request.pending, hkdf(secret, 32, info=b"adv_secret"))

    async def _wait_for_request(self, timeout: float) -> LinkRequest:
        request = self._pairing.link_request(self._account)
        if request is None:
            try:
                await self.requests.wait_for(timeout=timeout, start=len(self.requests))
            except TimeoutError:
                raise PairingError("no companion waits for a code") from None
            request = self._pairing.link_request(self._account)
        if request is None:
            raise PairingError("the companion that waited for a code is gone")
        return request

    def _open_key_bundle(self, bundle: bytes, shared: bytes, companion_identity: bytes) -> bytes:
        key = hkdf(shared, 32, salt=bundle[:32], info=b"link_code_pairing_key_bundle_encryption_key")
        try:
            plain = AESGCM(key).decrypt(bundle[32:44], bundle[44:], None)
        except InvalidTag:
            raise PairingError("the code is wrong") from None
        if len(plain) != 96 or plain[:32] != companion_identity or plain[32:64] != self._identity.public:
            raise PairingError("the companion's key bundle does not name the keys it should")
        return plain[64:]

    async def _link(self, session: PairingSession, adv_secret: bytes) -> SimDevice:
        self.key_index += 1
        details = adv.ADVDeviceIdentity(
            rawID=self.raw_id,
            timestamp=int(self._world.clock()),
            keyIndex=self.key_index,
            accountType=adv.E2EE,
            deviceType=adv.E2EE,
        ).SerializeToString()
        signature = sign_for_account(self._identity, details, session.registration.identity)
        signed = adv.ADVSignedDeviceIdentity(
            details=details, accountSignatureKey=self._identity.public, accountSignature=signature
        ).SerializeToString()
        box = adv.ADVSignedDeviceIdentityHMAC(details=signed, HMAC=hmac.digest(adv_secret, signed, "sha256"))
        return await self._pairing.complete(session, self._account, box.SerializeToString(), signed)

    def sign_devices(self) -> None:
        """Say, signed, which linked devices there are now."""
        linked = [device for device in self._account.devices.values() if not device.is_local]
        now = int(self._world.clock())
        signed = signed_key_index_list(self._identity, linked, raw_id=self.raw_id, newest=self.key_index, now=now)
        self._account.key_index_list = now, signed

    def _on_link_request(self, request: LinkRequest) -> None:
        if request.account is self._account:
            self.requests.add(request)

    # --- codes on a screen ---

    def see_qr(self, text: str) -> float | None:
        """A client shows this QR code; returns in how many seconds it is scanned, ``None``: not by itself.

        The same code again, as when several servers show it, is the same code: it is scanned once.
        """
        return self._see(text, lambda: self.scan(text))

    def see_code(self, code: str) -> float | None:
        """A client shows this pairing code; returns in how many seconds it is typed in, ``None``: not by itself."""
        return self._see(code, lambda: self.enter_code(code))

    def _see(self, shown: str, link: Callable[[], Coroutine[Any, Any, SimDevice]]) -> float | None:
        if self.autoscan is None:
            return None
        loop = asyncio.get_running_loop()
        if self._seen is not None and self._seen[0] == shown:
            return max(0.0, self._seen[1] - loop.time())
        if self._later is not None:
            self._later.cancel()
        self._seen = (shown, loop.time() + self.autoscan)
        self._later = loop.create_task(self._link_later(self.autoscan, link))
        self._tasks.add(self._later)
        self._later.add_done_callback(self._tasks.discard)
        return self.autoscan

    async def _link_later(self, seconds: float, link: Callable[[], Coroutine[Any, Any, SimDevice]]) -> None:
        await asyncio.sleep(seconds)
        self._later = None  # from here on the next code on the screen does not stop it any more
        seen = self._seen
        try:
            log.info("linked %r by itself", await link())
        except PairingError as error:
            log.warning("could not link by itself: %s", error)
            if self._seen is seen:
                self._seen = None

    async def stop(self) -> None:
        """Link nothing by itself any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _code_key(code: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", code.encode(), salt, _CODE_ROUNDS, 32)


def _aes_ctr(key: bytes, iv: bytes, data: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
    return encryptor.update(data) + encryptor.finalize()
