"""Handlers, the catalogue and the runner fit together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.unit.operations.bench import catalog
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.render import time_text
from whatsapp_mcp.operations.runner import handlers, with_handler


def test_every_handler_has_its_operation() -> None:
    assert handlers().keys() <= catalog().by_name.keys()


def test_only_operations_with_a_handler_become_tools() -> None:
    offered = with_handler(catalog().operations)
    assert {one.name for one in offered} == handlers().keys()


def test_two_handlers_for_one_operation() -> None:
    with pytest.raises(ValueError, match="two handlers for sendMessage"):
        operation("sendMessage")(next(iter(handlers().values())))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (None, None),
        (datetime(2026, 1, 31, 15, 0, 0, 999_999, UTC), "2026-01-31T15:00:00Z"),
        (datetime(2026, 1, 31, 15, 0, 0, 0, timezone(timedelta(hours=2))), "2026-01-31T13:00:00Z"),
    ],
)
def test_times_are_utc(moment: datetime | None, text: str | None) -> None:
    assert time_text(moment) == text
