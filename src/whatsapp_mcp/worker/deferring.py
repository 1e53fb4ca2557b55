"""Messages that leave later: kept in the store with their files, sent once, or stopped before.

Nothing here waits: :mod:`whatsapp_mcp.worker.departures` says when one is due.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import (
    NotConnected,
    NotLoggedIn,
    OutcomeUnknown,
    SessionTimeout,
    StoreError,
    WhatsAppMcpError,
)
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.media import downloads
from whatsapp_mcp.models.delivery import DeferredState
from whatsapp_mcp.models.outgoing import MediaOut, SentMessage, TextOut
from whatsapp_mcp.pipe import messages as p
from whatsapp_mcp.store.deferred import HELD, LATE, PENDING, PENDING_LATE, DeferredSends
from whatsapp_mcp.store.records import NewDeferred
from whatsapp_mcp.waiting import Wait, Waits, noted
from whatsapp_mcp.worker.composing import Composer
from whatsapp_mcp.worker.departure_check import DepartureCheck, NotNow
from whatsapp_mcp.worker.held_files import HeldFiles
from whatsapp_mcp.worker.sends import Sends
from whatsapp_mcp.worker.store_thread import StoreThread

T = TypeVar("T")
logger = logging.getLogger(__name__)

HELD_FILES: Final = downloads.HELD
"""Folder in the media folder: the files of messages that are held, each under the message's id."""

ANSWERED_WITHIN: Final = 24 * 60 * 60 * 1000
"""Milliseconds that the owner has to say whether a late message is to be sent."""

Held = p.SendMessage | p.ForwardMessage
_COMMANDS: Final[TypeAdapter[Held]] = TypeAdapter(Held)


