"""The stdio transport as hosts meet it: a subprocess, raw lines, every way to end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import mcp.types as types
import pytest
from mcp.server import Server

import whatsapp_mcp.server.signals as signals
import whatsapp_mcp.server.stdio as stdio
from tests.unit.server.connections import (
    DEADLINE,
    ENVIRONMENT,
    INITIALIZED,
    PROGRAM,
    ROOT,
    Program,
    call,
    initialize,
    modern,
    program,
)
from tests.unit.server.fakes import OPERATIONS, FakeRunner, settings
from tests.unit.systems import needs_posix_shell, needs_signals
from whatsapp_mcp.descriptors import Descriptors
from whatsapp_mcp.server.app import build_server

DISCOVER: dict[str, Any] = {"jsonrpc": "2.0", "id": "probe", "method": "server/discover"}


def noted(journal: Path) -> list[str]:
    return journal.read_text().split() if journal.exists() else []


async def after_end(running: Program, journal: Path) -> list[str]:
    """What the lifespan noted by the time the program ended, which must be soon and with code 0."""
    assert await running.end() == 0
    return noted(journal)


# ---- the wire --------------------------------------------------------------------------------------------------------


async def test_nothing_printed_anywhere_reaches_the_wire() -> None:
    async with program("stdio") as running:
        await running.initialize()
        running.say(call(1, "echo", text="x"))  # prints from Python, C, the system and a child
        running.say(call(2, "echo", text="y"))
        running.hang_up()
        assert {answer["id"] for answer in await running.remaining()} == {1, 2}
        assert await running.end() == 0
        _, errors = await running.process.communicate()
    for stray in (b"buffered before the claim", b"stray print", b"stray write", b"stray puts", b"stray child"):
        assert stray in errors


async def test_what_is_no_message_is_answered_and_survived() -> None:
    async with program("stdio") as running:
        await running.initialize()
        for line, code, request_id in [
            (b"this is not JSON\n", types.PARSE_ERROR, None),
            (b'{"jsonrpc": "2.0", "id": 7, "method": 3}\n', types.INVALID_REQUEST, 7),
            (b'{"jsonrpc": "2.0", "id": "a", "method": null}\n', types.INVALID_REQUEST, "a"),
            (b'{"jsonrpc": "2.0", "id": true, "method": 3}\n', types.INVALID_REQUEST, None),
            (
                b'{"jsonrpc": "2.0", "id": 9, "method": "ping", "params": {"_meta": {"a": "\xff"}}}\n',
                types.INVALID_REQUEST,
                9,
            ),
            (b"[]\n", types.INVALID_REQUEST, None),
            (b"\xff\xfe\n", types.PARSE_ERROR, None),
            (b'{"a":' * 5_000 + b"\n", types.PARSE_ERROR, None),
        ]:
            running.say(line)
            answer = await running.answer()
            assert (answer["error"]["code"], answer["id"]) == (code, request_id), line[:50]
        running.say(b"\n  \r\n\xef\xbb\xbf\n\xef\xbb\xbf")
        running.say(call(8, "echo", text="still here"))
        assert (await running.answer())["id"] == 8


@pytest.mark.parametrize("size", [100_001, 1_000_000])  # just over the limit of the program, and far over its buffer
async def test_a_huge_line_is_refused_and_survived(size: int) -> None:
    async with program("stdio") as running:
        await running.initialize()
        running.say(b'"' + b"x" * size + b'"\n')
        running.say(call(1, "echo", text="still here"))
        refused, answered = await running.answer(), await running.answer()
    assert (refused["error"]["code"], refused["id"]) == (types.INVALID_REQUEST, None)
    assert answered["id"] == 1


async def test_a_huge_line_without_end_is_refused() -> None:
    async with program("stdio") as running:
        await running.initialize()
        running.say(b"x" * 300_000)
        running.hang_up()
        assert [answer["error"]["code"] for answer in await running.remaining()] == [types.INVALID_REQUEST]
        assert await running.end() == 0


async def test_text_that_cannot_be_encoded_does_not_end_the_conversation() -> None:
    async with program("stdio") as running:
        await running.initialize()
        running.say(b'{"jsonrpc":"2.0","id":"\\ud800","method":"tools/list"}\n')
        running.say(call(1, "echo", text="\ud800"))
        running.say(call(2, "echo", text="still here"))
        answers = [await running.answer() for _ in range(3)]
    found = {answer["id"]: answer for answer in answers}
    assert found.keys() >= {1, 2}
    assert found[1].get("error", {}).get("code") != types.INVALID_REQUEST  # it reached the tool


# ---- protocol eras ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("probe", [modern(DISCOVER), DISCOVER], ids=["2026 envelope", "bare"])
@pytest.mark.parametrize("waits", [True, False])
async def test_initialize_after_discover_is_accepted(probe: dict[str, Any], waits: bool, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with program("stdio", str(journal)) as running:
        running.say(probe)
        if waits:
            assert (await running.answer())["id"] == "probe"
        running.say(initialize())
        if not waits:
            assert (await running.answer())["id"] == "probe"
        assert (await running.answer())["result"]["protocolVersion"] == "2025-11-25"
        running.say(INITIALIZED)
        running.say(call(1, "echo", text="x"))
        assert (await running.answer())["result"]["structuredContent"]["code"] == "SUCCESS"
        running.hang_up()
        assert await after_end(running, journal) == ["up", "down", "end"]  # one lifespan for both


async def test_initialize_after_real_work_in_the_modern_era_is_refused() -> None:
    async with program("stdio") as running:
        running.say(modern(DISCOVER))
        running.say(modern(call(1, "echo", text="x")))
        assert {(await running.answer())["id"], (await running.answer())["id"]} == {"probe", 1}
        running.say(initialize(request_id=2))
        assert (await running.answer())["error"]["code"] == types.UNSUPPORTED_PROTOCOL_VERSION
        running.say(modern(call(3, "echo", text="still here")))
        assert (await running.answer())["result"]["structuredContent"]["code"] == "SUCCESS"


# ---- endings ---------------------------------------------------------------------------------------------------------


async def test_requests_under_way_at_the_end_of_input_are_answered(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with program("stdio", str(journal)) as running:
        running.say(initialize())
        running.say(INITIALIZED)
        for number in range(1, 4):
            running.say(call(number, "slow", seconds=0.3))
        running.hang_up()
        answers = {answer["id"]: answer for answer in await running.remaining()}
        assert set(answers) == {0, 1, 2, 3}
        assert all("result" in answer for answer in answers.values())
        assert await after_end(running, journal) == ["up", "down", "end"]


async def test_the_end_of_input_does_not_wait_for_ever_nor_for_the_cancelled(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with program("stdio", str(journal), "600") as running:
        await running.initialize()
        running.say(call(1, "slow", seconds=600))
        running.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
        running.say(call(2, "echo", text="x"))
        assert (await running.answer())["id"] == 2
        running.hang_up()
        assert await after_end(running, journal) == ["up", "down", "end"]

    async with program("stdio", str(journal)) as running:
        await running.initialize()
        running.say(call(1, "slow", seconds=600))
        running.hang_up()
        assert (await after_end(running, journal))[-1] == "end"


@needs_signals
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("busy", [True, False])
async def test_signals_end_it_in_order(number: signal.Signals, busy: bool, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with program("stdio", str(journal)) as running:
        await running.initialize()
        if busy:
            running.say(call(1, "slow", seconds=600))
            running.say(call(2, "echo", text="x"))
            assert (await running.answer())["id"] == 2
        running.process.send_signal(number)
        assert await after_end(running, journal) == ["up", "down", "end"]  # with stdin still open


@needs_signals
async def test_a_signal_before_the_first_message_ends_it_too(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with program("stdio", str(journal)) as running:
        with anyio.fail_after(DEADLINE):
            while noted(journal) != ["up"]:
                await asyncio.sleep(0.01)
        running.process.send_signal(signal.SIGTERM)
        assert await after_end(running, journal) == ["up", "down", "end"]


async def test_a_host_that_stops_reading_ends_it(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *PROGRAM,
        "stdio",
        str(journal),
        stdin=asyncio.subprocess.PIPE,
        stdout=writing,
        stderr=asyncio.subprocess.DEVNULL,
        env=ENVIRONMENT,
        cwd=ROOT,
    )
    running = Program(process)
    os.close(writing)
    os.close(reading)
    try:
        running.say(initialize())
        assert await after_end(running, journal) == ["up", "down", "end"]
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


async def test_kill_leaves_only_whole_lines() -> None:
    async with program("stdio") as running:
        await running.initialize()
        for number in range(20):
            running.say(call(number, "rows"))
        await running.answer()
        running.process.kill()
        assert running.process.stdout is not None
        with anyio.fail_after(DEADLINE):
            left = await running.process.stdout.read()
        assert all(json.loads(line) for line in left.split(b"\n")[:-1])
        assert await running.end() == (-signal.SIGKILL if sys.platform != "win32" else 1)


async def test_regular_files_serve_as_well(tmp_path: Path) -> None:
    requests, answers, journal = tmp_path / "in", tmp_path / "out", tmp_path / "journal"
    messages = [initialize(), INITIALIZED, *(call(number, "slow", seconds=0.2) for number in (1, 2))]
    lines = [json.dumps(message).encode() for message in messages]
    requests.write_bytes(b"\n".join([*lines[:2], b"x" * 250_000, *lines[2:]]))
    with requests.open("rb") as incoming, answers.open("wb") as outgoing:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *PROGRAM,
            "stdio",
            str(journal),
            stdin=incoming,
            stdout=outgoing,
            stderr=asyncio.subprocess.DEVNULL,
            env=ENVIRONMENT,
            cwd=ROOT,
        )
    assert await after_end(Program(process), journal) == ["up", "down", "end"]
    received = [json.loads(line) for line in answers.read_bytes().splitlines()]
    assert {answer["id"] for answer in received} == {0, 1, 2, None}
    assert sum("error" in answer for answer in received) == 1


@needs_posix_shell
async def test_started_without_stdin_it_says_so() -> None:
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        'exec "$0" "$@" <&-',
        sys.executable,
        *PROGRAM,
        "stdio",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=ENVIRONMENT,
        cwd=ROOT,
    )
    with anyio.fail_after(DEADLINE):
        out, errors = await process.communicate()
    assert process.returncode not in (0, None)
    assert b"stdio needs both stdin and stdout" in errors
    assert b"jsonrpc" not in out


# ---- in this process -------------------------------------------------------------------------------------------------


class Stuck:
    """A lifespan that does not end by itself."""

    def __init__(self) -> None:
        self.leaving = anyio.Event()
        self.cut_off = False

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Server[Any]) -> AsyncIterator[None]:
        yield
        self.leaving.set()
        try:
            await anyio.sleep_forever()
        except asyncio.CancelledError:
            self.cut_off = True
            raise


@contextlib.contextmanager
def pipes() -> Iterator[tuple[Descriptors, int, int]]:
    """The wire of a server in this process, and the host's ends of it."""
    incoming, host_writes = os.pipe()
    host_reads, outgoing = os.pipe()
    try:
        yield Descriptors(incoming, outgoing), host_writes, host_reads
    finally:
        os.close(host_reads)
        os.close(host_writes)


