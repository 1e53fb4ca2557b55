"""The key server: devices upload prekeys, others take them to start Signal sessions (whatsmeow prekeys.go)."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.service.router import SERVER, Router, notification
from whatsapp_mcp.simulator.state.accounts import PreKeyBundle, SignedPreKey, SimDevice
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire import xeddsa
from whatsapp_mcp.wire.node import Attr, Node

log = logging.getLogger(__name__)

MAX_UPLOAD = 1000
FEW = 4
"""With so many keys left a device is told, and once more with none (whatsmeow prekeys.go: MinPreKeyCount)."""
REMINDER_SECONDS = 1.0
"""After a device learnt that it has no keys and did nothing about it. Some wait to be told."""


class PreKeys:
    """``iq xmlns=encrypt``."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.on_upload: list[Callable[[SimDevice], None]] = []

    def register(self, router: Router) -> None:
        router.on_iq("encrypt", "get", self._get)
        router.on_iq("encrypt", "set", self._upload)

    @staticmethod
    def take(device: SimDevice) -> PreKeyBundle:
        """Hand out a device's keys, using up its oldest one-time prekey. Without one left the bundle has none."""
        one_time = None
        if device.one_time_prekeys:
            key_id = next(iter(device.one_time_prekeys))
            one_time = key_id, device.one_time_prekeys.pop(key_id)
            if device.few_keys is not None and len(device.one_time_prekeys) in (FEW, 0):
                device.few_keys()
        elif device.more_prekeys is not None:
            one_time = device.more_prekeys()
        return PreKeyBundle(device.registration_id, device.identity, device.signed_prekey, one_time)

    def _remind(self, device: SimDevice) -> None:
        if device.link is not None and not device.one_time_prekeys:
            tell_key_count(self._world, device)

    def _get(self, device: SimDevice, node: Node) -> Sequence[Node]:
        if node.child("count") is not None:
            if not device.one_time_prekeys and not device.is_local:
                asyncio.get_running_loop().call_later(REMINDER_SECONDS, self._remind, device)
            return [Node("count", {"value": str(len(device.one_time_prekeys))})]
        if node.child("digest") is not None:
            return [_digest(device)]
        if (asked := node.child("identity")) is not None:
            return [Node("list", {}, [self._identity_node(user) for user in asked.children("user")])]
        wanted = node.child("key")
        if wanted is None:
            raise IqError(501, "feature-not-implemented")
        return [Node("list", {}, [self._bundle_node(user) for user in wanted.children("user")])]

    def _bundle_node(self, user: Node) -> Node:
        jid = user.jid("jid")
        owner = self._world.device(jid)
        if jid is None or owner is None:
            return _nobody(jid)
        bundle = self.take(owner)
        return Node("user", {"jid": jid}, [registration_node(bundle), *key_nodes(bundle)])

    def _identity_node(self, user: Node) -> Node:
        """The key alone, which uses up nothing."""
        jid = user.jid("jid")
        owner = self._world.device(jid)
        if jid is None or owner is None:
            return _nobody(jid)
        return Node("user", {"jid": jid}, [Node("type", {}, b"\x05"), Node("identity", {}, owner.identity)])

    def _upload(self, device: SimDevice, node: Node) -> Sequence[Node]:
        if (rotation := node.child("rotate")) is not None:
            device.signed_prekey = _checked(device, parse_signed_prekey(rotation.child("skey")))
            return ()
        registration, identity, listed = node.child("registration"), node.child("identity"), node.child("list")
        if registration is None or identity is None or listed is None:
            raise IqError(400, "bad-request")
        if identity.data != device.identity:
            log.warning("%r uploads prekeys for another identity", device)
            raise IqError(409, "conflict")
        signed = _checked(device, parse_signed_prekey(node.child("skey")))
        keys = [parse_prekey(key) for key in listed.children("key")]
        if not keys or len(keys) > MAX_UPLOAD or None in keys:
            raise IqError(400, "bad-request")
        device.registration_id = int.from_bytes(registration.data, "big")
        device.signed_prekey = signed
        device.one_time_prekeys.update(key for key in keys if key is not None)
        for notify in self.on_upload:
            asyncio.get_running_loop().call_soon(notify, device)  # after the answer
        return ()


