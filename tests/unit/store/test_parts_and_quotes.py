"""Messages that belong to another one, and what replies answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.store.build import ANA, ANA_LID, BORIS, GROUP, PHOTO, Store, message, revoke
from whatsapp_mcp.models.changes import IdentityLearned, MessageReceived
from whatsapp_mcp.models.content import BELONGS_TO, MessageKind, Quote
from whatsapp_mcp.models.render import message_json
from whatsapp_mcp.models.views import Message

BETTER = replace(PHOTO, file_length=999_999, width=4000, height=3000, direct_path="/v/better", file_name=None)


def part(message_id: str, second: int, text: str = "", *, of: str, role: str, **more: object) -> MessageReceived:
    return message(message_id, second, text, media=BETTER, extra={BELONGS_TO: {"id": of, "as": role}}, **more)  # type: ignore[arg-type]  # by name


def rows(store: Store) -> list[Message]:
    return list(store.reader.messages(ANA, limit=10, offset=0).rows)


def paths(store: Store) -> list[str]:
    found = store.writer._connection.execute("SELECT direct_path FROM media").fetchall()
    return [path for (path,) in found]


FIRST = message("SD", 1, "look", media=PHOTO, raw=b"sd")
SECOND = part("HD", 2, of="SD", role="hd", raw=b"hd")


@pytest.mark.parametrize("order", [(FIRST, SECOND), (SECOND, FIRST), (FIRST, SECOND, FIRST, SECOND)])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_picture_that_comes_again_in_better_quality_is_one_row(
    store: Store, order: tuple[MessageReceived, ...], at_once: bool
) -> None:
    for changes in [order] if at_once else [[one] for one in order]:
        store.apply(changes)
    (row,) = rows(store)
    assert (row.id, row.text, row.file_length) == ("SD", "look", 999_999)
    assert paths(store) == ["/v/better"]
    found = store.writer.find("SD", ANA)
    assert found is not None
    assert (found.raw, found.file) == (b"sd", b"hd")
    assert store.unread(ANA) == 1
    (chat,) = store.reader.chats(limit=1, offset=0, has_media=True).rows
    assert chat.jid == ANA
    assert [hit.id for hit in store.reader.search("look", limit=9, offset=0).rows] == ["SD"]


def test_it_brings_the_caption_that_the_first_one_lacks(store: Store) -> None:
    store.apply([message("SD", 1, media=PHOTO), part("HD", 2, "look", of="SD", role="hd")])
    assert [row.text for row in rows(store)] == ["look"]
    assert [hit.id for hit in store.reader.search("look", limit=9, offset=0).rows] == ["SD"]


def test_another_encoding_is_no_row_and_no_other_file(store: Store) -> None:
    video = replace(message("V", 1, media=PHOTO), content=replace(FIRST.content, kind=MessageKind.VIDEO))
    other = part("W", 2, of="V", role="hevc")
    store.apply([video, replace(other, content=replace(other.content, kind=MessageKind.VIDEO))])
    assert [row.id for row in rows(store)] == ["V"]
    assert paths(store) == [PHOTO.direct_path]


def test_only_its_author_replaces_a_picture_and_only_at_once(store: Store) -> None:
    store.apply(
        [
            message("SD", 1, "look", media=PHOTO, chat=GROUP, sender=ANA),
            part("X", 2, of="SD", role="hd", chat=GROUP, sender=BORIS),
            part("Y", 4000, of="SD", role="hd", chat=GROUP, sender=ANA),
            part("Z", 3, of="nothing here", role="hd", chat=GROUP, sender=ANA),
        ]
    )
    found = store.reader.messages(GROUP, limit=10, offset=0).rows
    assert [row.id for row in found] == ["Y", "Z", "X", "SD"]
    assert found[-1].file_length == PHOTO.file_length


def test_a_placeholder_of_the_better_picture_goes_with_it(store: Store) -> None:
    store.apply([FIRST, message("HD", 2, kind=MessageKind.UNDECRYPTABLE, raw=b"")])
    assert len(rows(store)) == 2
    store.apply([SECOND])
    (row,) = rows(store)
    assert row.file_length == 999_999


def test_a_deleted_picture_does_not_come_back(store: Store) -> None:
    store.apply([FIRST, revoke("SD", 2), SECOND])
    (row,) = rows(store)
    assert (row.revoked_at is not None, row.file_length, row.media_mimetype) == (True, None, None)


def test_an_album_knows_its_pictures(store: Store) -> None:
    store.apply(
        [
            message("A", 1, kind=MessageKind.ALBUM, extra={"images": 2, "videos": 0}),
            part("P1", 2, of="A", role="album"),
            part("P2", 3, of="A", role="album"),
            part("P3", 4, of="A", role="album"),
            revoke("P3", 5),
        ]
    )
    *_, second, first, album = rows(store)
    assert album.parts == ("P1", "P2")
    details = message_json(album)["details"]
    assert details == {"images": 2, "videos": 0, "parts": ["P1", "P2"]}
    assert message_json(first)["details"] == {"belongs_to": {"id": "A", "as": "album"}}
    assert second.parts == ()


def test_parts_of_a_chat_under_two_addresses(store: Store) -> None:
    store.apply(
        [
            message("A", 1, kind=MessageKind.ALBUM, chat=ANA_LID),
            part("P1", 2, of="A", role="album", chat=ANA),
            IdentityLearned(ANA_LID, ANA),
        ]
    )
    assert rows(store)[-1].parts == ("P1",)


# -- what a reply answers ----------------------------------------------------------------------------------------------


def quoted(store: Store, message_id: str, chat: object = ANA) -> dict[str, object]:
    found = store.reader.message(message_id, chat)  # type: ignore[arg-type]  # a JID
    assert found is not None
    details = message_json(found)["details"]
    return dict(details["quoted"])


def test_a_reply_shows_our_message_not_what_it_is_said_to_be(store: Store) -> None:
    store.apply(
        [
            message("Q", 1, "I owe you 10", from_me=True),
            message("R", 2, "yes", quote=Quote("Q", store.writer.owner, "I owe you 1000")),
        ]
    )
    shown = quoted(store, "R")
    assert shown["content"] == "I owe you 10" and "claimed" not in shown
    assert [hit.id for hit in store.reader.search("1000", limit=9, offset=0).rows] == []


def test_a_reply_to_what_we_do_not_have_shows_what_it_claims_and_is_found_by_it(store: Store) -> None:
    store.apply([message("R", 2, "do it", quote=Quote("Q", BORIS, "cancel the hotel?"))])
    assert quoted(store, "R") == {
        "sender_jid": str(BORIS),
        "sender_name": f"+{BORIS.user}",
        "content": "cancel the hotel?",
        "claimed": True,
    }
    assert [hit.id for hit in store.reader.search("hotel", limit=9, offset=0).rows] == ["R"]
    store.apply([message("Q", 1, "cancel the hotel, or not?", sender=BORIS, from_history=True)])
    assert quoted(store, "R")["content"] == "cancel the hotel, or not?"


def test_words_are_not_put_into_the_mouth_of_another(store: Store) -> None:
    """A member quotes an id of Ana's with Boris as its author: no such message."""
    store.apply(
        [
            message("Q", 1, "Ana's words", chat=GROUP, sender=ANA),
            message("B", 1, "hi", chat=GROUP, sender=BORIS),
            message("R", 2, "see", chat=GROUP, sender=BORIS, quote=Quote("Q", BORIS, "what Boris is said to say")),
            message("S", 3, "see", chat=GROUP, sender=BORIS, quote=Quote("Q", ANA, "what Ana is said to say")),
        ]
    )
    assert quoted(store, "R", GROUP)["claimed"] is True
    assert quoted(store, "R", GROUP)["content"] == "what Boris is said to say"
    assert quoted(store, "S", GROUP)["content"] == "Ana's words"


def test_what_was_deleted_is_not_told_by_a_reply(store: Store) -> None:
    store.apply([message("Q", 1, "secret"), message("R", 2, "oh", quote=Quote("Q", ANA, "secret")), revoke("Q", 3)])
    shown = quoted(store, "R")
    assert shown["revoked"] is True and "content" not in shown


def test_a_reply_to_something_in_another_chat(store: Store) -> None:
    store.apply(
        [
            message("Q", 1, "in the group", chat=GROUP, sender=ANA),
            message("R", 2, "between us", quote=Quote("Q", ANA, "said"), extra={"quoted_chat": str(GROUP)}),
            message("S", 3, "between us", quote=Quote("Q", ANA, "said")),
        ]
    )
    assert quoted(store, "R")["content"] == "in the group"
    assert quoted(store, "S")["claimed"] is True
