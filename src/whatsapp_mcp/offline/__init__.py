"""Commands that need no server: export, status, doctor, reindex, demo. May use what looks at an account from beside."""
