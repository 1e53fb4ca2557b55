"""What a person asks for on the command line: chats by any of their names, times as they are written."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from typing import Final

from whatsapp_mcp.clock import local
from whatsapp_mcp.errors import AmbiguousRecipient, InvalidArgument, NotFound
from whatsapp_mcp.jid import GROUP, LID, NEWSLETTER, USER, Jid
from whatsapp_mcp.phone_number import parse_number
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.records import NamedTarget
from whatsapp_mcp.store.search.span import Span
from whatsapp_mcp.untrusted_text import clean_text

_DIGITS: Final = re.compile(r"[0-9]+(-[0-9]+)?")
_LAST_OF_DAY: Final = time(23, 59, 59)


def chosen_chats(reader: StoreReader, wanted: Sequence[str]) -> list[Jid]:
    """Chats of the store by JID, number or exact name.

    Raises:
        NotFound: there is no such chat; near names are the candidates.
        AmbiguousRecipient: several have this name; they are the candidates.
    """
    return [_chat(reader, text.strip()) for text in wanted]


def _chat(reader: StoreReader, text: str) -> Jid:
    for jid in addresses(text):
        if (chat := reader.chat(jid)) is not None:
            return chat.jid
    named = [target for target in reader.find_by_name(text) if reader.chat(target.jid) is not None]
    if len(named) == 1:
        return named[0].jid
    if named:
        raise AmbiguousRecipient(
            f"--chat: {len(named)} chats have the name {text!r}",
            next_step="Name one by its JID.",
            candidates=_listed(named),
        )
    near = [target for target in reader.near_names(text) if reader.chat(target.jid) is not None]
    raise NotFound(
        f"--chat: the store has no chat {text!r}",
        next_step="Pass a number, a JID, or the exact name of a chat" + (", perhaps one of these:" if near else "."),
        candidates=_listed(near) or None,
    )


def addresses(text: str) -> Iterable[Jid]:
    """All that a text may be if it is no name."""
    if "@" in text:
        try:
            jid = Jid.parse(text).bare
        except ValueError:
            return
        yield Jid(jid.user, USER) if jid.server == "c.us" else jid
        return
    with contextlib.suppress(InvalidArgument):
        yield Jid(parse_number(text, "--chat"), USER)
    if _DIGITS.fullmatch(text):
        for server in (GROUP, LID, NEWSLETTER):
            yield Jid(text, server)


def _listed(targets: Iterable[NamedTarget]) -> list[dict[str, str]]:
    return [
        {"jid": str(target.jid), "name": " ".join(clean_text(target.name).split())}
        | ({"name_source": target.name_source} if target.name_source else {})
        for target in targets
    ]


def chosen_span(since: str | None, until: str | None) -> Span:
    """A date is the whole day; without a time zone it is that of this machine.

    Raises:
        InvalidArgument: not a time, or the end lies before the start.
    """
    start = _moment(since, "--since", time()) if since else None
    end = _moment(until, "--until", _LAST_OF_DAY) if until else None
    if start and end and end < start:
        raise InvalidArgument(
            f"--until {until} lies before --since {since}", field="--until", next_step="Correct one of them."
        )
    return Span(start, end)


def _moment(text: str, option: str, of_day: time) -> datetime:
    try:
        try:
            moment = datetime.combine(date.fromisoformat(text), of_day)
        except ValueError:
            moment = datetime.fromisoformat(text)
        return local(moment)
    except (ValueError, OverflowError):  # also years that no clock here knows
        raise InvalidArgument(
            f"{option}: {text!r} is no date or time",
            field=option,
            next_step="Write it as 2026-10-31, 2026-10-31T18:30 or 2026-10-31T18:30:00Z.",
        ) from None
