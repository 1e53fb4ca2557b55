"""Names that models guess and that other servers use."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest

from whatsapp_mcp.catalog import load_catalog, select
from whatsapp_mcp.catalog.check import ArgumentChecker
from whatsapp_mcp.catalog.guesses import PARAMETERS, TOOLS, parameter_meant, tool_meant

CATALOG: Final = load_catalog()
ALL: Final = tuple(CATALOG.by_name)
CORE: Final = tuple(select(CATALOG, "core").by_name)
PARAMETER_NAMES: Final = {name for o in CATALOG.operations for name in o.input_schema["properties"]}


@pytest.mark.parametrize(
    ("guess", "meant"),
    [
        # tools of lharries/whatsapp-mcp, VGP and Felix
        ("send_message", "sendMessage"),
        ("list_chats", "listChats"),
        ("list_messages", "getChatMessages"),
        ("search_contacts", "userMyContacts"),
        ("send_audio_message", "sendAudio"),
        ("download_media", "downloadMessageMedia"),
        ("get_message_context", "getMessageContext"),
        # others, and what models try
        ("get_messages", "getChatMessages"),
        ("read_messages", "getChatMessages"),
        ("react_to_message", "reactMessage"),
        ("whatsapp_send", "sendMessage"),
        ("mcp__whatsapp__send_message", "sendMessage"),
        ("wa_send_text", "sendMessage"),
        ("sendMesage", "sendMessage"),
        ("send_documents", "sendFile"),
        ("get_group_participant_list", "getGroupParticipants"),
        ("mark_as_read", "readMessage"),
        ("unarchive_chat", "archiveChat"),
        ("get_unread_messages", "checkInbox"),
    ],
)
def test_a_guess_leads_to_the_tool_that_does_it(guess: str, meant: str) -> None:
    assert tool_meant(guess, ALL) == meant


@pytest.mark.parametrize(
    "guess",
    [
        *("test_elicitation", "test_image_content", "test_sampling", "startElicitation", "add_numbers", "get_weather"),
        *("send_poll_vote", "delete_chat_messages", "create_event", "translate_audio", "echo", "ls", "", "x" * 5000),
        *("\ud800", "___", "whatsapp_", "message_in_a_bottle_for_everyone"),
    ],
)
def test_what_is_far_fetched_is_no_near_miss(guess: str) -> None:
    assert tool_meant(guess, ALL) is None
    assert tool_meant(guess, CORE) is None


def test_only_what_there_is_is_meant() -> None:
    assert tool_meant("send_sticker", CORE) is None
    assert tool_meant("get_message", ALL) == "getMessageContext"
    assert tool_meant("get_message", CORE) == "getChatMessages"


def test_a_guess_that_takes_something_away_is_never_a_likeness_of_words() -> None:
    for name in ALL:
        for verb in ("delete", "remove", "leave", "revoke"):
            meant = tool_meant(f"{verb}_{name}", ALL)
            assert meant in (None, *(tool for tool in ALL if verb in tool.casefold())), (verb, name)


def test_the_table_leads_to_tools_that_exist_and_each_guess_to_one() -> None:
    guesses = Counter(guess for all_of_a_tool in TOOLS.values() for guess in all_of_a_tool.split())

    assert TOOLS.keys() <= set(ALL)
    assert {guess for guess, times in guesses.items() if times > 1} == {"get_message"}
    assert {name for ours in PARAMETERS.values() for name in ours.split()} <= PARAMETER_NAMES


@pytest.mark.parametrize(
    ("tool", "guess", "meant"),
    [
        *(
            ("sendMessage", guess, "phone")
            for guess in ("to", "recipient", "chat_id", "jid", "phone_number", "chat_jid")
        ),
        *(("sendMessage", guess, "message") for guess in ("text", "body", "content")),
        ("sendMessage", "reply_to", "reply_message_id"),
        ("sendMessage", "quoted_message_id", "reply_message_id"),
        ("sendImage", "text", "caption"),
        ("sendImage", "file_path", "image"),
        ("sendImage", "media_url", "image_url"),
        ("sendFile", "path", "file"),
        ("sendAudio", "voice_note", "ptt"),
        ("getChatMessages", "chat_id", "chat_jid"),
        ("getChatMessages", "phone", "chat_jid"),
        ("getChatMessages", "count", "limit"),
        ("getChatMessages", "since", "start_time"),
        ("getChatMessages", "before", "end_time"),
        ("searchMessages", "q", "query"),
        ("searchMessages", "text", "query"),
        ("listChats", "query", "search"),
        ("listChats", "serach", "search"),
        ("userMyContacts", "query", "search"),
        ("reactMessage", "reaction", "emoji"),
        ("groupInfo", "group_jid", "group_id"),
        ("createGroup", "members", "participants"),
        ("createGroup", "subject", "title"),
        ("setGroupName", "subject", "name"),
        ("archiveChat", "archive", "archived"),
        ("sendLocation", "lng", "longitude"),
        ("getMessageContext", "id", "message_id"),
        ("forwardMessage", "to", "phone"),
        ("waitForMessage", "timeout_seconds", "timeout"),
    ],
)
def test_a_guessed_parameter_is_answered_with_the_right_one(tool: str, guess: str, meant: str) -> None:
    operation = CATALOG.by_name[tool]
    assert parameter_meant(guess, operation.input_schema["properties"]) == meant

    checked = ArgumentChecker().check(operation, {guess: "x"})
    said = " ".join([*checked.notes, *(problem.message for problem in checked.problems)])
    assert f"did you mean {meant}?" in said


@pytest.mark.parametrize("guess", ["verbose", "test", "x", "", "foo", "temperature", "\ud800"])
def test_a_parameter_that_is_far_fetched_is_none(guess: str) -> None:
    for operation in CATALOG.operations:
        assert parameter_meant(guess, operation.input_schema["properties"]) is None
