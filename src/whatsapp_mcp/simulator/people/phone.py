"""The phone of an account: it links companions, holds the app-state key, and sees what its linked devices send."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from whatsapp_mcp.simulator.content.summary import ReceivedMessage
from whatsapp_mcp.simulator.people.history import HistoryChat, HistoryKind
from whatsapp_mcp.simulator.people.linking import Linking
from whatsapp_mcp.simulator.people.phone_files import PhoneFiles
from whatsapp_mcp.simulator.people.phone_history import PhoneHistory, SharedHistory
from whatsapp_mcp.simulator.people.responding import RespondingDevice
from whatsapp_mcp.simulator.people.sent import SentMessage
from whatsapp_mcp.simulator.people.sync_keys import Mutation, PatchError, SimCollectionState, SimSyncKey
from whatsapp_mcp.simulator.service.services import SimServices
from whatsapp_mcp.simulator.signal import SignalDevice
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.faults import stream_error
from whatsapp_mcp.simulator.state.groups import Chat
from whatsapp_mcp.simulator.state.kept import KeptPhone
from whatsapp_mcp.simulator.state.record import Record
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.keys import KeyPair
from whatsapp_mcp.wire.node import Node
from whatsapp_mcp.wire.protos import e2e, sync_action

log = logging.getLogger(__name__)


def signal_of(kept: KeptPhone) -> SignalDevice:
    """The Signal device of a phone that was kept. Its sessions are new ones."""
    return SignalDevice(KeyPair(kept.identity), kept.registration_id, KeyPair(kept.prekey))


class SimulatedPhone(RespondingDevice):
    """The phone of one account, to be used like a person with a phone in the hand."""

    def __init__(self, world: World, services: SimServices, account: SimAccount, kept: KeptPhone | None = None) -> None:
        """
        Args:
            kept: what a phone of this account had before; the account has its app state of then.
        """
        super().__init__(world, services.router, account, signal_of(kept) if kept else None)
        self.received: Record[ReceivedMessage] = Record("message to the phone")
        """What others wrote to the account."""
        self.sent_copies: Record[ReceivedMessage] = Record("copy of a sent message")
        """What the linked devices sent, to anybody."""
        self.peer_messages: Record[e2e.Message] = Record("peer message")
        """What linked devices asked of the phone: keys, history …"""
        self.linked: Record[SimDevice] = Record("linked device that is ready")
        """Devices that finished their first login."""
        self.patches: Record[Mutation] = Record("app-state change")
        """What linked devices changed in the app state."""
        self.history = PhoneHistory(world, account, self.receipts, self._send_peer_message)
        """What it remembers of the past, and tells linked devices."""
        self.files = PhoneFiles(world, self.history.find)
        """What it uploads again for linked devices."""
        self.shares_keys = True
        """Switch off to see a companion without app-state keys."""
        self.linking = Linking(world, account, self.signal.identity, services.pairing)
        self._login, self._privacy = services.login, services.privacy
        self._app_state = services.app_state
        self.sync_key = SimSyncKey.generate(int(world.clock() * 1000))
        self._collections: dict[str, SimCollectionState] = {}
        self.shared_with: set[SimDevice] = set()
        """Devices that were ready before."""
        self._login.on_active.append(self._on_active)
        self._app_state.on_patch.append(self._on_patch)
        if kept is None:
            self.set_push_name(account.push_name)
        else:
            self._go_on_from(kept)

    def _go_on_from(self, kept: KeptPhone) -> None:
        self.linking.raw_id, self.linking.key_index = kept.raw_id, kept.key_index
        if kept.sync_key is not None:
            self.sync_key = SimSyncKey(*kept.sync_key)
        for name, collection in self.account.collections.items():
            for patch in collection.patches:
                try:
                    self._collection(name).apply(patch, self.sync_key)
                except PatchError as error:
                    log.warning("a kept patch of %s cannot be read: %s", name, error)

    # --- linked devices ---

    async def scan(self, qr_text: str) -> SimDevice:
        """Scan the QR code that a companion shows; returns the linked device. It logs in by itself right afterwards.

        Raises:
            PairingError: the code is not shown by anybody, expired, or the companion does not accept the pairing.
        """
        return await self.linking.scan(qr_text)

    async def enter_code(self, code: str, *, timeout: float = 30.0) -> SimDevice:
        """Type the eight characters that a companion shows (``Q2ZP-1QM6``), waiting up to ``timeout`` s for its
        request.

        Raises:
            PairingError: no companion waits for a code, the code is wrong, or the companion does not accept the
            pairing.
        """
        return await self.linking.enter_code(code, timeout=timeout)

    def unlink(self, device: SimDevice | None = None) -> None:
        """Remove a linked device (default: all), as under "Linked devices" on the phone. A connected one is logged out.

        Client: LoggedOutEv(OnConnect=false), or LoggedOutEv(OnConnect=true) at its next login.
        """
        chosen = [device] if device else [d for d in self.account.devices.values() if d is not self.device]
        for linked in chosen:
            link = linked.link
            self._login.unlink(linked)
            if link is not None:
                link.farewell(stream_error("device_removed"))

    def set_privacy(self, name: str, value: str) -> None:
        """Change a privacy setting on the phone (``last``, ``readreceipts`` …); linked devices are told.

        Raises:
            IqError: no such setting or value.
        """
        self._privacy.change(self.device, {name: value})

    # --- app state ---

    def _on_active(self, device: SimDevice) -> None:
        if device.account is not self.account or device in self.shared_with:
            return
        self.shared_with.add(device)
        if self.shares_keys:
            self.share_keys(device)
        if self.history.automatic and device.pause:
            asyncio.get_running_loop().call_later(device.pause, self.history.bootstrap, device)
        elif self.history.automatic:
            self.history.bootstrap(device)
        self.linked.add(device)

    def share_keys(self, device: SimDevice) -> None:
        """Give a linked device the app-state key; it then fetches all five collections."""
        self.send_directly(device, self.sync_key.share(), {"id": self.world.new_id(), "category": "peer"})

    def handle_peer_message(self, sender: SimDevice, message: e2e.Message, message_id: str) -> None:
        self.peer_messages.add(message)
        if message.protocolMessage.HasField("peerDataOperationRequestMessage"):
            self.history.handle_request(sender, message.protocolMessage.peerDataOperationRequestMessage, message_id)
        if message.protocolMessage.type == e2e.ProtocolMessage.APP_STATE_SYNC_KEY_REQUEST and self.shares_keys:
            self.share_keys(sender)

    def handle_own_receipt(self, device: SimDevice, node: Node) -> None:
        if node.get("type") != "server-error":
            return
        if node.get("category") == "peer":
            self.history.share_again(device, node.get("id"))
        else:
            self.files.handle_request(device, node)

    def _on_patch(self, author: SimDevice, name: str, patch: bytes) -> None:
        if author.account is not self.account:
            return
        try:
            changes = self._collection(name).apply(patch, self.sync_key)
        except PatchError as error:
            log.warning("%r wrote a patch the phone cannot accept: %s", author, error)
            return
        for change in changes:
            self._take_over(change)
            self.patches.add(change)

    def _take_over(self, change: Mutation) -> None:
        if change.index == ("setting_pushName",):
            self.account.push_name = change.value.pushNameSetting.name

    def _collection(self, name: str) -> SimCollectionState:
        return self._collections.setdefault(name, SimCollectionState(name))

    def change_app_state(
        self, collection: str, index: list[str], version: int, value: sync_action.SyncActionValue
    ) -> None:
        """Set one app-state entry from the phone and tell the linked devices.

        ``index`` and ``version`` as in whatsmeow appstate/encode.go: ``["pin_v1", chat]`` with version 5 in
        ``regular_low`` …
        """
        if not value.timestamp:
            value.timestamp = int(self.world.clock() * 1000)
        state = self._collection(collection)
        patch = state.build([(index, version, value)], self.sync_key)
        state.apply(patch, self.sync_key)
        self._app_state.append(self.account, collection, patch)

    def set_push_name(self, name: str) -> None:
        """Change the account's push name on the phone; linked devices learn it through the app state."""
        self.account.push_name = name
        value = sync_action.SyncActionValue(pushNameSetting=sync_action.PushNameSetting(name=name))
        self.change_app_state("critical_block", ["setting_pushName"], 1, value)

    def save_contact(self, account: SimAccount, full_name: str) -> None:
        """Put somebody into the phone's address book; linked devices learn it through the app state."""
        action = sync_action.ContactAction(
            fullName=full_name, firstName=full_name.split()[0], lidJID=str(account.lid), saveOnPrimaryAddressbook=True
        )
        value = sync_action.SyncActionValue(contactAction=action)
        self.change_app_state("critical_unblock_low", ["contact", str(account.pn)], 2, value)

    # --- history ---

    def share_history(
        self,
        chats: Sequence[HistoryChat] = (),
        *,
        kind: HistoryKind = "initial",
        inline: bool | None = None,
        chunks: int = 1,
        device: SimDevice | None = None,
    ) -> list[SharedHistory]:
        """Send a history sync to the linked devices, or to one; see :meth:`PhoneHistory.share`."""
        return self.history.share(chats, kind=kind, inline=inline, chunks=chunks, device=device)

    def _send_peer_message(self, device: SimDevice, message: e2e.Message, message_id: str) -> None:
        self.send_directly(device, message, {"id": message_id, "category": "peer"})

    # --- messages ---

    def _default_chat(self) -> Chat:
        raise ValueError("the phone has to be told whom to write to: to=…")

    def say(self, to: Chat, text: str) -> SentMessage:
        """Write to somebody, or to a group, from the phone; linked devices get a copy."""
        return self.send_message(to, e2e.Message(conversation=text))

    def send_message(
        self,
        chat: Chat,
        message: e2e.Message,
        *,
        kind: str | None = None,
        edit: str = "",
        message_id: str | None = None,
    ) -> SentMessage:
        sent = super().send_message(chat, message, kind=kind, edit=edit, message_id=message_id)
        self.history.note_sent(sent)
        return sent

    def handle_message(self, sender: SimDevice, received: ReceivedMessage) -> None:
        self.received.add(received)
        self.history.note_received(received)

    def handle_own_copy(self, sender: SimDevice, received: ReceivedMessage) -> None:
        self.sent_copies.add(received)
        self.history.note_received(received)

    async def wait_for_copy(
        self, predicate: Callable[[ReceivedMessage], bool] | None = None, *, timeout: float = 30.0
    ) -> ReceivedMessage:
        """The first message sent by a linked device that fits. Raises TimeoutError: none came in so many seconds."""
        return await self.sent_copies.wait_for(predicate, timeout=timeout)

    def handle_stanza(self, node: Node) -> None:
        """The phone shows nobody's presence or typing."""
