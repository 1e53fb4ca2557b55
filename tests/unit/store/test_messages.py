"""A message is stored once and keeps what was known of it; edits, revokes, reactions and receipts show on it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.unit.store.build import (
    ANA,
    ANA_LID,
    BORIS,
    GROUP,
    ME,
    MY_LID,
    NOW,
    PHOTO,
    Store,
    at,
    edit,
    message,
    ms,
    reaction,
    receipt,
    revoke,
)
from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.jid import STATUS_BROADCAST, Jid
from whatsapp_mcp.models.app_state import ChatChanged
from whatsapp_mcp.models.changes import Change, MessageReceived, PlaceholderRedeemed
from whatsapp_mcp.models.content import LOST, QUOTED_TEXT, Content, MediaInfo, MessageKind, Quote
from whatsapp_mcp.models.delivery import DeliveryStatus, ReceiptKind
from whatsapp_mcp.models.views import Message, NamedPerson, QuotedMessage, StoredMessage
from whatsapp_mcp.store.read.exporting import exported_messages
from whatsapp_mcp.store.search.span import Span


def only(store: Store, chat: Jid = ANA) -> Message:
    page = store.reader.messages(chat, limit=10, offset=0)
    assert len(page.rows) == page.total == 1
    return page.rows[0]


def test_everything_of_a_message_comes_back(store: Store) -> None:
    content = Content(
        MessageKind.IMAGE,
        text="look",
        media=PHOTO,
        quote=Quote("Q1", ANA_LID, "what?"),
        mentions=(BORIS, ANA_LID),
        forwarded=True,
        expiration=86400,
        view_once=True,
        extra={"link": "https://example.org", "n": [1, {"a": "é"}]},
    )
    sent = MessageReceived(
        "M1", ANA_LID, ANA_LID, ms(5), content, chat_alt=ANA, sender_alt=ANA, push_name="Ana", raw=b"\x00\xff"
    )
    assert store.apply([sent]) == 1

    seen = only(store)
    assert seen == Message(
        id="M1",
        chat=ANA,
        chat_name="Ana",
        sender=ANA,
        sender_name="Ana",
        sender_name_source="push",
        from_me=False,
        timestamp=at(5),
        kind=MessageKind.IMAGE,
        text="look",
        media_mimetype="image/jpeg",
        file_name="Straße.jpg",
        file_length=12345,
        file_sha256=PHOTO.file_sha256,
        url=PHOTO.url,
        reply_to_id="Q1",
        reply_to_text="what?",
        quoted=QuotedMessage(sender=ANA, sender_name="Ana", text="what?", is_claim=True),
        mentions=(NamedPerson(jid=BORIS, name="+79161112233"), NamedPerson(jid=ANA, name="Ana")),
        forwarded=True,
        view_once=True,
        extra={"link": "https://example.org", "n": [1, {"a": "é"}], QUOTED_TEXT: "what?"},
        created_at=datetime.fromtimestamp(NOW / 1000, UTC),
        updated_at=datetime.fromtimestamp(NOW / 1000, UTC),
        arrival=1,
        wire_chat=ANA_LID,
        wire_sender=ANA_LID,
    )
    found = store.writer.find("M1", ANA)
    assert found is not None
    assert found == StoredMessage("M1", ANA_LID, ANA_LID, False, "look", b"\x00\xff", has_media=True, file=b"\x00\xff")
    assert store.writer.find("M1", ANA_LID) == store.writer.find("M1") == found
    (exported,) = exported_messages(store.where, [ANA], Span())
    assert (exported.message, exported.expiration, exported.quoted) == (seen, 86400, ANA)
    assert (exported.width, exported.height, exported.file_sha256) == (800, 600, PHOTO.file_sha256)
    kept = store.writer._connection.execute("SELECT direct_path, media_key, file_enc_sha256 FROM media").fetchone()
    assert kept == (PHOTO.direct_path, PHOTO.media_key, PHOTO.file_enc_sha256)


def test_a_repeated_delivery_changes_nothing(store: Store) -> None:
    store.apply([message("M1", 5, "first", push_name="Ana")])
    before = only(store)
    store.now += 1000
    assert store.apply([message("M1", 5, "again", push_name="Ana"), message("M1", 5, "again")]) == 1
    assert only(store) == before
    assert store.unread(ANA) == 1


def test_a_repeat_fills_in_what_was_missing(store: Store) -> None:
    store.apply([message("M1", 5, "hello", from_me=True, status=DeliveryStatus.PENDING, raw=b"")])
    store.apply([message("M1", 5, "hello", from_me=True, status=DeliveryStatus.SENT, raw=b"proto", from_history=True)])
    found = store.writer.find("M1")
    assert found is not None
    assert (found.raw, only(store).status) == (b"proto", DeliveryStatus.SENT)


def test_a_real_message_replaces_the_placeholder_and_is_announced(store: Store) -> None:
    store.apply([message("M1", 5, kind=MessageKind.UNDECRYPTABLE, raw=b"")])
    store.now += 60_000
    store.apply([message("M1", 5, "at last")])
    seen = only(store)
    assert (seen.kind, seen.text, seen.arrival) == (MessageKind.TEXT, "at last", 2)
    assert seen.created_at == datetime.fromtimestamp(NOW / 1000, UTC)
    assert store.unread(ANA) == 1
    assert [m.text for m in store.reader.incoming_after(1)] == ["at last"]
    assert store.apply([message("M1", 5, kind=MessageKind.UNDECRYPTABLE)]) == 2
    assert store.texts(ANA) == store.texts(ANA, "last") == ["at last"]


def test_a_placeholder_says_when_nothing_more_will_come(store: Store) -> None:
    store.apply([message("M1", 5, kind=MessageKind.UNDECRYPTABLE, raw=b"")])
    found = store.writer.find("M1")
    assert found is not None
    assert found.is_placeholder
    assert only(store).extra == {}
    store.apply([message("M1", 9, kind=MessageKind.UNDECRYPTABLE, extra={LOST: True}, raw=b"")])
    store.apply([message("M1", 5, kind=MessageKind.UNDECRYPTABLE, raw=b"")])
    assert only(store).extra == {LOST: True}
    assert only(store).timestamp == at(5)


def test_what_turns_out_to_be_no_message_takes_its_placeholder_away(store: Store) -> None:
    store.apply([message("M1", 5, "hello"), message("R1", 6, kind=MessageKind.UNDECRYPTABLE, raw=b"")])
    assert store.unread(ANA) == 2
    store.apply([PlaceholderRedeemed(ANA, "R1", BORIS)])
    assert store.unread(ANA) == 2, "only its author's"
    store.apply([PlaceholderRedeemed(ANA, "R1", ANA), PlaceholderRedeemed(ANA, "M1", ANA)])
    assert only(store).text == "hello"
    assert store.unread(ANA) == 1
    chat = store.reader.chat(ANA)
    assert chat is not None
    assert chat.last_message_time == at(5)


def test_a_message_known_from_the_history_is_announced_when_it_is_delivered(store: Store) -> None:
    store.apply([message("M1", 5, "hello", from_history=True), message("M2", 6, "there", from_history=True)])
    assert store.reader.incoming_after(0, limit=9) == ()
    assert store.apply([message("M1", 5, "hello")]) == 3
    assert [m.id for m in store.reader.incoming_after(0, limit=9)] == ["M1"]
    assert store.texts(ANA) == ["there", "hello"]
    assert store.texts(ANA, "hello") == ["hello"]
    assert store.unread(ANA) == 1


def test_edits_keep_the_original_and_the_search_follows(store: Store) -> None:
    store.apply([message("M1", 5, "meet at noon"), edit("M1", 9, "meet at six"), edit("M1", 7, "meet at five")])
    seen = only(store)
    assert (seen.text, seen.edited_at) == ("meet at six", at(9))
    assert store.texts(ANA, "noon") == store.texts(ANA, "five") == []
    assert store.texts(ANA, "six") == ["meet at six"]


def test_only_the_author_edits(store: Store) -> None:
    store.apply([message("M1", 5, "mine", chat=GROUP, sender=ANA), edit("M1", 6, "forged", chat=GROUP, sender=BORIS)])
    assert only(store, GROUP).text == "mine"
    store.apply([message("M2", 7, "own", from_me=True), edit("M2", 8, "forged", sender=ANA)])
    assert store.texts(ANA) == ["own"]


def test_an_edit_of_ours_under_a_lid_that_is_not_known_to_be_ours(store: Store) -> None:
    stranger = Jid.parse("77777777777777@lid")
    store.apply([message("M1", 5, "frist", from_me=True), edit("M1", 6, "first", sender=stranger)])
    assert store.texts(ANA) == ["first"]


def test_a_revoked_message_shows_nothing_but_that(store: Store) -> None:
    store.apply([message("M1", 5, "secret", media=PHOTO), reaction("M1", 6, "👍"), revoke("M1", 7)])
    seen = only(store)
    assert (seen.text, seen.file_name, seen.url, seen.reactions) == ("", None, None, ())
    assert (seen.revoked_at, seen.kind) == (at(7), MessageKind.IMAGE)
    assert store.texts(ANA, "secret") == store.texts(ANA, "Strasse") == []
    assert store.reader.messages(ANA, limit=10, offset=0, media_only=True).total == 0
    kept = store.writer.find("M1")
    assert kept is not None
    assert (kept.text, kept.has_media) == ("secret", True)


def test_who_may_revoke(store: Store) -> None:
    """The author; in a group also an admin, whom WhatsApp's server checked."""
    store.apply([message("M1", 5, "mine", from_me=True), revoke("M1", 6, by=ANA)])
    assert store.texts(ANA) == ["mine"]
    store.apply([revoke("M1", 7, by=MY_LID)])
    assert store.texts(ANA) == [""]
    store.apply([message("G1", 5, "group", chat=GROUP, sender=ANA)])
    store.apply([revoke("G1", 6, chat=GROUP, by=BORIS, author=ANA), revoke("G1", 6, chat=GROUP, by=BORIS)])
    assert store.texts(GROUP) == ["group"]
    store.apply([revoke("G1", 7, chat=GROUP, by=BORIS, author=ANA, by_admin=True)])
    assert only(store, GROUP).revoked_at == at(7)
    store.apply([message("M2", 8, "hers"), revoke("M2", 9, by=ME, by_admin=True)])  # two people have no admin
    assert store.texts(ANA) == ["hers", ""]


