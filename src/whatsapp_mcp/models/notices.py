"""What happens to a group, as facts: who came, went, was let in or made an admin, what was set, and by whom.

A notice is a row of the chat, of kind ``notice``. It is stored as facts alone; the sentence is made when it is read,
with the names that people have then. Names and texts of others stand in it between quotation marks, on one line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from whatsapp_mcp.jid import USER, Jid
from whatsapp_mcp.models.content import Content, MessageKind
from whatsapp_mcp.untrusted_text import clean_text

if TYPE_CHECKING:
    from whatsapp_mcp.models.changes import MessageReceived

NAMED: Final = 10
"""People whom a sentence names; of more it says how many."""
QUOTED: Final = 200
"""Characters that a sentence quotes of a text."""
_NAME_LENGTH: Final = 60


class Happening(StrEnum):
    CREATED = "created"
    ADDED = "added"
    JOINED = "joined"
    LEFT = "left"
    REMOVED = "removed"
    PROMOTED = "promoted"
    DEMOTED = "demoted"
    ASKED = "asked_to_join"
    WITHDREW = "withdrew_request"
    NUMBER_CHANGED = "number_changed"
    NEW_NUMBER = "new_number"
    RENAMED = "renamed"
    DESCRIBED = "described"
    DESCRIPTION_REMOVED = "description_removed"
    PICTURE = "picture_changed"
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    ADMINS_WRITE = "admins_write"
    ALL_WRITE = "all_write"
    ADMINS_ADD = "admins_add"
    ALL_ADD = "all_add"
    APPROVAL = "approval_on"
    NO_APPROVAL = "approval_off"
    TIMER = "timer_set"
    TIMER_OFF = "timer_off"
    LINK_RESET = "invite_link_reset"
    LINKED = "linked"
    UNLINKED = "unlinked"
    DELETED = "deleted"


_NEW_NUMBER: Final = "{People} changed the phone number to {text}"
_SENTENCES: Final[Mapping[Happening, tuple[str, str]]] = {
    Happening.CREATED: ("{by} created the group", "The group was created"),
    Happening.ADDED: ("{by} added {people}", "Added to the group: {people}"),
    Happening.JOINED: ("{People} joined the group", "{People} joined the group"),
    Happening.LEFT: ("{People} left the group", "{People} left the group"),
    Happening.REMOVED: ("{by} removed {people}", "Removed from the group: {people}"),
    Happening.PROMOTED: ("{by} made {people} admin", "Made admin: {people}"),
    Happening.DEMOTED: ("{by} took the admin role from {people}", "No longer admin: {people}"),
    Happening.ASKED: ("{People} asked to join the group", "{People} asked to join the group"),
    Happening.WITHDREW: ("{People} withdrew the request to join", "{People} withdrew the request to join"),
    Happening.NUMBER_CHANGED: ("{People} changed the phone number", "{People} changed the phone number"),
    Happening.NEW_NUMBER: (_NEW_NUMBER, _NEW_NUMBER),
    Happening.RENAMED: ("{by} named the group {text}", "The group was named {text}"),
    Happening.DESCRIBED: ("{by} changed the description to {text}", "The description was changed to {text}"),
    Happening.DESCRIPTION_REMOVED: ("{by} removed the description", "The description was removed"),
    Happening.PICTURE: ("{by} changed the group's picture", "The group's picture was changed"),
    Happening.LOCKED: ("{by} let only admins edit the group", "Only admins edit the group now"),
    Happening.UNLOCKED: ("{by} let all members edit the group", "All members edit the group now"),
    Happening.ADMINS_WRITE: ("{by} let only admins send messages", "Only admins send messages now"),
    Happening.ALL_WRITE: ("{by} let all members send messages", "All members send messages now"),
    Happening.ADMINS_ADD: ("{by} let only admins add members", "Only admins add members now"),
    Happening.ALL_ADD: ("{by} let all members add members", "All members add members now"),
    Happening.APPROVAL: ("{by} wants admins to approve who joins", "Admins approve who joins now"),
    Happening.NO_APPROVAL: ("{by} lets people join without approval", "People join without approval now"),
    Happening.TIMER: ("{by} set messages to disappear after {time}", "Messages disappear after {time} now"),
    Happening.TIMER_OFF: ("{by} turned disappearing messages off", "Disappearing messages were turned off"),
    Happening.LINK_RESET: ("{by} reset the invite link", "The invite link was reset"),
    Happening.LINKED: ("{by} linked the group with {text}", "The group was linked with {text}"),
    Happening.UNLINKED: ("{by} unlinked the group from {text}", "The group was unlinked from {text}"),
    Happening.DELETED: ("{by} closed the group", "The group was closed"),
}
"""With and without who did it."""
_TIMES: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True, slots=True)
class Notice:
    """What happened."""

    event: Happening
    by: Jid | None = None
    """Who did it, as the group addresses people; None: not told."""
    people: tuple[Jid, ...] = ()
    """Whom it happened to."""
    text: str = ""
    """The new name, description or number; the group that was linked."""
    seconds: int = 0
    """Of a timer."""

    def received(self, chat: Jid, timestamp: int, version: str = "") -> MessageReceived:
        """The row to store. It belongs to the group, so that no message of a member can take its place, and is nothing
        that anybody has to read or is waited for.

        Args:
            timestamp: milliseconds.
            version: what tells this event from others of the same facts, where that is not its second.
        """
        from whatsapp_mcp.models.changes import MessageReceived  # not for servers, which only read notices

        key = (str(chat), self.event, version or str(timestamp // 1000), self.text, str(self.seconds))
        digest = sha256("\n".join((*key, *sorted(map(str, self.people)))).encode("utf-8", "replace"))
        return MessageReceived(
            id=digest.hexdigest()[:32].upper(),
            chat=chat,
            sender=chat,
            timestamp=timestamp,
            content=Content(MessageKind.NOTICE, text=_stored_words(self.event), extra=self._facts()),
            from_history=True,
        )

    def _facts(self) -> dict[str, object]:
        name = "description" if self.event is Happening.DESCRIBED else "name"
        facts: dict[str, object] = {"event": self.event.value}
        if self.by is not None:
            facts["by"] = str(self.by)
        if self.people:
            facts["people"] = [str(jid) for jid in self.people]
        if self.text:
            facts[name] = self.text
        if self.seconds:
            facts["timer"] = self.seconds
        return facts


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody whom a notice names."""

    jid: Jid
    """The phone number form where it is known."""
    name: str | None = None
    is_owner: bool = False


