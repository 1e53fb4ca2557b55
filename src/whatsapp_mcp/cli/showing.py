"""How things look at a terminal: tables, messages, times, names. Everything that others wrote passes `shown` or
`lines_of` on its way here, which leave nothing that a terminal obeys.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TextIO

from whatsapp_mcp.cli.saying import NARROW
from whatsapp_mcp.untrusted_text import clean_text, escaped

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

JsonObject = Mapping[str, Any]

PIPED_WIDTH: Final = 160
"""Columns where the output is no terminal, unless COLUMNS says otherwise."""
GAP: Final = 2
_TIME: Final = 6
"""Columns of the time before a message."""


def console_on(stream: TextIO) -> Console:
    """Colours on a terminal only, and not with NO_COLOR or TERM=dumb."""
    from rich.console import Console

    terminal = stream.isatty()
    plain = not terminal or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    console = Console(
        file=stream,
        no_color=plain,
        color_system=None if plain else "auto",
        force_terminal=terminal,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    if not terminal and not os.environ.get("COLUMNS"):
        console.width = PIPED_WIDTH
    console.width = max(NARROW, console.width)
    return console


def out() -> Console:
    return console_on(sys.stdout)


def is_piped(console: Console) -> bool:
    """Whether a program or a file gets it, which has no width."""
    return not console.is_terminal and not os.environ.get("COLUMNS")


def shown(text: object) -> str:
    """What somebody wrote, on one line."""
    return " ".join(clean_text(str(text)).split())


def lines_of(text: object) -> list[str]:
    """What somebody wrote, line by line."""
    return [line.expandtabs(4).rstrip() for line in clean_text(str(text)).splitlines()] or [""]


# -- names and times ---------------------------------------------------------------------------------------------------


def address(jid: str) -> str:
    """A person's number as it is dialled; other addresses as they are."""
    user, _, server = jid.partition("@")
    return f"+{user}" if server == "s.whatsapp.net" and user.isdigit() else escaped(jid)


def name_of(row: JsonObject, name: str = "name", jid: str = "jid") -> str:
    """A name, or the address of whoever has none."""
    return shown(row.get(name) or "") or address(str(row.get(jid) or "")) or "?"


def sender_of(row: JsonObject) -> str:
    if row.get("is_from_me"):
        return "You"
    return name_of(row, "sender_name", "sender_jid") if row.get("sender_name") or row.get("sender_jid") else ""


def moment(text: object) -> datetime | None:
    """A time of a result, by the clock of the settings."""
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def day(when: datetime | None) -> str:
    return f"{when:%a %d %b %Y}" if when is not None else ""


def clock(when: datetime | None) -> str:
    return f"{when:%H:%M}" if when is not None else "--:--"


def recent(text: object, now: datetime) -> str:
    """The time of today, the day of this year, the date before that."""
    when = moment(text)
    if when is None:
        return ""
    here = now.astimezone(when.tzinfo)
    if when.date() == here.date():
        return f"{when:%H:%M}"
    return f"{when:%d %b}" if when.year == here.year else f"{when:%Y-%m-%d}"


def size(number: float) -> str:
    if number < 1_000:
        return f"{number:.0f} B"
    return f"{number / 1e3:.0f} kB" if number < 1e6 else f"{number / 1e6:.1f} MB"


# -- tables ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Column:
    """Of a table. Those of least ``worth`` are left out first where the terminal is narrow."""

    title: str
    worth: int = 10
    grows: bool = False
    """It takes the room that is left, and is shortened where there is none."""
    right: bool = False
    style: str = ""
    needed: bool = False
    """Where there is no room for it, it stands on a line of its own below its row: a later command takes it."""


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """As many columns as there is room for, each row on one line. In a pipe everything, separated by tabs: nothing is
    shortened there, and `cut` and `awk` find the columns."""
    console = out()
    if is_piped(console):
        for row in rows:
            sys.stdout.write("\t".join(row) + "\n")
        return
    from rich.cells import cell_len, set_cell_size
    from rich.text import Text

    widths = [max([cell_len(c.title), *(cell_len(row[at]) for row in rows)]) for at, c in enumerate(columns)]
    least = [min(w, 12) if c.grows else w for w, c in zip(widths, columns, strict=True)]
    kept = list(range(len(columns)))
    while len(kept) > 1 and sum(least[at] for at in kept) + GAP * (len(kept) - 1) > console.width:
        kept.remove(min(kept, key=lambda at: columns[at].worth))
    over = sum(widths[at] for at in kept) + GAP * (len(kept) - 1) - console.width
    for at in kept:
        if over > 0 and (columns[at].grows or len(kept) == 1):
            less = min(over, max(0, widths[at] - least[at])) if len(kept) > 1 else over
            widths[at], over = widths[at] - less, over - less
    # Names of columns only where somebody looks at them.
    lines = [([columns[at].title for at in range(len(columns))], True), *((row, False) for row in rows)]
    for cells, is_title in lines:
        line = Text(no_wrap=True, end="")
        for place, at in enumerate(kept):
            text = cells[at]
            if cell_len(text) > widths[at]:
                text = set_cell_size(text, max(0, widths[at] - 1)) + "…"
            pad = " " * (widths[at] - cell_len(text))
            last = place == len(kept) - 1
            text = pad + text if columns[at].right else text if last else text + pad
            line.append(text, "bold" if is_title else columns[at].style)
            line.append("" if last else " " * GAP)
        console.print(line, soft_wrap=True, end="\n")
        for at in [] if is_title else [at for at, column in enumerate(columns) if column.needed and at not in kept]:
            console.print(Text(f"  {cells[at]}", columns[at].style), soft_wrap=True)


