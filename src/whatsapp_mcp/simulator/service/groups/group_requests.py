"""What clients ask about groups (``iq xmlns="w:g2"``, whatsmeow group.go, whatsapp-rust iq/groups.rs).

``to`` is the group, or ``g.us`` for what concerns no group yet: making one, the list of one's groups, invite links,
leaving. Every request has one child, whose tag says what is wanted. Newer settings come as GraphQL (``w:mex``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.service.groups.communities import Communities
from whatsapp_mcp.simulator.service.groups.community_requests import CommunityRequests
from whatsapp_mcp.simulator.service.groups.group_membership import GroupMembership
from whatsapp_mcp.simulator.service.groups.group_nodes import SimOutcome, group_node, outcome_node, participant_node
from whatsapp_mcp.simulator.service.groups.group_settings import (
    EPHEMERAL_SECONDS,
    GroupSettings,
    check_description,
)
from whatsapp_mcp.simulator.service.mex import GraphQlError, Json, Mex, part
from whatsapp_mcp.simulator.service.router import Router
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.groups import (
    GroupState,
    MemberAddMode,
    MemberLinkMode,
    require_admin,
    require_member,
)
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node

log = logging.getLogger(__name__)

Answer = Sequence[Node]
GeneralHandler = Callable[[SimAccount, Node], Answer]
GroupHandler = Callable[[GroupState, SimAccount, Node], Answer | None]
PeopleHandler = Callable[[GroupState, SimAccount, Sequence[Jid]], list[SimOutcome]]

_FIRST_TIMER = 7 * 24 * 3600
_ADD_MODES: dict[str, MemberAddMode] = {"all_member_add": "all_member_add", "admin_add": "admin_add"}
_LINK_MODES: dict[str, MemberLinkMode] = {"ALL_MEMBER_LINK": "all_member_link", "ADMIN_LINK": "admin_link"}
_SWITCHES = {
    "no_frequently_forwarded": "frequently_forwarded_ok",
    "allow_admin_reports": "not_allow_admin_reports",
    "group_history": "no_group_history",
}
"""On, off."""
_LIMIT_SHARING = "limit_sharing_enabled"
_UPDATE_PROPERTY = "9418211574894172"


class GroupRequests:
    """``iq xmlns=w:g2``."""

    def __init__(
        self, world: World, membership: GroupMembership, settings: GroupSettings, communities: Communities
    ) -> None:
        self._world = world
        self._membership = membership
        self._settings = settings
        self._communities = communities
        self._of_community = CommunityRequests(world, communities)
        self._general: dict[tuple[str, str], GeneralHandler] = {
            ("get", "participating"): self._participating,
            ("get", "query"): self._infos,
            ("get", "invite"): self._info_by_code,
            ("set", "invite"): self._join,
            ("set", "create"): self._create,
            ("set", "leave"): self._leave,
        }
        self._of_group: dict[tuple[str, str], GroupHandler] = {
            ("get", "query"): self._info,
            ("get", "invite"): lambda group, who, node: self._invite_code(group, who, reset=False),
            ("set", "invite"): lambda group, who, node: self._invite_code(group, who, reset=True),
            ("get", "membership_approval_requests"): self._join_requests,
            ("set", "membership_requests_action"): self._decide,
            ("set", "add"): self._people(membership.add),
            ("set", "remove"): self._people(partial(communities.change, what="remove")),
            ("set", "promote"): self._people(partial(communities.change, what="promote")),
            ("set", "demote"): self._people(partial(communities.change, what="demote")),
            ("set", "accept"): self._accept,
            ("set", "revoke"): self._revoke,
            ("set", "ack"): self._seen,
            **self._setting_handlers(settings),
            **self._of_community.handlers,
        }

    def _setting_handlers(self, settings: GroupSettings) -> dict[tuple[str, str], GroupHandler]:
        handlers: dict[tuple[str, str], GroupHandler] = {
            ("set", "subject"): self._subject,
            ("set", "description"): self._description,
            ("set", "locked"): lambda group, who, node: settings.set_locked(group, who, locked=True),
            ("set", "unlocked"): lambda group, who, node: settings.set_locked(group, who, locked=False),
            ("set", "announcement"): lambda group, who, node: settings.set_announce(group, who, announce=True),
            ("set", "not_announcement"): lambda group, who, node: settings.set_announce(group, who, announce=False),
            ("set", "ephemeral"): self._ephemeral,
            ("set", "not_ephemeral"): self._ephemeral,
            ("set", "membership_approval_mode"): self._approval_mode,
            ("set", "member_add_mode"): self._member_add_mode,
        }
        for on, off in _SWITCHES.items():
            for told in (on, off):
                handlers["set", told] = partial(self._switch, name=on)
        return handlers

    @property
    def kinds(self) -> list[tuple[str, str]]:
        """Type and tag of all requests that are simulated."""
        return [*self._general, *self._of_group]

    def register(self, router: Router, mex: Mex) -> None:
        router.on_iq("w:g2", "get", self._answer)
        router.on_iq("w:g2", "set", self._answer)
        mex.on_query(_UPDATE_PROPERTY, self._update_property)
        self._of_community.register(mex)

    def _answer(self, device: SimDevice, node: Node) -> Answer:
        to, children = node.jid("to"), node.children()
        if to is None or not to.is_group or len(children) != 1:
            raise IqError(400, "bad-request")
        request, wanted = children[0], (node.get("type"), children[0].tag)
        if not to.user:
            if (general := self._general.get(wanted)) is not None:
                return general(device.account, request)
        elif (handler := self._of_group.get(wanted)) is not None:
            return handler(self._world.require_group(to), device.account, request) or ()
        log.warning("%r asked something about groups that is not simulated: %s", device, node.xml())
        raise IqError(501, "feature-not-implemented")

    # --- looking ---

    def _participating(self, who: SimAccount, node: Node) -> Answer:
        participants, description = node.child("participants") is not None, node.child("description") is not None
        mine = [group for group in self._world.groups.values() if who in group.members]
        return [Node("groups", {}, [group_node(g, participants=participants, description=description) for g in mine])]

    def _info(self, group: GroupState, who: SimAccount, node: Node) -> Answer:
        invitation = node.child("add_request")
        if invitation is not None:
            admin = self._world.account(invitation.jid("admin"))
            self._membership.invitation(group, who, invitation.get("code"), admin)
        else:
            require_member(group, who)
        return [group_node(group)]

    def _infos(self, who: SimAccount, node: Node) -> Answer:
        """Several groups at once; those that cannot be told have an error."""
        found = []
        for wanted in node.children("group"):
            jid = wanted.jid("jid")
            if jid is None:
                raise IqError(400, "bad-request")
            group = self._world.groups.get(jid)
            if group is not None and who in group.members:
                found.append(group_node(group))
            else:
                found.append(Node("group", {"id": jid.user, "error": "404" if group is None else "403"}))
        return [Node("groups", {}, found)]

    def _info_by_code(self, who: SimAccount, node: Node) -> Answer:
        return [group_node(self._membership.by_code(node.get("code")))]

    def _invite_code(self, group: GroupState, who: SimAccount, *, reset: bool) -> Answer:
        return [Node("invite", {"code": self._membership.invite_code(group, who, reset=reset)})]

    def _join_requests(self, group: GroupState, who: SimAccount, node: Node) -> Answer:
        listed = []
        for account, asked_at in self._membership.requests(group, who).items():
            attrs: dict[str, Attr] = {"request_time": str(asked_at), "request_method": "invite_link"}
            attrs |= participant_node(group, account).attrs
            listed.append(Node("membership_approval_request", attrs))
        return [Node("membership_approval_requests", {}, listed)]

    # --- coming and going ---

    def _create(self, who: SimAccount, node: Node) -> Answer:
        """All settings are read before anything is made, so that a refused request leaves nothing behind."""
        community, parent = self._of_community.state(node), self._of_community.parent(node, who)
        description = node.child("description")
        about = _text(description.child("body") or description) if description is not None else ""
        check_description(about)
        seconds = _seconds(node.child("ephemeral"))
        approval, mode = node.path("membership_approval_mode", "group_join"), node.child("member_add_mode")
        link_mode = node.child("member_link_mode")
        add_mode = _add_mode(mode) if mode is not None else "all_member_add"
        group, outcomes = self._membership.create(who, node.get("subject"), _people(node))
        group.ephemeral_seconds = seconds
        group.approval_required = approval is not None and approval.get("state") == "on"
        group.member_add_mode = add_mode
        if link_mode is not None and link_mode.data == b"all_member_link":
            group.member_link_mode = "all_member_link"
        group.locked = node.child("locked") is not None
        group.announce = node.child("announcement") is not None
        if about and description is not None:
            self._settings.begin_description(group, about, new_id=description.get("id"))
        if community is not None:
            self._communities.found(group, community, general=node.child("create_general_chat") is not None)
        self._membership.announce_creation(group, node.get("key"))
        self._communities.announce_creation(group)
        if parent is not None:
            self._communities.adopt(parent, group, who)
        return [group_node(group, failed=[outcome for outcome in outcomes if outcome.error])]

    def _people(self, change: PeopleHandler) -> GroupHandler:
        def handle(group: GroupState, who: SimAccount, node: Node) -> Answer:
            people = _people(node)
            if not people:
                raise IqError(400, "bad-request")
            return [Node(node.tag, {}, [outcome_node(group, outcome) for outcome in change(group, who, people)])]

        return handle

    def _leave(self, who: SimAccount, node: Node) -> Answer:
        """Leave one group or several; what came of it is said for each, and the request fails when all do."""
        # Who leaves a community may say so in other words (Baileys communities.ts: communityLeave).
        wanted = [*node.children("group"), *node.children("community"), *node.children("linked_groups")]
        left, failure = [], IqError(400, "bad-request")
        for item in wanted:
            name = "parent_group_jid" if item.tag == "linked_groups" else "id"
            attrs: dict[str, Attr] = {name: item.attrs.get(name, "")}
            try:
                self._communities.leave(self._world.require_group(item.jid(name)), who)
            except IqError as error:
                failure = error
                attrs["error"] = str(error.code)
            left.append(Node(item.tag, attrs))
        if all("error" in item.attrs for item in left):
            raise failure
        return [Node("leave", {}, left)]

    def _join(self, who: SimAccount, node: Node) -> Answer:
        group, inside = self._membership.join(node.get("code"), who)
        return [Node("group" if inside else "membership_approval_request", {"jid": group.jid})]

    def _accept(self, group: GroupState, who: SimAccount, node: Node) -> Answer:
        self._membership.accept(group, who, node.get("code"), self._world.account(node.jid("admin")))
        return [Node("group", {"jid": group.jid})]

    def _decide(self, group: GroupState, who: SimAccount, node: Node) -> Answer:
        decided = []
        for action in node.children():
            people = _people(action)
            if action.tag not in ("approve", "reject"):
                raise IqError(400, "bad-request")
            decision: Literal["approve", "reject"] = "approve" if action.tag == "approve" else "reject"
            outcomes = self._membership.decide(group, who, people, decision)
            decided.append(Node(action.tag, {}, [outcome_node(group, outcome) for outcome in outcomes]))
        if not decided:
            raise IqError(400, "bad-request")
        return [Node("membership_requests_action", {}, decided)]

    def _revoke(self, group: GroupState, who: SimAccount, node: Node) -> Answer:
        """Take back the personal invitations of these people."""
        require_admin(group, who)
        people = {self._world.account(jid) for jid in _people(node)}
        for code, invitation in list(group.add_requests.items()):
            if invitation.account in people:
                del group.add_requests[code]
        return [Node("revoke", {}, [Node("participant", {"jid": jid}) for jid in _people(node)])]

    def _seen(self, group: GroupState, who: SimAccount, node: Node) -> None:
        """Somebody who was added says that this was noticed."""
        require_member(group, who)

    # --- settings ---

    def _switch(self, group: GroupState, who: SimAccount, node: Node, *, name: str) -> None:
        self._settings.switch(group, who, name, told=node.tag)

    def _update_property(self, device: SimDevice, given: Json) -> Json:
        """One of the newer settings, as a GraphQL mutation."""
        try:
            group = self._world.require_group(Jid.parse(str(given.get("group_id"))))
        except (ValueError, IqError):
            raise GraphQlError(404, "Not Found") from None
        update = part(given, "update")
        mode, sharing = _LINK_MODES.get(str(update.get("member_link_mode"))), update.get("limit_sharing")
        try:
            if mode is not None:
                self._settings.set_member_link_mode(group, device.account, mode)
            elif isinstance(sharing, dict):
                limited = sharing.get("limit_sharing_enabled") is True
                told = _LIMIT_SHARING if limited else "not_limit_sharing_enabled"
                self._settings.switch(group, device.account, _LIMIT_SHARING, told=told)
            else:
                raise GraphQlError(400, "Bad Request")
        except IqError as error:
            raise GraphQlError(error.code, "Forbidden") from None
        return {"xwa2_group_update_property": {"id": str(group.jid), "state": "ACTIVE"}}

    def _subject(self, group: GroupState, who: SimAccount, node: Node) -> None:
        self._settings.set_subject(group, who, _text(node))

    def _description(self, group: GroupState, who: SimAccount, node: Node) -> None:
        body = node.child("body")
        if body is None and node.get("delete") != "true":
            raise IqError(400, "bad-request")
        text = _text(body) if body is not None else ""
        self._settings.set_description(group, who, text, new_id=node.get("id"), previous=node.get("prev"))

    def _ephemeral(self, group: GroupState, who: SimAccount, node: Node) -> None:
        self._settings.set_ephemeral(group, who, _seconds(node) if node.tag == "ephemeral" else 0)

    def _approval_mode(self, group: GroupState, who: SimAccount, node: Node) -> None:
        mode = node.child("group_join") or node.child("community_join")
        if mode is None or mode.get("state") not in ("on", "off"):
            raise IqError(400, "bad-request")
        self._settings.set_approval(group, who, required=mode.get("state") == "on")

    def _member_add_mode(self, group: GroupState, who: SimAccount, node: Node) -> None:
        self._settings.set_member_add_mode(group, who, _add_mode(node))


def _people(node: Node) -> list[Jid]:
    """The people that a request names, each once.

    Raises:
        IqError: 400, an element without an address.
    """
    named = [participant.jid("jid") for participant in node.children("participant")]
    if None in named:
        raise IqError(400, "bad-request")
    return list(dict.fromkeys(jid.bare for jid in named if jid is not None))


def _text(node: Node) -> str:
    try:
        return node.data.decode()
    except UnicodeDecodeError:
        raise IqError(400, "bad-request") from None


def _seconds(node: Node | None) -> int:
    """Without a number it is the one that there was at first (zapo-js names none)."""
    if node is not None and "expiration" not in node.attrs:
        return _FIRST_TIMER
    seconds = node.number("expiration") if node is not None else 0
    if seconds is None or seconds not in EPHEMERAL_SECONDS:
        raise IqError(400, "bad-request")
    return seconds


def _add_mode(node: Node) -> MemberAddMode:
    mode = _ADD_MODES.get(_text(node))
    if mode is None:
        raise IqError(400, "bad-request")
    return mode
