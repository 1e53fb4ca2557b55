"""Steps that look at what the account has, and those of the group of one."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from whatsapp_mcp.offline.verify.own_chat import Json
from whatsapp_mcp.offline.verify.sight import Left, Sight
from whatsapp_mcp.offline.verify.trial import Differs, NotTried, Trial, need, soon

GROUP_TITLE: Final = "whatsapp-mcp verify"
_CHATS: Final = 100


async def search(trial: Trial) -> tuple[Sight, ...]:
    async def found() -> bool:
        body = await trial.own.call("searchMessages", chat_jid=trial.own.jid, query=trial.mark)
        return trial.ids["text"] in [row["message_id"] for row in body["results"]["data"]]

    return (need(await soon(found), Sight.FOUND, Sight.NOT_FOUND),)


async def history(trial: Trial) -> tuple[Sight, ...]:
    chats = (await trial.own.call("listChats", limit=_CHATS, detail="full"))["results"]["data"]
    earlier = any(_is_before(chat, trial.began) for chat in chats if chat.get("chat_jid") != trial.own.jid)
    return (need(earlier, Sight.EARLIER_MESSAGES, Sight.NO_EARLIER_MESSAGES),)


async def names(trial: Trial) -> tuple[Sight, ...]:
    device = (await trial.own.call("appDevices"))["results"][0]
    contacts = (await trial.own.call("userMyContacts"))["results"]["data"]
    seen = (
        Sight.OWN_NAME if device.get("name") else Sight.NO_OWN_NAME,
        Sight.CONTACT_NAMES if any(one.get("name") for one in contacts) else Sight.NO_CONTACT_NAMES,
    )
    if seen != (Sight.OWN_NAME, Sight.CONTACT_NAMES):
        raise Differs(*seen)
    return seen


async def group(trial: Trial) -> tuple[Sight, ...]:
    if not trial.with_group:
        raise NotTried(Sight.NOT_WANTED)
    await trial.own.call("createGroup", title=GROUP_TITLE, participants=[trial.own.jid])
    if trial.own.made is None:
        raise Differs(Sight.ODD_ANSWER)
    trial.undo[Left.GROUP] = lambda: leave(trial)
    return (need(await trial.own.join_up(), Sight.ALONE, Sight.NOT_ALONE),)


async def group_text(trial: Trial) -> tuple[Sight, ...]:
    place = trial.own.group or ""
    words = f"Test by whatsapp-mcp verify, in a group: {trial.mark}"
    results = (await trial.own.call("sendMessage", phone=place, message=words))["results"]
    there = await trial.shown(str(results["message_id"]), lambda row: row.get("content") == words, chat=place)
    return (need(there, Sight.IN_CHAT, Sight.NOT_IN_CHAT),)


async def leave(trial: Trial) -> tuple[Sight, ...]:
    """What was written there is taken back before."""
    for chat, message_id in list(trial.own.sent):
        if chat == trial.own.group:
            await trial.own.call("revokeMessage", phone=chat, message_id=message_id)
    await trial.own.call("leaveGroup", group_id=trial.own.made)
    trial.undo.pop(Left.GROUP, None)
    return (Sight.LEFT,)


def _is_before(chat: Json, moment: datetime) -> bool:
    written = chat.get("last_message_time") or chat.get("timestamp")
    return written is not None and datetime.fromisoformat(str(written)) < moment
