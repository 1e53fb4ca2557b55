"""What clients can do with newsletters: find, follow, read, post, react (whatsmeow newsletter.go, notification.go)."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.message import DecodeError

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.compose import stanza_kind
from whatsapp_mcp.simulator.mex import GraphQlError, Json, Mex
from whatsapp_mcp.simulator.newsletter import Follower, Newsletter, Post, posts_before
from whatsapp_mcp.simulator.router import IqError, Router
from whatsapp_mcp.simulator.world import Account, Device, Picture, World
from whatsapp_mcp.wire.node import Attr, Node
from whatsapp_mcp.wire.protos import e2e

__all__ = ["Newsletters"]

log = logging.getLogger(__name__)

FIRST_SERVER_ID = 100
LIVE_SECONDS = 300
MAX_NAME = 100
MAX_DESCRIPTION = 2048
MAX_MESSAGES = 100

_FETCH = "6563316087068696"
_SUBSCRIBED = "6388546374527196"
_CREATE = "6234210096708695"
_FOLLOW = "9926858900719341"
_UNFOLLOW = "6392786840836363"
_MUTE = "6274038279359549"
_UNMUTE = "6068417879924485"
_UPDATE = "7150902998257522"

_EDIT, _REVOKE, _SENDER_REVOKE = "3", "8", "7"
"""Edit attributes: an admin changes or deletes a post, somebody takes a reaction back (whatsmeow types/message.go)."""


class Newsletters:
    """All newsletters, and the requests, messages and receipts about them."""

    def __init__(self, world: World, mex: Mex, keep_picture: Callable[[bytes], Picture]) -> None:
        self._world = world
        self._mex = mex
        self._keep_picture = keep_picture
        self._by_jid: dict[Jid, Newsletter] = {}
        self._live: dict[tuple[Device, Jid], float] = {}
        mex.on_query(_FETCH, self._fetch)
        mex.on_query(_SUBSCRIBED, self._subscribed)
        mex.on_query(_CREATE, self._create)
        mex.on_query(_FOLLOW, lambda device, given: self._join(device, given, follow=True))
        mex.on_query(_UNFOLLOW, lambda device, given: self._join(device, given, follow=False))
        mex.on_query(_MUTE, lambda device, given: self._mute(device, given, muted=True))
        mex.on_query(_UNMUTE, lambda device, given: self._mute(device, given, muted=False))
        mex.on_query(_UPDATE, self._update)

    def register(self, router: Router) -> None:
        router.on_iq("newsletter", "get", self._get)
        router.on_iq("newsletter", "set", self._subscribe_live)
        router.on_iq("tos", "set", lambda device, node: ())

    @property
    def all(self) -> list[Newsletter]:
        return list(self._by_jid.values())

    def add(self, name: str, description: str = "", *, owner: Account | None = None, crowd: int = 0) -> Newsletter:
        newsletter = Newsletter(self._world, self, name=name, description=description, owner=owner, crowd=crowd)
        self._by_jid[newsletter.jid] = newsletter
        return newsletter

    def set_picture(self, newsletter: Newsletter, jpeg: bytes) -> None:
        """
        Raises:
            IqError: 406, it is no JPEG or too large.
        """
        newsletter.picture = self._keep_picture(jpeg)

    # --- changes, by simulated people or by clients ---

    def publish(
        self, newsletter: Newsletter, message: e2e.Message, *, post_id: str = "", author: Device | None = None
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
        self, newsletter: Newsletter, post: Post, message: e2e.Message | None, *, author: Device | None = None
    ) -> None:
        """Replace or (``None``) delete a post."""
        post.message = message
        post.edited_ms = int(self._world.clock() * 1000)
        self._deliver(newsletter, post, {"type": post.kind, "edit": _REVOKE if message is None else _EDIT}, author)

    def _deliver(self, newsletter: Newsletter, post: Post, attrs: dict[str, Attr], author: Device | None) -> None:
        content = [_plaintext(post)]
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
    def _devices(newsletter: Newsletter) -> list[Device]:
        """The followers' devices that are not simulated; those others see everything in the newsletter itself."""
        everybody = (device for account in newsletter.followers for device in account.devices.values())
        return [device for device in everybody if not device.is_local]

    def react(self, newsletter: Newsletter, account: Account, post: Post, emoji: str) -> None:
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
            attrs: dict[str, Attr] = {"from": newsletter.jid, "type": "newsletter", "id": self._world.new_id()}
            update = Node("live_updates", {}, [_message(post, whole=False)])
            device.deliver(Node("notification", {**attrs, "t": self._world.now()}, [update]))

    def follow(self, newsletter: Newsletter, account: Account, by: Device | None = None) -> None:
        """Let somebody follow; the account's other devices are told."""
        if account in newsletter.followers:
            return
        newsletter.followers[account] = Follower()
        self._tell_own(account, by, "NotificationNewsletterJoin", "join", self.describe(newsletter, account))

    def unfollow(self, newsletter: Newsletter, account: Account, by: Device | None = None) -> None:
        """Let somebody leave; the account's other devices are told."""
        if newsletter.followers.pop(account, None) is not None:
            gone = {"id": str(newsletter.jid), "role": "GUEST"}
            self._tell_own(account, by, "NotificationNewsletterLeave", "leave", gone)

    def _tell_own(self, account: Account, by: Device | None, operation: str, what: str, data: Json) -> None:
        for device in account.devices.values():
            if device is not by and not device.is_local:
                self._mex.notify(device, operation, {f"xwa2_notify_newsletter_on_{what}": data})

    # --- GraphQL ---

    def describe(self, newsletter: Newsletter, viewer: Account | None) -> Json:
        """A newsletter as JSON; with ``viewer`` also how that account stands to it."""
        picture = newsletter.picture
        told: Json = {
            "id": str(newsletter.jid),
            "state": {"type": "ACTIVE"},
            "thread_metadata": {
                "creation_time": str(newsletter.created_at),
                "name": _text(newsletter.name, newsletter.named_at),
                "description": _text(newsletter.description, newsletter.described_at),
                "handle": None,
                "invite": newsletter.invite,
                "subscribers_count": str(newsletter.subscribers),
                "verification": "VERIFIED" if newsletter.verified else "UNVERIFIED",
                "picture": _picture(picture, "IMAGE"),
                "preview": _picture(picture, "PREVIEW"),
                "settings": {"reaction_codes": {"value": newsletter.reaction_mode}},
            },
        }
        if viewer is not None:
            follower = newsletter.followers.get(viewer)
            told["viewer_metadata"] = {
                "mute": "ON" if follower and follower.muted else "OFF",
                "role": follower.role.upper() if follower else "GUEST",
            }
        return told

    def _find(self, jid: Any) -> Newsletter:
        try:
            found = self._by_jid.get(Jid.parse(str(jid)))
        except ValueError:
            found = None
        if found is None:
            raise GraphQlError(404, "Not Found")
        return found

    def _fetch(self, device: Device, given: Json) -> Json:
        wanted = given.get("input") or {}
        key = wanted.get("key", "")
        if wanted.get("type") == "INVITE":
            newsletter = next((one for one in self.all if one.invite == key), None)
            if newsletter is None:
                raise GraphQlError(404, "Not Found")
        else:
            newsletter = self._find(key)
        viewer = device.account if given.get("fetch_viewer_metadata") else None
        return {"xwa2_newsletter": self.describe(newsletter, viewer)}

    def _subscribed(self, device: Device, given: Json) -> Json:
        followed = [one for one in self.all if device.account in one.followers]
        return {"xwa2_newsletter_subscribed": [self.describe(one, device.account) for one in followed]}

    def _create(self, device: Device, given: Json) -> Json:
        wanted = given.get("newsletter_input") or {}
        name, description = _checked(wanted.get("name"), MAX_NAME), wanted.get("description") or ""
        if not name:
            raise GraphQlError(400, "Bad Request")
        newsletter = self.add(name, _checked(description, MAX_DESCRIPTION), owner=device.account)
        if wanted.get("picture"):
            newsletter.picture = self._decoded_picture(wanted["picture"])
        return {"xwa2_newsletter_create": self.describe(newsletter, device.account)}

    def _decoded_picture(self, encoded: Any) -> Picture:
        try:
            return self._keep_picture(base64.b64decode(encoded, validate=True))
        except (binascii.Error, TypeError, IqError):
            raise GraphQlError(400, "Bad Request") from None

    def _join(self, device: Device, given: Json, *, follow: bool) -> Json:
        newsletter = self._find(given.get("newsletter_id"))
        follower = newsletter.followers.get(device.account)
        if follow:
            self.follow(newsletter, device.account, device)
            return {"xwa2_newsletter_join_v2": self.describe(newsletter, device.account)}
        if follower is None:
            raise GraphQlError(404, "Not Found")
        if follower.role == "owner":
            raise GraphQlError(405, "Not Allowed")
        self.unfollow(newsletter, device.account, device)
        return {"xwa2_newsletter_leave_v2": {"id": str(newsletter.jid), "state": {"type": "ACTIVE"}}}

    def _mute(self, device: Device, given: Json, *, muted: bool) -> Json:
        newsletter = self._find(given.get("newsletter_id"))
        follower = newsletter.followers.get(device.account)
        if follower is None:
            raise GraphQlError(403, "Forbidden")
        follower.muted = muted
        state = {"id": str(newsletter.jid), "mute": "ON" if muted else "OFF"}
        self._tell_own(device.account, device, "NotificationNewsletterMuteChange", "mute_change", state)
        return {"xwa2_newsletter_update_viewer_settings": state}

    def _update(self, device: Device, given: Json) -> Json:
        newsletter, updates = self._find(given.get("newsletter_id")), given.get("updates") or {}
        if not newsletter.may_post(device.account):
            raise GraphQlError(403, "Forbidden")
        now = int(self._world.clock())
        if updates.get("name"):
            newsletter.name, newsletter.named_at = _checked(updates["name"], MAX_NAME), now
        if "description" in updates:
            newsletter.description = _checked(updates["description"] or "", MAX_DESCRIPTION)
            newsletter.described_at = now
        if updates.get("picture"):
            newsletter.picture = self._decoded_picture(updates["picture"])
        return {"xwa2_newsletter_update": self.describe(newsletter, None)}

    # --- reading ---

    def _required(self, jid: Jid | None) -> Newsletter:
        newsletter = self._by_jid.get(jid) if jid else None
        if newsletter is None:
            raise IqError(404, "item-not-found")
        return newsletter

    def _get(self, device: Device, node: Node) -> Sequence[Node]:
        messages, updates = node.child("messages"), node.child("message_updates")
        if messages is not None:
            invite = messages.get("key") if messages.get("type") == "invite" else ""
            newsletter = next((one for one in self.all if invite and one.invite == invite), None)
            newsletter = newsletter or self._required(messages.jid("jid"))
            posts = posts_before(
                newsletter, _number(messages, "before"), min(_number(messages, "count", 50), MAX_MESSAGES)
            )
            found = [_message(post, whole=True) for post in posts]
            return [Node("messages", {"jid": newsletter.jid, "t": self._world.now()}, found)]
        if updates is not None:
            newsletter = self._required(node.jid("to"))
            after, since = _number(updates, "after"), _number(updates, "since")
            fitting = [post for post in newsletter.posts if post.server_id > after and post.time >= since]
            found = [_message(post, whole=False) for post in fitting[: _number(updates, "count", 50)]]
            return [Node("message_updates", {}, [Node("messages", {"t": self._world.now()}, found)])]
        raise IqError(501, "feature-not-implemented")

    def _subscribe_live(self, device: Device, node: Node) -> Sequence[Node]:
        newsletter = self._required(node.jid("to"))
        if node.child("live_updates") is None:
            raise IqError(501, "feature-not-implemented")
        self._live[device, newsletter.jid] = self._world.clock() + LIVE_SECONDS
        return [Node("live_updates", {"duration": str(LIVE_SECONDS)})]

    def receipt(self, device: Device, node: Node, to: Jid) -> None:
        """A ``view`` receipt names the posts that somebody looked at."""
        newsletter, listed = self._by_jid.get(to), node.child("list")
        if newsletter is None or node.get("type") != "view" or listed is None:
            return
        for item in listed.children("item"):
            post = newsletter.find(_number(item, "server_id"))
            if post is not None:
                post.views += 1
                self._tell_live(newsletter, post)

    # --- posting (see messages.ChatKind) ---

    def refusal(self, sender: Device, node: Node, to: Jid) -> int | None:
        newsletter = self._by_jid.get(to)
        if newsletter is None:
            return 404
        if sender.account not in newsletter.followers:
            return 403
        if node.get("type") == "reaction":
            return None if newsletter.find(_number(node, "server_id")) and node.child("reaction") else 404
        if not newsletter.may_post(sender.account):
            log.info("%r posts to %r without being its admin", sender, newsletter)
            return 403
        if node.get("edit"):
            return None if newsletter.find(node.get("id")) else 404
        plaintext = node.child("plaintext")
        if plaintext is None or _parse(plaintext.data) is None:
            log.warning("%r sent a newsletter message without usable content: %s", sender, node.xml())
            return 400
        return None

    def relay(self, sender: Device, node: Node, to: Jid) -> None:
        newsletter = self._by_jid[to]
        reaction, plaintext = node.child("reaction"), node.child("plaintext")
        if node.get("type") == "reaction" and reaction is not None:
            post = newsletter.find(_number(node, "server_id"))
            if post is not None:
                code = "" if node.get("edit") == _SENDER_REVOKE else reaction.get("code")
                self.react(newsletter, sender.account, post, code)
            return
        message = _parse(plaintext.data) if plaintext is not None else None
        if node.get("edit"):
            post = newsletter.find(node.get("id"))
            if post is not None:
                self.change(newsletter, post, None if node.get("edit") == _REVOKE else message, author=sender)
        elif message is not None:
            self.publish(newsletter, message, post_id=node.get("id"), author=sender)

    def ack_attributes(self, sender: Device, node: Node, to: Jid) -> dict[str, Attr]:
        newsletter = self._by_jid.get(to)
        post = newsletter.find(node.get("id")) if newsletter else None
        return {"server_id": str(post.server_id)} if post else {}


