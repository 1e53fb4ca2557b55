"""The commands of the control socket about groups. Groups are named by subject or address, people by contact name or
number; ``me`` is the account that the simulator began with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from whatsapp_mcp.simulator.control.media_commands import sent_json
from whatsapp_mcp.simulator.people.contact import VirtualContact
from whatsapp_mcp.simulator.people.phone import SimulatedPhone
from whatsapp_mcp.simulator.server import Simulator
from whatsapp_mcp.simulator.service.groups.group import Group
from whatsapp_mcp.simulator.service.groups.group_nodes import SimOutcome
from whatsapp_mcp.simulator.state.accounts import Person, SimAccount, account_of

Json = dict[str, Any]

ME = "me"


class GroupCommands:
    """Part of :class:`whatsapp_mcp.simulator.control.commands.Commands`."""

    _simulator: Simulator

    def do_groups(self) -> list[Json]:
        """All groups."""
        return [_group(group, self._name) for group in self._simulator.groups.all]

    def do_group(self, group: str) -> Json:
        """One group with its members, settings and open requests to join."""
        return _group(self._simulator.group(group), self._name)

    async def do_add_group(
        self,
        subject: str,
        members: list[str],
        owner: str | None = None,
        admins: Sequence[str] = (),
        description: str = "",
        approval: bool = False,
        community: bool = False,
    ) -> Json:
        """Make a group, or a community; its owner is the first member unless told otherwise."""
        group = await self._simulator.add_group(
            subject,
            [self._person(name) for name in members],
            owner=self._person(owner) if owner else None,
            admins=[self._person(name) for name in admins],
            description=description,
            approval=approval,
            community=community,
        )
        return _group(group, self._name)

    def do_group_link(self, community: str, group: str, by: str, linked: bool = True) -> Json:
        """Somebody makes a group part of a community, or no longer."""
        parent, change = self._simulator.group(community), self._simulator.group(group)
        if linked:
            parent.link(change, by=self._person(by))
        else:
            parent.unlink(change, by=self._person(by))
        return _group(parent, self._name)

    def do_group_say(self, contact: str, group: str, text: str, mentions: Sequence[str] = ()) -> Json:
        """A contact writes to a group, perhaps mentioning people."""
        named = [account_of(self._person(name)) for name in mentions]
        return sent_json(self._simulator.contact(contact).say(text, mentions=named, to=self._simulator.group(group)))

    def do_group_people(
        self, group: str, action: Literal["add", "remove", "promote", "demote"], people: list[str], by: str
    ) -> list[Json]:
        """Somebody changes who is in a group, or in which role."""
        changed = self._simulator.group(group)
        persons, actor = [self._person(name) for name in people], self._person(by)
        change: dict[str, Callable[..., list[SimOutcome]]] = {
            "add": changed.add,
            "remove": changed.remove,
            "promote": changed.promote,
            "demote": changed.demote,
        }
        return [self._outcome(outcome) for outcome in change[action](*persons, by=actor)]

    def do_group_set(
        self,
        group: str,
        by: str,
        subject: str | None = None,
        description: str | None = None,
        locked: bool | None = None,
        announce: bool | None = None,
        approval: bool | None = None,
        disappear_after: int | None = None,
    ) -> Json:
        """Somebody changes what is named; the rest stays."""
        changed, actor = self._simulator.group(group), self._person(by)
        if subject is not None:
            changed.rename(subject, by=actor)
        if description is not None:
            changed.describe(description, by=actor)
        if locked is not None:
            changed.lock(by=actor, locked=locked)
        if announce is not None:
            changed.announce_only(by=actor, announce=announce)
        if approval is not None:
            changed.require_approval(by=actor, required=approval)
        if disappear_after is not None:
            changed.disappear_after(disappear_after, by=actor)
        return _group(changed, self._name)

    def do_group_invite(self, group: str, by: str, reset: bool = False) -> Json:
        """The invite link; ``reset`` revokes it first."""
        found = self._simulator.group(group)
        return {"link": found.reset_invite(by=self._person(by)) if reset else found.invite_link}

    def do_group_join(self, contact: str, link: str) -> Json:
        """A contact follows an invite link."""
        return {"joined": self._simulator.contact(contact).join(link) is not None}

    def do_group_join_request(self, contact: str, group: str) -> None:
        """A contact asks to join a group whose admins approve new members."""
        self._simulator.contact(contact).request_to_join(self._simulator.group(group))

    def do_group_decide(self, group: str, by: str, people: list[str], approve: bool = True) -> list[Json]:
        """An admin lets people in who asked, or turns them away."""
        decided, persons = self._simulator.group(group), [self._person(name) for name in people]
        decide = decided.approve if approve else decided.reject
        return [self._outcome(outcome) for outcome in decide(*persons, by=self._person(by))]

    def do_group_leave(self, contact: str, group: str) -> None:
        """A contact leaves a group."""
        self._simulator.contact(contact).leave(self._simulator.group(group))

    def do_group_add_privacy(self, contact: str, value: Literal["all", "contacts", "none"]) -> None:
        """Who may add a contact to groups."""
        self._simulator.contact(contact).group_add = value

    def _phone(self, account: str | None) -> SimulatedPhone:
        """Of the account with this number, or of the one that the simulator began with."""
        return self._simulator.phone if account in (None, ME) else self._simulator.phone_of(str(account))

    def _person(self, name: str) -> Person:
        numbers = (phone.account.number for phone in self._simulator.phones)
        return self._phone(name) if name == ME or name in numbers else self._simulator.contact(name)

    def _name(self, account: SimAccount) -> str:
        if account is self._simulator.phone.account:
            return ME
        contacts: dict[SimAccount, VirtualContact] = {contact.account: contact for contact in self._simulator.contacts}
        return contacts[account].name if account in contacts else account.number

    def _outcome(self, outcome: SimOutcome) -> Json:
        who = self._name(outcome.account) if outcome.account else str(outcome.asked)
        return {"who": who, "error": outcome.error or None}


def _group(group: Group, name: Callable[[SimAccount], str]) -> Json:
    return {
        "jid": str(group.jid),
        "subject": group.subject,
        "description": group.description.text if group.description else None,
        "members": [{"name": name(account), "role": role} for account, role in group.members.items()],
        "link": group.invite_link,
        "locked": group.locked,
        "announce": group.announce,
        "approval": group.approval_required,
        "disappear_after": group.ephemeral_seconds,
        "picture": group.picture is not None,
        "waiting": [name(account) for account in group.waiting],
        "linked_groups": [str(linked.jid) for linked in group.linked_groups],
    }
