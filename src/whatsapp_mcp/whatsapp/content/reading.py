"""From a message to its Content: wrappers off, the one part that is the content found and read.

Live messages arrive with most of the wrappers (disappearing, view once, document with caption …) removed by whatsmeow,
messages from history with all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from whatsapp_mcp.models.content import Content, MessageKind, Quote
from whatsapp_mcp.whatsapp.content import business
from whatsapp_mcp.whatsapp.content.context import around, beside
from whatsapp_mcp.whatsapp.content.kinds import BESIDE, PAYMENTS, PROTOCOL, READERS
from whatsapp_mcp.whatsapp.content.strings import strings_of, unknown_contents
from whatsapp_mcp.wire.boundary import jid, message_id, parse
from whatsapp_mcp.wire.protos import e2e

if TYPE_CHECKING:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message, ProtocolMessage

_MAX_WRAPPERS: Final = 5
_WRAPPER: Final = "FutureProofMessage"
_SPOKEN: Final = (MessageKind.TEXT, MessageKind.INTERACTIVE, MessageKind.OTHER)
"""Kinds that are nothing without their words."""


def unwrap(message: Message) -> tuple[Message, bool]:
    """The innermost message, and whether a view-once wrapper was taken off."""
    layers, view_once = _layers(message)
    return layers[-1], view_once


def read_content(message: Message) -> Content | None:
    """What the message says, or None when it is protocol traffic that a person never sees.

    Args:
        message: as ``boundary.parse`` made it.
    """
    layers, view_once = _layers(message)
    content = _read(layers)
    if content is None:
        return None
    facts = beside(layers)
    if not facts and not view_once:
        return content
    return replace(content, view_once=content.view_once or view_once, extra=content.extra | facts)


def _layers(message: Message) -> tuple[list[Message], bool]:
    """The message and what is inside of its wrappers, the innermost last; and whether one of them is for one look.

    Every field of type FutureProofMessage is a wrapper, and so is deviceSentMessage (own message from another device).
    """
    layers, view_once = [message], False
    for _ in range(_MAX_WRAPPERS):
        says_something = False
        for field, value in layers[-1].ListFields():
            says_something = says_something or field.name not in BESIDE
            kind = field.message_type
            if kind is not None and (kind.name == _WRAPPER or field.name == "deviceSentMessage"):
                view_once = view_once or field.name.startswith("viewOnce")
                layers.append(value.message)
                break
        else:
            inner = None if says_something else _newer_wrapper(layers[-1])
            if inner is None:
                break
            layers.append(inner)
    return layers, view_once


def _newer_wrapper(message: Message) -> Message | None:
    """What is inside of a wrapper that the protobuf classes do not know, in a message that is nothing but that."""
    for data in unknown_contents(message):
        try:
            inner = parse(e2e.FutureProofMessage, data).message
        except DecodeError:
            continue
        found = [field for field, _ in inner.ListFields() if field.name not in BESIDE]
        if found and not len(UnknownFieldSet(inner)):
            return inner
    return None


def _read(layers: Sequence[Message], *, quoted: bool = False) -> Content | None:
    inner = layers[-1]
    for field, value in inner.ListFields():
        if field.name in BESIDE:
            continue
        if field.name == "protocolMessage":
            return _told(value)
        if field.name in PROTOCOL:
            return None
        content = _content(field.name, value)
        if getattr(value, "viewOnce", False):
            content = replace(content, view_once=True)
        if not quoted and "contextInfo" in _fields_of(value):
            content = _with_context(content, value.contextInfo)
        return content
    if len(UnknownFieldSet(inner)):
        # Go hands on what it received, so a kind of message that is newer than the Python classes shows up here.
        return Content(MessageKind.OTHER, strings_of(inner), extra={"type": "unknown"})
    return None


def _content(name: str, value: Any) -> Content:
    reader = READERS.get(name)
    if reader is not None:
        content = reader(value)
        if content.text or content.media or content.kind not in _SPOKEN or not hasattr(value, "ListFields"):
            return content
        return replace(content, text=strings_of(value))  # it says it in a part that the reader does not know
    if name in PAYMENTS:
        note = _quoted(value.noteMessage) if "noteMessage" in _fields_of(value) else None
        return business.payment(name, value, note.text if note is not None else "")
    if name == "commentMessage":
        said = _quoted(value.message)
        if said is not None:
            target = value.targetMessageKey
            quote = Quote(message_id(target.ID), jid(target.participant))
            return replace(said, quote=quote, extra=said.extra | {"comment_on": quote.message_id})
    return Content(MessageKind.OTHER, strings_of(value), extra={"type": name})


def _quoted(message: Message) -> Content | None:
    """A message in a message, without what it quotes in turn: nothing is quoted more than once deep."""
    return _read(_layers(message)[0], quoted=True)


def _with_context(content: Content, info: Any) -> Content:
    context = around(info, _quoted)
    return replace(content, **(context | {"extra": content.extra | context["extra"]}))


def _fields_of(value: Any) -> Any:
    return value.DESCRIPTOR.fields_by_name if hasattr(value, "DESCRIPTOR") else ()


_TOLD: Final = {
    "STATUS_MENTION_MESSAGE": "Mentioned you in a status update.",
    "SHARE_PHONE_NUMBER": "Shared their phone number with you.",
}


def _told(value: ProtocolMessage) -> Content | None:
    """The few protocol messages that a person sees in the chat."""
    kind = e2e.ProtocolMessage.Type.Name(value.type)
    if kind in _TOLD:
        return Content(MessageKind.OTHER, extra={"type": kind.lower(), "note": _TOLD[kind]})
    told = value.cloudApiThreadControlNotification.notificationContent.handoffNotificationText
    return Content(MessageKind.OTHER, told, extra={"type": kind.lower()}) if told else None
