"""Scheduled messages in the session process: they leave once, under the policy of the moment in which they do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

from tests.unit.waiting import WAIT, soon
from tests.unit.whatsapp.received import ANA, ANA_LID, TEAM
from tests.unit.worker.test_deferring import how_often, known, leave, make_due, state, will_fail
from tests.unit.worker.test_handlers import Session, from_ana
from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.delivery import DeferredState
from whatsapp_mcp.models.outgoing import SentMessage, TextOut
from whatsapp_mcp.pipe.lines import PolicyPlaces
from whatsapp_mcp.pipe.messages import CancelSend, Schedule, SendMessage
from whatsapp_mcp.policy.book import PolicyBook
from whatsapp_mcp.policy.caller import Grant
from whatsapp_mcp.policy.departures import grant_text
from whatsapp_mcp.policy.tokens import TokenBook
from whatsapp_mcp.private_files import write_private
from whatsapp_mcp.worker.departures import Departures

HOUR: Final = 3_600_000
LOCAL: Final = Grant()


class Account:
    """A session process whose account has a policy."""

    def __init__(self, folder: Path) -> None:
        self.policy = folder / "policy.toml"
        self.audit = folder / "audit"
        self.tokens = TokenBook(folder / "tokens.json", folder / "token")
        places = PolicyPlaces(
            preset="careful",
            file=str(self.policy),
            book=str(folder / "policy.db"),
            audit=str(self.audit),
            tokens=str(folder / "tokens.json"),
            default_token=str(folder / "token"),
            store=str(folder / "messages.db"),
        )
        self.session = Session(folder, places)
        self.session.will_send("S1", ANA_LID)
        self.session.receive(from_ana())

    def says(self, toml: str) -> None:
        write_private(self.policy, toml.encode())

    def schedule(
        self, text: str = "hello", *, due: int = 0, late: int = HOUR, grant: Grant = LOCAL, chat: Jid = ANA
    ) -> SentMessage:
        plan = Schedule(due_at=due or now_ms() + HOUR, late=late, caller=grant_text(grant))
        return self.session.run(SendMessage(chat=chat, message=TextOut(text=text), schedule=plan))

    def error(self, held: SentMessage) -> tuple[str, str | None]:
        found = known(self.session, held).error
        assert found is not None
        return found["code"], found["details"].get("rule") or found["details"].get("limit")


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    account = Account(tmp_path)
    yield account
    assert account.session.thread.close(WAIT)


def test_it_leaves_once_and_is_in_the_audit(account: Account) -> None:
    held = account.schedule()
    session = account.session
    assert (held.chat, state(session, held), how_often(session)) == (ANA, DeferredState.HELD, 0)
    assert leave(session, held)
    assert leave(session, held)
    assert (known(session, held).state, known(session, held).sent_id, how_often(session)) == ("sent", "S1", 1)
    assert known(session, held).text is None, "what has left is in its chat, and nowhere else"
    lines = "".join(path.read_text() for path in account.audit.parent.glob("audit*") if path.is_file())
    lines += "".join(path.read_text() for path in account.audit.glob("*") if account.audit.is_dir())
    assert lines.count('"scheduleMessage"') == 1


def test_what_was_taken_back_never_leaves(account: Account) -> None:
    held = account.schedule()
    assert account.session.run(CancelSend(message_id=held.message_id)) is DeferredState.CANCELLED
    assert leave(account.session, held)
    assert how_often(account.session) == 0


@pytest.mark.parametrize(
    ("toml", "rule"),
    [
        (f'[send]\ndeny = ["{ANA}"]\n', "send"),
        ('[send]\nallow = ["groups"]\n', "send"),
        ('preset = "read-only"\n', "read_only"),
        ('preset = "locked"\n', "send"),
        ('toolsets = "core"\n', "toolsets"),
    ],
)
def test_a_rule_that_came_in_between_forbids_it(account: Account, toml: str, rule: str) -> None:
    held = account.schedule()
    account.says(toml)
    assert leave(account.session, held)
    assert (state(account.session, held), how_often(account.session)) == (DeferredState.FAILED, 0)
    assert account.error(held) == ("not_allowed", rule)
    account.says("")
    assert leave(account.session, held)
    assert how_often(account.session) == 0, "what was refused stays so"


def test_limits_count_when_it_leaves(account: Account) -> None:
    account.says("[limits]\nsends_per_minute = 1\n")
    first, second = account.schedule("one"), account.schedule("two")
    assert leave(account.session, first)
    assert not leave(account.session, second), "it waits for room"
    assert state(account.session, second) is DeferredState.HELD
    assert account.error(second) == ("rate_limited", "sends_per_minute")
    account.says("[limits]\nsends_per_minute = 2\n")
    assert leave(account.session, second)
    assert how_often(account.session) == 2


def test_what_was_not_sent_does_not_count(account: Account) -> None:
    account.says("[limits]\nsends_per_minute = 1\n")
    held = account.schedule()
    will_fail(account.session, "failed to send message node: websocket not connected")
    for _ in range(3):
        assert not leave(account.session, held)
    account.session.will_send("S1", ANA_LID)
    assert leave(account.session, held)
    assert state(account.session, held) is DeferredState.SENT


def test_while_the_policy_is_wrong_it_waits(account: Account) -> None:
    held = account.schedule()
    account.says("this is no TOML")
    assert not leave(account.session, held)
    assert account.error(held)[0] == "setup_error"
    account.says("hold_seconds = 0\n")
    assert leave(account.session, held)
    assert state(account.session, held) is DeferredState.SENT


def test_the_token_of_who_scheduled_it_has_to_be_valid(account: Account, tmp_path: Path) -> None:
    held = account.schedule(grant=Grant(name="agent", scope="send"))
    assert leave(account.session, held)
    assert account.error(held) == ("not_allowed", "token")
    narrow = account.schedule(grant=Grant(name="oauth:somebody", chats=(str(TEAM),)))
    assert leave(account.session, narrow)
    assert account.error(narrow) == ("not_allowed", "send")
    reader = account.schedule(grant=Grant(name="local", scope="read"))
    assert leave(account.session, reader)
    assert account.error(reader) == ("not_allowed", "scope")
    assert how_often(account.session) == 0


@pytest.mark.parametrize(("minutes", "expected"), [(59, "sent"), (61, "expired")])
async def test_late_ones_leave_within_their_bound(account: Account, minutes: int, expected: str) -> None:
    """As after sleep, or when no program was open."""
    clock = [now_ms()]
    session = account.session
    held = account.schedule(due=clock[0] + HOUR)
    clock[0] += HOUR + minutes * 60_000
    make_due(session, late=minutes * 60_000)

    async def briefly(_seconds: float) -> None:
        await asyncio.sleep(0.01)

    departures = Departures(
        session.messages.deferring, session.thread, ThreadPoolExecutor(4), now=now_ms, pause=briefly
    )
    task = asyncio.create_task(departures.run())
    departures.connection_is(up=True)
    await soon(lambda: str(state(session, held)) == expected)
    await departures.ended()
    async with asyncio.timeout(WAIT):
        await task
    assert how_often(session) == (1 if expected == "sent" else 0)


@pytest.mark.parametrize(("hours", "stays"), [(11, True), (13, False)])
async def test_a_process_stays_for_what_is_due_soon(account: Account, hours: int, stays: bool) -> None:
    session: Any = account.session
    account.schedule(due=now_ms() + hours * HOUR)
    departures = Departures(session.messages.deferring, session.thread, ThreadPoolExecutor(4), stay=12 * HOUR)
    task = asyncio.create_task(departures.run())
    await soon(lambda: departures._known)
    assert departures.are_expected is stays
    await departures.ended()
    async with asyncio.timeout(WAIT):
        await task


# ---- late ones of which the owner is asked -----------------------------------------------------------------------


def schedule_and_ask(account: Account) -> SentMessage:
    plan = Schedule(due_at=now_ms() + HOUR, late=HOUR, ask=True, caller=grant_text(LOCAL))
    held = account.session.run(SendMessage(chat=ANA, message=TextOut(text="late words"), schedule=plan))
    make_due(account.session, late=2 * HOUR)
    assert not leave(account.session, held)
    assert account.error(held) == ("confirmation_needed", "late")
    assert state(account.session, held) is DeferredState.HELD
    return held


def book(account: Account) -> PolicyBook:
    return PolicyBook(account.policy.with_name("policy.db"))


def test_a_late_one_leaves_when_the_owner_says_yes(account: Account) -> None:
    held = schedule_and_ask(account)
    (question,) = book(account).pending(now_ms())
    assert "“late words”" in question.text
    assert "it was due" in question.text
    found = known(account.session, held).error
    assert found is not None
    assert found["details"]["approval_code"] == question.code
    assert not leave(account.session, held)
    book(account).approve(question.code, now_ms())
    assert leave(account.session, held)
    assert (state(account.session, held), how_often(account.session)) == (DeferredState.SENT, 1)


def test_a_late_one_never_leaves_when_the_owner_says_no(account: Account) -> None:
    held = schedule_and_ask(account)
    book(account).refuse(book(account).pending(now_ms())[0].code, now_ms())
    assert leave(account.session, held)
    assert account.error(held) == ("not_allowed", "confirmation")
    assert (state(account.session, held), how_often(account.session)) == (DeferredState.FAILED, 0)


async def test_others_of_the_chat_need_not_wait_for_the_answer(account: Account) -> None:
    session = account.session
    late = schedule_and_ask(account)
    other = session.run(
        SendMessage(
            chat=ANA,
            message=TextOut(text="in time"),
            schedule=Schedule(due_at=now_ms() + 100, late=HOUR, caller=grant_text(LOCAL)),
        )
    )

    async def briefly(_seconds: float) -> None:
        await asyncio.sleep(0.01)

    departures = Departures(session.messages.deferring, session.thread, ThreadPoolExecutor(4), pause=briefly)
    task = asyncio.create_task(departures.run())
    departures.connection_is(up=True)
    await soon(lambda: state(session, other) is DeferredState.SENT)
    assert state(session, late) is DeferredState.HELD
    await departures.ended()
    async with asyncio.timeout(WAIT):
        await task


def test_without_an_answer_it_expires_after_a_day(account: Account) -> None:
    held = schedule_and_ask(account)
    make_due(account.session, late=26 * HOUR)
    account.session.messages.deferring.expire()
    found = known(account.session, held)
    assert found.state is DeferredState.EXPIRED
    assert found.error is not None
    assert found.error["code"] == "confirmation_needed"
