"""What a call would do, for the policy: names resolved to addresses, which the handler then gets in their place, so
that what was judged and what is done are the same."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import Final

import anyio.to_thread

from whatsapp_mcp.catalog.operation import Operation, Touches
from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.jid import USER, Jid
from whatsapp_mcp.operations.addressee import in_digits, recipient
from whatsapp_mcp.operations.batch import each
from whatsapp_mcp.operations.moments import moment_to_come
from whatsapp_mcp.operations.outcome import Arguments
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import is_held, number_text, once_known, read_from, resolve, stored_message
from whatsapp_mcp.policy.call import Call, FailedItem, Party, SentFile
from whatsapp_mcp.policy.rules import Rules
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.untrusted_text import clean

_NUMBER: Final = re.compile(r"(?<!\d)\+?\d[\d\s().-]{5,18}\d(?!\d)")
_NAME_LENGTH: Final = 60
_PLAIN: Final = re.compile(r"(?:[^\W\d]{1,15}[^\w=:]{1,5}){0,11}[^\W\d]{0,15}[^\w=:]{0,5}", re.ASCII)
"""Some words without a digit: nothing that looks like a secret. What looks for one takes long to load."""
_MENTIONS: Final = "mentions"
"""The parameter that names people whom a text notifies."""
_NUMBERS: Final = 100
"""So many numbers of a text are looked up."""
_LOOKS: Final = "whatsapp_mcp.policy.secrets"
_FILES: Final = "whatsapp_mcp.operations.sent_files"
_AT_ONCE: Final = 2_000
"""Characters that are looked through in the event loop; more would hold up other calls."""


async def described(services: Services, operation: Operation, arguments: Arguments, rules: Rules) -> Call:
    """The call, with ``arguments`` in which addresses stand for names. Looks no further than the rules need it.

    Raises:
        WhatsAppMcpError: nobody, or more than one, is meant; as the handler would.
    """
    touches, given = operation.touches, dict(arguments)
    people = await _people(services, given, touches.people)
    added = await _people(services, given, touches.adds)
    # After the people: WhatsApp may be asked about the number of a chat.
    chats, failed = await _chats(services, operation, given)
    files = await _files(services, touches, given)
    texts = _texts(touches, given, files)
    people += await _mentioned(services, given, chats)
    source = next((file.source for file in files if file.source is not None), None)
    if touches.forwards is not None:
        source, texts["message"] = await _forwarded(services, given[touches.forwards])
    due = None
    if touches.later is not None:
        due = moment_to_come(given[touches.later], touches.later, now_ms(), services.settings.zone)
    wait = touches.act == "send" and rules.ask.first_contact != "never"
    return Call(
        operation=operation,
        arguments=given,
        addressed=_addressed(operation, given),
        chats=tuple([await _at(services, chat, wait=wait) for chat in chats]),
        people=people,
        added=added,
        source=source,
        texts=texts,
        files=files,
        links=_links(touches, given),
        when=due.told if due is not None else None,
        due_at=due.at if due is not None else None,
        stops_own=operation.name == "revokeMessage" and await is_held(services, given["message_id"]),
        secrets=await _secrets(texts, files) if rules.ask.secrets != "never" and touches.changes else (),
        others_numbers=await _numbers_of_others(services, texts, chats),
        failed=failed,
    )


async def _mentioned(services: Services, given: Arguments, chats: Collection[Jid]) -> tuple[Party, ...]:
    """People whom a text mentions by the parameter for it, who learn of it under their numbers, or LIDs; in ``given``,
    these stand for their names. Who writes in a group is known there."""
    if not given.get(_MENTIONS):
        return ()
    given["message"], people = await in_digits(services, given["message"], given[_MENTIONS])
    given[_MENTIONS] = [str(jid) for jid in people]

    def news(store: StoreReader) -> tuple[Party, ...]:
        there = {person for person in people if any(store.writes_in(person, chat) for chat in chats if chat.is_group)}
        return tuple(_party(store, jid) for jid in people if jid not in there)

    return await services.store.read(news)


async def _forwarded(services: Services, message_id: str) -> tuple[Jid, str]:
    """The chat of a message that is forwarded, and what can be read in it."""
    chat, message = await stored_message(services, message_id)
    return chat, "\n".join(filter(None, (message.file_name, message.text)))


async def _chats(
    services: Services, operation: Operation, given: Arguments
) -> tuple[tuple[Jid, ...], tuple[FailedItem, ...]]:
    """The chats that it is about, and those of a list that nobody knows: they are left out of the arguments."""
    touches = operation.touches
    name = touches.chat
    if name is None:
        return (), ()
    wanted = given.get(name)
    if not wanted:
        if touches.message is None or not given.get(touches.message):
            return (), ()
        jid, _ = await stored_message(services, given[touches.message])
    elif isinstance(wanted, list):
        found, failed = await each(wanted, partial(_chat, services, operation))
        chats = tuple(dict.fromkeys(found.values()))
        given[name] = [str(jid) for jid in chats]
        return chats, failed
    else:
        jid = await _chat(services, operation, wanted)
    given[name] = str(jid)
    return (jid,), ()


def _addressed(operation: Operation, given: Arguments) -> str:
    """The address of the one chat that is sent to."""
    address = given.get(operation.touches.chat or "") if _sends_to_chats(operation) else None
    return address if isinstance(address, str) else ""


def _sends_to_chats(operation: Operation) -> bool:
    """Whether its chats are found as recipients."""
    return operation.touches.act == "send" and operation.touches.message is None


async def _chat(services: Services, operation: Operation, text: str) -> Jid:
    touches = operation.touches
    name = touches.chat or "chat_jid"
    if _sends_to_chats(operation):
        return await recipient(services, text, field=name)
    if touches.changes:
        return await resolve(services, text, field=name)
    return await read_from(services, text, field=name)


async def _at(services: Services, chat: Jid, *, wait: bool) -> Party:
    """The chat; ``wait`` for the contacts of a device that is new, of whom it may be one."""
    party = await services.store.look(lambda store: _party(store, chat))
    if party.facts.known or not wait:
        return party
    return await once_known(services, lambda store: _party(store, chat), known=lambda found: found.facts.known)


async def _people(services: Services, given: Arguments, names: tuple[str, ...]) -> tuple[Party, ...]:
    found: list[Jid] = []
    for name in names:
        value = given.get(name) or []
        entries = value if isinstance(value, list) else [value]
        people = [await resolve(services, entry, field=name) for entry in entries]
        if isinstance(value, list):
            given[name] = [str(jid) for jid in people]
        found += people
    return await services.store.look(lambda store: tuple(_party(store, jid) for jid in found)) if found else ()


def _party(store: StoreReader, jid: Jid) -> Party:
    target = store.target(jid)
    called = number_text(jid) or str(jid)
    if target is not None and target.name and (target.name_source or not jid.is_person):
        name = clean(target.name, _NAME_LENGTH)
        of = {"saved": "saved as", "push": "who calls themselves", "business": "the business"}.get(
            target.name_source or "", "the group" if jid.is_group else "the channel"
        )
        called = f"{called} ({of} “{name}”)" if jid.is_person else f"{of} “{name}” ({jid})"
    return Party(store.chat_facts(jid), called)


def _texts(touches: Touches, given: Arguments, files: Collection[SentFile]) -> dict[str, str]:
    """What others would get to read, as the caller wrote it: a name says more to the owner than the digits that take
    its place."""
    texts = {name: _text(given[name]) for name in touches.text if given.get(name)}
    return texts | {file.field: file.text for file in files if file.text}


def _text(value: object) -> str:
    return "\n".join(str(part) for part in value) if isinstance(value, list) else str(value)


def is_link(value: object) -> bool:
    """Whether an argument that names content is a link to it."""
    return isinstance(value, str) and "://" in value[:32] and not value.startswith(("/", ".", "~"))


def _named_content(touches: Touches, given: Arguments) -> list[str]:
    """Parameters that say where content lies. Those for links take paths and all else too."""
    return [name for name in (*touches.links, *touches.files) if given.get(name)]


def _links(touches: Touches, given: Arguments) -> tuple[str, ...]:
    """Those that this server would open."""
    return tuple(str(given[name]).strip() for name in _named_content(touches, given) if _opens(touches, given, name))


def _opens(touches: Touches, given: Arguments, name: str) -> bool:
    """Whether the parameter names a page or a file of the web, rather than a file that is here. One whose text is sent
    can be nothing else."""
    return name in touches.text or is_link(given[name])


async def _files(services: Services, touches: Touches, given: Arguments) -> tuple[SentFile, ...]:
    """What stands in the call or on this machine and would be sent."""
    own = [name for name in _named_content(touches, given) if not _opens(touches, given, name)]
    if not own:
        return ()  # what looks at files is slow to load, and most calls send none
    if _FILES not in sys.modules:
        await anyio.to_thread.run_sync(importlib.import_module, _FILES)
    from whatsapp_mcp.operations.sent_files import look_at

    return tuple([await look_at(services, name, given[name]) for name in own])


async def _secrets(texts: Mapping[str, str], files: tuple[SentFile, ...]) -> tuple[str, ...]:
    """What looks like a secret, in words that do not give it away."""
    found = [secret for file in files for secret in file.secrets]
    text = "\n".join(texts.values())
    if text and not _PLAIN.fullmatch(text):
        quick = _LOOKS in sys.modules and len(text) <= _AT_ONCE
        found += _secrets_in(text) if quick else await anyio.to_thread.run_sync(_secrets_in, text)
    return tuple(found)


def _secrets_in(text: str) -> list[str]:
    from whatsapp_mcp.policy.secrets import secrets_in

    return [f"{secret.kind} ({secret.excerpt})" for secret in secrets_in(text)]


async def _numbers_of_others(services: Services, texts: Mapping[str, str], chats: Collection[Jid]) -> tuple[str, ...]:
    """Numbers in the texts of people who are known here, and neither are written to nor the owner."""
    written = ("".join(filter(str.isdigit, each)) for text in texts.values() for each in _NUMBER.findall(text))
    found = [*dict.fromkeys(written)]
    if not found:  # as in most
        return ()

    def known(store: StoreReader) -> Iterator[str]:
        for digits in found[:_NUMBERS]:
            jid = Jid(digits, USER)
            if 7 <= len(digits) <= 15 and jid not in chats and store.knows(jid) and not store.chat_facts(jid).own:
                yield f"the number +{digits}"

    more = (f"more than {_NUMBERS} numbers",) if len(found) > _NUMBERS else ()
    return (*await services.store.look(lambda store: tuple(known(store))), *more)


async def digest_of(services: Services, call: Call, grant: str) -> str:
    """Of exactly this call of this caller, with what its files hold now: a yes is for that."""
    files: list[str] = []
    if any(file.local for file in call.files):
        from whatsapp_mcp.operations.sent_files import digests

        files = await digests(services, call)
    exactly: dict[str, object] = {
        "operation": call.operation.name,
        "arguments": call.arguments,
        "files": files,
        "grant": grant,
    }
    if call.operation.touches.forwards is not None:  # its writer can edit it meanwhile
        exactly["forwarded"] = await _forwarded(services, str(call.arguments[call.operation.touches.forwards]))
    return hashlib.sha256(json.dumps(exactly, sort_keys=True, default=str).encode()).hexdigest()
