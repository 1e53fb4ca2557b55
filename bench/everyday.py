"""Twelve everyday tasks as the calls that a model needs for them, and the small world in which they are played.

Each task looks for what it needs in what it is answered, and raises `BenchError` where that is missing: an id to reply
with, a path to open, a name. Who plays is given: `python -m bench agent` counts tokens, tests see half of each result.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import anyio
from PIL import Image

from bench.program import BenchError
from whatsapp_mcp.simulator import HistoryChat, HistoryMessage, Simulator

__all__ = ["TASKS", "Player", "Task", "people_talk"]

Json = dict[str, Any]

_ASKED: Final = "Can you send me the address of the cabin?"
_AGREED: Final = "We agreed to meet on Friday at eight, at the main station"
_GROUP: Final = "Weekend trip"
_IN_THE_GROUP: Final = 6
"""People beside Ana, Bruno and the owner."""
_PDF: Final = b"%PDF-1.4 the contract"
_SAID: Final = (
    *("Shall we take the early train?", "I would rather sleep longer", "Then at ten, at the main station"),
    *("Did you hear from Bruno?", "Not since Tuesday", "He wanted to bring the tent", "Good, ours is broken"),
    *("How much was the cabin?", "84 euros a night for all of us", "That is fine", "I have paid the deposit"),
    *("Who brings the stove?", "I can, but it needs gas", "There is a shop on the way", "Perfect, see you there!"),
)
_FIRST: Final = ("Carla", "David", "Elena", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Katja", "Liam")
_LAST: Final = ("Berg", "Costa", "Diaz", "Evans", "Fischer", "Garcia")
PEOPLE: Final = tuple(f"{first} {last}" for first in _FIRST for last in _LAST)
"""Who has a chat each, beside Ana and Bruno."""
_SECONDS: Final = 120.0


@dataclass
class Player:
    """Calls tools, and reads what the host shows of their results."""

    ask: Callable[[str, Json], Awaitable[Json]]
    """Tool and arguments; answers the body, of a call that worked."""

    async def call(self, tool: str, **arguments: Any) -> Json:
        return await self.ask(tool, arguments)

    async def rows(self, tool: str, **arguments: Any) -> list[Json]:
        """Each with what stands once for all of them."""
        results = (await self.call(tool, **arguments))["results"]
        jids = {one["name"]: one["chat_jid"] for one in results.get("chats", ())}
        rows = [{**results.get("common", {}), **row} for row in results["data"]]
        return [{"chat_jid": jids[row["chat_name"]], **row} if row.get("chat_name") in jids else row for row in rows]


@dataclass(frozen=True)
class Task:
    play: Callable[[Player], Awaitable[None]]
    calls: int
    """At most."""
    tokens: int
    """At most, of all answers (o200k), in the world of `people_talk` with all people."""


def _needs(found: object, what: str) -> None:
    if not found:
        raise BenchError(f"a result lacks what its task needs: {what}")


# ---- the world -------------------------------------------------------------------------------------------------------


async def people_talk(simulator: Simulator, player: Player, people: int = len(PEOPLE)) -> None:
    """Ana and Bruno, and so many people with a chat each; 60 messages with Ana, a group with a poll, a document."""
    ana = await simulator.add_contact("Ana Souza", saved=True)
    bruno = await simulator.add_contact("Bruno Lima", saved=True)
    others = [await simulator.add_contact(name, saved=True) for name in PEOPLE[:people]]
    talk = [HistoryMessage(_SAID[n % len(_SAID)], author=None if n % 3 == 1 else ana) for n in range(60)]
    talk[40].reply_to, talk[30].reactions = talk[39], ((None, "👍"),)
    chats = [HistoryChat(ana, talk)]
    chats += [HistoryChat(one, [HistoryMessage(_SAID[n % len(_SAID)], author=one)]) for n, one in enumerate(others)]
    simulator.phone.share_history(chats)
    await simulator.add_group(_GROUP, [ana, bruno, *others[:_IN_THE_GROUP]], owner=simulator.phone)
    group = simulator.group(_GROUP)
    poll = bruno.send_poll("Which weekend?", ["The 5th", "The 12th", "The 19th"], to=group)
    bruno.vote(poll, ["The 12th"])
    ana.send_document(_PDF, name="Cabin contract.pdf", mimetype="application/pdf")
    bruno.say(_AGREED)
    last = ana.say(_ASKED)
    with anyio.fail_after(_SECONDS):
        while True:
            if await _arrived(player, people, last.id):
                return
            await anyio.sleep(0.1)


async def _arrived(player: Player, people: int, last: str) -> bool:
    """The chats of all people, and the last message."""
    found = await player.rows("searchMessages", query="address")
    return last in [row["message_id"] for row in found] and len(await player.rows("listChats", limit=100)) > people


# ---- the tasks -------------------------------------------------------------------------------------------------------


async def _unread(player: Player) -> None:
    rows = await player.rows("checkInbox")
    by_text = {row.get("content"): row for row in rows}
    _needs(by_text.get(_ASKED, {}).get("sender_name") == "Ana Souza", "who asked for the address")
    _needs(by_text.get("Which weekend?", {}).get("chat_name") == _GROUP, "in which chat the poll is")
    _needs(any(row.get("filename") == "Cabin contract.pdf" for row in rows), "that a document came")
    _needs(all(row.get("message_id") and row.get("chat_jid") for row in rows), "what to answer, and where")


async def _mark_all_read(player: Player) -> None:
    rows = await player.rows("checkInbox")
    chats = list(dict.fromkeys(row["chat_jid"] for row in rows))
    answer = await player.call("markChatRead", chat_jid=chats, read=True)
    _needs(str(len(chats)) in answer["message"] and "failed" not in answer, "that all chats are read")


async def _what_did_ana_say_about_the_cabin(player: Player) -> None:
    rows = await player.rows("searchMessages", query="cabin", sender="Ana Souza")
    _needs([row["content"] for row in rows if row.get("content") == _ASKED], "what she said")
    _needs(all(row["sender_name"] == "Ana Souza" and row["timestamp"] for row in rows), "that it was her, and when")


async def _reply_to_ana(player: Player) -> None:
    asked = (await player.rows("searchMessages", query="address", sender="Ana Souza"))[0]
    sent = await player.call(
        "sendMessage", phone=asked["chat_jid"], message="Lake road 5", reply_message_id=asked["message_id"]
    )
    _needs(_sent_to(sent) == "Ana Souza", "to whom it went, and its id")


async def _send_a_photo_to_the_group(player: Player) -> None:
    data = io.BytesIO()
    Image.new("RGB", (64, 48), "green").save(data, "PNG")
    picture = f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"
    sent = await player.call("sendImage", phone=_GROUP, image=picture, caption="The lake")
    _needs(_sent_to(sent) == _GROUP, "to which group it went, and its id")


async def _open_the_pdf_of_ana(player: Player) -> None:
    found = (await player.rows("searchMessages", kind="document", sender="Ana Souza"))[0]
    got = await player.call("downloadMessageMedia", message_id=found["message_id"], phone=found["chat_jid"])
    _needs(await anyio.Path(got["results"]["file_path"]).read_bytes() == _PDF, "where the file is")


async def _who_has_not_voted(player: Player) -> None:
    poll = (await player.rows("searchMessages", kind="poll"))[0]
    told = await player.call("getMessageStatus", message_id=poll["message_id"], phone=poll["chat_jid"])
    missing = {one["name"] for one in told["results"]["poll"]["not_voted"]}
    _needs({"Ana Souza", *PEOPLE[:_IN_THE_GROUP]} <= missing and "Bruno Lima" not in missing, "who has not voted")


async def _forward_to_bruno(player: Player) -> None:
    found = (await player.rows("searchMessages", query="contract.pdf", kind="document"))[0]
    sent = await player.call("forwardMessage", message_id=found["message_id"], phone="Bruno Lima")
    _needs(_sent_to(sent) == "Bruno Lima", "to whom it went, and its id")


async def _who_is_in_the_group(player: Player) -> None:
    told = (await player.call("groupInfo", group_id=_GROUP))["results"]
    people = {one["name"]: one for one in told["participants"]}
    _needs({"Ana Souza", "Bruno Lima", *PEOPLE[:_IN_THE_GROUP]} <= people.keys(), "who is there")
    _needs([name for name, one in people.items() if one.get("is_admin")] == [told["owner_name"]], "who is its admin")


async def _make_a_group(player: Player) -> None:
    made = await player.call("createGroup", title="Cabin", participants=["Ana Souza", "Bruno Lima"])
    _needs(str(made["results"]["group_id"]).endswith("@g.us"), "the group's address")


async def _when_do_we_meet(player: Player) -> None:
    found = (await player.rows("searchMessages", query="agreed meet"))[0]
    around = await player.rows("getMessageContext", chat_jid=found["chat_jid"], message_id=found["message_id"])
    _needs([row for row in around if row.get("content") == _AGREED and row["timestamp"]], "what was agreed, and when")


async def _catch_me_up(player: Player) -> None:
    chats = {row["chat_name"]: row for row in await player.rows("catchUp")}
    bruno, group = chats["Bruno Lima"], chats[_GROUP]
    _needs(_AGREED in [line.get("content") for line in bruno["lines"]], "what Bruno said")
    _needs("Which weekend?" in [line.get("content") for line in group["lines"]], "what the group is asked")
    _needs(all(line["message_id"] for row in (bruno, group) for line in row["lines"]), "what to answer")


def _sent_to(answer: Json) -> str | None:
    results = answer["results"]
    return results["to"]["name"] if results.get("message_id") and results.get("chat_jid") else None


TASKS: Final[dict[str, Task]] = {
    "what is unread": Task(_unread, 1, 420),
    "mark all as read": Task(_mark_all_read, 2, 450),
    "what did Ana say about the cabin": Task(_what_did_ana_say_about_the_cabin, 1, 210),
    "reply to Ana": Task(_reply_to_ana, 2, 225),
    "send a photo to the group": Task(_send_a_photo_to_the_group, 1, 115),
    "open the PDF that Ana sent": Task(_open_the_pdf_of_ana, 2, 310),
    "who has not voted": Task(_who_has_not_voted, 2, 580),
    "forward the PDF to Bruno": Task(_forward_to_bruno, 2, 255),
    "who is in the group": Task(_who_is_in_the_group, 1, 290),
    "make a group": Task(_make_a_group, 1, 40),
    "when did we agree to meet": Task(_when_do_we_meet, 2, 345),
    "catch me up": Task(_catch_me_up, 1, 3_300),
}
"""In the order in which they are played. Budgets are a tenth above what they took when they were set."""
