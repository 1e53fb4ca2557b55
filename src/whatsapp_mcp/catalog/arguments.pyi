"""Arguments of each operation as its handler gets them. Made of tools.yaml by docs/generate.py; do not edit.

They are checked by then, and defaults are filled in: what may still be missing is ``NotRequired``.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

class AppLoginArguments(TypedDict):
    pass

class AppLoginWithCodeArguments(TypedDict):
    phone: str

class AppLogoutArguments(TypedDict):
    erase: bool

class AppReconnectArguments(TypedDict):
    pass

class AppDevicesArguments(TypedDict):
    pass

class AppStatusArguments(TypedDict):
    pass

class UserInfoArguments(TypedDict):
    phone: str
    detail: Literal["compact", "full"]

class UserAvatarArguments(TypedDict):
    phone: str
    is_preview: NotRequired[bool]
    is_community: NotRequired[bool]

class UserChangeAvatarArguments(TypedDict):
    avatar: str

class UserChangePushNameArguments(TypedDict):
    push_name: str

class UserMyPrivacyArguments(TypedDict):
    pass

class UserMyGroupsArguments(TypedDict):
    offset: int
    detail: Literal["compact", "full"]

class UserMyNewsletterArguments(TypedDict):
    offset: int
    detail: Literal["compact", "full"]

class UserMyContactsArguments(TypedDict):
    search: NotRequired[str]
    offset: int

class UserCheckArguments(TypedDict):
    phone: str

class UserBusinessProfileArguments(TypedDict):
    phone: str

class SendMessageArguments(TypedDict):
    phone: str
    message: str
    reply_message_id: NotRequired[str]
    mentions: NotRequired[list[str]]
    is_forwarded: NotRequired[bool]
    duration: NotRequired[int]
    idempotency_key: NotRequired[str]

class SendImageArguments(TypedDict):
    phone: str
    image: NotRequired[str]
    image_url: NotRequired[str]
    caption: NotRequired[str]
    view_once: NotRequired[bool]
    compress: NotRequired[bool]
    hd: NotRequired[bool]
    reply_message_id: NotRequired[str]
    is_forwarded: NotRequired[bool]
    duration: NotRequired[int]
    idempotency_key: NotRequired[str]

class SendAudioArguments(TypedDict):
    phone: str
    audio: NotRequired[str]
    audio_url: NotRequired[str]
    ptt: NotRequired[bool]
    reply_message_id: NotRequired[str]
    is_forwarded: NotRequired[bool]
    duration: NotRequired[int]
    idempotency_key: NotRequired[str]

class SendFileArguments(TypedDict):
    phone: str
    file: NotRequired[str]
    file_url: NotRequired[str]
    filename: NotRequired[str]
    caption: NotRequired[str]
    reply_message_id: NotRequired[str]
    is_forwarded: NotRequired[bool]
    duration: NotRequired[int]
    idempotency_key: NotRequired[str]

class SendVideoArguments(TypedDict):
    phone: str
    video: NotRequired[str]
    video_url: NotRequired[str]
    caption: NotRequired[str]
    view_once: NotRequired[bool]
    compress: NotRequired[bool]
    hd: NotRequired[bool]
    gif_playback: NotRequired[bool]
    reply_message_id: NotRequired[str]
    is_forwarded: NotRequired[bool]
    duration: NotRequired[int]
    idempotency_key: NotRequired[str]

class SendStickerArguments(TypedDict):
    phone: str
    sticker: NotRequired[str]
    sticker_url: NotRequired[str]
    is_forwarded: NotRequired[bool]
    duration: NotRequired[int]
    idempotency_key: NotRequired[str]

class SendContactArguments(TypedDict):
    phone: str
    contact_name: str
    contact_phone: str
    is_forwarded: NotRequired[bool]
    duration: NotRequired[int]
    idempotency_key: NotRequired[str]

class SendLinkArguments(TypedDict):
    phone: str
    link: str
    caption: NotRequired[str]
    is_forwarded: NotRequired[bool]
    duration: NotRequired[int]
    idempotency_key: NotRequired[str]

class SendLocationArguments(TypedDict):
    phone: str
    latitude: str
    longitude: str
    is_forwarded: NotRequired[bool]
    duration: NotRequired[int]
    idempotency_key: NotRequired[str]

class SendPollArguments(TypedDict):
    phone: str
    question: str
    options: list[str]
    max_answer: int
    duration: NotRequired[int]
    idempotency_key: NotRequired[str]

class SendPresenceArguments(TypedDict):
    type: Literal["available", "unavailable"]
    is_forwarded: NotRequired[bool]

class SendChatPresenceArguments(TypedDict):
    phone: str
    action: Literal["start", "stop"]

class ScheduleMessageArguments(TypedDict):
    phone: str
    message: str
    at: str
    reply_message_id: NotRequired[str]
    mentions: NotRequired[list[str]]
    is_forwarded: NotRequired[bool]
    duration: NotRequired[int]
    idempotency_key: NotRequired[str]

class ListScheduledArguments(TypedDict):
    offset: int

class CancelScheduledArguments(TypedDict):
    message_id: str

class LabelMessageArguments(TypedDict):
    message_id: list[str]
    phone: str
    label_id: str
    label_name: str
    labeled: bool

class ForwardMessageArguments(TypedDict):
    message_id: str
    phone: str
    duration: NotRequired[int]
    force_reupload: bool
    idempotency_key: NotRequired[str]

class RejectCallArguments(TypedDict):
    caller_jid: str
    call_id: str

class DownloadMessageMediaArguments(TypedDict):
    message_id: str
    phone: str

class TranscribeMessageArguments(TypedDict):
    message_id: str
    phone: str
    language: NotRequired[str]

class RevokeMessageArguments(TypedDict):
    message_id: str
    phone: str

class DeleteMessageArguments(TypedDict):
    message_id: str
    phone: str

class ReactMessageArguments(TypedDict):
    message_id: str
    phone: str
    emoji: str

class UpdateMessageArguments(TypedDict):
    message_id: str
    phone: str
    message: str

class ReadMessageArguments(TypedDict):
    message_id: list[str]
    phone: str

class StarMessageArguments(TypedDict):
    message_id: list[str]
    phone: str

class UnstarMessageArguments(TypedDict):
    message_id: list[str]
    phone: str

class GetMessageStatusArguments(TypedDict):
    message_id: str
    phone: str
    offset: int

class ListChatsArguments(TypedDict):
    limit: int
    offset: int
    search: NotRequired[str]
    archived: NotRequired[bool]
    has_media: bool
    cursor: NotRequired[str]
    detail: Literal["compact", "full"]

class GetChatMessagesArguments(TypedDict):
    chat_jid: str
    limit: int
    offset: int
    start_time: NotRequired[str]
    end_time: NotRequired[str]
    media_only: bool
    is_from_me: NotRequired[bool]
    search: NotRequired[str]
    cursor: NotRequired[str]
    detail: Literal["compact", "full"]

class SearchMessagesArguments(TypedDict):
    query: NotRequired[str]
    chat_jid: NotRequired[str]
    sender: NotRequired[str]
    is_from_me: NotRequired[bool]
    kind: NotRequired[
        Literal[
            "text",
            "image",
            "video",
            "audio",
            "voice",
            "document",
            "sticker",
            "location",
            "contact",
            "poll",
            "call",
            "notice",
        ]
    ]
    has_link: NotRequired[bool]
    start_time: NotRequired[str]
    end_time: NotRequired[str]
    by_relevance: NotRequired[bool]
    context_lines: NotRequired[int]
    limit: int
    offset: int
    cursor: NotRequired[str]

class GetMessageContextArguments(TypedDict):
    chat_jid: str
    message_id: str
    before: int
    after: int
    text_offset: NotRequired[int]

class CheckInboxArguments(TypedDict):
    cursor: NotRequired[str]
    limit: int
    channels: bool

class WaitForMessageArguments(TypedDict):
    phone: NotRequired[str]
    timeout: NotRequired[int]
    cursor: NotRequired[str]

class WaitForEventArguments(TypedDict):
    phone: NotRequired[str]
    kinds: NotRequired[
        list[
            Literal[
                "message",
                "own_message",
                "edit",
                "deletion",
                "reaction",
                "vote",
                "answer",
                "pin",
                "receipt",
                "join_request",
                "group_change",
                "call",
                "typing",
            ]
        ]
    ]
    timeout: NotRequired[int]
    cursor: NotRequired[str]
    limit: int

class LabelChatArguments(TypedDict):
    chat_jid: list[str]
    label_id: str
    label_name: str
    labeled: bool

class SetDisappearingTimerArguments(TypedDict):
    chat_jid: str
    timer_seconds: Literal[0, 86400, 604800, 7776000]

class MuteChatArguments(TypedDict):
    chat_jid: list[str]
    muted: bool
    duration: NotRequired[int]

class MarkChatReadArguments(TypedDict):
    chat_jid: list[str]
    read: bool

class DeleteChatArguments(TypedDict):
    chat_jid: str

class ArchiveChatArguments(TypedDict):
    chat_jid: list[str]
    archived: bool

class PinChatArguments(TypedDict):
    chat_jid: list[str]
    pinned: bool

class CatchUpArguments(TypedDict):
    since: NotRequired[str]
    lines: int
    cursor: NotRequired[str]

class ListLabelsArguments(TypedDict):
    offset: int

class GroupInfoArguments(TypedDict):
    group_id: str
    offset: int
    detail: Literal["compact", "full"]

class CreateGroupArguments(TypedDict):
    title: str
    participants: list[str]

class GetGroupParticipantsArguments(TypedDict):
    group_id: str
    offset: int

class AddParticipantToGroupArguments(TypedDict):
    group_id: str
    participants: list[str]

class RemoveParticipantFromGroupArguments(TypedDict):
    group_id: str
    participants: list[str]

class PromoteParticipantToAdminArguments(TypedDict):
    group_id: str
    participants: list[str]

class DemoteParticipantToMemberArguments(TypedDict):
    group_id: str
    participants: list[str]

class JoinGroupWithLinkArguments(TypedDict):
    link: str

class GetGroupInfoFromLinkArguments(TypedDict):
    link: str

class GetGroupParticipantRequestsArguments(TypedDict):
    group_id: str
    offset: int

class ApproveGroupParticipantRequestArguments(TypedDict):
    group_id: str
    participants: list[str]

class RejectGroupParticipantRequestArguments(TypedDict):
    group_id: str
    participants: list[str]

class LeaveGroupArguments(TypedDict):
    group_id: str

class SetGroupPhotoArguments(TypedDict):
    group_id: str
    photo: NotRequired[str]

class SetGroupNameArguments(TypedDict):
    group_id: str
    name: str

class SetGroupLockedArguments(TypedDict):
    group_id: str
    locked: bool

class SetGroupAnnounceArguments(TypedDict):
    group_id: str
    announce: bool

class SetGroupTopicArguments(TypedDict):
    group_id: str
    topic: NotRequired[str]

class GroupInviteLinkArguments(TypedDict):
    group_id: str
    reset: bool

class GetNewsletterMessagesArguments(TypedDict):
    newsletter_id: str
    count: int
    before: NotRequired[int]

class UnfollowNewsletterArguments(TypedDict):
    newsletter_id: str
