"""Which of two versions of this program is newer."""

from __future__ import annotations

import re


def is_newer(one: str, other: str) -> bool:
    """By their numbers, then by their texts: of two different versions, one is always newer."""
    return _order(one) > _order(other)


def _order(version: str) -> tuple[list[int], str]:
    release = re.match(r"[\d.]*", version)
    assert release is not None, "it matches nothing too"
    return [int(number) for number in re.findall(r"\d+", release[0])], version
