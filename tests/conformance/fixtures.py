"""What the conformance suites want a server to have of its own, beside everything that ours has: names, texts and
schemas are those that the suites ask for."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import anyio
import mcp.types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.subscriptions import PromptsListChanged, ResourcesListChanged, ServerEvent, ToolsListChanged

Context = ServerRequestContext[Any]
Handler = Callable[[Context, Any], Awaitable[Any]]
Answer = types.CallToolResult | types.InputRequiredResult
Call = types.CallToolRequestParams

PNG: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
WAV: Final = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="


def text(said: str) -> types.TextContent:
    return types.TextContent(type="text", text=said)


def image() -> types.ImageContent:
    return types.ImageContent(type="image", data=PNG, mime_type="image/png")


def embedded(uri: str, content: str, mime_type: str = "text/plain") -> types.EmbeddedResource:
    contents = types.TextResourceContents(uri=uri, mime_type=mime_type, text=content)
    return types.EmbeddedResource(type="resource", resource=contents)


def result(*content: types.ContentBlock) -> types.CallToolResult:
    return types.CallToolResult(content=list(content))


def form(message: str, **properties: dict[str, Any]) -> types.ElicitRequest:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=schema))


def sampling(prompt: str) -> types.CreateMessageRequest:
    message = types.SamplingMessage(role="user", content=text(prompt))
    return types.CreateMessageRequest(params=types.CreateMessageRequestParams(messages=[message], max_tokens=100))


NAME: Final = {"name": {"type": "string"}}

STATIC: Final = {
    "test_simple_text": result(text("This is a simple text response for testing.")),
    "test_image_content": result(image()),
    "test_audio_content": result(types.AudioContent(type="audio", data=WAV, mime_type="audio/wav")),
    "test_embedded_resource": result(embedded("test://embedded-resource", "This is an embedded resource content.")),
    "test_multiple_content_types": result(
        text("Multiple content types test:"),
        image(),
        embedded("test://mixed-content-resource", '{"test": "data", "value": 123}', "application/json"),
    ),
    "test_error_handling": types.CallToolResult(
        content=[text("This tool intentionally returns an error for testing")], is_error=True
    ),
    "test_x_mcp_header": result(text("done")),
    "json_schema_2020_12_tool": result(text("done")),
}


async def with_logging(ctx: Context, _params: Call) -> Answer:
    for said in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        params = types.LoggingMessageNotificationParams(level="info", data=said)
        await ctx.session.send_notification(types.LoggingMessageNotification(params=params), ctx.request_id)
    return result(text("done"))


async def with_progress(ctx: Context, _params: Call) -> Answer:
    for done in (0, 50, 100):
        await ctx.session.report_progress(done, 100, f"Completed step {done} of 100")
    return result(text("done"))


async def with_sampling(ctx: Context, params: Call) -> Answer:
    request = sampling(str((params.arguments or {})["prompt"]))
    metadata = ServerMessageMetadata(related_request_id=ctx.request_id)
    answer = await ctx.session.send_request(request, types.CreateMessageResult, metadata=metadata)
    said = answer.content.text if isinstance(answer.content, types.TextContent) else ""
    return result(text(f"LLM response: {said}"))


async def with_elicitation(schema: dict[str, Any], ctx: Context, params: Call) -> Answer:
    message = str((params.arguments or {}).get("message", "Please choose"))
    answer = await ctx.session.elicit_form(message, {"type": "object", "properties": schema}, ctx.request_id)
    return result(text(f"User response: action={answer.action}, content={json.dumps(answer.content)}"))


DEFAULTS: Final[dict[str, Any]] = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    "verified": {"type": "boolean", "default": True},
}
_TITLED: Final = [{"const": each, "title": each.title()} for each in ("low", "medium", "high")]
ENUMS: Final[dict[str, Any]] = {
    "untitledSingle": {"type": "string", "enum": ["a", "b"]},
    "titledSingle": {"type": "string", "oneOf": _TITLED},
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
    "titledMulti": {"type": "array", "items": {"anyOf": _TITLED}},
    "legacyEnum": {"type": "string", "enum": ["a", "b"], "enumNames": ["A", "B"]},
}


async def missing_capability(ctx: Context, _params: Call) -> Answer:
    declared = ctx.session.client_capabilities
    if declared is None or declared.sampling is None:
        needed: dict[str, Any] = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(types.MISSING_REQUIRED_CLIENT_CAPABILITY, "sampling is needed", needed)
    return result(text("done"))


# -- rounds -----------------------------------------------------------------------------------------------------------


class Rounds:
    """Tools that answer with questions. As in the server, the state is a name for what is kept here, and so nobody can
    make one up."""

    def __init__(self) -> None:
        self._states: dict[str, Any] = {}

    def ask(self, state: Any = None, **requests: Any) -> types.InputRequiredResult:
        token = secrets.token_urlsafe(16)
        self._states[token] = state
        return types.InputRequiredResult(input_requests=requests, request_state=token)

    def state_of(self, params: Any) -> Any:
        token = params.request_state
        if token is None:
            return None
        if token not in self._states:
            raise MCPError(types.INVALID_PARAMS, "Unknown request state")
        return self._states[token]

    def once(self, **requests: Any) -> Handler:
        """Asks until all of it is answered."""

        async def tool(_ctx: Context, params: Call) -> Answer:
            self.state_of(params)
            answers = params.input_responses or {}
            if not requests.keys() <= answers.keys():
                return self.ask(**requests)
            return result(text(f"state-ok: {', '.join(map(_told, answers.values()))}"))

        return tool

    async def several(self, _ctx: Context, params: Call) -> Answer:
        state, answers = self.state_of(params) or {"round": 0}, params.input_responses or {}
        if state["round"] == 1 and "step1" in answers:
            return self.ask({"round": 2}, step2=form("Step 2: colour?", color={"type": "string"}))
        if state["round"] == 2 and "step2" in answers:
            return result(text("All steps are done."))
        return self.ask({"round": 1}, step1=form("Step 1: What is your name?", **NAME))

    async def gated(self, ctx: Context, _params: Call) -> Answer:
        declared = ctx.session.client_capabilities
        requests: dict[str, Any] = {}
        if declared is not None and declared.sampling is not None:
            requests["sample"] = sampling("Say hello")
        if declared is not None and declared.elicitation is not None:
            requests["ask"] = form("What is your name?", **NAME)
        return self.ask(**requests)

    async def prompt(self, params: types.GetPromptRequestParams) -> types.GetPromptResult | types.InputRequiredResult:
        self.state_of(params)
        answers = params.input_responses or {}
        if "user_context" not in answers:
            return self.ask(user_context=form("What context should the prompt use?", context={"type": "string"}))
        return _prompt(text(f"Use this context: {_told(answers['user_context'])}"))


def _told(answer: object) -> str:
    match answer:
        case types.ElicitResult():
            return json.dumps(answer.content)
        case types.CreateMessageResult():
            return answer.content.text if isinstance(answer.content, types.TextContent) else ""
        case types.ListRootsResult():
            return f"{len(answer.roots)} roots"
    return "?"


# -- everything together ----------------------------------------------------------------------------------------------


def _schema(name: str) -> dict[str, Any]:
    if name == "test_x_mcp_header":
        return {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
    if name != "json_schema_2020_12_tool":
        return {"type": "object"}
    address = {"$anchor": "addressDef", "type": "object", "properties": {"street": {"type": "string"}}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"address": {**address, "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": False,
    }


def _prompt(*content: types.ContentBlock) -> types.GetPromptResult:
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=each) for each in content])


PROMPTS: Final = {
    "test_simple_prompt": (),
    "test_prompt_with_arguments": ("arg1", "arg2"),
    "test_prompt_with_embedded_resource": ("resourceUri",),
    "test_prompt_with_image": (),
    "test_input_required_result_prompt": (),
}
RESOURCES: Final = ("test://static-text", "test://static-binary", "test://watched-resource")
TEMPLATE: Final = "test://template/{id}/data"


class Fixtures:
    def __init__(self, publish: Callable[[ServerEvent], Awaitable[None]]) -> None:
        self._rounds = rounds = Rounds()
        name = form("What is your name?", **NAME)
        confirm = form("Please confirm", ok={"type": "boolean"})
        asked = "test_input_required_result"

        async def trigger(event: ServerEvent, _ctx: Context, _params: Call) -> Answer:
            await publish(event)
            return result(text("changed"))

        self.tools: dict[str, Handler] = {
            "test_tool_with_logging": with_logging,
            "test_tool_with_progress": with_progress,
            "test_sampling": with_sampling,
            "test_elicitation": partial(with_elicitation, {"response": {"type": "string"}}),
            "test_elicitation_sep1034_defaults": partial(with_elicitation, DEFAULTS),
            "test_elicitation_sep1330_enums": partial(with_elicitation, ENUMS),
            "test_missing_capability": missing_capability,
            "test_streaming_elicitation": rounds.once(user_name=name),
            "test_logging_tool": with_logging_if_asked,
            "test_trigger_tool_change": partial(trigger, ToolsListChanged()),
            "test_trigger_prompt_change": partial(trigger, PromptsListChanged()),
            "test_trigger_resource_change": partial(trigger, ResourcesListChanged()),
            f"{asked}_elicitation": rounds.once(user_name=name),
            f"{asked}_sampling": rounds.once(capital_question=sampling("What is the capital of France?")),
            f"{asked}_list_roots": rounds.once(client_roots=types.ListRootsRequest()),
            f"{asked}_request_state": rounds.once(confirm=confirm),
            f"{asked}_tampered_state": rounds.once(confirm=confirm),
            f"{asked}_multiple_inputs": rounds.once(
                user_name=name, greeting=sampling("Generate a greeting"), client_roots=types.ListRootsRequest()
            ),
            f"{asked}_multi_round": rounds.several,
            f"{asked}_capabilities": rounds.gated,
        }

    async def list_tools(self, inner: Handler, ctx: Context, params: Any) -> types.ListToolsResult:
        ours = await inner(ctx, params)
        names = (*STATIC, *self.tools)
        more = [types.Tool(name=name, description=name, input_schema=_schema(name)) for name in names]
        return types.ListToolsResult(tools=[*ours.tools, *more])

    async def call_tool(self, inner: Handler, ctx: Context, params: Call) -> Answer:
        if params.name in STATIC:
            return STATIC[params.name]
        tool = self.tools.get(params.name)
        answer: Answer = await (tool(ctx, params) if tool is not None else inner(ctx, params))
        return answer

    async def list_resources(self, inner: Handler, ctx: Context, params: Any) -> types.ListResourcesResult:
        more = [types.Resource(name=uri.removeprefix("test://"), uri=uri) for uri in RESOURCES]
        return types.ListResourcesResult(resources=[*(await inner(ctx, params)).resources, *more])

    async def list_templates(self, inner: Handler, ctx: Context, params: Any) -> types.ListResourceTemplatesResult:
        more = types.ResourceTemplate(name="template", uri_template=TEMPLATE)
        listed = (await inner(ctx, params)).resource_templates
        return types.ListResourceTemplatesResult(resource_templates=[*listed, more])

    async def read_resource(
        self, inner: Handler, ctx: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        uri = params.uri
        contents: types.TextResourceContents | types.BlobResourceContents
        if uri == "test://static-binary":
            contents = types.BlobResourceContents(uri=uri, mime_type="image/png", blob=PNG)
        elif uri in RESOURCES:
            said = "This is the content of the static text resource."
            contents = types.TextResourceContents(uri=uri, mime_type="text/plain", text=said)
        elif uri.startswith("test://template/"):
            data = {"id": uri.split("/")[3], "templateTest": True, "data": f"Data for ID: {uri.split('/')[3]}"}
            contents = types.TextResourceContents(uri=uri, mime_type="application/json", text=json.dumps(data))
        else:
            ours: types.ReadResourceResult = await inner(ctx, params)
            return ours
        return types.ReadResourceResult(contents=[contents])

    async def subscribe(self, inner: Handler, ctx: Context, params: Any) -> types.EmptyResult:
        if params.uri in RESOURCES:
            return types.EmptyResult()
        ours: types.EmptyResult = await inner(ctx, params)
        return ours

    async def list_prompts(self, inner: Handler, ctx: Context, params: Any) -> types.ListPromptsResult:
        more = [
            types.Prompt(
                name=name,
                description=name,
                arguments=[types.PromptArgument(name=each, required=True) for each in arguments],
            )
            for name, arguments in PROMPTS.items()
        ]
        return types.ListPromptsResult(prompts=[*(await inner(ctx, params)).prompts, *more])

    async def get_prompt(
        self, inner: Handler, ctx: Context, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult | types.InputRequiredResult:
        given = params.arguments or {}
        match params.name:
            case "test_simple_prompt":
                return _prompt(text("This is a simple prompt for testing."))
            case "test_prompt_with_arguments":
                said = f"Prompt with arguments: arg1='{given['arg1']}', arg2='{given['arg2']}'"
                return _prompt(text(said))
            case "test_prompt_with_embedded_resource":
                resource = embedded(given["resourceUri"], "Embedded resource content for testing.")
                return _prompt(resource, text("Please process the embedded resource above."))
            case "test_prompt_with_image":
                return _prompt(image(), text("Please analyze the image above."))
            case "test_input_required_result_prompt":
                return await self._rounds.prompt(params)
        ours: types.GetPromptResult = await inner(ctx, params)
        return ours

    async def complete(self, inner: Handler, ctx: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        if isinstance(params.ref, types.PromptReference) and params.ref.name in PROMPTS:
            return types.CompleteResult(completion=types.Completion(values=["paris", "park"], total=2, has_more=False))
        ours: types.CompleteResult = await inner(ctx, params)
        return ours


async def with_logging_if_asked(ctx: Context, params: Call) -> Answer:
    """As the revision of 2026 has it: only for a request that names a level."""
    asked = dict(ctx.meta or {}).get("io.modelcontextprotocol/logLevel") is not None
    await anyio.lowlevel.checkpoint()
    return await with_logging(ctx, params) if asked else result(text("done"))


def with_fixtures(server: Server[Any]) -> Server[Any]:
    """The same server with them."""
    listen = server.get_request_handler("subscriptions/listen")
    assert listen is not None
    late = listen.handler.__self__  # type: ignore[attr-defined]
    fixtures = Fixtures(lambda event: late._subscriptions.publish(event))
    around: dict[str, Callable[..., Awaitable[Any]]] = {
        "tools/list": fixtures.list_tools,
        "tools/call": fixtures.call_tool,
        "resources/list": fixtures.list_resources,
        "resources/templates/list": fixtures.list_templates,
        "resources/read": fixtures.read_resource,
        "resources/subscribe": fixtures.subscribe,
        "resources/unsubscribe": fixtures.subscribe,
        "prompts/list": fixtures.list_prompts,
        "prompts/get": fixtures.get_prompt,
        "completion/complete": fixtures.complete,
    }
    for method, handler in around.items():
        ours = server.get_request_handler(method)
        assert ours is not None
        server.add_request_handler(method, ours.params_type, partial(handler, ours.handler))
    known = server.get_tool_input_schema
    assert known is not None
    own = {*STATIC, *fixtures.tools}
    server.get_tool_input_schema = lambda name: _schema(name) if name in own else known(name)
    return server
