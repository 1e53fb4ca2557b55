"""How much of what may be done in which time, by all hosts of the account together. docs/policy.md says
where the figures come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from whatsapp_mcp.errors import RateLimited
from whatsapp_mcp.policy.caller import Grant
from whatsapp_mcp.policy.rules import Limits


class LimitKind(StrEnum):
    """What is counted, and in which unit."""

    SENDS = "sends"
    """Messages, one for each chat that gets it."""
    FIRST_CONTACTS = "first_contacts"
    """People who are written to without having written first, being saved, or having been written to."""
    NUMBER_CHECKS = "number_checks"
    """Numbers of which WhatsApp is asked whether they use it."""
    GROUP_ADDITIONS = "group_additions"
    """People who are added to groups, those of a new group too."""
    MEDIA_BYTES = "media_bytes"
    """Bytes of files that are sent."""


Uses = Mapping[LimitKind, int]
"""What one call would use up."""

MINUTE: Final = 60
HOUR: Final = 3_600
DAY: Final = 86_400
_MIB: Final = 1_048_576


@dataclass(frozen=True, slots=True)
class Window:
    """A limit: so much of a kind in any stretch of time that is so long."""

    name: str
    """As in policy.toml: ``sends_per_minute``."""
    kind: LimitKind
    seconds: int
    most: int
    """In the unit of the kind."""
    grant: str | None = None
    """Counts what this caller did; None: what all did."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """What was counted for one call. ``number`` is None where nothing had to be counted."""

    number: int | None


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A limit that is reached: nothing was counted."""

    window: Window
    used: int
    """In the unit of the kind."""
    retry_after_seconds: int | None
    """Until there is room for the call; None: it asks for more than the limit ever allows."""

    def error(self) -> RateLimited:
        """What the caller is told. Names the limit and its figure, and nothing of what others did."""
        most, unit = self.window.most, ""
        if self.window.kind is LimitKind.MEDIA_BYTES:
            most, unit = most // _MIB, " MiB"
        figure = f"{self.window.name} of this account's policy ({most}{unit})"
        if self.retry_after_seconds is None:
            return RateLimited(
                f"this call alone is more than the limit {figure}",
                next_step="Do less at a time. The owner can change the limit in policy.toml.",
                limit=self.window.name,
            )
        return RateLimited(
            f"the limit {figure} is reached",
            next_step="Wait as long as retry_after_seconds says, then call again. The owner can change the limit in "
            "policy.toml.",
            limit=self.window.name,
            retry_after_seconds=self.retry_after_seconds,
        )


def windows(limits: Limits, grant: Grant | None = None) -> tuple[Window, ...]:
    """The limits that hold for a caller; those without a figure (0) are left out."""
    everyone = (
        Window("sends_per_minute", LimitKind.SENDS, MINUTE, limits.sends_per_minute),
        Window("sends_per_hour", LimitKind.SENDS, HOUR, limits.sends_per_hour),
        Window("sends_per_day", LimitKind.SENDS, DAY, limits.sends_per_day),
        Window("first_contacts_per_day", LimitKind.FIRST_CONTACTS, DAY, limits.first_contacts_per_day),
        Window("number_checks_per_hour", LimitKind.NUMBER_CHECKS, HOUR, limits.number_checks_per_hour),
        Window("group_additions_per_day", LimitKind.GROUP_ADDITIONS, DAY, limits.group_additions_per_day),
        Window("media_mib_per_day", LimitKind.MEDIA_BYTES, DAY, limits.media_mib_per_day * _MIB),
    )
    found = tuple(window for window in everyone if window.most > 0)
    if grant is None or grant.sends_per_day is None:
        return found
    return (*found, Window("sends_per_day of the token", LimitKind.SENDS, DAY, grant.sends_per_day, grant.name))
