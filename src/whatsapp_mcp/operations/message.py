"""Operations on one stored message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from whatsapp_mcp.errors import InvalidArgument, NotFound
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import MessageKind
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.operations.outcome import Arguments, Outcome, Progress
from whatsapp_mcp.operations.recipients import person, resolve
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.send import IDEMPOTENCY_KEY, sent_outcome
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.pipe.protocol import ChatRef, EditMessage, ForwardMessage, MarkRead, React, RejectCall, Revoke

__all__ = ["stored_message"]

EDIT_WINDOW: Final = timedelta(minutes=20)
"""whatsmeow: send.go, EditWindow; phones ignore later edits."""
MAX_EMOJI: Final = 32
"""Characters; the longest emoji sequences (families, flags) stay well below."""

LETTER_EMOJI: Final = "\u2139"
"""ℹ, the only emoji that Unicode counts among the letters."""


async def stored_message(services: Services, arguments: Arguments) -> tuple[Jid, Message]:
    """The chat and message that the arguments name; ``phone`` may be left out where the seed allows it."""
    message_id: str = arguments["message_id"].strip()
    given = arguments.get("phone")
    chat = await resolve(services, given) if given else None
    message = services.store.look(lambda store: store.message(message_id, chat))
    if message is None:
        where = "in this chat" if chat else "in the store"
        raise NotFound(
            f"message_id: there is no message with this id {where}",
            next_step="Take message_id and chat from getChatMessages.",
            details={"field": "message_id"},
        )
    return message.chat, message


@operation("revokeMessage")
async def revoke_message(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    chat, message = await stored_message(services, arguments)
    if not message.from_me and not chat.is_group:
        raise InvalidArgument("message_id: only your own messages can be deleted for everyone here", field="message_id")
    sent = await services.session.call(Revoke(target=ChatRef(chat=chat, message_id=message.id)))
    return sent_outcome(sent.model_copy(update={"message_id": message.id}), "The message was deleted for everyone.")


@operation("reactMessage")
async def react_message(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    emoji = arguments["emoji"].strip()
    if len(emoji) > MAX_EMOJI or any((c.isalpha() and c != LETTER_EMOJI) or c.isspace() for c in emoji):
        raise InvalidArgument("emoji: one emoji is needed, or an empty text to take the reaction back", field="emoji")
    chat, message = await stored_message(services, arguments)
    target = ChatRef(chat=chat, message_id=message.id)
    sent = await services.session.call(React(target=target, emoji=emoji))
    status = "The reaction was sent." if emoji else "The reaction was taken back."
    return sent_outcome(sent.model_copy(update={"message_id": message.id}), status)


@operation("updateMessage")
async def update_message(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    text: str = arguments["message"]
    if not text.strip():
        raise InvalidArgument("message is blank", field="message")
    chat, message = await stored_message(services, arguments)
    if not message.from_me:
        raise InvalidArgument("message_id: only your own messages can be edited", field="message_id")
    if message.revoked_at is not None or message.kind is not MessageKind.TEXT:
        raise InvalidArgument("message_id: only a text message that is not deleted can be edited", field="message_id")
    if datetime.now(UTC) - message.timestamp > EDIT_WINDOW:
        raise InvalidArgument(
            "message_id: a message can be edited for 20 minutes only",
            field="message_id",
            next_step="Send a new message instead.",
        )
    sent = await services.session.call(EditMessage(target=ChatRef(chat=chat, message_id=message.id), text=text))
    return sent_outcome(sent.model_copy(update={"message_id": message.id}), "The message was edited.")


@operation("forwardMessage")
async def forward_message(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    chat = await resolve(services, arguments["phone"])
    source, message = await stored_message(services, {"message_id": arguments["message_id"]})
    if message.revoked_at is not None:
        raise InvalidArgument("message_id: this message was deleted", field="message_id")
    target = ChatRef(chat=source, message_id=message.id)
    expiration = arguments.get("duration", 0)
    again = arguments.get("force_reupload", False)
    key = arguments.get(IDEMPOTENCY_KEY)
    sent = await services.session.call(
        ForwardMessage(target=target, chat=chat, expiration=expiration, upload_again=again, key=key)
    )
    return sent_outcome(sent, "The message was forwarded.")


@operation("rejectCall")
async def reject_call(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    caller = await person(services, arguments["caller_jid"], field="caller_jid")
    await services.session.call(RejectCall(caller=caller, call_id=arguments["call_id"].strip()))
    return Outcome("The call was rejected.")


@operation("readMessage")
async def read_message(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    chat, message = await stored_message(services, arguments)
    if message.from_me:
        raise InvalidArgument(
            "message_id: this is your own message, there is nothing to mark as read", field="message_id"
        )
    await services.session.call(MarkRead(target=ChatRef(chat=chat, message_id=message.id)))
    status = "The message was marked as read."
    return Outcome(status, {"message_id": message.id, "status": status, "chat_jid": str(chat)})
