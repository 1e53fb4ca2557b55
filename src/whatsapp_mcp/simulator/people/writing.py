"""Everything but plain texts that a simulated person can send: media, places, people, polls, votes, edits …"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Sequence
from typing import TypedDict, Unpack

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.content import compose
from whatsapp_mcp.simulator.content.attachments import UploadedMedia, upload
from whatsapp_mcp.simulator.content.summary import ReceivedMessage
from whatsapp_mcp.simulator.people.actor import Actor
from whatsapp_mcp.simulator.people.sent import SentMessage
from whatsapp_mcp.simulator.service.status_posts import StatusAudience
from whatsapp_mcp.simulator.state.accounts import SimAccount
from whatsapp_mcp.simulator.state.groups import Chat, GroupState, address
from whatsapp_mcp.wire.media import MediaKind
from whatsapp_mcp.wire.message_secrets import Change
from whatsapp_mcp.wire.protos import common, e2e

Content = bytes | UploadedMedia
"""A file, or one that is on the media hosts already (:meth:`WritingDevice.upload`)."""


class SimSendOptions(TypedDict, total=False):
    """What any message may have: docs/simulator.md."""

    to: Chat | None
    """A group, or an account (`whatsapp.phone.account`, another contact's `account`). Default: the bot's account."""
    reply_to: ReceivedMessage | SentMessage | None
    """Quote a message of either side."""
    mentions: Sequence[SimAccount]
    """Who is mentioned: `whatsapp.phone.account`, a contact's `account`."""
    forwarded: bool
    """It is marked as forwarded."""
    ephemeral: int
    """Seconds after which the message disappears; it goes out in an envelope that says so."""
    view_once: bool
    """It may be looked at once only."""
    in_album: SentMessage
    """The album that a picture or video belongs to: what `send_album_start` returned."""
    better_of: SentMessage
    """The picture or video that this one shows again, in better quality."""


class WritingDevice(Actor):
    """A phone that can send everything."""

    @abstractmethod
    def _default_chat(self) -> Chat:
        """Where messages without ``to`` go.

        Raises:
            ValueError: nowhere.
        """

    def _chat_of(self, message: ReceivedMessage | SentMessage) -> Chat:
        """The chat that a message is in."""
        if isinstance(message, SentMessage):
            return message.chat
        return self.world.groups.get(message.chat) or self.world.account(message.chat) or self._default_chat()

    def _key(self, message: ReceivedMessage | SentMessage) -> common.MessageKey:
        """How a message is named in another one."""
        own = isinstance(message, SentMessage)
        key = common.MessageKey(remoteJID=str(address(self._chat_of(message))), fromMe=own, ID=message.id)
        if isinstance(message, ReceivedMessage) and message.group is not None:
            key.participant = str(message.sender.bare)
        return key

    def _own_name(self, chat: Chat) -> Jid:
        """The own address as a chat uses it."""
        return chat.name_of(self.account) if isinstance(chat, GroupState) else self.account.lid

    def send_content(self, content: e2e.Message, *, edit: str = "", **options: Unpack[SimSendOptions]) -> SentMessage:
        """Send any message, with the options applied to it."""
        if options.get("view_once"):
            content = compose.view_once(content)
        reply_to, seconds = options.get("reply_to"), options.get("ephemeral", 0)
        if reply_to is not None:
            author = self.account.lid if isinstance(reply_to, SentMessage) else reply_to.sender.bare
            compose.quote(content, reply_to.id, str(author), reply_to.message)
        chat = options.get("to") or self._default_chat()
        if mentions := options.get("mentions"):
            named = [chat.name_of(person) if isinstance(chat, GroupState) else person.pn for person in mentions]
            compose.context_of(content).mentionedJID.extend(map(str, named))
        if options.get("forwarded"):
            context = compose.context_of(content)
            context.isForwarded, context.forwardingScore = True, 1
        if (in_album := options.get("in_album")) is not None:
            compose.album_child(content, self._key(in_album))
        if (first := options.get("better_of")) is not None:
            content = compose.better_quality(content, self._key(first))
        if seconds:
            content = compose.ephemeral(content, seconds)
        return self.send_message(chat, content, edit=edit)

    # --- media ---

    async def upload(self, kind: MediaKind, content: bytes) -> UploadedMedia:
        """Put a file on the media hosts without holding up the event loop: for large ones."""
        return await asyncio.to_thread(upload, self.world.media, kind, content)

    def _uploaded(self, kind: MediaKind, content: Content) -> UploadedMedia:
        if isinstance(content, bytes):
            return upload(self.world.media, kind, content)
        if content.reference.kind is not kind:
            raise ValueError(f"uploaded as {content.reference.kind.mms_type}, not as {kind.mms_type}")
        return content

    def send_image(
        self,
        content: Content,
        *,
        caption: str = "",
        mimetype: str = "image/jpeg",
        size: tuple[int, int] = (0, 0),
        thumbnail: bytes = b"",
        **options: Unpack[SimSendOptions],
    ) -> SentMessage:
        """Send a picture. ``size`` is width and height in pixels."""
        media = self._uploaded(MediaKind.IMAGE, content)
        message = compose.image(media, caption=caption, mimetype=mimetype, size=size, thumbnail=thumbnail)
        return self.send_content(message, **options)

    def send_video(
        self,
        content: Content,
        *,
        caption: str = "",
        mimetype: str = "video/mp4",
        seconds: int = 1,
        size: tuple[int, int] = (0, 0),
        thumbnail: bytes = b"",
        gif: bool = False,
        note: bool = False,
        **options: Unpack[SimSendOptions],
    ) -> SentMessage:
        """Send a video; ``gif``: one that plays in a loop, ``note``: a round one."""
        media = self._uploaded(MediaKind.VIDEO, content)
        message = compose.video(
            media,
            caption=caption,
            mimetype=mimetype,
            seconds=seconds,
            size=size,
            thumbnail=thumbnail,
            gif=gif,
            note=note,
        )
        return self.send_content(message, **options)

    def send_voice(self, content: Content, *, seconds: int = 1, **options: Unpack[SimSendOptions]) -> SentMessage:
        """Send a voice note (Ogg/Opus)."""
        return self.send_content(compose.voice(self._uploaded(MediaKind.AUDIO, content), seconds=seconds), **options)

    def send_audio(
        self, content: Content, *, mimetype: str = "audio/mpeg", seconds: int = 1, **options: Unpack[SimSendOptions]
    ) -> SentMessage:
        """Send music and the like."""
        media = self._uploaded(MediaKind.AUDIO, content)
        return self.send_content(compose.audio(media, mimetype=mimetype, seconds=seconds), **options)

    def send_document(
        self,
        content: Content,
        *,
        name: str,
        caption: str = "",
        mimetype: str = "application/octet-stream",
        pages: int = 0,
        thumbnail: bytes = b"",
        **options: Unpack[SimSendOptions],
    ) -> SentMessage:
        """Send a file called ``name``."""
        media = self._uploaded(MediaKind.DOCUMENT, content)
        message = compose.document(
            media, name=name, caption=caption, mimetype=mimetype, pages=pages, thumbnail=thumbnail
        )
        return self.send_content(message, **options)

    def send_sticker(
        self,
        content: Content,
        *,
        animated: bool = False,
        size: tuple[int, int] = (512, 512),
        **options: Unpack[SimSendOptions],
    ) -> SentMessage:
        """Send a sticker (WebP)."""
        media = self._uploaded(MediaKind.IMAGE, content)
        return self.send_content(compose.sticker(media, animated=animated, size=size), **options)

    def send_album_start(self, *, images: int = 0, videos: int = 0, **options: Unpack[SimSendOptions]) -> SentMessage:
        """Announce an album; its pictures and videos follow with ``in_album``."""
        return self.send_content(compose.album(images, videos), **options)

    def send_album(
        self, images: Sequence[Content], *, caption: str = "", **options: Unpack[SimSendOptions]
    ) -> list[SentMessage]:
        """Send pictures as an album: first its announcement, then the pictures; the first one has the caption."""
        start = self.send_album_start(images=len(images), **options)
        child: SimSendOptions = {"in_album": start}
        if "to" in options:
            child["to"] = options["to"]
        children = [
            self.send_image(content, caption="" if number else caption, **child)
            for number, content in enumerate(images)
        ]
        return [start, *children]

    # --- places, people, links ---

    def send_location(
        self, latitude: float, longitude: float, *, name: str = "", address: str = "", **options: Unpack[SimSendOptions]
    ) -> SentMessage:
        return self.send_content(compose.location(latitude, longitude, name=name, address=address), **options)

    def send_live_location(
        self,
        latitude: float,
        longitude: float,
        *,
        caption: str = "",
        sequence: int = 1,
        **options: Unpack[SimSendOptions],
    ) -> SentMessage:
        """Send the first or (``sequence`` above 1) a later position."""
        content = compose.live_location(latitude, longitude, caption=caption, sequence=sequence)
        return self.send_content(content, **options)

    def send_contacts(self, *cards: tuple[str, str], **options: Unpack[SimSendOptions]) -> SentMessage:
        """Send one or more vCards: (name, number) each."""
        return self.send_content(compose.contact_cards(cards), **options)

    def send_link(
        self,
        text: str,
        url: str,
        *,
        title: str,
        description: str = "",
        thumbnail: bytes = b"",
        picture: Content | None = None,
        **options: Unpack[SimSendOptions],
    ) -> SentMessage:
        """Send a text that contains ``url``, with a preview; ``picture`` is a large one, on the media hosts."""
        media = None if picture is None else self._uploaded(MediaKind.LINK_THUMBNAIL, picture)
        message = compose.link(text, url, title=title, description=description, thumbnail=thumbnail, picture=media)
        return self.send_content(message, **options)

    # --- status ---

    def post_status(self, content: str | e2e.Message, *, audience: Sequence[SimAccount] | None = None) -> SentMessage:
        """Post a status update for ``audience`` (without it: for the one that messages usually go to)."""
        if isinstance(content, str):
            text = e2e.ExtendedTextMessage(text=content, backgroundArgb=0xFF54C265, font=e2e.ExtendedTextMessage.SYSTEM)
            content = e2e.Message(extendedTextMessage=text)
        if audience is None:
            usual = self._default_chat()
            audience = list(usual.members) if isinstance(usual, GroupState) else [usual]
        chat = StatusAudience.of(self.account, audience)
        self.sender_keys.prepare(chat.jid, ())  # every post goes out with the key, to all that it is for
        return self.send_message(chat, content)

    # --- polls ---

    def send_poll(
        self, question: str, options_: Sequence[str], *, selectable: int = 1, **options: Unpack[SimSendOptions]
    ) -> SentMessage:
        """Ask; ``selectable`` 0: any number of options may be chosen."""
        return self.send_content(compose.poll(question, options_, selectable=selectable), **options)

    def vote(
        self, poll: ReceivedMessage | SentMessage, options_: Sequence[str], **options: Unpack[SimSendOptions]
    ) -> SentMessage:
        """Vote in a poll of either side; a later vote replaces an earlier one, an empty one takes it back.

        Raises:
            ValueError: the poll has no such option.
            LookupError: the message is no poll that this phone knows.
        """
        vote = e2e.PollVoteMessage(selectedOptions=self.secrets.hashes(poll.id, options_))
        chat = self._chat_of(poll)
        sealed = self.secrets.seal(Change.POLL_VOTE, poll.id, self._own_name(chat), vote.SerializeToString())
        update = e2e.PollUpdateMessage(
            pollCreationMessageKey=self._key(poll),
            vote=e2e.PollEncValue(encPayload=sealed.ciphertext, encIV=sealed.iv),
            senderTimestampMS=int(self.world.clock() * 1000),
        )
        options.setdefault("to", chat)
        return self.send_content(e2e.Message(pollUpdateMessage=update), **options)

    # --- changes ---

    def _edit_of(self, sent: SentMessage, content: e2e.Message) -> e2e.ProtocolMessage:
        return e2e.ProtocolMessage(
            key=self._key(sent),
            type=e2e.ProtocolMessage.MESSAGE_EDIT,
            editedMessage=content,
            timestampMS=int(self.world.clock() * 1000),
        )

    def edit_secretly(self, sent: SentMessage, text: str, *, wrapped: bool = True) -> SentMessage:
        """Replace the text of an own message in the newer form: encrypted under that message's secret.

        ``wrapped``: inside of a ``protocolMessage``, as recent phones do; else the bare content, which is seen too.
        """
        content = e2e.Message(conversation=text)
        if wrapped:
            content = e2e.Message(protocolMessage=self._edit_of(sent, content))
        author = self._own_name(sent.chat)
        sealed = self.secrets.seal(Change.MESSAGE_EDIT, sent.id, author, content.SerializeToString())
        message = e2e.Message()
        message.secretEncryptedMessage.targetMessageKey.CopyFrom(self._key(sent))
        message.secretEncryptedMessage.encPayload = sealed.ciphertext
        message.secretEncryptedMessage.encIV = sealed.iv
        message.secretEncryptedMessage.secretEncType = e2e.SecretEncryptedMessage.MESSAGE_EDIT
        return self.send_message(sent.chat, message, edit="1")

    def set_disappearing(self, seconds: int, *, to: Chat | None = None) -> SentMessage:
        """Change the timer of a 1:1 chat: later messages disappear after ``seconds``, 0: they stay."""
        message = e2e.Message()
        message.protocolMessage.type = e2e.ProtocolMessage.EPHEMERAL_SETTING
        message.protocolMessage.ephemeralExpiration = seconds
        message.protocolMessage.ephemeralSettingTimestamp = int(self.world.clock())
        return self.send_message(to or self._default_chat(), message)
