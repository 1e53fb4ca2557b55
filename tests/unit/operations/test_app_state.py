"""Changes of the app state: what the caller is told of the pause that they cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from tests.unit.operations.bench import FakeSession
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import ChatChanged
from whatsapp_mcp.operations.app_state import change
from whatsapp_mcp.operations.services import Services, Store
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.side_login.actions import Action, PinChat
from whatsapp_mcp.side_login.queue import Answer, SideLoginQueue
from whatsapp_mcp.supervisor.manager import SessionManager

ANA = Jid.parse("836216255121641@lid")
ACTION = PinChat(ANA, True)


class FakeSideLogin:
    def __init__(self) -> None:
        self.carried: list[Sequence[Action]] = []

    async def change(self, *actions: Action) -> Answer[None]:
        self.carried.append(actions)
        return Answer(None, (ChatChanged(ANA, pinned=True),), 0.3)


async def test_a_change_goes_through_the_side_login() -> None:
    session, side_login = FakeSession(), FakeSideLogin()
    services = Services(Settings(), cast(SessionManager, session), cast(SideLoginQueue, side_login), cast(Store, None))
    assert await change(services, "Pinned.", ACTION) == "Pinned. The session was re-connected for this (0.3 s)."
    assert (side_login.carried, session.commands) == ([(ACTION,)], [])
