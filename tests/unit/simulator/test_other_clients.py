"""What clients need that are not whatsmeow: how they connect, what they ask, and how they name people."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.unit.simulator.raw_client import RawClient, open_directly, registration
from tests.unit.simulator.test_strictness import SERVER, ask, error_of, linked_device
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator import HistoryChat, HistoryMessage, Simulator, SimulatorConfig
from whatsapp_mcp.simulator.network.connection import SETTLING_SECONDS
from whatsapp_mcp.simulator.service.device_lists import DeviceLists
from whatsapp_mcp.simulator.service.groups.group_messages import participant_hash
from whatsapp_mcp.simulator.service.login import PAUSE_SECONDS
from whatsapp_mcp.simulator.service.prekeys import PreKeys, key_nodes
from whatsapp_mcp.simulator.state.accounts import PreKeyBundle, SignedPreKey, SimDevice
from whatsapp_mcp.wire import xeddsa
from whatsapp_mcp.wire.keys import KeyPair
from whatsapp_mcp.wire.node import Attr, Node
from whatsapp_mcp.wire.protos import adv, e2e, vname_cert, wa6


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(SimulatorConfig(tls_port=0)) as simulator:
        yield simulator


async def login(
    simulator: Simulator, *, lid: bool | None = None, version: int = 3, direct: bool = False
) -> tuple[RawClient, SimDevice]:
    noise = KeyPair.generate()
    device, _ = linked_device(simulator, noise)
    payload = wa6.ClientPayload(username=int(device.account.number), device=1, passive=False, lidDbMigrated=lid)
    port = simulator.host.tls_port if direct else None
    client = await RawClient.connect(simulator.endpoint, noise, payload, version=version, tls_port=port)
    assert (await client.receive()).tag == "success"
    assert (await client.receive()).child("offline") is not None
    return client, device


# ---- the way there ---------------------------------------------------------------------------------------------------


async def test_the_phone_writes_to_a_device_that_never_was_passive_once_it_has_keys(simulator: Simulator) -> None:
    noise, prekey = KeyPair.generate(), KeyPair.generate()
    device, identity = linked_device(simulator, noise)
    payload = wa6.ClientPayload(username=int(device.account.number), device=1, passive=False)
    client = await RawClient.connect(simulator.endpoint, noise, payload)
    signed = SignedPreKey(9, prekey.public, xeddsa.sign(identity.private, b"\x05" + prekey.public))
    bundle = PreKeyBundle(5, device.identity, signed, None)
    key = Node("key", {}, [Node("id", {}, b"\x00\x00\x07"), Node("value", {}, prekey.public)])
    upload = [Node("registration", {}, bytes(4)), *key_nodes(bundle), Node("list", {}, [key])]
    assert len(simulator.phone.linked) == 0
    assert (await ask(client, "encrypt", "set", *upload)).get("type") == "result"
    shared = await message(client)
    assert (shared.get("category"), shared.jid("from")) == ("peer", device.account.pn)
    assert list(simulator.phone.linked) == [device]
    again = await RawClient.connect(simulator.endpoint, noise, payload)
    assert (await ask(again, "w:p", "get")).get("type") == "result"
    assert list(simulator.phone.linked) == [device], "it has it all"


@pytest.mark.parametrize(("version", "direct"), [(2, False), (3, True), (2, True)])
async def test_every_dictionary_and_every_way_leads_to_a_login(
    version: int, direct: bool, simulator: Simulator
) -> None:
    client, _ = await login(simulator, version=version, direct=direct)
    assert (await ask(client, "w:p", "get")).get("type") == "result"


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("web.whatsapp.com:5222", 200),
        ("web.whatsapp.com:80", 404),
        ("mmg.whatsapp.net:5222", 404),
        ("other.org:443", 404),
    ],
)
async def test_the_chat_has_a_second_port(target: str, status: int, simulator: Simulator) -> None:
    port = int(simulator.endpoint.proxy.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    assert (await reader.readline()).startswith(f"HTTP/1.1 {status} ".encode())
    writer.close()


class Https:
    """One connection to the port without a proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, simulator: Simulator, host: str) -> Https:
        assert simulator.host.tls_port is not None
        return cls(*await open_directly(simulator.endpoint, simulator.host.tls_port, host))

    async def answer(self) -> tuple[str, dict[str, str], bytes]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = dict(line.split(": ", 1) for line in head[1:-2])
        return head[0], fields, await self.reader.readexactly(int(fields.get("Content-Length", 0)))

    async def get(self, path: str, host: str, **fields: str) -> tuple[str, dict[str, str], bytes]:
        more = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode())
        return await self.answer()


