"""Twelve everyday tasks as the calls that a model needs for them, and the tokens (o200k) of what it gets to read.

Counted are the texts of the results. Floor of each is what the same task cost before lists were short, measured with
the calls that it needed then (`BEFORE`); of the three lists there is a budget.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
from PIL import Image

from bench.mcp_host import SERVER, Host, environment, hosting
from bench.program import BenchError
from bench.row import Row
from whatsapp_mcp.simulator import HistoryChat, HistoryMessage, Simulator, VirtualContact

__all__ = ["measure"]

Json = dict[str, Any]

BEFORE: Final[dict[str, int]] = {}
"""Tokens of each task and list at commit 7901bf5, in this same world."""

_LISTS: Final = {"50 messages": 2_700, "50 chats": 1_850, "50 contacts": 920}
_RATIO: Final = 0.6
_SAID: Final = (
    *("Shall we take the early train?", "I would rather sleep longer", "Then at ten, at the main station"),
    *("Did you hear from Bruno?", "Not since Tuesday", "He wanted to bring the tent", "Good, ours is broken"),
    *("How much was the cabin?", "84 euros a night for all of us", "That is fine", "I have paid the deposit"),
    *("Who brings the stove?", "I can, but it needs gas", "There is a shop on the way", "Perfect, see you there!"),
)
_SECONDS: Final = 30.0
_TRIES: Final = 5


@dataclass
class _Model:
    """Calls tools, and counts what it reads."""

    host: Host
    count: Callable[[str], int]
    read: int = 0
    calls: int = 0
    used: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Tokens and calls by task."""

    async def call(self, tool: str, **arguments: Any) -> Json:
        text, _ = await self.host.text(tool, arguments)
        self.read += self.count(text)
        self.calls += 1
        body: Json = json.loads(text)
        return body

    async def rows(self, tool: str, **arguments: Any) -> list[Json]:
        results = (await self.call(tool, **arguments))["results"]
        return [{**results.get("common", {}), **row} for row in results["data"]]

    async def task(self, name: str, play: Callable[[_Model], Awaitable[None]]) -> None:
        self.read = self.calls = 0
        await play(self)
        self.used[name] = self.read, self.calls


async def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        async with Simulator() as simulator:
            simulator.write_endpoint(home / "endpoint.json")
            settings = {"WHATSAPP_MCP_SIDE_LOGIN_DISTANCE": "0", "WHATSAPP_MCP_TIMEZONE": "UTC"}
            async with hosting(SERVER, environment(home, home / "endpoint.json", **settings)) as host:
                await simulator.phone.scan(await _qr_code(host))
                await _people_talk(simulator, host)
                model = _Model(host, _counter())
                for name, play in (*_TASKS.items(), *_PAGES.items()):
                    await model.task(name, play)
    return [_row(name, *used) for name, used in model.used.items()]


def _row(name: str, tokens: int, calls: int) -> Row:
    budget = _LISTS.get(name)
    return Row(
        name, tokens, "tokens", BEFORE.get(name), at_most=budget, note=f"{calls} call{'' if calls == 1 else 's'}"
    )


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


# ---- the world -------------------------------------------------------------------------------------------------------


async def _people_talk(simulator: Simulator, host: Host) -> None:
    """60 saved people with a chat each, 60 messages with Ana, a group with a poll, a document."""
    ana = await simulator.add_contact("Ana Souza", saved=True)
    bruno = await simulator.add_contact("Bruno Lima", saved=True)
    others = [await simulator.add_contact(f"{first} {last}", saved=True) for first in _FIRST for last in _LAST]
    talk = [HistoryMessage(_SAID[n % len(_SAID)], author=None if n % 3 == 1 else ana) for n in range(60)]
    talk[40].reply_to, talk[30].reactions = talk[39], ((None, "👍"),)
    chats = [HistoryChat(ana, talk)]
    chats += [HistoryChat(one, [HistoryMessage(_SAID[n % len(_SAID)], author=one)]) for n, one in enumerate(others)]
    simulator.phone.share_history(chats)
    await simulator.add_group("Weekend trip", [ana, bruno, *others[:6]], owner=simulator.phone)
    group = simulator.group("Weekend trip")
    poll = bruno.send_poll("Which weekend?", ["The 5th", "The 12th", "The 19th"], to=group)
    ana.vote(poll, ["The 12th"])
    ana.send_document(b"%PDF-1.4 the contract", name="Cabin contract.pdf", mimetype="application/pdf")
    bruno.say("We agreed to meet on Friday at eight, at the main station")
    last = ana.say("Can you send me the address of the cabin?")
    with anyio.fail_after(_SECONDS):
        while True:
            if await _has(host, ana, last.id):
                return
            await anyio.sleep(0.05)


