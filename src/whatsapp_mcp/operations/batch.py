"""Operations that take a list: what could not be done with one item is named, and done with the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from whatsapp_mcp.errors import AmbiguousRecipient, InvalidArgument, NotFound, WhatsAppMcpError
from whatsapp_mcp.policy.call import FailedItem

T = TypeVar("T")
_OF_THE_ITEM: Final = (InvalidArgument, NotFound, AmbiguousRecipient)
"""Errors that say nothing of the other items."""


async def each(
    items: Sequence[str], find: Callable[[str], Awaitable[T]]
) -> tuple[dict[str, T], tuple[FailedItem, ...]]:
    """What ``find`` says of each item, by item, in order and without repetitions; and the items that it refuses.

    Raises:
        WhatsAppMcpError: of the first item, when nothing was found for any.
    """
    found: dict[str, T] = {}
    failed: dict[str, WhatsAppMcpError] = {}
    for item in dict.fromkeys(items):
        try:
            found[item] = await find(item)
        except _OF_THE_ITEM as error:
            failed[item] = error
    if failed and not found:
        raise next(iter(failed.values()))
    return found, tuple(FailedItem(item, error.code, error.message) for item, error in failed.items())
