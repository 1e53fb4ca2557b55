"""What is wrong with tools.yaml is named with operation and line, and nothing is made of it."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from whatsapp_mcp.catalog import CatalogError, Touches
from whatsapp_mcp.catalog.build.files import read_tools_yaml
from whatsapp_mcp.catalog.build.load import build_catalog

DOCUMENT = textwrap.dedent(
    """\
    openapi: 3.1.0
    tags:
      - {name: send}
    paths:
      /send/{chat}/poll:
        post:
          operationId: sendPoll
          tags: [send]
          summary: Send a poll
          description: >-
            Send a poll
            to somebody.
          x-mcp: {toolsets: [core, send], effect: write, idempotent: false, open_world: true, connection: true,
            additive: why, policy: {act: send, chat: chat, text: [options], files: [picture], undo: partly}}
          parameters:
            - {name: chat, in: path, required: true, schema: {type: string, maxLength: 200}}
          requestBody:
            content:
              application/json:
                schema:
                  type: object
                  properties:
                    options: {type: array, maxItems: 9, items: {type: string, maxLength: 200}}
                    picture: {$ref: '#/components/schemas/Picture', minLength: 1}
                    max_answer: {type: integer, minimum: 1, maximum: 9, default: 1, example: 3}
                  required: [options]
          responses:
            '200':
              content:
                application/json:
                  schema: {$ref: '#/components/schemas/Answer'}
    components:
      schemas:
        Picture: {type: string, format: binary, maxLength: 9000, description: Where it lies}
        Answer:
          type: object
          properties:
            results: {type: object, properties: {at: {type: string, format: date-time, description: When}}}
    """
)


def broken(old: str, new: str) -> str:
    assert DOCUMENT.count(old) == 1, old
    return DOCUMENT.replace(old, new)


def line_of(text: str) -> int:
    return DOCUMENT[: DOCUMENT.index(text)].count("\n") + 1


def error_of(text: str) -> str:
    with pytest.raises(CatalogError) as caught:
        build_catalog(text)
    return caught.value.message


def test_an_operation_is_read() -> None:
    (operation,) = build_catalog(DOCUMENT).operations

    assert operation.name == "sendPoll"
    assert operation.title == "Send a poll"
    assert operation.description == "Send a poll to somebody."
    assert (operation.method, operation.path, operation.tag) == ("post", "/send/{chat}/poll", "send")
    assert operation.toolsets == ("core", "send")
    assert (operation.effect, operation.idempotent, operation.open_world) == ("write", False, True)
    assert operation.needs_connection is True
    assert operation.touches == Touches(act="send", undo="partly", chat="chat", text=("options",), files=("picture",))
    assert operation.input_schema == {
        "type": "object",
        "properties": {
            "chat": {"type": "string", "maxLength": 200},
            "options": {"type": "array", "maxItems": 9, "items": {"type": "string", "maxLength": 200}},
            "picture": {"type": "string", "maxLength": 9000, "description": "Where it lies", "minLength": 1},
            "max_answer": {"type": "integer", "minimum": 1, "maximum": 9, "default": 1},
        },
        "required": ["chat", "options"],
        "additionalProperties": False,
    }
    assert operation.output_schema == {
        "type": "object",
        "properties": {"results": {"type": "object", "properties": {"at": {"type": "string"}}}},
    }


METHOD_LINE = line_of("post:")


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("      description: >-\n        Send a poll\n        to somebody.\n", "", None, "description is missing"),
        ("summary: Send a poll", "summary: ''", "summary:", "summary is missing"),
        ("operationId: sendPoll", "operationId: send poll", "operationId:", "not usable as the name of a tool"),
        ("effect: write", "effect: writes", "x-mcp:", "unknown effect 'writes'; known are read, write, destructive"),
        ("[core, send], effect", "[core, sned], effect", "x-mcp:", "unknown toolset 'sned'; known are core, send"),
        ("toolsets: [core, send]", "toolsets: []", "x-mcp:", "toolsets is missing or empty"),
        ("idempotent: false", "idempotent: perhaps", "x-mcp:", "idempotent has to be true or false"),
        ("connection: true", "connected: true", "x-mcp:", "x-mcp does not know 'connected'"),
        ("tags: [send]", "tags: [sent]", "tags: [send]", "tags has to be one of send"),
        ("in: path,", "in: cookie,", "- {name: chat", "only path and query are possible"),
        ("name: chat,", "name: chatt,", None, "path parameters ['chatt'] do not fit the path /send/{chat}/poll"),
        ("picture: {", "chat: {", "picture: {", "two parameters are called 'chat'"),
        ("#/components/schemas/Picture", "#/components/schemas/Photo", "picture: {", "Photo' names nothing"),
        ("#/components/schemas/Picture", "other.yaml#/Photo", "picture: {", "leaves the document"),
        ("maxItems: 9, items: {type: string, maxLength: 200}", "maxItems: 9", "options: {", "an array without items"),
        ("act: send", "act: shout", "policy:", "policy: unknown act 'shout'; known are look, ask"),
        ("undo: partly", "undo: yes", "policy:", "policy: unknown undo True; known are fully, partly, never"),
        (", undo: partly", "", "policy:", "policy needs act, and undo where something is changed"),
        ("chat: chat", "chat: phone", "policy:", "policy: chat names 'phone', which is no parameter"),
        ("files: [picture]", "folders: [picture]", "policy:", "policy does not know ['folders']"),
        ("additive: why", "additive: ''", "additive:", "additive has to say why"),
        ("effect: write", "effect: read", "additive:", "additive has to say why"),
        (" maxItems: 9,", "", None, "argument 'options' needs a maxItems"),
        ("items: {type: string, maxLength: 200}", "items: {type: string}", None, "'options[]' needs a maxLength"),
        ("maximum: 9,", "", None, "argument 'max_answer' needs a maximum"),
        ("minimum: 1,", "exclusiveMinimum: true,", "max_answer: {", "exclusiveMinimum: true is OpenAPI 3.0"),
        ("minimum: 1,", "nullable: true,", "max_answer: {", "nullable is OpenAPI 3.0"),
        ("type: integer, minimum", "type: [integer, 'null'], minimum", "max_answer: {", "a list of types"),
        ("minimum: 1,", "minimum: low,", None, "the input schema is not a valid JSON Schema, at properties/max_answer"),
        ("required: [options]", "required: [option]", "required: [options]", "required names 'option'"),
        ("json:\n            schema:\n              type", "xml:\n            schema:\n              type",
         "application/json:", "one content type"),
        ("    Answer:\n      type: object\n", "    Answer:\n      type: array\n      items: {}\n", "  Answer:",
         "the response has to be an object"),
        ("format: date-time, description: When", "nullable: true", "results: {", "nullable is OpenAPI 3.0"),
    ],
)  # fmt: skip
def test_an_error_names_the_operation_and_the_line(old: str, new: str, line: str | None, problem: str) -> None:
    message = error_of(broken(old, new))

    assert problem in message
    assert message.startswith("operation "), message
    assert message.partition(",")[0] in ("operation sendPoll", "operation send poll")
    stated = int(message.partition("line ")[2].partition(":")[0])
    # The mapping that holds the wrong key, or the key itself; a line that is gone leaves only the operation.
    expected = METHOD_LINE if line is None else line_of(line)
    assert expected <= stated <= expected + 1


def test_a_missing_operation_id_names_path_and_line() -> None:
    message = error_of(broken("      operationId: sendPoll\n", ""))

    assert message == f"line {METHOD_LINE}: POST /send/{{chat}}/poll has no operationId"


def test_an_operation_id_given_twice_names_both_lines() -> None:
    start, end = DOCUMENT.index("  /send/{chat}/poll"), DOCUMENT.index("components:")
    again = DOCUMENT[start:end].replace("/poll", "/vote")
    message = error_of(DOCUMENT[:end] + again + DOCUMENT[end:])

    second = METHOD_LINE + again.count("\n")
    assert message == f"operation sendPoll, line {second}: this operationId is taken by line {METHOD_LINE}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "not valid YAML"),
        ("- a", "line 1: the document is not a mapping"),
        (broken("openapi: 3.1.0", "openapi: 3.0.3"), "line 1: openapi has to be 3.1.x"),
        ("openapi: 3.1.0\npaths: {}\n", "line 2: no operation at all"),
        ("openapi: 3.1.0\n", "paths is missing"),
        (broken("    post:", "    posted:"), f"line {METHOD_LINE}: 'posted' of /send/{{chat}}/poll is not a method"),
        (DOCUMENT.replace("      tags: [send]\n", "      tags: [send]\n      tags: [send]\n"), "'tags' stands twice"),
        (broken("Answer:\n      type: object", "Answer:\n      $ref: '#/components/schemas/Answer'"), "itself"),
    ],
)
def test_a_document_that_is_no_catalogue(text: str, problem: str) -> None:
    assert problem in error_of(text)


def test_a_recursive_schema_is_refused_and_not_followed_for_ever() -> None:
    message = error_of(broken("{at: {type: string", "{again: {$ref: '#/components/schemas/Answer'}, at: {type: string"))

    assert message.endswith("#/components/schemas/Answer refers to itself")


def test_the_error_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(broken("effect: write", "effect: big"))

    with pytest.raises(CatalogError, match=r"^mine\.yaml: operation sendPoll, line \d+: unknown effect 'big'"):
        read_tools_yaml(path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="cannot be read"):
        read_tools_yaml(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"openapi: \xff\n")
    with pytest.raises(CatalogError, match="not UTF-8"):
        read_tools_yaml(tmp_path / "latin.yaml")
