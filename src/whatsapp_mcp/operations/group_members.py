"""Operations on the people of a group, and on those who ask to join."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from whatsapp_mcp.errors import InvalidArgument, NotFound
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.render import member_json
from whatsapp_mcp.models.views import GroupMember
from whatsapp_mcp.operations.in_one_form import named_members, people_by_address
from whatsapp_mcp.operations.outcome import Outcome, Rows
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.side_login import ask, pause_note
from whatsapp_mcp.operations.targets import check_readable, group_of, person
from whatsapp_mcp.pipe import groups as g
from whatsapp_mcp.pipe.side_login import AnswerJoinRequests

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args

    _Members = args.AddParticipantToGroupArguments
    """A group and some people; of the same shape for all operations on them."""

MAX_PARTICIPANTS: Final = 1024
"""Members that a WhatsApp group can have."""

_MEMBER_ERRORS: Final = {
    401: "this person blocked you",
    403: "the person's privacy settings do not allow it",
    404: "not found: not on WhatsApp, or not in the group",
    408: "the person left the group recently",
    409: "already in the group",
    419: "the group is full",
}
"""WhatsApp's codes for a participant that could not be changed (neonize: GroupParticipant.Error)."""

_ANSWERS: Final = {404: "did not ask to join", 403: "you are not an admin of the group", 409: "is in the group already"}

Change = Literal["add", "remove", "promote", "demote"]


async def people_of(services: Services, given: list[str]) -> tuple[Jid, ...]:
    if len(given) > MAX_PARTICIPANTS:
        raise InvalidArgument(f"participants: at most {MAX_PARTICIPANTS}", field="participants")
    people = [await person(services, entry, field="participants") for entry in given]
    return tuple(dict.fromkeys(people))


def refusal(member: GroupMember) -> str:
    text = _MEMBER_ERRORS.get(member.error, f"WhatsApp refused it (error {member.error})")
    if member.error == 403 and member.add_request:
        text += "; send an invite link instead"
    return text


@operation("getGroupParticipants")
async def group_participants(services: Services, arguments: args.GetGroupParticipantsArguments) -> Outcome:
    jid = await check_readable(services, await group_of(services, arguments["group_id"]), "group_id")
    offset = arguments["offset"]
    group = await services.session.call(g.GetGroup(group=jid))
    members = await named_members(services, group.members[offset:])
    return Outcome(
        f"The group has {len(group.members)} participants.",
        {"chat_jid": str(jid), "data": Rows(members, member_json)},
        rows="data",
        offset=offset,
        untrusted=True,
    )


async def _change_members(services: Services, arguments: _Members, change: Change, done: str) -> Outcome:
    jid = await group_of(services, arguments["group_id"])
    people = await people_of(services, arguments["participants"])
    command = g.ChangeMembers(group=jid, members=people, change=change)
    changed = await services.session.call(command)
    members = await named_members(services, changed)
    rows = [
        {
            "participant": str(member.jid),
            "name": member.name,
            "status": "error" if member.error else "success",
            "message": refusal(member) if member.error else done,
        }
        for member in members
    ]
    failures = sum(1 for member in members if member.error)
    summary = f"{len(rows) - failures} of {len(rows)} changed." if failures else f"All {len(rows)} changed."
    return Outcome(summary, rows, untrusted=True)


@operation("addParticipantToGroup")
async def add_participant(services: Services, arguments: args.AddParticipantToGroupArguments) -> Outcome:
    return await _change_members(services, arguments, "add", "Participant added.")


@operation("removeParticipantFromGroup")
async def remove_participant(services: Services, arguments: args.RemoveParticipantFromGroupArguments) -> Outcome:
    return await _change_members(services, arguments, "remove", "Participant removed.")


@operation("promoteParticipantToAdmin")
async def promote_participant(services: Services, arguments: args.PromoteParticipantToAdminArguments) -> Outcome:
    return await _change_members(services, arguments, "promote", "Participant is an admin now.")


@operation("demoteParticipantToMember")
async def demote_participant(services: Services, arguments: args.DemoteParticipantToMemberArguments) -> Outcome:
    return await _change_members(services, arguments, "demote", "Participant is no admin any more.")


@operation("getGroupParticipantRequests")
async def participant_requests(services: Services, arguments: args.GetGroupParticipantRequestsArguments) -> Outcome:
    jid = await check_readable(services, await group_of(services, arguments["group_id"]), "group_id")
    offset = arguments["offset"]
    requests = await services.session.call(g.GetJoinRequests(group=jid))
    named = await people_by_address(services, (one.jid for one in requests[offset:]))
    rows = [
        {
            "jid": str(named[one.jid].jid if one.jid in named else one.jid),
            "name": named[one.jid].name if one.jid in named else None,
            "requested_at": one.requested_at,
        }
        for one in requests[offset:]
    ]
    return Outcome(f"{len(requests)} people ask to join.", {"data": rows}, rows="data", offset=offset, untrusted=True)


@operation("approveGroupParticipantRequest")
async def approve_request(services: Services, arguments: args.ApproveGroupParticipantRequestArguments) -> Outcome:
    return await _answer_requests(services, arguments, "approve")


@operation("rejectGroupParticipantRequest")
async def reject_request(services: Services, arguments: args.RejectGroupParticipantRequestArguments) -> Outcome:
    return await _answer_requests(services, arguments, "reject")


async def _answer_requests(services: Services, arguments: _Members, action: Literal["approve", "reject"]) -> Outcome:
    group = await group_of(services, arguments["group_id"])
    people = [await person(services, entry, field="participants") for entry in arguments["participants"]]
    requests = await services.session.call(g.GetJoinRequests(group=group))
    named = await people_by_address(services, (one.jid for one in requests))
    addressed = {form: one.wire_jid for one in requests for form in (one.jid, one.wire_jid)}
    addressed |= {named[one.jid].jid: one.wire_jid for one in requests if one.jid in named}
    wanted = tuple(dict.fromkeys(addressed.get(jid, jid) for jid in people))
    answer = await ask(services, AnswerJoinRequests(group=group, people=wanted, action=action))
    done = "approved" if action == "approve" else "rejected"
    failed = [one for one in answer.result if one.error]
    if answer.result and len(failed) == len(answer.result):
        reasons = "; ".join(f"{one.jid}: {_join_refusal(one.error)}" for one in failed)
        raise NotFound(
            f"participants: no request was {done} ({reasons})",
            next_step="Take the people from getGroupParticipantRequests.",
            details={"field": "participants"},
        )
    lines = [f"{one.jid}: {_join_refusal(one.error) if one.error else done}" for one in answer.result]
    summary = f"{len(answer.result) - len(failed)} of {len(answer.result)} {done}."
    return Outcome(f"{summary} {pause_note(answer)}", "\n".join(lines))


def _join_refusal(code: int | None) -> str:
    return _ANSWERS.get(code or 0, f"WhatsApp refused it (error {code})")
