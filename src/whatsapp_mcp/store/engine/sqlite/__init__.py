"""A message store in a file: SQLite in WAL mode, and the journal beside it."""
