"""Reading chats."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.operations.bench import BadArguments, Bench
from tests.unit.operations.fakes import ANA, ANA_LID, BO, NOW, TEAM, milliseconds
from whatsapp_mcp.errors import InvalidArgument, NotFound, WhatsAppMcpError
from whatsapp_mcp.models.changes import MessageEdited, MessageRevoked, ReactionChanged
from whatsapp_mcp.models.content import Content, MediaInfo, MessageKind, Quote
from whatsapp_mcp.server.results import success

PICTURE = Content(MessageKind.IMAGE, "look", media=MediaInfo("image/jpeg", "a.jpg", 12, url="https://mmg.example/x"))


def at(minutes: float) -> int:
    """Minutes before now."""
    return milliseconds(NOW - timedelta(minutes=minutes))


# ---- listChats ------------------------------------------------------------------------------------------------------


async def test_chats(bench: Bench) -> None:
    bench.receive("M1", timestamp=at(2))
    bench.receive("G1", chat=TEAM, sender=ANA_LID, timestamp=at(1))
    results = await bench.run("listChats")
    assert [row["name"] for row in results["data"]][:2] == ["Team", "Ana"]
    ana = results["data"][1]
    assert (ana["chat_jid"], ana["unread_count"]) == (str(ANA), 1)
    assert ana["timestamp"] == (NOW - timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%MZ")
    assert results["pagination"] == {"total": len(results["data"])}
    assert bench.outcome.untrusted


async def test_chats_paged_and_searched(bench: Bench) -> None:
    for index in range(5):
        bench.receive(f"M{index}", chat=ANA if index % 2 else BO, timestamp=at(index))
    bench.receive("P1", chat=TEAM, sender=ANA, content=PICTURE)
    everything = (await bench.run("listChats"))["data"]
    page = await bench.run("listChats", limit=1, offset=1)
    assert page["data"] == everything[1:2]
    assert page["pagination"] == {"total": len(everything)}
    assert [row["name"] for row in (await bench.run("listChats", search="ana"))["data"]] == ["Ana"]
    assert [row["name"] for row in (await bench.run("listChats", has_media=True))["data"]] == ["Team"]
    assert (await bench.run("listChats", search="nobody"))["pagination"]["total"] == 0


async def test_chats_are_there_without_a_connection(bench: Bench) -> None:
    bench.receive("M1")
    bench.session.unlinked()
    assert (await bench.run("listChats"))["data"]


# ---- getChatMessages ------------------------------------------------------------------------------------------------


async def test_messages(bench: Bench) -> None:
    bench.receive("M1", "question?", timestamp=at(3))
    bench.send(
        "S1", content=Content(MessageKind.TEXT, "answer", quote=Quote("M1", ANA), mentions=(BO,)), timestamp=at(2)
    )
    bench.learn(ReactionChanged(ANA, "S1", ANA, "👍", at(1)))
    results = await bench.run("getChatMessages", chat_jid="Ana")
    answer, question = results["data"]
    assert (question["content"], question["is_from_me"], question["kind"]) == ("question?", False, "text")
    assert question["sender_jid"] == str(ANA)
    assert question["sender_name"] == "Ana"
    assert "status" not in question
    assert (answer["reply_to_id"], answer["status"], answer["is_from_me"]) == ("M1", "sent", True)
    assert answer["mentions"] == [{"jid": str(BO), "name": "Bo"}]
    assert "details" not in answer, "what it answers stands beside it"
    [reaction] = answer["reactions"]
    assert (reaction["emoji"], reaction["sender_jid"]) == ("👍", str(ANA))
    assert results["chat_info"]["chat_jid"] == str(ANA)
    assert results["pagination"] == {"total": 2}
    assert bench.outcome.untrusted


async def test_rows_of_a_chat_with_one_person_do_not_repeat_the_name(bench: Bench) -> None:
    bench.people()
    bench.receive("A1")
    bench.receive("T1", chat=TEAM, sender=BO)
    for chat, named in ((ANA, False), (TEAM, True)):
        await bench.run("getChatMessages", chat_jid=str(chat))
        results = (success(bench.outcome, budget=20_000).structured_content or {})["results"]
        assert results["chat_info"]["name"], "whose it is"
        assert [("sender_name" in row, "sender_jid" in row) for row in results["data"]] == [(named, named)]


async def test_what_happened_to_messages(bench: Bench) -> None:
    bench.receive("M1", "frist", timestamp=at(3))
    bench.receive("M2", "oops", timestamp=at(2))
    bench.learn(
        MessageEdited(ANA, "M1", ANA, Content(MessageKind.TEXT, "first"), at(1)),
        MessageRevoked(ANA, "M2", ANA, at(1)),
    )
    second, first = (await bench.run("getChatMessages", chat_jid="Ana"))["data"]
    assert (first["content"], first["edited"]) == ("first", True)
    assert (second["content"], second["revoked"]) == ("", True)


async def test_media(bench: Bench) -> None:
    bench.receive("P1", content=PICTURE)
    [row] = (await bench.run("getChatMessages", chat_jid="Ana"))["data"]
    assert (row["kind"], row["filename"], row["file_length"]) == ("image", "a.jpg", 12)
    assert not row.keys() & {"url", "media_type", "created_at", "updated_at"}
    [row] = (await bench.run("getChatMessages", chat_jid="Ana", detail="full"))["data"]
    assert (row["media_type"], row["url"]) == ("image", "https://mmg.example/x")


async def test_facts_of_a_kind(bench: Bench) -> None:
    extra: dict[str, object] = {"latitude": 1.5, "longitude": 2.0}
    bench.receive("L1", content=Content(MessageKind.LOCATION, "Bar", extra=extra))
    [row] = (await bench.run("getChatMessages", chat_jid="Ana"))["data"]
    assert row["details"] == extra


async def test_filters(bench: Bench) -> None:
    bench.receive("M1", "apple pie", timestamp=at(30))
    bench.receive("P1", content=PICTURE, timestamp=at(20))
    bench.send("S1", "apple juice", timestamp=at(10))

    async def ids(**filters: Any) -> list[str]:
        results = await bench.run("getChatMessages", chat_jid="Ana", **filters)
        assert results["pagination"]["total"] >= len(results["data"])
        return [row["message_id"] for row in results["data"]]

    def moment(minutes: int) -> str:
        return (NOW - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")

    assert await ids() == ["S1", "P1", "M1"]
    assert await ids(search="apple") == ["S1", "M1"]
    assert await ids(media_only=True) == ["P1"]
    assert await ids(is_from_me=True) == ["S1"]
    assert await ids(is_from_me=False) == ["P1", "M1"]
    assert await ids(start_time=moment(25)) == ["S1", "P1"]
    assert await ids(end_time=moment(25)) == ["M1"]
    assert await ids(start_time=moment(25), end_time=moment(15)) == ["P1"]
    assert await ids(limit=1, offset=1) == ["P1"]
    assert await ids(offset=3) == []


async def test_search_everywhere(bench: Bench) -> None:
    bench.receive("M1", "Apple pie, Jürgen?", timestamp=at(30))
    bench.receive("P1", content=PICTURE, timestamp=at(20))
    bench.send("S1", "apple juice", timestamp=at(10))

    async def ids(query: str, **filters: Any) -> list[str]:
        return [row["message_id"] for row in (await bench.run("searchMessages", query=query, **filters))["data"]]

    [row] = (await bench.run("searchMessages", query="pie"))["data"]
    assert (row["chat_name"], row["content"]) == ("Ana", "Apple pie, Jürgen?")
    assert await ids("APPLE") == ["S1", "M1"]
    assert await ids("jurgen app") == ["M1"], "any order, accents aside, beginnings of words"
    assert await ids("apple -juice") == ["M1"]
    assert await ids('"apple juice"') == ["S1"]
    assert await ids('"juice apple"') == []
    assert await ids("apple", is_from_me=True) == ["S1"]
    assert await ids("apple", sender="Ana") == ["M1"]
    assert await ids("apple", chat_jid="Ana") == ["S1", "M1"]
    assert await ids("apple", kind="image") == []
    assert await ids("apple", limit=1, offset=1) == ["M1"]
    assert await ids("""C++ "unclosed AND (x:y* NEAR""") == []
    assert await ids("", chat_jid="Ana", kind="image") == ["P1"]
    assert await ids("-juice", chat_jid="Ana") == ["P1", "M1"]
    assert await ids("apple", has_link=True) == []
    assert await ids("apple pie", by_relevance=True) == ["M1"]
    await refused(bench, "query", tool="searchMessages")
    assert await ids("", is_from_me=False) == ["P1", "M1"]
    moments = {
        "start_time": (NOW - timedelta(minutes=25)).isoformat(),
        "end_time": (NOW - timedelta(minutes=5)).isoformat(),
    }
    assert await ids("", **moments) == ["S1", "P1"]
    assert await ids("", **moments, limit=1, offset=1) == ["P1"]
    assert await ids("pie OR juice") == ["S1", "M1"]
    await refused(bench, "query", tool="searchMessages", query="-juice", **moments)
    await refused(bench, "query", tool="searchMessages", query="?!", chat_jid="Ana")
    await refused(bench, "cursor", tool="searchMessages", query="apple", by_relevance=True, cursor="1")
    await refused(bench, "cursor", tool="searchMessages", query="apple", cursor="next")
    await refused(bench, "query", tool="searchMessages", query="-juice")
    await refused(bench, "query", tool="searchMessages", query="?!")
    await refused(bench, "chat_jid", tool="searchMessages", query="apple", chat_jid="Nobody here")


