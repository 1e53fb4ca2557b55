"""Twelve everyday tasks (`everyday`) and three lists, and the tokens (o200k) of what a model gets to read for them.

Counted are the texts of the results. Floor of each is what the same task cost before lists were short, measured with
the calls that it needed then (`BEFORE`). Each has a budget of tokens and of calls.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.everyday import TASKS, Player, Task, people_talk
from bench.generate import fill
from bench.mcp_host import SERVER, Host, environment, hosting
from bench.program import BenchError
from bench.row import Row, median
from whatsapp_mcp.jid import GROUP
from whatsapp_mcp.simulator import Simulator

__all__ = ["measure"]

Json = dict[str, Any]

BEFORE: Final[dict[str, int]] = {
    "what is unread": 300,
    "mark all as read": 384,
    "what did Ana say about the cabin": 411,
    "reply to Ana": 280,
    "send a photo to the group": 102,
    "open the PDF that Ana sent": 398,
    "who has not voted": 762,
    "forward the PDF to Bruno": 367,
    "who is in the group": 482,
    "make a group": 26,
    "when did we agree to meet": 585,
    "catch me up": 10_752,
    "50 messages": 6_493,
    "50 chats": 4_898,
    "50 contacts": 1_636,
}
"""Tokens of each task and list at commit 7901bf5, in this same world: there, to catch up is to read five chats, to mark
all as read a call for each."""

_TRIES: Final = 5
_MANY: Final = 20_000
"""Messages of the store with many languages."""
_PAGE: Final = 50
_BESIDE: Final = {"with one person": 46, "in a group": 54}


@dataclass
class _Model:
    """Counts what it reads."""

    host: Host
    count: Callable[[str], int]
    read: int = 0
    calls: int = 0
    used: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Tokens and calls by task."""

    async def ask(self, tool: str, arguments: Json) -> Json:
        text, _ = await self.host.text(tool, arguments)
        self.read += self.count(text)
        self.calls += 1
        body: Json = json.loads(text)
        return body

    async def play(self, name: str, task: Task) -> None:
        self.read = self.calls = 0
        try:
            await task.play(Player(self.ask))
        except (BenchError, LookupError, TypeError) as error:
            raise BenchError(f"{name}: {error!r}") from error
        self.used[name] = self.read, self.calls


async def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        async with Simulator() as simulator:
            simulator.write_endpoint(home / "endpoint.json")
            settings = {"WHATSAPP_MCP_SIDE_LOGIN_DISTANCE": "0", "WHATSAPP_MCP_TIMEZONE": "UTC"}
            async with hosting(SERVER, environment(home, home / "endpoint.json", **settings)) as host:
                await simulator.phone.scan(await _qr_code(host))
                model = _Model(host, _counter())
                await people_talk(simulator, Player(model.ask))
                for name, task in (TASKS | _lists(model)).items():
                    await model.play(name, task)
    rows = [row for name, task in (TASKS | _lists(model)).items() for row in _rows(name, task, *model.used[name])]
    return rows + await _beside_the_text()


async def _beside_the_text() -> list[Row]:
    """What a message costs besides its text, in chats of many languages and scripts: ours, whatever people write."""
    count = _counter()
    costs: dict[str, list[float]] = {"with one person": [], "in a group": []}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        await fill(home / "data" / "default" / "messages.db", _MANY)
        settings = {"WHATSAPP_MCP_TIMEZONE": "UTC", "WHATSAPP_MCP_RESULT_BUDGET": "60000"}
        async with hosting(SERVER, environment(home, None, **settings)) as host:
            for chat in (await host.call("listChats", {"limit": 60})).results["data"]:
                text, _ = await host.text("getChatMessages", {"chat_jid": chat["chat_jid"], "limit": _PAGE})
                rows = json.loads(text)["results"]["data"]
                if len(rows) == _PAGE:
                    said = sum(count(row.get("content", "")) for row in rows)
                    where = "in a group" if chat["chat_jid"].endswith(GROUP) else "with one person"
                    costs[where].append((count(text) - said) / _PAGE)
    return [
        Row(f"a message {where}, beside its text", median(values), "tokens", at_most=_BESIDE[where])
        for where, values in costs.items()
    ]


def _rows(name: str, task: Task, tokens: int, calls: int) -> list[Row]:
    note = f"{calls} call{'' if calls == 1 else 's'}"
    row = Row(name, tokens, "tokens", BEFORE.get(name), at_most=task.tokens, note=note)
    over = [Row(f"{name}: calls", calls, "calls", at_most=task.calls)] if calls > task.calls else []
    return [row, *over]


def _counter() -> Callable[[str], int]:
    try:
        from bpe_openai import get_encoding
    except ImportError:
        raise BenchError("tokens are counted by bpe-openai: pip install 'bpe-openai>=0.1'") from None
    encoding = get_encoding("o200k_base")
    return lambda text: len(encoding.encode(text))


async def _qr_code(host: Host) -> str:
    for _ in range(_TRIES):
        with contextlib.suppress(BenchError):  # a busy machine is slow to begin
            return str((await host.call("appLogin")).results["qr_text"])
    raise BenchError("WhatsApp sent no code to link with")


def _lists(model: _Model) -> dict[str, Task]:
    async def messages(player: Player) -> None:
        await player.call("getChatMessages", chat_jid="Ana Souza")

    async def chats(player: Player) -> None:
        await player.call("listChats", limit=50)

    async def contacts(player: Player) -> None:
        body = await player.call("userMyContacts")
        body["results"]["data"] = body["results"]["data"][:50]  # it takes no limit
        model.read = model.count(json.dumps(body, ensure_ascii=False, separators=(",", ":")))

    return {
        "50 messages": Task(messages, 1, 2_700),
        "50 chats": Task(chats, 1, 1_850),
        "50 contacts": Task(contacts, 1, 920),
    }
