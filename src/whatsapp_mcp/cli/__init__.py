"""The command line. Each command parses its options and calls one function; heavy imports happen inside.

Uses assembly, server, simulator, supervisor and offline.
"""

from __future__ import annotations

from whatsapp_mcp.cli.accounts import accounts as accounts_group
from whatsapp_mcp.cli.commands import cli

cli.add_command(accounts_group)

__all__ = ["cli"]