def tell_key_count(world: World, device: SimDevice) -> None:
    """``<notification type="encrypt">`` (whatsmeow notification.go: handleEncryptNotification)."""
    count = Node("count", {"value": str(len(device.one_time_prekeys))})
    device.deliver(notification(world, SERVER, "encrypt", count))


def _nobody(jid: Jid | None) -> Node:
    attrs: dict[str, Attr] = {"jid": jid} if jid else {}
    return Node("user", attrs, [Node("error", {"code": "404", "text": "item-not-found"})])


def _checked(device: SimDevice, signed: SignedPreKey | None) -> SignedPreKey:
    if signed is None or not xeddsa.verify(device.identity, b"\x05" + signed.public, signed.signature):
        log.warning("%r uploads a signed prekey that is none, or with a wrong signature", device)
        raise IqError(400, "bad-request")
    return signed


def _digest(device: SimDevice) -> Node:
    """What the server has of a device, for the device to compare; most clients do so after every login."""
    bundle = PreKeyBundle(device.registration_id, device.identity, device.signed_prekey, None)
    keys = sorted(device.one_time_prekeys.items())
    digest = hashlib.sha1(device.identity + device.signed_prekey.public + device.signed_prekey.signature)
    for _, public in keys:
        digest.update(public)
    listed = [Node("id", {}, key_id.to_bytes(3, "big")) for key_id, _ in keys]
    content = [registration_node(bundle), *key_nodes(bundle), Node("list", {}, listed)]
    return Node("digest", {}, [*content, Node("hash", {}, digest.digest())])


def registration_node(bundle: PreKeyBundle) -> Node:
    return Node("registration", {}, bundle.registration_id.to_bytes(4, "big"))


def key_nodes(bundle: PreKeyBundle) -> list[Node]:
    """The keys of a bundle, as the server hands them out and as a retry receipt has them in its ``<keys>``."""
    signed = bundle.signed_prekey
    signed_key = [*_key_content(signed.id, signed.public), Node("signature", {}, signed.signature)]
    nodes = [Node("type", {}, b"\x05"), Node("identity", {}, bundle.identity), Node("skey", {}, signed_key)]
    return nodes if bundle.one_time is None else [*nodes, Node("key", {}, _key_content(*bundle.one_time))]


def _key_content(key_id: int, public: bytes) -> list[Node]:
    return [Node("id", {}, key_id.to_bytes(3, "big")), Node("value", {}, public)]


def parse_bundle(registration: Node | None, keys: Node) -> PreKeyBundle | None:
    """The reverse of :func:`registration_node` and :func:`key_nodes`; ``None``: something is missing."""
    identity, signed = keys.child("identity"), parse_signed_prekey(keys.child("skey"))
    if registration is None or identity is None or signed is None:
        return None
    number = int.from_bytes(registration.data, "big")
    return PreKeyBundle(number, identity.data, signed, parse_prekey(keys.child("key")))


def parse_prekey(node: Node | None) -> tuple[int, bytes] | None:
    """``<key><id>3 bytes</id><value>32 bytes</value></key>`` as (id, public key), ``None`` when it is not that."""
    key_id, value = (node.child("id"), node.child("value")) if node else (None, None)
    if key_id is None or value is None or len(key_id.data) != 3 or len(value.data) != 32:
        return None
    return int.from_bytes(key_id.data, "big"), value.data


def parse_signed_prekey(node: Node | None) -> SignedPreKey | None:
    """``<skey>`` with id, value and 64 bytes of signature; ``None`` when it is not that."""
    key, signature = parse_prekey(node), node.child("signature") if node else None
    if key is None or signature is None or len(signature.data) != 64:
        return None
    return SignedPreKey(key[0], key[1], signature.data)
