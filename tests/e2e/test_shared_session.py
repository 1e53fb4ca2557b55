"""Any number of servers on one account: they share its session process, and none notices how another one ends."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from tests.e2e.harness import (
    Host,
    body_of,
    environment,
    host_on,
    http_server,
    kill,
    parent_of,
    session_ended,
    session_pids,
    until,
    whatsapp,
)
from tests.e2e.test_faults import connected_again, contents, heard
from tests.e2e.test_messages import row_where
from whatsapp_mcp.pipe.ledger import Ledger
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.simulator import Simulator, VirtualContact
from whatsapp_mcp.wire.protos import wa6


def server_pids(data_dir: Path) -> set[int]:
    """Live server processes on a data directory."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:  # the process ended
            continue
        if os.fsencode(data_dir) in arguments and b"worker.process" not in b" ".join(arguments):
            found.add(int(entry.name))
    return {pid for pid in found if _parent(pid) not in found}  # a child is about to be another program


def _parent(pid: int) -> int | None:
    try:
        return parent_of(pid)
    except OSError:  # it ended
        return None


class Hosts:
    """Hosts that come, and are killed."""

    def __init__(self, endpoint: Path, data_dir: Path, stack: AsyncExitStack) -> None:
        self._endpoint, self.data_dir, self._stack = endpoint, data_dir, stack
        self._pids: dict[int, int] = {}

    async def stdio(self, **more: str) -> Host:
        return await self._noted(host_on(self._endpoint, self.data_dir, **more))

    async def http(self) -> Host:
        return await self._noted(self._over_http())

    def kill(self, host: Host) -> None:
        kill(self._pids[id(host)])

    async def _noted(self, entering: Any) -> Host:
        before = server_pids(self.data_dir)
        host: Host = await self._stack.enter_async_context(entering)
        (self._pids[id(host)],) = server_pids(self.data_dir) - before
        return host

    @asynccontextmanager
    async def _over_http(self) -> AsyncIterator[Host]:
        async with http_server(self._endpoint, self.data_dir) as (url, token, _):
            headers = {"Authorization": f"Bearer {token}"}
            async with (
                httpx2.AsyncClient(headers=headers, timeout=60) as web,
                Client(streamable_http_client(url, http_client=web), mode="2026-07-28") as client,
            ):
                yield Host(client, self.data_dir)


@asynccontextmanager
async def hosts_on(tmp_path: Path, data_dir: Path) -> AsyncIterator[tuple[Simulator, Hosts]]:
    async with whatsapp(tmp_path) as (simulator, endpoint), AsyncExitStack() as stack:
        yield simulator, Hosts(endpoint, data_dir, stack)


async def nothing() -> None: ...


async def heard_by_all(
    hosts: list[Host], contact: VirtualContact, text: str, *, first: Callable[[], Awaitable[None]] = nothing
) -> None:
    """All wait, ``first`` happens, and each gets the message that comes then."""
    got: list[str] = []

    async def wait(host: Host, cursor: str) -> None:
        with anyio.fail_after(120):
            while (waited := await host.call("waitForMessage", phone=contact.number, cursor=cursor, timeout=45)).get(
                "timed_out"
            ):
                cursor = waited["cursor"]
        got.append(waited["message"]["message_id"])

    cursors = [await host.cursor() for host in hosts]
    async with anyio.create_task_group() as tasks:
        for host, cursor in zip(hosts, cursors, strict=True):
            tasks.start_soon(wait, host, cursor)
        await first()
        said = contact.say(text)
    assert got == [said.id] * len(hosts)


