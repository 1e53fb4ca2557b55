"""The PostgreSQL of the tests."""

from __future__ import annotations

import psycopg

from whatsapp_mcp.whereabouts import PostgresSchema


def test_a_schema_is_nobody_elses_and_not_made_yet(postgres_schema: PostgresSchema) -> None:
    with psycopg.connect(postgres_schema.url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM information_schema.schemata WHERE schema_name = %s", (postgres_schema.schema,)
        ).fetchone()
    assert found == (0,)
