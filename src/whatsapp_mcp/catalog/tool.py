"""An operation as the tool that MCP lists."""

from __future__ import annotations

from mcp.types import Tool, ToolAnnotations

from whatsapp_mcp.catalog.operation import Operation
from whatsapp_mcp.catalog.published import published_schema


def to_tool(operation: Operation, *, with_output_schema: bool = True) -> Tool:
    """The definition for tools/list. Some hosts cannot compile output schemas: hence ``with_output_schema``."""
    return Tool(
        name=operation.name,
        title=operation.title,
        description=operation.description,
        input_schema=published_schema(operation.input_schema),
        output_schema=operation.output_schema if with_output_schema else None,
        annotations=ToolAnnotations(
            read_only_hint=operation.reads_only,
            destructive_hint=operation.effect == "destructive",
            idempotent_hint=operation.idempotent,
            open_world_hint=operation.open_world,
        ),
    )
