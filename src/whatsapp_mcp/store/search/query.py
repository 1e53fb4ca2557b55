"""What a person types into a search field, and the filters beside it, as phrases that must or must not occur.

All words must occur, in any order, also with ``AND`` between them; of ``one OR two`` (which binds closer) one must.
``"several words"`` must stand together, ``-word``, ``NOT word`` and ``-"several words"`` must not occur, ``word*``
finds what begins so. A word of three letters or more finds what begins so too, as people know it from WhatsApp's own
search, unless it is frequent: then it is meant as it stands. When nothing is found, rare words of any length are
tried as beginnings. Words are folded as the messages were, so that case, accents and the like do not matter, and
whatever else the text holds is harmless. Filters are tags (``whatsapp_mcp.store.search.index``) where that is
quicker. What an engine makes of the phrases, its ``expression`` says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from whatsapp_mcp.store.search.folding import PHONE_NUMBER, digits_of, fold, unspaced
from whatsapp_mcp.store.search.index import (
    LINK,
    MEDIA,
    OWN,
    TAG_SIGN,
    author_tag,
    character_pairs,
    chat_tag,
    kind_tag,
    own_tag,
)

MAX_TERMS: Final = 40
"""More words than a question has; FTS5 limits the depth of an expression."""

_SHORTEST: Final = 2
"""Letters of a beginning, at the least: most messages have words that begin with any one letter, and to go through
them all takes long."""
_LONG: Final = 3

_TERM: Final = re.compile(
    # A quote within a word is an abbreviation in Hebrew, and inches elsewhere.
    rf'(?<!\S)(?:(?P<number>{PHONE_NUMBER})(?!\S)|(?P<minus>-?)"(?P<phrase>[^"]*)")|(?P<word>\S+)'
)
_QUOTES: Final = str.maketrans(dict.fromkeys("“”„‟«»", '"'))


class Phrase(NamedTuple):
    """Words of a document, a blank between them, that stand together in it. Folded: there is no quote in them."""

    words: str
    is_beginning: bool = False
    """Whether the last of them only begins so."""


class Sought(NamedTuple):
    """Which documents are asked for."""

    wanted: tuple[tuple[Phrase, ...], ...]
    """From each, a phrase must occur; never empty."""
    unwanted: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True)
class Filters:
    """Where to look. An empty collection fits no message.

    Most filters are tags. Where an engine goes through the whole list of what has a tag, one that most messages have is
    slower than a look at each hit: ``frugal``, below, is without those. What is ours is no tag then unless it is rare
    or nothing else is wanted, nor is the frequent kind; ``conditions`` says the rest.
    """

    chat: int | None = None
    among: Collection[int] | None = None
    """Only in these chats."""
    apart_from: Collection[int] = ()
    """Chats that are left out."""
    authors: Collection[int] | None = None
    """Addresses."""
    kinds: Collection[str] | None = None
    frequent_kind: str = "text"
    """Of most messages in which words are looked for."""
    from_me: bool | None = None
    own_is_rare: bool = False
    """Few messages are ours."""
    media_only: bool = False
    links_only: bool = False

    def tags(self, *, alone: bool, frugal: bool = True) -> list[Collection[str]]:
        """Groups of tags, one of each of which must be there. ``alone``: without any word."""
        groups: list[Collection[str]] = []
        if self.chat is not None:
            groups.append((own_tag(self.chat),) if self.from_me else (chat_tag(self.chat),))
        if self.authors is not None:
            groups.append([author_tag(author) for author in self.authors])
        if self.media_only:
            groups.append((MEDIA,))
        if self.links_only:
            groups.append((LINK,))
        if self.kinds is not None and (not frugal or self.frequent_kind not in self.kinds or (alone and not groups)):
            groups.append([kind_tag(kind) for kind in self.kinds])
        if self.from_me and self.chat is None and (not frugal or self.own_is_rare or (alone and not groups)):
            groups.append((OWN,))
        return groups

    def conditions(self, *, alone: bool) -> tuple[list[str], list[str]]:
        """What is to be looked at in each message ``m`` beside frugal tags, and the values for the marks in it."""
        tagged = {tag for group in self.tags(alone=alone) for tag in group}
        conditions: list[str] = []
        values: list[str] = []
        if self.from_me is False:
            conditions.append("m.from_me = 0")
        elif self.from_me and self.chat is None and OWN not in tagged:
            conditions.append("m.from_me = 1")
        if self.kinds and not tagged.issuperset(map(kind_tag, self.kinds)):
            conditions.append(f"m.kind IN ({', '.join('?' * len(self.kinds))})")
            values += self.kinds
        return conditions, values


@dataclass(frozen=True, slots=True)
class Term:
    """Words that stand together, folded."""

    words: str
    digits: str | None = None
    """The same telephone number without what groups its digits."""
    prefix: bool = False
    """Whether the last of them only begins so."""
    quoted: bool = False
    """Meant as it stands."""

    @property
    def phrases(self) -> tuple[Phrase, ...]:
        """One of which must occur."""
        pairs = self._pairs()
        if pairs:
            return (Phrase(pairs),)
        is_beginning = self.prefix and len(self._last) >= _SHORTEST and self._last != TAG_SIGN
        words = Phrase(self.words, is_beginning)
        return (words, Phrase(self.digits, is_beginning)) if self.digits else (words,)

    @property
    def text(self) -> str:
        """As somebody would type it."""
        return f'"{self.words}"' if self.quoted else f"{self.words}{'*' * self.prefix}"

    @property
    def is_long_word(self) -> bool:
        """Whether a person who types it may mean words that begin so, though it is one itself."""
        return len(self._last) >= _LONG and self._last.isalpha()

    @property
    def _last(self) -> str:
        return self.words.rpartition(" ")[2]

    def _pairs(self) -> str:
        """The words as pairs, where all of them are characters of a script without blanks."""
        words = self.words.split()
        if len(words) < 2 or not all(len(word) == 1 and unspaced[word] for word in words):
            return ""
        return " ".join(pair for pair in character_pairs(self.words) if pair != TAG_SIGN)


OR: Final = Term("OR")
"""What stands between two terms one of which must occur, in capitals; not folded, so it equals no term of a text."""
_AND: Final = Term("AND")
"""The same for two that must both occur, as all must."""
_NOT: Final = Term("NOT")
"""The same for what must not occur, between what must and that."""
Choice = tuple[Term, ...]
"""Terms one of which must occur."""


@dataclass(frozen=True, slots=True)
class Query:
    """A search text, taken apart."""

    wanted: tuple[Choice, ...]
    """From each, a term must occur."""
    unwanted: tuple[Term, ...]
    is_blank: bool
    """No text at all: everything that the filters want."""

    @classmethod
    def parse(cls, text: str) -> Query:
        wanted: list[Choice] = []
        unwanted: list[Term] = []
        terms = _without_signs([*map(_term, list(_TERM.finditer(text.translate(_QUOTES)))[:MAX_TERMS])])
        chooses = False
        for place, (negative, term) in enumerate(terms):
            if term is OR:
                # At either end, or beside what must not occur, it is a word like others.
                if 0 < place < len(terms) - 1 and all(_is_wanted(terms[beside]) for beside in (place - 1, place + 1)):
                    chooses = True
                    continue
                term = Term(fold(OR.words))
            if not term.words:
                continue
            if negative:
                unwanted.append(term)
            elif chooses:
                wanted[-1] = (*wanted[-1], term)
            else:
                wanted.append((term,))
            chooses = False
        return cls(tuple(wanted), tuple(unwanted), is_blank=not text.strip())

    def with_beginnings(self, is_beginning: Callable[[Term], bool]) -> Query | None:
        """The same with some words taken as beginnings of words; None when there are none."""

        def beginning(term: Term) -> Term:
            as_it_stands = term.prefix or term.quoted or not is_beginning(term)
            return term if as_it_stands else replace(term, prefix=True)

        wanted = tuple(tuple(map(beginning, choice)) for choice in self.wanted)
        return replace(self, wanted=wanted) if wanted != self.wanted else None

    def side_by_side(self) -> Query | None:
        """The same with all words in their order and nothing between them, the last one as a beginning where it is one;
        None when there is only one, or a choice."""
        if len(self.wanted) < 2 or any(len(choice) > 1 for choice in self.wanted):
            return None
        terms = [term for (term,) in self.wanted]
        phrase = Term(" ".join(term.words for term in terms), prefix=terms[-1].prefix)
        return replace(self, wanted=((phrase,),))

    def part(self, *places: int) -> Query:
        """The same with these of the wanted words alone."""
        return replace(self, wanted=tuple(self.wanted[place] for place in places))

    def respelled(self, nearest: Mapping[Term, str]) -> Query:
        """The same with other words for some."""

        def spelled(term: Term) -> Term:
            return Term(nearest[term]) if term in nearest else term

        return replace(self, wanted=tuple(tuple(map(spelled, choice)) for choice in self.wanted))

    @property
    def text(self) -> str:
        """As somebody would type it, folded."""
        wanted = [f" {OR.words} ".join(term.text for term in choice) for choice in self.wanted]
        return " ".join([*wanted, *(f"-{term.text}" for term in self.unwanted)])

    def asked(self, filters: Filters = Filters(), *, frugal: bool) -> Sought | None:
        """With these filters, as far as tags say them.

        Something must be wanted, a word or where to look: what merely lacks a word would be almost all.

        Returns:
            None when nothing can match, as when a text that is not blank holds no word that could be found.
        """
        groups = filters.tags(alone=not self.wanted, frugal=frugal)
        if not all(groups) or not (self.is_blank or self.wanted or self.unwanted):
            return None
        wanted = [tuple(phrase for term in choice for phrase in term.phrases) for choice in self.wanted]
        wanted += [tuple(map(Phrase, tags)) for tags in groups]
        if not wanted and not (self.is_blank and filters.among is not None):
            return None
        if filters.among is not None and filters.chat is None:
            if not filters.among:
                return None
            wanted.append(tuple(Phrase(chat_tag(chat)) for chat in filters.among))
        unwanted = [phrase for term in self.unwanted for phrase in term.phrases]
        unwanted += [Phrase(chat_tag(chat)) for chat in filters.apart_from]
        if not frugal and filters.from_me is False:
            unwanted.append(Phrase(OWN))
        return Sought(tuple(wanted), tuple(unwanted))


def _without_signs(terms: list[tuple[bool, Term]]) -> list[tuple[bool, Term]]:
    """AND says nothing where it stands between two terms, NOT that the next one must not occur; elsewhere each is a
    word like others."""
    found: list[tuple[bool, Term]] = []
    forbids = False
    for place, (negative, term) in enumerate(terms):
        between = 0 < place < len(terms) - 1
        if between and term is _AND:
            continue
        if between and term is _NOT and _is_wanted(terms[place + 1]):
            forbids = True
            continue
        found.append((negative or forbids, Term(fold(term.words)) if term in (_AND, _NOT) else term))
        forbids = False
    return found


def _is_wanted(found: tuple[bool, Term]) -> bool:
    negative, term = found
    return bool(term.words) and not negative and term not in (OR, _AND, _NOT)


def _term(found: re.Match[str]) -> tuple[bool, Term]:
    """Whether the term must not occur, and the term; without words when there are none in it."""
    if (number := found["number"]) is not None:
        words, digits = fold(number), digits_of(number)
        return False, Term(words, digits if digits != words else None)
    word = found["word"]
    for sign in (OR, _AND, _NOT):
        if word == sign.words:
            return False, sign
    if word is None:
        return bool(found["minus"]), Term(fold(found["phrase"]), quoted=True)
    return word.startswith("-") and len(word) > 1, Term(fold(word), prefix=word.endswith("*"))
