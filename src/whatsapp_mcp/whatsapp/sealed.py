"""What is encrypted under the secret of the message that it is about: votes, answers, comments, reactions, edits.

whatsmeow (msgsecret.go) opens such messages only when asked, and neonize 0.5.2 does not let us ask; the secret lies in
the message itself, which the store keeps whole. Which form of address (number or LID) went into the key is not told:
the cipher says which one fits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError

from whatsapp_mcp.clock import from_ms
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import Change, MessageEdited, MessageReceived, PollVoted
from whatsapp_mcp.models.content import OPTION_HASH, SEALED, Content, MessageKind, Quote
from whatsapp_mcp.models.views import SealedStatement, SealedTarget, StoredMessage
from whatsapp_mcp.whatsapp.content import read_content, unwrap
from whatsapp_mcp.whatsapp.statements import Carrier, added_option, event_answer, reaction, sealed_key
from whatsapp_mcp.wire.boundary import parse, seconds
from whatsapp_mcp.wire.message_secrets import Change as Secret
from whatsapp_mcp.wire.message_secrets import Origin, SecretError, open_change, option_hash
from whatsapp_mcp.wire.protos import e2e

if TYPE_CHECKING:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message


class StaysClosed(ValueError):
    """It cannot be opened; the text is the reason, in our words."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """What was found inside."""

    plain: bytes
    outer: Message
    """In which it came."""
    target: StoredMessage
    carrier: Carrier
    own: tuple[Jid, ...]

    @property
    def key(self) -> Any:
        return sealed_key(self.outer)


@dataclass(frozen=True, slots=True)
class _Kind:
    words: str
    """What it is called while it is closed."""
    secrets: tuple[Secret, ...]
    """What went into the key; the first that fits."""
    read: Callable[[_Opened], list[Change]]
    is_message: bool = False
    """Something that is shown by itself."""


def open_sealed(sealed: SealedStatement, own: tuple[Jid, ...]) -> list[Change]:
    """What it says.

    Args:
        own: our own addresses, number and LID.

    Raises:
        StaysClosed: it cannot be opened.
    """
    message = parse(e2e.Message, sealed.raw)
    kind = _kind_of(message)
    if not kind.secrets:
        raise StaysClosed("this server does not know what it is")
    if not sealed.about:
        raise StaysClosed("the message that it is about is not here")
    carrier = Carrier(
        id=sealed.id,
        chat=sealed.chat,
        sender=sealed.sender,
        timestamp=sealed.timestamp,
        from_me=sealed.from_me,
        from_history=sealed.from_history,
    )
    plain, target = _open(message, kind, sealed, own)
    # Whatever it names: it was opened with the secret of that message.
    try:
        return kind.read(_Opened(plain, message, target, replace(carrier, author=target.wire_sender), own))
    except DecodeError:
        raise StaysClosed("what is inside is no message") from None


def closed(sealed: SealedStatement, reason: str) -> MessageReceived:
    """The row of what could not be opened: that it came, and why it cannot be read."""
    kind = _kind_of(parse(e2e.Message, sealed.raw))
    content = Content.unreadable(reason)
    content.extra[SEALED] = kind.words
    return MessageReceived(
        id=sealed.id,
        chat=sealed.chat,
        sender=sealed.sender,
        timestamp=sealed.timestamp,
        content=replace(content, quote=Quote(sealed.message_id, sealed.author)),
        from_me=sealed.from_me,
        from_history=sealed.from_history or not kind.is_message,  # then it is no news to who waits for messages
    )


def secret_of(message: Message) -> bytes:
    """The secret under which others encrypt what they say about a message; empty when it has none."""
    inner, _ = unwrap(message)
    return message.messageContextInfo.messageSecret or inner.messageContextInfo.messageSecret


def _open(message: Message, kind: _Kind, sealed: SealedStatement, own: tuple[Jid, ...]) -> tuple[bytes, StoredMessage]:
    senders = _distinct(sealed.sender, *sealed.sender_forms, *(own if sealed.from_me else ()))
    has_secret = False
    for target in sealed.about:
        secret = secret_of(parse(e2e.Message, target.message.raw))
        if not secret:
            continue
        has_secret = True
        for author in _authors(target, sealed, own):
            origin = Origin(sealed.message_id, author, secret)
            for change in kind.secrets:
                try:
                    return open_change(change, origin, senders, *_cipher(message)), target.message
                except SecretError:
                    continue
    raise StaysClosed(
        "it was not made for the message that it names"
        if has_secret
        else "the message that it is about is here without its key"
    )


def _authors(target: SealedTarget, sealed: SealedStatement, own: tuple[Jid, ...]) -> tuple[Jid, ...]:
    told = () if sealed.author is None else (sealed.author,)
    mine = own if target.message.from_me else ()
    return _distinct(target.message.wire_sender, *told, *target.author_forms, *mine)


def _distinct(*jids: Jid) -> tuple[Jid, ...]:
    return tuple(dict.fromkeys(jid.bare for jid in jids))


def _cipher(message: Message) -> tuple[bytes, bytes]:
    if message.HasField("pollUpdateMessage"):
        return message.pollUpdateMessage.vote.encPayload, message.pollUpdateMessage.vote.encIV
    for name in ("encReactionMessage", "encCommentMessage", "encEventResponseMessage"):
        if message.HasField(name):
            part = getattr(message, name)
            return part.encPayload, part.encIV
    return message.secretEncryptedMessage.encPayload, message.secretEncryptedMessage.encIV


# -- what is inside ----------------------------------------------------------------------------------------------------


def _vote(opened: _Opened) -> list[Change]:
    chosen = parse(e2e.PollVoteMessage, opened.plain).selectedOptions
    names = {option_hash(name): name for name in poll_options(parse(e2e.Message, opened.target.raw))}
    about = opened.carrier.about(opened.key, opened.own)
    return [
        PollVoted(
            poll_id=about.pop("message_id"),
            voter=about.pop("sender"),
            voter_alt=about.pop("sender_alt"),
            options=named_options(chosen, names),
            timestamp=opened.carrier.timestamp,
            **about,
        )
    ]


def poll_options(message: Message) -> list[str]:
    """The names of the options of a poll."""
    content = read_content(message)
    options = content.extra.get("options") if content is not None else None
    return [str(option) for option in options] if isinstance(options, list) else []


def named_options(chosen: Any, names: dict[bytes, str]) -> tuple[str, ...]:
    """The options of a vote, which names them by their digests; an option that is not known may be added later."""
    return tuple(names.get(digest) or f"{OPTION_HASH}{digest.hex()}" for digest in chosen if len(digest) == 32)


def _reaction(opened: _Opened) -> list[Change]:
    said = parse(e2e.ReactionMessage, opened.plain)
    return reaction(said.text, opened.key, opened.carrier, opened.own)


def _event_answer(opened: _Opened) -> list[Change]:
    said = parse(e2e.EventResponseMessage, opened.plain)
    return event_answer(said, opened.key, opened.carrier, opened.own)


def _added_option(opened: _Opened) -> list[Change]:
    said = unwrap(parse(e2e.Message, opened.plain))[0].pollAddOptionMessage
    return added_option(said.addOption.optionName, opened.key, opened.carrier, opened.own)


def _comment(opened: _Opened) -> list[Change]:
    message = parse(e2e.Message, opened.plain)
    content = read_content(message)
    if content is None:
        raise StaysClosed("what is inside is no message that people read")
    if opened.outer.HasField("messageContextInfo") and not message.HasField("messageContextInfo"):
        message.messageContextInfo.CopyFrom(opened.outer.messageContextInfo)
    carrier, target = opened.carrier, opened.target
    return [
        MessageReceived(
            id=carrier.id,
            chat=carrier.chat,
            sender=carrier.sender,
            timestamp=carrier.timestamp,
            content=comment_on(content, target.id, target.wire_sender, target.text),
            from_me=carrier.from_me,
            raw=message.SerializePartialToString(),
            from_history=carrier.from_history,
        )
    ]


def comment_on(content: Content, message_id: str, author: Jid | None, text: str = "") -> Content:
    """A comment is a message of its own that answers the one it is about."""
    quote = content.quote or Quote(message_id, author, text)
    return replace(content, quote=quote, extra=content.extra | {"comment_on": message_id})


def _edit(opened: _Opened) -> list[Change]:
    content = _edited(opened)
    if content is None:
        return []
    carrier = opened.carrier
    return [MessageEdited(carrier.chat, opened.target.id, carrier.sender, content, carrier.timestamp)]


def _edited(opened: _Opened) -> Content | None:
    edited = unwrap(parse(e2e.Message, opened.plain))[0]
    if edited.HasField("protocolMessage"):
        edited = edited.protocolMessage.editedMessage
    return read_content(edited)


def _event_edit(opened: _Opened) -> list[Change]:
    """A new time, place or name; or that it is cancelled."""
    before, content = read_content(parse(e2e.Message, opened.target.raw)), _edited(opened)
    if content is None or before is None or not content.kind is before.kind is MessageKind.EVENT:
        raise StaysClosed("what is inside is no event")
    start, first = content.extra.get("start_time"), before.extra.get("start_time")
    if start != first and isinstance(first, int) and (moment := seconds(first)) is not None:
        content.extra["moved_from"] = from_ms(moment * 1000).isoformat().replace("+00:00", "Z")
    carrier = opened.carrier
    return [MessageEdited(carrier.chat, opened.target.id, carrier.sender, content, carrier.timestamp)]


def _poll_edit(opened: _Opened) -> list[Change]:
    content = _edited(opened)
    if content is None or content.kind is not MessageKind.POLL:
        raise StaysClosed("what is inside is no poll")
    return _edit(opened)


_SECRET_KINDS: Final[dict[int, _Kind]] = {
    e2e.SecretEncryptedMessage.MESSAGE_EDIT: _Kind("An edit of a message", (Secret.MESSAGE_EDIT,), _edit),
    e2e.SecretEncryptedMessage.EVENT_EDIT: _Kind("A change of an event", (Secret.EVENT_EDIT,), _event_edit),
    e2e.SecretEncryptedMessage.POLL_EDIT: _Kind("A change of a poll", (Secret.POLL_EDIT,), _poll_edit),
    # whatsmeow opens it as an edit of the poll, and knows the other name too.
    e2e.SecretEncryptedMessage.POLL_ADD_OPTION: _Kind(
        "A new option of a poll", (Secret.POLL_EDIT, Secret.POLL_ADD_OPTION), _added_option
    ),
}
_UNKNOWN: Final = _Kind("Something about a message", (), lambda _: [])
_KINDS: Final = {
    "pollUpdateMessage": _Kind("A vote in a poll", (Secret.POLL_VOTE,), _vote),
    "encReactionMessage": _Kind("A reaction to a message", (Secret.REACTION,), _reaction),
    "encCommentMessage": _Kind("A comment on a message", (Secret.COMMENT,), _comment, is_message=True),
    "encEventResponseMessage": _Kind("An answer to an event", (Secret.EVENT_RESPONSE,), _event_answer),
}


def _kind_of(message: Message) -> _Kind:
    for name, kind in _KINDS.items():
        if message.HasField(name):  # type: ignore[arg-type]  # the stubs want literals
            return kind
    return _SECRET_KINDS.get(message.secretEncryptedMessage.secretEncType, _UNKNOWN)