_FIRST: Final = ("Carla", "David", "Elena", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Katja", "Liam")
_LAST: Final = ("Berg", "Costa", "Diaz", "Evans", "Fischer", "Garcia")


async def _has(host: Host, ana: VirtualContact, message_id: str) -> bool:
    chats = (await host.call("listChats", {"limit": 100})).results["data"]
    text, _ = await host.text("searchMessages", {"query": "address"})
    return len(chats) > 60 and message_id in text and ana.number in text


# ---- the tasks -------------------------------------------------------------------------------------------------------


async def _unread(model: _Model) -> None:
    await model.call("checkInbox")


async def _what_did_ana_say_about_the_cabin(model: _Model) -> None:
    await model.call("searchMessages", query="cabin", sender="Ana Souza")


async def _reply_to_ana(model: _Model) -> None:
    asked = (await model.rows("searchMessages", query="address", sender="Ana Souza"))[0]
    await model.call(
        "sendMessage", phone=asked["chat_jid"], message="Lake road 5", reply_message_id=asked["message_id"]
    )


async def _send_a_photo_to_the_group(model: _Model) -> None:
    data = io.BytesIO()
    Image.new("RGB", (64, 48), "green").save(data, "PNG")
    picture = f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"
    await model.call("sendImage", phone="Weekend trip", image=picture, caption="The lake")


async def _open_the_pdf_of_ana(model: _Model) -> None:
    found = (await model.rows("searchMessages", kind="document", sender="Ana Souza"))[0]
    await model.call("downloadMessageMedia", message_id=found["message_id"], phone=found["chat_jid"])


async def _who_has_not_voted(model: _Model) -> None:
    poll = (await model.rows("searchMessages", kind="poll"))[0]
    await model.call("getMessageStatus", message_id=poll["message_id"], phone=poll["chat_jid"])


async def _forward_to_bruno(model: _Model) -> None:
    found = (await model.rows("searchMessages", query="contract.pdf", kind="document"))[0]
    await model.call("forwardMessage", message_id=found["message_id"], phone="Bruno Lima")


async def _mark_all_read(model: _Model) -> None:
    rows = await model.rows("checkInbox")
    await model.call("markChatRead", chat_jid=list({row["chat_jid"]: None for row in _with_chats(rows)}), read=True)


def _with_chats(rows: list[Json]) -> list[Json]:
    return [row for row in rows if "chat_jid" in row]


async def _who_is_in_the_group(model: _Model) -> None:
    await model.call("groupInfo", group_id="Weekend trip")


async def _make_a_group(model: _Model) -> None:
    await model.call("createGroup", title="Cabin", participants=["Ana Souza", "Bruno Lima"])


async def _when_do_we_meet(model: _Model) -> None:
    found = (await model.rows("searchMessages", query="agreed meet"))[0]
    await model.call("getMessageContext", chat_jid=found["chat_jid"], message_id=found["message_id"])


async def _catch_me_up(model: _Model) -> None:
    await model.call("catchUp")


_TASKS: Final[dict[str, Callable[[_Model], Awaitable[None]]]] = {
    "what is unread": _unread,
    "what did Ana say about the cabin": _what_did_ana_say_about_the_cabin,
    "reply to Ana": _reply_to_ana,
    "send a photo to the group": _send_a_photo_to_the_group,
    "open the PDF that Ana sent": _open_the_pdf_of_ana,
    "who has not voted": _who_has_not_voted,
    "forward the PDF to Bruno": _forward_to_bruno,
    "who is in the group": _who_is_in_the_group,
    "make a group": _make_a_group,
    "when did we agree to meet": _when_do_we_meet,
    "catch me up": _catch_me_up,
    "mark all as read": _mark_all_read,
}


async def _messages(model: _Model) -> None:
    await model.call("getChatMessages", chat_jid="Ana Souza")


async def _chats(model: _Model) -> None:
    await model.call("listChats", limit=50)


async def _contacts(model: _Model) -> None:
    body = await model.call("userMyContacts")
    body["results"]["data"] = body["results"]["data"][:50]  # it takes no limit
    model.read = model.count(json.dumps(body, ensure_ascii=False, separators=(",", ":")))


_PAGES: Final[dict[str, Callable[[_Model], Awaitable[None]]]] = {
    "50 messages": _messages,
    "50 chats": _chats,
    "50 contacts": _contacts,
}
