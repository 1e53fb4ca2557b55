"""One record, one line, whatever others wrote into it."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys

import pytest

from tests.unit.systems import CHILD_LIMIT
from whatsapp_mcp.log_lines import (
    ALIKE,
    INDENT,
    RECORD_LIMIT,
    TRACEBACK_LIMIT,
    AlikeFilter,
    JsonFormatter,
    LineFormatter,
    about,
)

TIME = "2026-10-26T07:33:20Z"
FORGED = "X\x1b[2J\x1b]0;pwned\x07\nERROR whatsapp_mcp.session: the account was logged out\r\n"
HIDDEN = "\u202egnp.exe\u2066\u2028\u0085\x9b31m\U000e0041\U000e01ef\ud800\u200b\u3164"


def formatted(
    message: str, *arguments: object, error: Exception | None = None, formatter: type[LineFormatter] = LineFormatter
) -> str:
    found = (type(error), error, error.__traceback__) if error is not None else None
    record = logging.LogRecord("whatsapp_mcp.test", logging.WARNING, __file__, 1, message, arguments, found)
    record.created = 1_793_000_000.5
    return formatter().format(record)


def raised(text: str) -> ValueError:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


@pytest.mark.parametrize("text", [FORGED, HIDDEN, FORGED + HIDDEN])
def test_a_record_is_one_line_that_no_terminal_obeys(text: str) -> None:
    line = formatted("a message of %s", text)
    assert line.startswith(f"{TIME} WARNING whatsapp_mcp.test: a message of ")
    assert line.isprintable()
    assert len(line.splitlines()) == 1
    line.encode()


def test_what_shows_stays() -> None:
    assert formatted("%s wrote", "Zoë 林 🦊").endswith("Zoë 林 🦊 wrote")


def test_control_characters_are_told() -> None:
    assert formatted("%s", "a\n\x1b[1m\u202e").endswith(r"a\n\x1b[1m\u202e")


def test_a_traceback_cannot_pass_for_another_record() -> None:
    first, *below = formatted("failed", error=raised(FORGED + HIDDEN)).split("\n")
    assert first == f"{TIME} WARNING whatsapp_mcp.test: failed"
    assert below
    assert all(line.startswith(INDENT) and line.isprintable() for line in below)
    assert any("ValueError" in line for line in below)


def test_records_have_an_end() -> None:
    assert len(formatted("%s", "x" * 1_000_000)) < RECORD_LIMIT + 100
    assert len(formatted("failed", error=raised("x\n" * 500_000))) < 10 * TRACEBACK_LIMIT


def test_as_json_a_record_is_one_object_on_one_line() -> None:
    with about(account="work", client="local host 4915100000009@x"), about(tool="sendMessage"):
        line = formatted("%s 林", FORGED + HIDDEN, error=raised(FORGED), formatter=JsonFormatter)
    assert line.isprintable()
    assert len(line.splitlines()) == 1
    entry = json.loads(line)
    traceback = entry.pop("traceback")
    assert entry.pop("message").endswith(" 林")
    assert entry == {
        "time": TIME,
        "level": "WARNING",
        "logger": "whatsapp_mcp.test",
        "account": "work",
        "client": "local host …09@x",
        "tool": "sendMessage",
    }
    assert all(each.isprintable() for each in traceback.split("\n"))
    assert json.loads(formatted("to +4915100000001", formatter=JsonFormatter)) == {
        "time": TIME,
        "level": "WARNING",
        "logger": "whatsapp_mcp.test",
        "message": "to …01",
    }


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_is_told_and_logged_has_one_form(form: str) -> None:
    program = f"""
