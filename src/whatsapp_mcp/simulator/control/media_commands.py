"""The commands of the control socket about media, polls, status posts, calls and pictures. Files are named by their
paths: whoever may use the control socket may read them anyway."""

from __future__ import annotations

import asyncio
import mimetypes
from pathlib import Path
from typing import Any, Literal

from whatsapp_mcp.simulator.content import compose
from whatsapp_mcp.simulator.content.attachments import UploadedMedia
from whatsapp_mcp.simulator.content.summary import ReceivedMessage
from whatsapp_mcp.simulator.people.contact import VirtualContact
from whatsapp_mcp.simulator.people.sent import SentMessage
from whatsapp_mcp.simulator.people.writing import SimSendOptions
from whatsapp_mcp.simulator.server import Simulator
from whatsapp_mcp.simulator.state.groups import GroupState
from whatsapp_mcp.wire.media import MediaKind

Json = dict[str, Any]
FileKind = Literal["image", "video", "voice", "audio", "document", "sticker"]

_KINDS = {
    "image": MediaKind.IMAGE,
    "video": MediaKind.VIDEO,
    "voice": MediaKind.AUDIO,
    "audio": MediaKind.AUDIO,
    "document": MediaKind.DOCUMENT,
    "sticker": MediaKind.IMAGE,
}


