"""What the simulator sends to clients, as it does in tests, for `whatsapp-mcp simulate --compare`.

python -m pytest -p tests.stanzas tests/unit/simulator        adds to stanzas.jsonl what is new
"""

from __future__ import annotations

import logging
from typing import Final

import pytest

from whatsapp_mcp.simulator.control.comparison import MADE
from whatsapp_mcp.simulator.network import connection
from whatsapp_mcp.wire.shape_record import RecordedShapes, read_record
from whatsapp_mcp.wire.shapes import shapes_of
from whatsapp_mcp.wire.stanza_log import stanza_in

_SENT: Final = "-> %s"
_KEPT: Final = pytest.StashKey[RecordedShapes]()


class Taking(logging.Handler):
    """Takes the shapes out of the simulator's own log, by the reader that a record is made with."""

    def __init__(self, made: RecordedShapes) -> None:
        super().__init__(logging.DEBUG)
        self._made = made

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg == _SENT and isinstance(record.args, tuple):
            stanza = stanza_in(str(record.args[0]))
            for shape in shapes_of(stanza, "received") if stanza is not None else ():
                self._made.add(shape)


def pytest_configure(config: pytest.Config) -> None:
    made = read_record(MADE)
    config.stash[_KEPT] = made
    connection.log.setLevel(logging.DEBUG)
    connection.log.addHandler(Taking(made))
    connection.log.propagate = False


def pytest_sessionfinish(session: pytest.Session) -> None:
    MADE.write_text(session.config.stash[_KEPT].text(), encoding="utf-8")
