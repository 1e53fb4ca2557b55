"""Operations as the tools that MCP lists."""

from __future__ import annotations

from collections.abc import Iterable

from mcp.types import Tool, ToolAnnotations

from whatsapp_mcp.catalog.operation import Operation
from whatsapp_mcp.catalog.published import Said, published_schema


def to_tools(operations: Iterable[Operation], *, with_output_schema: bool = True) -> list[Tool]:
    """One list, in which what means the same everywhere (``duration``, ``cursor``) is described where it comes first.

    Some hosts cannot compile output schemas: hence ``with_output_schema``.
    """
    said: Said = set()
    return [to_tool(operation, with_output_schema=with_output_schema, said=said) for operation in operations]


def to_tool(operation: Operation, *, with_output_schema: bool = True, said: Said | None = None) -> Tool:
    """The definition for tools/list; ``said`` is what tools before it in the same list have described."""
    return Tool(
        name=operation.name,
        title=operation.title,
        description=operation.description,
        input_schema=published_schema(operation.input_schema, said),
        # Where there is structured content, some hosts show nothing else, and there must be some for a schema.
        output_schema=operation.output_schema if with_output_schema and not operation.picture else None,
        annotations=ToolAnnotations(
            read_only_hint=operation.reads_only,
            destructive_hint=operation.effect == "destructive",
            idempotent_hint=operation.idempotent,
            open_world_hint=operation.open_world,
        ),
    )
