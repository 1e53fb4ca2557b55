"""Business profiles (``iq xmlns=w:biz``, whatsmeow user.go: GetBusinessProfile; Baileys Socket/business.ts:
updateBussinesProfile)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from whatsapp_mcp.simulator.service.router import Router
from whatsapp_mcp.simulator.service.usync import verified_name_node
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Node

_TEXTS = ("address", "email", "description")
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class OpeningHours:
    day: str
    """``sun`` … ``sat``."""
    opens: int | None = None
    """Minutes since midnight; None for a day that is open all the time."""
    closes: int | None = None
    by_appointment: bool = False


@dataclass(frozen=True, slots=True)
class BusinessDetails:
    """What a business shows of itself."""

    address: str = ""
    email: str = ""
    description: str = ""
    position: tuple[float, float] | None = None
    """Latitude and longitude, in degrees."""
    websites: tuple[str, ...] = ()
    categories: dict[str, str] = field(default_factory=dict)
    """Id -> name."""
    options: dict[str, str] = field(default_factory=dict)
    timezone: str = ""
    hours: tuple[OpeningHours, ...] = ()
    cover_photo: str = ""
    """Id of the picture at the top; empty: there is none."""


class BusinessProfiles:
    """The profiles by account; an account without one is private. Shops change their own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._details: dict[SimAccount, BusinessDetails] = {}

    def register(self, router: Router) -> None:
        router.on_iq("w:biz", "get", self._get)
        router.on_iq("w:biz", "set", self._change)

    def set(self, account: SimAccount, details: BusinessDetails) -> None:
        """Give an account a business profile."""
        self._details[account] = details

    def of(self, account: SimAccount) -> BusinessDetails | None:
        """What an account shows of itself as a business; ``None``: nothing."""
        return self._details.get(account)

    def _change(self, device: SimDevice, node: Node) -> Sequence[Node]:
        """``mutation_type="delta"``: what is not named stays."""
        wanted = node.child("business_profile")
        if wanted is None:
            raise IqError(501, "feature-not-implemented")
        if device.account.business_name is None:
            raise IqError(403, "forbidden")
        before = self._details.get(device.account, BusinessDetails())
        self.set(device.account, replace(before, **_changes(wanted, before)))
        return ()

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


def _changes(wanted: Node, before: BusinessDetails) -> dict[str, Any]:
    """The fields of :class:`BusinessDetails` that a request sets.

    Raises:
        IqError: 400, something in it cannot be read.
    """
    changes: dict[str, Any] = {tag: _text(child) for tag in _TEXTS for child in wanted.children(tag)[:1]}
    if wanted.child("latitude") is not None or wanted.child("longitude") is not None:
        changes["position"] = _position(wanted)
    websites = wanted.children("website")
    if websites:
        changes["websites"] = tuple(text for site in websites if (text := _text(site)))
    if (categories := wanted.child("categories")) is not None:
        known = before.categories
        changes["categories"] = {
            key: _text(one) or known.get(key, key) for one in categories.children("category") if (key := one.get("id"))
        }
    if (hours := wanted.child("business_hours")) is not None:
        changes["timezone"] = hours.get("timezone")
        changes["hours"] = tuple(_opening_hours(day) for day in hours.children("business_hours_config"))
    if (photo := wanted.child("cover_photo")) is not None:
        changes["cover_photo"] = photo.get("id") if photo.get("op") == "update" else ""
    if not changes:
        raise IqError(400, "bad-request")
    return changes


def _text(node: Node) -> str:
    try:
        return node.data.decode()
    except UnicodeDecodeError:
        raise IqError(400, "bad-request") from None


def _position(wanted: Node) -> tuple[float, float] | None:
    """``None``: both are empty, and the place is taken away."""
    given = [_text(child) for tag in ("latitude", "longitude") if (child := wanted.child(tag)) is not None]
    if not any(given):
        return None
    try:
        latitude, longitude = map(float, given)
    except ValueError:
        raise IqError(400, "bad-request") from None
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise IqError(400, "bad-request")
    return latitude, longitude


def _opening_hours(day: Node) -> OpeningHours:
    mode = day.get("mode")
    if not day.get("day_of_week") or mode not in ("open_24h", "specific_hours", "appointment_only"):
        raise IqError(400, "bad-request")
    opens, closes = day.number("open_time"), day.number("close_time")
    if mode != "specific_hours":
        return OpeningHours(day.get("day_of_week"), by_appointment=mode == "appointment_only")
    if opens is None or closes is None or max(opens, closes) > _DAY_MINUTES:
        raise IqError(400, "bad-request")
    return OpeningHours(day.get("day_of_week"), opens, closes)


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
    for tag, degrees in zip(("latitude", "longitude"), details.position or (), strict=False):
        content.append(Node(tag, {}, str(degrees).encode()))
    if details.categories:
        named = [Node("category", {"id": key}, name.encode()) for key, name in details.categories.items()]
        content.append(Node("categories", {}, named))
    if details.cover_photo:
        content.append(Node("cover_photo", {"id": details.cover_photo}))
    if details.options:
        options = [Node(name, {}, value.encode()) for name, value in details.options.items()]
        content.append(Node("profile_options", {}, options))
    if details.hours:
        days = [_day(hours) for hours in details.hours]
        content.append(Node("business_hours", {"timezone": details.timezone}, days))
    return Node("profile", {"jid": wanted.attrs["jid"]}, content)


def _day(hours: OpeningHours) -> Node:
    if hours.opens is None or hours.closes is None:
        mode = "appointment_only" if hours.by_appointment else "open_24h"
        return Node("business_hours_config", {"day_of_week": hours.day, "mode": mode})
    return Node(
        "business_hours_config",
        {
            "day_of_week": hours.day,
            "mode": "specific_hours",
            "open_time": str(hours.opens),
            "close_time": str(hours.closes),
        },
    )
