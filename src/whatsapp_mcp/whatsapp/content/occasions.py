"""Places, people, polls, events, invitations and calls."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from whatsapp_mcp.models.content import Content, MessageKind
from whatsapp_mcp.whatsapp.content.lines import joined, known, lines
from whatsapp_mcp.wire.boundary import jid, seconds
from whatsapp_mcp.wire.protos import e2e

if TYPE_CHECKING:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import (
        BCallMessage,
        CallLogMessage,
        ContactMessage,
        ContactsArrayMessage,
        EventInviteMessage,
        EventMessage,
        GroupInviteMessage,
        LiveLocationMessage,
        LocationMessage,
        NewsletterAdminInviteMessage,
        PollCreationMessage,
        PollResultSnapshotMessage,
        ScheduledCallCreationMessage,
    )

_MILLISECONDS_FROM: Final = 100_000_000_000
"""A timestamp above this is in milliseconds: in seconds it would be the year 5138."""


def location(value: LocationMessage) -> Content:
    text = lines(joined(", ", value.name, value.address), value.comment)
    extra = coordinates(value)
    extra |= known(live=value.isLive, name=value.name, address=value.address, link=value.URL)
    return Content(MessageKind.LOCATION, text, extra=extra)


def live_location(value: LiveLocationMessage) -> Content:
    return Content(MessageKind.LOCATION, value.caption, extra=coordinates(value) | {"live": True})


def coordinates(value: Any) -> dict[str, object]:
    """Latitude and longitude in degrees; nothing unless both are told and are somewhere on earth."""
    if not (value.HasField("degreesLatitude") and value.HasField("degreesLongitude")):
        return {}
    latitude, longitude = value.degreesLatitude, value.degreesLongitude
    if not (math.isfinite(latitude) and math.isfinite(longitude) and abs(latitude) <= 90 and abs(longitude) <= 180):
        return {}
    return {"latitude": latitude, "longitude": longitude}


def contact(value: ContactMessage) -> Content:
    return Content(MessageKind.CONTACT, value.displayName, extra={"vcards": [value.vcard]})


def contacts(value: ContactsArrayMessage) -> Content:
    names = ", ".join(one.displayName for one in value.contacts if one.displayName)
    text = value.displayName if value.displayName in names else joined(": ", value.displayName, names)
    return Content(MessageKind.CONTACT, text or names, extra={"vcards": [one.vcard for one in value.contacts]})


def poll(value: PollCreationMessage) -> Content:
    extra: dict[str, object] = {
        "options": [option.optionName for option in value.options],
        "selectable_count": value.selectableOptionsCount,
    }
    if value.pollType == e2e.PollType.QUIZ:
        extra |= {"quiz": True} | known(correct_answer=value.correctAnswer.optionName)
    extra |= known(end_time=_seconds(value.endTime), members_add_options=value.allowAddOption)
    return Content(MessageKind.POLL, value.name, extra=extra)


def poll_result(value: PollResultSnapshotMessage) -> Content:
    """How a poll of a channel stands."""
    counted = [f"{one.optionName}: {one.optionVoteCount}" for one in value.pollVotes]
    return Content(MessageKind.OTHER, lines(value.name, counted), extra={"type": "pollResultSnapshotMessage"})


def event(value: EventMessage) -> Content:
    place = value.location
    extra: dict[str, object] = {"start_time": value.startTime}
    extra |= known(
        end_time=value.endTime,
        description=value.description,
        place=lines(joined(", ", place.name, place.address), place.URL),
        link=value.joinLink,
        canceled=value.isCanceled,
        call=value.isScheduleCall,
    )
    return Content(MessageKind.EVENT, value.name, extra=extra | coordinates(place))


def scheduled_call(value: ScheduledCallCreationMessage) -> Content:
    kinds = {value.VOICE: "voice", value.VIDEO: "video"}
    extra = known(start_time=_seconds(value.scheduledTimestampMS), call=kinds.get(value.callType, "call"))
    return Content(MessageKind.EVENT, value.title, extra=extra)


def event_invite(value: EventInviteMessage) -> Content:
    extra = known(
        event_id=value.eventID,
        start_time=value.startTime,
        end_time=value.endTime,
        link=value.callLink,
        canceled=value.isCanceled,
    )
    return Content(MessageKind.INVITE, lines(value.eventTitle, value.caption), extra=extra)


def group_invite(value: GroupInviteMessage) -> Content:
    extra: dict[str, object] = {
        "group_id": value.groupJID,
        "group_name": value.groupName,
        "invite_code": value.inviteCode,
    }
    extra |= known(expires=seconds(value.inviteExpiration))
    return Content(MessageKind.INVITE, value.caption or value.groupName, extra=extra)


def newsletter_invite(value: NewsletterAdminInviteMessage) -> Content:
    """To follow a channel, or to be one of its admins. Followers' invitations have the same fields but an end."""
    channel = jid(value.newsletterJID)
    ends = seconds(value.inviteExpiration) if "inviteExpiration" in value.DESCRIPTOR.fields_by_name else None
    is_admin = value.DESCRIPTOR.name == "NewsletterAdminInviteMessage"
    extra = known(newsletter_id=str(channel or ""), newsletter_name=value.newsletterName, expires=ends, admin=is_admin)
    return Content(MessageKind.INVITE, value.caption or value.newsletterName, extra=extra)


def call(value: CallLogMessage) -> Content:
    extra: dict[str, object] = {"video": value.isVideo, "seconds": value.durationSecs}
    if value.HasField("callOutcome"):
        extra["outcome"] = value.CallOutcome.Name(value.callOutcome).lower()
    return Content(MessageKind.CALL, extra=extra)


def broadcast_call(value: BCallMessage) -> Content:
    return Content(MessageKind.CALL, value.caption, extra={"video": value.mediaType == value.VIDEO})


def _seconds(time: int) -> int | None:
    """In seconds since 1970, whichever of both units it came in."""
    return seconds(time // 1000 if time > _MILLISECONDS_FROM else time)
