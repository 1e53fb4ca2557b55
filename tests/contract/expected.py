"""What tools.yaml must say of its operations, said a second time, by hand: a new operation has its lines here."""

from __future__ import annotations

from typing import Final

OWN: Final = {
    "waitForMessage": "the next incoming message; the seed offers webhooks for that",
    "waitForEvent": "whatever else happens; the seed offers webhooks for that",
    "searchMessages": "the seed searches within one chat only",
    "getMessageContext": "what was said around a hit",
    "checkInbox": "what is new in all chats since the last look",
    "catchUp": "what happened in all chats, by chat",
    "getMessageStatus": "the seed keeps no receipts",
    "appStatus": "as the seed's successor has it",
    "sendSticker": "as the seed's successor has it",
    "downloadMessageMedia": "as the seed's successor has it",
    "transcribeMessage": "what is said in a voice note",
    "archiveChat": "as the seed's successor has it",
    "forwardMessage": "as the seed's successor has it",
    "rejectCall": "as the seed's successor has it",
    "setDisappearingTimer": "as the seed's successor has it",
    "getNewsletterMessages": "as the seed's successor has it",
    "getGroupParticipants": "as the seed's successor has it",
    "muteChat": "the same way as pinChat",
    "markChatRead": "the same way as pinChat",
    "deleteChat": "the same way as pinChat",
    "labelMessage": "the same way as labelChat",
    "scheduleMessage": "sendMessage at a time of one's choice",
    "listScheduled": "what scheduleMessage left",
    "cancelScheduled": "takes back what scheduleMessage did",
    "listLabels": "what labelChat and labelMessage put on",
}
"""Operations of ours, beyond the seed."""

READS: Final = {
    *("getGroupParticipants", "getNewsletterMessages"),
    *(
        "appDevices",
        "appStatus",
        "downloadMessageMedia",
        "transcribeMessage",
        "userInfo",
        "userAvatar",
        "userMyPrivacy",
        "userMyGroups",
        "userMyNewsletter",
        "userMyContacts",
    ),
    *(
        "userCheck",
        "userBusinessProfile",
        "listChats",
        "getChatMessages",
        "waitForMessage",
        "waitForEvent",
        "groupInfo",
    ),
    *(
        "searchMessages",
        "getMessageContext",
        "checkInbox",
        "catchUp",
        "getMessageStatus",
        "listLabels",
        "listScheduled",
    ),
    *("getGroupInfoFromLink", "getGroupParticipantRequests"),
}
"""Change nothing, neither here nor at WhatsApp; no receipt is sent."""

DESTRUCTIVE: Final = {
    "cancelScheduled",
    # removes
    *(
        "appLogout",
        "revokeMessage",
        "deleteMessage",
        "deleteChat",
        "removeParticipantFromGroup",
        "leaveGroup",
        "unfollowNewsletter",
    ),
    *("demoteParticipantToMember", "rejectGroupParticipantRequest"),
    # overwrites: what was there is gone
    *("updateMessage", "userChangeAvatar", "userChangePushName", "setGroupPhoto", "setGroupName", "setGroupTopic"),
    # people keep what they were given: rights over the group, what is said in it, what somebody else wrote
    *("promoteParticipantToAdmin", "addParticipantToGroup", "approveGroupParticipantRequest", "forwardMessage"),
    # what is written from then on is removed
    "setDisappearingTimer",
    # with reset, the link that people hold stops working
    "groupInviteLink",
}

REPEATING_MATTERS: Final = {
    "scheduleMessage",
    "forwardMessage",
    *("sendMessage", "sendImage", "sendAudio", "sendFile", "sendVideo", "sendContact", "sendLink", "sendLocation"),
    *("sendPoll", "sendSticker", "createGroup", "appLoginWithCode", "groupInviteLink"),
    "catchUp",  # what was shown is not new any more
}

STAYS_HERE: Final = {
    "cancelScheduled",
    # the own account, and marks of one's own; nothing that other people wrote comes back
    *("appLogin", "appLoginWithCode", "appLogout", "appReconnect", "appDevices", "userMyPrivacy"),
    *("muteChat", "markChatRead", "deleteChat", "archiveChat", "pinChat", "labelChat"),
    *("labelMessage", "deleteMessage", "starMessage", "unstarMessage"),
}

WITHOUT_CONNECTION: Final = {
    *("appLogin", "appLoginWithCode", "appLogout", "appReconnect", "appStatus"),
    *(
        "userMyContacts",
        "listChats",
        "getChatMessages",
        "searchMessages",
        "getMessageContext",
        "checkInbox",
        "catchUp",
        "getMessageStatus",
        "listLabels",
        "listScheduled",
        "cancelScheduled",
        "transcribeMessage",
    ),
}
