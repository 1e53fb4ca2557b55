"""All end-to-end tests run in one event loop, so that they can share an account."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.shared import SharedAccount


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.parent == here and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="package"), append=False)


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SharedAccount]:
    account = SharedAccount(lambda: tmp_path_factory.mktemp("shared"), tmp_path_factory.mktemp("outbox"))
    yield account
    await account.close()
