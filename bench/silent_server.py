"""The server of `nothing_server.py` that writes nothing down: the floor of the audit."""

from __future__ import annotations

from bench import nothing_server
from whatsapp_mcp.policy.audit import AuditLog, AuditRecord

__all__: list[str] = []


def _write_nothing(_self: AuditLog, _record: AuditRecord) -> None:
    return


if __name__ == "__main__":
    setattr(AuditLog, "write", _write_nothing)  # noqa: B010 - mypy takes no other function for a method
    nothing_server.main()
