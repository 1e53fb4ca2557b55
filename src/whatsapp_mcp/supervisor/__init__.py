"""The server's side of the session process: starts it, watches it, ends it. Uses pipe, session_db and
store; cluster, where several machines share a database."""
