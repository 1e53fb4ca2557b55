"""Whom a caller means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.operations.bench import Bench
from tests.unit.operations.fakes import ANA, ANA_LID, BO, ME, TEAM, FakeSession
from whatsapp_mcp.errors import AmbiguousRecipient, InvalidArgument, NotFound, SessionTimeout, WhatsAppMcpError
from whatsapp_mcp.jid import STATUS_BROADCAST, Jid
from whatsapp_mcp.models.app_state import ChatChanged
from whatsapp_mcp.models.changes import ContactSeen, NumberSpelled
from whatsapp_mcp.models.notices import Happening, Notice
from whatsapp_mcp.models.views import NumberCheck
from whatsapp_mcp.operations.addressee import recipient
from whatsapp_mcp.operations.services import Services, Store
from whatsapp_mcp.operations.targets import person, resolve, stored_message
from whatsapp_mcp.pipe.account import CheckNumbers, SyncContacts
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.read.reader import StoreReader


@pytest.mark.parametrize(
    ("text", "jid"),
    [
        ("+49 151 00000001", ANA),
        ("4915100000001@s.whatsapp.net", ANA),
        ("4915100000001:7@s.whatsapp.net", ANA),
        ("4915100000001@c.us", ANA),
        ("4915100000001@S.WhatsApp.Net", ANA),
        ("0049 151 00000001", ANA),
        ("https://wa.me/4915100000001?text=hi", ANA),
        ("٤٩١٥١٠٠٠٠٠٠٠١", ANA),
        (str(ANA_LID), ANA),
        ("100000000000777@lid", Jid("100000000000777", "lid")),
        (str(TEAM), TEAM),
        (TEAM.user, TEAM),
        ("4915100000001-1600000000", Jid("4915100000001-1600000000", "g.us")),
        ("4915100000001-1600000000@g.us", Jid("4915100000001-1600000000", "g.us")),
        ("status@broadcast", STATUS_BROADCAST),
        ("1234@broadcast", Jid("1234", "broadcast")),
        ("4915100000001:99@hosted", ANA),
        ("100000000000001:99@hosted.lid", ANA),
        ("867051314767696@bot", Jid("867051314767696", "bot")),
        ("120363000000000009@newsletter", Jid("120363000000000009", "newsletter")),
        ("Ana", ANA),
        (" ana ", ANA),
        ("team", TEAM),
    ],
)
async def test_resolve(bench: Bench, text: str, jid: Jid) -> None:
    assert await resolve(bench.services, text) == jid


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "x" * 201,
        "12@s.whatsapp.net",
        "ana@s.whatsapp.net",
        "0151@s.whatsapp.net",
        "@s.whatsapp.net",
        "@",
        "1@2@lid",
        "abc@lid",
        "abc@g.us",
        "-@g.us",
        "1@example.com",
        "4915100000001:x@s.whatsapp.net",
        "4915100000001 @s.whatsapp.net x",
        "12",
        "1" * 21,
        "12036300000000000" + "0" * 40,
    ],
)
async def test_malformed(bench: Bench, text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await resolve(bench.services, text, field="chat_jid")
    assert caught.value.details["field"] == "chat_jid"
    assert "chat_jid" in caught.value.message


@given(text=st.text(max_size=30))
async def test_any_text_is_a_recipient_or_an_error_that_names_the_field(text: str) -> None:
    bench = _EmptyBench()
    try:
        jid = await resolve(bench.services, text, field="phone")
    except WhatsAppMcpError as error:
        assert error.details["field"] == "phone"
    else:
        assert jid.user.replace("-", "").isdigit()


class _EmptyBench:
    """Nobody is known; made anew for each of many examples, hence without a database."""

    def __init__(self) -> None:
        settings = Settings()
        session = FakeSession()
        session.unlinked()
        nowhere = StoreReader(settings.data_dir / "does-not-exist.db")
        self.services = Services(settings, session, Store(nowhere))


async def test_a_name_that_several_have(bench: Bench) -> None:
    other = Jid("4915100000003", "s.whatsapp.net")
    bench.learn(ContactSeen(other, full_name="Ana"))
    with pytest.raises(AmbiguousRecipient) as caught:
        await resolve(bench.services, "ana", field="phone")
    assert {candidate["jid"] for candidate in caught.value.details["candidates"]} == {str(ANA), str(other)}
    assert caught.value.details["field"] == "phone"


async def test_a_name_that_nobody_has(bench: Bench) -> None:
    with pytest.raises(NotFound) as caught:
        await resolve(bench.services, "Anna", field="phone")
    assert caught.value.details["field"] == "phone"
    ana = {"jid": str(ANA), "name": "Ana", "name_source": "saved", "number": f"+{ANA.user}"}
    assert ana in caught.value.details["near"]
    assert "Ana" not in caught.value.message, "what others wrote is in the details only"


async def test_a_name_that_a_stranger_chose_fits_nobody(bench: Bench) -> None:
    stranger = Jid("4915100000003", "s.whatsapp.net")
    bench.receive("M1", chat=stranger, push_name="Mum")
    with pytest.raises(NotFound) as caught:
        await resolve(bench.services, "mum", field="phone")
    (near,) = caught.value.details["near"]
    assert (near["name"], near["name_source"], near["number"]) == ("Mum", "push", f"+{stranger.user}")
    bench.receive("M2", chat=stranger, push_name="Ana")
    assert await resolve(bench.services, "Ana") == ANA
    with pytest.raises(NotFound):
        await resolve(bench.services, "\u0410na", field="phone")


async def test_people_to_whom_the_owner_has_written_by_the_name_they_chose(bench: Bench) -> None:
    known = Jid("4915100000003", "s.whatsapp.net")
    bench.receive("M1", chat=known, push_name="Cy @ work")
    with pytest.raises(InvalidArgument):
        await resolve(bench.services, "Cy @ work")
    bench.send("S1", chat=known)
    assert await resolve(bench.services, "cy @ work") == known


async def test_a_name_with_an_at_sign(bench: Bench) -> None:
    bench.learn(ChatChanged(TEAM, name="Team @ Berlin"))
    assert await resolve(bench.services, "team @ berlin") == TEAM
    with pytest.raises(InvalidArgument):
        await resolve(bench.services, "team @ bern")


async def test_a_name_that_the_linked_device_may_know(bench: Bench) -> None:
    new = Jid("4915100000004", "s.whatsapp.net")

    def sync(_command: SyncContacts) -> None:
        bench.learn(ContactSeen(new, full_name="Cy"))

    bench.session.answers["sync_contacts"] = sync
    assert await resolve(bench.services, "cy") == new


async def test_a_failing_look_at_the_contacts_is_not_the_callers_matter(bench: Bench) -> None:
    bench.session.answers["sync_contacts"] = SessionTimeout("late")
    with pytest.raises(NotFound):
        await resolve(bench.services, "nobody")


async def test_names_are_found_without_a_connection(bench: Bench) -> None:
    bench.session.unlinked()
    assert await resolve(bench.services, "Bo") == BO
    with pytest.raises(NotFound):
        await resolve(bench.services, "nobody")


async def test_person(bench: Bench) -> None:
    assert await person(bench.services, str(ANA_LID)) == ANA
    assert await person(bench.services, str(ME)) == ME
    for text in (str(TEAM), "Team", "120363000000000009@newsletter"):
        with pytest.raises(InvalidArgument, match="a person is needed") as caught:
            await person(bench.services, text, field="participants")
        assert caught.value.details["field"] == "participants"


NEW = Jid("5511955550111", "s.whatsapp.net")


async def test_a_new_number_is_the_one_that_whatsapp_knows(bench: Bench) -> None:
    right = Jid("551155550111", "s.whatsapp.net")
    bench.session.answers["check_numbers"] = (NumberCheck(number=NEW.user, registered=True, jid=right),)
    assert await recipient(bench.services, f"+{NEW.user}") == right
    assert bench.session.last(CheckNumbers).numbers == (NEW.user,)
    bench.writer.apply([NumberSpelled(NEW, right)])
    bench.session.commands.clear()
    assert await recipient(bench.services, f"+{NEW.user}") == right
    assert await recipient(bench.services, str(ANA)) == ANA
    assert bench.session.commands == [], "known here"


async def test_a_number_that_nobody_has_is_no_recipient(bench: Bench) -> None:
    bench.session.answers["check_numbers"] = (NumberCheck(number=NEW.user, registered=False, jid=None),)
    with pytest.raises(NotFound) as caught:
        await recipient(bench.services, NEW.user)
    assert caught.value.details["field"] == "phone"


async def test_a_look_up_that_fails_forbids_nothing(bench: Bench) -> None:
    bench.session.answers["check_numbers"] = SessionTimeout("late")
    assert await recipient(bench.services, NEW.user) == NEW


async def test_a_group_that_we_left_is_no_recipient(bench: Bench) -> None:
    bench.writer.apply([ChatChanged(TEAM, is_member=False)])
    with pytest.raises(InvalidArgument, match="not in this group"):
        await recipient(bench.services, str(TEAM))
    assert await resolve(bench.services, str(TEAM)) == TEAM
    for tool, more in (("groupInfo", {}), ("leaveGroup", {}), ("setGroupName", {"name": "x"}), ("groupInviteLink", {})):
        with pytest.raises(InvalidArgument, match="group_id: you are not in this group"):
            await bench.run(tool, group_id=str(TEAM), **more)


async def test_nothing_can_be_done_with_a_notice(bench: Bench) -> None:
    notice = Notice(Happening.LEFT, people=(BO,)).received(TEAM, 1_700_000_000_000)
    bench.writer.apply([notice])
    with pytest.raises(InvalidArgument, match="nobody wrote it"):
        await stored_message(bench.services, notice.id, str(TEAM))
