"""``python -m bench [ROW ...] [--json] [--check]``: measure, and compare with the budgets.

A row is a module of this package with ``async def measure() -> list[Row]``; without names all are measured, but
those of ``LONG``. Everything is a ratio to a floor of the same run, taken in turn with it, so that a noisy machine is
noisy for both. Ends with 1 if something could not be measured or, with ``--check``, is over its budget.

The rows of ``SCALED`` are of any size, and their ``measure`` takes a ``Scale``: ``--messages 1000000`` for a million
messages, ``--keep FOLDER`` to have the store made once for several runs, ``--webhooks 20 --file-mib 50`` to try the
others small.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any, Final

import click

from bench.program import BenchError
from bench.row import Row, header, line
from bench.stores import DEFAULT, Scale

SCALED: Final = ("search", "recall", "search_postgres", "peers", "history", "webhooks", "download", "download_s3")
ROWS: Final = (
    *("start", "second_server", "tools_list", "calls", "send", "incoming", "large_file", "pause", "memory", "idle"),
    "agent",
    "audit",
    "ingest",
    "big_rows",
    "policy",
    *("search", "recall"),
)
"""Measured by default."""
LONG: Final = ("sustained", "search_postgres", "peers", "history", "webhooks", "download", "download_s3")
"""Only when they are named."""
LIMIT: Final = 180.0
"""Seconds one module may take that has no ``TIMEOUT`` of its own."""
LIMIT_PER_MESSAGE: Final = 0.001
"""Seconds more for every message of a scaled one, for each peer."""


def _peer(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, Path], ...]:
    peers = []
    for value in values:
        name, separator, path = value.partition("=")
        if not separator or not Path(path).is_dir():
            raise click.BadParameter(f"{value}: write NAME=FOLDER, the folder a checkout of that peer")
        peers.append((name, Path(path).resolve()))
    return tuple(peers)


@click.command()
@click.argument("names", nargs=-1, type=click.Choice((*ROWS, *LONG)), metavar="[ROW]...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array instead of the table.")
@click.option("--check", is_flag=True, help="Exit with 1 when a row is over its budget.")
@click.option("--messages", default=DEFAULT, show_default=True, help=f"Size of the store of {', '.join(SCALED)}.")
@click.option("--webhooks", default=Scale().webhooks, show_default=True, help="Webhooks of the row of that name.")
@click.option("--file-mib", default=Scale().file_mib, show_default=True, help="Size of the file of download.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Keep such stores here, for other runs.")
@click.option("--peer", "peers", multiple=True, callback=_peer, help="NAME=FOLDER of a peer's checkout, for peers.")
def main(
    names: tuple[str, ...],
    as_json: bool,
    check: bool,
    messages: int,
    keep: Path | None,
    peers: tuple[tuple[str, Path], ...],
    webhooks: int,
    file_mib: int,
) -> None:
    """Measure all rows, or the named ones."""
    if not sys.platform.startswith("linux"):
        raise click.ClickException("the bench needs Linux, as the simulator does")
    scale = Scale(messages, keep.resolve() if keep else None, peers, webhooks, file_mib)
    try:
        rows, failures = asyncio.run(_measure_all(names or ROWS, scale, as_json=as_json))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
    if as_json:
        click.echo(json.dumps([row.to_json() for row in rows], ensure_ascii=False, indent=2))
    sys.exit(1 if failures or (check and not all(row.ok for row in rows)) else 0)


async def _measure_all(names: tuple[str, ...], scale: Scale, *, as_json: bool) -> tuple[list[Row], int]:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    measured: list[Row] = []
    failures = 0
    began = time.monotonic()
    if not as_json:
        print(header(), flush=True)
    for name in names:
        scaled = (scale,) if name in SCALED else ()
        module: Any = importlib.import_module(f"bench.{name}")
        limit = getattr(module, "TIMEOUT", LIMIT)
        limit += LIMIT_PER_MESSAGE * scale.messages * max(1, len(scale.peers)) if scaled else 0
        try:
            async with asyncio.timeout(limit):
                rows: list[Row] = await module.measure(*scaled)
        except TimeoutError:
            failures += 1
            print(f"{name}: could not be measured in {limit:g} s", file=sys.stderr)
            continue
        except (BenchError, OSError, LookupError) as error:
            failures += 1
            print(f"{name}: could not be measured: {error}", file=sys.stderr)
            continue
        measured += rows
        if not as_json:
            print("\n".join(map(line, rows)), flush=True)
    if not as_json:
        print(f"in {time.monotonic() - began:.0f} s")
    return measured, failures


if __name__ == "__main__":
    main()
