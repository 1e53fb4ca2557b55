"""Changes as JSON, to travel over the pipe: an object with the name of the change's class and its fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, get_args

from pydantic import TypeAdapter, ValidationError

from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.models.changes import AppStateChange

__all__ = ["decode_changes", "encode_changes"]

_ADAPTERS: Final[dict[str, TypeAdapter[Any]]] = {
    cls.__name__: TypeAdapter(cls, config=None) for cls in get_args(AppStateChange)
}
_TYPE: Final = "change"


def encode_changes(changes: Sequence[AppStateChange]) -> list[dict[str, Any]]:
    return [
        {_TYPE: type(change).__name__, **_ADAPTERS[type(change).__name__].dump_python(change, mode="json")}
        for change in changes
    ]


def decode_changes(rows: Sequence[dict[str, Any]]) -> list[AppStateChange]:
    """Raises InvalidArgument for what `encode_changes` did not write."""
    found: list[AppStateChange] = []
    for row in rows:
        fields = dict(row)
        adapter = _ADAPTERS.get(str(fields.pop(_TYPE, "")))
        if adapter is None:
            raise InvalidArgument(f"not a change: {row!r}")
        try:
            found.append(adapter.validate_python(fields))
        except ValidationError as error:
            raise InvalidArgument(f"not a change: {error}") from error
    return found
