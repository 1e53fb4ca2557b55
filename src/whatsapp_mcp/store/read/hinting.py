"""What would find something where a search found nothing: fewer words, another spelling, another chat, no filters.

Everything is found by searches of the same connection, words of other spellings in messages that such a search finds:
on one that shows fewer chats, nothing of the other ones can be told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Final

from whatsapp_mcp.jid import STATUS_BROADCAST, Jid
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.identity import find_entity
from whatsapp_mcp.store.read.annotations import known_as
from whatsapp_mcp.store.read.conditions import Slice
from whatsapp_mcp.store.read.listing import COUNTED, found, hits, scoped, widened
from whatsapp_mcp.store.records import Elsewhere, Hint, Page, Suggestion
from whatsapp_mcp.store.rows import ARRIVAL_MASK, stored_jid
from whatsapp_mcp.store.search.index import DOCUMENT_COLUMNS, documents
from whatsapp_mcp.store.search.query import Filters, Query, Term
from whatsapp_mcp.store.search.span import Span

WORDS: Final = 6
"""Of a search with more words, no fewer are tried."""
SUGGESTIONS: Final = 3
_PREFIX: Final = 3
"""So many letters a word has in common with the one that it is mistaken for, at least, unless it is a slip."""
_SHORTEST: Final = 4
"""Letters of a word that may be misspelled."""
_LONGEST: Final = 30
_ALIKE: Final = 0.75
_LOOKED_AT: Final = 50
"""Messages with such words, the newest."""
_ALPHABET: Final = 34
"""Letters that are tried in the place of others; what has more of them takes too long."""
_WHERE: Final = (
    "SELECT chat.jid, chat.name FROM messages AS m CROSS JOIN entities AS chat ON chat.id = m.chat"
    " WHERE m.arrival IN ({arrivals})"
)
_DOCUMENTS: Final = (
    f"SELECT {DOCUMENT_COLUMNS} FROM messages AS m LEFT JOIN media ON media.arrival = m.arrival"
    " WHERE m.arrival IN ({arrivals})"
)


def searched(
    connection: StoreConnection,
    query: Query,
    filters: Filters,
    span: Span,
    part: Slice,
    *,
    by_relevance: bool = False,
) -> Page[Message]:
    """What a search finds (``listing.found``) and, if that is nothing, what would find something."""
    page = found(connection, query, filters, span, part, by_relevance=by_relevance)
    return replace(page, hint=hint(connection, query, filters, span)) if page.total == 0 else page


def hint(connection: StoreConnection, query: Query, filters: Filters, span: Span) -> Hint:
    """What finds something instead of this search, which finds nothing."""
    if not query.wanted:
        return Hint()
    everywhere = Filters(chat=filters.chat, apart_from=filters.apart_from)
    any_chat = _any_chat(connection, filters)
    elsewhere = replace(filters, chat=None, apart_from=any_chat.apart_from)
    nearest = dict(_spellings(connection, query, any_chat))
    respelled = query.respelled({term: word for term, (word, _) in nearest.items()})
    spelling = _counted(connection, respelled, filters, span) if nearest else None
    tried = Hint(
        fewer_words=_fewer(connection, query, filters, span),
        spelling=spelling,
        spelled_in=[jid for _, jids in nearest.values() for jid in jids] if spelling else (),
        other_chats=_elsewhere(connection, query, elsewhere, span) if filters.chat is not None else (),
    )
    if filters == everywhere and span.is_everything:
        return tried
    whole = _counted(connection, query, everywhere, Span())
    return replace(tried, without_filters=whole.total if whole else 0)


def _any_chat(connection: StoreConnection, filters: Filters) -> Filters:
    """No filters but that status updates are left out, as in every search that names no chat."""
    status = find_entity(connection, STATUS_BROADCAST) if filters.chat is not None else None
    return Filters(apart_from=filters.apart_from if status is None else (status,))


def _counted(connection: StoreConnection, query: Query, filters: Filters, span: Span) -> Suggestion | None:
    """None where it finds nothing."""
    _, found = widened(connection, query, scoped(connection, filters), span)
    count = len(found.newest)
    return Suggestion(query.text, min(count, COUNTED), count > COUNTED) if count else None


def _fewer(connection: StoreConnection, query: Query, filters: Filters, span: Span) -> list[Suggestion]:
    """With one word less; where that finds nothing, with one word alone."""
    places = range(len(query.wanted))
    if not 1 < len(places) <= WORDS:
        return []
    subsets = [[place for place in places if place != left_out] for left_out in places]
    if len(places) > 2:
        subsets += [[place] for place in places]
    found: list[Suggestion] = []
    most = 0
    for subset in subsets:
        if found and len(subset) < most:
            break
        suggestion = _counted(connection, query.part(*subset), filters, span)
        if suggestion is not None:
            found.append(suggestion)
            most = len(subset)
    return sorted(found, key=lambda one: one.total)[:SUGGESTIONS]


def _elsewhere(connection: StoreConnection, query: Query, filters: Filters, span: Span) -> list[Elsewhere]:
    """Where it finds something in any chat."""
    _, found = widened(connection, query, scoped(connection, filters), span)
    newest = [place & ARRIVAL_MASK for place in found.newest[:_LOOKED_AT]]
    rows = connection.execute(_WHERE.format(arrivals=", ".join("?" * len(newest))), newest)
    chats = Counter((jid, name) for jid, name in rows)
    return [
        Elsewhere(stored_jid(jid), known_as(stored_jid(jid), name), count)
        for (jid, name), count in chats.most_common(SUGGESTIONS)
    ]


# -- spelling ---------------------------------------------------------------------------------------------------------


def _spellings(
    connection: StoreConnection, query: Query, filters: Filters
) -> Iterator[tuple[Term, tuple[str, Sequence[Jid]]]]:
    """For each word that no message has, the likeliest one that some have, and the chats of these."""
    anywhere = scoped(connection, filters)
    for term in {term for choice in query.wanted for term in choice}:
        if not _may_be_misspelled(term) or widened(connection, _asking(term), anywhere, Span())[1].newest:
            continue
        found = _alike(connection, term.words, anywhere)
        if found is not None:
            yield term, found


def _may_be_misspelled(term: Term) -> bool:
    one_word = term.words.isalpha() and not term.quoted and not term.prefix
    return one_word and _SHORTEST <= len(term.words) <= _LONGEST


def _asking(*terms: Term) -> Query:
    return Query((terms,), (), is_blank=False)


def _alike(connection: StoreConnection, word: str, anywhere: Filters) -> tuple[str, Sequence[Jid]] | None:
    """First among what begins like it, as far as anything does; else what one slip at its beginning makes of it."""
    for length in range(len(word) - 1, _PREFIX - 1, -1):
        begins = _asking(Term(word[:length], prefix=True))
        newest = hits(connection, begins, anywhere, Span()).newest[:_LOOKED_AT]
        if newest:
            words = _words_in(connection, newest)
            near = get_close_matches(word, [one for one in words if one.startswith(word[:length])], 1, _ALIKE)
            if near:
                return near[0], _chats_of(connection, words[near[0]])
    slips = list(_slips(word))
    newest = hits(connection, _asking(*map(Term, slips)), anywhere, Span()).newest[:_LOOKED_AT]
    words = _words_in(connection, newest)
    near = [one for one in slips if one in words]
    if not near:
        return None
    likeliest = max(near, key=lambda one: len(words[one]))
    return likeliest, _chats_of(connection, words[likeliest])


def _slips(word: str) -> Iterator[str]:
    """What it would be without a letter that was left out, doubled, swapped or mistaken in its first four."""
    starts = {ord(letter) & ~0x7F for letter in word}
    letters = [chr(code) for start in starts for code in range(start, start + 0x80)]
    alphabet = [letter for letter in letters if letter.isalpha() and letter == letter.casefold()]
    if len(alphabet) > _ALPHABET:
        alphabet = []
    made = set()
    for place in range(_PREFIX + 1):
        before, after = word[:place], word[place:]
        made |= {before + after[1:], before + after[1:2] + after[:1] + after[2:]}
        made |= {before + letter + after for letter in alphabet}
        made |= {before + letter + after[1:] for letter in alphabet}
    yield from sorted(made - {word})


def _words_in(connection: StoreConnection, places: Sequence[int]) -> dict[str, set[int]]:
    """The words of these messages, each with the arrivals of those that have it."""
    found: dict[str, set[int]] = {}
    arrivals = [place & ARRIVAL_MASK for place in places]
    rows = connection.execute(_DOCUMENTS.format(arrivals=", ".join("?" * len(arrivals))), arrivals).fetchall()
    for place, document in documents(rows):
        for word in document.split():
            found.setdefault(word, set()).add(place & ARRIVAL_MASK)
    return found


def _chats_of(connection: StoreConnection, arrivals: Collection[int]) -> list[Jid]:
    rows = connection.execute(_WHERE.format(arrivals=", ".join("?" * len(arrivals))), tuple(arrivals))
    return [stored_jid(jid) for jid in {jid for jid, _ in rows}]
