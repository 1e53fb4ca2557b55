"""Looking at an installation and its data from outside: `whatsapp-mcp status` and `whatsapp-mcp doctor`.

Nothing here loads neonize, starts anything or changes a file; both commands may run beside a server.
"""

from __future__ import annotations

from whatsapp_mcp.offline.diagnosis.doctor import examine
from whatsapp_mcp.offline.diagnosis.report import Status, take_status
from whatsapp_mcp.offline.diagnosis.text import diagnosis_text, status_text

__all__ = ["Status", "diagnosis_text", "examine", "status_text", "take_status"]
