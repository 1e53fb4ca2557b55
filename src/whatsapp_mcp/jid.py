"""WhatsApp addresses (JIDs), the one type for them in every room.

A plain frozen dataclass and not a pydantic model: the wire codec and the store create many thousands per second.
"""

from __future__ import annotations

import re
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

_PERSON: Final = {"c.us": USER, "hosted": USER, "hosted.lid": LID}
"""Other servers of people (whatsmeow types/jid.go): the old name of numbers, and devices that a business hosts at
WhatsApp's; each is the same person as under the server here."""

_DIGITS: Final = re.compile(r"[0-9]{1,20}", re.ASCII)
_USERS: Final = {
    **dict.fromkeys((USER, LID, *_PERSON), _DIGITS),
    GROUP: re.compile(r"[0-9]{1,20}(-[0-9]{1,20})?", re.ASCII),
}
"""What stands before the @, by server; elsewhere ``_ANY_USER``."""
_ANY_USER: Final = re.compile(r"[0-9A-Za-z._-]{1,64}", re.ASCII)
_SERVER: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,31}", re.ASCII)
_HIGHEST_DEVICE: Final = 0xFFFF


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
        user, _, server = text.rpartition("@")
        user, colon, device = user.partition(":")
        if server in (USER, LID):
            user = user.partition(".")[0]
        if colon and not _DIGITS.fullmatch(device):
            raise ValueError("not a JID: the device must be a number")
        return cls.checked(user, server, int(device or 0))

    @classmethod
    def checked(cls, user: str, server: str, device: int = 0) -> Jid:
        """From its parts, when they are what WhatsApp makes addresses of. An empty ``user`` is a server's own.

        Raises:
            ValueError: they are not.
        """
        if _SERVER.fullmatch(server) is None:
            raise ValueError("not a JID: no server")
        if user and _USERS.get(server, _ANY_USER).fullmatch(user) is None:
            raise ValueError(f"not a JID: no user of {server}")
        if not 0 <= device <= _HIGHEST_DEVICE:
            raise ValueError("not a JID: no device has this number")
        return cls(user, server, device)

    def __str__(self) -> str:
        if not self.user:
            return self.server
        return f"{self.user}:{self.device}@{self.server}" if self.device else f"{self.user}@{self.server}"

    @property
    def bare(self) -> Jid:
        """Who has the device: the same address without its number, of a person under the usual server."""
        server = _PERSON.get(self.server)
        return Jid(self.user, server or self.server) if self.device or server else self

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

    @property
    def is_broadcast_list(self) -> bool:
        return self.server == BROADCAST and self != STATUS_BROADCAST

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def validate(value: Any) -> Jid:
            if isinstance(value, cls):
                return value
            if not isinstance(value, str):
                raise ValueError("not a JID: no text")
            return cls.parse(value)

        return core_schema.no_info_plain_validator_function(
            validate,
            serialization=core_schema.plain_serializer_function_ser_schema(str, return_schema=core_schema.str_schema()),
        )


STATUS_BROADCAST: Final = Jid("status", BROADCAST)
"""The pseudo chat that carries everybody's status updates."""
