"""Lets other people's clients play against this server: `python -m tests.clients [NAME ...]`.

Each has a contact of its own on one simulated account, to which it starts servers of its own. Prints what each saw, and
ends with 1 when something was not as it has to be. A client whose packages cannot be had is named as not run; with
`--all` that counts as a failure too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from tests.clients.packages import CLIENTS, ROOT, NodeClient, NotInstalled, PythonClient
from tests.clients.scenario import Scenario, Seen, calls, expectations, said
from tests.e2e.harness import Host, host_on, server_parameters, simulated
from tests.unit.media import samples
from whatsapp_mcp.simulator import Simulator, VirtualContact
from whatsapp_mcp.simulator.people.personas import Echo

AT_ONCE: Final = 2
"""Clients that play side by side: most of the time they wait."""
PLAYING: Final = 240.0
"""Seconds for all calls of one client."""


@dataclass(frozen=True)
class Table:
    """Whom a client plays with."""

    name: str
    scenario: Scenario
    picture: str
    contact: VirtualContact
    tools: int


async def prepared(simulator: Simulator, host: Host, name: str) -> Table:
    contact = await simulator.add_contact(f"Friend of {name}", persona=Echo(), saved=True)
    picture = contact.send_image(samples.jpeg(), caption="Look").id
    waited = await host.call("waitForMessage", phone=contact.number, cursor="0", timeout=40)
    assert waited["message"]["message_id"] == picture
    parameters = server_parameters(host.data_dir.parent / "endpoint.json", host.data_dir)
    played = calls(name, contact.number, picture, await host.cursor())
    scenario = Scenario(parameters.command, parameters.args, parameters.env or {}, played)
    return Table(name, scenario, picture, contact, len((await host.client.list_tools()).tools))


async def play(command: Sequence[str], table: Table) -> list[Seen]:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(PLAYING):
            printed, problems = await process.communicate(table.scenario.to_json().encode())
    except TimeoutError:
        return [Seen("end", f"did not end within {PLAYING:g} seconds", error=True)]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    seen = [Seen(**json.loads(line)) for line in printed.splitlines() if line.startswith(b'{"step"')]
    return [*seen, *([Seen("end", problems.decode()[-500:], error=True)] if process.returncode else [])]


def judged(table: Table, seen: Sequence[Seen]) -> bool:
    """Prints a line for each step; whether all were as they have to be, and the message arrived once."""
    wanted, by_step = expectations(table.name, table.picture, table.tools), {one.step: one for one in seen}
    verdicts = {
        step: step in by_step and (not by_step[step].offered or well(by_step[step])) for step, well in wanted.items()
    }
    arrived = [message.text for message in table.contact.inbox].count(said(table.name))
    for step, well in verdicts.items():
        one = by_step.get(step, Seen(step, "nothing"))
        facts = (
            f"{one.tools} tools"
            if one.tools
            else f"{one.seconds:4.1f} s" + f", {one.progress} times" * bool(one.progress)
        )
        click.echo(f"  {step:9} {'ok' if well and one.offered else 'not offered' if well else 'WRONG':11} {facts}")
        if not well:
            click.echo(f"    {one.text[:500]}")
    if "end" in by_step:
        click.echo(f"  {by_step['end'].text}")
    if arrived != 1:
        click.echo(f"  the message arrived {arrived} times")
    return all(verdicts.values()) and arrived == 1 and "end" not in by_step


async def played(command: Sequence[str], table: Table, turn: asyncio.Semaphore) -> bool:
    async with turn:
        seen = await play(command, table)
    click.echo(table.name)
    return judged(table, seen)


async def run(clients: Sequence[PythonClient | NodeClient]) -> tuple[int, int]:
    """How many played, and how many of those as they have to."""
    commands: dict[str, list[str]] = {}
    for client in clients:
        try:
            commands[client.name] = await asyncio.to_thread(client.command)
        except NotInstalled as reason:
            click.echo(f"{client.name}: not run: {reason}")
    with tempfile.TemporaryDirectory(prefix="clients-") as folder:
        async with simulated(Path(folder)) as (simulator, endpoint), host_on(endpoint, Path(folder) / "data") as host:
            await host.pair(simulator)
            tables = {name: await prepared(simulator, host, name) for name in commands}
            turn = asyncio.Semaphore(AT_ONCE)
            playing = [played(commands[name], table, turn) for name, table in tables.items()]
            well = sum([await one for one in asyncio.as_completed(playing)])
    return len(commands), well


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--all", action="store_true", help="fail when a client could not be installed")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(client.name for client in CLIENTS))
    given = parser.parse_args()
    chosen = [client for client in CLIENTS if not given.names or client.name in given.names]
    if unknown := {*given.names} - {client.name for client in chosen}:
        parser.error(f"there is no client {', '.join(sorted(unknown))}")
    played, well = asyncio.run(run(chosen))
    click.echo(f"{well} of {played} clients played as they have to; {len(chosen) - played} were not run")
    return int(well < (len(chosen) if given.all else played))


if __name__ == "__main__":
    sys.exit(main())
