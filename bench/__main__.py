"""``python -m bench [ROW ...] [--json] [--check]``: measure, and compare with the budgets.

A row is a module of this package with ``async def measure() -> list[Row]``; without names all are measured. Everything
is a ratio to a floor of the same run, taken in turn with it, so that a noisy machine is noisy for both. Ends with 1 if
something could not be measured or, with ``--check``, is over its budget.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import signal
import sys
import time
from typing import Final

import click

from bench.program import BenchError
from bench.row import Row, header, line

ROWS: Final = ("start", "tools_list", "calls", "send", "incoming", "large_file", "pause", "memory", "ingest", "search")
LIMIT: Final = 60.0
"""Seconds one module may take."""


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(ROWS), metavar="[ROW]...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array instead of the table.")
@click.option("--check", is_flag=True, help="Exit with 1 when a row is over its budget.")
def main(names: tuple[str, ...], as_json: bool, check: bool) -> None:
    """Measure all rows, or the named ones."""
    if not sys.platform.startswith("linux"):
        raise click.ClickException("the bench needs Linux, as the simulator does")
    try:
        rows, failures = asyncio.run(_measure_all(names or ROWS, as_json=as_json))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
    if as_json:
        click.echo(json.dumps([row.to_json() for row in rows], ensure_ascii=False, indent=2))
    sys.exit(1 if failures or (check and not all(row.ok for row in rows)) else 0)


async def _measure_all(names: tuple[str, ...], *, as_json: bool) -> tuple[list[Row], int]:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    measured: list[Row] = []
    failures = 0
    began = time.monotonic()
    if not as_json:
        print(header(), flush=True)
    for name in names:
        try:
            async with asyncio.timeout(LIMIT):
                rows: list[Row] = await importlib.import_module(f"bench.{name}").measure()
        except TimeoutError:
            failures += 1
            print(f"{name}: could not be measured in {LIMIT:g} s", file=sys.stderr)
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