async def test_a_lifespan_that_does_not_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "LIFESPAN_GRACE", 0.1)
    stuck = Stuck()
    server = build_server(OPERATIONS, FakeRunner(), settings(), lifespan=stuck.lifespan)
    with pipes() as (descriptors, _, _), anyio.fail_after(DEADLINE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stdio.serve_stdio, server, descriptors)
            await listening_to_signals()
            signal.raise_signal(signal.SIGTERM)
    assert stuck.cut_off
    for fd in descriptors:
        with pytest.raises(OSError, match=r"Bad file descriptor|Invalid handle|handle is invalid"):
            os.fstat(fd)


async def test_a_second_signal_cuts_the_end_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "_SAME_STOP", 0)
    monkeypatch.setattr(stdio, "LIFESPAN_GRACE", 600.0)
    stuck = Stuck()
    server = build_server(OPERATIONS, FakeRunner(), settings(), lifespan=stuck.lifespan)
    with pipes() as (descriptors, _, _), anyio.fail_after(DEADLINE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stdio.serve_stdio, server, descriptors)
            await listening_to_signals()
            signal.raise_signal(signal.SIGTERM)
            await stuck.leaving.wait()
            signal.raise_signal(signal.SIGTERM)
    assert stuck.cut_off


async def listening_to_signals() -> None:
    while signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        await asyncio.sleep(0.001)
