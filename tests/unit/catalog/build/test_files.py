"""What is made of tools.yaml: the file that servers read, and the types of arguments."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Final

from whatsapp_mcp import catalog
from whatsapp_mcp.catalog import Catalog, Operation, Touches, load_catalog
from whatsapp_mcp.catalog.build.files import arguments_module, catalog_json, read_tools_yaml

MADE: Final = Path(catalog.__file__).parent
TODO: Final = "run python docs/generate.py"


def test_what_is_made_is_up_to_date() -> None:
    built = read_tools_yaml()
    assert (MADE / "catalog.json").read_text(encoding="utf-8") == catalog_json(built), TODO
    assert (MADE / "arguments.pyi").read_text(encoding="utf-8") == arguments_module(built), TODO


def test_what_is_loaded_is_what_was_built() -> None:
    built, loaded = read_tools_yaml(), load_catalog()
    assert (loaded, loaded.by_name) == (built, built.by_name)


def operation(properties: dict[str, object], required: list[str]) -> Operation:
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return Operation(
        name="sendPoll", title="", description="", method="post", path="/", tag="send", toolsets=("send",),
        effect="write", idempotent=False, open_world=True, needs_connection=True, input_schema=schema, output_schema={},
        touches=Touches(act="send"),
    )  # fmt: skip


def typed(properties: dict[str, object], *required: str) -> str:
    """The lines of the type, without what stands before it."""
    module = arguments_module(Catalog((operation(properties, list(required)),), ("core", "send")))
    return textwrap.dedent(module.partition("class SendPollArguments(TypedDict):\n")[2]).strip()


def test_arguments_are_typed() -> None:
    assert typed(
        {
            "phone": {"type": "string"},
            "options": {"type": "array", "items": {"type": "string", "minLength": 1}},
            "height": {"type": "number"},
            "choice": {"type": "string", "enum": ["a", "b"]},
        },
        *("phone", "options", "height", "choice"),
    ).splitlines() == ["phone: str", "options: list[str]", "height: float", 'choice: Literal["a", "b"]']


def test_what_has_a_default_is_always_there() -> None:
    properties: dict[str, object] = {"offset": {"type": "integer", "default": 0}, "hd": {"type": "boolean"}}
    assert typed(properties).splitlines() == ["offset: int", "hd: NotRequired[bool]"]


def test_no_arguments() -> None:
    assert typed({}) == "pass"
