"""Rows as no reader expects them: what older versions took in stays in the store, and costs only itself."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.operations.bench import Bench
from tests.unit.operations.fakes import ANA, BO, NOW, milliseconds
from tests.unit.operations.test_chat import PICTURE
from whatsapp_mcp.clock import time_text
from whatsapp_mcp.models.changes import PollVoted, ReactionChanged
from whatsapp_mcp.models.content import Content, MessageKind
from whatsapp_mcp.models.render import LIST_LENGTH, message_json
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.server.results import success
from whatsapp_mcp.store.database import Row
from whatsapp_mcp.store.read import lines, views
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.read.stored import FACTS_LIMIT

DEEP = "[" * 900 + "]" * 900
EXTRAS = {
    "NaN": '{"latitude":NaN,"longitude":Infinity,"name":"here"}',
    "huge float": '{"latitude":1e999}',
    "huge number": '{"seconds":' + "9" * 5000 + "}",
    "64 bits": '{"seconds":18446744073709551615}',
    "no JSON": '{"latitude":',
    "no object": "[1,2]",
    "deep": f'{{"options":{DEEP}}}',
    "deeper": '{"options":' + "[" * 200_000,
    "surrogate": r'{"name":"\ud800\u0000"}',
    "long": json.dumps({"name": "x" * 2_000_000}),
    "options that are none": '{"options":[1,null,{"a":[]},"yes"]}',
    "many": json.dumps({"options": [f"o{n}" for n in range(20_000)]}),
}
COLUMNS = {
    "time after all calendars": "timestamp = 9000000000000000",
    "last time": "timestamp = 9223372036854775807, edited_at = 9223372036854775807",
    "time before all calendars": "timestamp = -9223372036854775808, created_at = -9223372036854775808",
    "kind of a later version": "kind = 'hologram'",
    "status that is none": "from_me = 1, status = 99",
    "negative status": "from_me = 1, status = -1",
    "text that is no UTF-8": "text = CAST(x'6869ff80' AS TEXT), id = CAST(x'4dff' AS TEXT)",
    "mentions that are none": "mentions = 'x @ y@@z 1@lid \x01'",
    "long text": "text = hex(zeroblob(1000000))",
    "id that is none": "id = 'a' || char(10) || char(27) || '[2J'",
}
TOOLS: dict[str, dict[str, Any]] = {
    "getChatMessages": {"chat_jid": str(ANA)},
    "searchMessages": {"chat_jid": str(ANA), "context_lines": 2},
    "getMessageContext": {"chat_jid": str(ANA), "message_id": "before", "after": 3},
    "checkInbox": {"cursor": "0"},
    "catchUp": {"since": "1d"},
    "waitForMessage": {"cursor": "1", "timeout": 0},
    "waitForEvent": {"cursor": "0", "timeout": 0},
    "listChats": {},
    "userMyContacts": {},
}
"""Every tool that lists what is stored."""


@pytest.fixture
def filled(bench: Bench) -> Bench:
    bench.settings = bench.settings.model_copy(update={"result_budget": 60_000})  # no row is cut for its length
    place = Content(MessageKind.LOCATION, "here", extra={"latitude": 1.5, "longitude": 2.5})
    bench.receive("before", "first", timestamp=at(4))
    bench.receive("bad", content=place, timestamp=at(3))
    bench.receive("poll", content=Content(MessageKind.POLL, "?", extra={"options": ["yes", "no"]}), timestamp=at(2))
    bench.receive("after", "last", timestamp=at(1))
    return bench


def at(minutes_ago: int) -> int:
    return milliseconds(NOW - timedelta(minutes=minutes_ago))


def damage(bench: Bench, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(bench.settings.store_path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        assert connection.execute(statement, values).rowcount > 0


async def pages(bench: Bench) -> dict[str, list[dict[str, Any]]]:
    """What each tool lists; every result is what all clients can read."""
    listed = {}
    for tool, arguments in TOOLS.items():
        results = await bench.run(tool, **arguments)
        written = success(bench.outcome, budget=bench.settings.result_budget).model_dump_json()
        json.loads(written, parse_constant=pytest.fail)
        listed[tool] = results["data"] if "data" in results else [results["message"]]
        if tool == "catchUp":
            listed[tool] = [line for chat in results["data"] for line in chat["lines"]]
    return listed


@pytest.mark.parametrize("extra", EXTRAS.values(), ids=EXTRAS)
@pytest.mark.parametrize("message", ["bad", "poll"])
async def test_facts_that_cannot_be_read_cost_no_other_row(filled: Bench, message: str, extra: str) -> None:
    damage(filled, "UPDATE messages SET extra = ? WHERE id = ?", extra, message)
    listed = await pages(filled)
    for tool in ("getChatMessages", "searchMessages", "getMessageContext", "checkInbox", "catchUp"):
        assert sorted(row["message_id"] for row in listed[tool]) == ["after", "bad", "before", "poll"], tool
    [row] = [row for row in listed["getChatMessages"] if row["message_id"] == message]
    assert row["content"] in ("here", "?")
    if extra in (EXTRAS["no JSON"], EXTRAS["no object"], EXTRAS["deeper"], EXTRAS["long"]):
        assert "cannot be read" in row["details"]["note"]


@pytest.mark.parametrize("change", COLUMNS.values(), ids=COLUMNS)
async def test_columns_that_hold_nonsense_cost_no_other_row(filled: Bench, change: str) -> None:
    damage(filled, f"UPDATE messages SET {change} WHERE id = 'bad'")
    for tool, rows in (await pages(filled)).items():
        wanted = {"listChats": 1, "userMyContacts": 2, "waitForMessage": 1}.get(tool, 4)
        assert len(rows) >= wanted - ("from_me" in change and tool in ("checkInbox", "waitForEvent")), tool


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE votes SET options = '[\"yes\", NaN'",
        "UPDATE votes SET options = '{}', voted_at = 9223372036854775807",
        "UPDATE reactions SET reacted_at = 9223372036854775807, emoji = CAST(x'ff' AS TEXT)",
        "UPDATE entities SET jid = 'no@jid' || char(10) || '@' || id, name = CAST(x'59ff' AS TEXT)",
        f"UPDATE entities SET kind = 'hologram' WHERE jid = '{ANA}'",
        f"UPDATE addresses SET jid = char(27) || id WHERE jid = '{BO}'",
        "UPDATE chats SET last_message_at = 9223372036854775807, muted_until = 9223372036854775806",
        "UPDATE chats SET created_at = -9223372036854775808, unread = 4611686018427387904",
        "UPDATE media SET seconds = 9223372036854775807, file_length = -9223372036854775808",
    ],
)
async def test_what_stands_beside_messages_costs_no_row(filled: Bench, statement: str) -> None:
    filled.learn(
        PollVoted(ANA, "poll", BO, ("yes",), at(1)),
        ReactionChanged(ANA, "bad", BO, "👍", at(1)),
    )
    filled.receive("file", content=PICTURE, timestamp=at(0))
    damage(filled, statement)
    with closing(StoreReader(filled.settings.store_path)) as reader:
        assert len(reader.chats(limit=10, offset=0).rows) >= 1
        assert len(reader.contacts()) >= 1
        assert len(reader.search("last", limit=10, offset=0).rows) == 1
        assert len(reader.messages(ANA, limit=10, offset=0).rows) == 5


async def test_a_row_that_cannot_be_made_says_so(
    filled: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def made(message: Message, **how: Any) -> dict[str, Any]:
        if message.id == "bad":
            raise ValueError("for a reason\x1b that is logged")
        return message_json(message, **how)

    monkeypatch.setattr("whatsapp_mcp.operations.chat.message_json", made)
    rows = (await filled.run("getChatMessages", chat_jid=str(ANA)))["data"]
    assert [row["message_id"] for row in rows] == ["after", "poll", "bad", "before"]
    [bad] = [row for row in rows if row["message_id"] == "bad"]
    assert (bad["chat_jid"], bad["timestamp"]) == (str(ANA), time_text(NOW - timedelta(minutes=3), "minutes"))
    assert "could not be shown" in bad["details"]["note"]
    assert "for a reason" in caplog.text
    assert "for a reason" not in json.dumps(rows)


async def test_a_stored_row_of_which_nothing_can_be_made_says_so(
    filled: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "line_facts", but_for("location", lines.line_facts))
    rows = (await filled.run("getChatMessages", chat_jid=str(ANA)))["data"]
    [bad] = [row for row in rows if row["message_id"] == "bad"]
    assert (bad["kind"], bad["chat_jid"]) == ("other", str(ANA))
    assert "could not be shown" in bad["details"]["note"]
    assert len(rows) == 4


async def test_a_stored_row_of_which_no_line_can_be_made_says_so(
    filled: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "line_facts", but_for("location", lines.line_facts))
    [news] = (await filled.run("catchUp", since="1d"))["data"]
    [bad] = [line for line in news["lines"] if line["message_id"] == "bad"]
    assert (bad["kind"], bad["timestamp"]) == ("other", time_text(NOW - timedelta(minutes=3), "minutes"))
    assert len(news["lines"]) == 4


def but_for(kind: str, make: Callable[..., Any]) -> Callable[..., Any]:
    def made(row: Row, *rest: Any) -> Any:
        assert row["kind"] != kind
        return make(row, *rest)

    return made


async def test_the_work_for_a_page_has_a_limit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: facts that are taken apart, and rows that are made."""
    for number in range(100):
        bench.receive(f"P{number:03}", content=Content(MessageKind.POLL, "?"), timestamp=at(200 - number))
    damage(bench, "UPDATE messages SET extra = ?", EXTRAS["many"])
    taken_apart: list[int] = []
    made: list[str] = []

    def decoded(stored: str) -> object:
        taken_apart.append(len(stored))
        return json.loads(stored)

    def row(message: Message, **how: Any) -> dict[str, Any]:
        made.append(message.id)
        return message_json(message, **how)

    monkeypatch.setattr("whatsapp_mcp.store.read.stored._decoded", decoded)
    monkeypatch.setattr("whatsapp_mcp.operations.chat.message_json", row)
    results = await bench.run("getChatMessages", chat_jid=str(ANA), limit=100)
    assert sum(taken_apart) <= FACTS_LIMIT
    assert results["data"][0]["details"]["left_out"]["options"] > 0
    # The bench writes the result once, and so makes one row more than it shows.
    assert len(made) == len(results["data"]) + 1 < 20


