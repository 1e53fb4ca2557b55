"""The real ``whatsapp-mcp stdio`` with one operation more, ``benchNothing``: the floor of every other tool.

It passes through everything that each call passes through: the transport, the SDK, argument checks, the runner, the
result with structured content and text. Only its handler does nothing.
"""

from __future__ import annotations

from typing import Final

from whatsapp_mcp import assembly
from whatsapp_mcp.catalog import Operation, Touches
from whatsapp_mcp.cli import cli
from whatsapp_mcp.operations.outcome import Arguments, Outcome
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.settings import Settings

__all__ = ["NAME"]

NAME: Final = "benchNothing"

_OPERATION: Final = Operation(
    name=NAME,
    title="Nothing",
    description="Does nothing.",
    method="get",
    path="/bench/nothing",
    tag="app",
    toolsets=("app",),
    effect="read",
    idempotent=True,
    open_world=False,
    needs_connection=False,
    touches=Touches(act="look"),
    input_schema={"type": "object", "properties": {}, "additionalProperties": False},
    output_schema={"type": "object", "properties": {"code": {"type": "string"}, "message": {"type": "string"}}},
)


@operation(NAME)
async def nothing(_services: Services, _arguments: Arguments) -> Outcome:
    return Outcome("Nothing was done.", {})


def main() -> None:
    offered = assembly.offered

    def with_nothing(settings: Settings) -> tuple[Operation, ...]:
        return (*offered(settings), _OPERATION)

    assembly.offered = with_nothing
    cli(["stdio"], prog_name="whatsapp-mcp")


if __name__ == "__main__":
    main()
