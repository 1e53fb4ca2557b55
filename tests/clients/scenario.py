"""What every client plays, and what it has to see. Only the standard library: clients import it too."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

Json = dict[str, Any]

LONG: Final = 11
"""Seconds of a call whose progress is heard: two heartbeats."""
LIMIT: Final = 8
"""Seconds after which a client that begins its limit anew with each progress gives that call up otherwise."""


@dataclass(frozen=True)
class Call:
    step: str
    tool: str
    arguments: Json
    progress: bool = False
    """It is about progress: a client that cannot hear of it says so and leaves it out."""


@dataclass(frozen=True)
class Scenario:
    """The server to start, and the calls."""

    command: str
    arguments: list[str]
    environment: dict[str, str]
    calls: list[Call]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Scenario:
        given = json.loads(text)
        return cls(**given | {"calls": [Call(**call) for call in given["calls"]]})


@dataclass(frozen=True)
class Seen:
    """What a client saw of one call: as it shows it to a model."""

    step: str
    text: str = ""
    pictures: int = 0
    error: bool = False
    seconds: float = 0.0
    progress: int = 0
    tools: int = 0
    offered: bool = True
    """False: this client has no such thing."""


def calls(name: str, phone: str, picture: str, cursor: str) -> list[Call]:
    """``phone`` repeats what is written to it, and has sent ``picture``, a message's id; ``cursor`` is now."""
    return [
        Call("read", "getChatMessages", {"chat_jid": phone, "limit": 5}),
        Call("send", "sendMessage", {"phone": phone, "message": said(name)}),
        Call("hear", "waitForMessage", {"phone": phone, "cursor": cursor}),
        Call("picture", "downloadMessageMedia", {"phone": phone, "message_id": picture}),
        Call("error", "getMessageContext", {"chat_jid": phone, "message_id": "3EB0NOSUCHMESSAGE"}),
        Call("wait", "waitForMessage", {"phone": phone}),
        Call("progress", "waitForMessage", {"phone": phone, "timeout": LONG}, progress=True),
    ]


def said(name: str) -> str:
    return f"hello from {name}"


def expectations(name: str, picture: str, tools: int) -> dict[str, Callable[[Seen], bool]]:
    """By step, whether it was as it has to be."""

    def answered(seen: Seen, *words: str) -> bool:
        return not seen.error and all(word in seen.text for word in words)

    return {
        "tools": lambda seen: seen.tools == tools,
        "read": lambda seen: answered(seen, picture, "timestamp"),
        "send": lambda seen: answered(seen, "message_id"),
        "hear": lambda seen: answered(seen, said(name), "cursor"),
        "picture": lambda seen: answered(seen, "image/jpeg") and seen.pictures == 1,
        "error": lambda seen: seen.error and "not_found" in seen.text and "next_step" in seen.text,
        "wait": lambda seen: answered(seen, "timed_out", "cursor"),
        "progress": lambda seen: answered(seen, "timed_out") and seen.progress >= 2 and seen.seconds > LIMIT,
    }
