"""Plays on the simulator what the documentation shows, and writes it to docs/recorded/ (Linux; half a minute).

python docs/record.py                 all of it
python docs/record.py conversation    the demo, of which docs/picture.py makes the picture of README.md
python docs/record.py examples        a call of every tool (docs/example_calls.py) for docs/tools/

Then `python docs/generate.py` makes the pages of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import example_calls
from picture import RECORDED
from rich.console import Console

from whatsapp_mcp.offline.demo import Transcript, play


class _Recorder(Transcript):
    """What is called, answered and said in the demo."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))
        self.events: list[dict[str, Any]] = []

    def call(self, tool: str, arguments: dict[str, Any]) -> None:
        self.events.append({"call": tool, "arguments": arguments})

    def answer(self, text: str) -> None:
        self.events.append({"answer": text})

    def said(self, who: str, text: str) -> None:
        self.events.append({"said": who, "text": text})


async def conversation() -> None:
    recorder = _Recorder()
    await play(recorder)
    _keep(RECORDED, recorder.events)


async def examples() -> None:
    _keep(RECORDED.with_name("examples.json"), dict(sorted((await example_calls.examples()).items())))


def _keep(path: Path, recorded: object) -> None:
    path.write_text(json.dumps(recorded, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


PLAYED: dict[str, Callable[[], Awaitable[None]]] = {"conversation": conversation, "examples": examples}


def main() -> None:
    for name in sys.argv[1:] or PLAYED:
        anyio.run(PLAYED[name])


if __name__ == "__main__":
    main()
