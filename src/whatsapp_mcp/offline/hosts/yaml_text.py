"""Changing one entry of a YAML text: lines are replaced, ruamel.yaml says which, and all others stay as they are.

Only tables in the block style, a line for each entry, are changed; those in braces are refused.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any, Final

from whatsapp_mcp.offline.hosts.refusal import CannotChange

_INDENT: Final = 2
_LINE: Final = re.compile(r"[^\n]*\n|[^\n]+")
_EMPTY: Final = re.compile(r":[ \t]*(\{[ \t]*\}|null|~)?[ \t]*\r?\n?$")
"""The end of a line that names a table with nothing in it."""


def read(text: str) -> dict[str, Any]:
    """The text as plain values.

    Raises:
        CannotChange: it is no YAML, or something else than a table.
    """
    from ruamel.yaml import YAML  # only where a host wants it
    from ruamel.yaml.error import YAMLError

    try:
        found = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        raise CannotChange(f"{where}this is no YAML that can be read") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise CannotChange("line 1: a table is expected")
    return found


def with_entry(text: str, table: str, name: str, entry: Mapping[str, Any]) -> str:
    """The text with this entry of the table, in place of one of the same name.

    Raises:
        CannotChange: it is no YAML, or the table is written in a way that is not changed here.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = _LINE.findall(text)
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += newline
    found = _find(text, table)
    if found is None:
        added = _written({table: {name: dict(entry)}}, 0, newline)
        return "".join([*lines, *added])
    holder, at = found
    if not holder.value:  # `extensions: {}`, or nothing behind the colon
        if not _EMPTY.search(lines[at]):
            raise _unusual(at, table)
        return "".join([*lines[:at], *_written({table: {name: dict(entry)}}, 0, newline), *lines[at + 1 :]])
    indent = holder.value[0][0].start_mark.column
    place = _lines_of(holder, name, lines)
    first, end = place if place is not None else (_end(holder, lines),) * 2
    return "".join([*lines[:first], *_written({name: dict(entry)}, indent, newline), *lines[end:]])


def without_entry(text: str, table: str, name: str) -> str:
    """The text without this entry of the table.

    Raises:
        CannotChange: it is no YAML, has no such entry, or is written in a way that is not changed here.
    """
    lines = _LINE.findall(text)
    found = _find(text, table)
    place = _lines_of(found[0], name, lines) if found is not None else None
    if found is None or place is None:
        raise CannotChange("there is no such entry")
    holder, at = found
    if len(holder.value) > 1:
        return "".join([*lines[: place[0]], *lines[place[1] :]])
    head = lines[at].rstrip("\r\n")
    end = lines[at][len(head) :]
    return "".join([*lines[:at], f"{head} {{}}{end}", *lines[at + 1 : place[0]], *lines[place[1] :]])


def _find(text: str, table: str) -> tuple[Any, int] | None:
    """The node of the table, and the line of its name."""
    from ruamel.yaml import YAML

    read(text)
    root = YAML(pure=True).compose(text)
    if root is None:
        return None
    if root.flow_style:
        raise CannotChange("line 1: a table in braces is not changed here")
    for key, value in root.value:
        if key.value == table:
            empty = value.tag == "tag:yaml.org,2002:null" or not value.value
            if not empty and (not isinstance(value.value, list) or value.flow_style or value.anchor):
                raise CannotChange(
                    f"line {key.start_mark.line + 1}: {table} is written in a way that is not changed here"
                )
            if empty:
                value.value = []
            return value, key.start_mark.line
    return None


def _unusual(line: int, table: str) -> CannotChange:
    return CannotChange(f"line {line + 1}: {table} is written in a way that is not changed here")


def _lines_of(holder: Any, name: str, lines: list[str]) -> tuple[int, int] | None:
    """First line of an entry, and the one behind its last."""
    for number, (key, value) in enumerate(holder.value):
        if key.value == name:
            if number + 1 < len(holder.value):
                limit = holder.value[number + 1][0].start_mark.line
            else:
                limit = value.end_mark.line + (value.end_mark.column > 0)
            return key.start_mark.line, _without_tail(key.start_mark.line, limit, lines)
    return None


def _end(holder: Any, lines: list[str]) -> int:
    key, value = holder.value[-1]
    return _without_tail(key.start_mark.line, value.end_mark.line + (value.end_mark.column > 0), lines)


def _without_tail(first: int, end: int, lines: list[str]) -> int:
    """Blank lines and comments behind an entry belong to what follows."""
    end = min(end, len(lines))
    while end > first + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    return end


def _written(value: dict[str, Any], indent: int, newline: str) -> list[str]:
    from ruamel.yaml import YAML

    yaml = YAML(pure=True)
    yaml.width = 10_000
    yaml.indent(mapping=_INDENT, sequence=_INDENT + 2, offset=_INDENT)
    stream = io.StringIO()
    yaml.dump(value, stream)
    return [f"{' ' * indent}{line}{newline}" for line in stream.getvalue().splitlines()]
