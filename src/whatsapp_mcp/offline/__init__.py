"""Commands that need no server: export, status, doctor, reindex, demo, and the account on the simulator.

Uses what looks at an account from beside: catalog, pipe (lock, ledger), session_db, simulator, store, supervisor and
wire.
"""
