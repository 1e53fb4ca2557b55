"""One request: signed as Standard Webhooks say, to where its owner allows, within limits."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence

import pytest

from tests.unit.webhooks.receiver import Receiver, answer, receiving
from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.media.source.addresses import Reach, is_public
from whatsapp_mcp.webhooks import posting
from whatsapp_mcp.webhooks.book import Webhook
from whatsapp_mcp.webhooks.posting import Poster, PostVerdict, check_url
from whatsapp_mcp.webhooks.signing import signed_headers

KEY = b"k" * 32
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"


def webhook(url: str, *reach: str) -> Webhook:
    return Webhook.model_validate(
        {"name": "bot", "id": "1", "url": url, "secret": SECRET, "kinds": ("message",), "reach": reach}
    )


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def poster() -> AsyncIterator[Poster]:
    poster = Poster()
    yield poster
    await poster.close()


def test_the_example_of_the_specification() -> None:
    """github.com/standard-webhooks: the values of its reference libraries' tests."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', at=1614265330)
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


async def test_a_request(receiver: Receiver, poster: Poster) -> None:
    receiver.answering = lambda _: answer(204)
    assert (await poster.post(webhook(f"{receiver.url}?key=1", "loopback"), "msg_1", b'{"a":1}')).verdict == "taken"
    assert (await poster.post(webhook(receiver.url, "loopback"), "msg_2", b"{}")).verdict is PostVerdict.TAKEN
    got = receiver.got[0]
    assert (got.path, got.body, got.headers["content-type"]) == ("/hook?key=1", b'{"a":1}', "application/json")
    signed = f"msg_1.{got.headers['webhook-timestamp']}.".encode() + got.body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert got.headers["webhook-signature"] == f"v1,{expected}"
    assert receiver.connections == 1, "kept open"


@pytest.mark.parametrize(
    ("said", "verdict", "wait"),
    [
        (answer(200, body=b"x" * 100_000), PostVerdict.TAKEN, None),
        (answer(301, "Location: http://127.0.0.1:1/"), PostVerdict.FAILED, None),
        (answer(400), PostVerdict.REFUSED, None),
        (answer(401), PostVerdict.REFUSED, None),
        (answer(408), PostVerdict.FAILED, None),
        (answer(410), PostVerdict.GONE, None),
        (answer(429, "Retry-After: 7"), PostVerdict.FAILED, 7.0),
        (answer(503, "Retry-After: 99999999"), PostVerdict.FAILED, 3600.0),
        (answer(503, "Retry-After: tomorrow"), PostVerdict.FAILED, None),
        (answer(500), PostVerdict.FAILED, None),
        (b"nonsense\r\n\r\n", PostVerdict.FAILED, None),
        (b"", PostVerdict.FAILED, None),
    ],
    ids=["long", "redirect", "400", "401", "408", "410", "429", "503", "503 odd", "500", "no http", "nothing"],
)
async def test_what_its_answer_means(
    receiver: Receiver,
    poster: Poster,
    monkeypatch: pytest.MonkeyPatch,
    said: bytes,
    verdict: PostVerdict,
    wait: float | None,
) -> None:
    if not said:
        monkeypatch.setattr(posting, "TIME", 0.5)
    receiver.answering = lambda _: said
    found = await poster.post(webhook(receiver.url, "loopback"), "msg_1", b"{}")
    assert (found.verdict, found.retry_after) == (verdict, wait)
    assert len(receiver.got) == 1, "nothing is followed or repeated"


async def test_who_does_not_listen(poster: Poster) -> None:
    async with receiving() as gone:
        pass
    found = await poster.post(webhook(gone.url, "loopback"), "msg_1", b"{}")
    assert (found.verdict, found.said) == (PostVerdict.FAILED, "it cannot be reached")


async def test_addresses_that_are_not_allowed_are_not_connected_to(receiver: Receiver, poster: Poster) -> None:
    found = await poster.post(webhook(receiver.url), "msg_1", b"{}")
    assert found.verdict is PostVerdict.FAILED
    assert "not public" in found.said
    assert receiver.connections == 0


async def test_a_name_that_turns_private_is_judged_at_each_connection(receiver: Receiver) -> None:
    async def resolver(_host: str, _port: int) -> Sequence[str]:
        await asyncio.sleep(0)
        return ["127.0.0.1"]

    poster = Poster(resolver=resolver)
    port = receiver.url.rpartition(":")[2]
    assert "not public" in (await poster.post(webhook(f"http://example.com:{port}"), "msg_1", b"{}")).said
    assert "not public" in (await poster.post(webhook(f"http://example.com:{port}", "private"), "msg_1", b"{}")).said
    assert receiver.connections == 0
    await poster.close()


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("10.1.2.3", True),
        ("192.168.1.1", True),
        ("fd12::1", True),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("fd00:ec2::254", False),
        ("fe80::1", False),
        ("100.100.100.200", False),
        ("0.0.0.0", False),
    ],
)
def test_private_networks(address: str, allowed: bool) -> None:
    assert is_public(address, reach=Reach(private=True)) is allowed
    assert not is_public(address)


def test_urls() -> None:
    check_url("https://example.com/hook?key=1", Reach())
    check_url("http://127.0.0.1:8000/", Reach(loopback=True))
    for wrong in (
        "http://example.com/",
        "ftp://example.com/",
        "https://user:pass@example.com/",
        "https://example.com/#part",
        "https://0x7f.1/",
        "nonsense",
        "",
    ):
        with pytest.raises(InvalidArgument, match="URL"):
            check_url(wrong, Reach())
