"""What is to be sent, as the protobuf that WhatsApp gets; a file is uploaded for it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from whatsapp_mcp.errors import InvalidArgument, NotFound
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.media import downloads
from whatsapp_mcp.media.limits import MIB
from whatsapp_mcp.models.outgoing import MediaOut, MediaType, SendOptions, TextOut
from whatsapp_mcp.models.views import StoredMessage
from whatsapp_mcp.pipe import messages as p
from whatsapp_mcp.platform.sockets import sent_since_now
from whatsapp_mcp.waiting import waits_for
from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.whatsapp.compose import Uploaded, compose, compose_forward, compose_media
from whatsapp_mcp.whatsapp.content import read_content
from whatsapp_mcp.whatsapp.media_downloads import Bounds
from whatsapp_mcp.worker.store_thread import StoreThread

if TYPE_CHECKING:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

_COPY_LIMIT: Final = 100 * MIB
"""Bytes of a file that is uploaded again: neonize holds it in memory some times over."""
_COPY_SECONDS: Final = 40.0
_MENTION: Final = re.compile(r"@([0-9]{5,20})(?![0-9])")


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a stored message, as its chat addresses people."""

    jid: Jid
    from_me: bool


class Composer:
    """Makes new messages, and finds those that they are about."""

    def __init__(self, account: Account, store: StoreThread, media: Path) -> None:
        """``media``: the media folder of the account; copies for sending on lie in it while they are needed."""
        self._account = account
        self._store = store
        self._media = media

    def compose(self, command: p.SendMessage | p.ForwardMessage) -> Message:
        """Raises WhatsAppMcpError when what it answers, or forwards, is not there, or the file is not taken."""
        return self._forwarded(command) if isinstance(command, p.ForwardMessage) else self._new(command)

    def check(self, command: p.SendMessage | p.ForwardMessage) -> None:
        """Raise what can be known before the message leaves: that what it answers, or forwards, is not there."""
        if isinstance(command, p.ForwardMessage):
            _forward(self.find(command.target), command.expiration)
        else:
            self._quoted(command)

    def find(self, target: p.MessageRef) -> StoredMessage:
        """The message that is meant. Raises NotFound."""
        stored = self._store.run_now(lambda writer: writer.find(target.message_id, target.chat, target.author))
        if stored is None:
            raise NotFound("there is no message with this id in this chat")
        return stored

    def author(self, stored: StoredMessage) -> Author:
        """Our own messages carry our LID where the chat is addressed by LIDs, else our number."""
        if not stored.from_me:
            return Author(stored.wire_sender, from_me=False)
        own, chat = self._account.device(), stored.wire_chat
        use_lid = chat.is_lid or (chat.is_group and self._lids_for(chat, ()) is not None)
        jid = own.lid if use_lid and own.lid else own.jid
        return Author(jid.bare, from_me=True)

    def _new(self, command: p.SendMessage) -> Message:
        quoted = self._quoted(command)
        outgoing = command.message
        if isinstance(outgoing, MediaOut):
            uploaded = self._upload(outgoing.path, outgoing.kind, command.chat)
            return compose_media(outgoing, uploaded, command.options, quoted)
        if isinstance(outgoing, TextOut) and command.options.mentions and command.chat.is_group:
            return compose(*self._as_named(outgoing, command.options, command.chat), quoted)
        return compose(outgoing, command.options, quoted)

    def _as_named(self, text: TextOut, options: SendOptions, group: Jid) -> tuple[TextOut, SendOptions]:
        """Whom it mentions as the group names people, in the text too: phones notify nobody, and show digits, where a
        number stands in a group that goes by LIDs."""
        lids = self._lids_for(group, options.mentions)
        if lids is None:
            return text, options
        named = {
            person: lids[person] or (person if person.is_lid else self._account.lid_of(person)) or person
            for person in options.mentions
        }
        digits = {person.user: jid.user for person, jid in named.items()}
        words = _MENTION.sub(lambda found: "@" + digits.get(found[1], found[1]), text.text)
        return TextOut(text=words), options.model_copy(update={"mentions": tuple(named.values())})

    def _lids_for(self, group: Jid, people: Sequence[Jid]) -> dict[Jid, Jid | None] | None:
        return self._store.run_now(lambda writer: writer.lids_for(group, people))

    def _quoted(self, command: p.SendMessage) -> StoredMessage | None:
        options = command.options
        if not options.reply_to_id:
            return None
        stored = self.find(
            p.MessageRef(chat=command.chat, message_id=options.reply_to_id, author=options.reply_to_author)
        )
        return replace(stored, wire_sender=self.author(stored).jid)

    def _forwarded(self, command: p.ForwardMessage) -> Message:
        stored = self.find(command.target)

        def upload(kind: MediaType) -> Uploaded:
            with self._copy(stored.file) as file:
                return self._upload(file, kind, command.chat)

        # Newsletters do not encrypt media, so what a chat got is of no use to them.
        again = command.upload_again or command.chat.is_newsletter
        return _forward(stored, command.expiration, upload if again else None)

    def _upload(self, file: Path, kind: MediaType, chat: Jid) -> Uploaded:
        """neonize tells nothing while it uploads; what has left this process meanwhile tells how far it is."""
        measure = sent_since_now()
        with waits_for("uploading the file", total=file.stat().st_size if measure else 0, measure=measure):
            return self._account.upload(file, kind, newsletter=chat.is_newsletter)

    @contextmanager
    def _copy(self, raw: bytes) -> Iterator[Path]:
        """The file of a message, on disk for a moment."""
        path = downloads.draft(self._media / downloads.TEMPORARY)
        try:
            self._account.download(raw, path, Bounds(_COPY_LIMIT, time.monotonic() + _COPY_SECONDS))
            yield path
        finally:
            downloads.discard(path)


def _forward(stored: StoredMessage, expiration: int, upload: Callable[[MediaType], Uploaded] | None = None) -> Message:
    if not stored.raw:
        raise InvalidArgument("message_id: there is nothing to forward in this message", field="message_id")
    message = compose_forward(stored, expiration, upload)
    if read_content(message) is None:
        raise InvalidArgument("message_id: this message cannot be forwarded", field="message_id")
    return message
