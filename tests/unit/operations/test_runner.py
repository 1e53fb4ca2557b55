"""Handlers, the catalogue and the runner fit together."""

from __future__ import annotations

import inspect

import pytest

from tests.unit.operations.bench import catalog
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.runner import handlers, with_handler


def test_every_handler_has_its_operation() -> None:
    assert handlers().keys() <= catalog().by_name.keys()


def test_only_operations_with_a_handler_become_tools() -> None:
    offered = with_handler(catalog().operations)
    assert {one.name for one in offered} == handlers().keys()


def test_two_handlers_for_one_operation() -> None:
    with pytest.raises(ValueError, match="two handlers for sendMessage"):
        operation("sendMessage")(next(iter(handlers().values())))


@pytest.mark.parametrize("name", sorted(handlers()))
def test_a_handler_takes_the_arguments_of_its_operation(name: str) -> None:
    _, taken, *_ = inspect.get_annotations(handlers()[name]).values()
    assert taken == f"args.{catalog().by_name[name].arguments_type}"
