"""Sending under a key: claimed before it is sent, finished with the message, released when nothing was sent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.waiting import WAIT, wait_until
from tests.unit.whatsapp.received import ANA, ANA_LID, SECOND, jid
from tests.unit.worker.test_handlers import Session, from_ana
from whatsapp_mcp.errors import InvalidArgument, NotConnected, NotFound, OutcomeUnknown, WhatsAppMcpError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import ReceiptReceived
from whatsapp_mcp.models.delivery import DeliveryStatus, ReceiptKind
from whatsapp_mcp.models.outgoing import SentMessage, TextOut
from whatsapp_mcp.models.session import HandedOver
from whatsapp_mcp.pipe.messages import ConfirmSend, ForwardMessage, MessageRef, SendKey, SendMessage
from whatsapp_mcp.store.records import KeyedSend
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.whatsapp.compose import give_secret
from whatsapp_mcp.wire.protos import e2e, neonize_pb2

KEY = SendKey(key="order 7", fingerprint="f")
SENT = SentMessage(message_id="S1", chat=ANA, timestamp=SECOND * 1000)
HANDED_OVER = HandedOver("S1", ANA_LID)
AGAIN = SENT.model_copy(update={"repeated": True})


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    session = Session(tmp_path)
    session.will_send("S1", ANA_LID)
    yield session
    assert session.thread.close(WAIT)


def send(session: Session, *, key: SendKey | None = KEY, text: str = "hello") -> SentMessage:
    return session.run(SendMessage(chat=ANA, message=TextOut(text=text), key=key))


def confirm(session: Session, key: SendKey = KEY, found: HandedOver | None = None) -> SentMessage | None:
    """``found``: what the server found in neonize's database."""
    return session.run(ConfirmSend(key=key, handed_over=found))


def stands(session: Session) -> KeyedSend | None:
    return session.thread.run(lambda writer: writer.find_send(KEY.key)).result(WAIT)


def will_fail(session: Session, text: str) -> None:
    answer = neonize_pb2.SendMessageReturnFunction(Error=text)
    session.client.answers["SendMessage"] = answer.SerializeToString()


def how_often(session: Session) -> int:
    return session.client.functions.count("SendMessage")


def while_sending(session: Session, do: Callable[[], None]) -> None:
    """Call ``do`` when neonize is asked to send."""
    call = session.client.call

    def watched(function: str, *arguments: bytes | int) -> bytes:
        if function == "SendMessage":
            do()
        return call(function, *arguments)

    session.client.call = watched  # type: ignore[method-assign]


def test_the_second_call_sends_nothing(session: Session) -> None:
    assert send(session) == SENT
    session.will_send("S2", ANA_LID)
    assert send(session) == AGAIN
    assert confirm(session) == AGAIN
    assert how_often(session) == 1


def test_without_a_key_every_call_sends(session: Session) -> None:
    assert send(session, key=None) == SENT
    session.will_send("S2", ANA_LID)
    assert send(session, key=None).message_id == "S2"


def test_the_key_is_claimed_before_anything_is_sent(session: Session) -> None:
    seen: list[KeyedSend | None] = []
    while_sending(session, lambda: seen.append(session.reader.send_under(KEY.key)))
    send(session)
    (claimed,) = seen
    assert claimed is not None
    assert (claimed.fingerprint, claimed.result) == ("f", None)
    assert claimed.message == session.sent()[1].SerializeToString()
    finished = session.reader.send_under(KEY.key)
    assert finished is not None
    assert finished.started_at >= claimed.started_at
    assert (finished.result, finished.message) == (SENT.model_dump_json(exclude={"repeated"}), None)


def test_a_send_waits_for_nothing_that_waits_to_be_stored(session: Session) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def hold(_writer: StoreWriter) -> None:
        inside.set()
        assert go_on.wait(WAIT)

    busy = session.thread.run(hold)
    assert inside.wait(WAIT)
    with ThreadPoolExecutor() as pool:
        sent = pool.submit(send, session)
        try:
            assert sent.result(WAIT) == SENT
            assert session.message("S1").text == "hello"
        finally:
            go_on.set()
    busy.result(WAIT)


def test_forwarding_counts_too(session: Session) -> None:
    session.receive(from_ana())
    forward = ForwardMessage(target=MessageRef(chat=ANA, message_id="A1"), chat=ANA, key=KEY)
    assert session.run(forward) == SENT
    assert session.run(forward) == AGAIN
    assert how_often(session) == 1


def test_a_key_belongs_to_its_arguments(session: Session) -> None:
    send(session)
    other = KEY.model_copy(update={"fingerprint": "g"})
    with pytest.raises(InvalidArgument) as caught:
        send(session, key=other, text="something else")
    assert caught.value.details["field"] == "idempotency_key"
    with pytest.raises(InvalidArgument):
        confirm(session, other)
    assert how_often(session) == 1


@pytest.mark.parametrize(
    "text",
    [
        "server returned error 463",
        "no LID found for 4915100000001@s.whatsapp.net from server",
        "failed to get device list: failed to send usync query: info query timed out",
        "failed to send message node: websocket not connected",
    ],
)
def test_what_was_certainly_not_sent_may_be_sent_again(session: Session, text: str) -> None:
    will_fail(session, text)
    with pytest.raises(WhatsAppMcpError):
        send(session)
    assert stands(session) is None
    assert confirm(session) is None
    session.will_send("S1", ANA_LID)
    assert send(session) == SENT


