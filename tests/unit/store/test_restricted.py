"""A reader that may not read all chats: what it may not read is nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.store.build import ANA, ANA_LID, BORIS, BORIS_LID, CARLA, GROUP, ME, Store, message, nowhere
from whatsapp_mcp.jid import GROUP as GROUPS
from whatsapp_mcp.jid import STATUS_BROADCAST, USER, Jid
from whatsapp_mcp.models.app_state import ChatChanged
from whatsapp_mcp.models.changes import ContactSeen, IdentityLearned
from whatsapp_mcp.models.content import Quote
from whatsapp_mcp.policy.chats import ChatList
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.records import ChatFacts
from whatsapp_mcp.whereabouts import Whereabouts

STRANGER = Jid.parse("85555555555555@lid")
CHANNEL = Jid.parse("120363000000000077@newsletter")
OTHER_GROUP = Jid("120363000000000002", GROUPS)
CHATS = (ANA, BORIS, CARLA, STRANGER, GROUP, OTHER_GROUP, CHANNEL)
PATTERNS = (
    *(
        "*",
        "saved",
        "wrote_first",
        "known",
        "people",
        "groups",
        "channels",
        "+55 11 91111-2222",
        "+55*",
        "+7*",
        "+346*",
    ),
    *(str(BORIS_LID), str(GROUP), str(CHANNEL), str(STRANGER), str(CARLA)),
)


@pytest.fixture
def store(where: Whereabouts) -> Iterator[Store]:
    store = Store(where)
    fill(store)
    yield store
    store.close()


def fill(store: Store) -> None:
    store.apply(
        [
            IdentityLearned(lid=ANA_LID, number=ANA),
            IdentityLearned(lid=BORIS_LID, number=BORIS),
            ContactSeen(ANA, full_name="Ana"),
            ContactSeen(CARLA, push_name="Carla"),
            ChatChanged(GROUP, name="Team"),
            ChatChanged(OTHER_GROUP, name="Team two"),
            ChatChanged(CHANNEL, name="Team news"),
            message("O1", 0, "word from me", chat=CARLA, from_me=True),
        ]
    )
    for number, chat in enumerate(CHATS):
        sender = {GROUP: ANA, OTHER_GROUP: BORIS}.get(chat, chat)
        store.apply([message(f"M{number}", 10 + number, "word", chat=chat, sender=sender)])


def restricted(store: Store, *allow: str, deny: tuple[str, ...] = ()) -> StoreReader:
    return store.reader.restricted(ChatList.parse(allow, deny).allows)


def seen(reader: StoreReader) -> set[Jid]:
    """The chats that any list, search or look-up shows."""
    listed = {chat.jid for chat in reader.chats(limit=99, offset=0).rows}
    for channels in (False, True):
        news, unread = reader.news(0, limit=99, channels=channels), reader.unread(limit=99, channels=channels)
        for told in (news, unread):
            assert told.total == len(told.messages)
            assert told.chats == len({one.chat for one in told.messages})
            assert {one.chat for one in told.messages} <= listed
    found = reader.search("word", limit=99, offset=0)
    assert found.total == len(found.rows)
    assert {one.chat for one in found.rows} == listed
    everything = reader.search("", limit=99, offset=0)
    assert everything.total == len(everything.rows)
    assert {one.chat for one in everything.rows} == listed
    assert {one.chat for one in reader.search("wor", limit=99, offset=0, by_relevance=True).rows} == listed
    for number, chat in enumerate(CHATS):
        here = chat in listed
        assert (reader.chat(chat) is not None) is here
        assert bool(reader.messages(chat, limit=9, offset=0).total) is here
        assert bool(reader.messages(chat, limit=9, offset=0, search="word").total) is here
        assert (reader.message(f"M{number}") is not None) is here
        assert (reader.target(chat) is not None) is here
        assert bool(reader.incoming_after(0, chat=chat)) is here
        assert reader.knows(chat) is here
        assert (chat in reader.may_read(CHATS)) is here
    assert {one.jid for one in reader.contacts()} <= listed
    assert {one.jid for one in reader.near_names("Team x", limit=9)} <= listed
    for name in ("Ana", "Carla", "Team", "Team two", "Team news"):
        assert {one.jid for one in reader.find_by_name(name, strangers=True)} <= listed
    assert reader.newest_arrival() == max((one.arrival for one in found.rows), default=0)
    assert reader.stats().chats == len(listed)
    return listed


def test_all_is_there_without_a_rule(store: Store) -> None:
    with closing(restricted(store, "*")) as reader:
        assert seen(reader) == set(CHATS)


@pytest.mark.parametrize(
    ("allow", "deny", "expected"),
    [
        (("saved",), (), {ANA}),
        (("wrote_first",), (), {ANA, BORIS, STRANGER}),
        (("known",), (), set(CHATS)),
        (("people",), (), {ANA, BORIS, CARLA, STRANGER}),
        (("groups", "channels"), (), {GROUP, OTHER_GROUP, CHANNEL}),
        (("+55*",), (), {ANA}),
        ((str(BORIS_LID),), (), {BORIS}),
        # Somebody whose number is not known may be anybody.
        (("*",), (str(ANA.user),), {BORIS, CARLA, GROUP, OTHER_GROUP, CHANNEL}),
        (("*",), ("+7*",), {ANA, CARLA, GROUP, OTHER_GROUP, CHANNEL}),
        (("*",), (str(BORIS_LID),), {ANA, STRANGER, GROUP, OTHER_GROUP, CHANNEL}),
        (("*",), ("groups",), {ANA, BORIS, CARLA, STRANGER, CHANNEL}),
        ((), (), set()),
    ],
)
def test_lists(store: Store, allow: tuple[str, ...], deny: tuple[str, ...], expected: set[Jid]) -> None:
    with closing(restricted(store, *allow, deny=deny)) as reader:
        assert seen(reader) == expected


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(allow=st.lists(st.sampled_from(PATTERNS), max_size=3), deny=st.lists(st.sampled_from(PATTERNS), max_size=3))
def test_any_lists(store: Store, allow: list[str], deny: list[str]) -> None:
    """What is seen is what a list says of the facts of each chat, one by one."""
    judge = ChatList.parse(tuple(allow), tuple(deny))
    expected = {chat for chat in CHATS if judge.allows(store.reader.chat_facts(chat))}
    with closing(store.reader.restricted(judge.allows)) as reader:
        assert seen(reader) == expected


def test_what_becomes_known_later(store: Store) -> None:
    """A reader that is open follows what is stored: somebody is saved, a LID turns out to be a number that is denied,
    and a chat that is new."""
    saved, denied = restricted(store, "saved"), restricted(store, "*", deny=("+44*",))
    with closing(saved), closing(denied):
        assert seen(saved) == {ANA}
        assert STRANGER not in seen(denied)
        store.apply([ContactSeen(CARLA, full_name="Carla")])
        assert seen(saved) == {ANA, CARLA}
        store.apply([IdentityLearned(lid=STRANGER, number=Jid("447700900123", USER))])
        assert {chat.jid for chat in denied.chats(limit=99, offset=0).rows} == set(CHATS) - {STRANGER}
        store.apply([IdentityLearned(lid=Jid.parse("86666666666666@lid"), number=CARLA)])
        new = Jid("447700900124", USER)
        store.apply([message("N1", 50, "word", chat=new), message("N2", 51, "word", chat=Jid("447700900125", USER))])
        assert denied.search("word", limit=99, offset=0).total == len(CHATS) - 1 + 1
        assert denied.message("N2") is None


def test_people_are_one_with_their_addresses(store: Store) -> None:
    """Two chats become one; what was said of either holds for both."""
    lid = Jid.parse("87777777777777@lid")
    store.apply([message("L1", 60, "word", chat=lid)])
    with closing(restricted(store, str(CARLA))) as reader:
        assert {chat.jid for chat in reader.chats(limit=9, offset=0).rows} == {CARLA}
        store.apply([IdentityLearned(lid=lid, number=CARLA)])
        assert reader.message("L1") is not None


def test_quotes_of_what_may_not_be_read(store: Store) -> None:
    """An answer that brings along what stands in another chat shows nothing of it."""
    quote = Quote("M0", ANA, "quoted words")
    store.apply(
        [
            message("Q1", 70, "answer", chat=CARLA, quote=quote, extra={"quoted_chat": str(GROUP)}),
            message("Q2", 71, "answer", chat=CARLA, quote=quote, extra={"quoted_chat": str(STATUS_BROADCAST)}),
            message("Q3", 72, "answer", chat=CARLA, quote=Quote("O1", ME, "word")),
        ]
    )
    with closing(restricted(store, "people")) as reader:
        for message_id in ("Q1", "Q2"):
            found = reader.message(message_id)
            assert found is not None
            assert (found.text, found.quoted, found.reply_to_id, found.reply_to_text) == ("answer", None, None, None)
            assert "quoted_chat" not in found.extra
        inside = reader.message("Q3")
        assert inside is not None and inside.quoted is not None and inside.quoted.text == "word from me"
    with closing(restricted(store, "people", str(GROUP))) as reader:
        found = reader.message("Q1")
        assert found is not None and found.quoted is not None


def test_a_sender_is_named_where_the_group_may_be_read(store: Store) -> None:
    with closing(restricted(store, "groups")) as reader:
        (said,) = reader.messages(GROUP, limit=9, offset=0).rows
        assert (said.sender, said.sender_name, said.sender_name_source) == (ANA, "Ana", "saved")
        assert reader.find_by_name("Ana") == () and reader.contacts() == () and reader.chat(ANA) is None


def test_status_updates_are_nobodys_in_particular(store: Store) -> None:
    """The chat of all status updates is readable where everything is, or by its own address."""
    store.apply([message("S1", 80, "word", chat=STATUS_BROADCAST, sender=BORIS)])
    for allow, deny, readable in [
        (("*",), (), True),
        (("*",), (str(ANA),), False),
        (("people",), (), False),
        ((str(STATUS_BROADCAST),), (), True),
    ]:
        with closing(restricted(store, *allow, deny=deny)) as reader:
            assert (reader.message("S1") is not None) is readable


def test_cursors_tell_nothing_of_other_chats(store: Store) -> None:
    with closing(restricted(store, str(ANA))) as reader:
        before = reader.newest_arrival()
        store.apply([message("X1", 90, "word", chat=BORIS)])
        assert reader.newest_arrival() == before == reader.cursor_at(before + 1) == reader.position(before + 50)
        store.apply([message("X2", 91, "word", chat=ANA)])
        assert [one.id for one in reader.incoming_after(before)] == ["X2"]
        assert reader.newest_arrival() > before


def test_whether_a_word_is_frequent_elsewhere_is_not_told(store: Store) -> None:
    """Beginnings of rare words are looked for; how often a word stands in other chats does not count."""
    store.apply([message(f"F{number}", 100 + number, "plan", chat=BORIS) for number in range(1_100)])
    store.apply([message("P1", 99, "planet", chat=ANA)])
    with closing(restricted(store, str(ANA))) as reader:
        assert [one.id for one in reader.search("plan", limit=9, offset=0).rows] == ["P1"]


def test_many_chats_of_both_kinds(store: Store) -> None:
    """More chats than an expression names: the views hold all the same."""
    people = [Jid(f"4915100000{number:03}", USER) for number in range(200)]
    store.apply([message(f"C{jid.user}", 200, "word", chat=jid) for jid in people])
    denied = tuple(f"+{jid.user}" for jid in people[:100])
    with closing(restricted(store, "people", deny=denied)) as reader:
        found = {one.chat for one in reader.search("word", limit=999, offset=0).rows}
        assert found == {*people[100:], ANA, BORIS, CARLA}


def test_who_writes_in_a_group(store: Store) -> None:
    """By all there is, and in whichever form somebody is named."""
    with closing(restricted(store, "people")) as reader:
        for one in (store.reader, reader):
            assert one.writes_in(ANA, GROUP) and one.writes_in(ANA_LID, GROUP)
            assert not one.writes_in(BORIS, GROUP) and not one.writes_in(Jid("15550001", USER), GROUP)


def test_facts_of_nobody(store: Store) -> None:
    unknown = Jid("15550001", USER)
    assert store.reader.chat_facts(unknown) == ChatFacts(unknown)
    with closing(restricted(store, "*", deny=("+1*",))) as reader:
        assert reader.may_read([unknown, ANA]) == {ANA}
    with closing(StoreReader(nowhere(store.where)).restricted(lambda _: False)) as nothing:
        assert nothing.may_read([ANA]) == frozenset() and nothing.chats(limit=9, offset=0).total == 0


def test_what_was_hidden_by_the_owner_was_written_all_the_same(store: Store) -> None:
    facts = store.reader.chat_facts(CARLA)
    assert facts.written_to and not facts.wrote_first and facts.known
