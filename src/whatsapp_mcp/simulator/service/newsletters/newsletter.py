"""Newsletters ("channels"): what one person says to many, in clear text (whatsmeow types/newsletter.go)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from whatsapp_mcp.jid import NEWSLETTER, Jid
from whatsapp_mcp.simulator.content import compose
from whatsapp_mcp.simulator.content.attachments import upload_plain
from whatsapp_mcp.simulator.content.summary import Summary, summarise
from whatsapp_mcp.simulator.state.accounts import Person, SimAccount, SimPicture, account_of
from whatsapp_mcp.simulator.state.groups import new_chat_id, new_invite_code
from whatsapp_mcp.simulator.state.record import Record
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.media import MediaKind
from whatsapp_mcp.wire.protos import e2e

Role = Literal["subscriber", "admin", "owner"]
ReactionMode = Literal["all", "basic", "none"]


@dataclass(slots=True, eq=False)
class Post:
    """One message of a newsletter."""

    server_id: int
    """Counts up from 100 in each newsletter."""
    id: str
    time: int
    """Seconds since 1970."""
    message: e2e.Message | None
    """``None``: deleted."""
    kind: str = "text"
    """Type of the stanza: ``text``, ``media``, ``poll``."""
    views: int = 0
    reactions: dict[SimAccount, str] = field(default_factory=dict)
    crowd: Counter[str] = field(default_factory=Counter)
    """Reactions of people who are not simulated: emoji -> how many."""
    edited_ms: int = 0

    @property
    def summary(self) -> Summary:
        return summarise(self.message or e2e.Message())

    @property
    def text(self) -> str:
        return self.summary.text

    @property
    def reaction_counts(self) -> dict[str, int]:
        return dict(Counter(self.reactions.values()) + self.crowd)


@dataclass(slots=True)
class Follower:
    role: Role = "subscriber"
    muted: bool = False


class Channel(Protocol):
    """Does what people want with a newsletter, and tells who follows it."""

    def publish(self, newsletter: Newsletter, message: e2e.Message) -> Post: ...
    def change(self, newsletter: Newsletter, post: Post, message: e2e.Message | None) -> None: ...
    def react(self, newsletter: Newsletter, account: SimAccount, post: Post, emoji: str) -> None: ...
    def follow(self, newsletter: Newsletter, account: SimAccount) -> None: ...
    def unfollow(self, newsletter: Newsletter, account: SimAccount) -> None: ...


class Newsletter:
    """One newsletter. Made by :meth:`Simulator.add_newsletter`, or by a client."""

    def __init__(
        self, world: World, channel: Channel, *, name: str, description: str, owner: SimAccount | None, crowd: int = 0
    ) -> None:
        self._world = world
        self._channel = channel
        self.id = new_chat_id()
        self.name = name
        self.description = description
        self.created_at = int(world.clock())
        self.named_at = self.described_at = self.created_at
        self.invite = "0029Va" + new_invite_code(16)
        """What follows ``https://whatsapp.com/channel/`` in a link."""
        self.verified = False
        self.picture: SimPicture | None = None
        self.reaction_mode: ReactionMode = "all"
        self.followers: dict[SimAccount, Follower] = {owner: Follower("owner")} if owner else {}
        self.invited: dict[SimAccount, int] = {}
        """Who may become an admin, and until when (seconds since 1970)."""
        self.crowd = crowd
        """How many follow it who are not simulated."""
        self.posts: Record[Post] = Record(f"post in {name}")

    @property
    def jid(self) -> Jid:
        return Jid(self.id, NEWSLETTER)

    @property
    def link(self) -> str:
        return f"https://whatsapp.com/channel/{self.invite}"

    @property
    def subscribers(self) -> int:
        return self.crowd + len(self.followers)

    def may_post(self, account: SimAccount) -> bool:
        follower = self.followers.get(account)
        return follower is not None and follower.role != "subscriber"

    def find(self, post: int | str) -> Post | None:
        """A post by its server id or its id."""
        return next((one for one in self.posts if post in (one.server_id, one.id)), None)

    # --- what people do ---

    def post(self, content: str | e2e.Message) -> Post:
        """Publish; followers get it at once."""
        message = e2e.Message(conversation=content) if isinstance(content, str) else content
        return self._channel.publish(self, message)

    def post_image(self, content: bytes, *, caption: str = "") -> Post:
        """Publish a picture. Files of newsletters are not encrypted."""
        media = upload_plain(self._world.media, MediaKind.IMAGE, content)
        return self.post(compose.image(media, caption=caption))

    def edit(self, post: Post, text: str) -> None:
        """Replace the text of a post."""
        self._channel.change(self, post, e2e.Message(conversation=text))

    def delete(self, post: Post) -> None:
        """Take a post back."""
        self._channel.change(self, post, None)

    def accept_invitation(self, person: Person) -> None:
        """Somebody who was invited becomes an admin.

        Raises:
            KeyError: nobody invited them, or too long ago.
        """
        account = account_of(person)
        if self.invited.pop(account) < self._world.clock():
            raise KeyError(f"the invitation of {account} has expired")
        self._channel.follow(self, account)
        self.followers[account].role = "admin"

    def react(self, person: Person, post: Post, emoji: str) -> None:
        """Somebody reacts; an empty emoji takes the reaction back."""
        self._channel.react(self, account_of(person), post, emoji)

    def follow(self, person: Person) -> None:
        """Somebody follows, on the phone: linked devices are told."""
        self._channel.follow(self, account_of(person))

    def unfollow(self, person: Person) -> None:
        """Somebody stops to follow, on the phone."""
        self._channel.unfollow(self, account_of(person))

    def __repr__(self) -> str:
        return f"<Newsletter {self.jid} {self.name!r}>"


def posts_before(newsletter: Newsletter, before: int, count: int) -> Sequence[Post]:
    """The last ``count`` posts before a server id (0: of all), oldest first."""
    fitting = [post for post in newsletter.posts if not before or post.server_id < before]
    return fitting[-count:] if count > 0 else []
