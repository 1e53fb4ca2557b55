"""Wrong arguments are explained so that a model can call again; harmless ones are understood."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatsapp_mcp.catalog import load_catalog
from whatsapp_mcp.catalog.check import ArgumentChecker, Checked, Problem

CATALOG: Final = load_catalog()
CHECKER: Final = ArgumentChecker()
NOTHING: Final[tuple[Any, ...]] = ("", " \n", None, [], [""], {})
POLL: Final = {"phone": "491511", "question": "When?", "options": ["Friday", "Saturday"], "max_answer": 1}


def check(name: str, arguments: dict[str, Any] | None) -> Checked:
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
            {"group_id": "1", "name": 2**53},
            "name",
            "name has to be a string, not a whole number; write it in quotes",
        ),
        *(
            (
                "setGroupName",
                {"group_id": "1", "name": nothing},
                "name",
                "name is missing: what was given for it holds nothing; it has to be a string",
            )
            for nothing in NOTHING
        ),
        ("setGroupName", {"group_id": "1", "name": True}, "name", "name has to be a string, not a boolean"),
        ("setGroupName", {"group_id": "1", "name": ["a"]}, "name", "name has to be a string, not a list"),
        (
            "setGroupName",
            {"group_id": "1", "name": "x" * 101},
            "name",
            "name must have at most 100 characters; it has 101",
        ),
        ("listChats", {"limit": 101}, "limit", "limit must be from 1 to 100; it is 101"),
        ("listChats", {"limit": 0}, "limit", "limit must be from 1 to 100; it is 0"),
        ("listChats", {"offset": -1}, "offset", "offset must be from 0 to 1000000000; it is -1"),
        ("listChats", {"limit": "many"}, "limit", "limit has to be a whole number, not a string"),
        ("listChats", {"limit": 1.5}, "limit", "limit has to be a whole number, not a number"),
        ("listChats", {"limit": True}, "limit", "limit has to be a whole number, not a boolean"),
        ("listChats", {"has_media": 2}, "has_media", "has_media has to be true or false, not a whole number"),
        ("listChats", {"has_media": "maybe"}, "has_media", "has_media has to be true or false, not a string"),
        ("listChats", {"limit": math.inf}, "limit", "limit is not a finite number"),
        ("listChats", {"limit": "1e400"}, "limit", "limit is not a finite number"),
        ("listChats", {"limit": math.nan}, "limit", "limit is not a finite number"),
        ("listChats", {"limit": 10**400}, "limit", "limit is a number beyond all bounds"),
        (
            "listChats",
            {"search": "x" * 5_000_000},
            "search",
            "search must have at most 1000 characters; it has 5000000",
        ),
        (
            "setGroupTopic",
            {"group_id": "1", "topc": "a"},
            "topc",
            '"topc" is no argument of this tool; did you mean topic?',
        ),
        (
            "sendMessage",
            {"phone": "1", "message": "a", "reply_to": "3EB0"},
            "reply_to",
            '"reply_to" is no argument of this tool; did you mean reply_message_id?',
        ),
        ("sendPoll", {**POLL, "options": ["a"]}, "options", "options has to have 2 to 12 items; it has 1"),
        ("sendPoll", {**POLL, "options": ["a", "a"]}, "options", "options must not name the same item twice"),
        ("sendPoll", {**POLL, "options": ["a", " "]}, "options[1]", "options[1] must not be blank"),
        (
            "sendPoll",
            {**POLL, "options": [2**53, "b"]},
            "options[0]",
            "options[0] has to be a string, not a whole number; write it in quotes",
        ),
        (
            "createGroup",
            {"title": "a", "participants": []},
            "participants",
            "participants is missing: what was given for it holds nothing; it has to be a list (Numbers, JIDs or "
            "exact names)",
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
        (
            "sendMessage",
            {"phone": "1", "message": {"": "\ud800"}},
            "message",
            "message holds characters that are no text (NUL or half of a surrogate pair)",
        ),
        (
            "sendMessage",
            {"phone": "1", "message": [{"\ud800": 1}]},
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
        "phone is missing; it has to be a string (Number"
    )


def test_all_problems_come_at_once() -> None:
    problems = check("sendMessage", {"phone": True, "mesage": "hi"})[1]

    assert {problem.field for problem in problems} == {"phone", "message", "mesage"}


def test_an_answer_does_not_grow_with_the_mistakes() -> None:
    problems = check("createGroup", {"title": "a", "participants": [1] * 5000, "x" * 5000: 1})[1]

    assert len(problems) <= 21
    assert sum(len(problem.message) + len(problem.field) for problem in problems) < 4000


@pytest.mark.parametrize("written", [lambda nested: nested, json.dumps])
@pytest.mark.parametrize(("depth", "width"), [(500, 1), (3, 100_000)])
def test_arguments_without_end_are_refused(written: Any, depth: int, width: int) -> None:
    nested: Any = ["a"] * width
    for _ in range(depth):
        nested = [nested]

    problem = only_problem("sendMessage", {"phone": "1", "message": "a", "mentions": written(nested)})

    assert problem.field == "mentions"
    assert "nested" in problem.message or "more than 20000 values" in problem.message


@pytest.mark.parametrize(
    ("name", "given", "taken"),
    [
        ("sendPoll", {**POLL, "options": '["a", "b"]', "max_answer": "2"}, {"options": ["a", "b"], "max_answer": 2}),
        ("listChats", {"limit": "5", "has_media": "true"}, {"limit": 5, "has_media": True}),
        ("listChats", {"limit": 5.0}, {"limit": 5}),
        ("listChats", {"search": None, "limit": None}, {"limit": 25}),
        ("listChats", {"limit": "", "search": "  ", "archived": "null", "cursor": [], "has_media": ""}, {"limit": 25}),
        ("sendPoll", {**POLL, "max_answer": " 2 ", "duration": "null"}, {"max_answer": 2}),
        *(("listChats", {"archived": said}, {"archived": True}) for said in (True, "True", "true", "TRUE", "1", 1)),
        *(("listChats", {"archived": said}, {"archived": False}) for said in ("False", "false", "0", 0, "no")),
        ("createGroup", {"title": "a", "participants": "491511"}, {"participants": ["491511"]}),
        ("createGroup", {"title": "a", "participants": '["1","2"]'}, {"participants": ["1", "2"]}),
        ("createGroup", {"title": "[]", "participants": ["1"]}, {"title": "[]"}),
        ("setGroupTopic", {"group_id": "1", "topic": ""}, {"topic": ""}),
        ("setGroupTopic", {"group_id": "1", "topic": "null"}, {"topic": "null"}),
        ("setGroupName", {"group_id": "1", "name": "null"}, {"name": "null"}),
        ("sendMessage", {"phone": "491511", "message": "[1]"}, {"phone": "491511", "message": "[1]"}),
        ("reactMessage", {"message_id": "A", "phone": "1", "emoji": ""}, {"emoji": ""}),
        ("setGroupPhoto", {"group_id": "1", "photo": ""}, {"photo": ""}),
        ("sendMessage", {"phone": 491511, "message": 5}, {"phone": "491511", "message": "5"}),
        ("sendMessage", {"phone": 4915112345678.0, "message": "a"}, {"phone": "4915112345678"}),
        ("sendMessage", {"phone": "1", "message": "a", "mentions": [491511]}, {"mentions": ["491511"]}),
        ("sendPoll", {**POLL, "options": [1, 2.5]}, {"options": ["1", "2.5"]}),
        ("sendLocation", {"phone": "1", "latitude": -48.85, "longitude": 2}, {"latitude": "-48.85", "longitude": "2"}),
        ("getChatMessages", {"chat_jid": "1", "start_time": 1774522830}, {"start_time": "1774522830"}),
        ("getChatMessages", {"chat_jid": "1", "detail": " Full"}, {"detail": "full"}),
        ("searchMessages", {"kind": "IMAGE"}, {"kind": "image"}),
        ("waitForEvent", {"kinds": ["Message", "edit"]}, {"kinds": ["message", "edit"]}),
        ("appLogin", None, {}),
    ],
)
def test_what_hosts_write_differently_is_understood(
    name: str, given: dict[str, Any] | None, taken: dict[str, Any]
) -> None:
    arguments, problems, _ = check(name, given)

    assert problems == []
    assert arguments.items() >= taken.items()
    assert all(type(arguments[key]) is type(value) for key, value in taken.items())


def test_defaults_are_filled_in_and_absent_arguments_stay_absent() -> None:
    arguments, problems, _ = check("getChatMessages", {"chat_jid": "1"})

    assert problems == []
    assert arguments == {"chat_jid": "1", "limit": 50, "offset": 0, "media_only": False, "detail": "compact"}


@pytest.mark.parametrize("nothing", ["", "  ", "null", None, [], [""], "[]", '[""]', {}])
def test_an_optional_argument_that_holds_nothing_is_not_given(nothing: Any) -> None:
    for operation in CATALOG.operations:
        required = operation.input_schema.get("required", ())
        for name, schema in operation.input_schema["properties"].items():
            kept = (nothing == "[]" and schema["type"] == "string") or (nothing == '[""]' and schema["type"] != "array")
            kept |= schema.get("minLength") == 0 and isinstance(nothing, str)
            if name not in required and not kept:
                checked = CHECKER.check(operation, {name: nothing})
                assert checked.arguments.get(name) == schema.get("default"), (operation.name, name)
                if name not in {choice for group in operation.exactly_one for choice in group}:
                    assert name not in [problem.field for problem in checked.problems]


def test_of_two_ways_to_give_content_an_empty_one_does_not_count() -> None:
    arguments, problems, _ = check("sendImage", {"phone": "1", "image": "", "image_url": "https://a.example/a.png"})

    assert problems == []
    assert "image" not in arguments


HOSTS: Final = ("toolCallId", "sessionId", "action", "chatInput", "tool", "random_string", "_meta", "tool_call_id")


@pytest.mark.parametrize("name", ["listChats", "sendMessage"])
def test_what_hosts_add_to_every_call_is_passed_over(name: str) -> None:
    arguments = {"phone": "1", "message": "a"} if name == "sendMessage" else {}
    huge = {"added": "x" * 5_000_000}

    checked = check(name, {**arguments, **dict.fromkeys(HOSTS, huge)})

    assert (checked.problems, checked.notes) == ([], [])
    assert not checked.arguments.keys() & set(HOSTS)


def test_an_argument_of_the_tool_goes_before_one_that_hosts_add() -> None:
    assert check("sendChatPresence", {"phone": "1", "action": "start"}).arguments["action"] == "start"


def test_reading_tools_pass_over_arguments_that_they_do_not_have_and_say_so() -> None:
    checked = check("listChats", {"serach": "a", "qqqq": 1, "\ud83d": 1})

    assert checked.problems == []
    assert checked.arguments.keys() == {"limit", "offset", "has_media", "detail"}
    (note,) = checked.notes
    assert note.startswith(
        'Ignored, because this tool has no such argument: "serach" (did you mean search?), "qqqq", "?". It takes limit,'
    )


def test_acting_tools_pass_over_only_what_looks_like_none_of_their_arguments() -> None:
    assert check("appLogin", {"qqqq": 1}).notes == [
        'Ignored, because this tool has no such argument: "qqqq". It takes none.'
    ]
    assert [problem.field for problem in check("sendMessage", {"phone": "1", "mesage": "a"}).problems] == [
        "message",
        "mesage",
    ]


def test_a_reading_tool_that_misses_an_argument_is_told_what_looks_like_it() -> None:
    assert [problem.field for problem in check("getChatMessages", {"chat_id": "1"}).problems] == ["chat_jid", "chat_id"]


def test_many_unknown_arguments_make_a_short_note() -> None:
    (note,) = check("listChats", {f"q{number}" * 100: 1 for number in range(1_000)}).notes

    assert len(note) < 600
    assert "and 995 more" in note


def test_a_text_that_says_null_is_told_to_have_been_passed_over() -> None:
    assert check("listChats", {"search": "null", "limit": "null"}).notes == [
        'search was given as "null" and counts as not given.'
    ]


def test_the_arguments_given_are_not_changed() -> None:
    given = {"limit": "5", "search": None}
    check("listChats", given)

    assert given == {"limit": "5", "search": None}


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
) | st.sampled_from(
    [
        "1e400",
        "NaN",
        "-Infinity",
        "[[[[[[[[[[[[]]]]]]]]]]]]",
        "9" * 5_000,
        '{"a":1}',
        10**400,
        -(2**63),
        2**64,
        "x" * 10**6,
    ]
)


def _shown(name: str) -> str:
    return name.encode(errors="replace").decode() or '""'


def test_a_value_that_does_not_match_is_shown_shortened() -> None:
    (operation,) = (one for one in CATALOG.operations if one.name == "transcribeMessage")
    arguments = {"phone": "Ana", "message_id": "A1", "language": "9" * 5_000}
    said = [problem.message for problem in CHECKER.check(operation, arguments)[1]]
    assert any(message.startswith("language has to match ^[a-z]{2,3}$; it is ") for message in said)
    assert max(map(len, said)) < 400


@settings(max_examples=300)
@given(data=st.data())
def test_nothing_makes_the_check_itself_fail(data: st.DataObject) -> None:
    operation = data.draw(st.sampled_from(CATALOG.operations))
    known = st.sampled_from([*operation.input_schema["properties"], "unknown", "toolCallId"])
    arguments = data.draw(st.dictionaries(known | st.text(st.characters(), max_size=5), anything, max_size=6))

    checked, problems, notes = CHECKER.check(operation, arguments)

    for note in notes:
        assert len(note) < 1_000
        note.encode()
    for problem in problems:
        root = re.split(r"[.\[]", problem.field)[0]
        assert root in operation.input_schema["properties"] or problem.field in map(_shown, arguments)
        assert 0 < len(problem.message) < 400
        (problem.field + problem.message).encode()
    if not problems:
        json.dumps(checked, allow_nan=False).encode()
        assert checked.keys() <= operation.input_schema["properties"].keys()
