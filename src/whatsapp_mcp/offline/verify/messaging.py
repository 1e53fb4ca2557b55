"""Steps that write to the own chat, look at what was written, and take it back."""

from __future__ import annotations

from typing import Final

import anyio

from whatsapp_mcp.media.received.opening import file_at
from whatsapp_mcp.offline.verify import samples
from whatsapp_mcp.offline.verify.sight import Sight
from whatsapp_mcp.offline.verify.trial import Differs, NotTried, Trial, need, soon

EMOJI: Final = "👍"
OPTIONS: Final = ("Yes", "No")
VOTE_WITHIN: Final = 60.0
"""Seconds for a person to find the poll."""
_STATUS: Final = {
    "pending": Sight.STATUS_PENDING,
    "failed": Sight.STATUS_FAILED,
    "sent": Sight.STATUS_SENT,
    "delivered": Sight.STATUS_DELIVERED,
    "read": Sight.STATUS_READ,
    "played": Sight.STATUS_PLAYED,
}
_ARRIVED: Final = {Sight.STATUS_SENT, Sight.STATUS_DELIVERED, Sight.STATUS_READ, Sight.STATUS_PLAYED}


async def connection(trial: Trial) -> tuple[Sight, ...]:
    results = (await trial.own.call("appStatus"))["results"]
    return (need(results["is_connected"] is True, Sight.CONNECTED, Sight.NOT_CONNECTED),)


async def text(trial: Trial) -> tuple[Sight, ...]:
    words = f"Test by whatsapp-mcp verify: {trial.mark}"
    sent = await trial.send("text", "sendMessage", message=words)
    return (await _in_chat(trial, sent, content=words),)


async def reply(trial: Trial) -> tuple[Sight, ...]:
    words = f"An answer to it {trial.mark}"
    sent = await trial.send("reply", "sendMessage", message=words, reply_message_id=trial.ids["text"])
    seen = await _in_chat(trial, sent, content=words)
    rows = [row for row in await trial.messages() if row["message_id"] == sent]
    quotes = rows[0].get("reply_to_id") == trial.ids["text"]
    return seen, need(quotes, Sight.QUOTES, Sight.NO_QUOTE)


async def edit(trial: Trial) -> tuple[Sight, ...]:
    words, about = f"An edited text {trial.mark}", trial.ids["text"]
    await trial.own.call("updateMessage", phone=trial.own.jid, message_id=about, message=words)
    changed = await trial.shown(about, lambda row: row.get("edited") and row.get("content") == words)
    return (need(changed, Sight.CHANGED, Sight.UNCHANGED),)


async def reaction(trial: Trial) -> tuple[Sight, ...]:
    about = trial.ids["text"]
    await trial.own.call("reactMessage", phone=trial.own.jid, message_id=about, emoji=EMOJI)
    reacted = await trial.shown(about, lambda row: any(one.get("emoji") == EMOJI for one in row["reactions"]))
    return (need(reacted, Sight.REACTED, Sight.NO_REACTION),)


async def picture(trial: Trial) -> tuple[Sight, ...]:
    content = samples.as_data(samples.picture(), "image/png")
    sent = await trial.send("picture", "sendImage", image=content, caption=f"A picture {trial.mark}")
    return (await _in_chat(trial, sent, kind="image"),)


async def voice_note(trial: Trial) -> tuple[Sight, ...]:
    sent = await trial.send("voice note", "sendAudio", audio=samples.as_data(samples.sound(), "audio/wav"), ptt=True)
    return (await _in_chat(trial, sent, kind="voice"),)


async def document(trial: Trial) -> tuple[Sight, ...]:
    trial.document = samples.document(trial.mark)
    content = samples.as_data(trial.document, "text/plain")
    sent = await trial.send("document", "sendFile", file=content, filename=samples.DOCUMENT_NAME)
    return (await _in_chat(trial, sent, kind="document"),)


async def poll(trial: Trial) -> tuple[Sight, ...]:
    question = f"Does it work? {trial.mark}"
    sent = await trial.send("poll", "sendPoll", question=question, options=list(OPTIONS), max_answer=1)
    return (await _in_chat(trial, sent, kind="poll"),)


async def vote(trial: Trial) -> tuple[Sight, ...]:
    if trial.phone is None:
        raise NotTried(Sight.NOBODY_AT_PHONE)
    about = trial.ids["poll"]
    await trial.phone.vote(about, OPTIONS[0])

    async def counted() -> bool:
        body = await trial.own.call("getMessageStatus", phone=trial.own.jid, message_id=about)
        return any(option["count"] > 0 for option in body["results"]["poll"]["votes"])

    return (need(await soon(counted, within=VOTE_WITHIN), Sight.VOTED, Sight.NO_VOTE),)


async def receipts(trial: Trial) -> tuple[Sight, ...]:
    """Nobody else gets these messages, so that they were sent is all that can be expected."""
    body = await trial.own.call("getMessageStatus", phone=trial.own.jid, message_id=trial.ids["text"])
    seen = _STATUS.get(str(body["results"]["status"]), Sight.STATUS_UNKNOWN)
    if seen not in _ARRIVED:
        raise Differs(seen)
    return (seen,)


async def download(trial: Trial) -> tuple[Sight, ...]:
    """All three; of the document the bytes are compared, the others were converted before they were sent."""
    for step in ("picture", "voice note", "document"):
        if step not in trial.ids:
            continue
        body = await trial.own.call("downloadMessageMedia", phone=trial.own.jid, message_id=trial.ids[step])
        content = await anyio.to_thread.run_sync(_content_at, body["results"]["file_path"])
        if not content or (step == "document" and content != trial.document):
            raise Differs(Sight.OTHER_BYTES)
    return (Sight.SAME_BYTES,)


def _content_at(where: str) -> bytes:
    with file_at(where).opened() as file:
        return file.read()


async def phone(trial: Trial) -> tuple[Sight, ...]:
    if trial.phone is None:
        raise NotTried(Sight.NOBODY_AT_PHONE)
    return (need(await trial.phone.shows(trial.ids), Sight.ON_PHONE, Sight.NOT_ON_PHONE),)


async def revoke(trial: Trial) -> tuple[Sight, ...]:
    about = trial.ids["reply"]
    await trial.own.call("revokeMessage", phone=trial.own.jid, message_id=about)
    gone = await trial.shown(about, lambda row: row.get("revoked") is True)
    return (need(gone, Sight.REVOKED, Sight.NOT_REVOKED),)


async def _in_chat(trial: Trial, message_id: str, *, content: str | None = None, kind: str = "text") -> Sight:
    if not await trial.shown(message_id, lambda row: content is None or row.get("content") == content):
        raise Differs(Sight.NOT_IN_CHAT)
    rows = [row for row in await trial.messages() if row["message_id"] == message_id]
    return need(rows[0].get("kind", "text") == kind, Sight.IN_CHAT, Sight.OTHER_KIND)
