"""Changing one entry of a TOML text; tomlkit keeps the rest as it is."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from whatsapp_mcp.offline.hosts.refusal import CannotChange


def read(text: str) -> dict[str, Any]:
    """Raises CannotChange: it is no TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # Python 3.14 has the number apart; before, it stands in the message, which is tomllib's own.
        line = re.search(r"line (\d+)", str(error))
        raise CannotChange(f"line {line[1]}: this is no TOML" if line else "this is no TOML") from None


def with_entry(text: str, table: str, name: str, entry: Mapping[str, Any]) -> str:
    """The text with this entry of the table, in place of one of the same name.

    Raises:
        CannotChange: it is no TOML, or the table is no table.
    """
    import tomlkit  # only where a host wants it

    read(text)
    document = tomlkit.parse(text)
    if table not in document:
        document.add(table, tomlkit.table(is_super_table=True))
    servers: Any = document[table]
    if not hasattr(servers, "items"):
        raise CannotChange(f"{table} is no table")
    if name in servers:
        old = servers[name]
        for key, value in entry.items():
            if old.get(key) != value:
                old[key] = value
        for key in set(old) - set(entry):
            del old[key]
    else:
        servers[name] = dict(entry)
    # tomlkit leaves no blank line between a new table and the next one.
    block = rf"^(\[{re.escape(table)}\.{re.escape(name)}\]\n(?:[^\[\n].*\n)+)(?=\[)"
    written = re.sub(block, r"\1\n", tomlkit.dumps(document).replace("\r\n", "\n"), flags=re.MULTILINE)
    return written if "\r\n" not in text else written.replace("\n", "\r\n")


def without_entry(text: str, table: str, name: str) -> str:
    """The text without this entry of the table.

    Raises:
        CannotChange: it is no TOML, or has no such entry.
    """
    import tomlkit

    if name not in read(text).get(table, {}):
        raise CannotChange("there is no such entry")
    document = tomlkit.parse(text)
    servers: Any = document[table]
    del servers[name]
    if not servers and isinstance(servers, tomlkit.items.Table) and servers.is_super_table():
        del document[table]
    return tomlkit.dumps(document)
