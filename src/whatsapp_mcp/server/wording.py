"""How our sentences read to one caller: none names a tool that it is not offered.

Errors and results name tools by their names, wherever they are raised, also in the session process, which knows nothing
of clients. Here, right before an answer leaves, a sentence that names a tool which this caller lacks is replaced by
what else can be done. So whoever writes such a sentence puts what depends on a tool into a part of its own, between
``.``, ``;`` and the end.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from whatsapp_mcp.catalog import load_catalog
from whatsapp_mcp.catalog.guesses import tool_meant
from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.operations.outcome import Outcome

_LOOK: Final = "ask the user to look on the phone"
_WHO: Final = "ask the user for the number or JID"
_DROPPED: Final = ""

ALTERNATIVES: Final[Mapping[str, str]] = {
    "appLogin": "ask the owner to link the account from an MCP host that is offered the toolset app",
    "appLoginWithCode": _DROPPED,
    "appLogout": "ask the owner to remove this device on the phone, under Linked devices",
    "appReconnect": "ask the owner to close all MCP hosts, to wait half a minute and to start them again",
    "cancelScheduled": _DROPPED,
    "checkInbox": _LOOK,
    "downloadMessageMedia": _DROPPED,
    "forwardMessage": "ask the user to forward the message on the phone",
    "getChatMessages": _LOOK,
    "getGroupParticipantRequests": "ask the user who asked to join",
    "listChats": _WHO,
    "listScheduled": _DROPPED,
    "revokeMessage": _DROPPED,
    "searchMessages": _LOOK,
    "sendFile": _DROPPED,
    "sendVideo": _DROPPED,
    "userChangePushName": "ask the owner to set a name in WhatsApp on the phone",
    "userCheck": "ask the user to check the number: international format, without leading zeros",
    "userInfo": _DROPPED,
    "userMyContacts": _WHO,
    "userMyGroups": "ask the user for the exact name of the group",
    "userMyNewsletter": "ask the user for the JID of the channel",
    "waitForMessage": _LOOK,
}
"""What else can be done where a tool is not offered, as part of a sentence; empty: the sentence goes without it."""

_NOTHING_ELSE: Final = "ask the user how to go on"
_PART: Final = re.compile(r"[^.;!?]*(?:[.;!?](?!\s|$)[^.;!?]*)*[.;!?]?\s*")
"""Up to the end of a sentence, or a semicolon; a point within a word (``policy.toml``) is none."""
_JOINT: Final = re.compile(r"^(?:or|then|and) ")
_WORD: Final = re.compile(r"\b[a-z]+(?:[A-Z][a-z]*)+\b")
_SEPARATOR: Final = r"(?:, or |, and |, | or | and )"
_QUOTED: Final = re.compile(r'"[^"]*"')
"""What the caller wrote, repeated."""


@lru_cache(1)
def _all_names() -> frozenset[str]:
    return frozenset(load_catalog().by_name)


def may_name_a_tool(outcome: Outcome) -> bool:
    """Whether it is worth while to find out what a caller is offered; most results name none."""
    failed_later = isinstance(outcome.results, dict) and "error" in outcome.results
    return failed_later or _WORD.search(outcome.message) is not None


def _named(text: str) -> list[str]:
    """Tools that a text of ours names."""
    return [word for word in _WORD.findall(_QUOTED.sub("", text)) if word in _all_names()]


@dataclass(frozen=True, slots=True)
class Wording:
    """For a caller who has these tools."""

    names: frozenset[str]

    def say(self, text: str) -> str:
        """A sentence of ours, or several, without the tools that this caller lacks."""
        if not self._lacking(text):
            return text
        parts = [self._part(part) for part in _PART.findall(text)]
        said = "".join(dict.fromkeys(part for part in parts if part)).strip().rstrip(";").rstrip()
        said = _JOINT.sub("", said) or _NOTHING_ELSE
        if text[:1].isupper():
            said = said[0].upper() + said[1:]
        return said if said[-1] in ".!?" or text.rstrip()[-1] not in ".!?" else f"{said}."

    def error(self, error: WhatsAppMcpError) -> WhatsAppMcpError:
        """The same, as this caller is told of it."""
        error.message, error.next_step = self.say(error.message), self.say(error.next_step)
        return error

    def outcome(self, outcome: Outcome) -> Outcome:
        """The same for what worked; ``status`` repeats the message, and a message that could not be sent when it was
        due has an error."""
        results = outcome.results
        if isinstance(results, dict):
            changed: dict[str, object] = {}
            if isinstance(error := results.get("error"), dict) and isinstance(step := error.get("next_step"), str):
                changed["error"] = error | {"next_step": self.say(step)}
            if results.get("status") == outcome.message:
                changed["status"] = self.say(outcome.message)
            results = results | changed if changed else results
        return replace(outcome, message=self.say(outcome.message), results=results)

    def unknown(self, name: str) -> str:
        """What to tell somebody who called a tool that is not offered, or that there is not."""
        shown = name[:100].encode(errors="replace").decode()
        if (meant := tool_meant(name, self.names)) is not None:
            return f"Unknown tool: {shown}; did you mean {meant}?"
        if tool_meant(name, _all_names()) is not None:
            return (
                f"Unknown tool: {shown}. What it is for is not offered here; the owner of this server can offer it "
                "(--toolsets, --read-only, the scope of the token, or policy.toml)"
            )
        return f"Unknown tool: {shown}"

    def _lacking(self, text: str) -> list[str]:
        return [name for name in _named(text) if name not in self.names]

    def _part(self, part: str) -> str:
        lacking = self._lacking(part)
        if not lacking:
            return part
        shorter = self._fewer(part, lacking)
        if not self._lacking(shorter):
            return shorter
        said = ALTERNATIVES.get(lacking[0], _NOTHING_ELSE)
        if not said:
            return said
        words = part.rstrip()
        if words[0].isupper():
            said = said[0].upper() + said[1:]
        end = words[-1] if words[-1] in ".;!?" else ""
        return said + end + part[len(words) :]

    def _fewer(self, part: str, lacking: Collection[str]) -> str:
        """Where several tools are named to choose from, those that there are."""
        name = "(?:" + "|".join(map(re.escape, sorted(set(_named(part)), key=len, reverse=True))) + ")"

        def chosen(found: re.Match[str]) -> str:
            there = [each for each in re.findall(name, found[0]) if each not in lacking]
            last = " and " if " and " in found[0] else " or "
            return last.join(filter(None, (", ".join(there[:-1]), there[-1]))) if there else found[0]

        return re.sub(rf"\b{name}(?:{_SEPARATOR}{name}\b)+", chosen, part)
