"""Commands about the account."""

from __future__ import annotations

from collections.abc import Collection

from whatsapp_mcp.jid import USER, Jid
from whatsapp_mcp.models.changes import Change, IdentityLearned, NumberSpelled
from whatsapp_mcp.models.views import Device, NumberCheck, Person
from whatsapp_mcp.pipe import account as p
from whatsapp_mcp.pipe.control import PairPhone
from whatsapp_mcp.store.records import Look
from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.worker.dispatch import handles
from whatsapp_mcp.worker.store_thread import StoreThread


class AccountHandlers:
    """Pairing, the linked device, people, names."""

    def __init__(self, account: Account, store: StoreThread) -> None:
        self._account = account
        self._store = store

    @handles(PairPhone)
    def _pair_phone(self, command: PairPhone) -> str:
        return self._account.pair_phone(command.digits)

    @handles(p.GetDevice)
    def _device(self, _command: p.GetDevice) -> Device:
        return self._account.device()

    @handles(p.GetPerson)
    def _person(self, command: p.GetPerson) -> Person:
        return self._account.person(command.jid)

    @handles(p.CheckNumbers)
    def _check_numbers(self, command: p.CheckNumbers) -> tuple[NumberCheck, ...]:
        checked = self._account.check_numbers(command.numbers)
        return tuple(self._by_number(check, command.numbers) for check in checked)

    def _by_number(self, check: NumberCheck, asked: Collection[str]) -> NumberCheck:
        """The answer with the number under which WhatsApp knows the person, which may not be the one asked for."""
        if not check.registered or check.jid is None:
            return check
        known = check.jid.bare
        number = self._account.number_of(known) if known.is_lid else known
        if number is None:
            return check.model_copy(update={"jid": known})
        changes: list[Change] = [IdentityLearned(lid=known, number=number)] if known.is_lid else []
        if check.number in asked:
            changes.append(NumberSpelled(Jid(check.number, USER), number))
        self._store.apply_now(*changes)
        return check.model_copy(update={"jid": number})

    @handles(p.GetPrivacy)
    def _privacy(self, _command: p.GetPrivacy) -> dict[str, str]:
        return self._account.privacy()

    @handles(p.ChangePushName)
    def _change_push_name(self, command: p.ChangePushName) -> None:
        self._account.set_push_name(command.push_name)

    @handles(p.SetPresence)
    def _set_presence(self, command: p.SetPresence) -> None:
        self._account.send_presence(available=command.available)

    @handles(p.KeepLook)
    def _keep_look(self, command: p.KeepLook) -> None:
        look = Look(command.arrival, command.looked_at)
        self._store.run_now(lambda writer: writer.keep_look(command.caller, look))

    @handles(p.SyncContacts)
    def _sync_contacts(self, _command: p.SyncContacts) -> None:
        changes: list[Change] = []
        for contact in self._account.contacts():
            if contact.jid.is_lid and (number := self._account.number_of(contact.jid)):
                changes.append(IdentityLearned(lid=contact.jid, number=number))
            changes.append(contact)
        self._store.apply_now(*changes)
