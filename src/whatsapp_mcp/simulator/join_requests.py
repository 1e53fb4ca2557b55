"""People who asked to join a group, and what becomes of it (whatsmeow group.go: UpdateGroupRequestParticipants)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.router import IqError
from whatsapp_mcp.simulator.world import Account, Device, World
from whatsapp_mcp.wire.node import Attr, Node

__all__ = ["JoinRequests"]


class JoinRequests:
    """Open requests per group. It does not know the groups: whoever does fills it and hears of decisions.

    ``handle`` answers ``<iq xmlns="w:g2" type="set" to=GROUP><membership_requests_action>…``.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._open: dict[Jid, dict[Account, None]] = {}
        self.may_decide: Callable[[Device, Jid], bool] = lambda device, group: True
        """Whether a device's account is an admin of the group."""
        self.on_decision: list[Callable[[Jid, Account, bool], None]] = []
        """Called with (group, who asked, whether approved)."""

    def add(self, group: Jid, account: Account) -> None:
        """Somebody asks to join."""
        self._open.setdefault(group, {})[account] = None

    def waiting(self, group: Jid) -> list[Account]:
        """Who asked and has no answer yet, oldest first."""
        return list(self._open.get(group, ()))

    def handle(self, device: Device, node: Node) -> Sequence[Node]:
        """Decide as the request says; people without a request get error 404 each."""
        group, request = node.jid("to"), node.child("membership_requests_action")
        if group is None or request is None:
            raise IqError(400, "bad-request")
        if group not in self._open:
            raise IqError(404, "item-not-found")
        if not self.may_decide(device, group):
            raise IqError(403, "forbidden")
        decided = []
        for action in request.children():
            if action.tag not in ("approve", "reject"):
                raise IqError(400, "bad-request")
            people = [self._decide(group, person, approve=action.tag == "approve") for person in action.children()]
            decided.append(Node(action.tag, {}, people))
        return [Node("membership_requests_action", {}, decided)]

    def _decide(self, group: Jid, person: Node, *, approve: bool) -> Node:
        attrs: dict[str, Attr] = dict(person.attrs)
        account = self._world.account(person.jid("jid"))
        if account is None or account not in self._open[group]:
            return Node("participant", {**attrs, "error": "404"})
        del self._open[group][account]
        for notify in self.on_decision:
            notify(group, account, approve)
        return Node("participant", attrs)
