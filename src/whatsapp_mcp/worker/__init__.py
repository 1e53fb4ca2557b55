"""The session process: runs neonize, writes the store. Uses whatsapp, pipe, store and media; policy
for what leaves at a later time; cluster for the lease of its account; never session_db."""