async def test_what_would_be_found_instead(bench: Bench) -> None:
    bench.receive("M1", "apple pie for Sunday")
    bench.receive("B1", "apple juice", chat=BO)
    found = await bench.run("searchMessages", query="aple sunday", chat_jid="Ana")
    assert found["hint"] == {
        "fewer_words": [{"query": "sunday", "total": 1}],
        "spelling": {"query": "apple sunday", "total": 1},
    }
    found = await bench.run("searchMessages", query="juice", chat_jid="Ana")
    assert found["hint"] == {"other_chats": [{"chat_jid": str(BO), "chat_name": "Bo", "total": 1}]}
    assert bench.outcome.heard == {BO}
    found = await bench.run("searchMessages", query="apple", kind="image")
    assert found["hint"] == {"without_filters": 2}
    assert "hint" not in await bench.run("searchMessages", query="apple")
    assert "hint" not in await bench.run("searchMessages", query="zebra")


async def test_lines_around_a_hit(bench: Bench) -> None:
    for number in range(7):
        bench.receive(f"M{number}", f"line {number} {'x' * 400 if number == 2 else ''}", timestamp=at(30 - number))
    bench.send("S1", "mine", timestamp=at(2))
    [row] = (await bench.run("searchMessages", query="3", context_lines=2))["data"]
    assert [line["message_id"] for line in row["context_before"]] == ["M1", "M2"]
    assert len(row["context_before"][1]["content"]) == 301
    assert [line["content"] for line in row["context_after"]] == ["line 4 ", "line 5 "]
    assert row["context_after"][0]["sender_name"] == "Ana"
    [row] = (await bench.run("searchMessages", query="6", context_lines=5))["data"]
    assert [(line["content"], line["is_from_me"]) for line in row["context_after"]] == [("mine", True)]
    [row] = (await bench.run("searchMessages", query="6"))["data"]
    assert "context_before" not in row


