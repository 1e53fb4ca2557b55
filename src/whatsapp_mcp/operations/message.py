"""Operations on one stored message."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from whatsapp_mcp.clock import now, to_ms
from whatsapp_mcp.errors import InvalidArgument, NotFound
from whatsapp_mcp.models.app_state import MessageDeletedForMe, MessageLabelled, MessageStarred
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.operations.addressee import check_writable, recipient
from whatsapp_mcp.operations.app_state import author, change, named
from whatsapp_mcp.operations.batch import each
from whatsapp_mcp.operations.held_messages import stop_held
from whatsapp_mcp.operations.outcome import Outcome
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.sending import SUCCESS, expiration_in, sent_by, sent_outcome
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import person, require_there, stored_message
from whatsapp_mcp.pipe.messages import EditMessage, ForwardMessage, MarkRead, MessageRef, React, RejectCall, Revoke
from whatsapp_mcp.policy.call import FailedItem

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args

EDIT_WINDOW: Final = timedelta(minutes=20)
"""whatsmeow: send.go, EditWindow; phones ignore later edits."""

MAX_EMOJI: Final = 32
"""Characters; the longest emoji sequences (families, flags) stay well below."""

_MARKS: Final = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
"""How the emoji before them looks: as a picture, its skin, whose flag it is."""
_EMOJI: Final = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}|[0-9#*]\u20e3"  # a flag, a key
    "|[^\\w\\s\u200d\u20e3!-~](?:\u200d[^\\w\\s\u200d\u20e3!-~])*|\u2139"
)
"""One, without marks; ℹ is the only one that Unicode counts among the letters."""


@operation("revokeMessage")
async def revoke_message(services: Services, arguments: args.RevokeMessageArguments) -> Outcome:
    stopped = await stop_held(services, arguments["message_id"], arguments["phone"])
    if stopped is not None:
        return stopped
    chat, message = await stored_message(services, arguments["message_id"], arguments["phone"])
    if not message.from_me and not chat.is_group:
        raise InvalidArgument("message_id: only your own messages can be deleted for everyone here", field="message_id")
    check_writable(chat)
    sent = await services.session.call(Revoke(target=MessageRef.of(message)))
    return await sent_outcome(
        services,
        sent.model_copy(update={"message_id": message.id}),
        "The message was deleted for everyone.",
        status=SUCCESS,
    )


@operation("reactMessage")
async def react_message(services: Services, arguments: args.ReactMessageArguments) -> Outcome:
    emoji = arguments["emoji"].strip()
    if emoji and (len(emoji) > MAX_EMOJI or _EMOJI.fullmatch(_MARKS.sub("", emoji) or emoji) is None):
        raise InvalidArgument("emoji: one emoji is needed, or an empty text to take the reaction back", field="emoji")
    chat, message = await stored_message(services, arguments["message_id"], arguments["phone"])
    check_writable(chat)
    require_there(message, "message_id")
    target = MessageRef.of(message)
    sent = await services.session.call(React(target=target, emoji=emoji))
    said = "The reaction was sent." if emoji else "The reaction was taken back."
    return await sent_outcome(services, sent.model_copy(update={"message_id": message.id}), said, status=SUCCESS)


@operation("updateMessage")
async def update_message(services: Services, arguments: args.UpdateMessageArguments) -> Outcome:
    text = arguments["message"]
    if not text.strip():
        raise InvalidArgument("message is blank", field="message")
    chat, message = await stored_message(services, arguments["message_id"], arguments["phone"])
    check_writable(chat)
    if not message.from_me:
        raise InvalidArgument("message_id: only your own messages can be edited", field="message_id")
    if message.revoked_at is not None or message.kind is not MessageKind.TEXT:
        raise InvalidArgument("message_id: only a text message that is not deleted can be edited", field="message_id")
    if now() - message.timestamp > EDIT_WINDOW:
        raise InvalidArgument(
            "message_id: a message can be edited for 20 minutes only",
            field="message_id",
            next_step="Send a new message instead.",
        )
    sent = await services.session.call(EditMessage(target=MessageRef.of(message), text=text))
    edited = sent.model_copy(update={"message_id": message.id})
    return await sent_outcome(services, edited, "The message was edited.", status=SUCCESS)


@operation("forwardMessage")
async def forward_message(services: Services, arguments: args.ForwardMessageArguments) -> Outcome:
    chat = await recipient(services, arguments["phone"])
    _, message = await stored_message(services, arguments["message_id"])
    require_there(message, "message_id")
    if message.view_once:
        raise InvalidArgument(
            "message_id: this message may be looked at once only, and is not forwarded", field="message_id"
        )
    target = MessageRef.of(message)
    expiration = await expiration_in(services, chat, arguments)
    again = arguments["force_reupload"]
    uploads = again or (chat.is_newsletter and bool(message.media_mimetype))
    command = ForwardMessage(
        target=target,
        chat=chat,
        expiration=expiration,
        upload_again=again,
        key=services.send_key,
        hold=services.hold_seconds,
        pending=uploads and not services.hold_seconds,
    )
    return await sent_outcome(services, await sent_by(services, command), "The message was forwarded.")


@operation("rejectCall")
async def reject_call(services: Services, arguments: args.RejectCallArguments) -> Outcome:
    caller = await person(services, arguments["caller_jid"], field="caller_jid")
    call_id = arguments["call_id"].strip()
    call = await services.store.look(lambda store: store.message(call_id, field="call_id"))
    if call is None or call.kind is not MessageKind.CALL or call.from_me or call.sender != caller:
        raise NotFound(
            "call_id: there is no such call of this caller",
            next_step="Take caller_jid and call_id from the message of kind call.",
            details={"field": "call_id"},
        )
    if "outcome" in call.extra:
        raise InvalidArgument("call_id: this call is over", field="call_id")
    await services.session.call(RejectCall(caller=caller, call_id=call_id))
    return Outcome("The call was rejected.")


@operation("readMessage")
async def read_message(services: Services, arguments: args.ReadMessageArguments) -> Outcome:
    messages, failed = await _messages(services, arguments, _received)
    await services.session.call(MarkRead(targets=tuple(map(MessageRef.of, messages))))
    said = f"{_subject(messages)} marked as read."
    ids = [message.id for message in messages]
    results = {"message_id": ids[0]} if len(ids) == 1 else {"message_ids": ids}
    return Outcome(said, results | {"status": SUCCESS, "chat_jid": str(messages[0].chat)}, failed=failed)


def _received(message: Message) -> None:
    """Raises InvalidArgument for a message of the owner's to somebody else."""
    if message.from_me and message.chat != message.sender:
        raise InvalidArgument(
            "message_id: this is your own message, there is nothing to mark as read", field="message_id"
        )


