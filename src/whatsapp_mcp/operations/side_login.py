"""Asking for what neonize cannot send: a short login of our own does it, while the session is paused."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from typing import Any, Final, TypeVar

from whatsapp_mcp.errors import SessionError
from whatsapp_mcp.models.side_login import Answer
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.pipe.command import Command

R = TypeVar("R")
ANSWER_SECONDS: Final = 70.0
"""Preparing, draining, logging in and storing, each of which has a bound of its own; beside the distance of pauses."""


async def ask(services: Services, command: Command[Answer[R]]) -> Answer[R]:
    """Have a command carried out; returns when the session is connected again, or the wait for that is over.

    Raises RateLimited, SessionError, WhatsAppRefused, and what the command's class says.
    """
    answer = await services.session.call(command, timeout=services.settings.side_login_distance + ANSWER_SECONDS)
    answered = time.monotonic()
    with contextlib.suppress(SessionError):  # it was done all the same
        await services.session.ready()
    return replace(answer, paused_seconds=answer.paused_seconds + time.monotonic() - answered)


def pause_note(answer: Answer[Any]) -> str:
    """What every result says that cost a pause."""
    return f"The session was re-connected for this ({answer.paused_seconds:.1f} s)."
