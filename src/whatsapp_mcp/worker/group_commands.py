"""How the session process carries out the commands about groups, pictures and newsletters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import Change, ChatChanged, IdentityLearned
from whatsapp_mcp.models.views import Group, JoinRequest
from whatsapp_mcp.pipe import group_protocol as g
from whatsapp_mcp.pipe import profile_protocol as pp
from whatsapp_mcp.pipe.protocol import Command, Done
from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.whatsapp.groups import Groups
from whatsapp_mcp.whatsapp.profiles import Profiles
from whatsapp_mcp.worker.store_thread import StoreThread

__all__ = ["GroupHandlers", "ProfileHandlers"]

STORE_WAIT: Final = 10.0
"""Seconds a command waits for the store thread; commits take milliseconds."""

Handler = Callable[[Any], BaseModel]


class GroupHandlers:
    """Groups; what they tell of names and identities goes into the store."""

    def __init__(self, groups: Groups, account: Account, store: StoreThread) -> None:
        self._groups = groups
        self._account = account
        self._store = store

    def by_command(self) -> dict[type[Command[Any]], Handler]:
        return {
            g.ListGroups: self._list,
            g.GetGroup: self._get,
            g.GetGroupFromLink: lambda c: g.GroupResult(group=self._groups.info_from_link(c.code)),
            g.CreateGroup: self._create,
            g.ChangeMembers: self._change_members,
            g.JoinGroup: self._join,
            g.LeaveGroup: self._leave,
            g.GetJoinRequests: self._join_requests,
            g.GetInviteLink: lambda c: g.InviteLink(link=self._groups.invite_link(c.group, reset=c.reset)),
            g.ChangeGroup: self._change,
            g.SetGroupPhoto: lambda c: g.PictureId(id=self._groups.set_photo(c.group, Path(c.path).read_bytes())),
        }

    def _list(self, _command: g.ListGroups) -> g.GroupResults:
        groups = self._groups.joined()
        self._remember(groups)
        return g.GroupResults(groups=tuple(groups))

    def _get(self, command: g.GetGroup) -> g.GroupResult:
        group = self._groups.info(command.group)
        self._remember([group])
        return g.GroupResult(group=group)

    def _create(self, command: g.CreateGroup) -> g.GroupResult:
        group = self._groups.create(command.title, command.members)
        self._remember([group])
        return g.GroupResult(group=group)

    def _change_members(self, command: g.ChangeMembers) -> g.MemberResults:
        members = self._groups.change_members(command.group, command.members, command.change)
        return g.MemberResults(members=tuple(members))

    def _join(self, command: g.JoinGroup) -> g.JoinedGroup:
        jid = self._groups.join(command.code)
        try:
            self._remember([self._groups.info(jid)])
        except WhatsAppMcpError:  # not a member yet: an admin has to approve
            return g.JoinedGroup(jid=jid, pending=True)
        return g.JoinedGroup(jid=jid, pending=False)

    def _leave(self, command: g.LeaveGroup) -> Done:
        self._groups.leave(command.group)
        return Done()

    def _join_requests(self, command: g.GetJoinRequests) -> g.JoinRequestResults:
        requests = self._groups.join_requests(command.group)
        return g.JoinRequestResults(requests=tuple(self._by_number(request) for request in requests))

    def _by_number(self, request: JoinRequest) -> JoinRequest:
        number = self._account.number_of(request.jid) if request.jid.is_lid else None
        return request.model_copy(update={"jid": number}) if number else request

    def _change(self, command: g.ChangeGroup) -> Done:
        jid = command.group
        if command.title is not None:
            self._groups.set_name(jid, command.title)
            self._store.apply([ChatChanged(jid, name=command.title)]).result(STORE_WAIT)
        if command.topic is not None:
            self._groups.set_topic(jid, command.topic)
        if command.locked is not None:
            self._groups.set_locked(jid, locked=command.locked)
        if command.announce is not None:
            self._groups.set_announce(jid, announce=command.announce)
        return Done()

    def _remember(self, groups: Iterable[Group]) -> None:
        changes: list[Change] = []
        for group in groups:
            changes += [
                IdentityLearned(lid=member.lid, number=member.jid)
                for member in group.members
                if member.lid is not None and not member.jid.is_lid
            ]
            changes.append(
                ChatChanged(group.jid, name=group.name or None, ephemeral_expiration=group.disappearing_timer)
            )
        self._store.apply(changes).result(STORE_WAIT)


class ProfileHandlers:
    """Pictures and newsletters."""

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    def by_command(self) -> dict[type[Command[Any]], Handler]:
        return {
            pp.GetPicture: self._picture,
            pp.SetOwnPicture: self._set_own_picture,
            pp.ListNewsletters: lambda _: pp.NewsletterResults(newsletters=tuple(self._profiles.newsletters())),
            pp.GetNewsletterPosts: self._posts,
            pp.UnfollowNewsletter: self._unfollow,
        }

    def _picture(self, command: pp.GetPicture) -> pp.PictureResult:
        jid: Jid = command.jid
        picture = self._profiles.picture(jid, preview=command.preview, community=command.community)
        return pp.PictureResult(picture=picture)

    def _set_own_picture(self, command: pp.SetOwnPicture) -> Done:
        self._profiles.set_own_picture(Path(command.path).read_bytes())
        return Done()

    def _posts(self, command: pp.GetNewsletterPosts) -> pp.NewsletterPosts:
        posts = self._profiles.newsletter_posts(command.newsletter, count=command.count, before=command.before)
        return pp.NewsletterPosts(posts=tuple(posts))

    def _unfollow(self, command: pp.UnfollowNewsletter) -> Done:
        self._profiles.unfollow(command.newsletter)
        return Done()
