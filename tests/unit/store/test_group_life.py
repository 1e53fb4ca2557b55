"""Notices of what happened to groups, which groups we are in, and how calls ended."""

from __future__ import annotations

from tests.unit.store.build import ANA, ANA_LID, BORIS, GROUP, ME, MY_LID, Store, message, ms
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import ChatChanged
from whatsapp_mcp.models.changes import ContactSeen, GroupsJoined, IdentityLearned, MessageReceived
from whatsapp_mcp.models.content import CallOutcome, MessageKind
from whatsapp_mcp.models.notices import Happening, Notice
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.whatsapp.calls import call_content

CLUB, TEAM = Jid("120363000000000071", "g.us"), Jid("120363000000000072", "g.us")
CALL = "0123456789ABCDEF"


def notice(
    event: Happening, second: int = 1, by: Jid | None = ANA_LID, *people: Jid, text: str = ""
) -> MessageReceived:
    return Notice(event, by, people, text=text).received(GROUP, ms(second))


def only(store: Store) -> Message:
    (row,) = store.reader.messages(GROUP, limit=10, offset=0).rows
    return row


def test_a_notice_has_the_names_of_now(store: Store) -> None:
    store.apply([notice(Happening.ADDED, 1, ANA_LID, BORIS, MY_LID)])
    assert only(store).text == f"{ANA_LID} added +{BORIS.user} and you"
    store.apply([IdentityLearned(ANA_LID, ANA), ContactSeen(ANA, full_name="Ana Lima")])
    row = only(store)
    assert (row.kind, row.text) == (MessageKind.NOTICE, f'"Ana Lima" added +{BORIS.user} and you')
    assert row.extra["by"] == str(ANA)
    assert row.extra["by_name"] == "Ana Lima"
    assert [person["jid"] for person in row.extra["people"]] == [str(BORIS), str(ME)]  # type: ignore[attr-defined]


def test_a_repeated_notification_is_one_row(store: Store) -> None:
    store.apply([notice(Happening.LEFT, 1, None, BORIS)])
    store.apply([notice(Happening.LEFT, 1, None, BORIS)])
    assert only(store).text == f"+{BORIS.user} left the group"


def test_no_message_of_a_member_takes_its_place(store: Store) -> None:
    removed = notice(Happening.REMOVED, 1, ANA, BORIS)
    store.apply([message(removed.id, 0, "nothing to see", chat=GROUP, sender=ANA), removed])
    texts = store.texts(GROUP)
    assert len(texts) == 2
    assert any("removed" in text for text in texts)


def test_a_notice_is_no_news(store: Store) -> None:
    store.apply([message("M1", 1, "hi", chat=GROUP, sender=ANA), notice(Happening.LEFT, 2, None, BORIS)])
    assert store.unread(GROUP) == 1
    assert store.incoming() == ["M1"]
    store.apply([ChatChanged(GROUP, unread_count=1)])
    assert [one.id for one in store.reader.unread(limit=10).messages] == ["M1"], "the phone does not count it either"


def test_a_notice_is_found(store: Store) -> None:
    store.apply([notice(Happening.RENAMED, 1, ANA, text="Mountaineers"), notice(Happening.LEFT, 2, None, BORIS)])
    assert len(store.texts(GROUP, "mountaineers")) == 1
    assert len(store.texts(GROUP, "left")) == 1
    found = store.reader.search("", kinds=(MessageKind.NOTICE,), limit=10, offset=0)
    assert len(found.rows) == 2


def test_an_unknown_event_shows_what_was_stored(store: Store) -> None:
    one = message("N1", 1, "something new", chat=GROUP, kind=MessageKind.NOTICE, extra={"event": "brand_new"})
    store.apply([one])
    assert only(store).text == "something new"


def left(store: Store) -> dict[Jid, bool]:
    return {chat.jid: chat.left for chat in store.reader.chats(limit=10, offset=0).rows}


def test_groups_that_are_not_listed_are_left(store: Store) -> None:
    store.apply([ChatChanged(CLUB, name="Club"), ChatChanged(TEAM, name="Team"), message("M1", 1, "hi")])
    assert store.writer.groups_listed_at == 0
    store.apply([GroupsJoined((TEAM,), store.writer.memberships_learned)])
    assert left(store) == {CLUB: True, TEAM: False, ANA: False}
    assert store.writer.groups_listed_at == store.now
    store.apply([GroupsJoined((CLUB, TEAM), store.writer.memberships_learned)])
    assert left(store) == {CLUB: False, TEAM: False, ANA: False}


def test_what_was_learned_since_the_list_was_asked_for_counts(store: Store) -> None:
    store.apply([ChatChanged(CLUB, name="Club")])
    asked = store.writer.memberships_learned
    store.apply([ChatChanged(TEAM, name="Team", is_member=True), ChatChanged(CLUB, is_member=False)])
    store.apply([GroupsJoined((CLUB,), asked)])
    assert left(store) == {CLUB: True, TEAM: False}


def test_a_list_that_may_be_cut_off_says_nothing_of_the_others(store: Store) -> None:
    store.apply([ChatChanged(CLUB, name="Club"), ChatChanged(TEAM, name="Team")])
    store.apply([GroupsJoined((TEAM,), store.writer.memberships_learned, complete=False)])
    assert left(store) == {CLUB: False, TEAM: False}


def test_a_group_that_we_left_is_offered_to_nobody(store: Store) -> None:
    store.apply([ChatChanged(CLUB, name="Club", is_member=False), ChatChanged(TEAM, name="Clubs")])
    assert store.reader.find_by_name("club") == ()
    assert [one.jid for one in store.reader.find_by_name("club", strangers=True)] == [CLUB], "it can still be read"
    assert [one.jid for one in store.reader.near_names("club")] == [TEAM]
    store.apply([ChatChanged(TEAM, name="Club")])
    assert [one.jid for one in store.reader.find_by_name("club")] == [TEAM]


def call(outcome: CallOutcome | None, second: int = 1, chat: Jid = ANA) -> MessageReceived:
    return MessageReceived(
        id=CALL, chat=chat, sender=chat, timestamp=ms(second), content=call_content(CALL, outcome, video=not second)
    )


def test_a_call_says_how_it_ended(store: Store) -> None:
    store.apply([call(None)])
    assert store.texts(ANA) == ["Incoming call"]
    store.apply([call(CallOutcome.MISSED, 9)])
    assert store.texts(ANA) == ["Missed call"]
    assert store.texts(ANA, "missed") == ["Missed call"]
    assert store.texts(ANA, "incoming") == []
    assert store.unread(ANA) == 1
    store.apply([call(CallOutcome.ANSWERED, 10), call(None)])
    assert store.texts(ANA) == ["Missed call"], "the first outcome counts"


def test_the_end_of_a_call_that_never_rang_here_is_a_missed_call(store: Store) -> None:
    store.apply([call(CallOutcome.MISSED), call(None)])
    assert store.texts(ANA) == ["Missed call"]


def test_a_call_under_the_id_of_a_message_is_one_beside_it(store: Store) -> None:
    store.apply([message(CALL, 1, "hi", from_me=True), call(None)])
    assert sorted(store.texts(ANA)) == ["Incoming call", "hi"]
