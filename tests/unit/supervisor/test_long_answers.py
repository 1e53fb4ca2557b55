"""What the two processes tell each other may be of any length, and holds up nothing else."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.unit.supervisor import long_answers
from tests.unit.systems import child_environment
from whatsapp_mcp.clock import now
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.pipe import codec
from whatsapp_mcp.pipe.account import GetDevice
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.control import PairPhone
from whatsapp_mcp.pipe.groups import GetGroup, ListGroups
from whatsapp_mcp.pipe.lines import LISTENS, Attach, AttachedClient
from whatsapp_mcp.supervisor.link import Link

WAIT = 60.0
COMMAND = (sys.executable, "-m", long_answers.__name__)
ROOT = Path(__file__).parents[3]
SIXTEEN_MIB = 16 * 1024 * 1024


@asynccontextmanager
async def linked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Link]:
    monkeypatch.setenv("PYTHONPATH", child_environment()["PYTHONPATH"])
    process = await asyncio.create_subprocess_exec(*COMMAND, str(folder), stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(WAIT):
        assert await process.stdout.readline() == LISTENS
    client = AttachedClient(kind="stdio", pid=1, command="test", since=now(), version="1")
    link = await Link.attach(folder, Attach(client=client))
    assert isinstance(link, Link)

    async def listen() -> None:
        async for _ in link.notices():
            pass

    listener = asyncio.create_task(listen())
    try:
        async with asyncio.timeout(WAIT):
            yield link
    finally:
        listener.cancel()
        await asyncio.wait({listener})
        await link.leave()
        await process.wait()


async def test_other_calls_are_answered_while_a_long_answer_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with linked(tmp_path, monkeypatch) as link:
        await link.call(GetDevice(), WAIT)
        long = asyncio.create_task(link.call(ListGroups(), WAIT))
        answered = 0
        while not long.done():
            await link.call(GetDevice(), WAIT)
            answered += 1
        groups = await long
    assert groups == tuple(long_answers.group(number) for number in range(long_answers.GROUPS))
    assert sum(map(len, codec.encode_result(1, ListGroups(), groups))) > SIXTEEN_MIB
    assert answered > 3  # waiting for the long one, two at most


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (GetGroup(group=Jid("1", "g.us")), lambda: long_answers.group(0, long_answers.GROUPS * long_answers.MEMBERS)),
        (PairPhone(digits="1" * 20_000_000), lambda: "111120000000"),
    ],
    ids=["answer", "command"],
)
async def test_one_value_may_be_long_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command[Any], expected: Any
) -> None:
    async with linked(tmp_path, monkeypatch) as link:
        assert await link.call(command, WAIT) == expected()
        await link.call(GetDevice(), WAIT)
