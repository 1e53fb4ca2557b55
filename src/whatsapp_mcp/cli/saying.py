"""What a command says: to a person in sentences that fit the terminal, to a program in the JSON that tools answer with.

Rows (tables, messages) are a matter of `showing`.
"""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

from whatsapp_mcp.untrusted_text import escaped

if TYPE_CHECKING:
    from whatsapp_mcp.errors import WhatsAppMcpError

NARROW: Final = 20
"""Columns that are needed at least."""
JSON_WANTED: Final = "whatsapp_mcp.json"
"""In the `meta` of click's context, when `--json` was given: errors are told to programs too."""
_ERROR_BYTES: Final = 20_000


def print_json(value: object) -> None:
    """The same structured result that a tool gives."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def print_json_line(value: object) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def say(text: str, *, err: bool = False) -> None:
    """Sentences of ours, which may name what others chose. None is broken within a word."""
    for piece in fitted(escaped(text), sys.stderr if err else sys.stdout):
        click.echo(piece, err=err)


def say_lines(text: str) -> None:
    """The same for several lines."""
    for line in text.splitlines():
        say(line)


def done(sentence: str, results: Mapping[str, Any], *, as_json: bool) -> None:
    """What a command did that is no operation: in the shape that operations answer in."""
    answered({"code": "SUCCESS", "message": sentence, "results": dict(results)}, sentence, as_json=as_json)


def answered(body: Mapping[str, Any], sentence: str, *, as_json: bool) -> None:
    """What an operation answered; to a person the sentence tells it."""
    if as_json:
        print_json(body)
    else:
        say(sentence)


def failed(error: WhatsAppMcpError) -> None:
    """To a program that asked for JSON: an error in the shape that tools answer in, on one line."""
    from whatsapp_mcp.server.bodies import failure_body

    print_json_line(failure_body(error, budget=_ERROR_BYTES) | {"results": None})


def fitted(line: str, stream: TextIO | None) -> list[str]:
    """A line, as lines of the terminal; as it is where a program or a file gets it."""
    width = _width(stream)
    if width is None:
        return [line]
    return textwrap.wrap(
        line,
        max(NARROW, width),
        subsequent_indent="  ",
        break_on_hyphens=False,
        break_long_words=False,  # ids and paths are copied
    ) or [""]


def _width(stream: TextIO | None) -> int | None:
    """Columns; None: it has none."""
    if given := os.environ.get("COLUMNS", ""):
        return int(given) if given.isdecimal() else None
    if stream is None or not stream.isatty():
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None
