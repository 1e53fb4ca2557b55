"""Which field of ``waE2E.Message`` is what: every field stands in one of the tables here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from whatsapp_mcp.models.content import Content, MessageKind
from whatsapp_mcp.whatsapp.content import assistant, business, media, occasions
from whatsapp_mcp.whatsapp.content.lines import known
from whatsapp_mcp.whatsapp.content.strings import strings_of


def _conversation(text: str) -> Content:
    return Content(MessageKind.TEXT, text)


def _extended_text(value: Any) -> Content:
    more = [strings_of(part) for part in (value.paymentLinkMetadata, *value.endCardTiles)]
    extra = known(
        link=value.matchedText,
        title=value.title,
        description=value.description,
        group=value.inviteLinkParentGroupSubjectV2,
        preview=[text for text in more if text],
    )
    return Content(MessageKind.TEXT, value.text, extra=extra)


def _said(value: Any) -> Content:
    """An answer to a question in a status or a channel."""
    return Content(MessageKind.TEXT, value.text)


def _other(name: str, note: str) -> Callable[[Any], Content]:
    """Without words of its own."""
    return lambda _: Content(MessageKind.OTHER, extra={"type": name, "note": note})


READERS: Final[dict[str, Callable[[Any], Content]]] = {
    "conversation": _conversation,
    "extendedTextMessage": _extended_text,
    "imageMessage": media.image,
    "videoMessage": media.video,
    "ptvMessage": media.video_note,
    "audioMessage": media.audio,
    "documentMessage": media.document,
    "stickerMessage": media.sticker,
    "stickerPackMessage": media.sticker_pack,
    "albumMessage": media.album,
    "locationMessage": occasions.location,
    "liveLocationMessage": occasions.live_location,
    "contactMessage": occasions.contact,
    "contactsArrayMessage": occasions.contacts,
    "pollCreationMessage": occasions.poll,
    "pollCreationMessageV2": occasions.poll,
    "pollCreationMessageV3": occasions.poll,
    "pollCreationMessageV5": occasions.poll,
    "pollCreationMessageV6": occasions.poll,
    "pollResultSnapshotMessage": occasions.poll_result,
    "pollResultSnapshotMessageV3": occasions.poll_result,
    "eventMessage": occasions.event,
    "eventInviteMessage": occasions.event_invite,
    "scheduledCallCreationMessage": occasions.scheduled_call,
    "groupInviteMessage": occasions.group_invite,
    "newsletterAdminInviteMessage": occasions.newsletter_invite,
    "newsletterFollowerInviteMessageV2": occasions.newsletter_invite,
    "callLogMesssage": occasions.call,
    "bcallMessage": occasions.broadcast_call,
    "buttonsMessage": business.buttons,
    "buttonsResponseMessage": business.buttons_answer,
    "listMessage": business.list_of_rows,
    "listResponseMessage": business.list_answer,
    "templateMessage": business.template,
    "templateButtonReplyMessage": business.template_answer,
    "highlyStructuredMessage": business.structured,
    "interactiveMessage": business.interactive,
    "interactiveResponseMessage": business.interactive_answer,
    "productMessage": business.product,
    "orderMessage": business.order,
    "invoiceMessage": business.invoice,
    "richResponseMessage": assistant.rich_response,
    "questionResponseMessage": _said,
    "statusQuestionAnswerMessage": _said,
    "statusQuotedMessage": _said,
    "requestPhoneNumberMessage": _other("requestPhoneNumberMessage", "Asks for your phone number."),
    "placeholderMessage": _other("placeholderMessage", "Its sender lets only phones show it."),
}

PAYMENTS: Final = {
    "sendPaymentMessage",
    "requestPaymentMessage",
    "declinePaymentRequestMessage",
    "cancelPaymentRequestMessage",
    "paymentInviteMessage",
    "paymentReminderMessage",
    "splitPaymentMessage",
    "splitPaymentUpdateMessage",
}
"""Read by ``business.payment``, with the message in them."""

GENERIC: Final = {
    "chat",
    "commentMessage",
    "conditionalRevealMessage",
    "musicMessage",
    "pollAddOptionMessage",
    "scheduledCallEditMessage",
    "statusNotificationMessage",
    "statusStickerInteractionMessage",
}
"""Shown with whatever strings they hold (``strings``), as is every field that stands in no table."""

PROTOCOL: Final = {
    "call",
    "encCommentMessage",
    "encEventResponseMessage",
    "encReactionMessage",
    "fastRatchetKeySenderKeyDistributionMessage",
    "groupRootKeyShare",
    "keepInChatMessage",
    "messageHistoryBundle",
    "messageHistoryNotice",
    "pinInChatMessage",
    "pollUpdateMessage",
    "protocolMessage",
    "reactionMessage",
    "rootSecretDistributeMessage",
    "secretEncryptedMessage",
    "stickerSyncRmrMessage",
}
"""No message that a person sees: changes, which are read elsewhere, and traffic between devices."""

BESIDE: Final = {"messageContextInfo", "senderKeyDistributionMessage", "statusLinkPreviewMetadata"}
"""Travel with content; never are it."""

WRAPPERS: Final = {
    "associatedChildMessage",
    "acp2SettingMessage",
    "audioStickerMessage",
    "botForwardedMessage",
    "botInvokeMessage",
    "botPlatformRegistrationSuccessMessage",
    "botTaskMessage",
    "deviceSentMessage",
    "documentWithCaptionMessage",
    "editedMessage",
    "ephemeralMessage",
    "eventCoverImage",
    "groupMentionedMessage",
    "groupStatusMentionMessage",
    "groupStatusMessage",
    "groupStatusMessageV2",
    "limitSharingMessage",
    "lottieStickerMessage",
    "newsletterAdminProfileMessage",
    "newsletterAdminProfileStatusMessage",
    "newsletterScheduledMessage",
    "pollCreationMessageV4",
    "pollCreationOptionImageMessage",
    "questionMessage",
    "questionReplyMessage",
    "spoilerMessage",
    "statusAddYours",
    "statusMentionMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
}
"""Hold a whole message. They are recognised by their type, so that a new one is opened too."""
