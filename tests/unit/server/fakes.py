"""A small catalogue and a runner for it, in place of WhatsApp."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from whatsapp_mcp.catalog import JsonObject, Operation
from whatsapp_mcp.catalog.operation import Touches
from whatsapp_mcp.errors import AmbiguousRecipient, NotLoggedIn, RateLimited, WhatsAppMcpError
from whatsapp_mcp.operations.outcome import Arguments, Image, Outcome, Watched
from whatsapp_mcp.policy.caller import Grant
from whatsapp_mcp.policy.passage import Passage
from whatsapp_mcp.policy.tokens import Token, digest_of
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.waiting import waits_for

SECRET = "password=hunter2"
TOKEN = "a-token-for-tests-of-enough-length-0123456789"
PNG = b"\x89PNG\r\n\x1a\n not really"
BUDGET = 4_000

ERRORS: dict[str, WhatsAppMcpError] = {
    "not_logged_in": NotLoggedIn("No account is linked."),
    "rate_limited": RateLimited("Too fast.", details={"retry_after_seconds": 7}),
    "ambiguous": AmbiguousRecipient("Ana fits 2 contacts.", candidates=[{"jid": "1@lid", "name": "Ana\u202e\x00"}]),
}


def settings(**changes: Any) -> Settings:
    return Settings(data_dir=Path("/nonexistent"), result_budget=BUDGET, **changes)


def operation(name: str, properties: JsonObject | None = None, required: tuple[str, ...] = ()) -> Operation:
    return Operation(
        name=name,
        title=name,
        description=f"What {name} does.",
        method="get",
        path=f"/{name}",
        tag="app",
        toolsets=("core",),
        effect="read",
        idempotent=True,
        open_world=False,
        needs_connection=False,
        touches=Touches(act="look"),
        input_schema={
            "type": "object",
            "properties": properties or {},
            **({"required": list(required)} if required else {}),
            "additionalProperties": False,
        },
        output_schema={
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "results": {"type": "object"},
                "truncated": {"type": "boolean"},
                "next_offset": {"type": "integer"},
                "untrusted": {"type": "boolean"},
                "note": {"type": "string"},
            },
        },
    )


OPERATIONS = (
    operation(
        "echo",
        {
            "text": {"type": "string", "minLength": 1},
            "times": {"type": "integer", "minimum": 1, "maximum": 5, "default": 1},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        required=("text",),
    ),
    operation("rows", {"count": {"type": "integer", "default": 100}, "offset": {"type": "integer", "default": 0}}),
    operation("fail", {"how": {"type": "string", "enum": list(ERRORS)}}, required=("how",)),
    operation("crash"),
    operation("unwritable"),
    operation("slow", {"seconds": {"type": "number"}}, required=("seconds",)),
    replace(operation("picture"), picture=True),
)


class FakeTokens:
    """Tokens in memory, as `TokenBook` has them in a file."""

    def __init__(self, **grants: Grant) -> None:
        """By secret; ``TOKEN`` is `default`."""
        self.grants = {TOKEN: Grant(name="default"), **grants}
        self.used: list[str] = []

    place = Path("http-tokens.json")

    def look(self) -> None: ...

    def holder(self, secret: str) -> Token | None:
        grant = self.grants.get(secret)
        if grant is None:
            return None
        return Token(
            digest=digest_of(secret), **{name: value for name, value in asdict(grant).items() if name != "unlisted"}
        )

    def holds(self, name: str, digest: str) -> bool:
        return any(grant.name == name and digest_of(secret) == digest for secret, grant in self.grants.items())

    def is_due(self, name: str) -> bool:
        return name not in self.used

    def note_use(self, name: str) -> bool:
        self.used.append(name)
        return True


class FakeRunner:
    """Carries out the operations above and notes what happened."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Arguments]] = []
        self.passages: list[Passage] = []
        """Of calls that ended."""
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def run(self, passage: Passage, arguments: Arguments) -> Outcome:
        name = passage.operation.name
        self.calls.append((name, arguments))
        match name:
            case "echo":
                return Outcome("Echoed.", {"text": arguments["text"], "nothing": None}, untrusted=True)
            case "rows":
                first, count = arguments["offset"], arguments["count"]
                rows = [{"id": number, "text": f"row {number} " + "x" * 50} for number in range(first, count)]
                return Outcome("Some rows.", {"data": rows}, rows="data", offset=first, full=True)
            case "fail":
                raise ERRORS[arguments["how"]]
            case "crash":
                raise RuntimeError(SECRET)
            case "unwritable":
                return Outcome("Not JSON.", {"value": object()})
            case "slow":
                return await self._slow(arguments["seconds"])
            case "picture":
                return Outcome("A picture.", {"qr_duration": 20}, images=(Image(PNG),))
        raise AssertionError(name)

    async def watch(self, passage: Passage, arguments: Arguments) -> Watched:
        return Watched(arguments, len(self.calls))

    def ended(self, passage: Passage) -> None:
        self.passages.append(passage)

    async def _slow(self, seconds: float) -> Outcome:
        self.started.set()
        try:
            with waits_for("half way"):
                await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return Outcome("Done.")