class MediaCommands:
    """Part of :class:`whatsapp_mcp.simulator.control.commands.Commands`."""

    _simulator: Simulator

    def _speaker(self, name: str) -> VirtualContact:
        return self._simulator.contact(name)

    def _any_message(self, speaker: VirtualContact, message_id: str) -> ReceivedMessage | SentMessage:
        received = next((message for message in speaker.inbox if message.id == message_id), None)
        return received or self._find_sent(speaker, message_id)

    @staticmethod
    def _find_sent(speaker: VirtualContact, message_id: str) -> SentMessage:
        sent = speaker.sent(message_id)
        if sent is None:
            raise LookupError(f"{speaker.name} knows no message {message_id}")
        return sent

    def _options(self, speaker: VirtualContact, group: str | None, reply_to: str | None) -> SimSendOptions:
        options: SimSendOptions = {}
        if group is not None:
            options["to"] = self._simulator.group(group)
        if reply_to is not None:
            options["reply_to"] = self._any_message(speaker, reply_to)
        return options

    # --- messages ---

    async def do_send_file(
        self,
        contact: str,
        kind: FileKind,
        path: Path,
        caption: str = "",
        mimetype: str | None = None,
        view_once: bool = False,
        seconds: int = 1,
        group: str | None = None,
        reply_to: str | None = None,
    ) -> Json:
        """A contact sends a picture, video, voice note, audio, document or sticker from a file."""
        speaker = self._speaker(contact)
        media = await speaker.upload(_KINDS[kind], await asyncio.to_thread(path.read_bytes))
        message = _content(kind, media, path.name, caption, mimetype, seconds)
        options: SimSendOptions = {**self._options(speaker, group, reply_to), "view_once": view_once}
        return sent_json(speaker.send_content(message, **options))

    async def do_save_file(self, contact: str, message_id: str, path: Path) -> Json:
        """Write the file that a contact received with a message to ``path``."""
        received = next((m for m in self._speaker(contact).inbox if m.id == message_id), None)
        if received is None:
            raise LookupError(f"{contact} got no message {message_id}")
        content = await received.download()
        await asyncio.to_thread(path.write_bytes, content)
        return {"bytes": len(content), "mimetype": received.media.mimetype if received.media else ""}

    def do_send_location(
        self, contact: str, latitude: float, longitude: float, name: str = "", live: bool = False
    ) -> Json:
        """A contact sends a place, or (live) the first position of a walk."""
        speaker = self._speaker(contact)
        if live:
            return sent_json(speaker.send_live_location(latitude, longitude, caption=name))
        return sent_json(speaker.send_location(latitude, longitude, name=name))

    def do_send_card(self, contact: str, name: str, number: str) -> Json:
        """A contact sends somebody's contact card."""
        return sent_json(self._speaker(contact).send_contacts((name, number)))

    def do_send_link(self, contact: str, text: str, url: str, title: str, description: str = "") -> Json:
        """A contact sends a link with a preview."""
        return sent_json(self._speaker(contact).send_link(text, url, title=title, description=description))

    def do_send_poll(
        self, contact: str, question: str, options: list[str], selectable: int = 1, group: str | None = None
    ) -> Json:
        """A contact asks; selectable 0: any number of options."""
        speaker = self._speaker(contact)
        sent = speaker.send_poll(question, options, selectable=selectable, **self._options(speaker, group, None))
        return sent_json(sent)

    def do_vote(self, contact: str, message_id: str, options: list[str]) -> Json:
        """A contact votes in a poll of either side."""
        speaker = self._speaker(contact)
        return sent_json(speaker.vote(self._any_message(speaker, message_id), options))

    def do_edit_secretly(self, contact: str, message_id: str, text: str) -> Json:
        """A contact edits its own message in the newer, encrypted form."""
        speaker = self._speaker(contact)
        return sent_json(speaker.edit_secretly(self._find_sent(speaker, message_id), text))

    def do_set_disappearing(self, contact: str, seconds: int) -> Json:
        """A contact changes the timer of the chat; 0: messages stay."""
        return sent_json(self._speaker(contact).set_disappearing(seconds))

    def do_post_status(self, contact: str, text: str) -> Json:
        """A contact posts a status update."""
        return {"id": self._speaker(contact).post_status(text).id}

    # --- calls and pictures ---

    def do_call(self, contact: str, video: bool = False) -> Json:
        """A contact rings."""
        return {"call_id": self._speaker(contact).call(video=video).id}

    async def do_wait_call(self, contact: str, call_id: str, what: str = "reject", timeout: float = 30.0) -> Json:
        """Wait until a contact's call is rejected (or what else is said: `accept`, `terminate` …)."""
        signals = self._speaker(contact).call_signals
        found = await signals.wait_for(lambda s: s.call_id == call_id and s.what == what, timeout=timeout)
        return {"call_id": found.call_id, "what": found.what, "reason": found.reason}

    def do_calls(self, contact: str, start: int = 0) -> list[Json]:
        """What a contact was told of calls, from position `start` on; `offer`: somebody rings."""
        return [
            {"call_id": one.call_id, "what": one.what, "by": one.by.number, "reason": one.reason, "video": one.video}
            for one in list(self._speaker(contact).call_signals)[start:]
        ]

    def do_take_call(self, contact: str, call_id: str) -> None:
        """A contact takes a call that rings."""
        self._speaker(contact).find_call(call_id).accept()

    def do_reject_call(self, contact: str, call_id: str) -> None:
        """A contact rejects a call that rings."""
        self._speaker(contact).find_call(call_id).reject()

    def do_end_call(self, contact: str, call_id: str, reason: str = "timeout") -> None:
        """A contact ends a call, or gives up ringing."""
        self._speaker(contact).find_call(call_id).end(reason)

    def do_set_picture(self, person: str, path: Path | None = None) -> Json:
        """Change the profile picture of a contact, or ("me") of the account; without a file: remove it."""
        account = (self._simulator.phone if person == "me" else self._speaker(person)).account
        if path is None:
            self._simulator.profile.remove_picture(account)
            return {"id": None}
        return {"id": self._simulator.profile.set_picture(account, path.read_bytes()).id}


def _content(kind: FileKind, media: UploadedMedia, name: str, caption: str, mimetype: str | None, seconds: int) -> Any:
    guessed = mimetype or mimetypes.guess_type(name)[0]
    match kind:
        case "image":
            return compose.image(media, caption=caption, mimetype=guessed or "image/jpeg")
        case "video":
            return compose.video(media, caption=caption, mimetype=guessed or "video/mp4", seconds=seconds)
        case "voice":
            return compose.voice(media, seconds=seconds)
        case "audio":
            return compose.audio(media, mimetype=guessed or "audio/mpeg", seconds=seconds)
        case "sticker":
            return compose.sticker(media)
        case "document":
            return compose.document(media, name=name, caption=caption, mimetype=guessed or "application/octet-stream")


def sent_json(sent: SentMessage) -> Json:
    """What a command says of the message that it sent."""
    chat = str(sent.address) if isinstance(sent.chat, GroupState) else sent.chat.number
    return {"id": sent.id, "time": sent.time.isoformat(), "chat": chat}
