"""Several questions about one state of the store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from whatsapp_mcp.store.database import Snapshots, StoreConnection


class OneState:
    """``Snapshots`` that can be taken inside one another: those inside see what the outermost one of their thread sees,
    and cost nothing."""

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots
        self._taken = threading.local()

    @contextmanager
    def snapshot(self) -> Iterator[StoreConnection | None]:
        if hasattr(self._taken, "connection"):
            yield self._taken.connection
            return
        with self._snapshots.snapshot() as connection:
            self._taken.connection = connection
            try:
                yield connection
            finally:
                del self._taken.connection

    def close(self) -> None:
        self._snapshots.close()
