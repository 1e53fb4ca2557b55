"""How far each webhook is, in a file beside the book: the queue is the store itself, and this its read marks.

Only the deliverer writes it; who reads it sees one state or the next.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from whatsapp_mcp.documents import read_document, write_document
from whatsapp_mcp.private_files import write_private
from whatsapp_mcp.whereabouts import Place

logger = logging.getLogger(__name__)


class Standing(BaseModel):
    """Of one webhook. Times are milliseconds since 1970."""

    model_config = ConfigDict(extra="ignore")

    position: int = 0
    """Everything up to this arrival number is delivered, given up, or not for it."""
    delivered: int = 0
    delivered_at: int | None = None
    refused: int = 0
    """Events that the receiver did not take, and that were passed over."""
    failing_since: int | None = None
    """Nothing has gone through since then."""
    tries: int = 0
    """Of the event that comes next."""
    error: str | None = None
    """Why the last try failed, in our words."""
    stopped_at: int | None = None
    """Nothing more is sent until the owner lets it go on."""
    resumed: int = 0
    """``Webhook.resumed`` when this was written: if it is more now, the owner has."""
    missed: bool = False
    """Some events were kept no longer when it came to them; said with the next one."""


class _Content(BaseModel):
    version: Annotated[int, Field(ge=1, le=1)] = 1
    webhooks: dict[str, Standing] = Field(default_factory=dict)
    """By the id of the webhook."""


def read_progress(place: Place) -> dict[str, Standing]:
    """By the id of the webhook. What cannot be understood counts as nothing: then what is kept is sent again, from
    where each webhook began, under the same ids. Raises OSError, StoreError."""
    try:
        written = place.read_bytes() if isinstance(place, Path) else read_document(place)
        return _Content.model_validate_json(written).webhooks if written is not None else {}
    except FileNotFoundError:
        return {}
    except ValidationError:
        logger.error("%s cannot be read; webhooks begin anew", place)
        return {}


class WrittenProgress:
    """The file as it is to be: only what has changed is made into JSON again, for there may be a thousand webhooks."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._lines: dict[str, str] = {}

    def note(self, standings: Mapping[str, Standing]) -> None:
        """How far these are now."""
        for key, standing in standings.items():
            self._lines[key] = f"{json.dumps(key)}:{standing.model_dump_json(exclude_defaults=True)}"

    def forget(self, key: str) -> None:
        self._lines.pop(key, None)

    def write(self) -> None:
        """In any thread. Raises OSError, StoreError."""
        content = f'{{"webhooks":{{{",".join(list(self._lines.values()))}}}}}\n'
        if isinstance(self._place, Path):
            write_private(self._place, content.encode())
        else:
            write_document(self._place, content.encode())
