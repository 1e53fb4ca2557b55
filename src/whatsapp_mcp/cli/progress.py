"""Progress of what takes more than a second, on standard error where a person looks at it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

AFTER: Final = 1.0
"""Seconds: what is done by then shows nothing."""
_BETWEEN: Final = 0.1
"""Seconds between two updates."""
_LOOK: Final = 0.2
"""Seconds between two looks at what is waited for."""
_WIDE: Final = 90
"""Columns for a bar and all that is told of it."""
_BARE: Final = 64
"""Columns for a bar and a share."""
_STOP: Final = 2.0
"""Seconds for the last of them to end."""
_QUIET: Final = threading.Event()
"""Set while a person is asked something: nothing is drawn over the question."""


@contextmanager
def waits_shown() -> Iterator[None]:
    """What is waited for inside (`whatsapp_mcp.waiting`) is shown when it takes long."""
    from whatsapp_mcp.waiting import noted

    done = threading.Event()
    with noted() as waits, Bar() as bar:

        def follow() -> None:
            while not done.wait(_LOOK):
                if (wait := waits.now) is not None:
                    unit = wait.unit or ("B" if wait.total not in (0.0, 1.0) else "")
                    bar.show(wait.what, wait.so_far(), wait.total, unit=unit)

        following = threading.Thread(target=follow, daemon=True, name="progress")
        following.start()
        try:
            yield
        finally:
            done.set()
            following.join(_STOP)


@contextmanager
def nothing_drawn() -> Iterator[None]:
    """While a person reads a question and answers."""
    _QUIET.set()
    try:
        yield
    finally:
        _QUIET.clear()


class Bar:
    """Nothing at first; after a second a bar with rate and time left where it is known how much there is to do, and
    what is being done where not. Gone when it is left.
    """

    def __init__(self, *, after: float = AFTER) -> None:
        self._begin = time.monotonic() + after
        self._next = self._begin
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._narrow = False
        self._what = ""
        self._since = (0.0, 0.0)

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def _hide(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = self._task = None

    def show(self, what: str, done: float = 0.0, total: float = 0.0, *, unit: str = "") -> None:
        """``total``: 0 when nobody knows; ``unit``: ``B`` for bytes, a word for things that are counted."""
        now = time.monotonic()
        if _QUIET.is_set():
            self._hide()
            return
        if what != self._what:
            self._what, self._since, self._next = what, (now, done), max(self._begin, self._next)
        if now < self._next:
            return
        self._next = now + _BETWEEN
        if self._progress is None:
            started = _started()
            if started is None:
                self._next = float("inf")
                return
            self._progress, self._narrow = started
        tell = told_shortly if self._narrow else told
        facts = tell(done, total, unit, now - self._since[0], done - self._since[1])
        if self._task is None:
            self._task = self._progress.add_task(what, total=None, told="")
        self._progress.update(self._task, description=what, total=total or None, completed=done, told=facts)


def told(done: float, total: float, unit: str, seconds: float, since: float) -> str:
    """`12.0 of 40.0 MB, 3.1 MB/s, 9 s left`."""
    rate = since / seconds if seconds > 0 else 0.0
    parts = []
    if total == 1.0 and not unit:
        parts.append(f"{min(done, total):.0%}".replace("%", " %"))
    elif not total and not unit:
        parts.append(_time(seconds))
    else:
        parts.append(f"{_amount(done, unit)} of {_amount(total, unit)}" if total else _amount(done, unit))
        if rate > 0:
            parts.append(f"{_amount(rate, unit)}/s")
    if total and rate > 0 and done < total:
        parts.append(f"{_time((total - done) / rate)} left")
    return ", ".join(parts)


def told_shortly(done: float, total: float, unit: str, seconds: float, since: float) -> str:
    """`30 %, 9 s left`: of what there is to do; of other things as much as fits all the same."""
    if not total:
        return told(done, total, unit, seconds, since)
    return told(done / total, 1.0, "", seconds, since / total)


def _amount(number: float, unit: str) -> str:
    if unit != "B":
        return f"{number:,.0f}"
    return f"{number / 1e6:.1f} MB" if number >= 1e5 else f"{number / 1e3:.0f} kB"


def _time(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 90 else f"{whole // 60} min {whole % 60} s"


def _started() -> tuple[Progress, bool] | None:
    """And whether there is little room."""
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    from whatsapp_mcp.cli.showing import console_on

    console = console_on(sys.stderr)
    if console.is_dumb_terminal:
        return None
    columns = [
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        *([] if console.width < _BARE else [BarColumn(bar_width=20)]),
        TextColumn("{task.fields[told]}", markup=False),
    ]
    progress = Progress(*columns, console=console, transient=True)
    progress.start()
    return progress, console.width < _WIDE
