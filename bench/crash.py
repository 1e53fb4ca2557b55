"""``python -m bench.crash [--kills N] [--seed S] [--json]``: kill processes while messages pour in, and count.

Contacts write, react and edit all the time, privately and in a group. Meanwhile the server process is killed, the
session process is killed, and the session is restarted in order, each N times, mixed and at random moments. When
everything has settled, every message that the simulator saw confirmed must be in the store once: as it was written or,
after a kill of the session process only, as a placeholder that says that the content was lost, or that it could not be
decrypted, where the kill came between whatsmeow's confirmation and its request to send the message again. Takes some
four seconds for each fault, so it is no row of the table.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import click

from bench.mcp_host import SERVER, Host, environment, hosting
from bench.memory import child_of
from bench.program import BenchError
from whatsapp_mcp.simulator import Simulator, VirtualContact
from whatsapp_mcp.simulator.people.sent import SentMessage
from whatsapp_mcp.simulator.service.groups.group import Group
from whatsapp_mcp.simulator.state.accounts import SimDevice

__all__ = ["Fault", "Figures", "play"]

Fault = Literal["kill server", "kill session", "restart"]
FAULTS: Final[tuple[Fault, ...]] = ("kill server", "kill session", "restart")
PAUSE: Final = 0.004
"""Mean seconds between two messages, beside the time that the simulator needs to encrypt one."""
BACKLOG: Final = 500
"""Undelivered stanzas at which contacts wait for a slow machine."""
RUN_UP: Final = 0.8
"""Most seconds between a connection and the next fault."""
SOON: Final = 0.2
"""Seconds in which the first restart after a crash has begun."""
CONNECT_LIMIT: Final = 40.0
SETTLE_LIMIT: Final = 40.0
QUIET: Final = 3.0
"""Seconds after the last confirmation, for what is decided a little later: whether a repetition was a loss."""


@dataclass
class Figures:
    """What came of it."""

    faults: dict[str, int]
    seconds: float
    sent: int
    """Messages with content of their own."""
    events: int
    """Reactions and edits, which no row of their own stands for."""
    confirmed: int
    """Of ``sent``: those whose receipt the simulator saw."""
    stored: int
    """Of ``confirmed``: those that are in the store as they were written."""
    placeholders: int
    """Of ``confirmed``: those of which the store says that the content was lost."""
    unasked: int
    """Of ``confirmed``: those that could not be decrypted, and that nobody was asked to send again."""
    missing: int
    """Of ``confirmed``: those of which nothing is in the store."""
    wrong: int
    """Rows with another text than was written, or that are undecryptable for another reason."""
    duplicates: int
    """Rows beyond the first for one message."""
    strangers: int
    """Rows for what is no message, such as a reaction, though it was not lost."""
    events_applied: int
    """Of ``events``: those that the store knows of."""
    events_placeholders: int
    """Of ``events``: those that left a placeholder, of either kind."""
    events_missing: int
    """Of ``events``: the rest; lost and confirmed at once, which of them leaves no trace."""

    @property
    def ok(self) -> bool:
        """Nothing is missing, doubled or invented; content is lost by kills of the session process only."""
        never = self.sent - self.confirmed, self.missing, self.wrong, self.duplicates, self.strangers
        lost = self.placeholders, self.unasked, self.events_placeholders, self.events_missing
        return not any(never) and not (any(lost) and not self.faults.get("kill session"))


class _Load:
    """Contacts who write, react and edit without end, unless very much waits to be delivered."""

    def __init__(self, run: _Run, people: Sequence[VirtualContact], group: Group, chance: random.Random) -> None:
        self._run = run
        self._people = people
        self._group = group
        self._chance = chance
        self._last: dict[VirtualContact, SentMessage] = {}
        self.texts: dict[str, set[str]] = {}
        """By message: what it says, at first and after edits."""
        self.reactions: dict[str, str] = {}
        """Message by reaction; one to a message at most."""
        self.edits: dict[str, str] = {}
        """Message by edit; one of a message at most."""

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / PAUSE))
            if self._run.backlog < BACKLOG:
                self._act(self._chance.choice(self._people))

    @property
    def ids(self) -> set[str]:
        return self.texts.keys() | self.reactions.keys() | self.edits.keys()

    @property
    def asked(self) -> set[str]:
        """Those that the linked device asked to be sent again."""
        receipts = (receipt for who in self._people for receipt in who.receipts)
        return {message_id for receipt in receipts if receipt.kind == "retry" for message_id in receipt.ids}

    def _act(self, who: VirtualContact) -> None:
        last = self._last.get(who)
        text = f"Number {len(self.texts)} of those that {who.name} and others write"
        throw = self._chance.random()
        if last is not None and throw < 0.08 and last.id not in self.reactions.values():
            self.reactions[who.react(self._chance.choice("👍🎉🙏"), last).id] = last.id
        elif last is not None and throw > 0.95 and last.id not in self.edits.values():
            self.texts[last.id].add(text)
            self.edits[who.edit(last, text).id] = last.id
        else:
            sent = who.say(text, to=self._group if self._chance.random() < 0.4 else None)
            self._last[who] = sent
            self.texts[sent.id] = {text}


class _Run:
    """A simulator, and one server after the other on the same data directory."""

    def __init__(self, simulator: Simulator, home: Path) -> None:
        endpoint = home / "endpoint.json"
        simulator.write_endpoint(endpoint)
        self._simulator = simulator
        self._environment = environment(home, endpoint, WHATSAPP_MCP_CONNECT_WAIT="2")
        self.store = home / "data" / "default" / "messages.db"
        self._hosting: contextlib.AbstractAsyncContextManager[Host] | None = None
        self._host: Host

    async def start(self) -> None:
        self._hosting = hosting(SERVER, self._environment)
        self._host = await self._hosting.__aenter__()

    async def end(self) -> None:
        if self._hosting is not None:
            await self._hosting.__aexit__(None, None, None)
            self._hosting = None

    async def pair(self) -> None:
        login = await self._host.call("appLogin")
        await self._simulator.phone.scan(login.results["qr_text"])
        await self.connected()

    async def connected(self) -> None:
        """By calling, as a client would."""
        async with asyncio.timeout(CONNECT_LIMIT):
            while True:
                with contextlib.suppress(BenchError):
                    await self._host.call("appDevices")
                    return
                await asyncio.sleep(0.05)

    async def commit(self, fault: Fault) -> None:
        pid = self._host.program.pid
        match fault:
            case "restart":
                await self._host.call("appReconnect", timeout=CONNECT_LIMIT)
            case "kill session":
                os.kill(child_of(pid), signal.SIGKILL)
                await self._skip_back_off()
            case "kill server":
                os.kill(pid, signal.SIGKILL)
                await self.end()
                await self.start()

    async def _skip_back_off(self) -> None:
        """The server starts the next session process by itself, but waits longer after each crash in a row."""
        await asyncio.sleep(SOON)
        try:
            await self._host.call("appDevices", timeout=CONNECT_LIMIT)
        except BenchError:
            await self._host.call("appReconnect", timeout=CONNECT_LIMIT)

    @property
    def _device(self) -> SimDevice:
        (device,) = (one for one in self._simulator.phone.account.devices.values() if not one.is_local)
        return device

    @property
    def backlog(self) -> int:
        return len(self._device.waiting)

    def waiting(self) -> set[str]:
        """Ids of messages that the linked device has not confirmed."""
        return {node.get("id") for node in self._device.waiting if node.tag == "message"}


async def play(faults: Sequence[Fault], *, seed: int, home: Path) -> Figures:
    """Commit the faults in this order, with the moments between them by ``seed``.

    Raises:
        BenchError: the server does not come back.
    """
    chance = random.Random(seed)
    began = time.monotonic()
    async with Simulator() as simulator:
        people = [await simulator.add_contact(name) for name in ("Ana", "Bruno", "Chen")]
        group = await simulator.add_group("Team", members=[simulator.phone, *people[1:]], owner=people[0])
        run = _Run(simulator, home)
        await run.start()
        try:
            await run.pair()
            load = _Load(run, people, group, chance)
            async with _running(load.run()):
                for fault in faults:
                    await run.connected()
                    await asyncio.sleep(chance.uniform(0, RUN_UP))
                    await run.commit(fault)
                await run.connected()
                await asyncio.sleep(chance.uniform(0, RUN_UP))
            waiting = await _settled(run, load)
        finally:
            await run.end()
    return _count(run.store, load, waiting, faults, time.monotonic() - began)


@asynccontextmanager
async def _running(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _settled(run: _Run, load: _Load) -> set[str]:
    """What is still not confirmed when nothing changes any more, or the time is over."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_LIMIT):
            # What could not be decrypted after a kill was asked for again, and comes only now.
            while run.waiting() & load.ids or _undecrypted(run.store) & load.asked:
                await run.connected()
                await asyncio.sleep(0.1)
    await asyncio.sleep(QUIET)
    return run.waiting()


