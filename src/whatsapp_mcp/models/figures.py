"""What is counted of an account, for those who watch a server from outside. No name, number or text is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class LimitUse(NamedTuple):
    """A limit of the policy, in the unit of policy.toml's figures, or bytes."""

    name: str
    """As in policy.toml: ``sends_per_minute``."""
    used: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookFigures:
    """Of all webhooks of an account together."""

    states: Mapping[str, int] = field(default_factory=dict)
    """How many are ``ok``, ``failing`` and ``stopped``."""
    behind: int = 0
    """Arrivals that the one that is furthest behind has not come to."""
    delivered: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldFigures:
    """Of who holds an account, among machines that share a database."""

    here: bool
    """Whether it is this machine."""
    age: float | None
    """Seconds since the holder renewed its hold, told by the holder's machine, and by all when it is late; None
    otherwise."""
    holders: int
    """How many session processes have held the account so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFigures:
    """Of this machine, among those that share a database."""

    name: str
    accounts: int
    """That it holds."""
    most: int | None
    draining: bool
    age: float | None
    """Seconds since the database knew last that it is alive; None: never yet."""
    ready: bool
    """Whether it is to be asked: it is alive, and gives nothing away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFigures:
    """Of one account; None is what cannot be told now."""

    restarts: int = 0
    """How often a session process ended by itself."""
    queue: int | None = None
    """Events of WhatsApp that wait to be stored."""
    arrivals: int | None = None
    messages: int | None = None
    bytes: Mapping[str, int] = field(default_factory=dict)
    """By the name of the database: ``messages``, ``session``, ``policy``."""
    disk_free: int | None = None
    limits: tuple[LimitUse, ...] = ()
    approvals: int | None = None
    """Calls that wait for the owner's yes."""
    webhooks: WebhookFigures = field(default_factory=WebhookFigures)
    hold: HoldFigures | None = None