def test_one_reaction_per_person_and_an_empty_one_takes_it_back(store: Store) -> None:
    store.apply([message("M1", 5, "hi", chat=GROUP, sender=ANA)])
    store.apply([reaction("M1", 6, "👍", chat=GROUP, sender=BORIS), reaction("M1", 7, "❤", chat=GROUP, sender=ME)])
    store.apply([reaction("M1", 8, "😂", chat=GROUP, sender=BORIS), reaction("M1", 9, "", chat=GROUP, sender=ME)])
    store.apply([reaction("M1", 6, "👍", chat=GROUP, sender=BORIS)])  # late
    assert [(r.sender, r.emoji) for r in only(store, GROUP).reactions] == [(BORIS, "😂")]
    store.apply([reaction("M1", 10, "🙏", chat=GROUP, sender=ANA), reaction("M1", 11, "😮", chat=GROUP, sender=BORIS)])
    assert [r.emoji for r in only(store, GROUP).reactions] == ["🙏", "😮"]


def test_status_of_own_messages_moves_forward_only(store: Store) -> None:
    store.apply([message("M1", 5, "hi", from_me=True, status=DeliveryStatus.PENDING)])
    assert only(store).status is DeliveryStatus.PENDING
    store.apply([message("M1", 5, "hi", from_me=True, status=DeliveryStatus.FAILED)])
    assert only(store).status is DeliveryStatus.FAILED
    for kind, expected in (
        (ReceiptKind.DELIVERED, DeliveryStatus.DELIVERED),
        (ReceiptKind.READ, DeliveryStatus.READ),
        (ReceiptKind.DELIVERED, DeliveryStatus.READ),
        (ReceiptKind.PLAYED, DeliveryStatus.PLAYED),
    ):
        store.apply([receipt(kind, 9, "M1")])
        assert only(store).status is expected


