"""In which form a message names people to one device: by LID, or by number to a device that goes by numbers.

The server names them so in its stanzas (:meth:`SimDevice.name_of`). What is encrypted, a phone writes for each device
anew; here it is changed to fit.
"""

from __future__ import annotations

from typing import Final, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from whatsapp_mcp.jid import GROUP, LID, Jid
from whatsapp_mcp.simulator.state.accounts import SimDevice
from whatsapp_mcp.simulator.state.world import World

M = TypeVar("M", bound=Message)

_CONVERSATION: Final = "Conversation"
_NAMES: Final = frozenset({"remoteJID", "participant", "destinationJID", "mentionedJID", "userJID", "chatJID"})


def named_for(world: World, device: SimDevice, message: M) -> M:
    """The message (or history) as ``device`` is to get it: itself, or a copy with other addresses."""
    if all(device.uses_lid(account) for account in world.accounts):
        return message
    copy = type(message)()
    copy.CopyFrom(message)
    _rename(copy, world, device)
    return copy


def _rename(message: Message, world: World, device: SimDevice) -> None:
    kind = message.DESCRIPTOR.name
    if kind == _CONVERSATION and getattr(message, "ID", "").endswith(f"@{GROUP}"):
        return  # a group has its own way to name people
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for part in [value] if isinstance(value, Message) else value:
                _rename(part, world, device)
        elif field.type == FieldDescriptor.TYPE_STRING and (
            field.name in _NAMES or (field.name == "ID" and kind == _CONVERSATION)
        ):
            if isinstance(value, str):
                setattr(message, field.name, _name(value, world, device))
            else:
                value[:] = [_name(one, world, device) for one in value]


def _name(text: str, world: World, device: SimDevice) -> str:
    if not text.endswith(f"@{LID}"):
        return text
    try:
        account = world.account(Jid.parse(text))
    except ValueError:
        return text
    return text if account is None else str(device.name_of(account))
