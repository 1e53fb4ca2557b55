"""What a caller may do: access, taint, limits, confirmation, audit; asked before every operation. Lives in the server.
Uses catalog, store."""
