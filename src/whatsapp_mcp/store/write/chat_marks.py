"""Which chats are pinned, archived and muted, as neonize's database tells it beside what side logins tell.

neonize has no event for it. Its database has how things stand, and stands behind a change that a side login made until
the phone makes another one: so each collection counts from the version on that is known here, and of it what is not as
it was seen last. Of two addresses of one person each has a row there, so that no row tells how the chat is, but what
changed in it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import MUTED_FOR_EVER, ChatChanged, ChatMarks, ChatMarksRead, ChatMarksSeen

COLLECTION_OF: Final = {"pinned": "regular_low", "archived": "regular_low", "muted_until": "regular_high"}
"""Where WhatsApp keeps each mark."""
TOLD_ELSEWHERE: Final = ("regular_high", "regular_low", "regular")
"""Collections with stars, deletions, read marks and labels, which are not in neonize's database."""
_USUAL: Final[dict[str, int]] = {"pinned": 0, "archived": 0, "muted_until": 0}


class SeenMarks:
    """What was seen, as JSON."""

    def __init__(self, kept: str | None) -> None:
        found: dict[str, Any] = json.loads(kept) if kept else {}
        self._device: str = found.get("device", "")
        self._looked: bool = found.get("looked", False)
        self._versions: dict[str, int] = found.get("versions", {})
        self._read: dict[str, int] = found.get("read", {})
        self._chats: dict[str, dict[str, int]] = found.get("chats", {})
        """By JID, marks that are not as usual."""

    def kept(self) -> str:
        kept: dict[str, Any] = {"device": self._device, "looked": self._looked}
        kept |= {"versions": self._versions, "read": self._read, "chats": self._chats}
        return json.dumps(kept)

    @property
    def unread(self) -> dict[str, int]:
        """The collections in which something was changed that is not a mark, and after which version."""
        read = {name: self._read.get(name, 0) for name in TOLD_ELSEWHERE}
        return {name: version for name, version in read.items() if self._versions.get(name, 0) > version}

    def look(self, seen: ChatMarksSeen, now: int) -> Iterator[ChatChanged]:
        """What changed since the last look.

        Args:
            now: milliseconds since 1970; a mute that is over is none.
        """
        self._of(seen.device)
        if not self._looked:  # what was before is told by the history
            self._read, self._looked = seen.versions | self._read, True
        told_by: Counter[str] = Counter()
        counts = {name for name, version in seen.versions.items() if version >= self._versions.get(name, 0)}
        for marks in seen.chats:
            told = _told(marks, now)
            known = _USUAL | self._chats.get(str(marks.chat), {})
            new = {name: told[name] for name in told if told[name] != known[name] and COLLECTION_OF[name] in counts}
            if new:
                told_by.update({COLLECTION_OF[name] for name in new})
                self._note(marks.chat, known | new)
                yield _change(marks.chat, new)
        for name in counts:
            before, self._versions[name] = self._versions.get(name, 0), seen.versions[name]
            if self._read.get(name, 0) == before and told_by[name] >= seen.versions[name] - before:
                self._read[name] = seen.versions[name]  # a change of the phone is a version; each was one of a mark

    def read(self, read: ChatMarksRead) -> None:
        """What a side login read or made is known, and stored by itself."""
        self._of(read.device)
        for change in read.changes:
            said = {name: int(value) for name in _USUAL if (value := getattr(change, name)) is not None}
            self._note(change.chat, self._chats.get(str(change.chat), {}) | said)
        for name, version in read.versions.items():
            self._versions[name] = max(version, self._versions.get(name, 0))
            if self._read.get(name, 0) >= read.since.get(name, version):
                self._read[name] = self._versions[name]  # all that WhatsApp has, even if it says less than neonize

    def _of(self, device: str) -> None:
        """Nothing of another device counts."""
        if self._device != device:
            self._device, self._looked = device, False
            self._versions, self._read, self._chats = {}, {}, {}

    def _note(self, chat: Jid, marks: dict[str, int]) -> None:
        unusual = {name: value for name, value in marks.items() if value}
        if unusual:
            self._chats[str(chat)] = unusual
        else:
            self._chats.pop(str(chat), None)


def _told(marks: ChatMarks, now: int) -> dict[str, int]:
    muted = marks.muted_until if marks.muted_until == MUTED_FOR_EVER or marks.muted_until > now else 0
    return {"pinned": int(marks.pinned), "archived": int(marks.archived), "muted_until": muted}


def _change(chat: Jid, new: dict[str, int]) -> ChatChanged:
    return ChatChanged(
        chat,
        pinned=bool(new["pinned"]) if "pinned" in new else None,
        archived=bool(new["archived"]) if "archived" in new else None,
        muted_until=new.get("muted_until"),
    )