# -- messages ----------------------------------------------------------------------------------------------------------


def print_messages(rows: Iterable[JsonObject], *, chats: bool = False, ids: bool = False, flush: bool = False) -> None:
    """Messages in the order of the rows, with the day where it changes. ``chats``: also in which chat each is."""
    console, today = out(), ""
    for row in rows:
        when = moment(row.get("timestamp"))
        if (that := day(when)) and that != today:
            today = that
            console.print(that, style="bold")
        _print_message(console, row, when, chats=chats, ids=ids)
    if flush:
        sys.stdout.flush()


def _print_message(console: Console, row: JsonObject, when: datetime | None, *, chats: bool, ids: bool) -> None:
    from rich.text import Text

    head = Text(f"{clock(when)} ", "dim")
    where = name_of(row, "chat_name", "chat_jid") if chats else ""
    who = sender_of(row)
    if where and who != where:
        head.append(f"{where} ", "cyan")
    if who:
        head.append(f"{who}: ", "green" if row.get("is_from_me") else "yellow")
    elif where:
        head.append(": ")
    body = message_text(row, ids=ids)
    _print_hanging(console, head, body)


def message_text(row: JsonObject, *, ids: bool = False) -> Text:
    """What a message says, what it carries, and what became of it."""
    from rich.text import Text

    text = Text()
    kind, media = row.get("kind"), row.get("filename") or row.get("file_length")
    if row.get("revoked"):
        text.append("[deleted] ", "dim")
    elif kind and kind not in ("text", "notice"):
        facts = [
            str(kind),
            shown(row.get("filename") or ""),
            size(row["file_length"]) if row.get("file_length") else "",
        ]
        text.append(f"[{' '.join(filter(None, facts))}] ", "magenta")
    quoted = (row.get("details") or {}).get("quoted") or {}
    if quoted.get("content"):
        text.append(f"> {shortened(shown(quoted['content']), 60)}\n", "dim")
    text.append("\n".join(lines_of(row.get("content") or "")))
    for one in (row.get("details") or {}).get("votes") or ():
        text.append(f"\n- {shown(one.get('option') or '')}")
        text.append(f" ({one['count']})" if one.get("count") else "", "dim")
    marks = ["edited" if row.get("edited") else "", "starred" if row.get("starred") else ""]
    status = row.get("status")
    marks.append(str(status) if status in ("failed", "pending", "unknown") else "")
    marks += [shown(one.get("emoji") or "") for one in row.get("reactions") or ()]
    if ids or media:
        marks.append(escaped(str(row.get("message_id") or "")))
    if told := [mark for mark in marks if mark]:
        text.append(f"  ({', '.join(told)})", "dim")
    return text


def print_event(row: JsonObject) -> None:
    """One thing that happened, on a line or some: when, where, who, what."""
    if row.get("kind") in ("message", "own_message"):
        _print_message(out(), {**row, "kind": None}, moment(row.get("timestamp")), chats=True, ids=False)
        return
    from rich.text import Text

    head = Text(f"{clock(moment(row.get('timestamp')))} ", "dim")
    where, who = name_of(row, "chat_name", "chat_jid"), sender_of(row)
    head.append(where, "cyan")
    head.append(f" {who}" if who and who != where else "", "yellow")
    facts = [row.get(name) for name in ("emoji", "answer", "status", "change", "outcome", "added_option")]
    facts += list(row.get("options") or ())
    facts += [word for word in ("removed", "pinned") if row.get(word)]
    said = " ".join(shown(fact) for fact in facts if fact)
    quoted = shortened(shown(row.get("about") or row.get("content") or ""), 60)
    told = Text(f" [{str(row.get('kind')).replace('_', ' ')}] ", "magenta")
    _print_hanging(out(), Text.assemble(head, told), Text(f"{said}  {quoted}".strip()))


def shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _print_hanging(console: Console, head: Text, body: Text) -> None:
    """The time, and beside it who said what. In a pipe nothing is wrapped."""
    from rich.table import Table
    from rich.text import Text

    when, said = head[:_TIME], Text.assemble(head[_TIME:], body)
    if is_piped(console):
        sys.stdout.write(when.plain + said.plain.replace("\n", "\n" + " " * _TIME) + "\n")
        return
    grid = Table.grid(pad_edge=False)
    grid.add_column(width=_TIME, no_wrap=True)
    grid.add_column(width=max(1, console.width - _TIME), overflow="fold")
    grid.add_row(when, said)
    console.print(grid)
