"""What an account shows of itself: about text and profile picture (whatsmeow user.go, group.go: SetGroupPhoto)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, overload

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.service.groups.group_settings import GroupSettings
from whatsapp_mcp.simulator.service.mex import Mex, part
from whatsapp_mcp.simulator.service.pictures import Pictures
from whatsapp_mcp.simulator.service.router import Router, notification
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice, SimPicture
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node

log = logging.getLogger(__name__)

MAX_ABOUT = 139

_SET_ABOUT = "9152604461510864"
_PROPS_HASH = "1795800000"
"""Of the switches that clients are given; there are none."""


class Profile:
    """``iq xmlns=w:profile:picture`` and ``status``, and what a login asks aside."""

    def __init__(self, world: World, pictures: Pictures, groups: GroupSettings, mex: Mex) -> None:
        self._world = world
        self._pictures = pictures
        self._groups = groups
        mex.on_query(_SET_ABOUT, self._set_about)

    def register(self, router: Router) -> None:
        router.on_iq("w:profile:picture", "get", self._get_picture)
        router.on_iq("w:profile:picture", "set", self._set_picture)
        router.on_iq("status", "set", self._set_about_directly)
        for taken_note_of in ("urn:xmpp:whatsapp:dirty", "urn:xmpp:whatsapp:push"):
            router.on_iq(taken_note_of, "set", lambda device, node: ())
        router.on_iq("abt", "get", lambda device, node: [Node("props", {"protocol": "1", "hash": _PROPS_HASH})])
        router.on_iq("w", "get", lambda device, node: [Node("props", {"hash": _PROPS_HASH})])
        # The bots that there are: none.
        router.on_iq("bot", "get", lambda device, node: [Node("bot", {"v": "2"})])

    # --- pictures ---

    def set_picture(self, account: SimAccount, jpeg: bytes) -> SimPicture:
        """Give an account a profile picture; those who may see it are told.

        Raises:
            IqError: 406, it is no JPEG or too large.
        """
        return self._change_picture(account, self._pictures.keep(jpeg), None)

    def remove_picture(self, account: SimAccount) -> None:
        """Take the profile picture away; those who could see it are told."""
        self._change_picture(account, None, None)

    @overload
    def _change_picture(self, account: SimAccount, picture: SimPicture, by: SimDevice | None) -> SimPicture: ...
    @overload
    def _change_picture(self, account: SimAccount, picture: None, by: SimDevice | None) -> None: ...
    def _change_picture(
        self, account: SimAccount, picture: SimPicture | None, by: SimDevice | None
    ) -> SimPicture | None:
        account.picture = picture
        _tell_picture(self._world, account, by)
        return picture

    def _get_picture(self, device: SimDevice, node: Node) -> Sequence[Node]:
        wanted = node.child("picture")
        if wanted is None:
            raise IqError(400, "bad-request")
        picture = self._visible_picture(device.account, node.jid("target") or node.jid("to"))
        if picture is None:
            raise IqError(404, "item-not-found")
        if wanted.get("id") == picture.id:
            return [Node("picture", {"status": "304"})]
        attrs: dict[str, Attr] = {
            "id": picture.id,
            "type": wanted.get("type", "image"),
            "url": picture.url,
            "direct_path": picture.direct_path,
        }
        return [Node("picture", attrs)]

    def _visible_picture(self, viewer: SimAccount, target: Jid | None) -> SimPicture | None:
        if target is not None and target.is_group:
            return self._groups.visible_picture(self._world.require_group(target), viewer)
        account = self._world.account(target)
        if account is not None and account.picture is not None and not account.shows_to("profile", viewer):
            raise IqError(401, "not-authorized")
        return account.picture if account is not None else None

    def _set_picture(self, device: SimDevice, node: Node) -> Sequence[Node]:
        target = node.jid("target")
        if target is not None and target.is_group:
            return self._set_group_picture(device.account, target, node.child("picture"))
        if target is not None and self._world.account(target) is not device.account:
            raise IqError(403, "forbidden")
        wanted = node.child("picture")
        if wanted is None or not wanted.data:
            self._change_picture(device.account, None, device)
            return ()
        picture = self._change_picture(device.account, self._pictures.keep(wanted.data), device)
        return [Node("picture", {"id": picture.id})]

    def _set_group_picture(self, actor: SimAccount, group: Jid, wanted: Node | None) -> Sequence[Node]:
        """A request without ``<picture>`` removes it; an empty one is no picture."""
        picture = self._pictures.keep(wanted.data) if wanted is not None else None
        self._groups.set_picture(self._world.require_group(group), actor, picture)
        return [Node("picture", {"id": picture.id})] if picture else ()

    # --- about ---

    def _set_about(self, device: SimDevice, variables: dict[str, Any]) -> dict[str, Any]:
        text = part(variables, "input").get("text")
        if not isinstance(text, str):
            raise IqError(400, "bad-request")
        self._change_about(device, text)
        return {"xwa2_update_text_status": {"result": "SUCCESS"}}

    def _set_about_directly(self, device: SimDevice, node: Node) -> Sequence[Node]:
        status = node.child("status")
        if status is None:
            raise IqError(400, "bad-request")
        self._change_about(device, status.data.decode("utf-8", "replace"))
        return ()

    def _change_about(self, device: SimDevice, text: str) -> None:
        if len(text) > MAX_ABOUT:
            raise IqError(406, "not-acceptable")
        device.account.about, device.account.about_set_at = text, int(self._world.clock())


def _tell_picture(world: World, account: SimAccount, by: SimDevice | None) -> None:
    """Tell everybody who may see it, and the account's own devices except the one that did it (whatsmeow
    notification.go: handlePictureNotification)."""
    for other in world.accounts:
        if not account.shows_to("profile", other):
            continue
        for device in other.devices.values():
            if device is not by and not device.is_local:
                device.deliver(_picture_notice(world, account, device, own=other is account))


def _picture_notice(world: World, account: SimAccount, receiver: SimDevice, *, own: bool) -> Node:
    if own:
        return notification(world, receiver.name_of(account), "account_sync", Node("picture"))
    name = receiver.name_of(account)
    change: dict[str, Attr] = {"jid": name, "author": name}
    picture = account.picture
    told = Node("delete", change) if picture is None else Node("set", {**change, "id": picture.id})
    return notification(world, name, "picture", told)
