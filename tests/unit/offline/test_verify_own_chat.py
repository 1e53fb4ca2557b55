"""`verify` writes to nobody but the owner: whatever a step asks for, and whatever WhatsApp answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.types import CallToolResult, ElicitRequestFormParams, TextContent

from whatsapp_mcp.catalog import load_catalog
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.offline.verify.own_chat import ALLOWED_CALLS, NotOwnChat, OwnChat, ToolFailed

OWN = "12025550100@s.whatsapp.net"
LID = "265624176097205@lid"
ANA = "12025550111@s.whatsapp.net"
MADE = "120363736725591972@g.us"
OTHER_GROUP = "120363000000000001@g.us"
ME = {"jid": OWN, "name": "Robin"}
QUESTIONS = (
    "Delete a message for everyone: +12025550100 (Robin)",
    "Send a text message: +12025550111 (who calls themselves “Robin”)",
    "Send a text message: +120255501001",
    "Send a text message: somebody",
)


class Server:
    """Answers what it is told to, and remembers what was called."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.calls: list[tuple[str, dict[str, Any]]] = []

    async def call_tool(self, name: str, arguments: dict[str, Any] | None = None) -> CallToolResult:
        self.calls.append((name, arguments or {}))
        results = self.answers.get(name, {})
        if isinstance(results, Exception):
            body = {"code": str(results), "message": "no", "results": None}
            return CallToolResult(content=[TextContent(type="text", text=json.dumps(body))], is_error=True)
        return CallToolResult(content=[], structured_content={"code": "SUCCESS", "results": results})


def own_chat(server: Server) -> OwnChat:
    return OwnChat(server, Jid.parse("12025550100:7@s.whatsapp.net"), Jid.parse("265624176097205:7@lid"))


def question(text: str) -> ElicitRequestFormParams:
    return ElicitRequestFormParams(message=text, requested_schema={"type": "object", "properties": {}})


def value_for(schema: dict[str, Any], recipient: Any) -> Any:
    return [recipient] if schema.get("type") == "array" else recipient


@pytest.mark.parametrize("operation", load_catalog().operations, ids=lambda operation: operation.name)
async def test_no_tool_reaches_anybody_else(operation: Any) -> None:
    """Every argument of every tool, one after the other, names somebody else; what is left out is as it should be."""
    server = Server()
    own = own_chat(server)
    own.made = own.group = MADE
    properties = operation.input_schema["properties"]
    allowed = ALLOWED_CALLS.get(operation.name)
    for name, schema in properties.items():
        arguments = {name: value_for(schema, ANA)}
        if allowed is not None and name in allowed.others and allowed.where is not None:
            continue  # no recipient stands there; that one is missing here is refused below
        if allowed is not None and allowed.where is None and name in allowed.others:
            continue
        with pytest.raises(NotOwnChat):
            await own.call(operation.name, **arguments)
    if allowed is None or allowed.where is not None:
        with pytest.raises(NotOwnChat):
            await own.call(operation.name)
    assert server.calls == []


def test_what_names_nobody_changes_nothing() -> None:
    effects = {operation.name: operation.effect for operation in load_catalog().operations}
    assert {name: effects[name] for name, allowed in ALLOWED_CALLS.items() if allowed.where is None} == {
        "appStatus": "read",
        "appDevices": "read",
        "listChats": "read",
        "userMyContacts": "read",
    }


def test_the_table_names_tools_and_arguments_that_there_are() -> None:
    known = {operation.name: set(operation.input_schema["properties"]) for operation in load_catalog().operations}
    for name, allowed in ALLOWED_CALLS.items():
        assert allowed.others | ({allowed.where} - {None}) <= known[name], name


@given(st.text() | st.sampled_from([f"{OWN} ", f" {OWN}", OWN.upper(), "12025550100", "+12025550100", f"{OWN},{ANA}"]))
async def test_only_the_very_address_of_the_owner_will_do(recipient: str) -> None:
    server = Server()
    if recipient != OWN:
        with pytest.raises(NotOwnChat):
            await own_chat(server).call("sendMessage", phone=recipient, message="hello")
    assert server.calls == []


@pytest.mark.parametrize(
    "recipient", [None, 0, True, [], [OWN, ANA], [[OWN]], {"jid": OWN}, [None], MADE, OTHER_GROUP, "status@broadcast"]
)
async def test_what_is_no_address_of_the_owner_is_refused(recipient: Any) -> None:
    server = Server()
    for tool, where in (("sendMessage", "phone"), ("archiveChat", "chat_jid"), ("createGroup", "participants")):
        with pytest.raises(NotOwnChat):
            await own_chat(server).call(tool, **{where: recipient})
    assert server.calls == []


