"""The server's side of the session process: starts it, watches it, ends it. Uses pipe, session_db and store."""
