"""The GraphQL queries about newsletters (whatsmeow newsletter.go)."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.service.mex import GraphQlError, Json, Mex
from whatsapp_mcp.simulator.service.newsletters.newsletter import Newsletter
from whatsapp_mcp.simulator.service.newsletters.newsletter_nodes import describe
from whatsapp_mcp.simulator.service.newsletters.newsletters import Newsletters
from whatsapp_mcp.simulator.state.accounts import SimDevice
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.world import World

MAX_NAME = 100
MAX_DESCRIPTION = 2048

_FETCH = "6563316087068696"
_SUBSCRIBED = "6388546374527196"
_CREATE = "6234210096708695"
_FOLLOW = "9926858900719341"
_UNFOLLOW = "6392786840836363"
_MUTE = "6274038279359549"
_UNMUTE = "6068417879924485"
_UPDATE = "7150902998257522"


class NewsletterQueries:
    """Find, follow, make and change newsletters: the queries of ``mex``."""

    def __init__(self, world: World, channels: Newsletters, mex: Mex) -> None:
        self._world = world
        self._channels = channels
        mex.on_query(_FETCH, self._fetch)
        mex.on_query(_SUBSCRIBED, self._subscribed)
        mex.on_query(_CREATE, self._create)
        mex.on_query(_FOLLOW, lambda device, given: self._join(device, given, follow=True))
        mex.on_query(_UNFOLLOW, lambda device, given: self._join(device, given, follow=False))
        mex.on_query(_MUTE, lambda device, given: self._mute(device, given, muted=True))
        mex.on_query(_UNMUTE, lambda device, given: self._mute(device, given, muted=False))
        mex.on_query(_UPDATE, self._update)

    def _find(self, jid: Any) -> Newsletter:
        try:
            found = self._channels.get(Jid.parse(str(jid)))
        except ValueError:
            found = None
        if found is None:
            raise GraphQlError(404, "Not Found")
        return found

    def _fetch(self, device: SimDevice, given: Json) -> Json:
        wanted = given.get("input") or {}
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
        wanted = given.get("newsletter_input") or {}
        name, description = _checked(wanted.get("name"), MAX_NAME), wanted.get("description") or ""
        if not name:
            raise GraphQlError(400, "Bad Request")
        newsletter = self._channels.add(name, _checked(description, MAX_DESCRIPTION), owner=device.account)
        if wanted.get("picture"):
            self._set_picture(newsletter, wanted["picture"])
        return {"xwa2_newsletter_create": describe(newsletter, device.account)}

    def _set_picture(self, newsletter: Newsletter, encoded: Any) -> None:
        try:
            self._channels.set_picture(newsletter, base64.b64decode(encoded, validate=True))
        except (binascii.Error, TypeError, IqError):
            raise GraphQlError(400, "Bad Request") from None

    def _join(self, device: SimDevice, given: Json, *, follow: bool) -> Json:
        newsletter = self._find(given.get("newsletter_id"))
        follower = newsletter.followers.get(device.account)
        if follow:
            self._channels.follow(newsletter, device.account, device)
            return {"xwa2_newsletter_join_v2": describe(newsletter, device.account)}
        if follower is None:
            raise GraphQlError(404, "Not Found")
        if follower.role == "owner":
            raise GraphQlError(405, "Not Allowed")
        self._channels.unfollow(newsletter, device.account, device)
        return {"xwa2_newsletter_leave_v2": {"id": str(newsletter.jid), "state": {"type": "ACTIVE"}}}

    def _mute(self, device: SimDevice, given: Json, *, muted: bool) -> Json:
        newsletter = self._find(given.get("newsletter_id"))
        follower = newsletter.followers.get(device.account)
        if follower is None:
            raise GraphQlError(403, "Forbidden")
        state = self._channels.mute(newsletter, device.account, muted=muted, by=device)
        return {"xwa2_newsletter_update_viewer_settings": state}

    def _update(self, device: SimDevice, given: Json) -> Json:
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
            self._set_picture(newsletter, updates["picture"])
        return {"xwa2_newsletter_update": describe(newsletter, None)}


def _checked(text: Any, limit: int) -> str:
    if not isinstance(text, str) or len(text) > limit:
        raise GraphQlError(400, "Bad Request")
    return text
