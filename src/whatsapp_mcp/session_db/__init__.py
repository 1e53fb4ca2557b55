"""neonize's session database seen from outside, by the server process: read-only, but for one rule that is laid down
there (``ratchets``), and never in the process that runs neonize, since two copies of SQLite in one process break each
other's locks. May use wire."""
