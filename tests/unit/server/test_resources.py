"""Resources and completions: the operations of the tools of the same subject, seen through other requests."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mcp.types as types
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from tests.unit.operations.bench import Bench, catalog
from tests.unit.operations.fakes import ANA, BO, NOW, TEAM
from tests.unit.server.connections import fake_server
from tests.unit.waiting import soon
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import ContactSeen
from whatsapp_mcp.models.content import Content, MediaInfo, MessageKind
from whatsapp_mcp.models.session import SessionSnapshot, SessionState
from whatsapp_mcp.pipe.messages import DownloadMedia
from whatsapp_mcp.server.app import build_server
from whatsapp_mcp.server.resource_kinds import VIEWS_EXTENSION

MODES = ("legacy", "2026-07-28")
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n"
HIDDEN = Jid("447700900123", "s.whatsapp.net")
NOBODY = Jid("447700900999", "s.whatsapp.net")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    bench.people()
    bench.receive("A1", "first words")
    bench.receive("T1", "team words", chat=TEAM, sender=BO)
    yield bench
    bench.close()


A_HOST = types.Implementation(name="some host", version="1")


def client(
    bench: Bench,
    mode: str = "legacy",
    names: tuple[str, ...] | None = None,
    info: types.Implementation | None = A_HOST,
    **changes: Any,
) -> Client:
    operations = [each for each in catalog().operations if names is None or each.name in names]
    settings = bench.settings.model_copy(update=changes)
    return Client(build_server(operations, bench.runner, settings), mode=mode, cache=None, client_info=info)


async def text_of(client: Client, uri: str) -> dict[str, Any]:
    (contents,) = (await client.read_resource(uri)).contents
    assert isinstance(contents, types.TextResourceContents)
    assert contents.mime_type == "application/json"
    body = json.loads(contents.text)
    assert isinstance(body, dict)
    return body


async def failure_of(client: Client, uri: str) -> MCPError:
    with pytest.raises(MCPError) as failed:
        await client.read_resource(uri)
    return failed.value


def policy(bench: Bench, content: str) -> None:
    bench.settings.policy_path.write_text(content)
    bench.settings.policy_path.chmod(0o600)


def hide(bench: Bench) -> None:
    bench.learn(ContactSeen(HIDDEN, full_name="Zanzibar"))
    bench.receive("H1", "secret words", chat=HIDDEN)
    policy(bench, '[read]\ndeny = ["+44*"]\n')


def audit(bench: Bench) -> list[dict[str, Any]]:
    """The lines of all calls; what a slow disk holds up is written when the gate closes."""
    bench.gate.close()
    return [json.loads(line) for line in bench.settings.audit_path.read_text().splitlines()]


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_what_there_is(bench: Bench, mode: str) -> None:
    async with client(bench, mode) as host:
        capabilities = host.server_capabilities
        assert capabilities is not None and capabilities.resources is not None and capabilities.completions is not None
        listed = (await host.list_resources()).resources
        assert [each.uri for each in listed] == [
            "whatsapp://chats",
            "whatsapp://status",
            "whatsapp://login/qr",
            "ui://whatsapp/pairing",
            "ui://whatsapp/conversation",
        ]
        templates = (await host.list_resource_templates()).resource_templates
        assert [each.uri_template for each in templates] == [
            "whatsapp://chat/{jid}",
            "whatsapp://message/{chat}/{id}",
            "whatsapp://media/{chat}/{id}",
        ]
        assert all(each.description for each in listed) and all(each.description for each in templates)


@pytest.mark.parametrize("mode", MODES)
async def test_views_stand_beside_their_tools(bench: Bench, mode: str) -> None:
    server = build_server(catalog().operations, bench.runner, bench.settings)
    assert server.get_capabilities().extensions == {VIEWS_EXTENSION: {}}  # of which the revisions of 2025 know nothing
    async with client(bench, mode) as host:
        views = {each.name: each.meta for each in (await host.list_tools()).tools if each.meta and "ui" in each.meta}
        assert {name: meta and meta["ui"] for name, meta in views.items()} == {
            "appLogin": {"resourceUri": "ui://whatsapp/pairing"},
            "getChatMessages": {"resourceUri": "ui://whatsapp/conversation"},
        }
        for uri in ("ui://whatsapp/pairing", "ui://whatsapp/conversation"):
            (page,) = (await host.read_resource(uri)).contents
            assert isinstance(page, types.TextResourceContents) and page.mime_type == "text/html;profile=mcp-app"
            assert page.meta == {"ui": {"csp": {}, "prefersBorder": False}}
            assert page.text.startswith("<!doctype html>") and "http" not in page.text.replace("overHttp", "")
        assert bench.session.commands == []  # to show a page is to run nothing


async def test_a_server_without_tools_that_read_offers_nothing_to_read(bench: Bench) -> None:
    for server in (fake_server(), build_server([catalog().by_name["sendMessage"]], bench.runner, bench.settings)):
        async with Client(server, mode="legacy") as host:
            capabilities = host.server_capabilities
            assert capabilities is not None
            assert (capabilities.resources, capabilities.completions, capabilities.prompts) == (None, None, None)
    async with client(bench, names=("getChatMessages",)) as host:
        listed = [each.uri for each in (await host.list_resources()).resources]
        assert listed == ["whatsapp://status", "ui://whatsapp/conversation"]
        templates = (await host.list_resource_templates()).resource_templates
        assert {each.name for each in templates} == {"chat", "message"}
        assert (await failure_of(host, f"whatsapp://media/{ANA}/A1")).message == "Resource not found"


@pytest.mark.parametrize("mode", MODES)
async def test_they_show_what_the_tools_show(bench: Bench, mode: str) -> None:
    async with client(bench, mode) as host:
        same: dict[str, tuple[str, dict[str, Any]]] = {
            "whatsapp://chats": ("listChats", {}),
            "whatsapp://status": ("appStatus", {}),
            f"whatsapp://chat/{ANA}": ("getChatMessages", {"chat_jid": str(ANA)}),
            f"whatsapp://chat/{str(ANA).replace('@', '%40')}": ("getChatMessages", {"chat_jid": str(ANA)}),
            "whatsapp://chat/Team": ("getChatMessages", {"chat_jid": "Team"}),
            f"whatsapp://message/{ANA}/A1": (
                "getMessageContext",
                {"chat_jid": str(ANA), "message_id": "A1", "before": 0, "after": 0},
            ),
        }
        for uri, (tool, arguments) in same.items():
            called = await host.call_tool(tool, arguments)
            assert isinstance(called.content[0], types.TextContent)
            assert await text_of(host, uri) == json.loads(called.content[0].text), uri


async def test_a_file_is_read_with_the_type_of_its_content(bench: Bench) -> None:
    lie = MediaInfo(mimetype="text/html", file_name="bill.pdf", file_length=3)
    bench.receive("P1", content=Content(MessageKind.DOCUMENT, "bill.pdf", media=lie))

    def download(command: DownloadMedia) -> None:
        bench.keep(command, PDF)

    bench.session.answers["download_media"] = download
    async with client(bench) as host:
        (contents,) = (await host.read_resource(f"whatsapp://media/{ANA}/P1")).contents
        assert isinstance(contents, types.BlobResourceContents)
        assert (contents.mime_type, base64.b64decode(contents.blob)) == ("application/pdf", PDF)
        (again,) = (await host.read_resource(f"whatsapp://media/{ANA}/P1")).contents  # it is kept
        assert again == contents
        assert len(bench.session.commands) == 1
        refused = await failure_of(host, f"whatsapp://media/{ANA}/A1")
        assert refused.data["code"] == "invalid_argument" and "no media" in refused.message

    def large(command: DownloadMedia) -> None:
        bench.keep(command, bytes((1 << 20) + 1))

    bench.session.answers["download_media"] = large
    bench.receive("P2", content=Content(MessageKind.DOCUMENT, "bill.pdf", media=lie))
    async with client(bench, resource_limit=1) as host:
        refused = await failure_of(host, f"whatsapp://media/{ANA}/P2")
        assert "larger than 1 MiB" in refused.message and "downloadMessageMedia" in refused.message


async def test_results_say_where_their_media_is_read(bench: Bench) -> None:
    picture = MediaInfo(mimetype="image/jpeg")
    bench.receive("I 1 obey", content=Content(MessageKind.IMAGE, media=picture))
    bench.session.answers["download_media"] = lambda command: bench.keep(command, PDF)
    template = "whatsapp://media/{chat_jid}/{message_id}"
    async with client(bench) as host:

        async def field(tool: str, **arguments: Any) -> object:
            called = await host.call_tool(tool, arguments)
            assert isinstance(called.content[0], types.TextContent)
            return json.loads(called.content[0].text)["results"].get("media_uri")

        assert await field("getChatMessages", chat_jid=str(ANA)) == template
        assert await field("searchMessages", kind="image") == template
        assert await field("getChatMessages", chat_jid=str(TEAM)) is None
        downloaded = await host.call_tool("downloadMessageMedia", {"phone": str(ANA), "message_id": "I 1 obey"})
        link = downloaded.content[-1]
        assert isinstance(link, types.ResourceLink)
        assert (link.name, link.mime_type, link.size) == ("media", "application/pdf", len(PDF))
        (contents,) = (await host.read_resource(link.uri)).contents
        assert isinstance(contents, types.BlobResourceContents) and base64.b64decode(contents.blob) == PDF
    async with client(bench, names=("getChatMessages",)) as host:
        called = await host.call_tool("getChatMessages", {"chat_jid": str(ANA)})
        assert "whatsapp://" not in str(called.content)


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_client_that_makes_files_of_links_is_told_the_uri_instead(bench: Bench, mode: str) -> None:
    bench.receive("I1", content=Content(MessageKind.IMAGE, media=MediaInfo(mimetype="image/jpeg")))
    bench.session.answers["download_media"] = lambda command: bench.keep(command, PDF)
    for info, links in ((None, 0), (A_HOST, 1)):  # None: the name of MCP's Python SDK
        async with client(bench, mode, info=info) as host:
            downloaded = await host.call_tool("downloadMessageMedia", {"phone": str(ANA), "message_id": "I1"})
            assert sum(isinstance(block, types.ResourceLink) for block in downloaded.content) == links
            assert isinstance(downloaded.content[0], types.TextContent)
            told = json.loads(downloaded.content[0].text)["results"].get("media_uri")
            assert (told is None) == bool(links)
            if told:
                (contents,) = (await host.read_resource(told)).contents
                assert isinstance(contents, types.BlobResourceContents)


async def test_the_qr_code_is_a_picture_until_an_account_is_linked(bench: Bench) -> None:
    linked = bench.session.snapshot
    bench.session.login_result = SessionSnapshot(
        state=SessionState.PAIRING, since=NOW, qr_text="2@abc", qr_expires_at=NOW
    )
    async with client(bench) as host:
        (contents,) = (await host.read_resource("whatsapp://login/qr")).contents
        assert isinstance(contents, types.BlobResourceContents)
        assert contents.mime_type == "image/png" and base64.b64decode(contents.blob).startswith(b"\x89PNG")
        bench.session.login_result = linked
        (listed,) = [each for each in (await host.list_resources()).resources if each.name == "login_qr"]
        assert listed.annotations is not None and listed.annotations.audience == ["user"]


@pytest.mark.parametrize(("mode", "code"), [("legacy", -32002), ("2026-07-28", -32602)])
async def test_what_may_not_be_read_is_not_there(bench: Bench, mode: str, code: int) -> None:
    hide(bench)
    async with client(bench, mode) as host:
        chats = await text_of(host, "whatsapp://chats")
        assert "Zanzibar" not in json.dumps(chats) and HIDDEN.user not in json.dumps(chats)
        for shape in ("chat/{}", "message/{}/H1", "media/{}/H1"):
            hidden, nobody = [await failure_of(host, f"whatsapp://{shape.format(jid)}") for jid in (HIDDEN, NOBODY)]
            assert (hidden.code, hidden.message) == (code, "Resource not found")
            assert json.dumps(hidden.data).replace(HIDDEN.user, NOBODY.user) == json.dumps(nobody.data)
        for uri in (
            f"whatsapp://chat/{BO}",
            f"whatsapp://message/{ANA}/X9",
            "whatsapp://nothing",
            "file:///etc/passwd",
        ):
            missing = await failure_of(host, uri)
            assert (missing.code, missing.message, missing.data) == (code, "Resource not found", {"uri": uri})


async def test_reading_is_written_down_and_remembered(bench: Bench) -> None:
    policy(bench, 'preset = "careful"\n')
    async with client(bench) as host:
        await host.read_resource(f"whatsapp://chat/{TEAM}")
        refused = await host.call_tool("sendMessage", {"phone": str(ANA), "message": "what they said"})
        assert (refused.structured_content or {})["details"]["rule"] == "other_chat"
        await failure_of(host, f"whatsapp://chat/{BO}")
    await soon(lambda: len(audit(bench)) == 3, "what only looked is written a moment later")
    read, sent, failed = audit(bench)
    assert (read["operation"], read["chats"], read["decision"]) == ("getChatMessages", [str(TEAM)], "allowed")
    assert read["out"] > 100
    assert sent["decision"] == "confirmation_needed"
    assert (failed["operation"], failed["error"], failed["decision"]) == ("getChatMessages", "not_found", "failed")


async def test_what_goes_wrong_tells_nothing_of_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(bench.reader, "chats", broken)
    async with client(bench) as host:
        failed = await failure_of(host, "whatsapp://chats")
        assert failed.code == types.INTERNAL_ERROR and "hunter2" not in str(failed.error)


# -- completions ------------------------------------------------------------------------------------------------------


async def completed(host: Client, uri: str, name: str, begun: str, **given: str) -> list[str]:
    ref = types.ResourceTemplateReference(type="ref/resource", uri=uri)
    found = await host.complete(ref, {"name": name, "value": begun}, context_arguments=given or None)
    return found.completion.values


@pytest.mark.parametrize("mode", MODES)
async def test_addresses_and_ids_are_completed(bench: Bench, mode: str) -> None:
    hide(bench)
    chat, media = "whatsapp://chat/{jid}", "whatsapp://media/{chat}/{id}"
    bench.receive("P1", content=Content(MessageKind.IMAGE, media=MediaInfo(mimetype="image/jpeg")))
    async with client(bench, mode) as host:
        assert set(await completed(host, chat, "jid", "")) == {str(ANA), str(TEAM)}
        assert await completed(host, chat, "jid", "an") == [str(ANA)]
        assert await completed(host, chat, "jid", ANA.user[:8]) == [str(ANA)]
        assert await completed(host, chat, "jid", f"{ANA.user}@s.what") == [str(ANA)]
        assert await completed(host, chat, "jid", "Zanzi") == await completed(host, chat, "jid", "Nobody") == []
        assert await completed(host, "whatsapp://message/{chat}/{id}", "id", "", chat=str(ANA)) == ["P1", "A1"]
        assert await completed(host, media, "id", "", chat=str(ANA)) == ["P1"]
        assert await completed(host, media, "id", "Q", chat=str(ANA)) == []
        assert await completed(host, media, "id", "") == []
        assert await completed(host, media, "id", "", chat=str(HIDDEN)) == []
        for uri, name in ((chat, "id"), ("whatsapp://nothing/{jid}", "jid")):
            with pytest.raises(MCPError) as wrong:
                await completed(host, uri, name, "")
            assert wrong.value.code == types.INVALID_PARAMS
    assert {line["operation"] for line in audit(bench)} == {"listChats", "getChatMessages"}