async def test_what_was_said_around_a_message(bench: Bench) -> None:
    for number in range(9):
        bench.receive(f"M{number}", timestamp=at(30 - number))

    async def ids(**arguments: Any) -> list[str]:
        found = await bench.run("getMessageContext", chat_jid="Ana", **arguments)
        return [row["message_id"] for row in found["data"]]

    assert await ids(message_id="M4", before=1, after=2) == ["M3", "M4", "M5", "M6"]
    assert await ids(message_id="M0") == ["M0", "M1", "M2", "M3", "M4", "M5"]
    assert await ids(message_id="M8", before=0, after=0) == ["M8"]
    await refused(bench, "message_id", tool="getMessageContext", chat_jid="Ana", message_id="M99")
    await refused(bench, "message_id", tool="getMessageContext", chat_jid="Bo", message_id="M4")


async def test_a_long_text_is_read_whole(bench: Bench) -> None:
    flag = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
    text = "".join(f"{number} é\u0301 {flag} {'語' * 50}\n" for number in range(900))
    bench.receive("M1", text, timestamp=at(1))
    [row] = (await bench.run("getChatMessages", chat_jid="Ana"))["data"]
    assert row["content_length"] == len(text)
    parts, offset = [], 0
    while offset is not None:
        found = await bench.run("getMessageContext", chat_jid="Ana", message_id="M1", text_offset=offset)
        [row] = found["data"]
        assert row["content_length"] == len(text)
        assert not row["content"].startswith(("\u0301", "\U000e0067"))
        parts.append(row["content"])
        offset = row.get("next_text_offset")
    assert "".join(parts) == text
    assert all(len(part.encode()) < 19_000 for part in parts)
    await refused(
        bench, "text_offset", tool="getMessageContext", chat_jid="Ana", message_id="M1", text_offset=len(text)
    )


