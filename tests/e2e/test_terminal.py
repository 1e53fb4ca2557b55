"""A person at a terminal: links the account, reads, writes, searches, watches, and is asked what the policy asks."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

from tests.e2e.harness import Host, host_on, paired, until, whatsapp
from tests.e2e.terminal import Place, run, terminal


async def test_an_account_is_linked_by_the_code_on_the_terminal(tmp_path: Path) -> None:
    async with whatsapp(tmp_path) as (simulator, endpoint):
        data_dir = tmp_path / "data"
        async with terminal(Place(endpoint, data_dir), "login") as screen, host_on(endpoint, data_dir) as host:
            await screen.see("scan this code:")
            await screen.see("█▄▄▄▄▄▄▄█")
            # The host sees the code that stands on the terminal, for there is one session.
            await simulator.phone.scan((await host.call("appLogin"))["qr_text"])
            await screen.see("Linked as")
            assert await screen.end() == 0
            assert "+12025550100" in screen.text
        code, out, _ = await run(Place(endpoint, data_dir), "login")
        assert (code, "linked already" in out) == (0, True)


async def test_ctrl_c_before_the_scan_links_nothing(tmp_path: Path) -> None:
    async with whatsapp(tmp_path) as (_, endpoint):
        async with terminal(Place(endpoint, tmp_path / "data"), "login") as screen:
            await screen.see("scan this code:")
            screen.type("\x03")
            assert await screen.end() == 130
            assert "Traceback" not in screen.text
        code, _, error = await run(Place(endpoint, tmp_path / "data"), "chats")
        assert (code, "whatsapp-mcp login" in error) == (3, True)


async def test_a_command_logs_errors_alone_unless_somebody_asks_for_more(tmp_path: Path) -> None:
    async with paired(tmp_path) as (simulator, host):
        ana = await simulator.add_contact("Ana")
        place, send = Place(tmp_path / "endpoint.json", host.data_dir), ("send", ana.number)
        code, _, quiet = await run(place, *send, "Hi")
        assert (code, quiet) == (0, "")
        _, _, asked = await run(place, *send, "Ho", WHATSAPP_MCP_LOG_LEVEL="DEBUG")
        assert " whatsapp_mcp." in asked


async def test_a_talk_at_the_terminal(tmp_path: Path) -> None:
    async with paired(tmp_path) as (simulator, host):
        ana = await simulator.add_contact("Ana", saved=True)
        ana.say("Are you coming \x1b[31mon Friday?\nWe start at seven.")
        await _has(host, "start at seven")
        place = Place(tmp_path / "endpoint.json", host.data_dir)
        async with terminal(place, "read", "Ana", columns=40) as screen:
            assert await screen.end() == 0
            assert "Ana: Are you coming [31mon Friday?" in " ".join(screen.text.split())
            assert all(len(line) <= 40 for line in screen.text.splitlines())
            assert b"\x1b[31mon" not in screen.raw
        async with terminal(place, "send", "Ana", "I come") as screen:
            assert await screen.end() == 0
            await screen.see("The message was sent.")
        await ana.wait_for_message(lambda m: m.text == "I come", timeout=120)
        assert "start at seven" in (await run(place, "search", "friday"))[1]
        code, out, _ = await run(place, "read", "Ana", "--json")
        told = json.loads(out)
        assert (code, told["results"]["data"][0]["content"]) == (0, "I come")
        assert (await run(place, "send", ana.number, text="from a pipe\n"))[0] == 0
        await ana.wait_for_message(lambda m: m.text == "from a pipe", timeout=120)
        listed = (await run(place, "chats"))[1]
        assert listed.split("\t")[0] == "Ana"


async def test_a_code_to_type_links_as_well(tmp_path: Path) -> None:
    async with whatsapp(tmp_path) as (simulator, endpoint):
        place = Place(endpoint, tmp_path / "data")
        async with terminal(place, "login", "--phone", "+12025550100", "--no-history") as screen:
            await screen.see("and type:")
            (code,) = re.findall(r"^ +([0-9A-Z]{4}-?[0-9A-Z]{4})$", await screen.see("\n\n"), re.MULTILINE)[-1:]
            await simulator.phone.enter_code(code)
            await screen.see("Linked as")
            assert await screen.end() == 0


async def test_what_happens_is_watched_until_ctrl_c(tmp_path: Path) -> None:
    async with paired(tmp_path) as (simulator, host):
        ana = await simulator.add_contact("Ana", saved=True)
        place = Place(tmp_path / "endpoint.json", host.data_dir)
        sent = await host.call("sendMessage", phone=ana.number, message="who is there?")
        message = await ana.wait_for_message(lambda m: m.text == "who is there?", timeout=120)
        async with terminal(place, "watch", columns=40) as screen:
            await screen.see("Watching")
            ana.say("I am")
            await screen.see("Ana: I am")
            ana.react("\N{THUMBS UP SIGN}", message)
            await screen.see("[reaction]")
            screen.type("\x03")
            assert await screen.end() == 130
            assert "Traceback" not in screen.text
        assert sent["message_id"]
        async with terminal(place, "wait", "--chat", "Ana") as screen:
            await asyncio.sleep(0)
            while screen.process.poll() is None and "once more" not in screen.text:
                ana.say("once more")
                await asyncio.sleep(0.5)
            assert await screen.end() == 0
            assert "once more" in screen.text
        assert (await run(place, "wait", "--chat", "Ana", "--timeout", "1"))[0] == 6


async def test_what_the_policy_asks_is_asked_here(tmp_path: Path) -> None:
    async with paired(tmp_path) as (simulator, host):
        stranger = await simulator.add_contact("Zoe", saved=False)
        place = Place(tmp_path / "endpoint.json", host.data_dir)
        words = ("send", stranger.number, "Hello Zoe")
        async with terminal(place, *words, WHATSAPP_MCP_POLICY="careful") as screen:
            await screen.see("not among those whom you know")
            await screen.see("Do it?")
            screen.type("n\n")
            assert await screen.end() == 5
            assert "the owner of the account said no" in screen.text
        async with terminal(place, *words, WHATSAPP_MCP_POLICY="careful") as screen:
            await screen.see("Do it?")
            screen.type("\x03")
            assert await screen.end() == 130
        code, _, error = await run(place, *words, WHATSAPP_MCP_POLICY="careful")
        assert (code, "whatsapp-mcp approve " in error) == (5, True)
        approval = error.partition("whatsapp-mcp approve ")[2].partition("`")[0]
        async with terminal(place, "approve", approval) as screen:
            await screen.see("type")
            screen.type("yes\n")
            assert await screen.end() == 0
        assert (await run(place, *words, WHATSAPP_MCP_POLICY="careful"))[0] == 0
        await stranger.wait_for_message(lambda m: m.text == "Hello Zoe", timeout=120)
        _, out, _ = await run(place, "audit", "--operation", "sendMessage", "--json")
        calls = [json.loads(line) for line in out.splitlines()]
        assert {call["client"] for call in calls} == {"terminal"}
        assert [call["decision"] for call in calls][-2:] == ["confirmation_needed", "approved"]


async def test_the_connection_is_begun_anew(tmp_path: Path) -> None:
    async with paired(tmp_path) as (_, host):
        place = Place(tmp_path / "endpoint.json", host.data_dir)
        before = host.session_pids()
        code, _, error = await run(place, "reconnect")
        assert code == 0 or "run it again" in error, "a loaded machine needs longer than a tool waits"
        await until(lambda: host.session_pids() not in ([], before), what="another session process")
        code, _, error = await run(place, "logout")
        assert (code, "nobody can be asked" in error, "--yes" in error) == (1, True, True)


async def _has(host: Host, words: str) -> None:
    while not (await host.call("searchMessages", query=words))["data"]:
        await asyncio.sleep(0.1)
