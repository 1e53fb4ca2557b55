"""Putting a question to the person at the terminal: also the policy's, before a call goes through."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import TYPE_CHECKING, Final

import click

from whatsapp_mcp.cli.progress import nothing_drawn
from whatsapp_mcp.cli.saying import say

if TYPE_CHECKING:
    from whatsapp_mcp.policy.caller import Consent, Question

_LONGEST: Final = 1_024
"""Bytes of an answer."""


def can_be_asked() -> bool:
    """Whether a person reads standard error and can answer on standard input."""
    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


def is_terminal(stream: object) -> bool:
    """``stream``: of `sys`; None when it was closed."""
    return stream is not None and bool(getattr(stream, "isatty", bool)())


async def ask_owner(question: Question) -> Consent:
    """The policy's question, with the answer of whoever sits there; nobody answers in time: as if nobody could."""
    with nothing_drawn():
        return await _asked(question)


async def _asked(question: Question) -> Consent:
    from whatsapp_mcp.policy.caller import Consent

    for line in question.text.splitlines():
        say(line, err=True)
    choices = "[y]es, [a]lways in this chat, [N]o" if question.can_be_always else "[y]es, [N]o"
    click.echo(f"Do it? {choices}: ", nl=False, err=True)
    try:
        async with asyncio.timeout(question.seconds):
            said = (await _line()).strip().casefold()
    except TimeoutError:
        click.echo(err=True)
        return Consent.CANNOT_ASK
    if question.can_be_always and said in ("a", "always"):
        return Consent.ALWAYS
    return Consent.YES if said in ("y", "yes") else Consent.NO


async def _line() -> str:
    """What is typed, up to the end of the line.

    A thread of its own reads it, from the descriptor and not from `sys.stdin`: while it waits it holds no lock, and
    nobody waits for it when the command is interrupted.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bytes] = loop.create_future()

    def take(said: bytes) -> None:
        if not answer.done():
            answer.set_result(said)

    def read() -> None:
        try:
            said = os.read(sys.stdin.fileno(), _LONGEST)
        except OSError:
            said = b""
        loop.call_soon_threadsafe(take, said)

    threading.Thread(target=read, daemon=True, name="answer").start()
    return (await answer).decode(errors="replace")


def confirm(question: str) -> None:
    """Raises SetupError where nobody can answer; ends the command when the answer is no."""
    from whatsapp_mcp.errors import SetupError

    if not can_be_asked():
        raise SetupError(f"nobody can be asked: {question}", next_step="Give --yes to do it without asking.")
    click.confirm(question, abort=True, err=True)
