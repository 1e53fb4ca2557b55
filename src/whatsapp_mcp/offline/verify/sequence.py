"""One step after the other, whatever becomes of them; and what they changed put back."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import anyio

from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.offline.verify.own_chat import ToolFailed
from whatsapp_mcp.offline.verify.sight import Ending, Left, Sight
from whatsapp_mcp.offline.verify.steps import Step
from whatsapp_mcp.offline.verify.trial import Differs, NotTried, Trial

logger = logging.getLogger(__name__)

PUT_BACK_WITHIN: Final = 90.0
"""Seconds for all of it, also after Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a step."""

    step: Step
    ending: Ending
    seen: tuple[Sight, ...] = ()
    code: str = ""
    """Of the error that a tool answered with."""
    seconds: float = 0.0


class Course:
    """Carries the steps out, and knows at any time what became of them."""

    def __init__(
        self,
        trial: Trial,
        steps: Sequence[Step],
        tell: Callable[[Result], None] = lambda _: None,
        ending: Callable[[], None] = lambda: None,
    ) -> None:
        """
        Args:
            tell: is given what became of each step.
            ending: is called before everything is put back.
        """
        self._trial = trial
        self._steps = steps
        self._tell = tell
        self._ending = ending
        self._results: dict[str, Result] = {}
        self.left: tuple[Left, ...] = ()
        """What could not be put back."""

    @property
    def results(self) -> tuple[Result, ...]:
        """In order; what was not come to, or was under way when it was interrupted, was not tried."""
        not_come_to = (Sight.INTERRUPTED,)
        return tuple(self._results.get(step.name, Result(step, Ending.NOT_TRIED, not_come_to)) for step in self._steps)

    async def run(self) -> None:
        """All steps, and then everything back as it was; that too when it is cancelled."""
        try:
            for neighbours in _neighbours(self._steps):
                async with anyio.create_task_group() as group:
                    for step in neighbours:
                        group.start_soon(self._try, step)
        finally:
            with anyio.CancelScope(shield=True):
                self._ending()
                self.left = await put_back(self._trial)

    async def _try(self, step: Step) -> None:
        result = await self._result(step)
        self._results[step.name] = result
        self._tell(result)

    async def _result(self, step: Step) -> Result:
        if any(self._results[name].ending is not Ending.AS_EXPECTED for name in step.needs):
            return Result(step, Ending.NOT_TRIED)
        began = time.monotonic()
        ending, code = Ending.AS_EXPECTED, ""
        seen: tuple[Sight, ...] = ()
        try:
            with anyio.fail_after(step.limit):
                seen = await step.run(self._trial)
        except NotTried as error:
            ending, seen = Ending.NOT_TRIED, (error.why,)
        except Differs as error:
            ending, seen = Ending.DIFFERS, error.seen
        except TimeoutError:
            ending = Ending.TIMED_OUT
        except (ToolFailed, WhatsAppMcpError) as error:
            ending, code = Ending.FAILED, error.code
        except (LookupError, TypeError, AttributeError, ValueError, OSError):
            logger.debug("the step %s cannot read an answer", step.name, exc_info=True)
            ending, seen = Ending.DIFFERS, (Sight.ODD_ANSWER,)
        except Exception:  # one step, be it a mistake of ours, does not end the run
            logger.warning("the step %s failed", step.name, exc_info=True)
            ending, code = Ending.FAILED, "internal_error"
        return Result(step, ending, seen, code, time.monotonic() - began)


def _neighbours(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Steps that are tried at once."""
    for together, found in groupby(steps, lambda step: step.together):
        if together:
            yield list(found)
        else:
            yield from ([step] for step in found)


async def put_back(trial: Trial) -> tuple[Left, ...]:
    """Undo what the steps did not undo themselves, and delete for everyone what they sent; what is left over."""
    undone: set[Left] = set()

    async def undo(left: Left, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except Exception:
            logger.debug("%s", left, exc_info=True)
        else:
            undone.add(left)

    wanted = dict(trial.undo)
    with anyio.move_on_after(PUT_BACK_WITHIN):
        async with anyio.create_task_group() as group:
            for left, work in wanted.items():
                group.start_soon(undo, left, work)
            if trial.own.sent:
                wanted[Left.MESSAGES] = lambda: _revoke_all(trial)
                group.start_soon(undo, Left.MESSAGES, wanted[Left.MESSAGES])
    return tuple(left for left in Left if left in wanted and left not in undone)


async def _revoke_all(trial: Trial) -> None:
    """Newest first; one that cannot be deleted does not keep the others. Raises the last error."""
    failed: Exception | None = None
    for chat, message_id in reversed(trial.own.sent):
        if chat != trial.own.jid:
            continue  # leaving the group sees to it
        try:
            await trial.own.call("revokeMessage", phone=chat, message_id=message_id)
        except Exception as error:
            failed = error
    if failed is not None:
        raise failed
