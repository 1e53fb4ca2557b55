"""`whatsapp-mcp accounts move` that was ended on its way: where the account can be used meanwhile, and how it ends."""

from __future__ import annotations

import json
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.offline.diagnosis.checks import Check, problem, warning
from whatsapp_mcp.pipe.account_lock import holder_of, is_free
from whatsapp_mcp.session_db.database import linked_device
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.whereabouts import Whereabouts

Direction = Literal["into-database", "out-of-database"]
BEGUN: Final = "begun"
"""The file in `.moving` that says where to, before everything is copied; then it is the mark."""
_BACK: Final[dict[Direction, Direction]] = {
    "into-database": "out-of-database",
    "out-of-database": "into-database",
}
_PLACES: Final[dict[Direction, str]] = {"into-database": "the database", "out-of-database": "its files"}


class MoveStatus(BaseModel):
    """Of an account that is not yet where it was to go."""

    model_config = ConfigDict(frozen=True)

    direction: Direction
    usable: bool
    """The account can be used, where it was or where it goes."""
    said: str
    next_step: str

    @property
    def line(self) -> str:
        """As a sentence."""
        return f"the account that moves to {_PLACES[self.direction]} {self.said}"


def direction_of(settings: Settings) -> Direction | None:
    """Where to everything is copied; None: it is not."""
    return _written(settings.moved_mark.name, settings)


def direction_text(direction: Direction) -> bytes:
    return json.dumps({"direction": direction}).encode()


def move_status(settings: Settings) -> MoveStatus | None:
    """None: nothing is on its way from or to this machine. Only looks."""
    copied = direction_of(settings)
    direction = copied or _written(BEGUN, settings)
    if direction is None:
        return None
    holder = None if is_free(settings.lock_path) else holder_of(settings.lock_path)
    if holder is not None and "accounts move" in holder.command:
        return MoveStatus(
            direction=direction, usable=True, said="is on its way just now", next_step="Wait for its end."
        )
    command = f"whatsapp-mcp accounts move {settings.account}"
    finish = f"`{command} --{direction}` finishes it"
    back = f"`{command} --{_BACK[direction]}` takes it back after that"
    if copied is None:
        said = "was ended while it was copied; it is used where it was, and a part of a copy lies beside it"
        return MoveStatus(
            direction=direction, usable=True, said=said, next_step=f"{finish}, from the beginning; {back}."
        )
    files = settings.model_copy(update={"database": None}).session_db
    schema = settings.keys if settings.database is not None else None
    source, target = (files, schema) if direction == "into-database" else (schema, files)
    if _is_linked(source):
        said = "was ended when it was copied; it is used where it was"
        return MoveStatus(
            direction=direction, usable=True, said=said, next_step=f"{finish}, from the beginning; {back}."
        )
    if _is_linked(target):
        said = "is where it was to go, and what it left behind is not removed yet"
        return MoveStatus(direction=direction, usable=True, said=said, next_step=f"{finish}; {back}.")
    said = "can be used nowhere: its keys are in the copy alone"
    if schema is None:
        said = "cannot be used from its files, and the database is not named"
        finish = f"Set WHATSAPP_MCP_DATABASE; {finish}"
    return MoveStatus(direction=direction, usable=False, said=said, next_step=f"{finish}; {back}.")


def check_move(settings: Settings) -> Check | None:
    """A line only where something is on its way."""
    found = move_status(settings)
    if found is None:
        return None
    judged = warning if found.usable else problem
    return judged("move", found.line, found.next_step)


def _written(name: str, settings: Settings) -> Direction | None:
    try:
        found = json.loads((settings.moving_dir / name).read_bytes())["direction"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return "into-database" if found == "into-database" else "out-of-database"


def _is_linked(where: Whereabouts | None) -> bool:
    if where is None:
        return False
    try:
        return linked_device(where) is not None
    except WhatsAppMcpError:
        return False
