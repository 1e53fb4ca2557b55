"""What is wrong, and what to do: `whatsapp-mcp doctor`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from whatsapp_mcp.extras import MEDIA, POSTGRES, S3, VOICE
from whatsapp_mcp.offline.diagnosis import (
    configuration,
    data,
    host_checks,
    installation,
    process_checks,
    unfinished_move,
)
from whatsapp_mcp.offline.diagnosis.checks import Check, Diagnosis, Verdict, ok, problem
from whatsapp_mcp.offline.diagnosis.connecting import connection_tried
from whatsapp_mcp.offline.diagnosis.report import media_status, session_status, store_status

Examination = Callable[[], Check | Iterable[Check] | None]


def examine(given: Mapping[str, Any], *, environment: Iterable[str], now: datetime, connect: bool = False) -> Diagnosis:
    """Run all checks; changes nothing, and connects only to the session process and the simulator of an endpoint file.

    Args:
        given: settings from the command line; all others come from the environment.
        environment: names of the environment's variables.
        now: the time, timezone-aware.
        connect: ask WhatsApp for something too, through the session process, which is started if none runs.
    """
    settings, wrong = configuration.read_settings(given)
    wrong.extend(configuration.check_variables(environment))
    session = session_status(settings.keys, look=data.INSIDE_SECONDS)
    store = store_status(settings.store, look=data.INSIDE_SECONDS)
    examinations: tuple[tuple[str, Examination], ...] = (
        ("python", installation.check_python),
        ("platform", installation.check_platform),
        ("neonize", lambda: installation.check_neonize(now)),
        ("libmagic", installation.check_libmagic),
        ("mcp", installation.check_mcp),
        ("media", lambda: installation.check_extra(MEDIA)),
        ("voice", lambda: installation.check_extra(VOICE)),
        ("postgres", lambda: installation.check_extra(POSTGRES)),
        ("s3", lambda: installation.check_extra(S3)),
        ("settings", lambda: wrong or ok("settings", "valid")),
        ("tools", lambda: configuration.check_tools(settings)),
        ("endpoint", lambda: configuration.check_endpoint(settings)),
        ("account", lambda: data.check_accounts(settings)),
        ("move", lambda: unfinished_move.check_move(settings)),
        ("data-dir", lambda: data.check_folder(settings)),
        ("modes", lambda: data.check_modes(settings)),
        ("owners", lambda: data.check_owners(settings)),
        ("session-process", lambda: process_checks.check_session_process(settings, now)),
        ("connection", lambda: connection_tried(settings) if connect else ()),
        ("session", lambda: data.check_session_path(settings) or data.check_session(session)),
        ("store", lambda: data.check_store(store)),
        ("received-media", lambda: data.check_received_media(media_status(settings))),
        ("policy", lambda: configuration.check_policy(settings)),
        ("webhooks", lambda: configuration.check_webhooks(settings)),
        ("http-token", lambda: configuration.check_token(settings.token_path)),
        ("http-tokens", lambda: configuration.check_tokens(settings)),
        ("hosts", host_checks.check_hosts),
        ("disk", lambda: data.check_disk(settings)),
        ("clock", lambda: installation.check_clock(now, store.newest_message)),
    )
    checks = tuple(check for name, examination in examinations for check in _run(name, examination))
    return Diagnosis(healthy=all(check.verdict is not Verdict.PROBLEM for check in checks), checks=checks)


def _run(name: str, examination: Examination) -> list[Check]:
    """A check that cannot be made is a finding too, and no reason to leave out the others."""
    try:
        result = examination()
        if isinstance(result, Check):
            return [result]
        return list(result or ())
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        return [problem(name, f"cannot be checked: {error.strerror}{where}", "Run this command as the server's user.")]
