"""What an account can be called: a folder's name on every system, and a part of a URL."""

from __future__ import annotations

import re

import pytest

from whatsapp_mcp.account_names import DEFAULT_ACCOUNT, LONGEST_NAME, account_name


@pytest.mark.parametrize("name", [DEFAULT_ACCOUNT, "work", "a", "4915112345678", "shop_2", "x-y", "a" * LONGEST_NAME])
def test_a_name_is_taken_as_it_is(name: str) -> None:
    assert account_name(name) == name


def test_capitals_are_no_other_account() -> None:
    """On Windows and macOS they would be the same folder."""
    assert account_name("Work") == "work"


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "a/b", "a\\b", "../default", "C:", "a:b", "a b", " a", "a ", "a.", "a.b", "a\n", "a\x00"),
        *("a?b", "a#b", "a%2fb", "~", "-a", "_a", "größe", "\N{KELVIN SIGN}", "١", "a" * (LONGEST_NAME + 1)),
    ],
)
def test_what_breaks_a_path_or_a_url_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="letters a to z, digits, - and _"):
        account_name(name)


@pytest.mark.parametrize("name", ["con", "NUL", "aux", "prn", "com1", "LPT9", "com0", "http-token", "http-approve"])
def test_names_with_another_meaning_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"no account can be called {re.escape(name.lower())}"):
        account_name(name)
