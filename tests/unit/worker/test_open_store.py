"""What cannot be stored costs nothing but itself, and leaves its place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from tests.unit.whatsapp.received import ANA
from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.models.app_state import ChatChanged
from whatsapp_mcp.models.changes import Change, MessageReceived
from whatsapp_mcp.models.content import UNREADABLE, Content, MessageKind
from whatsapp_mcp.models.views import SealedStatement
from whatsapp_mcp.pipe.lines import Ended, Notice, Stored
from whatsapp_mcp.store.journal import Journal
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.worker.open_store import OpenStore


class Choosy:
    """A store that refuses some changes, as a defect would make it do."""

    def __init__(self, path: Path, *refused: object) -> None:
        self._writer = StoreWriter(path)
        self._refused = refused

    def apply(self, changes: Sequence[Change]) -> int:
        for change in changes:
            said = change.content.text if isinstance(change, MessageReceived) else type(change)
            if said in self._refused:
                raise OverflowError("a number that nobody thought of")
            if isinstance(change, MessageReceived) and "all" in self._refused:
                raise TypeError("whatever it is, it is not this message")
        return self._writer.apply(changes)

    def sealed_due(self) -> tuple[SealedStatement, ...]:
        return self._writer.sealed_due()

    def close(self) -> None:
        self._writer.close()


def message(text: str) -> MessageReceived:
    return MessageReceived(f"A{text}", ANA, ANA, 1_700_000_000_000, Content(MessageKind.TEXT, text), raw=b"\x0a\x01x")


def opened(folder: Path, told: list[Notice], *refused: object) -> OpenStore:
    path = folder / "messages.db"
    journal = Journal(folder / "incoming")
    return OpenStore(path, journal, told.append, open_writer=lambda _: cast(StoreWriter, Choosy(path, *refused)))


def test_one_message_that_cannot_be_stored(tmp_path: Path) -> None:
    told: list[Notice] = []
    store = opened(tmp_path, told, "17", "31")
    store.collect(message(str(number)) for number in range(50))
    assert store.flush()
    assert told == []
    store.announce()
    store.close()
    reader = StoreReader(tmp_path / "messages.db")
    texts = {number: reader.message(f"A{number}") for number in range(50)}
    for number, stored in texts.items():
        assert stored is not None
        if number in (17, 31):
            assert stored.kind is MessageKind.UNDECRYPTABLE
            assert stored.extra == {UNREADABLE: "it could not be stored (OverflowError)"}
        else:
            assert stored.text == str(number)
    assert not any(isinstance(notice, Ended) for notice in told)
    assert isinstance(told[-1], Stored)
    assert told[-1].newest_arrival == 50


def test_what_is_told_never_goes_back(tmp_path: Path) -> None:
    told: list[Notice] = []
    store = opened(tmp_path, told)
    first = store.writer.apply([message("first")])
    store.commit([message("second")])
    store.announce()
    store.recorded(first)
    assert store.has_news
    store.announce()
    store.announce()
    store.close()
    assert told == [Stored(newest_arrival=2), Stored(newest_arrival=2)]


def test_what_is_no_message_leaves_no_place(tmp_path: Path) -> None:
    told: list[Notice] = []
    store = opened(tmp_path, told, ChatChanged)
    store.collect([message("before"), ChatChanged(ANA, archived=True), message("after")])
    assert store.flush()
    store.close()
    reader = StoreReader(tmp_path / "messages.db")
    assert reader.message("Abefore") is not None
    assert reader.message("Aafter") is not None


def test_a_store_that_takes_no_message_at_all_is_at_fault(tmp_path: Path) -> None:
    told: list[Notice] = []
    store = opened(tmp_path, told, "all")
    store.collect([message("a"), message("b")])
    assert not store.flush()
    assert [type(notice) for notice in told] == [Ended]
    with pytest.raises((StoreError, TypeError)):
        store.commit_collected()  # nothing is given up
