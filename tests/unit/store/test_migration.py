"""A store that an earlier version wrote is brought up to date with all that is in it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.unit.store.build import ANA, BORIS, BORIS_LID, GROUP, ME, Store, at, message, ms, vote
from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.models.changes import (
    FOR_EVER,
    ChatCleared,
    DeliveryStatus,
    MessageDeletedForMe,
    MessageKind,
    MessageStarred,
)
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.version import SCHEMA_VERSION

WRITTEN = Path(__file__).with_name("schema_1.db.gz")
"""By the program whose only migration was ``first_tables``."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "messages.db"
    path.write_bytes(gzip.decompress(WRITTEN.read_bytes()))
    return path


def test_everything_is_still_there(old: Path) -> None:
    store = Store(old)
    reader = store.reader
    assert reader.stats().schema_version == SCHEMA_VERSION
    assert reader.owner() is not None
    assert store.texts(ANA) == ["old one", "mine", "with a photo", "good evening"]
    assert store.texts(ANA, "evening") == ["good evening"]
    assert store.texts(GROUP) == ["", "lunch?"]
    assert store.texts(BORIS_LID) == ["under a hidden number"]
    photo, mine = reader.message("A2", ANA), reader.message("A3", ANA)
    assert photo is not None
    assert mine is not None
    assert [(r.sender, r.emoji) for r in photo.reactions] == [(ME, "❤")]
    assert (photo.file_name, photo.starred, photo.labels) == ("Straße.jpg", False, ())
    assert (mine.status, [r.read_at for r in reader.receipts(mine)]) == (DeliveryStatus.READ, [at(6)])
    group = reader.chat(GROUP)
    assert group is not None
    assert (group.name, group.archived, group.muted_until) == ("Family", True, FOR_EVER)
    assert reader.chats(limit=9, offset=0).total == 3
    assert {jid: store.unread(jid) for jid in (ANA, BORIS, GROUP)} == {ANA: 0, BORIS: 1, GROUP: 2}
    store.close()


def test_what_is_new_works_on_it(old: Path) -> None:
    store = Store(old)
    store.apply(
        [
            message("G8", 11, "as it came", chat=GROUP, sender=ANA),  # its edit waited
            vote("G1", 20, "soup", voter=BORIS_LID),
            MessageStarred(ANA, "A2", starred=True, from_me=False, timestamp=ms(30)),
            ChatCleared(ANA, keeps_starred=True, timestamp=ms(5)),
            MessageDeletedForMe(GROUP, "G2", from_me=False, timestamp=ms(30)),
        ]
    )
    assert store.texts(GROUP) == ["edited before it came", "lunch?"]
    assert store.texts(ANA) == ["old one", "with a photo"]
    assert store.texts(ANA, "evening") == []
    poll = store.reader.message("G1", GROUP)
    assert poll is not None
    assert poll.kind is MessageKind.POLL
    assert [(one.option, one.voters) for one in poll.votes] == [("pizza", ()), ("soup", (BORIS,))]
    store.writer._connection.execute("INSERT INTO message_search (message_search) VALUES ('integrity-check')")
    assert store.writer._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    store.close()


def test_a_reader_waits_for_the_writer(old: Path) -> None:
    reader = StoreReader(old)
    with pytest.raises(StoreError, match="older version") as caught:
        reader.chats(limit=9, offset=0)
    assert "call again" in caught.value.next_step
    store = Store(old)
    assert reader.chats(limit=9, offset=0).total == 3
    store.close()
    reader.close()
