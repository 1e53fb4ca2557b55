"""Requests that are one stanza each: business profile, join requests, removal of a group's picture."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Generic, Literal, TypeVar

from whatsapp_mcp.errors import InvalidArgument, NotFound, WhatsAppRefused
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.side_login import BusinessCategory, BusinessHours, BusinessProfile, JoinRequestResult
from whatsapp_mcp.wire.node import Node

if TYPE_CHECKING:  # who only names a query needs no login
    from whatsapp_mcp.side_login.login import PassiveLogin

R_co = TypeVar("R_co", covariant=True)


class SideLoginQuery(Generic[R_co]):
    """Something to ask WhatsApp for."""

    repeatable: ClassVar[bool] = True
    """Whether it may be sent again when its answer was lost."""

    async def ask(self, login: PassiveLogin) -> R_co:
        """Send it and read the answer. Raises what ``PassiveLogin.iq`` raises, and its own errors."""
        raise NotImplementedError


_PROFILE_VERSION: Final = "244"


@dataclass(frozen=True, slots=True)
class BusinessProfileQuery(SideLoginQuery[BusinessProfile]):
    """The public profile of a business (whatsmeow user.go: GetBusinessProfile).

    Raises NotFound when the number has none, because it is no business or shows nothing.
    """

    jid: Jid

    async def ask(self, login: PassiveLogin) -> BusinessProfile:
        wanted = Node("business_profile", {"v": _PROFILE_VERSION}, [Node("profile", {"jid": self.jid.bare})])
        answer = await login.iq("w:biz", "get", [wanted])
        profile = answer.path("business_profile", "profile")
        if profile is None:
            raise NotFound(
                f"{self.jid.bare} has no business profile",
                next_step="The number belongs to a private account or shows no profile; userInfo tells what there is.",
            )
        return _business_profile(profile, self.jid.bare)


def _business_profile(node: Node, asked: Jid) -> BusinessProfile:
    hours = node.child("business_hours")
    categories = node.child("categories")
    options = node.child("profile_options")
    return BusinessProfile(
        jid=node.jid("jid") or asked,
        email=_text(node, "email"),
        address=_text(node, "address"),
        description=_text(node, "description"),
        websites=tuple(text for text in (_decoded(site) for site in node.children("website")) if text),
        categories=tuple(
            BusinessCategory(category.get("id"), _decoded(category))
            for category in (categories.children("category") if categories is not None else ())
        ),
        profile_options=tuple((option.tag, _decoded(option)) for option in options.children()) if options else (),
        business_hours_timezone=hours.get("timezone") if hours is not None else "",
        business_hours=tuple(_hours(day) for day in hours.children("business_hours_config")) if hours else (),
    )


def _hours(day: Node) -> BusinessHours:
    return BusinessHours(
        day.get("day_of_week"), day.get("mode"), _clock(day.get("open_time")), _clock(day.get("close_time"))
    )


_MINUTES: Final = re.compile(r"\d{1,4}", re.ASCII)


def _clock(minutes: str) -> str:
    """Minutes since midnight as ``HH:MM`` (1440 is 24:00); what is no number stays as it is."""
    if not _MINUTES.fullmatch(minutes):
        return minutes
    return f"{int(minutes) // 60:02}:{int(minutes) % 60:02}"


def _text(node: Node, tag: str) -> str:
    child = node.child(tag)
    return _decoded(child) if child is not None else ""


def _decoded(node: Node) -> str:
    return node.data.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class JoinRequestsAnswer(SideLoginQuery[tuple[JoinRequestResult, ...]]):
    """Let people who asked to join a group in, or turn them away (whatsmeow group.go: UpdateGroupRequestParticipants).

    A result per person, in the order asked. Not repeated when the answer was lost: the second answer would be 404 for
    everybody and say nothing.

    Raises InvalidArgument for an empty list; WhatsAppRefused when we are no admin (403) or not in the group.
    """

    repeatable: ClassVar[bool] = False

    group: Jid
    people: tuple[Jid, ...]
    action: Literal["approve", "reject"]

    async def ask(self, login: PassiveLogin) -> tuple[JoinRequestResult, ...]:
        if not self.people:
            raise InvalidArgument("name at least one person", field="participants")
        participants = [Node("participant", {"jid": person.bare}) for person in self.people]
        request = Node("membership_requests_action", {}, [Node(self.action, {}, participants)])
        answer = await login.iq("w:g2", "set", [request], to=self.group)
        done = answer.path("membership_requests_action", self.action)
        if done is None:
            raise WhatsAppRefused("WhatsApp's answer does not say what became of the requests")
        return _results([person.bare for person in self.people], done.children("participant"))


def _results(people: Sequence[Jid], answers: Sequence[Node]) -> tuple[JoinRequestResult, ...]:
    """The answer about each person. It may name the other form of an address, beside ours or alone; then its place
    tells whom it is about, as long as there is one answer per person."""
    found: list[JoinRequestResult] = []
    for position, person in enumerate(people):
        named = (node for node in answers if person in (node.jid("jid"), node.jid("phone_number"), node.jid("lid")))
        node = next(named, answers[position] if len(answers) == len(people) else None)
        error = node.get("error") if node is not None else "404"
        found.append(JoinRequestResult(person, int(error) if error.isdigit() else None))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class GroupPictureRemoval(SideLoginQuery[None]):
    """Take the picture off a group. neonize can set one, not remove it (its request always has content)."""

    group: Jid

    async def ask(self, login: PassiveLogin) -> None:
        await login.iq("w:profile:picture", "set", target=self.group)
