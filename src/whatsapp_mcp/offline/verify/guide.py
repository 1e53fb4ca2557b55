"""The command: asks, starts a server, has the steps tried, shows what becomes of them, writes the report."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Final, Protocol

import anyio
from mcp import Client
from mcp.client import ClientRequestContext
from mcp.client.stdio import stdio_client
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitRequestParams, ElicitResult, Implementation

from whatsapp_mcp import __version__
from whatsapp_mcp.errors import NotConnected, SetupError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.offline.verify.at_phone import Attendant
from whatsapp_mcp.offline.verify.findings import Findings, report_text
from whatsapp_mcp.offline.verify.own_chat import Json, OwnChat, body_of
from whatsapp_mcp.offline.verify.recorder import check_unused, recorder
from whatsapp_mcp.offline.verify.sequence import Course, Result
from whatsapp_mcp.offline.verify.service import ServicePlace, linked_place, simulated_place
from whatsapp_mcp.offline.verify.sight import Ending
from whatsapp_mcp.offline.verify.steps import STEPS
from whatsapp_mcp.offline.verify.trial import Trial
from whatsapp_mcp.private_files import write_private
from whatsapp_mcp.settings import Settings

AS_EXPECTED: Final = 0
SOMETHING_DIFFERS: Final = 1
NOT_RUN: Final = 2
"""Exit codes; the last one also when it was interrupted."""
CONNECTED_WITHIN: Final = 60.0
_LOG_SHOWN: Final = 4_000
"""Characters of what the server logged, where nothing could be tried."""

_PLAN: Final = """\
This tries the account "{account}" on {service}, in about three minutes.
- It writes to nobody but you: seven messages in the chat with yourself, which it deletes for everyone at the end.
- It stars a message, pins, mutes and archives that chat, and puts all back as it was. For that the session
  disconnects four times, for some seconds each.
- It looks whether there are earlier chats and names; nothing of them is kept or shown."""
_GROUP: Final = "May it also make a group in which nobody but you is, write into it, and leave it?"
_ENDING: Final = "  The test messages are deleted, and all is put back (at most a minute and a half) ..."
_MARKS: Final = {Ending.AS_EXPECTED: "green", Ending.NOT_TRIED: "dim"}


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What was given on the command line."""

    simulated: bool = False
    yes: bool = False
    """Do not ask anything; then nobody is at the phone."""
    group: bool | None = None
    """Whether a group may be made; None: ask, or no."""
    report: Path | None = None
    record: Path | None = None
    """Where to write the shapes of stanzas; nobody else may use the account then."""


class Terminal(Attendant, Protocol):
    """Whoever started the command, and what they see."""

    def mark(self, text: str, style: str) -> None: ...


