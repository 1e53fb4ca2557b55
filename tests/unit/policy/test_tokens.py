"""The bearer tokens: made, looked up, noted, revoked, in any number of processes."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.systems import POSIX
from whatsapp_mcp.errors import NotFound, SetupError
from whatsapp_mcp.kept_model import KeptModel
from whatsapp_mcp.policy import tokens
from whatsapp_mcp.policy.caller import Grant
from whatsapp_mcp.policy.tokens import TokenBook
from whatsapp_mcp.token_file import load_or_create_token

NARROW = Grant("laptop", "read", ("work",), ("+49*",), "core", 5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def book(folder: Path) -> TokenBook:
    return TokenBook(folder / "http-tokens.json", folder / "http-token")


def test_what_a_token_was_given_is_found_by_its_secret_alone(folder: Path) -> None:
    secret = book(folder).create("laptop", NARROW)
    other = book(folder).create("phone", Grant("phone", "full"))
    assert len(secret) == 43
    found = book(folder).holder(secret)
    assert found is not None
    assert found.grant == NARROW
    phone = book(folder).holder(other)
    assert phone is not None
    assert phone.grant == Grant("phone", "full")
    for wrong in ("", secret[:-1], secret + "x", found.digest, "\ud800", secret.swapcase()):
        assert book(folder).holder(wrong) is None


def test_at_rest_there_is_only_the_hash_for_the_owner_alone(folder: Path) -> None:
    secret = book(folder).create("laptop", NARROW)
    path = folder / "http-tokens.json"
    assert secret not in path.read_text()
    assert not POSIX or path.stat().st_mode & 0o777 == 0o600
    assert {entry.name for entry in folder.iterdir()} == {"http-tokens.json", "http-tokens.lock"}


def test_the_old_token_is_default_and_may_everything(folder: Path) -> None:
    secret = load_or_create_token(folder / "http-token")
    found = book(folder).holder(secret)
    assert found is not None
    assert found.grant == Grant("default", "full")


def test_revoking_ends_a_token_at_once_in_every_process(folder: Path) -> None:
    here, there = book(folder), book(folder)
    secret, default = there.create("laptop", NARROW), load_or_create_token(folder / "http-token")
    found = here.holder(secret)
    assert found is not None
    assert here.holds("laptop", found.digest)
    there.revoke("laptop")
    assert here.holder(secret) is None
    assert not here.holds("laptop", found.digest)
    assert here.holder(default) is not None
    there.revoke("default")
    assert here.holder(default) is None
    assert not (folder / "http-token").exists()
    with pytest.raises(NotFound):
        there.revoke("laptop")
    # One of the same name is another one.
    again = there.create("laptop", NARROW)
    assert here.holder(secret) is None
    assert here.holder(again) is not None
    assert not here.holds("laptop", found.digest)


def test_a_token_ends_at_its_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = 1_000_000
    monkeypatch.setattr(tokens, "now_ms", lambda: at)
    here = book(folder)
    secret = here.create("laptop", NARROW, expires=at + 1_000)
    found = here.holder(secret)
    assert found is not None
    at += 999
    assert here.holder(secret) is not None
    at += 1
    assert here.holder(secret) is None
    assert not here.holds("laptop", found.digest)


def test_the_last_use_is_written_once_a_minute(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = 1_000_000
    monkeypatch.setattr(tokens, "now_ms", lambda: at)
    here, there = book(folder), book(folder)
    secret = here.create("laptop", NARROW)
    noted = []
    for _ in range(4):
        assert here.holder(secret) is not None
        noted.append(here.is_due("laptop") and here.note_use("laptop"))
        at += 29_000
    assert noted == [True, False, False, True]
    ((token, used),) = there.tokens()
    assert (token.name, used) == ("laptop", at - 29_000)
    there.revoke("laptop")
    there.create("laptop", NARROW)
    ((_, used),) = here.tokens()
    assert used is None


def test_many_at_once_lose_nothing(folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        secrets = list(pool.map(lambda n: book(folder).create(f"token{n}", Grant(f"token{n}")), range(24)))
    here = book(folder)
    assert [found.name for secret in secrets if (found := here.holder(secret))] == [f"token{n}" for n in range(24)]


@pytest.mark.parametrize("name", ["", "default", "local", "a b", "oauth:x", "x" * 33, "../x", "-x", "ä"])
def test_names_that_mean_something_else_are_refused(folder: Path, name: str) -> None:
    with pytest.raises(SetupError, match="cannot be called"):
        book(folder).create(name, Grant(name))
    assert not (folder / "http-tokens.json").exists()


def test_two_tokens_have_two_names(folder: Path) -> None:
    secret = book(folder).create("laptop", NARROW)
    with pytest.raises(SetupError, match="already"):
        book(folder).create("laptop", NARROW)
    assert book(folder).holder(secret) is not None


@pytest.mark.parametrize("written", ["", "{", "[]", '{"version": 2}', '{"tokens": [{"name": "x", "digest": "y"}]}'])
def test_a_damaged_file_opens_nothing_and_is_not_written_over(folder: Path, written: str) -> None:
    secret, path = book(folder).create("laptop", NARROW), folder / "http-tokens.json"
    here = book(folder)
    assert here.holder(secret) is not None
    path.write_text(written)
    assert here.holder(secret) is None
    with pytest.raises(SetupError, match="holds no tokens"):
        here.tokens()
    with pytest.raises(SetupError, match="holds no tokens"):
        here.create("other", NARROW)
    assert not here.note_use("laptop")
    assert path.read_text() == written


@pytest.mark.skipif(not POSIX, reason="modes are of POSIX")
def test_a_file_that_others_can_read_opens_nothing(folder: Path) -> None:
    secret, path = book(folder).create("laptop", NARROW), folder / "http-tokens.json"
    path.chmod(0o644)
    assert book(folder).holder(secret) is None
    with pytest.raises(SetupError, match="can be read by others"):
        book(folder).tokens()


def test_an_unknown_scope_is_no_scope(folder: Path) -> None:
    secret, path = book(folder).create("laptop", NARROW), folder / "http-tokens.json"
    content = json.loads(path.read_text())
    content["tokens"][0]["scope"] = "everything"
    path.write_text(json.dumps(content))
    assert book(folder).holder(secret) is None


def test_the_file_is_read_only_when_it_changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret, path = book(folder).create("laptop", NARROW), folder / "http-tokens.json"
    monkeypatch.setattr(tokens, "_SETTLED_NS", -(10**15))  # as if it had been written long ago
    here = book(folder)
    assert here.holder(secret) is not None
    monkeypatch.setattr(KeptModel, "read", lambda kept: pytest.fail("it is read again"))
    assert here.holder(secret) is not None
    monkeypatch.undo()
    os.utime(path, ns=(1, 1))
    assert here.holder(secret) is not None