class Deferring:
    """Called from threads that may wait."""

    def __init__(
        self,
        store: StoreThread,
        sends: Sends,
        composer: Composer,
        files: HeldFiles,
        changed: Callable[[], None],
        check: DepartureCheck,
    ) -> None:
        """
        Args:
            files: of held messages.
            check: asks the policy about what was scheduled.
            changed: is called when another message is held, or one is not any more.
        """
        self._store = store
        self._sends = sends
        self._composer = composer
        self._files = files
        self._changed = changed
        self._waits: dict[str, Waits] = {}
        """Of those that are leaving."""
        self._check = check
        self.asking: set[str] = set()
        """Those that wait for the owner's answer, so that others of their chats need not wait for them."""

    def hold(self, command: Held) -> SentMessage:
        """Keep a message until it is due, or one that is pending until it is sent; on the disk when it returns.

        Raises:
            InvalidArgument: under its key, something else was to be sent.
            NotFound, InvalidArgument: what it answers, or forwards, is not there.
            RateLimited: too many wait.
            StoreError: it cannot be kept.
        """
        self._composer.check(command)
        message_id = _id_for(command)
        schedule = command.schedule if isinstance(command, p.SendMessage) else None
        due = schedule.due_at if schedule is not None else now_ms() + command.hold * 1000
        kept = self._with_file(command, message_id)
        later = {"pending": True} if command.pending else {"held_until": due}
        answer = SentMessage(message_id=message_id, chat=command.chat, timestamp=due).model_copy(update=later)
        key = command.key or p.SendKey(key=message_id, fingerprint="")
        new = NewDeferred(
            id=message_id,
            chat=command.chat,
            due_at=due,
            key=key.key,
            kept=key.kept,
            fingerprint=key.fingerprint,
            command=kept.model_dump_json(),
            answer=answer.model_dump_json(exclude={"repeated"}),
            late=_lateness(schedule) if schedule is not None else PENDING_LATE if command.pending else LATE,
            caller=schedule.caller if schedule is not None else None,
        )
        stood = None
        try:
            stood = self._sends.hold(new, key)
        except BaseException:
            self._files.discard([message_id])
            raise
        if stood is not None or self._with_held(lambda held: held.is_cancelled(message_id)):
            self._files.discard([message_id])
            return stood or answer
        self._changed()
        return answer

    def preparing(self, message_id: str, chat: Jid, server: int) -> None:
        """A server converts what it sends, and has told its id."""
        self._with_held(lambda held: held.prepare(message_id, chat, server))

    def not_prepared(self, message_id: str, error: dict[str, Any]) -> None:
        """It could not be converted."""
        self._with_held(lambda held: held.not_prepared(message_id, error))

    def cancel(self, message_id: str) -> DeferredState | None:
        """Stop a message that is held; of one that is being sent, wait for the end. What became of it."""
        found = self._with_held(lambda held: held.cancel(message_id))
        if found is not None and found[0] is DeferredState.LEAVING:
            with self._sends.alone(found[1]):
                self._with_held(lambda held: held.doubt(message_id))
                found = self._with_held(lambda held: held.cancel(message_id))
        if found is None:
            return None
        if found[0] is DeferredState.CANCELLED:
            self._files.discard([message_id])
            self._changed()
        return found[0]

    def wait_of(self, message_id: str) -> Wait | None:
        """What one waits for that is leaving."""
        waits = self._waits.get(message_id)
        return waits.now if waits is not None else None

    def leave(self, message_id: str) -> bool:
        """Send one that is due; False when that is not possible now, and it stays held."""
        try:
            with noted() as self._waits[message_id]:
                self._send(message_id)
        except OutcomeUnknown as error:
            logger.warning("a held message may have been sent: %s", error.message)
            self._with_held(lambda held: held.doubt(message_id))
        except NotNow as not_now:
            wire = not_now.error.to_wire()
            self._with_held(lambda held: held.delay(message_id, wire))
            logger.info("a scheduled message that is due waits: %s", not_now.error.message)
            return False
        except (NotConnected, SessionTimeout, StoreError) as error:
            logger.info("a message that is due waits: %s", error.message)
            self._with_held(lambda held: held.doubt(message_id))  # of one that was sent and could not be stored
            return False
        except WhatsAppMcpError as error:
            self._give_up(message_id, error)
        except Exception:
            logger.exception("a held message could not be sent")
            self._give_up(message_id, WhatsAppMcpError("the session hit an unexpected error"))
        finally:
            self._waits.pop(message_id, None)
        self._files.discard([message_id])
        return True

    def expire(self) -> None:
        """What is too late does not leave any more."""
        expired = self._with_held(lambda held: held.expire())
        if expired:
            logger.warning("%d held messages were not sent: it was too late", len(expired))
        self._files.discard(expired)

    def recover(self) -> None:
        """What a process that was killed left: what it was sending may have been sent, and files of nobody."""
        self._with_held(lambda held: held.doubt())
        self._files.sweep({due.id for due in self._with_held(lambda held: held.waiting())})

    def forget(self) -> None:
        """The device is not linked any more: nothing leaves."""
        error = NotLoggedIn("the account was unlinked before the message left").to_wire()
        self._files.discard(self._with_held(lambda held: held.give_all_up(error)))

    def _send(self, message_id: str) -> None:
        found = self._with_held(lambda held: held.command(message_id))
        if found is None:  # somebody stopped it
            return
        command = _COMMANDS.validate_json(found.command)
        if isinstance(command, p.SendMessage) and isinstance(command.message, MediaOut):
            command = _with_path(command, command.message, self._files.at_hand(message_id))
        with self._asked(message_id, command) if found.caller is not None else nullcontext():
            self._sends.leave(message_id, found.key, command.chat, self._composer.compose(command))

    def _asked(self, message_id: str, command: Held) -> AbstractContextManager[None]:
        """The policy, and the owner where it is late; see `DepartureCheck`."""
        assert isinstance(command, p.SendMessage) and command.schedule is not None
        schedule = command.schedule
        text = command.message.text if isinstance(command.message, TextOut) else ""
        if schedule.ask and now_ms() > self._due(message_id) + schedule.late:
            self.asking.add(message_id)
            self._check.ask(message_id, schedule.caller, command.chat, text, schedule.due_at)
        self.asking.discard(message_id)
        return self._check.passed(schedule.caller, command.chat, text)

    def _due(self, message_id: str) -> int:
        return next((one.due_at for one in self._with_held(DeferredSends.waiting) if one.id == message_id), 0)

    def _give_up(self, message_id: str, error: WhatsAppMcpError) -> None:
        logger.warning("a held message was not sent: %s", error.message)
        self._with_held(lambda held: held.give_up(message_id, error.to_wire()))

    def _with_file(self, command: Held, message_id: str) -> Held:
        """Its file in a place that is ours: the one that it names goes when the caller is answered."""
        if isinstance(command, p.ForwardMessage) or not isinstance(command.message, MediaOut):
            return command
        return _with_path(command, command.message, self._files.keep(message_id, command.message.path))

    def _with_held(self, work: Callable[[DeferredSends], T]) -> T:
        return self._store.run_now(lambda writer: writer.with_deferred(work))


def _lateness(schedule: p.Schedule) -> int:
    return schedule.late + (ANSWERED_WITHIN if schedule.ask else 0)


def _id_for(command: Held) -> str:
    """One that its caller has told already, or a new one."""
    told = command.pending_id if isinstance(command, p.SendMessage) else ""
    return told or (PENDING if command.pending else HELD) + secrets.token_hex(9).upper()


def _with_path(command: p.SendMessage, message: MediaOut, path: Path) -> p.SendMessage:
    return command.model_copy(update={"message": message.model_copy(update={"path": path})})
