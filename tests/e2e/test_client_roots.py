"""Files from the roots of an MCP client, in both generations of the protocol."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client
from mcp.client.context import ClientRequestContext
from mcp.types import ListRootsResult, Root
from pydantic import FileUrl

from tests.e2e.harness import Host, server_parameters, whatsapp
from whatsapp_mcp.simulator import Simulator

WITH_ROOTS = {"WHATSAPP_MCP_CLIENT_ROOTS": "true"}


class Roots:
    """A client's folders, and how often it was asked for them."""

    def __init__(self, *folders: Path) -> None:
        self.folders = folders
        self.asked = 0

    async def __call__(self, context: ClientRequestContext) -> ListRootsResult:
        self.asked += 1
        return ListRootsResult(roots=[Root(uri=FileUrl(folder.as_uri())) for folder in self.folders])


@asynccontextmanager
async def host_with(endpoint: Path, data_dir: Path, roots: Roots, mode: str, **more: str) -> AsyncIterator[Host]:
    parameters = server_parameters(endpoint, data_dir, **more)
    async with Client(parameters, mode=mode, list_roots_callback=roots) as client:
        yield Host(client, data_dir)


async def _linked(simulator: Simulator, host: Host) -> None:
    await host.pair(simulator)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_file_below_a_root_is_sent(tmp_path: Path, mode: str) -> None:
    project, other = tmp_path / "project", tmp_path / "other"
    for folder in (project, other):
        folder.mkdir()
        (folder / "notes.txt").write_text(f"from {folder.name}")
    (project / "way-out.txt").symlink_to(other / "notes.txt")
    roots = Roots(project)
    async with whatsapp(tmp_path) as (simulator, endpoint):
        async with host_with(endpoint, tmp_path / "data", roots, mode, **WITH_ROOTS) as host:
            await _linked(simulator, host)
            ana = await simulator.add_contact("Ana")
            await host.call("sendMessage", phone=ana.number, message="first")
            assert roots.asked == 0, "nobody is asked before a file is named"
            await host.call("sendFile", phone=ana.number, file=str(project / "notes.txt"))
            received = await ana.wait_for_message(start=1)
            assert await received.download() == b"from project"
            assert roots.asked == 1
            for path in (other / "notes.txt", project / "way-out.txt", tmp_path / "data" / "default" / "session.db"):
                error = await host.refused("sendFile", phone=ana.number, file=str(path))
                assert error["code"] == "not_allowed", path
            assert (
                "WHATSAPP_MCP_OUTBOX"
                in (await host.refused("sendFile", phone=ana.number, file="/etc/hosts"))["next_step"]
            )
            assert roots.asked == 1
            if mode == "legacy":
                roots.folders = (other,)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # the latest revision has no roots
                    await host.client.session.send_roots_list_changed()
                await host.call("sendFile", phone=ana.number, file=str(other / "notes.txt"))
                assert (await (await ana.wait_for_message(start=2)).download()) == b"from other"
                assert roots.asked == 2
                await host.refused("sendFile", phone=ana.number, file=str(project / "notes.txt"))
        async with host_with(endpoint, tmp_path / "data", roots, mode) as host:
            error = await host.refused("sendFile", phone=ana.number, file=str(other / "notes.txt"))
            assert "WHATSAPP_MCP_CLIENT_ROOTS" in error["next_step"], "without the setting they count nothing"
