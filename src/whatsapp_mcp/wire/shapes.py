"""The shape of a stanza: tags, names of attributes, kinds of values. Nothing of it identifies anybody.

Names and words that stand in a shape come from a list, the dictionaries of the protocol and some words beside them;
whatever else was there is ``?``. So a shape may be made even of a log line that other people had a hand in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from whatsapp_mcp.wire.node import Node
from whatsapp_mcp.wire.tokens import NEWEST

Direction = Literal["sent", "received"]
UNKNOWN: Final = "?"

_MORE_WORDS: Final = (
    *("device_lid_hash", "digest", "s_o_pn", "s_o_lid", "creator_lid"),
    *("add_request", "addressing_mode", "admin_add", "admins", "all_member_add", "allow_admin_reports"),
    *("allow_non_admin_sub_group_creation", "announce", "approval", "approve", "author", "bad-request"),
    *("biz_bot", "biz_ext", "block", "bot", "calladd", "caller_pn", "change_number", "client_expiration"),
    *("code_challenge", "community", "companion_finish", "companion_hello", "companion_identity_public"),
    *("companion_platform_display", "companion_platform_id", "companion_props"),
    *("companion_server_auth_key_pub", "consumer_expiry", "contact_allowlist", "content_bindings", "crash"),
    *("created_membership_requests", "creation_time", "creator_pn", "decision", "default_sub_group", "demote"),
    *("device_removed", "disappearing", "disappearing_mode_ts", "edge", "edit_target_id", "ephemeral_setting"),
    *("error_code", "errors", "expire", "expired", "fanout", "fbid", "feature-not-implemented"),
    *("fetch_viewer_metadata", "forbidden", "forwarded", "franking", "franking_tag", "frequently_forwarded_ok"),
    *("general_chat", "group_join", "growth_locked", "has_more_patches", "hidden_group", "hosted", "i", "ib"),
    *("incognito", "internal-server-error", "invite_code", "invite_link", "is_lid_addressing_mode", "join"),
    *("key_id", "leave", "link", "link_code_companion_reg", "link_code_pairing_key_bundle_encryption_key"),
    *("link_code_pairing_nonce", "link_code_pairing_ref", "link_code_pairing_wrapped_companion_ephemeral_pub"),
    *("link_code_pairing_wrapped_key_bundle", "link_code_pairing_wrapped_primary_ephemeral_pub", "link_type"),
    *("linked_group", "linked_groups", "linked_parent", "live_updates", "logout", "logout_message_header"),
    *("logout_message_locale", "logout_message_subtext", "md", "member", "membership_approval"),
    *("membership_approval_mode", "membership_approval_request", "membership_approval_requests"),
    *("membership_requests_action", "message_secret", "message_updates", "messages", "mex", "mexop"),
    *("mms-type", "msg_edit_t", "mutes", "mutual_contact", "native_flow", "nct", "new_jid", "new_lid"),
    *("newsletter", "no_frequently_forwarded", "nonce", "not-acceptable", "not_announcement", "not_ephemeral"),
    *("not_hosted", "not_incognito", "off", "offline-count", "offline_preview_count", "old_jid", "old_lid"),
    *("on_demand", "on_standard", "op_name", "optoutlist", "orientation", "original_msg_t", "other_pn"),
    *("owner", "pair-device-sign", "pair-success", "parent", "parent_group_jid", "participant_lid"),
    *("participant_pn", "passive_mode", "peer_recipient_lid", "peer_recipient_pn", "pending", "phone_number"),
    *("picture_id", "pkmsg_retry", "plaintext", "pn_jid", "prefix", "prev", "primary_hello"),
    *("primary_identity_pub", "privacy_mode", "product_catalog", "profile_picture_id", "promote"),
    *("push_priority", "quality_control", "query_id", "reachout_timelock", "reaction_codes", "reactions"),
    *("recipient_lid", "recipient_pn", "refresh_session", "remove-companion-device", "replace", "reply_to"),
    *("reporting_tag", "reporting_token", "reports", "request_method", "request_time", "requested_user"),
    *("requester", "resource-limit", "revoke", "revoked_membership_requests", "rmr", "role", "sender_lid"),
    *("sender_pn", "server", "server_error_code", "server_id", "set_id", "settings", "sid", "snapshot"),
    *("status_setting", "stella", "sub_group_jid", "sub_group_suggestion", "subgroups", "subject_owner_pn"),
    *("subscriber", "subscribers_count", "suspended", "target_chat_jid", "target_id", "target_sender_jid"),
    *("thread_id", "thread_metadata", "thread_msg_id", "thread_msg_sender_jid", "tos", "transition_timeout"),
    *("trusted_contact_token", "unblock", "unified_session", "unlink", "unlink_reason", "unlink_type"),
    *("unlocked", "unsubscribe", "unsuspend", "update_time", "updates", "uri", "urn:xmpp:whatsapp:m"),
    *("username", "username_change", "verification", "view_once", "viewer_metadata", "views_count", "voice"),
    *("votes", "w:auth:key", "w:biz:catalog", "w:mex", "xwa2"),
    *("code-expired", "code-incorrect", "confirm_email", "confirmed", "do_verify", "email_address", "report_id"),
    *("link_create", "link_join", "link_query", "spam_flow", "spam_list", "verified", "verify_email"),
    *("after", "can_appeal", "collections", "country_code", "creation_ts", "currency", "deleted_count", "from_me"),
    *("default_membership_approval_mode", "is_signed", "iso", "link_create", "links", "paging", "price"),
    *("product_catalog_add", "product_catalog_delete", "product_catalog_edit", "qr", "quantity", "retailer_id"),
    *("sub_groups", "total", "view"),
)
"""Names of the protocol that are in no dictionary."""
WORDS: Final = frozenset((*NEWEST.single_index, *NEWEST.double_index, *_MORE_WORDS))

_LABELS: Final = ("type", "xmlns", "class", "category")
"""What of a stanza's attributes says which stanza it is."""
_WORDS_OF: Final = frozenset((*_LABELS, "mode", "context", "addressing_mode", "mediatype", "decrypt-fail", "event"))
"""Attributes whose value is shown, if it is a word of the protocol."""
_SERVERS: Final = (
    *("s.whatsapp.net", "lid", "g.us", "newsletter", "broadcast"),
    *("c.us", "bot", "hosted", "hosted.lid", "call", "msgr", "interop"),
)
_JID: Final = re.compile(r"[\w.:-]{1,64}@(" + "|".join(map(re.escape, _SERVERS)) + r")", re.ASCII)
_NUMBER: Final = re.compile(r"-?\d{1,24}", re.ASCII)
_ID: Final = re.compile(r"[\w.:-]{1,64}", re.ASCII)
KINDS: Final = frozenset(("empty", "number", "id", "text", "server", *(f"@{server}" for server in _SERVERS)))


