"""The code of a login at a terminal: drawn in its place again when it changes."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import click

from whatsapp_mcp.cli import showing
from whatsapp_mcp.qr_picture import qr_lines

if TYPE_CHECKING:
    from rich.live import Live

_ABOVE: Final = 2
"""Lines above the code, and one below."""


class CodeScreen:
    """Use as a context; what it shows is gone when it is left."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = showing.out()
        self._in_place = self._console.is_terminal and not self._console.is_dumb_terminal and not as_json
        self._live: Live | None = None
        self._last: object = None

    def __enter__(self) -> CodeScreen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, results: dict[str, Any], where: str) -> None:
        """``results`` of appLogin or appLoginWithCode; what is shown already is not shown again."""
        code = results.get("pair_code") or results["qr_text"]
        if code == self._last:
            return
        self._last = code
        if self._as_json:
            showing.print_json_line(results)
        elif "pair_code" in results:
            self._draw([f"{where}, and type:", "", f"    {code}"])
        else:
            self._draw(self._qr(results, where))

    def say(self, text: str) -> None:
        """In place of the code."""
        if not self._as_json:
            self._draw([text])

    def _qr(self, results: dict[str, Any], where: str) -> list[str]:
        lines = qr_lines(results["qr_text"], self._console.encoding)
        if len(lines[0]) > self._console.width:
            return [
                f"The code needs {len(lines[0])} columns, and this terminal has {self._console.width}. Make it wider,",
                "or scan the picture of it, which changes with it:",
                showing.shown(results["qr_link"]),
                "or link with `whatsapp-mcp login --phone NUMBER`.",
            ]
        return [f"{where}, and scan this code:", "", *lines]

    def _draw(self, lines: list[str]) -> None:
        from rich.live import Live
        from rich.text import Text

        colours = "bright_white on black" if not self._console.no_color else ""
        drawn = Text("\n").join(Text(line, colours if line[:1] in "█▀▄ " and len(line) > 40 else "") for line in lines)
        # What is higher than the terminal cannot be drawn over: it has scrolled away.
        if not self._in_place or len(lines) + 1 > self._console.height:
            click.echo("\n".join(lines))
            sys.stdout.flush()
            return
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(drawn, refresh=True)
