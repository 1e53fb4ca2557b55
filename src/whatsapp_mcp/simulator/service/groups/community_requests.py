"""What clients ask about communities: part of ``iq xmlns="w:g2"``, and of GraphQL (whatsapp-rust iq/groups.rs,
features/community.rs)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.service.groups.communities import MEMBERS_ADD, Communities
from whatsapp_mcp.simulator.service.groups.group_nodes import group_node, linked_node, participant_node
from whatsapp_mcp.simulator.service.mex import GraphQlError, Json, Mex, part
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.groups import CommunityState, GroupState
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Node

_SUBGROUPS: Final = "9935467776504344"
_COUNTS: Final = "24079399904996141"
_LINK_TYPE: Final = "sub_group"

Answer = Sequence[Node]
CommunityHandler = Callable[[GroupState, SimAccount, Node], Answer | None]


class CommunityRequests:
    """Handlers for requests to a community, by type and tag: :attr:`handlers`."""

    def __init__(self, world: World, communities: Communities) -> None:
        self._world = world
        self._communities = communities
        self.handlers: dict[tuple[str, str], CommunityHandler] = {
            ("get", "sub_groups"): self._sub_groups,
            ("get", "linked_groups_participants"): self._people,
            ("get", "query_linked"): self._query,
            ("set", "links"): self._link,
            ("set", "unlink"): self._unlink,
            ("set", "join_linked_group"): self._join,
            ("set", "delete_parent"): self._deactivate,
            ("set", MEMBERS_ADD): self._let_members_add,
            ("set", f"not_{MEMBERS_ADD}"): self._let_members_add,
        }

    def register(self, mex: Mex) -> None:
        mex.on_query(_SUBGROUPS, lambda device, given: self._as_json(device, given.get("group_id")))
        mex.on_query(_COUNTS, lambda device, given: self._as_json(device, part(given, "input").get("group_jid")))

    # --- making ---

    def state(self, node: Node) -> CommunityState | None:
        """What kind of community a request to make a group asks for; ``None``: no community."""
        parent = node.child("parent")
        if parent is None:
            return None
        closed = parent.get("default_membership_approval_mode") == "request_required"
        return CommunityState(closed, node.child(MEMBERS_ADD) is not None)

    def parent(self, node: Node, actor: SimAccount) -> GroupState | None:
        """The community that a new group is to belong to.

        Raises:
            IqError: 403 the actor may not make groups there, 404 there is no such community, 412 it is full.
        """
        linked = node.child("linked_parent")
        if linked is None:
            return None
        community = self._world.require_group(linked.jid("jid"))
        self._communities.require_founder(community, actor)
        return community

    # --- looking ---

    def _sub_groups(self, community: GroupState, who: SimAccount, node: Node) -> Answer:
        self._communities.require_member(community, who)
        return [Node("sub_groups", {}, [linked_node(group) for group in self._communities.groups_of(community)])]

    def _people(self, community: GroupState, who: SimAccount, node: Node) -> Answer:
        people = self._communities.people(community, who)
        return [Node("linked_groups_participants", {}, [participant_node(community, one) for one in people])]

    def _query(self, community: GroupState, who: SimAccount, node: Node) -> Answer:
        group = self._communities.linked(community, who, _address(node))
        return [Node("linked_group", {}, [group_node(group)])]

    def _as_json(self, device: SimDevice, name: object) -> Json:
        """Both queries ask for parts of this."""
        try:
            community = self._world.require_group(Jid.parse(str(name)))
            self._communities.require_member(community, device.account)
        except IqError as error:
            raise GraphQlError(error.code, "Forbidden" if error.code == 403 else "Not Found") from None
        except ValueError:
            raise GraphQlError(404, "Not Found") from None
        groups = self._communities.groups_of(community)
        announcements = [_group_json(group) for group in groups if group.place == "announcements"]
        others = [{"node": _group_json(group)} for group in groups if group.place != "announcements"]
        told = {"default_sub_group": announcements[0] if announcements else None, "sub_groups": {"edges": others}}
        return {"xwa2_group_query_by_id": {"id": str(community.jid), **told}}

    # --- changing ---

    def _link(self, community: GroupState, who: SimAccount, node: Node) -> Answer:
        wanted = node.child("link")
        if wanted is None or wanted.get("link_type") != _LINK_TYPE:
            raise IqError(400, "bad-request")
        outcomes = self._communities.link(community, who, _groups(wanted))
        return [Node("links", {}, [Node("link", {"link_type": _LINK_TYPE}, _outcomes(outcomes))])]

    def _unlink(self, community: GroupState, who: SimAccount, node: Node) -> Answer:
        if node.get("unlink_type") != _LINK_TYPE:
            raise IqError(400, "bad-request")
        orphans = any(group.get("remove_orphaned_members") == "true" for group in node.children("group"))
        outcomes = self._communities.unlink(community, who, _groups(node), orphans=orphans)
        return [Node("unlink", {"unlink_type": _LINK_TYPE}, _outcomes(outcomes))]

    def _join(self, community: GroupState, who: SimAccount, node: Node) -> Answer:
        group, inside = self._communities.join_linked(community, who, _address(node))
        if not inside:
            return [Node("membership_approval_request", {"jid": group.jid})]
        return [Node("linked_group", {}, [group_node(group)])]

    def _deactivate(self, community: GroupState, who: SimAccount, node: Node) -> None:
        self._communities.deactivate(community, who)

    def _let_members_add(self, community: GroupState, who: SimAccount, node: Node) -> None:
        self._communities.let_members_add(community, who, on=node.tag == MEMBERS_ADD)


def _address(node: Node) -> Jid:
    jid = node.jid("jid")
    if jid is None:
        raise IqError(400, "bad-request")
    return jid


def _groups(node: Node) -> list[Jid]:
    if not node.children("group"):
        raise IqError(400, "bad-request")
    return list(dict.fromkeys(_address(group) for group in node.children("group")))


def _outcomes(outcomes: Sequence[tuple[Jid, int]]) -> list[Node]:
    return [Node("group", {"jid": jid, **({"error": str(error)} if error else {})}) for jid, error in outcomes]


def _group_json(group: GroupState) -> Json:
    return {
        "id": str(group.jid),
        "subject": {"value": group.subject, "creation_time": str(group.subject_set_at)},
        "creation_time": str(group.created_at),
        "creator": {"id": str(group.owner.lid)},
        "participants_count": len(group.members),
        "total_participants_count": len(group.members),
        "properties": {"general_chat": group.place == "general"},
    }
