"""Linking a new device: by QR code or by the code one types into the phone.

The server's side only. It passes on what companion and phone say to each other and checks every signature on the way;
the phone's side is :mod:`whatsapp_mcp.simulator.people.linking`. Sources of the stanzas: whatsmeow pair.go,
pair-code.go, store/clientpayload.go.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from google.protobuf.message import DecodeError

from whatsapp_mcp.simulator.service.device_identity import is_signed_by_device
from whatsapp_mcp.simulator.service.router import SERVER, iq_error, iq_result, notification
from whatsapp_mcp.simulator.state.accounts import SignedPreKey, SimAccount, SimDevice
from whatsapp_mcp.simulator.state.config import QrTiming
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.faults import stream_error
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire import xeddsa
from whatsapp_mcp.wire.node import Attr, Node
from whatsapp_mcp.wire.protos import adv, companion_reg, wa6

log = logging.getLogger(__name__)

ANSWER_SECONDS = 20.0
"""How long a companion may take to answer ``pair-success``."""
_DISPLAY_NAME = re.compile(
    r"(chrome|firefox|edge|safari|opera|ie|internet explorer|electron|uwp) \(.+\)", re.IGNORECASE
)
"""``Browser (OS)``: the server refuses other names of a companion that links by code (whatsmeow pair-code.go)."""


class PairingError(Exception):
    """Linking failed: a code nobody shows, a signature that does not fit, a companion that refuses."""


class PairingLink(Protocol):
    """The companion's connection."""

    def send(self, node: Node) -> None: ...
    def farewell(self, node: Node, *, linger: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Registration:
    """What an unlinked companion says about itself at login."""

    noise_public: bytes
    identity: bytes
    registration_id: int
    signed_prekey: SignedPreKey
    platform: str
    """Operating system or program name it wants to be shown as."""
    inline_history: bool
    """Whether it takes a small first history inside of a message."""


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """A companion waits for its code to be typed into the phone of ``account``."""

    account: SimAccount
    ref: bytes
    wrapped_ephemeral: bytes
    """80 bytes: salt 32, iv 16, the companion's ephemeral key encrypted with the code."""
    display_name: str
    pending: PairingSession


def parse_registration(payload: wa6.ClientPayload, noise_public: bytes) -> Registration:
    """Check a registration payload (login without ``username``).

    Raises:
        PairingError: a field has the wrong form, or the signed prekey is not signed by the identity.
    """
    data = payload.devicePairingData
    if len(data.eIdent) != 32 or len(data.eSkeyVal) != 32 or len(data.eSkeySig) != 64:
        raise PairingError("a key of the registration has the wrong length")
    if data.eKeytype != b"\x05" or len(data.eRegid) != 4 or len(data.eSkeyID) != 3:
        raise PairingError("the registration's key type or ids are malformed")
    if not xeddsa.verify(data.eIdent, b"\x05" + data.eSkeyVal, data.eSkeySig):
        raise PairingError("the signed prekey is not signed by the identity key")
    try:
        props = companion_reg.DeviceProps.FromString(data.deviceProps)
    except DecodeError as error:
        raise PairingError("deviceProps is not a DeviceProps message") from error
    inline = props.historySyncConfig.inlineInitialPayloadInE2EeMsg
    signed = SignedPreKey(int.from_bytes(data.eSkeyID, "big"), data.eSkeyVal, data.eSkeySig)
    return Registration(noise_public, data.eIdent, int.from_bytes(data.eRegid, "big"), signed, props.os, inline)


class PairingSession:
    """A companion that is connected and shows codes."""

    def __init__(
        self, pairing: Pairing, link: PairingLink, registration: Registration, refs: list[str], started: float
    ) -> None:
        self.registration = registration
        self.refs = refs
        self.started = started
        self.link = link
        self.identity_answers: dict[str, asyncio.Future[Node]] = {}
        self.code_finish: asyncio.Future[tuple[bytes, bytes]] | None = None
        """Resolved with (wrapped key bundle, companion identity) when the companion finishes linking by code."""
        self.code_ref: bytes | None = None
        self._pairing = pairing

    def receive(self, node: Node) -> None:
        if node.tag != "iq":
            return  # <ib>, <ack>: nothing to answer
        if node.get("type") in ("result", "error"):
            answer = self.identity_answers.pop(node.get("id"), None)
            if answer is not None and not answer.done():
                answer.set_result(node)
            return
        try:
            content = self._pairing.handle_companion_request(self, node)
        except IqError as error:
            log.info("refused an unlinked companion's request: %s", error)
            self.link.send(iq_error(node, error.code, error.text))
        else:
            self.link.send(iq_result(node, content))

    def ended(self) -> None:
        for answer in self.identity_answers.values():
            answer.cancel()
        if self.code_finish is not None:
            self.code_finish.cancel()
        self._pairing.forget(self)


class Pairing:
    """All companions that wait to be linked."""

    def __init__(self, world: World, timing: QrTiming) -> None:
        self._world = world
        self._timing = timing
        self._by_ref: dict[str, PairingSession] = {}
        self._requests: dict[SimAccount, LinkRequest] = {}
        self.on_request: list[Callable[[LinkRequest], None]] = []
        self.on_linked: list[Callable[[SimDevice], None]] = []

    # --- the companion's side ---

    def begin(self, link: PairingLink, registration: Registration) -> PairingSession:
        """Offer codes to a companion that just connected."""
        refs = ["2@" + base64.b64encode(secrets.token_bytes(48)).decode() for _ in range(self._timing.refs)]
        session = PairingSession(self, link, registration, refs, self._world.clock())
        self._by_ref.update(dict.fromkeys(refs, session))
        offer = Node("pair-device", {}, [Node("ref", {}, ref.encode()) for ref in refs])
        attrs: dict[str, Attr] = {"from": SERVER, "type": "set", "id": self._world.new_id(), "xmlns": "md"}
        link.send(Node("iq", attrs, [offer]))
        return session

    def forget(self, session: PairingSession) -> None:
        for ref in session.refs:
            self._by_ref.pop(ref, None)
        for account in [a for a, request in self._requests.items() if request.pending is session]:
            del self._requests[account]

    def handle_companion_request(self, session: PairingSession, node: Node) -> list[Node]:
        """Answer an iq of an unlinked companion; only the two steps of linking by code are allowed."""
        if node.get("xmlns") == "w:p":
            return []
        step = node.child("link_code_companion_reg")
        if node.get("xmlns") == "md" and node.get("type") == "get":
            return country_code(node)
        if node.get("xmlns") != "md" or node.get("type") != "set" or step is None:
            raise IqError(501, "feature-not-implemented")
        if step.get("stage") == "companion_hello":
            return self._code_hello(session, step)
        if step.get("stage") == "companion_finish":
            return self._code_finish(session, step)
        raise IqError(400, "bad-request")

    def _code_hello(self, session: PairingSession, step: Node) -> list[Node]:
        account = self._world.account(step.jid("jid"))
        if account is None:
            raise IqError(404, "item-not-found")
        wrapped = _content(step, "link_code_pairing_wrapped_companion_ephemeral_pub", 80)
        if _content(step, "companion_server_auth_key_pub", 32) != session.registration.noise_public:
            raise IqError(400, "bad-request")
        display = _content(step, "companion_platform_display").decode("utf-8", "replace")
        if not _DISPLAY_NAME.fullmatch(display):
            raise IqError(400, "bad-request")
        ref = secrets.token_bytes(24)
        session.code_ref = ref
        session.code_finish = asyncio.get_running_loop().create_future()
        request = LinkRequest(account, ref, wrapped, display, session)
        self._requests[account] = request
        for notify in self.on_request:
            notify(request)
        answer = Node("link_code_companion_reg", {"stage": "companion_hello"}, [Node("link_code_pairing_ref", {}, ref)])
        return [answer]

    def _code_finish(self, session: PairingSession, step: Node) -> list[Node]:
        if session.code_finish is None or _content(step, "link_code_pairing_ref") != session.code_ref:
            raise IqError(404, "item-not-found")
        identity = _content(step, "companion_identity_public", 32)
        if identity != session.registration.identity:
            raise IqError(401, "not-authorized")
        if not session.code_finish.done():
            session.code_finish.set_result((_content(step, "link_code_pairing_wrapped_key_bundle"), identity))
        return []

    # --- the phone's side ---

    def pending(self, ref: str, noise_public: bytes, identity: bytes) -> PairingSession:
        """The companion that shows the QR code with ``ref``.

        Raises:
            PairingError: nobody shows it, it expired, or its keys are not those the companion registered with.
        """
        session = self._by_ref.get(ref)
        if session is None:
            raise PairingError("no companion shows this QR code now")
        if self._world.clock() - session.started > self._timing.expires_after(session.refs.index(ref)):
            raise PairingError("this QR code expired; scan the one that is shown now")
        if session.registration.noise_public != noise_public or session.registration.identity != identity:
            raise PairingError("the keys in the QR code are not the companion's")
        return session

    def link_request(self, account: SimAccount) -> LinkRequest | None:
        """The companion that waits for its code to be typed into this account's phone, if any."""
        return self._requests.get(account)

    async def send_primary_hello(
        self, request: LinkRequest, wrapped_ephemeral: bytes, identity: bytes
    ) -> tuple[bytes, bytes]:
        """Tell the companion the phone's ephemeral key (wrapped, 80 bytes) and identity; returns (wrapped key bundle,
        its identity).

        Raises:
            PairingError: it does not answer.
        """
        finish = request.pending.code_finish
        if finish is None:
            raise PairingError("the companion does not link by code")
        step = Node(
            "link_code_companion_reg",
            {"stage": "primary_hello"},
            [
                Node("link_code_pairing_wrapped_primary_ephemeral_pub", {}, wrapped_ephemeral),
                Node("primary_identity_pub", {}, identity),
                Node("link_code_pairing_ref", {}, request.ref),
            ],
        )
        request.pending.link.send(notification(self._world, SERVER, "link_code_companion_reg", step))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await asyncio.shield(finish)
        except (TimeoutError, asyncio.CancelledError) as error:
            raise PairingError("the companion did not finish linking by code") from error

    async def complete(self, session: PairingSession, account: SimAccount, box: bytes, signed: bytes) -> SimDevice:
        """Hand the phone's signed device identity to the companion and, when it signed it too, link it.

        ``box`` is an ``ADVSignedDeviceIdentityHMAC``, ``signed`` the ``ADVSignedDeviceIdentity`` inside it.

        Raises:
            PairingError: the companion refuses (``hmac-mismatch`` …), signs wrongly, or disappears.
        """
        number = account.next_device_number
        account.next_device_number += 1
        device = SimDevice(
            account,
            number,
            identity=session.registration.identity,
            registration_id=session.registration.registration_id,
            signed_prekey=session.registration.signed_prekey,
            noise_public=session.registration.noise_public,
            platform=session.registration.platform,
            key_index=adv.ADVDeviceIdentity.FromString(adv.ADVSignedDeviceIdentity.FromString(signed).details).keyIndex,
        )
        device.inline_history = session.registration.inline_history
        answer = await self._offer(session, device, box)
        _check_device_signature(answer, adv.ADVSignedDeviceIdentity.FromString(signed), device.identity)
        account.devices[number] = device
        self.forget(session)
        # The companion hangs up and comes back with its new name by itself.
        session.link.farewell(stream_error("515"), linger=ANSWER_SECONDS)
        for notify in self.on_linked:
            notify(device)
        return device

    async def _offer(self, session: PairingSession, device: SimDevice, box: bytes) -> Node:
        content = [Node("device-identity", {}, box), Node("device", {"jid": device.pn, "lid": device.lid})]
        if device.account.business_name:
            content.append(Node("biz", {"name": device.account.business_name}))
        content.append(Node("platform", {"name": "android"}))
        request_id = self._world.new_id()
        attrs: dict[str, Attr] = {"from": SERVER, "type": "set", "id": request_id, "xmlns": "md"}
        answer: asyncio.Future[Node] = asyncio.get_running_loop().create_future()
        session.identity_answers[request_id] = answer
        session.link.send(Node("iq", {**attrs, "t": self._world.now()}, [Node("pair-success", {}, content)]))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                node = await asyncio.shield(answer)
        except TimeoutError as error:
            raise PairingError("the companion did not answer the pairing") from error
        except asyncio.CancelledError as error:
            if not answer.cancelled():
                raise
            raise PairingError("the companion closed the connection during the pairing") from error
        if node.get("type") == "error":
            reason = node.child("error")
            text = f"{reason.get('code')} {reason.get('text')}" if reason else "no reason given"
            raise PairingError(f"the companion refused the pairing: {text}")
        return node


def _content(step: Node, tag: str, length: int | None = None) -> bytes:
    child = step.child(tag)
    if child is None or (length is not None and len(child.data) != length):
        raise IqError(400, "bad-request")
    return child.data


def _check_device_signature(answer: Node, offered: adv.ADVSignedDeviceIdentity, identity: bytes) -> None:
    node = answer.path("pair-device-sign", "device-identity")
    try:
        signed = adv.ADVSignedDeviceIdentity.FromString(node.data if node else b"")
    except DecodeError as error:
        raise PairingError("the companion's answer is not an ADVSignedDeviceIdentity") from error
    if signed.details != offered.details or signed.accountSignature != offered.accountSignature:
        raise PairingError("the companion's answer is not about the identity it was offered")
    if not is_signed_by_device(signed, identity, offered.accountSignatureKey):
        raise PairingError("the companion's device signature is wrong")


def country_code(node: Node) -> list[Node]:
    """The country that a client asks about in order to suggest its prefix (zapo-js 0.3.0 WaPairingFlow)."""
    step = node.child("link_code_companion_reg")
    if step is None or step.get("stage") != "get_country_code":
        raise IqError(501, "feature-not-implemented")
    return [Node("country_code", {"iso": "US"})]
