"""What the policy remembers of an account between calls, hosts and restarts: what was used up of the limits, what waits
for the owner's approval, and what the owner answered for good. Times are milliseconds since 1970 (``clock.now_ms``).

Every method is one transaction of well under a millisecond, and raises StoreError when the file cannot be used.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from whatsapp_mcp.errors import InvalidArgument, NotFound
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.policy.caller import Consent, Question
from whatsapp_mcp.policy.limits import DAY, RateLimit, Reservation, Uses, Window
from whatsapp_mcp.store.database import Cursor, Parameters
from whatsapp_mcp.whereabouts import PostgresSchema, Whereabouts

MOST_PENDING: Final = 20
"""Questions of one caller that wait at once; one more, and the oldest is forgotten."""

_KEPT_MS: Final = 8 * DAY * 1_000
"""Longer than any limit counts, so that a clock that runs ahead for some days and is set right has not emptied it."""
_BACK_MS: Final = 60_000
"""So much may clocks of processes go back without approvals being lost; after more, they have to be asked for again."""
_LETTERS: Final = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Without those that look like others: I, L, O, 0, 1."""
_HALF: Final = 4


@dataclass(frozen=True, slots=True)
class PendingApproval:
    """A question that waits for the owner."""

    code: str
    rule: str
    text: str
    """As of :class:`Question`."""
    can_be_always: bool
    caller: str
    """Name of the grant."""
    asked_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class StandingAnswer:
    """The owner said: always, for this kind of call of this caller to this chat."""

    number: int
    rule: str
    chat: Jid
    caller: str
    since: int


class OpenBook(Protocol):
    """A connection inside a transaction, in the SQL that both engines know."""

    def execute(self, sql: str, parameters: Parameters = ..., /) -> Cursor: ...
    def executemany(self, sql: str, parameters: Iterable[Parameters], /) -> Any: ...


class KeptBook(Protocol):
    """A file (``book_file``) or a schema (``book_schema``)."""

    def writing(self) -> AbstractContextManager[OpenBook]: ...
    def reading(self) -> AbstractContextManager[OpenBook | None]: ...
    def close(self) -> None: ...


def book_at(where: Whereabouts) -> KeptBook:
    if isinstance(where, PostgresSchema):
        from whatsapp_mcp.policy.book_schema import BookSchema

        return BookSchema(where)
    from whatsapp_mcp.policy.book_file import BookFile

    return BookFile(where)


