"""WhatsApp addresses (JIDs), the one type for them in every room.

A plain frozen dataclass and not a pydantic model: the wire codec and the store create many thousands per second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

USER: Final = "s.whatsapp.net"
"""Server part of a person addressed by phone number."""
LID: Final = "lid"
"""Server part of a person addressed by hidden ("linked") identity."""
GROUP: Final = "g.us"
NEWSLETTER: Final = "newsletter"
BROADCAST: Final = "broadcast"


@dataclass(frozen=True, slots=True)
class Jid:
    """``user@server`` or, with a device number above 0, ``user:device@server``.

    An empty ``user`` means the server itself (``s.whatsapp.net``, ``g.us``).
    """

    user: str
    server: str
    device: int = 0

    @classmethod
    def parse(cls, text: str) -> Jid:
        """Parse the text form. ``user.agent:device@server`` (an old form) is accepted, the agent is dropped.

        Raises:
            ValueError: the text is not a JID.
        """
        user, at, server = text.rpartition("@")
        if not server or any(c.isspace() for c in text) or "@" in user:
            raise ValueError(f"not a JID: {text!r}")
        if not at:
            return cls("", server)
        user, colon, device_text = user.partition(":")
        device = 0
        if colon:
            if not (device_text.isascii() and device_text.isdigit()):
                raise ValueError(f"not a JID: {text!r} (device must be a number)")
            device = int(device_text)
        if server in (USER, LID):
            user = user.partition(".")[0]
        return cls(user, server, device)

    def __str__(self) -> str:
        if not self.user:
            return self.server
        return f"{self.user}:{self.device}@{self.server}" if self.device else f"{self.user}@{self.server}"

    @property
    def bare(self) -> Jid:
        """The same address without the device number."""
        return Jid(self.user, self.server) if self.device else self

    def with_device(self, device: int) -> Jid:
        return Jid(self.user, self.server, device)

    @property
    def is_person(self) -> bool:
        return self.server in (USER, LID)

    @property
    def is_lid(self) -> bool:
        return self.server == LID

    @property
    def is_group(self) -> bool:
        return self.server == GROUP

    @property
    def is_newsletter(self) -> bool:
        return self.server == NEWSLETTER

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def validate(value: Any) -> Jid:
            if isinstance(value, cls):
                return value
            if not isinstance(value, str):
                raise ValueError(f"not a JID: {value!r}")
            return cls.parse(value)

        return core_schema.no_info_plain_validator_function(
            validate,
            serialization=core_schema.plain_serializer_function_ser_schema(str, return_schema=core_schema.str_schema()),
        )


STATUS_BROADCAST: Final = Jid("status", BROADCAST)
"""The pseudo chat that carries everybody's status updates."""
