"""Media between the real neonize and simulated people, over the media hosts: one linked client for all tests."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.unit.simulator.linked import Linked, linked_client
from tests.unit.simulator.neonize_client import DriverError
from whatsapp_mcp.simulator import SentMessage
from whatsapp_mcp.wire.media import MediaKind

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform != "linux", reason="Go reads SSL_CERT_FILE on Linux only"),
]

CONTENT = b"\xff\xd8 not really a picture " * 1000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def linked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Linked]:
    async with linked_client(tmp_path_factory.mktemp("media")) as everything:
        yield everything


@pytest.fixture(autouse=True)
def healthy(linked: Linked) -> None:
    linked.simulator.faults.clear()


async def send(linked: Linked, field: str, kind: str, content: bytes, **more: Any) -> str:
    """The client uploads and sends; returns the message's id."""
    up = await linked.client.call("upload", kind=kind, path=linked.file(content), timeout=60)
    described = {
        "URL": up["url"],
        "directPath": up["DirectPath"],
        "mediaKey": up["MediaKey"],
        "fileEncSHA256": up["FileEncSHA256"],
        "fileSHA256": up["FileSHA256"],
        "fileLength": up["FileLength"],
    }
    message = {field: {**described, **more}}
    sent = await linked.client.call("send", to=linked.ana.number, message=message)
    return str(sent["ID"])


