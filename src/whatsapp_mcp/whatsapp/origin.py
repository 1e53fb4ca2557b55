"""In which chat a message is shown, and who wrote it: decided here, for whatever comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from whatsapp_mcp.jid import LID, USER, Jid
from whatsapp_mcp.models.changes import IdentityLearned
from whatsapp_mcp.whatsapp.addresses import from_proto, optional

if TYPE_CHECKING:
    from neonize.proto.Neonize_pb2 import MessageSource as Source


class MessageOrigin:
    """Chat and author of an event, with the other address form where WhatsApp told it."""

    def __init__(self, source: Source) -> None:
        """Raises ValueError for what is no address."""
        self.from_me = source.IsFromMe
        self.sender = from_proto(source.Sender).bare
        sender_alt, recipient_alt = optional(source.SenderAlt), optional(source.RecipientAlt)
        self.sender_alt = sender_alt.bare if sender_alt else None
        addressed = from_proto(source.Chat).bare
        owner = optional(source.BroadcastListOwner)
        self.chat = shown_in(addressed, owner.bare if owner else self.sender, from_me=self.from_me and owner is None)
        self.broadcast_list = addressed if self.chat != addressed else None
        """The broadcast list by which it came; receipts for it go there."""
        self.recipients = tuple(
            tuple(jid.bare for jid in (optional(one.LID), optional(one.PN)) if jid is not None)
            for one in (source.BroadcastRecipients if self.chat.is_broadcast_list else ())
        )
        """Whom a message to a broadcast list of ours went to, in the forms that were told."""
        other = recipient_alt if source.IsFromMe else sender_alt
        self.chat_alt = other.bare if other and self.chat.is_person else None

    def identities(self) -> Iterator[IdentityLearned]:
        known: set[IdentityLearned] = set()
        for one, other in ((self.sender, self.sender_alt), (self.chat, self.chat_alt)):
            pair = {jid.server: jid for jid in (one, other) if jid is not None}
            if LID in pair and USER in pair:
                known.add(IdentityLearned(lid=pair[LID], number=pair[USER]))
        yield from known


def shown_in(addressed: Jid, author: Jid, *, from_me: bool) -> Jid:
    """The chat in which a message is shown that was sent to an address.

    What somebody sends to a broadcast list comes to each of its people as if written to them alone: it belongs to the
    chat with its author (whatsmeow types/message.go: ``IsIncomingBroadcast``). What we send to a list of ours, on the
    phone, is in the list's own chat, and in those of its people where we are told who they are: so phones show it.
    """
    return author if addressed.is_broadcast_list and not from_me else addressed