async def test_servers_and_session_process_are_killed_in_turn_and_the_others_go_on(tmp_path: Path) -> None:
    """In a folder whose path is longer than a socket's may be."""
    data_dir = tmp_path / ("a folder with a long name " * 8)[:200]
    async with hosts_on(tmp_path, data_dir) as (simulator, hosts):
        ana = await simulator.add_contact("Ana")
        one = await hosts.stdio()
        await one.pair(simulator)
        two, web = await hosts.stdio(), await hosts.http()
        for number, host in enumerate((one, two, web)):
            await host.call("sendMessage", phone=ana.number, message=f"from {number}")
            assert (await ana.wait_for_message(start=number)).text == f"from {number}"
        await heard_by_all([one, two, web], ana, "to all")
        (session,) = session_pids(data_dir)

        # A server that is killed in a call loses that call and nothing else.
        simulator.faults.delay_answers(5)
        async with anyio.create_task_group() as tasks:

            async def doomed() -> None:
                with pytest.raises(MCPError):
                    await one.raw("sendMessage", {"phone": ana.number, "message": "doomed"})

            tasks.start_soon(doomed)
            await ana.wait_for_message(lambda message: message.text == "doomed")
            hosts.kill(one)
        simulator.faults.clear()
        # Its message is kept as soon as WhatsApp has confirmed it; the session process is killed later.
        await row_where(two, ana.number, content="doomed")
        await heard_by_all([two, web], ana, "after the first")
        assert session_pids(data_dir) == [session]

        # The session process is killed while all wait: they wait on, and get what comes then.
        async def killed_in_a_call() -> None:
            simulator.faults.withhold_acks()
            async with anyio.create_task_group() as tasks:

                async def lost() -> None:
                    error = await two.refused("sendMessage", phone=ana.number, message="lost?")
                    assert error["code"] == "session_crashed"

                tasks.start_soon(lost)
                await ana.wait_for_message(lambda message: message.text == "lost?")
                kill(session)

        await heard_by_all([two, web], ana, "after the session process", first=killed_in_a_call)
        await connected_again(two)
        await connected_again(web)
        assert len(session_pids(data_dir)) == 1

        hosts.kill(web)
        await two.call("sendMessage", phone=ana.number, message="from the last")
        await heard_by_all([two], ana, "to the last")
        told = await contents(two, ana.number)
        assert [text for text in told if text.startswith(("to", "after"))] == [
            "to all",
            "after the first",
            "after the session process",
            "to the last",
        ]
        sent = ("from 0", "from 1", "from 2", "doomed", "from the last")
        assert [told.count(text) for text in sent] == [1] * len(sent)
    await until(lambda: not session_pids(data_dir) and not server_pids(data_dir), what="the end of all processes")


def logins(simulator: Simulator) -> list[str]:
    """Of linked devices, as they come; pairing is none."""
    found: list[str] = []
    open_session = simulator.host.open_session

    def note(connection: Any, login: Any) -> Any:
        payload = wa6.ClientPayload.FromString(login.payload)
        if payload.HasField("username"):
            found.append(str(payload.username))
        return open_session(connection, login)

    simulator.host.open_session = note
    return found


