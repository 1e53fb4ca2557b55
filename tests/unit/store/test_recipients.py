"""Finding people, groups and channels by name, and naming them."""

from __future__ import annotations

import pytest

from tests.unit.store.build import ANA, ANA_LID, BORIS, BORIS_LID, GROUP, Store, message
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import ChatChanged
from whatsapp_mcp.models.changes import ContactSeen, IdentityLearned
from whatsapp_mcp.store.records import NamedTarget

CHANNEL = Jid.parse("120363999@newsletter")
OTHER_ANA = Jid.parse("34600000000@s.whatsapp.net")


@pytest.fixture
def people(store: Store) -> Store:
    store.apply(
        [
            ContactSeen(ANA, full_name="Ana Souza", push_name="aninha"),
            ContactSeen(OTHER_ANA, push_name="ANA SOUZA"),
            ContactSeen(BORIS, full_name="Борис Годунов", business_name="Boris & Co."),
            ChatChanged(GROUP, name="Família Souza"),
            ChatChanged(CHANNEL, name="News, daily"),
        ]
    )
    return store


@pytest.mark.parametrize(
    ("name", "jids"),
    [
        ("Ana Souza", [ANA]),
        ("  ana   SOUZA ", [ANA]),
        ("\u0410na Souza", []),
        ("aninha", []),
        ("борис годунов", [BORIS]),
        ("Boris & Co", []),
        ("familia souza", [GROUP]),
        ("news daily", [CHANNEL]),
        ("Ana", []),
        ("Souza", []),
        ("?", []),
        ("", []),
        ("%", []),
        ("5511911112222", []),
    ],
)
def test_exact_names(people: Store, name: str, jids: list[Jid]) -> None:
    assert {target.jid for target in people.reader.find_by_name(name)} == set(jids)


def test_the_owner_has_written_to_those_who_chose_a_name(people: Store) -> None:
    people.apply([message("M1", 1, chat=BORIS, from_me=True), message("M2", 2, chat=OTHER_ANA, from_me=True)])
    assert [target.jid for target in people.reader.find_by_name("Boris & Co")] == [BORIS]
    assert [target.jid for target in people.reader.find_by_name("ana souza")] == [ANA], "whom the owner saved"


def test_two_are_saved_under_one_name(people: Store) -> None:
    people.apply([ContactSeen(OTHER_ANA, full_name="Ana Souza")])
    assert {target.jid for target in people.reader.find_by_name("Ana Souza")} == {ANA, OTHER_ANA}
    people.apply([ChatChanged(GROUP, name="Ana Souza")])
    assert {target.jid for target in people.reader.find_by_name("Ana Souza")} == {ANA, OTHER_ANA, GROUP}


def test_groups_that_the_owner_is_in(people: Store) -> None:
    other = Jid.parse("120363000000000002@g.us")
    people.apply([ChatChanged(other, name="Família Souza")])
    assert {target.jid for target in people.reader.find_by_name("familia souza")} == {GROUP, other}
    people.apply([ChatChanged(GROUP, is_member=False)])
    assert [target.jid for target in people.reader.find_by_name("familia souza")] == [other]
    people.apply([ChatChanged(other, is_member=False)])
    assert people.reader.find_by_name("familia souza") == ()
    assert {target.jid for target in people.reader.find_by_name("familia souza", strangers=True)} == {GROUP, other}


def test_a_group_takes_nobodys_name(people: Store) -> None:
    """Whoever may add the owner to a group chooses its name too."""
    people.apply([ChatChanged(GROUP, name="Ana")])
    assert people.reader.find_by_name("Ana") == ()
    people.apply([message("M1", 1, chat=GROUP, from_me=True)])
    assert [target.jid for target in people.reader.find_by_name("Ana")] == [GROUP]
    people.apply([ChatChanged(GROUP, name="Ana Souza")])
    assert {target.jid for target in people.reader.find_by_name("Ana Souza")} == {ANA, GROUP}


def test_to_read_is_not_to_write(people: Store) -> None:
    """Whose chat is read may also be said by a name that a stranger chose, unless the owner knows somebody by it."""
    found = people.reader.find_by_name
    assert [target.jid for target in found("aninha", strangers=True)] == [ANA]
    assert [target.jid for target in found("Boris & Co", strangers=True)] == [BORIS]
    assert [target.jid for target in found("Ana Souza", strangers=True)] == [ANA]


