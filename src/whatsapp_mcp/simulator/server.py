"""The simulator as a whole: one WhatsApp on loopback, with one phone in your hand and people to write to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Self, TypedDict, Unpack

from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.jid import USER, Jid
from whatsapp_mcp.private_files import ensure_private_folder
from whatsapp_mcp.simulator.network.host import LoopbackHost
from whatsapp_mcp.simulator.people.contact import VirtualContact
from whatsapp_mcp.simulator.people.personas import TRAVELLERS, CastMember, Persona, cast
from whatsapp_mcp.simulator.people.phone import SimulatedPhone, signal_of
from whatsapp_mcp.simulator.persistence import Before, Keeper, kept_world
from whatsapp_mcp.simulator.service.groups.group import Group, GroupOptions
from whatsapp_mcp.simulator.service.newsletters.newsletter import Follower, Newsletter
from whatsapp_mcp.simulator.service.services import SimServices
from whatsapp_mcp.simulator.state.accounts import Person, SimAccount, account_of
from whatsapp_mcp.simulator.state.config import SimulatorConfig
from whatsapp_mcp.simulator.state.faults import Faults
from whatsapp_mcp.simulator.state.kept import KeptWorld
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node
from whatsapp_mcp.wire.protos import e2e

log = logging.getLogger(__name__)

_FIRST_FREE_NUMBER = 12025550160
_TRIP = "Weekend trip"


class ContactOptions(TypedDict, total=False):
    """What may be said of somebody new: docs/simulator.md."""

    number: str | None
    """Digits with country code. Made up when missing."""
    push_name: str | None
    """What others see who have not saved the contact. Default: the name."""
    business_name: str | None
    """Makes it a business account of this name."""
    about: str | None
    """The text of the profile. Default: none."""
    persona: Persona | None
    """Answers by itself. Default: nobody does, the test writes."""
    saved: bool
    """In the phone's address book, under the name. Default: not."""


