"""What the package shows of itself, though most of it is loaded at first use."""

from __future__ import annotations

import pydoc

from whatsapp_mcp import simulator


def test_pydoc_has_every_name_that_the_package_gives() -> None:
    shown = pydoc.plain(pydoc.render_doc(simulator))
    assert [name for name in simulator.__all__ if f"class {name}(" not in shown and name not in PLAIN] == []
    assert [name for name in PLAIN if name not in shown] == []


PLAIN = ("compose", "run_simulate")
"""A module and a function."""
