"""The only way from the steps to the server: to the owner's own chat, and to a group in which nobody else is.

Which tools there are, with which arguments, and which of these names somebody, stands in one table; what does not stand
there is not called.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from mcp.types import CallToolResult, ElicitRequestParams, ElicitResult, TextContent

from whatsapp_mcp.errors import NotAllowed
from whatsapp_mcp.jid import GROUP, USER, Jid

Json = dict[str, Any]


class ToolCaller(Protocol):
    """An MCP client."""

    async def call_tool(self, name: str, arguments: dict[str, Any] | None = None) -> CallToolResult: ...


@dataclass(frozen=True, slots=True)
class Allowed:
    """How a tool may be called."""

    where: str | None
    """The argument that names a chat or people; None: the tool names nobody and changes nothing."""
    others: frozenset[str] = frozenset()


def _to(where: str | None, *others: str) -> Allowed:
    return Allowed(where, frozenset(others))


ALLOWED_CALLS: Final[Mapping[str, Allowed]] = {
    "appStatus": _to(None),
    "appDevices": _to(None),
    "listChats": _to(None, "limit", "detail"),
    "userMyContacts": _to(None),
    "getChatMessages": _to("chat_jid", "limit", "detail"),
    "searchMessages": _to("chat_jid", "query"),
    "getMessageStatus": _to("phone", "message_id"),
    "downloadMessageMedia": _to("phone", "message_id"),
    "sendMessage": _to("phone", "message", "reply_message_id"),
    "sendImage": _to("phone", "image", "caption"),
    "sendAudio": _to("phone", "audio", "ptt"),
    "sendFile": _to("phone", "file", "filename"),
    "sendPoll": _to("phone", "question", "options", "max_answer"),
    "updateMessage": _to("phone", "message_id", "message"),
    "reactMessage": _to("phone", "message_id", "emoji"),
    "revokeMessage": _to("phone", "message_id"),
    "starMessage": _to("phone", "message_id"),
    "unstarMessage": _to("phone", "message_id"),
    "pinChat": _to("chat_jid", "pinned"),
    "muteChat": _to("chat_jid", "muted", "duration"),
    "archiveChat": _to("chat_jid", "archived"),
    "groupInfo": _to("group_id"),
    "createGroup": _to("participants", "title"),
    "leaveGroup": _to("group_id"),
}
_MADE_UP: Final = ("image", "audio", "file")
"""Arguments that are files: only ones that were made for this, never one of this machine or of the network."""
_ONCE: Final = "createGroup"


class ToolFailed(Exception):
    """A tool answered with an error."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class NotOwnChat(NotAllowed):
    """A call that would reach somebody else, or that is not one of those that the steps make."""

    def __init__(self, tool: str) -> None:
        super().__init__(
            f"{tool} may not be called like that: it could reach somebody else than the owner",
            next_step="This is a mistake in the program: tell its authors.",
        )


class OwnChat:
    """Calls tools, about the owner alone."""

    def __init__(self, client: ToolCaller, own: Jid, lid: Jid | None = None) -> None:
        """
        Args:
            own: the linked account, by number.
            lid: the same by its hidden identity, as a group may name its members.

        Raises:
            NotOwnChat: that is no person's address.
        """
        if own.server != USER or not own.user.isdigit():
            raise NotOwnChat("appStatus")
        self.__client = client
        self.jid: Final = str(own.bare)
        self._names = {self.jid} | ({str(lid.bare)} if lid is not None else set())
        self.group: str | None = None
        """The group of one, once it was made and nobody else is in it."""
        self.made: str | None = None
        """The group that was made, whoever is in it; it can be looked at and left."""
        self.sent: list[tuple[str, str]] = []
        """(chat, id) of what was sent and not taken back, oldest first."""
        self._under_way = 0
        self._asked_for_group = False

    async def call(self, tool: str, **arguments: Any) -> Json:
        """The whole answer of a tool.

        Raises:
            NotOwnChat: nothing was called.
            ToolFailed: it answered with an error.
        """
        self._check(tool, arguments)
        self._asked_for_group = self._asked_for_group or tool == _ONCE
        self._under_way += 1
        try:
            result = await self.__client.call_tool(tool, arguments)
        finally:
            self._under_way -= 1
        body = body_of(result)
        if result.is_error:
            raise ToolFailed(str(body.get("code", "")))
        self._remember(tool, arguments, body)
        return body

    async def agree(self, question: ElicitRequestParams) -> ElicitResult:
        """The owner's yes, given when the command was started: to a question about a call of ours that is under way
        and names the own chat, or the group that was made."""
        places = [place.partition("@")[0] for place in (self.jid, self.made) if place is not None]
        about = any(re.search(rf"(?<!\d){re.escape(place)}(?!\d)", question.message) for place in places)
        if self._under_way == 0 or not about:
            return ElicitResult(action="decline")
        return ElicitResult(action="accept", content={"answer": "yes"})

    async def join_up(self) -> bool:
        """Whether nobody else is in the group that was made; from now on it may be written to then."""
        if self.made is None:
            return False
        found = (await self.call("groupInfo", group_id=self.made))["results"]
        people = [person.get("jid") for person in found.get("participants", ())]
        if len(people) == 1 and people[0] in self._names and found.get("participant_count", 1) == 1:
            self.group = self.made
        return self.group is not None

    def _check(self, tool: str, arguments: Json) -> None:
        allowed = ALLOWED_CALLS.get(tool)
        if allowed is None or not arguments.keys() <= allowed.others | {allowed.where}:
            raise NotOwnChat(tool)
        if any(not str(arguments.get(name, "data:")).startswith("data:") for name in _MADE_UP):
            raise NotOwnChat(tool)
        if allowed.where is None:
            return
        named = arguments.get(allowed.where)
        places = named if isinstance(named, list) else [named]
        if not places or not all(isinstance(place, str) for place in places):
            raise NotOwnChat(tool)
        if not set(places) <= self._places(tool) or (tool == _ONCE and self._asked_for_group):
            raise NotOwnChat(tool)

    def _places(self, tool: str) -> set[str]:
        if tool in ("groupInfo", "leaveGroup"):
            return {self.made} if self.made is not None else set()
        if tool == _ONCE or self.group is None:
            return {self.jid}
        return {self.jid, self.group}

    def _remember(self, tool: str, arguments: Json, body: Json) -> None:
        results = body.get("results")
        if tool == _ONCE and isinstance(results, dict):
            made = str(results.get("group_id", ""))
            self.made = made if made.endswith(f"@{GROUP}") else None
        elif tool == "leaveGroup":
            self.made = self.group = None
        elif tool == "revokeMessage":
            self.sent = [one for one in self.sent if one != (arguments["phone"], arguments["message_id"])]
        elif tool.startswith("send") and isinstance(results, dict) and "message_id" in results:
            self.sent.append((arguments["phone"], str(results["message_id"])))


def body_of(result: CallToolResult) -> Json:
    """What a result says: of one with a picture, text and that picture are all there is."""
    if result.structured_content:
        return dict(result.structured_content)
    text = next((block.text for block in result.content if isinstance(block, TextContent)), "{}")
    try:
        body = json.loads(text)
    except ValueError:
        return {}
    return dict(body) if isinstance(body, dict) else {}
