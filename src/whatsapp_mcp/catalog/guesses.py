"""What is meant by the names that models guess and that other WhatsApp servers use, for tools and for their parameters.

A guess is understood by its meaning (`list_contacts` is userMyContacts), or because it is one of ours with a letter
wrong. Anything further fetched means nothing: a wrong hint costs a call that does something else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from whatsapp_mcp.catalog.near_miss import close_by_letters

_TYPO: Final = 0.85
_TYPO_IN_PARAMETER: Final = 0.8
"""Likeness of letters: one or two wrong ones. The names of parameters are short, and there are few to choose from."""

_LETTERS: Final = 2
"""And as many more or fewer at most."""

_ALIKE: Final = 0.7
"""Share of words that two names have in common."""

_PREFIX: Final = re.compile(r"^(?:mcp_+)?(?:whatsapp|wa|wapp)[_\-.]*(?=[a-zA-Z])|^mcp_+[a-z0-9]+_+", re.IGNORECASE)
"""Of names as hosts and other servers write them: ``mcp__whatsapp__send``, ``wa_send``."""

TOOLS: Final[Mapping[str, str]] = {
    "appLogin": "login pair pair_device link_device qr qr_code get_qr get_qr_code connect authenticate",
    "appLoginWithCode": "pairing_code get_pairing_code pair_phone pair_with_code login_with_phone",
    "appLogout": "logout unlink sign_out disconnect",
    "appReconnect": "reconnect restart restart_connection",
    "appStatus": "status connection_status login_status pairing_status get_status get_connection_status health whoami "
    "get_me app",
    "appDevices": "devices list_devices linked_devices",
    "userInfo": "get_user_info contact_info get_contact_info contact_details get_contact_details get_profile about",
    "userAvatar": "get_avatar profile_picture get_profile_picture get_profile_pic get_profile_photo",
    "userChangeAvatar": "set_avatar set_profile_picture update_profile_picture set_profile_photo",
    "userChangePushName": "set_name set_push_name set_display_name change_name update_profile_name",
    "userMyPrivacy": "privacy get_privacy get_privacy_settings",
    "userMyGroups": "list_groups get_groups groups my_groups get_joined_groups joined_groups find_groups search_groups",
    "userMyNewsletter": "list_newsletters newsletters list_channels get_channels channels followed_channels",
    "userMyContacts": "list_contacts get_contacts contacts search_contacts find_contacts find_contact get_contact "
    "search_contact lookup_contact resolve_contact address_book",
    "userCheck": "check_number check_phone is_on_whatsapp is_registered check_user validate_number number_exists",
    "userBusinessProfile": "get_business_profile business_profile business_info",
    "sendMessage": "send send_text send_text_message send_msg text message reply send_reply reply_to_message "
    "reply_message write_message post_message",
    "sendImage": "send_photo send_picture send_image_message send_img",
    "sendAudio": "send_audio_message send_voice send_voice_note send_voice_message send_ptt",
    "sendFile": "send_document send_media send_attachment upload_file send_pdf send_file_message",
    "sendVideo": "send_gif send_video_message",
    "sendSticker": "sticker",
    "sendContact": "share_contact send_vcard send_contact_card",
    "sendLink": "share_link send_url",
    "sendLocation": "share_location location",
    "sendPoll": "create_poll poll",
    "sendPresence": "set_presence presence set_online set_status",
    "sendChatPresence": "typing send_typing start_typing set_typing typing_indicator chat_presence",
    "labelMessage": "add_message_label",
    "forwardMessage": "forward forward_msg share_message",
    "rejectCall": "decline_call hang_up",
    "downloadMessageMedia": "download_media get_media download_file download_attachment get_attachment download "
    "view_media get_message_media",
    "transcribeMessage": "transcribe transcribe_audio transcribe_voice transcribe_voice_note voice_to_text "
    "speech_to_text get_transcript transcript",
    "revokeMessage": "delete_for_everyone unsend unsend_message recall_message revoke delete_message_for_everyone",
    "deleteMessage": "delete_for_me delete_message_for_me",
    "reactMessage": "react react_to_message send_reaction add_reaction reaction",
    "updateMessage": "edit_message edit modify_message",
    "readMessage": "mark_read mark_as_read mark_message_read mark_message_as_read mark_messages_read send_read_receipt",
    "starMessage": "star bookmark_message",
    "unstarMessage": "unstar",
    "getMessageStatus": "message_status delivery_status read_status message_info get_message_info receipts read_by",
    "listChats": "get_chats chats list_conversations get_conversations conversations recent_chats get_recent_chats "
    "search_chats find_chat list_all_chats list_dialogs get_contact_chats get_direct_chat_by_contact chat",
    "getMessageContext": "get_message message_context get_context get_message_by_id",
    "getChatMessages": "get_message get_messages list_messages read_messages fetch_messages messages chat_history "
    "get_chat_history get_history read_chat get_conversation get_chat read_conversation history load_messages "
    "get_last_interaction view_chat",
    "searchMessages": "search find_messages search_message search_all search_chat_messages search_history query",
    "catchUp": "summary summarize summarise get_summary digest get_digest whats_new what_is_new get_updates recap",
    "checkInbox": "inbox get_inbox new_messages get_new_messages unread_messages get_unread get_unread_messages "
    "list_unread check_messages poll_messages",
    "waitForMessage": "wait wait_for_reply await_reply wait_for_response wait_for_settled_message listen "
    "receive_message",
    "labelChat": "add_label set_label",
    "setDisappearingTimer": "disappearing_messages set_disappearing_messages set_ephemeral",
    "muteChat": "mute unmute unmute_chat",
    "markChatRead": "mark_chat_as_read mark_unread mark_chat_unread",
    "archiveChat": "archive unarchive unarchive_chat",
    "pinChat": "pin unpin unpin_chat",
    "groupInfo": "get_group_info group_details get_group group get_group_metadata group_metadata",
    "createGroup": "new_group make_group",
    "getGroupParticipants": "group_members get_group_members list_group_members list_group_participants members "
    "group_participants",
    "addParticipantToGroup": "add_participants add_members add_group_members add_group_participants add_to_group "
    "invite_to_group add_member",
    "removeParticipantFromGroup": "remove_participants remove_members remove_group_members kick kick_member "
    "remove_from_group remove_member",
    "promoteParticipantToAdmin": "promote promote_participant make_admin promote_to_admin",
    "demoteParticipantToMember": "demote demote_participant remove_admin",
    "joinGroupWithLink": "join_group join_with_link accept_invite join_group_via_link",
    "getGroupInfoFromLink": "preview_group_invite group_info_from_link get_invite_info",
    "leaveGroup": "leave exit_group",
    "setGroupName": "rename_group set_group_subject update_group_name update_group_subject",
    "setGroupTopic": "set_group_description update_group_description",
    "setGroupPhoto": "set_group_picture update_group_photo set_group_icon",
    "groupInviteLink": "get_invite_link get_group_invite_link invite_link group_invite create_invite_link",
    "getNewsletterMessages": "channel_messages get_channel_messages newsletter_messages",
    "unfollowNewsletter": "unfollow_channel leave_channel",
}
"""Guessed names by what they mean."""

PARAMETERS: Final[Mapping[str, str]] = {
    "to recipient receiver target destination number phone_number to_number contact contact_id user user_id person jid "
    "remote_jid peer recipient_id whom address": "phone chat_jid group_id newsletter_id caller_jid",
    "chat chat_id chat_name conversation conversation_jid dialog thread phone chat_jid": (
        "chat_jid phone group_id newsletter_id"
    ),
    "group group_jid group_name group_id": "group_id chat_jid phone",
    "channel channel_id newsletter newsletter_jid newsletter_id": "newsletter_id chat_jid",
    "text body content msg message_text message_body message_content": "message caption question topic query search",
    "query q search_query search_term term terms keyword keywords search text": "query search",
    "id msg_id msg stanza_id message_key key": "message_id",
    "reply_to reply quoted quote quoted_id quoted_message_id in_reply_to reply_to_id": "reply_message_id",
    "path file_path filepath filename media media_path attachment document local_path source image photo picture": (
        "file image audio video sticker avatar photo"
    ),
    "url media_url link uri href": "file_url image_url audio_url video_url sticker_url link",
    "voice voice_note as_voice_note is_voice as_voice": "ptt",
    "count max max_results page_size num number_of_messages top n size": "limit count",
    "page skip start_index": "offset",
    "page_token next_cursor next next_page_token": "cursor",
    "since after from_date start_date date_from from start begin": "start_time",
    "until before to_date end_date date_to end": "end_time",
    "from author from_jid sender_jid sender_phone": "sender",
    "members users people contacts phones numbers participant": "participants mentions",
    "name subject new_name group_title display_name": "name title push_name contact_name",
    "description desc about": "topic",
    "reaction emoticon": "emoji",
    "ephemeral expiration expires_in ttl disappear_after": "duration timer_seconds",
    "seconds timeout_seconds timeout_ms wait wait_seconds": "timeout duration timer_seconds",
    "dedup_key client_message_id nonce idempotency": "idempotency_key",
    "lat": "latitude",
    "lng lon long": "longitude",
    "type message_type media_type": "kind",
    "enabled enable value state on archive mute pin": "archived muted pinned read labeled locked announce",
    "from_me fromme sent_by_me mine": "is_from_me",
    "context include_context context_before": "context_lines before",
    "choices answers": "options",
    "max_answers selectable_count": "max_answer",
}
"""Guessed names, and which of ours can be meant by them, likeliest first."""

_SAME: Final[Mapping[str, str]] = {
    **dict.fromkeys(("list", "fetch", "show", "view", "load", "retrieve"), "get"),
    **dict.fromkeys(("post", "share", "write"), "send"),
    **dict.fromkeys(("edit", "modify", "change"), "update"),
    **dict.fromkeys(("find", "lookup"), "search"),
    **dict.fromkeys(("msg", "text"), "message"),
    **dict.fromkeys(("conversation", "dialog"), "chat"),
    **dict.fromkeys(("member",), "participant"),
    **dict.fromkeys(("photo", "picture", "pic"), "photo"),
    **dict.fromkeys(("channel",), "newsletter"),
    **dict.fromkeys(("to", "from", "with", "for", "a", "the", "of", "in", "all", "my"), ""),
}
_TAKING_AWAY: Final = frozenset({"delete", "remove", "leave", "revoke", "logout", "reject", "demote"})
"""Words that no two names may differ by."""
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def tool_meant(name: str, tools: Collection[str]) -> str | None:
    """The tool that somebody means by a name that no tool has; None where that cannot be told."""
    tried = (name[:100], _PREFIX.sub("", name[:100]))
    for each in tried:
        if (known := _by_meaning(each, tools)) is not None:
            return known
    for each in tried:
        if (typo := _typo(each, tools, _TYPO)) is not None:
            return typo
    return _alike(tried[1], tools)


def parameter_meant(name: str, parameters: Iterable[str]) -> str | None:
    """The parameter of an operation that somebody means by a name that it does not have."""
    known = list(parameters)
    for each in known:
        if _fold(each) == _fold(name):
            return each
    for guesses, ours in PARAMETERS.items():
        if _fold(name) in map(_fold, guesses.split()) and (
            meant := next((o for o in ours.split() if o in known), None)
        ):
            return meant
    return _typo(name, known, _TYPO_IN_PARAMETER)


def _typo(name: str, known: Iterable[str], likeness: float) -> str | None:
    about_as_long = [each for each in known if abs(len(_fold(each)) - len(_fold(name))) <= _LETTERS]
    return close_by_letters(name, about_as_long, likeness)


def _by_meaning(name: str, tools: Collection[str]) -> str | None:
    wanted = _fold(name)
    for tool in tools:
        if _fold(tool) == wanted:
            return tool
    guessed = [(tool, list(map(_fold, guesses.split()))) for tool, guesses in TOOLS.items() if tool in tools]
    for each in (wanted, wanted.removesuffix("s"), f"{wanted}s"):
        for tool, guesses in guessed:
            if each in guesses:
                return tool
    return None


def _alike(name: str, tools: Collection[str]) -> str | None:
    """The only tool that is named with nearly the same words."""
    words = _words(name)
    near = {tool: _words(tool) for tool in tools if words and not (words ^ _words(tool)) & _TAKING_AWAY}
    likeness = {tool: len(words & theirs) / len(words | theirs) for tool, theirs in near.items()}
    best = max(likeness.values(), default=0.0)
    found = [tool for tool, share in likeness.items() if share == best]
    return found[0] if best >= _ALIKE and len(found) == 1 else None


def _words(name: str) -> frozenset[str]:
    words = (word.casefold() for word in _WORD.findall(name))
    plain = (word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in words)
    return frozenset(filter(None, (_SAME.get(word, word) for word in plain)))


def _fold(name: str) -> str:
    return re.sub(r"[_\-.\s]", "", name).casefold()
