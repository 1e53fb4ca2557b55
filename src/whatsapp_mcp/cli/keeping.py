"""The commands that keep what an account has: backup, restore, vacuum."""

from __future__ import annotations

from pathlib import Path

import click

from whatsapp_mcp.cli.options import json_option, place_options, settings_of
from whatsapp_mcp.cli.saying import done, say


@click.command()
@click.argument("target", type=click.Path(path_type=Path), metavar="FILE")
@place_options
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@json_option
def backup(target: Path, data_dir: Path | None, account: str | None, force: bool, as_json: bool) -> None:
    """Write messages, policy and webhooks of the account to a file, or into a folder; servers may run meanwhile.

    The messages are those of one moment. Whoever has the file can read them, and it holds the secrets that sign
    webhooks: it is made for its owner alone. The link to WhatsApp is not in it, nor are media, which are files.
    """
    from whatsapp_mcp.cli import showing
    from whatsapp_mcp.cli.progress import waits_shown
    from whatsapp_mcp.offline.backup import back_up
    from whatsapp_mcp.platform.signals import exit_when_terminated

    exit_when_terminated()  # so that no half of it stays behind
    with waits_shown():
        path = back_up(settings_of(data_dir, account), target, replace=force)
    size = path.stat().st_size
    done(f"{path} ({showing.size(size)})", {"file": str(path), "bytes": size}, as_json=as_json)


@click.command()
@click.argument("source", type=click.Path(path_type=Path), metavar="FILE")
@place_options
@json_option
def restore(source: Path, data_dir: Path | None, account: str | None, as_json: bool) -> None:
    """Put back what `backup` wrote; no server may run. What was there is kept beside it under another name.

    The account is then as it was when it was backed up, messages, policy and webhooks, but linked as it is now.
    """
    from whatsapp_mcp.cli.progress import waits_shown
    from whatsapp_mcp.offline.restore import restore as put_back
    from whatsapp_mcp.platform.signals import exit_when_terminated

    exit_when_terminated()
    with waits_shown():
        restored = put_back(settings_of(data_dir, account), source)
    made = restored.about.made
    results = {
        "made": made.isoformat(),
        "files": list(restored.files),
        "kept_beside": [str(path) for path in restored.aside],
        "linked": restored.linked,
    }
    done(f"Restored, as of {made:%Y-%m-%d %H:%M} UTC: {', '.join(restored.files)}", results, as_json=as_json)
    for path in restored.aside:
        say(f"What was there is in {path}; delete it when all is well.", err=True)
    if not restored.linked:
        say("No account is linked: `whatsapp-mcp login` links it, and the messages are kept.", err=True)


@click.command()
@place_options
@json_option
def vacuum(data_dir: Path | None, account: str | None, as_json: bool) -> None:
    """Make the file of the messages as small as it can be, after much was removed; servers may run meanwhile.

    While they do, the session process does it; it is not connected to WhatsApp for that time, some ten seconds for a
    million messages. Twice the size of the file has to be free on the disk.
    """
    from whatsapp_mcp.cli.progress import waits_shown
    from whatsapp_mcp.offline.reindex import run_vacuum

    with waits_shown():
        written = run_vacuum(settings_of(data_dir, account), lambda text: say(text, err=True))
    done(
        f"{written.before / 1e6:.1f} MB, now {written.after / 1e6:.1f} MB, in {written.seconds:.1f} s",
        {"bytes_before": written.before, "bytes": written.after, "seconds": round(written.seconds, 3)},
        as_json=as_json,
    )
