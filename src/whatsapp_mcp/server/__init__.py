"""The MCP face: tools, results, stdio, HTTP, token. Uses catalog, policy, of operations the contract (`outcome`)."""
