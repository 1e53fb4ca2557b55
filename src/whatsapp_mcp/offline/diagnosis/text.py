"""Status and diagnosis for a person at a terminal, of 80 columns at most."""

from __future__ import annotations

import shutil
import textwrap
from datetime import UTC, datetime
from typing import Final

import click

from whatsapp_mcp.offline.diagnosis.checks import Check, Diagnosis, Verdict
from whatsapp_mcp.offline.diagnosis.data import media_extent, quantity
from whatsapp_mcp.offline.diagnosis.report import LockStatus, MediaStatus, Status
from whatsapp_mcp.offline.diagnosis.session_process import SessionProcessStatus

WIDTH: Final = 80
_NARROW: Final = 60
"""Columns up to which a text stands below its label, not beside it."""
_LABEL: Final = 11
_VERDICT: Final = 9
_NAME: Final = 17
_COLOURS: Final = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.PROBLEM: "red"}


def status_text(status: Status) -> str:
    versions = status.versions
    web = versions.whatsapp_web or "a WhatsApp web version that it does not tell"
    entries = (
        ("Data", [f"{status.data_dir} (account {status.account!r})", *_others(status)]),
        ("Move", _move(status)),
        ("State", _standing(status)),
        ("Session", _session(status.process, status.lock)),
        ("Servers", _servers(status.process)),
        ("Linked", [_linked(status), *(_step(status.session.next_step) if status.standing.well else [])]),
        ("Messages", [_messages(status), *_step(status.store.next_step)]),
        ("Media", _media(status.media)),
        ("WhatsApp", _whatsapp(status)),
        ("Webhooks", [f"{one.name}: {one.said}" for one in status.webhooks]),
        (
            "Versions",
            [
                f"whatsapp-mcp {versions.whatsapp_mcp}, mcp {versions.mcp}, Python {versions.python}, "
                f"{versions.platform}",
                f"neonize {versions.neonize}, which announces WhatsApp web {web}"
                if versions.neonize
                else "neonize is not installed",
            ],
        ),
    )
    lines: list[str] = []
    for label, texts in entries:
        for number, text in enumerate(texts):
            lines.extend(_wrapped(text, label if number == 0 else "", _LABEL))
    return "\n".join(lines)


def _others(status: Status) -> list[str]:
    others = [name for name in status.accounts if name != status.account]
    return [f"other accounts: {', '.join(others)}"] if others else []


def _move(status: Status) -> list[str]:
    if status.move is None:
        return []
    return [status.move.line, *_step(status.move.next_step)]


def _standing(status: Status) -> list[str]:
    standing = status.standing
    said = f"{standing.state}: {standing.message}" if standing.message else standing.state
    return [said, *_step(standing.next_step)]


def _session(process: SessionProcessStatus, lock: LockStatus) -> list[str]:
    if not process.running:
        if lock.held:
            return ["a session process is starting or ending"]
        return ["no session process runs", *_last_end(process)]
    who = f"session process {process.pid}"
    if not process.answers:
        return [f"{who} does not answer"]
    if process.refused is not None:
        why = "is ending" if process.refused == "ending" else f"is of version {process.version}"
        return [f"{who} {why}"]
    state = process.state.value if process.state is not None else "unknown"
    since = f" since {_time(process.connected_since)}" if process.connected_since else ""
    return [f"{state}{since}", *([process.detail] if process.detail else []), f"{who}, version {process.version}"]


def _last_end(process: SessionProcessStatus) -> list[str]:
    last = process.last_end
    if last is None:
        return []
    when = f" on {_time(last.at)}" if last.at else ""
    return [f"the last one ended{when}: {last.reason}" + (f", {last.detail}" if last.detail else "")]


def _servers(process: SessionProcessStatus) -> list[str]:
    if not process.clients:
        return ["none is attached"]
    return [
        f"{client.pid} ({client.kind}, {client.version}) since {_time(client.since)}: {client.command}"
        for client in process.clients
    ]


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _linked(status: Status) -> str:
    session = status.session
    if session.problem is not None:
        return f"unknown: {session.problem}" if session.linked is None else session.problem
    said = f"yes, as {session.jid}" if session.linked else "no"
    return f"{said}; the keys are in {session.database}" if session.database is not None else said


def _messages(status: Status) -> str:
    store = status.store
    if store.problem is not None:
        return store.problem if store.schema_version else f"unknown: {store.problem}"
    if not store.exists:
        return "none stored yet"
    said = f"{quantity(store.messages, 'message')} in {quantity(store.chats, 'chat')}, {store.bytes / 1e6:,.1f} MB"
    said += f", newest of {store.newest_message:%Y-%m-%d %H:%M} UTC" if store.newest_message else ""
    return said if store.checked else f"{said}; not looked into to the end, as `whatsapp-mcp doctor` does"


def _media(media: MediaStatus) -> list[str]:
    if media.problem is not None:
        return [f"unknown: {media.problem}", *_step(media.next_step)]
    return [f"{media_extent(media)} in {media.place}" if media.files else "none downloaded yet"]


def _whatsapp(status: Status) -> list[str]:
    endpoint = status.endpoint
    if endpoint is None:
        return (
            ["simulated: the session process was started for one"] if status.process.simulated else ["the real service"]
        )
    if endpoint.problem is not None:
        return [endpoint.problem, *_step(endpoint.next_step)]
    return [f"simulated, at {endpoint.proxy}", f"({endpoint.file})"]


def _step(next_step: str | None) -> list[str]:
    return [f"-> {next_step}"] if next_step else []


def diagnosis_text(diagnosis: Diagnosis) -> str:
    """One entry per check, what to do below it. With colours; click.echo takes them off where they do not belong."""
    lines = [line for check in diagnosis.checks for line in _check_lines(check)]
    count = {verdict: sum(check.verdict is verdict for check in diagnosis.checks) for verdict in Verdict}
    summary = f"{quantity(count[Verdict.PROBLEM], 'problem')}, {quantity(count[Verdict.WARNING], 'warning')}"
    return "\n".join([*lines, "", f"{summary}, {count[Verdict.OK]} ok"])


def _check_lines(check: Check) -> list[str]:
    first, *rest = _wrapped(check.message, f"{check.verdict:<{_VERDICT}}{check.name}", _VERDICT + _NAME)
    coloured = click.style(check.verdict.value, fg=_COLOURS[check.verdict]) + first[len(check.verdict) :]
    steps = _wrapped(f"-> {check.next_step}", "", _VERDICT + _NAME) if check.next_step else []
    return [coloured, *rest, *steps]


def _wrapped(text: str, label: str, indent: int) -> list[str]:
    """``text`` beside ``label``. Paths and commands are not broken: they are there to be copied."""
    # Names, paths and command lines come from outside; a terminal must not obey them.
    shown = "".join(character if character.isprintable() else "?" for character in text)
    width = min(WIDTH, shutil.get_terminal_size().columns)
    if width <= _NARROW:
        below = textwrap.wrap(shown, max(10, width - 1), initial_indent="  ", subsequent_indent="  ")
        return [label, *below] if label else below
    return textwrap.wrap(
        shown,
        width - 1,
        initial_indent=f"{label:<{indent}}",
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [label]
