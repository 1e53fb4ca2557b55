"""The GraphQL queries about newsletters.

Each has had several ids: WhatsApp Web takes a new one when it asks for other fields, and the old one goes on to work.
Sources: whatsmeow newsletter.go; Baileys Types/Mex.ts, and Socket/newsletter.ts before it; whatsapp-rust
mex_operations.rs.
"""

from __future__ import annotations

import base64
from typing import Any, get_args

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.service.mex import GraphQlError, Json, Mex, part
from whatsapp_mcp.simulator.service.newsletters.newsletter import Newsletter, ReactionMode
from whatsapp_mcp.simulator.service.newsletters.newsletter_admins import NewsletterAdmins
from whatsapp_mcp.simulator.service.newsletters.newsletter_nodes import describe
from whatsapp_mcp.simulator.service.newsletters.newsletters import Newsletters
from whatsapp_mcp.simulator.state.accounts import SimDevice
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.world import World

MAX_NAME = 100
MAX_DESCRIPTION = 2048

_FETCH = ("6563316087068696", "6620195908089573", "27456920720571478", "26944199458535748")
_SUBSCRIBED = ("6388546374527196", "25399611239711790")
_CREATE = ("6234210096708695", "6996806640408138", "8823471724422422", "25149874324715067")
_FOLLOW = ("9926858900719341", "7871414976211147", "24404358912487870")
_UNFOLLOW = ("6392786840836363", "7238632346214362", "9767147403369991")
_MUTE = ("6274038279359549", "25151904754424642", "29766401636284406")
_UNMUTE = ("6068417879924485", "7337137176362961", "9864994326891137")
_SETTING = ("31938993655691868",)
_UPDATE = ("7150902998257522", "24250201037901610")
_DELETE = ("8316537688363079", "30062808666639665")
_ADMINS = ("7130823597031706", "26278439461859188")
_CAPABILITIES = ("9801384413216421",)
_FOLLOWERS = ("27472091235714801",)
_REACTED = "29575462448733991"
_MAX_FOLLOWERS = 500


