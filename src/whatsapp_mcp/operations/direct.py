"""Operations that neonize cannot send: a short login of our own carries them, during which the session pauses."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from whatsapp_mcp.errors import AppStateKeysMissing, NotFound
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.operations.group import group_of
from whatsapp_mcp.operations.message import stored_message
from whatsapp_mcp.operations.outcome import Arguments, Outcome, Progress
from whatsapp_mcp.operations.recipients import person, resolve
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.pipe.group_protocol import GetJoinRequests
from whatsapp_mcp.side_login.actions import (
    FOR_EVER,
    Action,
    ArchiveChat,
    DeleteChat,
    DeleteForMe,
    LabelChat,
    LabelEdit,
    LabelMessage,
    LastMessage,
    MarkChatRead,
    MuteChat,
    PinChat,
    Star,
)
from whatsapp_mcp.side_login.queries import BusinessProfile, BusinessProfileQuery, JoinRequestsAnswer

__all__ = ["change", "pause_note"]

KEYS_ARRIVE: Final = timedelta(seconds=30)
"""So long after connecting, the phone's app-state keys may still be on their way."""
KEYS_WAIT: Final = 8.0
KEYS_PAUSE: Final = 0.3
LABEL_COLOR: Final = 0
"""First of WhatsApp's palette; the seed gives no colour."""
_ANSWERS: Final = {404: "did not ask to join", 403: "you are not an admin of the group", 409: "is in the group already"}


def pause_note(seconds: float) -> str:
    """What every result says that cost a pause."""
    return f"The session was re-connected for this ({seconds:.1f} s)."


async def change(services: Services, done: str, *actions: Action) -> str:
    """Carry the actions out; the sentence for the caller. A phone linked a moment ago may still be sending its keys."""
    await services.session.ready()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + KEYS_WAIT
    while True:
        try:
            answer = await services.side_login.change(*actions)
        except AppStateKeysMissing:
            fresh = datetime.now(UTC) - services.session.snapshot.since < KEYS_ARRIVE
            if not fresh or loop.time() > deadline:
                raise
            await services.session.wait_change(KEYS_PAUSE)
        else:
            return f"{done} {pause_note(answer.paused_seconds)}"


def _author(message: Message) -> Jid | None:
    """Only other people's messages in groups name their author in an index (whatsmeow: appstate/encode.go)."""
    return message.wire_sender if message.wire_chat.is_group and not message.from_me else None


