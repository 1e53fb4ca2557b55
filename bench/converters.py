"""What the SDKs of model vendors make of all tools: each builds a request that carries them, caught on loopback.

    python -m venv sdks && sdks/bin/pip install google-genai openai anthropic \\
        langchain-mcp-adapters langchain-openai langchain-anthropic langchain-google-genai \\
        "pydantic-ai-slim[mcp,openai,anthropic,google]"
    sdks/bin/python bench/converters.py .venv/bin/whatsapp-mcp stdio --simulated --toolsets all --data-dir FOLDER

They are no dependencies of this project: the script runs in an interpreter that has them, and needs nothing of ours but
the command of a server. A converter that is not installed is named, and fails the run with ``--all``. Ends with 1 when
a request cannot be built, or does not carry every tool with all its parameters.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.metadata
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple

Json = dict[str, Any]

_HELLO: Final[Json] = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "converters", "version": "0"},
}


def listed(command: Sequence[str]) -> list[Json]:
    """Tools of a server as it lists them, asked without any SDK, which could tidy them up."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdin is not None and server.stdout is not None
        watch = threading.Timer(60, server.kill)
        watch.start()
        try:
            for message in (
                {"id": 1, "method": "initialize", "params": _HELLO},
                {"method": "notifications/initialized"},
                {"id": 2, "method": "tools/list"},
            ):
                server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
            server.stdin.flush()
            for line in server.stdout:
                answer: Json = json.loads(line)
                if answer.get("id") == 2:
                    tools: list[Json] = answer["result"]["tools"]
                    return tools
            raise SystemExit("the server ended without a list of tools")
        finally:
            server.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                server.wait(20)
            watch.cancel()


class Caught(NamedTuple):
    """A vendor's end of the line, which refuses everything."""

    address: str
    bodies: list[Json]


@contextmanager
def vendor() -> Iterator[Caught]:
    bodies: list[Json] = []

    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            answer = b'{"error": {"message": "caught", "type": "invalid_request_error", "code": 400, "status": "X"}}'
            self.send_response(400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Caught(f"http://127.0.0.1:{server.server_address[1]}", bodies)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# ---- the converters: each makes its SDK send one request with all tools ----------------------------------------------


def _sdk(name: str) -> Any:
    """Imported by name: type checkers of this project do not have them."""
    return importlib.import_module(name)


def _mcp_tools(tools: Sequence[Json]) -> list[Any]:
    return [_sdk("mcp.types").Tool.model_validate(tool) for tool in tools]


def anthropic(address: str, tools: Sequence[Json]) -> None:
    given = [{"name": t["name"], "description": t["description"], "input_schema": t["inputSchema"]} for t in tools]
    client = _sdk("anthropic").Anthropic(api_key="x", base_url=address, max_retries=0)
    client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}], tools=given)


def anthropic_mcp(address: str, tools: Sequence[Json]) -> None:
    helper = _sdk("anthropic.lib.tools.mcp")
    given = [helper.mcp_tool(tool, None).to_dict() for tool in _mcp_tools(tools)]
    client = _sdk("anthropic").Anthropic(api_key="x", base_url=address, max_retries=0)
    client.beta.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}], tools=given)


def openai_chat(address: str, tools: Sequence[Json]) -> None:
    functions = [{"name": t["name"], "description": t["description"], "parameters": t["inputSchema"]} for t in tools]
    client = _sdk("openai").OpenAI(api_key="x", base_url=address, max_retries=0)
    given = [{"type": "function", "function": function} for function in functions]
    client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], tools=given)


def openai_responses(address: str, tools: Sequence[Json]) -> None:
    client = _sdk("openai").OpenAI(api_key="x", base_url=address, max_retries=0)
    given = [
        {"type": "function", "strict": False}
        | {"name": t["name"], "description": t["description"], "parameters": t["inputSchema"]}
        for t in tools
    ]
    client.responses.create(model="m", input="hi", tools=given)


def _genai(address: str, tools: Sequence[Json], *, agent_platform: bool) -> None:
    genai, convert = _sdk("google.genai"), _sdk("google.genai._mcp_utils").mcp_to_gemini_tools
    config = genai.types.GenerateContentConfig(tools=convert(_mcp_tools(tools), agent_platform))
    client = genai.Client(api_key="x", http_options=genai.types.HttpOptions(base_url=address))
    client.models.generate_content(model="m", contents="hi", config=config)


def google_genai(address: str, tools: Sequence[Json]) -> None:
    _genai(address, tools, agent_platform=False)


def google_genai_json_schema(address: str, tools: Sequence[Json]) -> None:
    _genai(address, tools, agent_platform=True)


def _langchain(model: Any, tools: Sequence[Json]) -> None:
    convert = _sdk("langchain_mcp_adapters.tools").convert_mcp_tool_to_langchain_tool
    connection = {"transport": "stdio", "command": "true", "args": []}
    bound = model.bind_tools([convert(None, tool, connection=connection) for tool in _mcp_tools(tools)])
    bound.invoke("hi")


def langchain_openai(address: str, tools: Sequence[Json]) -> None:
    _langchain(_sdk("langchain_openai").ChatOpenAI(model="m", api_key="x", base_url=address, max_retries=0), tools)


def langchain_anthropic(address: str, tools: Sequence[Json]) -> None:
    model = _sdk("langchain_anthropic").ChatAnthropic(model="m", api_key="x", base_url=address, max_retries=0)
    _langchain(model, tools)


