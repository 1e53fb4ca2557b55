"""The real catalogue behind the real face; only what carries it out is fake."""

from __future__ import annotations

import jsonschema_rs
from mcp import Client

from tests.unit.server.fakes import FakeRunner, settings
from whatsapp_mcp.catalog import load_catalog
from whatsapp_mcp.operations.outcome import Arguments, Outcome
from whatsapp_mcp.policy.passage import Passage
from whatsapp_mcp.server.app import build_server


class Rows(FakeRunner):
    async def run(self, passage: Passage, arguments: Arguments) -> Outcome:
        self.calls.append((passage.operation.name, arguments))
        rows = [{"jid": f"{number}@s.whatsapp.net", "name": "Ana " * 20} for number in range(100)]
        page = {"data": rows, "pagination": {"limit": 100, "offset": 0, "total": 100}}
        return Outcome("100 chats.", page, rows="data", untrusted=True)


async def test_every_operation_is_listed_and_a_cut_result_satisfies_its_schema() -> None:
    operations = load_catalog().operations
    runner = Rows()
    async with Client(build_server(operations, runner, settings()), mode="legacy") as client:
        listed = await client.list_tools()
        assert [tool.name for tool in listed.tools] == [operation.name for operation in operations]
        result = await client.call_tool("listChats", {"limit": "100"})  # the client checks it against the schema
        refused = await client.call_tool("sendMessage", {"phone": ""})
    assert result.structured_content is not None
    assert result.structured_content["next_offset"] == len(result.structured_content["results"]["data"])
    assert refused.is_error
    assert [(name, arguments["limit"]) for name, arguments in runner.calls] == [("listChats", 100)]


async def test_failures_satisfy_every_output_schema() -> None:
    async with Client(build_server(load_catalog().operations, FakeRunner(), settings()), mode="legacy") as client:
        for tool in (await client.list_tools()).tools:
            failed = await client.call_tool(tool.name, {"no_such_argument": 1})
            assert failed.is_error
            # What can carry a picture has no schema.
            jsonschema_rs.validate(tool.output_schema or {"type": "object"}, failed.structured_content)
