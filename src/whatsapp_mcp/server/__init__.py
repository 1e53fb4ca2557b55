"""The MCP face: tools, results, stdio, HTTP, token. Uses catalog, and of operations the contract (`outcome`), policy."""
