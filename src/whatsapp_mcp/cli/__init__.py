"""The command line. Each command parses its options and calls one function; heavy imports happen inside.

Uses assembly, server, simulator, supervisor and offline.
"""

from __future__ import annotations

from whatsapp_mcp.cli.accounts import accounts
from whatsapp_mcp.cli.approvals import approve
from whatsapp_mcp.cli.audit import audit
from whatsapp_mcp.cli.commands import cli, demo, doctor, export, reindex, simulate, status
from whatsapp_mcp.cli.policies import policy
from whatsapp_mcp.cli.serving import serve, stdio
from whatsapp_mcp.cli.tokens import token
from whatsapp_mcp.cli.verify import verify
from whatsapp_mcp.cli.webhooks import webhook

for command in (
    stdio,
    serve,
    token,
    simulate,
    demo,
    export,
    reindex,
    status,
    doctor,
    verify,
    accounts,
    policy,
    approve,
    audit,
    webhook,
):
    cli.add_command(command)

__all__ = ["cli"]
