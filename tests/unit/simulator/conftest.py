"""The simulator works on Linux only: elsewhere its tests are skipped, and say so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if sys.platform != "linux":
        for item in items:
            if _HERE in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="the simulator works on Linux only"))
