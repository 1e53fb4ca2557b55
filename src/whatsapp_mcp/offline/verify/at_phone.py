"""Who has the phone in hand: the person at the terminal, or the simulator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import anyio.to_thread

from whatsapp_mcp.simulator import ReceivedMessage, Simulator

_COPY_WITHIN: Final = 60.0


class Attendant(Protocol):
    """Whoever started the command."""

    def tell(self, text: str) -> None: ...

    def agrees(self, question: str) -> bool: ...


class OwnerAtPhone:
    """Is asked to do it, or to look."""

    def __init__(self, person: Attendant) -> None:
        self._person = person

    async def vote(self, poll_id: str, option: str) -> None:
        self._person.tell(
            f"  On your phone, in the chat with yourself, vote {option} in the poll (within a minute) ..."
        )

    async def shows(self, ids: Mapping[str, str]) -> bool:
        question = f"  Does the chat with yourself on your phone show the {', the '.join(ids)}?"
        return await anyio.to_thread.run_sync(self._person.agrees, question, abandon_on_cancel=True)


class SimulatedAtPhone:
    """Does it by itself."""

    def __init__(self, simulator: Simulator) -> None:
        self._phone = simulator.phone

    async def vote(self, poll_id: str, option: str) -> None:
        self._phone.vote(await self._copy(poll_id), [option])

    async def shows(self, ids: Mapping[str, str]) -> bool:
        try:
            for message_id in ids.values():
                await self._copy(message_id)
        except TimeoutError:
            return False
        return True

    async def _copy(self, message_id: str) -> ReceivedMessage:
        return await self._phone.wait_for_copy(lambda copy: copy.id == message_id, timeout=_COPY_WITHIN)
