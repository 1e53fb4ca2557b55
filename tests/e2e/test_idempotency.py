"""idempotency_key: whatever breaks in between, a repeated call never sends a second message."""

from __future__ import annotations

import asyncio
from pathlib import Path

import anyio
import pytest
from mcp.shared.exceptions import MCPError

from tests.e2e.harness import Host, Json, body_of, host_on, kill, paired, parent_of, until, whatsapp
from tests.e2e.shared import SharedAccount
from tests.e2e.test_faults import connected_again
from tests.e2e.test_groups import created, people
from tests.e2e.test_messages import row_where
from tests.unit.media import samples
from whatsapp_mcp.simulator import Simulator, VirtualContact


def texts(contact: VirtualContact) -> list[str]:
    return [message.text for message in contact.inbox]


def order(contact: VirtualContact, **more: str) -> Json:
    return {"phone": contact.number, "message": "two kilos", "idempotency_key": f"order of {contact.number}", **more}


async def nothing_more_arrives(host: Host, contact: VirtualContact, so_far: list[str]) -> None:
    """Messages keep their order, so what comes before the next one has come."""
    await host.call("sendMessage", phone=contact.number, message="last")
    await contact.wait_for_message(lambda message: message.text == "last")
    assert texts(contact) == [*so_far, "last"]


