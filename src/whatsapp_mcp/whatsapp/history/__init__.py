"""From a history sync to our changes: chats, messages, names and identities from the time before this device.

``sync`` walks through one, ``messages`` reads one message, with what a phone knows about it (``facts``) and what it
writes in the place of one (``stubs``), ``call_log`` the calls; ``fields`` says of every field whether it is read.
``announced`` fetches one that did not come.
"""

from whatsapp_mcp.whatsapp.history.announced import announced_part
from whatsapp_mcp.whatsapp.history.sync import changes_from_history, ids_in_history

__all__ = ["announced_part", "changes_from_history", "ids_in_history"]
