"""Accounts and their devices, and what waits for a device that is offline."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from whatsapp_mcp.jid import LID, USER, Jid
from whatsapp_mcp.wire.node import Node

DEFAULT_PRIVACY = {
    "groupadd": "all",
    "last": "all",
    "status": "all",
    "profile": "all",
    "readreceipts": "all",
    "online": "all",
    "calladd": "all",
    "messages": "all",
    "defense": "off",
    "stickers": "all",
}
"""Category -> value, as a new account has them (whatsmeow types/user.go names the categories)."""


class SimLink(Protocol):
    """Where a device that is online gets its stanzas: a socket, or a simulated device in this process."""

    def send(self, node: Node) -> None:
        """Send a stanza."""

    def farewell(self, node: Node) -> None:
        """Send a last stanza and close."""


@dataclass(frozen=True, slots=True)
class SignedPreKey:
    id: int
    public: bytes
    """32 bytes."""
    signature: bytes
    """64 bytes, XEdDSA by the device's identity over ``05 || public``."""


@dataclass(frozen=True, slots=True)
class PreKeyBundle:
    """What a device publishes so that others can write to it: the public keys that one other device takes."""

    registration_id: int
    identity: bytes
    """32 bytes."""
    signed_prekey: SignedPreKey
    one_time: tuple[int, bytes] | None
    """Id and key; nobody else is given it."""


@dataclass(frozen=True, slots=True)
class SimPicture:
    """A profile picture. ``url`` is what clients are given; the bytes live with the media hosts."""

    id: str
    url: str
    direct_path: str


@dataclass(slots=True)
class Collection:
    """One app-state collection as the server keeps it: opaque, numbered patches. Patch 1 makes version 1."""

    patches: list[bytes] = field(default_factory=list)
    """Serialised ``SyncdPatch`` messages, each with its version filled in."""

    @property
    def version(self) -> int:
        return len(self.patches)


class SimDevice:
    """One device of an account: number 0 is the phone, the others are linked to it."""

    pause: float = 0.0
    """Seconds that the phone lets pass before each of the first things that it tells the device."""
    few_keys: Callable[[], None] | None = None
    """Tells a linked device that others have taken most of its keys."""

    def __init__(
        self,
        account: SimAccount,
        number: int,
        *,
        identity: bytes,
        registration_id: int,
        signed_prekey: SignedPreKey,
        noise_public: bytes | None = None,
        key_index: int = 0,
        platform: str = "",
    ) -> None:
        self.account = account
        self.number = number
        self.identity = identity
        self.registration_id = registration_id
        self.signed_prekey = signed_prekey
        self.noise_public = noise_public
        """The Noise key it has to log in with; ``None`` for devices that live in this process."""
        self.key_index = key_index
        self.platform = platform
        """How a linked device wants to be shown ("Linux")."""
        self.one_time_prekeys: dict[int, bytes] = {}
        self.more_prekeys: Callable[[], tuple[int, bytes]] | None = None
        """Makes one-time prekeys on demand, for devices that live in this process."""
        self.link: SimLink | None = None
        self.connected_twice = 0
        """How often it logged in while another connection of it was open, which was closed then."""
        self.takes_stanzas = noise_public is None
        """Whether what is delivered goes out at once. A linked device's stanzas wait until it is active."""
        self.active = False
        """Set by ``<active/>``, the client's last step of a login."""
        self.available = False
        """Whether it announced itself as online."""
        self.goes_by_lid = True
        """Whether it says at its login that it has moved from numbers to LIDs. Simulated ones have."""
        self.inline_history = True
        """Whether it takes a small first history inside of a message."""
        self._by_lid: dict[SimAccount, bool] = {}
        self._waiting: OrderedDict[tuple[str, str, str], Node] = OrderedDict()

    @property
    def pn(self) -> Jid:
        """Address by phone number."""
        return Jid(self.account.number, USER, self.number)

    @property
    def lid(self) -> Jid:
        """Address by hidden identity."""
        return Jid(self.account.lid_user, LID, self.number)

    @property
    def address(self) -> str:
        """Name of this device in the Signal sessions of others; always the LID form."""
        return f"{self.account.lid_user}:{self.number}"

    def uses_lid(self, account: SimAccount) -> bool:
        """Whether a person is named to it by LID: as it named that person last, else as it said at its login."""
        return self._by_lid.get(account, self.goes_by_lid)

    def note_form(self, account: SimAccount, jid: Jid) -> None:
        """It wrote to a person under this address."""
        if not self.is_local:
            self._by_lid[account] = jid.is_lid

    @property
    def forms(self) -> dict[str, bool]:
        """The numbers of those whom it wrote to, and whether it named them by LID."""
        return {account.number: by_lid for account, by_lid in self._by_lid.items()}

    def name_of(self, person: SimAccount | SimDevice) -> Jid:
        """What a person, or a person's device, is called in stanzas to this device."""
        account = person.account if isinstance(person, SimDevice) else person
        return person.lid if self.uses_lid(account) else person.pn

    def other_name_of(self, person: SimAccount | SimDevice) -> Jid:
        """The form of address that is not used to this device."""
        account = person.account if isinstance(person, SimDevice) else person
        return person.pn if self.uses_lid(account) else person.lid

    @property
    def is_local(self) -> bool:
        return self.noise_public is None

    @property
    def waiting(self) -> list[Node]:
        """Stanzas not yet confirmed by the device, oldest first."""
        return list(self._waiting.values())

    def deliver(self, node: Node) -> None:
        """Hand a stanza to the device: now if it is online, and again at each login until it confirms it."""
        if node.get("id") and not self.is_local:
            self._waiting[self._key(node.tag, node)] = node
        if self.link is not None and self.takes_stanzas:
            self.link.send(node)

    def confirm(self, tag: str, node: Node) -> None:
        """The device confirmed a ``tag`` stanza with the id of ``node`` (an ack or receipt): stop keeping it."""
        self._waiting.pop(self._key(tag, node), None)

    @staticmethod
    def _key(tag: str, node: Node) -> tuple[str, str, str]:
        # Receipts for the same message come from several people and in several kinds, all with the message's id.
        if tag != "receipt":
            return tag, node.get("id"), ""
        peer = node.get("from") or node.get("to")
        return tag, node.get("id"), f"{peer} {node.get('participant')} {node.get('type')}"

    def __repr__(self) -> str:
        return f"<Device {self.pn} {self.lid}>"


