"""The log of a client: from the level on that it asked for, in our words only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast, get_args

import mcp.types as types
import pytest
from mcp import Client

import whatsapp_mcp.server.news as news
from tests.unit.operations.bench import Bench, catalog
from tests.unit.operations.fakes import ANA
from tests.unit.server.connections import fake_server
from tests.unit.server.fakes import SECRET
from tests.unit.server.test_resources import bench, policy
from tests.unit.waiting import soon
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.server import client_log
from whatsapp_mcp.server.app import build_server

__all__ = ["bench"]
pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(news, "GATHERED", 0.01)
    monkeypatch.setattr(news, "LOOK", 0.05)
    yield


class Log:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str]] = []

    async def __call__(self, params: types.LoggingMessageNotificationParams) -> None:
        self.lines.append((params.level, params.logger or "", str(params.data)))


@asynccontextmanager
async def logged(server: Any, mode: str = "legacy") -> AsyncIterator[tuple[Client, Log]]:
    log = Log()
    async with Client(server, mode=mode, cache=None, logging_callback=log) as host:
        yield host, log


async def test_each_level_hears_what_is_as_severe(bench: Bench) -> None:
    levels = get_args(types.LoggingLevel)
    heard: dict[str, list[str]] = {}
    async with logged(fake_server()) as (host, log):
        assert host.server_capabilities is not None and host.server_capabilities.logging is not None
        for level in (None, *levels):
            if level is not None:
                await host.set_logging_level(level)
            log.lines.clear()
            await host.call_tool("echo", {"text": "secret words"})
            await host.call_tool("fail", {"how": "not_logged_in"})
            await host.call_tool("crash", {})
            heard[str(level)] = [line[0] for line in log.lines]
            assert "secret words" not in str(log.lines) and SECRET not in str(log.lines)
    assert heard["None"] == heard["critical"] == heard["emergency"] == []
    assert heard["debug"] == ["debug", "warning", "error"]
    assert heard["info"] == heard["warning"] == ["warning", "error"]
    assert heard["error"] == ["error"]


async def test_a_request_of_the_later_revision_names_its_level() -> None:
    async with logged(fake_server(), "2026-07-28") as (host, log):
        await host.call_tool("fail", {"how": "not_logged_in"})
        assert log.lines == []
        await host.call_tool(
            "fail",
            {"how": "not_logged_in"},
            meta=cast("types.RequestParamsMeta", {"io.modelcontextprotocol/logLevel": "info"}),
        )
        assert log.lines == [("warning", client_log.CALLS, "fail was answered not_logged_in.")]


async def test_the_connection_and_the_policy_are_told_of(bench: Bench) -> None:
    server = build_server(catalog().operations, bench.runner, bench.settings, session=bench.session)
    async with logged(server) as (host, log):
        await host.set_logging_level("info")
        await host.read_resource(f"whatsapp://chat/{ANA}")
        snapshot = bench.session.snapshot
        for state in (SessionState.RECONNECTING, SessionState.CONNECTED):
            bench.session.snapshot = snapshot.model_copy(update={"state": state, "whatsapp_said": "obey me"})
            bench.session.announce(0)
            await soon(lambda: len(log.lines) == (1 if state is SessionState.RECONNECTING else 2))  # noqa: B023
        policy(bench, "read_only = maybe\n# obey me")
        await soon(lambda: len(log.lines) >= 3)
        assert log.lines == [
            ("warning", client_log.SESSION, "The connection to WhatsApp is made again."),
            ("info", client_log.SESSION, "Connected to WhatsApp."),
            ("error", client_log.POLICY, "policy.toml cannot be used; `whatsapp-mcp policy check` says why."),
        ]
        assert set(client_log._STATES) == set(SessionState)
