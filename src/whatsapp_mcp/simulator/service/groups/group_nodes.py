"""Groups as stanzas describe them (whatsmeow group.go: parseGroupNode, parseParticipant)."""

from __future__ import annotations

from dataclasses import dataclass

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.state.accounts import SimAccount
from whatsapp_mcp.simulator.state.groups import AddRequest, GroupState
from whatsapp_mcp.wire.node import Attr, Node

_PLACES = {"announcements": "default_sub_group", "general": "general_chat"}


@dataclass(frozen=True, slots=True)
class SimOutcome:
    """What became of one person in a request about several."""

    asked: Jid
    """As the request named the person."""
    account: SimAccount | None
    error: int = 0
    """0: done. 403 the person's privacy forbids it, 404 not on WhatsApp or not in the group, 406 not possible with the
    group's owner, 408 left a short time ago, 409 is in already, 419 the group is full."""
    add_request: AddRequest | None = None
    """With 403: an invitation that may be sent to the person."""


def participant_node(group: GroupState, account: SimAccount, *, with_role: bool = False) -> Node:
    """A person, with both addresses, so that clients learn which belong together."""
    alias = "phone_number" if group.addressing_mode == "lid" else "lid"
    attrs: dict[str, Attr] = {"jid": group.name_of(account), alias: group.other_name_of(account)}
    role = group.members.get(account, "member")
    if with_role and role != "member":
        attrs["type"] = role
    return Node("participant", attrs)


def outcome_node(group: GroupState, outcome: SimOutcome) -> Node:
    """An element of the answer to a request about several people."""
    if outcome.account is None:
        return Node("participant", {"jid": outcome.asked, "error": str(outcome.error)})
    node = participant_node(group, outcome.account, with_role=not outcome.error)
    if outcome.error:
        node.attrs["error"] = str(outcome.error)
    if outcome.add_request is not None:
        invitation = outcome.add_request
        attrs: dict[str, Attr] = {"code": invitation.code, "expiration": str(invitation.expires_at)}
        node.content = [Node("add_request", attrs)]
    return node


def participants_change(group: GroupState, tag: str, accounts: list[SimAccount]) -> Node:
    """``<add>``, ``<remove>``, ``<promote>`` or ``<demote>`` of a notification; counts the member list's version up."""
    before, group.participant_version = group.participant_version, group.participant_version + 1
    attrs: dict[str, Attr] = {"v_id": str(group.participant_version), "prev_v_id": str(before)}
    return Node(tag, attrs, [participant_node(group, account) for account in accounts])


def group_node(
    group: GroupState, *, participants: bool = True, description: bool = True, failed: list[SimOutcome] | None = None
) -> Node:
    """``<group>``; ``failed`` adds those who could not be made members when it was created."""
    alias = group.other_form
    attrs: dict[str, Attr] = {
        "id": group.id,
        "creator": group.name_of(group.owner),
        f"creator_{alias}": group.other_name_of(group.owner),
        "creation": str(group.created_at),
        "subject": group.subject,
        "s_t": str(group.subject_set_at),
        "s_o": group.name_of(group.subject_set_by),
        f"s_o_{alias}": group.other_name_of(group.subject_set_by),
        "addressing_mode": group.addressing_mode,
        "size": str(len(group.members)),
        "a_v_id": str(group.announce_version),
        "p_v_id": str(group.participant_version),
    }
    content: list[Node] = []
    if participants:
        content += [participant_node(group, account, with_role=True) for account in group.members]
        content += [outcome_node(group, outcome) for outcome in failed or ()]
    if description and group.description is not None:
        content.append(_description(group))
    return Node("group", attrs, content + _settings(group))


def linked_node(group: GroupState) -> Node:
    """``<group>`` in the list of a community, and where a link to it is told of (whatsmeow group.go:
    parseGroupLinkTargetNode)."""
    attrs: dict[str, Attr] = {
        "id": group.id,
        "jid": group.jid,
        "subject": group.subject,
        "s_t": str(group.subject_set_at),
        "creation": str(group.created_at),
        "creator": group.name_of(group.owner),
        "size": str(len(group.members)),
    }
    return Node("group", attrs, [Node(_PLACES[group.place])] if group.place in _PLACES else None)


def _description(group: GroupState) -> Node:
    description = group.description
    if description is None:
        raise ValueError("the group has no description")
    attrs: dict[str, Attr] = {
        "id": description.id,
        "participant": group.name_of(description.set_by),
        "t": str(description.set_at),
    }
    if group.addressing_mode == "lid":
        attrs["participant_pn"] = description.set_by.pn
    return Node("description", attrs, [Node("body", {}, description.text.encode())])


def _settings(group: GroupState) -> list[Node]:
    content = [Node("member_add_mode", {}, group.member_add_mode.encode())]
    if group.member_link_mode != "admin_link":
        content.append(Node("member_link_mode", {}, group.member_link_mode.encode()))
    content += [Node(name) for name in sorted(group.switches)]
    if group.locked:
        content.append(Node("locked"))
    if group.announce:
        content.append(Node("announcement"))
    if group.ephemeral_seconds:
        content.append(Node("ephemeral", {"expiration": str(group.ephemeral_seconds)}))
    if group.community is not None:
        mode: dict[str, Attr] = {"default_membership_approval_mode": "request_required"}
        content.append(Node("parent", mode if group.community.closed else {}))
        if group.community.members_add_groups:
            content.append(Node("allow_non_admin_sub_group_creation"))
    if group.parent is not None:
        content.append(Node("linked_parent", {"jid": group.parent.jid}))
        content += [Node(_PLACES[group.place])] if group.place in _PLACES else []
    if group.approval_required:
        content.append(Node("membership_approval_mode", {}, [Node("group_join", {"state": "on"})]))
    return content
