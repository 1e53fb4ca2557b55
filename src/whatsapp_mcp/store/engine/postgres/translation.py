"""The store's statements as PostgreSQL takes them.

They are written in the SQL that both engines know. What is left of SQLite in them is of the lexer, not of the grammar:
marks for values, the words that tell its planner an index or an order of joins, the names of two functions and of the
two schemas of a connection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

_TOKENS: Final = re.compile(
    r"""(?P<skipped>'(?:[^']|'')*'|"[^"]*"|--[^\n]*|::)"""
    r"|\?(?P<number>\d*)"
    r"|:(?P<name>[a-z_]\w*)"
    r"|(?P<hint>\s+INDEXED\s+BY\s+\w+)"
    r"|(?P<none>\b(?:NOT\s+)?IN\s*\(\s*\))"
    r"|(?P<order>\bCROSS\s+JOIN\b)"
    r"|\b(?P<schema>main|temp)\."
    r"|\b(?P<function>instr|group_concat)(?=\()"
)
_FUNCTIONS: Final = {"instr": "strpos", "group_concat": "string_agg"}


class Translated(NamedTuple):
    text: str
    """With ``$1`` and so on."""
    names: tuple[str, ...]
    """Of the values, in their order; empty where they come in order."""

    def bound(self, parameters: Sequence[Any] | Mapping[str, Any]) -> Sequence[Any]:
        if isinstance(parameters, Mapping):
            return [parameters[name] for name in self.names]
        return parameters


@lru_cache(2048)
def translated(sql: str, schema: str) -> Translated:
    """``schema``: what ``main.`` is."""
    names: dict[str, int] = {}
    highest = 0

    def token(found: re.Match[str]) -> str:
        nonlocal highest
        match found.lastgroup:
            case "number":
                highest = max(highest, number := int(found["number"] or highest + 1))
                return f"${number}"
            case "name":
                return f"${names.setdefault(found['name'], len(names) + 1)}"
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

    text = _TOKENS.sub(token, sql)
    return Translated(text, tuple(names))
