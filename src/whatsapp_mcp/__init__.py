"""A WhatsApp account as MCP tools."""

__version__ = "0.1.0"