@operation("starMessage")
async def star_message(services: Services, arguments: args.StarMessageArguments) -> Outcome:
    return await _star(services, arguments, starred=True)


@operation("unstarMessage")
async def unstar_message(services: Services, arguments: args.UnstarMessageArguments) -> Outcome:
    return await _star(services, arguments, starred=False)


async def _star(services: Services, arguments: args.StarMessageArguments, *, starred: bool) -> Outcome:
    messages, failed = await _messages(services, arguments)
    stars = [
        MessageStarred(message.wire_chat, message.id, starred, message.from_me, author(message)) for message in messages
    ]
    done = f"{_subject(messages)} {'starred' if starred else 'no longer starred'}."
    return Outcome(await change(services, done, *stars), failed=failed)


@operation("deleteMessage")
async def delete_message(services: Services, arguments: args.DeleteMessageArguments) -> Outcome:
    chat, message = await stored_message(services, arguments["message_id"], arguments["phone"])
    sent = to_ms(message.timestamp)
    deleted = MessageDeletedForMe(message.wire_chat, message.id, message.from_me, author(message), sent=sent)
    said = await change(services, "The message was deleted for you; others still have it.", deleted)
    return Outcome(said, {"message_id": message.id, "status": SUCCESS, "chat_jid": str(chat)})


@operation("labelMessage")
async def label_message(services: Services, arguments: args.LabelMessageArguments) -> Outcome:
    messages, failed = await _messages(services, arguments)
    label_id, labelled = arguments["label_id"].strip(), arguments["labeled"]
    first = await named(services, label_id, arguments["label_name"]) if labelled else ()
    labels = [MessageLabelled(label_id, message.wire_chat, message.id, labelled) for message in messages]
    done = f"{_subject(messages)} {'labelled' if labelled else 'no longer labelled'}."
    return Outcome(await change(services, done, *first, *labels), failed=failed)


async def _messages(
    services: Services,
    arguments: args.StarMessageArguments | args.LabelMessageArguments | args.ReadMessageArguments,
    check: Callable[[Message], None] = lambda _: None,
) -> tuple[list[Message], tuple[FailedItem, ...]]:
    """The messages of the list, in one chat."""

    async def find(message_id: str) -> Message:
        _, message = await stored_message(services, message_id, arguments["phone"])
        check(message)
        return message

    found, failed = await each(arguments["message_id"], find)
    return list({(message.id, message.sender): message for message in found.values()}.values()), failed


def _subject(messages: Sequence[Message]) -> str:
    return "The message is" if len(messages) == 1 else f"{len(messages)} messages are"
