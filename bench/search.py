"""Searching and reading a large store through MCP: the 99th percentile of many questions, for each way of asking.

All questions are asked in one pass, and then again in two more; the median of the three counts as a question's time, so
that what is slow is a question, and not a moment, or a second, at which the machine was slow. The note tells the
percentile of all single calls, too.
Floor: a tool that does nothing, on the same server in the same run, measured alike; the budget is so many of those
(`pace.py`). ``--messages`` sets the size of the store.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from bench import nothing_server
from bench.calls import NOTHING_SERVER
from bench.generate import NOW, SPAN, Conversation, History, Person
from bench.languages import Language
from bench.mcp_host import Host, environment, hosting
from bench.pace import here
from bench.questions import EVERYWHERE
from bench.row import Row, median, quantile
from bench.stores import Scale, large_store
from bench.turns import turns

__all__ = ["Way", "in_passes", "measure", "ways_of"]

WARM_UP, ROUNDS, PASSES = 1, 150, 3
SECONDS: Final = 60.0
"""For all rounds here, so that the 99th percentile is not simply the slowest of a few."""
SECONDS_PER_MESSAGE: Final = 60e-6
AT_MOST: Final = 3.0
AT_MOST_IN_MORE: Final = 10.0
"""Milliseconds where a call that does nothing takes 0.28 ms: in up to a million messages, and in ten."""
MILLION: Final = 1_000_000
MONTH: Final = 30 * 86_400_000
LARGEST: Final = 5
"""Half of what is asked about one chat goes to the largest ones, where most messages are."""

Arguments = dict[str, Any]
Ask = Callable[[], Arguments]


@dataclass(slots=True)
class Way:
    """A way of asking: a tool, and arguments in all variety. Times are milliseconds."""

    tool: str
    arguments: Ask
    asked: list[Arguments] = field(default_factory=list)
    times: list[list[float]] = field(default_factory=list)
    """Of each question that was asked, by pass."""
    found: int = 0
    """Questions whose answer held something."""

    @property
    def questions(self) -> list[float]:
        return [median(times) for times in self.times]

    async def ask(self, host: Host, *, counts: bool) -> None:
        """Another question."""
        arguments = self.arguments()
        answer = await host.call(self.tool, arguments)
        if counts:
            self.asked.append(arguments)
            self.times.append([answer.seconds * 1000])
            self.found += bool(answer.results.get("data"))

    async def ask_again(self, host: Host, number: int) -> None:
        answer = await host.call(self.tool, self.asked[number])
        self.times[number].append(answer.seconds * 1000)

    def row(self, name: str, floor: float, at_most: float) -> Row:
        questions, calls = self.questions, [taken for times in self.times for taken in times]
        slow, number = max((taken, number) for number, taken in enumerate(questions))
        note = f"p50 {median(questions):.2f} ms, calls' p99 {quantile(calls, 0.99):.1f} ms;"
        note += f" {self.found * 100 // len(questions)} % of {len(questions)} find something;"
        note += f" slowest {slow:.1f} ms: {' '.join(map(str, self.asked[number].values()))}"
        return Row(f"{name}, p99", quantile(questions, 0.99), "ms", floor, at_most=at_most, note=note)


async def measure(scale: Scale) -> list[Row]:
    async with large_store(scale) as (home, history), hosting(NOTHING_SERVER, environment(home)) as host:
        nothing, ways = Way(nothing_server.NAME, dict), ways_of(history)
        await in_passes(host, [nothing, *ways.values()], scale.messages)
    floor, trivial = quantile(nothing.questions, 0.99), median(nothing.questions)
    at_most = here(AT_MOST if scale.messages <= MILLION else AT_MOST_IN_MORE, trivial)
    return [way.row(name, floor, at_most) for name, way in ways.items()]


async def in_passes(host: Host, ways: Sequence[Way], messages: int) -> None:
    """Ask so many questions in each way as there is time for in a store of this size."""
    seconds = (SECONDS + messages * SECONDS_PER_MESSAGE) / PASSES
    for counts in turns(ROUNDS, seconds=seconds, warm_up=WARM_UP):
        for way in ways:
            await way.ask(host, counts=counts)
    for _ in range(1, PASSES):
        for number in range(len(ways[0].asked)):
            for way in ways:
                await way.ask_again(host, number)


def ways_of(history: History) -> dict[str, Way]:
    ways = {f"search, {name}": Way("searchMessages", _in_turn(queries)) for name, queries in EVERYWHERE.items()}
    world = _World(history)
    return ways | {
        "search in one chat": Way("searchMessages", world.in_chat),
        "search of one sender": Way("searchMessages", world.of_sender),
        "search of one sender in one chat": Way("searchMessages", world.of_sender_in_chat),
        "search from me": Way("searchMessages", lambda: {"query": world.words(), "is_from_me": True}),
        "search of one kind": Way("searchMessages", lambda: {"query": world.words(), "kind": world.kind()}),
        "search in one month": Way("searchMessages", lambda: {"query": world.words(), **world.month()}),
        "search without words, by time": Way("searchMessages", world.month),
        "search without words, by sender and time": Way("searchMessages", world.sender_in_month),
        "getChatMessages with search": Way("getChatMessages", lambda: world.in_chat(key="search")),
        "getChatMessages": Way("getChatMessages", world.page),
        "getChatMessages of a month": Way("getChatMessages", lambda: world.page() | world.month() | {"offset": 0}),
        "listChats": Way("listChats", world.chats),
        "catchUp": Way("catchUp", world.since),
    }


def _in_turn(queries: tuple[str, ...]) -> Ask:
    """One query after the other, in an order of its own."""
    shuffled = random.Random(5).sample(queries, len(queries))

    def asked() -> Iterator[str]:
        while True:
            yield from shuffled

    following = asked()
    return lambda: {"query": next(following)}


class _World:
    """Arguments about somebody, in the words of their language; the same ones in each run."""

    def __init__(self, history: History) -> None:
        self._chance = random.Random(3)
        self._conversations = history.conversations
        self._people = history.people

    def in_chat(self, *, key: str = "query") -> Arguments:
        chat = self._chat()
        return {key: self.words(chat.language), "chat_jid": str(chat.jid)}

    def of_sender(self) -> Arguments:
        sender: Person = self._chance.choice(self._people)
        return {"query": self.words(sender.language), "sender": str(sender.number)}

    def sender_in_month(self) -> Arguments:
        return {"sender": str(self._chance.choice(self._people).number), **self.month()}

    def of_sender_in_chat(self) -> Arguments:
        chat = self._chat()
        sender = self._chance.choice(chat.members)
        return {"query": self.words(chat.language), "sender": str(sender.number), "chat_jid": str(chat.jid)}

    def words(self, language: Language | None = None) -> str:
        """One of the most frequent words, any word, or two."""
        chance, words = self._chance, (language or self._chance.choice(self._people).language).words
        match chance.randrange(3):
            case 0:
                return chance.choice(words[:4])
            case 1:
                return chance.choice(words)
            case _:
                return " ".join(chance.sample(words[:20], 2))

    def kind(self) -> str:
        return self._chance.choice(("image", "document", "text"))

    def month(self) -> Arguments:
        start = NOW - self._chance.randrange(MONTH, SPAN // 2)
        return {"start_time": _text(start), "end_time": _text(start + MONTH)}

    def since(self) -> Arguments:
        return {"since": _text(NOW - self._chance.randrange(3_600_000, MONTH))}

    def page(self) -> Arguments:
        return {"chat_jid": str(self._chat().jid), "offset": self._chance.randrange(1000)}

    def chats(self) -> Arguments:
        return {"offset": self._chance.randrange(100)}

    def _chat(self) -> Conversation:
        chats = self._conversations
        return self._chance.choice(chats[:LARGEST] if self._chance.random() < 0.5 else chats)


def _text(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds // 1000, UTC).isoformat()
