"""The policy of an account: what `policy.toml` in its folder says, over one of four presets."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

Preset = Literal["open", "careful", "read-only", "locked"]
When = Literal["never", "tainted", "always"]
"""When the owner is asked: ``tainted`` when other people's words may have led to the call."""

Count = Annotated[int, Field(ge=0, le=1_000_000)]
"""0 means no limit."""
Pattern = Annotated[str, Field(min_length=1, max_length=200)]
"""Chats: ``*``, ``saved``, ``wrote_first``, ``known``, ``people``, ``groups``, ``channels``, a number (``+49 151…``), a
country (``+49*``), a JID."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Read(_Part):
    """Which chats may be read. What may not be read is nowhere: not in lists, searches, counts or suggestions."""

    allow: tuple[Pattern, ...] = ("*",)
    deny: tuple[Pattern, ...] = ()
    """Wins over ``allow``."""


class Send(_Part):
    """To which chats something may be sent."""

    allow: tuple[Pattern, ...] = ("*",)
    deny: tuple[Pattern, ...] = ()
    trusted: tuple[Pattern, ...] = ()
    """Chats to which whatever was read may be sent without a question."""


class Ask(_Part):
    """When the owner is asked first."""

    first_contact: When = "always"
    """A first message to somebody who is not saved, did not write first, and was never written to."""
    other_chat: When = "tainted"
    """Writing into, or arranging, another chat than the one that was read."""
    files: When = "tainted"
    links: When = "tainted"
    """Links that this server opens and whose address can carry something out."""
    secrets: When = "always"
    """Keys, card numbers, one-time codes and the like in what is sent."""
    deletes: When = "tainted"
    groups: When = "tainted"
    """Members, settings and invitations of groups."""
    account: When = "tainted"
    """The link to the account, its name and picture, the channels that it follows."""


class Limits(_Part):
    """Of all hosts of the account together, in any minute, hour or day. docs/policy.md says where the figures come
    from."""

    sends_per_minute: Count = 10
    sends_per_hour: Count = 100
    sends_per_day: Count = 500
    first_contacts_per_day: Count = 10
    """People to whom a first message goes; see ``ask.first_contact``."""
    number_checks_per_hour: Count = 60
    """Numbers of which WhatsApp is asked whether they use it."""
    group_additions_per_day: Count = 50
    """People added to groups, those of new groups too."""
    media_mib_per_day: Count = 1_024


class Audit(_Part):
    """What is written down of each call; see docs/security.md."""

    bodies: bool = False
    """Also the text that was sent."""
    file_mib: Annotated[int, Field(ge=1, le=1_024)] = 10
    """A file of the audit is closed at this size, and the next begun."""
    files: Annotated[int, Field(ge=1, le=1_000)] = 10
    """So many are kept."""


class Rules(_Part):
    """All of it."""

    preset: Preset = "careful"
    read_only: bool = False
    toolsets: Annotated[str, Field(max_length=1_000)] | None = None
    """Only these tools, whatever the server is started with."""
    read: Read = Read()
    send: Send = Send()
    ask: Ask = Ask()
    limits: Limits = Limits()
    audit: Audit = Audit()
    hold_seconds: Annotated[int, Field(ge=0, le=300)] = 0
    """Messages leave so much later, and `revokeMessage` stops them until then."""
    answer_within: Annotated[int, Field(ge=10, le=600)] = 120
    """Seconds that the owner has for an answer in the host."""
    approval_minutes: Annotated[int, Field(ge=1, le=60)] = 10
    """So long a code waits for its approval, and then for its call."""
    taint_hours: Annotated[int, Field(ge=1, le=1_000)] = 12
    """After so long, what was read in a conversation counts no more."""


def _asking(when: When) -> Ask:
    return Ask.model_validate(dict.fromkeys(Ask.model_fields, when))


_NO_LIMITS: Final = Limits.model_validate(dict.fromkeys(Limits.model_fields, 0))
_NOBODY: Final = ()

PRESETS: Final[dict[Preset, Rules]] = {
    "open": Rules(preset="open", ask=_asking("never"), limits=_NO_LIMITS),
    "careful": Rules(),
    "read-only": Rules(preset="read-only", read_only=True),
    "locked": Rules(
        preset="locked",
        read=Read(allow=_NOBODY),
        send=Send(allow=_NOBODY),
        ask=_asking("always"),
    ),
}
"""What holds where the file says nothing. ``locked``: nothing is read or written but what the file allows."""
