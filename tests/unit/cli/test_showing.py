"""Tables and messages at 40 and 120 columns, in a pipe, and what a terminal must not obey."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len

from whatsapp_mcp.cli import showing

COLUMNS = [
    showing.Column("Chat", worth=30, grows=True),
    showing.Column("New", worth=20, right=True),
    showing.Column("Last", worth=15),
    showing.Column("Address", worth=5),
]
ROWS = [
    ["Ana", "1", "06:59", "+12025550111"],
    ["A group with a name that is much too long for it", "", "28 Nov", "120363357836356118@g.us"],
    ["家族のグループ", "12", "2024-01-31", "+819012345678"],
]


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def width(monkeypatch: pytest.MonkeyPatch, columns: int) -> Screen:
    made = Screen()
    monkeypatch.setattr("sys.stdout", made)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    return made


@pytest.mark.parametrize("columns", [20, 40, 80, 120])
def test_a_table_fits(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    made = width(monkeypatch, columns)
    showing.print_table(COLUMNS, ROWS)
    lines = made.getvalue().splitlines()
    assert len(lines) == 1 + len(ROWS)
    assert max(cell_len(line.rstrip()) for line in lines) <= columns
    assert lines[0].startswith("Chat")
    assert "Ana" in lines[1]


def test_what_matters_least_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    made = width(monkeypatch, 40)
    showing.print_table(COLUMNS, ROWS)
    heading, ana, group, _ = made.getvalue().splitlines()
    assert heading.split() == ["Chat", "New", "Last"]
    assert ana.split() == ["Ana", "1", "06:59"]
    assert "…" in group
    made = width(monkeypatch, 120)
    showing.print_table(COLUMNS, ROWS)
    assert ROWS[1][0] in made.getvalue()
    assert "120363357836356118@g.us" in made.getvalue()


def test_in_a_pipe_nothing_is_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    made = io.StringIO()
    monkeypatch.setattr("sys.stdout", made)
    monkeypatch.delenv("COLUMNS", raising=False)
    showing.print_table(COLUMNS, ROWS)
    assert [line.split("\t") for line in made.getvalue().splitlines()] == ROWS


MESSAGE = {
    "message_id": "3EB0AA",
    "sender_name": "Ana",
    "sender_jid": "12025550111@s.whatsapp.net",
    "content": "Are you coming on Friday? We start at seven, and I bring the cake.\nsecond line",
    "timestamp": "2026-11-29T06:59:11+00:00",
}


@pytest.mark.parametrize("columns", [40, 120])
def test_a_message_fits_with_its_lines_below_each_other(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    made = width(monkeypatch, columns)
    showing.print_messages([MESSAGE], ids=True)
    day, first, *rest = made.getvalue().splitlines()
    assert day.strip() == "Sun 29 Nov 2026"
    assert first.startswith("06:59 Ana: Are you coming")
    assert all(line.startswith("      ") for line in rest)
    assert max(len(line.rstrip()) for line in (first, *rest)) <= columns
    assert rest[-1].split() == ["second", "line", "(3EB0AA)"]


def test_no_escape_sequence_of_others_reaches_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    made = width(monkeypatch, 80)
    evil = "\x1b]0;title\x07\x1b[2Jred\x9b31m\u202e"
    row = {**MESSAGE, "content": evil, "sender_name": evil, "chat_name": evil, "filename": evil, "file_length": 10}
    row |= {"kind": "image", "reactions": [{"emoji": evil}], "details": {"quoted": {"content": evil}}}
    showing.print_messages([row], chats=True)
    showing.print_event({**row, "kind": "reaction", "emoji": evil, "about": evil})
    showing.print_table([showing.Column("x", grows=True)], [[showing.shown(evil)]])
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\r"} & set(made.getvalue())


def test_markup_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    made = width(monkeypatch, 80)
    showing.print_messages([{**MESSAGE, "content": "[red]not red[/red] :smile:"}])
    assert "[red]not red[/red] :smile:" in made.getvalue()


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    made = Screen()
    monkeypatch.setattr("sys.stdout", made)
    showing.print_messages([MESSAGE])
    assert "\x1b[" in made.getvalue()
    made = Screen()
    monkeypatch.setattr("sys.stdout", made)
    monkeypatch.setenv(name, value)
    showing.print_messages([MESSAGE])
    assert "\x1b[" not in made.getvalue()


@pytest.mark.parametrize(
    ("when", "shown"),
    [
        ("2026-11-29T06:59:11+00:00", "06:59"),
        ("2026-01-05T23:00:00+00:00", "05 Jan"),
        ("2024-01-31T01:00:00+01:00", "2024-01-31"),
        (None, ""),
    ],
)
def test_recent_times(when: str | None, shown: str) -> None:
    assert showing.recent(when, datetime(2026, 11, 29, 12, tzinfo=UTC)) == shown


def test_names_and_addresses() -> None:
    assert showing.address("12025550111@s.whatsapp.net") == "+12025550111"
    assert showing.address("1203-1@g.us") == "1203-1@g.us"
    assert showing.name_of({"jid": "12025550111@s.whatsapp.net"}) == "+12025550111"
    assert showing.sender_of({"is_from_me": True}) == "You"


def test_what_a_later_command_takes_is_never_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = [showing.Column("When", worth=30), showing.Column("Id", worth=6, needed=True)]
    made = width(monkeypatch, 40)
    showing.print_table(columns, [["29 Nov 12:07, as long as it likes", "HELDCE1355C234520702E6"]])
    assert [line.rstrip() for line in made.getvalue().splitlines()] == [
        "When",
        "29 Nov 12:07, as long as it likes",
        "  HELDCE1355C234520702E6",
    ]
