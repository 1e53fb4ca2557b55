"""What tools/list costs and promises: budgets, schemas, annotations."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest
from mcp.types import Tool
from tests.contract.expected import DESTRUCTIVE, READS, REPEATING_MATTERS, STAYS_HERE, WITHOUT_CONNECTION

from whatsapp_mcp.catalog import Catalog, load_catalog, select
from whatsapp_mcp.catalog.published import published_schema
from whatsapp_mcp.catalog.tool import to_tool, to_tools

CATALOG: Final = load_catalog()
NAMES: Final = [operation.name for operation in CATALOG.operations]
FACTS: Final = Path(__file__).parents[2] / "contract" / "seed.json"
SEED: Final = json.loads(FACTS.read_text(encoding="utf-8"))["operations"]


def shown(tool: Tool) -> dict[str, Any]:
    dumped: dict[str, Any] = tool.model_dump(by_alias=True, exclude_none=True)
    return dumped


def cost(catalog: Catalog) -> int:
    """Characters of what a host usually shows the model of each tool, as compact JSON."""
    tools = [shown(tool) for tool in to_tools(catalog.operations)]
    rows = [{key: tool[key] for key in ("name", "description", "inputSchema")} for tool in tools]
    return sum(len(json.dumps(row, separators=(",", ":"))) for row in rows)


def test_all_tools_of_the_seed_fit_the_budget() -> None:
    of_the_seed = tuple(operation for operation in CATALOG.operations if operation.name in SEED)
    assert len(of_the_seed) == 56
    assert cost(Catalog(of_the_seed, CATALOG.toolsets)) <= 16_000


def test_core_fits_the_budget() -> None:
    assert cost(select(CATALOG, "core")) <= 6_500


def test_output_schemas_and_the_rest_stay_small() -> None:
    whole = json.dumps([shown(tool) for tool in to_tools(CATALOG.operations)], separators=(",", ":"))

    assert len(whole) <= 1_050 * len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_one_that_any_host_can_compile(name: str) -> None:
    tool = shown(to_tool(CATALOG.by_name[name]))

    for schema in (
        tool["inputSchema"],
        tool.get("outputSchema", {"type": "object"}),
        CATALOG.by_name[name].input_schema,
    ):
        assert schema["type"] == "object"
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
        text = json.dumps(schema)
        for unwanted in ('"$ref"', '"anyOf"', '"oneOf"', '"allOf"', '"example', '"title": "', '"binary"'):
            assert unwanted not in text, unwanted


def goes_without_saying(key: str, value: Any) -> bool:
    if key == "uniqueItems":
        return True
    if bound := {"maxLength": 200, "maxItems": 1000, "maximum": 1_000_000}.get(key):
        return bool(value >= bound)
    return value in {"minLength": (0, 1), "minItems": (1,), "minimum": (0, 1), "default": (0, False)}.get(key, ())


@pytest.mark.parametrize("name", NAMES)
def test_published_and_checked_arguments_are_the_same_but_for_what_goes_without_saying(name: str) -> None:
    checked = CATALOG.by_name[name].input_schema
    published = published_schema(checked)

    assert checked["additionalProperties"] is False
    assert published["properties"].keys() == checked["properties"].keys()
    assert published.get("required") == checked.get("required")
    for parameter, schema in checked["properties"].items():
        said = published["properties"][parameter]
        for key, value in schema.items():
            in_words = key == "enum" and all(str(choice) in said.get("description", "") for choice in value)
            first = schema.get("default") == schema.get("enum", [None])[0] and (
                key == "default" or (key == "enum" and said["enum"] == value[1:])
            )
            same = said.get(key) == value or in_words or first
            assert key == "items" or same or goes_without_saying(key, value), (parameter, key)


@pytest.mark.parametrize("name", NAMES)
def test_every_text_list_and_number_has_a_maximum(name: str) -> None:
    bounds = {"string": "maxLength", "array": "maxItems", "integer": "maximum", "number": "maximum"}
    schemas = list(CATALOG.by_name[name].input_schema["properties"].values())
    schemas += [schema["items"] for schema in schemas if "items" in schema]

    for schema in schemas:
        assert schema["type"] in ("boolean", *bounds)
        assert schema["type"] == "boolean" or "enum" in schema or bounds[schema["type"]] in schema, schema


def test_a_result_in_the_shape_of_the_document_satisfies_the_output_schema() -> None:
    message = {"message_id": "3EB0", "content": "hi", "reactions": [{"sender_jid": "1@s.whatsapp.net"}]}
    waited = {"code": "SUCCESS", "message": "One message.", "untrusted": True, "results": {"message": message}}
    validator = jsonschema_rs.Draft202012Validator(CATALOG.by_name["waitForMessage"].output_schema)

    assert validator.is_valid(waited)
    assert not validator.is_valid({**waited, "results": {"message": {"message_id": 5}}})
    assert not validator.is_valid({"results": {}})


@pytest.mark.parametrize("name", NAMES)
def test_a_description_is_ours_to_read(name: str) -> None:
    operation = CATALOG.by_name[name]

    assert 12 <= len(operation.description) <= 260
    assert operation.description.isascii()
    assert operation.description[-1] == "."
    assert len(operation.title) <= 40


# ---- annotations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_annotations_are_true(name: str) -> None:
    operation = CATALOG.by_name[name]

    assert shown(to_tool(operation))["annotations"] == {
        "readOnlyHint": name in READS,
        "destructiveHint": name in DESTRUCTIVE,
        "idempotentHint": name not in REPEATING_MATTERS,
        "openWorldHint": name not in STAYS_HERE,
    }
    assert operation.needs_connection is (name not in WITHOUT_CONNECTION)


def test_what_a_person_with_an_assistant_needs_is_in_core() -> None:
    core = select(CATALOG, "core").by_name

    assert len(core) <= 18
    assert {
        *("appLogin", "appStatus", "appReconnect"),
        *("catchUp", "listChats", "getChatMessages", "searchMessages", "waitForMessage", "downloadMessageMedia"),
        *("userMyContacts", "userMyGroups"),
        *("sendMessage", "sendImage", "sendFile", "forwardMessage"),
        *("reactMessage", "readMessage", "revokeMessage"),
    } <= core.keys()
    assert {operation.tag for operation in CATALOG.operations} == set(CATALOG.toolsets) - {"core"}
    assert all(operation.tag in operation.toolsets for operation in CATALOG.operations)


def test_output_schemas_can_be_left_out() -> None:
    operation = CATALOG.by_name["listChats"]

    assert "outputSchema" in shown(to_tool(operation))
    assert "outputSchema" not in shown(to_tool(operation, with_output_schema=False))


# ---- words -----------------------------------------------------------------------------------------------------------

SAID_ONCE: Final = ("phone", "chat_jid", "group_id", "participants", "offset", "cursor", "duration", "idempotency_key")
"""Parameters that a model cannot fill by their names alone, and that mean the same wherever they stand."""


@pytest.mark.parametrize("spec", [*CATALOG.toolsets, "all"])
def test_each_list_describes_once_what_it_needs_described(spec: str) -> None:
    described: dict[str, list[str]] = {}
    for tool in to_tools(select(CATALOG, spec).operations):
        for name, schema in tool.input_schema["properties"].items():
            described.setdefault(name, []).append(schema.get("description", ""))

    for name in SAID_ONCE:
        if name not in described:
            continue
        assert any(described[name]), name
        words = [text for text in described[name] if text]
        assert len(words) == len(set(words)), name
    if "by_relevance" in described:
        assert described["by_relevance"] == ["Best first instead of newest"]


@pytest.mark.parametrize("name", NAMES)
def test_who_and_what_is_described_in_the_same_words_everywhere(name: str) -> None:
    operation = CATALOG.by_name[name]
    other_meaning = {("muteChat", "duration"), ("appLoginWithCode", "phone"), ("userCheck", "phone")}

    for parameter, schema in operation.input_schema["properties"].items():
        if parameter in ("offset", "duration", "idempotency_key", "group_id", "participants"):
            first = next(o for o in CATALOG.operations if parameter in o.input_schema["properties"])
            known = first.input_schema["properties"][parameter].get("description")
            assert (name, parameter) in other_meaning or schema.get("description") == known, parameter


@pytest.mark.parametrize("name", [n for n in NAMES if "image_url" in CATALOG.by_name[n].input_schema["properties"]])
def test_the_picture_as_file_and_as_link_are_told_apart(name: str) -> None:
    operation = CATALOG.by_name[name]

    assert operation.input_schema["properties"]["image"]["description"] == "Path or data: URI"
    assert "image_url with an https link" in operation.description


@pytest.mark.parametrize("name", NAMES)
def test_no_description_names_another_tool(name: str) -> None:
    operation = CATALOG.by_name[name]
    texts = [operation.description, *(s.get("description", "") for s in operation.input_schema["properties"].values())]

    assert not set(re.findall(r"\w+", " ".join(texts))) & (set(NAMES) - {name})


def test_a_group_can_be_renamed_to_what_it_could_be_called_at_first() -> None:
    title = CATALOG.by_name["createGroup"].input_schema["properties"]["title"]
    name = CATALOG.by_name["setGroupName"].input_schema["properties"]["name"]

    assert title["maxLength"] == name["maxLength"] == 100
