"""Votes and edits that are encrypted under the secret of the message they are about (whatsmeow: msgsecret.go).

neonize 0.5.2 cannot open them; the secret lies in the message itself, which the store keeps whole. Which form of
address (number or LID) went into the key is not told: the cipher says which one fits.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import Change, MessageEdited, PollVoted
from whatsapp_mcp.models.views import StoredMessage
from whatsapp_mcp.whatsapp.boundary import parse
from whatsapp_mcp.whatsapp.content import read_content
from whatsapp_mcp.whatsapp.events import MessageEvent
from whatsapp_mcp.whatsapp.message_keys import author_of
from whatsapp_mcp.whatsapp.origin import MessageOrigin
from whatsapp_mcp.wire import message_secrets
from whatsapp_mcp.wire.message_secrets import Origin, SecretError, open_change, option_hash
from whatsapp_mcp.wire.protos import e2e

if TYPE_CHECKING:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

logger = logging.getLogger(__name__)

Find = Callable[[str, Jid, Jid | None], StoredMessage | None]
"""Looks a stored message up by its id, chat and, where it is told, author."""


def open_sealed(event: MessageEvent, find: Find, own: tuple[Jid, ...]) -> list[Change]:
    """The changes that a message event means when it carries a vote or a sealed edit; else nothing.

    Args:
        own: our own addresses, number and LID.
    """
    message, where = event.message, event.where
    try:
        if message.HasField("pollUpdateMessage"):
            return _vote(message, where, event.timestamp, find, own)
        if message.secretEncryptedMessage.secretEncType == e2e.SecretEncryptedMessage.MESSAGE_EDIT:
            return _edit(message, where, event.timestamp, find, own)
    except (SecretError, DecodeError) as error:
        logger.warning("a sealed change in %s could not be opened: %s", where.chat, error)
    return []


def _vote(
    message: Message,
    where: MessageOrigin,
    timestamp: int,
    find: Find,
    own: tuple[Jid, ...],
) -> list[Change]:
    update = message.pollUpdateMessage
    poll_id = update.pollCreationMessageKey.ID
    author = author_of(update.pollCreationMessageKey, where, own)
    # Whose it is may be told by an address that is not known yet; the cipher says whether it was meant.
    poll = find(poll_id, where.chat, author) or find(poll_id, where.chat, None)
    if poll is None:
        raise SecretError("the poll is not stored")
    plain = _open(
        message_secrets.Change.POLL_VOTE, poll_id, poll, where, own, update.vote.encPayload, update.vote.encIV
    )
    chosen = parse(e2e.PollVoteMessage, plain).selectedOptions
    names = {option_hash(name): name for name in _options(poll.raw)}
    return [
        PollVoted(
            chat=where.chat,
            poll_id=poll_id,
            voter=where.sender,
            options=tuple(names[digest] for digest in chosen if digest in names),
            timestamp=timestamp,
            from_me=where.from_me,
            chat_alt=where.chat_alt,
            voter_alt=where.sender_alt,
            author=poll.wire_sender,
        )
    ]


def _edit(
    message: Message,
    where: MessageOrigin,
    timestamp: int,
    find: Find,
    own: tuple[Jid, ...],
) -> list[Change]:
    sealed = message.secretEncryptedMessage
    target = sealed.targetMessageKey.ID
    original = find(target, where.chat, where.sender) or find(target, where.chat, None)
    if original is None:
        raise SecretError("the message is not stored")
    kind = message_secrets.Change.MESSAGE_EDIT
    edited = parse(e2e.Message, _open(kind, target, original, where, own, sealed.encPayload, sealed.encIV))
    if edited.HasField("protocolMessage"):
        edited = edited.protocolMessage.editedMessage
    content = read_content(edited)
    if content is None:
        return []
    return [MessageEdited(where.chat, target, where.sender, content, timestamp, chat_alt=where.chat_alt)]


def _open(
    kind: message_secrets.Change,
    message_id: str,
    original: StoredMessage,
    where: MessageOrigin,
    own: tuple[Jid, ...],
    ciphertext: bytes,
    iv: bytes,
) -> bytes:
    secret = parse(e2e.Message, original.raw).messageContextInfo.messageSecret
    authors = _forms(where.sender, where.sender_alt, own if where.from_me else ())
    senders = _forms(original.wire_sender, None, own if original.from_me else authors)
    error = SecretError("the message has no author")
    for sender in senders:
        try:
            return open_change(kind, Origin(message_id, sender, secret), authors, ciphertext, iv)
        except SecretError as failure:
            error = failure
    raise error


def _forms(one: Jid, other: Jid | None, more: Iterable[Jid]) -> tuple[Jid, ...]:
    return tuple(dict.fromkeys(jid.bare for jid in (one, other, *more) if jid is not None))


def _options(raw: bytes) -> list[str]:
    content = read_content(parse(e2e.Message, raw))
    options = content.extra.get("options") if content is not None else None
    return [str(option) for option in options] if isinstance(options, list) else []
