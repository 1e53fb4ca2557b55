from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.side_login.linked import Linked, linked


@pytest.fixture
async def side(tmp_path: Path) -> AsyncIterator[Linked]:
    async with linked(tmp_path) as this:
        yield this
