"""The phone's side of history syncs: what it remembers, and how it hands that to linked devices (whatsmeow message.go:
handleHistorySyncNotificationLoop, DownloadHistorySync; send.go: BuildHistorySyncRequest)."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.content.attachments import upload
from whatsapp_mcp.simulator.content.naming import named_for
from whatsapp_mcp.simulator.content.summary import ReceivedMessage, summarise
from whatsapp_mcp.simulator.people.history import (
    SYNC_TYPES,
    HistoryBuilder,
    HistoryChat,
    HistoryKind,
    HistoryMessage,
    same_chat,
)
from whatsapp_mcp.simulator.people.sent import ReceivedReceipt, SentMessage
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.groups import Chat, address
from whatsapp_mcp.simulator.state.record import Record
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.media import MediaKind
from whatsapp_mcp.wire.protos import e2e, history_sync

log = logging.getLogger(__name__)

_INLINE_LIMIT = 32 * 1024
_BOOTSTRAP_MESSAGES = 20
"""Messages per chat that come with the first sync; the rest follows."""
_REMEMBERED_PER_CHAT = 5000
_NOT_REMEMBERED = ("reaction", "edit", "revoke", "vote", "protocol", "disappearing")

Transmit = Callable[[SimDevice, e2e.Message, str], None]
"""Sends a peer message with this id to a linked device."""


@dataclass(frozen=True, slots=True)
class SharedHistory:
    """One history sync as it was sent to one device."""

    device: SimDevice
    id: str
    """Of the peer message that announced it."""
    kind: HistoryKind
    sync: history_sync.HistorySync
    direct_path: str
    """Where the device has to download it; empty: it was in the message, whether or not it is a file as well."""
    receipts: Record[ReceivedReceipt]

    async def taken(self, *, timeout: float = 30.0) -> None:
        """Wait until the device confirmed that it took the history in (receipt ``hist_sync``).

        Raises:
            TimeoutError: it did not.
        """
        await self.receipts.wait_for(lambda r: r.kind == "hist_sync" and self.id in r.ids, timeout=timeout)


class PhoneHistory:
    """What the phone of an account knows of the past."""

    def __init__(
        self, world: World, account: SimAccount, receipts: Record[ReceivedReceipt], transmit: Transmit
    ) -> None:
        self._world = world
        self._account = account
        self._receipts = receipts
        self._transmit = transmit
        self.builder = HistoryBuilder(world, account)
        self.chats: list[HistoryChat] = []
        """Everything it remembers; what happens while it runs is added by itself."""
        self.shared: Record[SharedHistory] = Record("shared history")
        self.requests: Record[e2e.PeerDataOperationRequestMessage] = Record("request for older messages")
        self.answers_requests = True
        """Switch off to see a device whose requests for older messages stay unanswered."""
        self.automatic = False
        """Whether devices get the history by themselves when they are linked."""

    # --- remembering ---

    def remember(self, *chats: HistoryChat) -> None:
        """Add chats from before, for the first sync of new devices and for requests; sends nothing."""
        for chat in chats:
            chat.set_times(self._world.clock())
            self.chats.append(chat)

    def note(self, chat: Chat | Jid, message_id: str, author: SimAccount, content: e2e.Message, seconds: float) -> None:
        """Remember a message that is being sent or received."""
        jid = chat if isinstance(chat, Jid) else address(chat)
        known = self._chat(jid)
        if known is None:
            place = self._world.groups.get(jid) or self._world.account(jid) or jid
            known = HistoryChat(place)
            self.chats.append(known)
        written_by = None if author is self._account else author
        message = HistoryMessage(content, author=written_by, time=seconds, id=message_id)
        message.seconds = int(seconds)
        known.messages.append(message)
        del known.messages[:-_REMEMBERED_PER_CHAT]

    def _chat(self, jid: Jid) -> HistoryChat | None:
        return next((known for known in self.chats if same_chat(self._world, known.jid, jid)), None)

    def find(self, jid: Jid, message_id: str) -> e2e.Message | None:
        """A message of a chat, under whichever of its addresses."""
        chat = self._chat(jid)
        found = next((one for one in chat.messages if one.id == message_id), None) if chat else None
        return found.message(self._account) if found is not None else None

    def note_sent(self, sent: SentMessage) -> None:
        """The same for a message that the phone sends."""
        if summarise(sent.message).kind not in _NOT_REMEMBERED:
            self.note(sent.chat, sent.id, self._account, sent.message, sent.time.timestamp())

    def note_received(self, received: ReceivedMessage) -> None:
        """The same for a message that a simulated device got."""
        author = self._world.account(received.sender)
        if author is not None and received.kind not in _NOT_REMEMBERED:
            self.note(received.chat, received.id, author, received.message, received.time.timestamp())

    # --- sharing ---

    def share(
        self,
        chats: Sequence[HistoryChat] = (),
        *,
        kind: HistoryKind = "initial",
        inline: bool | None = None,
        chunks: int = 1,
        device: SimDevice | None = None,
    ) -> list[SharedHistory]:
        """Send a history sync to a linked device, or to all of them.

        ``inline``: inside of the message, else as a file on the media hosts; ``None``: as phones do, a small first
        sync inside. ``chunks`` splits the messages of every chat over so many syncs, the newest first.
        """
        for chat in chats:
            chat.set_times(self._world.clock())
        devices = [device] if device else [d for d in self._account.devices.values() if not d.is_local]
        shared = []
        for number, part in enumerate(_split(chats, chunks), start=1):
            sync = self.builder.build(kind, part, chunk=number, progress=100 * number // chunks)
            shared += [self._send(target, sync, kind, inline) for target in devices]
        return shared

    def bootstrap(self, device: SimDevice) -> list[SharedHistory]:
        """What a newly linked device gets by itself: the newest messages of every chat, names, then the rest.

        The last part comes although nothing may be left for it: some clients hold everything back until then.
        """
        newest = [
            replace(
                chat, messages=chat.messages[-_BOOTSTRAP_MESSAGES:], complete=len(chat.messages) <= _BOOTSTRAP_MESSAGES
            )
            for chat in self.chats
        ]
        rest = [
            replace(chat, messages=chat.messages[:-_BOOTSTRAP_MESSAGES], complete=True)
            for chat in self.chats
            if len(chat.messages) > _BOOTSTRAP_MESSAGES
        ]
        shared = self.share(newest, kind="initial", device=device)
        shared += self.share(kind="push_names", device=device)
        shared += self.share(kind="non_blocking", device=device)
        return shared + self.share(rest, kind="recent", device=device)

    def _send(
        self,
        device: SimDevice,
        sync: history_sync.HistorySync,
        kind: HistoryKind,
        inline: bool | None,
        *,
        request_id: str = "",
    ) -> SharedHistory:
        sync = named_for(self._world, device, sync)
        compressed = zlib.compress(sync.SerializeToString())
        message, path = e2e.Message(), ""
        message.protocolMessage.type = e2e.ProtocolMessage.HISTORY_SYNC_NOTIFICATION
        notification = message.protocolMessage.historySyncNotification
        notification.syncType = e2e.HistorySyncType.Value(SYNC_TYPES[kind])
        notification.chunkOrder, notification.progress = sync.chunkOrder, sync.progress
        if request_id:
            notification.peerDataRequestSessionID = request_id
        inside = kind == "initial" and device.inline_history and len(compressed) <= _INLINE_LIMIT
        if inside if inline is None else inline:
            notification.initialHistBootstrapInlinePayload = compressed
        if inline is not True:  # beside it too: there are clients that ask for it inside, and look for the file alone
            media = upload(self._world.media, MediaKind.HISTORY, compressed)
            notification.directPath, notification.fileLength = media.direct_path, media.reference.length
            notification.fileSHA256 = media.reference.sha256
            notification.fileEncSHA256 = media.reference.enc_sha256
            notification.mediaKey = media.reference.media_key
            path = "" if notification.initialHistBootstrapInlinePayload else media.direct_path
        shared = SharedHistory(device, self._world.new_id(), kind, sync, path, self._receipts)
        self._transmit(device, message, shared.id)
        self.shared.add(shared)
        return shared

    def share_again(self, device: SimDevice, message_id: str) -> None:
        """A device could not download a history: it is uploaded and announced once more (whatsmeow message.go:
        SendHistorySyncServerErrorReceipt; how the phone answers is not known, this is what would help)."""
        first = next((one for one in self.shared if one.id == message_id and one.device is device), None)
        if first is None:
            log.warning("%r asks again for history %s, which it was not given", device, message_id)
            return
        self._send(device, first.sync, first.kind, inline=False)

    # --- on demand ---

    def handle_request(self, device: SimDevice, request: e2e.PeerDataOperationRequestMessage, request_id: str) -> None:
        """A linked device asks for messages older than one it names."""
        self.requests.add(request)
        wanted = request.historySyncOnDemandRequest
        if not self.answers_requests or not request.HasField("historySyncOnDemandRequest"):
            return
        try:
            jid = Jid.parse(wanted.chatJID)
        except ValueError:
            log.warning("%r asks for older messages of %r, which is no chat", device, wanted.chatJID)
            return
        chat = self._chat(jid)
        older = self._older(chat, wanted) if chat else []
        count = max(wanted.onDemandMsgCount, 0)
        part = older[-count:] if count else []
        answer = HistoryChat(jid) if chat is None else chat
        answer = replace(answer, messages=part, complete=len(part) == len(older))
        sync = self.builder.build("on_demand", [answer])
        if not answer.complete:
            more = history_sync.Conversation.COMPLETE_ON_DEMAND_SYNC_BUT_MORE_MSG_REMAIN_ON_PRIMARY
            sync.conversations[0].endOfHistoryTransferType = more
        self._send(device, sync, "on_demand", None, request_id=request_id)

    @staticmethod
    def _older(
        chat: HistoryChat, wanted: e2e.PeerDataOperationRequestMessage.HistorySyncOnDemandRequest
    ) -> list[HistoryMessage]:
        messages = sorted(chat.messages, key=lambda message: message.seconds)
        for position, message in enumerate(messages):
            if message.id == wanted.oldestMsgID:
                return messages[:position]
        # In spite of its name the field has seconds (whatsmeow send.go: BuildHistorySyncRequest); other clients follow
        # the name.
        limit = wanted.oldestMsgTimestampMS
        limit = limit // 1000 if limit > 1 << 40 else limit
        return [message for message in messages if message.seconds < limit]


def _split(chats: Sequence[HistoryChat], chunks: int) -> Iterator[list[HistoryChat]]:
    """Every chat's messages in ``chunks`` parts, the newest first; chats without messages come with the first."""
    if chunks == 1:
        yield list(chats)
        return
    for number in range(chunks):
        part = []
        for chat in chats:
            size = -(-len(chat.messages) // chunks) or 1
            end = len(chat.messages) - number * size
            messages = chat.messages[max(end - size, 0) : max(end, 0)]
            if messages or number == 0:
                part.append(replace(chat, messages=messages, complete=end - size <= 0))
        yield part
