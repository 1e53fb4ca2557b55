"""Each held query finds exactly the messages it names: everywhere, in chats, and with filters that all pass."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.store.build import ANA, BORIS, GROUP, Store, at, ms
from tests.unit.store.held_queries import HELD, QUERIES, Query
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import MessageReceived

CHATS = (ANA, BORIS, GROUP)
ALL = len(HELD)


def _chat(number: int) -> Jid:
    return CHATS[number % len(CHATS)]


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("recall") / "messages.db")
    store.apply(
        [
            MessageReceived(key, _chat(number), ANA if _chat(number) == GROUP else _chat(number), ms(number), content)
            for number, (key, content) in enumerate(HELD.items())
        ]
    )
    yield store
    store.close()


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: f"{query.kind}: {query.text}")
def test_found(held: Store, query: Query) -> None:
    everywhere = held.reader.search(query.text, limit=ALL, offset=0)
    assert {row.id for row in everywhere.rows} == query.found
    filtered = held.reader.search(query.text, from_me=False, start=at(0), end=at(ALL), limit=ALL, offset=0)
    assert {row.id for row in filtered.rows} == query.found
    in_chats = [held.reader.messages(chat, search=query.text, limit=ALL, offset=0) for chat in CHATS]
    assert {row.id for page in in_chats for row in page.rows} == query.found


def test_every_message_is_found_by_some_query() -> None:
    assert set(HELD) == {key for query in QUERIES for key in query.found}