class NewsletterQueries:
    """Find, follow, make and change newsletters: the queries of ``mex``."""

    def __init__(self, world: World, channels: Newsletters, mex: Mex) -> None:
        self._world = world
        self._channels = channels
        for ids, handler in (
            (_FETCH, self._fetch),
            (_SUBSCRIBED, self._subscribed),
            (_CREATE, self._create),
            (_FOLLOW, lambda device, given: self._join(device, given, follow=True)),
            (_UNFOLLOW, lambda device, given: self._join(device, given, follow=False)),
            (_MUTE, lambda device, given: self._mute(device, given, muted=True)),
            (_UNMUTE, lambda device, given: self._mute(device, given, muted=False)),
            (_SETTING, self._set),
            (_UPDATE, self._update),
            (_DELETE, self._delete),
            (_ADMINS, self._admins),
            (_CAPABILITIES, self._capabilities),
            (_FOLLOWERS, self._followers),
        ):
            for query_id in ids:
                mex.on_query(query_id, handler)
        mex.on_query(_REACTED, self._reacted)
        self._admins_of = NewsletterAdmins(world, self._find, mex)

    def _find(self, jid: Any) -> Newsletter:
        try:
            found = self._channels.get(Jid.parse(str(jid)))
        except ValueError:
            found = None
        if found is None:
            raise GraphQlError(404, "Not Found")
        return found

    def _fetch(self, device: SimDevice, given: Json) -> Json:
        wanted = part(given, "input")
        key = wanted.get("key", "")
        if wanted.get("type") == "INVITE":
            newsletter = next((one for one in self._channels.all if one.invite == key), None)
            if newsletter is None:
                raise GraphQlError(404, "Not Found")
        else:
            newsletter = self._find(key)
        viewer = device.account if given.get("fetch_viewer_metadata") else None
        return {"xwa2_newsletter": describe(newsletter, viewer)}

    def _subscribed(self, device: SimDevice, given: Json) -> Json:
        followed = [one for one in self._channels.all if device.account in one.followers]
        return {"xwa2_newsletter_subscribed": [describe(one, device.account) for one in followed]}

    def _create(self, device: SimDevice, given: Json) -> Json:
        wanted = part(given, "newsletter_input") or part(given, "input")
        name, description = _checked(wanted.get("name"), MAX_NAME), wanted.get("description") or ""
        if not name:
            raise GraphQlError(400, "Bad Request")
        newsletter = self._channels.add(name, _checked(description, MAX_DESCRIPTION), owner=device.account)
        if wanted.get("picture"):
            self._set_picture(newsletter, wanted["picture"])
        _take_settings(newsletter, wanted)
        told = describe(newsletter, device.account)
        for kind, name in (("IMAGE", "picture"), ("PREVIEW", "preview")):
            # Clients read the picture of what they made, even where there is none (Baileys Socket/newsletter.ts).
            told["thread_metadata"][name] = told["thread_metadata"][name] or {"id": "", "type": kind, "direct_path": ""}
        return {"xwa2_newsletter_create": told}

    def _set_picture(self, newsletter: Newsletter, encoded: Any) -> None:
        try:
            self._channels.set_picture(newsletter, base64.b64decode(encoded, validate=True))
        except (ValueError, TypeError, IqError):
            raise GraphQlError(400, "Bad Request") from None

    def _join(self, device: SimDevice, given: Json, *, follow: bool) -> Json:
        newsletter = self._find(given.get("newsletter_id"))
        follower = newsletter.followers.get(device.account)
        if follow:
            self._channels.follow(newsletter, device.account, device)
            return _under(describe(newsletter, device.account), "join_v2", "follow")
        if follower is None:
            raise GraphQlError(404, "Not Found")
        if follower.role == "owner":
            raise GraphQlError(405, "Not Allowed")
        self._channels.unfollow(newsletter, device.account, device)
        return _under(_state_of(newsletter), "leave_v2", "unfollow")

    def _mute(self, device: SimDevice, given: Json, *, muted: bool) -> Json:
        newsletter = self._find(given.get("newsletter_id"))
        follower = newsletter.followers.get(device.account)
        if follower is None:
            raise GraphQlError(403, "Forbidden")
        state = self._channels.mute(newsletter, device.account, muted=muted, by=device)
        return _under(state, "update_viewer_settings", "mute_v2" if muted else "unmute_v2")

    def _set(self, device: SimDevice, given: Json) -> Json:
        """What reaches a follower: posts (``MUTE_ADMIN_ACTIVITY``), what others do (``MUTE_FOLLOWER_ACTIVITY``)."""
        wanted = part(given, "input")
        newsletter = self._find(wanted.get("newsletter_id"))
        if wanted.get("type") == "MUTE_ADMIN_ACTIVITY":
            self._mute(device, wanted, muted=wanted.get("value") == "ON")
        elif device.account not in newsletter.followers:
            raise GraphQlError(403, "Forbidden")
        return {"xwa2_newsletter_update_user_setting": _state_of(newsletter)}

    def _delete(self, device: SimDevice, given: Json) -> Json:
        newsletter = self._admins_of.owned(device, given)
        self._channels.delete(newsletter, device)
        return {"xwa2_newsletter_delete_v2": {"id": str(newsletter.jid), "state": {"type": "DELETED"}}}

    def _admins(self, device: SimDevice, given: Json) -> Json:
        newsletter = self._find(given.get("newsletter_id"))
        count = sum(follower.role != "subscriber" for follower in newsletter.followers.values())
        settings = {"admin_profiles_enabled": False}
        told = {"id": str(newsletter.jid), "admin_count": count, "admin_profile": None, "admin_settings": settings}
        return {"xwa2_newsletter_admin": told}

    def _capabilities(self, device: SimDevice, given: Json) -> Json:
        newsletter = self._find(given.get("newsletter_id"))
        return {"xwa2_newsletter_admin": {"id": str(newsletter.jid), "capabilities": []}}

    def _reacted(self, device: SimDevice, given: Json) -> Json:
        """Who reacted with what to a post."""
        wanted = part(given, "input")
        newsletter = self._find(wanted.get("id"))
        server_id = str(wanted.get("server_id"))
        post = next((one for one in newsletter.posts if str(one.server_id) == server_id), None)
        if post is None:
            raise GraphQlError(404, "Not Found")
        senders: dict[str, list[Json]] = {}
        for account, emoji in post.reactions.items():
            node = {"id": str(account.lid), "profile_pic_direct_path": None}
            senders.setdefault(emoji, []).append({"node": node})
        reactions = [{"reaction_code": code, "sender_list": {"edges": edges}} for code, edges in senders.items()]
        return {"xwa2_newsletters_reaction_sender_list": {"reactions": reactions}}

    def _followers(self, device: SimDevice, given: Json) -> Json:
        """The newest first, as its owner and admins may see them."""
        wanted = part(given, "input")
        newsletter, count = self._find(wanted.get("newsletter_id")), wanted.get("count")
        if not newsletter.may_post(device.account):
            raise GraphQlError(403, "Forbidden")
        limit = count if isinstance(count, int) and 0 <= count < _MAX_FOLLOWERS else _MAX_FOLLOWERS
        edges = [
            {
                "node": {"id": str(who.lid), "pn": str(who.pn), "display_name": who.push_name, "username_info": None},
                "role": follower.role.upper(),
                "follow_time": str(newsletter.created_at),
                "admin_profile": None,
            }
            for who, follower in list(newsletter.followers.items())[::-1][:limit]
        ]
        return {"xwa2_newsletter_followers": {"followers": {"edges": edges}}}

    def _update(self, device: SimDevice, given: Json) -> Json:
        newsletter, updates = self._find(given.get("newsletter_id")), part(given, "updates")
        if not newsletter.may_post(device.account):
            raise GraphQlError(403, "Forbidden")
        now = int(self._world.clock())
        if updates.get("name"):
            newsletter.name, newsletter.named_at = _checked(updates["name"], MAX_NAME), now
        if "description" in updates:
            newsletter.description = _checked(updates["description"] or "", MAX_DESCRIPTION)
            newsletter.described_at = now
        if updates.get("picture"):
            self._set_picture(newsletter, updates["picture"])
        elif updates.get("picture") == "":
            newsletter.picture = None
        _take_settings(newsletter, updates)
        return {"xwa2_newsletter_update": describe(newsletter, None)}


def _under(told: Json, name: str, old_name: str) -> Json:
    """An answer under its name, and under the one where Baileys looks for it up to 7.0.0-rc.9 (Types/Newsletter.ts)."""
    return {f"xwa2_newsletter_{name}": told, f"xwa2_newsletter_{old_name}": told}


def _take_settings(newsletter: Newsletter, given: Json) -> None:
    """Which reactions there may be."""
    mode = part(part(given, "settings"), "reaction_codes").get("value")
    found = next((known for known in get_args(ReactionMode) if known == str(mode).lower()), None)
    if mode is not None and found is None:
        raise GraphQlError(400, "Bad Request")
    newsletter.reaction_mode = found or newsletter.reaction_mode


def _state_of(newsletter: Newsletter) -> Json:
    return {"id": str(newsletter.jid), "state": {"type": "ACTIVE"}}


def _checked(text: Any, limit: int) -> str:
    if not isinstance(text, str) or len(text) > limit:
        raise GraphQlError(400, "Bad Request")
    return text
