"""Views with every field of the API that this re-implements, under the names that it has there (``detail: full``)."""

from __future__ import annotations

from typing import Any

from whatsapp_mcp.models.render import lid_of, message_json
from whatsapp_mcp.models.views import Group, GroupMember, Message, Newsletter, NewsletterPicture, NewsletterText


def seed_message_json(message: Message) -> dict[str, Any]:
    """Everything, also under the names of the seed."""
    return message_json(message, full=True) | {"id": message.id}


def seed_group_json(group: Group) -> dict[str, Any]:
    """Field names of the seed."""
    return {
        "JID": str(group.jid),
        "OwnerJID": str(group.owner) if group.owner else None,
        "Name": group.name,
        "NameSetAt": group.name_set_at,
        "NameSetBy": str(group.name_set_by) if group.name_set_by else None,
        "Topic": group.topic,
        "TopicID": group.topic_id or None,
        "TopicSetAt": group.topic_set_at,
        "TopicSetBy": str(group.topic_set_by) if group.topic_set_by else None,
        "IsLocked": group.locked,
        "IsAnnounce": group.announce,
        "AnnounceVersionID": group.announce_version or None,
        "IsEphemeral": group.disappearing_timer > 0,
        "DisappearingTimer": group.disappearing_timer,
        "IsParent": group.is_parent,
        "DefaultMembershipApprovalMode": group.approval_mode or None,
        "LinkedParentJID": str(group.linked_parent) if group.linked_parent else None,
        "IsDefaultSubGroup": group.is_default_sub,
        "GroupCreated": group.created_at,
        "ParticipantVersionID": group.participant_version or None,
        "Participants": [seed_member_json(member) for member in group.members],
    }


def seed_member_json(member: GroupMember) -> dict[str, Any]:
    return {
        "JID": str(member.jid),
        "LID": lid_of(member),
        "IsAdmin": member.admin,
        "IsSuperAdmin": member.super_admin,
        "DisplayName": member.display_name or None,
        "Error": member.error or None,
        "AddRequest": member.add_request,
    }


def seed_newsletter_json(one: Newsletter) -> dict[str, Any]:
    """Names and types of the seed: numbers are strings there."""
    return {
        "id": str(one.jid),
        "state": {"type": one.state},
        "thread_metadata": {
            "creation_time": str(one.creation_time),
            "invite": one.invite,
            "name": _text_json(one.name),
            "description": _text_json(one.description),
            "subscribers_count": str(one.subscribers),
            "verification": one.verification,
            "picture": _picture_json(one.picture),
            "preview": _picture_json(one.preview),
            "settings": {"reaction_codes": {"value": one.reaction_codes}},
        },
        "viewer_metadata": {"mute": one.mute, "role": one.role},
    }


def _text_json(text: NewsletterText) -> dict[str, str]:
    return {"text": text.text, "id": text.id, "update_time": str(text.update_time)}


def _picture_json(picture: NewsletterPicture | None) -> dict[str, str] | None:
    if picture is None:
        return None
    return {"url": picture.url, "id": picture.id, "type": picture.type, "direct_path": picture.direct_path}
