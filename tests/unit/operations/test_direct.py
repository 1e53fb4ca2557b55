"""Which way a change of the app state takes: through neonize where it can, else through the courier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from tests.unit.operations.bench import FakeSession
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import ChatChanged
from whatsapp_mcp.operations.direct import change
from whatsapp_mcp.operations.services import Services, Store
from whatsapp_mcp.pipe.protocol import AppStateSent, SendAppState
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.side_login.actions import Action, PinChat
from whatsapp_mcp.side_login.queue import Courier, Delivery
from whatsapp_mcp.supervisor.manager import SessionManager

ANA = Jid.parse("836216255121641@lid")
ACTION = PinChat(ANA, True)


class FakeCourier:
    def __init__(self) -> None:
        self.carried: list[Sequence[Action]] = []

    async def change(self, *actions: Action) -> Delivery[None]:
        self.carried.append(actions)
        return Delivery(None, (ChatChanged(ANA, pinned=True),), 0.3)


def services(*, neonize_can: bool) -> tuple[Services, FakeSession, FakeCourier]:
    session, courier = FakeSession(), FakeCourier()
    session.answers["send_app_state"] = AppStateSent(sent=neonize_can)
    made = Services(Settings(), cast(SessionManager, session), cast(Courier, courier), cast(Store, None))
    return made, session, courier


async def test_a_neonize_that_can_is_used() -> None:
    working, session, courier = services(neonize_can=True)
    assert await change(working, "Pinned.", ACTION) == "Pinned."
    command = session.last(SendAppState)
    (entry,) = command.entries
    assert (command.collection, entry.index, entry.version) == ("regular_low", ("pin_v1", str(ANA)), 5)
    assert courier.carried == [], "no pause was needed"


async def test_one_that_cannot_is_asked_once() -> None:
    working, session, courier = services(neonize_can=False)
    for _ in range(2):
        said = await change(working, "Pinned.", ACTION)
        assert said == "Pinned. The session was re-connected for this (0.3 s)."
    assert len([command for command in session.commands if isinstance(command, SendAppState)]) == 1
    assert courier.carried == [(ACTION,), (ACTION,)]