class Simulator:
    """WhatsApp on 127.0.0.1. Use as ``async with Simulator() as simulator``."""

    def __init__(self, config: SimulatorConfig | None = None) -> None:
        self.config = config or SimulatorConfig()
        self.world = World(self.config.clock)
        self.faults = Faults()
        services = self._services = SimServices(self.world, self.faults, self.config.qr)
        self.router = services.router
        self.login = services.login
        self.app_state = services.app_state
        self.app_state_files = services.app_state_files
        self.business = services.business
        self.catalogues = services.catalogues
        """What shops sell."""
        self.contact_links = services.contact_links
        self.emails = services.emails
        """The e-mail addresses that accounts gave, and the codes sent there."""
        self.media = services.media
        self.mex = services.mex
        self.privacy = services.privacy
        self.profile = services.profile
        self.groups = services.groups
        """All groups, and what can be done in them."""
        self.standing = services.standing
        """What clients reported as spam."""
        self.newsletters = services.newsletters
        """All newsletters, and what can be done with them."""
        self._before = Before(self.config.state)
        self.host = LoopbackHost(self.config, self.login.open, services.routes, self.faults, self._before.keys)
        self._keeper = Keeper(self.config.state, self._to_keep) if self.config.state is not None else None
        self._phones: dict[SimAccount, SimulatedPhone] = {}
        self._contacts: dict[str, VirtualContact] = {}
        self._next_number = _FIRST_FREE_NUMBER
        self.phone = self.add_account(self.config.phone_number, self.config.phone_name)
        """The phone of the default account."""
        self._restore()

    # --- life ---

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def start(self) -> Endpoint:
        """Listen; from now on :attr:`endpoint` is usable."""
        if self.config.state is not None:
            ensure_private_folder(self.config.state)
        endpoint = await self.host.start()
        if self._keeper is not None:
            self._keeper.start()
        log.info("simulating WhatsApp at %s", endpoint.proxy)
        return endpoint

    async def stop(self) -> None:
        """Cut all connections and stop listening."""
        self.faults.resume()
        if self._keeper is not None:
            await self._keeper.stop()
        await self.dismiss_contacts()
        for phone in self._phones.values():
            await phone.linking.stop()
        await self.host.stop()

    @property
    def endpoint(self) -> Endpoint:
        """What a client needs to know.

        Raises:
            RuntimeError: the simulator is not started.
        """
        return self.host.endpoint

    def write_endpoint(self, path: Path) -> None:
        """Write the endpoint file (mode 0600), for ``WHATSAPP_MCP_ENDPOINT``."""
        self.endpoint.write(path)

    @property
    def directory(self) -> Path:
        """A private directory that exists while the simulator runs.

        Raises:
            RuntimeError: the simulator is not started.
        """
        return self.host.directory

    @property
    def is_connected(self) -> bool:
        """Whether a linked device is connected now."""
        return any(
            device.link is not None
            for phone in self._phones.values()
            for device in phone.account.devices.values()
            if not device.is_local
        )

    # --- what outlives it ---

    def _to_keep(self) -> KeptWorld:
        return kept_world(self.world, self.host.keys, self._phones.values(), self._contacts.values())

    def _restore(self) -> None:
        """Everybody of before, and then what refers to them."""
        for account in self._before.missing(self.world):
            if account.contact is None:
                self.add_account(account.number, account.push_name)
            else:
                self.introduce(account.contact, number=account.number, business_name=account.business_name)
        self._before.put_back(self.world, self._phones.values(), self.groups)

    # --- codes on a screen ---

    @property
    def autoscan(self) -> float | None:
        """Seconds after which the phone scans (or types in) a code that it is told about; ``None``: it waits for a
        person."""
        return self.phone.linking.autoscan

    @autoscan.setter
    def autoscan(self, seconds: float | None) -> None:
        for phone in self._phones.values():
            phone.linking.autoscan = seconds

    def show_qr(self, text: str, phone: SimulatedPhone | None = None) -> float | None:
        """A client shows this QR code. With :attr:`autoscan` the phone scans it; returns in how many seconds, or
        ``None``."""
        return (phone or self.phone).linking.see_qr(text)

    def show_code(self, code: str, phone: SimulatedPhone | None = None) -> float | None:
        """A client shows this pairing code. With :attr:`autoscan` it is typed in; returns in how many seconds, or
        ``None``."""
        return (phone or self.phone).linking.see_code(code)

    # --- people ---

    def add_account(self, number: str, push_name: str) -> SimulatedPhone:
        """A further account with a phone, for a further client."""
        account, kept = self._before.register(self.world, number, push_name)
        phone = self._phones[account] = SimulatedPhone(self.world, self._services, account, kept)
        phone.history.automatic = self.config.history_after_pairing
        phone.linking.autoscan = self._phones[next(iter(self._phones))].linking.autoscan
        return phone

    def phone_of(self, number: str) -> SimulatedPhone:
        """The phone of an account by its number.

        Raises:
            KeyError: there is none.
        """
        for phone in self._phones.values():
            if phone.account.number == number:
                return phone
        raise KeyError(f"no account {number!r}; there are: {', '.join(a.number for a in self._phones)}")

    async def add_contact(self, name: str, **options: Unpack[ContactOptions]) -> VirtualContact:
        """Somebody new on WhatsApp who writes to the default account: :meth:`introduce`."""
        return self.introduce(name, **options)

    def introduce(self, name: str, **options: Unpack[ContactOptions]) -> VirtualContact:
        """Somebody new on WhatsApp who writes to the default account.

        Raises:
            ValueError: the name or number is taken, or the number is not one.
        """
        if name in self._contacts:
            raise ValueError(f"there is a contact {name!r} already")
        number = options.get("number")
        if number is None:
            number = self._free_number()
        shown, business = options.get("push_name") or name, options.get("business_name")
        account, kept = self._before.register(self.world, number, shown, business_name=business)
        about = options.get("about")
        if about is not None:
            account.about, account.about_set_at = about, int(self.world.clock())
        contact = VirtualContact(
            self.world,
            self.router,
            account,
            name=name,
            owner=self.phone.account,
            persona=options.get("persona"),
            groups=self.groups.membership,
            signal=signal_of(kept) if kept is not None else None,
        )
        self._contacts[name] = contact
        if options.get("saved"):
            self.phone.save_contact(account, name)
        return contact

    def _free_number(self) -> str:
        while self.world.account(Jid(str(self._next_number), USER)) is not None:
            self._next_number += 1
        self._next_number += 1
        return str(self._next_number - 1)

    async def add_cast(self) -> list[VirtualContact]:
        """The people of the demonstration: Ana, Bruno, Chen, Echo and a florist, and a group with some of them."""
        people = [self._cast(member) for member in cast()]
        friends = [person for person in people if person.name in TRAVELLERS]
        if not any(group.subject == _TRIP for group in self.groups.all):  # kept from before
            await self.add_group(_TRIP, friends, owner=self.phone, description="Where to? Who drives?")
        return people

    def _cast(self, member: CastMember) -> VirtualContact:
        """Somebody of the demonstration, perhaps known from before."""
        known = self._contacts.get(member.name)
        if known is not None:
            known.persona = member.persona
            return known
        return self.introduce(
            member.name,
            number=member.number,
            business_name=member.business_name,
            about=member.about,
            persona=member.persona,
            saved=member.saved,
        )

    async def add_group(
        self, subject: str, members: Sequence[Person], *, owner: Person | None = None, **options: Unpack[GroupOptions]
    ) -> Group:
        """A group with these members and, as its owner, the first of them unless told otherwise.

        Raises:
            IqError: the subject cannot be one.
            ValueError: nobody is in it, or somebody does not let the owner add them.
        """
        return self.groups.create(subject, members, owner=owner, **options)

    def group(self, name: str) -> Group:
        """A group by its subject or address, whoever made it.

        Raises:
            KeyError: there is none.
        """
        return self.groups.find(name)

    def contact(self, name: str) -> VirtualContact:
        """A contact by the name it was added with, or by its number.

        Raises:
            KeyError: nobody is called that.
        """
        for contact in self._contacts.values():
            if name in (contact.name, contact.number):
                return contact
        raise KeyError(f"no contact {name!r}; there are: {', '.join(self._contacts) or 'none'}")

    async def dismiss_contacts(self) -> None:
        """They write no more on their own, and their names are free; their accounts stay on WhatsApp."""
        contacts, self._contacts = self._contacts.values(), {}
        for contact in contacts:
            await contact.stop()

    @property
    def contacts(self) -> list[VirtualContact]:
        return list(self._contacts.values())

    @property
    def phones(self) -> list[SimulatedPhone]:
        return list(self._phones.values())

    # --- newsletters ---

    def add_newsletter(
        self,
        name: str,
        description: str = "",
        *,
        posts: Sequence[str | e2e.Message] = (),
        subscribers: int = 0,
        owner: Person | None = None,
        picture: bytes | None = None,
        verified: bool = False,
        followed: bool = False,
    ) -> Newsletter:
        """A newsletter with these posts. ``subscribers``: how many follow it besides simulated people; ``followed``: by
        the default account, from before.

        Raises:
            IqError: the picture is no JPEG or too large.
        """
        newsletter = self.newsletters.add(
            name, description, owner=account_of(owner) if owner else None, crowd=subscribers
        )
        newsletter.verified = verified
        if picture is not None:
            self.newsletters.set_picture(newsletter, picture)
        for content in posts:
            newsletter.post(content)
        if followed:
            newsletter.followers.setdefault(self.phone.account, Follower())
        return newsletter

    def newsletter(self, name: str) -> Newsletter:
        """A newsletter by its name or address.

        Raises:
            KeyError: there is none.
        """
        return self.newsletters.find(name)

    # --- the rest ---

    async def until_delivered(self, *, timeout: float = 30.0) -> None:
        """Wait until no connected client owes a confirmation: everything sent to them was taken in.

        Raises:
            TimeoutError: something is still open.
        """
        async with asyncio.timeout(timeout):
            while any(d.link and d.waiting for a in self.world.accounts for d in a.devices.values()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def odd_receipt(self, kind: str = "server-error") -> int:
        """Send every connected client a receipt of a type it does not know; returns how many got it.

        Client: an unknown type, ``server-error`` included, ends neonize's event loop; the socket stays connected, no
        event follows.
        """
        somebody = next(iter(self._contacts.values()), None)
        sender = somebody.account if somebody else self.phone.account
        attrs: dict[str, Attr] = {"from": sender.lid, "id": self.world.new_id(), "t": self.world.now()}
        return self.faults.send_to_all(Node("receipt", {**attrs, "type": kind}))
