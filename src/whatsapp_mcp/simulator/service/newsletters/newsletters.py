"""All newsletters: who follows, reads, posts and reacts, and who is told (whatsmeow newsletter.go, notification.go)."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.content.stanza_kind import stanza_kind
from whatsapp_mcp.simulator.service.mex import Json, Mex
from whatsapp_mcp.simulator.service.newsletters.newsletter import Follower, Newsletter, Post, posts_before
from whatsapp_mcp.simulator.service.newsletters.newsletter_nodes import (
    describe,
    message_node,
    number_of,
    parse_content,
    plaintext_node,
)
from whatsapp_mcp.simulator.service.pictures import Pictures
from whatsapp_mcp.simulator.service.router import Router, notification
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node
from whatsapp_mcp.wire.protos import e2e

log = logging.getLogger(__name__)

FIRST_SERVER_ID = 100
LIVE_SECONDS = 300
MAX_MESSAGES = 100

_EDIT, _REVOKE, _SENDER_REVOKE = "3", "8", "7"
"""Edit attributes: an admin changes or deletes a post, somebody takes a reaction back (whatsmeow types/message.go)."""


class Newsletters:
    """All newsletters, and the requests, messages and receipts about them."""

    def __init__(self, world: World, mex: Mex, pictures: Pictures) -> None:
        self._world = world
        self._mex = mex
        self._pictures = pictures
        self._by_jid: dict[Jid, Newsletter] = {}
        self._live: dict[tuple[SimDevice, Jid], float] = {}

    def register(self, router: Router) -> None:
        router.on_iq("newsletter", "get", self._get)
        router.on_iq("newsletter", "set", self._subscribe_live)
        router.on_iq("tos", "set", lambda device, node: ())

    @property
    def all(self) -> list[Newsletter]:
        return list(self._by_jid.values())

    def get(self, jid: Jid | None) -> Newsletter | None:
        return self._by_jid.get(jid) if jid else None

    def find(self, name: str) -> Newsletter:
        """A newsletter by its name or address.

        Raises:
            KeyError: there is none.
        """
        for newsletter in self.all:
            if name in (newsletter.name, str(newsletter.jid)):
                return newsletter
        raise KeyError(f"no newsletter {name!r}; there are: {', '.join(one.name for one in self.all) or 'none'}")

    def add(self, name: str, description: str = "", *, owner: SimAccount | None = None, crowd: int = 0) -> Newsletter:
        newsletter = Newsletter(self._world, self, name=name, description=description, owner=owner, crowd=crowd)
        self._by_jid[newsletter.jid] = newsletter
        return newsletter

    def set_picture(self, newsletter: Newsletter, jpeg: bytes) -> None:
        """
        Raises:
            IqError: 406, it is no JPEG or too large.
        """
        newsletter.picture = self._pictures.keep(jpeg)

    # --- changes, by simulated people or by clients ---

    def publish(
        self, newsletter: Newsletter, message: e2e.Message, *, post_id: str = "", author: SimDevice | None = None
    ) -> Post:
        """Add a post and deliver it to everybody who follows, except to the device that wrote it."""
        post = Post(
            FIRST_SERVER_ID + len(newsletter.posts),
            post_id or self._world.new_id(),
            int(self._world.clock()),
            message,
            stanza_kind(message)[0],
        )
        newsletter.posts.add(post)
        self._deliver(newsletter, post, {"type": post.kind}, author)
        return post

    def change(
        self, newsletter: Newsletter, post: Post, message: e2e.Message | None, *, author: SimDevice | None = None
    ) -> None:
        """Replace or (``None``) delete a post."""
        post.message = message
        post.edited_ms = int(self._world.clock() * 1000)
        self._deliver(newsletter, post, {"type": post.kind, "edit": _REVOKE if message is None else _EDIT}, author)

    def _deliver(self, newsletter: Newsletter, post: Post, attrs: dict[str, Attr], author: SimDevice | None) -> None:
        content = [plaintext_node(post)]
        if post.edited_ms:
            content.append(Node("meta", {"msg_edit_t": str(post.edited_ms), "original_msg_t": str(post.time)}))
        attrs = {
            "from": newsletter.jid,
            "id": post.id,
            "server_id": str(post.server_id),
            "t": self._world.now() if post.edited_ms else str(post.time),
            **attrs,
        }
        for device in self._devices(newsletter):
            if device is not author:
                device.deliver(Node("message", attrs, content))

    @staticmethod
    def _devices(newsletter: Newsletter) -> list[SimDevice]:
        """The followers' devices that are not simulated; those others see everything in the newsletter itself."""
        everybody = (device for account in newsletter.followers for device in account.devices.values())
        return [device for device in everybody if not device.is_local]

    def react(self, newsletter: Newsletter, account: SimAccount, post: Post, emoji: str) -> None:
        """Set or (empty) remove somebody's reaction."""
        if emoji:
            post.reactions[account] = emoji
        else:
            post.reactions.pop(account, None)
        self._tell_live(newsletter, post)

    def _tell_live(self, newsletter: Newsletter, post: Post) -> None:
        for (device, jid), until in list(self._live.items()):
            if jid != newsletter.jid:
                continue
            if self._world.clock() > until:
                del self._live[device, jid]
                continue
            update = Node("live_updates", {}, [message_node(post, whole=False)])
            device.deliver(notification(self._world, newsletter.jid, "newsletter", update))

    def follow(self, newsletter: Newsletter, account: SimAccount, by: SimDevice | None = None) -> None:
        """Let somebody follow; the account's other devices are told."""
        if account in newsletter.followers:
            return
        newsletter.followers[account] = Follower()
        self._tell_own(account, by, "NotificationNewsletterJoin", "join", describe(newsletter, account))

    def unfollow(self, newsletter: Newsletter, account: SimAccount, by: SimDevice | None = None) -> None:
        """Let somebody leave; the account's other devices are told."""
        if newsletter.followers.pop(account, None) is not None:
            gone = {"id": str(newsletter.jid), "role": "GUEST"}
            self._tell_own(account, by, "NotificationNewsletterLeave", "leave", gone)

    def delete(self, newsletter: Newsletter, by: SimDevice | None = None) -> None:
        """Take it away from everybody."""
        for account in list(newsletter.followers):
            self.unfollow(newsletter, account, by)
        self._by_jid.pop(newsletter.jid, None)

    def mute(self, newsletter: Newsletter, account: SimAccount, *, muted: bool, by: SimDevice | None = None) -> Json:
        """Switch somebody's notifications off or on; the account's other devices are told what is returned."""
        newsletter.followers[account].muted = muted
        state = {"id": str(newsletter.jid), "mute": "ON" if muted else "OFF"}
        self._tell_own(account, by, "NotificationNewsletterMuteChange", "mute_change", state)
        return state

    def _tell_own(self, account: SimAccount, by: SimDevice | None, operation: str, what: str, data: Json) -> None:
        for device in account.devices.values():
            if device is not by and not device.is_local:
                self._mex.notify(device, operation, {f"xwa2_notify_newsletter_on_{what}": data})

    # --- reading ---

    def _required(self, jid: Jid | None) -> Newsletter:
        newsletter = self.get(jid)
        if newsletter is None:
            raise IqError(404, "item-not-found")
        return newsletter

    def _get(self, device: SimDevice, node: Node) -> Sequence[Node]:
        messages, updates = node.child("messages"), node.child("message_updates")
        if messages is not None:
            invite = messages.get("key") if messages.get("type") == "invite" else ""
            newsletter = next((one for one in self.all if invite and one.invite == invite), None)
            newsletter = newsletter or self._required(messages.jid("jid") or node.jid("to"))
            posts = posts_before(
                newsletter, number_of(messages, "before"), min(number_of(messages, "count", 50), MAX_MESSAGES)
            )
            found = [message_node(post, whole=True) for post in posts]
            return [Node("messages", {"jid": newsletter.jid, "t": self._world.now()}, found)]
        if updates is not None:
            newsletter = self._required(node.jid("to"))
            after, since = number_of(updates, "after"), number_of(updates, "since")
            fitting = [post for post in newsletter.posts if post.server_id > after and post.time >= since]
            found = [message_node(post, whole=False) for post in fitting[: number_of(updates, "count", 50)]]
            return [Node("message_updates", {}, [Node("messages", {"t": self._world.now()}, found)])]
        raise IqError(501, "feature-not-implemented")

    def _subscribe_live(self, device: SimDevice, node: Node) -> Sequence[Node]:
        newsletter = self._required(node.jid("to"))
        if node.child("live_updates") is None:
            raise IqError(501, "feature-not-implemented")
        self._live[device, newsletter.jid] = self._world.clock() + LIVE_SECONDS
        return [Node("live_updates", {"duration": str(LIVE_SECONDS)})]

    def receipt(self, device: SimDevice, node: Node, to: Jid) -> None:
        """A ``view`` receipt names the posts that somebody looked at."""
        newsletter, listed = self._by_jid.get(to), node.child("list")
        if newsletter is None or node.get("type") != "view" or listed is None:
            return
        for item in listed.children("item"):
            post = newsletter.find(number_of(item, "server_id"))
            if post is not None:
                post.views += 1
                self._tell_live(newsletter, post)

    # --- posting (see message_relay.ChatKind) ---

    def refusal(self, sender: SimDevice, node: Node, to: Jid) -> int | None:
        newsletter = self._by_jid.get(to)
        if newsletter is None:
            return 404
        if sender.account not in newsletter.followers:
            return 403
        if node.get("type") == "reaction":
            return None if newsletter.find(number_of(node, "server_id")) and node.child("reaction") else 404
        if not newsletter.may_post(sender.account):
            log.info("%r posts to %r without being its admin", sender, newsletter)
            return 403
        if node.get("edit"):
            return None if newsletter.find(node.get("id")) else 404
        plaintext = node.child("plaintext")
        if plaintext is None or parse_content(plaintext.data) is None:
            log.warning("%r sent a newsletter message without usable content: %s", sender, node.xml())
            return 400
        return None

    def relay(self, sender: SimDevice, node: Node, to: Jid) -> None:
        newsletter = self._by_jid[to]
        reaction, plaintext = node.child("reaction"), node.child("plaintext")
        if node.get("type") == "reaction" and reaction is not None:
            post = newsletter.find(number_of(node, "server_id"))
            if post is not None:
                code = "" if node.get("edit") == _SENDER_REVOKE else reaction.get("code")
                self.react(newsletter, sender.account, post, code)
            return
        message = parse_content(plaintext.data) if plaintext is not None else None
        if node.get("edit"):
            post = newsletter.find(node.get("id"))
            if post is not None:
                self.change(newsletter, post, None if node.get("edit") == _REVOKE else message, author=sender)
        elif message is not None:
            self.publish(newsletter, message, post_id=node.get("id"), author=sender)

    def ack_attributes(self, sender: SimDevice, node: Node, to: Jid) -> dict[str, Attr]:
        newsletter = self._by_jid.get(to)
        post = newsletter.find(node.get("id")) if newsletter else None
        return {"server_id": str(post.server_id)} if post else {}
