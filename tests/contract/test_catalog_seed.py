"""tools.yaml against the API it re-implements: same operations, names, types, enums, defaults and limits.

``seed.json`` holds the facts of that API (no sentences). Ours may add optional properties to responses; every other
difference stands in `EXPLAINED`, with what is ours and why, and an entry that explains nothing any more fails too.

`facts_of` reads a document by itself, apart from the catalogue's loader, and so checks the loader as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from tests.contract.expected import OWN

from whatsapp_mcp.catalog import load_catalog
from whatsapp_mcp.catalog.build.files import TOOLS_YAML

Facts = dict[str, Any]


@dataclass(frozen=True)
class Explained:
    where: str
    """``operation.parameter.fact``; ``*`` at its start stands for any operation."""
    ours: object
    why: str

    def fits(self, where: str, ours: object) -> bool:
        same = where.endswith(self.where[1:]) if self.where.startswith("*") else where == self.where
        return same and ours == self.ours


_NEEDED = "the operation does nothing without it"
_EMPTY = "an empty string names or says nothing"
_RANGE = "below it makes no sense"
_PAGE = "answers have a byte budget: what was cut has to be reachable"
_STABLE = "pages do not shift while messages arrive"
_WHATSAPP = "WhatsApp takes no more"
_SHORT = "far more than any real one has; what is huge never reaches the session"

_NOW_REQUIRED: Final = {
    "phone": (
        *("appLoginWithCode", "userInfo", "userAvatar", "userCheck", "sendMessage", "sendImage", "sendAudio"),
        *("sendFile", "sendVideo", "sendContact", "sendLink", "sendLocation"),
        *("revokeMessage", "deleteMessage", "reactMessage"),
    ),
    "group_id": (
        *("groupInfo", "leaveGroup", "addParticipantToGroup", "removeParticipantFromGroup"),
        *("promoteParticipantToAdmin", "demoteParticipantToMember"),
    ),
    "participants": (
        *("createGroup", "addParticipantToGroup", "removeParticipantFromGroup"),
        *("promoteParticipantToAdmin", "demoteParticipantToMember"),
    ),
    "link": ("sendLink", "joinGroupWithLink"),
    "avatar": ("userChangeAvatar",),
    "message": ("sendMessage",),
    "contact_name": ("sendContact",),
    "contact_phone": ("sendContact",),
    "latitude": ("sendLocation",),
    "longitude": ("sendLocation",),
    "title": ("createGroup",),
    "newsletter_id": ("unfollowNewsletter",),
}

_NEVER_EMPTY: Final = (
    *("phone", "message_id", "chat_jid", "group_id", "newsletter_id", "label_id", "label_name", "message"),
    *("push_name", "contact_name", "contact_phone", "link", "latitude", "longitude", "question", "title", "name"),
    *("avatar", "image", "audio", "file", "video"),
)

_SHORT_TEXTS: Final = (
    *("phone", "message_id", "chat_jid", "group_id", "newsletter_id", "label_id", "label_name"),
    *("contact_name", "contact_phone", "latitude", "longitude", "reply_message_id", "emoji", "start_time", "end_time"),
)
_CONTENT: Final = ("avatar", "image", "audio", "file", "video", "photo", "image_url", "audio_url", "video_url")

_FROM_THE_SUCCESSOR: Final = (
    *("sendMessage.mentions", "sendImage.reply_message_id", "sendImage.hd"),
    *("sendAudio.ptt", "sendAudio.reply_message_id", "sendFile.file_url", "sendFile.reply_message_id"),
    *("listChats.archived", "sendVideo.reply_message_id", "sendVideo.hd", "sendVideo.gif_playback"),
)

_LISTS: Final = {
    **dict.fromkeys(("pinChat", "labelChat"), "chat_jid"),
    **dict.fromkeys(("starMessage", "unstarMessage", "readMessage"), "message_id"),
}
_LIST: Final = "ten chats are one confirmation and one side login; one value counts as a list of one"
_LIST_FACTS: Final = {
    "type": "array",
    "minItems": 1,
    "maxItems": 1000,
    "items.type": "string",
    "items.minLength": 1,
    "items.maxLength": 200,
}

_PAGED: Final = ("userMyGroups", "userMyNewsletter", "userMyContacts", "groupInfo", "getGroupParticipantRequests")

EXPLAINED: Final = (
    *(Explained(f"{o}.{p}.required", True, _NEEDED) for p, operations in _NOW_REQUIRED.items() for o in operations),
    Explained("reactMessage.emoji.required", True, "an empty emoji takes the reaction back; that has to be meant"),
    *(Explained(f"*.{parameter}.minLength", 1, _EMPTY) for parameter in _NEVER_EMPTY),
    Explained("setGroupPhoto.photo.minLength", 0, "empty means to take the picture off, as in the seed"),
    Explained("*.participants.items.minLength", 1, _EMPTY),
    Explained("*.participants.minItems", 1, "nobody is no change"),
    Explained("sendPoll.options.items.minLength", 1, _EMPTY),
    Explained("sendPoll.options.items.maxLength", 100, _WHATSAPP),
    Explained("sendPoll.options.minItems", 2, "one option is no choice"),
    Explained("sendPoll.options.maxItems", 12, _WHATSAPP),
    Explained("sendPoll.options.uniqueItems", True, "votes are counted by the hash of the option"),
    Explained("sendPoll.question.maxLength", 255, _WHATSAPP),
    Explained("sendPoll.max_answer.minimum", 1, _RANGE),
    Explained("sendPoll.max_answer.maximum", 12, "there are no more options"),
    Explained("*.message.maxLength", 65536, _WHATSAPP),
    Explained("userChangePushName.push_name.maxLength", 25, _WHATSAPP),
    Explained("createGroup.title.maxLength", 100, _WHATSAPP),
    Explained("setGroupName.name.maxLength", 100, "as many as when it was created"),
    Explained("setGroupTopic.topic.maxLength", 2048, _WHATSAPP),
    *(Explained(f"*.{parameter}.maxLength", 200, _SHORT) for parameter in _SHORT_TEXTS),
    *(Explained(f"*.{parameter}.maxLength", 1000, _SHORT) for parameter in ("search",)),
    Explained("*.link.maxLength", 8192, _SHORT),
    *(Explained(f"*.{parameter}.maxLength", 33554432, "a request has no more bytes") for parameter in _CONTENT),
    Explained("*.caption.maxLength", 65536, _WHATSAPP),
    Explained("*.participants.maxItems", 1024, _WHATSAPP),
    *(
        Explained(f"{operation}.{parameter}.{fact}", value, _LIST)
        for operation, parameter in _LISTS.items()
        for fact, value in _LIST_FACTS.items()
    ),
    Explained("*.participants.items.maxLength", 200, _SHORT),
    Explained("reactMessage.emoji.minLength", 0, "empty takes the reaction back, and is passed on as it is"),
    Explained("setGroupTopic.topic.minLength", 0, "empty takes the topic away, and is passed on as it is"),
    Explained("*.duration.maximum", 2147483647, _RANGE),
    Explained("*.offset.maximum", 1000000000, _RANGE),
    Explained("*.duration.minimum", 0, _RANGE),
    Explained("*.limit.minimum", 1, _RANGE),
    Explained("*.offset.minimum", 0, _RANGE),
    *(Explained(f"{operation}.offset", "added", _PAGE) for operation in _PAGED),
    *(Explained(f"{operation}.cursor", "added", _STABLE) for operation in ("listChats", "getChatMessages")),
    Explained("userMyContacts.search", "added", "finding one of a thousand contacts should not cost them all"),
    Explained("appLogout.erase", "added", "messages that are deleted cannot be had again; that has to be meant"),
    Explained("*.detail", "added", "what everyday tasks need costs half of what there is"),
    Explained("*.idempotency_key", "added", "who does not know whether a call worked has to be able to repeat it"),
    Explained("sendFile.filename", "added", "a data: URI has no name, and a link often a useless one"),
    *(Explained(where, "added", "as the seed's successor has it") for where in _FROM_THE_SUCCESSOR),
    Explained(
        "userMyGroups -> results.data[].Participants[].Error",
        "integer",
        "an error code, and an integer everywhere else in the seed; every integer is a number",
    ),
)

# ---- reading a document ----------------------------------------------------------------------------------------------

_LIMITS: Final = (
    *("type", "format", "enum", "default", "minimum", "maximum"),
    *("minLength", "maxLength", "minItems", "maxItems", "uniqueItems"),
)
_METHODS: Final = ("get", "post", "put", "patch", "delete")


def facts_of(document: Mapping[str, Any]) -> dict[str, Facts]:
    """``{operationId: {method, path, tag, content_type, parameters: {name: {...}}, response: {place: type}}}``.

    A place is ``results.data[].jid``.
    """
    return {
        operation["operationId"]: _operation(document, path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in _METHODS
    }


def _operation(document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> Facts:
    parameters: dict[str, Facts] = {}
    for item in operation.get("parameters", ()):
        parameter = _follow(document, item)
        required = parameter.get("required", False)
        limits = _limits(document, parameter["schema"])
        parameters[parameter["name"]] = {"in": parameter["in"], "required": required, **limits}
    content_type = None
    if "requestBody" in operation:
        ((content_type, media),) = _follow(document, operation["requestBody"])["content"].items()
        schema = _follow(document, media["schema"])
        for name, value in schema["properties"].items():
            required = name in schema.get("required", ())
            parameters[name] = {"in": "body", "required": required, **_limits(document, value)}
    response = _follow(document, operation["responses"]["200"])["content"]["application/json"]["schema"]
    return {
        "method": method,
        "path": path,
        "tag": operation["tags"][0],
        "content_type": content_type,
        "parameters": parameters,
        "response": dict(_places(document, response, "")),
    }


def _limits(document: Mapping[str, Any], value: Mapping[str, Any]) -> Facts:
    schema = {**_follow(document, value), **value}  # a keyword beside a $ref goes before what it refers to
    found: Facts = {key: schema[key] for key in _LIMITS if key in schema}
    if "items" in schema:
        found |= {f"items.{key}": fact for key, fact in _limits(document, schema["items"]).items()}
    return found


def _places(document: Mapping[str, Any], value: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    schema = _follow(document, value)
    if place:
        yield place, schema.get("type", "object")
    for name, item in schema.get("properties", {}).items():
        yield from _places(document, item, f"{place}.{name}" if place else name)
    if "items" in schema:
        yield from _places(document, schema["items"], f"{place}[]")


def _follow(document: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in value:
        node: Any = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            node = node[part]
        value = node
    return value


# ---- comparing -------------------------------------------------------------------------------------------------------


def differences(seed: Mapping[str, Facts], ours: Mapping[str, Facts]) -> Iterator[tuple[str, object]]:
    """``(where, what ours has)`` for all that is not as in the seed, response properties we add excepted."""
    for name, theirs in seed.items():
        if name not in ours:
            yield name, "missing"
            continue
        mine = ours[name]
        for key in ("method", "path", "tag", "content_type"):
            if theirs[key] != mine[key]:
                yield f"{name}.{key}", mine[key]
        yield from _parameter_differences(name, theirs["parameters"], mine["parameters"])
        for place, kind in theirs["response"].items():
            if mine["response"].get(place) != kind:
                yield f"{name} -> {place}", mine["response"].get(place, "missing")


def _parameter_differences(
    name: str, theirs: Mapping[str, Facts], mine: Mapping[str, Facts]
) -> Iterator[tuple[str, object]]:
    for parameter in mine.keys() - theirs.keys():
        yield f"{name}.{parameter}", "added"
    for parameter, expected in theirs.items():
        if parameter not in mine:
            yield f"{name}.{parameter}", "missing"
            continue
        found = mine[parameter]
        for key in expected.keys() | found.keys():
            if expected.get(key) != found.get(key):
                yield f"{name}.{parameter}.{key}", found.get(key)


@pytest.fixture(scope="module")
def seed() -> dict[str, Facts]:
    data = json.loads(Path(__file__).with_name("seed.json").read_text(encoding="utf-8"))
    operations: dict[str, Facts] = data["operations"]
    return operations


@pytest.fixture(scope="module")
def ours() -> dict[str, Facts]:
    return facts_of(yaml.safe_load(TOOLS_YAML.read_text(encoding="utf-8")))


def test_every_difference_is_explained_and_every_explanation_is_needed(
    seed: dict[str, Facts], ours: dict[str, Facts]
) -> None:
    used: set[Explained] = set()
    unexplained = []
    for where, value in differences(seed, ours):
        reasons = {entry for entry in EXPLAINED if entry.fits(where, value)}
        used |= reasons
        if not reasons:
            unexplained.append(f"{where}: ours is {value!r}")

    assert not unexplained, "\n".join(unexplained)
    assert [entry for entry in EXPLAINED if entry not in used] == []


def test_all_56_operations_and_only_those_of_our_own_besides(seed: dict[str, Facts], ours: dict[str, Facts]) -> None:
    assert len(seed) == 56
    assert ours.keys() - seed.keys() == OWN.keys()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda facts: facts.pop("sendPoll"), ("sendPoll", "missing")),
        (lambda facts: facts["sendPoll"].update(method="get"), ("sendPoll.method", "get")),
        (lambda facts: facts["sendPoll"]["parameters"].pop("options"), ("sendPoll.options", "missing")),
        (lambda facts: facts["listChats"]["parameters"]["limit"].update(maximum=99), ("listChats.limit.maximum", 99)),
        (lambda facts: facts["listChats"]["parameters"]["limit"].pop("default"), ("listChats.limit.default", None)),
        (
            lambda facts: facts["sendPresence"]["parameters"]["type"].update(enum=["available"]),
            ("sendPresence.type.enum", ["available"]),
        ),
        (
            lambda facts: facts["listChats"]["response"].update({"results.data[].jid": "integer"}),
            ("listChats -> results.data[].jid", "integer"),
        ),
    ],
)
def test_a_change_of_ours_is_seen(seed: dict[str, Facts], change: Any, found: tuple[str, object]) -> None:
    changed = json.loads(json.dumps(seed))
    change(changed)

    assert list(differences(seed, changed)) == [found]


def test_the_loaded_catalogue_says_the_same_as_the_document(ours: dict[str, Facts]) -> None:
    catalog = load_catalog()

    assert catalog.by_name.keys() == ours.keys()
    for name, facts in ours.items():
        operation = catalog.by_name[name]
        schema = operation.input_schema
        assert (operation.method, operation.path, operation.tag) == (facts["method"], facts["path"], facts["tag"])
        assert set(schema.get("required", ())) == {p for p, f in facts["parameters"].items() if f["required"]}
        assert {parameter: _limits({}, item) for parameter, item in schema["properties"].items()} == {
            parameter: {k: v for k, v in f.items() if k not in ("in", "required") and (k, v) != ("format", "binary")}
            for parameter, f in facts["parameters"].items()
        }
        assert dict(_places({}, operation.output_schema, "")) == facts["response"]
