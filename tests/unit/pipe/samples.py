"""An instance of any model of the pipe, so that a new command is tested the day it is written."""

from __future__ import annotations

import types
from dataclasses import is_dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from whatsapp_mcp.jid import Jid

_VALUES: dict[Any, Any] = {
    str: "text\n\u2028\0 🙂",
    bytes: b"\xff\x00 picture",
    Path: Path("/somewhere/Übung 1.jpg"),
    int: 7,
    float: 1.5,
    bool: True,
    Jid: Jid("4915100000001", "s.whatsapp.net", 3),
    None: None,
    type(None): None,
    datetime: datetime(2026, 1, 31, 15, 0, 0, 123_000, UTC),
    Any: "anything",
    object: "anything",
}


def sample(model: type[BaseModel], *, optional: bool) -> BaseModel:
    """``optional``: fields that may be None have a value; else they are None."""
    return model(
        **{name: value(field.rebuild_annotation(), optional=optional) for name, field in model.model_fields.items()}
    )


def value(annotation: Any, *, optional: bool) -> Any:
    """Of any annotation that a model of the pipe has."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return value(arguments[0], optional=optional)
    if origin in (Union, types.UnionType):
        if type(None) in arguments and not optional:
            return None
        return value(arguments[0], optional=optional)
    if origin is Literal:
        return arguments[0]
    if origin is tuple:
        return (value(arguments[0], optional=optional),) * 2
    if origin is dict:
        return {"key": value(arguments[1], optional=optional)}
    if annotation in _VALUES:
        return _VALUES[annotation]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return next(iter(annotation))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return sample(annotation, optional=optional)
    if is_dataclass(kind := origin or annotation) and isinstance(kind, type):
        given = dict(zip(getattr(kind, "__parameters__", ()), arguments, strict=True))
        types_of = {name: given.get(each, each) for name, each in get_type_hints(kind).items()}
        return kind(**{name: value(each, optional=optional) for name, each in types_of.items()})
    if isinstance(origin, type) and is_dataclass(origin):  # a generic one
        given = dict(zip(getattr(origin, "__parameters__", ()), arguments, strict=True))
        types_of = {name: given.get(each, each) for name, each in get_type_hints(origin).items()}
        return origin(**{name: value(each, optional=optional) for name, each in types_of.items()})
    if isinstance(annotation, type) and issubclass(annotation, tuple):  # a NamedTuple
        return annotation(*(value(each, optional=optional) for each in get_type_hints(annotation).values()))
    raise AssertionError(f"no value for {annotation}")
