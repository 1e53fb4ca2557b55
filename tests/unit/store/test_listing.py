"""Pages of messages: newest first, filters and totals agree, whatever the filters are."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.store.build import ANA, BORIS, PHOTO, START, Store, at, message
from tests.unit.store.conftest import Places
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import MessageReceived
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.read import catching_up
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.records import Stretch

WORDS = ("alpha", "beta", "gamma")


@dataclass(frozen=True)
class Filters:
    start: int | None
    end: int | None
    media_only: bool
    from_me: bool | None
    search: str | None


@st.composite
def histories(draw: st.DrawFn) -> list[MessageReceived]:
    count = draw(st.integers(0, 25))
    return [
        message(
            f"M{i}",
            draw(st.integers(0, 12)),
            " ".join(draw(st.lists(st.sampled_from(WORDS), max_size=3))),
            chat=draw(st.sampled_from([ANA, ANA, BORIS])),
            from_me=draw(st.booleans()),
            from_history=draw(st.booleans()),
            media=PHOTO if draw(st.booleans()) else None,
        )
        for i in range(count)
    ]


filters = st.builds(
    Filters,
    start=st.none() | st.integers(-1, 13),
    end=st.none() | st.integers(-1, 13),
    media_only=st.booleans(),
    from_me=st.none() | st.booleans(),
    search=st.none() | st.sampled_from([*WORDS, "ALPHA beta", "nothing"]),
)


def fits(change: MessageReceived, chosen: Filters) -> bool:
    second = change.timestamp // 1000 - START
    return (
        change.chat == ANA
        and (chosen.start is None or second >= chosen.start)
        and (chosen.end is None or second <= chosen.end)
        and (not chosen.media_only or change.content.media is not None)
        and (chosen.from_me is None or change.from_me is chosen.from_me)
        and (chosen.search is None or set(chosen.search.lower().split()) <= set(change.content.text.split()))
    )


def test_pages_and_totals_agree_with_a_scan(places: Places) -> None:
    @settings(max_examples=places.examples(60))
    @given(histories(), st.lists(filters, min_size=1, max_size=6), st.integers(1, 7))
    def agree(history: list[MessageReceived], several: list[Filters], size: int) -> None:
        with places.place() as where, closing(Store(where)) as store:
            store.apply(history)
            order = {change.id: i for i, change in enumerate(history)}
            for chosen in several:
                expected = [
                    change.id
                    for change in sorted(history, key=lambda c: (c.timestamp, order[c.id]), reverse=True)
                    if fits(change, chosen)
                ]
                assert pages(store, chosen, size) == expected

    agree()


def test_what_is_asked_together_is_asked_of_one_state(places: Places) -> None:
    with places.place() as where, closing(Store(where)) as store:
        store.apply([message("M1", 1, "one", chat=ANA)])

        def counts(reader: StoreReader) -> tuple[int, int]:
            before = reader.messages(ANA, limit=9, offset=0).total
            store.apply([message("M2", 2, "two", chat=ANA)])
            return before, reader.messages(ANA, limit=9, offset=0).total

        assert store.reader.of_one_state(counts) == (1, 1)
        assert store.reader.messages(ANA, limit=9, offset=0).total == 2


def test_a_question_that_fails_leaves_no_state_behind(places: Places) -> None:
    with places.place() as where, closing(Store(where)) as store:

        def fail(reader: StoreReader) -> None:
            assert reader.messages(ANA, limit=9, offset=0).total == 0
            raise LookupError

        with pytest.raises(LookupError):
            store.reader.of_one_state(fail)
        store.apply([message("M1", 1, "one", chat=ANA)])
        assert store.reader.messages(ANA, limit=9, offset=0).total == 1


def pages(store: Store, chosen: Filters, size: int) -> list[str]:
    seen: list[str] = []
    total = 1
    while len(seen) < total:
        page = store.reader.messages(
            ANA,
            limit=size,
            offset=len(seen),
            start=None if chosen.start is None else at(chosen.start),
            end=None if chosen.end is None else at(chosen.end),
            media_only=chosen.media_only,
            from_me=chosen.from_me,
            search=chosen.search,
        )
        total = page.total
        assert len(page.rows) == min(size, total - len(seen))
        seen += [row.id for row in page.rows]
    return seen


def test_times_are_inclusive_by_the_second(store: Store) -> None:
    store.apply([message(f"M{second}", second) for second in range(4, 8)])

    def ids(start: datetime | None, end: datetime | None) -> list[str]:
        page = store.reader.messages(ANA, limit=10, offset=0, start=start, end=end)
        assert page.total == len(page.rows)
        return [row.id for row in page.rows]

    half = timedelta(milliseconds=500)
    assert ids(at(5), at(6)) == ["M6", "M5"]
    assert ids(at(5) - half, at(6) + half) == ["M6", "M5"]
    assert ids(at(5) + half, None) == ["M7", "M6"]
    assert ids(None, at(6) - half) == ["M5", "M4"]
    assert ids(at(5) + half, at(6) - half) == ids(at(6), at(5)) == []
    elsewhere = at(5).astimezone(timezone(timedelta(hours=-3)))
    assert ids(elsewhere, at(5).replace(tzinfo=None)) == ["M5"]
    assert ids(datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)) != []


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (-5, 0), (10, -3), (10, 10**12)])
def test_odd_pages(store: Store, limit: int, offset: int) -> None:
    store.apply([message("M1", 1), message("M2", 2)])
    page = store.reader.messages(ANA, limit=limit, offset=offset)
    assert page.total == 2
    assert len(page.rows) == (2 if limit > 0 and offset <= 0 else 0)
    assert store.reader.chats(limit=limit, offset=offset).total == 1


def test_an_unknown_chat_has_no_messages(store: Store) -> None:
    assert store.reader.messages(Jid.parse("1@s.whatsapp.net"), limit=5, offset=0).total == 0


@pytest.mark.parametrize(("lines", "shown", "examined"), [(10, [10] * 6, [6]), (20, [2] * 30, [3, 6, 12, 9])])
def test_what_is_new_is_examined_as_far_as_it_fits(
    store: Store, monkeypatch: pytest.MonkeyPatch, lines: int, shown: list[int], examined: list[int]
) -> None:
    """Of many chats in which much was written a page shows few; of those in which little was, many."""
    people = [Jid.parse(f"4917{number:08}@s.whatsapp.net") for number in range(40)]
    store.apply([message(f"M{n}", n, "hello", chat=people[n % 40]) for n in range(40 * shown[0])])
    looks: list[int] = []
    drafts = catching_up._drafts

    def counted(connection: StoreConnection, stretch: Stretch, waiting: Sequence[tuple[int, int]], *rest: Any) -> Any:
        looks.append(len(waiting))
        return drafts(connection, stretch, waiting, *rest)

    monkeypatch.setattr(catching_up, "_drafts", counted)
    stretch = Stretch(start=0, after=0, late=store.writer.newest_arrival, until=store.writer.newest_arrival)
    found = store.reader.catch_up(stretch, chats=30, lines=lines)
    assert [news.chat.jid for news in found.chats] == people[:9:-1][: len(shown)]
    assert [len(news.lines) for news in found.chats] == shown
    assert looks == examined
    assert found.more