from whatsapp_mcp.log_lines import start_logging, tell
start_logging()
start_logging("ERROR", {form!r})
tell("Listening")
import logging, warnings
logging.getLogger("whatsapp_mcp.x").error("failed")
warnings.warn("old")
raise ValueError("end\\nERROR forged")
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=CHILD_LIMIT, check=False
    )
    lines = ran.stderr.splitlines()
    if form == "json":
        entries = [json.loads(line) for line in lines]
        assert [entry["level"] for entry in entries] == ["INFO", "ERROR", "WARNING", "CRITICAL"]
        assert entries[0]["message"] == "Listening"
        assert "ValueError" in entries[3]["traceback"]
    else:
        assert lines[0] == "Listening"
        assert lines[1].endswith(" ERROR whatsapp_mcp.x: failed")
    assert not any(line.startswith("ERROR") for line in lines)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("of 4915100000009:7@s.whatsapp.net", "of …09:7@s.whatsapp.net"),
        ("from 100000000000009@lid in 120363000000000001@g.us", "from …09@lid in …01@g.us"),
        ("user 4915100000009.0:7@lid", "user …09.0:7@lid"),
        ("to +4915100000001", "to …01"),
        ("+12025550100, 4915100000001", "…00, …01"),
        ('<ack t="1761998400" id="3EB0123456789012345678"/>', '<ack t="1761998400" id="3EB0123456789012345678"/>'),
        ("process 12345 sent 20000000 bytes in 0.5 s", "process 12345 sent 20000000 bytes in 0.5 s"),
        ("code 2@abc/DEF+1,Zm9vYmFyYmF6cXV1eA==,Zm9vYmFyYmF6,c2VjcmV0c2VjcmV0c2VjcmV0 shown", "code [QR code] shown"),
    ],
)
def test_numbers_and_codes_are_masked(text: str, shown: str) -> None:
    assert formatted("%s", text) == f"{TIME} WARNING whatsapp_mcp.test: {shown}"


def test_numbers_in_tracebacks_are_masked() -> None:
    assert "4915100000009" not in formatted("failed", error=raised("no session with 4915100000009@s.whatsapp.net"))


def test_arguments_that_do_not_fit_are_no_error() -> None:
    assert "cannot be filled in" in formatted("%d messages", FORGED)


PROGRAM = """
import logging, sys, threading
from whatsapp_mcp.log_lines import start_logging
start_logging("INFO")
text = "X\\x1b[2J\\nERROR whatsapp_mcp: forged"
def fail(): raise ValueError(text)
class Unraisable:
    def __del__(self): fail()
logging.getLogger("whatsapp_mcp.some").info("%s", text)
logging.getLogger("other").warning("%s", text)
thread = threading.Thread(target=fail); thread.start(); thread.join()
Unraisable()
import warnings; warnings.warn(text)
fail()
"""


def test_whatever_a_process_says_of_its_own_errors() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=CHILD_LIMIT, check=False
    )
    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert "\x1b" not in done.stderr
    assert not [line for line in lines if line.startswith("ERROR whatsapp_mcp: forged")]
    begins = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (INFO|WARNING|ERROR|CRITICAL) ")
    assert all(line.startswith(INDENT) or begins.match(line) for line in lines)
    assert sum("forged" in line for line in lines) >= 6


# ---- how much --------------------------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def warning(text: str, *arguments: object, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord("uvicorn.error", level, "", 0, text, arguments, None)


def test_what_others_can_cause_at_will_is_logged_so_often_only() -> None:
    clock = Clock()
    alike = AlikeFilter(clock)

    assert sum(alike.filter(warning("bad request from %s", number)) for number in range(1_000)) == ALIKE
    assert alike.filter(warning("another"))
    assert all(alike.filter(warning("asked for", level=logging.INFO)) for _ in range(1_000))
    clock.now = 60.0
    told = warning("bad request from %s", "x")
    assert alike.filter(told)
    assert told.getMessage() == f"bad request from x ({1_000 - ALIKE} more like it were left out before)"
    assert alike.filter(again := warning("bad request from %s", "y"))
    assert again.getMessage() == "bad request from y"


def test_kinds_that_somebody_makes_up_have_a_limit_too() -> None:
    clock = Clock()
    alike = AlikeFilter(clock)

    assert sum(alike.filter(warning(f"made up {number}")) for number in range(5_000)) == 1_000
    clock.now = 61.0
    assert alike.filter(warning("new"))
