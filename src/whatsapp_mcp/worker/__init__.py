"""The session process: runs neonize, writes the store. Uses whatsapp, pipe, store and media; policy
for what leaves at a later time; never session_db."""
