"""What a phone remembers and how it tells linked devices: the protobufs, without a client."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime

import pytest

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator import Simulator
from whatsapp_mcp.simulator.content import compose
from whatsapp_mcp.simulator.content.attachments import upload
from whatsapp_mcp.simulator.people.history import HistoryBuilder, HistoryChat, HistoryMessage
from whatsapp_mcp.simulator.people.phone_history import SharedHistory
from whatsapp_mcp.simulator.state.accounts import SignedPreKey, SimDevice
from whatsapp_mcp.wire.media import MediaKind
from whatsapp_mcp.wire.protos import e2e, history_sync


class Companion:
    """A linked device that only keeps what the phone tells it."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.phone = simulator.phone
        self.messages: list[e2e.Message] = []
        self.device = SimDevice(
            self.phone.account,
            1,
            identity=bytes(32),
            registration_id=1,
            signed_prekey=SignedPreKey(1, bytes(32), bytes(64)),
            noise_public=bytes(32),
        )
        self.phone.account.devices[1] = self.device
        self.phone.history._transmit = lambda device, message, message_id: self.messages.append(message)

    def sync(self, number: int = -1) -> history_sync.HistorySync:
        """The content of a sync that is part of its message."""
        notification = self.messages[number].protocolMessage.historySyncNotification
        return history_sync.HistorySync.FromString(zlib.decompress(notification.initialHistBootstrapInlinePayload))


async def test_a_first_history_is_in_its_announcement_and_a_file_beside_it() -> None:
    """Baileys 6.7.24 says that it takes it inside, and looks for the file alone."""
    simulator = Simulator()
    companion = Companion(simulator)
    (shared,) = simulator.phone.share_history([HistoryChat(await simulator.add_contact("Ana"), [])])
    notification = companion.messages[-1].protocolMessage.historySyncNotification
    assert shared.direct_path == ""
    assert companion.sync() == shared.sync
    stored = simulator.world.media.find(notification.directPath)
    assert stored is not None
    assert stored.blob.sha256 == notification.fileEncSHA256
    (inside,) = simulator.phone.share_history([HistoryChat(await simulator.add_contact("Bea"), [])], inline=True)
    assert companion.sync() == inside.sync
    assert not companion.messages[-1].protocolMessage.historySyncNotification.directPath