@dataclass(frozen=True, slots=True, order=True)
class Shape:
    """Of one element of a stanza."""

    direction: Direction
    path: str
    """From the stanza down: ``iq[get usync]/usync/list/user``."""
    attributes: tuple[tuple[str, str], ...]
    """(name, kind of the value), sorted: ``("t", "number")``; of some the word itself, ``("type", "=get")``."""
    content: Literal["", "elements", "data"]


def shapes_of(node: Node, direction: Direction) -> frozenset[Shape]:
    """The shapes of a stanza and all elements in it."""
    return frozenset(_shapes(node, direction, label(node)))


def label(node: Node) -> str:
    """Which stanza it is: ``iq[get usync]``, ``message[text]``."""
    words = [_word(value) for name in _LABELS if (value := node.get(name))]
    return f"{_word(node.tag)}[{' '.join(words)}]" if words else _word(node.tag)


def _shapes(node: Node, direction: Direction, path: str) -> Iterator[Shape]:
    attributes = {(_word(name), _kind(name, node.get(name))) for name in node.attrs}
    children = node.children()
    yield Shape(direction, path, tuple(sorted(attributes)), "elements" if children else "data" if node.data else "")
    for child in children:
        yield from _shapes(child, direction, f"{path}/{_word(child.tag)}")


def _kind(name: str, value: str) -> str:
    if name in _WORDS_OF and value in WORDS:
        return f"={value}"
    if value in _SERVERS:
        return "server"
    if found := _JID.fullmatch(value):
        return f"@{found[1]}"
    if _NUMBER.fullmatch(value):
        return "number"
    return "empty" if not value else "id" if _ID.fullmatch(value) else "text"


def _word(text: str) -> str:
    return text if text in WORDS else UNKNOWN
