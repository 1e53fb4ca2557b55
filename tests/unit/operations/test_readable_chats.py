"""Every operation that reads, for somebody who may not read some chats: nothing of those is in any answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.unit.operations.bench import Bench, catalog
from tests.unit.operations.fakes import ANA, BO, ME, NOW, TEAM
from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.jid import GROUP, LID, NEWSLETTER, USER, Jid
from whatsapp_mcp.models.app_state import ChatChanged, ChatLabelled, LabelChanged, MessageLabelled
from whatsapp_mcp.models.changes import ContactSeen, IdentityLearned
from whatsapp_mcp.models.content import Content, MediaInfo, MessageKind
from whatsapp_mcp.models.views import Group, GroupMember, JoinRequest, Newsletter, NewsletterPost, NewsletterText
from whatsapp_mcp.pipe.account import CheckNumbers
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.store.records import NewDeferred

WORD: Final = "zanzibar"
HIDDEN: Final = Jid("447700900123", USER)
HIDDEN_LID: Final = Jid("777000111222333", LID)
NAMELESS: Final = Jid("888000111222333", LID)
"""A LID whose number is not known."""
HIDDEN_GROUP: Final = Jid("120363777000000001", GROUP)
HIDDEN_CHANNEL: Final = Jid("120363777000000002", NEWSLETTER)
NOBODY: Final = Jid("447700900999", USER)
"""Would be hidden as well, and does not exist."""
CHANNEL: Final = Jid("120363111000000002", NEWSLETTER)
ALL_HIDDEN: Final = (HIDDEN, HIDDEN_LID, NAMELESS, HIDDEN_GROUP, HIDDEN_CHANNEL)
POLICY: Final = f"""
[read]
deny = ["+44*", "{HIDDEN_GROUP}", "{HIDDEN_CHANNEL}"]
"""
MARKS: Final = (WORD, *(jid.user for jid in ALL_HIDDEN), "HID")
CHATS: Final = tuple(str(jid) for jid in (*ALL_HIDDEN, NOBODY))
GROUPS: Final = (str(HIDDEN_GROUP),)
CHANNELS: Final = (str(HIDDEN_CHANNEL),)
IDS: Final = ("HID0", "HID1", "HID2", "HID3", f"HID0 from {HIDDEN} in {HIDDEN}")

COMMAND: Final = json.dumps({"message": {"text": "hello"}})
NOTHING: Final[dict[str, Any]] = {}
CALLS: Final[dict[str, list[dict[str, Any]]]] = {
    "appDevices": [],  # of the linked device alone, as the next and the one after it
    "appStatus": [NOTHING],
    "userMyPrivacy": [],
    "userInfo": [{"phone": chat} for chat in CHATS[:3]],
    "userAvatar": [{"phone": chat} for chat in CHATS],
    "userBusinessProfile": [{"phone": chat} for chat in CHATS[:3]],
    "userCheck": [{"phone": str(HIDDEN)}, {"phone": str(NOBODY)}],
    "userMyGroups": [NOTHING],
    "userMyNewsletter": [NOTHING],
    "userMyContacts": [NOTHING, {"search": WORD}, {"search": "4477"}],
    "downloadMessageMedia": [{"message_id": name, "phone": chat} for name in IDS for chat in (CHATS[0], str(ANA))],
    "transcribeMessage": [{"message_id": name, "phone": chat} for name in IDS for chat in (CHATS[0], str(ANA))],
    "getMessageStatus": [{"message_id": name, "phone": chat} for name in IDS for chat in (CHATS[0], str(ANA))],
    "listLabels": [NOTHING],
    "listScheduled": [NOTHING],
    "listChats": [NOTHING, {"search": WORD}, {"search": "4477"}, {"has_media": True}],
    "getChatMessages": [{"chat_jid": chat} for chat in (*CHATS, f"{WORD} contact", str(TEAM))],
    "searchMessages": [
        {"query": WORD},
        {"query": "zanz", "by_relevance": True},
        {"query": "shared", "context_lines": 3},
        {"is_from_me": True},
        *({"query": text} for text in ("zanzibr", "shared zanzibr", "zazibar words", "shared zebra")),
        {"query": "zanz", "chat_jid": str(ANA)},
        {"kind": "image"},
        *({"query": WORD, "chat_jid": chat} for chat in CHATS),
    ],
    "getMessageContext": [{"chat_jid": chat, "message_id": name} for name in IDS for chat in (CHATS[0], str(ANA))],
    "checkInbox": [NOTHING, {"cursor": "0"}, {"channels": True}, {"channels": True, "cursor": "0"}],
    "catchUp": [{"since": "1w"}, NOTHING, {"lines": 1}],
    "waitForMessage": [{"timeout": 1, "cursor": "999"}, *({"phone": chat, "timeout": 1} for chat in CHATS)],
    "waitForEvent": [
        {"timeout": 1, "cursor": "999"},
        {"timeout": 1, "cursor": "0", "kinds": ["reaction", "receipt"]},
        *({"phone": chat, "timeout": 1} for chat in CHATS),
    ],
    "groupInfo": [{"group_id": group} for group in GROUPS],
    "getGroupParticipants": [{"group_id": group} for group in GROUPS],
    "getGroupParticipantRequests": [{"group_id": group} for group in GROUPS],
    "getGroupInfoFromLink": [{"link": "https://chat.whatsapp.com/AbCdEfGhIjKlMnOpQrStUv"}],
    "getNewsletterMessages": [{"newsletter_id": channel} for channel in CHANNELS],
}
"""What is asked with each operation. What the asker says itself is no secret."""


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    (bench.settings.account_dir / "policy.toml").write_text(POLICY)
    (bench.settings.account_dir / "policy.toml").chmod(0o600)
    bench.people()
    media = MediaInfo(mimetype="image/jpeg", file_name=f"{WORD}.jpg")
    bench.learn(
        IdentityLearned(lid=HIDDEN_LID, number=HIDDEN),
        ContactSeen(HIDDEN, full_name=f"{WORD} contact"),
        ContactSeen(Jid("447700900124", USER), full_name=f"{WORD} without a chat"),
        ChatChanged(HIDDEN_GROUP, name=f"{WORD} group"),
        ChatChanged(HIDDEN_CHANNEL, name=f"{WORD} channel"),
    )
    for number, chat in enumerate((HIDDEN, NAMELESS, HIDDEN_GROUP, HIDDEN_CHANNEL)):
        sender = BO if chat == HIDDEN_GROUP else chat
        bench.receive(f"HID{number}", f"shared {WORD}", chat=chat, sender=sender)
        bench.receive(f"HIDM{number}", chat=chat, sender=sender, content=Content(MessageKind.IMAGE, WORD, media=media))
        bench.send(f"HIDS{number}", WORD, chat=chat)
    bench.receive("A1", "shared words")
    bench.receive("T1", "shared words", chat=TEAM, sender=ANA)
    bench.learn(
        LabelChanged("7", "customers", 3),
        *(ChatLabelled("7", chat, labelled=True, timestamp=1) for chat in (*ALL_HIDDEN, ANA)),
        MessageLabelled("7", HIDDEN, "HID0", labelled=True, timestamp=1),
    )
    for number, chat in enumerate((*ALL_HIDDEN, ANA)):
        new = NewDeferred(f"HELD{number}", chat, now_ms() + 60_000, f"k{number}", 0, "", COMMAND, "{}", caller="{}")
        bench.writer.with_deferred(lambda held, new=new: held.hold(new))  # type: ignore[misc]
    answer = bench.session.answers
    groups = [_group(TEAM, "Team", parent=HIDDEN_GROUP), _group(HIDDEN_GROUP, f"{WORD} group")]
    answer["list_groups"] = tuple(groups)
    answer["get_group"] = groups[1]
    answer["get_group_from_link"] = groups[1]
    answer["get_join_requests"] = (JoinRequest(jid=HIDDEN, wire_jid=HIDDEN_LID, requested_at=NOW),)
    answer["list_newsletters"] = (_channel(CHANNEL, "News"), _channel(HIDDEN_CHANNEL, f"{WORD} channel"))
    answer["get_newsletter_posts"] = (NewsletterPost(server_id=1, text=WORD, kind=MessageKind.TEXT, views=1),)
    yield bench
    bench.close()


def _group(jid: Jid, name: str, parent: Jid | None = None) -> Group:
    return Group(jid=jid, name=name, owner=ME, linked_parent=parent, members=(GroupMember(jid=ANA),))


def _channel(jid: Jid, name: str) -> Newsletter:
    text = NewsletterText(text=name)
    return Newsletter(
        jid=jid,
        state="active",
        creation_time=1,
        invite="x",
        name=text,
        description=text,
        subscribers=1,
        verification="",
    )


def test_every_operation_that_reads_is_asked() -> None:
    reading = {name for name, operation in catalog().by_name.items() if operation.effect == "read"}
    assert set(CALLS) == reading


@pytest.mark.parametrize("operation", [name for name, calls in CALLS.items() if calls])
async def test_nothing_of_a_hidden_chat_is_told(closed: Bench, operation: str) -> None:
    for arguments in CALLS[operation]:
        said = json.dumps(arguments)
        try:
            told = json.dumps([await closed.run(operation, **arguments), closed.outcome.message], default=str)
        except WhatsAppMcpError as error:
            told = json.dumps([error.message, error.next_step, error.details], default=str)
        for mark in MARKS:
            assert mark not in told or mark in said, (operation, arguments, told)
    assert not [one for one in closed.session.commands if _about_hidden(one)]


def _about_hidden(command: Command[Any]) -> bool:
    """WhatsApp is not asked about them either."""
    return not isinstance(command, CheckNumbers) and any(str(jid) in repr(command) for jid in ALL_HIDDEN)


async def test_counts_are_of_what_may_be_read(closed: Bench) -> None:
    assert (await closed.run("listChats"))["pagination"]["total"] == 2
    assert (await closed.run("searchMessages", query="shared"))["pagination"]["total"] == 2
    inbox = await closed.run("checkInbox", cursor="0")
    assert (inbox["total_messages"], inbox["total_chats"]) == (2, 2)
    assert [row["name"] for row in (await closed.run("userMyGroups"))["data"]] == ["Team"]
    assert closed.outcome.message == "1 groups."
    await closed.run("userMyNewsletter")
    assert closed.outcome.message == "You follow 1 newsletters."
    await closed.run("userMyContacts")
    assert closed.outcome.message == "2 contacts."


@pytest.mark.parametrize("field", ["getChatMessages.chat_jid", "userInfo.phone", "userCheck.phone"])
async def test_whether_there_is_such_a_chat_is_not_told(closed: Bench, field: str) -> None:
    operation, _, name = field.partition(".")
    said = []
    for chat in (HIDDEN, NOBODY):
        with pytest.raises(WhatsAppMcpError) as error:
            await closed.run(operation, **{name: str(chat)})
        said.append(error.value.to_wire())
    assert said[0] == said[1]
    assert (said[0]["code"], said[0]["details"]["rule"]) == ("not_allowed", "read")


async def test_a_name_of_a_hidden_chat_is_nobodys(closed: Bench) -> None:
    said = []
    for name in (f"{WORD} contact", f"{WORD} nobody"):
        with pytest.raises(WhatsAppMcpError) as error:
            await closed.run("getChatMessages", chat_jid=name)
        said.append(error.value.to_wire())
    assert said[0] == said[1]
    assert said[0]["code"] == "not_found" and said[0]["details"]["near"] == []


async def test_who_waits_is_not_told_of_hidden_chats(closed: Bench) -> None:
    cursor = (await closed.run("waitForMessage", timeout=0))["cursor"]
    waiting = asyncio.create_task(closed.run("waitForMessage", timeout=40, cursor=cursor))
    while not closed.session.waits:
        await asyncio.sleep(0)
    closed.receive("HID9", WORD, chat=HIDDEN)
    assert (await closed.run("waitForMessage", timeout=0, cursor=cursor)) == {"cursor": cursor, "timed_out": True}
    closed.receive("A2", "for all")
    assert (await waiting)["message"]["message_id"] == "A2"
