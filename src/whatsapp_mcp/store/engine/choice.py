"""Which engine it is."""

from __future__ import annotations

from whatsapp_mcp.store.database import Database, StoreConnection
from whatsapp_mcp.store.search.tables import SearchTables
from whatsapp_mcp.whereabouts import PostgresSchema, Whereabouts


def database_at(where: Whereabouts) -> Database:
    if isinstance(where, PostgresSchema):
        from whatsapp_mcp.store.engine.postgres.schema_database import SchemaDatabase

        return SchemaDatabase(where)
    from whatsapp_mcp.store.engine.sqlite.file_database import FileDatabase

    return FileDatabase(where)


def search_tables(connection: StoreConnection) -> SearchTables:
    """What the messages behind a connection are found by."""
    if connection.engine == "postgres":
        from whatsapp_mcp.store.engine.postgres.search import TABLES as POSTGRES

        return POSTGRES
    from whatsapp_mcp.store.engine.sqlite.search import TABLES

    return TABLES
