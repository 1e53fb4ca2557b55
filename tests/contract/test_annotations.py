"""What hosts are told of a tool is true: derived here from the document itself, apart from the catalogue's loader."""

from __future__ import annotations

from typing import Any, Final

import pytest
import yaml

from whatsapp_mcp.catalog import load_catalog
from whatsapp_mcp.catalog.build.files import TOOLS_YAML
from whatsapp_mcp.catalog.tool import to_tool

DOCUMENT: Final[dict[str, Any]] = yaml.safe_load(TOOLS_YAML.read_text(encoding="utf-8"))
OPERATIONS: Final[dict[str, dict[str, Any]]] = {
    operation["operationId"]: operation for item in DOCUMENT["paths"].values() for operation in item.values()
}
OTHERS: Final = frozenset(
    {
        "content",
        "caption",
        "name",
        "push_name",
        "about",
        "topic",
        "text",
        "title",
        "description",
        "from",
        "display_name",
    }
)
"""Properties of results that can hold what other people wrote."""


def follow(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        target: Any = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def names_in(schema: dict[str, Any]) -> set[str]:
    schema = follow(schema)
    found = set(schema.get("properties", {}))
    for item in [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]:
        found |= names_in(item)
    return found


def response(name: str) -> dict[str, Any]:
    answer = follow(OPERATIONS[name]["responses"]["200"])
    return follow(answer["content"]["application/json"]["schema"])


@pytest.mark.parametrize("name", OPERATIONS)
def test_annotations_follow_from_the_document(name: str) -> None:
    x_mcp = OPERATIONS[name]["x-mcp"]
    annotations = to_tool(load_catalog().by_name[name]).annotations
    assert annotations is not None

    assert annotations.read_only_hint is (x_mcp["effect"] == "read")
    assert annotations.destructive_hint is (x_mcp["effect"] == "destructive")
    assert annotations.idempotent_hint is x_mcp["idempotent"]
    assert annotations.open_world_hint is (x_mcp["open_world"] or "untrusted" in response(name)["properties"])


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_reads_the_words_of_others_marks_them(name: str) -> None:
    if OPERATIONS[name]["x-mcp"]["effect"] == "read":
        read = names_in(response(name)["properties"]["results"]) & OTHERS
        own = {"appDevices": {"name"}}.get(name, set())
        assert not (read - own) or "untrusted" in response(name)["properties"], read


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_write_that_reaches_others_is_destructive_or_says_why_not(name: str) -> None:
    x_mcp = OPERATIONS[name]["x-mcp"]
    reaches = x_mcp["open_world"] or not x_mcp["connection"]

    assert bool(x_mcp.get("additive", "").strip()) is (x_mcp["effect"] == "write" and reaches)


@pytest.mark.parametrize(
    "name",
    ["promoteParticipantToAdmin", "addParticipantToGroup", "approveGroupParticipantRequest", "forwardMessage"],
)
def test_what_people_keep_once_they_have_it_is_destructive(name: str) -> None:
    assert OPERATIONS[name]["x-mcp"]["effect"] == "destructive"
