"""Keys under which a message is sent once: claimed, finished, released, forgotten after a day."""

from __future__ import annotations

import time

import pytest

from tests.unit.store.build import ANA, NOW, Store, message
from whatsapp_mcp.models import SendFinished
from whatsapp_mcp.store.reader import StoreReader
from whatsapp_mcp.store.records import KeyedSend
from whatsapp_mcp.store.sends import KEPT
from whatsapp_mcp.store.writer import StoreWriter


def reopened(store: Store) -> StoreWriter:
    """As another process finds the store."""
    store.writer.close()
    store.writer = StoreWriter(store.path, now=lambda: store.now)
    store.apply = store.writer.apply
    return store.writer


def test_a_key_is_claimed_once(store: Store) -> None:
    assert store.writer.find_send("k") is None
    assert store.writer.claim_send("k", "f") is None
    assert store.writer.claim_send("k", "f") == KeyedSend("f", None)
    assert store.writer.claim_send("k", "another") == KeyedSend("f", None), "what it is compared with stays"
    assert store.writer.claim_send("other", "f") is None


def test_a_claim_outlives_the_process(store: Store) -> None:
    store.writer.claim_send("k", "f")
    assert reopened(store).claim_send("k", "f") == KeyedSend("f", None)


def test_a_finished_send_is_stored_with_its_message(store: Store) -> None:
    store.writer.claim_send("k", "f")
    store.apply([message("S1", 1, "hello", from_me=True), SendFinished("k", '{"message_id":"S1"}')])
    found = KeyedSend("f", '{"message_id":"S1"}')
    assert reopened(store).claim_send("k", "f") == store.writer.find_send("k") == found
    assert store.texts(ANA) == ["hello"]


def test_neither_message_nor_result_is_stored_without_the_other(store: Store) -> None:
    store.writer.claim_send("k", "f")
    with pytest.raises(AttributeError):
        store.apply([SendFinished("k", "{}"), message("S1", 1, from_me=True), None])  # type: ignore[list-item]
    assert store.writer.find_send("k") == KeyedSend("f", None)
    assert store.texts(ANA) == []


def test_a_released_key_is_free(store: Store) -> None:
    store.writer.claim_send("k", "f")
    store.writer.release_send("k")
    assert store.writer.claim_send("k", "another") is None


def test_a_key_under_which_something_was_sent_is_not_released(store: Store) -> None:
    store.writer.claim_send("k", "f")
    store.apply([SendFinished("k", "{}")])
    store.writer.release_send("k")
    assert store.writer.find_send("k") == KeyedSend("f", "{}")


def test_after_a_day_a_key_is_forgotten(store: Store) -> None:
    store.writer.claim_send("old", "f")
    store.now += 1000
    store.writer.claim_send("newer", "f")
    store.now = NOW + KEPT - 1
    assert store.writer.find_send("old") == KeyedSend("f", None)
    store.now = NOW + KEPT
    assert store.writer.find_send("old") is None
    assert store.writer.claim_send("old", "g") is None
    store.now = NOW + KEPT + 1000
    assert store.writer.claim_send("x", "f") is None
    assert (store.writer.find_send("newer"), store.writer.find_send("old")) == (None, KeyedSend("g", None))


def test_claiming_deletes_what_is_older_than_a_day(store: Store) -> None:
    for number in range(5):
        store.writer.claim_send(f"k{number}", "f")
    store.now += KEPT
    store.writer.claim_send("new", "f")
    store.now = NOW
    assert [store.writer.find_send(f"k{number}") for number in range(5)] == [None] * 5


def test_a_key_that_no_encoding_has(store: Store) -> None:
    assert store.writer.claim_send("half \ud83d", "f") is None
    store.apply([SendFinished("half \ud83d", "{}")])
    assert store.writer.find_send("half \ud83d") == KeyedSend("f", "{}")


def test_the_reader_sees_it_too(store: Store) -> None:
    store.now = time.time_ns() // 1_000_000  # the reader's clock is the real one
    assert store.reader.send_under("k") is None
    store.writer.claim_send("k", "f")
    assert store.reader.send_under("k") == KeyedSend("f", None)
    store.now -= KEPT
    store.writer.claim_send("yesterday", "f")
    assert store.reader.send_under("yesterday") is None
    assert StoreReader(store.path.with_name("nothing.db")).send_under("k") is None
