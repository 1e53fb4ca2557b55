"""Commands that a side login carries out."""

from __future__ import annotations

from whatsapp_mcp.models.side_login import Answer, BusinessProfile, JoinRequestResult
from whatsapp_mcp.pipe import side_login as p
from whatsapp_mcp.worker.dispatch import handles
from whatsapp_mcp.worker.side_logins import SideLogins


class SideLoginHandlers:
    """What neonize cannot send."""

    def __init__(self, side_logins: SideLogins) -> None:
        self._side_logins = side_logins

    @handles(p.ChangeAppState)
    async def _change_app_state(self, command: p.ChangeAppState) -> Answer[None]:
        return await self._side_logins.ask(command)

    @handles(p.KeepChatMarks)
    async def _keep_chat_marks(self, command: p.KeepChatMarks) -> None:
        await self._side_logins.seen(command.seen)

    @handles(p.ReadAppState)
    async def _read_app_state(self, command: p.ReadAppState) -> Answer[None]:
        return await self._side_logins.ask(command)

    @handles(p.GetBusinessProfile)
    async def _business_profile(self, command: p.GetBusinessProfile) -> Answer[BusinessProfile]:
        return await self._side_logins.ask(command)

    @handles(p.AnswerJoinRequests)
    async def _answer_join_requests(self, command: p.AnswerJoinRequests) -> Answer[tuple[JoinRequestResult, ...]]:
        return await self._side_logins.ask(command)

    @handles(p.RemoveGroupPicture)
    async def _remove_group_picture(self, command: p.RemoveGroupPicture) -> Answer[None]:
        return await self._side_logins.ask(command)
