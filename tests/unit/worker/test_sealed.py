"""What is encrypted under a message: opened when that is here, seen as closed while it is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.store.build import ANA, ANA_LID, BORIS, GROUP, ME, MY_LID, ms
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import Change as StoreChange
from whatsapp_mcp.models.changes import IdentityLearned, MessageReceived, SealedReceived
from whatsapp_mcp.models.content import Content, MessageKind
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.store.journal import Journal
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.whatsapp.content import read_content
from whatsapp_mcp.wire.message_secrets import Change, Origin, option_hash, seal_change
from whatsapp_mcp.wire.protos import e2e
from whatsapp_mcp.worker.open_store import OpenStore

SECRET = bytes(range(32))


class World:
    def __init__(self, folder: Path) -> None:
        path = folder / "messages.db"
        self.open = OpenStore(path, Journal(folder / "incoming"), lambda _: None)
        self.open.set_owner(ME, MY_LID)
        self.reader = StoreReader(path)

    def take(self, *changes: StoreChange) -> None:
        self.open.collect(changes)
        assert self.open.flush()

    def message(self, message_id: str, chat: Jid = GROUP) -> Message | None:
        return self.reader.message(message_id, chat)

    def shown(self, message_id: str) -> Message:
        message = self.message(message_id)
        assert message is not None
        return message


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.reader.close()
    world.open.close()


def poll(*options: str, anybody_adds: bool = False) -> e2e.Message:
    message = e2e.Message()
    message.pollCreationMessageV3.name = "When?"
    for option in options:
        message.pollCreationMessageV3.options.add(optionName=option)
    message.pollCreationMessageV3.allowAddOption = anybody_adds
    return message


def received(message: e2e.Message, sender: Jid = ANA, *, secret: bytes = SECRET) -> MessageReceived:
    message.messageContextInfo.messageSecret = secret
    content = read_content(message)
    assert content is not None
    return MessageReceived("M1", GROUP, sender, ms(1), content, raw=message.SerializeToString())


def sealed(
    change: Change, plain: bytes, by: Jid, message: e2e.Message, *, of: Jid = ANA, second: int = 5, at: str = "S1"
) -> SealedReceived:
    """``message``: into whose one part the cipher goes."""
    cipher = seal_change(change, Origin("M1", of, SECRET), by, plain)
    ((field, part),) = message.ListFields()
    target = part.vote if field.name == "pollUpdateMessage" else part
    target.encPayload, target.encIV = cipher
    return SealedReceived(at, GROUP, "M1", by, ms(second), message.SerializeToString(), author=of)


def vote(*options: str, by: Jid = BORIS, of: Jid = ANA, second: int = 5, at: str = "S1") -> SealedReceived:
    message = e2e.Message()
    message.pollUpdateMessage.pollCreationMessageKey.ID = "M1"
    chosen = e2e.PollVoteMessage(selectedOptions=[option_hash(option) for option in options])
    return sealed(Change.POLL_VOTE, chosen.SerializeToString(), by, message, of=of, second=second, at=at)


def secret_edit(
    kind: int, change: Change, new: e2e.Message, by: Jid, *, second: int = 9, at: str = "S2"
) -> SealedReceived:
    message = e2e.Message()
    message.secretEncryptedMessage.targetMessageKey.ID = "M1"
    message.secretEncryptedMessage.secretEncType = kind  # type: ignore[assignment]
    return sealed(change, new.SerializeToString(), by, message, second=9, at=at)


def counts(message: Message) -> dict[str, int]:
    return {one.option: one.count for one in message.votes}


def test_it_opens_whichever_comes_first(world: World) -> None:
    world.take(vote("Sat"))
    closed = world.shown("S1")
    assert closed.kind is MessageKind.UNDECRYPTABLE
    assert closed.extra == {"unreadable": "the message that it is about is not here", "sealed": "A vote in a poll"}
    assert closed.reply_to_id == "M1"
    world.take(received(poll("Fri", "Sat")))
    assert counts(world.shown("M1")) == {"Fri": 0, "Sat": 1}
    assert world.message("S1") is None


def test_the_form_of_an_address_is_learned_later(world: World) -> None:
    world.take(received(poll("Fri")), replace(vote("Fri", of=ANA_LID), author=None))
    assert world.shown("S1").extra["unreadable"] == "it was not made for the message that it names"
    world.take(IdentityLearned(lid=ANA_LID, number=ANA))
    assert counts(world.shown("M1")) == {"Fri": 1}


def test_a_message_without_a_secret_gets_it_from_a_history(world: World) -> None:
    world.take(MessageReceived("M1", GROUP, ANA, ms(1), Content(MessageKind.UNDECRYPTABLE)), vote("Fri"))
    assert world.shown("S1").extra["unreadable"] == "the message that it is about is here without its key"
    world.take(received(poll("Fri")))
    assert counts(world.shown("M1")) == {"Fri": 1}


def test_nobody_votes_for_somebody_else(world: World) -> None:
    stolen = vote("Fri")
    world.take(received(poll("Fri")), SealedReceived("S1", GROUP, "M1", ME, ms(5), stolen.raw, author=ANA))
    assert counts(world.shown("M1")) == {"Fri": 0}
    assert world.shown("S1").kind is MessageKind.UNDECRYPTABLE


def test_a_vote_for_an_option_that_is_added_later(world: World) -> None:
    world.take(received(poll("Fri", anybody_adds=True)), vote("Sun"))
    assert counts(world.shown("M1")) == {"Fri": 0, "(an option that is not known here)": 1}
    new = e2e.Message()
    new.pollAddOptionMessage.addOption.optionName = "Sun"
    world.take(secret_edit(e2e.SecretEncryptedMessage.POLL_ADD_OPTION, Change.POLL_ADD_OPTION, new, BORIS))
    assert counts(world.shown("M1")) == {"Fri": 0, "Sun": 1}


def test_only_the_author_adds_options_unless_anybody_may(world: World) -> None:
    new = e2e.Message()
    new.pollAddOptionMessage.addOption.optionName = "Sun"
    kind = e2e.SecretEncryptedMessage.POLL_ADD_OPTION
    world.take(received(poll("Fri")), secret_edit(kind, Change.POLL_EDIT, new, BORIS))
    assert world.shown("M1").extra["options"] == ["Fri"]
    world.take(secret_edit(kind, Change.POLL_EDIT, new, ANA, at="S3"))
    assert world.shown("M1").extra["options"] == ["Fri", "Sun"]


def test_only_the_author_changes_a_poll_or_an_event(world: World) -> None:
    world.take(received(poll("Fri")))
    edit, kind = poll("Sat", "Sun"), e2e.SecretEncryptedMessage.POLL_EDIT
    world.take(secret_edit(kind, Change.POLL_EDIT, edit, BORIS))
    assert world.shown("M1").extra["options"] == ["Fri"]
    world.take(secret_edit(kind, Change.POLL_EDIT, edit, ANA, at="S3"))
    assert world.shown("M1").extra["options"] == ["Sat", "Sun"]


def test_what_is_of_an_unknown_kind_is_seen(world: World) -> None:
    world.take(received(poll("Fri")))
    kind = e2e.SecretEncryptedMessage.MESSAGE_SCHEDULE
    world.take(secret_edit(kind, Change.MESSAGE_EDIT, e2e.Message(conversation="x"), ANA))
    assert world.shown("S2").extra["unreadable"] == "this server does not know what it is"


def test_rubbish_costs_nothing_but_itself(world: World) -> None:
    message = e2e.Message()
    message.encCommentMessage.targetMessageKey.ID = "M1"
    world.take(received(poll("Fri")), sealed(Change.COMMENT, b"\xff\xff", BORIS, message), vote("Fri", at="S4"))
    assert world.shown("S1").extra["unreadable"] == "what is inside is no message"
    assert counts(world.shown("M1")) == {"Fri": 1}
