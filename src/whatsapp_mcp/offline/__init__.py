"""Commands that need no server: export, status, doctor, reindex, demo, and the account on the simulator.

Uses what looks at an account from beside: catalog, pipe (lock, ledger, commands), session_db, simulator, store,
supervisor (its link), webhooks (their book) and wire, policy, media (where received ones lie), cluster (what nodes
there are).
"""