async def test_a_page_of_messages_with_much_to_them_shows_the_first(filled: Bench) -> None:
    long = json.dumps({"description": "x" * (FACTS_LIMIT // 5)})
    for number in range(7):
        filled.receive(f"D{number}", timestamp=at(0) + number)
    damage(filled, "UPDATE messages SET extra = ? WHERE id LIKE 'D%'", long)
    with closing(StoreReader(filled.settings.store_path)) as reader:
        newest = reader.messages(ANA, limit=7, offset=0).rows
        [one] = reader.messages(ANA, limit=1, offset=6).rows
    assert ["description" in message.extra for message in newest] == [True] * 4 + [False] * 3
    assert "description" in one.extra


async def test_of_long_lists_the_beginning_is_shown(filled: Bench) -> None:
    damage(filled, "UPDATE messages SET extra = ?, mentions = ? WHERE id = 'poll'", EXTRAS["many"], "1@lid " * 5_000)
    [row] = [row for row in (await pages(filled))["getChatMessages"] if row["message_id"] == "poll"]
    details = row["details"]
    assert len(details["options"]) == len(details["votes"]) == len(row["mentions"]) == LIST_LENGTH
    assert set(details["left_out"]) == {"options", "mentions"}
    assert all(missing > 0 for missing in details["left_out"].values())
