"""Builds operations from the text of tools.yaml. Everything wrong with it is found here, before the server starts."""

from __future__ import annotations

import re
from typing import Final, NoReturn, cast

from whatsapp_mcp.catalog.build.checks import check_bounded, check_dialect, check_valid
from whatsapp_mcp.catalog.build.document import Document, Located, parse
from whatsapp_mcp.catalog.build.schemas import input_schema, output_schema
from whatsapp_mcp.catalog.operation import (
    ACTS,
    CORE,
    EFFECTS,
    READS,
    UNDO,
    Catalog,
    Effect,
    JsonObject,
    Operation,
    Touches,
)
from whatsapp_mcp.catalog.published import published_schema

_METHODS: Final = ("get", "post", "put", "patch", "delete")
_BODY_TYPES: Final = ("application/json", "multipart/form-data")
_FLAGS: Final = ("idempotent", "open_world", "connection")
_X_MCP_KEYS: Final = frozenset({"toolsets", "effect", "additive", "exactly_one", "picture", "policy", *_FLAGS})
_ONE_PARAMETER: Final = ("chat", "message", "forwards", "invitation", "later")
_PARAMETERS: Final = ("people", "adds", "text", "files", "links")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}\Z")


def build_catalog(text: str) -> Catalog:
    """Read an OpenAPI 3.1 document in which every operation carries an ``x-mcp`` block.

    Raises:
        CatalogError: names the operation and the line, and says what is wrong.
    """
    document = parse(text)
    root = document.root
    if not str(root.get("openapi", "")).startswith("3.1."):
        document.fail("openapi has to be 3.1.x", root.line_of("openapi"))
    tags = [str(tag.get("name")) for tag in root.get("tags") or () if isinstance(tag, Located)]
    operations: dict[str, Operation] = {}
    lines: dict[str, int] = {}
    paths = document.mapping(root.get("paths"), "paths", root.line)
    for path, item in paths.items():
        methods = document.mapping(item, f"path {path}", paths.line_of(path))
        for method in methods:
            if method not in _METHODS:
                document.fail(f"{method!r} of {path} is not a method", methods.line_of(method))
            reader = _OperationReader(document, methods, path, method, tags)
            operation = reader.read()
            if operation.name in operations:
                document.fail(f"this operationId is taken by line {lines[operation.name]}", reader.line, operation.name)
            operations[operation.name] = operation
            lines[operation.name] = reader.line
    if not operations:
        document.fail("no operation at all", root.line_of("paths"))
    return Catalog(tuple(operations.values()), (CORE, *tags))


