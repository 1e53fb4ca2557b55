"""`whatsapp-mcp policy` and `whatsapp-mcp approve`: what holds for an account, what waits for its owner."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel

from whatsapp_mcp.account_folder import accounts_in
from whatsapp_mcp.clock import from_ms, local, now_ms, time_text
from whatsapp_mcp.documents import changing_document, write_document
from whatsapp_mcp.errors import NotFound, SetupError
from whatsapp_mcp.policy.book import PendingApproval, PolicyBook, plain_code
from whatsapp_mcp.policy.file import PolicyFile, policy_text_at, read_rules
from whatsapp_mcp.policy.limits import LimitKind, windows
from whatsapp_mcp.policy.page_key import new_link
from whatsapp_mcp.policy.rules import Rules
from whatsapp_mcp.policy.template import template
from whatsapp_mcp.private_files import new_private_file, write_private
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.untrusted_text import clean_text, escaped
from whatsapp_mcp.whereabouts import Place

_CONNECT_TIMEOUT: Final = 2.0
_MIB: Final = 1_048_576


@contextmanager
def _book(settings: Settings) -> Iterator[PolicyBook]:
    with closing(PolicyBook(settings.policy_book)) as book:
        yield book


# ---- whatsapp-mcp policy


def policy_text(settings: Settings) -> str:
    """What holds now, as lines for a terminal.

    Raises:
        StoreError: the policy's book cannot be read.
    """
    file = PolicyFile(settings.policy_place, settings.policy)
    rules, problem = file.rules, file.problem
    lines: list[str] = []
    if problem is not None:
        lines += [problem.message, problem.next_step, ""]
    source = str(file.place) if file.is_written else "no policy.toml: the preset alone"
    lines.append(f"preset {rules.preset} ({source})")
    for name in Rules.model_fields:
        value = getattr(rules, name)
        if name in ("preset", "limits"):
            continue
        if isinstance(value, BaseModel):
            lines += [f"{name}.{field} = {_shown(getattr(value, field))}" for field in type(value).model_fields]
        else:
            lines.append(f"{name} = {_shown(value)}")
    lines += ["", *_limits(settings, rules), "", *_standing(settings)]
    return "\n".join(escaped(line) for line in lines)


def policy_json(settings: Settings) -> dict[str, Any]:
    """The same, for programs. Raises StoreError: the policy's book cannot be read."""
    file = PolicyFile(settings.policy_place, settings.policy)
    held = windows(file.rules.limits)
    with _book(settings) as book:
        used, standing = book.used(held, now_ms()), book.standing()
    return {
        "file": str(file.place) if file.is_written else None,
        "problem": file.problem.to_wire() if file.problem is not None else None,
        "rules": file.rules.model_dump(mode="json"),
        "limits": [
            {"name": window.name, "most": window.most, "used": amount}
            for window, amount in zip(held, used, strict=True)
        ],
        "standing": [
            {"number": one.number, "rule": one.rule, "chat": str(one.chat), "caller": one.caller} for one in standing
        ],
    }


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value is None else str(value)


def _limits(settings: Settings, rules: Rules) -> Iterator[str]:
    held = windows(rules.limits)
    if not held:
        yield "no limits"
        return
    with _book(settings) as book:
        used = book.used(held, now_ms())
    for window, amount in zip(held, used, strict=True):
        unit = _MIB if window.kind is LimitKind.MEDIA_BYTES else 1
        yield f"limits.{window.name} = {window.most // unit}, used {-(-amount // unit)}"


def _standing(settings: Settings) -> Iterator[str]:
    with _book(settings) as book:
        answers = book.standing()
    if not answers:
        yield "no standing answers"
        return
    yield "always allowed (`whatsapp-mcp policy forget N` asks again):"
    for one in answers:
        yield f"  {one.number}  {one.rule} to {one.chat}, for {one.caller}, since {time_shown(one.since)}"


def check_policy(settings: Settings, path: Path) -> str:
    """Raises SetupError: the file is wrong; names line and field."""
    if not path.exists():
        raise SetupError(f"there is no file {path}", next_step="`whatsapp-mcp policy init` writes one.")
    rules = read_rules(path.absolute(), settings.policy)
    return f"{path} is right; it builds on the preset {rules.preset}"


def forget_answer(settings: Settings, number: str) -> None:
    """Raises NotFound: there is no such standing answer."""
    with _book(settings) as book:
        book.forget(int(number) if number.isdecimal() and len(number) < 10 else 0)


