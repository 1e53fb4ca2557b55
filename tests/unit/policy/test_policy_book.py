"""What the policy remembers: limits in rolling windows, approvals that count once, standing answers."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.systems import CHILD_LIMIT
from whatsapp_mcp.errors import InvalidArgument, NotFound, StoreError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.platform.ownership import others_may_read
from whatsapp_mcp.policy.book import MOST_PENDING, PolicyBook
from whatsapp_mcp.policy.book_file import fault_of
from whatsapp_mcp.policy.caller import Consent, Grant, Question
from whatsapp_mcp.policy.limits import DAY, HOUR, MINUTE, LimitKind, RateLimit, Reservation, Window, windows
from whatsapp_mcp.policy.rules import PRESETS, Limits
from whatsapp_mcp.postgres import connected
from whatsapp_mcp.whereabouts import PostgresSchema, Whereabouts, told

NOW = 1_800_000_000_000
SECOND = 1_000
ANA = Jid.parse("4915110000000@s.whatsapp.net")
SEND = {LimitKind.SENDS: 1}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "account" / "policy.db"


@pytest.fixture(params=["file", "schema"])
def book(request: pytest.FixtureRequest, path: Path) -> Iterator[PolicyBook]:
    book = PolicyBook(path if request.param == "file" else request.getfixturevalue("postgres_schema"))
    yield book
    book.close()


def per(seconds: int, most: int, kind: LimitKind = LimitKind.SENDS, grant: str | None = None) -> Window:
    return Window(f"{kind}_per_{seconds}", kind, seconds, most, grant)


def question(digest: str = "a" * 64, *, always: bool = True) -> Question:
    return Question(rule="files", text="Send plan.pdf to Ana?", digest=digest, can_be_always=always)


# ---- limits


def test_a_window_rolls(book: PolicyBook) -> None:
    limit = [per(MINUTE, 2)]
    assert isinstance(book.reserve(SEND, limit, NOW), Reservation)
    assert isinstance(book.reserve(SEND, limit, NOW + 20 * SECOND), Reservation)
    full = book.reserve(SEND, limit, NOW + 30 * SECOND)
    assert full == RateLimit(limit[0], used=2, retry_after_seconds=30)
    assert isinstance(book.reserve(SEND, limit, NOW + 60 * SECOND), Reservation)
    full = book.reserve(SEND, limit, NOW + 61 * SECOND)
    assert isinstance(full, RateLimit)
    assert full.retry_after_seconds == 19


def test_all_kinds_of_a_call_count_or_none(book: PolicyBook) -> None:
    limits = [per(DAY, 5), per(DAY, 1, LimitKind.FIRST_CONTACTS)]
    both = {LimitKind.SENDS: 1, LimitKind.FIRST_CONTACTS: 1}
    book.reserve(both, limits, NOW)
    full = book.reserve(both, limits, NOW + 1)
    assert isinstance(full, RateLimit)
    assert full.window is limits[1]
    assert book.used(limits, NOW + 1) == [1, 1]


def test_a_call_that_did_nothing_is_given_back(book: PolicyBook) -> None:
    limit = [per(DAY, 1)]
    first = book.reserve(SEND, limit, NOW)
    assert isinstance(first, Reservation)
    book.refund(first)
    book.refund(first)
    assert isinstance(book.reserve(SEND, limit, NOW), Reservation)
    assert book.used(limit, NOW) == [1]


def test_more_than_the_limit_at_once_never_fits(book: PolicyBook) -> None:
    full = book.reserve({LimitKind.GROUP_ADDITIONS: 51}, windows(Limits()), NOW)
    assert isinstance(full, RateLimit)
    assert full.retry_after_seconds is None
    assert full.error().details == {"limit": "group_additions_per_day"}


def test_a_refusal_names_the_limit_its_figure_and_the_seconds(book: PolicyBook) -> None:
    limits = windows(Limits(media_mib_per_day=3))
    book.reserve({LimitKind.MEDIA_BYTES: 3 * 1_048_576}, limits, NOW)
    full = book.reserve({LimitKind.MEDIA_BYTES: 1}, limits, NOW + HOUR * SECOND)
    assert isinstance(full, RateLimit)
    error = full.error()
    assert error.message == "the limit media_mib_per_day of this account's policy (3 MiB) is reached"
    assert error.details == {"limit": "media_mib_per_day", "retry_after_seconds": 23 * HOUR}


def test_without_limits_nothing_is_counted_and_no_file_made(book: PolicyBook, path: Path) -> None:
    assert book.reserve(SEND, windows(PRESETS["open"].limits), NOW) == Reservation(None)
    assert book.take("a" * 64, NOW) is None
    assert not book.is_always("files", ANA, "local")
    assert (book.pending(NOW), book.standing(), book.used(windows(Limits()), NOW)) == ([], [], [0] * 7)
    assert not path.exists()


def test_every_limit_of_the_policy_is_a_window() -> None:
    assert [window.name for window in windows(Limits())] == list(Limits.model_fields)
    assert windows(Limits(sends_per_day=0))[2].name == "first_contacts_per_day"


def test_a_token_has_sends_of_its_own(book: PolicyBook) -> None:
    mine = windows(Limits(), Grant(name="bot", sends_per_day=1))
    book.reserve(SEND, windows(Limits()), NOW, caller="local")
    assert isinstance(book.reserve(SEND, mine, NOW, caller="bot"), Reservation)
    full = book.reserve(SEND, mine, NOW, caller="bot")
    assert isinstance(full, RateLimit)
    assert full.window.grant == "bot"
    assert isinstance(book.reserve(SEND, windows(Limits()), NOW, caller="local"), Reservation)


@pytest.mark.parametrize("back", [1, HOUR, 400 * DAY])
def test_a_clock_that_goes_back_neither_opens_nor_locks(book: PolicyBook, back: int) -> None:
    limit = [per(HOUR, 2)]
    book.reserve(SEND, limit, NOW)
    book.reserve(SEND, limit, NOW)
    past = NOW - back * SECOND
    full = book.reserve(SEND, limit, past)
    assert isinstance(full, RateLimit)
    assert full.retry_after_seconds == HOUR
    assert isinstance(book.reserve(SEND, limit, past + HOUR * SECOND), Reservation)


def test_a_clock_that_ran_ahead_and_is_set_right_has_emptied_nothing(book: PolicyBook) -> None:
    limit = [per(DAY, 3)]
    book.reserve(SEND, limit, NOW)
    book.reserve(SEND, limit, NOW)
    book.reserve(SEND, limit, NOW + 5 * DAY * SECOND)
    assert book.used(limit, NOW) == [3]
    assert isinstance(book.reserve(SEND, limit, NOW), RateLimit)


def test_old_rows_are_pruned(path: Path) -> None:
    with closing_book(path) as book:
        for day in range(20):
            book.reserve(SEND, [per(DAY, 3)], NOW + day * DAY * SECOND)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM used").fetchone()[0] == 9


_TRY_TO_SEND = """
import sys
from whatsapp_mcp.policy.book import PolicyBook
from whatsapp_mcp.policy.limits import LimitKind, Reservation, Window
from whatsapp_mcp.whereabouts import whereabouts_of
now = int(sys.argv[3])
limit = [Window("sends", LimitKind.SENDS, 3600, 50)]
book = PolicyBook(whereabouts_of(sys.argv[1]))
print(sum(isinstance(book.reserve({LimitKind.SENDS: 1}, limit, now + n), Reservation) for n in range(40)))
print(PolicyBook(whereabouts_of(sys.argv[2])).take("a" * 64, now))
"""


def in_files(request: pytest.FixtureRequest) -> tuple[Whereabouts, Whereabouts]:
    folder: Path = request.getfixturevalue("tmp_path")
    return folder / "account" / "policy.db", folder / "approved.db"


def in_schemas(request: pytest.FixtureRequest) -> tuple[Whereabouts, Whereabouts]:
    where: PostgresSchema = request.getfixturevalue("postgres_schema")
    return where, PostgresSchema(where.url, f"{where.schema}_approved")


@pytest.mark.parametrize("places", [in_files, in_schemas])
def test_processes_make_it_and_share_limits_and_take_an_approval_once(
    request: pytest.FixtureRequest, places: Callable[[pytest.FixtureRequest], tuple[Whereabouts, Whereabouts]]
) -> None:
    """With PostgreSQL, of several nodes too: nothing else is between them."""
    place, approved = places(request)
    with closing_book(approved) as book:
        book.approve(book.ask(question(), 10, NOW), NOW)
    command = [sys.executable, "-c", _TRY_TO_SEND, told(place), told(approved), str(NOW)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=CHILD_LIMIT)[0].split() for process in running]
    assert sum(int(sent) for sent, _ in said) == 50
    assert sorted(taken for _, taken in said) == ["None", "None", "yes"]


def closing_book(place: Whereabouts) -> closing[PolicyBook]:
    return closing(PolicyBook(place))


@pytest.mark.parametrize("book", ["file"], indirect=True)
def test_a_call_costs_less_than_a_millisecond(book: PolicyBook) -> None:
    """With a full day behind it; the best of some, since others use the machine too."""
    limits = windows(Limits())
    for n in range(499):
        book.reserve(SEND, [per(DAY, 10_000)], NOW - (n + 100) * 60 * SECOND)
    best = 1.0
    for n in range(50):
        began = time.perf_counter()
        book.is_always("files", ANA, "local")
        book.take("b" * 64, NOW)
        book.reserve(SEND, limits, NOW + n * 10 * MINUTE * SECOND)
        best = min(best, time.perf_counter() - began)
    assert best < 0.001


# ---- approvals


def test_an_approval_is_used_up_once(book: PolicyBook) -> None:
    code = book.ask(question(), 10, NOW)
    assert book.ask(question(), 10, NOW + SECOND) == code
    assert book.take("a" * 64, NOW) is None
    (waits,) = book.pending(NOW)
    assert (waits.code, waits.rule, waits.text) == (code, "files", "Send plan.pdf to Ana?")
    assert (waits.caller, waits.asked_at, waits.expires_at) == ("local", NOW, NOW + 600 * SECOND)
    book.approve(f" {code.replace('-', ' ').lower()} ", NOW)
    assert book.pending(NOW) == []
    assert book.take("b" * 64, NOW) is None
    assert book.take("a" * 64, NOW) is Consent.YES
    assert book.take("a" * 64, NOW) is None
    assert book.ask(question(), 10, NOW) != code


def test_always_is_told_once_too(book: PolicyBook) -> None:
    book.approve(book.ask(question(), 10, NOW), NOW, always=True)
    assert [book.take("a" * 64, NOW), book.take("a" * 64, NOW)] == [Consent.ALWAYS, None]
    code = book.ask(question(always=False), 10, NOW)
    with pytest.raises(InvalidArgument):
        book.approve(code, NOW, always=True)
    assert [waits.code for waits in book.pending(NOW)] == [code]


def test_a_refusal_holds_for_the_same_call_until_it_is_old(book: PolicyBook) -> None:
    code = book.ask(question(), 10, NOW)
    book.refuse(code, NOW)
    assert [book.take("a" * 64, NOW), book.take("a" * 64, NOW + 599 * SECOND)] == [Consent.NO] * 2
    with pytest.raises(NotFound):
        book.approve(code, NOW)
    assert book.take("a" * 64, NOW + 600 * SECOND) is None


def test_a_question_and_an_approval_expire(book: PolicyBook) -> None:
    code = book.ask(question(), 10, NOW)
    with pytest.raises(NotFound):
        book.approve(code, NOW + 600 * SECOND)
    code = book.ask(question(), 10, NOW + 600 * SECOND)
    book.approve(code, NOW + 1_100 * SECOND)
    assert book.take("a" * 64, NOW + 1_700 * SECOND) is None
    code = book.ask(question(), 10, NOW + 1_700 * SECOND)
    book.approve(code, NOW + 2_200 * SECOND)
    assert book.take("a" * 64, NOW + 2_799 * SECOND) is Consent.YES


def test_a_clock_set_back_makes_no_approval_last(book: PolicyBook) -> None:
    book.approve(book.ask(question(), 10, NOW), NOW)
    assert book.take("a" * 64, NOW - DAY * SECOND) is None
    assert book.take("a" * 64, NOW - SECOND) is Consent.YES


def test_of_many_questions_of_a_caller_the_oldest_is_forgotten(book: PolicyBook) -> None:
    other = book.ask(question("f" * 64), 10, NOW, caller="bot")
    codes = [book.ask(question(f"{n:064}"), 10, NOW) for n in range(MOST_PENDING + 2)]
    assert [waits.code for waits in book.pending(NOW)] == [other, *codes[2:]]
    assert len(set(codes)) == len(codes)
    assert all(len(code) == 9 and code[4] == "-" and not set(code) & set("IL0O1") for code in codes)


def test_an_unknown_code_is_said_to_be_none(book: PolicyBook) -> None:
    for answer in (book.approve, book.refuse):
        with pytest.raises(NotFound, match="no question with this code"):
            answer("ABCD-EFGH", NOW)


# ---- standing answers


def test_a_standing_answer_is_for_one_rule_chat_and_caller(book: PolicyBook) -> None:
    book.always("files", ANA, "local", NOW)
    book.always("files", ANA, "local", NOW)
    (answer,) = book.standing()
    assert (answer.rule, answer.chat, answer.caller, answer.since) == ("files", ANA, "local", NOW)
    assert book.is_always("files", ANA, "local")
    assert not book.is_always("links", ANA, "local")
    assert not book.is_always("files", Jid.parse("1@s.whatsapp.net"), "local")
    assert not book.is_always("files", ANA, "bot")
    book.forget(answer.number)
    assert not book.is_always("files", ANA, "local")
    with pytest.raises(NotFound):
        book.forget(answer.number)


# ---- the file


@pytest.mark.parametrize("book", ["file"], indirect=True)
def test_the_file_is_its_owners_alone(book: PolicyBook, path: Path) -> None:
    book.ask(question(), 10, NOW)
    assert {others_may_read(part) for part in path.parent.iterdir()} == {None}
    assert fault_of(path) is None


def test_a_damaged_or_newer_file_fails_closed(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database at all" * 100)
    with closing_book(path) as book:
        for use in (
            lambda: book.reserve(SEND, windows(Limits()), NOW),
            lambda: book.ask(question(), 10, NOW),
            lambda: book.take("a" * 64, NOW),
            lambda: book.is_always("files", ANA, "local"),
        ):
            with pytest.raises(StoreError, match=r"the policy's book .* is not a database"):
                use()
    assert "is not a database" in str(fault_of(path))
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with closing_book(path) as book, pytest.raises(StoreError, match="newer version"):
        book.reserve(SEND, windows(Limits()), NOW)
    assert "newer version" in str(fault_of(path))


@pytest.mark.parametrize("book", ["file"], indirect=True)
def test_a_file_that_is_moved_away_begins_anew_for_who_has_it_open(book: PolicyBook, path: Path) -> None:
    limit = [per(DAY, 1)]
    book.reserve(SEND, limit, NOW)
    for part in ("", "-wal", "-shm"):
        path.with_name(path.name + part).unlink(missing_ok=True)
    assert isinstance(book.reserve(SEND, limit, NOW), Reservation)
    with closing_book(path) as other:
        assert other.used(limit, NOW) == [1]


# ---- the schema


def test_a_connection_that_the_database_ended_is_made_again(postgres_schema: PostgresSchema) -> None:
    with closing_book(postgres_schema) as book, connected(postgres_schema) as other:
        book.always("files", ANA, "local", NOW)
        ended = other.execute(  # every other connection: nobody else uses this server now
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        assert ended.fetchall()
        assert book.is_always("files", ANA, "local")


def test_a_newer_book_or_a_database_that_is_away_fails_closed(postgres_schema: PostgresSchema) -> None:
    with closing_book(postgres_schema) as book:
        book.always("files", ANA, "local", NOW)
    with connected(postgres_schema) as connection:
        connection.execute("UPDATE policy_book SET version = 99")
    away = PostgresSchema("postgresql://ana:secret@/chats?host=/nowhere", "wa_work")
    for place, said in ((postgres_schema, "newer version"), (away, "cannot be reached")):
        with closing_book(place) as book:
            for use in (
                lambda: book.reserve(SEND, windows(Limits()), NOW),
                lambda: book.take("a" * 64, NOW),
                lambda: book.is_always("files", ANA, "local"),
            ):
                with pytest.raises(StoreError, match=said) as refused:
                    use()
                assert "secret" not in str(refused.value)
