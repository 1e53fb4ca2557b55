"""What a device remembers of messages in order to open later changes to them: votes, and edits of the newer form."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from google.protobuf.message import DecodeError

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.content.compose import unwrap
from whatsapp_mcp.simulator.content.summary import ReceivedMessage, poll_of, summarise
from whatsapp_mcp.simulator.state.accounts import SimAccount
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.message_secrets import (
    Change,
    Origin,
    SealedChange,
    SecretError,
    new_secret,
    open_change,
    option_hash,
    seal_change,
)
from whatsapp_mcp.wire.protos import e2e

log = logging.getLogger(__name__)

_REMEMBERED = 5000
_WITHOUT_SECRET = (
    *("protocolMessage", "reactionMessage", "pollUpdateMessage", "secretEncryptedMessage", "editedMessage"),
    *("encReactionMessage", "encCommentMessage", "encEventResponseMessage", "pinInChatMessage", "keepInChatMessage"),
)
"""Messages about other messages; nothing can happen to them later."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    sender: Jid
    secret: bytes
    options: tuple[str, ...]


class MessageSecrets:
    """The secrets of the last messages that one device saw."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._messages: OrderedDict[str, _Remembered] = OrderedDict()

    def give(self, message: e2e.Message) -> None:
        """Give a message that is about to be sent a secret, unless it has one or is of a kind without."""
        if any(message.HasField(name) for name in _WITHOUT_SECRET):  # type: ignore[arg-type]  # the stubs want literals
            return
        if message.ListFields() and not message.messageContextInfo.messageSecret:
            message.messageContextInfo.messageSecret = new_secret()

    def remember(self, message_id: str, sender: Jid, message: e2e.Message) -> None:
        """Take note of a message's secret and, of a poll, of its options."""
        secret = message.messageContextInfo.messageSecret
        if not secret:
            return
        self._messages[message_id] = _Remembered(sender.bare, secret, _options(unwrap(message)))
        if len(self._messages) > _REMEMBERED:
            self._messages.popitem(last=False)

    def seal(self, change: Change, message_id: str, author: Jid, plaintext: bytes) -> SealedChange:
        """Encrypt a change by ``author``, whose form of address (number or LID) goes for the message's sender too.

        Raises:
            LookupError: the message is not known, or had no secret.
        """
        origin = self._origin(message_id)
        account = self._world.account(origin.sender)
        if account is not None:
            origin = replace(origin, sender=account.lid if author.is_lid else account.pn)
        return seal_change(change, origin, author, plaintext)

    def in_numbers(self, message: e2e.Message, author: SimAccount) -> e2e.Message:
        """A message of ``author`` for a device that goes by numbers: the address of either is part of the key that a
        vote is encrypted with."""
        vote = message.pollUpdateMessage.vote
        if not vote.encPayload:
            return message
        poll = message.pollUpdateMessage.pollCreationMessageKey.ID
        plaintext = self._open(Change.POLL_VOTE, poll, author.lid, vote.encPayload, vote.encIV)
        sealed = self.seal(Change.POLL_VOTE, poll, author.pn, plaintext)
        changed = e2e.Message()
        changed.CopyFrom(message)
        changed.pollUpdateMessage.vote.encPayload, changed.pollUpdateMessage.vote.encIV = sealed.ciphertext, sealed.iv
        return changed

    def hashes(self, poll_id: str, options: Iterable[str]) -> list[bytes]:
        """How a vote names the options of a poll.

        Raises:
            LookupError: the poll is not known.
            ValueError: it has no such option.
        """
        known = self._remembered(poll_id).options
        if not known:
            raise LookupError(f"message {poll_id} is no poll")
        for option in options:
            if option not in known:
                raise ValueError(f"no option {option!r}; there are: {', '.join(known)}")
        return [option_hash(option) for option in options]

    def open(self, received: ReceivedMessage) -> ReceivedMessage:
        """A received message as its receiver reads it: of a vote with the chosen options, of an encrypted edit with
        the new text. What cannot be opened stays as it is."""
        self.remember(received.id, received.sender, received.message)
        message = unwrap(received.message)
        try:
            if message.HasField("pollUpdateMessage"):
                return self._open_vote(received, message.pollUpdateMessage)
            if message.secretEncryptedMessage.secretEncType == e2e.SecretEncryptedMessage.MESSAGE_EDIT:
                return self._open_edit(received, message.secretEncryptedMessage)
        except (LookupError, SecretError, DecodeError) as error:
            log.warning("cannot open what %s did to a message: %s", received.sender, error)
        return received

    def _open_vote(self, received: ReceivedMessage, update: e2e.PollUpdateMessage) -> ReceivedMessage:
        poll_id = update.pollCreationMessageKey.ID
        vote = e2e.PollVoteMessage.FromString(
            self._open(Change.POLL_VOTE, poll_id, received.sender, update.vote.encPayload, update.vote.encIV)
        )
        names = {option_hash(name): name for name in self._remembered(poll_id).options}
        chosen = tuple(names.get(digest, digest.hex()) for digest in vote.selectedOptions)
        return replace(received, summary=replace(received.summary, options=chosen))

    def _open_edit(self, received: ReceivedMessage, secret: e2e.SecretEncryptedMessage) -> ReceivedMessage:
        target = secret.targetMessageKey.ID
        content = e2e.Message.FromString(
            self._open(Change.MESSAGE_EDIT, target, received.sender, secret.encPayload, secret.encIV)
        )
        if content.HasField("protocolMessage"):
            content = content.protocolMessage.editedMessage
        return replace(received, summary=replace(summarise(content), kind="edit", target=target))

    def _open(self, change: Change, message_id: str, author: Jid, ciphertext: bytes, iv: bytes) -> bytes:
        """Try the forms of address that the key may have been made with."""
        origin = self._origin(message_id)
        account = self._world.account(origin.sender)
        error: SecretError | None = None
        for sender in _forms(account) or (origin.sender,):
            try:
                return open_change(
                    change, replace(origin, sender=sender), _forms(self._world.account(author)), ciphertext, iv
                )
            except SecretError as failure:
                error = failure
        raise error or SecretError(message_id)

    def _origin(self, message_id: str) -> Origin:
        known = self._remembered(message_id)
        return Origin(message_id, known.sender, known.secret)

    def _remembered(self, message_id: str) -> _Remembered:
        known = self._messages.get(message_id)
        if known is None:
            raise LookupError(f"no message {message_id} with a secret is known")
        return known


def _forms(account: SimAccount | None) -> tuple[Jid, ...]:
    return (account.lid, account.pn) if account else ()


def _options(message: e2e.Message) -> tuple[str, ...]:
    poll = poll_of(message)
    return tuple(option.optionName for option in poll.options) if poll is not None else ()
