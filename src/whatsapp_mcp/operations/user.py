"""Operations about people and about the own profile."""

from __future__ import annotations

import contextlib
from typing import Any

from whatsapp_mcp.errors import InvalidArgument, SessionError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.operations.outcome import Arguments, Outcome, Progress
from whatsapp_mcp.operations.recipients import parse_number, person, resolve
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.render import contact_json
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.pipe.profile_protocol import GetPicture
from whatsapp_mcp.pipe.protocol import ChangePushName, CheckNumbers, GetPerson, GetPrivacy, SyncContacts

__all__: list[str] = []


@operation("userInfo")
async def user_info(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    jid = await person(services, arguments["phone"])
    info = await services.session.call(GetPerson(jid=jid))
    return Outcome(
        "What WhatsApp tells about this person.",
        {
            "verified_name": info.verified_name or None,
            "status": info.status,
            "picture_id": info.picture_id or None,
            "devices": [_device_json(device) for device in info.devices],
        },
        untrusted=True,
    )


def _device_json(device: Jid) -> dict[str, Any]:
    """Field names of the seed; device 0 is the phone, all others are linked devices."""
    return {
        "User": device.user,
        "Agent": 0,
        "Device": "PHONE" if device.device == 0 else f"LINKED_DEVICE_{device.device}",
        "Server": device.server,
        "AD": device.device > 0,
    }


@operation("userAvatar")
async def user_avatar(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    jid = await resolve(services, arguments["phone"])
    command = GetPicture(
        jid=jid, preview=arguments.get("is_preview", False), community=arguments.get("is_community", False)
    )
    picture = (await services.session.call(command)).picture
    return Outcome(
        "The picture; its URL expires.", {"url": picture.url, "id": picture.id, "type": picture.type}, untrusted=True
    )


@operation("userCheck")
async def user_check(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    digits = parse_number(arguments["phone"], "phone")
    checked = await services.session.call(CheckNumbers(numbers=(digits,)))
    registered = any(number.registered for number in checked.numbers)
    return Outcome(
        "This number is on WhatsApp." if registered else "This number is not on WhatsApp.",
        {"is_on_whatsapp": registered, "jid": f"{digits}@s.whatsapp.net" if registered else None},
    )


@operation("userMyContacts")
async def user_my_contacts(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    if services.session.snapshot.state is SessionState.CONNECTED:
        with contextlib.suppress(SessionError):  # what is stored is still a good answer
            await services.session.call(SyncContacts())
    elif services.session.snapshot.own_jid is None:
        await services.session.ready()
    search, offset = arguments.get("search") or None, arguments.get("offset", 0)
    contacts = await services.store.read(lambda store: store.contacts(search=search))
    return Outcome(
        f"{len(contacts)} contacts.",
        {"data": [contact_json(contact) for contact in contacts[offset:]]},
        rows="data",
        offset=offset,
        untrusted=True,
    )


@operation("userMyPrivacy")
async def user_my_privacy(services: Services, _arguments: Arguments, _progress: Progress) -> Outcome:
    result = await services.session.call(GetPrivacy())
    return Outcome("Who may see and do what.", result.settings)


@operation("userChangePushName")
async def user_change_push_name(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    name = arguments["push_name"].strip()
    if not name:
        raise InvalidArgument("push_name is blank", field="push_name")
    await services.session.call(ChangePushName(push_name=name))
    return Outcome("The display name was changed.")
