"""Steps that change how the own chat is kept, by short logins of our own (side logins), and put it back."""

from __future__ import annotations

from whatsapp_mcp.offline.verify.own_chat import Json
from whatsapp_mcp.offline.verify.sight import Left, Sight
from whatsapp_mcp.offline.verify.trial import NotTried, Trial, need

MUTE_SECONDS = 3_600
"""If it could not be put back, it ends by itself."""


async def star(trial: Trial) -> tuple[Sight, ...]:
    trial.undo[Left.STAR] = lambda: _star(trial, "unstarMessage")
    await _star(trial, "starMessage")
    return (need(await _starred(trial, wanted=True), Sight.SET, Sight.NOT_SET),)


async def unstar(trial: Trial) -> tuple[Sight, ...]:
    await _put_back(trial, Left.STAR)
    return (need(await _starred(trial, wanted=False), Sight.CHANGED, Sight.UNCHANGED),)


async def pin(trial: Trial) -> tuple[Sight, ...]:
    return await _toggle(trial, Left.PIN, "pinChat", "pinned")


async def unpin(trial: Trial) -> tuple[Sight, ...]:
    return await _toggled_back(trial, Left.PIN, "pinned")


async def mute(trial: Trial) -> tuple[Sight, ...]:
    if _is_muted(await trial.chat()):
        raise NotTried(Sight.ALREADY)
    trial.undo[Left.MUTE] = lambda: trial.own.call("muteChat", chat_jid=[trial.own.jid], muted=False)
    await trial.own.call("muteChat", chat_jid=[trial.own.jid], muted=True, duration=MUTE_SECONDS)
    return (need(await trial.arranged(_is_muted), Sight.SET, Sight.NOT_SET),)


async def unmute(trial: Trial) -> tuple[Sight, ...]:
    await _put_back(trial, Left.MUTE)
    return (need(await trial.arranged(lambda chat: not _is_muted(chat)), Sight.CHANGED, Sight.UNCHANGED),)


async def archive(trial: Trial) -> tuple[Sight, ...]:
    return await _toggle(trial, Left.ARCHIVE, "archiveChat", "archived")


async def unarchive(trial: Trial) -> tuple[Sight, ...]:
    return await _toggled_back(trial, Left.ARCHIVE, "archived")


async def _toggle(trial: Trial, left: Left, tool: str, name: str) -> tuple[Sight, ...]:
    """The other way than it was, so that it can be put back whatever it was."""
    before = bool((await trial.chat()).get(name))

    async def set_to(wanted: bool) -> Json:
        return await trial.own.call(tool, chat_jid=[trial.own.jid], **{name: wanted})

    trial.undo[left] = lambda: set_to(before)
    await set_to(not before)
    changed = await trial.arranged(lambda chat: bool(chat.get(name)) is not before)
    return (need(changed, Sight.SET, Sight.NOT_SET),)


async def _toggled_back(trial: Trial, left: Left, name: str) -> tuple[Sight, ...]:
    now = bool((await trial.chat()).get(name))
    await _put_back(trial, left)
    changed = await trial.arranged(lambda chat: bool(chat.get(name)) is not now)
    return (need(changed, Sight.CHANGED, Sight.UNCHANGED),)


async def _put_back(trial: Trial, left: Left) -> None:
    """Once: if it fails, it is tried again at the end."""
    await trial.undo[left]()
    del trial.undo[left]


async def _star(trial: Trial, tool: str) -> Json:
    return await trial.own.call(tool, phone=trial.own.jid, message_id=[trial.ids["text"]])


async def _starred(trial: Trial, *, wanted: bool) -> bool:
    return await trial.shown(trial.ids["text"], lambda row: bool(row.get("starred")) is wanted)


def _is_muted(chat: Json) -> bool:
    return bool(chat.get("muted_until"))
