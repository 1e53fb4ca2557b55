"""Pictures of groups (``w:profile:picture`` with ``target=GROUP``, whatsmeow group.go: SetGroupPhoto)."""

from __future__ import annotations

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.service.groups.group_settings import GroupSettings
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimPicture
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.world import World

__all__ = ["GroupPictures"]


class GroupPictures:
    """Who may see and change them."""

    def __init__(self, world: World, settings: GroupSettings) -> None:
        self._world = world
        self._settings = settings

    def visible_to(self, account: SimAccount, group: Jid) -> SimPicture | None:
        """The picture, ``None`` when there is none.

        Raises:
            IqError: 404 no such group, 401 not in it (whatsmeow ErrProfilePictureUnauthorized).
        """
        state = self._world.require_group(group)
        if account not in state.members:
            raise IqError(401, "not-authorized")
        return state.picture

    def change(self, account: SimAccount, group: Jid, picture: SimPicture | None) -> None:
        """Set the picture, or take it away.

        Raises:
            IqError: 404 no such group, 403 not in it or not an admin of a locked one.
        """
        self._settings.set_picture(self._world.require_group(group), account, picture)
