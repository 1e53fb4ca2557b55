"""Every field of what a phone tells in a history: read, or deliberately not, and why.

A test holds both lists against the descriptors: a field that a later version of the protobufs brings has to be decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_OF_THE_PHONE: Final = "how the phone shows or counts it, nothing that was said"
_OF_THE_SERVER: Final = "between the phone and WhatsApp's servers"
_ASKED: Final = "asked of WhatsApp when it is wanted, as it is then"
_BUSINESS: Final = "bookkeeping of businesses and WhatsApp's own bots"
_BY_WHATSMEOW: Final = "whatsmeow takes it"

MESSAGE_READ: Final = frozenset(
    {
        "key",
        "message",
        "messageTimestamp",
        "status",
        "participant",
        "starred",
        "pushName",
        "messageStubType",
        "messageStubParameters",
        "duration",
        "labels",
        "paymentInfo",
        "finalLiveLocation",
        "ephemeralDuration",
        "verifiedBizName",
        "userReceipt",
        "reactions",
        "futureproofData",
        "pollUpdates",
        "pollAdditionalMetadata",
        "messageSecret",
        "keepInChat",
        "revokeMessageTimestamp",
        "pinInChat",
        "commentMetadata",
        "eventResponses",
        "statusMentions",
        "messageAddOns",
        "quarantinedMessage",
        "nonJIDMentions",
    }
)
"""Fields of WebMessageInfo."""
MESSAGE_ITSELF: Final = frozenset(
    {"key", "message", "messageTimestamp", "status", "participant", "pushName", "messageSecret"}
)
"""Those of them that say nothing beside the message; most have no others."""
MESSAGE_NOT_READ: Final[Mapping[str, str]] = {
    "messageC2STimestamp": _OF_THE_SERVER,
    "ignore": _OF_THE_PHONE,
    "broadcast": "came by a list: such a message lies in the chat of who sent it, like any other",
    "mediaCiphertextSHA256": "the message itself has it",
    "multicast": _OF_THE_SERVER,
    "urlText": _OF_THE_PHONE,
    "urlNumber": _OF_THE_PHONE,
    "clearMedia": _OF_THE_PHONE,
    "quotedPaymentInfo": "of the quoted message, which has it itself",
    "ephemeralStartTimestamp": "when the phone will remove it; nothing is removed here",
    "ephemeralOffToOn": _OF_THE_PHONE,
    "ephemeralOutOfSync": _OF_THE_PHONE,
    "ephemeralExpirationTimestamp": "when the phone will remove it; nothing is removed here",
    "bizPrivacyStatus": _BUSINESS,
    "mediaData": "a path on the phone",
    "photoChange": "the pictures before and after; the notice that it changed is read",
    "quotedStickerData": "a path on the phone",
    "statusPsa": "a campaign of WhatsApp's",
    "agentID": _BUSINESS,
    "statusAlreadyViewed": _OF_THE_PHONE,
    "originalSelfAuthorUserJIDString": "we are the author under whichever address",
    "premiumMessageInfo": _BUSINESS,
    "is1PBizBotMessage": _BUSINESS,
    "isGroupHistoryMessage": "came with a history that a member shared; it is a message like the others",
    "botMessageInvokerJID": _BUSINESS,
    "reportingTokenInfo": _OF_THE_SERVER,
    "newsletterServerID": _ASKED,
    "eventAdditionalMetadata": _OF_THE_PHONE,
    "isMentionedInStatus": "the message itself says so",
    "targetMessageID": "the message itself names it",
    "statusMentionMessageInfo": _OF_THE_PHONE,
    "isSupportAiMessage": _BUSINESS,
    "statusMentionSources": _OF_THE_PHONE,
    "supportAiCitations": _BUSINESS,
    "botTargetID": _BUSINESS,
    "groupHistoryIndividualMessageInfo": _OF_THE_PHONE,
    "groupHistoryBundleInfo": _OF_THE_PHONE,
    "interactiveMessageAdditionalMetadata": _OF_THE_PHONE,
    "hsmTag": _BUSINESS,
    "scheduledMessageMetadata": "it is not sent yet",
    "decisionID": _BUSINESS,
    "decisionSources": _BUSINESS,
}

CHAT_READ: Final = frozenset(
    {
        "ID",
        "messages",
        "unreadCount",
        "ephemeralExpiration",
        "conversationTimestamp",
        "name",
        "archived",
        "markedAsUnread",
        "pinned",
        "muteEndTime",
        "displayName",
        "pnJID",
        "lidJID",
        "newJID",
        "oldJID",
    }
)
"""Fields of Conversation."""
CHAT_NOT_READ: Final[Mapping[str, str]] = {
    "readOnly": _ASKED,
    "participant": _ASKED,
    "terminated": _ASKED,
    "lastMsgTimestamp": "the messages tell",
    "endOfHistoryTransfer": "whether the phone has more is answered when more is asked for",
    "ephemeralSettingTimestamp": "the timer is what counts",
    "endOfHistoryTransferType": "whether the phone has more is answered when more is asked for",
    "pHash": _OF_THE_SERVER,
    "notSpam": _OF_THE_PHONE,
    "disappearingMode": "the timer is what counts",
    "unreadMentionCount": "the unread messages tell",
    "tcToken": _BY_WHATSMEOW,
    "tcTokenTimestamp": _BY_WHATSMEOW,
    "contactPrimaryIdentityKey": _OF_THE_SERVER,
    "wallpaper": _OF_THE_PHONE,
    "mediaVisibility": _OF_THE_PHONE,
    "tcTokenSenderTimestamp": _BY_WHATSMEOW,
    "suspended": _ASKED,
    "createdAt": _ASKED,
    "createdBy": _ASKED,
    "description": _ASKED,
    "support": _BUSINESS,
    "isParentGroup": _ASKED,
    "parentGroupID": _ASKED,
    "isDefaultSubgroup": _ASKED,
    "shareOwnPn": _OF_THE_SERVER,
    "pnhDuplicateLidThread": _OF_THE_PHONE,
    "username": "not an address that anything can be sent to here",
    "lidOriginType": _OF_THE_SERVER,
    "commentsCount": "the comments tell",
    "locked": "a lock of the phone's screen",
    "systemMessageToInsert": _OF_THE_PHONE,
    "capiCreatedGroup": _BUSINESS,
    "accountLid": "our own address, which the login tells",
    "limitSharing": _OF_THE_PHONE,
    "limitSharingSettingTimestamp": _OF_THE_PHONE,
    "limitSharingTrigger": _OF_THE_PHONE,
    "limitSharingInitiatedByMe": _OF_THE_PHONE,
    "maibaAiThreadEnabled": _BUSINESS,
    "isMarketingMessageThread": _BUSINESS,
    "isSenderNewAccount": _OF_THE_PHONE,
    "afterReadDuration": _OF_THE_PHONE,
    "isSenderSuspicious": _OF_THE_PHONE,
    "appealStatus": _OF_THE_SERVER,
    "appealUpdateTime": _OF_THE_SERVER,
    "authAgentParentCompanyName": _BUSINESS,
    "authAgentObaPhoneNumber": _BUSINESS,
    "identityVerification": _OF_THE_PHONE,
    "acp2Setting": _OF_THE_PHONE,
}

SYNC_READ: Final = frozenset(
    {
        "conversations",
        "statusV3Messages",
        "pushnames",
        "callLogRecords",
        "phoneNumberToLidMappings",
        "inlineContacts",
    }
)
"""Fields of HistorySync."""
SYNC_NOT_READ: Final[Mapping[str, str]] = {
    "syncType": "all of them are read alike",
    "chunkOrder": "the store takes messages in any order",
    "progress": "nothing waits for it",
    "globalSettings": _OF_THE_PHONE,
    "threadIDUserSecret": _OF_THE_SERVER,
    "threadDsTimeframeOffset": _OF_THE_SERVER,
    "recentStickers": _OF_THE_PHONE,
    "pastParticipants": "the notices in their groups tell who left, and when",
    "aiWaitListState": _BUSINESS,
    "companionMetaNonce": _OF_THE_SERVER,
    "shareableChatIdentifierEncryptionKey": _OF_THE_SERVER,
    "accounts": "names of accounts that nothing can be sent to here",
    "nctSalt": _BY_WHATSMEOW,
    "inlineContactsProvided": _OF_THE_SERVER,
}