def test_where_a_name_comes_from(people: Store) -> None:
    sources = {target.jid: target.name_source for target in people.reader.near_names("souza")}
    assert sources == {ANA: "saved", OTHER_ANA: "push", GROUP: None}
    people.apply([ContactSeen(BORIS_LID, business_name="Boris & Co."), message("M1", 1, chat=BORIS_LID)])
    chat = people.reader.chat(BORIS_LID)
    (row,) = people.reader.messages(BORIS_LID, limit=1, offset=0).rows
    assert chat is not None
    assert chat.name_source == row.sender_name_source == "business"
    assert {contact.jid: contact.name_source for contact in people.reader.contacts()}[OTHER_ANA] == "push"


def test_a_target_says_what_it_is(people: Store) -> None:
    assert people.reader.find_by_name("familia souza") == (NamedTarget(GROUP, "Família Souza", "group"),)


@pytest.mark.parametrize(
    ("name", "likeliest"),
    [
        ("Anna Souza", {ANA, OTHER_ANA}),
        ("ana souz", {ANA, OTHER_ANA}),
        ("familia", {GROUP}),
        ("Борис Годунав", {BORIS}),
        ("anihna", {ANA}),
        ("news", {CHANNEL}),
    ],
)
def test_near_names(people: Store, name: str, likeliest: set[Jid]) -> None:
    near = people.reader.near_names(name)
    assert {target.jid for target in near[: len(likeliest)]} == likeliest


def test_near_names_are_few(people: Store) -> None:
    assert len(people.reader.near_names("souza", limit=2)) == 2
    assert people.reader.near_names("souza", limit=0) == ()
    assert people.reader.near_names("nobody like this") == ()


def test_a_person_is_found_once(people: Store) -> None:
    people.apply([ContactSeen(BORIS_LID, full_name="Борис Годунов"), IdentityLearned(BORIS_LID, BORIS)])
    assert [target.jid for target in people.reader.find_by_name("Борис Годунов")] == [BORIS]


def test_contacts_are_people_with_a_name(people: Store) -> None:
    people.apply([message("M1", 1, chat=Jid.parse("77@s.whatsapp.net"))])
    contacts = people.reader.contacts()
    assert [contact.jid for contact in contacts] == [OTHER_ANA, ANA, BORIS]
    assert [contact.name for contact in people.reader.contacts(search="souza")] == ["ANA SOUZA", "Ana Souza"]
    (boris,) = people.reader.contacts(search="79161112233")
    assert (boris.name, boris.full_name, boris.business_name) == ("Борис Годунов", "Борис Годунов", "Boris & Co.")


def test_display_names(people: Store) -> None:
    people.apply([message("M1", 1, chat=ANA_LID)])
    reader = people.reader
    assert reader.display_name(ANA) == "Ana Souza"
    assert reader.display_name(GROUP) == "Família Souza"
    assert reader.display_name(Jid.parse("12345@s.whatsapp.net")) == "+12345"
    assert reader.display_name(ANA_LID) is None
    assert reader.display_name(Jid.parse("1@g.us")) is None
    people.apply([IdentityLearned(ANA_LID, ANA)])
    assert reader.display_name(ANA_LID) == "Ana Souza"


def test_chats_without_a_name_have_a_title(store: Store) -> None:
    store.apply([message("M1", 1, chat=GROUP, sender=ANA), message("M2", 2, chat=ANA_LID)])
    assert [chat.name for chat in store.reader.chats(limit=5, offset=0).rows] == [
        str(ANA_LID),
        "Group 120363000000000001",
    ]


BLANK = ("\u3164", "\u2800\u2800", " \u200b ", "\u200e\u202e \u2060", "\u00a0", "\ufeff")


@pytest.mark.parametrize("nothing", BLANK)
def test_a_name_that_nobody_sees_is_none(store: Store, nothing: str) -> None:
    store.apply([message("M1", 1, "hi", push_name=nothing), ChatChanged(GROUP, name=nothing)])
    store.apply([ContactSeen(ANA, full_name=nothing, first_name=nothing, business_name=nothing)])
    found = store.reader.message("M1", ANA)
    assert found is not None
    assert (found.sender_name, found.sender_name_source) == (f"+{ANA.user}", None)
    assert {chat.name for chat in store.reader.chats(limit=9, offset=0).rows} == {f"+{ANA.user}", f"Group {GROUP.user}"}
    store.apply([ContactSeen(ANA, push_name="Ana"), ContactSeen(ANA, push_name=nothing)])
    found = store.reader.message("M1", ANA)
    assert found is not None
    assert found.sender_name == "Ana", "the last that was one"
