"""The tables in SQLite, as named migrations.

A person or chat is an *entity* with a small number. Every JID ever seen is an *address* of one entity: a person has up
to two, the phone number and the LID. Messages name their author by address and their chat by entity, so that learning
that two addresses belong together touches few rows.

Whatever is said about messages (edits, reactions, stars, votes …) lies in tables of its own and names its message by
chat, id and author, not by foreign key: it may come before the message. The author is an address, 0 where WhatsApp did
not tell; edits name none, as only the author edits, and receipts none, as those of others are about our messages.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from whatsapp_mcp.store.engine.sqlite.connection import SqliteConnection
from whatsapp_mcp.store.engine.sqlite.files import store_errors
from whatsapp_mcp.store.engine.sqlite.fts_table import MESSAGE_SEARCH
from whatsapp_mcp.store.engine.sqlite.partial import PARTIAL_TABLES
from whatsapp_mcp.store.engine.sqlite.stored_version import MIGRATION_SET, schema_version
from whatsapp_mcp.store.rows import ARRIVAL_BITS, ARRIVAL_MASK
from whatsapp_mcp.store.search.folding import ASCII_SYMBOLS
from whatsapp_mcp.store.version import MIGRATIONS, SCHEMA_VERSION, newer_store

migrations: Final = Migrations(MIGRATION_SET)

_FIRST_TABLES: Final = f"""
CREATE TABLE meta (
    key TEXT PRIMARY KEY,      -- owner_number, owner_lid, arrival, fold_version
    value ANY
) STRICT, WITHOUT ROWID;
CREATE TABLE entities (
    id INTEGER PRIMARY KEY,
    jid TEXT NOT NULL UNIQUE,  -- canonical: the phone number of a person where it is known
    lid TEXT,                  -- of a person
    kind TEXT NOT NULL,        -- person, group, newsletter, broadcast
    name TEXT,                 -- best known name
    folded TEXT NOT NULL       -- all known names, each folded, after a line feed and a blank
) STRICT;
CREATE TABLE addresses (
    id INTEGER PRIMARY KEY,
    jid TEXT NOT NULL UNIQUE,
    entity INTEGER NOT NULL REFERENCES entities(id)
) STRICT;
CREATE INDEX addresses_entity ON addresses(entity);
CREATE TABLE contacts (
    entity INTEGER PRIMARY KEY REFERENCES entities(id),
    full_name TEXT,            -- from the address book of the phone
    first_name TEXT,
    push_name TEXT,            -- chosen by the person
    push_name_at INTEGER NOT NULL,
    business_name TEXT,        -- verified by WhatsApp
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE TABLE chats (
    entity INTEGER PRIMARY KEY REFERENCES entities(id),
    name TEXT,                 -- subject of a group, or what the phone calls the chat
    last_message_at INTEGER,
    ephemeral_expiration INTEGER NOT NULL,
    unread_live INTEGER NOT NULL,   -- messages that came while we listened and lie after read_until
    unread_base INTEGER NOT NULL,   -- unread messages that the phone told of and that lie in the history
    read_until INTEGER NOT NULL,    -- everything up to this time is read
    archived INTEGER NOT NULL,
    pinned INTEGER NOT NULL,
    muted_until INTEGER NOT NULL,
    message_count INTEGER NOT NULL,
    media_count INTEGER NOT NULL,
    sent_count INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX chats_last_message ON chats(last_message_at);
CREATE TABLE messages (
    arrival INTEGER PRIMARY KEY,    -- ascends in order of storing
    -- below 0: hidden
    place INTEGER NOT NULL,    -- seconds << 30 | arrival: ascends with time; rowid of the search index
    chat INTEGER NOT NULL REFERENCES entities(id),
    id TEXT NOT NULL,
    sender INTEGER NOT NULL REFERENCES addresses(id),
    wire_chat INTEGER NOT NULL REFERENCES addresses(id),
    timestamp INTEGER NOT NULL,
    from_me INTEGER NOT NULL,
    from_history INTEGER NOT NULL,
    has_media INTEGER NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    status INTEGER,
    reply_to_id TEXT,
    reply_to_sender TEXT,
    reply_to_text TEXT,
    mentions TEXT,             -- JIDs, a blank between them
    forwarded INTEGER NOT NULL,
    view_once INTEGER NOT NULL,
    expiration INTEGER NOT NULL,
    extra TEXT,                -- JSON
    original_text TEXT,        -- before the first edit
    edited_at INTEGER,
    revoked_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    raw BLOB                   -- protobuf; last, so that reading the other columns does not step over it
) STRICT;
CREATE UNIQUE INDEX messages_chat_id ON messages(chat, id);
CREATE INDEX messages_chat ON messages(chat, place);
CREATE INDEX messages_media ON messages(chat, place) WHERE has_media = 1;
CREATE INDEX messages_sent ON messages(chat, place) WHERE from_me = 1;
CREATE INDEX messages_incoming ON messages(arrival) WHERE from_me = 0 AND from_history = 0;
CREATE TABLE media (
    arrival INTEGER PRIMARY KEY REFERENCES messages(arrival) ON UPDATE CASCADE,
    mimetype TEXT NOT NULL,
    file_name TEXT,
    file_length INTEGER,
    seconds INTEGER,
    width INTEGER,
    height INTEGER,
    url TEXT,
    direct_path TEXT,
    media_key BLOB,
    file_sha256 BLOB,
    file_enc_sha256 BLOB
) STRICT;
-- The index alone; the text is in the messages. Words are made by folding.fold, the tokenizer only splits at blanks.
CREATE VIRTUAL TABLE message_search USING fts5(
    body, chat, content = '', tokenize = "ascii tokenchars '{ASCII_SYMBOLS}'"
);
CREATE TABLE edits (
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,
    edited_at INTEGER NOT NULL,
    sender INTEGER NOT NULL REFERENCES addresses(id),
    text TEXT NOT NULL,
    mentions TEXT,
    extra TEXT,
    PRIMARY KEY (chat, message_id, edited_at, sender)
) STRICT, WITHOUT ROWID;
CREATE INDEX edits_sender ON edits(sender);
CREATE TABLE revokes (
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,
    sender INTEGER NOT NULL REFERENCES addresses(id),
    revoked_at INTEGER NOT NULL,
    PRIMARY KEY (chat, message_id, sender)
) STRICT, WITHOUT ROWID;
CREATE INDEX revokes_sender ON revokes(sender);
CREATE TABLE reactions (
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,
    sender INTEGER NOT NULL REFERENCES addresses(id),
    emoji TEXT NOT NULL,       -- empty: taken back
    from_me INTEGER NOT NULL,
    reacted_at INTEGER NOT NULL,
    PRIMARY KEY (chat, message_id, sender)
) STRICT, WITHOUT ROWID;
CREATE TABLE receipts (
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,
    sender INTEGER NOT NULL REFERENCES addresses(id),
    from_me INTEGER NOT NULL,  -- we read it, on another device
    delivered_at INTEGER,
    read_at INTEGER,
    played_at INTEGER,
    PRIMARY KEY (chat, message_id, sender, from_me)
) STRICT, WITHOUT ROWID;
-- Messages that something of the above came for and that are not here yet.
CREATE TABLE awaited (
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,
    PRIMARY KEY (chat, message_id)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;
"""

_APP_STATE_AND_VOTES: Final = """
ALTER TABLE chats ADD COLUMN deleted_until INTEGER NOT NULL DEFAULT -1;  -- the chat, with its messages up to then
ALTER TABLE chats ADD COLUMN cleared_until INTEGER NOT NULL DEFAULT -1;  -- all messages up to then
ALTER TABLE chats ADD COLUMN cleared_unstarred_until INTEGER NOT NULL DEFAULT -1;  -- those without a star
ALTER TABLE chats ADD COLUMN marked_unread INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chats ADD COLUMN marked_at INTEGER NOT NULL DEFAULT 0;
CREATE TABLE stars (
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,
    starred INTEGER NOT NULL,  -- 0: the star was taken off
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (chat, message_id)
) STRICT, WITHOUT ROWID;
-- Deleted for us alone.
CREATE TABLE deletions (
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,
    deleted_at INTEGER NOT NULL,
    PRIMARY KEY (chat, message_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE labels (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    color INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- The label may come after what it is on.
CREATE TABLE chat_labels (
    chat INTEGER NOT NULL REFERENCES entities(id),
    label TEXT NOT NULL,
    labelled INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (chat, label)
) STRICT, WITHOUT ROWID;
CREATE TABLE message_labels (
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,
    label TEXT NOT NULL,
    labelled INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (chat, message_id, label)
) STRICT, WITHOUT ROWID;
CREATE TABLE votes (
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,
    voter INTEGER NOT NULL REFERENCES addresses(id),
    options TEXT NOT NULL,     -- JSON: names of the chosen options, all of the person's choice
    voted_at INTEGER NOT NULL,
    PRIMARY KEY (chat, message_id, voter)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 2;
"""

_SEARCH_TAGS_AND_SENDS: Final = f"""
DROP TABLE message_search;
-- One column: to look only at some columns makes FTS5 nearly twice as slow.
{MESSAGE_SEARCH.definition};  -- a later form of it needs a migration of its own, which replaces this one
DELETE FROM meta WHERE key = 'fold_version';  -- now index_version; while there is none, the index is made anew
-- Sends under a key that the caller chose: the same key sends nothing again.
CREATE TABLE sends (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL, -- of the tool and its arguments
    result TEXT,               -- JSON; NULL while it is not known whether the message was sent
    message BLOB,              -- protobuf, as long as there is no result
    started_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 3;
"""


_UNREAD_MESSAGES: Final = f"""
-- Messages that are not read: of others, and what we wrote to ourselves elsewhere. chats.unread is their number.
CREATE TABLE unread (
    arrival INTEGER PRIMARY KEY,
    chat INTEGER NOT NULL REFERENCES entities(id),
    place INTEGER NOT NULL
) STRICT;
CREATE INDEX unread_chat ON unread(chat, place);
-- What came from ourselves, on another device, in the chat with ourselves.
CREATE TABLE notes (
    arrival INTEGER PRIMARY KEY REFERENCES messages(arrival) ON UPDATE CASCADE ON DELETE CASCADE
) STRICT;
INSERT INTO unread SELECT m.arrival, m.chat, m.place FROM chats
    CROSS JOIN messages AS m INDEXED BY messages_chat ON m.chat = chats.entity
    AND m.place >= (chats.read_until / 1000) << {ARRIVAL_BITS} AND m.place > 0 AND m.timestamp > chats.read_until
    WHERE chats.unread_live > 0 AND m.from_me = 0 AND m.from_history = 0;
INSERT INTO unread SELECT arrival, chat, place FROM (
    SELECT m.arrival, m.chat, m.place, chats.unread_base, row_number() OVER (PARTITION BY m.chat ORDER BY m.place DESC)
        AS newest
    FROM chats CROSS JOIN messages AS m INDEXED BY messages_chat ON m.chat = chats.entity
    AND m.place >= (chats.read_until / 1000) << {ARRIVAL_BITS} AND m.place > 0 AND m.timestamp > chats.read_until
    WHERE chats.unread_base > 0 AND m.from_me = 0 AND m.from_history = 1
) WHERE newest <= unread_base;
ALTER TABLE chats ADD COLUMN unread INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chats ADD COLUMN read_place INTEGER NOT NULL DEFAULT 0;  -- everything up to this place is read
UPDATE chats SET unread = (SELECT count(*) FROM unread WHERE unread.chat = chats.entity),
    read_place = CASE WHEN read_until > 0 THEN (read_until / 1000) << {ARRIVAL_BITS} | {ARRIVAL_MASK} ELSE 0 END;
ALTER TABLE chats DROP COLUMN unread_live;
ALTER TABLE chats DROP COLUMN unread_base;
ALTER TABLE chats DROP COLUMN read_until;
PRAGMA user_version = 4;
"""

_AUTHOR: Final = "coalesce((SELECT sender FROM messages AS m WHERE m.chat = said.chat AND m.id = said.message_id), 0)"
"""Of the message that something was said about: until now there was one of each id in a chat."""

_MESSAGE_AUTHORS: Final = f"""
ALTER TABLE revokes RENAME TO old_revokes;
CREATE TABLE revokes (
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,
    author INTEGER NOT NULL,   -- of the message: an address, or 0
    sender INTEGER NOT NULL REFERENCES addresses(id),
    by_admin INTEGER NOT NULL, -- of the group, as WhatsApp's server says
    revoked_at INTEGER NOT NULL,
    PRIMARY KEY (chat, message_id, author, sender, by_admin)
) STRICT, WITHOUT ROWID;
-- Whether an admin did it was not noted; what was taken as deleted in a group stays so.
INSERT INTO revokes SELECT chat, message_id, {_AUTHOR}, sender,
    (SELECT kind != 'person' FROM entities WHERE entities.id = said.chat) AND EXISTS (SELECT 1 FROM messages AS m
    WHERE m.chat = said.chat AND m.id = said.message_id AND m.revoked_at IS NOT NULL), revoked_at
    FROM old_revokes AS said;
DROP TABLE old_revokes;
CREATE INDEX revokes_sender ON revokes(sender);
CREATE INDEX revokes_author ON revokes(author);
ALTER TABLE reactions RENAME TO old_reactions;
CREATE TABLE reactions (
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,
    author INTEGER NOT NULL,
    sender INTEGER NOT NULL REFERENCES addresses(id),
    emoji TEXT NOT NULL,       -- empty: taken back
    from_me INTEGER NOT NULL,
    reacted_at INTEGER NOT NULL,
    PRIMARY KEY (chat, message_id, author, sender)
) STRICT, WITHOUT ROWID;
INSERT INTO reactions SELECT chat, message_id, {_AUTHOR}, sender, emoji, from_me, reacted_at FROM old_reactions AS said;
DROP TABLE old_reactions;
ALTER TABLE votes RENAME TO old_votes;
CREATE TABLE votes (
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,
    author INTEGER NOT NULL,
    voter INTEGER NOT NULL REFERENCES addresses(id),
    options TEXT NOT NULL,     -- JSON: names of the chosen options, all of the person's choice
    voted_at INTEGER NOT NULL,
    PRIMARY KEY (chat, message_id, author, voter)
) STRICT, WITHOUT ROWID;
INSERT INTO votes SELECT chat, message_id, {_AUTHOR}, voter, options, voted_at FROM old_votes AS said;
DROP TABLE old_votes;
ALTER TABLE stars RENAME TO old_stars;
CREATE TABLE stars (
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,
    author INTEGER NOT NULL,
    starred INTEGER NOT NULL,  -- 0: the star was taken off
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (chat, message_id, author)
) STRICT, WITHOUT ROWID;
INSERT INTO stars SELECT chat, message_id, {_AUTHOR}, starred, changed_at FROM old_stars AS said;
DROP TABLE old_stars;
ALTER TABLE deletions RENAME TO old_deletions;
CREATE TABLE deletions (
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,
    author INTEGER NOT NULL,
    deleted_at INTEGER NOT NULL,
    PRIMARY KEY (chat, message_id, author)
) STRICT, WITHOUT ROWID;
INSERT INTO deletions SELECT chat, message_id, {_AUTHOR}, deleted_at FROM old_deletions AS said;
DROP TABLE old_deletions;
ALTER TABLE message_labels RENAME TO old_message_labels;
CREATE TABLE message_labels (
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,
    author INTEGER NOT NULL,
    label TEXT NOT NULL,
    labelled INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (chat, message_id, author, label)
) STRICT, WITHOUT ROWID;
INSERT INTO message_labels SELECT chat, message_id, {_AUTHOR}, label, labelled, changed_at
    FROM old_message_labels AS said;
DROP TABLE old_message_labels;
-- What is about a message of an author that was not told gets its author when the message comes.
INSERT OR IGNORE INTO awaited SELECT chat, message_id FROM reactions WHERE author = 0
    UNION SELECT chat, message_id FROM votes WHERE author = 0
    UNION SELECT chat, message_id FROM stars WHERE author = 0
    UNION SELECT chat, message_id FROM message_labels WHERE author = 0;
DROP INDEX messages_chat_id;
CREATE UNIQUE INDEX messages_chat_id ON messages(chat, id, sender);
-- The ids that more than one message of a chat has, or had.
CREATE TABLE shared_ids (
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,
    PRIMARY KEY (chat, message_id)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 5;
"""

_MESSAGE_PARTS: Final = """
ALTER TABLE messages ADD COLUMN parent_id TEXT;  -- of the message by the same author that this one belongs to
CREATE INDEX messages_parent ON messages(chat, parent_id) WHERE parent_id IS NOT NULL;
ALTER TABLE media ADD COLUMN message BLOB;  -- protobuf that has the file, where it is not that of the message itself
PRAGMA user_version = 6;
"""

_GROUP_MEMBERSHIP: Final = """
ALTER TABLE chats ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;  -- a group that we are not in any more
PRAGMA user_version = 7;
"""

_PINS_ANSWERS_AND_SEALED: Final = """
CREATE TABLE poll_options (    -- added to a poll by others than its author
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,
    author INTEGER NOT NULL,
    sender INTEGER NOT NULL REFERENCES addresses(id),
    option TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    PRIMARY KEY (chat, message_id, author, sender, option)
) STRICT, WITHOUT ROWID;
CREATE TABLE answers (         -- to events
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,
    author INTEGER NOT NULL,
    sender INTEGER NOT NULL REFERENCES addresses(id),
    answer TEXT NOT NULL,      -- empty: taken back
    guests INTEGER NOT NULL,
    answered_at INTEGER NOT NULL,
    PRIMARY KEY (chat, message_id, author, sender)
) STRICT, WITHOUT ROWID;
CREATE TABLE pins (
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,
    author INTEGER NOT NULL,
    sender INTEGER NOT NULL REFERENCES addresses(id),
    pinned INTEGER NOT NULL,
    until INTEGER,
    pinned_at INTEGER NOT NULL,
    PRIMARY KEY (chat, message_id, author)
) STRICT, WITHOUT ROWID;
CREATE TABLE keeps (           -- disappearing messages that stay
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,
    author INTEGER NOT NULL,
    sender INTEGER NOT NULL REFERENCES addresses(id),
    kept INTEGER NOT NULL,
    kept_at INTEGER NOT NULL,
    PRIMARY KEY (chat, message_id, author)
) STRICT, WITHOUT ROWID;
-- What is encrypted under the secret of the message that it is about, until it could be opened.
CREATE TABLE sealed (
    number INTEGER PRIMARY KEY,
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,  -- of the message that it is about
    author INTEGER NOT NULL,   -- of that message, as the sender says: an address, or 0
    sender INTEGER NOT NULL REFERENCES addresses(id),
    id TEXT NOT NULL,          -- of the message in which it came
    wire_chat INTEGER NOT NULL REFERENCES addresses(id),
    from_me INTEGER NOT NULL,
    from_history INTEGER NOT NULL,
    sent_at INTEGER NOT NULL,
    due INTEGER NOT NULL,      -- 1: to be tried, as something came that may open it
    raw BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX sealed_messages ON sealed(chat, message_id, sender, id);
CREATE INDEX sealed_sender ON sealed(sender);
CREATE INDEX sealed_due ON sealed(number) WHERE due = 1;
-- Of what came with a history it was not always told how far it got; that was taken for "failed" and "sent".
UPDATE messages SET status = NULL WHERE from_me AND from_history AND (status = 1 OR status IN (2, 3)
    AND (SELECT kind != 'person' FROM entities WHERE entities.id = messages.chat)
    AND NOT EXISTS (SELECT 1 FROM receipts WHERE receipts.chat = messages.chat AND message_id = messages.id));
PRAGMA user_version = 8;
"""

_DEFERRED_SENDS: Final = """
CREATE TABLE deferred_sends (  -- messages that leave later
    id TEXT PRIMARY KEY,       -- ours
    chat TEXT NOT NULL,        -- JID, as the caller addressed it
    state TEXT NOT NULL,       -- preparing, held, leaving, sent, cancelled, expired, failed, unknown
    due_at INTEGER NOT NULL,
    key TEXT NOT NULL,         -- in sends
    command TEXT,              -- JSON, as long as it may leave
    answer TEXT NOT NULL,      -- JSON: what its caller was answered
    sent_id TEXT,              -- under which it left
    error TEXT,                -- JSON
    settled_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX deferred_sends_due ON deferred_sends(due_at) WHERE state = 'held';
CREATE INDEX deferred_sends_key ON deferred_sends(key) WHERE state IN ('leaving', 'unknown');
PRAGMA user_version = 9;
"""

_EVENTS: Final = """
-- What happens beside the messages that come: who waits for events is told of it. Older ones are removed.
CREATE TABLE events (
    arrival INTEGER PRIMARY KEY,   -- one of the numbers of which messages have theirs
    kind TEXT NOT NULL,
    chat INTEGER NOT NULL REFERENCES entities(id),
    message_id TEXT NOT NULL,      -- of the message that it is about
    author INTEGER NOT NULL,       -- of that message: an address, or 0
    sender INTEGER NOT NULL REFERENCES addresses(id),  -- who did it; in a group's notice the group
    from_me INTEGER NOT NULL,
    happened_at INTEGER NOT NULL,
    facts TEXT,                    -- JSON
    stored_at INTEGER NOT NULL
) STRICT;
CREATE INDEX events_message ON events(chat, message_id);
PRAGMA user_version = 10;
"""

_NEWEST_ARRIVALS_AND_LOOKS: Final = """
ALTER TABLE chats ADD COLUMN newest_arrival INTEGER NOT NULL DEFAULT 0;  -- the highest number that a message in it got
UPDATE chats SET newest_arrival = found.newest
    FROM (SELECT chat, max(arrival) AS newest FROM messages INDEXED BY messages_chat GROUP BY chat) AS found
    WHERE found.chat = chats.entity;
CREATE INDEX messages_live ON messages(chat, arrival, place) WHERE from_history = 0;
CREATE TABLE looks (               -- up to where somebody has caught up
    caller TEXT PRIMARY KEY,
    arrival INTEGER NOT NULL,
    looked_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 11;
"""

_SCHEDULED_SENDS: Final = """
-- Milliseconds after due_at for which it may still leave.
ALTER TABLE deferred_sends ADD COLUMN late INTEGER NOT NULL DEFAULT 300000;
ALTER TABLE deferred_sends ADD COLUMN caller TEXT;  -- JSON: who scheduled it; of what is merely held back NULL
PRAGMA user_version = 12;
"""

_PREPARED_SENDS: Final = """
-- Process of the server that still converts it, state preparing.
ALTER TABLE deferred_sends ADD COLUMN server INTEGER;
PRAGMA user_version = 13;
"""

_MADE_PARTIAL: Final = ";\n".join(PARTIAL_TABLES)
_PARTIAL_SEARCH: Final = f"""
{_MADE_PARTIAL};  -- a later form of them needs a migration of its own
PRAGMA user_version = 14;
"""


@migrations()
def first_tables(db: Database) -> None:
    _run(db, _FIRST_TABLES)


@migrations()
def app_state_and_votes(db: Database) -> None:
    _run(db, _APP_STATE_AND_VOTES)


@migrations()
def search_tags_and_sends(db: Database) -> None:
    _run(db, _SEARCH_TAGS_AND_SENDS)


@migrations()
def unread_messages(db: Database) -> None:
    _run(db, _UNREAD_MESSAGES)


@migrations()
def message_authors(db: Database) -> None:
    _run(db, _MESSAGE_AUTHORS)


@migrations()
def message_parts(db: Database) -> None:
    _run(db, _MESSAGE_PARTS)


@migrations()
def group_membership(db: Database) -> None:
    _run(db, _GROUP_MEMBERSHIP)


@migrations()
def pins_answers_and_sealed(db: Database) -> None:
    _run(db, _PINS_ANSWERS_AND_SEALED)


@migrations()
def deferred_sends(db: Database) -> None:
    _run(db, _DEFERRED_SENDS)


@migrations()
def events(db: Database) -> None:
    _run(db, _EVENTS)


@migrations()
def newest_arrivals_and_looks(db: Database) -> None:
    _run(db, _NEWEST_ARRIVALS_AND_LOOKS)


@migrations()
def scheduled_sends(db: Database) -> None:
    _run(db, _SCHEDULED_SENDS)


@migrations()
def prepared_sends(db: Database) -> None:
    _run(db, _PREPARED_SENDS)


@migrations()
def partial_search(db: Database) -> None:
    _run(db, _PARTIAL_SEARCH)


def _run(db: Database, script: str) -> None:
    """Statement by statement: ``executescript`` would end the transaction of the migration."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            db.conn.execute(statement)
            statement = ""


def migrate(connection: SqliteConnection, path: Path) -> None:
    """Bring the schema up to date; each step is one transaction.

    Raises:
        StoreError: a newer program wrote the store, or the file belongs to another program.
    """
    with store_errors(path):
        db = Database(connection, execute_plugins=False)
        version = schema_version(connection, path)
        unknown = {applied.name for applied in migrations.applied(db)}.difference(MIGRATIONS)
        if unknown:
            raise newer_store(path, f"it has {', '.join(sorted(unknown))}")
        if version < SCHEMA_VERSION:
            migrations.apply(db)