def _undecrypted(store: Path) -> set[str]:
    """What could not be decrypted, and was not lost either."""
    with contextlib.closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT id, extra FROM messages WHERE kind = 'undecryptable'").fetchall()
    return {message_id for message_id, extra in rows if not json.loads(extra or "{}").get("lost")}


def _count(store: Path, load: _Load, waiting: set[str], faults: Sequence[Fault], seconds: float) -> Figures:
    with contextlib.closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as connection:
        rows: list[tuple[str, str, str, str | None]] = connection.execute(
            "SELECT id, kind, text, extra FROM messages"
        ).fetchall()
        reacted = {message_id for (message_id,) in connection.execute("SELECT message_id FROM reactions")}
        edited = {message_id for (message_id,) in connection.execute("SELECT message_id FROM edits")}
    confirmed = load.texts.keys() - waiting
    events = load.reactions.keys() | load.edits.keys()
    applied = {event for event, message in load.reactions.items() if message in reacted}
    applied |= {event for event, message in load.edits.items() if message in edited}
    seen = {message_id for message_id, *_ in rows}
    lost = {row[0] for row in rows if row[1] == "undecryptable" and json.loads(row[3] or "{}").get("lost")}
    undecrypted = _undecrypted(store)
    unasked = undecrypted - load.asked
    good = {row[0] for row in rows if row[1] == "text" and row[2] in load.texts.get(row[0], ())}
    return Figures(
        faults={fault: list(faults).count(fault) for fault in FAULTS},
        seconds=seconds,
        sent=len(load.texts),
        events=len(events),
        confirmed=len(confirmed),
        stored=len(confirmed & good),
        placeholders=len(confirmed & lost),
        unasked=len(confirmed & unasked),
        missing=len(confirmed - seen),
        wrong=len(seen & load.texts.keys() - good - lost - unasked),
        duplicates=len(rows) - len(seen),
        strangers=len(seen - load.texts.keys() - (events & (lost | undecrypted) - applied)),
        events_applied=len(applied),
        events_placeholders=len(events & (lost | undecrypted)),
        events_missing=len(events - applied - lost - undecrypted - waiting),
    )


@click.command()
@click.option("--kills", default=100, show_default=True, help="How often each fault happens.")
@click.option("--seed", default=1, show_default=True, help="Of the order and the moments of the faults.")
@click.option("--only", type=click.Choice(FAULTS), help="This fault only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(kills: int, seed: int, only: Fault | None, as_json: bool) -> None:
    """Kill and restart under load; exit with 1 when a confirmed message is missing, doubled or wrong."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # the simulator writes to connections that were just killed
    faults = [fault for fault in FAULTS if only in (None, fault)] * kills
    random.Random(seed).shuffle(faults)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        figures = asyncio.run(play(faults, seed=seed, home=Path(folder)))
    if as_json:
        click.echo(json.dumps(asdict(figures) | {"ok": figures.ok}, indent=2))
    else:
        for name, value in asdict(figures).items():
            click.echo(f"{name:>19}  {value if not isinstance(value, float) else format(value, '.0f')}")
    sys.exit(0 if figures.ok else 1)


if __name__ == "__main__":
    main()
