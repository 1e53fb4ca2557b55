"""The process of a side login, with a linked device and a simulator beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.unit.side_login.linked import Linked, linked
from tests.unit.waiting import WAIT
from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.errors import (
    AppStateKeysMissing,
    InvalidArgument,
    NotFound,
    NotLoggedIn,
    SetupError,
    WhatsAppMcpError,
)
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import ChatChanged, MessageStarred
from whatsapp_mcp.models.side_login import Answer, BusinessProfile, JoinRequestResult
from whatsapp_mcp.pipe import codec
from whatsapp_mcp.pipe import side_login as p
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.simulator.service.business import BusinessDetails
from whatsapp_mcp.worker.login_process import LoginProcess

ANA = Jid("12025550111", "s.whatsapp.net")
STAR = p.ChangeAppState(changes=(MessageStarred(ANA, "M1", from_me=True, starred=True),))
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")


@pytest.fixture
async def side(tmp_path: Path) -> AsyncIterator[Linked]:
    async with linked(tmp_path) as this:
        yield this


class Told:
    """What a login process said."""

    def __init__(self, login: LoginProcess) -> None:
        self.login = login
        self.lines: list[p.LoginLine] = []
        self.replies: dict[int, codec.Json] = {}
        self._commands: dict[int, Command[Any]] = {}
        self._said = login.lines()

    def put(self, call_id: int, command: Command[Any]) -> None:
        self._commands[call_id] = command
        self.login.put(call_id, command)

    async def until(self, kind: type[p.LoginLine] | None, count: int = 1) -> None:
        """``None``: so many replies."""
        while (sum(isinstance(line, kind) for line in self.lines) if kind else len(self.replies)) < count:
            line = await anext(self._said)
            if isinstance(line, dict):
                self.replies[line["id"]] = line
            else:
                self.lines.append(line)

    def result(self, call_id: int) -> Any:
        answer = codec.result_in(self.replies[call_id], self._commands[call_id])
        assert isinstance(answer, Answer)
        return answer.result


@asynccontextmanager
async def starting(side: Linked, **more: Any) -> AsyncIterator[Told]:
    begins = p.LoginBegins(
        keys=str(side.database_path), endpoint=Endpoint.read(side.endpoint_path), require_endpoint=True
    )
    login = await LoginProcess.start(begins.model_copy(update=more))
    try:
        yield Told(login)
    finally:
        await login.end()
        assert login._process.returncode is not None


async def test_everything_that_can_be_asked_for(side: Linked) -> None:
    simulator = side.simulator
    before = side.database_path.read_bytes()
    shop = await simulator.add_contact("Shop", business_name="Shop")
    simulator.business.set(shop.account, BusinessDetails(email="a@shop.example"))
    ana, bruno = [await simulator.add_contact(name) for name in ("Ana", "Bruno")]
    group = await simulator.add_group("Hikers", [ana], owner=simulator.phone)
    group.require_approval(by=simulator.phone)
    group.join(bruno)
    group.set_picture(JPEG, by=simulator.phone)
    commands: list[Command[Any]] = [
        STAR,
        p.GetBusinessProfile(jid=shop.account.pn),
        p.GetBusinessProfile(jid=ana.account.pn),
        p.AnswerJoinRequests(group=group.jid, people=(bruno.account.pn,), action="approve"),
        p.RemoveGroupPicture(group=group.jid),
        p.ChangeAppState(changes=()),
        p.ChangeAppState(changes=(ChatChanged(ANA, name="Ana"),)),
        p.ChangeAppState(changes=(ChatChanged(ANA, pinned=True),)),
    ]
    async with starting(side) as told:
        for number, command in enumerate(commands):
            told.put(number, command)
        await told.until(p.Accepted, 6)
        assert sorted(told.replies) == [5, 6], "answered without a login"
        assert side.device.link is None
        told.login.withdraw(7)
        told.login.go()
        await told.until(p.LoginDone)
    for number in (5, 6):
        with pytest.raises(InvalidArgument, match="nothing to change"):
            told.result(number)
    assert told.result(0) is None
    assert told.result(1) == BusinessProfile(shop.account.pn, email="a@shop.example")
    with pytest.raises(NotFound, match="no business profile"):
        told.result(2)
    assert told.result(3) == (JoinRequestResult(bruno.account.pn),)
    assert told.result(4) is None and group.picture is None
    (learned,) = [line for line in told.lines if isinstance(line, p.Learned)]
    (change,) = learned.changes
    assert isinstance(change, MessageStarred) and change.message_id == "M1"
    assert [one.index[0] for one in simulator.phone.patches] == ["star"], "what was withdrawn is not sent"
    assert side.database_path.read_bytes() == before, "nothing is written back"


@pytest.mark.parametrize(
    ("why", "error"), [("keys", AppStateKeysMissing), ("device", NotLoggedIn), ("endpoint", SetupError)]
)
async def test_what_cannot_be_done_is_said_without_a_login(
    side: Linked, why: str, error: type[WhatsAppMcpError]
) -> None:
    if why == "keys":
        side.execute("DELETE FROM whatsmeow_app_state_sync_keys")
    elif why == "device":
        side.execute("DELETE FROM whatsmeow_device")
    async with starting(side, **({"endpoint": None} if why == "endpoint" else {})) as told:
        told.put(1, STAR)
        await told.until(None)
        with pytest.raises(error):
            told.result(1)


async def test_it_ends_with_its_standard_input(side: Linked) -> None:
    """Also in the middle of a login: the process that started it was killed."""
    side.simulator.faults.ignore_iq("w:biz", times=-1)
    async with starting(side) as told:
        told.put(1, p.GetBusinessProfile(jid=ANA))
        await told.until(p.Accepted)
        told.login.go()
        async with asyncio.timeout(WAIT):
            while side.device.link is None:
                await asyncio.sleep(0.01)
        process = told.login._process
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(WAIT):
            assert await process.wait() == 1
