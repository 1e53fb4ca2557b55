"""Wrong arguments are explained so that a model can call again; harmless ones are understood."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatsapp_mcp.catalog import load_catalog
from whatsapp_mcp.catalog.check import ArgumentChecker, Problem

CATALOG: Final = load_catalog()
CHECKER: Final = ArgumentChecker()
POLL: Final = {"phone": "491511", "question": "When?", "options": ["Friday", "Saturday"], "max_answer": 1}


def check(name: str, arguments: dict[str, Any] | None) -> tuple[dict[str, Any], list[Problem]]:
    return CHECKER.check(CATALOG.by_name[name], arguments)


def only_problem(name: str, arguments: dict[str, Any] | None) -> Problem:
    problems = check(name, arguments)[1]
    assert len(problems) == 1, problems
    return problems[0]


@pytest.mark.parametrize(
    ("name", "arguments", "field", "message"),
    [
        ("sendMessage", {"phone": "1"}, "message", "message is missing; it has to be a string"),
        (
            "sendChatPresence",
            {"phone": "1"},
            "action",
            'action is missing; it has to be one of "start", "stop"',
        ),
        (
            "sendChatPresence",
            {"phone": "1", "action": "go"},
            "action",
            'action has to be one of "start", "stop"; it is "go"',
        ),
        (
            "setGroupName",
            {"group_id": "1", "name": 5},
            "name",
            "name has to be a string, not a whole number; write it in quotes",
        ),
        ("setGroupName", {"group_id": "1", "name": None}, "name", "name has to be a string, not null"),
        ("setGroupName", {"group_id": "1", "name": True}, "name", "name has to be a string, not a boolean"),
        ("setGroupName", {"group_id": "1", "name": ["a"]}, "name", "name has to be a string, not a list"),
        ("setGroupName", {"group_id": "1", "name": ""}, "name", "name must not be empty"),
        ("setGroupName", {"group_id": "1", "name": " \n"}, "name", "name must not be blank"),
        (
            "setGroupName",
            {"group_id": "1", "name": "x" * 26},
            "name",
            "name must have at most 25 characters; it has 26",
        ),
        ("listChats", {"limit": 101}, "limit", "limit must be from 1 to 100; it is 101"),
        ("listChats", {"limit": 0}, "limit", "limit must be from 1 to 100; it is 0"),
        ("listChats", {"offset": -1}, "offset", "offset must be at least 0; it is -1"),
        ("listChats", {"limit": "many"}, "limit", "limit has to be a whole number, not a string"),
        ("listChats", {"limit": 1.5}, "limit", "limit has to be a whole number, not a number"),
        ("listChats", {"limit": True}, "limit", "limit has to be a whole number, not a boolean"),
        ("listChats", {"has_media": 1}, "has_media", "has_media has to be true or false, not a whole number"),
        ("listChats", {"serach": "a"}, "serach", '"serach" is no argument of this tool; did you mean search?'),
        (
            "listChats",
            {"qqqq": 1},
            "qqqq",
            '"qqqq" is no argument of this tool; it takes limit, offset, search, archived, has_media, cursor',
        ),
        ("appLogin", {"qqqq": 1}, "qqqq", '"qqqq" is no argument of this tool; it takes none'),
        (
            "getChatMessages",
            {"chat_jid": "1", "start_time": "yesterday"},
            "start_time",
            'start_time has to be a date and time with zone, such as 2026-01-31T18:30:00Z; it is "yesterday"',
        ),
        ("sendPoll", {**POLL, "options": ["a"]}, "options", "options has to have 2 to 12 items; it has 1"),
        ("sendPoll", {**POLL, "options": ["a", "a"]}, "options", "options must not name the same item twice"),
        ("sendPoll", {**POLL, "options": ["a", " "]}, "options[1]", "options[1] must not be blank"),
        (
            "sendPoll",
            {**POLL, "options": [1, "b"]},
            "options[0]",
            "options[0] has to be a string, not a whole number; write it in quotes",
        ),
        (
            "createGroup",
            {"title": "a", "participants": []},
            "participants",
            "participants has to have at least 1 item; it has 0",
        ),
        (
            "sendImage",
            {"phone": "1"},
            "image",
            "give exactly one of image and image_url; none is given",
        ),
        (
            "sendImage",
            {"phone": "1", "image": "a.png", "image_url": "https://example.com/a.png"},
            "image",
            "give exactly one of image and image_url; image and image_url are given",
        ),
        (
            "sendMessage",
            {"phone": "1", "message": "a\0b"},
            "message",
            "message holds characters that are no text (NUL or half of a surrogate pair)",
        ),
        (
            "sendMessage",
            {"phone": "1", "message": "\ud83d"},
            "message",
            "message holds characters that are no text (NUL or half of a surrogate pair)",
        ),
    ],
)
def test_a_problem_names_the_argument_what_is_wrong_and_what_is_allowed(
    name: str, arguments: dict[str, Any], field: str, message: str
) -> None:
    assert only_problem(name, arguments) == Problem(field, message)


def test_a_missing_argument_is_described() -> None:
    assert only_problem("sendMessage", {"message": "hi"}).message.startswith(
        "phone is missing; it has to be a string (R"
    )


def test_all_problems_come_at_once() -> None:
    problems = check("sendMessage", {"phone": 5, "mesage": "hi"})[1]

    assert {problem.field for problem in problems} == {"phone", "message", "mesage"}


def test_an_answer_does_not_grow_with_the_mistakes() -> None:
    problems = check("createGroup", {"title": "a", "participants": [1] * 5000, "x" * 5000: 1})[1]

    assert len(problems) <= 21
    assert sum(len(problem.message) + len(problem.field) for problem in problems) < 4000


def test_arguments_nested_without_end_are_refused() -> None:
    nested: list[Any] = []
    for _ in range(500):
        nested = [nested]

    assert check("sendMessage", {"phone": "1", "message": "a", "mentions": nested})[1]


@pytest.mark.parametrize(
    ("name", "given", "taken"),
    [
        ("sendPoll", {**POLL, "options": '["a", "b"]', "max_answer": "2"}, {"options": ["a", "b"], "max_answer": 2}),
        ("listChats", {"limit": "5", "has_media": "true"}, {"limit": 5, "has_media": True}),
        ("listChats", {"limit": 5.0}, {"limit": 5}),
        ("listChats", {"search": None, "limit": None}, {"limit": 25}),
        ("sendMessage", {"phone": "491511", "message": "[1]"}, {"phone": "491511", "message": "[1]"}),
        ("reactMessage", {"message_id": "A", "phone": "1", "emoji": ""}, {"emoji": ""}),
        ("setGroupPhoto", {"group_id": "1", "photo": ""}, {"photo": ""}),
        ("appLogin", None, {}),
    ],
)
def test_what_hosts_write_differently_is_understood(
    name: str, given: dict[str, Any] | None, taken: dict[str, Any]
) -> None:
    arguments, problems = check(name, given)

    assert problems == []
    assert arguments.items() >= taken.items()
    assert all(type(arguments[key]) is type(value) for key, value in taken.items())


def test_defaults_are_filled_in_and_absent_arguments_stay_absent() -> None:
    arguments, problems = check("getChatMessages", {"chat_jid": "1"})

    assert problems == []
    assert arguments == {"chat_jid": "1", "limit": 50, "offset": 0, "media_only": False}


def test_the_arguments_given_are_not_changed() -> None:
    given = {"limit": "5", "search": None}
    check("listChats", given)

    assert given == {"limit": "5", "search": None}


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_nothing_makes_the_check_itself_fail(data: st.DataObject) -> None:
    operation = data.draw(st.sampled_from(CATALOG.operations))
    known = st.sampled_from([*operation.input_schema["properties"], "unknown"])
    arguments = data.draw(st.dictionaries(known | st.text(st.characters(), max_size=5), anything, max_size=6))

    checked, problems = CHECKER.check(operation, arguments)

    for problem in problems:
        assert problem.field
        assert 0 < len(problem.message) < 400
        (problem.field + problem.message).encode()
    if not problems:
        json.dumps(checked, allow_nan=False).encode()
        assert checked.keys() <= operation.input_schema["properties"].keys()
