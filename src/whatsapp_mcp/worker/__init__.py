"""The session process: runs neonize, writes the store. Uses whatsapp, pipe, store and media; never session_db."""
