"""How a client in Python plays the scenario: read from stdin, what was seen as JSON lines on stdout."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace

from tests.clients.scenario import Call, Scenario, Seen


def given() -> Scenario:
    return Scenario.from_json(sys.stdin.read())


def tell(seen: Seen) -> None:
    sys.stdout.write(json.dumps(asdict(seen)) + "\n")
    sys.stdout.flush()


async def play(scenario: Scenario, perform: Callable[[Call], Awaitable[Seen | None]]) -> None:
    """Each call in turn; ``perform`` returns None for what this client has not."""
    for call in scenario.calls:
        began = time.monotonic()
        try:
            seen = await perform(call) or Seen(call.step, offered=False)
        except Exception as error:
            seen = Seen(call.step, f"{type(error).__name__}: {error}", error=True)
        tell(replace(seen, seconds=round(time.monotonic() - began, 1)))
