"""The code of a login at a terminal: drawn in its place again when it changes, or the terminal gets another size."""

from __future__ import annotations

import shutil
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from whatsapp_mcp.cli import showing
from whatsapp_mcp.cli.saying import fitted, print_json_line
from whatsapp_mcp.qr_picture import qr_lines

if TYPE_CHECKING:
    from rich.live import Live


class CodeScreen:
    """Use as a context; what it shows is gone when it is left."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = showing.out()
        self._in_place = self._console.is_terminal and not self._console.is_dumb_terminal and not as_json
        self._live: Live | None = None
        self._shown: tuple[dict[str, Any], str] | None = None
        self._size = shutil.get_terminal_size()

    def __enter__(self) -> CodeScreen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._clear()

    def show(self, results: dict[str, Any], where: str) -> None:
        """``results`` of appLogin or appLoginWithCode; what is shown already is not shown again."""
        if self._shown is not None and _code(self._shown[0]) == _code(results):
            return
        self._shown = (results, where)
        if self._as_json:
            print_json_line(results)
        else:
            self._draw(self._lines(results, where))

    def look_at_size(self) -> None:
        """Draw it anew if the terminal has become wider, say."""
        size = shutil.get_terminal_size()
        if size == self._size or not self._in_place or self._shown is None:
            return
        self._clear()
        self._size, self._console = size, showing.out()
        self._draw(self._lines(*self._shown))

    def say(self, text: str) -> None:
        """In place of the code."""
        self._shown = None
        if not self._as_json:
            self._draw([text])

    def _lines(self, results: dict[str, Any], where: str) -> list[str]:
        if "pair_code" in results:
            return [*fitted(f"{where}, and type:", sys.stdout), "", f"    {results['pair_code']}"]
        above = [*fitted(f"{where}, and scan this code:", sys.stdout), ""]
        code = qr_lines(results["qr_text"], self._console.encoding)
        width, height = len(code[0]), len(above) + len(code) + 1
        console = self._console
        if not console.is_terminal or (width <= console.width and height <= console.height):
            return [*above, *code]
        said = (
            f"The QR code needs {width} columns and {height} lines, and this terminal has {console.width} and "
            f"{console.height}.",
            "- Make it larger, or its letters smaller: the code is drawn then.",
            f"- Or open this picture of it, which changes with it: {showing.shown(results['qr_link'])}",
            "- Or end this with Ctrl-C and type a code on the phone: `whatsapp-mcp login --phone NUMBER`",
        )
        return [piece for line in said for piece in fitted(line, sys.stdout)]

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

    def _clear(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def _code(results: dict[str, Any]) -> str:
    code: str = results.get("pair_code") or results["qr_text"]
    return code