@pytest.mark.parametrize(
    "text",
    [
        "timed out waiting for message send response",
        "websocket disconnected before message send returned response",
        "failed to send message node: failed to write msg: broken pipe",
    ],
)
def test_what_may_have_been_sent_is_not_sent_again(session: Session, text: str) -> None:
    will_fail(session, text)
    with pytest.raises(OutcomeUnknown):
        send(session)
    session.will_send("S2", ANA_LID)
    for call in (send, confirm):
        with pytest.raises(OutcomeUnknown, match="idempotency_key"):
            call(session)
    assert how_often(session) == 1


def test_a_defect_while_sending_leaves_the_outcome_unknown(session: Session) -> None:
    session.client.answers["SendMessage"] = b"\xff"
    with pytest.raises(Exception, match="parsing"):
        send(session)
    session.will_send("S2", ANA_LID)
    with pytest.raises(OutcomeUnknown):
        send(session)


def test_a_claim_of_a_process_that_died_is_not_sent_again(session: Session) -> None:
    session.thread.run(lambda writer: writer.claim_send(KEY.key, "f", b"")).result(WAIT)
    for call in (send, confirm):
        with pytest.raises(OutcomeUnknown) as caught:
            call(session)
        assert "blindly" in caught.value.next_step
    assert how_often(session) == 0


@pytest.fixture
def killed(session: Session) -> Session:
    """As a process finds things whose forerunner was killed after it handed the message S1 to neonize."""
    message = e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(text="hello"))
    give_secret(message)
    raw = message.SerializeToString()
    session.thread.run(lambda writer: writer.claim_send(KEY.key, "f", raw)).result(WAIT)
    answer = neonize_pb2.GetJIDFromStoreReturnFunction(Jid=jid(ANA))
    session.client.answers["GetPNFromLID"] = answer.SerializeToString()
    return session


def test_a_receipt_proves_that_it_was_sent(killed: Session) -> None:
    with pytest.raises(OutcomeUnknown):
        confirm(killed, found=HANDED_OVER)
    got = ReceiptReceived(ANA_LID, ANA_LID, ("S1",), ReceiptKind.DELIVERED, SECOND * 1000)
    killed.thread.apply([got]).result(WAIT)
    with pytest.raises(OutcomeUnknown):
        confirm(killed)
    found = confirm(killed, found=HANDED_OVER)
    assert found is not None
    assert (found.message_id, found.chat, found.repeated) == ("S1", ANA, True)
    assert confirm(killed) == found
    stored = killed.message("S1")
    assert (stored.text, stored.chat, stored.from_me, stored.status) == ("hello", ANA, True, DeliveryStatus.DELIVERED)
    assert how_often(killed) == 0


def test_a_receipt_of_another_message_proves_nothing(killed: Session) -> None:
    got = ReceiptReceived(ANA_LID, ANA_LID, ("S2",), ReceiptKind.DELIVERED, SECOND * 1000)
    killed.thread.apply([got]).result(WAIT)
    with pytest.raises(OutcomeUnknown):
        confirm(killed, found=HANDED_OVER)


def test_every_message_has_a_secret_of_its_own(session: Session) -> None:
    """Without it members of announcement groups cannot react; what they answer is opened with the one in the store."""
    secrets = set()
    for key in (KEY, None, None):
        send(session, key=key)
        secrets.add(session.sent()[1].messageContextInfo.messageSecret)
    assert {len(secret) for secret in secrets} == {32}
    assert len(secrets) == 3
    found = session.thread.run_now(lambda writer: writer.find("S1", ANA))
    assert found is not None
    raw = found.raw
    assert e2e.Message.FromString(raw).messageContextInfo.messageSecret in secrets
    forward = ForwardMessage(target=MessageRef(chat=ANA, message_id="S1"), chat=ANA)
    session.run(forward)
    assert session.sent()[1].messageContextInfo.messageSecret not in secrets, "that of the original is not passed on"


def test_what_everybody_reads_has_no_secret(session: Session) -> None:
    newsletter = Jid("120363000000000009", "newsletter")
    key = KEY.model_copy(update={"key": "to everybody"})
    session.run(SendMessage(chat=newsletter, message=TextOut(text="hello"), key=key))
    assert not session.sent()[1].HasField("messageContextInfo")


def test_what_fails_before_the_key_is_claimed_claims_nothing(session: Session) -> None:
    with pytest.raises(NotFound):
        forward = ForwardMessage(target=MessageRef(chat=ANA, message_id="nope"), chat=ANA, key=KEY)
        session.run(forward)
    session.client.answers["GetMe"] = b""
    with pytest.raises(WhatsAppMcpError):
        send(session)
    assert stands(session) is None


def test_a_call_waits_for_the_one_under_way(session: Session) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        inside.set()
        assert go_on.wait(WAIT)

    while_sending(session, hold)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(send, session)
        assert inside.wait(WAIT)
        others = [pool.submit(send, session), pool.submit(send, session)]
        confirmed = pool.submit(confirm, session)
        another = pool.submit(send, session, key=KEY.model_copy(update={"key": "order 8"}))
        wait_until(lambda: another.running() and confirmed.running())
        assert not (first.done() or confirmed.done() or any(future.done() for future in others))
        go_on.set()
        assert first.result(WAIT) == SENT
        assert confirmed.result(WAIT) == AGAIN
        assert [future.result(WAIT) for future in others] == [AGAIN, AGAIN]
        assert another.result(WAIT) == SENT, "another key waits for nobody"
    assert how_often(session) == 2


def test_the_waiting_call_sends_when_the_first_sent_nothing(session: Session) -> None:
    refused: list[str] = []

    def refuse_once() -> None:
        if refused:
            session.will_send("S1", ANA_LID)
        else:
            refused.append("once")
            will_fail(session, "failed to send message node: websocket not connected")

    while_sending(session, refuse_once)
    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(send, session) for _ in range(2)]
        outcomes = [future.exception(WAIT) for future in futures]
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", NotConnected.__name__]
    assert how_often(session) == 2
