"""Calls that take long, and clients that do not wait as long."""

from __future__ import annotations

import base64

from tests.e2e.shared import SharedAccount


def document(size: int) -> str:
    """A file that nobody has sent before."""
    return "data:application/octet-stream;base64," + base64.b64encode(bytes(range(251)) * (size // 251)).decode()


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
