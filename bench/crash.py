"""``python -m bench.crash [--kills N] [--servers N] [--seed S] [--json]``: kill processes under load, and count.

Ten servers share one account; their users send, list and sometimes have the session paused. Contacts write, react and
edit all the time, privately and in a group, also the one whom the users write to. Meanwhile a server is killed, one
leaves in order and another comes, the session process is killed, and three servers at once ask to restart it: each N
times, mixed and at random moments.

When everything has settled, every message of a contact that the simulator saw confirmed must be in the store once: as
it was written or, after a kill of the session process only, as a placeholder that says that the content was lost, or
that it could not be decrypted, where the kill came between whatsmeow's confirmation and its request to send the message
again. What a tool said was sent came to its recipient once and is in the store; nothing came twice, whatever failed.
Calls fail with their own server, or when the session process was killed during them, and else never: unless they took
longer than the 5 seconds that a restart in order waits for them. There was one session process at a time, and after the
last server no process is left.

Takes some four seconds for each fault, so it is no row of the table.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Final, Literal, get_args

import click

from bench.crash_count import Figures, Seen, count, undecrypted
from bench.crash_load import Call, Contacts, Server, User, background
from bench.mcp_host import environment
from bench.processes import adopting_orphans, below, sessions
from bench.program import BenchError
from whatsapp_mcp.simulator import Simulator
from whatsapp_mcp.simulator.state.accounts import SimDevice

__all__ = ["FAULTS", "Fault", "Figures", "play"]

Fault = Literal["kill server", "kill session", "restart", "leave"]
FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)
SERVERS: Final = 10
AT_ONCE: Final = 3
"""Servers that ask for the same restart."""
RUN_UP: Final = 0.8
"""Most seconds between a connection and the next fault."""
UNREADY: Final = 0.2
"""Share of the faults that do not wait for a connection."""
FORGIVEN: Final = 20
"""Kills in a row of the session process after which a restart is asked for: later ones would be paused for."""
CONNECT_LIMIT: Final = 120.0
SETTLE_LIMIT: Final = 120.0
QUIET: Final = 3.0
"""Seconds after the last confirmation, for what is decided a little later: whether a repetition was a loss."""
LINGER: Final = 1
END_LIMIT: Final = 60.0
WATCH: Final = 0.1
"""Seconds between two looks at the processes."""


class _Run:
    """A simulator, and servers that come and go on the same data directory."""

    def __init__(self, simulator: Simulator, home: Path, servers: int, chance: random.Random) -> None:
        endpoint = home / "endpoint.json"
        simulator.write_endpoint(endpoint)
        variables = environment(
            home,
            endpoint,
            WHATSAPP_MCP_CONNECT_WAIT="60",  # a busy machine is slow, and that is not what is counted
            WHATSAPP_MCP_SESSION_LINGER=str(LINGER),
            WHATSAPP_MCP_SIDE_LOGIN_DISTANCE="0",
            WHATSAPP_MCP_SIDE_LOGIN_PER_DAY="0",
        )
        self._simulator = simulator
        self._chance = chance
        self._data_dir = home / "data"
        self.store = self._data_dir / "default" / "messages.db"
        self.servers = [Server(variables) for _ in range(servers)]
        self.kills: list[float] = []
        self.failed: list[Call] = []
        self.most_sessions = 0

    async def start(self) -> None:
        """Link by the first server; the others come all at once."""
        first, *others = self.servers
        await first.start()
        login = await first.call("appLogin")
        await self._simulator.phone.scan(login["qr_text"])
        await self.connected(first)
        await asyncio.gather(*(server.start() for server in others))

    async def end(self) -> None:
        await asyncio.gather(*(server.end() for server in self.servers))

    async def watch(self) -> None:
        while True:
            self.most_sessions = max(self.most_sessions, len(sessions(self._data_dir)))
            await asyncio.sleep(WATCH)

    async def connected(self, server: Server | None = None) -> None:
        """By calling, as a client would."""
        async with asyncio.timeout(CONNECT_LIMIT):
            while True:
                with contextlib.suppress(BenchError):
                    await (server or self._chance.choice(self.servers)).call("appDevices")
                    return
                await asyncio.sleep(0.05)

    async def commit(self, fault: Fault) -> None:
        server = self._chance.choice(self.servers)
        match fault:
            case "restart":
                await self._restart(self._chance.sample(self.servers, min(AT_ONCE, len(self.servers))))
            case "kill session":
                await self._kill_session()
                if len(self.kills) % FORGIVEN == 0:
                    await self._restart([server])
            case "kill server":
                os.kill(server.pid, signal.SIGKILL)
                server.killed.append(time.monotonic())
                await server.replace()
            case "leave":
                await server.replace()

    async def _kill_session(self) -> None:
        async with asyncio.timeout(CONNECT_LIMIT):
            while True:
                for process in sessions(self._data_dir):
                    self.kills.append(time.monotonic())
                    with contextlib.suppress(ProcessLookupError):  # it has just ended
                        os.kill(process.pid, signal.SIGKILL)
                    return
                await asyncio.sleep(WATCH)

    async def _restart(self, servers: Sequence[Server]) -> None:
        answers = await asyncio.gather(*(server.call("appReconnect") for server in servers), return_exceptions=True)
        for server, answer in zip(servers, answers, strict=True):
            if isinstance(answer, BaseException):
                self.failed.append(Call(server, "appReconnect", server.began, time.monotonic(), str(answer)))

    @property
    def _device(self) -> SimDevice:
        (device,) = (one for one in self._simulator.phone.account.devices.values() if not one.is_local)
        return device

    def backlog(self) -> int:
        return len(self._device.waiting)

    def waiting(self) -> set[str]:
        """Ids of messages that the linked device has not confirmed."""
        return {node.get("id") for node in self._device.waiting if node.tag == "message"}


async def play(faults: Sequence[Fault], *, seed: int, home: Path, servers: int = SERVERS) -> Figures:
    """Commit the faults in this order, with the moments between them by ``seed``.

    Raises:
        BenchError: the servers do not come back.
    """
    chance = random.Random(seed)
    began = time.monotonic()
    before = {process.pid for process in below()}
    async with AsyncExitStack() as stack:
        stack.enter_context(adopting_orphans())
        simulator = await stack.enter_async_context(Simulator())
        people = [await simulator.add_contact(name) for name in ("Ana", "Bruno", "Chen", "Dora")]
        reader = people[-1]  # who writes herself meanwhile
        group = await simulator.add_group("Team", members=[simulator.phone, *people[1:]], owner=people[0])
        run = _Run(simulator, home, servers, chance)
        contacts = Contacts(people, group, chance, run.backlog)
        users = [User(number, server, reader, chance) for number, server in enumerate(run.servers)]
        try:
            async with background(run.watch()):
                await run.start()
                await users[0].begin()
                async with background(contacts.write(), *(user.work() for user in users)):
                    await _commit_all(run, faults, chance)
                waiting = await _settled(run, contacts)
        finally:
            await run.end()
        left = await _left_behind(before)
        received = [(message.id, message.summary.text) for message in reader.inbox if message.group is None]
    seen = Seen(
        faults={fault: list(faults).count(fault) for fault in FAULTS},
        seconds=time.monotonic() - began,
        kills=run.kills,
        waiting=waiting,
        received=received,
        failed=run.failed,
        most_sessions=run.most_sessions,
        left_behind=left,
    )
    return count(run.store, contacts, users, seen)


async def _commit_all(run: _Run, faults: Sequence[Fault], chance: random.Random) -> None:
    for fault in faults:
        if chance.random() > UNREADY:
            await run.connected()
        await asyncio.sleep(chance.uniform(0, RUN_UP))
        await run.commit(fault)
    await run.connected()
    await asyncio.sleep(chance.uniform(0, RUN_UP))


async def _settled(run: _Run, contacts: Contacts) -> set[str]:
    """What is still not confirmed when nothing changes any more, or the time is over."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_LIMIT):
            # What could not be decrypted after a kill was asked for again, and comes only now.
            while run.waiting() & contacts.ids or undecrypted(run.store) & contacts.asked_again:
                await run.connected()
                await asyncio.sleep(0.1)
    await asyncio.sleep(QUIET)
    return run.waiting()


