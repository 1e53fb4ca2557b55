"""The picture of a conversation at the top of README.md, drawn of docs/recorded/conversation.json.

docs/record.py plays the demo and writes that file; docs/generate.py draws it: left what a host's model
calls, right what is on the phones meanwhile.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, Final

RECORDED: Final = Path(__file__).parent / "recorded" / "conversation.json"
LEFT_OUT: Final = {"appDevices", "listChats"}
"""Tools of the demo that tell nothing in a picture."""
_WIDTH, _CALLS, _LINE, _PHONE = 920, 560, 19, 580
_LETTERS: Final = 66
"""Of a line of the left side."""
_STYLE: Final = """\
text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}
.t{font:13.5px system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#111b21}
.h{font:600 12px system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#8b949e}
.q{font:12px system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#54656f}
.c{fill:#79c0ff}.a{fill:#7ee787}.n{fill:#c9d1d9}"""

Event = dict[str, Any]


def conversation() -> str:
    """The picture as SVG."""
    return _Picture().drawn(json.loads(RECORDED.read_text(encoding="utf-8")))


class _Picture:
    def __init__(self) -> None:
        self._shapes: list[str] = []
        self._calls = 58.0
        """Where the next line of the left side stands."""
        self._phone = 58.0
        self._asked: Event = {}
        self._last_said = ("", 0.0, 0.0)
        """Text, left end and lower end of the newest bubble."""

    def drawn(self, events: list[Event]) -> str:
        skipped = False
        for event in events:
            if "call" in event:
                # The first look only asks where new messages begin.
                skipped = event["call"] in LEFT_OUT or event["arguments"] == {"timeout": 0}
                self._asked = event
            if not skipped:
                self._draw(event)
        height = round(max(self._calls, self._phone) + 12)
        frame = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
            "<title>A model links WhatsApp, invites Ana, waits for her answer, reacts, replies, and searches</title>",
            f"<style>{_STYLE}</style>",
            f'<rect width="{_WIDTH}" height="{height}" rx="12" fill="#0d1117"/>',
            f'<rect x="{_PHONE}" y="40" width="{_WIDTH - _PHONE - 16}" height="{height - 56}" rx="10" fill="#efeae2"/>',
            '<text class="h" x="20" y="27">What the model calls</text>',
            f'<text class="h" x="{_PHONE}" y="27">The chat with Ana</text>',
        ]
        return "\n".join([*frame, *self._shapes, "</svg>\n"])

    def _draw(self, event: Event) -> None:
        if "call" in event:
            self._calls += 7
            self._lines("→ " + _call(event), "c")
            if event["call"] == "reactMessage":
                self._react(event["arguments"]["emoji"])
        elif "answer" in event:
            self._lines("← " + event["answer"].partition(" (with")[0], "a")
        elif self._asked.get("call") == "searchMessages":
            self._lines(f"  {event['said']}: {event['text']}", "n")
        else:
            self._bubble(event["said"], event["text"])

    def _lines(self, text: str, kind: str) -> None:
        for line in textwrap.wrap(text, _LETTERS, subsequent_indent="    ", drop_whitespace=False):
            self._shapes.append(
                f'<text class="{kind}" x="20" y="{self._calls:g}" xml:space="preserve">{escape(line.rstrip())}</text>'
            )
            self._calls += _LINE

    def _bubble(self, who: str, text: str) -> None:
        lines = textwrap.wrap(text, 34)
        quoted = self._last_said[0] if self._asked["arguments"].get("reply_message_id") else ""
        wide = max(len(line) for line in [*lines, "x" * 26 if quoted else ""]) * 7.1 + 24
        high = len(lines) * 18 + 14 + (30 if quoted else 0)
        left = _WIDTH - 28 - wide if who == "you" else _PHONE + 12
        top = self._phone = max(self._phone, self._calls - _LINE - 16)
        self._box(left, top, wide, high, "#d9fdd3" if who == "you" else "#ffffff")
        if quoted:
            self._box(left + 8, top + 7, wide - 16, 24, "#c5eebf")
            self._shapes.append(f'<text class="q" x="{left + 16:g}" y="{top + 23:g}">{escape(quoted[:27])}…</text>')
        first = top + 19 + (30 if quoted else 0)
        for number, line in enumerate(lines):
            self._shapes.append(f'<text class="t" x="{left + 12:g}" y="{first + 18 * number:g}">{escape(line)}</text>')
        self._phone += high + 14
        self._last_said = (text, left, top + high)

    def _react(self, emoji: str) -> None:
        _, left, lower = self._last_said
        self._box(left + 10, lower - 5, 30, 20, "#ffffff", round_by=10)
        self._shapes.append(f'<text class="q" x="{left + 18:g}" y="{lower + 9:g}">{escape(emoji)}</text>')
        self._phone += 8

    def _box(self, left: float, top: float, wide: float, high: float, colour: str, *, round_by: int = 8) -> None:
        self._shapes.append(
            f'<rect x="{left:g}" y="{top:g}" width="{wide:g}" height="{high:g}" rx="{round_by}" fill="{colour}"/>'
        )


def _call(event: Event) -> str:
    return f"{event['call']}({', '.join(_shown(event['arguments']))})"


def _shown(arguments: dict[str, Any]) -> Iterator[str]:
    """As they were given; identifiers shortened."""
    for name, value in arguments.items():
        text = json.dumps(value, ensure_ascii=False)
        yield f"{name}={text if ' ' in text or len(text) <= 16 else text[:9] + '…' + text[-1]}"
