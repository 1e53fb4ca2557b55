"""``whatsapp-mcp simulate --compare``: what WhatsApp does and this simulator does not, by the shapes of stanzas."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final, TextIO

from whatsapp_mcp.simulator.server import Simulator
from whatsapp_mcp.simulator.service.router import Router
from whatsapp_mcp.wire.shape_record import RecordedShapes, Shapes, read_record

MADE: Final = Path(str(files(__package__).joinpath("stanzas.jsonl")))
"""All that the simulator sent to clients in tests: `python -m pytest -p tests.stanzas` adds to it."""
_LABEL: Final = re.compile(r"([^\[/]+)(?:\[(\S*?)(?: (\S*?))?(?: [^\]]*)?\])?")
"""Tag, type and xmlns."""


def run_compare(path: Path, output: TextIO) -> int:
    """Write what differs; exit code 1 if anything does.

    Raises:
        SetupError: there is no record at that path.
    """
    record = read_record(path)
    lines = list(differences(record, read_record(MADE), Simulator().router))
    for line in lines:
        output.write(f"{line}\n")
    if record.unreadable:
        output.write(f"{record.unreadable} stanzas could not be read and are left out.\n")
    output.write(f"{len(lines) or 'Nothing'} differ{'' if len(lines) > 1 else 's'}, of {len(record.places)} places.\n")
    return 1 if lines else 0


def differences(record: RecordedShapes, made: RecordedShapes, router: Router) -> Iterator[str]:
    """What the record has and the simulator has not, a line each."""
    for (direction, path), place in sorted(record.places.items()):
        if direction == "sent":
            if "/" not in path and not _is_answered(path, router):
                yield f"not answered: {path}"
            continue
        known = made.places.get((direction, path))
        if known is not None:
            yield from _more_in(path, place, known)
        elif "/" not in path or (direction, path.rpartition("/")[0]) in made.places:
            # What lies in it is not there either.
            yield f"never made: {path} {_attributes(place)}".rstrip()


def _more_in(path: str, place: Shapes, known: Shapes) -> Iterator[str]:
    for name, kinds in sorted(place.attributes.items()):
        # Numbers, ids and texts look like each other; addresses and words do not.
        news = {kind for kind in kinds - known.attributes.get(name, set()) if kind.startswith(("@", "="))}
        if name not in known.attributes or news:
            yield f"never made: {path} {name}=({', '.join(sorted(news or kinds))})"


def _attributes(place: Shapes) -> str:
    return " ".join(f"{name}=({', '.join(sorted(kinds))})" for name, kinds in sorted(place.attributes.items()))


def _is_answered(path: str, router: Router) -> bool:
    found = _LABEL.fullmatch(path)
    return found is not None and router.answers(found[1], xmlns=found[3] or "", kind=found[2] or "")
