"""Keeps what is to outlive a simulator, and puts it back: keys, accounts, linked devices, app state, groups."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from whatsapp_mcp.simulator.network.host import HostKeys
from whatsapp_mcp.simulator.people.actor import Actor
from whatsapp_mcp.simulator.people.contact import VirtualContact
from whatsapp_mcp.simulator.people.phone import SimulatedPhone
from whatsapp_mcp.simulator.service.groups.group import SimGroups
from whatsapp_mcp.simulator.state.accounts import Collection, SignedPreKey, SimAccount, SimDevice
from whatsapp_mcp.simulator.state.groups import CommunityState, Description, GroupState
from whatsapp_mcp.simulator.state.kept import (
    KeptAccount,
    KeptDevice,
    KeptGroup,
    KeptPhone,
    KeptWorld,
    read_kept,
    write_kept,
)
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.binary import BinaryError, decode, encode
from whatsapp_mcp.wire.node import Node

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 2.0
"""Between two looks whether something changed: what is killed has lost no more than that."""


class Keeper:
    """Writes the file while the simulator runs, from :meth:`start` to :meth:`stop`."""

    def __init__(self, folder: Path, snapshot: Callable[[], KeptWorld]) -> None:
        self._folder = folder
        self._snapshot = snapshot
        self._written = b""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Raises OSError: the file cannot be written."""
        self.save()
        self._task = asyncio.create_task(self._keep_on())

    def save(self) -> None:
        """Write what is new. Blocking, shortly. Raises OSError."""
        content = self._snapshot().model_dump_json().encode()
        if content != self._written:
            write_kept(self._folder, content)
            self._written = content

    async def _keep_on(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._try_to_save()

    def _try_to_save(self) -> None:
        try:
            self.save()
        except OSError as error:
            log.warning("what is to be kept cannot be written: %s", error)

    async def stop(self) -> None:
        """Write for the last time."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._try_to_save()


# --- to the file ---


def kept_world(
    world: World, host: HostKeys, phones: Iterable[SimulatedPhone], contacts: Iterable[VirtualContact]
) -> KeptWorld:
    accounts = [_account(phone.account, phone, _phone(phone), None) for phone in phones]
    accounts += [_account(contact.account, contact, _actor(contact), contact.name) for contact in contacts]
    known = {account.number for account in accounts}
    groups = [_group(group) for group in world.groups.values() if known.issuperset(m.number for m in group.members)]
    return KeptWorld(host=host.to_keep(), accounts=accounts, groups=groups)


def _actor(actor: Actor) -> KeptPhone:
    signal = actor.signal
    return KeptPhone(
        identity=signal.identity.private, prekey=signal.prekey_pair.private, registration_id=signal.registration_id
    )


def _phone(phone: SimulatedPhone) -> KeptPhone:
    kept, key = _actor(phone), phone.sync_key
    kept.raw_id, kept.key_index = phone.linking.raw_id, phone.linking.key_index
    kept.sync_key = (key.id, key.data, key.created_ms)
    kept.shared_with = sorted(device.number for device in phone.shared_with)
    return kept


def _account(account: SimAccount, actor: Actor, keys: KeptPhone, contact: str | None) -> KeptAccount:
    return KeptAccount(
        number=account.number,
        push_name=account.push_name,
        business_name=account.business_name,
        about=account.about,
        privacy=dict(account.privacy),
        blocked=sorted(other.number for other in account.blocked),
        disappearing_seconds=account.default_disappearing_seconds,
        contact=contact,
        next_device_number=account.next_device_number,
        collections={name: list(collection.patches) for name, collection in account.collections.items()},
        devices=[_device(device) for device in account.devices.values() if device is not actor.device],
        phone=keys,
    )


def _device(device: SimDevice) -> KeptDevice:
    signed = device.signed_prekey
    return KeptDevice(
        number=device.number,
        identity=device.identity,
        registration_id=device.registration_id,
        signed_prekey=(signed.id, signed.public, signed.signature),
        noise_public=device.noise_public or b"",
        key_index=device.key_index,
        platform=device.platform,
        inline_history=device.inline_history,
        goes_by_lid=device.goes_by_lid,
        forms=device.forms,
        one_time_prekeys=dict(device.one_time_prekeys),
        waiting=[encode(node) for node in device.waiting],
    )


def _group(group: GroupState) -> KeptGroup:
    about, community = group.description, group.community
    return KeptGroup(
        id=group.id,
        subject=group.subject,
        owner=group.owner.number,
        created_at=group.created_at,
        invite_code=group.invite_code,
        addressing_mode=group.addressing_mode,
        members={account.number: role for account, role in group.members.items()},
        description=(about.id, about.text, about.set_at, about.set_by.number) if about else None,
        locked=group.locked,
        announce=group.announce,
        approval_required=group.approval_required,
        ephemeral_seconds=group.ephemeral_seconds,
        community=(community.closed, community.members_add_groups) if community else None,
        parent=group.parent.id if group.parent else None,
        place=group.place,
    )


# --- and back ---


class Before:
    """What an earlier simulator left, until it is put back. Nothing, without a folder or in a new one."""

    def __init__(self, folder: Path | None) -> None:
        """Raises SetupError: the file cannot be used."""
        kept = read_kept(folder) if folder is not None else None
        self.keys = HostKeys.of(kept.host) if kept is not None else None
        self._accounts = {account.number: account for account in kept.accounts} if kept is not None else {}
        self._groups = kept.groups if kept is not None else []

    def register(
        self, world: World, number: str, push_name: str, *, business_name: str | None = None
    ) -> tuple[SimAccount, KeptPhone | None]:
        """A new account, with what it had before, and the keys of its phone of then. Raises ValueError: it is there."""
        kept = self._accounts.get(number)
        business_name = kept.business_name if kept is not None and business_name is None else business_name
        account = world.add_account(number, kept.push_name if kept else push_name, business_name=business_name)
        if kept is None:
            return account, None
        account.about, account.next_device_number = kept.about, kept.next_device_number
        account.privacy.update(kept.privacy)
        account.default_disappearing_seconds = kept.disappearing_seconds
        for name, patches in kept.collections.items():
            account.collections[name] = Collection(list(patches))
        return account, kept.phone

    def missing(self, world: World) -> list[KeptAccount]:
        """The accounts that nobody has registered yet."""
        there = {account.number for account in world.accounts}
        return [account for account in self._accounts.values() if account.number not in there]

    def put_back(self, world: World, phones: Iterable[SimulatedPhone], groups: SimGroups) -> None:
        """Linked devices, groups and who is blocked, once everybody is there."""
        for account in world.accounts:
            blocked = self._accounts[account.number].blocked if account.number in self._accounts else ()
            account.blocked |= {other for other in world.accounts if other.number in blocked}
        for phone in phones:
            kept, devices = self._accounts.get(phone.account.number), phone.account.devices
            if kept is not None:
                _restore_devices(world, phone.account, kept)
                phone.shared_with |= {devices[number] for number in kept.phone.shared_with if number in devices}
                phone.linking.sign_devices()
        _restore_groups(world, groups, self._groups)
        self._accounts, self._groups = {}, []


def _restore_devices(world: World, account: SimAccount, kept: KeptAccount) -> None:
    for one in kept.devices:
        device = account.devices[one.number] = SimDevice(
            account,
            one.number,
            identity=one.identity,
            registration_id=one.registration_id,
            signed_prekey=SignedPreKey(*one.signed_prekey),
            noise_public=one.noise_public,
            key_index=one.key_index,
            platform=one.platform,
        )
        device.inline_history, device.goes_by_lid = one.inline_history, one.goes_by_lid
        device.one_time_prekeys.update(one.one_time_prekeys)
        people = {person.number: person for person in world.accounts}
        for number, by_lid in one.forms.items():
            if number in people:
                device.note_form(people[number], people[number].lid if by_lid else people[number].pn)
        for node in filter(None, map(_stanza, one.waiting)):
            device.deliver(node)


def _stanza(data: bytes) -> Node | None:
    try:
        return decode(data)
    except BinaryError as error:
        log.warning("a kept stanza cannot be read: %s", error)
        return None


def _restore_groups(world: World, groups: SimGroups, kept: Sequence[KeptGroup]) -> None:
    people = {account.number: account for account in world.accounts}
    for one in kept:
        if not people.keys() >= {one.owner, *one.members}:
            continue
        group = groups.restore(one.id, one.subject, people[one.owner], one.invite_code, one.created_at)
        group.addressing_mode = one.addressing_mode
        group.members = {people[number]: role for number, role in one.members.items()}
        group.locked, group.announce = one.locked, one.announce
        group.approval_required, group.ephemeral_seconds = one.approval_required, one.ephemeral_seconds
        if one.description is not None and one.description[3] in people:
            about, text, when, who = one.description
            group.description = Description(about, text, when, people[who])
        group.community, group.place = CommunityState(*one.community) if one.community else None, one.place
    by_id = {group.id: group for group in world.groups.values()}
    for one in kept:
        if one.id in by_id and one.parent in by_id:
            by_id[one.id].parent = by_id[one.parent]