class PolicyBook:
    """``policy.db`` of an account, or its tables in PostgreSQL. May be used from any thread; opens it at the first call
    that needs it."""

    def __init__(self, where: Whereabouts) -> None:
        self._file = book_at(where)

    def close(self) -> None:
        self._file.close()

    # ---- limits

    def reserve(
        self, uses: Uses, limits: Sequence[Window], now: int, *, caller: str = "local"
    ) -> Reservation | RateLimit:
        """Count what a call will use up, for all its kinds or, when one limit is reached, for none.

        Args:
            limits: from :func:`~whatsapp_mcp.policy.limits.windows`. Without one for any of the kinds, nothing is
                counted and the file is not touched.
            caller: name of the grant, for limits of its own.

        A clock that is set back frees nothing and locks nobody out: what then lies in the future counts as of now, and
        so for as long as the limit is. One that is set ahead can free each limit once.
        """
        counted = {kind: amount for kind, amount in uses.items() if amount > 0}
        held = [window for window in limits if window.kind in counted]
        if not held:
            return Reservation(None)
        with self._file.writing() as book:
            for kind in counted:
                book.execute("UPDATE used SET at = ? WHERE kind = ? AND at > ?", (now, kind.value, now))
                book.execute("DELETE FROM used WHERE kind = ? AND at < ?", (kind.value, now - _KEPT_MS))
            for window in held:
                full = _full(book, window, counted[window.kind], now)
                if full is not None:
                    return full
            number = secrets.randbits(62)
            book.executemany(
                "INSERT INTO used (call, kind, at, amount, caller) VALUES (?, ?, ?, ?, ?)",
                [(number, kind.value, now, amount, caller) for kind, amount in counted.items()],
            )
            return Reservation(number)

    def refund(self, reservation: Reservation) -> None:
        """The call certainly did nothing. May be said twice."""
        if reservation.number is not None:
            with self._file.writing() as book:
                book.execute("DELETE FROM used WHERE call = ?", (reservation.number,))

    def used(self, limits: Sequence[Window], now: int) -> list[int]:
        """What is used up of each, in the unit of its kind."""
        with self._file.reading() as book:
            return [_used(book, window, now) if book is not None else 0 for window in limits]

    # ---- approvals

    def ask(self, question: Question, minutes: int, now: int, *, caller: str = "local") -> str:
        """The code under which the owner finds the question; the same for the same call as long as it waits.

        Args:
            minutes: so long it waits, and after the approval for its call.
        """
        with self._file.writing() as book:
            _forget_old(book, now)
            found = book.execute("SELECT code FROM asked WHERE digest = ?", (question.digest,)).fetchone()
            if found is not None:
                return str(found["code"])
            code = _new_code(book)
            book.execute(
                "INSERT INTO asked (code, digest, rule, text, can_be_always, caller, at, since, lasts)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(code, question.digest, question.rule, question.text, int(question.can_be_always), caller),
                    *(now, now, minutes * 60_000),
                ),
            )
            book.execute(
                "DELETE FROM asked WHERE caller = ? AND answer IS NULL AND code NOT IN (SELECT code FROM asked"
                " WHERE caller = ? AND answer IS NULL ORDER BY rowid DESC LIMIT ?)",
                (caller, caller, MOST_PENDING),
            )
            return code

    def pending(self, now: int) -> list[PendingApproval]:
        """What waits for an answer, the oldest first."""
        with self._file.reading() as book:
            if book is None:
                return []
            rows = book.execute(f"SELECT * FROM asked WHERE answer IS NULL AND {_VALID} ORDER BY rowid", _valid(now))
            return [
                PendingApproval(
                    code=row["code"],
                    rule=row["rule"],
                    text=row["text"],
                    can_be_always=bool(row["can_be_always"]),
                    caller=row["caller"],
                    asked_at=row["at"],
                    expires_at=row["since"] + row["lasts"],
                )
                for row in rows
            ]

    def approve(self, code: str, now: int, *, always: bool = False) -> None:
        """The call may be made, once, within as many minutes as the question had.

        Raises:
            NotFound: no question with this code waits.
            InvalidArgument: ``always``, and it cannot be answered so.
        """
        self._answer(code, Consent.ALWAYS if always else Consent.YES, now)

    def refuse(self, code: str, now: int) -> None:
        """The call may not be made; repeated within as many minutes as the question had, it is refused at once.

        Raises:
            NotFound: no question with this code waits.
        """
        self._answer(code, Consent.NO, now)

    def _answer(self, code: str, answer: Consent, now: int) -> None:
        code = plain_code(code)
        with self._file.writing() as book:
            row = book.execute(
                f"SELECT can_be_always FROM asked WHERE code = :code AND answer IS NULL AND {_VALID}",
                {"code": code, **_valid(now)},
            ).fetchone()
            if row is None:
                raise NotFound(
                    "no question with this code waits for an answer",
                    next_step="`whatsapp-mcp approve` lists what waits. A question that was answered, or is too old, "
                    "has to be asked again: have the call repeated.",
                )
            if answer is Consent.ALWAYS and not row["can_be_always"]:
                raise InvalidArgument(
                    "this question cannot be answered for good", next_step="Approve it for this one time."
                )
            book.execute("UPDATE asked SET answer = ?, since = ? WHERE code = ?", (answer.value, now, code))

    def take(self, digest: str, now: int) -> Consent | None:
        """The owner's answer to exactly this call; None while there is none. YES and ALWAYS are given once, to one of
        all processes that ask; NO until it is too old.
        """
        with self._file.reading() as book:
            if book is None or _answer_of(book, digest, now) is None:
                return None
        with self._file.writing() as book:
            answer = _answer_of(book, digest, now)
            if answer in (Consent.YES, Consent.ALWAYS):
                book.execute("DELETE FROM asked WHERE digest = ?", (digest,))
            return answer

    # ---- standing answers

    def always(self, rule: str, chat: Jid, caller: str, now: int) -> None:
        """From now on, this rule asks nothing about this chat when this caller calls."""
        with self._file.writing() as book:
            book.execute(
                "INSERT INTO standing (rule, chat, caller, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (rule, str(chat), caller, now),
            )

    def is_always(self, rule: str, chat: Jid, caller: str) -> bool:
        with self._file.reading() as book:
            if book is None:
                return False
            found = book.execute(
                "SELECT 1 FROM standing WHERE rule = ? AND chat = ? AND caller = ?", (rule, str(chat), caller)
            )
            return found.fetchone() is not None

    def standing(self) -> list[StandingAnswer]:
        """All of them, by number."""
        with self._file.reading() as book:
            rows = book.execute("SELECT * FROM standing ORDER BY number") if book is not None else ()
            return [
                StandingAnswer(row["number"], row["rule"], Jid.parse(row["chat"]), row["caller"], row["at"])
                for row in rows
            ]

    def forget(self, number: int) -> None:
        """Ask again.

        Raises:
            NotFound: there is no standing answer of this number.
        """
        with self._file.writing() as book:
            if book.execute("DELETE FROM standing WHERE number = ?", (number,)).rowcount == 0:
                raise NotFound(
                    f"there is no standing answer {number}", next_step="`whatsapp-mcp policy` lists them with numbers."
                )


