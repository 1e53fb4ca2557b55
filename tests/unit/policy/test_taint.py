"""What a conversation remembers of what was read in it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from whatsapp_mcp.jid import USER, Jid
from whatsapp_mcp.policy import taint
from whatsapp_mcp.policy.taint import Conversation, Conversations

ANA = Jid("34600000001", USER)
BO = Jid("34600000002", USER)
CHEN = Jid("34600000003", USER)


def test_what_was_read_counts_for_some_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1_000.0]
    monkeypatch.setattr(taint, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    conversation = Conversation()
    conversation.has_read([ANA])
    conversation.has_listed()
    clock[0] += 3_600
    conversation.has_read([BO])
    assert conversation.read_within(2) == {ANA, BO}
    clock[0] += 3_601
    assert conversation.read_within(2) == {BO}
    assert conversation.listed_within(2), "what was read is words of others too"
    clock[0] += 3_600
    assert not conversation.listed_within(2)


def test_each_session_of_each_token_is_a_conversation() -> None:
    conversations = Conversations()
    first = conversations.of("local", "")
    assert conversations.of("local", "") is first
    others = [conversations.of("local", "1"), conversations.of("other", "")]
    assert len({first.number, *(other.number for other in others)}) == 3


def test_the_one_used_least_recently_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taint, "_MOST", 2)
    conversations = Conversations()
    first, second = conversations.of("local", "1"), conversations.of("local", "2")
    conversations.of("local", "1")
    conversations.of("local", "3")
    assert conversations.of("local", "1") is first
    assert conversations.of("local", "2") is not second


def test_in_the_part_of_a_chat_only_that_chat_was_read() -> None:
    whole = Conversation(number=7, mark="here")
    whole.has_read([ANA, BO])
    part = whole.within(BO)
    assert part.read_within(1) == {BO}, "what a program does for a chat can be led by that chat's words"
    assert whole.within(BO) is part
    assert (part.number, part.mark) == (7, "here")


def test_what_is_read_in_a_part_counts_in_the_whole_and_in_no_other_part() -> None:
    whole = Conversation()
    whole.within(BO).has_read([ANA])
    whole.within(BO).has_listed()
    assert whole.within(BO).read_within(1) == {ANA, BO}
    assert whole.read_within(1) == {ANA}
    assert whole.listed_within(1)
    assert whole.within(CHEN).read_within(1) == {CHEN}
