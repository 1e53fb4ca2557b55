"""Business profiles (``iq xmlns=w:biz``, whatsmeow user.go: GetBusinessProfile)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from whatsapp_mcp.simulator.service.router import Router
from whatsapp_mcp.simulator.service.usync import verified_name_node
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Node


@dataclass(frozen=True, slots=True)
class OpeningHours:
    day: str
    """``sun`` … ``sat``."""
    opens: int | None = None
    """Minutes since midnight; None for a day that is open all the time."""
    closes: int | None = None


@dataclass(frozen=True, slots=True)
class BusinessDetails:
    """What a business shows of itself."""

    address: str = ""
    email: str = ""
    description: str = ""
    websites: tuple[str, ...] = ()
    categories: dict[str, str] = field(default_factory=dict)
    """Id -> name."""
    options: dict[str, str] = field(default_factory=dict)
    timezone: str = ""
    hours: tuple[OpeningHours, ...] = ()


class BusinessProfiles:
    """The profiles by account; an account without one is private."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._details: dict[SimAccount, BusinessDetails] = {}

    def register(self, router: Router) -> None:
        router.on_iq("w:biz", "get", self._get)

    def set(self, account: SimAccount, details: BusinessDetails) -> None:
        """Give an account a business profile."""
        self._details[account] = details

    def _get(self, device: SimDevice, node: Node) -> Sequence[Node]:
        request, named = node.child("business_profile"), node.child("verified_name")
        if named is not None:
            business = self._world.account(named.jid("jid"))
            name = business.business_name if business else None
            return [verified_name_node(name)] if name is not None else ()
        if request is None:
            raise IqError(501, "feature-not-implemented")
        found = []
        for wanted in request.children("profile"):
            account = self._world.account(wanted.jid("jid"))
            if account is not None and account in self._details:
                found.append(_profile(wanted, self._details[account]))
        return [Node("business_profile", {"v": request.get("v")}, found)]


def _profile(wanted: Node, details: BusinessDetails) -> Node:
    content = [
        Node(tag, {}, text.encode())
        for tag, text in (
            ("address", details.address),
            ("email", details.email),
            ("description", details.description),
            *(("website", site) for site in details.websites),
        )
        if text
    ]
    if details.categories:
        named = [Node("category", {"id": key}, name.encode()) for key, name in details.categories.items()]
        content.append(Node("categories", {}, named))
    if details.options:
        options = [Node(name, {}, value.encode()) for name, value in details.options.items()]
        content.append(Node("profile_options", {}, options))
    if details.hours:
        days = [_day(hours) for hours in details.hours]
        content.append(Node("business_hours", {"timezone": details.timezone}, days))
    return Node("profile", {"jid": wanted.attrs["jid"]}, content)


def _day(hours: OpeningHours) -> Node:
    if hours.opens is None or hours.closes is None:
        return Node("business_hours_config", {"day_of_week": hours.day, "mode": "open_24h"})
    return Node(
        "business_hours_config",
        {
            "day_of_week": hours.day,
            "mode": "specific_hours",
            "open_time": str(hours.opens),
            "close_time": str(hours.closes),
        },
    )
