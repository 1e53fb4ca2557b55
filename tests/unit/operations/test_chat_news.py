"""catchUp."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.operations.bench import Bench
from tests.unit.operations.fakes import ANA, ANA_LID, BO, ME, ME_LID, NOW, TEAM, milliseconds
from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.jid import STATUS_BROADCAST, Jid
from whatsapp_mcp.models.changes import MessageRevoked, ReactionChanged
from whatsapp_mcp.models.content import CallOutcome, Content, MessageKind, Quote
from whatsapp_mcp.models.notices import Happening, Notice
from whatsapp_mcp.policy.caller import Caller, Grant
from whatsapp_mcp.whatsapp.calls import call_content

CHANNEL = Jid("120363000000000099", "newsletter")


def ago(minutes: float) -> int:
    return milliseconds(NOW - timedelta(minutes=minutes))


def mention(*people: Jid, **extra: object) -> Content:
    return Content(MessageKind.TEXT, "you there", mentions=people, extra=extra)


async def news(bench: Bench, **arguments: Any) -> dict[str, dict[str, Any]]:
    """The rows, by name of the chat."""
    return {row["chat_name"]: row for row in (await bench.run("catchUp", **arguments))["data"]}


def ids(row: dict[str, Any]) -> list[str]:
    return [line["message_id"] for line in row["lines"]]


async def test_a_day(bench: Bench) -> None:
    bench.receive("OLD", "long ago", timestamp=ago(60 * 24 + 5))
    bench.receive("A1", "are you coming?", timestamp=ago(50))
    bench.send("S1", "yes", timestamp=ago(49))
    bench.receive("A2", "great", timestamp=ago(48))
    bench.receive("A3", "shall I bring bread?", timestamp=ago(40))
    bench.receive("T1", "hello all", chat=TEAM, sender=BO, timestamp=ago(30))
    bench.receive("T2", chat=TEAM, sender=ANA_LID, timestamp=ago(29), content=mention(ME_LID))
    bench.receive("T3", "so", chat=TEAM, sender=ANA, timestamp=ago(28))
    bench.learn(Notice(Happening.RENAMED, by=ANA, text="Team B").received(TEAM, ago(27)))
    bench.receive("C1", chat=BO, sender=BO, timestamp=ago(20), content=call_content("C1", CallOutcome.MISSED))
    bench.receive("U1", chat=STATUS_BROADCAST, sender=ANA, timestamp=ago(10))
    bench.receive("N1", "post", chat=CHANNEL, sender=CHANNEL, timestamp=ago(10))
    results = await bench.run("catchUp")
    assert [row["chat_name"] for row in results["data"]] == ["Bo", "Team", "Ana"], "the newest first; people and groups"
    bo, team, ana = results["data"]
    assert ids(ana) == ["A1", "S1", "A2", "A3"], "oldest first, with what the owner wrote"
    assert (ana["messages"], ana["unanswered"], ana["chat_jid"]) == (4, 1, str(ANA))
    assert [line.get("unanswered") for line in ana["lines"]] == [None, None, None, "question"]
    assert ana["unread_count"] == 2
    assert "wrote" not in ana
    assert [(one["name"], one["messages"]) for one in team["wrote"]] == [("Ana", 2), ("Bo", 1)]
    assert (team["mentions"], team["unanswered"], team["group_changes"]) == (1, 1, 1)
    assert [line.get("unanswered") for line in team["lines"]] == [None, "mention", None, None]
    assert "Team B" in team["lines"][-1]["content"]
    assert (bo["missed_calls"], bo["lines"][0]["content"]) == (1, "Missed call")
    assert not {"left_out", "mentions", "messages_are_more"} & ana.keys()
    assert bench.outcome.untrusted
    assert bench.outcome.message == "News in 3 chats; in 2 something seems to wait for an answer."


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        *(
            (text, True)
            for text in ("ok?", "真的吗？", "أين أنت؟", "Τι κάνεις;", "Τι κάνεις\u037e", "what?!", "(why?)", "ok ❓")
        ),
        *((text, False) for text in ("fine", "first; second", "https://example.org/a?b=1", "a?b=1", "")),
    ],
)
async def test_questions_of_all_scripts(bench: Bench, text: str, asked: bool) -> None:
    bench.receive("M1", text)
    assert (await news(bench))["Ana"].get("unanswered") == (1 if asked else None)


async def test_what_waits_for_an_answer(bench: Bench) -> None:
    bench.send("S0", "look at this", timestamp=ago(70))
    bench.receive("R1", timestamp=ago(60), content=Content(MessageKind.TEXT, "nice", quote=Quote("S0", ME)))
    bench.receive("M1", "really?", timestamp=ago(59))
    bench.receive("G1", chat=TEAM, sender=BO, timestamp=ago(58), content=mention(mentions_all=True))
    bench.receive("G2", "who?", chat=TEAM, sender=BO, timestamp=ago(57))

    async def waiting() -> dict[str, list[tuple[str, str]]]:
        rows = await news(bench, since="2h")
        return {
            name: [(line["message_id"], line["unanswered"]) for line in row["lines"] if "unanswered" in line]
            for name, row in rows.items()
        }

    assert await waiting() == {
        "Ana": [("R1", "reply"), ("M1", "question")],
        "Team": [("G1", "mention"), ("G2", "question")],
    }
    bench.learn(ReactionChanged(ANA, "M1", ME, "👍", ago(5), from_me=True, author=ANA))
    assert (await waiting())["Ana"] == [("R1", "reply")], "a reaction is an answer, too"
    bench.send("S1", "yes", timestamp=ago(4))
    assert (await waiting())["Ana"] == []
    bench.learn(MessageRevoked(TEAM, "G2", BO, ago(3)))
    assert (await waiting())["Team"] == [("G1", "mention")], "what was deleted is not asked any more"
    assert (await news(bench, since="2h"))["Team"]["messages"] == 1


async def test_many_messages(bench: Bench) -> None:
    bench.receive("Q", "when?", timestamp=ago(300))
    for number in range(40):
        bench.receive(f"M{number}", f"line {number}", timestamp=ago(200 - number))
    row = (await news(bench, lines=3))["Ana"]
    assert ids(row) == ["Q", "M37", "M38", "M39"], "the newest, and what asks"
    assert (row["messages"], row["left_out"], row["unanswered"]) == (41, 37, 1)


async def test_since(bench: Bench) -> None:
    for hours in (1, 5, 30, 24 * 8):
        bench.receive(f"H{hours}", timestamp=ago(hours * 60))

    async def found(since: str) -> list[str]:
        rows = await news(bench, since=since)
        return ids(rows["Ana"]) if rows else []

    assert await found("90m") == await found("1h30m") == ["H1"]
    assert await found("30m") == []
    assert await found(" 2 H ") == ["H1"]
    assert await found("1d") == ["H5", "H1"]
    assert await found("2d") == ["H30", "H5", "H1"]
    assert await found("2w") == ["H192", "H30", "H5", "H1"]
    assert await found((NOW - timedelta(hours=6)).isoformat()) == ["H5", "H1"]
    assert await found("9999-01-01T00:00:00Z") == []
    for wrong in ("soon", "2", "1y", "-1h", "2026-13-01", "h"):
        with pytest.raises(InvalidArgument, match="since"):
            await bench.run("catchUp", since=wrong)
    with pytest.raises(InvalidArgument, match="cursor"):
        await bench.run("catchUp", cursor="1-2")


async def test_what_was_shown_is_not_new_again(bench: Bench) -> None:
    bench.receive("M1", timestamp=ago(60))
    assert ids((await news(bench))["Ana"]) == ["M1"]
    assert await news(bench) == {}
    bench.receive("M2")
    bench.receive("LATE", timestamp=ago(60 * 24 * 3))
    bench.receive("HISTORY", timestamp=ago(60 * 24 * 3), from_history=True)
    bench.receive("B1", chat=BO, sender=BO, timestamp=ago(60 * 24 * 9))
    found = await news(bench)
    assert {name: ids(row) for name, row in found.items()} == {"Ana": ["LATE", "M2"], "Bo": ["B1"]}
    assert await news(bench) == {}
    bench.send("S1", "only mine")
    assert await news(bench) == {}
    assert ids((await news(bench, since="2h"))["Ana"]) == ["M1", "M2", "S1"], "a time asks for it again"


async def test_each_client_has_its_own_look(bench: Bench) -> None:
    bench.receive("M1")
    everybody = [Caller(), Caller(client="Claude"), Caller(grant=Grant("phone"))]
    for caller in everybody:
        bench.caller = caller
        assert await news(bench)
        assert not await news(bench)
    bench.caller = Caller(client="Claude", host="Claude 2.0")
    assert not await news(bench), "another conversation, another version, another process"
    assert bench.session.commands[-1].name == "keep_look"


async def test_a_look_that_did_not_see_all_is_none(bench: Bench) -> None:
    """Neither a page that others follow, nor one that was cut, nor a time after the last look."""
    for number in range(12):
        for chat in (ANA, BO):
            bench.receive(f"{chat.user}{number}", "x" * 250, chat=chat, timestamp=ago(90 - number))
    budget = bench.settings.result_budget
    bench.settings = bench.settings.model_copy(update={"result_budget": 5_000})
    assert list(await news(bench)) == ["Bo"], "one chat fits"
    bench.settings = bench.settings.model_copy(update={"result_budget": budget})
    assert list(await news(bench)) == ["Bo", "Ana"], "all is new still"
    assert not await news(bench)
    bench.receive("M1", timestamp=ago(60 * 3))
    bench.receive("M2", timestamp=ago(60))
    bench.writer._connection.execute("UPDATE looks SET looked_at = ?", (ago(60 * 5),))
    assert ids((await news(bench, since="2h"))["Ana"])[-1] == "M2"
    assert ids((await news(bench))["Ana"]) == ["M1", "M2"], "not all since the last look was shown"
    assert not await news(bench)
    bench.receive("M3", timestamp=ago(60 * 30))
    assert ids((await news(bench, since="2h", lines=30))["Ana"])[0] == "M3", "it came since the last look"
    assert not await news(bench), "which this was, too"


async def test_pages(bench: Bench) -> None:
    """All chats once, as it was when the first page was made."""
    chats = [Jid(f"49151{number:08}", "s.whatsapp.net") for number in range(70)]
    for number, chat in enumerate(chats):
        bench.receive(f"P{number}", chat=chat, timestamp=ago(100 + number))
    seen, cursor = list[str](), None
    for page in range(9):
        results = await bench.run("catchUp", **({"cursor": cursor} if cursor else {}))
        seen += [line["message_id"] for row in results["data"] for line in row["lines"]]
        bench.receive(f"NEW{page}", chat=chats[69], timestamp=ago(1))
        cursor = bench.outcome.next_cursor
        if cursor is None:
            break
    assert seen == [f"P{number}" for number in range(70)]
    [row] = (await bench.run("catchUp"))["data"]
    assert ids(row) == [f"NEW{number}" for number in range(page + 1)]
    assert not (await bench.run("catchUp"))["data"]


async def test_without_a_connection(bench: Bench) -> None:
    bench.receive("M1")
    bench.session.unlinked()
    assert await news(bench)
    assert await news(bench), "nobody kept the look"


async def test_an_empty_store(bench: Bench) -> None:
    assert await news(bench) == {}


async def test_a_line_without_words_says_what_came(bench: Bench) -> None:
    bench.receive("P1", timestamp=ago(9), content=Content(MessageKind.IMAGE, ""))
    bench.receive("X1", timestamp=ago(8), content=Content(MessageKind.UNDECRYPTABLE, ""))
    picture, unread = (await news(bench))["Ana"]["lines"]
    assert (picture["kind"], unread["kind"]) == ("image", "undecryptable")
    assert "content" not in picture
    assert "content" not in unread
    assert "details" not in picture
    assert len(unread["details"]["note"]) > 20
