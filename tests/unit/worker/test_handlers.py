"""The commands of the session process, on a store of their own and a client that notes what it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, cast

import pytest
from google.protobuf.message import DecodeError

from tests.unit.waiting import WAIT
from tests.unit.whatsapp.fake_client import FakeClient
from tests.unit.whatsapp.received import (
    ANA,
    ANA_LID,
    ME,
    ME_LID,
    SECOND,
    TEAM,
    jid,
    message_event,
    source,
)
from whatsapp_mcp.errors import NotFound, SessionTimeout, WhatsAppRefused
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.media.received.folder import MediaFolder
from whatsapp_mcp.media.received.place import SharedFiles
from whatsapp_mcp.models.delivery import DeliveryStatus
from whatsapp_mcp.models.outgoing import PollOut, SendOptions, SentMessage, TextOut
from whatsapp_mcp.models.views import Device, Message, NumberCheck, Person
from whatsapp_mcp.pipe.account import (
    ChangePushName,
    CheckNumbers,
    GetDevice,
    GetPerson,
    GetPrivacy,
    SetPresence,
    SyncContacts,
)
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.control import PairPhone
from whatsapp_mcp.pipe.groups import LeaveGroup, ListGroups, SyncGroups
from whatsapp_mcp.pipe.lines import AttachedClient, Ended, Notice, PolicyPlaces
from whatsapp_mcp.pipe.messages import (
    EditMessage,
    MarkRead,
    MessageRef,
    React,
    Revoke,
    SendMessage,
    SetChatPresence,
)
from whatsapp_mcp.pipe.profiles import ListNewsletters, SyncNewsletters, SyncPosts
from whatsapp_mcp.store.journal import Journal
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.whatsapp.addresses import from_proto
from whatsapp_mcp.whatsapp.client import EventCode
from whatsapp_mcp.whatsapp.content import unwrap
from whatsapp_mcp.whatsapp.events import changes_from_event
from whatsapp_mcp.whatsapp.groups import Groups
from whatsapp_mcp.whatsapp.profiles import Profiles
from whatsapp_mcp.wire.protos import e2e, neonize_pb2
from whatsapp_mcp.worker.dispatch import Dispatch
from whatsapp_mcp.worker.handlers.account import AccountHandlers
from whatsapp_mcp.worker.handlers.control import ControlHandlers
from whatsapp_mcp.worker.handlers.groups import GroupHandlers
from whatsapp_mcp.worker.handlers.messages import MessageHandlers
from whatsapp_mcp.worker.handlers.profiles import ProfileHandlers
from whatsapp_mcp.worker.handlers.side_login import SideLoginHandlers
from whatsapp_mcp.worker.open_store import OpenStore
from whatsapp_mcp.worker.side_logins import SideLogins
from whatsapp_mcp.worker.store_thread import StoreThread

R = TypeVar("R")


class NoProcess:
    def clients(self) -> tuple[AttachedClient, ...]:
        raise NotImplementedError

    def waiting(self) -> int:
        raise NotImplementedError

    def move(self) -> None:
        raise AssertionError

    def restart(self) -> None:
        raise NotImplementedError

    async def log_out(self, *, erase_messages: bool) -> bool:
        raise NotImplementedError

    async def reindex(self) -> int:
        raise NotImplementedError

    async def vacuum(self) -> tuple[int, int]:
        raise NotImplementedError


class Session:
    """A session process without the process."""

    def __init__(self, folder: Path, policy: PolicyPlaces | None = None, *, shared: SharedFiles | None = None) -> None:
        path = folder / "messages.db"
        self.client = FakeClient()
        self.told: list[Notice] = []
        journal = Journal(folder / "incoming")
        store = OpenStore(path, journal, self.told.append)
        self.thread = StoreThread(store, journal, changes_from_event, self.told.append)
        self.thread.start()
        self.thread.run(lambda writer: writer.set_owner(ME, ME_LID)).result(WAIT)
        account = Account(self.client)
        profiles = Profiles(self.client, account)
        self.messages = MessageHandlers(
            account, self.thread, folder / "media", MediaFolder(folder / "media"), policy=policy, shared=shared
        )
        self.handlers = Dispatch(
            AccountHandlers(account, self.thread),
            self.messages,
            GroupHandlers(Groups(self.client), account, self.thread),
            ProfileHandlers(profiles, account, self.thread),
            ControlHandlers(NoProcess()),
            SideLoginHandlers(cast(SideLogins, None)),
        )
        self.reader = StoreReader(path)

    def run(self, command: Command[R]) -> R:
        return cast(R, self.handlers.method(command)(command))

    def receive(self, payload: bytes) -> None:
        self.thread.put_event(EventCode.MESSAGE, payload)
        self.thread.run(lambda _: None).result(WAIT)

    def will_send(self, message_id: str, chat: Jid) -> None:
        response = neonize_pb2.SendResponse(Timestamp=SECOND, ID=message_id, ServerID=0, Chat=jid(chat))
        answer = neonize_pb2.SendMessageReturnFunction(SendResponse=response)
        self.client.answers["SendMessage"] = answer.SerializePartialToString()

    def sent(self) -> tuple[Jid, e2e.Message]:
        arguments = next(arguments for name, arguments in reversed(self.client.calls) if name == "SendMessage")
        to, _, payload, _ = arguments
        assert isinstance(to, bytes)
        assert isinstance(payload, bytes)
        return from_proto(neonize_pb2.JID.FromString(to)), e2e.Message.FromString(payload)

    def message(self, message_id: str) -> Message:
        message = self.reader.message(message_id)
        assert message is not None
        return message


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    session = Session(tmp_path)
    yield session
    assert session.thread.close(WAIT)
    assert not any(isinstance(one, Ended) for one in session.told)


def from_ana(message_id: str = "A1", words: str = "hi") -> bytes:
    where = source(ANA_LID, ANA_LID, sender_alt=ANA)
    return message_event(e2e.Message(conversation=words), where, message_id=message_id)


def from_ana_in_the_team(message_id: str = "G1") -> bytes:
    where = source(TEAM, ANA_LID, sender_alt=ANA)
    return message_event(e2e.Message(conversation="hi team"), where, message_id=message_id)


# ---- sending --------------------------------------------------------------------------------------------------------


def test_what_is_sent_is_stored_when_the_caller_learns_of_it(session: Session) -> None:
    session.will_send("S1", ANA_LID)
    sent = session.run(SendMessage(chat=ANA, message=TextOut(text="hello")))
    assert sent == SentMessage(message_id="S1", chat=ANA, timestamp=SECOND * 1000)
    message = session.message("S1")
    assert (message.chat, message.sender, message.text, message.from_me) == (ANA, ME, "hello", True)
    assert message.status is DeliveryStatus.SENT
    assert message.wire_chat == ANA_LID


def test_sending_teaches_who_is_behind_a_lid(session: Session) -> None:
    session.will_send("S1", ANA_LID)
    session.run(SendMessage(chat=ANA, message=TextOut(text="hello")))
    assert session.reader.number_of(ANA_LID) == ANA


def test_to_a_group(session: Session) -> None:
    session.will_send("S1", TEAM)
    session.run(SendMessage(chat=TEAM, message=TextOut(text="hello")))
    assert session.message("S1").chat == TEAM
    assert session.sent()[0] == TEAM


def test_refused_means_not_stored(session: Session) -> None:
    refusal = neonize_pb2.SendMessageReturnFunction(Error="server returned error 479")
    session.client.answers["SendMessage"] = refusal.SerializeToString()
    with pytest.raises(WhatsAppRefused):
        session.run(SendMessage(chat=ANA, message=TextOut(text="hello")))
    assert session.reader.stats().messages == 0


def test_reply_to_somebody(session: Session) -> None:
    session.receive(from_ana())
    session.will_send("S1", ANA_LID)
    options = SendOptions(reply_to_id="A1")
    session.run(SendMessage(chat=ANA, message=TextOut(text="hello"), options=options))
    context = session.sent()[1].extendedTextMessage.contextInfo
    assert (context.stanzaID, context.participant) == ("A1", str(ANA_LID))
    assert context.quotedMessage == e2e.Message(conversation="hi")
    assert session.message("S1").reply_to_id == "A1"


@pytest.mark.parametrize(
    ("chat", "author"), [(ANA_LID, ME_LID), (ANA, ME), (TEAM, ME_LID)], ids=["LID", "number", "group"]
)
def test_reply_to_our_own_message(session: Session, chat: Jid, author: Jid) -> None:
    """We are named as the chat addresses people."""
    target = ANA if chat.is_person else chat
    session.will_send("S1", chat)
    session.run(SendMessage(chat=target, message=TextOut(text="one")))
    session.will_send("S2", chat)
    options = SendOptions(reply_to_id="S1")
    session.run(SendMessage(chat=target, message=TextOut(text="two"), options=options))
    context = session.sent()[1].extendedTextMessage.contextInfo
    assert (context.stanzaID, context.participant) == ("S1", str(author))


def test_reply_in_a_group_to_somebody(session: Session) -> None:
    session.receive(from_ana_in_the_team())
    session.will_send("S1", TEAM)
    options = SendOptions(reply_to_id="G1")
    session.run(SendMessage(chat=TEAM, message=TextOut(text="hello"), options=options))
    assert session.sent()[1].extendedTextMessage.contextInfo.participant == str(ANA_LID)


@pytest.mark.parametrize("by_lid", [True, False])
def test_people_are_mentioned_as_the_group_names_them(session: Session, *, by_lid: bool) -> None:
    where = source(TEAM, ANA_LID, sender_alt=ANA) if by_lid else source(TEAM, ANA, sender_alt=ANA_LID)
    session.receive(message_event(e2e.Message(conversation="hi team"), where, message_id="G1"))
    session.will_send("S1", TEAM)
    cleo, cleo_lid = Jid("4915100000009", "s.whatsapp.net"), Jid("100000000000009", "lid")  # the device alone knows it
    session.client.answers["GetLIDFromPN"] = neonize_pb2.GetJIDFromStoreReturnFunction(
        Jid=jid(cleo_lid)
    ).SerializeToString()
    options = SendOptions(mentions=(ANA, cleo))
    session.run(SendMessage(chat=TEAM, message=TextOut(text=f"@{ANA.user} @{cleo.user}"), options=options))
    text = session.sent()[1].extendedTextMessage
    ana, cleo = (ANA_LID, cleo_lid) if by_lid else (ANA, cleo)
    assert (text.text, list(text.contextInfo.mentionedJID)) == (
        f"@{ana.user} @{cleo.user}",
        [str(ana), str(cleo)],
    )


def test_whoever_is_mentioned_to_one_person_keeps_the_number(session: Session) -> None:
    session.receive(from_ana())
    session.will_send("S1", ANA_LID)
    session.run(SendMessage(chat=ANA, message=TextOut(text="hi"), options=SendOptions(mentions=(ANA,))))
    assert list(session.sent()[1].extendedTextMessage.contextInfo.mentionedJID) == [str(ANA)]


def test_a_reply_to_our_own_message_names_our_number_in_a_group_of_numbers(session: Session) -> None:
    session.receive(message_event(e2e.Message(conversation="hi"), source(TEAM, ANA), message_id="G1"))
    session.will_send("S1", TEAM)
    session.run(SendMessage(chat=TEAM, message=TextOut(text="one")))
    session.will_send("S2", TEAM)
    session.run(SendMessage(chat=TEAM, message=TextOut(text="two"), options=SendOptions(reply_to_id="S1")))
    assert session.sent()[1].extendedTextMessage.contextInfo.participant == str(ME)


def test_reply_to_what_is_not_there(session: Session) -> None:
    session.receive(from_ana_in_the_team())
    options = SendOptions(reply_to_id="G1")
    with pytest.raises(NotFound):
        session.run(SendMessage(chat=ANA, message=TextOut(text="hello"), options=options))
    assert "SendMessage" not in session.client.functions


def test_a_poll_keeps_its_secret(session: Session) -> None:
    session.will_send("S1", ANA_LID)
    poll = PollOut(question="Lunch?", options=("yes", "no"), selectable_count=1)
    session.run(SendMessage(chat=ANA, message=poll))
    stored = session.thread.run(lambda writer: writer.find("S1")).result(WAIT)
    assert stored is not None
    assert e2e.Message.FromString(stored.raw).messageContextInfo.messageSecret
    assert session.message("S1").extra["options"] == ["yes", "no"]


# ---- about messages -------------------------------------------------------------------------------------------------


def test_reaction(session: Session) -> None:
    session.receive(from_ana())
    session.will_send("R1", ANA_LID)
    done = session.run(React(target=MessageRef(chat=ANA, message_id="A1"), emoji="👍"))
    assert done == SentMessage(message_id="R1", chat=ANA, timestamp=SECOND * 1000)
    to, message = session.sent()
    assert to == ANA_LID, "as the chat is addressed on the wire"
    assert (message.reactionMessage.key.ID, message.reactionMessage.key.fromMe) == ("A1", False)
    [reaction] = session.message("A1").reactions
    assert (reaction.emoji, reaction.from_me, reaction.sender) == ("👍", True, ME)


def test_reaction_in_a_group_names_the_author(session: Session) -> None:
    session.receive(from_ana_in_the_team())
    session.will_send("R1", TEAM)
    session.run(React(target=MessageRef(chat=TEAM, message_id="G1"), emoji="👍"))
    assert session.sent()[1].reactionMessage.key.participant == str(ANA_LID)


def test_revoke(session: Session) -> None:
    session.will_send("S1", ANA_LID)
    session.run(SendMessage(chat=ANA, message=TextOut(text="oops")))
    session.will_send("R1", ANA_LID)
    session.run(Revoke(target=MessageRef(chat=ANA, message_id="S1")))
    to, message = session.sent()
    assert to == ANA_LID
    assert message.protocolMessage.key.fromMe
    assert session.message("S1").revoked_at is not None
    assert session.message("S1").text == ""


def test_edit(session: Session) -> None:
    session.will_send("S1", ANA_LID)
    session.run(SendMessage(chat=ANA, message=TextOut(text="helo")))
    session.will_send("E1", ANA_LID)
    session.run(EditMessage(target=MessageRef(chat=ANA, message_id="S1"), text="hello"))
    message, _ = unwrap(session.sent()[1])
    assert message.protocolMessage.key.ID == "S1"
    assert session.message("S1").text == "hello"
    assert session.message("S1").edited_at is not None


def test_mark_read(session: Session) -> None:
    session.receive(from_ana_in_the_team())
    chat = session.reader.chat(TEAM)
    assert chat is not None
    assert chat.unread_count == 1
    session.run(MarkRead(targets=(MessageRef(chat=TEAM, message_id="G1"),)))
    arguments = next(arguments for name, arguments in session.client.calls if name == "MarkRead")
    ids, _, to, _, author, _, _ = arguments
    assert ids == b"G1"
    assert isinstance(to, bytes)
    assert isinstance(author, bytes)
    assert from_proto(neonize_pb2.JID.FromString(to)) == TEAM
    assert from_proto(neonize_pb2.JID.FromString(author)) == ANA_LID
    chat = session.reader.chat(TEAM)
    assert chat is not None
    assert chat.unread_count == 0


@pytest.mark.parametrize(
    "command",
    [
        React(target=MessageRef(chat=ANA, message_id="nope"), emoji="👍"),
        Revoke(target=MessageRef(chat=ANA, message_id="nope")),
        EditMessage(target=MessageRef(chat=ANA, message_id="nope"), text="x"),
        MarkRead(targets=(MessageRef(chat=ANA, message_id="nope"),)),
    ],
    ids=lambda command: command.name,
)
def test_a_message_that_is_not_there(session: Session, command: Command[None]) -> None:
    with pytest.raises(NotFound, match="no message with this id"):
        session.run(command)
    assert session.client.calls == []


# ---- account --------------------------------------------------------------------------------------------------------


def test_contacts_reach_the_store(session: Session) -> None:
    def contact(address: Jid, push_name: str) -> neonize_pb2.Contact:
        info = neonize_pb2.ContactInfo(
            Found=True, FirstName="", FullName="", PushName=push_name, BusinessName="", RedactedPhone=""
        )
        return neonize_pb2.Contact(JID=jid(address), Info=info)

    answer = neonize_pb2.ContactsGetAllContactsReturnFunction(Contact=[contact(ANA_LID, "Ana"), contact(ANA, "Ana")])
    session.client.answers["GetAllContacts"] = answer.SerializeToString()
    session.client.answers["GetPNFromLID"] = neonize_pb2.GetJIDFromStoreReturnFunction(Jid=jid(ANA)).SerializeToString()
    session.run(SyncContacts())
    [found] = session.reader.contacts()
    assert (found.jid, found.lid, found.name) == (ANA, ANA_LID, "Ana")


def test_device(session: Session) -> None:
    assert session.run(GetDevice()) == Device(
        jid=replace(ME, device=7), lid=replace(ME_LID, device=7), push_name="Me", business_name="", platform="android"
    )


@pytest.mark.parametrize(
    ("command", "function"),
    [
        (ChangePushName(push_name="Zoë"), "SetPushName"),
        (SetPresence(available=False), "SendPresence"),
        (SetChatPresence(chat=ANA, composing=True), "SendChatPresence"),
    ],
)
def test_what_only_has_to_work(session: Session, command: Command[None], function: str) -> None:
    session.run(command)
    assert session.client.functions[-1] == function
    session.client.answers[function] = b"info query timed out"
    with pytest.raises(SessionTimeout):
        session.run(command)


def test_lookups(session: Session) -> None:
    numbers = neonize_pb2.IsOnWhatsAppReturnFunction(
        IsOnWhatsAppResponse=[neonize_pb2.IsOnWhatsAppResponse(Query="49151", JID=jid(ANA), IsIn=True)]
    )
    session.client.answers["IsOnWhatsApp"] = numbers.SerializeToString()
    assert session.run(CheckNumbers(numbers=("49151",))) == (NumberCheck(number="49151", registered=True, jid=ANA),)
    people = neonize_pb2.GetUserInfoReturnFunction(
        UsersInfo=[
            neonize_pb2.GetUserInfoSingleReturnFunction(
                JID=jid(ANA), UserInfo=neonize_pb2.UserInfo(Status="busy", PictureID="", Devices=[jid(ANA)])
            )
        ]
    )
    session.client.answers["GetUserInfo"] = people.SerializePartialToString()
    assert session.run(GetPerson(jid=ANA)) == Person(
        jid=ANA, verified_name="", status="busy", picture_id="", devices=(ANA,)
    )
    everybody = dict.fromkeys(
        ("GroupAdd", "LastSeen", "Status", "Profile", "ReadReceipts", "CallAdd", "Online"),
        neonize_pb2.PrivacySettings.PrivacySetting.Value("ALL"),
    )
    session.client.answers["GetPrivacySettings"] = neonize_pb2.PrivacySettings(**everybody).SerializeToString()
    assert set(session.run(GetPrivacy()).values()) == {"all"}
    code = neonize_pb2.PairPhoneReturnFunction(Code="ABCD-1234")
    session.client.answers["PairPhone"] = code.SerializeToString()
    assert session.run(PairPhone(digits="49151")) == "ABCD-1234"


def test_the_number_that_whatsapp_answers_is_remembered(session: Session) -> None:
    written = Jid("5511955550111", "s.whatsapp.net")
    numbers = neonize_pb2.IsOnWhatsAppReturnFunction(
        IsOnWhatsAppResponse=[neonize_pb2.IsOnWhatsAppResponse(Query=written.user, JID=jid(ANA_LID), IsIn=True)]
    )
    session.client.answers["IsOnWhatsApp"] = numbers.SerializeToString()
    session.client.answers["GetPNFromLID"] = neonize_pb2.GetJIDFromStoreReturnFunction(Jid=jid(ANA)).SerializeToString()
    found = session.run(CheckNumbers(numbers=(written.user,)))
    assert found == (NumberCheck(number=written.user, registered=True, jid=ANA),)
    assert session.reader.number_of(written) == ANA
    assert session.reader.number_of(ANA_LID) == ANA


def joined(*names: str) -> bytes:
    answer = neonize_pb2.GetJoinedGroupsReturnFunction()
    for number, name in enumerate(names):
        group = answer.Group.add(JID=jid(replace(TEAM, user=f"{TEAM.user}{number}")))
        group.GroupName.Name = name
        group.Participants.add(JID=jid(ANA_LID), LID=jid(ANA_LID), PhoneNumber=jid(ANA))
    return answer.SerializePartialToString()


def test_groups_are_listed_once(session: Session) -> None:
    session.client.answers["GetJoinedGroups"] = joined("Club", "Team")
    session.run(SyncGroups())
    assert {chat.name for chat in session.reader.chats(limit=5, offset=0).rows} == {"Club", "Team"}
    assert session.reader.number_of(ANA_LID) == ANA
    session.client.answers["GetJoinedGroups"] = joined("Club")
    session.run(SyncGroups())
    assert session.client.functions.count("GetJoinedGroups") == 1, "notifications tell of what changes"
    session.run(ListGroups())
    assert {chat.name: chat.left for chat in session.reader.chats(limit=5, offset=0).rows} == {
        "Club": False,
        "Team": True,
    }


def followed(*names: str) -> bytes:
    answer = neonize_pb2.GetSubscribedNewslettersReturnFunction()
    for number, name in enumerate(names):
        entry = answer.Newsletter.add(ID=jid(Jid(f"12036300000000001{number}", "newsletter")))
        entry.ThreadMeta.Name.Text = name
    return answer.SerializePartialToString()


def test_newsletters_are_asked_for_once_even_if_the_answer_is_the_end(session: Session) -> None:
    """neonize ends the process over an answer that it cannot hand on."""
    session.client.answers["GetSubscribedNewsletters"] = b"\xff"
    with pytest.raises(DecodeError):
        session.run(SyncNewsletters())
    session.client.answers["GetSubscribedNewsletters"] = followed("News", "Weather")
    session.run(SyncNewsletters())
    assert session.client.functions.count("GetSubscribedNewsletters") == 1
    session.run(ListNewsletters())
    assert {chat.name for chat in session.reader.chats(limit=5, offset=0).rows} == {"News", "Weather"}


def posts(*numbers: int, empty: int) -> bytes:
    """A list of posts, one of them without content."""
    answer = neonize_pb2.GetNewsletterMessageUpdateReturnFunction()
    for number in numbers:
        post = answer.NewsletterMessage.add(MessageServerID=number)
        if number != empty:
            post.Message.conversation = str(number)
    return answer.SerializePartialToString()


def test_deleted_posts(session: Session) -> None:
    channel = Jid("120363000000000002", "newsletter")
    session.run(SyncPosts(newsletter=channel))
    assert "GetNewsletterMessages" not in session.client.functions, "nothing of it is here"
    for number in range(100, 106):
        post = e2e.Message(conversation=str(number))
        told = message_event(post, source(channel, channel), message_id=f"P{number}")
        event = neonize_pb2.Message.FromString(told)
        event.Info.ServerID = number
        session.receive(event.SerializeToString())
    session.client.answers["GetNewsletterMessages"] = posts(101, 102, 104, empty=102)
    session.run(SyncPosts(newsletter=channel))
    shown = session.reader.messages(channel, limit=10, offset=0).rows
    assert [message.id for message in reversed(shown) if message.revoked_at is not None] == ["P102", "P103"]
    assert len(shown) == 6


def test_a_long_list_of_groups_may_be_cut_off(session: Session) -> None:
    session.client.answers["GetJoinedGroups"] = joined("Club", "Team")
    session.run(ListGroups())
    many = neonize_pb2.GetJoinedGroupsReturnFunction()
    for number in range(500):
        many.Group.add(JID=jid(Jid(f"12036399{number:010}", "g.us")))
    session.client.answers["GetJoinedGroups"] = many.SerializePartialToString()
    session.run(ListGroups())
    assert not any(chat.left for chat in session.reader.chats(limit=5, offset=0, search="Team").rows)


def test_a_group_that_we_leave_is_left(session: Session) -> None:
    session.run(LeaveGroup(group=TEAM))
    (chat,) = session.reader.chats(limit=5, offset=0).rows
    assert (chat.jid, chat.left) == (TEAM, True)
