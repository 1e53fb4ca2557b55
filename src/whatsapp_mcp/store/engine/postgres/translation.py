"""The store's statements as PostgreSQL takes them.

They are written in the SQL that both engines know. What is left of SQLite in them is of the lexer, not of the grammar:
marks for values, and as many of them as there are values to be listed, the words that tell its planner an index or an
order of joins, the names of two functions and of the two schemas of a connection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

_TOKENS: Final = re.compile(
    r"""(?P<skipped>'(?:[^']|'')*'|"[^"]*"|--[^\n]*|::)"""
    r"|(?P<among>\b(?:NOT\s+)?IN\s*\(\?(?:, \?)*\))"
    r"|\(VALUES (?P<listed>\(\?(?:, \?)*\)(?:, \(\?(?:, \?)*\))*)\)"
    r"|\?(?P<number>\d*)"
    r"|:(?P<name>[a-z_]\w*)"
    r"|(?P<hint>\s+INDEXED\s+BY\s+\w+)"
    r"|(?P<none>\b(?:NOT\s+)?IN\s*\(\s*\))"
    r"|(?P<order>\bCROSS\s+JOIN\b)"
    r"|\b(?P<schema>main|temp)\."
    r"|\b(?P<function>instr|group_concat)(?=\()"
)
_ABOUT_ROWS: Final = re.compile(r"(?:SELECT|WITH|INSERT|UPDATE|DELETE)\b")
_CHANGES: Final = re.compile(r"(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)\b(?!.*\bRETURNING\b)", re.DOTALL)
_ONE_ROW: Final = re.compile(
    r"INSERT INTO (\w+(?: \([\w, ]+\))?) VALUES \({value}(?:, {value})*\)".format(value=r"(?:\?|CAST\(\? AS \w+\))")
)
_UPSERT: Final = re.compile(
    r"INSERT INTO (\w+) \(([\w, ]+)\) VALUES \(\?(?:, \?)*\) (ON CONFLICT \([\w, ]+\) DO UPDATE .*)"
)
_WORD: Final = re.compile(r"[a-z_]+")
_FUNCTIONS: Final = {"instr": "strpos", "group_concat": "string_agg"}


class Upsert(NamedTuple):
    """The same for many rows, of which no two have one key: its value is a list of objects, in JSON."""

    text: str
    columns: tuple[str, ...]


class Translated(NamedTuple):
    text: str
    """With ``$1`` and so on."""
    names: tuple[str, ...] = ()
    """Of the values, in their order; empty where they come in order."""
    sources: tuple[int | range, ...] = ()
    """Of each value, where it is among those given: one, or a list of some. Empty where they come in order."""
    changes: str | None = None
    """The table of which it changes rows, when it answers with nothing but how many they are."""
    columns: str | None = None
    """Of a statement that does nothing but to put one row of values into a table: the table, and its columns."""
    upsert: Upsert | None = None
    """Of a statement that puts one row of values into a table, or in the place of the one that is there."""
    is_about_rows: bool = True
    """Whether it asks for rows or changes them."""
    words: frozenset[str] = frozenset()
    """All of it; the tables are among them."""

    def bound(self, parameters: Sequence[Any] | Mapping[str, Any]) -> Sequence[Any]:
        if isinstance(parameters, Mapping):
            return [parameters[name] for name in self.names]
        if self.sources:
            return [
                parameters[source] if isinstance(source, int) else [parameters[index] for index in source]
                for source in self.sources
            ]
        return parameters


class _Marks:
    """The marks of a statement, as they come."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self.sources: list[int | range] = []
        self._highest = 0

    def one(self, number: str) -> str:
        source = int(number or self._highest + 1) - 1
        self._highest = max(self._highest, source + 1)
        if source not in self.sources:
            self.sources.append(source)
        return f"${self.sources.index(source) + 1}"

    def named(self, name: str) -> str:
        return f"${self.names.setdefault(name, len(self.names) + 1)}"

    def lists(self, rows: int, *, columns: int = 1) -> list[str]:
        """One list for each column of so many rows of marks, so that the statement is the same for any number of rows:
        it is planned once."""
        starts = range(self._highest, self._highest + columns)
        self._highest += rows * columns
        self.sources += [range(start, self._highest, columns) for start in starts]
        return [f"${len(self.sources) - columns + number}" for number in range(1, columns + 1)]


@lru_cache(2048)
def translated(sql: str, schema: str) -> Translated:
    """``schema``: what ``main.`` is."""
    marks = _Marks()
    text = _TOKENS.sub(lambda found: _told(found, marks, schema), sql)
    changes, one_row = _CHANGES.match(sql), _ONE_ROW.fullmatch(sql)
    return Translated(
        text,
        tuple(marks.names),
        tuple(marks.sources) if marks.sources != [*range(len(marks.sources))] else (),
        changes[1] if changes else None,
        one_row[1] if one_row else None,
        _upsert(sql),
        _ABOUT_ROWS.match(sql) is not None,
        frozenset(_WORD.findall(sql)),
    )


def _told(found: re.Match[str], marks: _Marks, schema: str) -> str:
    match found.lastgroup:
        case "number":
            return marks.one(found["number"])
        case "name":
            return marks.named(found["name"])
        case "among":
            (values,) = marks.lists(found["among"].count("?"))
            return f"<> ALL ({values})" if found["among"].upper().startswith("NOT") else f"= ANY ({values})"
        case "listed":
            rows = found["listed"]
            listed = marks.lists(rows.count("("), columns=rows.partition(")")[0].count("?"))
            columns = (f"column{number}" for number in range(1, len(listed) + 1))
            return f"(SELECT * FROM unnest({', '.join(listed)}) AS listed({', '.join(columns)}))"
        case "hint":
            return ""
        case "none":
            return "<> ALL ('{}')" if found["none"].upper().startswith("NOT") else "= ANY ('{}')"
        case "order":
            return "JOIN"
        case "schema":
            return f'"{schema}".' if found["schema"] == "main" else "pg_temp."
        case "function":
            return _FUNCTIONS[found["function"]]
    return found[0]


def without_nul(value: Any) -> Any:
    """PostgreSQL holds no U+0000, and what strangers write may have one."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) and "\0" in value else value


def _upsert(sql: str) -> Upsert | None:
    found = _UPSERT.fullmatch(sql)
    if found is None:
        return None
    table, columns, conflict = found.groups()
    rows = f"json_populate_recordset(CAST(NULL AS {table}), CAST($1 AS json))"
    return Upsert(
        f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {rows} {conflict}", tuple(columns.split(", "))
    )
