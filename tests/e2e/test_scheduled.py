"""Scheduled messages: sent once by whatever process is there when they are due, or not at all, and it is told which."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import anyio

from tests.e2e.harness import Host, Json, host_on, kill, until, whatsapp
from tests.e2e.test_faults import connected_again
from tests.e2e.test_held_messages import make_due
from whatsapp_mcp.clock import now, to_ms
from whatsapp_mcp.private_files import write_private
from whatsapp_mcp.simulator import VirtualContact

LATE = 61 * 60_000
BRIEFLY = {"WHATSAPP_MCP_SESSION_LINGER": "0.5"}


async def schedule(host: Host, ana: VirtualContact, text: str, at: str = "2h") -> str:
    results = await host.call("scheduleMessage", phone=ana.number, message=text, at=at)
    assert results["status"] == "held"
    return str(results["message_id"])


async def listed(host: Host) -> dict[str, Json]:
    """By text of those that wait, by id of the others."""
    return {row.get("message", row["message_id"]): row for row in (await host.call("listScheduled"))["data"]}


async def soon(condition: Callable[[], Awaitable[bool]]) -> None:
    with anyio.fail_after(120):
        while not await condition():
            await anyio.sleep(0.05)


def kill_session(host: Host) -> None:
    (session,) = host.session_pids()
    kill(session)


def texts(contact: VirtualContact) -> list[str]:
    return [message.text for message in contact.inbox]


async def test_scheduled_messages(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    async with whatsapp(tmp_path) as (simulator, endpoint):
        ana, bo = [await simulator.add_contact(name) for name in ("Ana", "Bo")]
        async with host_on(endpoint, data_dir, **BRIEFLY) as host:
            await host.pair(simulator)
            await by_the_clock_and_taken_back(host, ana)
            await killed_before_the_time(host, ana, bo, data_dir)
            await killed_right_after(host, bo)
            away = await schedule(host, bo, "3", at="30h")
        await until(lambda: not host.session_pids(), what="the end of a process that is not needed soon")
        make_due(data_dir, away)
        async with host_on(endpoint, data_dir):
            await bo.wait_for_message(lambda message: message.text == "3")
        assert (texts(ana), texts(bo)) == (["soon"], ["1", "2", "3"])


async def by_the_clock_and_taken_back(host: Host, ana: VirtualContact) -> None:
    planned = await host.call("scheduleMessage", phone=ana.number, message="soon", at="2s")
    taken_back = await schedule(host, ana, "never")
    assert (await listed(host))["never"]["message_id"] == taken_back
    assert (await host.call("cancelScheduled", message_id=taken_back))["status"] == "cancelled"
    received = await ana.wait_for_message(lambda message: message.text == "soon")
    assert to_ms(now()) >= to_ms(datetime.fromisoformat(planned["scheduled_for"]))

    async def left() -> bool:
        return bool((await listed(host)).get(received.id, {}).get("status") == "sent")

    await soon(left)
    error = await host.refused("cancelScheduled", message_id=planned["message_id"])
    assert "revokeMessage" in error["next_step"]


async def killed_before_the_time(host: Host, ana: VirtualContact, bo: VirtualContact, data_dir: Path) -> None:
    """The next process sends what is due, by the policy that holds by then, and what is too late never."""
    refused, late, before = (
        await schedule(host, ana, "no"),
        await schedule(host, bo, "late"),
        await schedule(host, bo, "1"),
    )
    toml = data_dir / "default" / "policy.toml"
    write_private(toml, f'[send]\ndeny = ["+{ana.number}"]\n'.encode())
    for name in (refused, before):
        make_due(data_dir, name)
    make_due(data_dir, late, late=LATE)
    kill_session(host)
    await bo.wait_for_message(lambda message: message.text == "1")

    async def settled() -> bool:
        rows = await listed(host)
        return [rows.get(name, {}).get("status") for name in (refused, late)] == ["failed", "expired"]

    await soon(settled)
    row = (await listed(host))[refused]
    assert (row["error"]["code"], "rule send" in row["error"]["message"]) == ("not_allowed", True)
    write_private(toml, b"hold_seconds = 0\n")


async def killed_right_after(host: Host, bo: VirtualContact) -> None:
    """Whether the process could note by then that it was sent is chance; it is not sent again in either case."""
    await schedule(host, bo, "2", at="1s")
    await bo.wait_for_message(lambda message: message.text == "2")
    kill_session(host)
    await connected_again(host)
    states = [row["status"] for row in (await listed(host)).values()]
    assert set(states) <= {"sent", "unknown", "cancelled", "failed", "expired"}
