"""``python -m bench.poison [--messages N] [--seed S] [--json]``: send what nobody would write, and count.

A contact sends real messages with something broken in them and messages with anything in any field; another one writes
sense in between. Nothing may end the session, hold up what others write or be lost without a row, and every reading
tool must show the result. Takes some ten seconds for a thousand messages, so it is no row of the table.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import click
from google.protobuf.message import DecodeError
from tests.anything import anything, mutated, nested, of_length, wrapped

from bench.mcp_host import SERVER, Host, environment, hosting
from bench.program import BenchError
from whatsapp_mcp.simulator import Simulator, VirtualContact
from whatsapp_mcp.whatsapp.content import read_content
from whatsapp_mcp.wire.boundary import parse
from whatsapp_mcp.wire.protos import e2e

__all__ = ["Figures", "play"]

BATCH: Final = 50
"""Messages between two that make sense."""
WAIT: Final = 60.0
"""Seconds in which one that makes sense has arrived."""
PAGE: Final = 100


@dataclass
class Figures:
    """What came of it."""

    sent: int = 0
    rows: int = 0
    """Messages of the poisoner that are there, those without their id (which whatsmeow does not tell) included."""
    says_nothing: int = 0
    """Sent, and nothing that a person would see: reactions to nothing, keys …"""
    lost: int = 0
    restarts: int = 0
    late: int = 0
    """Sensible messages that did not arrive in time."""
    failures: list[str] = field(default_factory=list)
    """Reading tools that failed."""
    slowest_call: float = 0.0
    """Seconds; a figure, not a limit."""

    @property
    def ok(self) -> bool:
        return not (self.lost or self.restarts or self.late or self.failures)


async def play(messages: int, *, seed: int, home: Path) -> Figures:
    """Send so many broken messages and look at what is left of them."""
    figures = Figures()
    async with _linked(home) as (simulator, host):
        eve, ana = await simulator.add_contact("Eve"), await simulator.add_contact("Ana")
        ana.say("hello")
        await host.call("waitForMessage", {"phone": ana.number, "cursor": "0", "timeout": 30})
        expected: set[str] = set()
        for number, content in enumerate(_poison(messages, random.Random(seed))):
            message_id = eve.send_bytes(simulator.phone.account, content)
            figures.sent += 1
            if _says_something(content):
                expected.add(message_id)
            else:
                figures.says_nothing += 1
            if number % BATCH == BATCH - 1 or number == messages - 1:
                figures.late += not await _arrives(host, ana)
        await _read_all(host, eve, figures)
        found = await _ids(host, eve)
        nameless = sum(message_id.startswith("no-id-") for message_id in found)
        figures.rows = len(found)
        figures.lost = max(0, len(expected - found) - nameless)
        figures.restarts = (await host.call("appStatus")).results["restarts"]
    return figures


@asynccontextmanager
async def _linked(home: Path) -> AsyncIterator[tuple[Simulator, Host]]:
    async with Simulator() as simulator:
        endpoint = home / "endpoint.json"
        simulator.write_endpoint(endpoint)
        async with hosting(SERVER, environment(home, endpoint, WHATSAPP_MCP_CONNECT_WAIT="40")) as host:
            login = (await host.call("appLogin")).results
            await simulator.phone.scan(login["qr_text"])
            await host.call("appDevices")
            yield simulator, host


# -- what is sent ------------------------------------------------------------------------------------------------------


def _poison(count: int, rng: random.Random) -> list[bytes]:
    """First what is known to hurt, then anything."""
    known = [
        of_length(1, b"bad \xff\xfe\x80 text"),
        of_length(1, b"half a pair \xed\xa0\xbd"),
        b"",
        rng.randbytes(300),
        e2e.Message(conversation="cut off" * 20).SerializeToString()[:50],
        *(nested(depth) for depth in (50, 95, 300, 3000)),
        *(wrapped(depth) for depth in (4, 20, 2000)),
        e2e.Message(conversation="é" * 1_000_000).SerializeToString(),
        *(message.SerializeToString() for message in _oversized()),
    ]
    kinds = [message.SerializeToString() for message in _sensible()]
    rest = [
        mutated(rng, rng.choice(kinds)) if rng.random() < 0.5 else anything(rng, e2e.Message.DESCRIPTOR)
        for _ in range(max(0, count - len(known)))
    ]
    return [*known, *rest][:count]


def _oversized() -> list[e2e.Message]:
    poll, cards, mentions, place, picture, event = (e2e.Message() for _ in range(6))
    poll.pollCreationMessage.name = "poll"
    for number in range(20_000):
        poll.pollCreationMessage.options.add(optionName=f"option {number}")
    for number in range(5_000):
        cards.contactsArrayMessage.contacts.add(displayName=f"c{number}", vcard="BEGIN:VCARD\n" + "N:x\n" * 10)
    mentions.extendedTextMessage.text = "mentions"
    mentions.extendedTextMessage.contextInfo.mentionedJID.extend(
        f"{12025550000 + n}@s.whatsapp.net" for n in range(20_000)
    )
    place.locationMessage.degreesLatitude, place.locationMessage.degreesLongitude = float("nan"), float("inf")
    picture.imageMessage.fileLength, picture.imageMessage.width = (1 << 64) - 1, (1 << 32) - 1
    event.eventMessage.name, event.eventMessage.startTime = "event", -(1 << 62)
    return [poll, cards, mentions, place, picture, event]


def _sensible() -> list[e2e.Message]:
    text, reply, picture, poll, place, card, event, choice = (e2e.Message() for _ in range(8))
    text.conversation = "see you at eight, and bring the book that you told me about"
    reply.extendedTextMessage.text = "yes"
    reply.extendedTextMessage.contextInfo.stanzaID = "3EB0C0FFEE"
    reply.extendedTextMessage.contextInfo.participant = "12025550111@s.whatsapp.net"
    reply.extendedTextMessage.contextInfo.quotedMessage.conversation = "are you there?"
    picture.imageMessage.caption, picture.imageMessage.mimetype = "the view", "image/jpeg"
    picture.imageMessage.mediaKey, picture.imageMessage.fileLength = b"k" * 32, 12345
    poll.pollCreationMessage.name = "when?"
    for option in ("today", "tomorrow", "never"):
        poll.pollCreationMessage.options.add(optionName=option)
    place.locationMessage.degreesLatitude, place.locationMessage.degreesLongitude = 52.5, 13.4
    place.locationMessage.name = "Berlin"
    card.contactMessage.displayName = "Ben"
    card.contactMessage.vcard = "BEGIN:VCARD\nVERSION:3.0\nFN:Ben\nTEL;waid=12025550112:+1 202 555 0112\nEND:VCARD"
    event.eventMessage.name, event.eventMessage.startTime = "dinner", 1_700_000_000
    choice.buttonsMessage.contentText = "which one?"
    choice.buttonsMessage.buttons.add(buttonID="1").buttonText.displayText = "this one"
    return [text, reply, picture, poll, place, card, event, choice]


def _says_something(content: bytes) -> bool:
    """Whether a person would see it; what is no message is seen, too, as something that came."""
    try:
        return read_content(parse(e2e.Message, content)) is not None
    except DecodeError:
        return True


# -- what is left of it ------------------------------------------------------------------------------------------------


async def _arrives(host: Host, ana: VirtualContact) -> bool:
    """Whether something that makes sense comes through."""
    sent = ana.say("an innocent message")
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        arguments = {"chat_jid": ana.number, "limit": 1}
        rows = (await host.call("getChatMessages", arguments)).results["data"]
        if rows and rows[0]["message_id"] == sent.id:
            return True
        await asyncio.sleep(0.05)
    return False


async def _read_all(host: Host, eve: VirtualContact, figures: Figures) -> None:
    chat: dict[str, Any] = {"chat_jid": eve.number}
    for tool, arguments in (
        ("listChats", {}),
        ("checkInbox", {}),
        ("userMyContacts", {}),
        ("searchMessages", {"query": "text"}),
        ("searchMessages", {"query": "see you", "by_relevance": True}),
        ("getChatMessages", {**chat, "limit": 100}),
        ("getChatMessages", {**chat, "media_only": True}),
        ("getChatMessages", {**chat, "search": "a"}),
        ("waitForMessage", {"timeout": 0}),
    ):
        try:
            called = await host.call(tool, arguments)
        except BenchError as error:
            figures.failures.append(str(error)[:300])
        else:
            figures.slowest_call = max(figures.slowest_call, called.seconds)


async def _ids(host: Host, eve: VirtualContact) -> set[str]:
    """Of all messages of the poisoner, page by page."""
    found: list[str] = []
    while True:
        arguments = {"chat_jid": eve.number, "limit": PAGE, "offset": len(found)}
        page = (await host.call("getChatMessages", arguments)).results
        found += [row["message_id"] for row in page["data"]]
        if len(found) >= page["pagination"]["total"] or not page["data"]:
            return set(found)


@click.command()
@click.option("--messages", default=6000, show_default=True, help="How many are sent.")
@click.option("--seed", default=1, show_default=True, help="Of what is in them.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(messages: int, seed: int, as_json: bool) -> None:
    """Send broken messages; exit with 1 when one is lost, or anything fails by them."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        figures = asyncio.run(play(messages, seed=seed, home=Path(folder)))
    if as_json:
        click.echo(json.dumps(asdict(figures) | {"ok": figures.ok}, indent=2))
    else:
        for name, value in asdict(figures).items():
            click.echo(f"{name:>13}  {value}")
    sys.exit(0 if figures.ok else 1)


if __name__ == "__main__":
    main()
