"""Telling the members of a group what changed (``<notification type="w:gp2">``, whatsmeow group.go: parseGroupChange,
parseGroupCreate).

Everybody is told, on every device, also who did it: clients keep their member lists by these notifications.
"""

from __future__ import annotations

from collections.abc import Iterable

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.service.groups.group_nodes import group_node, participants_change
from whatsapp_mcp.simulator.service.router import notification
from whatsapp_mcp.simulator.state.accounts import SimAccount
from whatsapp_mcp.simulator.state.faults import Faults
from whatsapp_mcp.simulator.state.groups import GroupState
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node


class GroupNotices:
    """Sends notifications about groups."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world = world
        self._faults = faults

    def tell(
        self, group: GroupState, actor: SimAccount, change: Node, *, to: Iterable[SimAccount] | None = None
    ) -> None:
        """Tell the members (or only those in ``to``) what ``actor`` changed."""
        self._send(group, actor, "w:gp2", change, group.members if to is None else to)

    def tell_joined(
        self, group: GroupState, actor: SimAccount, joined: Iterable[SimAccount], *, reason: str = ""
    ) -> None:
        """Tell people that they are in a group now, with all there is to know about it.

        ``reason``: ``invite`` for those who came by link.
        """
        attrs: dict[str, Attr] = {"reason": reason} if reason else {}
        self._send(group, actor, "w:gp2", Node("create", attrs, [group_node(group)]), joined)

    def tell_created(self, group: GroupState, key: str) -> None:
        attrs: dict[str, Attr] = {"type": "new", "key": key}
        self._send(group, group.owner, "w:gp2", Node("create", attrs, [group_node(group)]), group.members)

    def tell_picture(self, group: GroupState, actor: SimAccount) -> None:
        """The picture was set or removed (whatsmeow notification.go: handlePictureNotification)."""
        attrs: dict[str, Attr] = {"jid": group.jid, "author": group.name_of(actor)}
        if group.picture is not None:
            attrs["id"] = group.picture.id
        change = Node("delete" if group.picture is None else "set", attrs)
        self._send(group, actor, "picture", change, group.members)

    def tell_renumbered(self, group: GroupState, account: SimAccount, old: Jid) -> None:
        """A member has another number. Who is named by LID is called as before."""
        if group.addressing_mode == "pn":
            change = participants_change(group, "modify", [account])
            self._send(group, account, "w:gp2", change, group.members, name=old)

    def _send(
        self,
        group: GroupState,
        actor: SimAccount,
        kind: str,
        change: Node,
        to: Iterable[SimAccount],
        *,
        name: Jid | None = None,
    ) -> None:
        """``name``: of the actor, where it is not that of now."""
        told: dict[str, Attr] = {
            "notify": actor.push_name,
            "participant": name or group.name_of(actor),
            f"participant_{group.other_form}": group.other_name_of(actor),
            "addressing_mode": group.addressing_mode,
        }
        lost = self._faults.lost_group_notices.take()
        for account in list(to):
            for device in list(account.devices.values()):
                if lost and not device.is_local:
                    continue
                device.deliver(notification(self._world, group.jid, kind, change, **told))