async def _left_behind(before: set[int]) -> list[str]:
    """Processes that the run began and that do not end."""
    deadline = time.monotonic() + END_LIMIT
    while True:
        left = [f"{process.pid} {process.command}" for process in below() if process.pid not in before]
        if not left or time.monotonic() > deadline:
            return left
        await asyncio.sleep(WATCH)


@click.command()
@click.option("--kills", default=100, show_default=True, help="How often each fault happens.")
@click.option("--servers", default=SERVERS, show_default=True, help="Servers of the account at once.")
@click.option("--seed", default=1, show_default=True, help="Of the order and the moments of the faults.")
@click.option("--only", type=click.Choice(FAULTS), help="This fault only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(kills: int, servers: int, seed: int, only: Fault | None, as_json: bool) -> None:
    """Kill and restart under load; exit with 1 when something is missing, doubled, wrong or left behind."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # the simulator writes to connections that were just killed
    faults = [fault for fault in FAULTS if only in (None, fault)] * kills
    random.Random(seed).shuffle(faults)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        figures = asyncio.run(play(faults, seed=seed, home=Path(folder), servers=servers))
    if as_json:
        click.echo(json.dumps(asdict(figures) | {"ok": figures.ok}, indent=2))
    else:
        for name, value in asdict(figures).items():
            shown = (
                f"{value:.0f}"
                if isinstance(value, float)
                else "\n".join(value) or "0"
                if isinstance(value, list)
                else value
            )
            click.echo(f"{name:>19}  {shown}")
    sys.exit(0 if figures.ok else 1)


if __name__ == "__main__":
    main()