@pytest.mark.parametrize(
    ("path", "pattern"),
    [("/", rb'"client_revision":(\d+),'), ("/sw.js", rb'\\"client_revision\\":\s*(\d+)')],  # whatsmeow; Baileys
)
@pytest.mark.parametrize("name", ["web.whatsapp.com", "localhost"])
async def test_the_version_of_whatsapp_web_can_be_read(
    path: str, pattern: bytes, name: str, simulator: Simulator
) -> None:
    https = await Https.open(simulator, name)
    status, _, body = await https.get(path, name)
    assert status == "HTTP/1.1 200 OK"
    assert re.search(pattern, body) is not None
    assert (await https.get("/other", name))[0] == "HTTP/1.1 404 Not Found"


async def test_a_part_of_a_file(simulator: Simulator) -> None:
    ana = await simulator.add_contact("Ana")
    path = ana.send_image(b"\xff\xd8" + bytes(1000)).message.imageMessage.directPath
    https = await Https.open(simulator, "mmg.whatsapp.net")
    _, _, whole = await https.get(path, "mmg.whatsapp.net")
    for wanted, part in (("bytes=16-31", whole[16:32]), ("bytes=1000-", whole[1000:]), ("bytes=0-99999", whole)):
        status, fields, body = await https.get(path, "mmg.whatsapp.net", Range=wanted)
        assert (status, body) == ("HTTP/1.1 206 Partial Content", part)
        assert fields["Content-Range"].endswith(f"/{len(whole)}")
    status, _, body = await https.get(path, "mmg.whatsapp.net", Range="bytes=5-1,7-9")
    assert (status, body) == ("HTTP/1.1 200 OK", whole)
    assert (await https.get(path, "mmg.whatsapp.net", Range="bytes=99999-"))[0].startswith("HTTP/1.1 416")


async def test_an_upload_that_asks_first_and_has_a_token_without_padding(simulator: Simulator) -> None:
    client, _ = await login(simulator)
    permission = (await ask(client, "w:m", "set", Node("media_conn"))).child("media_conn")
    assert permission is not None
    content = bytes(range(16)) * 4 + bytes(10)
    token = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
    https = await Https.open(simulator, "mmg.whatsapp.net")
    head = f"POST /mms/image/{token}?auth={permission.get('auth')}&token={token} HTTP/1.1\r\nHost: mmg.whatsapp.net\r\n"
    https.writer.write(f"{head}Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n".encode())
    assert (await https.answer())[0] == "HTTP/1.1 100 Continue"
    https.writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content))
    status, _, _ = await https.answer()
    assert status == "HTTP/1.1 200 OK"
    assert simulator.media.uploads[0].file.blob.size == len(content)


