"""The command line. Each command parses its options and calls one function; heavy imports happen inside.

Uses assembly, server, simulator, supervisor and offline.
"""

from __future__ import annotations

from whatsapp_mcp.cli.accounts import accounts as accounts_group
from whatsapp_mcp.cli.approvals import approve as approve_command
from whatsapp_mcp.cli.audit import audit as audit_command
from whatsapp_mcp.cli.commands import cli
from whatsapp_mcp.cli.policies import policy as policy_group

cli.add_command(accounts_group)
cli.add_command(policy_group)
cli.add_command(approve_command)
cli.add_command(audit_command)

__all__ = ["cli"]
