"""Messages of ours that leave later: held until they are due, and what became of them.

Each has an id of ours, for neonize chooses that of the message only when it sends it, and a row in ``sends`` from the
beginning: its key is the caller's, or its id. While it leaves, that row is a claim like that of any send under a key,
so a process that is killed then has sent it at most once. Who takes it out of the
state ``held`` decides what becomes of it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from whatsapp_mcp.errors import RateLimited
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.delivery import DeferredState
from whatsapp_mcp.store import sends
from whatsapp_mcp.store.database import Row, StoreConnection
from whatsapp_mcp.store.records import DeferredSend, KeyedSend, NewDeferred
from whatsapp_mcp.store.rows import stored_jid

HELD: Final = "HELD"
"""Our ids of messages that are held back begin so."""
PENDING: Final = "SEND"
"""And those of messages that the session process has taken and sends as soon as it can: uploads."""
PREFIXES: Final = (HELD, PENDING)
LATE: Final = 5 * 60 * 1000
"""Milliseconds after which what was held back, was due and could not leave does not leave any more."""
PENDING_LATE: Final = 60 * 60 * 1000
"""The same of what is pending; uploading counts."""
MOST: Final = 100
"""So many messages that are scheduled wait at once."""
KEPT: Final = 30 * 24 * 60 * 60 * 1000
"""Milliseconds for which it is remembered what became of one."""


class Due(NamedTuple):
    """One that is held."""

    id: str
    chat: str
    due_at: int
    """Milliseconds since 1970."""
    late: int = LATE
    """Milliseconds after it for which it may still leave."""

    @property
    def late_at(self) -> int:
        """Then it does not leave any more."""
        return self.due_at + self.late

    @property
    def lane(self) -> str:
        """What is held back leaves in order within its chat, one at a time; what is pending waits for nothing else."""
        return self.id if self.id.startswith(PENDING) else self.chat


class Leaving(NamedTuple):
    """One whose time has come."""

    command: str
    """What is to be sent, as JSON."""
    key: str
    caller: str | None
    """Who scheduled it, as JSON; None: it was held back."""


_COLUMNS: Final = (
    "id, chat, state, due_at, key, sent_id, error, late, caller IS NOT NULL AS scheduled, settled_at, server,"
    " CASE WHEN caller IS NOT NULL THEN command END AS command"
)


def find(connection: StoreConnection, message_id: str, now: int) -> DeferredSend | None:
    """What is known of a message under our id. What is too late is expired, also when no process runs to note it."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM deferred_sends WHERE id = ?", (message_id,)).fetchone()
    return _view(row, now) if row is not None else None