@operation("starMessage")
async def star_message(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    return await _star(services, arguments, starred=True)


@operation("unstarMessage")
async def unstar_message(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    return await _star(services, arguments, starred=False)


async def _star(services: Services, arguments: Arguments, *, starred: bool) -> Outcome:
    _, message = await stored_message(services, arguments)
    action = Star(message.wire_chat, message.id, message.from_me, starred, _author(message))
    return Outcome(await change(services, f"The message is {'starred' if starred else 'no longer starred'}.", action))


@operation("deleteMessage")
async def delete_message(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    chat, message = await stored_message(services, arguments)
    sent_ms = int(message.timestamp.timestamp() * 1000)
    action = DeleteForMe(message.wire_chat, message.id, message.from_me, sent_ms, _author(message))
    status = await change(services, "The message was deleted for you; others still have it.", action)
    return Outcome(status, {"message_id": message.id, "status": status, "chat_jid": str(chat)})


async def _known_chat(services: Services, arguments: Arguments) -> tuple[Jid, Jid, Message | None]:
    """The chat (as shown, as WhatsApp addresses it) and its newest message."""
    jid = await resolve(services, arguments["chat_jid"], field="chat_jid")
    chat = services.store.look(lambda store: store.chat(jid))
    if chat is None:
        raise NotFound(
            "chat_jid: there is no such chat", next_step="Take chat_jid from listChats.", details={"field": "chat_jid"}
        )
    page = await services.store.read(lambda store: store.messages(chat.jid, limit=1, offset=0, start=None, end=None))
    newest = page.rows[0] if page.rows else None
    return chat.jid, newest.wire_chat if newest is not None else chat.jid, newest


@operation("pinChat")
async def pin_chat(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    jid, wire, _ = await _known_chat(services, arguments)
    pinned: bool = arguments["pinned"]
    message = await change(
        services, f"The chat is {'pinned' if pinned else 'no longer pinned'}.", PinChat(wire, pinned)
    )
    return Outcome(message, {"status": "success", "message": message, "chat_jid": str(jid), "pinned": pinned})


def _last(newest: Message | None) -> LastMessage | None:
    """Up to which message a change of a whole chat is meant."""
    if newest is None:
        return None
    return LastMessage(newest.id, newest.from_me, int(newest.timestamp.timestamp() * 1000), _author(newest))


@operation("muteChat")
async def mute_chat(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    _, wire, _ = await _known_chat(services, arguments)
    if not arguments["muted"]:
        return Outcome(await change(services, "The chat is no longer muted.", MuteChat(wire, 0)))
    seconds = arguments.get("duration")
    until = int((time.time() + seconds) * 1000) if seconds else FOR_EVER
    return Outcome(await change(services, "The chat is muted.", MuteChat(wire, until)))


@operation("markChatRead")
async def mark_chat_read(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    _, wire, newest = await _known_chat(services, arguments)
    read: bool = arguments["read"]
    action = MarkChatRead(wire, read, _last(newest))
    return Outcome(await change(services, f"The chat is marked as {'read' if read else 'unread'}.", action))


@operation("deleteChat")
async def delete_chat(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    _, wire, newest = await _known_chat(services, arguments)
    return Outcome(await change(services, "The chat was deleted on your devices.", DeleteChat(wire, _last(newest))))


@operation("labelMessage")
async def label_message(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    _, message = await stored_message(services, arguments)
    label_id, labelled = arguments["label_id"].strip(), arguments["labeled"]
    actions: list[Action] = [LabelMessage(label_id, message.wire_chat, message.id, labelled)]
    if labelled:
        actions.insert(0, LabelEdit(label_id, arguments["label_name"].strip(), LABEL_COLOR))
    done = f"The label was {'put on' if labelled else 'taken off'} the message."
    return Outcome(await change(services, done, *actions))


@operation("archiveChat")
async def archive_chat(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    jid, wire, newest = await _known_chat(services, arguments)
    archived: bool = arguments["archived"]
    action = ArchiveChat(wire, archived, _last(newest))
    message = await change(services, f"The chat is {'archived' if archived else 'no longer archived'}.", action)
    return Outcome(message, {"status": "success", "message": message, "chat_jid": str(jid), "archived": archived})


@operation("labelChat")
async def label_chat(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    jid, wire, _ = await _known_chat(services, arguments)
    label_id, labelled = arguments["label_id"].strip(), arguments["labeled"]
    actions: list[Action] = [LabelChat(label_id, wire, labelled)]
    if labelled:
        actions.insert(0, LabelEdit(label_id, arguments["label_name"].strip(), LABEL_COLOR))
    message = await change(services, f"The label was {'put on' if labelled else 'taken off'} the chat.", *actions)
    results = {"status": "success", "message": message, "chat_jid": str(jid), "label_id": label_id, "labeled": labelled}
    return Outcome(message, results)


@operation("userBusinessProfile")
async def user_business_profile(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    jid = await person(services, arguments["phone"])
    await services.session.ready()
    answer = await services.side_login.ask(BusinessProfileQuery(jid))
    return Outcome(
        f"The business profile. {pause_note(answer.paused_seconds)}", _profile_json(answer.result), untrusted=True
    )


def _profile_json(profile: BusinessProfile) -> dict[str, Any]:
    options: dict[str, Any] = dict(profile.profile_options)
    if profile.description:
        options["description"] = profile.description
    if profile.websites:
        options["website"] = list(profile.websites)
    return {
        "jid": str(profile.jid),
        "email": profile.email,
        "address": profile.address,
        "categories": [{"id": one.id, "name": one.name} for one in profile.categories],
        "profile_options": options,
        "business_hours_timezone": profile.business_hours_timezone,
        "business_hours": [
            {
                "day_of_week": day.day_of_week,
                "mode": day.mode,
                "open_time": day.open_time or None,
                "close_time": day.close_time or None,
            }
            for day in profile.business_hours
        ],
    }


@operation("approveGroupParticipantRequest")
async def approve_request(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    return await _answer_requests(services, arguments, "approve")


@operation("rejectGroupParticipantRequest")
async def reject_request(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    return await _answer_requests(services, arguments, "reject")


async def _answer_requests(services: Services, arguments: Arguments, action: Literal["approve", "reject"]) -> Outcome:
    group = await group_of(services, arguments)
    people = [await person(services, entry, field="participants") for entry in arguments["participants"]]
    requests = (await services.session.call(GetJoinRequests(group=group))).requests
    addressed = {form: one.wire_jid for one in requests for form in (one.jid, one.wire_jid)}
    wanted = tuple(dict.fromkeys(addressed.get(jid, jid) for jid in people))
    answer = await services.side_login.ask(JoinRequestsAnswer(group, wanted, action))
    done = "approved" if action == "approve" else "rejected"
    failed = [one for one in answer.result if one.error]
    if answer.result and len(failed) == len(answer.result):
        reasons = "; ".join(f"{one.jid}: {_reason(one.error)}" for one in failed)
        raise NotFound(
            f"participants: no request was {done} ({reasons})",
            next_step="Take the people from getGroupParticipantRequests.",
            details={"field": "participants"},
        )
    lines = [f"{one.jid}: {_reason(one.error) if one.error else done}" for one in answer.result]
    summary = f"{len(answer.result) - len(failed)} of {len(answer.result)} {done}."
    return Outcome(f"{summary} {pause_note(answer.paused_seconds)}", "\n".join(lines))


def _reason(code: int | None) -> str:
    return _ANSWERS.get(code or 0, f"WhatsApp refused it (error {code})")
