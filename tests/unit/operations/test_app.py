"""Linking, unlinking, reconnecting: what the caller gets."""

from __future__ import annotations

import asyncio
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.unit.operations.bench import Bench
from tests.unit.operations.fakes import ME, NOW
from whatsapp_mcp.errors import AlreadyLoggedIn, InvalidArgument, NotConnected, NotLoggedIn, RateLimited
from whatsapp_mcp.models.session import SessionSnapshot, SessionState
from whatsapp_mcp.models.views import Device
from whatsapp_mcp.pipe.account import PairPhone

CODE = "https://wa.me/settings/linked_devices#2@abc,def,ghi,jkl"


def pairing(text: str = CODE, seconds: float = 20) -> SessionSnapshot:
    return SessionSnapshot(
        state=SessionState.PAIRING,
        since=NOW,
        qr_text=text,
        qr_expires_at=datetime.now(UTC) + timedelta(seconds=seconds),
    )


def picture_of(link: str) -> Path:
    return Path(unquote(urlsplit(link).path))


async def test_login(bench: Bench) -> None:
    bench.session.login_result = pairing()
    results = await bench.run("appLogin")
    assert results["qr_text"] == CODE
    assert 19 <= results["qr_duration"] <= 20
    assert results["state"] == "pairing"
    [image] = bench.outcome.images
    assert image.mime_type == "image/png"
    assert image.data.startswith(b"\x89PNG")
    picture = picture_of(results["qr_link"])
    assert picture.read_bytes() == image.data
    assert stat.S_IMODE(picture.stat().st_mode) == 0o600


async def test_a_picture_goes_when_its_code_does(bench: Bench) -> None:
    bench.session.login_result = pairing(seconds=1)
    picture = picture_of((await bench.run("appLogin"))["qr_link"])
    assert picture.exists()
    async with asyncio.timeout(10):
        while picture.exists():
            await asyncio.sleep(0.02)


async def test_the_picture_of_the_next_code_stays(bench: Bench) -> None:
    bench.session.login_result = pairing(seconds=1)
    await bench.run("appLogin")
    bench.session.login_result = pairing("https://wa.me/settings/linked_devices#next", seconds=20)
    picture = picture_of((await bench.run("appLogin"))["qr_link"])
    await asyncio.sleep(1.2)  # the first code is over
    assert picture.exists()


@pytest.mark.parametrize("seconds", [-5, 0, 0.2])
async def test_a_code_on_its_last_legs(bench: Bench, seconds: float) -> None:
    bench.session.login_result = pairing(seconds=seconds)
    assert (await bench.run("appLogin"))["qr_duration"] == 1


async def test_login_when_linked(bench: Bench) -> None:
    bench.session.login_result = AlreadyLoggedIn("linked")
    assert await bench.run("appLogin") == {"state": "connected"}
    assert bench.outcome.images == ()


async def test_login_that_fails(bench: Bench) -> None:
    bench.session.login_result = NotConnected("pairing could not start")
    with pytest.raises(NotConnected):
        await bench.run("appLogin")


async def test_login_with_code(bench: Bench) -> None:
    assert await bench.run("appLoginWithCode", phone="+49 151 00000009") == {"pair_code": "ABCD-1234"}
    assert bench.session.last(PairPhone).digits == "4915100000009"


async def test_login_with_code_refused(bench: Bench) -> None:
    bench.session.pairing_code = RateLimited("slow")
    with pytest.raises(RateLimited):
        await bench.run("appLoginWithCode", phone="+49 151 00000009")


@pytest.mark.parametrize("phone", ["Ana", "0151", "120363000000000001@g.us"])
async def test_login_with_code_needs_a_number(bench: Bench, phone: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await bench.run("appLoginWithCode", phone=phone)
    assert caught.value.details["field"] == "phone"
    assert bench.session.commands == []


@pytest.mark.parametrize(("confirmed", "words"), [(True, "unlinked"), (False, "on the phone too")])
async def test_logout(bench: Bench, words: str, *, confirmed: bool) -> None:
    bench.session.logout_confirmed = confirmed
    await bench.run("appLogout")
    assert words in bench.outcome.message


async def test_logout_when_nothing_is_linked(bench: Bench) -> None:
    bench.session.unlinked()
    with pytest.raises(NotLoggedIn):
        await bench.run("appLogout")


async def test_reconnect(bench: Bench) -> None:
    await bench.run("appReconnect")
    assert bench.session.restarts == 1


@pytest.mark.parametrize(("push_name", "business", "name"), [("Me", "Ltd", "Me"), ("", "Ltd", "Ltd"), ("", "", "")])
async def test_devices(bench: Bench, push_name: str, business: str, name: str) -> None:
    bench.session.answers["get_device"] = Device(
        jid=replace(ME, device=7), lid=None, push_name=push_name, business_name=business, platform="android"
    )
    assert await bench.run("appDevices") == [{"name": name, "device": "4915100000009:7@s.whatsapp.net"}]
