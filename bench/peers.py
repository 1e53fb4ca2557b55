"""Our server beside others on the same messages: search, lists and recall, all through MCP over stdio.

``python -m bench peers --peer lharries=/path/to/checkout``; the other side of the ratio is the peer's. A peer runs in
the environment that its own instructions make in its checkout (``whatsapp-mcp-server/.venv``), on a copy of its server,
without its bridge. Both sides answer 20 rows and no context around them.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from itertools import chain, groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.unit.store.held_queries import HELD, QUERIES, Query

from bench.generate import History
from bench.mcp_host import SERVER as OURS
from bench.mcp_host import Host, environment, hosting, initialized
from bench.peer_store import SERVER, PeerNames, peer_copy, write_peer_store
from bench.program import BenchError, running
from bench.questions import EVERYWHERE
from bench.recall import Tally, hits
from bench.row import Row, median
from bench.stores import Scale, held_messages, large_store
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.store.search.query import Query as SearchQuery

__all__ = ["measure"]

KNOWN: Final = {
    "lharries": "https://github.com/lharries/whatsapp-mcp",
    "verygoodplugins": "https://github.com/verygoodplugins/whatsapp-mcp",
    "felixisaac": "https://github.com/FelixIsaac/whatsapp-mcp-extended",
}
QUESTIONS: Final = 5
"""Of each kind."""
REPEATS: Final = 3
LIMIT: Final = 20
FOR_RECALL: Final = 1000
"""Messages beside the held ones: who scans finds the same in any store."""
ALL: Final = 500

Json = dict[str, Any]


class _Question(NamedTuple):
    ours: tuple[str, Json]
    peers: tuple[str, Json]


async def measure(scale: Scale) -> list[Row]:
    if not scale.peers:
        known = "\n".join(f"  git clone {url}" for url in KNOWN.values())
        raise BenchError(
            f"no --peer NAME=FOLDER was given; clone one and install it below {SERVER}/.venv (uv sync):\n{known}"
        )
    rows = []
    async with large_store(scale) as (home, history), hosting(OURS, environment(home)) as ours:
        for name, checkout in scale.peers:
            async with _peer(checkout, scale.messages) as peer:
                for kind, questions in _questions(history).items():
                    rows.append(await _compared(f"{kind}; {name}", questions, ours, peer))
    async with large_store(Scale(FOR_RECALL)) as (home, _), hosting(OURS, environment(home)) as ours:
        for name, checkout in scale.peers:
            async with _peer(checkout, FOR_RECALL) as peer:
                rows += await _recall(name, ours, peer)
    return rows


@asynccontextmanager
async def _peer(checkout: Path, messages: int) -> AsyncIterator[Host]:
    """The peer's server on the same history as ours."""
    python = checkout / SERVER / ".venv" / "bin" / "python"
    if not python.exists():
        raise BenchError(f"{python} is not there: install the peer as it says (uv sync in {checkout / SERVER})")
    history = History()
    names = PeerNames(history)
    with tempfile.TemporaryDirectory(prefix="bench-peer-") as home:
        folder = Path(home)
        peer_copy(checkout, folder)
        changes = chain(history.changes(messages), held_messages(history))
        await write_peer_store(checkout, folder, names, changes)
        async with running(["main.py"], _bare(folder), python=python, folder=folder / SERVER) as program:
            yield await initialized(program)


def _bare(folder: Path) -> dict[str, str]:
    """Nothing of the user's: neither settings of a server nor a path to its modules."""
    return {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"}


# -- speed ------------------------------------------------------------------------------------------------------------


def _questions(history: History) -> dict[str, list[_Question]]:
    conversations, names = history.conversations[:QUESTIONS], PeerNames(history)
    kinds = ("frequent word", "rare word", "two words", "2 characters, CJK", "nothing found")
    return {
        **{f"search, {kind}": [_search(query, {}, {}) for query in EVERYWHERE[kind][:QUESTIONS]] for kind in kinds},
        "search in one chat": [
            _search(chat.language.words[0], {"chat_jid": str(chat.jid)}, {"chat_jid": str(names.of(chat.jid))})
            for chat in conversations
        ],
        f"newest {LIMIT} of a chat": [
            _Question(
                ("getChatMessages", {"chat_jid": str(chat.jid), "limit": LIMIT}),
                ("list_messages", {"chat_jid": str(names.of(chat.jid)), "limit": LIMIT, "include_context": False}),
            )
            for chat in conversations
        ],
        f"{LIMIT} chats": [_Question(("listChats", {"limit": LIMIT}), ("list_chats", {"limit": LIMIT}))],
    }


def _search(query: str, ours: Json, peers: Json) -> _Question:
    return _Question(
        ("searchMessages", {"query": query, "limit": LIMIT, **ours}),
        ("list_messages", {"query": query, "limit": LIMIT, "include_context": False, **peers}),
    )


async def _compared(name: str, questions: list[_Question], ours: Host, peer: Host) -> Row:
    """In turn, so that a busy machine is busy for both."""
    times: tuple[list[float], list[float]] = ([], [])
    finds = [0, 0]
    for question in questions:
        for side, (host, (tool, arguments)) in enumerate(((ours, question.ours), (peer, question.peers))):
            answers = [await host.text(tool, arguments) for _ in range(REPEATS)]
            times[side].append(median([seconds * 1000 for _, seconds in answers]))
            finds[side] += _holds_rows(answers[0][0])
    note = f"{len(questions)} questions; {finds[0]} answered with something by us, {finds[1]} by the peer"
    return Row(name, median(times[0]), "ms", median(times[1]), note=note)


def _holds_rows(text: str) -> bool:
    return "From: " in text or '"jid"' in text or '"content"' in text


# -- recall -----------------------------------------------------------------------------------------------------------

_PLAIN: Final = {key for key, content in HELD.items() if content.kind is MessageKind.TEXT and not content.extra}
"""What every peer's bridge stores."""
_OUR_SYNTAX: Final = frozenset(("phrases", "beginnings", "without"))
"""Kinds of queries whose quotes, stars and dashes mean what our search says they mean."""


def _judged() -> Iterable[Query]:
    for query in QUERIES:
        if query.kind not in _OUR_SYNTAX and query.found <= _PLAIN and SearchQuery.parse(query.text).wanted:
            yield query


async def _recall(name: str, ours: Host, peer: Host) -> list[Row]:
    rows = []
    for kind, queries in groupby(_judged(), lambda query: query.kind):
        tallies = Tally(), Tally()
        for query in queries:
            tallies[0].add(query.text, _PLAIN & await hits(ours, {"query": query.text}), query.found)
            asked = {"query": query.text, "limit": ALL, "include_context": False}
            text, _ = await peer.text("list_messages", asked)
            tallies[1].add(query.text, set(filter(_shown_in(text), _PLAIN)), query.found)
        note = f"ours: {tallies[0]}\n    peer: {tallies[1]}"
        rows.append(Row(f"recall, {kind}; {name}", tallies[0].share, "%", tallies[1].share, note=note))
    return rows


def _shown_in(text: str) -> Callable[[str], bool]:
    """Whether a held message is in an answer, which is JSON or lines like ``From: Ana: text``."""
    return lambda key: f'"{key}"' in text or f": {HELD[key].text}\n" in text
