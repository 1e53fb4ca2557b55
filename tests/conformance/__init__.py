"""The protocol's own conformance suites against the server, over its HTTP transport: `python -m tests.conformance`.

They need Node 22 and the package `@modelcontextprotocol/conformance`, so they are no part of `make test`.
"""
