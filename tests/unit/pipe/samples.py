"""An instance of any model of the pipe, so that a new command is tested the day it is written."""

from __future__ import annotations

import types
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from whatsapp_mcp.jid import Jid

_VALUES: dict[Any, Any] = {
    str: "text\n\u2028\0 🙂",
    int: 7,
    float: 1.5,
    bool: True,
    Jid: Jid("4915100000001", "s.whatsapp.net", 3),
    datetime: datetime(2026, 1, 31, 15, 0, 0, 123_000, UTC),
    Any: "anything",
    object: "anything",
}


def sample(model: type[BaseModel], *, optional: bool) -> BaseModel:
    """``optional``: fields that may be None have a value; else they are None."""
    return model(
        **{name: _value(field.rebuild_annotation(), optional=optional) for name, field in model.model_fields.items()}
    )


def _value(annotation: Any, *, optional: bool) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _value(arguments[0], optional=optional)
    if origin in (Union, types.UnionType):
        if type(None) in arguments and not optional:
            return None
        return _value(arguments[0], optional=optional)
    if origin is Literal:
        return arguments[0]
    if origin is tuple:
        return (_value(arguments[0], optional=optional),) * 2
    if origin is dict:
        return {"key": _value(arguments[1], optional=optional)}
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return next(iter(annotation))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return sample(annotation, optional=optional)
    if isinstance(annotation, type) and issubclass(annotation, tuple):  # a NamedTuple
        return annotation(*(_value(each, optional=optional) for each in get_type_hints(annotation).values()))
    return _VALUES[annotation]
