"""A key that a message was encrypted with is never used again: no session in neonize's database goes back.

whatsmeow reads a session with another device, goes on in it and writes it back, for each message that it sends and for
each that it decrypts, and does not keep the two apart. What is decrypted while something is sent can so write back the
session from before. The next message is then encrypted with a key that was used, and its recipient drops it as a
repetition: sent, acknowledged and lost. Of those who write to each other at the same time, many messages are.

So the database does not take a session that stands before the one it has, in the chain in which we send. What is left
out with it, how far the other side had got, shows in their next message.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.whereabouts import PostgresSchema, Whereabouts

logger = logging.getLogger(__name__)

_WAIT: Final = 10.0
"""Seconds for whoever writes there."""
_TABLE: Final = "whatsmeow_sessions"
_TRIGGER: Final = "whatsapp_mcp_never_back"
_IN_FILE: Final = f"""
CREATE TRIGGER IF NOT EXISTS {_TRIGGER} BEFORE UPDATE OF session ON {_TABLE}
WHEN CASE WHEN json_valid(CAST(OLD.session AS TEXT)) AND json_valid(CAST(NEW.session AS TEXT)) THEN
    json_extract(CAST(NEW.session AS TEXT), '$.SessionState.SenderChain.SenderRatchetKeyPublic')
    = json_extract(CAST(OLD.session AS TEXT), '$.SessionState.SenderChain.SenderRatchetKeyPublic')
    AND json_extract(CAST(NEW.session AS TEXT), '$.SessionState.SenderChain.ChainKey.Index')
    < json_extract(CAST(OLD.session AS TEXT), '$.SessionState.SenderChain.ChainKey.Index')
END
BEGIN SELECT RAISE(IGNORE); END
"""
"""A session is kept as JSON (go.mau.fi/libsignal serialize/JSONSerializer.go). Of any other form nothing is asked."""
_IS_TABLE: Final = "SELECT to_regclass(%s) IS NOT NULL"
_IS_TRIGGER: Final = "SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass(%s) AND tgname = %s)"
_IN_SCHEMA: Final = (
    f"""
CREATE OR REPLACE FUNCTION {_TRIGGER}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    old_chain json;
    new_chain json;
BEGIN
    old_chain := convert_from(OLD.session, 'UTF8')::json #> '{{SessionState,SenderChain}}';
    new_chain := convert_from(NEW.session, 'UTF8')::json #> '{{SessionState,SenderChain}}';
    IF new_chain ->> 'SenderRatchetKeyPublic' = old_chain ->> 'SenderRatchetKeyPublic'
        AND (new_chain #>> '{{ChainKey,Index}}')::bigint < (old_chain #>> '{{ChainKey,Index}}')::bigint
    THEN RETURN NULL; END IF;
    RETURN NEW;
EXCEPTION WHEN data_exception THEN RETURN NEW;
END $$
""",
    f"CREATE TRIGGER {_TRIGGER} BEFORE UPDATE OF session ON {_TABLE} FOR EACH ROW EXECUTE FUNCTION {_TRIGGER}()",
)


def never_back(where: Whereabouts) -> None:
    """See to it where neonize has made its tables. Never in the process that runs neonize."""
    try:
        if isinstance(where, PostgresSchema):
            _in_schema(where)
        elif where.is_file():
            _in_file(where)
    except (sqlite3.Error, WhatsAppMcpError) as error:  # neonize will say what is wrong with it
        logger.warning("sessions are not kept from going back: %s", type(error).__name__)


def _in_file(path: Path) -> None:
    uri = f"{path.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, timeout=_WAIT, isolation_level=None)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE name IN (?, ?)", (_TABLE, _TRIGGER))
        if {name for (name,) in names} == {_TABLE}:
            connection.execute(_IN_FILE)


def _in_schema(where: PostgresSchema) -> None:
    from whatsapp_mcp.postgres import connected, errors_of

    with errors_of(where), connected(where) as connection:
        table = connection.execute(_IS_TABLE, (_TABLE,)).fetchone()
        trigger = connection.execute(_IS_TRIGGER, (_TABLE, _TRIGGER)).fetchone()
        if (table, trigger) == ((True,), (False,)):
            for statement in _IN_SCHEMA:
                connection.execute(statement.encode())
