"""`whatsapp-mcp accounts move`: an account goes from its files into PostgreSQL, or back, with all that belongs to it.

The device's keys are used in one place only. What is done, in this order, so that whatever ends it leaves one:

1. Copy everything to a draft that no server looks at, and compare it: ``COPIED``. Until then, and as long as the keys
   are where they were, the account is used there as before, and the next try begins anew.
2. Write down that the draft is complete, then remove the old keys: ``KEYS_REMOVED``.
3. Give the draft its name, the keys last: ``IN_PLACE``. From then on the account can be used there.
4. Remove what was left behind.

Between 2 and 3, which takes a moment, it can be used nowhere: servers refuse to start, and the next try goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

from whatsapp_mcp.account_folder import check_path, make_folder, name_for_neonize
from whatsapp_mcp.documents import read_document, write_document
from whatsapp_mcp.errors import NotFound, SetupError, StoreError
from whatsapp_mcp.offline.account_schema import forget, held
from whatsapp_mcp.offline.accounts import lock_of_unused
from whatsapp_mcp.offline.diagnosis.unfinished_move import BEGUN, Direction, direction_of, direction_text
from whatsapp_mcp.offline.store_copy import copy_store
from whatsapp_mcp.platform.files import open_shared, remove, remove_folder, sync
from whatsapp_mcp.platform.files import replace as put_in_place
from whatsapp_mcp.policy.audit_file import closed_files
from whatsapp_mcp.policy.moving import copy_audit, copy_book
from whatsapp_mcp.policy.tokens import TokenBook, tokens_in
from whatsapp_mcp.postgres import drop_schema, put_schema, schema_exists, tables_with_rows
from whatsapp_mcp.private_files import write_private
from whatsapp_mcp.session_db.database import linked_device, remove_session
from whatsapp_mcp.session_db.moving import copy_keys
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.waiting import waits_for
from whatsapp_mcp.whereabouts import Place, PostgresSchema, StoredDocument, Whereabouts, draft_schema_name

Step = Literal["copied", "marked", "keys removed", "in place", "cleared"]

_NOTHING: Final = frozenset({"changed", "meta", "migrations", "policy_book", "whatsmeow_version"})
"""Tables that have rows in a schema in which there is nothing."""


@dataclass(frozen=True, slots=True)
class Moved:
    account: str
    where: str
    """Now."""
    messages: int | None
    """None: an earlier try had copied them."""
    linked: bool
    tokens_left: tuple[str, ...]
    """Names of tokens that are others where the account is now."""


@dataclass(frozen=True, slots=True)
class _Home:
    """Where what belongs to an account lies."""

    store: Whereabouts
    keys: Whereabouts
    book: Whereabouts
    audit: Whereabouts
    documents: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class _Move:
    settings: Settings
    """With the database."""
    direction: Direction
    schema: PostgresSchema
    draft_schema: PostgresSchema
    files: Settings
    """The same without the database."""
    draft_files: Settings

    @property
    def source(self) -> _Home:
        return _home(self.files) if self.direction == "into-database" else _home_in(self.schema, self.files)

    @property
    def draft(self) -> _Home:
        if self.direction == "into-database":
            return _home_in(self.draft_schema, self.files)
        return _home(self.draft_files)

    @property
    def target(self) -> Whereabouts:
        return self.schema if self.direction == "into-database" else self.files.session_db


def move_account(settings: Settings, direction: Direction, done: Callable[[Step], None] = lambda _: None) -> Moved:
    """Move an account whose folder there is.

    Args:
        done: is told after each step.

    Raises:
        SetupError: no database is set, or there is something of the account where it shall go; or a file cannot be
            written.
        NotFound: there is nothing to move.
        DataDirectoryInUse: servers or a node use it; says which.
        StoreError: the database cannot be used; or a copy differs, and nothing was changed.
    """
    move = _planned(settings, direction)
    make_folder(settings.account_dir)
    lock = lock_of_unused(move.files if direction == "into-database" else settings)
    try:
        with held(settings, move.schema) as lease, _files_explained(settings):
            moved = _move(move, done)
            if direction == "out-of-database":
                drop_schema(move.schema, partial(forget, settings, lease))
            return moved
    finally:
        lock.release()


def _planned(settings: Settings, direction: Direction) -> _Move:
    schema = settings.store
    if not isinstance(schema, PostgresSchema):
        raise SetupError(
            "no database is set, from or to which the account could be moved",
            next_step="Set WHATSAPP_MCP_DATABASE to its URL, as docs/postgres.md says, and run this again.",
        )
    name_for_neonize(schema)
    files = settings.model_copy(update={"database": None})
    check_path(files.session_db)
    draft = PostgresSchema(schema.url, draft_schema_name(settings.account))
    return _Move(settings, direction, schema, draft, files, files.model_copy(update={"data_dir": settings.moving_dir}))


def _home(files: Settings) -> _Home:
    documents: tuple[Place, ...] = (files.policy_path, files.webhooks_path, files.webhook_progress_path)
    return _Home(files.store_path, files.session_db, files.policy_book_path, files.audit_path, documents)


def _home_in(schema: PostgresSchema, files: Settings) -> _Home:
    names = (files.policy_path.name, files.webhooks_path.name, files.webhook_progress_path.name)
    return _Home(schema, schema, schema, schema, tuple(StoredDocument(schema, name) for name in names))


def _move(move: _Move, done: Callable[[Step], None]) -> Moved:
    marked = direction_of(move.settings)
    if marked is not None and marked != move.direction:
        raise SetupError(
            f"the account {move.settings.account!r} is on its way in the other direction",
            next_step=f"End that first: `whatsapp-mcp accounts move {move.settings.account} --{marked}`.",
        )
    # Keys that are still where they were may have been used since the draft was made.
    goes_on = marked is not None and linked_device(move.source.keys) is None
    messages: int | None = None
    if not goes_on:
        _check_empty(move)
        _discard_draft(move)
        messages = _copy(move)
        done("copied")
        write_private(move.settings.moved_mark, direction_text(move.direction))
        _sync_folder(move.settings.moving_dir)
        done("marked")
    remove_session(move.source.keys)
    if isinstance(move.source.keys, Path):
        _sync_folder(move.source.keys.parent)
    done("keys removed")
    _put_in_place(move)
    done("in place")
    left = _adopt_tokens(move)
    _clear(move)
    done("cleared")
    remove(move.settings.moved_mark)  # before the rest, without which it would promise too much
    remove_folder(move.settings.moving_dir)
    linked = linked_device(move.target) is not None
    where = move.schema if move.direction == "into-database" else move.files.account_dir
    return Moved(move.settings.account, str(where), messages, linked, left)


# -- 1: the copy -------------------------------------------------------------------------------------------------------


def _check_empty(move: _Move) -> None:
    if not _is_anything(move):
        raise NotFound(
            f"there is nothing of the account {move.settings.account!r} to move in "
            f"{move.files.account_dir if move.direction == 'into-database' else move.schema}",
            next_step="`whatsapp-mcp accounts` lists which accounts there are, with and without WHATSAPP_MCP_DATABASE.",
        )
    if move.direction == "into-database":
        taken = [name for name in tables_with_rows(move.schema) if name not in _NOTHING]
        if taken:
            raise SetupError(
                f"there is something of an account {move.settings.account!r} already in {move.schema} "
                f"({', '.join(taken[:5])})",
                next_step="Give this account another name (`whatsapp-mcp accounts rename`, without "
                "WHATSAPP_MCP_DATABASE), or remove the one that is there (`whatsapp-mcp accounts remove`, with it).",
            )
        return
    there = [path.name for path in _files_of(move.files) if path.exists()]
    if there:
        raise SetupError(
            f"there is something of the account already in {move.files.account_dir} ({', '.join(there[:5])})",
            next_step="Move these files to another folder first.",
        )


def _is_anything(move: _Move) -> bool:
    if move.direction == "into-database":
        return any(path.exists() for path in _files_of(move.files))
    return any(name not in _NOTHING for name in tables_with_rows(move.schema))


def _files_of(files: Settings) -> Iterator[Path]:
    """All that an account has in files, the keys last."""
    store = files.store_path
    beside = ("-incoming", "-incoming-old", "-incoming-new", "-wal", "-shm")
    yield from (store, *(store.with_name(store.name + part) for part in beside))
    book = files.policy_book_path
    yield from (book, *(book.with_name(book.name + part) for part in ("-wal", "-shm", "-journal")))
    yield from (files.policy_path, files.webhooks_path, files.webhook_progress_path)
    yield from (files.audit_path, *closed_files(files.audit_path))
    keys = files.session_db
    yield from (keys.with_name(keys.name + part) for part in ("-wal", "-shm", "-journal", ""))


def _discard_draft(move: _Move) -> None:
    drop_schema(move.draft_schema)
    with suppress(FileNotFoundError):
        remove_folder(move.settings.moving_dir)
    make_folder(move.settings.moving_dir)
    write_private(move.settings.moving_dir / BEGUN, direction_text(move.direction))
    make_folder(move.draft_files.account_dir)


def _copy(move: _Move) -> int:
    source, draft = move.source, move.draft
    rows = copy_store(source.store, draft.store)
    with waits_for("copying policy, webhooks and audit"):
        for here, there in zip(source.documents, draft.documents, strict=True):
            _copy_document(here, there)
        copy_book(source.book, draft.book)
        copy_audit(source.audit, draft.audit)
    if copy_keys(source.keys, draft.keys) and linked_device(draft.keys) != linked_device(source.keys):
        raise StoreError("the copy of the keys is of another device", next_step="Run the command again.")
    if move.direction == "out-of-database":
        for path in move.draft_files.account_dir.iterdir():
            with path.open("rb+") as file:
                sync(file.fileno())
        _sync_folder(move.draft_files.account_dir)
    return rows.get("messages", 0)


def _copy_document(source: Place, target: Place) -> None:
    content = _content(source)
    if content is None:
        return
    if isinstance(target, Path):
        write_private(target, content)
    else:
        write_document(target, content)
    if _content(target) != content:
        raise StoreError(f"the copy of {source} differs from it", next_step="Run the command again.")


def _content(place: Place) -> bytes | None:
    if not isinstance(place, Path):
        return read_document(place)
    return place.read_bytes() if place.exists() else None


# -- 3 and 4: in its place, and nothing left behind --------------------------------------------------------------------


def _put_in_place(move: _Move) -> None:
    """What an earlier try has put there already stays."""
    if move.direction == "into-database":
        if schema_exists(move.draft_schema):
            _check_not_taken(move)
            put_schema(move.draft_schema, move.schema)
        elif not schema_exists(move.schema):
            raise _gone(str(move.draft_schema))
        return
    draft, target = move.draft_files.account_dir, move.files.account_dir
    if not draft.is_dir():
        raise _gone(str(draft))
    for path in _files_of(move.draft_files):
        if path.exists():
            put_in_place(path, target / path.name)
            _sync_folder(target)


def _check_not_taken(move: _Move) -> None:
    if any(name not in _NOTHING for name in tables_with_rows(move.schema)):
        raise SetupError(
            f"an account {move.settings.account!r} was begun in {move.schema} while this one was on its way there",
            next_step="Remove that one with `whatsapp-mcp accounts remove` from a folder of its own, or rename its "
            "schema, and run this again.",
        )


def _gone(what: str) -> StoreError:
    return StoreError(
        f"{what}, in which the account was on its way, is gone",
        next_step="Restore it from a back-up, or delete the folder .moving of the account and link it again.",
    )


def _adopt_tokens(move: _Move) -> tuple[str, ...]:
    source, target = move.files, move.settings
    if move.direction == "out-of-database":
        source, target = target, source
    tokens = tokens_in(source.tokens_place)
    return TokenBook.of(target).adopt(tokens, move.settings.account) if tokens else ()


def _clear(move: _Move) -> None:
    if move.direction == "out-of-database":
        drop_schema(move.schema)
        return
    for path in _files_of(move.files):
        remove(path)


def _sync_folder(folder: Path) -> None:
    """As far as the system can."""
    with suppress(OSError):
        descriptor = open_shared(folder)
        try:
            sync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _files_explained(settings: Settings) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SetupError(
            f"{settings.account_dir} cannot be written to: {error.strerror or type(error).__name__}",
            next_step="Look whether the disk is full and who owns the folder, and run this again.",
        ) from error