async def test_the_same_key_sends_once(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        first = await host.call("sendMessage", **order(ana))
        again = await host.raw("sendMessage", order(ana))
        assert body_of(again)["message"] == "Already sent under this idempotency_key; nothing was sent now."
        repeated = body_of(again)["results"]
        assert {name: repeated[name] for name in ("message_id", "chat_jid", "timestamp")} == {
            name: first[name] for name in ("message_id", "chat_jid", "timestamp")
        }
        assert repeated["repeated"] is True
        assert "repeated" not in first
        error = await host.refused("sendMessage", **order(ana, message="three kilos"))
        assert error["code"] == "invalid_argument"
        assert "idempotency_key" in error["message"]
        await nothing_more_arrives(host, ana, ["two kilos"])


async def test_every_kind_of_message(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        (shared.outbox / "a.jpg").write_bytes(samples.jpeg())
        sent = await host.call("sendMessage", phone=ana.number, message="the first")
        calls: dict[str, Json] = {
            "sendImage": {"image": str(shared.outbox / "a.jpg")},
            "sendSticker": {"sticker": str(shared.outbox / "a.jpg")},
            "sendFile": {"file": str(shared.outbox / "a.jpg")},
            "sendContact": {"contact_name": "Bo", "contact_phone": "+351 912 345 678"},
            "sendLink": {"link": "https://nowhere.invalid/a"},
            "sendLocation": {"latitude": "1", "longitude": "2"},
            "sendPoll": {"question": "When?", "options": ["Fri", "Sat"], "max_answer": 1},
            "forwardMessage": {"message_id": sent["message_id"]},
        }
        for tool, arguments in calls.items():
            keyed = {"phone": ana.number, "idempotency_key": f"key of {tool}", **arguments}
            first = await host.call(tool, **keyed)
            again = await host.call(tool, **keyed)
            assert (again["message_id"], again["repeated"]) == (first["message_id"], True), tool
        (shared.outbox / "a.jpg").unlink()
        image = {"phone": ana.number, "idempotency_key": "key of sendImage", **calls["sendImage"]}
        assert (await host.call("sendImage", **image))["repeated"], "the file is not looked at again"
        await ana.wait_for_message(start=len(calls))
        assert len(ana.inbox) == 1 + len(calls)


async def test_at_the_same_time(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        simulator.faults.delay_answers(0.2)
        results = await asyncio.gather(*(host.call("sendMessage", **order(ana)) for _ in range(5)))
        assert len({result["message_id"] for result in results}) == 1
        assert sorted(result.get("repeated", False) for result in results) == [False, True, True, True, True]
        simulator.faults.clear()
        await nothing_more_arrives(host, ana, ["two kilos"])


async def test_after_a_restart_of_the_server(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    async with whatsapp(tmp_path) as (simulator, endpoint):
        ana = await simulator.add_contact("Ana")
        async with host_on(endpoint, data_dir) as host:
            await host.pair(simulator)
            first = await host.call("sendMessage", **order(ana))
        async with host_on(endpoint, data_dir) as host:
            again = await host.call("sendMessage", **order(ana))
            assert (again["message_id"], again["repeated"]) == (first["message_id"], True)
            await nothing_more_arrives(host, ana, ["two kilos"])


async def test_what_was_refused_may_be_sent_again(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        simulator.faults.reject_messages(479)
        assert (await host.refused("sendMessage", **order(ana)))["code"] == "whatsapp_refused"
        assert "repeated" not in await host.call("sendMessage", **order(ana, message="three kilos"))
        await nothing_more_arrives(host, ana, ["three kilos"])


async def killed_while_sending(host: Host, simulator: Simulator, contact: VirtualContact) -> None:
    """The session process is killed when WhatsApp has got the message and not acknowledged it."""
    simulator.faults.withhold_acks()
    errors: list[Json] = []

    async def send() -> None:
        errors.append(await host.refused("sendMessage", **order(contact)))

    (pid,) = host.session_pids()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        await simulator.phone.wait_for_copy(lambda copy: copy.text == "two kilos")
        kill(pid)
    assert errors[0]["code"] == "session_crashed"
    assert "same idempotency_key" in errors[0]["next_step"]
    await connected_again(host)


async def proven(host: Host, contact: VirtualContact) -> Json:
    """The result under the key, as soon as a receipt has shown that the message went out."""
    with anyio.fail_after(120):
        while (result := await host.raw("sendMessage", order(contact))).is_error:
            assert body_of(result)["code"] in ("outcome_unknown", "not_connected")
            await anyio.sleep(0.05)
    found: Json = body_of(result)["results"]
    return found


async def test_session_process_killed_in_between(tmp_path: Path) -> None:
    async with paired(tmp_path) as (simulator, host):
        ana = await simulator.add_contact("Ana")
        ana.offline()
        await killed_while_sending(host, simulator, ana)
        for _ in range(2):
            error = await host.refused("sendMessage", **order(ana))
            assert error["code"] == "outcome_unknown"
            assert "receipt" in error["next_step"]
        ana.online()
        found = await proven(host, ana)
        assert found["repeated"] is True
        assert found["message_id"] == ana.inbox[0].id
        row = await row_where(host, ana.number, message_id=found["message_id"], status=None)  # it is read
        assert (row["content"], row["is_from_me"]) == ("two kilos", True)
        await nothing_more_arrives(host, ana, ["two kilos"])


async def test_session_process_killed_before_a_group_got_it(tmp_path: Path) -> None:
    async with paired(tmp_path) as (simulator, host):
        ana, bruno = await people(simulator)
        group_id = await created(host, ana, bruno)
        arguments = {"phone": group_id, "message": "two kilos", "idempotency_key": "order 7"}
        simulator.faults.withhold_acks()

        async def send() -> None:
            await host.refused("sendMessage", **arguments)

        (pid,) = host.session_pids()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send)
            await bruno.wait_for_message(lambda message: message.text == "two kilos")
            kill(pid)
        await connected_again(host)
        with anyio.fail_after(120):
            while (result := await host.raw("sendMessage", arguments)).is_error:
                await anyio.sleep(0.05)
        found = body_of(result)["results"]
        assert (found["chat_jid"], found["repeated"]) == (group_id, True)
        assert texts(ana).count("two kilos") == texts(bruno).count("two kilos") == 1


async def test_server_killed_in_between(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    async with whatsapp(tmp_path) as (simulator, endpoint):
        ana = await simulator.add_contact("Ana")
        async with host_on(endpoint, data_dir) as host:
            await host.pair(simulator)
            ana.offline()
            simulator.faults.withhold_acks()
            (session,) = host.session_pids()
            async with anyio.create_task_group() as tasks:

                async def send() -> None:
                    with pytest.raises(MCPError):
                        await host.raw("sendMessage", order(ana))

                tasks.start_soon(send)
                await simulator.phone.wait_for_copy(lambda copy: copy.text == "two kilos")
                kill(parent_of(session))
        async with host_on(endpoint, data_dir) as host:
            await until(lambda: session not in host.session_pids(), timeout=120, what="the end of the orphan")
            await connected_again(host)
            assert (await host.refused("sendMessage", **order(ana)))["code"] == "outcome_unknown"
            ana.online()
            assert (await proven(host, ana))["message_id"] == ana.inbox[0].id
            await nothing_more_arrives(host, ana, ["two kilos"])


async def test_an_acknowledgement_that_comes_too_late_is_not_lost(tmp_path: Path) -> None:
    """whatsmeow writes the same message once more after it has connected again; recipients know it by its id."""
    async with paired(tmp_path, WHATSAPP_MCP_CALL_TIMEOUT="2") as (simulator, host):
        ana = await simulator.add_contact("Ana")
        await host.call("sendMessage", phone=ana.number, message="warm up")
        simulator.faults.withhold_acks()
        assert (await host.refused("sendMessage", **order(ana)))["code"] == "session_timeout"
        error = await host.refused("sendMessage", **order(ana))
        assert error["code"] == "outcome_unknown"
        assert "same idempotency_key" in error["next_step"]
        simulator.faults.drop()
        again = await proven(host, ana)
        assert again["repeated"]
        assert {message.id for message in ana.inbox if message.text == "two kilos"} == {again["message_id"]}
