"""People and the own profile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.operations.bench import BadArguments, Bench
from tests.unit.operations.fakes import ANA, BO, ME
from whatsapp_mcp.errors import InvalidArgument, NotLoggedIn, SessionTimeout, WhatsAppRefused
from whatsapp_mcp.models.views import NumberCheck, Person
from whatsapp_mcp.pipe.account import ChangePushName, CheckNumbers, GetPerson, SyncContacts


async def test_info(bench: Bench) -> None:
    bench.session.answers["get_person"] = Person(
        jid=ANA, verified_name="", status="busy", picture_id="", devices=(ANA, replace(ANA, device=3))
    )
    results = await bench.run("userInfo", phone="ana")
    assert bench.session.last(GetPerson).jid == ANA
    assert results == {"jid": str(ANA), "name": "Ana", "about": "busy", "linked_devices": 1}
    results = await bench.run("userInfo", phone="ana", detail="full")
    assert results["status"] == "busy"
    assert [device["Device"] for device in results["devices"]] == ["PHONE", "LINKED_DEVICE_3"]
    assert bench.outcome.untrusted


async def test_info_about_a_group(bench: Bench) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await bench.run("userInfo", phone="Team")
    assert caught.value.details["field"] == "phone"


@pytest.mark.parametrize("registered", [True, False])
async def test_check(bench: Bench, *, registered: bool) -> None:
    number = NumberCheck(number="4915100000001", registered=registered, jid=ANA if registered else None)
    bench.session.answers["check_numbers"] = (number,)
    results = await bench.run("userCheck", phone="+49 (151) 00000001")
    assert bench.session.last(CheckNumbers).numbers == ("4915100000001",)
    assert results["is_on_whatsapp"] is registered
    assert results.get("jid") == (str(ANA) if registered else None)


async def test_check_of_nothing(bench: Bench) -> None:
    bench.session.answers["check_numbers"] = ()
    assert (await bench.run("userCheck", phone="4915100000001"))["is_on_whatsapp"] is False


@pytest.mark.parametrize("phone", ["Ana", "100000000000777@lid", "120363000000000001@g.us"])
async def test_check_needs_a_number(bench: Bench, phone: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await bench.run("userCheck", phone=phone)
    assert caught.value.details["field"] == "phone"


async def test_contacts(bench: Bench) -> None:
    rows = (await bench.run("userMyContacts"))["data"]
    assert {"jid": str(ANA), "name": "Ana"} in rows
    assert {"jid": str(BO), "name": "Bo"} in rows
    assert bench.session.last(SyncContacts)
    assert bench.outcome.untrusted


async def test_contacts_searched_and_paged(bench: Bench) -> None:
    everybody = (await bench.run("userMyContacts"))["data"]
    assert (await bench.run("userMyContacts", offset=1))["data"] == everybody[1:]
    assert [row["name"] for row in (await bench.run("userMyContacts", search="BO"))["data"]] == ["Bo"]
    assert (await bench.run("userMyContacts", search="nobody"))["data"] == []


async def test_contacts_that_could_not_be_refreshed(bench: Bench) -> None:
    bench.session.answers["sync_contacts"] = SessionTimeout("late")
    assert len((await bench.run("userMyContacts"))["data"]) >= 2


async def test_contacts_without_an_account(bench: Bench) -> None:
    bench.session.unlinked()
    with pytest.raises(NotLoggedIn):
        await bench.run("userMyContacts")


async def test_privacy(bench: Bench) -> None:
    settings = {"group_add": "all", "last_seen": "none", "read_receipts": "all", "online": "all"}
    bench.session.answers["get_privacy"] = settings
    assert await bench.run("userMyPrivacy") == settings


async def test_privacy_refused(bench: Bench) -> None:
    bench.session.answers["get_privacy"] = WhatsAppRefused("no")
    with pytest.raises(WhatsAppRefused):
        await bench.run("userMyPrivacy")


async def test_push_name(bench: Bench) -> None:
    await bench.run("userChangePushName", push_name=" Zoë ")
    assert bench.session.last(ChangePushName).push_name == "Zoë"


async def test_blank_push_name(bench: Bench) -> None:
    with pytest.raises((InvalidArgument, BadArguments)) as caught:
        await bench.run("userChangePushName", push_name="  ")
    assert "push_name" in str(caught.value)
    assert bench.session.commands == []


async def test_the_own_number_is_a_person(bench: Bench) -> None:
    bench.session.answers["get_person"] = Person(jid=ME, verified_name="", status="", picture_id="", devices=())
    await bench.run("userInfo", phone=str(ME))
    assert bench.session.last(GetPerson).jid == ME
