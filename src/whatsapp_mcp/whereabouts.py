"""Where an account's messages and keys lie: in a file of its folder, or in a schema of its own in PostgreSQL.

A `Whereabouts` crosses processes as a text (`told`, `whereabouts_of`). What is shown to people names the database
without its password.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import urlsplit

SCHEMES: Final = ("postgresql://", "postgres://")
SHARED_SCHEMA: Final = "whatsapp_mcp"
"""What belongs to no account; none can have it, since theirs begin with ``wa_``."""


@dataclass(frozen=True, slots=True)
class PostgresSchema:
    """The schema of one account in a PostgreSQL database."""

    url: str = field(repr=False)
    """As libpq takes it; it may hold a password."""
    schema: str
    guard: str = field(default="", repr=False, compare=False)
    """A statement at the beginning of each transaction that writes messages: where it finds no row, nothing is written,
    for another machine holds the account. Empty: nobody else can hold it. It does not cross processes."""

    def __str__(self) -> str:
        return f"{shown_url(self.url)}, schema {self.schema}"


Whereabouts: TypeAlias = Path | PostgresSchema


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A small text in a schema, by the name of the file that it would be."""

    where: PostgresSchema
    name: str

    def __str__(self) -> str:
        return f"{self.name} in {self.where}"


Place: TypeAlias = Path | StoredDocument
"""Of such a text."""


def guarded(where: Whereabouts, guard: str) -> Whereabouts:
    """The same, with a guard where another machine can hold the account."""
    return replace(where, guard=guard) if isinstance(where, PostgresSchema) else where


def schema_name(account: str) -> str:
    """Of an account, whose name is in small letters (``account_names``): what needs no quotes in SQL, and never the
    same for two accounts."""
    return "wa_" + account.replace("-", "$")


def draft_schema_name(account: str) -> str:
    """What is being made of an account, and is not its schema yet; no account's begins so."""
    return "mv_" + schema_name(account).removeprefix("wa_")


def shown_url(url: str) -> str:
    """Without password and parameters, which may hold one too."""
    parts = urlsplit(url)
    user = f"{parts.username}@" if parts.username else ""
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{user}{host}{parts.path}"


def told(where: Whereabouts) -> str:
    """As a text, for another process of the same user: with the password."""
    return f"{where.url}#{where.schema}" if isinstance(where, PostgresSchema) else str(where.absolute())


def told_place(place: Place) -> str:
    """As ``told``."""
    return f"{told(place.where)}/{place.name}" if isinstance(place, StoredDocument) else told(place)


def place_of(text: str) -> Place:
    """What ``told_place`` wrote."""
    if not text.startswith(SCHEMES):
        return Path(text)
    url, _, rest = text.rpartition("#")
    schema, _, name = rest.partition("/")
    return StoredDocument(PostgresSchema(url, schema), name)


def whereabouts_of(text: str) -> Whereabouts:
    """What ``told`` wrote."""
    if not text.startswith(SCHEMES):
        return Path(text)
    url, _, schema = text.rpartition("#")
    return PostgresSchema(url, schema)
