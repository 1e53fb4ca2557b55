"""The command line. Each command parses its options and calls one function; heavy imports happen inside.

Uses assembly, server, policy, simulator, supervisor and offline.
"""

from __future__ import annotations

from whatsapp_mcp.cli.program import cli

__all__ = ["cli"]
