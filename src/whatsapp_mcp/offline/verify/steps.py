"""All steps, in order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from whatsapp_mcp.offline.verify import arranging, looking, messaging
from whatsapp_mcp.offline.verify.sight import Sight
from whatsapp_mcp.offline.verify.trial import Trial

STEP_LIMIT: Final = 90.0
"""Seconds; a request to WhatsApp alone may take 50."""
AT_PHONE_LIMIT: Final = 180.0
"""Seconds for a person to look at the phone."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is tried."""

    name: str
    expected: str
    run: Callable[[Trial], Awaitable[tuple[Sight, ...]]]
    """Returns what it saw. Raises Differs, NotTried, or whatever a call raises."""
    needs: tuple[str, ...] = ()
    """Steps without whose success it cannot be tried."""
    together: str = ""
    """Neighbours of one word are tried at once, so that one side login serves them all."""
    limit: float = STEP_LIMIT


def _of_text(
    name: str, expected: str, run: Callable[[Trial], Awaitable[tuple[Sight, ...]]], together: str = ""
) -> Step:
    return Step(name, expected, run, needs=("text",), together=together)


STEPS: Final = (
    Step("connection", "The session is connected.", messaging.connection),
    Step("text", "A text is in the chat with yourself.", messaging.text),
    _of_text("reply", "An answer is in the chat and quotes the text.", messaging.reply),
    _of_text("edit", "The text is changed.", messaging.edit),
    _of_text("reaction", "The text has a reaction.", messaging.reaction),
    Step("picture", "A picture is in the chat.", messaging.picture),
    Step("voice note", "A voice note is in the chat.", messaging.voice_note),
    Step("document", "A document is in the chat.", messaging.document),
    Step("poll", "A poll is in the chat.", messaging.poll),
    Step("vote", "A vote from the phone is counted.", messaging.vote, needs=("poll",), limit=AT_PHONE_LIMIT),
    _of_text("receipts", "The text was sent, at least.", messaging.receipts),
    Step("download", "What was sent is downloaded again.", messaging.download, needs=("document",)),
    _of_text("search", "The text is found.", looking.search),
    _of_text("star", "The text is starred.", arranging.star, "there"),
    _of_text("pin", "The chat is pinned, or no longer.", arranging.pin, "there"),
    _of_text("mute", "The chat is muted.", arranging.mute, "there"),
    Step("unstar", "The text is not starred any more.", arranging.unstar, ("star",), "back"),
    Step("unpin", "The chat is pinned as before.", arranging.unpin, ("pin",), "back"),
    Step("unmute", "The chat is not muted any more.", arranging.unmute, ("mute",), "back"),
    _of_text("archive", "The chat is archived, or no longer.", arranging.archive),
    Step("unarchive", "The chat is archived as before.", arranging.unarchive, ("archive",)),
    Step("history", "There are chats from before this run.", looking.history),
    Step("names", "The account and a contact have names.", looking.names),
    Step("group", "A group is made in which nobody else is.", looking.group),
    Step("group text", "A text is in that group.", looking.group_text, needs=("group",)),
    Step("group left", "The group is left.", looking.leave, needs=("group",)),
    Step("phone", "The phone shows all of it.", messaging.phone, needs=("text",), limit=AT_PHONE_LIMIT),
    Step("revoke", "The answer is deleted for everyone.", messaging.revoke, needs=("reply",)),
)
