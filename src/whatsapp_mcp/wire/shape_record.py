"""A file of shapes: written while stanzas pass, read for a comparison."""

from __future__ import annotations

import json
import logging
import os
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.platform.ownership import open_private_log
from whatsapp_mcp.wire.node import Node
from whatsapp_mcp.wire.shapes import KINDS, UNKNOWN, WORDS, Direction, Shape, shapes_of
from whatsapp_mcp.wire.stanza_log import stanza_in

logger = logging.getLogger(__name__)

MOST_SHAPES: Final = 5_000
LARGEST_FILE: Final = 8_000_000
"""Bytes."""
_LOGGERS: Final[Mapping[str, Direction]] = {"Client/Recv": "received", "Client/Send": "sent"}
_CONTENTS: Final = ("", "elements", "data")


class ShapeRecord:
    """Adds each shape to a file once. May be called from any thread; several processes may add to one file.

    What goes wrong ends the recording, never what is recorded.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._seen: set[Shape] = set()
        self._works = True

    def line(self, level: str, name: str, text: str) -> None:
        """A line of whatsmeow's log; any other than a stanza is ignored."""
        direction = _LOGGERS.get(name)
        if level == "DEBUG" and direction is not None and text.startswith("<"):
            self.take(stanza_in(text), direction)

    def take(self, node: Node | None, direction: Direction) -> None:
        """A stanza; None for one that cannot be read."""
        with self._lock:
            if not self._works:
                return
            try:
                self._add([{"unreadable": 1}] if node is None else self._new(node, direction))
            except Exception:
                self._works = False
                logger.exception("the shapes of stanzas are not recorded any more")

    def _new(self, node: Node, direction: Direction) -> list[dict[str, Any]]:
        new = shapes_of(node, direction) - self._seen
        if len(self._seen) + len(new) > MOST_SHAPES:
            return [{"unreadable": 1}] if new else []
        self._seen |= new
        return [_row(shape) for shape in sorted(new)]

    def _add(self, rows: Iterable[dict[str, Any]]) -> None:
        if text := _lines(rows):
            with os.fdopen(open_private_log(self._path), "ab") as file:
                file.write(text.encode())


@dataclass(slots=True)
class Shapes:
    """What is known of all elements at one place."""

    attributes: dict[str, set[str]] = field(default_factory=dict)
    """Name -> kinds of the values."""
    contents: set[str] = field(default_factory=set)


@dataclass(slots=True)
class RecordedShapes:
    """A whole record."""

    places: dict[tuple[str, str], Shapes] = field(default_factory=dict)
    """(direction, path) -> what is there."""
    unreadable: int = 0
    """Stanzas that could not be read, or were too many."""

    def add(self, shape: Shape) -> None:
        place = self.places.setdefault((shape.direction, shape.path), Shapes())
        place.contents.add(shape.content)
        for name, kind in shape.attributes:
            place.attributes.setdefault(name, set()).add(kind)

    def text(self) -> str:
        """As a file, the same for the same shapes."""
        rows: list[dict[str, Any]] = [{"unreadable": self.unreadable}] if self.unreadable else []
        rows += [
            {
                "direction": direction,
                "path": path,
                "attributes": {name: sorted(kinds) for name, kinds in sorted(place.attributes.items())},
                "content": sorted(place.contents),
            }
            for (direction, path), place in sorted(self.places.items())
        ]
        return _lines(rows)


def read_record(path: Path) -> RecordedShapes:
    """A record, whoever made it: what stands in it is checked, word by word.

    Raises:
        SetupError: it cannot be read, or is none.
    """
    found = RecordedShapes()
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError("too large")
        for line in path.read_bytes().splitlines():
            row = json.loads(line)
            found.unreadable += int(row.get("unreadable", 0))
            if "path" in row:
                _check(row)
                place = found.places.setdefault((row["direction"], row["path"]), Shapes())
                place.contents.update(row["content"])
                for name, kinds in row["attributes"].items():
                    place.attributes.setdefault(name, set()).update(kinds)
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}", next_step="Name another file.") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SetupError(
            f"{path} is no record of stanzas", next_step="Make one with `whatsapp-mcp verify --record FILE`."
        ) from error
    return found


def _row(shape: Shape) -> dict[str, Any]:
    attributes: dict[str, list[str]] = {}
    for name, kind in shape.attributes:
        attributes.setdefault(name, []).append(kind)
    return {"direction": shape.direction, "path": shape.path, "attributes": attributes, "content": [shape.content]}


def _lines(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def _check(row: dict[str, Any]) -> None:
    """Raises ValueError (or what a wrong type raises): something else than words of the protocol is in it."""
    words = WORDS | {UNKNOWN}
    named = [*re.split(r"[/\[\] ]+", row["path"].rstrip("]")), *row["attributes"]]
    kinds = [kind for kinds in row["attributes"].values() for kind in kinds]
    fits = (
        row["direction"] in _LOGGERS.values()
        and words.issuperset(named)
        and all(kind in KINDS or (kind.startswith("=") and kind[1:] in words) for kind in kinds)
        and set(row["content"]) <= set(_CONTENTS)
    )
    if not fits:
        raise ValueError("not a shape")
