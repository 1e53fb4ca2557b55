"""The simulator as a whole: one WhatsApp on loopback, with one phone in your hand and people to write to."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.jid import BROADCAST, NEWSLETTER
from whatsapp_mcp.simulator.network.certificates import issue_tls_identity, server_context
from whatsapp_mcp.simulator.network.connection import Connection, NoiseIdentity
from whatsapp_mcp.simulator.network.http import Request, Routes
from whatsapp_mcp.simulator.network.transport import Listener
from whatsapp_mcp.simulator.people.contact import VirtualContact
from whatsapp_mcp.simulator.people.personas import TRAVELLERS, Persona, cast
from whatsapp_mcp.simulator.people.phone import SimulatedPhone
from whatsapp_mcp.simulator.service.app_state_files import AppStateFiles
from whatsapp_mcp.simulator.service.appstate import AppState
from whatsapp_mcp.simulator.service.business import BusinessProfiles
from whatsapp_mcp.simulator.service.calls import Calls
from whatsapp_mcp.simulator.service.groups.group import Group, Groups
from whatsapp_mcp.simulator.service.login import Login
from whatsapp_mcp.simulator.service.media import MediaHost
from whatsapp_mcp.simulator.service.message_relay import Messages
from whatsapp_mcp.simulator.service.mex import Mex
from whatsapp_mcp.simulator.service.newsletters.newsletter import Follower, Newsletter
from whatsapp_mcp.simulator.service.newsletters.newsletter_queries import NewsletterQueries
from whatsapp_mcp.simulator.service.newsletters.newsletters import Newsletters
from whatsapp_mcp.simulator.service.pairing import Pairing, PairingError
from whatsapp_mcp.simulator.service.pictures import Pictures
from whatsapp_mcp.simulator.service.prekeys import PreKeys
from whatsapp_mcp.simulator.service.presence import Presence
from whatsapp_mcp.simulator.service.privacy import Privacy
from whatsapp_mcp.simulator.service.profile import Profile
from whatsapp_mcp.simulator.service.receipts import Receipts
from whatsapp_mcp.simulator.service.router import Router
from whatsapp_mcp.simulator.service.status_posts import StatusPosts
from whatsapp_mcp.simulator.service.usync import Usync
from whatsapp_mcp.simulator.state.accounts import Account, Device, Person, account_of
from whatsapp_mcp.simulator.state.config import SimulatorConfig
from whatsapp_mcp.simulator.state.faults import Faults
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.certificates import issue_chain
from whatsapp_mcp.wire.keys import KeyPair
from whatsapp_mcp.wire.node import Attr, Node
from whatsapp_mcp.wire.protos import e2e

__all__ = ["Simulator"]

log = logging.getLogger(__name__)

_FIRST_FREE_NUMBER = 12025550160


class Simulator:
    """WhatsApp on 127.0.0.1. Use as ``async with Simulator() as simulator``."""

    def __init__(self, config: SimulatorConfig | None = None) -> None:
        self.config = config or SimulatorConfig()
        self.world = World(self.config.clock)
        self.faults = Faults()
        self.router = Router(self.faults)
        self.routes = Routes()
        self.pairing = Pairing(self.world, self.config.qr)
        self.login = Login(self.world, self.pairing, self.router, self.faults)
        self.app_state_files = AppStateFiles(self.routes)
        self.app_state = AppState(self.world, self.app_state_files, self.faults)
        self.business = BusinessProfiles(self.world)
        presence = Presence(self.world)
        self._privacy = Privacy(self.world)
        mex = Mex(self.world)
        pictures = Pictures(self.world, self.routes)
        self.groups = Groups(self.world, self.faults, pictures)
        """All groups, and what can be done in them."""
        self.profile = Profile(self.world, pictures, self.groups.pictures, mex)
        self.newsletters = Newsletters(self.world, mex, pictures)
        """All newsletters, and what can be done with them."""
        statuses = StatusPosts(self.world)
        receipts = Receipts(self.world)
        receipts.kinds |= {NEWSLETTER: self.newsletters.receipt, BROADCAST: statuses.receipt}
        self.media = MediaHost(self.world, self.routes, self.faults)
        messages = Messages(self.world, self.faults)
        messages.kinds |= {NEWSLETTER: self.newsletters, BROADCAST: statuses}
        NewsletterQueries(self.world, self.newsletters, mex)
        self.groups.register(self.router, messages)
        for part in (
            PreKeys(self.world),
            Usync(self.world),
            messages,
            receipts,
            presence,
            self._privacy,
            self.profile,
            mex,
            self.newsletters,
            statuses,
            Calls(self.world),
            self.media,
            self.app_state,
            self.business,
        ):
            part.register(self.router)
        self.login.on_offline.append(presence.device_offline)
        self.pairing.on_linked.append(self._devices_changed)
        self.login.on_unlinked.append(self._devices_changed)
        self.login.on_unlinked.append(presence.device_offline)
        self._phones: dict[Account, SimulatedPhone] = {}
        self._contacts: dict[str, VirtualContact] = {}
        self._next_number = _FIRST_FREE_NUMBER
        self._root = KeyPair.generate()
        self._static = KeyPair.generate()
        self._chain = issue_chain(self._root, self._static.public, now=int(self.config.clock()))
        self._directory: Path | None = None
        self._listener: Listener | None = None
        self._endpoint: Endpoint | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting_to_link: asyncio.Task[None] | None = None
        self.autoscan: float | None = None
        """Seconds after which the phone scans (or types in) a code that it is told about; ``None``: it waits for a
        person."""
        self.phone = self.add_account(self.config.phone_number, self.config.phone_name)
        """The phone of the default account."""
        self.phone.history.automatic = self.config.history_after_pairing

    # --- life ---

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> Endpoint:
        """Listen; from now on :attr:`endpoint` is usable."""
        identity = issue_tls_identity()
        self._directory = Path(tempfile.mkdtemp(prefix="whatsapp-simulator-", dir=self.config.directory))
        ca_file = self._directory / "ca.pem"
        ca_file.write_bytes(identity.ca_certificate)
        self._listener = Listener(server_context(identity), self._chat, self.routes)
        port = await self._listener.start(self.config.port)
        self._endpoint = Endpoint(
            proxy=f"http://127.0.0.1:{port}", ca_file=str(ca_file), noise_root=self._root.public.hex()
        )
        log.info("simulating WhatsApp at %s", self._endpoint.proxy)
        return self._endpoint

    async def stop(self) -> None:
        """Cut all connections and stop listening."""
        self.faults.resume()
        if self._listener is not None:
            await self._listener.stop()
            self._listener = None
        for contact in self._contacts.values():
            await contact.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._directory is not None:
            await asyncio.to_thread(shutil.rmtree, self._directory, ignore_errors=True)
            self._directory = None

    @property
    def endpoint(self) -> Endpoint:
        """What a client needs to know.

        Raises:
            RuntimeError: the simulator is not started.
        """
        if self._endpoint is None:
            raise RuntimeError("the simulator is not started")
        return self._endpoint

    def write_endpoint(self, path: Path) -> None:
        """Write the endpoint file (mode 0600), for ``WHATSAPP_MCP_ENDPOINT``."""
        self.endpoint.write(path)

    async def _chat(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        identity = NoiseIdentity(self._static, self._chain)
        connection = Connection(reader, writer, identity, self.login.open, self.faults, self.config.keep_alive_seconds)
        await connection.run(request)

    @property
    def directory(self) -> Path:
        """A private directory that exists while the simulator runs.

        Raises:
            RuntimeError: the simulator is not started.
        """
        if self._directory is None:
            raise RuntimeError("the simulator is not started")
        return self._directory

    # --- codes on a screen ---

    def show_qr(self, text: str) -> float | None:
        """A client shows this QR code. With :attr:`autoscan` the phone scans it; returns in how many seconds, or
        ``None``."""
        return self._see(lambda: self.phone.scan(text))

    def show_code(self, code: str) -> float | None:
        """A client shows this pairing code. With :attr:`autoscan` it is typed in; returns in how many seconds, or
        ``None``."""
        return self._see(lambda: self.phone.enter_code(code))

    def _see(self, link: Callable[[], Coroutine[Any, Any, Device]]) -> float | None:
        if self.autoscan is None:
            return None
        if self._waiting_to_link is not None:
            self._waiting_to_link.cancel()
        task = asyncio.get_running_loop().create_task(self._link_later(self.autoscan, link))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._waiting_to_link = task
        return self.autoscan

    async def _link_later(self, seconds: float, link: Callable[[], Coroutine[Any, Any, Device]]) -> None:
        await asyncio.sleep(seconds)
        self._waiting_to_link = None  # from here on the next code on the screen does not stop it any more
        try:
            log.info("linked %r by itself", await link())
        except PairingError as error:
            log.warning("could not link by itself: %s", error)

    # --- people ---

    def add_account(self, number: str, push_name: str) -> SimulatedPhone:
        """A further account with a phone, for a further client."""
        account = self.world.add_account(number, push_name)
        phone = SimulatedPhone(
            self.world, self.router, account, self.pairing, self.login, self.app_state, self._privacy
        )
        self._phones[account] = phone
        return phone

    async def add_contact(
        self,
        name: str,
        *,
        number: str | None = None,
        push_name: str | None = None,
        business_name: str | None = None,
        about: str | None = None,
        persona: Persona | None = None,
        saved: bool = False,
    ) -> VirtualContact:
        """Somebody new on WhatsApp who writes to the default account.

        ``number`` is made up when missing; ``saved`` puts the contact into the phone's address book as ``name``.

        Raises:
            ValueError: the name or number is taken, or the number is not one.
        """
        if name in self._contacts:
            raise ValueError(f"there is a contact {name!r} already")
        if number is None:
            number, self._next_number = str(self._next_number), self._next_number + 1
        account = self.world.add_account(number, push_name or name, business_name=business_name)
        if about is not None:
            account.about, account.about_set_at = about, int(self.world.clock())
        contact = VirtualContact(
            self.world,
            self.router,
            account,
            name=name,
            owner=self.phone.account,
            persona=persona,
            groups=self.groups.membership,
        )
        self._contacts[name] = contact
        if saved:
            self.phone.save_contact(account, name)
        return contact

    async def add_cast(self) -> list[VirtualContact]:
        """The people of the demonstration: Ana, Bruno, Chen, Echo and a florist, and a group with some of them."""
        people = [
            await self.add_contact(
                member.name,
                number=member.number,
                business_name=member.business_name,
                about=member.about,
                persona=member.persona,
                saved=member.saved,
            )
            for member in cast()
        ]
        friends = [person for person in people if person.name in TRAVELLERS]
        await self.add_group("Weekend trip", friends, owner=self.phone, description="Where to? Who drives?")
        return people

    async def add_group(
        self,
        subject: str,
        members: Sequence[Person],
        *,
        owner: Person | None = None,
        admins: Sequence[Person] = (),
        description: str = "",
        approval: bool = False,
        announce: bool = False,
        locked: bool = False,
    ) -> Group:
        """A group with these members and, as its owner, the first of them unless told otherwise.

        ``admins`` are members too. ``approval``: who comes by link waits for an admin; ``announce``: only admins write;
        ``locked``: only admins change what it is called.

        Raises:
            IqError: the subject cannot be one.
            ValueError: nobody is in it, or somebody does not let the owner add them.
        """
        if owner is None and not members:
            raise ValueError("a group needs an owner")
        return self.groups.create(
            subject,
            members,
            owner=owner or members[0],
            admins=admins,
            description=description,
            approval=approval,
            announce=announce,
            locked=locked,
        )

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
        known = self.newsletters.all
        for newsletter in known:
            if name in (newsletter.name, str(newsletter.jid)):
                return newsletter
        raise KeyError(f"no newsletter {name!r}; there are: {', '.join(one.name for one in known) or 'none'}")

    # --- the rest ---

    async def until_delivered(self, *, timeout: float = 10.0) -> None:
        """Wait until no connected client owes a confirmation: everything sent to them was taken in.

        Raises:
            TimeoutError: something is still open.
        """
        async with asyncio.timeout(timeout):
            while any(d.link and d.waiting for a in self.world.accounts for d in a.devices.values()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def odd_receipt(self, kind: str = "server-error") -> int:
        """Send every connected client a receipt of a type it does not know; returns how many got it.

        Client: neonize's event loop ends, the socket stays connected, no event follows.
        """
        somebody = next(iter(self._contacts.values()), None)
        sender = somebody.account if somebody else self.phone.account
        attrs: dict[str, Attr] = {"from": sender.lid, "id": self.world.new_id(), "t": self.world.now()}
        return self.faults.send_receipt_of_type(kind, Node("receipt", attrs))

    def _devices_changed(self, device: Device) -> None:
        """Everybody's list of an account's devices is stale now: tell them to ask again."""
        account = device.account
        for other in self.world.accounts:
            for receiver in other.devices.values():
                if receiver.is_local or receiver is device:
                    continue
                receiver.deliver(self._own_devices(account) if other is account else self._device_list_changed(account))

    def _own_devices(self, account: Account) -> Node:
        # The hash is deliberately not that of the list: the client drops its cache and asks (whatsmeow
        # notification.go).
        listed = [Node("device", {"jid": device.lid}) for device in account.devices.values()]
        devices = Node("devices", {"dhash": "2:changed"}, listed)
        return self._notification({"from": account.lid, "type": "account_sync"}, devices)

    def _device_list_changed(self, account: Account) -> Node:
        return self._notification({"from": account.lid, "type": "devices"}, Node("update"))

    def _notification(self, attrs: dict[str, Attr], content: Node) -> Node:
        return Node("notification", {**attrs, "id": self.world.new_id(), "t": self.world.now()}, [content])