@pytest.mark.parametrize(
    ("tool", "more"),
    [
        ("sendMessage", {"message": "hello @12025550111", "mentions": [ANA]}),
        ("sendImage", {"image": "/home/robin/private.png"}),
        ("sendImage", {"image_url": "https://example.com/x.png"}),
        ("sendFile", {"file": "https://example.com/x", "filename": "x"}),
        ("forwardMessage", {"message_id": "3EB0"}),
        ("deleteChat", {}),
    ],
)
async def test_other_people_files_and_tools_are_refused_in_the_own_chat_too(tool: str, more: dict[str, Any]) -> None:
    server = Server()
    with pytest.raises(NotOwnChat):
        await own_chat(server).call(tool, phone=OWN, **more)
    assert server.calls == []


async def test_a_group_of_one_is_made_once_written_to_and_left() -> None:
    alone = {"participants": [ME], "participant_count": 1}
    server = Server(createGroup={"group_id": MADE}, groupInfo=alone, sendMessage={"message_id": "3EB01"})
    own = own_chat(server)
    for early in ("groupInfo", "leaveGroup"):
        with pytest.raises(NotOwnChat):
            await own.call(early, group_id=MADE)
    await own.call("createGroup", title="verify", participants=[OWN])
    with pytest.raises(NotOwnChat):
        await own.call("sendMessage", phone=MADE, message="who is there?")
    assert await own.join_up()
    await own.call("sendMessage", phone=MADE, message="hello")
    assert own.sent == [(MADE, "3EB01")]
    for wrong in ({"title": "another", "participants": [OWN]}, {"title": "another", "participants": [MADE]}):
        with pytest.raises(NotOwnChat):
            await own.call("createGroup", **wrong)
    with pytest.raises(NotOwnChat):
        await own.call("leaveGroup", group_id=OTHER_GROUP)
    await own.call("leaveGroup", group_id=MADE)
    with pytest.raises(NotOwnChat):
        await own.call("sendMessage", phone=MADE, message="still there?")


@pytest.mark.parametrize(
    "members",
    [
        {"participants": [ME, {"jid": ANA, "name": "Robin"}], "participant_count": 2},
        {"participants": [ME], "participant_count": 2},
        {"participants": [{"jid": ANA, "name": "Robin"}]},
        {"participants": []},
        {},
    ],
)
async def test_a_group_with_anybody_else_is_not_written_to(members: dict[str, Any]) -> None:
    server = Server(createGroup={"group_id": MADE}, groupInfo=members)
    own = own_chat(server)
    await own.call("createGroup", title="verify", participants=[OWN])
    assert not await own.join_up()
    with pytest.raises(NotOwnChat):
        await own.call("sendMessage", phone=MADE, message="hello")
    await own.call("leaveGroup", group_id=MADE)


async def test_the_owner_may_be_named_by_the_hidden_identity_there() -> None:
    server = Server(createGroup={"group_id": MADE}, groupInfo={"participants": [{"jid": LID}], "participant_count": 1})
    own = own_chat(server)
    await own.call("createGroup", title="verify", participants=[OWN])
    assert await own.join_up()


@pytest.mark.parametrize("answer", [{"group_id": ANA}, {"group_id": OWN}, {}, [], "120363@g.us"])
async def test_what_is_no_group_never_becomes_one(answer: Any) -> None:
    server = Server(createGroup=answer)
    own = own_chat(server)
    await own.call("createGroup", title="verify", participants=[OWN])
    assert own.made is None


async def test_a_failure_has_the_code_of_the_tool_and_nothing_was_sent() -> None:
    own = own_chat(Server(sendMessage=ValueError("rate_limited")))
    with pytest.raises(ToolFailed) as failed:
        await own.call("sendMessage", phone=OWN, message="hello")
    assert failed.value.code == "rate_limited"
    assert own.sent == []


async def test_the_owners_yes_is_for_calls_of_ours_that_are_under_way() -> None:
    asked: list[str] = []

    class Asking(Server):
        async def call_tool(self, name: str, arguments: dict[str, Any] | None = None) -> CallToolResult:
            asked.extend([(await own.agree(question(text))).action for text in QUESTIONS])
            return await super().call_tool(name, arguments)

    own = own_chat(Asking())
    assert (await own.agree(question("Delete a message for everyone: +12025550100"))).action == "decline"
    await own.call("revokeMessage", phone=OWN, message_id="3EB01")
    assert asked == ["accept", "decline", "decline", "decline"]


@pytest.mark.parametrize("address", [LID, MADE, "status@broadcast", "s.whatsapp.net"])
def test_only_a_person_by_number_is_an_owner(address: str) -> None:
    with pytest.raises(NotOwnChat):
        OwnChat(Server(), Jid.parse(address))