def _stored_words(event: Happening) -> str:
    """What a search finds a notice by, beside the new name or description."""
    sentence = _SENTENCES[event][1]
    for mark in ("{people}", "{People}", "{text}", "{time}"):
        sentence = sentence.replace(mark, "")
    return " ".join(sentence.replace(": ", "").split())


def jids_in(facts: Mapping[str, object]) -> list[str]:
    """The addresses that the facts of a stored notice name."""
    by, people = facts.get("by"), facts.get("people")
    named = [by, *(people if isinstance(people, list) else ())]
    return [one for one in named if isinstance(one, str)]


def sentence(facts: Mapping[str, object], people: Mapping[str, Named]) -> str | None:
    """What the facts say; None for a kind of notice that this version does not know.

    Args:
        facts: ``Content.extra`` of a notice.
        people: who has the addresses in it.
    """
    try:
        event = Happening(str(facts.get("event")))
    except ValueError:
        return None
    by, listed = facts.get("by"), facts.get("people")
    actor = people.get(by) if isinstance(by, str) else None
    affected = [people[one] for one in listed if one in people] if isinstance(listed, list) else []
    text, seconds = facts.get("name") or facts.get("description"), facts.get("timer")
    form = _SENTENCES[event][actor is None]
    return form.format(
        by=_call(actor, "You") if actor else "",
        people=_list(affected, "you"),
        People=_list(affected, "You"),
        text=quoted(str(text or ""), QUOTED),
        time=_time(seconds if isinstance(seconds, int) else 0),
    )


def quoted(text: str, limit: int = _NAME_LENGTH) -> str:
    """Words of others inside a sentence of ours: on one line, between marks that they cannot close."""
    line = " ".join(clean_text(text, limit).split()).replace('"', "'")
    return f'"{line}"'


def _call(one: Named, you: str) -> str:
    if one.is_owner:
        return you
    if one.name:
        return quoted(one.name)
    return f"+{one.jid.user}" if one.jid.server == USER else str(one.jid)


def _list(people: Sequence[Named], you: str) -> str:
    shown = [_call(one, you) for one in people[:NAMED]]
    if len(people) > NAMED:
        shown.append(f"{len(people) - NAMED} others")
    if not shown:
        return "somebody" if you == "you" else "Somebody"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _time(seconds: int) -> str:
    for length, unit in _TIMES:
        if seconds >= length and seconds % length == 0:
            count = seconds // length
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{seconds} seconds"