def langchain_google(address: str, tools: Sequence[Json]) -> None:
    model = _sdk("langchain_google_genai").ChatGoogleGenerativeAI(
        model="m", google_api_key="x", base_url=address, max_retries=1, vertexai=False
    )
    _langchain(model, tools)


def _pydantic_ai(model: Any, tools: Sequence[Json]) -> None:
    definition = _sdk("pydantic_ai.tools").ToolDefinition
    given = [
        definition(name=t["name"], description=t["description"], parameters_json_schema=t["inputSchema"]) for t in tools
    ]
    parameters = _sdk("pydantic_ai.models").ModelRequestParameters(function_tools=given)
    request = _sdk("pydantic_ai.messages").ModelRequest.user_text_prompt("hi")
    asyncio.run(_sdk("pydantic_ai.direct").model_request(model, [request], model_request_parameters=parameters))


def pydantic_ai_openai(address: str, tools: Sequence[Json]) -> None:
    provider = _sdk("pydantic_ai.providers.openai").OpenAIProvider(base_url=address, api_key="x")
    _pydantic_ai(_sdk("pydantic_ai.models.openai").OpenAIChatModel("gpt-4o", provider=provider), tools)


def pydantic_ai_anthropic(address: str, tools: Sequence[Json]) -> None:
    provider = _sdk("pydantic_ai.providers.anthropic").AnthropicProvider(base_url=address, api_key="x")
    _pydantic_ai(_sdk("pydantic_ai.models.anthropic").AnthropicModel("claude-sonnet-4-5", provider=provider), tools)


def pydantic_ai_google(address: str, tools: Sequence[Json]) -> None:
    provider = _sdk("pydantic_ai.providers.google").GoogleProvider(base_url=address, api_key="x")
    _pydantic_ai(_sdk("pydantic_ai.models.google").GoogleModel("gemini-2.5-flash", provider=provider), tools)


CONVERTERS: Final[dict[Callable[[str, Sequence[Json]], None], str]] = {
    anthropic: "anthropic",
    anthropic_mcp: "anthropic",
    openai_chat: "openai",
    openai_responses: "openai",
    google_genai: "google-genai",
    google_genai_json_schema: "google-genai",
    langchain_openai: "langchain-openai",
    langchain_anthropic: "langchain-anthropic",
    langchain_google: "langchain-google-genai",
    pydantic_ai_openai: "pydantic-ai-slim",
    pydantic_ai_anthropic: "pydantic-ai-slim",
    pydantic_ai_google: "pydantic-ai-slim",
}
"""With the distribution that has each."""


# ---- what arrived ----------------------------------------------------------------------------------------------------


def declared(body: Json) -> dict[str, Json]:
    """Schemas by the names of the tools, wherever a vendor's request has them."""
    found: dict[str, Json] = {}
    for entry in body.get("tools", ()):
        for tool in entry.get("functionDeclarations") or entry.get("function_declarations") or [entry]:
            function = tool.get("function", tool)
            keys = ("parameters", "input_schema", "parametersJsonSchema", "parameters_json_schema")
            found[function["name"]] = next((function[key] for key in keys if function.get(key)), {})
    return found


def lost(tools: Sequence[Json], arrived: dict[str, Json]) -> Iterator[str]:
    """Tools, parameters, and which of them are required, that a request does not carry."""
    for tool in tools:
        if tool["name"] not in arrived:
            yield tool["name"]
            continue
        given, schema = tool["inputSchema"], arrived[tool["name"]]
        if missing := given["properties"].keys() - schema.get("properties", {}).keys():
            yield f"{tool['name']}: {', '.join(sorted(missing))}"
        elif not set(given.get("required", ())) <= set(schema.get("required", ())):
            yield f"{tool['name']}: what is required"


def run(converter: Callable[[str, Sequence[Json]], None], tools: Sequence[Json]) -> tuple[str, bool]:
    """What came of one converter, as a line, and whether everything arrived."""
    with vendor() as caught:
        refused: Exception | None = None
        try:
            converter(caught.address, tools)
        except Exception as error:
            refused = error
    if not caught.bodies:
        return f"no request could be built: {type(refused).__name__}: {str(refused)[:300]}", False
    arrived = declared(caught.bodies[0])
    gone = list(lost(tools, arrived))
    size = len(json.dumps(caught.bodies[0].get("tools", []), ensure_ascii=False, separators=(",", ":")))
    problem = f"; lost: {'; '.join(gone)[:400]}" if gone else ""
    return f"{len(arrived)} of {len(tools)} tools, {size:,} characters{problem}", not gone


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--all", action="store_true", help="fail when a converter is not installed")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="of the server")
    given = parser.parse_args()
    if not given.command:
        parser.error("the command of a server is missing")
    os.environ |= {"NO_PROXY": "127.0.0.1", "LANGSMITH_TRACING": "false", "PYDANTIC_AI_NO_TELEMETRY": "1"}
    tools = listed(given.command)
    well = True
    for converter, distribution in CONVERTERS.items():
        try:
            version = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            print(f"{converter.__name__:26} {distribution} is not installed here", flush=True)
            well &= not given.all
            continue
        line, arrived = run(converter, tools)
        print(f"{converter.__name__:26} {version:10} {line}", flush=True)
        well &= arrived
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
