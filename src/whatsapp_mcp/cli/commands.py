"""Commands that look at an account or write what it holds, and the simulated WhatsApp."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from whatsapp_mcp.cli.exits import Exit
from whatsapp_mcp.cli.options import json_option, place_options, settings_of
from whatsapp_mcp.cli.saying import done, print_json, say
from whatsapp_mcp.errors import SetupError


@click.command()
@click.option("--endpoint", type=click.Path(path_type=Path), help="Where to write the endpoint file.")
@click.option("--control", type=click.Path(path_type=Path), help="Path of the control socket.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1; 0 picks a free one.")
@click.option(
    "--contacts/--no-contacts", "personas", default=True, show_default=True, help="Start with people who answer."
)
@click.option("--phone-number", help="Number of the simulated phone, digits with country code.")
@click.option("--phone-name", help="Display name of the simulated phone.")
@click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="NUMBER[=NAME]",
    help="A further account with a phone of its own, for another client; may be given several times.",
)
@click.option("--history", is_flag=True, help="Newly linked devices get the history by themselves, as with WhatsApp.")
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep keys, accounts, linked devices and groups there over restarts.",
)
@click.option(
    "--listen-tls",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Speak TLS at this port too, for clients that know no proxies; 0 picks a free one.",
)
@click.option(
    "--hosts-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a hosts file that leads such a client here, and say how to use it.",
)
@click.option("--autoscan", type=float, metavar="SECONDS", help="Scan a code that the phone is shown after a while.")
@click.option("--exit-with-stdin", "exit_on_stdin_eof", is_flag=True, help="End when standard input ends.")
@click.option(
    "--exit-when-unused",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="End so long after the last control connection and the last linked device have gone.",
)
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Run nothing: list the stanzas of a record of `verify --record FILE` that the simulator does not make or "
    "answer.",
)
@click.option("--remove", type=click.Path(path_type=Path), hidden=True)
def simulate(remove: Path | None, compare: Path | None, **options: Any) -> None:
    """Run a simulated WhatsApp on loopback; point WHATSAPP_MCP_ENDPOINT at its endpoint file.

    Prints one line of JSON with the paths of the endpoint file and of the control socket when it listens.
    """
    if compare is not None:
        from whatsapp_mcp.simulator.control.comparison import run_compare

        sys.exit(run_compare(compare, sys.stdout))
    from whatsapp_mcp.simulator.control.command import SimulateOptions, run_simulate

    given = {name: value for name, value in options.items() if value is not None}
    code = run_simulate(SimulateOptions(**given), sys.stdout)
    if remove is not None:
        from whatsapp_mcp.offline.simulated import remove_data_dir

        remove_data_dir(remove)
    sys.exit(code)


@click.command()
def demo() -> None:
    """Play a conversation on a simulated WhatsApp; no phone and no internet needed."""
    from whatsapp_mcp.offline.demo import run_demo

    run_demo()


@click.command()
@place_options
@click.option("--chat", "chats", multiple=True, metavar="CHAT", help="JID, number or exact name; may be repeated.")
@click.option("--since", metavar="TIME", help="Only from this date or time on, as 2026-10-31 or 2026-10-31T18:30.")
@click.option("--until", metavar="TIME", help="Only up to this date, all day, or time.")
@click.option("--format", "form", type=click.Choice(["jsonl", "text"]), default="jsonl", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to; standard output without it.")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
def export(data_dir: Path | None, account: str | None, form: str, **options: Any) -> None:
    """Write stored messages as JSON lines or as a readable transcript; servers may run meanwhile.

    The messages are those of one moment: what arrives, is deleted or erased meanwhile changes nothing in the file.
    JSON lines hold all that is known of each message, times in UTC. Chats come one after the other, the oldest message
    first. In a transcript, and where --since and --until name none, the time zone is that of this machine.
    """
    from whatsapp_mcp.cli.progress import waits_shown
    from whatsapp_mcp.offline.export import Format, run_export
    from whatsapp_mcp.platform.signals import exit_when_terminated

    # As Ctrl-C does, so that no half of an export stays behind under a hidden name.
    exit_when_terminated()
    if sys.stdout is None and options["output"] is None:
        raise SetupError("standard output is closed", next_step="Name a file with --output.")
    with waits_shown():
        stream = sys.stdout.buffer if options["output"] is None else None
        written = run_export(settings_of(data_dir, account).store, stream, form=Format(form), **options)
    if written is not None:
        say(written, err=True)


@click.command()
@place_options
@json_option
def reindex(data_dir: Path | None, account: str | None, as_json: bool) -> None:
    """Make the search index of the stored messages anew; servers may run meanwhile.

    Takes about half a minute for a million messages. To interrupt it does no harm. While servers run, the session
    process does it; it is not connected to WhatsApp for that time, and searches find what the old index has.
    """
    from whatsapp_mcp.cli.progress import waits_shown
    from whatsapp_mcp.offline.reindex import run_reindex

    with waits_shown():
        made = run_reindex(settings_of(data_dir, account), lambda text: say(text, err=True))
    done(
        f"{made.messages:,} message{'s' if made.messages != 1 else ''} indexed in {made.seconds:.1f} s",
        {"messages": made.messages, "seconds": round(made.seconds, 3)},
        as_json=as_json,
    )


@click.command()
@place_options
@json_option
def status(data_dir: Path | None, account: str | None, as_json: bool) -> None:
    """Show account, connection, the servers that use it, where the data is, and versions.

    Exit code 0 when the account is connected, or would be as soon as a server uses it; 1 when nothing is linked,
    WhatsApp does not let it in or cannot be reached, or a database cannot be read or is damaged.
    """
    from whatsapp_mcp.cli.progress import waits_shown
    from whatsapp_mcp.offline.diagnosis import status_text, take_status

    with waits_shown():
        found = take_status(settings_of(data_dir, account))
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        click.echo(status_text(found))
    sys.exit(Exit.DONE if found.well else Exit.FAILED)


@click.command()
@place_options
@click.option("--connect", is_flag=True, help="Ask WhatsApp too, through the session that runs or one that is started.")
@json_option
def doctor(data_dir: Path | None, account: str | None, connect: bool, as_json: bool) -> None:
    """Look for problems and say what to do about them; exit code 1 if there are any. Changes nothing."""
    from whatsapp_mcp.cli.progress import waits_shown
    from whatsapp_mcp.clock import now
    from whatsapp_mcp.offline.diagnosis import diagnosis_text, examine

    options = {"data_dir": data_dir, "account": account}
    given = {name: value for name, value in options.items() if value is not None}
    with waits_shown():
        diagnosis = examine(given, environment=os.environ, now=now(), connect=connect)
    if as_json:
        print_json(diagnosis.model_dump(mode="json"))
    else:
        click.echo(diagnosis_text(diagnosis))
    sys.exit(0 if diagnosis.healthy else 1)