class Guide:
    """One run of the command."""

    def __init__(
        self, settings: Settings | None, options: VerifyOptions, terminal: Terminal, more: Mapping[str, str]
    ) -> None:
        """
        Args:
            settings: of the account; None with ``options.simulated``.
            more: variables for the server.
        """
        self._more = more
        self._settings = settings
        self._options = options
        self._terminal = terminal
        self._service = "simulator" if options.simulated else "WhatsApp"
        self._with_group = False
        self._course: Course | None = None
        self._own: OwnChat | None = None

    @property
    def findings(self) -> Findings | None:
        """None: no step was tried."""
        if self._course is None:
            return None
        return Findings(self._service, self._course.results, self._course.left)

    async def run(self) -> None:
        """Raises WhatsAppMcpError: it could not begin."""
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
            try:
                async with self._place() as place:
                    self._service = place.name
                    await self._try(place, log)
                    if self._options.record is not None:
                        await place.ended()
            except BaseExceptionGroup as group:  # the SDK's task groups wrap what happened inside
                raise _first(group) from group
            finally:
                if self._course is None:
                    log.seek(0)
                    if said := log.read(_LOG_SHOWN).strip():
                        self._terminal.mark(said, "dim")

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[ServicePlace]:
        if self._options.simulated:
            async with simulated_place() as place:
                yield place
        else:
            yield self._linked()

    def agreed(self) -> bool:
        """Ask, where anything is to be asked. Raises WhatsAppMcpError: there is nothing to ask about.

        Before there is an event loop: Ctrl-C would have to wait for the answer.
        """
        options = self._options
        if options.simulated:
            self._with_group = options.group is not False
            return True
        place = self._linked()
        self._terminal.tell(_PLAN.format(account=place.account, service=place.name))
        self._with_group = bool(options.group)
        if options.yes:
            return True
        if not self._terminal.agrees("Go on?"):
            return False
        if options.group is None:
            self._with_group = self._terminal.agrees(_GROUP)
        return True

    def _linked(self) -> ServicePlace:
        assert self._settings is not None
        return linked_place(self._settings, None if self._options.yes else self._terminal)

    async def _try(self, place: ServicePlace, log: IO[str]) -> None:
        info = Implementation(name="whatsapp-mcp verify", version=__version__)
        transport = stdio_client(place.server(self._more), errlog=log)  # type: ignore[arg-type]
        async with Client(transport, client_info=info, elicitation_callback=self._answer) as client:
            if place.simulator is not None:
                login = await client.call_tool("appLogin", {})
                await place.simulator.phone.scan(str(body_of(login)["results"]["qr_text"]))
            state = await _connected(client)
            lid = Jid.parse(state["lid"]) if state.get("lid") else None
            self._own = OwnChat(client, Jid.parse(state["jid"]), lid)
            trial = Trial(self._own, place.phone, self._with_group)
            self._course = Course(trial, STEPS, self._show, partial(self._terminal.mark, _ENDING, "dim"))
            await self._course.run()

    async def _answer(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        return await self._own.agree(params) if self._own is not None else ElicitResult(action="decline")

    def _show(self, result: Result) -> None:
        seen = ", ".join(result.seen) or (f"error {result.code}" if result.code else "")
        line = f"  {result.step.name:12} {result.ending:11} {result.seconds:5.1f} s  {seen}"
        self._terminal.mark(line.rstrip(), _MARKS.get(result.ending, "bold red"))
        if result.ending not in _MARKS:
            self._terminal.mark(f"  {'':12} expected: {result.step.expected}", "dim")


def run_verify(settings: Settings | None, options: VerifyOptions, terminal: Terminal) -> tuple[int, Findings | None]:
    """The exit code, and what was found; None: nothing was tried.

    Raises:
        WhatsAppMcpError: it could not begin.
    """
    for name, path in (("report", options.report), ("record", options.record)):
        if path is not None and not path.absolute().parent.is_dir():
            raise SetupError(f"--{name}: {path} is in no folder that there is", next_step="Name another file.")
    if options.record is None:
        return _run(Guide(settings, options, terminal, {}), options, terminal)
    if settings is not None:
        check_unused(settings)
    with recorder() as recording:
        found = _run(Guide(settings, options, terminal, recording.environment), options, terminal)
        recording.write(options.record)
        terminal.tell(f"The shapes of the stanzas are in {options.record}: names and kinds of values, and no value.")
    return found


def _run(guide: Guide, options: VerifyOptions, terminal: Terminal) -> tuple[int, Findings | None]:
    if not guide.agreed():
        terminal.tell("Nothing was done.")
        return NOT_RUN, None
    interrupted = False
    try:
        anyio.run(guide.run)
    except KeyboardInterrupt:
        interrupted = True
    except (MCPError, OSError) as error:
        if guide.findings is None:
            raise SetupError(
                "the server process did not start, or ended", next_step="Run `whatsapp-mcp doctor` to see why."
            ) from error
        interrupted = True
    findings = guide.findings
    if findings is None:
        terminal.tell("Nothing was tried.")
        return NOT_RUN, None
    terminal.tell(f"\n{findings.counts()}; left behind: {', '.join(findings.left) or 'nothing'}.")
    if options.report is not None:
        _write(options.report, report_text(findings))
        terminal.tell(f"The report is in {options.report}: read it, it names neither you nor anybody else.")
    if interrupted:
        return NOT_RUN, findings
    return (AS_EXPECTED if findings.is_as_expected else SOMETHING_DIFFERS), findings


def _write(path: Path, text: str) -> None:
    try:
        write_private(path, text.encode())
    except OSError as error:
        raise SetupError(
            f"--report: {path} cannot be written: {error.strerror}", next_step="Name a file in a folder of yours."
        ) from error


async def _connected(client: Client) -> Json:
    """What appStatus says when the session is connected. Raises NotConnected: it is not, within a minute."""
    body: Json = {}
    with anyio.move_on_after(CONNECTED_WITHIN):
        while True:
            result = await client.call_tool("appStatus", {})
            body = body_of(result)
            state: Json = body.get("results") or {}
            if state.get("is_connected") and state.get("jid"):
                return state
            await anyio.sleep(0.5)
    raise NotConnected(
        "the session did not connect within a minute", next_step=str(body.get("message", "Run `whatsapp-mcp doctor`."))
    )


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