async def test_twenty_servers_started_at_once_share_one_session_process(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    async with whatsapp(tmp_path) as (simulator, endpoint):
        async with host_on(endpoint, data_dir) as host:
            own = (await host.pair(simulator))["device"]
        await session_ended(data_dir)
        seen, devices = logins(simulator), []

        async def use(everybody: anyio.Event) -> None:
            async with host_on(endpoint, data_dir, WHATSAPP_MCP_SESSION_LINGER="1") as host:
                await connected_again(host)  # twenty that start at once may take longer than a call waits
                ((device,),) = [await host.call("appDevices")]
                devices.append(device["device"])
                if len(devices) == 20:
                    everybody.set()
                await everybody.wait()
                assert len(session_pids(data_dir)) == 1

        everybody = anyio.Event()
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(use, everybody)
        assert devices == [own] * 20
        assert len(seen) == 1, "nobody else logged in"
        await until(lambda: not session_pids(data_dir), what="the end of the session process")
        ledger = Ledger.read(Settings(data_dir=data_dir).ledger_path)
        assert ledger.ended is not None
        assert (ledger.ended.reason, ledger.restarts) == ("unused", 0)
        assert not server_pids(data_dir)


async def test_servers_link_and_unlink_together(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    async with hosts_on(tmp_path, data_dir) as (simulator, hosts):
        ana = await simulator.add_contact("Ana")
        one, two = await hosts.stdio(), await hosts.stdio()
        shown = await one.call("appLogin")
        assert (await two.call("appLogin"))["qr_text"] == shown["qr_text"]
        await simulator.phone.scan(shown["qr_text"])
        linked = [(await host.call("appDevices"))[0]["device"] for host in (one, two)]  # the name comes some time later
        assert linked[0] == linked[1]
        await two.call("sendMessage", phone=ana.number, message="of the first account")

        await one.call("appLogout", erase=True)
        for host in (two, one):
            with anyio.fail_after(120):
                while (error := body_of(await host.raw("appDevices")))["code"] == "SUCCESS":
                    await anyio.sleep(0.05)
            assert error["code"] == "not_logged_in", error
            assert (await host.call("listChats"))["data"] == []

        rita = simulator.add_account("12025550150", "Rita")
        await rita.scan((await two.call("appLogin"))["qr_text"])
        for host in (two, one):
            await connected_again(host)
            (device,) = await host.call("appDevices")
            assert device["device"].startswith("12025550150")
        await one.call("sendMessage", phone=ana.number, message="of the second account")
        for host in (two, one):
            assert await contents(host, ana.number) == ["of the second account"]


# ---- programs that are not quite ours -------------------------------------------------------------------------------

SERVER = """
import sys
import whatsapp_mcp
whatsapp_mcp.__version__ = {version!r}
from whatsapp_mcp.supervisor import starting
starting.SESSION_COMMAND = (sys.executable, "-P", {session!r})
from whatsapp_mcp.__main__ import main
main()
"""
SESSION = """
import whatsapp_mcp
whatsapp_mcp.__version__ = {version!r}
from whatsapp_mcp.worker import process, sleep
sleep.LOOK, sleep.SLEPT = 0.5, 4.0
process.main()
"""


@asynccontextmanager
async def other_host(folder: Path, endpoint: Path, data_dir: Path, version: str) -> AsyncIterator[Host]:
    """A server of another version, with its own session process, which notices sooner that it slept."""
    folder.mkdir()
    session = folder / "whatsapp_mcp.worker.process.py"
    session.write_text(SESSION.format(version=version))
    server = folder / "server.py"
    server.write_text(SERVER.format(version=version, session=str(session)))
    parameters = StdioServerParameters(
        command=sys.executable,
        args=[str(server), "stdio", "--data-dir", str(data_dir)],
        env=environment(endpoint),
    )
    async with Client(parameters) as client:
        yield Host(client, data_dir)


async def test_a_newer_version_takes_over_and_an_older_one_says_so(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    async with whatsapp(tmp_path) as (simulator, endpoint):
        ana = await simulator.add_contact("Ana")
        async with other_host(tmp_path / "old", endpoint, data_dir, "0.0.9") as old:
            await old.pair(simulator)
            await old.call("sendMessage", phone=ana.number, message="of the old one")
            (before,) = session_pids(data_dir)
            async with host_on(endpoint, data_dir) as new:
                await new.call("sendMessage", phone=ana.number, message="of the new one")
                (after,) = session_pids(data_dir)
                assert after != before
                with anyio.fail_after(120):
                    while (error := body_of(await old.raw("appDevices")))["code"] != "data_directory_in_use":
                        await anyio.sleep(0.1)
                assert "0.0.9" in error["message"]
                assert "Restart" in error["next_step"]
                assert await contents(old, ana.number) == ["of the old one", "of the new one"], "reading goes on"
                await new.call("appDevices")
                assert session_pids(data_dir) == [after], "the old one does not fight"
            await connected_again(old)


def resident(pid: int) -> int:
    """Bytes of memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) * 1024


async def test_what_was_stopped_for_a_while_goes_on_where_it_was(tmp_path: Path) -> None:
    """As when a laptop sleeps; and a server that reads nothing holds up nobody."""
    data_dir = tmp_path / "data"
    async with whatsapp(tmp_path) as (simulator, endpoint):
        ana = await simulator.add_contact("Ana")
        async with other_host(tmp_path / "program", endpoint, data_dir, "99") as awake:
            await awake.pair(simulator)
            (session,) = session_pids(data_dir)
            os.kill(session, signal.SIGSTOP)
            stopped = anyio.current_time()
            ana.say("while it slept")
            await anyio.sleep(stopped + 6 - anyio.current_time())  # what is tested is that time passes
            os.kill(session, signal.SIGCONT)
            await until(lambda: session not in session_pids(data_dir), what="the end of the process that slept")
            await heard(awake, ana, "while it slept")
            assert await contents(awake, ana.number) == ["while it slept"]
            ledger = Ledger.read(Settings(data_dir=data_dir).ledger_path)
            assert ledger.restarts == 0, "nothing failed"

            (server,) = server_pids(data_dir)
            os.kill(server, signal.SIGSTOP)
            try:
                async with other_host(tmp_path / "beside", endpoint, data_dir, "99") as beside:
                    (session,) = session_pids(data_dir)
                    before = resident(session)
                    for number in range(200):
                        ana.say(f"unheard {number}")
                    await heard(beside, ana, "unheard 199")
                    await heard_by_all([beside], ana, "heard")
                    assert resident(session) - before < 40_000_000
            finally:
                os.kill(server, signal.SIGCONT)
            assert (await contents(awake, ana.number))[-1] == "heard"
            await awake.call("sendMessage", phone=ana.number, message="here again")
