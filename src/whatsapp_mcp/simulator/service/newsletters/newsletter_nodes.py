"""How newsletters and their posts are written down: JSON and stanzas (whatsmeow types/newsletter.go, notification.go:
parseNewsletterMessages)."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from whatsapp_mcp.simulator.content.stanza_kind import stanza_kind
from whatsapp_mcp.simulator.service.mex import Json
from whatsapp_mcp.simulator.service.newsletters.newsletter import Newsletter, Post
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimPicture
from whatsapp_mcp.wire.node import Node
from whatsapp_mcp.wire.protos import e2e


def describe(newsletter: Newsletter, viewer: SimAccount | None) -> Json:
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


def plaintext_node(post: Post) -> Node:
    """The content of a post; of a deleted one empty."""
    if post.message is None:
        return Node("plaintext")
    media_type = stanza_kind(post.message)[1]
    return Node("plaintext", {"mediatype": media_type} if media_type else {}, post.message.SerializeToString())


def message_node(post: Post, *, whole: bool) -> Node:
    """A post in a list; not ``whole``: only what people did with it."""
    content = [plaintext_node(post)] if whole else []
    if post.views:
        content.append(Node("views_count", {"count": str(post.views)}))
    if counts := post.reaction_counts:
        reactions = [Node("reaction", {"code": code, "count": str(count)}) for code, count in counts.items()]
        content.append(Node("reactions", {}, reactions))
    attrs = {"id": post.id, "server_id": str(post.server_id), "t": str(post.time), "type": post.kind}
    return Node("message", dict(attrs), content)


def _text(text: str, seconds: int) -> Json:
    return {"id": str(seconds * 1000), "text": text, "update_time": str(seconds * 1_000_000)}


def _picture(picture: SimPicture | None, kind: str) -> Json | None:
    if picture is None:
        return None
    return {"id": picture.id, "type": kind, "url": "", "direct_path": picture.direct_path}


def parse_content(data: bytes) -> e2e.Message | None:
    """The content of a post; ``None``: it is none, or empty."""
    try:
        message = e2e.Message.FromString(data)
    except DecodeError:
        return None
    return message if message.ListFields() else None


def number_of(node: Node, name: str, default: int = 0) -> int:
    """A numeric attribute; ``default`` when it is missing or no number."""
    value = node.number(name)
    return default if value is None else value