def _parse(data: bytes) -> e2e.Message | None:
    try:
        message = e2e.Message.FromString(data)
    except DecodeError:
        return None
    return message if message.ListFields() else None


def _plaintext(post: Post) -> Node:
    if post.message is None:
        return Node("plaintext")
    media_type = stanza_kind(post.message)[1]
    return Node("plaintext", {"mediatype": media_type} if media_type else {}, post.message.SerializeToString())


def _message(post: Post, *, whole: bool) -> Node:
    """A post in a list; not ``whole``: only what people did with it."""
    content = [_plaintext(post)] if whole else []
    if post.views:
        content.append(Node("views_count", {"count": str(post.views)}))
    if counts := post.reaction_counts:
        reactions = [Node("reaction", {"code": code, "count": str(count)}) for code, count in counts.items()]
        content.append(Node("reactions", {}, reactions))
    attrs = {"id": post.id, "server_id": str(post.server_id), "t": str(post.time), "type": post.kind}
    return Node("message", dict(attrs), content)


def _text(text: str, seconds: int) -> Json:
    return {"id": str(seconds * 1000), "text": text, "update_time": str(seconds * 1_000_000)}


def _picture(picture: Picture | None, kind: str) -> Json | None:
    if picture is None:
        return None
    return {"id": picture.id, "type": kind, "url": "", "direct_path": picture.direct_path}


def _checked(text: Any, limit: int) -> str:
    if not isinstance(text, str) or len(text) > limit:
        raise GraphQlError(400, "Bad Request")
    return text


def _number(node: Node, name: str, default: int = 0) -> int:
    value = node.get(name)
    return int(value) if value.isascii() and value.isdigit() else default
