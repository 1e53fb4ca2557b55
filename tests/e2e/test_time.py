"""Calls that take long, and clients that do not wait as long."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio

from tests.e2e.harness import Host, body_of, host_on, until
from tests.e2e.shared import SharedAccount


def document(size: int) -> str:
    """A file that nobody has sent before."""
    return "data:application/octet-stream;base64," + base64.b64encode(bytes(range(251)) * (size // 251)).decode()


@asynccontextmanager
async def beside(host: Host) -> AsyncIterator[Host]:
    """Another server on the account of ``host``, as it is set by default."""
    endpoint = host.data_dir.parent / "endpoint.json"
    async with host_on(endpoint, host.data_dir, WHATSAPP_MCP_REPEAT_SECONDS="60") as another:
        yield another


async def test_a_long_call_says_what_it_waits_for(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        simulator.faults.media.slow(3.5, times=1)
        told: list[tuple[float, float | None, str | None]] = []

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            told.append((progress, total, message))

        arguments = {"phone": ana.number, "file": document(3_000_000)}
        await host.client.call_tool("sendFile", arguments, progress_callback=on_progress)
        await ana.wait_for_message()
    assert [message for _, _, message in told if message and message.startswith("uploading the file: ")], told
    assert all(" of 3.0 MB" in message for _, _, message in told if message and "uploading" in message)
    values = [progress for progress, _, _ in told]
    assert values == sorted(set(values))


async def test_a_client_that_waits_for_seconds_is_answered_in_them(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        # It goes by the name of MCP's Python SDK, as openai-agents does, which gives up after 5 seconds. A busy machine
        # may be slower; others are answered after 30.
        with anyio.fail_after(120):
            assert (await host.call("waitForMessage", phone=ana.number))["timed_out"] is True
            assert (await host.call("waitForEvent", phone=ana.number))["timed_out"] is True


async def test_a_client_that_begins_its_limit_anew_with_each_progress_never_gives_up(shared: SharedAccount) -> None:
    patience, wait = 12, 16
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        with anyio.fail_after(patience) as limit:

            async def on_progress(progress: float, total: float | None, message: str | None) -> None:
                limit.deadline = anyio.current_time() + patience

            arguments = {"phone": ana.number, "timeout": wait}
            began = anyio.current_time()
            await host.client.call_tool("waitForMessage", arguments, progress_callback=on_progress)
        assert anyio.current_time() - began > patience


async def test_a_repeated_send_gets_the_first_result(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana, bo = await simulator.add_contact("Ana"), await simulator.add_contact("Bo")
        message = {"phone": ana.number, "message": "the door is open"}
        async with beside(host) as first:
            sent = await first.call("sendMessage", **message)
            repeated = body_of(await first.raw("sendMessage", message))
            assert (repeated["results"]["message_id"], repeated["results"]["repeated"]) == (sent["message_id"], True)
            assert "idempotency_key" in repeated["note"]
            await first.call("sendMessage", phone=bo.number, message="the door is open")
        async with beside(host) as again:  # the host starts its server anew
            assert (await again.call("sendMessage", **message))["message_id"] == sent["message_id"]
            await again.call("sendMessage", **message, idempotency_key=f"once more to {ana.number}")
            await again.call("revokeMessage", message_id=sent["message_id"], phone=ana.number)
            await again.call("sendMessage", **message)
        await ana.wait_for_message(start=3)
        assert [received.text for received in ana.inbox if received.text] == ["the door is open"] * 3
        assert [received.text for received in bo.inbox] == ["the door is open"]


async def gives_up(host: Host, tool: str, arguments: dict[str, str], when: Callable[[], bool]) -> None:
    """As a client with a limit of its own: it says that the call is cancelled, and waits no longer."""
    answered = asyncio.create_task(host.raw(tool, arguments))
    await until(lambda: when() or answered.done())
    assert not answered.done(), answered
    answered.cancel()
    await asyncio.wait([answered])


async def status_of(host: Host, message_id: str, phone: str) -> str:
    return str((await host.call("getMessageStatus", message_id=message_id, phone=phone))["status"])


async def test_a_client_that_gave_up_during_an_upload_and_repeats(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        arguments = {"phone": ana.number, "file": document(4_000_000), "caption": "the plans"}
        async with beside(host) as impatient:
            simulator.faults.media.slow(5, times=1)
            await gives_up(impatient, "sendFile", arguments, lambda: simulator.faults.media.slowness.has_happened)
        async with beside(host) as again:  # the server that took the call has ended
            sent = await again.call("sendFile", **arguments)
            assert sent["repeated"] is True
            await ana.wait_for_message()
            with anyio.fail_after(120):  # this client waits for seconds only, and may have heard that it is under way
                while await status_of(again, sent["message_id"], ana.number) == "pending":
                    await anyio.sleep(0.05)
            assert await status_of(again, sent["message_id"], ana.number) in ("sent", "delivered", "read")
        await host.call("sendMessage", phone=ana.number, message="last")
        await ana.wait_for_message(lambda message: message.text == "last")
        assert [received.text for received in ana.inbox] == ["the plans", "last"]
