"""`login`, `logout` and `reconnect`: the link to the account."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from whatsapp_mcp.cli.options import json_option, place_options, read_settings, settings_of
from whatsapp_mcp.cli.saying import answered, print_json_line, say
from whatsapp_mcp.errors import SessionError

if TYPE_CHECKING:
    from whatsapp_mcp.cli.calling import UsedAccount
    from whatsapp_mcp.cli.code_screen import CodeScreen
    from whatsapp_mcp.server.terminal import TerminalAnswer

_WHERE: Final = "WhatsApp on the phone > Linked devices > Link a device"
_WITH_NUMBER: Final = f"{_WHERE} > Link with phone number instead"
_LONGEST: Final = 600.0
"""Seconds for which codes are shown."""
_CODE_SECONDS: Final = 150.0
"""After so long a pairing code is replaced, a little before it expires."""
_LINK_SECONDS: Final = 60.0
"""From the scan to the connection."""
_FIRST: Final = 15.0
"""Seconds for the first message of the history."""
_QUIET: Final = 6.0
"""Seconds without another one, after which it is taken to be here."""
_LOOK: Final = 0.25


@click.command()
@place_options
@click.option("--phone", metavar="NUMBER", help="Show a code to type on the phone of this number, in place of a QR.")
@click.option(
    "--history/--no-history", default=True, show_default=True, help="Wait until the phone has sent its history."
)
@json_option
def login(data_dir: Path | None, account: str | None, phone: str | None, history: bool, as_json: bool) -> None:
    """Link an account: shows a QR code to scan with the phone, and then how its history comes in.

    The code changes every 20 to 60 seconds, and is drawn anew in its place. Ctrl-C before the scan links nothing.
    """
    from whatsapp_mcp.account_folder import make_folder
    from whatsapp_mcp.cli.calling import with_account
    from whatsapp_mcp.cli.code_screen import CodeScreen

    settings = read_settings({"data_dir": data_dir, "account": account})
    make_folder(settings.data_dir)
    make_folder(settings.account_dir)

    async def work(one: UsedAccount) -> None:
        before = one.session.newest_arrival
        with CodeScreen(as_json=as_json) as screen:
            new = await _link(one, screen, phone)
        with contextlib.suppress(SessionError):  # of one that was linked before, and is not connected
            await one.session.ready()
        state = (await one.call("appStatus", {})).body
        if as_json:
            print_json_line(state)
        else:
            _say_linked(state["results"], new=new)
        if new and history:
            await _history(one, before, as_json=as_json)

    with_account(settings, work, names={"phone": "--phone"})


async def _link(one: UsedAccount, screen: CodeScreen, phone: str | None) -> bool:
    """Show codes until the device is linked; False when it was already."""
    from whatsapp_mcp.errors import NotConnected
    from whatsapp_mcp.models.session import SessionState

    began = time.monotonic()
    first = True
    while time.monotonic() - began < _LONGEST:
        results = await _code(one, phone)
        if "state" in results and results["state"] != SessionState.PAIRING:
            return not first
        first = False
        screen.show(results, _WITH_NUMBER if "pair_code" in results else _WHERE)
        if await _scanned(one, results, screen):
            return True
    raise NotConnected(
        f"no phone has linked this device in {_LONGEST / 60:.0f} minutes", next_step="Run the command again."
    )


async def _code(one: UsedAccount, phone: str | None) -> dict[str, Any]:
    results: dict[str, Any] = (await one.call("appLogin", {})).body["results"]
    if phone is not None and "qr_text" in results:
        results = (await one.call("appLoginWithCode", {"phone": phone})).body["results"]
    return results


async def _scanned(one: UsedAccount, shown: dict[str, Any], screen: CodeScreen) -> bool:
    """Wait until the phone has taken the code, or another is to be shown."""
    from whatsapp_mcp.models.session import SessionState

    session, began, told = one.session, time.monotonic(), False
    while session.snapshot.state is not SessionState.CONNECTED:
        snapshot, waited = session.snapshot, time.monotonic() - began
        if snapshot.state is SessionState.PAIRING:
            if "pair_code" in shown:
                if waited > _CODE_SECONDS:
                    return False
            elif snapshot.qr_text not in (None, shown["qr_text"]):
                return False
        elif snapshot.state in _ON_THE_WAY:
            if not told:
                screen.say("The phone has linked this device; connecting ...")
                began, told = time.monotonic(), True
            elif waited > _LINK_SECONDS:
                raise session.problem()
        elif snapshot.state is SessionState.UNPAIRED:  # no code is left: WhatsApp gives a few at a time
            return False
        else:
            raise session.problem()
        await session.wait_change(1.0)
        screen.look_at_size()
    return True


_ON_THE_WAY: Final = frozenset({"starting", "connecting", "reconnecting"})


def _say_linked(state: dict[str, Any], *, new: bool) -> None:
    from whatsapp_mcp.cli import showing

    number = str(state.get("jid") or "").partition("@")[0].partition(":")[0]
    who = " ".join(filter(None, (showing.shown(state.get("push_name") or ""), f"+{number}" if number else "")))
    say(f"Linked as {who}." if new else f"An account is linked already: {who}.")


async def _history(one: UsedAccount, before: int, *, as_json: bool) -> None:
    """Until no more of it comes. The phone does not say how much there is."""
    from whatsapp_mcp.cli.progress import Bar

    session, began = one.session, time.monotonic()
    count, last = before, began
    with Bar() as bar:
        while time.monotonic() - last < (_QUIET if count > before else _FIRST):
            if session.newest_arrival > count:
                count, last = session.newest_arrival, time.monotonic()
            bar.show("the history" if count > before else "waiting for the history", count - before, unit="messages")
            await asyncio.sleep(_LOOK)
    if as_json:
        return
    if count == before:
        say("No history came yet; it comes by itself while a host or `whatsapp-mcp watch` runs.")
        return
    total = (await one.call("listChats", {"limit": 1})).body["results"]["pagination"]["total"]
    say(f"{count - before:,} messages came, and there are {total:,} chats; more may follow.")
    say("`whatsapp-mcp chats` lists them.")


@click.command()
@place_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--erase", is_flag=True, help="Delete the stored messages too; they cannot be had again.")
@json_option
def logout(data_dir: Path | None, account: str | None, yes: bool, erase: bool, as_json: bool) -> None:
    """Unlink the account from this device; the phone lists it no more. Messages stay, unless --erase is given."""
    from whatsapp_mcp.cli.asking import confirm

    settings = settings_of(data_dir, account)
    if not yes:
        deleted = "session and messages here are" if erase else "session here is"
        confirm(f"Unlink the account {settings.account}? Its {deleted} deleted.")
    _one_call(settings, "appLogout", as_json=as_json, erase=erase)


@click.command()
@place_options
@json_option
def reconnect(data_dir: Path | None, account: str | None, as_json: bool) -> None:
    """Begin the connection to WhatsApp anew, for all hosts; also after it was replaced by another program."""
    _one_call(settings_of(data_dir, account), "appReconnect", as_json=as_json)


def _one_call(settings: Any, operation: str, *, as_json: bool, **arguments: Any) -> None:
    from whatsapp_mcp.cli.calling import said, with_account

    async def work(one: UsedAccount) -> TerminalAnswer:
        # What runs has to be found first: to begin anew what nobody has found yet would change nothing.
        with contextlib.suppress(SessionError):
            await one.session.ready()
        return await one.call(operation, arguments)

    body = with_account(settings, work).body
    answered(body, said(body["message"]), as_json=as_json)
