"""What a simulated device needs of the Signal protocol: sessions between devices, sender keys for groups, padding.

Compatible with libsignal as whatsmeow uses it (session version 3). For the simulator's own devices only: state lives in
memory, nothing is protected against side channels, and a changed identity key is accepted.
"""

from __future__ import annotations

from whatsapp_mcp.simulator.signal.device import SignalDevice
from whatsapp_mcp.simulator.signal.padding import pad, unpad
from whatsapp_mcp.simulator.signal.sender_key import SenderKey
from whatsapp_mcp.simulator.signal.signal_errors import DuplicateMessageError, SignalError

__all__ = ["DuplicateMessageError", "SenderKey", "SignalDevice", "SignalError", "pad", "unpad"]
