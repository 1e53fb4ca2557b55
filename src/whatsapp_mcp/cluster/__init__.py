"""Several machines (nodes) on one PostgreSQL: which node holds an account, and the way to who holds it.

An account is held by one session process, wherever it runs: by a lease (`lease`), an advisory lock and a row that it
renews every second. What nodes know of each other stands in the schema ``whatsapp_mcp`` of the database (`tables`).
Servers ask `directory`, and attach to a session process of another node through `remote`. A server without a database
loads nothing of this room. Uses the ground alone.
"""
