"""Groups to steer from outside: what simulated people do in them, in plain Python.

Everything goes through the same checks as the requests of clients; what WhatsApp would refuse raises
:class:`~whatsapp_mcp.simulator.state.errors.IqError` with WhatsApp's code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict, Unpack

from whatsapp_mcp.jid import GROUP, Jid
from whatsapp_mcp.simulator.service.groups.communities import Communities
from whatsapp_mcp.simulator.service.groups.group_membership import GroupMembership
from whatsapp_mcp.simulator.service.groups.group_messages import GroupMessages
from whatsapp_mcp.simulator.service.groups.group_nodes import SimOutcome
from whatsapp_mcp.simulator.service.groups.group_notices import GroupNotices
from whatsapp_mcp.simulator.service.groups.group_requests import GroupRequests
from whatsapp_mcp.simulator.service.groups.group_settings import GroupSettings
from whatsapp_mcp.simulator.service.message_relay import SimMessages
from whatsapp_mcp.simulator.service.mex import Mex
from whatsapp_mcp.simulator.service.pictures import Pictures
from whatsapp_mcp.simulator.service.router import Router
from whatsapp_mcp.simulator.state.accounts import Person, SimAccount, account_of
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.faults import Faults
from whatsapp_mcp.simulator.state.groups import CommunityState, GroupState, MemberAddMode, Role
from whatsapp_mcp.simulator.state.world import World

INVITE_PREFIX = "https://chat.whatsapp.com/"


class GroupOptions(TypedDict, total=False):
    """How a group is made: docs/simulator.md. Default: nothing of it."""

    admins: Sequence[Person]
    """Members too."""
    description: str
    """What stands below the subject."""
    approval: bool
    """Who comes by link waits for an admin."""
    announce: bool
    """Only admins write."""
    locked: bool
    """Only admins change what it is called."""
    community: bool
    """It is a community, with a group for announcements; `link` makes other groups part of it."""


@dataclass(frozen=True, slots=True)
class _Services:
    membership: GroupMembership
    settings: GroupSettings
    communities: Communities
    pictures: Pictures


@dataclass(slots=True, eq=False, repr=False)
class Group(GroupState):
    """One group: its state (:class:`GroupState`: ``subject``, ``members`` …) and what people can do to it.

    ``by`` is who does it. Methods about several people return what became of each of them.
    """

    services: _Services = field(kw_only=True)

    @property
    def participants(self) -> list[SimAccount]:
        """Who is in, in the order they came."""
        return list(self.members)

    def role(self, person: Person) -> Role | None:
        """``None``: not in the group."""
        return self.members.get(account_of(person))

    @property
    def waiting(self) -> list[SimAccount]:
        """Who asked to join and has no answer yet."""
        return list(self.join_requests)

    @property
    def invite_link(self) -> str:
        return INVITE_PREFIX + self.invite_code

    # --- people ---

    def add(self, *people: Person, by: Person) -> list[SimOutcome]:
        return self.services.membership.add(self, account_of(by), _addresses(people))

    def remove(self, *people: Person, by: Person) -> list[SimOutcome]:
        return self.services.communities.change(self, account_of(by), _addresses(people), "remove")

    def promote(self, *people: Person, by: Person) -> list[SimOutcome]:
        return self.services.communities.change(self, account_of(by), _addresses(people), "promote")

    def demote(self, *people: Person, by: Person) -> list[SimOutcome]:
        return self.services.communities.change(self, account_of(by), _addresses(people), "demote")

    def approve(self, *people: Person, by: Person) -> list[SimOutcome]:
        """Let people in who asked."""
        return self.services.membership.decide(self, account_of(by), _addresses(people), "approve")

    def reject(self, *people: Person, by: Person) -> list[SimOutcome]:
        """Turn people away who asked."""
        return self.services.membership.decide(self, account_of(by), _addresses(people), "reject")

    def join(self, person: Person) -> bool:
        """Come in by the invite link; ``False``: an admin has to approve first."""
        return self.services.membership.join(self.invite_code, account_of(person))[1]

    def leave(self, person: Person) -> None:
        """Leave; a community with all of its groups."""
        self.services.communities.leave(self, account_of(person))

    def reset_invite(self, *, by: Person) -> str:
        """Revoke the invite link; returns the new one."""
        return INVITE_PREFIX + self.services.membership.invite_code(self, account_of(by), reset=True)

    # --- of a community ---

    @property
    def linked_groups(self) -> list[GroupState]:
        """The groups of this community: first the announcements, then the others."""
        return self.services.communities.groups_of(self)

    def link(self, *groups: GroupState, by: Person) -> None:
        """Make groups part of this community.

        Raises:
            IqError: with the code of the first that cannot be.
        """
        _check(self.services.communities.link(self, account_of(by), [group.jid for group in groups]))

    def unlink(self, *groups: GroupState, by: Person) -> None:
        """Take groups out of this community.

        Raises:
            IqError: with the code of the first that cannot be.
        """
        _check(self.services.communities.unlink(self, account_of(by), [group.jid for group in groups]))

    # --- settings ---

    def rename(self, subject: str, *, by: Person) -> None:
        self.services.settings.set_subject(self, account_of(by), subject)

    def describe(self, text: str, *, by: Person) -> None:
        """Set the description; empty: remove it."""
        previous = self.description.id if self.description else ""
        self.services.settings.set_description(self, account_of(by), text, previous=previous)

    def lock(self, *, by: Person, locked: bool = True) -> None:
        """Let only admins change what the group says of itself."""
        self.services.settings.set_locked(self, account_of(by), locked=locked)

    def announce_only(self, *, by: Person, announce: bool = True) -> None:
        """Let only admins write."""
        self.services.settings.set_announce(self, account_of(by), announce=announce)

    def disappear_after(self, seconds: int, *, by: Person) -> None:
        """Let messages disappear after 1, 7 or 90 days; 0: never."""
        self.services.settings.set_ephemeral(self, account_of(by), seconds)

    def require_approval(self, *, by: Person, required: bool = True) -> None:
        """Let those who come by link wait for an admin."""
        self.services.settings.set_approval(self, account_of(by), required=required)

    def let_add(self, mode: MemberAddMode, *, by: Person) -> None:
        """Who may add people."""
        self.services.settings.set_member_add_mode(self, account_of(by), mode)

    def set_picture(self, jpeg: bytes | None, *, by: Person) -> None:
        """Set the picture; ``None``: remove it."""
        picture = self.services.pictures.keep(jpeg) if jpeg is not None else None
        self.services.settings.set_picture(self, account_of(by), picture)


class SimGroups:
    """All that makes groups work, put together."""

    def __init__(self, world: World, faults: Faults, pictures: Pictures) -> None:
        self._world = world
        notices = GroupNotices(world, faults)
        self.settings = GroupSettings(world, notices)
        self.membership = GroupMembership(world, notices, self._new)
        self.communities = Communities(world, self.membership, notices)
        self._services = _Services(self.membership, self.settings, self.communities, pictures)
        self.requests = GroupRequests(world, self.membership, self.settings, self.communities)
        self._messages = GroupMessages(world, faults)

    def register(self, router: Router, messages: SimMessages, mex: Mex) -> None:
        self.requests.register(router, mex)
        messages.kinds[GROUP] = self._messages

    def _new(self, group_id: str, subject: str, owner: SimAccount, invite_code: str) -> GroupState:
        now = int(self._world.clock())
        return Group(group_id, subject, owner, now, now, owner, invite_code, services=self._services)

    def create(
        self, subject: str, members: Sequence[Person], *, owner: Person | None = None, **options: Unpack[GroupOptions]
    ) -> Group:
        """Make a group that is set up as wanted; its members hear of it. Its owner is the first of them unless told
        otherwise.

        Raises:
            IqError: the subject cannot be one.
            ValueError: nobody is in it, or somebody does not let the owner add them.
        """
        if owner is None and not members:
            raise ValueError("a group needs an owner")
        founder, admins = account_of(owner or members[0]), options.get("admins", ())
        group, outcomes = self.membership.create(founder, subject, _addresses([*members, *admins]))
        assert isinstance(group, Group)
        failed = [o for o in outcomes if o.error not in (0, 409)]
        if failed:
            del self._world.groups[group.jid]
            raise ValueError(f"cannot be added: {failed}")
        for admin in admins:
            group.members[account_of(admin)] = "admin"
        group.approval_required = options.get("approval", False)
        group.announce, group.locked = options.get("announce", False), options.get("locked", False)
        if options.get("community"):
            state = CommunityState(closed=options.get("approval", False))
            self.communities.found(group, state, general=False)
        self.membership.announce_creation(group)
        self.communities.announce_creation(group)
        if description := options.get("description"):
            group.describe(description, by=founder)
        return group

    def restore(self, group_id: str, subject: str, owner: SimAccount, invite_code: str, created_at: int) -> GroupState:
        """A group from before; nobody hears of it."""
        group = self._new(group_id, subject, owner, invite_code)
        group.created_at = group.subject_set_at = created_at
        self._world.groups[group.jid] = group
        return group

    @property
    def all(self) -> list[Group]:
        return [group for group in self._world.groups.values() if isinstance(group, Group)]

    def find(self, name: str) -> Group:
        """A group by its subject, its address or the user part of it.

        Raises:
            KeyError: there is none.
        """
        for group in self.all:
            if name in (group.subject, group.id, str(group.jid)):
                return group
        raise KeyError(f"no group {name!r}; there are: {', '.join(g.subject for g in self.all) or 'none'}")


def _check(outcomes: Sequence[tuple[Jid, int]]) -> None:
    for jid, error in outcomes:
        if error:
            raise IqError(error, f"{jid} cannot be changed")


def _addresses(people: Sequence[Person]) -> list[Jid]:
    return list(dict.fromkeys(account_of(person).lid for person in people))
