"""Files that a call would send, as the policy judges them; see `described`."""

from __future__ import annotations

import hashlib
import os
from typing import Final

import anyio.to_thread

from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.media.source import paths
from whatsapp_mcp.media.source.data_uri import beginning_of
from whatsapp_mcp.operations.media_files import message_with_media, sending_policy
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.policy.call import Call, SentFile
from whatsapp_mcp.policy.secrets import FILE_LOOKED_AT, secrets_in_file, text_of

_CHUNK: Final = 1 << 20


async def look_at(services: Services, field: str, value: str) -> SentFile:
    """Content that would be sent; a file of this machine is opened, because a yes is for what it holds now.

    Raises:
        WhatsAppMcpError: it cannot be sent; as the handler would.
    """
    if value[:5].lower() == "data:":
        return await anyio.to_thread.run_sync(_brought_along, field, value)
    if (message := await message_with_media(services, field, value)) is not None:
        called = f"the {message.kind.value} of the message {message.id}"
        return SentFile(field, called, local=False, size=message.file_length or 0, source=message.chat)
    policy = await sending_policy(services, value)

    def look() -> SentFile:
        with paths.opened(value, field=field, policy=policy) as (descriptor, name):
            size, head = os.fstat(descriptor).st_size, os.read(descriptor, FILE_LOOKED_AT)
        found = tuple(f"{secret.kind} ({secret.excerpt})" for secret in secrets_in_file(name, head))
        return SentFile(field, name, local=True, size=size, secrets=found)

    return await anyio.to_thread.run_sync(look)


def _brought_along(field: str, uri: str) -> SentFile:
    name, head = beginning_of(uri, field=field, size=FILE_LOOKED_AT)
    found = tuple(f"{secret.kind} ({secret.excerpt})" for secret in secrets_in_file(name, head))
    called = "content that the call brings along"
    return SentFile(field, called, local=False, size=len(uri) * 3 // 4, secrets=found, text=text_of(head))


async def digests(services: Services, call: Call) -> list[str]:
    """SHA-256 of what each file of this machine holds now, in hex."""

    def content_of(file: SentFile, policy: MediaPolicy) -> str:
        digest = hashlib.sha256()
        with paths.opened(str(call.arguments[file.field]), field=file.field, policy=policy) as (descriptor, _):
            while part := os.read(descriptor, _CHUNK):
                digest.update(part)
        return digest.hexdigest()

    found = []
    for file in call.files:
        if file.local:
            policy = await sending_policy(services, str(call.arguments[file.field]))
            found.append(await anyio.to_thread.run_sync(content_of, file, policy))
    return found
