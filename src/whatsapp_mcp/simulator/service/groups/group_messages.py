"""Messages, receipts and chat states in groups, as the server sees them (whatsmeow send.go: sendGroup, receipt.go).

A group message comes once, encrypted with the sender's key (``skmsg``), together with that key for those devices that
may not have it, encrypted for each of them. Every device of every member gets the shared part and its own.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Iterable

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.service.message_relay import addressed_parts, pass_on, relayed_attributes
from whatsapp_mcp.simulator.state.accounts import SimDevice
from whatsapp_mcp.simulator.state.faults import Faults
from whatsapp_mcp.simulator.state.groups import GroupState
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node

log = logging.getLogger(__name__)

_ADMIN_REVOKE = "8"
_PAIRWISE = ("pkmsg", "msg")


class GroupMessages:
    """``<message to=GROUP>``."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world = world
        self._faults = faults

    def refusal(self, sender: SimDevice, node: Node, to: Jid) -> int | None:
        """The error of a message that cannot be relayed, ``None`` for one that can."""
        group = self._world.groups.get(to)
        if group is None:
            return 404
        if sender.account not in group.members:
            log.info("%r writes to %r without being in it", sender, group)
            return 403
        if group.community is not None:
            log.info("%r writes to the community %r itself", sender, group)
            return 403
        admin_only = group.announce or node.get("edit") == _ADMIN_REVOKE
        if admin_only and not group.is_admin(sender.account):
            log.info("%r may not write this to %r: not an admin", sender, group)
            return 403
        if not _is_sealed(node):
            log.warning("%r sent a group message without usable ciphertext: %s", sender, node.xml())
            return 400
        return None

    def relay(self, sender: SimDevice, node: Node, to: Jid) -> None:
        """Hand a message to all devices of all members, or (the answer to a retry receipt) to the one it names."""
        group = self._world.groups[to]
        own_parts = self._own_parts(sender, node, group)
        targets = group.devices
        if "participant" in node.attrs:
            named = self._world.device(node.jid("participant"))
            if named is None or named.account not in group.members:
                log.warning("%r answers a retry of somebody who is not in %r: %s", sender, group, node.xml())
                return
            targets = [named]
        elif node.get("device_fanout") == "false":
            targets = list(own_parts)
        for target in targets:
            if target is not sender:
                self._deliver(sender, target, node, group, [*own_parts.get(target, ()), *node.children("enc")])

    def ack_attributes(self, sender: SimDevice, node: Node, to: Jid) -> dict[str, Attr]:
        """What an ack says in addition: the server's view of the member devices, if the sender has another one."""
        group, claimed = self._world.groups.get(to), node.get("phash")
        if group is None or not claimed:
            return {}
        everybody = group.devices
        others = [device for device in everybody if device is not sender]
        hashes = [
            participant_hash(d.lid if lid else d.pn for d in some) for some in (everybody, others) for lid in (1, 0)
        ]
        if claimed in hashes:
            return {}
        log.info("%r sent to other devices than %r has: %s instead of %s", sender, group, claimed, hashes[0])
        return {"phash": hashes[0] if group.addressing_mode == "lid" else hashes[1]}

    def _own_parts(self, sender: SimDevice, node: Node, group: GroupState) -> dict[SimDevice, list[Node]]:
        parts: dict[SimDevice, list[Node]] = {}
        for addressed in addressed_parts(node):
            target = self._world.device(addressed.jid("jid"))
            if target is None or target.account not in group.members:
                log.warning("%r addressed a device that is not in %r: %s", sender, group, addressed.get("jid"))
                continue
            parts[target] = addressed.children("enc")
        return parts

    def _deliver(
        self, sender: SimDevice, target: SimDevice, node: Node, group: GroupState, encrypted: list[Node]
    ) -> None:
        if encrypted:
            pass_on(self._faults, sender, target, node, self._attributes(sender, node, group), encrypted)

    def _attributes(self, sender: SimDevice, node: Node, group: GroupState) -> dict[str, Attr]:
        return {
            **relayed_attributes(self._world, sender, node, group.jid),
            "participant": group.name_of_device(sender),
            "addressing_mode": group.addressing_mode,
            f"participant_{group.other_form}": sender.pn if group.addressing_mode == "lid" else sender.lid,
        }


def relay_chat_state(world: World, sender: SimDevice, to: Jid, state: Node) -> None:
    """Show the other members who is online that somebody is typing."""
    group = world.groups.get(to)
    if group is None or sender.account not in group.members:
        log.info("%r types in %s, where it is not a member", sender, to)
        return
    attrs: dict[str, Attr] = {"from": group.jid, "participant": group.name_of(sender.account)}
    for device in group.devices:
        if device.account is not sender.account and device.link is not None:
            device.link.send(Node("chatstate", attrs, [state]))


def _is_sealed(node: Node) -> bool:
    """Whether the ciphertext has the shape of a group message or of an answer to a retry receipt."""
    shared, own = node.children("enc"), [enc for to in addressed_parts(node) for enc in to.children("enc")]
    if any(enc.get("v") != "2" or not enc.data for enc in [*own, *shared]):
        return False
    if any(enc.get("type") not in _PAIRWISE for enc in own):
        return False
    kinds = [enc.get("type") for enc in shared]
    if "participant" in node.attrs or node.get("device_fanout") == "false":
        # Some clients answer as they send at first, with the key for the one device beside the shared part.
        return len(kinds) <= 1 and bool(kinds or own) and {*kinds} <= {"skmsg", *_PAIRWISE}
    return kinds == ["skmsg"]


def participant_hash(devices: Iterable[Jid]) -> str:
    """The ``phash`` of a message: a digest of all devices it is for (whatsmeow send.go: participantListHashV2)."""
    names = sorted(f"{jid.user}.0:{jid.device}@{jid.server}" for jid in devices)
    digest = hashlib.sha256("".join(names).encode()).digest()[:6]
    return "2:" + base64.b64encode(digest).decode().rstrip("=")
