"""The one path of a call, whoever makes it: a tool, a resource, a person at a terminal. Arguments are checked, the
operation runs behind the gate, and how it ended is written down."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from whatsapp_mcp.catalog.check import ArgumentChecker, invalid
from whatsapp_mcp.catalog.operation import Operation
from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.log_lines import about
from whatsapp_mcp.operations.outcome import Outcome, Runner
from whatsapp_mcp.policy.caller import Caller
from whatsapp_mcp.policy.passage import Passage

logger = logging.getLogger(__name__)


class Calls:
    """Of one server."""

    def __init__(self, runner: Runner, account: str) -> None:
        self._runner = runner
        self._account = account
        self._checker = ArgumentChecker()

    @contextmanager
    def passage(self, operation: Operation, caller: Caller) -> Iterator[Passage]:
        """One call; when it is left, the answer goes out, and before that the call is written down."""
        passage = Passage(operation, caller)
        with about(account=self._account, client=caller.name, tool=operation.name):
            try:
                yield passage
            except WhatsAppMcpError:
                raise
            except BaseException:
                passage.error = "cancelled"
                raise
            finally:
                logger.info("%s", sentence_on(passage))
                try:  # Nothing that goes wrong there is the caller's.
                    self._runner.ended(passage)
                except Exception:
                    logger.exception("%s was not written down", operation.name)

    async def run(self, passage: Passage, given: Mapping[str, Any] | None) -> tuple[Outcome, Sequence[str]]:
        """What the operation hands back, and remarks on its arguments, a sentence each. Raises WhatsAppMcpError."""
        passage.bytes_in = sum(len(value) if isinstance(value, str) else 8 for value in (given or {}).values())
        arguments, problems, notes = self._checker.check(passage.operation, given)
        if problems:
            raise invalid(problems)
        return await self._runner.run(passage, arguments), notes


@contextmanager
def known_errors(passage: Passage) -> Iterator[None]:
    """Whatever goes wrong inside is a `WhatsAppMcpError`, in words of ours, and noted."""
    try:
        yield
    except WhatsAppMcpError as error:
        passage.error = error.code
        raise
    except Exception as error:
        # Its text may hold anything, and in the 2025 revisions the SDK would send it to the client.
        logger.exception("%s failed unexpectedly", passage.operation.name)
        passage.error = WhatsAppMcpError.code
        raise WhatsAppMcpError(f"{passage.operation.name} failed unexpectedly.") from error


def sentence_on(passage: Passage) -> str:
    """How a call ended: nothing that it was given or answered is in it."""
    name = passage.operation.name
    if passage.error == WhatsAppMcpError.code:
        return f"{name} failed unexpectedly."
    if passage.error is not None:
        rule = f" (rule {passage.rule})" if passage.rule is not None else ""
        return f"{name} was answered {passage.error}{rule}."
    return f"{name} took {(time.perf_counter() - passage.began) * 1_000:.0f} ms."