async def test_pages_by_cursor(bench: Bench) -> None:
    for number in range(5):
        bench.receive(f"M{number}", "tea", timestamp=at(30 - number))
    bench.receive("B1", "tea", chat=BO, timestamp=at(40))
    for tool, arguments in (
        ("getChatMessages", {"chat_jid": "Ana", "limit": 2}),
        ("searchMessages", {"query": "tea", "limit": 2}),
        ("listChats", {"limit": 1}),
    ):
        rows = (await bench.run(tool, **arguments))["data"]
        while (cursor := bench.outcome.next_cursor) is not None:
            rows += (await bench.run(tool, **arguments, cursor=cursor))["data"]
        whole = (await bench.run(tool, **{**arguments, "limit": 50}))["data"]
        assert rows == whole
        assert len(rows) == {"getChatMessages": 5, "searchMessages": 6, "listChats": 3}[tool]


@pytest.mark.parametrize("field", ["start_time", "end_time"])
@pytest.mark.parametrize("value", ["someday", "2026-13-01T00:00:00Z", "12:00", "2026-02-30", 5, "-2h"])
async def test_no_time(bench: Bench, field: str, value: Any) -> None:
    bench.receive("M1")
    await refused(bench, field, chat_jid="Ana", **{field: value})


async def test_a_forwarded_message_says_so(bench: Bench) -> None:
    often: dict[str, object] = {"forwarded_often": True}
    bench.receive("M1", timestamp=at(2), content=Content(MessageKind.TEXT, "hi", forwarded=True))
    bench.receive("M2", timestamp=at(1), content=Content(MessageKind.TEXT, "ho", forwarded=True, extra=often))
    rows = (await bench.run("getChatMessages", chat_jid="Ana"))["data"]
    assert [row["details"] for row in rows] == [{"forwarded": True, **often}, {"forwarded": True}]


async def test_a_time_is_taken_as_rows_show_it(bench: Bench) -> None:
    for minute in (20, 10, 5):
        bench.receive(f"M{minute}", timestamp=milliseconds(NOW - timedelta(minutes=minute)))
    newest, middle, oldest = (await bench.run("getChatMessages", chat_jid="Ana"))["data"]
    assert "T" in middle["timestamp"] and middle["timestamp"].count(":") < 3, "to the minute"

    async def ids(**times: str) -> list[str]:
        return [row["message_id"] for row in (await bench.run("getChatMessages", chat_jid="Ana", **times))["data"]]

    assert await ids(start_time=middle["timestamp"]) == [newest["message_id"], middle["message_id"]]
    assert await ids(end_time=middle["timestamp"]) == [middle["message_id"], oldest["message_id"]]
    assert await ids(start_time=middle["timestamp"], end_time=middle["timestamp"]) == [middle["message_id"]]
    day = middle["timestamp"][:10]
    assert middle["message_id"] in await ids(start_time=day, end_time=day)


async def test_times_in_the_wrong_order(bench: Bench) -> None:
    bench.receive("M1")
    await refused(
        bench, "start_time", chat_jid="Ana", start_time="2026-02-01T00:00:00Z", end_time="2026-01-01T00:00:00Z"
    )


@pytest.mark.parametrize("chat", ["nobody", "12", "1@2@lid", "status@broadcast", "4915100000777"])
async def test_a_chat_that_is_not_there(bench: Bench, chat: str) -> None:
    await refused(bench, "chat_jid", chat_jid=chat)


async def refused(bench: Bench, field: str, *, tool: str = "getChatMessages", **arguments: Any) -> None:
    with pytest.raises((WhatsAppMcpError, BadArguments)) as caught:
        await bench.run(tool, **arguments)
    if isinstance(caught.value, BadArguments):
        assert caught.value.fields == [field]
    else:
        assert isinstance(caught.value, InvalidArgument | NotFound)
        assert caught.value.details["field"] == field
