"""What a catalogue is made of, and how it fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from whatsapp_mcp.errors import SetupError

JsonObject = dict[str, Any]
"""A JSON object, mostly a JSON Schema."""

Effect = Literal["read", "write", "destructive"]
EFFECTS: Final[tuple[str, ...]] = get_args(Effect)

Act = Literal["look", "ask", "connect", "send", "signal", "arrange", "delete", "group", "account"]
"""What an operation does, as the policy sees it: looks at what is here; asks WhatsApp; begins what only the owner can
finish; puts content into a chat; shows others something without content; arranges the own view of a chat; removes;
changes a group or a chat for others; changes the account."""
ACTS: Final[tuple[str, ...]] = get_args(Act)
Reads = Literal["nothing", "names", "texts"]
"""What other people's words come back: none, names that they chose, texts that they wrote."""
READS: Final[tuple[str, ...]] = get_args(Reads)
Undo = Literal["fully", "partly", "never"]
"""How far it can be taken back; ``partly``: others may have seen it meanwhile."""
UNDO: Final[tuple[str, ...]] = get_args(Undo)

CORE: Final = "core"
"""The toolset listed when nothing else is asked for. The others are the tags of tools.yaml."""


class CatalogError(SetupError):
    """There is no usable catalogue; what is wrong with tools.yaml is named with operation and line."""

    code = "catalog_error"
    next_step = "Correct tools.yaml and run docs/generate.py, or reinstall the package if you did not change it."


class SelectionError(SetupError):
    """The wanted toolsets or tools do not exist, or nothing is left of them."""

    code = "toolset_error"
    next_step = "Correct --toolsets (WHATSAPP_MCP_TOOLSETS), for example `core,group`, `core,+sendPoll` or `all`."


@dataclass(frozen=True)
class Touches:
    """What an operation does, to whom, and with what: the row of it that the policy goes by. Parameters by name."""

    act: Act
    reads: Reads = "nothing"
    undo: Undo = "fully"
    chat: str | None = None
    """Names the chat that is read, written to or changed."""
    message: str | None = None
    """Names a message, and so the chat where ``chat`` is not given."""
    forwards: str | None = None
    """Names a message of any chat whose content is sent."""
    invitation: str | None = None
    """Link to a group."""
    people: tuple[str, ...] = ()
    """Name people beside the chat, one or a list."""
    adds: tuple[str, ...] = ()
    """Name people who are added to a group."""
    text: tuple[str, ...] = ()
    """Text that others get to read."""
    files: tuple[str, ...] = ()
    """Content that others get: a path, a ``data:`` URI or a link."""
    links: tuple[str, ...] = ()
    """Links that this server opens."""
    later: str | None = None
    """Says when it is sent: limits count then."""

    @property
    def changes(self) -> bool:
        return self.act not in ("look", "ask")


@dataclass(frozen=True)
class Operation:
    """One operation of tools.yaml: one MCP tool."""

    name: str
    """The operationId; also the name of the tool."""
    title: str
    description: str
    method: str
    """Lower case: ``get`` or ``post``."""
    path: str
    tag: str
    toolsets: tuple[str, ...]
    effect: Effect
    idempotent: bool
    open_world: bool
    """Reaches other people or the internet, asks WhatsApp about strangers, or returns text that other people wrote."""
    needs_connection: bool
    input_schema: JsonObject
    """What arguments are checked against: flat, ``additionalProperties: false``, every limit."""
    output_schema: JsonObject
    """What ``structuredContent`` of a success satisfies; trimmed of everything that does not constrain."""
    touches: Touches
    picture: bool = False
    """A result can carry a picture."""
    exactly_one: tuple[tuple[str, ...], ...] = ()
    """Groups of parameters of which one, and only one, must be given."""

    @property
    def reads_only(self) -> bool:
        return self.effect == "read"

    @property
    def arguments_type(self) -> str:
        """Name of the type of its arguments in `whatsapp_mcp.catalog.arguments`."""
        return f"{self.name[:1].upper()}{self.name[1:]}Arguments"

    @classmethod
    def from_json(cls, row: JsonObject) -> Operation:
        """Of a row of catalog.json: the fields by name, lists in place of tuples."""
        groups = tuple(tuple(group) for group in row["exactly_one"])
        touches: JsonObject = {
            name: tuple(value) if isinstance(value, list) else value for name, value in row["touches"].items()
        }
        return cls(**{**row, "toolsets": tuple(row["toolsets"]), "exactly_one": groups, "touches": Touches(**touches)})


@dataclass(frozen=True)
class Catalog:
    """Operations in the order of tools.yaml."""

    operations: tuple[Operation, ...]
    toolsets: tuple[str, ...]
    """Every known toolset, ``core`` first."""
    by_name: dict[str, Operation] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {operation.name: operation for operation in self.operations})