def test_receipts_of_our_own_devices_are_not_receipts_of_the_other_one(store: Store) -> None:
    store.apply([message("M1", 5, "hi", from_me=True)])
    store.apply([receipt(ReceiptKind.DELIVERED, 6, "M1", sender=ME, from_me=True)])
    assert only(store).status is DeliveryStatus.SENT


def test_group_receipts_are_kept_per_participant(store: Store) -> None:
    store.apply([message("M1", 5, "hi", chat=GROUP, from_me=True)])
    store.apply(
        [
            receipt(ReceiptKind.DELIVERED, 7, "M1", chat=GROUP, sender=ANA),
            receipt(ReceiptKind.DELIVERED, 6, "M1", chat=GROUP, sender=ANA),
            receipt(ReceiptKind.READ, 8, "M1", chat=GROUP, sender=BORIS),
        ]
    )
    assert only(store, GROUP).status is DeliveryStatus.SENT
    rows = store.writer._connection.execute(
        "SELECT jid, delivered_at, read_at FROM receipts JOIN addresses ON addresses.id = sender ORDER BY jid"
    ).fetchall()
    assert rows == [(str(ANA), ms(6), None), (str(BORIS), None, ms(8))]


def test_incoming_after(store: Store) -> None:
    store.apply(
        [
            message("M1", 9, "one"),
            message("M2", 5, "older, but later here"),
            message("M3", 10, "mine", from_me=True),
            message("M4", 11, "history", from_history=True),
            message("S1", 12, "status", chat=STATUS_BROADCAST, sender=BORIS),
            message("M5", 13, "group", chat=GROUP, sender=BORIS),
        ]
    )
    assert [m.id for m in store.reader.incoming_after(0)] == ["M1"]
    assert [m.id for m in store.reader.incoming_after(0, limit=9)] == ["M1", "M2", "M5"]
    assert [m.id for m in store.reader.incoming_after(1, chat=GROUP, limit=9)] == ["M5"]
    assert store.reader.incoming_after(0, chat=BORIS) == ()
    assert store.reader.incoming_after(store.reader.newest_arrival()) == ()
    assert store.reader.newest_arrival() == 6