@pytest.mark.parametrize(
    ("version", "passive", "lid", "settles"),
    [
        (2, True, True, True),
        (3, False, True, True),
        (3, True, False, True),
        (3, True, None, True),
        (3, True, True, False),
    ],
)
async def test_a_client_gets_time_to_make_its_keys(
    version: int, passive: bool, lid: bool | None, settles: bool, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some take what comes at once for a part of the handshake, Baileys 7.0.0-rc.9 too, which logs in passive."""
    noise, slept, sleep = KeyPair.generate(), list[float](), asyncio.sleep

    async def note(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", note)
    device, _ = linked_device(simulator, noise)
    payload = wa6.ClientPayload(username=int(device.account.number), device=1, passive=passive, lidDbMigrated=lid)
    client = await RawClient.connect(simulator.endpoint, noise, payload, version=version)
    assert (await client.receive()).tag == "success"
    assert (SETTLING_SECONDS in slept) is settles


async def test_a_device_is_told_that_its_keys_run_out(simulator: Simulator) -> None:
    """Some upload none before they are."""
    simulator.phone.shares_keys = False  # it would take one
    client, device = await login(simulator, lid=True)
    count = (await ask(client, "encrypt", "get", Node("count"))).child("count")
    assert count is not None and count.get("value") == "0"
    assert await key_count(client) == "0", "it asked, and still has none"
    device.one_time_prekeys.update({number: KeyPair.generate().public for number in range(6)})
    wanted = Node("key", {}, [Node("user", {"jid": device.lid})])
    for left in ("4", "0"):
        while len(device.one_time_prekeys) > int(left):
            assert (await ask(client, "encrypt", "get", wanted)).path("list", "user", "key") is not None
    told = [node.child("count") for node in device.waiting if node.get("type") == "encrypt"]
    assert [one.get("value") for one in told if one is not None] == ["0", "4", "0"]


async def test_a_device_that_was_away_is_told_that_its_keys_ran_out(simulator: Simulator) -> None:
    simulator.phone.shares_keys = False
    noise = KeyPair.generate()
    device, _ = linked_device(simulator, noise)
    payload = wa6.ClientPayload(username=int(device.account.number), device=1, passive=False)
    client = await RawClient.connect(simulator.endpoint, noise, payload)
    assert (await client.receive()).tag == "success"
    device.link = None  # gone
    device.one_time_prekeys.update({number: KeyPair.generate().public for number in range(5)})
    PreKeys.take(device)
    again = await RawClient.connect(simulator.endpoint, noise, payload)
    notice = await key_notice(again)
    assert notice.get("offline") == "0"
    assert count_in(notice) == "4"


async def key_count(client: RawClient) -> str:
    return count_in(await key_notice(client))


async def key_notice(client: RawClient) -> Node:
    while (notice := await client.receive()).get("type") != "encrypt":
        pass
    return notice


def count_in(notice: Node) -> str:
    told = notice.child("count")
    assert told is not None
    return told.get("value")


async def test_the_phone_gives_a_new_device_time_to_write_down_its_keys(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise, prekey = KeyPair.generate(), KeyPair.generate()
    device, identity = linked_device(simulator, noise)
    simulator.phone.history.automatic = True
    waits: list[float] = []
    loop = asyncio.get_running_loop()
    later = loop.call_later

    def at_once(delay: float, *call: Any, **more: Any) -> asyncio.TimerHandle:
        if delay == PAUSE_SECONDS:
            waits.append(len(simulator.phone.history.shared))
            delay = 0
        return later(delay, *call, **more)

    monkeypatch.setattr(loop, "call_later", at_once)
    payload = wa6.ClientPayload(username=int(device.account.number), device=1, passive=False)
    client = await RawClient.connect(simulator.endpoint, noise, payload)
    signed = SignedPreKey(9, prekey.public, xeddsa.sign(identity.private, b"\x05" + prekey.public))
    bundle = PreKeyBundle(5, device.identity, signed, (7, prekey.public))
    *content, key = key_nodes(bundle)
    await ask(client, "encrypt", "set", Node("registration", {}, bytes(4)), *content, Node("list", {}, [key]))
    await simulator.phone.history.shared.wait_for(timeout=60)
    assert waits == [0, 0], "before the keys, and before the history"


# ---- what they ask ---------------------------------------------------------------------------------------------------


async def test_the_digest_of_what_the_server_has(simulator: Simulator) -> None:
    client, device = await login(simulator)
    keys = {7: bytes([7]) * 32, 3: bytes([3]) * 32}
    device.one_time_prekeys.update(keys)
    digest = (await ask(client, "encrypt", "get", Node("digest"))).child("digest")
    assert digest is not None
    listed, told = digest.child("list"), digest.child("hash")
    assert listed is not None and told is not None
    assert [int.from_bytes(one.data, "big") for one in listed.children("id")] == [3, 7]
    signed = device.signed_prekey
    wanted = device.identity + signed.public + signed.signature + keys[3] + keys[7]
    assert told.data == hashlib.sha1(wanted).digest()


async def test_a_signed_prekey_is_replaced_by_another_one_that_is_signed(simulator: Simulator) -> None:
    noise, prekey = KeyPair.generate(), KeyPair.generate()
    device, identity = linked_device(simulator, noise)
    payload = wa6.ClientPayload(username=int(device.account.number), device=1)
    client = await RawClient.connect(simulator.endpoint, noise, payload)
    for signer, refused in ((KeyPair.generate(), True), (identity, False)):
        signed = SignedPreKey(9, prekey.public, xeddsa.sign(signer.private, b"\x05" + prekey.public))
        bundle = PreKeyBundle(5, device.identity, signed, None)
        answer = await ask(client, "encrypt", "set", Node("rotate", {}, key_nodes(bundle)[2:]))
        assert (answer.get("type") == "error") is refused
        assert (device.signed_prekey == signed) is not refused


async def test_what_becomes_active_is_told_so(simulator: Simulator) -> None:
    client, _ = await login(simulator)
    assert (await ask(client, "passive", "set", Node("active"))).child("active") is not None
    props = (await ask(client, "w", "get", Node("props"))).child("props")
    assert props is not None and props.get("hash")


async def test_small_requests_that_whatsmeow_never_makes(simulator: Simulator) -> None:
    client, device = await login(simulator)
    ana = await simulator.add_contact("Ana")
    for xmlns, kind in (("urn:xmpp:ping", "get"), ("urn:xmpp:whatsapp:push", "set")):
        assert (await ask(client, xmlns, kind)).get("type") == "result"
    device.account.default_disappearing_seconds = 86_400
    mode = (await ask(client, "disappearing_mode", "get")).child("disappearing_mode")
    assert mode is not None and mode.get("duration") == "86400"
    asked = [Node("user", {"jid": jid}) for jid in (ana.account.pn, Jid("1", "s.whatsapp.net"))]
    users = (await ask(client, "encrypt", "get", Node("identity", {}, asked))).child("list")
    assert users is not None
    known, unknown = users.children("user")
    key, error = known.child("identity"), unknown.child("error")
    assert key is not None and key.data == ana.signal.identity.public
    assert error is not None and error.get("code") == "404"


async def test_the_country_whose_prefix_a_client_suggests(simulator: Simulator) -> None:
    linked, _ = await login(simulator)
    new = await RawClient.connect(simulator.endpoint, KeyPair.generate(), registration(KeyPair.generate()))
    question = Node("link_code_companion_reg", {"stage": "get_country_code"})
    for client in (linked, new):
        answer = (await ask(client, "md", "get", question)).child("country_code")
        assert answer is not None and answer.get("iso") == "US"
        assert error_of(await ask(client, "md", "get", Node("link_code_companion_reg"))) == "501"


async def test_the_certificate_of_a_name_by_itself(simulator: Simulator) -> None:
    client, _ = await login(simulator)
    florist = await simulator.add_contact("Petal", business_name="Petal & Stem")
    person = await simulator.add_contact("Ana")
    answer = await ask(client, "w:biz", "get", Node("verified_name", {"jid": florist.account.pn}))
    named = answer.child("verified_name")
    assert named is not None
    certificate = vname_cert.VerifiedNameCertificate.FromString(named.data)
    details = vname_cert.VerifiedNameCertificate.Details.FromString(certificate.details)
    assert details.verifiedName == "Petal & Stem"
    nobody = await ask(client, "w:biz", "get", Node("verified_name", {"jid": person.account.pn}))
    assert (nobody.get("type"), nobody.children()) == ("result", [])


async def test_an_account_has_no_address_for_mail(simulator: Simulator) -> None:
    client, _ = await login(simulator)
    answer = await ask(client, "urn:xmpp:whatsapp:account", "get", Node("email"))
    assert (answer.get("type"), answer.children()) == ("result", [])


async def test_there_are_no_bots(simulator: Simulator) -> None:
    client, _ = await login(simulator)
    answer = (await ask(client, "bot", "get", Node("bot", {"v": "2"}))).child("bot")
    assert answer is not None and answer.children() == []


@pytest.mark.parametrize("to", ["call", Jid("", "call")])
async def test_a_link_to_call_by(to: Attr, simulator: Simulator) -> None:
    client, _ = await login(simulator)
    client.send(Node("call", {"id": "c1", "to": to}, [Node("link_create", {"media": "video"})]))
    answer = await client.receive()
    made = answer.child("link_create")
    assert (answer.tag, answer.get("id"), answer.get("type")) == ("ack", "c1", "link_create")
    assert made is not None and (made.get("media"), len(made.get("token"))) == ("video", 22)


async def test_a_call_of_a_client_is_taken(simulator: Simulator) -> None:
    client, device = await login(simulator)
    ana = await simulator.add_contact("Ana")
    keys = [
        Node("to", {"jid": jid}, [Node("enc", {"v": "2", "type": "msg"}, b"key")]) for jid in (ana.device.pn, "1@lid")
    ]
    about: dict[str, Attr] = {"call-id": "C1", "call-creator": device.pn}
    ringing = [Node("audio", {"enc": "opus", "rate": "16000"}), Node("destination", {}, keys)]

    async def say(signal: Node, stanza_id: str) -> Node:
        client.send(Node("call", {"id": stanza_id, "to": ana.account.pn}, [signal]))
        return await client.receive()

    assert (await say(Node("offer", dict(about), ringing), "1")).get("type") == "offer"
    offered = await ana.call_signals.wait_for(lambda signal: signal.what == "offer")
    assert (offered.call_id, offered.by) == ("C1", device.account)
    ana.find_call("C1").accept()
    for what in ("preaccept", "accept"):
        (signal,) = (await client.receive()).children()
        assert (signal.tag, signal.jid("call-creator")) == (what, device.pn)
    for tag in ("relaylatency", "transport", "mute_v2"):
        assert (await say(Node(tag, dict(about)), tag)).get("type") == tag
    assert (await say(Node("terminate", {**about, "reason": "hangup"}), "9")).get("error") == ""
    ended = await ana.call_signals.wait_for(lambda signal: signal.what == "terminate")
    assert ended.reason == "hangup"
    answer = await say(Node("link_query", {"token": "x", "media": "video"}), "10")
    assert (answer.get("type"), answer.get("error")) == ("link_query", "400")


async def test_the_key_of_a_call_goes_to_the_device_that_it_is_for(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, device = await login(simulator)
    rita, got = simulator.add_account("12025550150", "Rita").device, list[Node]()
    monkeypatch.setattr(rita, "deliver", got.append)
    keys = [
        Node("to", {"jid": jid}, [Node("enc", {"v": "2", "type": "msg"}, content)])
        for jid, content in ((rita.lid, b"hers"), (device.lid, b"not hers"))
    ]
    offer = Node("offer", {"call-id": "C2", "call-creator": device.pn}, [Node("destination", {}, keys)])
    client.send(Node("call", {"id": "1", "to": rita.pn}, [offer]))
    await client.receive()
    assert [enc.data for enc in got[0].children()[0].children()] == [b"hers"]


async def test_the_phone_vouches_for_the_list_of_its_devices(simulator: Simulator) -> None:
    client, device = await login(simulator, lid=True)
    other = simulator.add_account("12025550150", "Rita")
    linked = SimDevice(
        other.account,
        1,
        identity=bytes(32),
        registration_id=1,
        signed_prekey=device.signed_prekey,
        noise_public=bytes(32),
        key_index=1,
    )
    other.account.devices[1], other.linking.key_index = linked, 1
    lists = DeviceLists(simulator.world)
    lists.changed(linked)
    notice = await client.receive()
    change = notice.child("add")
    assert (notice.get("type"), notice.jid("from")) == ("devices", other.account.lid) and change is not None
    assert change.get("device_hash") == change.get("device_lid_hash")
    assert change.get("device_hash") == participant_hash([other.device.lid, linked.lid])
    named = change.child("device")
    assert named is not None and (named.jid("jid"), named.get("key-index")) == (linked.lid, "1")
    query = Node("query", {}, [Node("devices", {"version": "2"})])
    users = Node("list", {}, [Node("user", {"jid": other.account.pn})])
    asked = Node("usync", {"sid": "1", "index": "0", "last": "true", "mode": "query"}, [query, users])
    answer = (await ask(client, "usync", "get", asked)).path("usync", "list", "user", "devices", "key-index-list")
    assert answer is not None
    signed = adv.ADVSignedKeyIndexList.FromString(answer.data)
    assert xeddsa.verify(other.signal.identity.public, b"\x06\x02" + signed.details, signed.accountSignature)
    details = adv.ADVKeyIndexList.FromString(signed.details)
    assert (details.rawID, list(details.validIndexes)) == (other.linking.raw_id, [1])
    assert answer.get("ts") == str(details.timestamp)
    del other.account.devices[1]
    lists.changed(linked)
    assert (await client.receive()).child("remove") is not None


async def test_a_history_is_put_where_the_device_looks_for_it(simulator: Simulator) -> None:
    _, device = await login(simulator)
    ana = await simulator.add_contact("Ana")
    chat = HistoryChat(ana, [HistoryMessage("long ago", author=ana)])
    for inline in (True, False):
        device.inline_history = inline
        (shared,) = simulator.phone.share_history([chat])
        assert (shared.direct_path == "") is inline
        assert str(ana.account.pn) == shared.sync.conversations[0].ID, "it never said that it goes by LIDs"


# ---- how they name people --------------------------------------------------------------------------------------------


class Noted:
    """Takes what a simulated device gets, unread."""

    def __init__(self) -> None:
        self.stanzas: list[Node] = []

    def send(self, node: Node) -> None:
        self.stanzas.append(node)

    def farewell(self, node: Node) -> None:
        self.stanzas.append(node)


async def message(client: RawClient) -> Node:
    while (node := await client.receive()).tag != "message":
        pass
    return node


def sent_to(jid: Jid, device: Jid, message_id: str = "A1") -> Node:
    enc = Node("enc", {"v": "2", "type": "msg"}, b"sealed" + message_id.encode())
    return Node(
        "message",
        {"id": message_id, "to": jid, "type": "text"},
        [Node("participants", {}, [Node("to", {"jid": device}, [enc])])],
    )


@pytest.mark.parametrize("lid", [True, False, None])
async def test_people_are_named_as_the_device_said_it_goes_and_then_as_it_names_them(
    lid: bool | None, simulator: Simulator
) -> None:
    client, _ = await login(simulator, lid=lid)
    ana = await simulator.add_contact("Ana")
    ana.say("hello")
    first = await message(client)
    forms = {"lid": ana.device.lid, "pn": ana.device.pn}
    assert (first.jid("from"), "sender_pn" in first.attrs) == (forms["lid" if lid else "pn"], bool(lid))
    for form, address in (("lid", ana.account.lid), ("pn", ana.account.pn)):
        client.send(sent_to(address, forms[form], form))
        while (await client.receive()).get("class") != "message":
            pass
        said = ana.say("hello")
        node = await message(client)
        assert node.jid("from") == forms[form]
        ana.typing()
        assert (await client.receive()).jid("from") == address
        ana.react("👍", said)
        assert (await message(client)).jid("from") == forms[form]


async def test_what_is_encrypted_names_people_as_the_stanza_does(simulator: Simulator) -> None:
    """For each device anew, so a phone writes to each as it goes."""
    _, device = await login(simulator)
    ana = await simulator.add_contact("Ana")
    poll = simulator.phone.send_poll("When?", ["Fri", "Sat"], to=ana.account)
    got = await ana.wait_for_message(lambda received: received.id == poll.id)
    opened: list[e2e.Message] = []
    encrypt = ana._encrypt

    def note(target: SimDevice, content: e2e.Message) -> Node:
        if target is device:
            opened.append(content)
        return encrypt(target, content)

    ana._encrypt = note  # type: ignore[assignment, method-assign]
    ana.react("👍", got)
    vote = ana.vote(got, ["Sat"])
    device.goes_by_lid = True
    ana.react("👍", got)
    by_number, vote_by_number, by_lid = opened
    assert by_number.reactionMessage.key.remoteJID == str(simulator.phone.account.pn)
    assert by_lid.reactionMessage.key.remoteJID == str(simulator.phone.account.lid)
    sealed, other = vote_by_number.pollUpdateMessage.vote, vote.message.pollUpdateMessage.vote
    assert sealed.encPayload != other.encPayload, "the addresses are part of the key"


async def test_a_member_of_a_group_is_found_by_the_digits_of_its_lid(simulator: Simulator) -> None:
    account = simulator.phone.account
    assert simulator.world.account(Jid(account.lid_user, "s.whatsapp.net")) is account


@pytest.mark.parametrize("form", ["alone", "beside", "fanout"])
async def test_a_group_message_for_one_device_goes_to_that_one(form: str, simulator: Simulator) -> None:
    client, device = await login(simulator, lid=True)
    ana, bruno = await simulator.add_contact("Ana"), await simulator.add_contact("Bruno")
    group = await simulator.add_group("Trip", [ana, bruno], owner=simulator.phone)
    for_ana, for_bruno = Noted(), Noted()
    ana.device.link, bruno.device.link = for_ana, for_bruno
    own = Node("enc", {"v": "2", "type": "msg", "count": "1"}, b"for Ana")
    shared = Node("enc", {"v": "2", "type": "skmsg"}, b"for all")
    named = Node("participants", {}, [Node("to", {"jid": ana.device.lid}, [own])])
    attrs: dict[str, Attr] = {"id": "A1", "to": group.jid, "type": "text"}
    if form == "fanout":
        client.send(Node("message", {**attrs, "device_fanout": "false"}, [named]))
    else:
        content = [own] if form == "alone" else [named, shared]
        client.send(Node("message", {**attrs, "participant": ana.device.lid}, content))
    while (answer := await client.receive()).get("class") != "message":
        pass
    assert not answer.get("error")
    (node,) = [node for node in for_ana.stanzas if node.tag == "message"]
    assert [enc.data for enc in node.children("enc")] == [b"for Ana", *([b"for all"] if form == "beside" else [])]
    assert not [node for node in for_bruno.stanzas if node.tag == "message"]
    client.send(Node("message", {**attrs, "id": "A2", "participant": device.lid}, [own]))
    assert (await client.receive()).get("class") == "message", "and never back to the sender"


async def test_a_message_that_is_encrypted_anew_for_all_arrives_again(simulator: Simulator) -> None:
    """Some clients answer a retry receipt of a phone so; what is repeated as it was arrives once."""
    client, _ = await login(simulator)
    ana = await simulator.add_contact("Ana")
    ana.device.link = noted = Noted()
    for content in (b"one", b"one", b"two"):
        enc = Node("enc", {"v": "2", "type": "msg"}, content)
        parts = Node("participants", {}, [Node("to", {"jid": ana.device.pn}, [enc])])
        client.send(Node("message", {"id": "A1", "to": ana.account.pn, "type": "text"}, [parts]))
        assert (await client.receive()).get("class") == "message"
    assert [enc.data for node in noted.stanzas for enc in node.children("enc")] == [b"one", b"two"]


async def test_what_is_asked_in_passing_is_done(simulator: Simulator) -> None:
    """Some clients send requests without an id, and wait for no answer."""
    client, device = await login(simulator)
    about = Node("status", {}, b"Away")
    client.send(Node("iq", {"to": SERVER, "xmlns": "status", "type": "set"}, [about]))
    answer = await client.receive()
    assert (answer.tag, answer.get("type"), "id" in answer.attrs) == ("iq", "result", False)
    assert device.account.about == "Away"
    client.send(Node("iq", {"to": SERVER, "xmlns": "unheard-of", "type": "set"}))
    assert error_of(await client.receive()) == "501"


async def test_what_is_unknown_is_still_refused(simulator: Simulator) -> None:
    client, _ = await login(simulator, version=2)
    assert error_of(await ask(client, "encrypt", "get", Node("unheard-of"))) == "501"
