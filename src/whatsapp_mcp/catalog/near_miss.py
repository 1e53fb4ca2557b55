"""What somebody probably meant by a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable


def near_miss(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to ``name``, if one is close; case, ``_`` and ``-`` do not count."""
    import difflib  # only when something is wrong

    by_fold = {_fold(candidate): candidate for candidate in known}
    matches = difflib.get_close_matches(_fold(name[:100]), by_fold, n=1, cutoff=0.6)
    return by_fold[matches[0]] if matches else None


def _fold(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "")
