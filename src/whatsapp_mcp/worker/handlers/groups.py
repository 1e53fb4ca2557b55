"""Commands about groups."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.models.app_state import ChatChanged
from whatsapp_mcp.models.changes import Change, GroupsJoined, IdentityLearned
from whatsapp_mcp.models.views import Group, GroupMember, JoinRequest
from whatsapp_mcp.pipe import groups as p
from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.whatsapp.groups import Groups
from whatsapp_mcp.worker.dispatch import handles
from whatsapp_mcp.worker.store_thread import StoreThread

LIST_AGAIN_AFTER: Final = 24 * 3600 * 1000
"""Milliseconds. WhatsApp tells a linked device of every change, also of those while it was away."""
COMPLETE_BELOW: Final = 500
"""Groups in a list; a longer one may have been cut off."""


class GroupHandlers:
    """Groups; what they tell of names and identities goes into the store."""

    def __init__(self, groups: Groups, account: Account, store: StoreThread) -> None:
        self._groups = groups
        self._account = account
        self._store = store

    @handles(p.ListGroups)
    def _list(self, _command: p.ListGroups) -> tuple[Group, ...]:
        asked_at = self._store.run_now(lambda writer: writer.memberships_learned)
        groups = tuple(self._groups.joined())
        self._remember(groups)
        joined = GroupsJoined(tuple(group.jid for group in groups), asked_at, complete=len(groups) < COMPLETE_BELOW)
        self._store.apply_now(joined)
        return groups

    @handles(p.SyncGroups)
    def _sync(self, _command: p.SyncGroups) -> None:
        listed_at = self._store.run_now(lambda writer: writer.groups_listed_at)
        if not 0 <= now_ms() - listed_at < LIST_AGAIN_AFTER:
            self._list(p.ListGroups())

    @handles(p.GetGroup)
    def _get(self, command: p.GetGroup) -> Group:
        group = self._groups.info(command.group)
        self._remember([group])
        return group

    @handles(p.GetGroupFromLink)
    def _get_from_link(self, command: p.GetGroupFromLink) -> Group:
        return self._groups.info_from_link(command.code)

    @handles(p.CreateGroup)
    def _create(self, command: p.CreateGroup) -> Group:
        group = self._groups.create(command.title, command.members)
        self._remember([group])
        return group

    @handles(p.ChangeMembers)
    def _change_members(self, command: p.ChangeMembers) -> tuple[GroupMember, ...]:
        return tuple(self._groups.change_members(command.group, command.members, command.change))

    @handles(p.JoinGroup)
    def _join(self, command: p.JoinGroup) -> p.JoinedGroup:
        jid = self._groups.join(command.code)
        try:
            self._remember([self._groups.info(jid)])
        except WhatsAppMcpError:  # not a member yet: an admin has to approve
            return p.JoinedGroup(jid=jid, pending=True)
        return p.JoinedGroup(jid=jid, pending=False)

    @handles(p.LeaveGroup)
    def _leave(self, command: p.LeaveGroup) -> None:
        self._groups.leave(command.group)
        self._store.apply_now(ChatChanged(command.group, is_member=False))

    @handles(p.GetJoinRequests)
    def _join_requests(self, command: p.GetJoinRequests) -> tuple[JoinRequest, ...]:
        return tuple(self._by_number(request) for request in self._groups.join_requests(command.group))

    def _by_number(self, request: JoinRequest) -> JoinRequest:
        number = self._account.number_of(request.jid) if request.jid.is_lid else None
        return request.model_copy(update={"jid": number}) if number else request

    @handles(p.GetInviteLink)
    def _invite_link(self, command: p.GetInviteLink) -> str:
        return self._groups.invite_link(command.group, reset=command.reset)

    @handles(p.ChangeGroup)
    def _change(self, command: p.ChangeGroup) -> None:
        jid = command.group
        if command.title is not None:
            self._groups.set_name(jid, command.title)
            self._store.apply_now(ChatChanged(jid, name=command.title))
        if command.topic is not None:
            self._groups.set_topic(jid, command.topic)
        if command.locked is not None:
            self._groups.set_locked(jid, locked=command.locked)
        if command.announce is not None:
            self._groups.set_announce(jid, announce=command.announce)

    @handles(p.SetGroupPhoto)
    def _set_photo(self, command: p.SetGroupPhoto) -> str:
        return self._groups.set_photo(command.group, Path(command.path).read_bytes())

    def _remember(self, groups: Iterable[Group]) -> None:
        for group in groups:  # each by itself: messages that come meanwhile wait for one, not for all
            changes: list[Change] = [
                IdentityLearned(lid=member.lid, number=member.jid)
                for member in group.members
                if member.lid is not None and not member.jid.is_lid
            ]
            changes.append(
                ChatChanged(group.jid, name=group.name or None, ephemeral_expiration=group.disappearing_timer)
            )
            self._store.apply_now(*changes)
