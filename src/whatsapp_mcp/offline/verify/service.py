"""What is verified against: the service that the account is linked to, or a simulator made for the run."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
from mcp.client.stdio import StdioServerParameters

from whatsapp_mcp.account_names import DEFAULT_ACCOUNT
from whatsapp_mcp.errors import NotLoggedIn, SetupError
from whatsapp_mcp.offline.verify.at_phone import Attendant, OwnerAtPhone, SimulatedAtPhone
from whatsapp_mcp.offline.verify.recorder import ENDED_WITHIN
from whatsapp_mcp.offline.verify.trial import Phone
from whatsapp_mcp.pipe.account_lock import is_free
from whatsapp_mcp.platform.system import HAS_SIMULATOR
from whatsapp_mcp.session_db.database import linked_device
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.simulator import HistoryChat, HistoryMessage, Simulator, SimulatorConfig

FOLDER_PREFIX: Final = "whatsapp-mcp-verify-"


@dataclass(frozen=True, slots=True)
class ServicePlace:
    """How the server process is started for a run."""

    name: str
    """``WhatsApp`` or ``simulator``, as in the report."""
    data_dir: Path
    account: str
    environment: dict[str, str]
    phone: Phone | None
    simulator: Simulator | None = None
    """Made for this run: the account is still to be linked."""

    async def ended(self) -> None:
        """Wait until no session process uses the account, for some seconds: its files may go then."""
        lock = self.data_dir / self.account / "lock"
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(partial(is_free, lock, limit=ENDED_WITHIN))

    def server(self, more: Mapping[str, str]) -> StdioServerParameters:
        """As a host starts it, with all tools, and ``more`` variables."""
        arguments = ["stdio", "--data-dir", str(self.data_dir), "--account", self.account, "--toolsets", "all"]
        return StdioServerParameters(
            command=sys.executable,
            args=["-P", "-m", "whatsapp_mcp", *arguments],
            env={**os.environ, **self.environment, **more},
        )


def linked_place(settings: Settings, person: Attendant | None) -> ServicePlace:
    """The account that the settings name.

    Args:
        person: who has the phone; None: nobody.

    Raises:
        NotLoggedIn: it is not linked.
        StoreError: its database cannot be read.
    """
    if linked_device(settings.keys) is None:
        raise NotLoggedIn(
            f"the account {settings.account} is not linked, so there is nothing to verify",
            next_step="Link it first, with `whatsapp-mcp login`. To see what this command "
            "does, run `whatsapp-mcp verify --simulated`.",
        )
    environment = {"WHATSAPP_MCP_ENDPOINT": str(settings.endpoint)} if settings.endpoint else {}
    return ServicePlace(
        name="simulator" if settings.endpoint else "WhatsApp",
        data_dir=settings.data_dir,
        account=settings.account,
        environment=environment,
        phone=OwnerAtPhone(person) if person is not None else None,
    )


@asynccontextmanager
async def simulated_place() -> AsyncIterator[ServicePlace]:
    """A simulator and an account that go with the run. Raises SetupError: there is no simulator on this system."""
    if not HAS_SIMULATOR:
        raise SetupError(
            "the simulator needs Linux",
            next_step="Run it in a Linux container, or verify a linked account without --simulated.",
        )
    with tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX, ignore_cleanup_errors=True) as folder:
        async with Simulator(SimulatorConfig(history_after_pairing=True)) as simulator:
            people = await simulator.add_cast()
            earlier = [HistoryMessage("See you on Friday", author=people[0])]
            simulator.phone.history.remember(HistoryChat(people[0], earlier))
            endpoint = Path(folder) / "endpoint.json"
            simulator.write_endpoint(endpoint)
            environment = {
                "WHATSAPP_MCP_ENDPOINT": str(endpoint),
                "WHATSAPP_MCP_REQUIRE_ENDPOINT": "true",
                "WHATSAPP_MCP_SESSION_LINGER": "0",  # nothing outlives the simulator
                "WHATSAPP_MCP_SIDE_LOGIN_DISTANCE": "0",
            }
            place = ServicePlace(
                name="simulator",
                data_dir=Path(folder) / "data",
                account=DEFAULT_ACCOUNT,
                environment=environment,
                phone=SimulatedAtPhone(simulator),
                simulator=simulator,
            )
            try:
                yield place
            finally:
                await place.ended()