def test_the_same_id_in_two_chats(store: Store) -> None:
    store.apply([message("M1", 5, "ana"), message("M1", 5, "boris", chat=BORIS)])
    with pytest.raises(InvalidArgument, match="several messages") as caught:
        store.reader.message("M1")
    assert [candidate["message_id"] for candidate in caught.value.details["candidates"]] == [
        f"M1 from {ANA} in {ANA}",
        f"M1 from {BORIS} in {BORIS}",
    ]
    with pytest.raises(InvalidArgument, match="several messages"):
        store.writer.find("M1")
    found = store.reader.message("M1", BORIS)
    assert found is not None
    assert found.text == "boris"
    assert store.reader.message("M2") is None
    assert store.reader.message("M1", GROUP) is None
    assert store.writer.find("M1", GROUP) is None


@pytest.mark.parametrize("seconds", [-(2**62), -1, 0, 2**40, 2**62])
def test_times_that_cannot_be(store: Store, seconds: int) -> None:
    store.apply([MessageReceived("M1", ANA, ANA, seconds, Content(MessageKind.TEXT, "when"))])
    assert store.texts(ANA, "when") == ["when"]


def test_text_that_no_encoding_has(store: Store) -> None:
    broken = "half \ud83d here"
    store.apply(
        [
            message("M1", 5, broken, quote=Quote("Q", None, broken), extra={"title": broken}, push_name=broken),
            message("M2", 6, media=MediaInfo(file_name=broken)),
            edit("M1", 7, broken),
            reaction("M1", 8, "\ud83d"),
            ChatChanged(ANA, name=broken),
        ]
    )
    assert store.texts(ANA, "half")[1] == "half \ufffd here"


def test_what_others_can_make_up(store: Store) -> None:
    """Numbers of 64 bits and JIDs that are none, in what the sender of a message fills in."""
    content = Content(
        MessageKind.IMAGE,
        "big",
        media=MediaInfo(file_length=2**64 - 1, seconds=2**32 - 1),
        quote=Quote("Q", Jid("a b", "c@d")),
        mentions=(Jid("a b", "x"), ANA, Jid("\ud83d", "lid")),
        expiration=2**64 - 1,
    )
    store.apply([MessageReceived("M1", ANA, ANA, ms(1), content)])
    seen = only(store)
    assert (seen.file_length, [one.jid for one in seen.mentions]) == (2**63 - 1, [ANA])
    (exported,) = exported_messages(store.where, [ANA], Span())
    assert (seen.reply_to_id, exported.quoted, exported.expiration) == ("Q", None, 2**63 - 1)


def test_what_a_caller_can_ask_for(store: Store) -> None:
    odd = Jid("\ud83d b", "lid")
    store.apply([message("M1", 1)])
    assert store.reader.messages(odd, limit=2**70, offset=2**70).total == 0
    assert store.reader.messages(ANA, limit=2**70, offset=0, search="\ud83d").total == 0
    assert store.reader.message("\ud83d") is None
    assert store.reader.chat(odd) is None
    assert store.reader.display_name(odd) is None
    assert store.writer.find("\ud83d", odd) is None
    assert store.reader.incoming_after(2**70, limit=2**70) == ()
    assert store.reader.find_by_name("\ud83d") == store.reader.near_names("\ud83d", 2**70) == ()


def test_a_failing_change_takes_the_whole_batch_back(store: Store) -> None:
    store.apply([message("M0", 1, "before")])
    broken = MessageReceived("M3", ANA, ANA, 1, None)  # type: ignore[arg-type]
    changes: list[Change] = [
        message("M1", 2, "phantom", push_name="Phantom"),
        edit("M0", 3, "edited"),
        message("G", 3, chat=GROUP, sender=BORIS),
        broken,
    ]
    with pytest.raises(AttributeError):
        store.apply(changes)
    assert store.texts(ANA) == ["before"]
    # Nothing of it comes with the next transaction either.
    store.apply([message("B1", 2, "one", chat=BORIS)])
    assert store.texts(BORIS, "phantom") == store.texts(ANA, "phantom") == store.texts(ANA, "edited") == []
    assert store.reader.display_name(ANA) == "+5511911112222"
    assert store.reader.chat(GROUP) is None
    assert store.apply([message("M1", 2, "one"), message("G", 3, "hi", chat=GROUP, sender=BORIS)]) == 4
    assert (store.texts(ANA, "one"), store.texts(GROUP, "hi")) == (["one"], ["hi"])
