"""The HTTP transport: who is let in, how much, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp.server import Server

import whatsapp_mcp.server.connections as connections
import whatsapp_mcp.server.health as health
import whatsapp_mcp.server.http as http
from tests.unit.server.connections import (
    DEADLINE,
    INITIALIZED,
    FakeAccounts,
    Program,
    call,
    fake_server,
    initialize,
    listening,
    modern,
    program,
)
from tests.unit.server.fakes import TOKEN, FakeTokens
from tests.unit.systems import needs_signals
from tests.unit.waiting import soon
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.server.auth import HttpAccess
from whatsapp_mcp.server.health import AccountStanding

HEADERS = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json, text/event-stream"}


@asynccontextmanager
async def client(
    host: str = "127.0.0.1",
    accounts: FakeAccounts | None = None,
    access: HttpAccess | None = None,
    **options: Any,
) -> AsyncIterator[httpx2.AsyncClient]:
    """A plain HTTP client of the application, with the right token."""
    paths = http.account_paths(accounts or FakeAccounts(default=fake_server()), host=host, **options)
    app = http.http_app(paths, access=access or HttpAccess(FakeTokens()))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1:8765", headers=HEADERS
        ) as plain,
    ):
        with anyio.fail_after(DEADLINE):
            yield plain


# ---- who is let in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, b"Bearer \xe9"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_without_the_token_nobody_gets_in(authorization: str | bytes, method: str) -> None:
    """Nor learns which accounts there are, nor starts one."""
    raw = authorization if isinstance(authorization, bytes) else authorization.encode()
    accounts = FakeAccounts(default=fake_server(), work=fake_server())
    async with client(accounts=accounts) as plain:
        for path in ("/mcp", "/mcp/work", "/mcp/unknown", "/mcp/a.b"):
            response = await plain.request(method, path, json=initialize(), headers={b"Authorization": raw})
            assert response.status_code == 401
            assert response.headers["www-authenticate"].startswith("Bearer ")
            assert "resource_metadata" not in response.headers["www-authenticate"]
            assert "work" not in response.text
            assert TOKEN not in response.text
    assert accounts.built == []


async def test_no_discovery_document_sends_clients_into_oauth() -> None:
    async with client() as plain:
        for path in ("oauth-protected-resource/mcp", "oauth-protected-resource", "oauth-authorization-server"):
            assert (await plain.get(f"/.well-known/{path}")).status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8765"}, 200),
        ({"Host": "[::1]:8765"}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example:8765"}, 421),
        ({"Origin": "http://localhost:3000"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content-Type": "text/plain"}, 400),
    ],
)
async def test_host_origin_and_content_type_are_checked(headers: dict[str, str], status: int) -> None:
    accounts = FakeAccounts(default=fake_server(), work=fake_server())
    async with client(accounts=accounts) as plain:
        for path in ("/mcp", "/mcp/work"):
            assert (await plain.post(path, json=initialize(), headers=headers)).status_code == status
            message = modern({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
            named = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list", **headers}
            assert (await plain.post(path, json=message, headers=named)).status_code == status
    assert accounts.built == (["default", "work"] if status == 200 else [])


async def test_beyond_loopback_only_the_named_hosts_are_served() -> None:
    async with client("0.0.0.0", allowed_hosts=["wa.example", "2001:db8::1"]) as plain:
        for host, status in {
            "wa.example": 200,
            "wa.example:8443": 200,
            "[2001:db8::1]:8765": 200,
            "127.0.0.1:8765": 200,
            "localhost:8765": 200,
            "wa.example.evil": 421,
        }.items():
            response = await plain.post("/mcp", json=initialize(), headers={"Host": host})
            assert response.status_code == status, host
        origin = {"Host": "wa.example", "Origin": "https://wa.example"}
        assert (await plain.post("/mcp", json=initialize(), headers=origin)).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "wa.example"])
def test_beyond_loopback_hosts_must_be_named(host: str) -> None:
    with pytest.raises(SetupError, match="no host name is allowed"):
        http.account_paths(FakeAccounts(), host=host)


async def test_health_and_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_KEPT", -1.0)
    accounts = FakeAccounts(default=fake_server())
    nobody = {"Authorization": ""}
    async with client(accounts=accounts) as plain:
        for path in ("/health", "/ready"):
            response = await plain.get(path, headers=nobody)
            assert (response.status_code, response.json()) == (200, {"status": "ok"})
            assert (await plain.post(path)).status_code == 405
        accounts.standings = [AccountStanding("banned", False, "until tomorrow")]
        for path, code in (("/health", 200), ("/ready", 503)):
            response = await plain.get(path, headers=nobody)
            assert (response.status_code, response.json()) == (code, {"status": "impaired"}), "strangers learn no more"
            told = (await plain.get(path)).json()
            assert told == {
                "status": "impaired",
                "account": "default",
                "state": "banned",
                "detail": "until tomorrow",
            }
    assert accounts.built == []


async def test_health_is_looked_for_once_a_second_at_most() -> None:
    accounts = FakeAccounts(default=fake_server())
    accounts.standings = [AccountStanding("connected", ready=True), AccountStanding("banned", ready=False)]
    async with client(accounts=accounts) as plain:
        for _ in range(3):
            assert (await plain.get("/ready")).status_code == 200


# ---- how much --------------------------------------------------------------------------------------------------------


async def test_a_body_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    monkeypatch.setattr(http, "MAX_BODY", 1_000)
    json_type = {"Content-Type": "application/json"}
    async with client() as plain:
        assert (await plain.post("/mcp", json=initialize())).status_code == 200
        assert (await plain.post("/mcp", content=b"x" * 1_001, headers=json_type)).status_code == 413
        assert (await plain.post("/mcp", content=in_pieces(), headers=json_type)).status_code == 413
        assert (await plain.post("/mcp", json=initialize())).status_code == 200


async def test_a_large_argument_within_the_limit_arrives() -> None:
    async with client() as plain:
        big = modern(call(1, "echo", text="x" * 6_000_000))  # the SDK's own limit is 4 MiB
        named = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "echo"}
        response = await plain.post("/mcp", json=big, headers=named)
    assert response.status_code == 200
    assert "SUCCESS" in response.text


async def test_a_full_table_of_sessions_ends_the_one_that_was_used_least_recently(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "MAX_SESSIONS", 3)
    async with client() as plain:
        first, second, third = [await open_session(plain) for _ in range(3)]
        assert (await plain.post("/mcp", json=call(5, "echo", text="x"), headers=first)).status_code == 200
        fourth = await open_session(plain)
        said = [
            (await plain.post("/mcp", json=call(6, "echo", text="x"), headers=h)).status_code
            for h in (first, second, third, fourth)
        ]
        assert said == [200, 404, 200, 200]
        refused = await plain.post("/mcp", json=initialize(), headers={"Authorization": "Bearer wrong"})
        assert refused.status_code == 401
        assert (await plain.post("/mcp", json=call(7, "echo", text="x"), headers=first)).status_code == 200


@asynccontextmanager
async def few_connections(monkeypatch: pytest.MonkeyPatch, most: int = 20) -> AsyncIterator[int]:
    """A server that takes so many connections; its port."""
    monkeypatch.setattr(connections, "most_connections", lambda: most)
    monkeypatch.setattr(http, "most_connections", lambda: most)
    async with listening(fake_server()) as url:
        yield int(url.split(":")[2].split("/")[0])


@pytest.mark.parametrize("said", [b"", b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nX-a: "])
async def test_connections_that_say_nothing_give_way_to_those_that_ask(
    monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    async with few_connections(monkeypatch) as port:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
        for _, writer in idle:
            writer.write(said)
        async with httpx2.AsyncClient(headers=HEADERS, timeout=DEADLINE) as plain:
            assert (await plain.get(f"http://127.0.0.1:{port}/health")).status_code == 200
            assert (await plain.post(f"http://127.0.0.1:{port}/mcp", json=initialize())).status_code == 200
        for _, writer in idle:
            writer.close()


async def test_streams_leave_room_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    async with few_connections(monkeypatch, 40) as port, httpx2.AsyncClient(headers=HEADERS, timeout=DEADLINE) as plain:
        url = f"http://127.0.0.1:{port}"
        slow = modern(call(2, "slow", seconds=600))
        named = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "slow"}
        async with anyio.create_task_group() as tasks:

            async def ask() -> None:
                while (await plain.post(f"{url}/mcp", json=slow, headers=named)).status_code == 503:
                    await anyio.lowlevel.checkpoint()

            for _ in range(31):
                tasks.start_soon(ask)
            async with httpx2.AsyncClient(headers=HEADERS, timeout=DEADLINE) as other:
                while (await other.post(f"{url}/mcp", json=initialize())).status_code != 503:
                    await anyio.lowlevel.checkpoint()
                assert (await other.get(f"{url}/health")).status_code == 200
            tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("HEAD_TIME", b""),
        ("HEAD_TIME", b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n"),
        ("HEAD_TIME", b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{"),  # no token: answered
        (
            "BODY_TIME",
            b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\nAuthorization: Bearer %b\r\n\r\n{",
        ),
        (
            "BODY_TIME",
            b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\nAuthorization: Bearer %b\r\n"
            b"Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
            b"MCP-Protocol-Version: 2026-07-28\r\n\r\n{",
        ),
    ],
)
async def test_a_request_that_does_not_come_to_its_end_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, said: bytes
) -> None:
    monkeypatch.setattr(connections, name, 0.2)
    async with listening(fake_server()) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.split(":")[2].split("/")[0]))
        writer.write(said % TOKEN.encode() if b"%b" in said else said)
        with contextlib.suppress(ConnectionError):
            while await reader.read(65_536):  # ends when the server hangs up, or DEADLINE passes
                with contextlib.suppress(ConnectionError):
                    writer.write(b" ")  # trickling in does not help
        writer.close()
    assert [record for record in caplog.records if record.exc_info] == []


async def test_a_slow_answer_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_TIME", 2.0)
    monkeypatch.setattr(connections, "BODY_TIME", 2.0)
    named = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "slow"}
    async with listening(fake_server()) as url, httpx2.AsyncClient(headers=HEADERS, timeout=DEADLINE) as plain:
        response = await plain.post(url, json=modern(call(2, "slow", seconds=3)), headers=named)
    assert response.status_code == 200
    assert "SUCCESS" in response.text


# ---- accounts --------------------------------------------------------------------------------------------------------


def noting(entries: list[str], name: str, **changes: Any) -> Server[Any]:
    """A server that notes when it starts and ends."""

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        entries.append(f"{name} up")
        try:
            yield
        finally:
            entries.append(f"{name} down")

    server = fake_server(account=name, **changes)
    server.lifespan = lifespan
    return server


async def test_each_account_has_a_path_and_starts_when_it_is_used() -> None:
    entries: list[str] = []
    accounts = FakeAccounts(**{name: noting(entries, name) for name in ("default", "work", "unused")})
    async with client(accounts=accounts) as plain:
        assert entries == []
        first = await plain.post("/mcp/Work", json=initialize())
        assert first.status_code == 200
        assert "WhatsApp (work)" in first.text
        assert entries == ["work up"]
        for path in ("/mcp", "/mcp/default"):
            assert (await plain.post(path, json=initialize())).status_code == 200
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(partial(plain.post, "/mcp/work", json=initialize()))
        assert entries == ["work up", "default up"]
        # What is added while it runs needs no restart.
        accounts.servers["new"] = noting(entries, "new")
        assert (await plain.post("/mcp/new", json=initialize())).status_code == 200
    assert entries[:3] == ["work up", "default up", "new up"]
    assert sorted(entries[3:]) == ["default down", "new down", "work down"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/mcp/unknown", "there is no account 'unknown' here. `whatsapp-mcp accounts add unknown` makes it."),
        ("/mcp/a%2fb", None),
        ("/mcp/..%5cx", "letters a to z, digits, - and _"),
        ("/mcp/nul", "no account can be called nul"),
        ("/mcp/x%00", "letters a to z, digits, - and _"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_an_unknown_account_is_not_found(method: str, path: str, said: str | None) -> None:
    accounts = FakeAccounts(default=fake_server())
    async with client(accounts=accounts) as plain:
        response = await plain.request(method, path, json=initialize())
    assert response.status_code == 404
    if said is not None:
        assert said in response.json()["error"]["message"]
    assert accounts.built == []


async def test_a_session_is_unknown_at_the_path_of_another_account() -> None:
    accounts = FakeAccounts(default=fake_server(), work=fake_server())
    async with client(accounts=accounts) as plain:
        session = await open_session(plain)
        await open_session(plain, "/mcp/work")
        request = call(5, "echo", text="x")
        said = [
            (await plain.request(method, "/mcp/work", json=request, headers=session)).status_code
            for method in ("POST", "GET", "DELETE")
        ]
        assert said == [404, 404, 404]
        assert (await plain.post("/mcp", json=request, headers=session)).status_code == 200


async def test_the_limit_on_sessions_holds_for_all_accounts_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_SESSIONS", 3)
    accounts = FakeAccounts(default=fake_server(), work=fake_server())
    async with client(accounts=accounts) as plain:
        first, second = await open_session(plain), await open_session(plain)
        third, fourth = await open_session(plain, "/mcp/work"), await open_session(plain, "/mcp/work")
        said = [
            (await plain.post(path, json=call(6, "echo", text="x"), headers=headers)).status_code
            for path, headers in (("/mcp", first), ("/mcp", second), ("/mcp/work", third), ("/mcp/work", fourth))
        ]
        assert said == [404, 200, 200, 200]
        async with anyio.create_task_group() as tasks:
            for number in range(20):
                path = ("/mcp", "/mcp/work")[number % 2]
                tasks.start_soon(partial(plain.post, path, json=initialize()))
        alive = 0
        for path in ("/mcp", "/mcp/work"):
            for headers in (second, third, fourth):
                alive += (await plain.post(path, json=call(7, "echo", text="x"), headers=headers)).status_code == 200
        assert alive <= 3


async def test_an_account_that_was_removed_ends_and_a_later_one_of_its_name_is_another() -> None:
    entries: list[str] = []
    accounts = FakeAccounts(work=noting(entries, "work"))
    async with client(accounts=accounts) as plain:
        session = await open_session(plain, "/mcp/work")
        accounts.servers = {}
        assert (await plain.post("/mcp/work", json=call(5, "echo", text="x"), headers=session)).status_code == 404
        await soon(lambda: entries == ["work up", "work down"])
        accounts.servers["work"] = noting(entries, "work")
        assert (await plain.post("/mcp/work", json=call(5, "echo", text="x"), headers=session)).status_code == 404
        await open_session(plain, "/mcp/work")
        accounts.servers["work"] = noting(entries, "work")  # removed and made anew between two requests
        assert (await plain.post("/mcp/work", json=call(5, "echo", text="x"), headers=session)).status_code == 404
        await soon(lambda: entries.count("work down") == 2)


async def test_an_account_that_cannot_be_served_says_why_and_leaves_the_others_alone() -> None:
    @asynccontextmanager
    async def refusing(_: object) -> AsyncIterator[None]:
        raise SetupError("its folder is another user's", next_step="Change its owner.")
        yield

    @asynccontextmanager
    async def failing(_: object) -> AsyncIterator[None]:
        raise RuntimeError("secret")
        yield

    accounts = FakeAccounts(default=fake_server(), work=fake_server(), shop=fake_server())
    accounts.servers["work"].lifespan = refusing
    accounts.servers["shop"].lifespan = failing
    async with client(accounts=accounts) as plain:
        refused = await plain.post("/mcp/work", json=initialize())
        assert refused.status_code == 503
        assert refused.json()["error"]["message"] == "its folder is another user's. Change its owner."
        failed = await plain.post("/mcp/shop", json=initialize())
        assert failed.status_code == 503
        assert "the server's log says why" in failed.text
        assert "secret" not in failed.text
        assert (await plain.post("/mcp", json=initialize())).status_code == 200
        accounts.servers["work"] = fake_server()  # put right meanwhile
        assert (await plain.post("/mcp/work", json=initialize())).status_code == 200


# ---- how it begins and ends ------------------------------------------------------------------------------------------


async def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match=f"127.0.0.1:{port} cannot be listened on"):
            await http.serve_http(FakeAccounts(), access=HttpAccess(FakeTokens()), port=port)


async def test_cancelling_ends_it_and_frees_the_port() -> None:
    async with listening(fake_server()) as url:
        port = int(url.split(":")[2].split("/")[0])
        async with httpx2.AsyncClient() as plain:
            assert (await plain.get(f"http://127.0.0.1:{port}/health")).status_code == 200
    with socket.create_server(("127.0.0.1", port)):
        pass


async def url_of(running: Program) -> str:
    assert running.process.stderr is not None
    with anyio.fail_after(DEADLINE):
        line = (await running.process.stderr.readline()).decode()
    assert line.startswith("Listening on http://127.0.0.1:")
    return line.split()[-1]


async def open_session(plain: httpx2.AsyncClient, path: str = "/mcp") -> dict[str, str]:
    response = await plain.post(path, json=initialize())
    session = {"Mcp-Session-Id": response.headers["mcp-session-id"], "MCP-Protocol-Version": "2025-11-25"}
    assert (await plain.post(path, json=INITIALIZED, headers=session)).status_code == 202
    return session


@needs_signals
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signals_end_it_at_once_and_in_order_with_streams_open(number: signal.Signals, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    slow = modern(call(2, "slow", seconds=600))
    named = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "slow"}
    async with program("http", str(journal)) as running:
        url = await url_of(running)
        async with httpx2.AsyncClient(base_url=url.removesuffix("/mcp"), headers=HEADERS, timeout=DEADLINE) as plain:
            session = await open_session(plain)
            async with (
                plain.stream("GET", "/mcp", headers=session) as listening_stream,
                plain.stream("POST", "/mcp", headers=session, json=call(1, "slow", seconds=600)) as old_call,
                anyio.create_task_group() as tasks,
            ):
                assert (listening_stream.status_code, old_call.status_code) == (200, 200)
                statuses: list[int] = []

                async def new_call() -> None:
                    response = await plain.post("/mcp", headers=named, json=slow)
                    statuses.append(response.status_code)

                tasks.start_soon(new_call)
                with anyio.fail_after(DEADLINE):
                    # Answered after new_call was accepted, for uvicorn takes connections in order.
                    assert (await plain.get("/health")).status_code == 200
                running.process.send_signal(number)
                assert await running.end() == 0  # it gives ten minutes to what does not end
        assert journal.read_text().split() == ["up", "down", "end"]
        out, errors = await running.process.communicate()
    assert out == b""
    assert b"Traceback" not in errors
    assert statuses == [503]


@needs_signals
async def test_what_is_being_answered_when_it_stops_is_answered(tmp_path: Path) -> None:
    async with program("http", str(tmp_path / "journal")) as running:
        url = await url_of(running)
        async with httpx2.AsyncClient(base_url=url.removesuffix("/mcp"), headers=HEADERS, timeout=DEADLINE) as plain:
            session = await open_session(plain)
            request = call(1, "slow", seconds=0.1)
            async with plain.stream("POST", "/mcp", headers=session, json=request) as answering:
                running.process.send_signal(signal.SIGTERM)
                text = (await answering.aread()).decode()
        assert await running.end() == 0
    data = [json.loads(line.removeprefix("data:")) for line in text.splitlines() if line.startswith("data: {")]
    assert data[-1]["result"]["structuredContent"]["message"] == "Done."
