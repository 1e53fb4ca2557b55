"""Delivering events to programs that are no MCP clients: signed HTTP requests, from a process of its own. The owner
configures them with `whatsapp-mcp webhook`; no tool does. Uses pipe, store, policy and media's network guards."""
