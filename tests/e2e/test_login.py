"""Linking, unlinking and reconnecting, through MCP and the real neonize."""

from __future__ import annotations

import base64
import stat
from contextlib import suppress
from pathlib import Path

from tests.e2e.harness import body_of, host_on, kill, paired, pictures, until, whatsapp

PNG = b"\x89PNG\r\n\x1a\n"


async def test_qr_login_shows_a_picture_and_links(tmp_path: Path) -> None:
    async with whatsapp(tmp_path) as (simulator, endpoint), host_on(endpoint, tmp_path / "data") as host:
        first = await host.raw("appLogin")
        results = body_of(first)["results"]
        (picture,) = pictures(first)
        assert base64.b64decode(picture.data).startswith(PNG)
        assert 1 <= results["qr_duration"] <= 60
        assert Path(results["qr_link"].removeprefix("file://")).read_bytes() == base64.b64decode(picture.data)

        again = await host.call("appLogin")
        assert again["qr_text"] == results["qr_text"], "asking again gives the code that is shown now"

        device = await simulator.phone.scan(results["qr_text"])
        (own,) = await host.call("appDevices")
        assert own["device"] == str(device.pn)
        assert (await host.call("appLogin")) == {"state": "connected"}


async def test_login_with_code(tmp_path: Path) -> None:
    async with whatsapp(tmp_path) as (simulator, endpoint), host_on(endpoint, tmp_path / "data") as host:
        number = simulator.phone.account.number
        code = (await host.call("appLoginWithCode", phone=f"+{number}"))["pair_code"]
        assert len(code.replace("-", "")) == 8
        await simulator.phone.enter_code(code)
        (own,) = await host.call("appDevices")
        assert own["device"].startswith(number)


async def test_tools_before_login_say_what_to_do(tmp_path: Path) -> None:
    async with whatsapp(tmp_path) as (_, endpoint), host_on(endpoint, tmp_path / "data") as host:
        for tool, arguments in (
            ("sendMessage", {"phone": "12025550111", "message": "x"}),
            ("userMyContacts", {}),
            ("appDevices", {}),
            ("appReconnect", {}),
            ("appLogout", {}),
            ("waitForMessage", {"timeout": 0}),
        ):
            error = await host.refused(tool, **arguments)
            assert error["code"] == "not_logged_in", tool
            assert "appLogin" in error["next_step"], tool
        assert (await host.call("listChats"))["data"] == []


async def test_session_survives_a_restart_of_the_server(tmp_path: Path) -> None:
    async with whatsapp(tmp_path) as (simulator, endpoint):
        ana = await simulator.add_contact("Ana")
        async with host_on(endpoint, tmp_path / "data") as host:
            await host.pair(simulator)
            await host.call("sendMessage", phone=ana.number, message="before")
        ana.say("while you were away")
        async with host_on(endpoint, tmp_path / "data") as host:
            cursor = "0"
            waited = await host.call("waitForMessage", timeout=40, cursor=cursor)
            assert waited["message"]["content"] == "while you were away"
            rows = (await host.call("getChatMessages", chat_jid=ana.number))["data"]
            assert [row["content"] for row in rows] == ["while you were away", "before"]


async def test_reconnect_keeps_the_account_and_files_are_private(tmp_path: Path) -> None:
    async with paired(tmp_path) as (_, host):
        (before,) = host.session_pids()
        await host.call("appReconnect")
        (after,) = host.session_pids()
        assert after != before, "a reconnect is a new session process"
        await host.call("appDevices")
        account = host.data_dir / "default"
        assert stat.S_IMODE(account.stat().st_mode) == 0o700
        names = {path.name for path in account.iterdir()}
        assert {"session.db", "messages.db", "lock"} <= names
        for path in account.iterdir():
            with suppress(FileNotFoundError):  # what is written anew has another name for a moment
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


async def test_logout_unlinks_and_deletes_what_is_asked_for(tmp_path: Path) -> None:
    async with paired(tmp_path) as (simulator, host):
        ana = await simulator.add_contact("Ana")
        await host.call("sendMessage", phone=ana.number, message="hello")
        await host.call("appLogout")
        assert [device.number for device in simulator.phone.account.devices.values()] == [0]
        error = await host.refused("appDevices")
        assert error["code"] == "not_logged_in"
        assert len((await host.call("listChats"))["data"]) == 1, "messages cannot be had again"
        await host.pair(simulator)
        rows = (await host.call("getChatMessages", chat_jid=ana.number))["data"]
        assert [row["content"] for row in rows] == ["hello"]
        await host.call("appLogout", erase=True)
        assert (await host.call("listChats"))["data"] == []
        await host.pair(simulator)
        await host.call("sendMessage", phone=ana.number, message="again")


async def test_removed_on_the_phone(tmp_path: Path) -> None:
    async with paired(tmp_path) as (simulator, host):
        ana = await simulator.add_contact("Ana")
        await host.call("sendMessage", phone=ana.number, message="kept")
        simulator.phone.unlink()
        await until(lambda: not host.session_pids(), what="the end of the session process")
        error = await host.refused("sendMessage", phone=ana.number, message="x")
        assert error["code"] == "not_logged_in"
        assert "removed" in error["message"]
        rows = (await host.call("getChatMessages", chat_jid=ana.number))["data"]
        assert [row["content"] for row in rows] == ["kept"], "a logout from the phone deletes no messages"
        await host.pair(simulator)
        await host.call("sendMessage", phone=ana.number, message="back")


async def test_an_unscanned_code_leads_back_to_unpaired(tmp_path: Path) -> None:
    """A refused pairing is reported, and the next appLogin starts afresh."""
    async with whatsapp(tmp_path) as (simulator, endpoint), host_on(endpoint, tmp_path / "data") as host:
        await host.call("appLogin")
        (pid,) = host.session_pids()
        kill(pid)
        await until(lambda: pid not in host.session_pids(), what="the end of the session process")
        error = await host.refused("appDevices")
        assert error["code"] == "not_logged_in"
        await host.pair(simulator)
