"""The names of people and chats, and the best of them.

Saved in the phone's address book > what the phone calls the chat > push name > verified business name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Final

from whatsapp_mcp.models.changes import ContactSeen
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.search.folding import fold
from whatsapp_mcp.untrusted_text import encodable, is_blank


@dataclass(slots=True)
class Names:
    """A row of ``contacts``."""

    entity: int
    full_name: str | None = None
    first_name: str | None = None
    push_name: str | None = None
    push_name_at: int = 0
    """When the person was seen with this push name, milliseconds: the newest counts."""
    business_name: str | None = None
    created_at: int = 0


_COLUMNS: Final = tuple(field.name for field in fields(Names))
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM contacts WHERE entity = ?"
_WRITE: Final = (
    f"INSERT INTO contacts ({', '.join(_COLUMNS)}, updated_at) VALUES ({'?, ' * len(_COLUMNS)}?)"
    f" ON CONFLICT (entity) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in (*_COLUMNS[1:], 'updated_at'))}"
)
_CALLED: Final = (
    "SELECT entities.jid, chats.name FROM entities LEFT JOIN chats ON chats.entity = entities.id WHERE entities.id = ?"
)


class People:
    """Names by entity, cached over transactions. ``forget`` after a transaction was rolled back."""

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection
        self._cache: dict[int, Names] = {}
        self._changed: set[int] = set()
        self._renamed: set[int] = set()

    def forget(self) -> None:
        self._cache.clear()
        self._changed.clear()
        self._renamed.clear()

    def names(self, entity: int, now: int) -> Names:
        names = self._cache.get(entity)
        if names is None:
            row = self._connection.execute(_SELECT, (entity,)).fetchone()
            names = self._cache[entity] = Names(entity, created_at=now) if row is None else Names(*row)
        return names

    def push_name_seen(self, entity: int, name: str | None, at: int, now: int) -> None:
        """``at``: milliseconds. WhatsApp writes "-" where it knows none (whatsmeow: message.go)."""
        name, names = _visible(name), self.names(entity, now)
        if not name or name == "-":
            return
        if at < names.push_name_at or (at == names.push_name_at and name <= (names.push_name or "")):
            return
        if name != names.push_name:
            names.push_name = name
            self._renamed.add(entity)
        names.push_name_at = at
        self._changed.add(entity)

    def seen(self, entity: int, change: ContactSeen, now: int) -> None:
        self.push_name_seen(entity, change.push_name, now, now)
        names = self.names(entity, now)
        before = (names.full_name, names.first_name, names.business_name)
        names.full_name = _visible(change.full_name) or names.full_name
        names.first_name = _visible(change.first_name) or names.first_name
        names.business_name = _visible(change.business_name) or names.business_name
        if before != (names.full_name, names.first_name, names.business_name):
            self.rename(entity)

    def rename(self, entity: int) -> None:
        """Work out the best name again at the end of the transaction."""
        self._renamed.add(entity)
        if entity in self._cache:
            self._changed.add(entity)

    def unite(self, *, kept: int, gone: int, preferred: int, now: int) -> None:
        """One row of two; where both have a name, the one of ``preferred`` counts."""
        one, other = self.names(preferred, now), self.names(gone if preferred == kept else kept, now)
        newest = max((one, other), key=lambda names: (names.push_name_at, names.push_name or ""))
        self._cache[kept] = Names(
            kept,
            full_name=one.full_name or other.full_name,
            first_name=one.first_name or other.first_name,
            push_name=newest.push_name,
            push_name_at=newest.push_name_at,
            business_name=one.business_name or other.business_name,
            created_at=min(one.created_at, other.created_at),
        )
        self._cache.pop(gone, None)
        self._changed.discard(gone)
        self._renamed.discard(gone)
        self._connection.execute("DELETE FROM contacts WHERE entity = ?", (gone,))
        self.rename(kept)

    def flush(self, now: int) -> None:
        """Write names, and what follows from them; the chat rows must be written before."""
        self._write([self._cache[entity] for entity in self._changed], now)
        self._write_best_names(now)
        self._changed.clear()
        self._renamed.clear()

    def _write(self, changed: Iterable[Names], now: int) -> None:
        known = (one for one in changed if one.full_name or one.first_name or one.push_name or one.business_name)
        values = [(*(getattr(names, column) for column in _COLUMNS), now) for names in known]
        self._connection.executemany(_WRITE, values)

    def _write_best_names(self, now: int) -> None:
        """All are read before one is written."""
        found = [(entity, self._connection.execute(_CALLED, (entity,)).fetchone()) for entity in self._renamed]
        values = [(*_best(self.names(entity, now), *row), entity) for entity, row in found]
        self._connection.executemany("UPDATE entities SET name = ?, folded = ? WHERE id = ?", values)


def _visible(name: str | None) -> str:
    """Empty for a name of which nothing shows: its bearer is better called by the number."""
    return "" if name is None or is_blank(name) else encodable(name)


def _best(names: Names, jid: str, chat: str | None) -> tuple[str | None, str]:
    """The best name, and all of them folded; ``chat``: what the phone calls the chat."""
    chat_name = None if chat is None or _is_number(chat, jid) or is_blank(chat) else chat
    known = (names.full_name or names.first_name, chat_name, names.push_name, names.business_name)
    folded = dict.fromkeys(f for f in (fold(name) for name in known if name) if f)
    best = next((name for name in known if name), None)
    return best, "".join(f"\n {name}" for name in folded) + "\n" if folded else ""


def _is_number(name: str, jid: str) -> bool:
    """The phone calls a chat without a name by its number."""
    digits = "".join(c for c in name if c.isdigit())
    return bool(digits) and digits == jid.partition("@")[0] and not any(c.isalpha() for c in name)
