"""What is told unasked: changes of resources that somebody watches, and of lists."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import mcp.types as types
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ResourcesListChanged, ResourceUpdated, Subscription, ToolsListChanged
from mcp.server.session import ServerSession
from mcp.shared.exceptions import MCPError

import whatsapp_mcp.server.audience as audience
import whatsapp_mcp.server.news as news
import whatsapp_mcp.server.subscriptions as subscriptions
from tests.unit.operations.bench import Bench, catalog
from tests.unit.operations.fakes import ANA, BO, NOW, TEAM, milliseconds
from tests.unit.server.connections import DEADLINE
from tests.unit.server.connections import listening as serving
from tests.unit.server.fakes import TOKEN, FakeTokens
from tests.unit.server.test_resources import HIDDEN, NOBODY, bench, hide, policy
from tests.unit.waiting import soon
from whatsapp_mcp.models.changes import ReactionChanged
from whatsapp_mcp.policy.caller import Grant
from whatsapp_mcp.server.app import build_server
from whatsapp_mcp.server.auth import HttpAccess
from whatsapp_mcp.server.sdk_private import connection_of

__all__ = ["bench"]
pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
CHAT = f"whatsapp://chat/{ANA}"
CHATS = "whatsapp://chats"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(news, "GATHERED", 0.01)
    monkeypatch.setattr(news, "LOOK", 0.05)
    yield


class Told:
    """What a client of the 2025 revisions hears."""

    def __init__(self) -> None:
        self.uris: list[str] = []
        self.lists: list[str] = []

    async def __call__(self, message: Any) -> None:
        match message:
            case types.ResourceUpdatedNotification():
                self.uris.append(message.params.uri)
            case types.ToolListChangedNotification() | types.ResourceListChangedNotification():
                self.lists.append(message.method)
            case types.PromptListChangedNotification():
                self.lists.append(message.method)


@asynccontextmanager
async def legacy(bench: Bench) -> AsyncIterator[tuple[Client, Told]]:
    told = Told()
    server = build_server(catalog().operations, bench.runner, bench.settings, session=bench.session)
    async with Client(server, mode="legacy", cache=None, message_handler=told) as host:
        yield host, told


@asynccontextmanager
async def listening(bench: Bench, **wanted: Any) -> AsyncIterator[tuple[Client, Subscription]]:
    server = build_server(catalog().operations, bench.runner, bench.settings, session=bench.session)
    async with Client(server, mode="auto", cache=None) as host, host.listen(**wanted) as stream:
        yield host, stream


async def next_of(stream: Subscription) -> Any:
    with anyio.fail_after(DEADLINE):
        return await anext(aiter(stream))


async def test_what_is_offered(bench: Bench) -> None:
    async with legacy(bench) as (host, _):
        capabilities = host.server_capabilities
        assert capabilities is not None and capabilities.tools is not None and capabilities.prompts is not None
        assert capabilities.resources is not None and capabilities.resources.subscribe
        assert capabilities.tools.list_changed and capabilities.resources.list_changed
        assert capabilities.prompts.list_changed
    only_sends = build_server([catalog().by_name["sendMessage"]], bench.runner, bench.settings, session=bench.session)
    async with Client(only_sends, mode="legacy") as host:
        capabilities = host.server_capabilities
        assert capabilities is not None and capabilities.tools is not None
        assert capabilities.tools.list_changed and capabilities.resources is None


async def test_a_chat_is_told_of_once_for_all_that_happened(bench: Bench) -> None:
    async with legacy(bench) as (host, told):
        await host.subscribe_resource(CHAT)
        await host.subscribe_resource(f"whatsapp://message/{ANA}/A1")
        await host.subscribe_resource(CHATS)
        for number in range(10):
            bench.receive(f"N{number}")
        await soon(lambda: CHATS in told.uris)
        assert told.uris == [CHAT, CHATS]
        bench.learn(ReactionChanged(ANA, "A1", ANA, "👍", milliseconds(NOW)))
        await soon(lambda: len(told.uris) >= 4)
        assert told.uris[2:] == [CHAT, f"whatsapp://message/{ANA}/A1"]
        bench.receive("T2", chat=TEAM, sender=BO)
        await soon(lambda: len(told.uris) >= 5)
        assert told.uris[4:] == [CHATS]
        await host.unsubscribe_resource(CHAT)
        await host.unsubscribe_resource(CHAT)
        bench.receive("N11")
        await soon(lambda: len(told.uris) >= 6)
        assert told.uris[5:] == [CHATS]


async def test_the_state_and_the_code_are_told_of(bench: Bench) -> None:
    async with legacy(bench) as (host, told):
        await host.subscribe_resource("whatsapp://status")
        bench.session.unlinked()
        bench.session.announce(0)
        await soon(lambda: "whatsapp://status" in told.uris)


async def test_nothing_is_told_of_what_may_not_be_read(bench: Bench) -> None:
    hide(bench)
    async with legacy(bench) as (host, told):
        refusals = []
        for jid in (HIDDEN, NOBODY):
            with pytest.raises(MCPError) as refused:
                await host.subscribe_resource(f"whatsapp://chat/{jid}")
            refusals.append((refused.value.code, refused.value.message))
        assert refusals[0] == refusals[1] == (-32002, "Resource not found")
        await host.subscribe_resource(CHAT)
        await host.subscribe_resource("whatsapp://status")
        await host.subscribe_resource(CHATS)
        bench.receive("H2", chat=HIDDEN)
        bench.session.unlinked()
        bench.session.announce(0)
        await soon(lambda: "whatsapp://status" in told.uris)
        assert told.uris == ["whatsapp://status"]
        policy(bench, f'[read]\ndeny = ["+44*", "+{ANA.user}"]\n')
        bench.receive("A9")
        bench.receive("T9", chat=TEAM, sender=BO)
        await soon(lambda: CHATS in told.uris)
        assert CHAT not in told.uris


async def test_a_stream_of_the_later_revision(bench: Bench) -> None:
    hide(bench)
    wanted = [CHAT, f"whatsapp://chat/{HIDDEN}", "whatsapp://nothing"]
    async with listening(bench, resource_subscriptions=wanted) as (_, stream):
        assert stream.honored.resource_subscriptions == [CHAT]
        bench.receive("H2", chat=HIDDEN)
        bench.receive("N1")
        assert await next_of(stream) == ResourceUpdated(uri=CHAT)


async def test_over_http_each_token_hears_of_its_chats(bench: Bench) -> None:
    server = build_server(catalog().operations, bench.runner, bench.settings, session=bench.session)
    narrow = Grant("narrow", "read", chats=(f"+{BO.user}", str(TEAM)))
    access = HttpAccess(FakeTokens(**{"n" * 43: narrow}))
    told = Told()

    @asynccontextmanager
    async def client(url: str, token: str, **how: Any) -> AsyncIterator[Client]:
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=DEADLINE) as web,
            Client(streamable_http_client(url, http_client=web), cache=None, **how) as found,
        ):
            yield found

    async with (
        serving(server, access=access) as url,
        client(url, TOKEN, mode="legacy", message_handler=told) as old,
        client(url, "n" * 43, mode="auto") as new,
        new.listen(resource_subscriptions=[CHAT, f"whatsapp://chat/{TEAM}"]) as stream,
    ):
        assert stream.honored.resource_subscriptions == [f"whatsapp://chat/{TEAM}"]
        await old.subscribe_resource(CHAT)
        bench.receive("N1")
        bench.receive("T2", chat=TEAM, sender=BO)
        assert await next_of(stream) == ResourceUpdated(uri=f"whatsapp://chat/{TEAM}")
        await soon(lambda: bool(told.uris))
        assert told.uris == [CHAT]


async def test_lists_change_with_the_link_and_the_policy(bench: Bench) -> None:
    linked = bench.session.snapshot
    async with legacy(bench) as (host, told):
        assert "whatsapp://login/qr" not in {each.uri for each in (await host.list_resources()).resources}
        bench.session.unlinked()
        bench.session.announce(0)
        await soon(lambda: told.lists == ["notifications/resources/list_changed"])
        assert "whatsapp://login/qr" in {each.uri for each in (await host.list_resources()).resources}
        bench.session.snapshot = linked
        bench.session.announce(0)
        await soon(lambda: len(told.lists) == 2)
        policy(bench, 'toolsets = "chat,-getChatMessages"')  # nobody announces it
        await soon(lambda: len(told.lists) == 5)
        assert told.lists[2:] == [f"notifications/{each}/list_changed" for each in ("tools", "resources", "prompts")]


async def test_lists_change_in_the_later_revision(bench: Bench) -> None:
    async with listening(bench, tools_list_changed=True, resources_list_changed=True) as (host, stream):
        await host.list_tools()
        bench.session.unlinked()
        bench.session.announce(0)
        assert await next_of(stream) == ResourcesListChanged()
        policy(bench, "read_only = true")
        assert await next_of(stream) == ToolsListChanged()


async def test_subscriptions_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "MOST_OF_A_CLIENT", 1)
    monkeypatch.setattr(subscriptions, "MOST_STREAMS", 1)
    async with legacy(bench) as (host, _):
        await host.subscribe_resource(CHATS)
        await host.subscribe_resource(CHATS)
        with pytest.raises(MCPError) as refused:
            await host.subscribe_resource(CHAT)
        assert "1 resources at most" in refused.value.message
    async with listening(bench, resource_subscriptions=[CHATS, CHAT]) as (host, stream):
        assert stream.honored.resource_subscriptions == [CHATS]
        with pytest.raises(MCPError):
            async with host.listen(resource_subscriptions=[CHAT]):
                pass


async def test_who_does_not_read_keeps_nobody_waiting(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck: list[ServerSession] = []
    tries: list[str] = []
    send = ServerSession.send_resource_updated

    async def sent(self: ServerSession, uri: Any) -> None:
        if any(connection_of(self) is connection_of(each) for each in stuck):
            tries.append(str(uri))
            await anyio.sleep_forever()
        await send(self, uri)

    monkeypatch.setattr(ServerSession, "send_resource_updated", sent)
    monkeypatch.setattr(audience, "PATIENCE", 0.5)
    began = subscriptions.Subscriptions.subscribe

    async def noted(self: subscriptions.Subscriptions, ctx: Any, params: Any) -> types.EmptyResult:
        stuck.append(ctx.session) if not stuck else None
        return await began(self, ctx, params)

    monkeypatch.setattr(subscriptions.Subscriptions, "subscribe", noted)
    server = build_server(catalog().operations, bench.runner, bench.settings, session=bench.session)
    told = Told()
    access = HttpAccess(FakeTokens())
    async with serving(server, access=access) as url, AsyncExitStack() as hosts:
        for _ in range(2):
            web = httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=DEADLINE)
            await hosts.enter_async_context(web)
            transport = streamable_http_client(url, http_client=web)
            host = await hosts.enter_async_context(Client(transport, mode="legacy", cache=None, message_handler=told))
            await host.subscribe_resource(CHATS)
            await host.subscribe_resource(CHAT)
        bench.receive("N1")
        await soon(lambda: len(told.uris) == 2)
        # It is tried again, and only with the first of what it is to hear of. A look may have been under way when the
        # message came, past the chats.
        await soon(lambda: len(tries) >= 3)
        assert set(tries[1:]) == {CHATS}


async def test_who_is_gone_is_forgotten(bench: Bench, tmp_path: Path) -> None:
    made: list[subscriptions.Subscriptions] = []
    began = subscriptions.Subscriptions.subscribe

    async def noted(self: subscriptions.Subscriptions, ctx: Any, params: Any) -> types.EmptyResult:
        made.append(self)
        return await began(self, ctx, params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subscriptions.Subscriptions, "subscribe", noted)
        async with legacy(bench) as (host, _):
            await host.subscribe_resource(CHATS)
            assert len(made[0].subscribers) == 1
    assert len(made[0].subscribers) == 0
