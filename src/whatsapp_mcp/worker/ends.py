"""What an error means for the session process that it ends."""

from __future__ import annotations

from whatsapp_mcp.errors import StoreError, StoreUnusable
from whatsapp_mcp.pipe.lines import EndReason


def end_reason(error: Exception) -> EndReason:
    """A store that cannot be used now is tried again by the next process; a damaged one waits for somebody."""
    if isinstance(error, StoreUnusable):
        return "store_unusable"
    return "store_error" if isinstance(error, StoreError) else "setup_error"
