"""The icon, and what hosts honour in ``_meta`` of tools."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from PIL import Image

from tests.unit.server.connections import fake_server
from tests.unit.server.fakes import FakeRunner, settings
from whatsapp_mcp.catalog import load_catalog
from whatsapp_mcp.server.app import build_server
from whatsapp_mcp.server.host_meta import NEVER_UNASKED, VIEW

ALL = load_catalog()


async def metas(folder: Path, **changes: Any) -> dict[str, dict[str, Any]]:
    under = settings().model_copy(update={"data_dir": folder, "policy": "careful", **changes})
    async with Client(build_server(ALL.operations, FakeRunner(), under), mode="legacy") as host:
        tools = (await host.list_tools()).tools
    beside_views = {tool.name: {key: tool.meta[key] for key in tool.meta if key != VIEW} for tool in tools if tool.meta}
    return {name: meta for name, meta in beside_views.items() if meta}


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_the_icon_is_a_small_picture(mode: str) -> None:
    async with Client(fake_server(), mode=mode) as host:
        assert host.server_info is not None and host.server_info.icons is not None
        (icon,) = host.server_info.icons
        assert len(icon.src) < 500
        kind, _, content = icon.src.partition(";base64,")
        picture = Image.open(io.BytesIO(base64.b64decode(content)))
        assert (kind, picture.format, picture.size, icon.sizes) == ("data:image/png", "PNG", (48, 48), ["48x48"])


async def test_what_cannot_be_taken_back_wants_a_person(tmp_path: Path) -> None:
    wanted = {name: {"anthropic/requiresUserInteraction": True} for name in NEVER_UNASKED}
    assert await metas(tmp_path) == wanted
    for name in NEVER_UNASKED:
        assert (ALL.by_name[name].effect, ALL.by_name[name].touches.undo) == ("destructive", "never")
    assert await metas(tmp_path, policy="open") == {}
    policy = settings().model_copy(update={"data_dir": tmp_path}).policy_path
    policy.parent.mkdir()
    policy.write_text('[ask]\ndeletes = "never"\n')
    policy.chmod(0o600)
    assert set(await metas(tmp_path)) == NEVER_UNASKED - {"deleteChat"}


async def test_results_beyond_the_limit_of_hosts_say_how_large_they_get(tmp_path: Path) -> None:
    found = await metas(tmp_path, policy="open", result_budget=80_000)
    assert {name: {"anthropic/maxResultSizeChars": 80_000} for name in found} == found
    assert set(found) == {each.name for each in ALL.operations if each.touches.reads != "nothing"}
    largest = await metas(tmp_path, policy="open", result_budget=900_000)
    assert largest["getChatMessages"] == {"anthropic/maxResultSizeChars": 500_000}