async def test_a_conversation_says_everything_about_its_chat() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    question = HistoryMessage("When?", author=ana, time=datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
    reactions = [(ana, "👍"), (None, "❤️")]
    answer = HistoryMessage("Now", reply_to=question, reactions=reactions, starred=True, status="played")
    chat = HistoryChat(ana, [question, answer], unread=2, pinned=True, archived=True, muted_until=99, ephemeral=86400)
    companion = Companion(simulator)
    (shared,) = simulator.phone.share_history([chat])
    assert shared.direct_path == ""
    sync = companion.sync()
    (conversation,) = sync.conversations
    assert (conversation.ID, conversation.pnJID) == (str(ana.account.lid), str(ana.account.pn))
    assert (conversation.unreadCount, conversation.pinned, conversation.archived) == (2, 1, True)
    assert (conversation.muteEndTime, conversation.ephemeralExpiration, conversation.name) == (99, 86400, "Ana")
    newest, oldest = (message.message for message in conversation.messages)
    assert (oldest.key.ID, oldest.key.fromMe, oldest.pushName) == (question.id, False, "Ana")
    assert oldest.messageTimestamp == 1767323040
    assert newest.messageTimestamp == oldest.messageTimestamp + 60
    assert conversation.conversationTimestamp == newest.messageTimestamp
    assert (newest.key.fromMe, newest.starred, newest.status) == (True, True, 5)
    context = newest.message.extendedTextMessage.contextInfo
    assert (context.stanzaID, context.participant) == (question.id, str(ana.account.lid))
    assert context.quotedMessage.conversation == "When?"
    assert [(r.text, r.key.fromMe) for r in newest.reactions] == [("👍", False), ("❤️", True)]
    assert [(m.pnJID, m.lidJID) for m in sync.phoneNumberToLidMappings] == [(str(ana.account.pn), str(ana.account.lid))]


async def test_chats_may_go_by_number() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    companion = Companion(simulator)
    simulator.phone.history.builder.addressing = "pn"
    simulator.phone.share_history([HistoryChat(ana, [HistoryMessage("hi", author=ana)])])
    (conversation,) = companion.sync().conversations
    assert conversation.ID == conversation.messages[0].message.key.remoteJID == str(ana.account.pn)


async def test_group_messages_name_their_authors() -> None:
    simulator = Simulator()
    ana, bea = await simulator.add_contact("Ana"), await simulator.add_contact("Bea")
    group = await simulator.add_group("Trip", [ana, bea], owner=simulator.phone)
    companion = Companion(simulator)
    messages = [HistoryMessage("hi", author=ana, reactions=[(bea, "👋")]), HistoryMessage("hello")]
    simulator.phone.share_history([HistoryChat(group, messages)])
    (conversation,) = companion.sync().conversations
    assert (conversation.ID, conversation.name) == (str(group.jid), "Trip")
    assert {participant.userJID for participant in conversation.participant} == {
        str(person.account.lid) for person in (simulator.phone, ana, bea)
    }
    mine, theirs = (message.message for message in conversation.messages)
    assert (mine.key.fromMe, mine.key.participant) == (True, str(simulator.phone.account.lid))
    assert (theirs.key.participant, theirs.participant) == (str(ana.account.lid), str(ana.account.lid))
    assert theirs.reactions[0].key.participant == str(bea.account.lid)


async def test_names_statuses_and_settings() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana", push_name="Ana B.")
    companion = Companion(simulator)
    simulator.phone.share_history(kind="push_names", inline=True)
    assert [(name.ID, name.pushname) for name in companion.sync().pushnames] == [(str(ana.account.pn), "Ana B.")]
    simulator.phone.share_history(
        [HistoryChat(ana, [HistoryMessage("sunset", author=ana)])], kind="status", inline=True
    )
    (status,) = companion.sync().statusV3Messages
    assert (status.key.remoteJID, status.key.participant) == ("status@broadcast", str(ana.account.lid))
    simulator.phone.account.default_disappearing_seconds = 86400
    simulator.phone.share_history(kind="non_blocking", inline=True)
    assert companion.sync().globalSettings.disappearingModeDuration == 86400


async def test_polls_and_media_keep_what_opens_them() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    companion = Companion(simulator)
    poll = compose.poll("When?", ["Fri", "Sat"])
    picture = compose.image(upload(simulator.world.media, MediaKind.IMAGE, b"jpeg"), caption="look")
    messages = [HistoryMessage(poll, author=ana), HistoryMessage(picture, author=ana)]
    simulator.phone.share_history([HistoryChat(ana, messages)])
    newest, oldest = (message.message for message in companion.sync().conversations[0].messages)
    assert oldest.messageSecret == poll.messageContextInfo.messageSecret != b""
    assert (newest.message.imageMessage.caption, len(newest.message.imageMessage.mediaKey)) == ("look", 32)


async def test_a_long_history_comes_in_chunks_newest_first() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    companion = Companion(simulator)
    chat = HistoryChat(ana, [HistoryMessage(str(number), author=ana) for number in range(10)])
    simulator.phone.share_history([chat], kind="full", inline=True, chunks=3)
    syncs = [companion.sync(number) for number in range(3)]
    assert [(sync.chunkOrder, sync.progress) for sync in syncs] == [(1, 33), (2, 66), (3, 100)]
    texts = [[m.message.message.conversation for m in sync.conversations[0].messages] for sync in syncs]
    assert texts == [["9", "8", "7", "6"], ["5", "4", "3", "2"], ["1", "0"]]
    assert [sync.conversations[0].endOfHistoryTransfer for sync in syncs] == [False, False, True]


def request(chat: Jid, *, before: str = "", seconds: int = 0, count: int = 3) -> e2e.Message:
    message = e2e.Message()
    message.protocolMessage.type = e2e.ProtocolMessage.PEER_DATA_OPERATION_REQUEST_MESSAGE
    inner = message.protocolMessage.peerDataOperationRequestMessage
    inner.peerDataOperationRequestType = e2e.HISTORY_SYNC_ON_DEMAND
    wanted = inner.historySyncOnDemandRequest
    wanted.chatJID, wanted.oldestMsgID = str(chat), before
    wanted.oldestMsgTimestampMS, wanted.onDemandMsgCount = seconds, count
    return message


async def test_older_messages_on_demand() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    companion, phone = Companion(simulator), simulator.phone
    chat = HistoryChat(ana, [HistoryMessage(str(number), author=ana, time=1000.0 + number) for number in range(10)])
    phone.history.remember(chat)

    def answered(wanted: e2e.Message) -> tuple[list[str], bool]:
        phone.handle_peer_message(companion.device, wanted, "REQ")
        notification = companion.messages[-1].protocolMessage.historySyncNotification
        assert notification.peerDataRequestSessionID == "REQ"
        (conversation,) = phone.history.shared[-1].sync.conversations
        return [m.message.message.conversation for m in conversation.messages], conversation.endOfHistoryTransfer

    by_number = request(ana.account.pn, before=chat.messages[8].id)
    assert answered(by_number) == (["7", "6", "5"], False)
    assert answered(request(ana.account.lid, before=chat.messages[2].id)) == (["1", "0"], True)
    assert answered(request(ana.account.lid, before="unknown", seconds=1002)) == (["1", "0"], True)
    assert answered(request(Jid("12025550999", "s.whatsapp.net"), before="x", seconds=2000)) == ([], True)
    phone.history.answers_requests = False
    before = len(companion.messages)
    phone.handle_peer_message(companion.device, by_number, "REQ")
    assert (len(companion.messages), len(phone.history.requests)) == (before, 5)


async def test_the_phone_remembers_what_it_sees() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    received = ana.say("hi")
    await simulator.phone.received.wait_for()
    sent = simulator.phone.say(ana.account, "hello")
    ana.react("👍", await ana.wait_for_message())
    await simulator.phone.received.wait_for(lambda m: m.kind == "reaction")
    (chat,) = simulator.phone.history.chats
    assert [(m.id, m.author is None) for m in chat.messages] == [(received.id, False), (sent.id, True)]


async def test_a_bootstrap_brings_the_newest_first() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    companion, phone = Companion(simulator), simulator.phone
    phone.history.remember(HistoryChat(ana, [HistoryMessage(str(number), author=ana) for number in range(25)]))
    shared: list[SharedHistory] = phone.history.bootstrap(companion.device)
    kinds = [history_sync.HistorySync.HistorySyncType.Name(one.sync.syncType) for one in shared]
    assert kinds == ["INITIAL_BOOTSTRAP", "PUSH_NAME", "NON_BLOCKING_DATA", "RECENT"]
    counts = [len(one.sync.conversations[0].messages) for one in (shared[0], shared[-1])]
    assert counts == [20, 5]


async def test_a_large_sync_is_a_file() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    companion = Companion(simulator)
    (shared,) = simulator.phone.share_history([HistoryChat(ana, [HistoryMessage("hi", author=ana)])], inline=False)
    notification = companion.messages[-1].protocolMessage.historySyncNotification
    assert notification.directPath == shared.direct_path
    stored = simulator.world.media.find(shared.direct_path)
    assert stored is not None
    assert stored.blob.sha256 == notification.fileEncSHA256


@pytest.mark.parametrize("times", [(None, None, None), (100.0, None, None), (None, 160.0, None)])
def test_messages_without_time_follow_each_other(times: tuple[float | None, ...]) -> None:
    chat = HistoryChat(Jid("1", "g.us"), [HistoryMessage("x", time=time) for time in times])
    chat.set_times(220.0)
    seconds = [message.seconds for message in chat.messages]
    assert seconds == sorted(seconds)
    assert len(set(seconds)) == len(seconds)
    assert all(int(time) == second for time, second in zip(times, seconds, strict=True) if time is not None)


def test_a_builder_needs_no_phone() -> None:
    simulator = Simulator()
    builder = HistoryBuilder(simulator.world, simulator.phone.account)
    assert builder.build("recent").syncType == history_sync.HistorySync.RECENT
