"""A history sync as changes: order, names, quotes, reactions, own messages, what is not content."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from tests.anything import nested, of_length
from whatsapp_mcp.errors import WhatsAppRefused
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import ChatChanged, MessageStarred
from whatsapp_mcp.models.changes import (
    ContactSeen,
    IdentityLearned,
    MessageEdited,
    MessageReceived,
    MessageRevoked,
    NumberChanged,
    ReactionChanged,
)
from whatsapp_mcp.models.content import Content, MessageKind
from whatsapp_mcp.models.delivery import DeliveryStatus
from whatsapp_mcp.whatsapp.content import read_content
from whatsapp_mcp.whatsapp.history import announced_part, changes_from_history
from whatsapp_mcp.whatsapp.history import messages as history_message
from whatsapp_mcp.whatsapp.media_downloads import Bounds
from whatsapp_mcp.wire.protos import e2e, history_sync, neonize_pb2, web

OWN = Jid.parse("12025550100@s.whatsapp.net")
ANA = Jid.parse("12025550111@s.whatsapp.net")
ANA_LID = Jid.parse("836216255121641@lid")
GROUP = Jid.parse("120363000000000001@g.us")


def message(
    message_id: str, text: str, seconds: int, *, from_me: bool = False, participant: str = ""
) -> web.WebMessageInfo:
    info = web.WebMessageInfo(messageTimestamp=seconds, message=e2e.Message(conversation=text))
    info.key.ID = message_id
    info.key.fromMe = from_me
    if participant:
        info.key.participant = participant
    return info


def conversation(chat: str, *messages: web.WebMessageInfo) -> history_sync.Conversation:
    found = history_sync.Conversation(ID=chat)
    for one in messages:
        found.messages.add().message.CopyFrom(one)
    return found


def changes(*conversations: history_sync.Conversation, own: Jid | None = OWN) -> list[object]:
    data = history_sync.HistorySync(syncType=history_sync.HistorySync.INITIAL_BOOTSTRAP, conversations=conversations)
    return list(changes_from_history(neonize_pb2.HistorySync(Data=data).SerializeToString(), own))


def received(found: list[object]) -> list[MessageReceived]:
    return [change for change in found if isinstance(change, MessageReceived)]


def test_messages_come_oldest_first_and_marked_as_history() -> None:
    found = received(changes(conversation(str(ANA), message("2", "new", 20), message("1", "old", 10))))
    assert [(one.id, one.content.text, one.timestamp) for one in found] == [("1", "old", 10_000), ("2", "new", 20_000)]
    assert all(one.from_history for one in found)
    assert all(one.sender == ANA for one in found)


def test_own_messages_have_our_number_and_their_status() -> None:
    mine = message("1", "mine", 10, from_me=True)
    mine.status = web.WebMessageInfo.READ
    (one,) = received(changes(conversation(str(ANA), mine)))
    assert (one.sender, one.from_me, one.status) == (OWN, True, DeliveryStatus.READ)
    assert received(changes(conversation(str(ANA), mine), own=None)) == []


def test_group_messages_name_their_author() -> None:
    (one,) = received(changes(conversation(str(GROUP), message("1", "hi", 10, participant=str(ANA_LID)))))
    assert (one.chat, one.sender) == (GROUP, ANA_LID)
    (one,) = received(changes(conversation(str(GROUP), message("1", "nobody", 10))))
    assert one.sender == GROUP, "nothing is lost because nobody is named"


def test_chat_facts_names_and_identities() -> None:
    chat = conversation(str(ANA_LID))
    chat.pnJID = str(ANA)
    chat.name = "Ana Júlia"
    chat.unreadCount = 3
    chat.archived = True
    chat.pinned = 1700000000
    chat.muteEndTime = 1800000000
    chat.ephemeralExpiration = 86400
    found = changes(chat)
    assert IdentityLearned(lid=ANA_LID, number=ANA) in found
    assert ContactSeen(ANA_LID, full_name="Ana Júlia") in found
    facts = found[-1]
    assert isinstance(facts, ChatChanged)
    assert (facts.unread_count, facts.archived, facts.pinned) == (3, True, True)
    assert (facts.muted_until, facts.ephemeral_expiration) == (1800000000_000, 86400)
    assert facts.name is None, "a person's name is a contact's, not a chat's"
    group = conversation(str(GROUP))
    group.name = "Weekend"
    group.muteEndTime = (1 << 64) - 1
    (named,) = changes(group)
    assert isinstance(named, ChatChanged)
    assert (named.name, named.muted_until) == ("Weekend", -1)
    assert named.unread_count is None, "what was not told stays as it is"


def test_a_changed_number() -> None:
    chat = conversation(str(ANA))
    chat.newJID = "4915100000077@s.whatsapp.net"
    assert NumberChanged(ANA, Jid("4915100000077", "s.whatsapp.net")) in changes(chat)
    chat = conversation(str(ANA))
    chat.oldJID = "4915100000077@s.whatsapp.net"
    assert NumberChanged(Jid("4915100000077", "s.whatsapp.net"), ANA) in changes(chat)
    chat.oldJID = "nobody"
    assert not [one for one in changes(chat) if isinstance(one, NumberChanged)]


def test_push_names_and_mappings() -> None:
    data = history_sync.HistorySync(syncType=history_sync.HistorySync.PUSH_NAME)
    data.pushnames.add(ID=str(ANA), pushname="Ana 🌞")
    data.phoneNumberToLidMappings.add(pnJID=str(ANA), lidJID=str(ANA_LID))
    found = list(changes_from_history(neonize_pb2.HistorySync(Data=data).SerializeToString(), OWN))
    assert found == [IdentityLearned(lid=ANA_LID, number=ANA), ContactSeen(ANA, push_name="Ana 🌞")]


def test_reactions_quotes_and_wrapped_messages() -> None:
    info = message("2", "", 20)
    info.message.CopyFrom(e2e.Message())
    inner = info.message.ephemeralMessage.message
    inner.extendedTextMessage.text = "yes"
    inner.extendedTextMessage.contextInfo.stanzaID = "1"
    inner.extendedTextMessage.contextInfo.quotedMessage.conversation = "dinner?"
    reaction = info.reactions.add(text="👍", senderTimestampMS=25_000)
    reaction.key.fromMe = True
    found = changes(conversation(str(ANA), info))
    (one,) = received(found)
    assert one.content.quote is not None
    assert (one.content.text, one.content.quote.message_id, one.content.quote.text) == ("yes", "1", "dinner?")
    reactions = [change for change in found if isinstance(change, ReactionChanged)]
    assert [(r.message_id, r.sender, r.emoji, r.from_me, r.timestamp) for r in reactions] == [
        ("2", OWN, "👍", True, 25_000)
    ]


def test_media_edits_revokes_and_what_is_not_content() -> None:
    picture = message("1", "", 10)
    picture.message.CopyFrom(e2e.Message(imageMessage=e2e.ImageMessage(caption="beach", directPath="/v/x?ccb=1")))
    edit = message("2", "", 20)
    edit.message.CopyFrom(e2e.Message())
    edit.message.protocolMessage.type = e2e.ProtocolMessage.MESSAGE_EDIT
    edit.message.protocolMessage.key.ID = "1"
    edit.message.protocolMessage.editedMessage.conversation = "the beach"
    revoke = message("3", "", 30)
    revoke.message.CopyFrom(e2e.Message())
    revoke.message.protocolMessage.type = e2e.ProtocolMessage.REVOKE
    revoke.message.protocolMessage.key.ID = "0"
    stub = message("4", "", 40)
    stub.message.CopyFrom(e2e.Message())
    found = changes(conversation(str(ANA), stub, revoke, edit, picture))
    (one,) = received(found)
    assert one.content.kind is MessageKind.IMAGE
    assert one.content.media is not None
    assert one.content.media.direct_path == "/v/x?ccb=1"
    assert [c.message_id for c in found if isinstance(c, MessageEdited)] == ["1"]
    assert [c.message_id for c in found if isinstance(c, MessageRevoked)] == ["0"]


def edit_of(target: str, info: web.WebMessageInfo, words: str, *, wrapped: bool, at_ms: int = 0) -> web.WebMessageInfo:
    info.message.Clear()
    inner = info.message.editedMessage.message if wrapped else info.message
    inner.protocolMessage.type = e2e.ProtocolMessage.MESSAGE_EDIT
    inner.protocolMessage.key.ID = target
    inner.protocolMessage.key.fromMe = info.key.fromMe
    inner.protocolMessage.timestampMS = at_ms
    inner.protocolMessage.editedMessage.conversation = words
    return info


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("own_id", ["M1", "E1"])
@pytest.mark.parametrize("from_me", [True, False])
def test_of_an_edited_message_a_phone_tells_only_the_edit(wrapped: bool, own_id: str, from_me: bool) -> None:
    info = edit_of("M1", message(own_id, "", 20, from_me=from_me), "at eight", wrapped=wrapped, at_ms=25_000)
    info.starred = True
    info.reactions.add(text="👍", senderTimestampMS=30_000).key.fromMe = not from_me
    found = changes(conversation(str(ANA), info, message("M0", "When?", 10)))

    _, one = received(found)
    assert (one.id, one.content.text, one.timestamp, one.from_me) == ("M1", "at eight", 20_000, from_me)
    assert e2e.Message.FromString(one.raw).conversation == "at eight"
    (edited,) = [change for change in found if isinstance(change, MessageEdited)]
    assert (edited.message_id, edited.sender, edited.content.text) == ("M1", OWN if from_me else ANA, "at eight")
    assert edited.timestamp == 25_000
    assert found.index(one) < found.index(edited)
    (reaction,) = [change for change in found if isinstance(change, ReactionChanged)]
    assert reaction.message_id == "M1"
    assert [change.message_id for change in found if isinstance(change, MessageStarred)] == ["M1"]


@pytest.mark.parametrize("at_ms", [0, -1, 19_999, 90_000_000, 2**62])
def test_a_time_at_which_nothing_can_be_edited_is_that_of_the_message(at_ms: int) -> None:
    found = changes(conversation(str(ANA), edit_of("M1", message("E1", "", 20), "new", wrapped=True, at_ms=at_ms)))
    assert [change.timestamp for change in found if isinstance(change, MessageEdited)] == [20_000]


def test_an_edit_that_says_nothing_makes_no_message() -> None:
    info = edit_of("M1", message("E1", "", 20), "", wrapped=True)
    info.message.editedMessage.message.protocolMessage.ClearField("editedMessage")
    assert received(changes(conversation(str(ANA), info))) == []


def test_malformed_addresses_are_left_out() -> None:
    assert changes(conversation("not a jid at all@@", message("1", "x", 1))) == []
    (one,) = received(changes(conversation("12025550111@c.us", message("1", "x", 1))))
    assert one.chat == ANA


def test_a_text_that_is_none_costs_nothing() -> None:
    data = history_sync.HistorySync(syncType=history_sync.HistorySync.RECENT)
    data.conversations.append(conversation(str(ANA), message("2", "after", 20), message("1", "MARK??", 10)))
    payload = neonize_pb2.HistorySync(Data=data).SerializeToString().replace(b"MARK??", b"MARK\xed\xa0")
    texts = [one.content.text for one in received(list(changes_from_history(payload, OWN)))]
    assert texts == ["MARK\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}", "after"]


def test_one_message_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(message: e2e.Message) -> Content | None:
        if message.conversation == "bad":
            raise RecursionError("something that nobody thought of")
        return read_content(message)

    monkeypatch.setattr(history_message, "read_content", read)
    other = conversation(str(GROUP), message("3", "other chat", 30, participant=str(ANA)))
    of_ana = conversation(str(ANA), message("2", "after", 20), message("1", "bad", 10), message("0", "before", 5))
    found = received(changes(of_ana, other))
    texts = [(one.id, one.content.text) for one in found]
    assert texts == [("0", "before"), ("1", ""), ("2", "after"), ("3", "other chat")]
    assert found[1].content == Content.unreadable("this server does not understand it")


def test_what_is_too_long_is_cut_and_says_so() -> None:
    poll = message("1", "", 10)
    poll.message.Clear()
    poll.message.pollCreationMessage.name = "Which?"
    for number in range(20_000):
        poll.message.pollCreationMessage.options.add(optionName=str(number))
    (one,) = received(changes(conversation(str(ANA), poll)))
    assert one.content.extra["cut"] == ["options"]
    assert one.content.extra["options"] == [str(number) for number in range(12)]


# ---- a part that was announced and did not come ----------------------------------------------------------------------


def nothing_fetched(*_: object) -> None:
    raise AssertionError("it is in the announcement")


def test_a_part_that_is_in_its_announcement() -> None:
    data = history_sync.HistorySync(syncType=history_sync.HistorySync.RECENT, progress=40)
    announced = e2e.HistorySyncNotification(initialHistBootstrapInlinePayload=zlib.compress(data.SerializeToString()))
    assert neonize_pb2.HistorySync.FromString(announced_part(announced, nothing_fetched)).Data == data


def test_one_message_deeper_than_protobuf_goes_costs_no_other_of_its_part() -> None:
    data = history_sync.HistorySync(syncType=history_sync.HistorySync.RECENT)
    data.conversations.append(conversation(str(ANA), message("A", "plain", 100)))
    deep = message("B", "", 101)
    deep.ClearField("message")
    told = of_length(1, deep.SerializeToString() + of_length(2, nested(300)))
    another = of_length(2, of_length(1, str(ANA).encode()) + of_length(2, told))
    packed = zlib.compress(data.SerializeToString() + another)
    announced = e2e.HistorySyncNotification(initialHistBootstrapInlinePayload=packed)
    found = received([*changes_from_history(announced_part(announced, nothing_fetched), OWN)])
    assert [(change.id, change.content.text) for change in found] == [("A", "plain"), ("B", "level 299")]


def test_a_part_is_fetched_and_unpacked() -> None:
    data = history_sync.HistorySync(syncType=history_sync.HistorySync.RECENT, progress=40)
    told = e2e.HistorySyncNotification(directPath="/v/part")

    def fetch(announced: object, path: Path, bounds: Bounds) -> None:
        assert announced is told
        path.write_bytes(zlib.compress(data.SerializeToString()))

    assert neonize_pb2.HistorySync.FromString(announced_part(told, fetch)).Data == data


@pytest.mark.parametrize("packed", [b"nothing packed", zlib.compress(b"\xff\xff"), zlib.compress(bytes(1000))[:20]])
def test_what_is_no_part(packed: bytes) -> None:
    with pytest.raises(WhatsAppRefused):
        announced_part(e2e.HistorySyncNotification(initialHistBootstrapInlinePayload=packed), nothing_fetched)
