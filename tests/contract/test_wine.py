"""The list of tests that are left out under wine names tests that exist."""

from __future__ import annotations

import re

import pytest
from tests.windows.rig import ROOT
from tests.windows.wine import OF_WINE


@pytest.mark.parametrize("file", OF_WINE)
def test_every_name_is_a_test(file: str) -> None:
    tests = set(re.findall(r"^(?:async )?def (test_\w+)", (ROOT / file).read_text("utf-8"), re.MULTILINE))
    assert {name.partition("[")[0] for name in OF_WINE[file]} <= tests
