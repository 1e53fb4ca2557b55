"""What a client sees, alike on each transport and in each protocol revision."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import anyio
import jsonschema_rs
import mcp.client.session
import mcp.types as types
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from tests.unit.server.connections import DEADLINE, REVISIONS, connected, fake_server, mode
from tests.unit.server.fakes import OPERATIONS, SECRET, FakeRunner
from whatsapp_mcp import __version__
from whatsapp_mcp.log_lines import JsonFormatter
from whatsapp_mcp.server.bodies import UNTRUSTED_NOTE


@pytest.fixture(params=REVISIONS)
def revision(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    chosen = str(request.param)
    if chosen == "2025-06-18":  # the SDK's client offers only the latest revision that has a handshake
        monkeypatch.setattr(mcp.client.session, "LATEST_HANDSHAKE_VERSION", chosen)
    return chosen


def body_of(result: types.CallToolResult) -> dict[str, Any]:
    block = result.content[0]
    assert isinstance(block, types.TextContent)
    body = json.loads(block.text)
    assert isinstance(body, dict)
    if result.is_error:  # where clients check failures against the output schema too, null is no object
        assert body.pop("results") is None
    # With a picture there is the text alone.
    pictured = any(isinstance(block, types.ImageContent) for block in result.content)
    assert result.structured_content == (None if pictured else body)
    return body


@pytest.mark.parametrize("transport", ["memory", "stdio", "http"])
async def test_every_transport_and_revision_offers_the_same(transport: str, revision: str) -> None:
    async with connected(transport, revision) as client:
        assert client.protocol_version == revision
        listed = await client.list_tools()
        assert [tool.name for tool in listed.tools] == [operation.name for operation in OPERATIONS]
        if revision == "2026-07-28":
            assert (listed.ttl_ms, listed.cache_scope) == (3_600_000, "private")

        echoed = body_of(await client.call_tool("echo", {"text": "hi\u202e"}))
        assert (echoed["code"], echoed["results"], echoed["untrusted"]) == ("SUCCESS", {"text": "hi"}, True)

        picture = await client.call_tool("picture")
        assert isinstance(picture.content[1], types.ImageContent)

        failed = await client.call_tool("fail", {"how": "not_logged_in"})
        assert failed.is_error
        assert body_of(failed)["code"] == "not_logged_in"

        crashed = await client.call_tool("crash")
        assert crashed.is_error
        assert body_of(crashed)["code"] == "internal_error"
        assert SECRET not in crashed.model_dump_json()

        with pytest.raises(MCPError) as unknown:
            await client.call_tool("echoo")
        assert unknown.value.code == types.INVALID_PARAMS
        assert "did you mean echo" in unknown.value.message


@pytest.mark.parametrize("transport", ["memory", "http"])
async def test_progress_is_reported_and_cancelling_reaches_the_operation(transport: str, revision: str) -> None:
    runner = FakeRunner()
    reported: list[tuple[float, float | None, str | None]] = []
    progressed = anyio.Event()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        reported.append((progress, total, message))
        progressed.set()

    async with connected(transport, revision, runner) as client:
        async with anyio.create_task_group() as tasks:

            async def long_call() -> None:
                await client.call_tool("slow", {"seconds": 60}, progress_callback=on_progress)

            tasks.start_soon(long_call)
            with anyio.fail_after(DEADLINE):
                await runner.started.wait()
                await progressed.wait()
            assert not runner.cancelled.is_set()
            tasks.cancel_scope.cancel()
        with anyio.fail_after(DEADLINE):
            await runner.cancelled.wait()  # while the connection is still open
        assert not (await client.call_tool("echo", {"text": "still here"})).is_error
    progress, total, message = reported[0]
    assert progress > 0
    assert (total, message) == (None, "half way")


async def test_what_the_server_says_of_itself(revision: str) -> None:
    async with Client(fake_server(), mode="legacy" if mode(revision) == "legacy" else "auto") as client:
        info = client.server_info
        assert info is not None
        assert (info.name, info.title, info.version) == ("whatsapp-web-mcp", "WhatsApp", __version__)
        assert "phone number with country code" in (client.instructions or "")
        assert "data" in (client.instructions or "")
        capabilities = client.server_capabilities
        assert capabilities is not None
        assert capabilities.tools is not None
        assert capabilities.resources is None
        assert capabilities.prompts is None


async def test_what_was_passed_over_is_told_beside_the_result() -> None:
    async with Client(fake_server(FakeRunner()), mode="legacy") as client:
        body = body_of(await client.call_tool("echo", {"text": "x", "txet": "y", "toolCallId": "call_1"}))

    assert body["code"] == "SUCCESS"
    assert body["note"].startswith('Ignored, because this tool has no such argument: "txet". It takes text, ')
    assert body["note"].endswith(UNTRUSTED_NOTE)


@pytest.mark.parametrize(
    ("tool", "arguments", "field"),
    [
        ("echo", {}, "text"),
        ("echo", {"text": ""}, "text"),
        ("echo", {"text": None}, "text"),
        ("echo", {"text": ["x"]}, "text"),
        ("echo", {"text": "x", "times": 6}, "times"),
        ("echo", {"text": "x", "times": "many"}, "times"),
        ("echo", {"text": "x", "tags": ["a", True]}, "tags"),
        ("echo", {"txet": "y"}, "text"),
        ("fail", {"how": "never"}, "how"),
    ],
)
async def test_bad_arguments_are_a_tool_error_that_names_the_field(
    tool: str, arguments: dict[str, Any], field: str
) -> None:
    runner = FakeRunner()
    async with Client(fake_server(runner), mode="legacy") as client:
        result = await client.call_tool(tool, arguments)
    body = body_of(result)
    assert result.is_error
    assert body["code"] == "invalid_argument"
    assert field in body["message"]
    assert field in body["details"]["field"]
    assert runner.calls == []


async def test_json_in_a_string_is_understood_and_defaults_are_filled_in() -> None:
    runner = FakeRunner()
    async with Client(fake_server(runner)) as client:
        await client.call_tool("echo", {"text": "5", "tags": '["a"]', "times": "2"})
        await client.call_tool("rows")
    assert runner.calls == [
        ("echo", {"text": "5", "tags": ["a"], "times": 2}),
        ("rows", {"count": 100, "offset": 0}),
    ]


async def test_a_long_list_can_be_read_page_by_page() -> None:
    offset, ids = 0, []
    async with Client(fake_server()) as client:
        while True:
            body = body_of(await client.call_tool("rows", {"offset": offset}))
            ids += [row["id"] for row in body["results"]["data"]]
            if not body.get("truncated"):
                break
            offset = body["next_offset"]
    assert ids == list(range(100))


async def test_unexpected_failures_are_logged_and_told_without_their_text(
    revision: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Client(fake_server(), mode=mode(revision)) as client:
        with caplog.at_level(logging.ERROR):
            crashed = await client.call_tool("crash")
            unwritable = await client.call_tool("unwritable")
            after = await client.call_tool("echo", {"text": "still here"})
    assert SECRET in caplog.text
    for result in (crashed, unwritable):
        assert body_of(result)["code"] == "internal_error"
        assert body_of(result)["next_step"]
        assert not any(word in result.model_dump_json() for word in (SECRET, "Traceback", "RuntimeError", "TypeError"))
    assert not after.is_error


async def test_details_of_a_failure_reach_the_client() -> None:
    async with Client(fake_server()) as client:
        limited = body_of(await client.call_tool("fail", {"how": "rate_limited"}))
        ambiguous = body_of(await client.call_tool("fail", {"how": "ambiguous"}))
    assert limited["details"] == {"retry_after_seconds": 7}
    assert ambiguous["details"] == {"candidates": [{"jid": "1@lid", "name": "Ana"}]}
    assert ambiguous["untrusted"] is True


async def test_results_satisfy_the_published_schema() -> None:
    async with Client(fake_server()) as client:
        schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
        calls: dict[str, dict[str, Any]] = {"echo": {"text": "x"}, "rows": {"count": 500}, "picture": {}, "crash": {}}
        for name, arguments in calls.items():
            result = await client.call_tool(name, arguments)
            assert (schemas[name] is None) == (name == "picture")
            jsonschema_rs.validate(schemas[name] or {"type": "null"}, result.structured_content)


async def test_output_schemas_can_be_left_out() -> None:
    async with Client(fake_server(output_schemas=False)) as client:
        assert {tool.output_schema for tool in (await client.list_tools()).tools} == {None}


async def test_an_unknown_cursor_is_refused(revision: str) -> None:
    async with Client(fake_server(), mode=mode(revision)) as client:
        with pytest.raises(MCPError) as refused:
            await client.list_tools(cursor="page 2")
    assert refused.value.code == types.INVALID_PARAMS


async def test_the_log_of_a_call_names_account_client_and_tool_and_nothing_that_was_said(revision: str) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    log = logging.getLogger("whatsapp_mcp.server.calls")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        async with connected("memory", revision) as client:
            await client.call_tool("echo", {"text": SECRET})
            await client.call_tool("fail", {"how": "rate_limited"})
    finally:
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)
    echo, fail = map(json.loads, written.getvalue().splitlines())
    assert (echo["account"], echo["tool"], fail["tool"]) == ("default", "echo", "fail")
    assert echo["client"].startswith("local")
    assert fail["message"] == "fail was answered rate_limited."
    assert SECRET not in written.getvalue()
