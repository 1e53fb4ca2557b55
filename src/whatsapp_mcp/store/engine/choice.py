"""Which engine it is."""

from __future__ import annotations

from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.store.database import Database, Inquiry, StoreConnection
from whatsapp_mcp.store.search.tables import SearchTables
from whatsapp_mcp.whereabouts import PostgresSchema, Whereabouts


def database_at(where: Whereabouts) -> Database:
    if isinstance(where, PostgresSchema):
        from whatsapp_mcp.store.engine.postgres.schema_database import SchemaDatabase

        return SchemaDatabase(where)
    from whatsapp_mcp.store.engine.sqlite.file_database import FileDatabase

    return FileDatabase(where)


def is_the_stores_fault(error: Exception) -> bool:
    """Whether a failed commit says something of the store or where it lies, not of what was to be stored."""
    from whatsapp_mcp.store.engine.sqlite.files import is_the_files_fault

    if not isinstance(error, StoreError) or "sqlstate" not in error.details:
        return is_the_files_fault(error)
    from whatsapp_mcp.store.engine.postgres.errors import is_the_databases_fault

    return is_the_databases_fault(error)


def search_tables(connection: StoreConnection) -> SearchTables:
    """What the messages behind a connection are found by."""
    if connection.engine == "postgres":
        from whatsapp_mcp.store.engine.postgres.search import TABLES as POSTGRES

        return POSTGRES
    from whatsapp_mcp.store.engine.sqlite.search import TABLES

    return TABLES


def inquiry(connection: StoreConnection) -> Inquiry | None:
    """What asks for much at once; None where it costs nothing to ask one by one."""
    if connection.engine == "postgres":
        from whatsapp_mcp.store.engine.postgres.inquiry import INQUIRY

        return INQUIRY
    return None
