"""From a command to an operation: the one path of every call, and what it says put in a person's words."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from whatsapp_mcp.cli.asking import ask_owner, can_be_asked
from whatsapp_mcp.cli.exits import tell
from whatsapp_mcp.cli.progress import waits_shown
from whatsapp_mcp.errors import ConfirmationNeeded, SessionError, WhatsAppMcpError
from whatsapp_mcp.log_lines import start_logging

if TYPE_CHECKING:
    from whatsapp_mcp.models.session import SessionSnapshot
    from whatsapp_mcp.server.terminal import SeenSession, TerminalAnswer, TerminalCalls
    from whatsapp_mcp.settings import Settings

T = TypeVar("T")
JsonObject = dict[str, Any]

COMMANDS: Final[Mapping[str, str]] = {
    "appLogin": "login",
    "appLoginWithCode": "login --phone NUMBER",
    "appLogout": "logout",
    "appReconnect": "reconnect",
    "appStatus": "status",
    "cancelScheduled": "schedule cancel ID",
    "checkInbox": "chats",
    "downloadMessageMedia": "media get CHAT ID",
    "getChatMessages": "read CHAT",
    "getMessageContext": "read CHAT",
    "listChats": "chats",
    "listScheduled": "schedule list",
    "scheduleMessage": "schedule add CHAT TEXT",
    "searchMessages": "search WORDS",
    "sendFile": "send CHAT --file FILE",
    "sendMessage": "send CHAT TEXT",
    "userMyContacts": "contacts",
    "userMyGroups": "groups",
    "waitForEvent": "watch",
    "waitForMessage": "wait",
}
"""Operation -> the command for it."""

PLAINER: Final[Mapping[str, str]] = {
    "until scheduled_for, cancelScheduled takes": "until then, cancelScheduled takes",
    "Ask who is meant, then pass the number or JID. A near name whose name_source is push was chosen by that person "
    "and proves nothing.": "`whatsapp-mcp contacts` and `whatsapp-mcp groups` list them; give the number or address.",
}
"""Parts of our sentences that are for a model, or name fields of results."""
_NEW: Final = 5.0
"""Seconds after connecting in which messages of before may still come."""
_QUIET: Final = 0.7
"""Seconds without one, after which they are here."""
_LONGEST_CATCHING_UP: Final = 20.0
"""Seconds after which what is here is shown all the same."""


class UsedAccount:
    """One account, as a command uses it."""

    def __init__(self, calls: TerminalCalls, names: Mapping[str, str], *, has_store: bool) -> None:
        self._calls = calls
        self._names = names
        self._has_store = has_store
        self._began = time.monotonic()

    @property
    def session(self) -> SeenSession:
        return self._calls.session

    async def catch_up(self) -> None:
        """Be connected, and have what came meanwhile. Where there is no connection, say why, and go on with what is
        stored.

        Raises:
            SessionError: nothing was ever stored.
        """
        session = self.session
        try:
            with waits_shown():
                await session.ready()
                while time.monotonic() - self._began < _LONGEST_CATCHING_UP and _is_new(session.snapshot):
                    if not await session.wait_change(_QUIET):
                        break
        except SessionError as error:
            problem = in_words_of_commands(error, self._names)
            if not self._has_store or not (await self.call("listChats", {"limit": 1})).body["results"]["data"]:
                raise problem from error
            tell(f"{problem.message}; this is what was stored before", problem.next_step)

    async def rows(self, operation: str, arguments: Mapping[str, Any], wanted: int, *, most: int = 100) -> JsonObject:
        """The answer with that many rows in ``results.data``, of as many pages as that takes.

        Args:
            most: rows that the operation gives on a page.
        """
        whole: JsonObject = {}
        rows: list[JsonObject] = []
        cursor: str | None = None
        while True:
            body = (
                await self.call(operation, {**arguments, "limit": min(most, wanted - len(rows)), "cursor": cursor})
            ).body
            whole = whole or body
            rows += body["results"]["data"]
            cursor = body.get("next_cursor")
            if cursor is None or len(rows) >= wanted or not body["results"]["data"]:
                break
        whole.pop("next_cursor", None)
        whole["results"]["data"] = rows
        return whole | ({"next_cursor": cursor} if cursor is not None else {})

    async def call(self, operation: str, arguments: Mapping[str, Any]) -> TerminalAnswer:
        """What it came to; while it takes long, what it waits for is shown. Arguments that are None are left out.

        Raises:
            WhatsAppMcpError: in words for a person at a terminal.
        """
        given = {name: value for name, value in arguments.items() if value is not None}
        with waits_shown():
            try:
                return await self._calls.call(operation, given)
            except WhatsAppMcpError as error:
                raise in_words_of_commands(error, self._names) from error


def _is_new(snapshot: SessionSnapshot) -> bool:
    from whatsapp_mcp.clock import now

    return (now() - snapshot.since).total_seconds() < _NEW


def with_account(
    settings: Settings,
    work: Callable[[UsedAccount], Awaitable[T]],
    *,
    names: Mapping[str, str] | None = None,
    fresh: bool = False,
    session: bool = True,
) -> T:
    """Do something with an account.

    Args:
        names: argument of an operation -> how the command line calls it, for errors.
        fresh: have what came meanwhile first, where that is possible.
        session: find or start the session process; otherwise only what is stored can be seen.
    """

    # A person is told by errors what matters now; warnings, of each try to connect say, would stand between the rows.
    start_logging(settings.log_level if "log_level" in settings.model_fields_set else "ERROR")

    async def main() -> T:
        from whatsapp_mcp.assembly import at_terminal

        has_store = settings.store_path.exists()
        ask = ask_owner if can_be_asked() else None
        async with at_terminal(settings, ask=ask, session=session) as calls:
            account = UsedAccount(calls, names or {}, has_store=has_store)
            if session and fresh:
                await account.catch_up()
            return await work(account)

    return asyncio.run(main())


def in_words_of_commands(error: WhatsAppMcpError, names: Mapping[str, str]) -> WhatsAppMcpError:
    """The same error, which names options and commands where it named arguments and tools."""
    if isinstance(error, ConfirmationNeeded) and (code := error.details.get("approval_code")):
        error.message = "the owner has to agree first, and nobody answered here, or this is no terminal"
        error.next_step = (
            f"The owner agrees with `whatsapp-mcp approve {code}` within {error.details.get('minutes')} minutes; "
            "then run exactly this command again."
        )
        return error
    error.message = said(error.message, names)
    error.next_step = said(error.next_step, names)
    return error


def said(text: str, names: Mapping[str, str] | None = None) -> str:
    """A sentence of ours for a model, for a person at a terminal."""
    from whatsapp_mcp.server.wording import Wording

    for argument, option in (names or {}).items():
        # A name that is an ordinary word too is one only where a sentence is about it.
        anywhere = "" if "_" in argument else r"(?=: | is | has | must |\[)"
        before = r"(?<![\w`-])" if "_" in argument else r"(?:(?<=^)|(?<=; ))"
        text = re.sub(rf"{before}{argument}(?!\w){anywhere}", option, text)
    for token, words in PLAINER.items():
        text = text.replace(token, words)
    text = re.sub(r"\b([Cc])all ([a-z]+(?:[A-Z][a-z]*)+)\b", _run, text)
    text = re.sub(r"\b[a-z]+(?:[A-Z][a-z]*)+\b", _command, text)
    text = re.sub(r"\b([Cc])all again\b", lambda found: f"{'Run' if found[1] == 'C' else 'run'} it again", text)
    return Wording(frozenset()).say(text)


def _run(found: re.Match[str]) -> str:
    command = COMMANDS.get(found[2])
    verb = "Run" if found[1] == "C" else "run"
    return f"{verb} `whatsapp-mcp {command}`" if command else found[0]


def _command(found: re.Match[str]) -> str:
    command = COMMANDS.get(found[0])
    return f"`whatsapp-mcp {command}`" if command else found[0]
