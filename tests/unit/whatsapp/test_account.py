"""What each call hands to neonize, and what becomes of the answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.unit.whatsapp.fake_client import DEVICE, account
from tests.unit.whatsapp.received import ANA, ANA_LID, ME, ME_LID, SECOND, TEAM, empty_jid, jid, text
from whatsapp_mcp.errors import (
    NotConnected,
    NotEncrypted,
    NotFound,
    NotLoggedIn,
    RateLimited,
    SessionTimeout,
    WhatsAppMcpError,
    WhatsAppRefused,
)
from whatsapp_mcp.models.changes import ContactSeen
from whatsapp_mcp.models.outgoing import SentMessage
from whatsapp_mcp.models.views import Device, NumberCheck, Person
from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.whatsapp.addresses import from_proto
from whatsapp_mcp.wire.protos import e2e, neonize_pb2

UNPAIRED = neonize_pb2.Device(Platform="", BussinessName="", PushName="", Initialized=False).SerializeToString()


def test_device() -> None:
    me, _ = account()
    assert me.device() == Device(
        jid=replace(ME, device=7), lid=replace(ME_LID, device=7), push_name="Me", business_name="", platform="android"
    )


@pytest.mark.parametrize(
    "answer",
    [
        UNPAIRED,
        neonize_pb2.Device(
            JID=empty_jid(), Platform="", BussinessName="", PushName="", Initialized=False
        ).SerializeToString(),
        b"",
    ],
)
def test_no_device(answer: bytes) -> None:
    me, _ = account(GetMe=answer)
    with pytest.raises(NotLoggedIn):
        me.device()


def test_pair_phone() -> None:
    me, client = account(PairPhone=neonize_pb2.PairPhoneReturnFunction(Code="ABCD-1234").SerializeToString())
    assert me.pair_phone("4915100000009") == "ABCD-1234"
    parameters = client.last[0]
    assert isinstance(parameters, bytes)
    asked = neonize_pb2.PairPhoneParams.FromString(parameters)
    assert (asked.phone, asked.clientDisplayName, asked.clientType) == ("4915100000009", "Chrome (Linux)", 1)
    assert asked.showPushNotification
    assert asked.IsInitialized()


def test_pair_phone_refused() -> None:
    answer = neonize_pb2.PairPhoneReturnFunction(Error="info query returned status 429: rate-overlimit")
    me, _ = account(PairPhone=answer.SerializeToString())
    with pytest.raises(RateLimited):
        me.pair_phone("4915100000009")


# ---- sending --------------------------------------------------------------------------------------------------------


def send_answer(*, chat: bool = True, timestamp: int = SECOND) -> bytes:
    response = neonize_pb2.SendResponse(Timestamp=timestamp, ID="S1", ServerID=0)
    if chat:
        response.Chat.CopyFrom(jid(replace(ANA_LID, device=4)))
    return neonize_pb2.SendMessageReturnFunction(SendResponse=response).SerializePartialToString()


def test_send() -> None:
    me, client = account(SendMessage=send_answer())
    assert me.send(ANA, text("hi")) == SentMessage(message_id="S1", chat=ANA_LID, timestamp=SECOND * 1000)
    to, _, message, _ = client.last
    assert isinstance(to, bytes)
    assert isinstance(message, bytes)
    assert from_proto(neonize_pb2.JID.FromString(to)) == ANA
    assert e2e.Message.FromString(message) == text("hi")


def test_send_whose_answer_has_no_chat() -> None:
    me, _ = account(SendMessage=send_answer(chat=False))
    assert me.send(TEAM, text()).chat == TEAM


def test_send_whose_answer_has_no_time() -> None:
    me, _ = account(SendMessage=send_answer(timestamp=0))
    before = int(time.time())
    assert before * 1000 <= me.send(ANA, text()).timestamp <= time.time() * 1000


def test_send_refused() -> None:
    answer = neonize_pb2.SendMessageReturnFunction(Error="server returned error 479")
    me, _ = account(SendMessage=answer.SerializeToString())
    with pytest.raises(WhatsAppRefused) as caught:
        me.send(ANA, text())
    assert caught.value.details == {"whatsapp_code": 479, "whatsapp_said": "server returned error 479"}


def test_a_message_that_could_not_be_encrypted_for_its_recipient() -> None:
    me, _ = account(SendMessage=send_answer())
    me.goes_without("S1", ANA_LID)
    with pytest.raises(NotEncrypted):
        me.send(ANA, text())
    assert me.send(ANA, text()).message_id == "S1"


def test_a_message_that_could_not_be_encrypted_for_others() -> None:
    me, _ = account(SendMessage=send_answer())
    me.goes_without("S1", ME_LID)
    me.goes_without("S0", ANA_LID)
    assert me.send(ANA, text()).message_id == "S1"
    in_group, _ = account(SendMessage=send_answer(chat=False))
    in_group.goes_without("S1", ANA_LID)
    assert in_group.send(TEAM, text()).message_id == "S1"


def test_mark_read() -> None:
    me, client = account()
    me.mark_read(["M1", "M2"], chat=TEAM, sender=ANA_LID)
    ids, when, chat, chat_size, sender, sender_size, kind = client.last
    assert ids == b"M1 M2"
    assert isinstance(when, int)
    assert abs(when - time.time()) < 60
    assert isinstance(chat, bytes)
    assert isinstance(sender, bytes)
    assert from_proto(neonize_pb2.JID.FromString(chat)) == TEAM
    assert from_proto(neonize_pb2.JID.FromString(sender)) == ANA_LID
    assert (chat_size, sender_size, kind) == (len(chat), len(sender), b"read")


@pytest.mark.parametrize(("available", "word"), [(True, b"available"), (False, b"unavailable")])
def test_presence(word: bytes, *, available: bool) -> None:
    me, client = account()
    me.send_presence(available=available)
    assert client.calls[-1] == ("SendPresence", (word,))


@pytest.mark.parametrize(("composing", "state"), [(True, 0), (False, 1)])
def test_chat_presence(state: int, *, composing: bool) -> None:
    me, client = account()
    me.send_chat_presence(ANA, composing=composing)
    assert client.last[2:] == (state, 0)


# ---- profile and people ---------------------------------------------------------------------------------------------


def test_push_name() -> None:
    me, client = account()
    me.set_push_name("Zoë")
    assert client.calls[-1] == ("SetPushName", ("Zoë".encode(),))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b'server returned error: <error code="409" text="conflict"/>', WhatsAppRefused),
        (b"no app state keys found, creating app state keys is not yet supported", NotConnected),
    ],
)
def test_push_name_is_repeated_and_not_for_ever(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, error: type[WhatsAppMcpError]
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    me, client = account(SetPushName=answer)
    with pytest.raises(error):
        me.set_push_name("Zoë")
    assert client.functions == ["GetMe", *["SetPushName"] * 7]
    assert 5 < sum(pauses) < 15


def test_push_name_waits_for_the_first_app_state(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    nameless = neonize_pb2.Device()
    nameless.CopyFrom(DEVICE)
    nameless.PushName = ""
    me, client = account(GetMe=nameless.SerializeToString())

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            client.answers["GetMe"] = DEVICE.SerializeToString()

    monkeypatch.setattr(time, "sleep", sleep)
    me.set_push_name("Zoë")
    assert client.functions == ["GetMe", "GetMe", "GetMe", "SetPushName"]


@pytest.mark.parametrize(
    "act",
    [
        lambda me: me.set_push_name("Zoë"),
        lambda me: me.contacts(),
        lambda me: me.number_of(ANA_LID),
    ],
    ids=["set_push_name", "contacts", "number_of"],
)
def test_calls_that_would_abort_an_unpaired_process_are_not_made(act: Callable[[Account], object]) -> None:
    me, client = account(GetMe=UNPAIRED)
    with pytest.raises(NotLoggedIn):
        act(me)
    assert client.functions == ["GetMe"]


def test_check_numbers() -> None:
    answer = neonize_pb2.IsOnWhatsAppReturnFunction(
        IsOnWhatsAppResponse=[
            neonize_pb2.IsOnWhatsAppResponse(Query="4915100000001", JID=jid(ANA), IsIn=True),
            neonize_pb2.IsOnWhatsAppResponse(Query="49999", JID=empty_jid(), IsIn=False),
        ]
    )
    me, client = account(IsOnWhatsApp=answer.SerializeToString())
    assert me.check_numbers(["4915100000001", "49999"]) == [
        NumberCheck(number="4915100000001", registered=True, jid=ANA),
        NumberCheck(number="49999", registered=False, jid=None),
    ]
    assert client.last[0] == b"4915100000001 49999"


def test_person() -> None:
    info = neonize_pb2.UserInfo(Status="busy", PictureID="P1", Devices=[jid(ANA), jid(replace(ANA, device=2))])
    info.VerifiedName.Details.verifiedName = "Ana Ltd"
    answer = neonize_pb2.GetUserInfoReturnFunction(
        UsersInfo=[neonize_pb2.GetUserInfoSingleReturnFunction(JID=jid(replace(ANA, device=1)), UserInfo=info)]
    )
    me, client = account(GetUserInfo=answer.SerializePartialToString())
    assert me.person(ANA) == Person(
        jid=ANA, verified_name="Ana Ltd", status="busy", picture_id="P1", devices=(ANA, replace(ANA, device=2))
    )
    query = client.last[0]
    assert isinstance(query, bytes)
    assert [from_proto(one) for one in neonize_pb2.JIDArray.FromString(query).JIDS] == [ANA]


def test_nobody() -> None:
    me, _ = account(GetUserInfo=neonize_pb2.GetUserInfoReturnFunction().SerializeToString())
    with pytest.raises(NotFound):
        me.person(ANA)


def privacy_answer(**changes: str) -> bytes:
    fields = ("GroupAdd", "LastSeen", "Status", "Profile", "ReadReceipts", "CallAdd", "Online")
    values = dict.fromkeys(fields, "UNDEFINED") | changes
    numbers = {name: neonize_pb2.PrivacySettings.PrivacySetting.Value(value) for name, value in values.items()}
    return neonize_pb2.PrivacySettings(**numbers).SerializeToString()


def test_privacy() -> None:
    me, _ = account(GetPrivacySettings=privacy_answer(GroupAdd="CONTACT_BLACKLIST", LastSeen="NONE", Online="ALL"))
    assert me.privacy() == {"group_add": "contact_blacklist", "last_seen": "none", "online": "all"}


@pytest.mark.parametrize("answer", [privacy_answer(), b""])
def test_privacy_that_failed_silently(answer: bytes) -> None:
    me, _ = account(GetPrivacySettings=answer)
    with pytest.raises(WhatsAppRefused):
        me.privacy()


def test_contacts() -> None:
    answer = neonize_pb2.ContactsGetAllContactsReturnFunction(
        Contact=[
            neonize_pb2.Contact(
                JID=jid(ANA),
                Info=neonize_pb2.ContactInfo(
                    Found=True, FirstName="Ana", FullName="", PushName="ana", BusinessName="", RedactedPhone=""
                ),
            )
        ]
    )
    me, _ = account(GetAllContacts=answer.SerializeToString())
    assert me.contacts() == [ContactSeen(ANA, push_name="ana", first_name="Ana")]


def test_number_of() -> None:
    answer = neonize_pb2.GetJIDFromStoreReturnFunction(Jid=jid(replace(ANA, device=1)))
    me, _ = account(GetPNFromLID=answer.SerializeToString())
    assert me.number_of(ANA_LID) == ANA


@pytest.mark.parametrize(
    "answer",
    [
        neonize_pb2.GetJIDFromStoreReturnFunction(Error="wrong server"),
        neonize_pb2.GetJIDFromStoreReturnFunction(Jid=empty_jid()),
        neonize_pb2.GetJIDFromStoreReturnFunction(Jid=jid(ANA_LID)),
    ],
    ids=["error", "empty", "a LID again"],
)
def test_unknown_number(answer: neonize_pb2.GetJIDFromStoreReturnFunction) -> None:
    me, _ = account(GetPNFromLID=answer.SerializeToString())
    assert me.number_of(ANA_LID) is None


# ---- failures -------------------------------------------------------------------------------------------------------

FAILING: list[tuple[str, Callable[[Account], object]]] = [
    ("Logout", lambda me: me.logout()),
    ("MarkRead", lambda me: me.mark_read(["M1"], chat=ANA, sender=ANA)),
    ("SendPresence", lambda me: me.send_presence(available=True)),
    ("SendChatPresence", lambda me: me.send_chat_presence(ANA, composing=True)),
    ("SetPushName", lambda me: me.set_push_name("Zoë")),
]


@pytest.mark.parametrize(("function", "act"), FAILING, ids=[function for function, _ in FAILING])
def test_calls_that_answer_with_an_error_text(function: str, act: Callable[[Account], object]) -> None:
    act(account()[0])
    with pytest.raises(SessionTimeout):
        act(account(**{function: b"info query timed out"})[0])
    with pytest.raises(WhatsAppMcpError):
        act(account(**{function: b"\xff not even UTF-8"})[0])


@pytest.mark.parametrize(
    ("function", "answer", "act"),
    [
        ("IsOnWhatsApp", neonize_pb2.IsOnWhatsAppReturnFunction, lambda me: me.check_numbers(["1"])),
        ("GetUserInfo", neonize_pb2.GetUserInfoReturnFunction, lambda me: me.person(ANA)),
        ("GetAllContacts", neonize_pb2.ContactsGetAllContactsReturnFunction, lambda me: me.contacts()),
    ],
)
def test_calls_that_answer_with_a_protobuf_that_carries_an_error(
    function: str, answer: Callable[..., neonize_pb2.GetUserInfoReturnFunction], act: Callable[[Account], object]
) -> None:
    raw = answer(Error="info query timed out").SerializeToString()
    with pytest.raises(SessionTimeout):
        act(account(**{function: raw})[0])


# ---- app state ------------------------------------------------------------------------------------------------------