class SimAccount:
    """A person (or shop) on WhatsApp: one number, one LID, a phone and linked devices."""

    def __init__(self, number: str, push_name: str, *, lid_user: str, business_name: str | None = None) -> None:
        self.number = number
        self.also_written: set[str] = set()
        """What people write for this number: in Brazil with the ninth digit. Only look-ups find it."""
        self.lid_user = lid_user
        self.push_name = push_name
        self.business_name = business_name
        self.about = "Hey there! I am using WhatsApp."
        self.about_set_at = 0
        self.picture: SimPicture | None = None
        self.devices: dict[int, SimDevice] = {}
        self.next_device_number = 1
        self.privacy: dict[str, str] = dict(DEFAULT_PRIVACY)
        self.privacy_lists: dict[str, set[SimAccount]] = {}
        """Category -> whom ``contact_blacklist`` leaves out, or ``contact_allowlist`` lets in."""
        self.blocked: set[SimAccount] = set()
        self.default_disappearing_seconds = 0
        self.collections: dict[str, Collection] = {}
        self.key_index_list: tuple[int, bytes] | None = None
        """When the phone signed the list of its linked devices, and that list (``ADVSignedKeyIndexList``)."""
        self.sign_devices: Callable[[], None] | None = None
        """Lets the phone make a new one."""
        self.last_seen: float | None = None
        self.presence_subscribers: set[SimDevice] = set()

    @property
    def pn(self) -> Jid:
        return Jid(self.number, USER)

    @property
    def lid(self) -> Jid:
        return Jid(self.lid_user, LID)

    @property
    def available(self) -> bool:
        return any(device.available for device in self.devices.values())

    def shows_to(self, category: str, other: SimAccount) -> bool:
        """Whether ``other`` may see what a privacy category protects. Everybody who asks counts as a contact here."""
        value, listed = self.privacy.get(category), other in self.privacy_lists.get(category, ())
        if other is self or value == "none" or other in self.blocked:
            return other is self
        return listed if value == "contact_allowlist" else not (value == "contact_blacklist" and listed)

    def others(self, device: SimDevice) -> Iterator[SimDevice]:
        """The account's devices but ``device``."""
        return (other for other in list(self.devices.values()) if other is not device)

    def __repr__(self) -> str:
        return f"<Account {self.number} {self.push_name!r}>"


def lid_user_for(number: str) -> str:
    """A made-up but stable LID for a number: 15 digits, as real ones have, without a leading zero."""
    digest = hashlib.sha256(b"simulated lid" + number.encode()).digest()
    return str(10**14 + int.from_bytes(digest[:8], "big") % (9 * 10**14))


class AccountHolder(Protocol):
    """A contact or a phone."""

    @property
    def account(self) -> SimAccount: ...


Person = SimAccount | AccountHolder
"""A contact, a phone, or just the account behind it."""


def account_of(person: Person) -> SimAccount:
    return person if isinstance(person, SimAccount) else person.account