class _OperationReader:
    """Reads one operation; knows its name and line for every complaint."""

    def __init__(self, document: Document, methods: Located, path: str, method: str, tags: list[str]) -> None:
        self.document = document
        self.path = path
        self.method = method
        self.tags = tags
        self.line = methods.line_of(method)
        self.node = document.mapping(methods[method], f"{method.upper()} {path}", self.line)
        name = self.node.get("operationId")
        if not isinstance(name, str) or not name:
            document.fail(f"{method.upper()} {path} has no operationId", self.line)
        self.name: str = name
        if not _NAME.match(name):
            self.fail("operationId is not usable as the name of a tool", self.node.line_of("operationId"))

    def fail(self, problem: str, at: int | None = None) -> NoReturn:
        self.document.fail(problem, at or self.line, self.name)

    def read(self) -> Operation:
        x_mcp = self._x_mcp()
        properties, required = self._arguments()
        check_bounded(self.document, properties, self.line, self.name)
        arguments = input_schema(properties, required)
        check_valid(self.document, arguments, "the input schema", self.line, self.name)
        check_valid(self.document, published_schema(arguments), "the published input schema", self.line, self.name)
        operation = Operation(
            name=self.name,
            title=self._text("summary"),
            description=self._text("description"),
            method=self.method,
            path=self.path,
            tag=self._tag(),
            toolsets=self._toolsets(x_mcp),
            effect=self._effect(x_mcp),
            idempotent=self._flag(x_mcp, "idempotent"),
            open_world=self._flag(x_mcp, "open_world"),
            needs_connection=self._flag(x_mcp, "connection"),
            input_schema=arguments,
            output_schema=self._response(),
            touches=self._touches(x_mcp, arguments),
            picture="picture" in x_mcp and self._flag(x_mcp, "picture"),
            exactly_one=self._exactly_one(x_mcp, arguments),
        )
        self._check_annotations(x_mcp, operation)
        return operation

    def _text(self, key: str) -> str:
        value = self.node.get(key)
        if not isinstance(value, str) or not value.strip():
            self.fail(f"{key} is missing", self.node.line_of(key))
        return " ".join(value.split())

    def _tag(self) -> str:
        tags = self.node.get("tags")
        if not isinstance(tags, list) or len(tags) != 1 or tags[0] not in self.tags:
            self.fail(f"tags has to be one of {', '.join(self.tags)}", self.node.line_of("tags"))
        return str(tags[0])

    # ---- x-mcp ------------------------------------------------------------------------------------------------------

    def _x_mcp(self) -> Located:
        at = self.node.line_of("x-mcp")
        x_mcp = self.document.mapping(self.node.get("x-mcp"), "x-mcp", at, self.name)
        for key in x_mcp:
            if key not in _X_MCP_KEYS:
                self.fail(f"x-mcp does not know {key!r}", x_mcp.line_of(key))
        return x_mcp

    def _toolsets(self, x_mcp: Located) -> tuple[str, ...]:
        at = x_mcp.line_of("toolsets")
        toolsets = x_mcp.get("toolsets")
        if not isinstance(toolsets, list) or not toolsets:
            self.fail("x-mcp: toolsets is missing or empty", at)
        names = tuple(str(name) for name in toolsets)
        for name in names:
            if name != CORE and name not in self.tags:
                self.fail(f"unknown toolset {name!r}; known are {', '.join((CORE, *self.tags))}", at)
        return names

    def _effect(self, x_mcp: Located) -> Effect:
        effect = x_mcp.get("effect")
        if effect not in EFFECTS:
            self.fail(f"unknown effect {effect!r}; known are {', '.join(EFFECTS)}", x_mcp.line_of("effect"))
        return cast("Effect", effect)

    def _touches(self, x_mcp: Located, arguments: JsonObject) -> Touches:
        at = x_mcp.line_of("policy")
        row = self.document.mapping(x_mcp.get("policy"), "x-mcp: policy", at, self.name)
        for key, known in (("act", ACTS), ("reads", READS), ("undo", UNDO)):
            if key in row and row[key] not in known:
                self.fail(f"x-mcp: policy: unknown {key} {row[key]!r}; known are {', '.join(known)}", at)
        touched: JsonObject = {key: row[key] for key in ("act", "reads", "undo") if key in row}
        for key in _ONE_PARAMETER:
            if key in row:
                touched[key] = str(row[key])
        for key in _PARAMETERS:
            if key in row:
                touched[key] = tuple(str(name) for name in row[key])
        if unknown := set(row) - set(touched):
            self.fail(f"x-mcp: policy does not know {sorted(unknown)}", at)
        for key in (*_ONE_PARAMETER, *_PARAMETERS):
            named = touched.get(key, ())
            for name in (named,) if isinstance(named, str) else named:
                if name not in arguments["properties"]:
                    self.fail(f"x-mcp: policy: {key} names {name!r}, which is no parameter", at)
        if "act" not in touched or ("undo" in touched) == (touched["act"] in ("look", "ask")):
            self.fail("x-mcp: policy needs act, and undo where something is changed", at)
        return Touches(**touched)

    def _check_annotations(self, x_mcp: Located, operation: Operation) -> None:
        """What is told to hosts has to be true: they let calls pass by it, or ask the user first."""
        reaches = operation.open_world or not operation.needs_connection
        if (operation.effect == "write" and reaches) != bool(x_mcp.get("additive")):
            self.fail(
                "x-mcp: additive has to say why a write that reaches others, and nothing else, is not destructive",
                x_mcp.line_of("additive"),
            )
        if "untrusted" in operation.output_schema.get("properties", {}) and not operation.open_world:
            self.fail("x-mcp: what returns text that other people wrote is open_world", x_mcp.line_of("open_world"))

    def _flag(self, x_mcp: Located, key: str) -> bool:
        value = x_mcp.get(key)
        if not isinstance(value, bool):
            self.fail(f"x-mcp: {key} has to be true or false", x_mcp.line_of(key))
        return value

    def _exactly_one(self, x_mcp: Located, arguments: JsonObject) -> tuple[tuple[str, ...], ...]:
        at = x_mcp.line_of("exactly_one")
        groups = x_mcp.get("exactly_one", [])
        if not isinstance(groups, list) or not all(isinstance(group, list) and len(group) > 1 for group in groups):
            self.fail("x-mcp: exactly_one has to be a list of lists of parameters", at)
        for name in (name for group in groups for name in group):
            if name not in arguments["properties"]:
                self.fail(f"x-mcp: exactly_one names {name!r}, which is no parameter", at)
        return tuple(tuple(str(name) for name in group) for group in groups)

    # ---- arguments --------------------------------------------------------------------------------------------------

    def _arguments(self) -> tuple[dict[str, JsonObject], set[str]]:
        properties: dict[str, JsonObject] = {}
        required: set[str] = set()
        self._parameters(properties, required)
        self._body(properties, required)
        return properties, required

    def _parameters(self, properties: dict[str, JsonObject], required: set[str]) -> None:
        in_path = set(re.findall(r"\{(\w+)\}", self.path))
        found: set[str] = set()
        for item in self.node.get("parameters") or ():
            parameter = self.document.mapping(item, "parameter", self.node.line_of("parameters"), self.name)
            name, place = str(parameter.get("name")), parameter.get("in")
            if place not in ("path", "query"):
                self.fail(f"parameter {name!r} is in {place!r}; only path and query are possible", parameter.line)
            schema = self._schema(parameter.get("schema"), f"schema of parameter {name!r}", parameter.line)
            if "description" in parameter:
                schema["description"] = " ".join(str(parameter["description"]).split())
            self._add(properties, name, schema, parameter.line)
            if place == "path":
                found.add(name)
            if place == "path" or parameter.get("required") is True:
                required.add(name)
        if found != in_path:
            self.fail(f"path parameters {sorted(found)} do not fit the path {self.path}")

    def _body(self, properties: dict[str, JsonObject], required: set[str]) -> None:
        if "requestBody" not in self.node:
            return
        at = self.node.line_of("requestBody")
        body = self.document.mapping(self.node["requestBody"], "requestBody", at, self.name)
        content = self.document.mapping(body.get("content"), "content of requestBody", body.line, self.name)
        if len(content) != 1 or next(iter(content)) not in _BODY_TYPES:
            self.fail(f"requestBody has to have one content type, of {', '.join(_BODY_TYPES)}", content.line)
        media = self.document.mapping(next(iter(content.values())), "body", content.line, self.name)
        schema = self.document.mapping(media.get("schema"), "schema of the body", media.line, self.name)
        check_dialect(self.document, schema, self.name)
        if schema.get("type") != "object":
            self.fail("the body has to be an object", schema.line)
        fields = self.document.mapping(schema.get("properties"), "properties of the body", schema.line, self.name)
        for name, value in fields.items():
            at = fields.line_of(name)
            self._add(properties, name, self._schema(value, f"schema of {name!r}", at), at)
        required.update(str(name) for name in schema.get("required") or ())

    def _schema(self, value: object, what: str, at: int) -> JsonObject:
        self.document.mapping(value, what, at, self.name)
        check_dialect(self.document, value, self.name)
        return cast("JsonObject", self.document.inline(value, at, self.name))

    def _add(self, properties: dict[str, JsonObject], name: str, schema: JsonObject, at: int) -> None:
        if name in properties:
            self.fail(f"two parameters are called {name!r}; path, query and body share one set of names", at)
        properties[name] = schema

    # ---- result -----------------------------------------------------------------------------------------------------

    def _response(self) -> JsonObject:
        at = self.node.line_of("responses")
        node: Located = self.document.mapping(self.node.get("responses"), "responses", at, self.name)
        for key in ("200", "content", "application/json", "schema"):
            node = self.document.mapping(node.get(key), f"{key} of the response", node.line, self.name)
        check_dialect(self.document, node, self.name)
        if node.get("type") != "object":
            self.fail("the response has to be an object", node.line_of("type"))
        schema = output_schema(self.document.inline(node, node.line, self.name))
        check_valid(self.document, schema, "the response", node.line, self.name)
        return schema
