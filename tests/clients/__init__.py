"""Clients that others wrote, playing the same calls against this server on the simulator: `python -m tests.clients`.

A client is a program of its own here, run with the packages of that client: `*_client.py` in a virtual environment,
`*_client.mjs` in a folder of node modules (`packages`). What they are to call is the scenario (`scenario`), what they
saw they print (`recording`), and `__main__` judges it. docs/hosts.md says what came of it.
"""