def write_template(settings: Settings) -> Place:
    """A policy.toml that says what holds without one.

    Raises:
        SetupError: there is one, or it cannot be written.
        StoreError: the database that it is in cannot be used.
    """
    path = settings.policy_place
    if not isinstance(path, Path):
        with changing_document(path) as draft:
            if draft.content is not None:
                raise SetupError(f"there is a {path} already", next_step="`whatsapp-mcp policy text` prints it.")
            draft.content = template(settings.policy).encode()
        return path
    try:
        with new_private_file(path) as file:
            file.write(template(settings.policy).encode())
    except FileExistsError:
        raise SetupError(f"there is a {path} already", next_step="Edit it, or move it away first.") from None
    except OSError as error:
        raise SetupError(
            f"{path} cannot be written: {error.strerror}", next_step="Make its folder writable for this user."
        ) from error
    return path


def use_policy(settings: Settings, file: Path) -> Place:
    """Make a file the account's policy, if nothing is wrong with it.

    Raises:
        SetupError: it is wrong, or the account's cannot be written.
        StoreError: the database that it is in cannot be used.
    """
    check_policy(settings, file)
    content, place = file.read_bytes(), settings.policy_place
    try:
        if isinstance(place, Path):
            write_private(place, content)
        else:
            write_document(place, content)
    except OSError as error:
        raise SetupError(
            f"{place} cannot be written: {error.strerror}", next_step="Make its folder writable for this user."
        ) from error
    return place


def policy_source(settings: Settings) -> str:
    """The text of policy.toml; empty where there is none. Raises SetupError: it cannot be read."""
    return policy_text_at(settings.policy_place) or ""


# ---- whatsapp-mcp approve


def places(settings: Settings, *, all_accounts: bool) -> list[Settings]:
    """Where questions can wait: the account of the settings first, then, if asked for, all others."""
    others = [name for name in accounts_in(settings.data_dir) if name != settings.account] if all_accounts else []
    return [settings, *(settings.model_copy(update={"account": name}) for name in others)]


def waiting_text(accounts: Sequence[Settings]) -> str:
    """What waits for an answer, as lines for a terminal."""
    shown: list[str] = []
    for settings in accounts:
        found = [question_text(one) for one in _pending(settings)]
        if found and len(accounts) > 1:
            shown.append(f"Account {settings.account}:")
        shown += found
    return "\n\n".join(shown) or "Nothing waits for an approval."


def waiting_json(accounts: Sequence[Settings]) -> list[dict[str, Any]]:
    """The same, for programs. Times are RFC 3339, in UTC."""
    return [
        {
            "account": settings.account,
            "approval_code": one.code,
            "question": clean_text(one.text),
            "rule": one.rule,
            "caller": one.caller,
            "can_be_always": one.can_be_always,
            "asked": time_text(from_ms(one.asked_at)),
            "until": time_text(from_ms(one.expires_at)),
        }
        for settings in accounts
        for one in _pending(settings)
    ]


def _pending(settings: Settings) -> Sequence[PendingApproval]:
    with _book(settings) as book:
        return list(book.pending(now_ms()))


def question_text(one: PendingApproval) -> str:
    """One question, as lines for a terminal: nothing in it that a terminal obeys."""
    times = f"asked {time_shown(one.asked_at)} by {one.caller}, until {time_shown(one.expires_at)}, rule {one.rule}"
    return "\n".join([escaped(f"{one.code}  {times}"), *(f"  {escaped(line)}" for line in one.text.splitlines())])


def waiting(accounts: Sequence[Settings], code: str) -> tuple[Settings, PendingApproval]:
    """The question that has this code, and of which account it is.

    Raises:
        NotFound: none that waits.
    """
    for settings in accounts:
        for one in _pending(settings):
            if one.code == plain_code(code):
                return settings, one
    raise NotFound(
        "no question with this code waits for an answer",
        next_step="`whatsapp-mcp approve` lists what waits. A question that was answered, or is too old, has to be "
        "asked again: have the call repeated.",
    )


def answer(settings: Settings, one: PendingApproval, *, refuse: bool, always: bool) -> None:
    """What the owner said.

    Raises:
        NotFound: it waits no more.
        InvalidArgument: it cannot be answered for good.
    """
    with _book(settings) as book:
        if refuse:
            book.refuse(one.code, now_ms())
        else:
            book.approve(one.code, now_ms(), always=always)


def page_link(settings: Settings) -> str:
    """The link that opens the page of `serve` once.

    Raises:
        SetupError: no server shows it.
    """
    link = new_link(settings.approve_page_path)
    address = urlsplit(link)
    try:
        socket.create_connection((address.hostname or "", address.port or 0), timeout=_CONNECT_TIMEOUT).close()
    except OSError as error:
        raise SetupError(
            f"the `whatsapp-mcp serve` at {address.netloc} does not answer: {error.strerror}",
            next_step="Start it again, or answer in the terminal: `whatsapp-mcp approve`.",
        ) from error
    return link


def time_shown(milliseconds: int) -> str:
    """By the clock of this machine."""
    return f"{local(from_ms(milliseconds)):%Y-%m-%d %H:%M:%S}"
