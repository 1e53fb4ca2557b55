"""`whatsapp-mcp verify`: every kind of step tried with a linked account, writing to nobody but its owner.

The steps call the tools of a server process of their own, as a host does; :mod:`.own_chat` is the only way to it, and
refuses every other recipient. :mod:`.findings` decides what may stand in a report.
"""

from __future__ import annotations

from whatsapp_mcp.offline.verify.findings import report_json
from whatsapp_mcp.offline.verify.guide import VerifyOptions, run_verify

__all__ = ["VerifyOptions", "report_json", "run_verify"]
