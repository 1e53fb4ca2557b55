"""The hierarchy of errors: complete, distinct, and the same on both sides of the pipe."""

from __future__ import annotations

import json

import pytest

from whatsapp_mcp import errors
from whatsapp_mcp.errors import (
    AmbiguousRecipient,
    InvalidArgument,
    NotFound,
    WhatsAppMcpError,
    from_wire,
)

CLASSES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, WhatsAppMcpError)]


def test_every_class_is_public_and_in_the_drawing() -> None:
    assert {cls.__name__ for cls in CLASSES} | {"from_wire"} == set(errors.__all__) - {"CODES"}
    assert errors.__doc__ is not None
    for cls in CLASSES:
        assert cls.__name__ in errors.__doc__


def test_codes_are_distinct() -> None:
    assert len({cls.code for cls in CLASSES}) == len(CLASSES)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_says_what_to_do(cls: type[WhatsAppMcpError]) -> None:
    error = cls("it failed")
    assert str(error) == error.message == "it failed"
    assert error.next_step.endswith((".", "mcp"))
    assert error.to_wire()["code"] == cls.code


@pytest.mark.parametrize("cls", CLASSES)
def test_wire_round_trip(cls: type[WhatsAppMcpError]) -> None:
    error = cls("it failed", next_step="Do that.", details={"retry_after_seconds": 7, "candidates": [{"jid": "1@lid"}]})
    back = from_wire(json.loads(json.dumps(error.to_wire())))
    assert type(back) is cls
    assert back.to_wire() == error.to_wire()


@pytest.mark.parametrize("cls", CLASSES)
def test_wire_round_trip_of_defaults(cls: type[WhatsAppMcpError]) -> None:
    assert from_wire(cls("it failed").to_wire()).to_wire() == cls("it failed").to_wire()


@pytest.mark.parametrize("data", [{}, {"code": "from the future", "message": "x"}, {"code": None, "details": None}])
def test_an_unknown_code_is_still_an_error(data: dict[str, object]) -> None:
    error = from_wire(data)
    assert type(error) is WhatsAppMcpError
    assert error.next_step


def test_details() -> None:
    assert InvalidArgument("bad", field="phone", details={"limit": 3}).details == {"field": "phone", "limit": 3}
    assert InvalidArgument("bad").details == {}
    candidates = [{"jid": "1@lid", "name": "Ana"}]
    assert AmbiguousRecipient("two", candidates=candidates).details == {"candidates": candidates}


def test_a_next_step_belongs_to_its_error() -> None:
    NotFound("a", next_step="Special.")
    assert NotFound("b").next_step != "Special."
