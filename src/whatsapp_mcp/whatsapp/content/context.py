"""What stands around the content: contextInfo, which almost every kind has, and messageContextInfo beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from whatsapp_mcp.models.content import BELONGS_TO, Content, Quote
from whatsapp_mcp.whatsapp.content.assistant import bot_facts
from whatsapp_mcp.whatsapp.content.lines import known
from whatsapp_mcp.wire.boundary import QUOTE_LIMIT, jid, message_id
from whatsapp_mcp.wire.protos import e2e

if TYPE_CHECKING:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import ContextInfo, Message


def around(info: ContextInfo, read: Callable[[Message], Content | None]) -> dict[str, Any]:
    """The parts of Content that come from contextInfo; ``extra`` beside what the content itself has.

    Args:
        read: reads the quoted message, and nothing that it quotes in turn.
    """
    quote = None
    extra = _origin(info)
    if info.stanzaID:
        quoted = read(info.quotedMessage) if info.HasField("quotedMessage") else None
        quote = Quote(message_id(info.stanzaID), jid(info.participant), _short(quoted))
        elsewhere = jid(info.remoteJID)
        if elsewhere is not None:
            extra["quoted_chat"] = str(elsewhere)
    return {
        "quote": quote,
        "mentions": tuple(person for text in info.mentionedJID if (person := jid(text))),
        "forwarded": info.isForwarded,
        "expiration": info.expiration,
        "extra": extra,
    }


def _short(quoted: Content | None) -> str:
    if quoted is None:
        return ""
    text = quoted.text or (quoted.media.file_name if quoted.media else None) or ""
    return text if len(text) <= QUOTE_LIMIT else f"{text[:QUOTE_LIMIT]}…"


_OFTEN: Final = 5
"""Times that a message was passed on, from which WhatsApp says "forwarded many times"."""


def _origin(info: ContextInfo) -> dict[str, object]:
    """Where a message comes from that somebody did not simply type: an ad, a channel, a link with a campaign."""
    ad, reply = info.externalAdReply, info.quotedAd
    shown = known(
        title=ad.title,
        body=ad.body,
        link=ad.sourceURL or ad.mediaURL,
        greeting=ad.greetingMessageBody,
        website=ad.wtwaWebsiteURL,
        advertiser=reply.advertiserName,
        caption=reply.caption,
    )
    came_by = known(
        source=info.entryPointConversionSource or info.conversionSource,
        app=info.entryPointConversionApp,
        external_source=info.entryPointConversionExternalSource,
        external_medium=info.entryPointConversionExternalMedium,
        utm_source=info.utm.utmSource,
        utm_campaign=info.utm.utmCampaign,
    )
    channel = info.forwardedNewsletterMessageInfo
    return known(
        ad=shown,
        came_by=came_by,
        from_channel=channel.newsletterName or channel.profileName,
        from_bot=info.forwardedAiBotMessageInfo.botName,
        mentioned_groups=[one.groupSubject for one in info.groupMentions if one.groupSubject],
        mentions_all=info.nonJIDMentions > 0,
        forwarded_often=info.forwardingScore >= _OFTEN,
        action=known(title=info.actionLink.buttonTitle, link=info.actionLink.URL),
        selected_text=info.partiallySelectedContent.text,
        spoiler=info.isSpoiler,
        question=info.isQuestion,
    )


# -- messages that belong to another one -------------------------------------------------------------------------------

_ROLES: Final = {
    "MEDIA_ALBUM": "album",
    "HD_IMAGE_DUAL_UPLOAD": "hd",
    "HD_VIDEO_DUAL_UPLOAD": "hd",
    "HEVC_VIDEO_DUAL_UPLOAD": "hevc",
    "MOTION_PHOTO": "motion_photo",
    "EVENT_COVER_IMAGE": "event_cover",
    "MEDIA_POLL": "poll_option",
    "STATUS_POLL": "status_poll",
    "BOT_PLUGIN": "bot_plugin",
    "VIEW_ALL_REPLIES": "reply",
}
"""MessageAssociation.AssociationType -> what a message is to the one that it names."""


def beside(layers: Sequence[Message]) -> dict[str, object]:
    """What messageContextInfo says, whichever wrapper it stands in."""
    facts: dict[str, object] = {}
    for layer in layers:
        if not layer.HasField("messageContextInfo"):
            continue
        info = layer.messageContextInfo
        facts |= bot_facts(info)
        association = info.messageAssociation
        parent = association.parentMessageKey.ID
        if parent and association.associationType:
            name = e2e.MessageAssociation.AssociationType.Name(association.associationType)
            facts[BELONGS_TO] = {"id": message_id(parent), "as": _ROLES.get(name, name.lower())}
    return facts
