"""Commands that need no server: export, status, doctor, reindex, demo. May use the store and what looks at an account."""
