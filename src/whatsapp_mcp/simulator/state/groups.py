"""What the simulated WhatsApp knows about groups: who is in them, in which role, and how they are set.

Nothing here speaks the protocol; see ``group_requests`` (what clients ask), ``group_membership`` and
``group_settings`` (what that changes) and ``group_messages`` (what is said). Source of the vocabulary: whatsmeow
types/group.go.
"""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from typing import Final, Literal

from whatsapp_mcp.jid import GROUP, Jid
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice, SimPicture
from whatsapp_mcp.simulator.state.errors import IqError

MAX_MEMBERS: Final = 1024

_INVITE_ALPHABET = string.ascii_letters + string.digits

Role = Literal["member", "admin", "superadmin"]
"""A ``superadmin`` made the group and can neither be removed nor demoted by others."""
AddressingMode = Literal["lid", "pn"]
MemberAddMode = Literal["all_member_add", "admin_add"]
MemberLinkMode = Literal["all_member_link", "admin_link"]
Place = Literal["sub_group", "announcements", "general"]


@dataclass(frozen=True, slots=True)
class Description:
    """The topic. ``id`` is what the next change has to name as its predecessor."""

    id: str
    text: str
    set_at: int
    set_by: SimAccount


@dataclass(frozen=True, slots=True)
class AddRequest:
    """The personal invitation that an admin gets for somebody whose privacy forbids being added."""

    code: str
    expires_at: int
    account: SimAccount
    admin: SimAccount


@dataclass(slots=True)
class CommunityState:
    """What makes a group the parent of others: its members are those of the community, and nobody writes in it."""

    closed: bool = False
    """Who wants to come in waits for an admin."""
    members_add_groups: bool = False
    """Whether those who are no admins make groups in it."""


@dataclass(slots=True, eq=False)
class GroupState:
    """One group. Times are seconds since 1970."""

    id: str
    """The user part of its address: digits."""
    subject: str
    owner: SimAccount
    """Who made it; stays, even when gone."""
    created_at: int
    subject_set_at: int
    subject_set_by: SimAccount
    invite_code: str
    addressing_mode: AddressingMode = "lid"
    """Whether members are named by hidden identity (all groups made today) or by number (old ones)."""
    members: dict[SimAccount, Role] = field(default_factory=dict)
    """In the order they came."""
    description: Description | None = None
    locked: bool = False
    """Only admins may change subject, description, picture and timer."""
    announce: bool = False
    """Only admins may write."""
    ephemeral_seconds: int = 0
    """After how long messages disappear; 0: never."""
    approval_required: bool = False
    """Whoever joins by link has to wait for an admin."""
    member_add_mode: MemberAddMode = "all_member_add"
    member_link_mode: MemberLinkMode = "admin_link"
    """Who may see the invite link."""
    switches: set[str] = field(default_factory=set)
    """What else is on, by the name of its element: ``group_history``, ``limit_sharing_enabled`` …; it is shown and
    told, nothing follows from it here."""
    picture: SimPicture | None = None
    revoked_codes: set[str] = field(default_factory=set)
    join_requests: dict[SimAccount, int] = field(default_factory=dict)
    """Who waits for an admin's approval, and since when; oldest first."""
    add_requests: dict[str, AddRequest] = field(default_factory=dict)
    left_at: dict[SimAccount, float] = field(default_factory=dict)
    """Who left by themselves, and when."""
    community: CommunityState | None = None
    """It is one; ``None``: an ordinary group."""
    parent: GroupState | None = None
    """The community that it belongs to."""
    place: Place = "sub_group"
    """What it is in its community: where announcements are made and everybody is in, where everybody may write, or one
    of the other groups."""
    max_members: int = MAX_MEMBERS
    announce_version: int = 1
    participant_version: int = 1

    @property
    def jid(self) -> Jid:
        return Jid(self.id, GROUP)

    @property
    def admins(self) -> list[SimAccount]:
        return [account for account, role in self.members.items() if role != "member"]

    @property
    def devices(self) -> list[SimDevice]:
        """Every device of every member."""
        return [device for account in self.members for device in account.devices.values()]

    def is_admin(self, account: SimAccount) -> bool:
        return self.members.get(account, "member") != "member"

    def name_of(self, account: SimAccount) -> Jid:
        """A person's address as this group uses it."""
        return account.lid if self.addressing_mode == "lid" else account.pn

    def name_of_device(self, device: SimDevice) -> Jid:
        return device.lid if self.addressing_mode == "lid" else device.pn

    @property
    def other_form(self) -> str:
        """What stanzas call the form of address that this group does not use."""
        return "pn" if self.addressing_mode == "lid" else "lid"

    def other_name_of(self, account: SimAccount) -> Jid:
        """A person's address in the form that this group does not use."""
        return account.pn if self.addressing_mode == "lid" else account.lid

    def __repr__(self) -> str:
        return f"<GroupState {self.jid} {self.subject!r}, {len(self.members)} members>"


Chat = SimAccount | GroupState
"""Where one can write to."""


def address(chat: Chat) -> Jid:
    """The address of a chat: a group's own, a person's LID."""
    return chat.jid if isinstance(chat, GroupState) else chat.lid


def new_chat_id() -> str:
    """The user part of the address of a group or newsletter: 18 digits, as real ones have."""
    return f"120363{10**11 + secrets.randbelow(9 * 10**11)}"


def new_invite_code(length: int = 22) -> str:
    """What follows ``https://chat.whatsapp.com/`` in an invite link."""
    return "".join(secrets.choice(_INVITE_ALPHABET) for _ in range(length))


def require_member(group: GroupState, account: SimAccount) -> None:
    """
    Raises:
        IqError: 403, the account is not in the group (whatsmeow ErrNotInGroup).
    """
    if account not in group.members:
        raise IqError(403, "forbidden")


def require_admin(group: GroupState, account: SimAccount) -> None:
    """
    Raises:
        IqError: 403, the account is not an admin of the group.
    """
    if not group.is_admin(account):
        raise IqError(403, "forbidden")
