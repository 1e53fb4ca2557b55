"""Every address that a tool returns is taken by every tool that takes one: it does what it can with it, or says why it
cannot with one of this kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.operations.bench import Bench, catalog
from tests.unit.operations.fakes import ANA, ANA_LID, ME, ME_LID, NOW, TEAM, milliseconds
from tests.unit.systems import some
from whatsapp_mcp.errors import SessionTimeout, WhatsAppMcpError
from whatsapp_mcp.jid import STATUS_BROADCAST, Jid
from whatsapp_mcp.models.changes import MessageReceived
from whatsapp_mcp.models.content import Content, MessageKind

CHANNEL = Jid("120363000000000099", "newsletter")
LIST = Jid("1795800000", "broadcast")
BOT = Jid("867051314767696", "bot")
META_AI = Jid("13135550002", "s.whatsapp.net")
NOTICES_OF_WHATSAPP = Jid("0", "s.whatsapp.net")
STORED = (ANA, TEAM, CHANNEL, LIST, BOT, META_AI, NOTICES_OF_WHATSAPP, STATUS_BROADCAST, Jid("7", "lid"), ME)
"""Chats with a message in them."""
ADDRESSES = (
    *map(str, STORED),
    *map(str, (ANA_LID, ME_LID, Jid("100000000000777", "lid"))),
    f"{ANA.user}:7@s.whatsapp.net",
    f"{ME_LID.user}:3@lid",
    f"{ANA.user}@c.us",
    f"{ANA.user}:99@hosted",
    f"{ANA_LID.user}:99@hosted.lid",
    "4915100000001-1600000000@g.us",
    "777@interop",
    "777@msgr",
)
TAKES_ONE = ("phone", "chat_jid", "group_id", "newsletter_id", "sender", "caller_jid", "contact_phone")
TAKES_SEVERAL = ("participants", "mentions")
OTHERS: dict[str, Any] = {
    "action": "start",
    "announce": True,
    "archived": True,
    "at": "2h",
    "call_id": "C1",
    "contact_name": "Ana",
    "contact_phone": "4915100000001",
    "duration": 60,
    "emoji": "x",
    "label_id": "1",
    "label_name": "x",
    "labeled": True,
    "latitude": "1.0",
    "link": "https://chat.whatsapp.com/ABCDEFGHIJKLMNOPQRSTUV",
    "locked": True,
    "longitude": "1.0",
    "max_answer": 1,
    "message": "hi",
    "message_id": "M1",
    "muted": True,
    "name": "x",
    "options": ["a", "b"],
    "participants": [str(ANA)],
    "phone": str(ANA),
    "chat_jid": str(ANA),
    "group_id": str(TEAM),
    "pinned": True,
    "question": "x?",
    "read": True,
    "timer_seconds": 0,
    "title": "x",
    "type": "available",
}
FILES = ("image", "audio", "video", "file", "sticker")
CALLS = [
    (operation.name, name)
    for operation in catalog().operations
    for name in operation.input_schema["properties"]
    if name in (*TAKES_ONE, *TAKES_SEVERAL)
]
UNDERSTOOD = ("not a valid JID", "not a phone number", "exactly this name", "country code", "not a JID")
"""What an error must not say: it would mean that the address was not understood."""


class _Silent(dict[Any, Any]):
    """A session that answers nothing: what matters here comes before it is asked."""

    def __contains__(self, _command: object) -> bool:
        return True

    def __getitem__(self, _command: object) -> WhatsAppMcpError:
        return SessionTimeout("WhatsApp was asked")

    def get(self, _query: object, _default: object = None) -> Any:
        return SessionTimeout("WhatsApp was asked")


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Bench]:
    """A new one for each case: wine's server would keep each of many thousand readings of one store open."""
    bench = Bench(tmp_path)
    text = Content(MessageKind.TEXT, "hello")
    bench.writer.apply(
        MessageReceived("M1", chat, ANA if chat in (TEAM, STATUS_BROADCAST) else chat, milliseconds(NOW), text)
        for chat in STORED
    )
    bench.session.answers = _Silent()
    yield bench
    bench.close()


@pytest.mark.parametrize(("operation", "parameter"), CALLS)
async def test_each_is_taken(filled: Bench, operation: str, parameter: str) -> None:
    schema = catalog().by_name[operation].input_schema
    wanted = {name: OTHERS[name] for name in schema.get("required", ()) if name in OTHERS}
    wanted |= {name: "/nowhere/file" for name in FILES if name in schema["properties"]}
    for address in some(ADDRESSES):
        given = [address] if parameter in TAKES_SEVERAL else address
        more: dict[str, Any] = {"query": "hello"} if operation == "searchMessages" else {}
        if operation in ("waitForMessage", "waitForEvent"):
            more = {"timeout": 0}
        try:
            await filled.run(operation, **wanted | more | {parameter: given})
        except WhatsAppMcpError as error:
            said = f"{error.message} {error.next_step}"
            assert not any(words in error.message for words in UNDERSTOOD), (address, said)
            assert error.code != "internal_error", (address, said)


def test_nothing_else_takes_an_address() -> None:
    """A new parameter of this kind belongs into the lists above."""
    known = {*TAKES_ONE, *TAKES_SEVERAL}
    found = {
        name
        for operation in catalog().operations
        for name in operation.input_schema["properties"]
        if any(word in name for word in ("jid", "phone", "sender", "group_id", "newsletter_id", "participant"))
    }
    assert found <= known


@pytest.mark.parametrize("chat", [STATUS_BROADCAST, LIST, CHANNEL, BOT, NOTICES_OF_WHATSAPP, META_AI])
async def test_each_can_be_read(filled: Bench, chat: Jid) -> None:
    read = await filled.run("getChatMessages", chat_jid=str(chat))
    assert [row["content"] for row in read["data"]] == ["hello"]
    author = read["data"][0]["sender_jid"]
    found = await filled.run("searchMessages", query="hello", chat_jid=str(chat), sender=author)
    assert [row["chat_jid"] for row in found["data"]] == [str(chat)]
    waited = await filled.run("waitForMessage", phone=str(chat), cursor="0", timeout=0)
    assert waited["message"]["chat_jid"] == str(chat)
