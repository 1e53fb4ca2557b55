"""What only whatsmeow's log tells: no event says that an account is banned, that a repeated message was ignored, that
what was decrypted is no message, why linked devices got nothing of one (neonize 0.5.2 leaves the reason out), or that
a post of a channel was deleted (whatsmeow takes no post without content).

Other people write into that log: what could not be understood is quoted in it, with push names, ids and whole stanzas.
So a line counts when the logger and the level are the right ones and the whole line has the form that whatsmeow gives
it (connectionevents.go: ``handleConnectFailure``; message.go: ``decryptMessages``), with ids and addresses that parse.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.session import Decrypted
from whatsapp_mcp.untrusted_text import is_plain_id
from whatsapp_mcp.wire.boundary import jid

_LOGGER: Final = "Client"
_LEVEL: Final = "WARN"

_BAN: Final = re.compile(r'Temporary ban connect failure: <failure((?: [a-z_]+="[^"<>]*")+)/>')
_ATTRIBUTE: Final = re.compile(r' (code|expire)="(\d{1,9})"')
_REPETITION: Final = re.compile(
    r"Ignoring message (\S+) from (\S+?)(?: in (\S+?))?: [a-z: ]*received message with old counter"
    r" \([a-z]+: \d+, [a-z]+: \d+\)"
)
_UNPARSED: Final = re.compile(
    r"Error unmarshaling (?:decrypted|plaintext) message from (\S+?)(?: in (\S+?))?: proto:[\w\s:.-]*"
)

_UNREAD_HISTORY: Final = re.compile(r"Failed to download history sync: failed to unmarshal: proto:.*", re.DOTALL)

_DELETED_POST: Final = re.compile(r"Plaintext message from (\S+) doesn't have byte content")
_UNENCRYPTED: Final = re.compile(r"Failed to encrypt (\S+) for ([^\s:@]+@[a-z.]+): .*", re.DOTALL)
"""A phone has no device number in its address, other devices have one."""
_KEYS_FAILED: Final = re.compile(
    r"(?:Error decrypting message|Failed to (?:get LID|migrate signal store|store LID-PN mapping|get prekey"
    r"|process sender key distribution message|store message secret key))\b.*"
    r"(?:\bpq: |driver: bad connection|\b(?:dial|read|write) (?:tcp|unix) |\bEOF\b|broken pipe|deadline exceeded)",
    re.DOTALL,
)
"""By what lib/pq and Go's net say."""

_UNAVAILABLE: Final = re.compile(r'Unavailable message (\S+) from \S+?(?: in \S+?)? \(type: "([a-z_]{1,40})"\)')


class Ban(NamedTuple):
    """What WhatsApp tells of a ban that ends."""

    code: str
    seconds: int | None
    """How long it lasts from now on, if WhatsApp says so."""


def ban_in(level: str, logger: str, line: str) -> Ban | None:
    """The ban that a line tells of; None for any other line."""
    if (level, logger) != (_LEVEL, _LOGGER):
        return None
    found = _BAN.fullmatch(line)
    if found is None:
        return None
    known = dict(_ATTRIBUTE.findall(found[1]))
    return Ban(known.get("code", "unknown"), int(known["expire"]) if "expire" in known else None)


class Source(NamedTuple):
    """Where a message came from."""

    chat: Jid
    sender: Jid


def is_unparsed(level: str, logger: str, line: str) -> bool:
    """Whether a line says that what was decrypted is no message. Nobody else is told, and its id is not in it."""
    return (level, logger) == (_LEVEL, _LOGGER) and source_of_unparsed(line) is not None


def source_of_unparsed(line: str) -> Source | None:
    """Where it came from, from a line that ``is_unparsed``."""
    found = _UNPARSED.fullmatch(line)
    if found is None:
        return None
    sender, chat = jid(found[1]), jid(found[2] or found[1])
    return Source(chat, sender) if chat is not None and sender is not None else None


def is_unread_history(level: str, logger: str, line: str) -> bool:
    """Whether a line says that a part of a history came and whatsmeow cannot read it: one message that is no protobuf
    to Go is enough. Nobody else is told."""
    return (level, logger) == ("ERROR", _LOGGER) and _UNREAD_HISTORY.fullmatch(line) is not None


def channel_of_deletion(level: str, logger: str, line: str) -> Jid | None:
    """The channel of which a post was deleted. Which one, no line and no event tells."""
    found = _DELETED_POST.fullmatch(line) if (level, logger) == (_LEVEL, _LOGGER) else None
    channel = jid(found[1]) if found is not None else None
    return channel if channel is not None and channel.is_newsletter else None


def may_be_of_keys(logger: str, line: str) -> bool:
    """Whether a line may say that whatsmeow could not read or write its keys. A sender can make one that looks so, by
    an id with spaces in it: it is a reason to look at the database, and no more."""
    return logger == _LOGGER and _KEYS_FAILED.match(line) is not None


def is_repetition(level: str, logger: str, line: str) -> bool:
    """Whether a line says that a repeated message was ignored."""
    return (level, logger) == (_LEVEL, _LOGGER) and repetition_in(line) is not None


def unavailable_in(level: str, logger: str, line: str) -> tuple[str, str] | None:
    """The id of a message of which linked devices get nothing, and why, in WhatsApp's word (``view_once`` …).

    The event that follows has the same id, and says as well that nothing came: a line that somebody made up explains
    nothing.
    """
    found = _UNAVAILABLE.fullmatch(line) if (level, logger) == (_LEVEL, _LOGGER) else None
    return (found[1], found[2]) if found is not None and is_plain_id(found[1]) else None


def unencrypted_in(level: str, logger: str, line: str) -> tuple[str, Jid] | None:
    """The id of a message of ours that goes out all the same, and whose phone it could not be encrypted for."""
    found = _UNENCRYPTED.fullmatch(line) if (level, logger) == (_LEVEL, _LOGGER) else None
    person = jid(found[2]) if found is not None else None
    return (found[1], person) if found is not None and person is not None else None


def repetition_in(line: str) -> Decrypted | None:
    """The message whose repetition was ignored, from a line that ``is_repetition``."""
    found = _REPETITION.fullmatch(line)
    if found is None:
        return None
    sender, chat = jid(found[2]), jid(found[3] or found[2])
    if sender is None or chat is None or not is_plain_id(found[1]):
        return None
    return Decrypted(found[1], str(chat), str(sender))
