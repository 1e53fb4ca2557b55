"""Old messages go, with all that belongs to them, and what stays is as if they had never been."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.store.build import (
    ANA,
    ANA_LID,
    BORIS,
    CARLA,
    GROUP,
    PHOTO,
    START,
    Store,
    edit,
    message,
    ms,
    reaction,
    receipt,
    revoke,
    vote,
)
from tests.unit.store.conftest import Places
from tests.unit.store.test_any_order import CHATS, FACTS, WORDS, expected_in_index, indexed, lasting
from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import ChatChanged, ChatCleared, MessageDeletedForMe, MessageLabelled, MessageStarred
from whatsapp_mcp.models.changes import (
    Change,
    EventAnswered,
    IdentityLearned,
    MessageKept,
    MessagePinned,
    MessageReceived,
    PollOptionAdded,
    SealedReceived,
)
from whatsapp_mcp.models.content import EventAnswer
from whatsapp_mcp.models.delivery import ReceiptKind
from whatsapp_mcp.models.downloaded import DownloadedFile
from whatsapp_mcp.store.engine.choice import database_at
from whatsapp_mcp.store.write import retention
from whatsapp_mcp.store.write.retention import DAY, RetentionPolicy
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.whereabouts import Whereabouts

SAYINGS: Final = (
    *("edits", "revokes", "reactions", "receipts", "votes"),
    *("stars", "deletions", "message_labels", "awaited"),
    *("poll_options", "answers", "pins", "keeps", "sealed"),
)
"""Tables that name a message."""


def star(message_id: str, second: int, *, chat: Jid = ANA, starred: bool = True) -> MessageStarred:
    return MessageStarred(chat, message_id, starred=starred, from_me=False, timestamp=ms(second))


def newer_sayings(message_id: str) -> list[Change]:
    return [
        PollOptionAdded(ANA, message_id, ANA, "perhaps", ms(27)),
        EventAnswered(ANA, message_id, ANA, EventAnswer.GOING, ms(27)),
        MessagePinned(ANA, message_id, ANA, pinned=True, timestamp=ms(27)),
        MessageKept(ANA, message_id, ANA, kept=True, timestamp=ms(27)),
        SealedReceived("S1", ANA, message_id, ANA, ms(27), b"x"),
    ]


class Bench:
    """A store that keeps messages for a day; ``limit`` sets the clock so that those before a second are too old."""

    def __init__(self, where: Whereabouts) -> None:
        self.files: list[DownloadedFile] = []
        self.store = Store(where, RetentionPolicy(1, self.files.extend))
        self.limit(0)

    def limit(self, second: int) -> None:
        self.store.now = ms(second) + DAY

    def prune(self) -> int:
        return prune(self.store)

    def ids(self, chat: Jid = ANA) -> list[str]:
        """Newest first."""
        return [row.id for row in self.store.reader.messages(chat, limit=100, offset=0).rows]

    def said_of(self, message_id: str) -> list[str]:
        """Tables that say something of a message."""
        execute = self.store.writer._connection.execute
        return [
            table
            for table in SAYINGS
            if execute(f"SELECT 1 FROM {table} WHERE message_id = ?", (message_id,)).fetchone()
        ]


def prune(store: Store) -> int:
    """To the end; in how many parts."""
    parts = 1
    while store.writer.prune():
        parts += 1
    return parts


def rows(store: Store, table: str) -> int:
    counted: int = store.writer._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return counted


@pytest.fixture
def bench(where: Whereabouts) -> Iterator[Bench]:
    bench = Bench(where)
    yield bench
    assert indexed(bench.store) == expected_in_index(bench.store)
    bench.store.close()


# ---- what goes ------------------------------------------------------------------------------------------------------


def test_without_a_policy_everything_stays(store: Store) -> None:
    store.now = ms(0) + 10_000 * DAY
    store.apply([message("A1", 1, "ancient")])
    assert not store.writer.prune()
    assert store.texts(ANA) == ["ancient"]


def test_the_limit_is_a_time_to_the_second(bench: Bench) -> None:
    bench.store.apply([message(f"A{second}", second) for second in range(1, 6)])
    bench.limit(3)
    bench.store.now += 999
    bench.prune()
    assert bench.ids() == ["A5", "A4", "A3"]


def test_with_a_message_goes_all_that_was_said_of_it(bench: Bench) -> None:
    of_each: list[Change] = []
    for message_id, second in (("OLD", 1), ("NEW", 5)):
        of_each += [
            message(message_id, second, "before", media=PHOTO),
            edit(message_id, 20, "after"),
            reaction(message_id, 21, "👍"),
            receipt(ReceiptKind.READ, 22, message_id),
            vote(message_id, 23, "yes", chat=ANA),
            revoke(message_id, 24),
            star(message_id, 25, starred=False),
            MessageDeletedForMe(ANA, message_id, from_me=False, timestamp=ms(26)),
            MessageLabelled("1", ANA, message_id, labelled=True, timestamp=ms(27)),
            *newer_sayings(message_id),
        ]
    bench.store.apply(of_each)
    everything = bench.said_of("OLD")
    assert everything == [table for table in SAYINGS if table != "awaited"]
    bench.limit(3)
    bench.prune()
    assert bench.said_of("OLD") == []
    assert bench.said_of("NEW") == everything
    assert bench.store.writer.find("OLD", ANA) is None
    assert bench.store.writer.find("NEW", ANA) is not None
    assert (rows(bench.store, "messages"), rows(bench.store, "media")) == (1, 1)


def test_hidden_messages_go_too(bench: Bench) -> None:
    bench.store.apply([message("A1", 1, "gone"), message("A2", 2), message("A6", 6), message("A7", 7)])
    bench.store.apply(
        [
            ChatCleared(ANA, keeps_starred=False, timestamp=ms(1)),
            MessageDeletedForMe(ANA, "A6", from_me=False, timestamp=ms(8)),
        ]
    )
    bench.limit(5)
    bench.prune()
    assert bench.ids() == ["A7"]
    assert rows(bench.store, "messages") == 2, "A6 is hidden, but young"


def test_the_downloaded_file_is_named_in_every_form_of_the_chat(bench: Bench) -> None:
    bench.store.apply([IdentityLearned(ANA_LID, ANA), message("A1", 1, chat=ANA_LID, media=PHOTO), message("A2", 2)])
    bench.store.apply([message("A5", 5, media=PHOTO)])
    bench.limit(3)
    bench.prune()
    assert sorted(bench.files, key=lambda file: str(file.chat)) == [
        DownloadedFile(chat, "A1", "image/jpeg", "Straße.jpg", PHOTO.file_sha256) for chat in (ANA, ANA_LID)
    ]


def test_the_file_of_a_revoked_message_goes(bench: Bench) -> None:
    """It may have been downloaded before."""
    bench.store.apply([message("A1", 1, media=PHOTO), revoke("A1", 2)])
    bench.limit(3)
    bench.prune()
    assert [file.message_id for file in bench.files] == ["A1"]


# ---- what stays -----------------------------------------------------------------------------------------------------


def test_starred_messages_stay_as_long_as_the_star(bench: Bench) -> None:
    bench.store.apply([message("A1", 1, "kept", media=PHOTO), reaction("A1", 1, "👍"), star("A1", 1)])
    bench.limit(50)
    bench.prune()
    (row,) = bench.store.reader.messages(ANA, limit=9, offset=0).rows
    assert (row.text, row.starred, [one.emoji for one in row.reactions]) == ("kept", True, ["👍"])
    assert bench.files == []
    bench.store.apply([star("A1", 60, starred=False)])
    bench.prune()
    assert bench.ids() == []
    assert bench.said_of("A1") == []
    assert len(bench.files) == 1


def test_a_chat_keeps_its_place_in_the_list(bench: Bench) -> None:
    """Also when nothing is left in it."""
    bench.store.apply([message("A9", 9), message("B8", 8, chat=BORIS), message("C7", 7, chat=CARLA)])
    before = bench.store.reader.chats(limit=9, offset=0)
    bench.limit(10)
    bench.store.apply([message("B11", 11, chat=BORIS)])
    bench.prune()
    after = bench.store.reader.chats(limit=9, offset=0)
    assert [chat.jid for chat in after.rows] == [BORIS, ANA, CARLA]
    assert {chat.jid: chat.last_message_time for chat in after.rows if chat.jid != BORIS} == {
        chat.jid: chat.last_message_time for chat in before.rows if chat.jid != BORIS
    }
    assert after.total == 3


def test_unread_messages_that_are_gone_do_not_count(bench: Bench) -> None:
    bench.store.apply([message(f"A{second}", second) for second in range(1, 7)])
    bench.store.apply([message(f"B{second}", second, chat=BORIS, from_history=True) for second in range(1, 7)])
    bench.store.apply([ChatChanged(BORIS, unread_count=4)])
    bench.limit(5)
    bench.prune()
    assert (bench.store.unread(ANA), bench.store.unread(BORIS)) == (2, 2)
    bench.limit(9)
    bench.prune()
    assert (bench.store.unread(ANA), bench.store.unread(BORIS)) == (0, 0)


def test_unread_messages_that_are_gone_are_not_found_in_a_history(bench: Bench) -> None:
    bench.store.apply([message("A1", 1), message("A2", 2), message("A6", 6, from_history=True)])
    bench.limit(5)
    bench.prune()
    assert bench.ids() == ["A6"]
    assert bench.store.unread(ANA) == 0


def test_fewer_unread_than_came_in_one_second(bench: Bench) -> None:
    """The phone says 1 unread of two with the same time: which one it is cannot be told from the time."""
    bench.store.apply([message("A1", 1), message("A2", 1), ChatChanged(ANA, unread_count=1)])
    assert bench.store.unread(ANA) == 1
    bench.limit(5)
    bench.prune()
    assert bench.store.unread(ANA) == 0


# ---- what comes -----------------------------------------------------------------------------------------------------


def history(*messages: MessageReceived, unread: int = 0) -> list[Change]:
    return [*(replace(one, from_history=True) for one in messages), ChatChanged(ANA, unread_count=unread)]


def test_a_history_does_not_bring_old_messages(bench: Bench) -> None:
    bench.limit(5)
    old, new = message("A1", 1, "old word", media=PHOTO), message("A6", 6, "new word")
    bench.store.apply(history(new, old, unread=2))
    assert bench.ids() == ["A6"]
    assert bench.store.unread(ANA) == 1
    bench.limit(7)
    bench.prune()
    bench.store.apply(history(new, old, unread=2))
    assert bench.ids() == []
    assert bench.store.unread(ANA) == 0
    assert rows(bench.store, "messages") == rows(bench.store, "media") == 0


def test_a_chat_of_which_only_old_messages_come_is_listed(bench: Bench) -> None:
    """As one whose messages were stored and removed."""
    bench.limit(5)
    assert bench.store.apply([message("A1", 1), message("A2", 2), message("A1", 1)]) == 0
    (chat,) = bench.store.reader.chats(limit=9, offset=0).rows
    assert chat.last_message_time is not None
    assert (chat.jid, chat.last_message_time.timestamp(), chat.unread_count) == (ANA, START + 2, 0)


def test_two_chats_that_become_one_after_an_old_message(bench: Bench) -> None:
    bench.store.apply([message("A5", 5), message("B5", 5, chat=ANA_LID)])
    bench.limit(5)
    bench.store.apply([message("A1", 1), message("B2", 2, chat=ANA_LID), IdentityLearned(ANA_LID, ANA)])
    assert sorted(bench.ids()) == ["A5", "B5"]
    assert [chat.jid for chat in bench.store.reader.chats(limit=9, offset=0).rows] == [ANA]


def test_a_history_brings_what_is_starred(bench: Bench) -> None:
    bench.limit(5)
    bench.store.apply([star("A1", 1), *history(message("A2", 2), message("A1", 1, "kept"))])
    assert bench.store.texts(ANA) == ["kept"]
    bench.prune()
    assert bench.store.texts(ANA) == ["kept"]


def test_what_is_said_of_a_removed_message_goes_when_it_is_old_itself(bench: Bench) -> None:
    bench.store.apply([message("A1", 1)])
    bench.limit(5)
    bench.prune()
    late: list[Change] = [
        edit("A1", 20, "after"),
        reaction("A1", 21, "👍"),
        receipt(ReceiptKind.DELIVERED, 1, "A1"),
        receipt(ReceiptKind.READ, 22, "A1"),
        vote("A1", 23, "yes", chat=ANA),
        revoke("A1", 24),
        star("A1", 25, starred=False),
        MessageDeletedForMe(ANA, "A1", from_me=False, timestamp=ms(26)),
        MessageLabelled("1", ANA, "A1", labelled=True, timestamp=ms(27)),
        *newer_sayings("A1"),
    ]
    bench.store.apply(late)
    assert bench.said_of("A1") == list(SAYINGS)
    bench.limit(20)
    bench.prune()
    assert bench.said_of("A1") == list(SAYINGS), "it could still be of a message that comes"
    for second, table in ((21, "edits"), (22, "reactions"), (23, "receipts"), (24, "votes"), (25, "revokes")):
        bench.limit(second)
        bench.prune()
        assert table not in bench.said_of("A1")
        assert "awaited" in bench.said_of("A1")
    bench.limit(28)
    bench.prune()
    assert bench.said_of("A1") == []


def test_what_is_free_is_given_back(bench: Bench) -> None:
    bench.store.apply([message(f"M{n}", n // 50, f"word number w{n} of many", raw=b"x" * 400) for n in range(1_500)])
    bench.limit(29)
    bench.prune()
    writer, database = bench.store.writer, database_at(bench.store.where)
    tables = ("messages", "message_search") if writer._connection.engine == "postgres" else ()
    sizes = [size_of(writer, table) for table in tables]
    whole = database.size()
    _, after = writer.compact()
    assert after < whole // 2
    assert all(size_of(writer, table) < size // 2 for table, size in zip(tables, sizes, strict=True))
    assert bench.store.texts(ANA, "w1499") == ["word number w1499 of many"]
    bench.store.apply([message("M1500", 30, "after")])
    assert bench.store.texts(ANA, "after") == ["after"]
    assert len(bench.ids()) == 51


def size_of(writer: StoreWriter, table: str) -> int:
    found = writer._connection.execute("SELECT pg_total_relation_size(to_regclass(?))", (table,)).fetchone()
    return int(found[0])


def test_what_waits_for_a_young_message_is_still_applied(bench: Bench) -> None:
    bench.store.apply([edit("A9", 20, "after"), edit("A1", 4, "never")])
    bench.limit(5)
    bench.prune()
    assert rows(bench.store, "awaited") == 1
    bench.store.apply([message("A9", 9, "before")])
    assert bench.store.texts(ANA) == ["after"]
    assert rows(bench.store, "awaited") == 0


def test_what_was_said_of_a_starred_message_waits_for_it(bench: Bench) -> None:
    bench.store.apply([star("A1", 1), reaction("A1", 2, "👍")])
    bench.limit(50)
    bench.prune()
    bench.store.apply(history(message("A1", 1, "kept")))
    (row,) = bench.store.reader.messages(ANA, limit=9, offset=0).rows
    assert (row.starred, len(row.reactions)) == (True, 1)


# ---- a small part at a time -----------------------------------------------------------------------------------------


def test_parts_are_small_and_others_may_write_between(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    bench.store.apply(
        [
            message(f"{chat.user}-{second}", second, f"word {second}", chat=chat, sender=ANA)
            for chat in CHATS
            for second in range(1, 11)
        ]
    )
    bench.limit(8)
    left, came = 40, 0
    while bench.store.writer.prune():
        came += 1
        bench.store.apply([message(f"new-{came}", 20 + came, "word")])
        now = rows(bench.store, "messages") - came
        assert left - now <= 3
        left = now
        assert indexed(bench.store) == expected_in_index(bench.store)
        for chat in CHATS:
            page = bench.store.reader.messages(chat, limit=100, offset=0)
            assert page.total == len(page.rows)
    assert left == 12
    assert came >= 28 / 3


def test_many_sayings_of_one_message(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_NEXT", retention._NEXT.replace(str(retention.LOOKED_AT), "2"))
    people = [Jid(str(4915100000000 + number), "s.whatsapp.net") for number in range(9)]
    bench.store.apply(
        [
            receipt(ReceiptKind.READ, 2, message_id, chat=GROUP, sender=person)
            for message_id in ("G1", "G2", "G3")
            for person in people
        ]
    )
    bench.store.apply([message("G2", 6, chat=GROUP, from_me=True)])
    bench.limit(5)
    bench.prune()
    assert [bench.said_of(message_id) for message_id in ("G1", "G2", "G3")] == [[], ["receipts"], []]
    assert rows(bench.store, "receipts") == len(people)


def test_a_part_that_fails_changes_nothing(where: Whereabouts) -> None:
    failing = [True]

    def remove_files(_files: Sequence[DownloadedFile]) -> None:
        if failing:
            raise OSError("no disk")

    store = Store(where, RetentionPolicy(1, remove_files))
    store.now = ms(0) + DAY
    store.apply([message("A1", 1, "word", media=PHOTO), message("A2", 2, "word")])
    store.now = ms(9) + DAY
    with pytest.raises(StoreError):
        store.writer.prune()
    assert [row.id for row in store.reader.search("word", limit=9, offset=0).rows] == ["A2", "A1"]
    assert indexed(store) == expected_in_index(store)
    failing.clear()
    prune(store)
    assert rows(store, "messages") == 0
    assert indexed(store) == {}
    store.close()


# ---- as if they had never been --------------------------------------------------------------------------------------

Said = tuple[list[Change], int]


@st.composite
def facts_and_limits(draw: st.DrawFn) -> Said:
    """Some facts in some order, and a second before which messages are too old."""
    chosen = draw(st.lists(st.sampled_from(range(len(FACTS))), unique=True, min_size=2))
    return draw(st.permutations([FACTS[index] for index in sorted(chosen)])), draw(st.integers(1, 9))


def nameless(facts: list[Change]) -> list[Change]:
    """Names of people stay when their messages go: here they would only blur the picture."""
    return [replace(fact, push_name=None) if isinstance(fact, MessageReceived) else fact for fact in facts]


def stored(
    places: Places, facts: list[Change], policy: RetentionPolicy | None, limit: int, look: Callable[[Store], object]
) -> object:
    with places.place() as where:
        with closing(Store(where, policy)) as store:
            store.now = ms(limit) + DAY
            store.apply(facts)
        with closing(Store(where, RetentionPolicy(1, lambda _files: None) if policy is None else policy)) as store:
            store.now = ms(limit) + DAY
            prune(store)
            return look(store)


def starred(places: Places, facts: list[Change]) -> set[tuple[object, str]]:
    """Messages with a star at the end, their chat as the store has it."""
    with places.place() as where, closing(Store(where)) as store:
        store.apply(facts)
        found = store.writer._connection.execute(
            "SELECT addresses.jid, message_id FROM stars JOIN addresses ON addresses.entity = stars.chat"
            " WHERE starred = 1"
        )
        return {(jid, message_id) for jid, message_id in found.fetchall()}


def young(places: Places, facts: list[Change], limit: int) -> list[Change]:
    """Without the messages that are too old."""
    kept = starred(places, facts)
    return [
        fact
        for fact in facts
        if not isinstance(fact, MessageReceived) or fact.timestamp >= ms(limit) or (str(fact.chat), fact.id) in kept
    ]


def pages(store: Store) -> dict[str, object]:
    """Lists, totals and searches; checks that the index and the counters say what the messages say."""
    reader = store.reader
    execute = store.writer._connection.execute
    assert indexed(store) == expected_in_index(store)
    store.check()
    for entity, *counters in execute("SELECT entity, message_count, media_count, sent_count FROM chats").fetchall():
        counted = execute(
            "SELECT count(*), coalesce(sum(has_media), 0), coalesce(sum(from_me), 0) FROM messages"
            " WHERE chat = ? AND place > 0",
            (entity,),
        ).fetchone()
        assert tuple(counters) == counted
    found: dict[str, object] = {"indexed": len(indexed(store)), "media": rows(store, "media")}
    for jid in (*CHATS, ANA_LID):
        everything = reader.messages(jid, limit=100, offset=0)
        assert everything.total == len(everything.rows)
        found[str(jid)] = [lasting(row) for row in everything.rows]
        for filters in ({"media_only": True}, {"from_me": True}, {"from_me": False}):
            page = reader.messages(jid, limit=100, offset=0, **filters)  # type: ignore[arg-type]
            found[f"{jid} {filters}"] = (page.total, [row.id for row in page.rows])
    for word in WORDS:
        hits = reader.search(f'"{word}"', limit=100, offset=0)
        found[word] = (hits.total, sorted(f"{row.chat} {row.id}" for row in hits.rows))
    return found


def pages_and_unread(store: Store) -> dict[str, object]:
    listed = store.reader.chats(limit=100, offset=0).rows
    volatile = {"created_at", "updated_at", "last_message_time"}
    return {**pages(store), "chats": sorted(chat.model_dump_json(exclude=volatile) for chat in listed)}


def test_what_stays_is_as_if_the_others_had_never_been(places: Places) -> None:
    @settings(max_examples=places.examples(40))
    @given(facts_and_limits())
    @example((list(FACTS), 4))
    @example((list(reversed(FACTS)), 9))
    def same(drawn: Said) -> None:
        facts, limit = nameless(drawn[0]), drawn[1]
        without = young(places, facts, limit)
        assert stored(places, facts, None, limit, pages) == stored(places, without, None, 0, pages)

    same()


def test_not_to_store_is_the_same_as_to_store_and_remove(places: Places) -> None:
    policy = RetentionPolicy(1, lambda _files: None)

    @settings(max_examples=places.examples(40))
    @given(facts_and_limits())
    @example((list(FACTS), 4))
    @example((list(reversed(FACTS)), 9))
    @example(([star("A3", 2), message("A3", 3), message("A4", 4, from_me=True)], 6))  # what we wrote read the other
    def same(drawn: Said) -> None:
        facts, limit = nameless(drawn[0]), drawn[1]
        # A star keeps only a message that is here or comes later.
        facts.sort(key=lambda fact: (not isinstance(fact, IdentityLearned), not isinstance(fact, MessageStarred)))
        removed = stored(places, facts, None, limit, pages_and_unread)
        assert stored(places, facts, policy, limit, pages_and_unread) == removed

    same()


def left(store: Store) -> list[str]:
    return sorted(row.id for chat in CHATS for row in store.reader.messages(chat, limit=99, offset=0).rows)


def test_what_is_left_of_the_facts(places: Places) -> None:
    """So that the properties above do not hold merely because nothing is stored or nothing removed."""
    facts = nameless(list(FACTS))
    assert stored(places, facts, None, 1, left) == [
        *("A1", "A2", "A3", "A4", "A5", "A7", "A8", "B2", "B6", "C3", "E1", "G1", "G2", "G3", "G5"),
        *("T1", "T1", "T1", "T2"),
    ]
    assert stored(places, facts, None, 4, left) == [
        "A4",
        "A5",
        "A7",
        "A8",
        "B6",
        "E1",
        "G3",
        "G5",
        "T1",
        "T1",
        "T1",
        "T2",
    ]
    assert stored(places, facts, None, 9, left) == ["A4", "T1", "T1", "T1", "T2"], "it is starred"
    assert stored(places, facts, None, 12, left) == ["A4", "T1", "T2"], "of those of one id, the starred one"
