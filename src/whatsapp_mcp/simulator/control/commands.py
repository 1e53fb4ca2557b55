"""The commands of the control socket: what the Python API can do, in plain JSON values.

The commands are the ``do_…`` methods of :class:`Commands`; ``help`` lists them. Contacts are named as they were
added, or by number.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from pydantic import validate_call

from whatsapp_mcp.simulator.content.summary import ReceivedMessage
from whatsapp_mcp.simulator.control.fault_commands import FaultCommands
from whatsapp_mcp.simulator.control.group_commands import GroupCommands
from whatsapp_mcp.simulator.control.history_commands import HistoryCommands
from whatsapp_mcp.simulator.control.media_commands import MediaCommands, sent_json
from whatsapp_mcp.simulator.control.phone_commands import PhoneCommands
from whatsapp_mcp.simulator.people.contact import VirtualContact
from whatsapp_mcp.simulator.people.writing import SimSendOptions
from whatsapp_mcp.simulator.server import Simulator
from whatsapp_mcp.simulator.state.accounts import account_of

Json = dict[str, Any]


class Commands(GroupCommands, MediaCommands, HistoryCommands, FaultCommands, PhoneCommands):
    """What can be asked over the socket. Every method's arguments are checked; an unknown one is an error."""

    def __init__(self, simulator: Simulator, stop: Callable[[], None] | None = None) -> None:
        self._simulator = simulator
        self._stop = stop
        self._methods: dict[str, Callable[..., Any]] = {
            name.removeprefix("do_"): validate_call(method)
            for name, method in inspect.getmembers(self, inspect.ismethod)
            if name.startswith("do_")
        }

    async def run(self, command: str, arguments: Json) -> Any:
        """Run one command.

        Raises:
            LookupError: no such command or contact or message.
            ValidationError: wrong arguments.
        """
        method = self._methods.get(command)
        if method is None:
            raise LookupError(f"no command {command!r}; there are: {', '.join(sorted(self._methods))}")
        result = method(**arguments)
        return await result if isinstance(result, Awaitable) else result

    # --- the whole ---

    def do_help(self) -> dict[str, str]:
        """Every command with the beginning of its documentation."""
        texts = {name: inspect.getdoc(method) or "" for name, method in self._methods.items()}
        return {name: " ".join(text.partition("\n\n")[0].split()) for name, text in texts.items()}

    def do_status(self) -> Json:
        """Accounts with their linked devices, and what the simulator is set to."""
        simulator = self._simulator
        accounts = [
            {
                "number": phone.account.number,
                "lid": str(phone.account.lid),
                "name": phone.account.push_name,
                "linked_devices": [
                    {
                        "device": d.number,
                        "platform": d.platform,
                        "connected": d.link is not None,
                        "active": d.active,
                        "waiting": len(d.waiting),
                    }
                    for d in phone.account.devices.values()
                    if not d.is_local
                ],
            }
            for phone in simulator.phones
        ]
        return {
            "proxy": simulator.endpoint.proxy,
            "accounts": accounts,
            "contacts": len(simulator.contacts),
            "autoscan": simulator.autoscan,
        }

    def do_stop(self) -> None:
        """End the simulator."""
        if self._stop is None:
            raise LookupError("this simulator is ended by the program that runs it")
        self._stop()

    # --- the phone ---

    def do_add_account(self, number: str, name: str) -> Json:
        """A further account with a phone, for another client."""
        account = self._simulator.add_account(number, name).account
        return {"number": account.number, "lid": str(account.lid), "name": account.push_name}

    def do_email(self, account: str | None = None) -> Json | None:
        """The e-mail address that a client gave for its account, with the code that was sent there."""
        email = self._simulator.emails.of(self._phone(account))
        return asdict(email) if email is not None else None

    async def do_scan(self, qr: str, account: str | None = None) -> Json:
        """Scan a QR code (its text) with the phone, now."""
        return {"device": (await self._phone(account).scan(qr)).number}

    async def do_enter_code(self, code: str, account: str | None = None) -> Json:
        """Type a pairing code into the phone."""
        return {"device": (await self._phone(account).enter_code(code)).number}

    def do_show_qr(self, qr: str, account: str | None = None) -> Json:
        """Tell the simulator which QR code is on the screen; with autoscan on, the phone scans it by itself."""
        return {"scans_in": self._simulator.show_qr(qr, self._phone(account))}

    def do_show_code(self, code: str, account: str | None = None) -> Json:
        """Tell the simulator which pairing code is on the screen; with autoscan on, it is typed in by itself."""
        return {"enters_in": self._simulator.show_code(code, self._phone(account))}

    def do_autoscan(self, seconds: float | None = None) -> None:
        """Scan shown codes after so many seconds; null switches it off."""
        self._simulator.autoscan = seconds

    def do_phone_say(self, to: str, text: str, account: str | None = None) -> Json:
        """Write to a contact or another account from the phone; linked devices get a copy."""
        return sent_json(self._phone(account).say(account_of(self._person(to)), text))

    def do_phone_name(self, name: str, account: str | None = None) -> None:
        """Change the account's push name on the phone."""
        self._phone(account).set_push_name(name)

    def do_phone_inbox(self, start: int = 0, account: str | None = None) -> list[Json]:
        """What others wrote to the account, as the phone sees it."""
        return _messages(self._phone(account).received.since(start), start)

    def do_phone_copies(self, start: int = 0, account: str | None = None) -> list[Json]:
        """What the linked devices sent, as the phone sees it."""
        return _messages(self._phone(account).sent_copies.since(start), start)

    def do_unlink(self, device: int | None = None, account: str | None = None) -> None:
        """Unlink one device, or all, on the phone: the client is logged out."""
        phone = self._phone(account)
        devices = phone.account.devices
        if device is not None and (device == 0 or device not in devices):
            raise LookupError(f"no linked device {device}")
        phone.unlink(devices[device] if device is not None else None)

    # --- the contacts ---

    async def do_add_contact(
        self, name: str, number: str | None = None, push_name: str | None = None, business_name: str | None = None
    ) -> Json:
        """Somebody new on WhatsApp, without a persona."""
        contact = await self._simulator.add_contact(
            name, number=number, push_name=push_name, business_name=business_name
        )
        return _contact(contact)

    def do_change_number(self, contact: str, number: str) -> None:
        """A contact takes another phone number."""
        self._simulator.contact(contact).change_number(number)

    def do_make_business(self, person: str, name: str | None = None) -> None:
        """Make somebody ("me": the account) a business of this name; null: no longer."""
        account_of(self._person(person)).business_name = name

    def do_contact_link(self, person: str) -> Json:
        """What somebody's contact QR code says."""
        return {"link": self._simulator.contact_links.link_of(self._person(person))}

    def do_message_link(self, contact: str, text: str = "") -> Json:
        """A link by which one writes to a shop, beginning with this text."""
        return {"link": self._simulator.contact_links.message_link(self._simulator.contact(contact), text)}

    def do_contacts(self) -> list[Json]:
        """Everybody there is to write to."""
        return [_contact(contact) for contact in self._simulator.contacts]

    def do_inbox(self, contact: str, start: int = 0) -> list[Json]:
        """What a contact received, from position ``start`` on."""
        return _messages(self._simulator.contact(contact).inbox.since(start), start)

    async def do_wait(self, contact: str, text: str | None = None, start: int = 0, timeout: float = 30.0) -> Json:
        """Wait for a message to a contact, from position ``start`` of its inbox on, whose text contains ``text``."""
        inbox = self._simulator.contact(contact).inbox
        found = await inbox.wait_for(lambda m: text is None or text in m.text, timeout=timeout, start=start)
        return _message(found)

    def do_receipts(self, contact: str, start: int = 0) -> list[Json]:
        """Receipts that a contact got for what it sent; an empty kind is "delivered"."""
        received = self._simulator.contact(contact).receipts.since(start)
        return [{"kind": r.kind, "ids": list(r.ids), "time": r.time.isoformat()} for r in received]

    def do_say(self, contact: str, text: str, reply_to: str | None = None, to: str | None = None) -> Json:
        """A contact writes to the account (or ``to`` another); ``reply_to`` is the id of a message of either side."""
        speaker = self._simulator.contact(contact)
        options: SimSendOptions = {"reply_to": self._any_message(speaker, reply_to) if reply_to else None}
        if to is not None:
            options["to"] = account_of(self._person(to))
        return sent_json(speaker.say(text, **options))

    def do_react(self, contact: str, message_id: str, emoji: str) -> Json:
        """A contact reacts to a message; an empty emoji takes the reaction back."""
        speaker = self._simulator.contact(contact)
        return sent_json(speaker.react(emoji, self._any_message(speaker, message_id)))

    def do_edit(self, contact: str, message_id: str, text: str) -> Json:
        """A contact edits its own message."""
        speaker = self._simulator.contact(contact)
        return sent_json(speaker.edit(self._find_sent(speaker, message_id), text))

    def do_revoke(self, contact: str, message_id: str) -> Json:
        """A contact deletes its own message for everybody."""
        speaker = self._simulator.contact(contact)
        return sent_json(speaker.revoke(self._find_sent(speaker, message_id)))

    def do_typing(self, contact: str, active: bool = True, recording: bool = False) -> None:
        """A contact starts or stops typing (or recording)."""
        self._simulator.contact(contact).typing(active=active, recording=recording)

    def do_online(self, contact: str) -> None:
        """A contact switches its phone on."""
        self._simulator.contact(contact).online()

    def do_offline(self, contact: str) -> None:
        """A contact switches its phone off."""
        self._simulator.contact(contact).offline()

    def do_reads(self, contact: str, on: bool) -> None:
        """Whether a contact confirms reading."""
        self._simulator.contact(contact).reads = on


def _contact(contact: VirtualContact) -> Json:
    return {
        "name": contact.name,
        "number": contact.number,
        "jid": str(contact.account.pn),
        "lid": str(contact.account.lid),
        "push_name": contact.account.push_name,
        "business_name": contact.account.business_name,
        "answers": contact.persona is not None,
        "received": len(contact.inbox),
    }


def _message(received: ReceivedMessage) -> Json:
    summary = {name: getattr(received.summary, name) for name in received.summary.__dataclass_fields__}
    told = {name: value for name, value in summary.items() if value not in (None, "", (), False, 0) or name == "kind"}
    if received.group is not None:
        told["group"] = str(received.group)
    return {"id": received.id, "time": received.time.isoformat(), "from": str(received.sender), **told}


def _messages(received: list[ReceivedMessage], start: int) -> list[Json]:
    return [{"position": start + i, **_message(message)} for i, message in enumerate(received)]
