"""Resources through the whole of it: what a host reads of a linked account."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterable

import anyio
import mcp.types as types
from mcp.client.subscriptions import ResourceUpdated

from tests.e2e.harness import Host
from tests.e2e.shared import SharedAccount
from tests.e2e.test_messages import row_where
from tests.unit.media import samples


async def test_chats_messages_and_files_are_read(shared: SharedAccount) -> None:
    voice = samples.sound(shared.outbox / "voice.ogg", "ogg", "libopus").read_bytes()
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        said, spoken = ana.say("read me"), ana.send_voice(voice)
        await row_where(host, ana.number, message_id=spoken.id)
        read = host.client.read_resource
        (chat,) = (await read(f"whatsapp://chat/{ana.number}")).contents
        assert isinstance(chat, types.TextResourceContents)
        assert said.id in chat.text and json.loads(chat.text)["untrusted"] is True
        (message,) = (await read(f"whatsapp://message/{ana.number}/{said.id}")).contents
        assert isinstance(message, types.TextResourceContents)
        assert "read me" in message.text and spoken.id not in message.text
        (media,) = (await read(f"whatsapp://media/{ana.number}/{spoken.id}")).contents
        assert isinstance(media, types.BlobResourceContents)
        assert (media.mime_type, base64.b64decode(media.blob)) == ("audio/ogg; codecs=opus", voice)
        (status,) = (await read("whatsapp://status")).contents
        assert isinstance(status, types.TextResourceContents)
        assert json.loads(status.text)["results"]["state"] == "connected"
        ref = types.ResourceTemplateReference(type="ref/resource", uri="whatsapp://chat/{jid}")
        completed = await host.client.complete(ref, {"name": "jid", "value": ana.number[-6:]})
        assert completed.completion.values == [f"{ana.number}@s.whatsapp.net"]


async def test_a_chat_that_is_watched(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        first = ana.say("hello")
        await row_where(host, ana.number, message_id=first.id)
        uri = f"whatsapp://chat/{ana.number}"
        async with host.client.listen(resource_subscriptions=[uri]) as stream:
            assert stream.honored.resource_subscriptions == [uri]
            second = ana.say("are you there?")
            await told_of(host, stream, uri, second.id)


async def told_of(host: Host, stream: AsyncIterable[object], uri: str, message_id: str) -> None:
    """An update, maybe one about what came before, after which the message is in what is read."""
    with anyio.fail_after(120):
        async for update in stream:
            assert update == ResourceUpdated(uri=uri)
            (chat,) = (await host.client.read_resource(uri)).contents
            assert isinstance(chat, types.TextResourceContents)
            if message_id in chat.text:
                return
    raise AssertionError("the stream ended")
