"""The same facts in any order, in any batches, end in the same state.

Everything that WhatsApp tells with a time or that is true once and for all is drawn: messages (live, from history,
unreadable at first, delivered twice, under either address), edits, revokes, reactions, votes, answers, pins, receipts,
mappings, names, stars, labels, marks, deletions.
Left out is what is true only until the next such statement: ``ChatChanged.unread_count`` and flags that change.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.store.build import (
    ANA,
    ANA_LID,
    BORIS,
    BORIS_LID,
    CARLA,
    GROUP,
    ME,
    MY_LID,
    PHOTO,
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
from whatsapp_mcp.models.app_state import (
    ChatChanged,
    ChatCleared,
    ChatDeleted,
    ChatLabelled,
    ChatMarkedRead,
    LabelChanged,
    MessageDeletedForMe,
    MessageLabelled,
    MessageStarred,
)
from whatsapp_mcp.models.changes import (
    Change,
    ContactSeen,
    EventAnswered,
    IdentityLearned,
    MessageKept,
    MessagePinned,
    PersonReceipts,
    PollOptionAdded,
    ReceiptsTold,
)
from whatsapp_mcp.models.content import EventAnswer, MessageKind
from whatsapp_mcp.models.delivery import DeliveryStatus, ReceiptKind
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.store.engine.choice import search_tables
from whatsapp_mcp.store.search.index import DOCUMENT_COLUMNS, documents

FACTS: Final[tuple[Change, ...]] = (
    IdentityLearned(ANA_LID, ANA),
    IdentityLearned(BORIS_LID, BORIS),
    # a chat of two, under both addresses
    message("A1", 1, "first word", chat=ANA, push_name="ana"),
    message("A1", 1, "first word", chat=ANA_LID, push_name="ana"),
    message("A2", 2, "second word", chat=ANA_LID, media=PHOTO),
    message("A3", 3, chat=ANA_LID, kind=MessageKind.UNDECRYPTABLE, raw=b""),
    message("A3", 3, "third word", chat=ANA),
    message("A4", 4, "mine", chat=ANA_LID, from_me=True, status=DeliveryStatus.SENT),
    message("A4", 4, "mine", chat=ANA, from_me=True, status=DeliveryStatus.PENDING),
    message("A5", 5, "fifth word", chat=ANA),
    message("A6", 6, "old", chat=ANA, from_history=True, push_name="ana b"),
    message("A7", 7, "known twice", chat=ANA_LID, from_history=True),
    message("A7", 7, "known twice", chat=ANA_LID),
    message("A8", 8, "mine from the phone", chat=ANA, from_me=True, from_history=True, media=PHOTO),
    edit("A2", 20, "second edited", chat=ANA),
    edit("A2", 21, "second edited again", chat=ANA_LID),
    edit("A4", 22, "mine edited", chat=ANA, sender=ME),
    edit("A4", 23, "mine edited as lid", chat=ANA_LID, sender=MY_LID),
    edit("A5", 24, "forged", chat=ANA, sender=BORIS),
    revoke("A1", 30, chat=ANA_LID),
    revoke("A5", 31, chat=ANA, by=ME),  # not ours to revoke
    revoke("A2", 32, chat=ANA),
    reaction("A1", 40, "👍", chat=ANA, sender=ME, from_me=True),
    reaction("A1", 41, "", chat=ANA_LID, sender=ME, from_me=True),
    reaction("A3", 42, "❤", chat=ANA, sender=ANA_LID),
    reaction("A3", 43, "😂", chat=ANA_LID, sender=ANA),
    receipt(ReceiptKind.DELIVERED, 50, "A4", "A8", chat=ANA),
    receipt(ReceiptKind.READ, 51, "A4", chat=ANA_LID),
    receipt(ReceiptKind.READ, 52, "A3", chat=ANA_LID, sender=ME, from_me=True),
    receipt(ReceiptKind.DELIVERED, 49, "A4", chat=ANA_LID),
    # a group
    message("G1", 2, "group word", chat=GROUP, sender=ANA_LID),
    message("G2", 3, "group photo", chat=GROUP, sender=BORIS, media=PHOTO, push_name="Boris"),
    message("G3", 4, "from me", chat=GROUP, from_me=True),
    message("G4", 5, "group later", chat=GROUP, sender=BORIS_LID),
    edit("G1", 20, "group edited", chat=GROUP, sender=ANA),
    edit("G2", 21, "group forged", chat=GROUP, sender=ANA),
    revoke("G2", 30, chat=GROUP, by=ANA, author=BORIS_LID, by_admin=True),
    revoke("G1", 29, chat=GROUP, by=BORIS, author=ANA_LID),  # not his to revoke
    reaction("G1", 40, "👍", chat=GROUP, sender=BORIS_LID),
    reaction("G1", 41, "", chat=GROUP, sender=BORIS),
    receipt(ReceiptKind.READ, 50, "G3", chat=GROUP, sender=BORIS_LID),
    receipt(ReceiptKind.READ, 51, "G1", chat=GROUP, sender=ME, from_me=True),
    # a poll
    message("G5", 6, "Which word?", chat=GROUP, sender=ANA, kind=MessageKind.POLL, extra={"options": ["yes", "no"]}),
    vote("G5", 60, "yes", voter=BORIS),
    vote("G5", 61, "no", voter=BORIS_LID),
    vote("G5", 62, "yes", "no", voter=ANA_LID),
    vote("G5", 63, voter=ANA),
    vote("G5", 62, "yes", voter=ME, from_me=True),
    PollOptionAdded(GROUP, "G5", ANA_LID, "perhaps", ms(64), author=ANA),
    PollOptionAdded(GROUP, "G5", BORIS_LID, "never", ms(65), author=ANA),  # not his to add
    # an event, what is pinned and kept, and how far a message of ours got
    message("E1", 7, "A dinner", chat=GROUP, sender=ANA_LID, kind=MessageKind.EVENT, extra={"start_time": 5}),
    EventAnswered(GROUP, "E1", BORIS_LID, EventAnswer.GOING, ms(60), author=ANA),
    EventAnswered(GROUP, "E1", BORIS, EventAnswer.NOT_GOING, ms(61), author=ANA_LID),
    EventAnswered(GROUP, "E1", ANA, EventAnswer.MAYBE, ms(62), guests=2, author=ANA),
    EventAnswered(GROUP, "E1", ME, EventAnswer.GOING, ms(63), from_me=True, author=ANA),
    EventAnswered(GROUP, "E1", ME, None, ms(64), from_me=True, author=ANA),
    MessagePinned(GROUP, "G1", BORIS_LID, pinned=True, timestamp=ms(80), author=ANA),
    MessagePinned(GROUP, "G1", ANA, pinned=False, timestamp=ms(81), author=ANA_LID),
    MessagePinned(GROUP, "E1", BORIS, pinned=False, timestamp=ms(80), author=ANA),
    MessagePinned(GROUP, "E1", ANA_LID, pinned=True, timestamp=ms(82), author=ANA_LID),
    MessageKept(ANA, "A7", ANA_LID, kept=True, timestamp=ms(80)),
    MessageKept(ANA_LID, "A1", ANA, kept=False, timestamp=ms(80), author=ANA),
    ReceiptsTold(GROUP, "G3", (PersonReceipts(ANA_LID, ms(50), ms(53)), PersonReceipts(BORIS, ms(51)))),
    # one id, chosen by three people
    message("T1", 10, "thing of ana", chat=GROUP, sender=ANA_LID, media=PHOTO),
    message("T1", 10, "thing of ana", chat=GROUP, sender=ANA, media=PHOTO),
    message("T1", 11, chat=GROUP, sender=BORIS_LID, kind=MessageKind.UNDECRYPTABLE, raw=b""),
    message("T1", 11, "thing of boris", chat=GROUP, sender=BORIS),
    message("T1", 12, "thing of ours", chat=GROUP, from_me=True),
    edit("T1", 20, "another thing of ana", chat=GROUP, sender=ANA),
    edit("T1", 21, "another thing of boris", chat=GROUP, sender=BORIS_LID),
    edit("T1", 22, "another thing of carla", chat=GROUP, sender=CARLA),
    revoke("T1", 30, chat=GROUP, by=BORIS, author=ANA_LID),
    revoke("T1", 31, chat=GROUP, by=CARLA, author=BORIS, by_admin=True),
    reaction("T1", 40, "👍", chat=GROUP, sender=BORIS, author=ANA),
    reaction("T1", 41, "❤", chat=GROUP, sender=BORIS_LID, author=ANA_LID),
    reaction("T1", 42, "😮", chat=GROUP, sender=ANA, author=ME),
    receipt(ReceiptKind.READ, 50, "T1", chat=GROUP, sender=ANA_LID),
    MessageStarred(GROUP, "T1", starred=True, from_me=False, author=ANA_LID, timestamp=ms(70)),
    MessageStarred(GROUP, "T1", starred=False, from_me=False, author=ANA, timestamp=ms(71)),
    MessageStarred(GROUP, "T1", starred=True, from_me=True, timestamp=ms(70)),
    message("T2", 13, "thing of ana", chat=ANA),
    message("T2", 13, "thing of ana", chat=ANA_LID),
    message("T2", 14, "thing of ours", chat=ANA_LID, from_me=True),
    MessageDeletedForMe(ANA_LID, "T2", from_me=False, timestamp=ms(72)),
    reaction("T2", 43, "👍", chat=ANA_LID, sender=ANA_LID, author=ME),
    # what our devices say of single messages
    MessageStarred(ANA, "A3", starred=True, from_me=False, timestamp=ms(70)),
    MessageStarred(ANA_LID, "A3", starred=False, from_me=False, timestamp=ms(71)),
    MessageStarred(ANA_LID, "A4", starred=True, from_me=True, timestamp=ms(70)),
    MessageDeletedForMe(ANA_LID, "A6", from_me=False, timestamp=ms(72)),
    MessageDeletedForMe(GROUP, "G4", from_me=False, author=BORIS, timestamp=ms(72)),
    LabelChanged("1", "New customer", 3, timestamp=ms(73)),
    LabelChanged("1", "Old customer", 3, timestamp=ms(74)),
    LabelChanged("2", "Paid", 4, timestamp=ms(73)),
    LabelChanged("2", "Paid", 4, deleted=True, timestamp=ms(75)),
    MessageLabelled("1", ANA_LID, "A3", labelled=True, timestamp=ms(76)),
    MessageLabelled("1", ANA, "A3", labelled=False, timestamp=ms(75)),
    ChatLabelled("1", ANA_LID, labelled=True, timestamp=ms(76)),
    ChatLabelled("1", ANA, labelled=True, timestamp=ms(77)),
    ChatLabelled("2", ANA, labelled=True, timestamp=ms(76)),
    ChatMarkedRead(ANA, read=True, timestamp=ms(4)),
    ChatMarkedRead(ANA_LID, read=False, timestamp=ms(5)),
    # a chat that was cleared, under both addresses
    message("B1", 1, "first word", chat=BORIS_LID, media=PHOTO),
    message("B2", 2, "second word", chat=BORIS),
    message("B2", 2, "second word", chat=BORIS_LID),
    message("B3", 3, chat=BORIS_LID, kind=MessageKind.UNDECRYPTABLE, raw=b""),
    message("B3", 3, "third word", chat=BORIS),
    message("B4", 4, "mine", chat=BORIS, from_me=True),
    message("B5", 5, "known twice", chat=BORIS, from_history=True),
    message("B5", 5, "known twice", chat=BORIS_LID),
    message("B6", 6, "later word", chat=BORIS_LID),
    message("B7", 7, "last word", chat=BORIS),
    edit("B2", 8, "second edited", chat=BORIS_LID),
    revoke("B3", 8, chat=BORIS),
    MessageStarred(BORIS_LID, "B1", starred=True, from_me=False, timestamp=ms(1)),
    MessageStarred(BORIS, "B2", starred=True, from_me=False, timestamp=ms(2)),
    MessageStarred(BORIS, "B2", starred=False, from_me=False, timestamp=ms(9)),
    MessageStarred(BORIS, "B4", starred=True, from_me=True, timestamp=ms(4)),
    MessageStarred(BORIS_LID, "B4", starred=False, from_me=True, timestamp=ms(5)),
    ChatCleared(BORIS_LID, keeps_starred=True, timestamp=ms(5)),
    ChatCleared(BORIS, keeps_starred=False, timestamp=ms(1)),
    MessageDeletedForMe(BORIS, "B7", from_me=False, timestamp=ms(8)),
    # one that was deleted
    message("C1", 1, "first word", chat=CARLA),
    message("C2", 2, "second word", chat=CARLA, from_me=True, media=PHOTO),
    message("C3", 3, "third word", chat=CARLA),
    ChatDeleted(CARLA, timestamp=ms(2)),
    ChatDeleted(CARLA, timestamp=ms(1)),
    ChatMarkedRead(CARLA, read=True, timestamp=ms(2)),
    # names
    ChatChanged(GROUP, name="Family"),
    ContactSeen(ANA, full_name="Ana Souza"),
    ContactSeen(ANA_LID, business_name="Padaria"),
    ChatChanged(BORIS_LID, name="Boris at work"),
)
WORDS: Final = (
    *("first", "second", "third", "mine", "edited", "again", "forged", "group", "later", "thing", "another", "boris"),
    *("strasse", "word"),
)
CHATS: Final = (ANA, BORIS, CARLA, GROUP)


def state(places: Places, changes: list[Change], cuts: list[int]) -> dict[str, object]:
    """What can be seen after applying the changes, in batches that end at ``cuts``."""
    with places.place() as where, closing(Store(where)) as store:
        for start, end in zip([0, *cuts], [*cuts, len(changes)], strict=True):
            store.apply(changes[start:end])
        return seen(store)


def lasting(message: Message) -> str:
    """What it says, whenever and after whatever it was stored."""
    return str(replace(message, arrival=0, created_at=message.timestamp, updated_at=message.timestamp))


def seen(store: Store) -> dict[str, object]:
    reader, volatile = store.reader, {"created_at", "updated_at"}
    chats = reader.chats(limit=100, offset=0)
    messages = {jid: reader.messages(jid, limit=100, offset=0) for jid in (*CHATS, *(chat.jid for chat in chats.rows))}
    by_index = store.writer._connection.execute(
        "SELECT entities.jid, message_id, author.jid, receipts.from_me, min(delivered_at), min(read_at), min(played_at)"
        " FROM receipts JOIN entities ON entities.id = receipts.chat JOIN addresses ON addresses.id = receipts.sender"
        " JOIN entities AS author ON author.id = addresses.entity GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
    ).fetchall()
    assert indexed(store) == expected_in_index(store)
    store.check()
    for word in WORDS:
        everywhere = reader.search(f'"{word}"', limit=100, offset=0)
        assert everywhere.total == len(everywhere.rows)
        assert {(row.chat, row.id) for row in everywhere.rows} == {
            (row.chat, row.id)
            for jid in messages
            for row in reader.messages(jid, limit=100, offset=0, search=f'"{word}"').rows
        }
    for jid, page in messages.items():
        chat = reader.chat(jid)
        assert (chat and chat.last_message_time) == max((row.timestamp for row in page.rows), default=None)
        assert page.total == len(page.rows)
        for word in WORDS:  # the index and the texts say the same
            found = {row.arrival for row in reader.messages(jid, limit=100, offset=0, search=f'"{word}"').rows}
            shown = {row.arrival: f"{row.text} {row.file_name}".lower().replace("ß", "ss") for row in page.rows}
            assert found == {arrival for arrival, text in shown.items() if word in text}
        for filters in ({"media_only": True}, {"from_me": True}, {"from_me": False}):
            filtered = reader.messages(jid, limit=100, offset=0, **filters)  # type: ignore[arg-type]
            assert filtered.total == len(filtered.rows)
    return {
        "chats": sorted(chat.model_dump_json(exclude=volatile) for chat in chats.rows),
        "messages": sorted(lasting(message) for page in messages.values() for message in page.rows),
        "contacts": [contact.model_dump_json() for contact in reader.contacts()],
        "receipts": by_index,
        "receipts seen": sorted(
            receipt.model_dump_json()
            for page in messages.values()
            for row in page.rows
            for receipt in reader.receipts(row)
        ),
        "identities": [(reader.number_of(lid), store.lid_of(lid)) for lid in (ANA_LID, BORIS_LID, MY_LID)],
        "newest": reader.stats().newest_message,
    }


def indexed(store: Store) -> dict[int, str]:
    """What the search index holds, by place."""
    execute = store.writer._connection.execute
    if not isinstance(store.where, Path):
        # It cannot be asked for its words: what compares them for `doctor` does.
        assert search_tables(store.writer._connection).fault(store.writer._connection) is None
        expected = expected_in_index(store)
        return {place: expected.get(place, "") for (place,) in execute("SELECT place FROM message_search").fetchall()}
    execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.words USING fts5vocab(main, message_search, instance)")
    documents: dict[int, list[str]] = {}
    for place, word in execute("SELECT doc, term FROM temp.words ORDER BY doc, offset"):
        documents.setdefault(place, []).append(word)
    return {place: " ".join(words) for place, words in documents.items()}


def expected_in_index(store: Store) -> dict[int, str]:
    """What the messages say that it should hold."""
    rows = store.writer._connection.execute(
        f"SELECT {DOCUMENT_COLUMNS} FROM messages AS m LEFT JOIN media ON media.arrival = m.arrival"
        " WHERE m.revoked_at IS NULL AND m.place > 0"
    )
    return {place: document.strip() for place, document in documents(rows)}


@st.composite
def orders(draw: st.DrawFn) -> tuple[list[Change], list[Change], list[int]]:
    """Some facts, the same in another order, and where to cut that into batches."""
    chosen = draw(st.lists(st.sampled_from(range(len(FACTS))), unique=True, min_size=2))
    facts = [FACTS[i] for i in sorted(chosen)]
    shuffled = draw(st.permutations(facts))
    repeated = shuffled + draw(st.lists(st.sampled_from(facts), max_size=3))
    cuts = sorted(draw(st.lists(st.integers(0, len(repeated)), max_size=4)))
    return facts, repeated, cuts


def test_the_order_does_not_matter(places: Places) -> None:
    @settings(max_examples=places.examples(120))
    @given(orders())
    @example((list(FACTS), list(reversed(FACTS)), []))
    @example((list(FACTS), [*FACTS[1:], FACTS[0]], [5, 10]))
    def same(drawn: tuple[list[Change], list[Change], list[int]]) -> None:
        facts, shuffled, cuts = drawn
        assert state(places, facts, []) == state(places, shuffled, cuts)

    same()


def test_the_state_is_what_the_facts_say(store: Store) -> None:
    """So that the property above does not hold merely because nothing is stored."""
    store.apply(list(reversed(FACTS)))
    shown = [row for chat in CHATS for row in store.reader.messages(chat, limit=99, offset=0).rows]
    assert [(row.sender, row.text, row.starred) for row in shown if row.id.startswith("T")] == [
        (ME, "thing of ours", False),
        (ME, "thing of ours", True),
        (BORIS, "", False),
        (ANA, "another thing of ana", False),
    ]
    assert [(row.sender, one.sender, one.emoji) for row in shown if row.id == "T1" for one in row.reactions] == [
        (ME, ANA, "😮"),
        (ANA, BORIS, "❤"),
    ]
    rows = {row.id: row for row in shown}
    assert [(one.jid, one.answer, one.guests) for one in rows["E1"].answers] == [
        (BORIS, EventAnswer.NOT_GOING, 0),
        (ANA, EventAnswer.MAYBE, 2),
    ]
    assert {row.id: row.pinned.by for row in shown if row.pinned} == {"E1": ANA}
    assert {row.id: row.kept.by for row in shown if row.kept} == {"A7": ANA}
    assert rows["G5"].extra["options"] == ["yes", "no", "perhaps"]
    texts = {row.id: row.text for row in shown if not row.id.startswith("T")}
    assert texts == {
        "A1": "",
        "A2": "",
        "A3": "third word",
        "A4": "mine edited as lid",
        "A5": "fifth word",
        "A7": "known twice",
        "A8": "mine from the phone",
        "G1": "group edited",
        "G2": "",
        "G3": "from me",
        "G5": "Which word?",
        "E1": "A dinner",
        "B2": "second edited",
        "B6": "later word",
        "C3": "third word",
    }
    assert {jid: store.unread(jid) for jid in CHATS} == {ANA: 0, BORIS: 1, CARLA: 1, GROUP: 0}
    status = {row.id: row.status for row in store.reader.messages(ANA, limit=99, offset=0, from_me=True).rows}
    assert status == {
        "A4": DeliveryStatus.READ,
        "A8": DeliveryStatus.DELIVERED,
        "T2": DeliveryStatus.SENT,
    }
    chats = store.reader.chats(limit=9, offset=0).rows
    assert [chat.name for chat in chats] == ["Ana Souza", "Family", "Boris at work", "+34600111222"]
    assert next((chat.labels, chat.marked_unread) for chat in chats) == (("Old customer",), True)
    marks = {row.id: (row.starred, row.labels) for row in store.reader.messages(ANA, limit=99, offset=0).rows}
    assert (marks["A3"], marks["A4"]) == ((False, ("Old customer",)), (True, ()))
    poll = store.reader.message("G5", GROUP)
    assert poll is not None
    assert [(one.option, one.voters) for one in poll.votes] == [
        ("yes", (ME,)),
        ("no", (BORIS,)),
        ("perhaps", ()),
    ]
