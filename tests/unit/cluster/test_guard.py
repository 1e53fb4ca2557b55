"""What the messages in PostgreSQL let a holder write: nothing, from when another one has the account."""

from __future__ import annotations

from dataclasses import replace

import pytest

from whatsapp_mcp.cluster.lease import Claim, take
from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.whereabouts import PostgresSchema

ME = Jid.parse("12025550100@s.whatsapp.net")
MY_LID = Jid.parse("99@lid")


def test_an_old_holder_writes_no_message(postgres_schema: PostgresSchema) -> None:
    first = take(postgres_schema.url, Claim(postgres_schema.schema, "a"))
    old = StoreWriter(replace(postgres_schema, guard=first.guard))
    old.set_owner(ME, None)
    first.release()
    assert old.owner == ME
    second = take(postgres_schema.url, Claim(postgres_schema.schema, "b"))
    with pytest.raises(StoreError, match="another machine"):
        old.set_owner(ME, MY_LID)
    new = StoreWriter(replace(postgres_schema, guard=second.guard))
    assert new.owner == ME
    for writer in (old, new):
        writer.close()
    second.release()
