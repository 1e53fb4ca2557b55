"""Synthetic history: people and groups of many languages who write as people do. The same seed gives the same messages.

What is like life, because the store's speed depends on it: a few chats hold most messages; most texts are short and a
few are long (log-normal); words come by Zipf's law with a long tail of rare ones; scripts are mixed; some messages are
replies, photos or voice notes; people are known by LID and mostly by number too; and a history comes chat by chat,
newest message first.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, chain, islice
from typing import Final

from bench.languages import EMOJI, LANGUAGES, Language
from whatsapp_mcp.jid import GROUP, LID, USER, Jid
from whatsapp_mcp.models.app_state import ChatChanged
from whatsapp_mcp.models.changes import Change, ContactSeen, MessageReceived
from whatsapp_mcp.models.content import Content, MediaInfo, MessageKind, Quote
from whatsapp_mcp.models.delivery import DeliveryStatus
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.whereabouts import Whereabouts

__all__ = [
    "BATCH",
    "LID_OF_OURS",
    "NOW",
    "NUMBER_OF_OURS",
    "SPAN",
    "Conversation",
    "History",
    "Person",
    "batches",
    "fill",
]

NUMBER_OF_OURS: Final = Jid("4915112345678", USER)
LID_OF_OURS: Final = Jid("90000000000001", LID)
BATCH: Final = 1000
"""Changes stored in one transaction."""

NOW: Final = 1_790_000_000_000
"""Milliseconds since 1970 at which the history ends."""
SPAN: Final = 2 * 365 * 86_400_000
"""Milliseconds that it reaches back."""

_PEOPLE: Final = 160
_GROUPS: Final = 40
_MEDIAN_WORDS: Final = 6.0
_SPREAD: Final = 0.9
_LONGEST: Final = 300
_RARE: Final = 0.08
"""Share of words that hardly anybody else writes: names, places, misspellings."""


@dataclass(frozen=True, slots=True)
class Person:
    number: Jid
    lid: Jid
    name: str
    language: Language


@dataclass(frozen=True, slots=True)
class Conversation:
    jid: Jid
    name: str | None
    members: tuple[Person, ...]
    language: Language


class History:
    """A world of people; ``changes`` is their history."""

    def __init__(self, *, seed: int = 7) -> None:
        self._random = random.Random(seed)
        self._weights = {language.name: _zipf(len(language.words)) for language in LANGUAGES}
        self._people = [self._person(index) for index in range(_PEOPLE)]
        self._chats = [Conversation(person.lid, None, (person,), person.language) for person in self._people]
        self._chats += [self._group(index) for index in range(_GROUPS)]
        self._random.shuffle(self._chats)

    @property
    def chats(self) -> list[Jid]:
        """The liveliest first."""
        return [chat.jid for chat in self._chats]

    @property
    def conversations(self) -> list[Conversation]:
        """The liveliest first."""
        return list(self._chats)

    @property
    def people(self) -> list[Person]:
        return list(self._people)

    def changes(self, messages: int) -> Iterator[Change]:
        """Names first, then so many messages."""
        for person in self._people:
            yield ContactSeen(person.number, full_name=person.name)
        for chat in self._chats:
            if chat.name is not None:
                yield ChatChanged(chat.jid, name=chat.name)
        for chat, share in zip(self._chats, _shares(len(self._chats), messages), strict=True):
            yield from self._talk(chat, share)

    def words(self, count: int) -> list[str]:
        """Words that somebody may look for, frequent and rare ones of all languages."""
        return [self._word(self._random.choice(LANGUAGES)) for _ in range(count)]

    # -- people -------------------------------------------------------------------------------------------------------

    def _person(self, index: int) -> Person:
        language = LANGUAGES[index % len(LANGUAGES)]
        first, last = self._random.choice(language.first_names), self._random.choice(language.last_names)
        number = f"{language.country_code}{self._random.randrange(10**8, 10**9)}"
        return Person(Jid(number, USER), Jid(str(10**14 + index), LID), f"{first} {last}", language)

    def _group(self, index: int) -> Conversation:
        members = tuple(self._random.sample(self._people, self._random.randint(3, 30)))
        language = members[0].language
        name = " ".join(self._word(language) for _ in range(self._random.randint(1, 4)))
        return Conversation(Jid(str(120363000000000000 + index), GROUP), name, members, language)

    # -- messages -----------------------------------------------------------------------------------------------------

    def _talk(self, chat: Conversation, count: int) -> Iterator[MessageReceived]:
        rest = self._random
        timestamp = NOW - rest.randrange(SPAN // 20)
        step = SPAN / 2 / max(1, count)
        earlier: str | None = None
        for _ in range(count):
            message = self._message(chat, timestamp, earlier)
            yield message
            earlier = message.id
            timestamp -= int(rest.expovariate(1 / step)) + 1

    def _message(self, chat: Conversation, timestamp: int, other: str | None) -> MessageReceived:
        chance = self._random
        author = chance.choice(chat.members)
        from_me = chance.random() < (0.42 if len(chat.members) == 1 else 0.15)
        content = self._content(author.language if chance.random() < 0.2 else chat.language, other, author)
        private = len(chat.members) == 1
        return MessageReceived(
            id=f"3EB0{chance.getrandbits(64):016X}",
            chat=chat.jid,
            sender=NUMBER_OF_OURS if from_me else author.lid,
            timestamp=timestamp,
            content=content,
            from_me=from_me,
            chat_alt=author.number if private else None,
            sender_alt=None if from_me else author.number,
            push_name=None if from_me else author.name.split()[0],
            raw=_as_protobuf(content.text),
            status=DeliveryStatus.READ if from_me else None,
            from_history=True,
        )

    def _content(self, language: Language, other: str | None, author: Person) -> Content:
        kind, chance = MessageKind.TEXT, self._random
        media = None
        if (luck := chance.random()) < 0.10:
            kind, media = MessageKind.IMAGE, self._file("image/jpeg")
        elif luck < 0.13:
            kind, media = MessageKind.VOICE, self._file("audio/ogg; codecs=opus")
        elif luck < 0.15:
            kind, media = MessageKind.DOCUMENT, self._file("application/pdf", f"{self._word(language)}.pdf")
        has_text = media is None or (kind is MessageKind.IMAGE and chance.random() < 0.3)
        quote = Quote(other, author.lid, self._text(language)) if other and chance.random() < 0.12 else None
        return Content(kind, self._text(language) if has_text else "", media, quote)

    def _file(self, mimetype: str, name: str | None = None) -> MediaInfo:
        digest = self._random.randbytes(32)
        length = self._random.randrange(10_000, 900_000)
        return MediaInfo(mimetype, name, length, media_key=digest, file_sha256=digest, file_enc_sha256=digest)

    # -- text ---------------------------------------------------------------------------------------------------------

    def _text(self, language: Language) -> str:
        chance = self._random
        length = min(_LONGEST, max(1, round(math.exp(chance.gauss(math.log(_MEDIAN_WORDS), _SPREAD)))))
        frequent = chance.choices(language.words, cum_weights=self._weights[language.name], k=length)
        words = [self._rare(language) if chance.random() < _RARE else word for word in frequent]
        text = language.joint.join(words)
        if chance.random() < 0.5:
            text = text[:1].upper() + text[1:]
        if (luck := chance.random()) < 0.15:
            text += f" {chance.choice(EMOJI)}"
        elif luck < 0.25:
            text += chance.choice((" 18:30", " 12.5.", " 25 €", "?", "!", "...", " https://example.org/a?b=12"))
        return text

    def _word(self, language: Language) -> str:
        if self._random.random() < _RARE:
            return self._rare(language)
        return self._random.choices(language.words, cum_weights=self._weights[language.name])[0]

    def _rare(self, language: Language) -> str:
        """The head of one word and the tail of another."""
        one, other = self._random.choice(language.words), self._random.choice(language.words)
        return one[: len(one) // 2 + 1] + other[len(other) // 2 :]


def batches(changes: Iterator[Change], size: int = BATCH) -> Iterator[list[Change]]:
    while batch := list(islice(changes, size)):
        yield batch


async def fill(
    where: Whereabouts, messages: int, *, history: History | None = None, more: Iterable[Change] = ()
) -> History:
    """Make a store with so many messages, and what else is given."""
    history = history or History()
    writer = StoreWriter(where)
    try:
        writer.set_owner(NUMBER_OF_OURS, LID_OF_OURS)
        for batch in batches(chain(history.changes(messages), more)):
            writer.apply(batch)
            await asyncio.sleep(0)  # so that Ctrl-C is seen
    finally:
        writer.close()
    return history


def _zipf(count: int) -> list[float]:
    return list(accumulate(1 / rank for rank in range(1, count + 1)))


def _shares(chats: int, messages: int) -> list[int]:
    """How many messages each chat has, by Zipf's law; together exactly ``messages``."""
    ends = [round(weight * messages / _zipf(chats)[-1]) for weight in _zipf(chats)]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def _as_protobuf(text: str) -> bytes:
    """waE2E.Message with ``conversation`` (field 1)."""
    data = text.encode()
    length, size = len(data), bytearray()
    while length > 127:
        size.append(length & 127 | 128)
        length >>= 7
    return b"\x0a" + bytes(size) + bytes([length]) + data
