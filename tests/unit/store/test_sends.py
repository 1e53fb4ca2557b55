"""Keys under which a message is sent once: claimed, finished, released, forgotten after a day."""

from __future__ import annotations

import time

import pytest

from tests.unit.store.build import ANA, ANA_LID, ME, NOW, Store, message, nowhere, receipt
from whatsapp_mcp.models.changes import IdentityLearned, SendFinished
from whatsapp_mcp.models.delivery import ReceiptKind
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.records import KeyedSend
from whatsapp_mcp.store.sends import KEPT
from whatsapp_mcp.store.write.writer import StoreWriter


def claim(store: Store, key: str, fingerprint: str) -> KeyedSend | None:
    return store.writer.claim_send(key, fingerprint, b"message")


def unknown(fingerprint: str = "f", started_at: int = NOW) -> KeyedSend:
    return KeyedSend(fingerprint, None, b"message", started_at)


def finished(result: str) -> KeyedSend:
    return KeyedSend("f", result, None, NOW)


def reopened(store: Store) -> Store:
    """As another process finds the store."""
    store.writer.close()
    store.writer = StoreWriter(store.where, now=lambda: store.now)
    store.apply = store.writer.apply
    return store


def test_a_key_is_claimed_once(store: Store) -> None:
    assert store.writer.find_send("k") is None
    assert claim(store, "k", "f") is None
    assert claim(store, "k", "f") == unknown()
    assert claim(store, "k", "another") == unknown(), "what it is compared with stays"
    assert claim(store, "other", "f") is None


def test_a_claim_outlives_the_process(store: Store) -> None:
    claim(store, "k", "f")
    assert claim(reopened(store), "k", "f") == unknown()


def test_a_finished_send_is_stored_with_its_message(store: Store) -> None:
    claim(store, "k", "f")
    store.apply([message("S1", 1, "hello", from_me=True), SendFinished("k", '{"message_id":"S1"}')])
    found = finished('{"message_id":"S1"}')
    assert claim(reopened(store), "k", "f") == store.writer.find_send("k") == found
    assert store.texts(ANA) == ["hello"]


def test_neither_message_nor_result_is_stored_without_the_other(store: Store) -> None:
    claim(store, "k", "f")
    with pytest.raises(AttributeError):
        store.apply([SendFinished("k", "{}"), message("S1", 1, from_me=True), None])  # type: ignore[list-item]
    assert store.writer.find_send("k") == unknown()
    assert store.texts(ANA) == []


def test_a_released_key_is_free(store: Store) -> None:
    claim(store, "k", "f")
    store.writer.release_send("k")
    assert claim(store, "k", "another") is None


def test_a_key_under_which_something_was_sent_is_not_released(store: Store) -> None:
    claim(store, "k", "f")
    store.apply([SendFinished("k", "{}")])
    store.writer.release_send("k")
    assert store.writer.find_send("k") == finished("{}")


def test_after_a_day_a_key_is_forgotten(store: Store) -> None:
    claim(store, "old", "f")
    store.now += 1000
    claim(store, "newer", "f")
    store.now = NOW + KEPT - 1
    assert store.writer.find_send("old") == unknown()
    store.now = NOW + KEPT
    assert store.writer.find_send("old") is None
    assert claim(store, "old", "g") is None
    store.now = NOW + KEPT + 1000
    assert claim(store, "x", "f") is None
    assert (store.writer.find_send("newer"), store.writer.find_send("old")) == (None, unknown("g", NOW + KEPT))


def test_a_key_that_counts_for_a_minute_counts_from_the_send(store: Store) -> None:
    minute = 60_000
    assert store.writer.claim_send("k", "", b"", minute) is None
    store.now += minute - 1
    assert store.writer.find_send("k", minute) is not None
    store.apply([SendFinished("k", '{"message_id":"S1"}')])
    store.now += minute - 1
    assert store.writer.claim_send("k", "", b"", minute) == KeyedSend(
        "", '{"message_id":"S1"}', None, store.now - minute + 1
    )
    store.now += 1
    assert store.writer.claim_send("k", "", b"again", minute) is None
    found = store.writer.find_send("k", minute)
    assert found is not None
    assert (found.result, found.message) == (None, b"again")


def test_such_a_claim_outlives_the_process(store: Store) -> None:
    store.writer.claim_send("k", "", b"message", 60_000)
    assert claim(reopened(store), "k", "") == unknown("")


def test_claiming_deletes_what_is_older_than_a_day(store: Store) -> None:
    for number in range(5):
        claim(store, f"k{number}", "f")
    store.now += KEPT
    claim(store, "new", "f")
    store.now = NOW
    assert [store.writer.find_send(f"k{number}") for number in range(5)] == [None] * 5


def test_a_key_that_no_encoding_has(store: Store) -> None:
    assert claim(store, "half \ud83d", "f") is None
    store.apply([SendFinished("half \ud83d", "{}")])
    assert store.writer.find_send("half \ud83d") == finished("{}")


def test_a_receipt_of_a_message_that_is_not_stored(store: Store) -> None:
    assert not store.writer.has_receipt("S1", ANA_LID)
    store.apply([receipt(ReceiptKind.READ, 5, "S1", chat=ANA_LID, sender=ME, from_me=True)])
    assert not store.writer.has_receipt("S1", ANA_LID), "of our own devices"
    store.apply([receipt(ReceiptKind.DELIVERED, 6, "S1", chat=ANA_LID), IdentityLearned(ANA_LID, ANA)])
    assert store.writer.has_receipt("S1", ANA_LID)
    assert store.writer.has_receipt("S1", ANA)
    assert not store.writer.has_receipt("S2", ANA)


def test_the_reader_sees_it_too(store: Store) -> None:
    store.now = time.time_ns() // 1_000_000  # the reader's clock is the real one
    assert store.reader.send_under("k") is None
    claim(store, "k", "f")
    assert store.reader.send_under("k") == unknown("f", store.now)
    store.now -= KEPT
    claim(store, "yesterday", "f")
    assert store.reader.send_under("yesterday") is None
    assert StoreReader(nowhere(store.where)).send_under("k") is None
