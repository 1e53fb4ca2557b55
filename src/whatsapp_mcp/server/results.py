"""Outcomes and errors as tool results: the only place that builds a ``CallToolResult``.

``structuredContent`` is the response that tools.yaml describes, and the text is the same JSON, because some hosts show
the model only that. With a picture there is the text alone: where there is structured content, others (Codex,
opencode) show nothing but that. What the JSON holds: `bodies`.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, tzinfo

import mcp.types as types

from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.operations.outcome import Outcome
from whatsapp_mcp.server.bodies import JsonObject, encoded, failure_body, success_body


def success(
    outcome: Outcome, *, budget: int, pageable: bool = True, notes: Sequence[str] = (), zone: tzinfo | None = UTC
) -> types.CallToolResult:
    """The result of a call that worked; arguments as of `bodies.success_body`."""
    body = success_body(outcome, budget=budget, pageable=pageable, notes=notes, zone=zone)
    pictures = [
        types.ImageContent(type="image", data=base64.b64encode(i.data).decode(), mime_type=i.mime_type)
        for i in outcome.images
    ]
    return types.CallToolResult(content=[_text(body), *pictures], structured_content=None if pictures else body)


def failure(error: WhatsAppMcpError, *, budget: int, results_required: bool = False) -> types.CallToolResult:
    """The result of a call that failed: ``{"code", "message", "results": null, "next_step", "details"}``.

    In ``structuredContent`` there is no ``results``, or an empty object if the output schema of the tool requires one:
    clients may check failures too against that schema (the MCP Inspector does), and null is no object.
    """
    body = failure_body(error, budget=budget)
    shown = {"code": body["code"], "message": body["message"], "results": None} | body
    structured = body | {"results": {}} if results_required else body
    return types.CallToolResult(content=[_text(shown)], structured_content=structured, is_error=True)


def _text(body: JsonObject) -> types.TextContent:
    return types.TextContent(type="text", text=encoded(body).decode())
