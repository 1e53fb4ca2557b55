"""The control socket, from the same process and against ``whatsapp-mcp simulate`` as a process of its own."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.unit.simulator.neonize_client import neonize_client
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.simulator import ControlClient, ControlError, ControlServer, Endpoint, SimulateOptions, Simulator
from whatsapp_mcp.simulator.control.command import simulate as run_once
from whatsapp_mcp.simulator.network.hosts_file import HOSTS

PROGRAM = """
import json, sys
from pathlib import Path
from whatsapp_mcp.simulator.control.command import SimulateOptions, run_simulate
given = json.loads(sys.argv[1])
given |= {name: Path(given[name]) for name in ("state", "hosts_file") if name in given}
sys.exit(run_simulate(SimulateOptions(**given), sys.stdout))
"""


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@asynccontextmanager
async def control_of(simulator: Simulator) -> AsyncIterator[ControlClient]:
    path = simulator.directory / "control.sock"
    server = ControlServer(simulator, path)
    await server.start()
    try:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        async with ControlClient(path) as control:
            yield control
    finally:
        await server.stop()
    assert not path.exists()


async def test_people_write_to_each_other_by_command(simulator: Simulator) -> None:
    async with control_of(simulator) as control:
        added = await control.call("add_contact", name="Ana", number="12025550111")
        assert (added["name"], added["jid"]) == ("Ana", "12025550111@s.whatsapp.net")
        said = await control.call("say", contact="Ana", text="Hi!")
        answer = await control.call("phone_say", to="12025550111", text="Hello Ana")
        received = await control.call("wait", contact="Ana", text="Hello")
        assert received["id"] == answer["id"]
        (message,) = await control.call("inbox", contact="Ana")
        assert (message["position"], message["kind"], message["text"]) == (0, "text", "Hello Ana")
        assert await control.call("inbox", contact="Ana", start=1) == []
        (at_the_phone,) = await control.call("phone_inbox")
        assert (at_the_phone["id"], at_the_phone["text"]) == (said["id"], "Hi!")
        edited = await control.call("edit", contact="Ana", message_id=said["id"], text="Hey!")
        reaction = await control.call("react", contact="Ana", message_id=answer["id"], emoji="👋")
        seen = {entry["id"]: entry for entry in await control.call("phone_inbox")}
        assert seen[edited["id"]]["target"] == said["id"]
        assert seen[reaction["id"]]["emoji"] == "👋"
        receipts = await control.call("receipts", contact="Ana")
        assert receipts[0]["ids"] == [said["id"]]


async def test_errors_name_what_is_wrong(simulator: Simulator) -> None:
    async with control_of(simulator) as control:
        for command, arguments, code in (
            ("nonsense", {}, "not_found"),
            ("say", {"contact": "Nobody", "text": "x"}, "not_found"),
            ("say", {"contact": "Nobody"}, "bad_request"),
            ("drop", {"how": "gently"}, "bad_request"),
            ("status", {"unknown": 1}, "bad_request"),
            ("scan", {"qr": "hello"}, "pairing_failed"),
            ("stop", {}, "not_found"),
            ("unlink", {"device": 0}, "not_found"),
        ):
            with pytest.raises(ControlError) as caught:
                await control.call(command, **arguments)
            assert caught.value.code == code, command
        await control.call("add_contact", name="Ana")
        with pytest.raises(ControlError) as caught:
            await control.call("wait", contact="Ana", timeout=0.01)
        assert caught.value.code == "timeout"
        assert "scan" in await control.call("help")


async def test_malformed_lines_do_not_end_the_connection(simulator: Simulator) -> None:
    async with control_of(simulator):
        reader, writer = await asyncio.open_unix_connection(simulator.directory / "control.sock")
        for line in (b"nonsense\n", b"[]\n", b"{}\n", b'{"id": 1, "command": "status"}\n'):
            writer.write(line)
            answer = json.loads(await asyncio.wait_for(reader.readline(), 5))
        assert answer["result"]["accounts"][0]["number"] == "12025550100"
        writer.close()


async def test_a_dead_simulators_socket_is_replaced_and_a_living_ones_is_not(simulator: Simulator) -> None:
    async with control_of(simulator):
        path = simulator.directory / "control.sock"
        with pytest.raises(OSError):
            await ControlServer(simulator, path).start()
        stale = simulator.directory / "stale.sock"
        with socket.socket(socket.AF_UNIX) as left_over:
            left_over.bind(str(stale))
        second = ControlServer(simulator, stale)
        await second.start()
        await second.stop()


@asynccontextmanager
async def simulate(
    options: dict[str, object], *, stderr: int | None = None
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Endpoint, Path]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        json.dumps(options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=stderr,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        assert process.stdout is not None
        ready = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
        yield process, Endpoint.read(Path(ready["endpoint"])), Path(ready["control"])
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("how", ["stdin", "SIGTERM", "SIGINT", "stop"])
async def test_the_process_ends_and_leaves_nothing_behind(how: str) -> None:
    async with simulate({"exit_on_stdin_eof": True}) as (process, endpoint, control_path):
        if how == "stdin":
            assert process.stdin is not None
            process.stdin.close()
        elif how == "stop":
            async with ControlClient(control_path) as control:
                assert len(await control.call("contacts")) == 5
                await control.call("stop")
        else:
            process.send_signal(signal.Signals[how])
        assert await asyncio.wait_for(process.wait(), 10) == 0
        assert not control_path.parent.exists()
        assert not Path(endpoint.ca_file).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="Go reads SSL_CERT_FILE on Linux only")
async def test_a_client_is_linked_by_autoscan_and_talks_to_a_persona(tmp_path: Path) -> None:
    async with (
        simulate({"autoscan": 0.2}) as (_, endpoint, control_path),
        neonize_client(endpoint, tmp_path) as client,
        ControlClient(control_path) as control,
    ):
        await client.call("start")
        code = await client.event("qr")
        assert await control.call("show_qr", qr=code) == {"scans_in": 0.2}
        again = await control.call("show_qr", qr=code)  # by another server of the account
        assert 0 <= again["scans_in"] <= 0.2
        await client.event("Connected")
        (account,) = (await control.call("status"))["accounts"]
        assert account["linked_devices"][0]["connected"] is True
        assert account["linked_devices"][0]["platform"] == "Linux"
        await client.call("send_text", to="12025550122", text="Olá Bruno")
        answer = await client.events.wait_for(lambda e: e.name == "Message" and e.data["Info"]["Pushname"] == "Bruno")
        assert answer.data["Message"]["conversation"] == "Olá! Você já tomou café hoje?"
        assert any(event.name == "ChatPresence" for event in client.events)


async def test_two_accounts_without_python(tmp_path: Path) -> None:
    """Two clients of one world, with nothing but the command and its control socket; and again after a restart."""
    options: dict[str, object] = {
        "accounts": ["12025550150=Rita"],
        "history": True,
        "state": str(tmp_path / "state"),
        "personas": False,
    }
    async with simulate(options) as (process, endpoint, path), ControlClient(path) as control:
        assert path.parent == tmp_path / "state"
        (tmp_path / "robin").mkdir()
        (tmp_path / "rita").mkdir()
        async with (
            neonize_client(endpoint, tmp_path / "robin") as robin,
            neonize_client(endpoint, tmp_path / "rita") as rita,
        ):
            await robin.call("start")
            await rita.call("start")
            await control.call("scan", qr=await robin.event("qr"))
            await control.call("scan", qr=await rita.event("qr"), account="12025550150")
            await robin.event("Connected")
            await rita.event("Connected")
            await robin.event("HistorySync")
            await rita.call("send_text", to="12025550100@s.whatsapp.net", text="hello Robin")
            await robin.events.wait_for(lambda event: event.name == "Message" and "hello Robin" in str(event.data))
        copies = await control.call("phone_copies", account="12025550150")
        assert [copy["text"] for copy in copies] == ["hello Robin"]
        await control.call("phone_say", to="12025550150", text="hi", account="me")
        await control.call("add_account", number="12025550151", name="Third")
        await control.call("stop")
        await asyncio.wait_for(process.wait(), 20)
    async with simulate(options) as (_, again, path), ControlClient(path) as control:
        assert again.noise_root == endpoint.noise_root
        accounts = {one["number"]: one for one in (await control.call("status"))["accounts"]}
        assert sorted(accounts) == ["12025550100", "12025550150", "12025550151"]
        assert [one["device"] for one in accounts["12025550150"]["linked_devices"]] == [1]


async def test_a_hosts_file_and_what_to_do_with_it(tmp_path: Path) -> None:
    options: dict[str, object] = {"listen_tls": 0, "hosts_file": str(tmp_path / "hosts"), "personas": False}
    async with simulate(options, stderr=asyncio.subprocess.PIPE) as (process, endpoint, _):
        assert process.stderr is not None
        assert (tmp_path / "hosts").read_text().splitlines()[1].split() == ["127.0.0.1", *HOSTS]
        said = (await asyncio.wait_for(process.stderr.read(4096), 20)).decode()
        assert f"mount --bind {tmp_path / 'hosts'} /etc/hosts" in said
        assert endpoint.ca_file in said


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"hosts_file": Path("/nonexistent/hosts")}, "--listen-tls"),
        ({"accounts": ["12025550100"]}, "--account"),
        ({"accounts": ["Rita"]}, "--account"),
        ({"listen_tls": 0, "hosts_file": Path("/nonexistent/hosts")}, "--hosts-file"),
    ],
)
async def test_what_cannot_be_had_names_its_option(options: dict[str, object], named: str) -> None:
    with pytest.raises(SetupError) as caught:
        await run_once(SimulateOptions(**options), io.StringIO())  # type: ignore[arg-type]
    assert named in caught.value.message + caught.value.next_step