def scheduled(connection: StoreConnection, since: int, now: int) -> tuple[DeferredSend, ...]:
    """What is scheduled, in the order of time, and what became of those that settled after ``since``."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM deferred_sends WHERE caller IS NOT NULL AND (settled_at IS NULL OR settled_at >= ?)"
        " ORDER BY due_at, id",
        (since,),
    )
    return tuple(_view(row, now) for row in rows)


def _view(row: Row, now: int) -> DeferredSend:
    state = DeferredState(row["state"])
    if state in (DeferredState.HELD, DeferredState.PREPARING) and row["due_at"] + row["late"] < now:
        state = DeferredState.EXPIRED
    wire: dict[str, Any] | None = json.loads(row["error"]) if row["error"] else None
    return DeferredSend(
        id=row["id"],
        chat=stored_jid(row["chat"]),
        state=state,
        due_at=row["due_at"],
        key=row["key"],
        sent_id=row["sent_id"],
        scheduled=bool(row["scheduled"]),
        text=_text_of(row["command"]),
        settled_at=row["settled_at"],
        error=wire,
        pending=row["id"].startswith(PENDING) or row["server"] is not None,
        server=row["server"],
    )


def _text_of(command: str | None) -> str | None:
    """What a command that is kept sends as text."""
    message = json.loads(command).get("message") if command else None
    text = message.get("text") if isinstance(message, dict) else None
    return text if isinstance(text, str) else None


def sent_as(connection: StoreConnection, message_id: str) -> str | None:
    """The id under which it left."""
    row = connection.execute("SELECT sent_id FROM deferred_sends WHERE id = ?", (message_id,)).fetchone()
    return row[0] if row else None


def finish(connection: StoreConnection, key: str, result: str, now: int) -> None:
    """What was leaving under this key was sent, if it was a message that was held. ``result``: see ``sends.finish``."""
    connection.execute(
        "UPDATE deferred_sends SET state = 'sent', sent_id = ?, command = NULL,"
        " error = NULL, settled_at = ? WHERE key = ? AND state IN ('leaving', 'unknown')",
        (json.loads(result).get("message_id"), now, key),
    )


class DeferredSends:
    """What the session process does with them, inside one transaction of the writer."""

    def __init__(self, connection: StoreConnection, now: int) -> None:
        """``now``: milliseconds since 1970."""
        self._connection = connection
        self._now = now

    def hold(self, new: NewDeferred) -> KeyedSend | None:
        """Keep it; what stands under its key, if that is not free: then nothing is kept.

        Raises:
            RateLimited: so many are scheduled already that no further one is taken.
        """
        self._connection.execute(
            "DELETE FROM deferred_sends WHERE settled_at <= ?1 OR (state = 'preparing' AND (id = ?2 OR due_at <= ?1))",
            (self._now - KEPT, new.id),
        )
        if self.is_cancelled(new.id):
            return None
        if new.caller is not None and self._scheduled() >= MOST:
            raise RateLimited(
                f"{MOST} scheduled messages wait already",
                next_step="listScheduled shows them, and cancelScheduled takes one back.",
            )
        stood = sends.claim(self._connection, new.key, new.fingerprint, b"", self._now, new.kept)
        if stood is not None:
            return stood
        sends.finish(self._connection, new.key, new.answer, new.due_at)
        self._connection.execute(
            "INSERT INTO deferred_sends (id, chat, state, due_at, key, command, answer, late, caller)"
            " VALUES (?, ?, 'held', ?, ?, ?, ?, ?, ?)",
            (new.id, str(new.chat), new.due_at, new.key, new.command, new.answer, new.late, new.caller),
        )
        return None

    def prepare(self, message_id: str, chat: Jid, server: int) -> None:
        """Note that a server converts what it sends, and has told its id; nothing when it is known already."""
        self._connection.execute(
            "INSERT INTO deferred_sends (id, chat, state, due_at, key, answer, late, server)"
            " VALUES (?1, ?2, 'preparing', ?3, ?1, '', ?4, ?5) ON CONFLICT DO NOTHING",
            (message_id, str(chat), self._now, PENDING_LATE, server),
        )

    def not_prepared(self, message_id: str, error: dict[str, Any]) -> None:
        """Why it could not be converted."""
        self._settle(DeferredState.FAILED, "id = ?", message_id, error=error, of="preparing")

    def is_cancelled(self, message_id: str) -> bool:
        """Whether somebody stopped it."""
        found = self._connection.execute(
            "SELECT 1 FROM deferred_sends WHERE id = ? AND state = 'cancelled'", (message_id,)
        ).fetchone()
        return found is not None

    def _scheduled(self) -> int:
        """How many that are scheduled wait."""
        (count,) = self._connection.execute(
            "SELECT count(*) FROM deferred_sends WHERE state = 'held' AND caller IS NOT NULL"
        ).fetchone()
        return int(count)

    def waiting(self) -> tuple[Due, ...]:
        """All that are held, in the order in which they are due."""
        rows = self._connection.execute(
            "SELECT id, chat, due_at, late FROM deferred_sends WHERE state = 'held' ORDER BY due_at, id"
        )
        return tuple(Due(*row) for row in rows)

    def is_open(self, message_id: str) -> bool:
        """Whether it is held, or being sent."""
        found = self._connection.execute(
            "SELECT 1 FROM deferred_sends WHERE id = ? AND state IN ('held', 'leaving')", (message_id,)
        ).fetchone()
        return found is not None

    def command(self, message_id: str) -> Leaving | None:
        """What is to be sent, while it is held."""
        row = self._connection.execute(
            "SELECT command, key, caller FROM deferred_sends WHERE id = ? AND state = 'held'", (message_id,)
        ).fetchone()
        return Leaving(*row) if row else None

    def delay(self, message_id: str, error: dict[str, Any]) -> None:
        """Why it cannot leave now; the reason is told when it expires."""
        self._connection.execute(
            "UPDATE deferred_sends SET error = :error WHERE id = :id AND state = 'held'"
            " AND error IS DISTINCT FROM :error",
            {"error": json.dumps(error), "id": message_id},
        )

    def leave(self, message_id: str, message: bytes) -> bool:
        """Claim it for being sent now; False when it is not held any more."""
        row = self._connection.execute(
            "UPDATE deferred_sends SET state = 'leaving' WHERE id = ? AND state = 'held' RETURNING key", (message_id,)
        ).fetchone()
        if row is None:
            return False
        self._connection.execute(
            "UPDATE sends SET result = NULL, message = ?, started_at = ? WHERE key = ?", (message, self._now, row[0])
        )
        return True

    def stay(self, message_id: str) -> None:
        """It was not sent, and is held as before."""
        row = self._connection.execute(
            "UPDATE deferred_sends SET state = 'held' WHERE id = ? AND state = 'leaving' RETURNING key, answer, due_at",
            (message_id,),
        ).fetchone()
        if row is not None:
            key, answer, due_at = row
            sends.finish(self._connection, key, answer, due_at)

    def cancel(self, message_id: str) -> tuple[DeferredState, str] | None:
        """Keep it from leaving, if it is held; its state then, and its key. The key stays taken."""
        for state in ("preparing", "held"):
            self._settle(DeferredState.CANCELLED, "id = ?", message_id, of=state)
        row = self._connection.execute("SELECT state, key FROM deferred_sends WHERE id = ?", (message_id,)).fetchone()
        return (DeferredState(row[0]), row[1]) if row else None

    def expire(self) -> tuple[str, ...]:
        """Those that are too late; their keys are free."""
        return self._freed(self._settle(DeferredState.EXPIRED, "due_at + late < ?", self._now))

    def give_up(self, message_id: str, error: dict[str, Any]) -> None:
        """It cannot be sent: its key is free. Of one that was leaving it is not known."""
        self.doubt(message_id)
        self._freed(self._settle(DeferredState.FAILED, "id = ?", message_id, error=error))

    def give_all_up(self, error: dict[str, Any]) -> tuple[str, ...]:
        """None can be sent any more."""
        return self._freed(self._settle(DeferredState.FAILED, "1 = 1", error=error))

    def doubt(self, message_id: str | None = None) -> None:
        """What was leaving may have been sent. None: all, which a process that was killed was sending."""
        self._connection.execute(
            "UPDATE deferred_sends SET state = 'unknown', command = NULL, settled_at = ?"
            " WHERE state = 'leaving' AND id = coalesce(?, id)",
            (self._now, message_id),
        )

    def _settle(
        self,
        state: DeferredState,
        which: str,
        *values: str | int,
        error: dict[str, Any] | None = None,
        of: str = "held",
    ) -> Sequence[tuple[str, str]]:
        """Id and key of those that are held no more, or in another state ``of``."""
        return self._connection.execute(
            "UPDATE deferred_sends SET state = ?, command = NULL, settled_at = ?, error = coalesce(?, error)"
            f" WHERE state = '{of}' AND {which} RETURNING id, key",
            (state.value, self._now, json.dumps(error) if error else None, *values),
        ).fetchall()

    def _freed(self, settled: Sequence[tuple[str, str]]) -> tuple[str, ...]:
        for _, key in settled:
            self._connection.execute("DELETE FROM sends WHERE key = ?", (key,))
        return tuple(message_id for message_id, _ in settled)
