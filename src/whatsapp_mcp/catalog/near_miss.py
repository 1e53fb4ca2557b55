"""The known name that is written nearly as one that does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_WORD: Final = re.compile(r"[a-z]{4,}")


def near_miss(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to ``name``, if one is close; case, ``_`` and ``-`` do not count."""
    return close_by_letters(name, known, 0.6)


def close_by_letters(name: str, known: Iterable[str], likeness: float) -> str | None:
    """The same with a likeness of its own, 1.0 for the same letters."""
    import difflib  # only when something is wrong

    by_fold = {_fold(candidate): candidate for candidate in known}
    matches = difflib.get_close_matches(_fold(name[:100]), by_fold, n=1, cutoff=likeness)
    return by_fold[matches[0]] if matches else None


def sharing_a_word(name: str, known: Iterable[str]) -> str | None:
    """The known name that has a word of four or more letters in common with ``name``: ``reply_to``, ``replyId``."""
    words = _words(name[:100])
    return next((candidate for candidate in known if words & _words(candidate)), None)


def _words(name: str) -> set[str]:
    return set(_WORD.findall(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).casefold()))


def _fold(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "")
