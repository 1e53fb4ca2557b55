"""Webhooks and how far they are, as every node sees them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from whatsapp_mcp.errors import NotFound, SetupError
from whatsapp_mcp.models.events import USUAL
from whatsapp_mcp.webhooks.book import WebhookBook
from whatsapp_mcp.webhooks.progress import Standing, WrittenProgress, read_progress
from whatsapp_mcp.whereabouts import PostgresSchema, StoredDocument

URL = "https://hooks.example/whatsapp"


@pytest.fixture
def place(postgres_schema: PostgresSchema) -> StoredDocument:
    return StoredDocument(postgres_schema, "webhooks.json")


def test_a_webhook_of_one_node_is_there_for_the_other(place: StoredDocument) -> None:
    here, there = WebhookBook(place), WebhookBook(place)
    assert there.stamp() is None
    made = here.add("orders", URL, kinds=USUAL, since=7)
    first = there.stamp()
    assert there.webhooks() == (made,)
    there.resume("orders", since=9)
    assert here.stamp() != first
    assert (here.named("orders").since, here.named("orders").resumed) == (9, 1)
    with pytest.raises(SetupError, match="there is a webhook orders already"):
        there.add("orders", URL, kinds=USUAL)
    there.remove("orders")
    assert here.stamp() is None, "without it nobody starts a deliverer"
    with pytest.raises(NotFound):
        here.named("orders")


def test_nodes_that_add_at_once_lose_none(place: StoredDocument) -> None:
    with ThreadPoolExecutor(4) as nodes:
        names = [f"hook-{number}" for number in range(12)]
        list(nodes.map(lambda name: WebhookBook(place).add(name, URL, kinds=USUAL), names))
    assert sorted(one.name for one in WebhookBook(place).webhooks()) == sorted(names)


def test_the_next_holder_goes_on_where_the_last_one_was(postgres_schema: PostgresSchema) -> None:
    place = StoredDocument(postgres_schema, "webhooks-progress.json")
    assert read_progress(place) == {}
    written = WrittenProgress(place)
    written.note({"a": Standing(position=3), "b": Standing(position=1, refused=2)})
    written.write()
    assert read_progress(place) == {"a": Standing(position=3), "b": Standing(position=1, refused=2)}


def test_what_cannot_be_read_is_no_webhook_and_names_no_password() -> None:
    away = PostgresSchema("postgresql://ana:secret@/chats?host=/nowhere", "wa_work")
    book = WebhookBook(StoredDocument(away, "webhooks.json"))
    for use in (book.webhooks, book.stamp, lambda: book.remove("orders")):
        with pytest.raises(SetupError, match="cannot be read") as refused:
            use()
        assert "secret" not in str(refused.value)