@pytest.mark.parametrize(
    ("field", "media_type", "kind", "more"),
    [
        ("imageMessage", "MediaImage", "image", {"mimetype": "image/jpeg", "caption": "look"}),
        ("videoMessage", "MediaVideo", "video", {"mimetype": "video/mp4", "caption": "look"}),
        ("audioMessage", "MediaAudio", "voice", {"mimetype": "audio/ogg; codecs=opus", "PTT": True}),
        ("audioMessage", "MediaAudio", "audio", {"mimetype": "audio/mpeg"}),
        ("documentMessage", "MediaDocument", "document", {"mimetype": "application/pdf", "fileName": "a.pdf"}),
        ("stickerMessage", "MediaImage", "sticker", {"mimetype": "image/webp"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_the_client_uploads_the_contact_downloads(
    linked: Linked, field: str, media_type: str, kind: str, more: dict[str, Any]
) -> None:
    message_id = await send(linked, field, media_type, CONTENT, **more)
    received = await linked.ana.wait_for_message(lambda m: m.id == message_id)
    assert (received.kind, received.text, received.summary.file_name) == (
        kind,
        more.get("caption", ""),
        more.get("fileName"),
    )
    assert received.media is not None
    assert received.media.mimetype == more["mimetype"]
    assert await received.download() == CONTENT
    copy = await linked.simulator.phone.wait_for_copy(lambda m: m.id == message_id)
    assert await copy.download() == CONTENT


SENT: list[tuple[str, dict[str, Any], str, str]] = [
    ("send_image", {"caption": "look", "size": (640, 480), "thumbnail": b"\xff\xd8small"}, "imageMessage", "image"),
    ("send_image", {"view_once": True}, "imageMessage", "image"),
    ("send_image", {"ephemeral": 86400}, "imageMessage", "image"),
    ("send_video", {"caption": "moving", "seconds": 7}, "videoMessage", "video"),
    ("send_video", {"gif": True}, "videoMessage", "gif"),
    ("send_voice", {"seconds": 3}, "audioMessage", "ptt"),
    ("send_audio", {"seconds": 180}, "audioMessage", "audio"),
    ("send_document", {"name": "report.pdf", "mimetype": "application/pdf"}, "documentMessage", "document"),
    ("send_document", {"name": "report.pdf", "caption": "as promised"}, "documentMessage", "document"),
    ("send_sticker", {}, "stickerMessage", "sticker"),
]


@pytest.mark.parametrize(("method", "options", "field", "media_type"), SENT)
async def test_what_the_contact_sends_the_client_downloads(
    linked: Linked, method: str, options: dict[str, Any], field: str, media_type: str
) -> None:
    sent: SentMessage = getattr(linked.ana, method)(CONTENT, **options)
    event = await linked.incoming(sent.id)
    content = event["Message"][field]
    assert event["Info"]["MediaType"] == media_type
    assert content.get("caption", "") == options.get("caption", "")
    assert event.get("IsViewOnce", False) == options.get("view_once", False)
    assert event.get("IsEphemeral", False) == ("ephemeral" in options)
    assert await linked.download(event["Message"]) == CONTENT


async def test_an_album_is_announced_and_its_pictures_belong_to_it(linked: Linked) -> None:
    start, *children = linked.ana.send_album([CONTENT, CONTENT + b"2"], caption="two")
    event = await linked.incoming(start.id)
    assert event["Message"]["albumMessage"]["expectedImageCount"] == 2
    for number, child in enumerate(children):
        event = await linked.incoming(child.id)
        association = event["Message"]["messageContextInfo"]["messageAssociation"]
        assert (association["associationType"], association["parentMessageKey"]["ID"]) == ("MEDIA_ALBUM", start.id)
        assert event["Message"]["imageMessage"].get("caption", "") == ("" if number else "two")


async def test_places_people_and_links(linked: Linked) -> None:
    ana = linked.ana
    place = (await linked.incoming(ana.send_location(52.5, 13.4, name="Berlin").id))["Message"]["locationMessage"]
    assert (place["degreesLatitude"], place["name"]) == (52.5, "Berlin")
    live = (await linked.incoming(ana.send_live_location(1.5, 2.5, caption="on my way").id))["Message"]
    assert live["liveLocationMessage"]["caption"] == "on my way"
    card = (await linked.incoming(ana.send_contacts(("Dr. Who", "12025550190")).id))["Message"]["contactMessage"]
    assert "waid=12025550190" in card["vcard"]
    cards = (await linked.incoming(ana.send_contacts(("A", "12025550190"), ("B", "12025550191")).id))["Message"]
    assert [contact["displayName"] for contact in cards["contactsArrayMessage"]["contacts"]] == ["A", "B"]
    preview = ana.send_link("see https://a.example", "https://a.example", title="A", picture=CONTENT)
    text = (await linked.incoming(preview.id))["Message"]["extendedTextMessage"]
    assert (text["matchedText"], text["title"]) == ("https://a.example", "A")


async def test_votes_travel_encrypted_in_both_directions(linked: Linked) -> None:
    ana, lid = linked.ana, str(linked.ana.account.lid)
    sent = await linked.client.call("poll", to=ana.number, question="When?", options=["Fri", "Sat"], selectable=1)
    poll = await ana.wait_for_message(lambda m: m.id == sent["ID"])
    assert (poll.kind, poll.summary.options) == ("poll", ("Fri", "Sat"))
    event = await linked.incoming(ana.vote(poll, ["Fri"]).id)
    assert event["Message"]["pollUpdateMessage"]["pollCreationMessageKey"]["ID"] == poll.id
    theirs = ana.send_poll("Where?", ["here", "there", "anywhere"], selectable=0)
    event = await linked.incoming(theirs.id)
    assert event["Message"]["pollCreationMessage"]["name"] == "Where?"
    voted = await linked.client.call("vote", to=lid, info=event["Info"], options=["there", "anywhere"])
    vote = await ana.wait_for_message(lambda m: m.id == voted["ID"])
    assert (vote.kind, vote.summary.target, vote.summary.options) == ("vote", theirs.id, ("there", "anywhere"))
    copy = await linked.simulator.phone.wait_for_copy(lambda m: m.id == voted["ID"])
    assert copy.summary.options == ("there", "anywhere")
    with pytest.raises(ValueError, match="Sun"):
        ana.vote(poll, ["Sun"])


async def test_an_edit_of_the_newer_form_arrives_closed(linked: Linked) -> None:
    sent = linked.ana.say("first")
    event = await linked.incoming(linked.ana.edit_secretly(sent, "second").id)
    secret = event["Message"]["secretEncryptedMessage"]
    assert (secret["secretEncType"], secret["targetMessageKey"]["ID"]) == ("MESSAGE_EDIT", sent.id)


async def test_the_disappearing_timer_of_a_chat(linked: Linked) -> None:
    event = await linked.incoming(linked.ana.set_disappearing(604800).id)
    assert event["Message"]["protocolMessage"]["ephemeralExpiration"] == 604800
    linked.ana.set_disappearing(0)


# --- faults ---


async def test_refused_uploads_and_downloads(linked: Linked) -> None:
    media = linked.simulator.faults.media
    media.fail_uploads(413)
    with pytest.raises(DriverError, match="413"):
        await linked.client.call("upload", kind="MediaImage", path=linked.file(CONTENT))
    event = await linked.incoming(linked.ana.send_image(CONTENT).id)
    for status in (404, 403, 410):
        media.fail_downloads(status)
        with pytest.raises(DriverError, match=str(status)):
            await linked.download(event["Message"])
    media.corrupt_downloads()
    with pytest.raises(DriverError, match="hash"):
        await linked.download(event["Message"])
    assert await linked.download(event["Message"]) == CONTENT


async def test_an_expired_file_stays_away(linked: Linked) -> None:
    sent = linked.ana.send_image(CONTENT)
    event = await linked.incoming(sent.id)
    linked.simulator.world.media.expire(sent.message.imageMessage.directPath)
    for _ in range(2):
        with pytest.raises(DriverError, match="410"):
            await linked.download(event["Message"])


async def test_the_client_tries_again_when_the_host_is_busy(linked: Linked) -> None:
    event = await linked.incoming(linked.ana.send_image(CONTENT).id)
    linked.simulator.faults.media.fail_downloads(503, retry_after=0, times=2)
    assert await linked.download(event["Message"]) == CONTENT


async def test_a_download_that_breaks_off(linked: Linked) -> None:
    event = await linked.incoming(linked.ana.send_document(CONTENT * 20, name="a.bin").id)
    linked.simulator.faults.media.cut_downloads()
    with pytest.raises(DriverError, match="unexpected EOF"):
        await linked.download(event["Message"])
    assert await linked.download(event["Message"]) == CONTENT * 20


async def test_an_upload_that_breaks_off(linked: Linked) -> None:
    linked.simulator.faults.media.cut_uploads()
    with pytest.raises(DriverError, match="UploadError"):
        await linked.client.call("upload", kind="MediaImage", path=linked.file(CONTENT * 20))


async def test_slow_hosts_are_waited_for(linked: Linked) -> None:
    linked.simulator.faults.media.slow(0.3)
    up = await linked.client.call("upload", kind="MediaImage", path=linked.file(CONTENT * 20))
    assert up["DirectPath"]


async def test_large_files_go_through_unchanged(linked: Linked) -> None:
    content = os.urandom(1 << 20) * 50
    message_id = await send(linked, "documentMessage", "MediaDocument", content, fileName="large.bin")
    received = await linked.ana.wait_for_message(lambda m: m.id == message_id)
    assert await received.download() == content
    media = await linked.ana.upload(MediaKind.DOCUMENT, content)
    event = await linked.incoming(linked.ana.send_document(media, name="large.bin").id)
    assert await linked.download(event["Message"], timeout=60) == content
