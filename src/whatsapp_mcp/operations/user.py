"""Operations about people and about the own profile."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from whatsapp_mcp.errors import InvalidArgument, NotFound, SessionError
from whatsapp_mcp.jid import BROADCAST, USER, Jid
from whatsapp_mcp.models.render import contact_json, group_line_json, newsletter_json
from whatsapp_mcp.models.seed_rows import seed_group_json, seed_newsletter_json
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.models.side_login import BusinessProfile
from whatsapp_mcp.operations.in_one_form import groups_in_one_form
from whatsapp_mcp.operations.media_files import UPLOAD_TIMEOUT, media_source, profile_picture
from whatsapp_mcp.operations.outcome import Image, Outcome, Rows
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.side_login import ask, pause_note
from whatsapp_mcp.operations.targets import check_readable, kind_of, number, person, resolve
from whatsapp_mcp.pipe.account import ChangePushName, CheckNumbers, GetPerson, GetPrivacy, SyncContacts
from whatsapp_mcp.pipe.groups import ListGroups
from whatsapp_mcp.pipe.profiles import GetPicture, ListNewsletters, SetOwnPicture
from whatsapp_mcp.pipe.side_login import GetBusinessProfile

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args


@operation("userInfo")
async def user_info(services: Services, arguments: args.UserInfoArguments) -> Outcome:
    jid = await check_readable(services, await person(services, arguments["phone"]), "phone")
    info = await services.session.call(GetPerson(jid=jid))
    full = arguments["detail"] == "full"
    known = (await services.store.look(lambda store: store.named([jid]))).get(jid)
    results: dict[str, Any] = {
        "jid": str(jid),
        "name": known.name if known is not None else None,
        "about": info.status or None,
        "verified_name": info.verified_name or None,
        "picture_id": info.picture_id or None,
        "linked_devices": sum(device.device > 0 for device in info.devices),
    }
    if full:
        results |= {"status": info.status, "devices": [_device_json(device) for device in info.devices]}
    return Outcome("What WhatsApp tells about this person.", results, untrusted=True, full=full)


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
async def user_avatar(services: Services, arguments: args.UserAvatarArguments) -> Outcome:
    jid = await check_readable(services, await resolve(services, arguments["phone"]), "phone")
    if jid.server == BROADCAST:
        raise NotFound(f"phone: this is {kind_of(jid)}, which has no picture", details={"field": "phone"})
    command = GetPicture(
        jid=jid, preview=arguments.get("is_preview", False), community=arguments.get("is_community", False)
    )
    picture = await services.session.call(command)
    image = await profile_picture(services, picture.url)
    return Outcome(
        "The picture; its URL expires." if image is not None else "The picture cannot be shown here; its URL expires.",
        {"url": picture.url, "id": picture.id, "type": picture.type},
        untrusted=True,
        images=(Image(image, "image/jpeg"),) if image is not None else (),
    )


@operation("userCheck")
async def user_check(services: Services, arguments: args.UserCheckArguments) -> Outcome:
    digits = await number(services, arguments["phone"])
    await check_readable(services, Jid(digits, USER), "phone")
    checked = await services.session.call(CheckNumbers(numbers=(digits,)))
    found = [one for one in checked if one.registered]
    jid = found[0].jid or Jid(digits, USER) if found else None
    if jid is not None:  # WhatsApp may know this person under another number
        await check_readable(services, jid, "phone")
    return Outcome(
        "This number is on WhatsApp." if jid else "This number is not on WhatsApp.",
        {"is_on_whatsapp": jid is not None, "jid": str(jid) if jid else None},
    )


@operation("userMyContacts")
async def user_my_contacts(services: Services, arguments: args.UserMyContactsArguments) -> Outcome:
    if services.session.snapshot.state is SessionState.CONNECTED:
        with contextlib.suppress(SessionError):  # what is stored is still a good answer
            await services.session.call(SyncContacts())
    elif services.session.snapshot.own_jid is None:
        await services.session.ready()
    search, offset = arguments.get("search") or None, arguments["offset"]
    contacts = await services.store.read(lambda store: store.contacts(search=search))
    return Outcome(
        f"{len(contacts)} contacts.",
        {"data": Rows(contacts[offset:], contact_json)},
        rows="data",
        offset=offset,
        untrusted=True,
    )


@operation("userMyPrivacy")
async def user_my_privacy(services: Services, _arguments: args.UserMyPrivacyArguments) -> Outcome:
    return Outcome("Who may see and do what.", await services.session.call(GetPrivacy()))


@operation("userChangePushName")
async def user_change_push_name(services: Services, arguments: args.UserChangePushNameArguments) -> Outcome:
    name = arguments["push_name"].strip()
    if not name:
        raise InvalidArgument("push_name is blank", field="push_name")
    await services.session.call(ChangePushName(push_name=name))
    return Outcome("The display name was changed.")


@operation("userChangeAvatar")
async def user_change_avatar(services: Services, arguments: args.UserChangeAvatarArguments) -> Outcome:
    source = await media_source(services, avatar=arguments["avatar"])
    async with source.as_square() as path:
        await services.session.call(SetOwnPicture(path=str(path)), timeout=UPLOAD_TIMEOUT)
    return Outcome("Your picture was changed.")


@operation("userMyGroups")
async def user_my_groups(services: Services, arguments: args.UserMyGroupsArguments) -> Outcome:
    offset = arguments["offset"]
    found = await services.session.call(ListGroups())
    readable = await services.store.may_read(*(group.jid for group in found))
    groups = await groups_in_one_form(services, [group for group in found if group.jid in readable])
    full = arguments["detail"] == "full"
    return Outcome(
        f"{len(groups)} groups.",
        {"data": Rows(groups[offset:], seed_group_json if full else group_line_json)},
        rows="data",
        offset=offset,
        untrusted=True,
        full=full,
    )


@operation("userMyNewsletter")
async def user_my_newsletter(services: Services, arguments: args.UserMyNewsletterArguments) -> Outcome:
    offset = arguments["offset"]
    followed = await services.session.call(ListNewsletters())
    readable = await services.store.may_read(*(newsletter.jid for newsletter in followed))
    newsletters = [newsletter for newsletter in followed if newsletter.jid in readable]
    full = arguments["detail"] == "full"
    return Outcome(
        f"You follow {len(newsletters)} newsletters.",
        {"data": Rows(newsletters[offset:], seed_newsletter_json if full else newsletter_json)},
        rows="data",
        offset=offset,
        untrusted=True,
        full=full,
    )


@operation("userBusinessProfile")
async def user_business_profile(services: Services, arguments: args.UserBusinessProfileArguments) -> Outcome:
    jid = await check_readable(services, await person(services, arguments["phone"]), "phone")
    answer = await ask(services, GetBusinessProfile(jid=jid))
    return Outcome(f"The business profile. {pause_note(answer)}", _profile_json(answer.result), untrusted=True)


def _profile_json(profile: BusinessProfile) -> dict[str, Any]:
    options: dict[str, Any] = dict(profile.profile_options)
    if profile.description:
        options["description"] = profile.description
    if profile.websites:
        options["website"] = list(profile.websites)
    return {
        "jid": str(profile.jid),
        "email": profile.email,
        "address": profile.address,
        "categories": [{"id": one.id, "name": one.name} for one in profile.categories],
        "profile_options": options,
        "business_hours_timezone": profile.business_hours_timezone,
        "business_hours": [
            {
                "day_of_week": day.day_of_week,
                "mode": day.mode,
                "open_time": day.open_time or None,
                "close_time": day.close_time or None,
            }
            for day in profile.business_hours
        ],
    }