def plain_code(text: str) -> str:
    """A code as it is kept, of what a person typed: small letters, blanks and the hyphen do not matter."""
    letters = "".join(text.split()).replace("-", "").upper()
    return f"{letters[:_HALF]}-{letters[_HALF:]}"


def _new_code(book: OpenBook) -> str:
    while True:
        code = plain_code("".join(secrets.choice(_LETTERS) for _ in range(2 * _HALF)))
        if book.execute("SELECT 1 FROM asked WHERE code = ?", (code,)).fetchone() is None:
            return code


_VALID: Final = "since <= :latest AND since + lasts > :now"


def _valid(now: int) -> dict[str, int]:
    return {"latest": now + _BACK_MS, "now": now}


def _forget_old(book: OpenBook, now: int) -> None:
    book.execute(f"DELETE FROM asked WHERE NOT ({_VALID})", _valid(now))


def _answer_of(book: OpenBook, digest: str, now: int) -> Consent | None:
    row = book.execute(
        f"SELECT answer FROM asked WHERE digest = :digest AND answer IS NOT NULL AND {_VALID}",
        {"digest": digest, **_valid(now)},
    ).fetchone()
    return Consent(row["answer"]) if row is not None else None


_IN_WINDOW: Final = "FROM used WHERE kind = ? AND at > ? AND (CAST(? AS TEXT) IS NULL OR caller = ?)"


def _in_window(window: Window, now: int) -> tuple[str, int, str | None, str | None]:
    return window.kind.value, now - window.seconds * 1_000, window.grant, window.grant


def _used(book: OpenBook, window: Window, now: int) -> int:
    total: int = book.execute(
        f"SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) {_IN_WINDOW}", _in_window(window, now)
    ).fetchone()[0]
    return total


def _full(book: OpenBook, window: Window, amount: int, now: int) -> RateLimit | None:
    used = _used(book, window, now)
    too_much = used + amount - window.most
    if too_much <= 0:
        return None
    for at, freed in book.execute(f"SELECT at, amount {_IN_WINDOW} ORDER BY at", _in_window(window, now)):
        too_much -= freed
        if too_much <= 0:
            return RateLimit(window, used, max(1, -(-(at + window.seconds * 1_000 - now) // 1_000)))
    return RateLimit(window, used, None)
