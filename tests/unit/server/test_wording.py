"""No error, no next step and no message names a tool that the caller is not offered: all texts of the source x toolsets
and scopes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import mcp.types as types
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

import whatsapp_mcp
from tests.unit.server.fakes import settings
from whatsapp_mcp import errors
from whatsapp_mcp.catalog import load_catalog, select
from whatsapp_mcp.errors import NotConnected, WhatsAppMcpError
from whatsapp_mcp.operations.outcome import Arguments, Outcome, Watched
from whatsapp_mcp.operations.sending import WHAT_BECAME
from whatsapp_mcp.policy.caller import Scope
from whatsapp_mcp.policy.passage import Passage
from whatsapp_mcp.policy.scopes import SCOPES, allowed_by_scope
from whatsapp_mcp.server.app import INSTRUCTIONS, build_server
from whatsapp_mcp.server.wording import ALTERNATIVES, Wording

CATALOG: Final = load_catalog()
SOURCE: Final = Path(whatsapp_mcp.__file__).parent
NAMES: Final = frozenset(CATALOG.by_name)
TOOL: Final = re.compile(r"\b(?:" + "|".join(sorted(NAMES, key=len, reverse=True)) + r")\b")
ELSEWHERE: Final = (
    *("cli", "offline", "simulator", "catalog", "policy/template.py", "policy/chats.py"),
    "server/wording.py",
    "server/prompt_kinds.py",
)
"""What only the owner reads, at a terminal or in policy.toml; and prompts, which are told what is offered."""


def _texts() -> Iterator[tuple[str, str]]:
    """Strings of the source that name a tool and are more than its name, with where they stand; no docstrings."""
    for path in sorted(SOURCE.rglob("*.py")):
        where = path.relative_to(SOURCE).as_posix()
        if where.startswith(ELSEWHERE):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Constant) and isinstance(node.value, str)) or id(node) in said:
                continue
            if node.value not in NAMES and TOOL.search(node.value):
                yield f"{where}:{node.lineno}", node.value


TEXTS: Final = dict(_texts())
STEPS: Final = {
    name: each.next_step
    for name, each in vars(errors).items()
    if isinstance(each, type) and issubclass(each, WhatsAppMcpError)
}


def _caller(spec: str, scope: Scope) -> Wording:
    return Wording(frozenset(o.name for o in select(CATALOG, spec).operations if allowed_by_scope(o, scope)))


CALLERS: Final = {
    **{f"{spec} {scope}": _caller(spec, scope) for spec in ("all", *CATALOG.toolsets) for scope in SCOPES},
    "one tool": Wording(frozenset({"sendSticker"})),
}


def test_the_source_is_looked_through() -> None:
    assert len(TEXTS) > 20
    assert any(where.startswith(("worker", "whatsapp")) for where in TEXTS)


@pytest.mark.parametrize("offer", CALLERS.values(), ids=CALLERS)
def test_no_text_names_a_tool_that_is_not_offered(offer: Wording) -> None:
    for where, text in (*TEXTS.items(), *STEPS.items()):
        said = offer.say(text)
        assert set(TOOL.findall(said)) <= offer.names, (where, said)
        assert said.strip(), where
        assert (text[-1] in ".;!?") <= (said[-1] in ".!?;"), (where, said)
        assert not re.search(r"[.;,] *[.;,]|\(\)|  ", said), (where, said)
        if set(TOOL.findall(text)) <= offer.names:
            assert said == text


def test_what_is_said_instead_names_no_tool_either() -> None:
    assert ALTERNATIVES.keys() <= NAMES
    assert not any(TOOL.search(text) for text in ALTERNATIVES.values())


@pytest.mark.parametrize(
    ("offered", "text", "said"),
    [
        (
            "sendMessage",
            "Wait some seconds and call again; if it stays so, call appReconnect.",
            "Wait some seconds and call again; ask the owner to close all MCP hosts, to wait half a minute and to "
            "start them again.",
        ),
        (
            "listChats userMyContacts",
            "Look it up first with listChats, userMyContacts or getChatMessages, and pass what it returns.",
            "Look it up first with listChats or userMyContacts, and pass what it returns.",
        ),
        (
            "getChatMessages",
            "Look it up first with listChats, userMyContacts or getChatMessages, and pass what it returns.",
            "Look it up first with getChatMessages, and pass what it returns.",
        ),
        (
            "sendMessage",
            "The message is held back until held_until; until then, revokeMessage stops it.",
            "The message is held back until held_until.",
        ),
        ("sendMessage", 'one of "text"; it is "appLogout"', 'one of "text"; it is "appLogout"'),
        ("sendMessage", "See policy.toml. Take chat_jid from listChats.",
         "See policy.toml. Ask the user for the number or JID."),
        ("sendMessage", "use userInfo", "ask the user how to go on"),
        ("sendMessage", "Use sendVideo; or send only its sound as a voice note (ptt).",
         "Send only its sound as a voice note (ptt)."),
    ],
)  # fmt: skip
def test_what_is_said_instead(offered: str, text: str, said: str) -> None:
    assert Wording(frozenset(offered.split())).say(text) == said


def test_an_unknown_tool_leads_to_the_one_that_is_meant_where_it_is_offered() -> None:
    offer = Wording(frozenset({"sendMessage", "listChats"}))

    assert offer.unknown("send_text") == "Unknown tool: send_text; did you mean sendMessage?"
    assert offer.unknown("test_elicitation") == "Unknown tool: test_elicitation"
    not_here = offer.unknown("list_contacts")
    assert "is not offered here; the owner of this server can offer it" in not_here
    assert not TOOL.search(not_here)
    assert offer.unknown("\ud800" * 200).isascii()


def test_the_instructions_name_no_tool() -> None:
    assert not TOOL.search(INSTRUCTIONS)


class _Speaker:
    """A runner whose operations all say the same."""

    def __init__(self, says: WhatsAppMcpError | Outcome) -> None:
        self.says = says

    async def run(self, passage: Passage, arguments: Arguments) -> Outcome:
        if isinstance(self.says, WhatsAppMcpError):
            raise self.says
        return self.says

    async def watch(self, passage: Passage, arguments: Arguments) -> Watched:
        return Watched(arguments, None)

    def ended(self, passage: Passage) -> None:
        pass


async def _told(spec: str, says: WhatsAppMcpError | Outcome, **changes: Any) -> tuple[dict[str, Any], str]:
    """What a call answers, and what the text block says."""
    chosen = settings(output_schemas=False, **changes)
    server = build_server(select(CATALOG, spec, read_only=chosen.read_only).operations, _Speaker(says), chosen)
    async with Client(server, mode="legacy") as client:
        result = await client.call_tool("listChats")
    (block,) = result.content
    assert isinstance(block, types.TextContent)
    return result.structured_content or {}, block.text


@pytest.mark.parametrize(
    ("spec", "changes", "reconnects"),
    [("core", {}, True), ("chat", {}, False), ("all", {"read_only": True}, False), ("all", {"scope": "read"}, False)],
)
async def test_a_server_speaks_of_what_it_offers(spec: str, changes: dict[str, Any], *, reconnects: bool) -> None:
    held = next(text for text in WHAT_BECAME.values() if "revokeMessage" in text)
    failed = {"code": "not_connected", "message": "No.", "next_step": NotConnected.next_step}

    body, text = await _told(spec, NotConnected("offline"), **changes)
    assert ("appReconnect" in body["next_step"]) == ("appReconnect" in text) == reconnects

    body, text = await _told(spec, Outcome(held, {"status": held, "error": failed}), **changes)
    assert ("appReconnect" in body["results"]["error"]["next_step"]) == reconnects
    assert ("revokeMessage" in text) == (spec == "core")
    assert body["results"]["status"] == body["message"]


async def test_a_server_that_does_not_offer_a_tool_does_not_name_it_to_who_guesses_it() -> None:
    server = build_server(select(CATALOG, "send").operations, _Speaker(Outcome("Done.")), settings())
    async with Client(server, mode="legacy") as client:
        with pytest.raises(MCPError) as unknown:
            await client.call_tool("get_messages")
    assert "getChatMessages" not in unknown.value.message
    assert "not offered here" in unknown.value.message
