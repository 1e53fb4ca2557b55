"""What a token was given, at the MCP face: every tool in every scope, accounts, sessions, streams."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import anyio
import httpx2
import mcp.types as types
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server import Server
from mcp.shared.exceptions import MCPError

import whatsapp_mcp.server.http as http
from tests.unit.server.connections import (
    DEADLINE,
    INITIALIZED,
    FakeAccounts,
    call,
    fake_server,
    initialize,
    listening,
    modern,
)
from tests.unit.server.fakes import PNG, FakeTokens, settings
from whatsapp_mcp.catalog import Operation, load_catalog, select
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.media.received.folder import FolderFile
from whatsapp_mcp.operations.outcome import Arguments, Image, KeptFile, Outcome, Watched
from whatsapp_mcp.policy.caller import Caller, Grant, Scope
from whatsapp_mcp.policy.gate import Gate
from whatsapp_mcp.policy.passage import Passage
from whatsapp_mcp.policy.scopes import allowed_by_scope
from whatsapp_mcp.server.app import build_server
from whatsapp_mcp.server.auth import HttpAccess
from whatsapp_mcp.server.prompt_kinds import PROMPTS
from whatsapp_mcp.server.resource_kinds import KINDS

ALL = load_catalog().operations
ACCEPT = {"Accept": "application/json, text/event-stream"}
SCOPES: tuple[Scope, ...] = get_args(Scope)
READ_ACTS = {"look", "ask"}
SEND_ACTS = READ_ACTS | {"send", "signal", "arrange"}
"""What the scopes are said to be, written down a second time."""
EXAMPLES: dict[str, tuple[Scope, ...]] = {
    "getChatMessages": ("read", "send", "full"),
    "searchMessages": ("read", "send", "full"),
    "downloadMessageMedia": ("read", "send", "full"),
    "transcribeMessage": ("read", "send", "full"),
    "userCheck": ("read", "send", "full"),
    "sendMessage": ("send", "full"),
    "reactMessage": ("send", "full"),
    "archiveChat": ("send", "full"),
    "revokeMessage": ("full",),
    "deleteChat": ("full",),
    "createGroup": ("full",),
    "appLogout": ("full",),
    "appLoginWithCode": ("full",),
}


class GatedRunner:
    """The gate of an account without rules, and nothing behind it."""

    def __init__(self, folder: Path) -> None:
        self._gate = Gate.of(settings(policy="open").model_copy(update={"data_dir": folder}))
        self.callers: list[Caller] = []

    async def run(self, passage: Passage, arguments: Arguments) -> Outcome:
        self._gate.enter(passage)
        self.callers.append(passage.caller)
        images = (Image(PNG),) if passage.operation.picture else ()
        return Outcome(
            "Done.", images=images, file=KeptFile(FolderFile(Path(__file__)), "text/x-python", Jid("1", "lid"), "X")
        )

    async def watch(self, passage: Passage, arguments: Arguments) -> Watched:
        self._gate.enter(passage)
        self.callers.append(passage.caller)
        return Watched(arguments, len(self.callers))

    def ended(self, passage: Passage) -> None:
        """The audit is a subject of its own."""


def loose(operations: Sequence[Operation]) -> list[Operation]:
    """The real tools; what they are called with is no matter here."""
    anything = {"type": "object", "properties": {}}
    return [replace(each, input_schema=anything, output_schema=anything, exactly_one=()) for each in operations]


def gated_server(folder: Path, **changes: Any) -> Server[Any]:
    return build_server(loose(ALL), GatedRunner(folder), settings(**changes))


@asynccontextmanager
async def over(transport: str, server: Server[Any], grant: Grant, mode: str) -> AsyncIterator[Client]:
    """A client of the server with this grant; beside HTTP, the server itself has to hold it."""
    if transport == "local":
        async with Client(server, mode=mode) as client:
            yield client
        return
    access = HttpAccess(FakeTokens(**{"s" * 43: grant}))
    async with (
        listening(server, access=access) as url,
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {'s' * 43}"}, timeout=DEADLINE) as web,
        Client(streamable_http_client(url, http_client=web), mode=mode) as client,
    ):
        yield client


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
@pytest.mark.parametrize("transport", ["local", "http"])
@pytest.mark.parametrize("scope", SCOPES)
async def test_every_tool_in_every_scope(scope: Scope, transport: str, mode: str, tmp_path: Path) -> None:
    wanted = {"read": READ_ACTS, "send": SEND_ACTS}.get(scope)
    allowed = {each.name for each in ALL if wanted is None or each.touches.act in wanted}
    server = gated_server(tmp_path, scope=scope if transport == "local" else "full")
    async with over(transport, server, Grant("laptop", scope), mode) as client:
        listed = await client.list_tools()
        assert {tool.name for tool in listed.tools} == allowed
        for operation in ALL:
            result = await client.call_tool(operation.name, {})
            assert result.is_error is (operation.name not in allowed), operation.name
            if result.is_error:
                body = result.structured_content or {}
                assert (body["code"], body["details"]) == ("not_allowed", {"rule": "scope"})
                assert "owner" in body["next_step"]
                assert "--scope" in body["next_step"]


RESOURCES = {
    "whatsapp://chats": SCOPES,
    "whatsapp://status": SCOPES,
    "whatsapp://login/qr": ("full",),
    "ui://whatsapp/pairing": ("full",),
    "ui://whatsapp/conversation": SCOPES,
    "whatsapp://chat/{jid}": SCOPES,
    "whatsapp://message/{chat}/{id}": SCOPES,
    "whatsapp://media/{chat}/{id}": SCOPES,
}


async def uris(client: Client) -> set[str]:
    listed = (await client.list_resources(cache_mode="bypass")).resources
    templates = (await client.list_resource_templates(cache_mode="bypass")).resource_templates
    return {each.uri for each in listed} | {each.uri_template for each in templates}


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
@pytest.mark.parametrize("transport", ["local", "http"])
@pytest.mark.parametrize("scope", SCOPES)
async def test_every_resource_in_every_scope(scope: Scope, transport: str, mode: str, tmp_path: Path) -> None:
    assert [kind.uri for kind in KINDS] == list(RESOURCES)
    allowed = {uri for uri, scopes in RESOURCES.items() if scope in scopes}
    runner = GatedRunner(tmp_path)
    server = build_server(loose(ALL), runner, settings(scope=scope if transport == "local" else "full"))
    async with over(transport, server, Grant("laptop", scope), mode) as client:
        assert await uris(client) == allowed
        for uri in RESOURCES:
            asked, before = re.sub(r"{\w+}", "x", uri), len(runner.callers)
            if uri in allowed:
                assert (await client.read_resource(asked)).contents
                assert uri.startswith("ui://") or runner.callers[before].grant.scope == scope
            else:
                with pytest.raises(MCPError) as refused:
                    await client.read_resource(asked)
                assert refused.value.message == "Resource not found"
                assert len(runner.callers) == before
            if "{" in uri:
                ref = types.ResourceTemplateReference(type="ref/resource", uri=uri)
                name = uri[uri.index("{") + 1 : uri.index("}")]
                await client.complete(ref, {"name": name, "value": "x"})
                assert runner.callers[-1].grant.scope == scope
        listed = (await client.list_prompts()).prompts
        assert {each.name for each in listed} == {kind.name for kind in PROMPTS}  # all of them only read
        for each in listed:
            given = {argument.name: "x" for argument in each.arguments or ()}
            assert (await client.get_prompt(each.name, given)).messages
            for name in given:
                await client.complete(
                    types.PromptReference(type="ref/prompt", name=each.name), {"name": name, "value": ""}
                )
        assert {caller.grant.scope for caller in runner.callers} == {scope}


@pytest.mark.parametrize("toolsets", ["group,+listChats", "of another version"])
async def test_a_token_has_only_the_resources_and_completions_of_its_toolsets(toolsets: str, tmp_path: Path) -> None:
    runner = GatedRunner(tmp_path)
    async with over(
        "http", build_server(loose(ALL), runner, settings()), Grant("laptop", toolsets=toolsets), "legacy"
    ) as client:
        assert await uris(client) == ({"whatsapp://chats"} if "listChats" in toolsets else set())
        ref = types.ResourceTemplateReference(type="ref/resource", uri="whatsapp://chat/{jid}")
        with pytest.raises(MCPError):
            await client.complete(ref, {"name": "jid", "value": "x"})
        assert (await client.list_prompts()).prompts == []
        with pytest.raises(MCPError):
            await client.get_prompt("find", {"what": "x"})
        assert runner.callers == []


@pytest.mark.parametrize(("name", "scopes"), EXAMPLES.items())
def test_what_scopes_mean_for_well_known_tools(name: str, scopes: tuple[Scope, ...]) -> None:
    operation = load_catalog().by_name[name]
    assert tuple(scope for scope in SCOPES if allowed_by_scope(operation, scope)) == scopes


def test_what_only_reads_is_in_every_scope_and_what_destroys_in_the_full_one() -> None:
    for operation in ALL:
        assert allowed_by_scope(operation, "full")
        assert allowed_by_scope(operation, "send") or not allowed_by_scope(operation, "read")
        if operation.effect != "read":
            assert not allowed_by_scope(operation, "read"), operation.name


async def test_a_server_gives_no_token_more_than_its_own_scope(tmp_path: Path) -> None:
    server = gated_server(tmp_path, scope="read")
    async with over("http", server, Grant("laptop", "full"), "legacy") as client:
        assert "sendMessage" not in {tool.name for tool in (await client.list_tools()).tools}
        refused = await client.call_tool("sendMessage", {})
        assert (refused.structured_content or {})["details"] == {"rule": "scope"}


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_token_has_only_its_toolsets(mode: str, tmp_path: Path) -> None:
    allowed = set(select(load_catalog(), "group,+sendMessage,-createGroup").by_name)
    async with over(
        "http", gated_server(tmp_path), Grant("laptop", toolsets="group,+sendMessage,-createGroup"), mode
    ) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == allowed
        assert not (await client.call_tool("sendMessage", {})).is_error
        refused = await client.call_tool("createGroup", {})
        assert (refused.structured_content or {})["details"] == {"rule": "toolsets"}
    async with over("http", gated_server(tmp_path), Grant("laptop", toolsets="of another version"), mode) as client:
        assert (await client.list_tools()).tools == []


async def test_tools_that_the_policy_leaves_out_are_not_listed(tmp_path: Path) -> None:
    under = settings().model_copy(update={"data_dir": tmp_path})
    everything = {operation.name for operation in loose(ALL)}
    reading = {operation.name for operation in loose(ALL) if not operation.touches.changes}

    async def listed(client: Client) -> set[str]:
        return {tool.name for tool in (await client.list_tools(cache_mode="bypass")).tools}

    async with over("local", build_server(loose(ALL), GatedRunner(tmp_path), under), Grant(), "2026-07-28") as client:
        assert await listed(client) == everything
        under.policy_path.parent.mkdir(parents=True, exist_ok=True)
        under.policy_path.write_text("read_only = true")
        under.policy_path.chmod(0o600)
        assert await listed(client) == reading
        under.policy_path.write_text('toolsets = "group,+listChats"')
        assert await listed(client) == set(select(load_catalog(), "group,+listChats").by_name)
        assert await uris(client) == {"whatsapp://chats"}
    under.policy_path.unlink()
    closed = under.model_copy(update={"policy": "read-only"})
    async with over("local", build_server(loose(ALL), GatedRunner(tmp_path), closed), Grant(), "2026-07-28") as client:
        assert await listed(client) == reading


async def test_each_call_of_a_shared_server_has_the_grant_of_its_own_token(tmp_path: Path) -> None:
    runner = GatedRunner(tmp_path)
    server = build_server(loose(ALL), runner, settings())
    grants = [Grant(name, "send", None, chats) for name, chats in (("a", ("+49*",)), ("b", None), ("c", ("groups",)))]
    access = HttpAccess(FakeTokens(**{grant.name * 43: grant for grant in grants}))
    async with listening(server, access=access) as url, httpx2.AsyncClient(timeout=DEADLINE, headers=ACCEPT) as web:
        for grant in (*grants, *reversed(grants)):
            request, named = modern(call(1, "listChats")), {"Mcp-Method": "tools/call", "Mcp-Name": "listChats"}
            headers = {"Authorization": f"Bearer {grant.name * 43}", "MCP-Protocol-Version": "2026-07-28", **named}
            assert (await web.post(url, json=request, headers=headers)).status_code == 200
            assert runner.callers[-1].grant == grant
    assert len({id(caller.conversation) for caller in runner.callers}) == 3


@asynccontextmanager
async def plain(accounts: FakeAccounts, tokens: FakeTokens) -> AsyncIterator[httpx2.AsyncClient]:
    paths = http.account_paths(accounts, host="127.0.0.1")
    app = http.http_app(paths, access=HttpAccess(tokens))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1:8765", headers=ACCEPT
        ) as client,
    ):
        with anyio.fail_after(DEADLINE):
            yield client


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def test_a_token_opens_only_its_accounts_and_learns_of_no_other() -> None:
    accounts = FakeAccounts(default=fake_server(), work=fake_server(), home=fake_server())
    tokens = FakeTokens(worker=Grant("worker", accounts=("work",)))
    async with plain(accounts, tokens) as client:
        for path, status in {"/mcp/work": 200, "/mcp/WORK": 200, "/mcp": 403, "/mcp/home": 403}.items():
            assert (await client.post(path, json=initialize(), headers=bearer("worker"))).status_code == status, path
        there, nowhere = [
            await client.post(path, json=initialize(), headers=bearer("worker")) for path in ("/mcp/home", "/mcp/nope")
        ]
        assert there.text.replace("home", "nope") == nowhere.text
    assert accounts.built == ["work"]


async def test_a_session_is_of_the_token_that_began_it() -> None:
    tokens = FakeTokens(alice=Grant("alice"), bob=Grant("bob"))
    async with plain(FakeAccounts(default=fake_server()), tokens) as client:
        begun = await client.post("/mcp", json=initialize(), headers=bearer("alice"))
        session = {"Mcp-Session-Id": begun.headers["mcp-session-id"]}
        await client.post("/mcp", json=INITIALIZED, headers={**bearer("alice"), **session})
        asked = call(1, "echo", text="x")
        statuses = [
            (await client.post("/mcp", json=asked, headers={**bearer(who), **session})).status_code
            for who in ("alice", "bob", "nobody", "alice")
        ]
        assert statuses == [200, 404, 401, 200]
        # A new token under the same name is another one.
        tokens.grants["another"] = tokens.grants.pop("alice")
        assert (await client.post("/mcp", json=asked, headers={**bearer("another"), **session})).status_code == 404
    assert sorted(tokens.used) == ["alice", "bob"]


async def test_revoking_ends_streams_sessions_and_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "REVOKED_WITHIN", 0.02)
    tokens = FakeTokens(alice=Grant("alice"), bob=Grant("bob"))
    async with (
        listening(fake_server(), access=HttpAccess(tokens)) as url,
        httpx2.AsyncClient(timeout=DEADLINE, headers=ACCEPT) as web,
    ):
        sessions = {}
        for who in ("alice", "bob"):
            begun = await web.post(url, json=initialize(), headers=bearer(who))
            sessions[who] = {**bearer(who), "Mcp-Session-Id": begun.headers["mcp-session-id"]}
            await web.post(url, json=INITIALIZED, headers=sessions[who])
        ended: list[str] = []
        with anyio.fail_after(DEADLINE):
            async with anyio.create_task_group() as tasks:

                async def stay(who: str, opened: anyio.Event) -> None:
                    async with web.stream("GET", url, headers=sessions[who]) as stream:
                        assert stream.status_code == 200
                        opened.set()
                        async for _ in stream.aiter_bytes():
                            pass
                    ended.append(who)

                for who in ("alice", "bob"):
                    opened = anyio.Event()
                    tasks.start_soon(stay, who, opened)
                    await opened.wait()
                revoked = tokens.grants.pop("alice")
                while not ended:
                    await anyio.sleep(0.01)
                assert ended == ["alice"]
                echo = call(1, "echo", text="x")
                assert (await web.post(url, json=echo, headers=sessions["alice"])).status_code == 401
                assert (await web.post(url, json=echo, headers=sessions["bob"])).status_code == 200
                # The session is gone too: were the token still good, it would not be known.
                tokens.grants["alice"] = revoked
                assert (await web.post(url, json=echo, headers=sessions["alice"])).status_code == 404
                tasks.cancel_scope.cancel()
    assert ended == ["alice"]
