"""The server for the conformance suites: `python -m tests.conformance.server PORT`.

Everything of the real one but WhatsApp, on a store with some messages. What a suite wants of a server's own (`test_*`
tools, resources and prompts) is in `fixtures`. The suites have no token, so each request is given one here.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.conformance.fixtures import with_fixtures
from tests.unit.operations.bench import Bench, catalog
from tests.unit.operations.fakes import BO, TEAM
from tests.unit.server.connections import FakeAccounts
from tests.unit.server.fakes import TOKEN, FakeTokens
from whatsapp_mcp.server.app import build_server
from whatsapp_mcp.server.auth import HttpAccess
from whatsapp_mcp.server.http import account_paths, http_app


def with_token(app: ASGIApp) -> ASGIApp:
    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "headers": [*scope["headers"], (b"authorization", f"Bearer {TOKEN}".encode())]}
        await app(scope, receive, send)

    return asked


async def serve(port: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        try:
            bench.people()
            bench.receive("A1", "first words")
            bench.receive("T1", "team words", chat=TEAM, sender=BO)
            server = with_fixtures(
                build_server(catalog().operations, bench.runner, bench.settings, session=bench.session)
            )
            paths = account_paths(FakeAccounts(default=server), host="127.0.0.1")
            app = http_app(paths, access=HttpAccess(FakeTokens()))
            async with app.router.lifespan_context(app):
                config = uvicorn.Config(with_token(app), port=port, lifespan="off", log_config=None, ws="none")
                await uvicorn.Server(config).serve()
        finally:
            bench.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
