"""What a simulated person does with messages that are there: pins, keeps, answers, comments; much of it sealed.

Sealed is what is encrypted under the secret of the message that it is about (whatsmeow: msgsecret.go).
"""

from __future__ import annotations

from typing import Literal, Unpack

from google.protobuf.message import Message as ProtobufMessage

from whatsapp_mcp.simulator.content.summary import ReceivedMessage
from whatsapp_mcp.simulator.people.sent import SentMessage
from whatsapp_mcp.simulator.people.writing import SimSendOptions, WritingDevice
from whatsapp_mcp.wire.message_secrets import Change, SealedChange
from whatsapp_mcp.wire.protos import e2e

_ANSWERS = {
    "going": e2e.EventResponseMessage.GOING,
    "maybe": e2e.EventResponseMessage.MAYBE,
    "not_going": e2e.EventResponseMessage.NOT_GOING,
    "taken_back": e2e.EventResponseMessage.UNKNOWN,
}
_Known = ReceivedMessage | SentMessage


class RespondingDevice(WritingDevice):
    """A phone that can do everything with a message that it knows."""

    def send_event(self, name: str, start: int, *, place: str = "", **options: Unpack[SimSendOptions]) -> SentMessage:
        """Invite to an event; ``start`` in seconds since 1970."""
        message = e2e.Message()
        message.eventMessage.name, message.eventMessage.startTime = name, start
        if place:
            message.eventMessage.location.name = place
        return self.send_content(message, **options)

    def edit_event(self, event: SentMessage, name: str, start: int, *, canceled: bool = False) -> SentMessage:
        """Move an own event, rename it or cancel it."""
        new = e2e.Message()
        new.eventMessage.name, new.eventMessage.startTime = name, start
        if canceled:
            new.eventMessage.isCanceled = True
        return self._send_secret(event, Change.EVENT_EDIT, e2e.SecretEncryptedMessage.EVENT_EDIT, new)

    def edit_poll(self, poll: SentMessage, question: str, options: list[str]) -> SentMessage:
        """Change an own poll."""
        new = e2e.Message()
        new.pollCreationMessageV3.name, new.pollCreationMessageV3.selectableOptionsCount = question, 1
        for option in options:
            new.pollCreationMessageV3.options.add(optionName=option)
        return self._send_secret(poll, Change.POLL_EDIT, e2e.SecretEncryptedMessage.POLL_EDIT, new)

    def add_poll_option(self, poll: _Known, option: str) -> SentMessage:
        """Add an option to a poll of either side."""
        new = e2e.Message()
        new.pollAddOptionMessage.pollCreationMessageKey.CopyFrom(self._key(poll))
        new.pollAddOptionMessage.addOption.optionName = option
        return self._send_secret(poll, Change.POLL_EDIT, e2e.SecretEncryptedMessage.POLL_ADD_OPTION, new)

    def answer_event(
        self, event: _Known, answer: Literal["going", "maybe", "not_going", "taken_back"], *, guests: int = 0
    ) -> SentMessage:
        """Say whether one comes to an event of either side."""
        said = e2e.EventResponseMessage(
            response=_ANSWERS[answer], timestampMS=int(self.world.clock() * 1000), extraGuestCount=guests
        )
        sealed = self._sealed(event, Change.EVENT_RESPONSE, said)
        message = e2e.Message()
        message.encEventResponseMessage.eventCreationMessageKey.CopyFrom(self._key(event))
        message.encEventResponseMessage.encPayload = sealed.ciphertext
        message.encEventResponseMessage.encIV = sealed.iv
        return self.send_message(self._chat_of(event), message)

    def comment(self, target: _Known, text: str) -> SentMessage:
        """Comment on a message, as in the announcements of a community."""
        sealed = self._sealed(target, Change.COMMENT, e2e.Message(conversation=text))
        message = e2e.Message()
        message.encCommentMessage.targetMessageKey.CopyFrom(self._key(target))
        message.encCommentMessage.encPayload, message.encCommentMessage.encIV = sealed.ciphertext, sealed.iv
        return self.send_message(self._chat_of(target), message)

    def react_sealed(self, target: _Known, emoji: str) -> SentMessage:
        """React to a message, as in the announcements of a community; empty: take it back."""
        said = e2e.ReactionMessage(text=emoji, senderTimestampMS=int(self.world.clock() * 1000))
        sealed = self._sealed(target, Change.REACTION, said)
        message = e2e.Message()
        message.encReactionMessage.targetMessageKey.CopyFrom(self._key(target))
        message.encReactionMessage.encPayload, message.encReactionMessage.encIV = sealed.ciphertext, sealed.iv
        return self.send_message(self._chat_of(target), message)

    def pin(self, target: _Known, *, seconds: int = 604_800, on: bool = True) -> SentMessage:
        """Pin a message in its chat for everybody, or take the pin off."""
        message = e2e.Message()
        pin = message.pinInChatMessage
        pin.key.CopyFrom(self._key(target))
        pin.type = e2e.PinInChatMessage.PIN_FOR_ALL if on else e2e.PinInChatMessage.UNPIN_FOR_ALL
        pin.senderTimestampMS = int(self.world.clock() * 1000)
        if on:
            message.messageContextInfo.messageAddOnDurationInSecs = seconds
        return self.send_message(self._chat_of(target), message)

    def keep(self, target: _Known, *, on: bool = True) -> SentMessage:
        """Keep a disappearing message for everybody, or not any more."""
        message = e2e.Message()
        message.keepInChatMessage.key.CopyFrom(self._key(target))
        message.keepInChatMessage.keepType = e2e.KEEP_FOR_ALL if on else e2e.UNDO_KEEP_FOR_ALL
        message.keepInChatMessage.timestampMS = int(self.world.clock() * 1000)
        return self.send_message(self._chat_of(target), message)

    def _sealed(self, target: _Known, change: Change, plain: ProtobufMessage) -> SealedChange:
        author = self._own_name(self._chat_of(target))
        return self.secrets.seal(change, target.id, author, plain.SerializeToString())

    def _send_secret(self, target: _Known, change: Change, kind: int, new: e2e.Message) -> SentMessage:
        sealed = self._sealed(target, change, new)
        message = e2e.Message()
        secret = message.secretEncryptedMessage
        secret.targetMessageKey.CopyFrom(self._key(target))
        secret.encPayload, secret.encIV = sealed.ciphertext, sealed.iv
        secret.secretEncType = kind  # type: ignore[assignment]
        return self.send_message(self._chat_of(target), message, edit="1")
