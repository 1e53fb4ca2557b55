"""A store that an earlier version wrote is brought up to date with all that is in it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from sqlite_utils import Database

from tests.unit.store.build import ANA, BORIS, BORIS_LID, GROUP, ME, Store, at, message, ms, vote
from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.models.app_state import ChatCleared, MessageDeletedForMe, MessageStarred
from whatsapp_mcp.models.changes import IdentityLearned
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.models.delivery import DeliveryStatus
from whatsapp_mcp.models.views import FOR_EVER
from whatsapp_mcp.store.engine.sqlite.files import open_for_writing
from whatsapp_mcp.store.engine.sqlite.tables import migrations
from whatsapp_mcp.store.read.exporting import exported_messages
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.rows import place_of
from whatsapp_mcp.store.search.span import Span
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


def newest_by_chat(store: Store) -> tuple[dict[int, int], dict[int, int]]:
    """As the chats have it, and as their messages say."""
    execute = store.writer._connection.execute
    kept = execute("SELECT entity, newest_arrival FROM chats WHERE message_count > 0").fetchall()
    counted = execute("SELECT chat, max(arrival) FROM messages GROUP BY chat").fetchall()
    return dict(kept), dict(counted)


def test_where_each_chat_ends_is_known(old: Path) -> None:
    store = Store(old)
    kept, counted = newest_by_chat(store)
    assert kept == counted
    assert len(kept) == 3
    store.apply([message("N1", 90, from_history=True), message("N2", 91, chat=GROUP, sender=ANA)])
    store.apply([message("N1", 90), message("B9", 92, chat=BORIS), IdentityLearned(BORIS_LID, BORIS)])
    kept, counted = newest_by_chat(store)
    assert kept == counted
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


def test_what_was_said_gets_the_author_of_its_message(tmp_path: Path) -> None:
    """Before, a chat had one message of an id: what named that id was about it."""
    path = tmp_path / "messages.db"
    connection = open_for_writing(path)
    migrations.apply(Database(connection, execute_plugins=False), stop_before="message_authors")
    execute = connection.execute
    execute("BEGIN")
    execute("INSERT INTO meta VALUES ('owner_number', ?), ('index_version', 'old'), ('arrival', 3)", (str(ME),))
    for number, jid, kind in ((1, ME, "person"), (2, ANA, "person"), (3, BORIS, "person"), (4, GROUP, "group")):
        execute("INSERT INTO entities VALUES (?, ?, NULL, ?, NULL, '')", (number, str(jid), kind))
        execute("INSERT INTO addresses VALUES (?, ?, ?)", (number, str(jid), number))
    execute(
        "INSERT INTO chats (entity, ephemeral_expiration, archived, pinned, muted_until, message_count, media_count,"
        " sent_count, created_at, updated_at) VALUES (4, 0, 0, 0, 0, 2, 0, 0, 0, 0)"
    )
    for arrival, message_id, text, revoked_at in ((1, "X", "of ana", None), (2, "R", "deleted", ms(9))):
        values = (arrival, place_of(ms(arrival), arrival), message_id, ms(arrival), text, revoked_at)
        execute(
            "INSERT INTO messages (arrival, place, chat, id, sender, wire_chat, timestamp, from_me, from_history,"
            " has_media, kind, text, forwarded, view_once, expiration, created_at, updated_at, revoked_at)"
            " VALUES (?1, ?2, 4, ?3, 2, 4, ?4, 0, 1, 0, 'text', ?5, 0, 0, 0, 0, 0, ?6)",
            values,
        )
    execute("INSERT INTO revokes VALUES (4, 'R', 3, ?), (4, 'LATER', 3, ?)", (ms(9), ms(9)))
    execute("INSERT INTO reactions VALUES (4, 'X', 3, '👍', 0, 5), (4, 'LATER', 3, '❤', 0, 5)")
    execute("INSERT INTO votes VALUES (4, 'LATER', 3, '[\"yes\"]', 5)")
    execute("INSERT INTO stars VALUES (4, 'X', 1, 5)")
    execute("INSERT INTO deletions VALUES (4, 'GONE', 5)")
    execute("INSERT INTO labels VALUES ('1', 'Paid', 0, 0, 5)")
    execute("INSERT INTO message_labels VALUES (4, 'X', '1', 1, 5)")
    execute("INSERT INTO awaited VALUES (4, 'GONE'), (4, 'LATER')")
    execute("COMMIT")
    connection.close()

    store = Store(path)
    found, deleted = store.reader.message("X", GROUP), store.reader.message("R", GROUP)
    assert found is not None
    assert deleted is not None
    assert ([r.emoji for r in found.reactions], found.starred, found.labels) == (["👍"], True, ("Paid",))
    assert deleted.revoked_at == at(9)
    (exported,) = [one for one in exported_messages(path, [GROUP], Span(None, None)) if one.message.id == "R"]
    assert exported.revoked_by == BORIS
    store.apply([message("X", 3, "of boris", chat=GROUP, sender=BORIS), message("GONE", 4, chat=GROUP, sender=ANA)])
    store.apply([message("LATER", 5, chat=GROUP, sender=ANA, kind=MessageKind.POLL, extra={"options": ["yes"]})])
    twin, later = store.reader.message(f"X from {BORIS}", GROUP), store.reader.message("LATER", GROUP)
    assert twin is not None
    assert (twin.reactions, twin.starred, twin.labels) == ((), False, ())
    assert store.reader.message("GONE", GROUP) is None, "it was deleted before it came"
    assert later is not None
    assert later.revoked_at is None, "that the other one was an admin is not known"
    assert ([r.emoji for r in later.reactions], later.votes[0].voters) == (["❤"], (BORIS,))
    assert store.writer._connection.execute("PRAGMA foreign_key_check").fetchall() == []
    store.close()
