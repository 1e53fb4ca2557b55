"""When the owner is asked, and about what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from whatsapp_mcp.catalog import load_catalog
from whatsapp_mcp.jid import GROUP, USER, Jid
from whatsapp_mcp.policy.call import Call, Party, SentFile
from whatsapp_mcp.policy.decision import Seen, carries, reasons
from whatsapp_mcp.policy.rules import PRESETS, Ask
from whatsapp_mcp.policy.taint import ANYBODY
from whatsapp_mcp.store.records import ChatFacts

CATALOG = load_catalog().by_name
ANA = Party(ChatFacts(Jid("34600000001", USER), wrote_first=True), "Ana")
BO = Party(ChatFacts(Jid("34600000002", USER), wrote_first=True), "Bo")
STRANGER = Party(ChatFacts(Jid("34600000099", USER), wrote_first=False), "+34600000099")
TEAM = Party(ChatFacts(Jid("120363000000000001", GROUP), member=True), "Team")
PDF = SentFile("file", "report.pdf", local=True, size=10)
MADE = SentFile("file", "content that the call brings along", local=False, size=10)
NOTHING = Seen()
NAMES = Seen(names=True)
ANA_READ = Seen(frozenset({ANA.jid}), names=True)
BOTH_READ = Seen(frozenset({ANA.jid, BO.jid}), names=True)
UNKNOWN_READ = Seen(frozenset({ANYBODY}), names=True)


def call(operation: str, chat: Party | None = None, **more: Any) -> Call:
    return replace(Call(CATALOG[operation], {}, chats=(chat,) if chat else ()), **more)


def asked(one: Call, seen: Seen, *, trusted: bool = False) -> list[str]:
    return [reason.rule for reason in reasons(one, PRESETS["careful"].ask, seen, trusted=trusted)]


@pytest.mark.parametrize(
    ("one", "seen", "rules"),
    [
        # Ordinary: to answer whom one read, to write to somebody without having read anything.
        (call("sendMessage", ANA), NOTHING, []),
        (call("sendMessage", ANA), NAMES, []),
        (call("sendMessage", ANA), ANA_READ, []),
        (call("sendFile", ANA, files=(PDF,)), NOTHING, []),
        (call("sendFile", ANA, files=(PDF,)), NAMES, []),
        (call("sendImage", ANA, files=(MADE,)), ANA_READ, []),
        (call("forwardMessage", ANA, source=ANA.jid), ANA_READ, []),
        (call("archiveChat", ANA), ANA_READ, []),
        (call("removeParticipantFromGroup", TEAM, people=(STRANGER,)), NOTHING, []),
        (call("reactMessage", ANA), ANA_READ, []),
        (call("sendLink", ANA, links=("https://example.com/news",)), ANA_READ, []),
        (call("removeParticipantFromGroup", TEAM, people=(ANA,)), NOTHING, []),
        (call("deleteMessage", ANA), NOTHING, []),
        (call("readMessage", BO), ANA_READ, []),
        (call("revokeMessage", ANA, stops_own=True), ANA_READ, []),
        (call("appLogin"), ANA_READ, []),
        # A first message.
        (call("sendMessage", STRANGER), NOTHING, ["first_contact"]),
        (call("createGroup", None, added=(ANA, STRANGER)), NOTHING, ["first_contact"]),
        # What was read of one chat goes to another.
        (call("sendMessage", BO), ANA_READ, ["other_chat"]),
        (call("sendMessage", ANA), BOTH_READ, ["other_chat"]),
        (call("sendMessage", ANA), UNKNOWN_READ, ["other_chat"]),
        (call("sendMessage", STRANGER), ANA_READ, ["first_contact", "other_chat"]),
        (call("forwardMessage", BO, source=ANA.jid), NOTHING, ["other_chat"]),
        (call("reactMessage", BO), ANA_READ, ["other_chat"]),
        (call("muteChat", BO), ANA_READ, ["other_chat"]),
        # Files and links, also back to whom was read.
        (call("sendFile", ANA, files=(PDF,)), ANA_READ, ["files"]),
        (call("sendLink", ANA, links=("https://example.com/?pin=1234",)), ANA_READ, ["links"]),
        (call("sendLink", ANA, links=("https://example.com/?q=1",)), NAMES, []),
        # Secrets, always; numbers of others, when somebody may have asked for them.
        (call("sendMessage", ANA, secrets=("a card number",)), NOTHING, ["secrets"]),
        (call("sendMessage", ANA, others_numbers=("the number +1",)), ANA_READ, ["secrets"]),
        (call("sendMessage", ANA, others_numbers=("the number +1",)), NAMES, []),
        (call("sendContact", ANA, people=(BO,)), ANA_READ, ["secrets"]),
        (call("sendContact", ANA, people=(BO,)), NAMES, []),
        (call("sendContact", ANA, people=(ANA,)), ANA_READ, []),
        # What cannot be taken back, once any words of others were seen, be they only names.
        (call("deleteMessage", ANA), NAMES, ["deletes"]),
        (call("deleteChat", BO), ANA_READ, ["deletes"]),
        (call("removeParticipantFromGroup", TEAM, people=(ANA,)), NAMES, ["groups"]),
        (call("groupInviteLink", TEAM), NAMES, ["groups"]),
        (call("appLogout"), NAMES, ["account"]),
        (call("appLoginWithCode"), ANA_READ, ["account"]),
    ],
)
def test_what_is_asked_when_careful(one: Call, seen: Seen, rules: list[str]) -> None:
    assert asked(one, seen) == rules


def test_a_trusted_chat_gets_whatever_was_read_but_no_secrets() -> None:
    one = call("sendFile", BO, files=(PDF,), secrets=("a card number",))

    assert asked(one, ANA_READ, trusted=True) == ["secrets"]


@pytest.mark.parametrize("seen", [NOTHING, NAMES, ANA_READ, BOTH_READ, UNKNOWN_READ])
@pytest.mark.parametrize("operation", sorted(CATALOG))
def test_open_never_asks_and_reading_is_never_asked_about(operation: str, seen: Seen) -> None:
    one = call(operation, STRANGER, people=(STRANGER,), files=(PDF,), links=("https://a/?b",), secrets=("a key",))

    assert reasons(one, PRESETS["open"].ask, seen) == ()
    if CATALOG[operation].touches.act in ("look", "ask", "connect", "signal"):
        assert not {reason.rule for reason in reasons(one, PRESETS["locked"].ask, seen)} - {"files", "links", "secrets"}


@pytest.mark.parametrize("rule", sorted(Ask.model_fields))
def test_each_rule_can_be_switched(rule: str) -> None:
    one = call("sendFile", STRANGER, files=(PDF,), links=("https://a/?b",), secrets=("a key",))
    calls = [one, call("deleteChat", BO), call("leaveGroup", TEAM), call("appLogout")]
    careful = PRESETS["careful"].ask

    assert any(rule in [reason.rule for reason in reasons(each, careful, BOTH_READ)] for each in calls)
    never = careful.model_copy(update={rule: "never"})
    assert not any(rule in [reason.rule for reason in reasons(each, never, BOTH_READ)] for each in calls)
    always = careful.model_copy(update={rule: "always"})
    assert any(rule in [reason.rule for reason in reasons(each, always, NOTHING)] for each in calls)


@pytest.mark.parametrize(
    ("link", "can"),
    [
        ("https://example.com/", False),
        ("https://example.com/2026/11/28/an-article-about-cats", False),
        ("https://example.com/?q=secret", True),
        ("https://example.com/#secret", True),
        ("https://user:secret@example.com/", True),
        ("https://example.com/%53ecret", True),
        (f"https://example.com/{'a' * 41}", True),
        (f"https://{'a' * 41}.example.com/", True),
        (f"https://example.com/{'/'.join(['word'] * 20)}", True),
        (f"https://{'.'.join(['word'] * 20)}.example.com/", True),
        ("https://[broken", True),
    ],
)
def test_addresses_that_can_carry_something_out(link: str, can: bool) -> None:
    assert carries(link) is can
