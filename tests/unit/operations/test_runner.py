"""Handlers, the catalogue and the runner fit together."""

from __future__ import annotations

import inspect

import pytest

from tests.unit.operations.bench import catalog
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.runner import handlers


def test_every_operation_has_its_handler() -> None:
    assert handlers().keys() == catalog().by_name.keys()


def test_two_handlers_for_one_operation() -> None:
    with pytest.raises(ValueError, match="two handlers for sendMessage"):
        operation("sendMessage")(next(iter(handlers().values())))


@pytest.mark.parametrize("name", sorted(handlers()))
def test_a_handler_takes_the_arguments_of_its_operation(name: str) -> None:
    _, taken, *_ = inspect.get_annotations(handlers()[name]).values()
    assert taken == f"args.{catalog().by_name[name].arguments_type}"
