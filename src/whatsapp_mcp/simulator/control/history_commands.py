"""The commands of the control socket about history syncs and newsletters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from whatsapp_mcp.simulator.people.history import HistoryChat, HistoryKind, HistoryMessage
from whatsapp_mcp.simulator.people.phone import SimulatedPhone
from whatsapp_mcp.simulator.server import Simulator
from whatsapp_mcp.simulator.service.newsletters.newsletter import Newsletter, Post
from whatsapp_mcp.simulator.state.accounts import Person

Json = dict[str, Any]


class MessageFromBefore(BaseModel):
    """One message of a history."""

    model_config = ConfigDict(extra="forbid")

    text: str
    author: str | None = None
    """A contact; without it: the account itself."""
    time: float | None = None
    """Seconds since 1970."""
    id: str | None = None
    starred: bool = False


class ChatFromBefore(BaseModel):
    """One chat of a history."""

    model_config = ConfigDict(extra="forbid")

    chat: str
    """A contact or a group."""
    messages: list[MessageFromBefore] = []
    unread: int = 0
    pinned: bool = False
    archived: bool = False
    muted_until: int = 0
    ephemeral: int = 0


class HistoryCommands:
    """Part of :class:`whatsapp_mcp.simulator.control.commands.Commands`."""

    _simulator: Simulator
    _phone: Callable[[str | None], SimulatedPhone]
    _person: Callable[[str], Person]

    # --- history ---

    def do_share_history(
        self,
        chats: Sequence[ChatFromBefore] = (),
        kind: HistoryKind = "initial",
        inline: bool | None = None,
        account: str | None = None,
    ) -> list[Json]:
        """Send the linked devices a history sync."""
        shared = self._phone(account).history.share(
            [self._chat_from_before(chat) for chat in chats], kind=kind, inline=inline
        )
        return [{"id": one.id, "device": one.device.number, "file": one.direct_path or None} for one in shared]

    def do_remember_history(self, chats: Sequence[ChatFromBefore], account: str | None = None) -> None:
        """Let the phone remember chats: for devices linked later, and for requests for older messages."""
        self._phone(account).history.remember(*(self._chat_from_before(chat) for chat in chats))

    def do_history_after_pairing(self, on: bool, account: str | None = None) -> None:
        """Whether newly linked devices get the history by themselves."""
        self._phone(account).history.automatic = on

    def _chat_from_before(self, given: ChatFromBefore) -> HistoryChat:
        try:
            chat: Any = self._person(given.chat)
        except KeyError:
            chat = self._simulator.group(given.chat)
        settings = given.model_dump(exclude={"chat", "messages"})
        return HistoryChat(chat, [self._message_from_before(message) for message in given.messages], **settings)

    def _message_from_before(self, given: MessageFromBefore) -> HistoryMessage:
        author = self._person(given.author) if given.author else None
        message = HistoryMessage(given.text, author=author, time=given.time, starred=given.starred)
        if given.id:
            message.id = given.id
        return message

    # --- newsletters ---

    def do_add_newsletter(
        self,
        name: str,
        description: str = "",
        posts: Sequence[str] = (),
        subscribers: int = 0,
        owner: str | None = None,
        followed: bool = False,
    ) -> Json:
        """A newsletter with these posts; followed: by the account."""
        newsletter = self._simulator.add_newsletter(
            name,
            description,
            posts=posts,
            subscribers=subscribers,
            owner=self._simulator.contact(owner) if owner else None,
            followed=followed,
        )
        return self._newsletter(newsletter)

    def do_newsletters(self) -> list[Json]:
        """All newsletters."""
        return [self._newsletter(newsletter) for newsletter in self._simulator.newsletters.all]

    def do_newsletter_post(self, newsletter: str, text: str = "", image: Path | None = None) -> Json:
        """Publish a text, or a picture with the text as its caption."""
        channel = self._simulator.newsletter(newsletter)
        return _post(channel.post_image(image.read_bytes(), caption=text) if image else channel.post(text))

    def do_newsletter_edit(self, newsletter: str, server_id: int, text: str) -> None:
        """Replace the text of a post."""
        channel = self._simulator.newsletter(newsletter)
        channel.edit(_required(channel, server_id), text)

    def do_newsletter_delete(self, newsletter: str, server_id: int) -> None:
        """Take a post back."""
        channel = self._simulator.newsletter(newsletter)
        channel.delete(_required(channel, server_id))

    def do_newsletter_posts(self, newsletter: str) -> list[Json]:
        """What was published, by whomever."""
        return [_post(post) for post in self._simulator.newsletter(newsletter).posts]

    def do_newsletter_follow(self, newsletter: str, follow: bool = True) -> None:
        """The account follows (or leaves) a newsletter, on the phone."""
        channel = self._simulator.newsletter(newsletter)
        (channel.follow if follow else channel.unfollow)(self._simulator.phone)

    def do_newsletter_admin(self, newsletter: str, contact: str) -> None:
        """A contact takes the invitation to be an admin of a newsletter."""
        self._simulator.newsletter(newsletter).accept_invitation(self._simulator.contact(contact))

    def do_newsletter_react(self, newsletter: str, server_id: int, contact: str, emoji: str) -> None:
        """A contact reacts to a post; an empty emoji takes the reaction back."""
        channel = self._simulator.newsletter(newsletter)
        channel.react(self._simulator.contact(contact), _required(channel, server_id), emoji)

    def _newsletter(self, newsletter: Newsletter) -> Json:
        follower = newsletter.followers.get(self._simulator.phone.account)
        return {
            "jid": str(newsletter.jid),
            "name": newsletter.name,
            "link": newsletter.link,
            "subscribers": newsletter.subscribers,
            "posts": len(newsletter.posts),
            "role": follower.role if follower else None,
        }


def _required(channel: Newsletter, server_id: int) -> Post:
    post = channel.find(server_id)
    if post is None:
        raise LookupError(f"{channel.name} has no post {server_id}")
    return post


def _post(post: Post) -> Json:
    return {
        "server_id": post.server_id,
        "id": post.id,
        "kind": post.summary.kind,
        "text": post.text,
        "views": post.views,
        "reactions": post.reaction_counts,
        "deleted": post.message is None,
    }
