"""Names of accounts. Each is a folder below the data directory and the end of a path over HTTP, on every system."""

from __future__ import annotations

import re
from typing import Final

from whatsapp_mcp.platform.names import is_device

DEFAULT_ACCOUNT: Final = "default"
"""The account of whoever names none. It is there before its folder is."""

LONGEST_NAME: Final = 32
"""Characters; the path of a Unix socket in the account's folder has room for some hundred altogether."""

_FORM: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{LONGEST_NAME - 1}}}")

_TAKEN: Final = frozenset({"http-token", "http-approve"})
"""Files that lie beside the folders."""


def account_name(text: str) -> str:
    """The name in small letters: on Windows and macOS, folders that differ in nothing else are the same.

    Raises:
        ValueError: it cannot be a name; says which can.
    """
    if not _FORM.fullmatch(text):  # before lower(), which makes a k of the Kelvin sign
        raise ValueError(
            f"an account's name has 1 to {LONGEST_NAME} letters a to z, digits, - and _, and begins with a letter or "
            "a digit"
        )
    name = text.lower()
    if name in _TAKEN or is_device(name):
        raise ValueError(f"no account can be called {name}: the name means something else, here or on Windows")
    return name
