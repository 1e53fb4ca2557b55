"""Linking, unlinking, reconnecting: what the caller gets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from tests.unit.operations.bench import Bench
from tests.unit.operations.fakes import ANA, ME, NOW
from whatsapp_mcp.errors import AlreadyLoggedIn, InvalidArgument, NotConnected, NotLoggedIn, RateLimited
from whatsapp_mcp.models.downloaded import DownloadedFile
from whatsapp_mcp.models.session import SessionSnapshot, SessionState
from whatsapp_mcp.models.views import Device
from whatsapp_mcp.pipe.control import PairPhone
from whatsapp_mcp.qr_picture import qr_picture

CODE = "https://wa.me/settings/linked_devices#2@abc,def,ghi,jkl"


def pairing(text: str = CODE, seconds: float = 20) -> SessionSnapshot:
    return SessionSnapshot(
        state=SessionState.PAIRING,
        since=NOW,
        qr_text=text,
        qr_expires_at=datetime.now(UTC) + timedelta(seconds=seconds),
    )


async def test_login(bench: Bench) -> None:
    bench.session.login_result = pairing()
    results = await bench.run("appLogin")
    assert results["qr_text"] == CODE
    assert 19 <= results["qr_duration"] <= 20
    assert results["state"] == "pairing"
    [image] = bench.outcome.images
    assert image.mime_type == "image/png"
    assert image.data.startswith(b"\x89PNG")
    assert image.data == qr_picture(CODE)
    picture = Path(url2pathname(urlsplit(results["qr_link"]).path))
    assert picture == bench.services.settings.qr_path
    assert not picture.exists(), "the session process writes it"


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
    assert "messages are kept" in bench.outcome.message
    assert not bench.session.erased


async def test_logout_that_erases(bench: Bench) -> None:
    file = DownloadedFile(ANA, "D1", "image/jpeg", None, None)
    bench.keep(file, b"content")
    await bench.run("appLogout", erase=True)
    assert "messages and the downloaded media were deleted" in bench.outcome.message
    assert bench.session.erased
    assert bench.services.received.find(file) is None


async def test_logout_that_erases_says_what_it_could_not_delete(bench: Bench, aws: pytest.MonkeyPatch) -> None:
    aws.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    bench.use(bench.settings.model_copy(update={"media": "s3://nobody-listens"}))
    await bench.run("appLogout", erase=True)
    assert bench.session.erased
    assert "downloaded media" not in bench.outcome.message
    assert "Media are still there" in str(bench.outcome.note) and "AWS_ENDPOINT_URL" in str(bench.outcome.note)


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
