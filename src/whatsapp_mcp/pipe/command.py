"""What every command of the pipe has in common."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

R = TypeVar("R")


class Wire(BaseModel):
    """Whatever travels over the pipe."""

    model_config = ConfigDict(
        frozen=True,
        arbitrary_types_allowed=True,
        defer_build=True,
        ser_json_bytes="base64",
        val_json_bytes="base64",
    )


COMMANDS: dict[str, type[Command[Any]]] = {}
"""All commands by name; each registers itself when its module is imported."""


class Command(Wire, Generic[R]):
    """A request to the session process that is answered with an ``R``: a model, or any type that pydantic knows."""

    name: ClassVar[str]
    """On the pipe: ``send_message`` of ``SendMessage``."""
    unconnected: ClassVar[bool] = False
    """Needs no connection to WhatsApp: also carried out while there is none, and during a pause."""
    at_any_time: ClassVar[bool] = False
    """Is asked for without waiting for the connection to WhatsApp."""
    all_or_nothing: ClassVar[bool] = False
    """Unless it fails as `OutcomeUnknown` or `SessionTimeout`, nothing was done when it fails: if the process is
    ending, the next one can be asked."""
    result: ClassVar[Any]
    """The type ``R``."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        if cls.__pydantic_generic_metadata__["origin"] is not None:
            return  # not a command of its own, but Command[R]
        cls.name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        # Of ``Command[R]``, the class right above: pydantic keeps R there.
        (cls.result,) = cls.__mro__[1].__pydantic_generic_metadata__["args"]  # type: ignore[attr-defined]
        assert cls.name not in COMMANDS, f"two commands are called {cls.name}"
        COMMANDS[cls.name] = cls
