"""A real neonize 0.5.2 client as a child process, driven by JSON lines. Not a test: see ``neonize_client.py``.

    neonize_driver.py ENDPOINT_FILE SESSION_DB

Standard input: ``{"id": 1, "do": "send_text", "to": "1202…", "text": "hi"}``. Standard output: ``{"id": 1, "result":
…}`` or ``{"id": 1, "error": "…"}``, and ``{"event": "MessageEv", "data": {…}}`` as they come. The process ends with
its standard input.

The environment (proxy, CA, ``NEONIZE_BOT_TAG``) must be set by whoever executes this: the Go runtime takes it from
the process's initial stack. Without the proxy there the script refuses to start, so that no test ever reaches the
real WhatsApp.
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import sys
import threading
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

OUTPUT = os.dup(1)
os.dup2(2, 1)  # Go prints to file descriptor 1

WHATSAPP_ROOT_PREFIX, WHATSAPP_ROOT_SUFFIX = bytes.fromhex("142375574d0a"), bytes.fromhex("a8ee6b")


def refuse_the_internet(endpoint: dict[str, str]) -> None:
    environment = dict(
        entry.split(b"=", 1) for entry in Path("/proc/self/environ").read_bytes().split(b"\0") if b"=" in entry
    )
    if environment.get(b"HTTPS_PROXY") != endpoint["proxy"].encode():
        sys.exit("refusing to start neonize: the environment at exec has no HTTPS_PROXY to the simulator")
    if not endpoint["proxy"].startswith("http://127.0.0.1:") or any(k.upper() == b"NO_PROXY" for k in environment):
        sys.exit("refusing to start neonize: it could reach more than loopback")


def replace_root_key(root: bytes) -> None:
    """Put the simulator's Noise root where the library keeps WhatsApp's, in this process's memory only."""
    hits: list[int] = []
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, permissions, *_ = line.split()
        if not permissions.startswith("rw") or "neonize-linux" not in line:
            continue
        start, end = (int(part, 16) for part in span.split("-"))
        memory = ctypes.string_at(start, end - start)
        position = memory.find(WHATSAPP_ROOT_PREFIX)
        while position >= 0:
            if memory[position : position + 32].endswith(WHATSAPP_ROOT_SUFFIX):
                hits.append(start + position)
            position = memory.find(WHATSAPP_ROOT_PREFIX, position + 1)
    if len(hits) != 1:
        sys.exit(f"expected WhatsApp's root key once in memory, found it {len(hits)} times")
    ctypes.memmove(hits[0], root, 32)


ENDPOINT: dict[str, str] = json.loads(Path(sys.argv[1]).read_text())
refuse_the_internet(ENDPOINT)
sys.modules.setdefault("magic", types.ModuleType("magic"))  # neonize imports libmagic, which may be missing

from google.protobuf.json_format import MessageToDict, Parse  # noqa: E402
from google.protobuf.message import Message as ProtobufMessage  # noqa: E402
from neonize._binder import func_callback_bytes, func_callback_bytes2, func_string, gocode  # noqa: E402
from neonize.client import NewClient  # noqa: E402
from neonize.events import INT_TO_EVENT  # noqa: E402
from neonize.proto import Neonize_pb2 as neonize  # noqa: E402
from neonize.proto.waCompanionReg.WAWebProtobufsCompanionReg_pb2 import DeviceProps  # noqa: E402
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message  # noqa: E402
from neonize.types import MessageServerID  # noqa: E402
from neonize.utils.enum import (  # noqa: E402
    BlocklistAction,
    ChatPresence,
    ChatPresenceMedia,
    ClientName,
    ClientType,
    MediaType,
    ParticipantChange,
    Presence,
    ReceiptType,
    VoteType,
)
from neonize.utils.jid import build_jid  # noqa: E402

replace_root_key(bytes.fromhex(ENDPOINT["noise_root"]))

_lines: queue.Queue[bytes] = queue.Queue()
_keep: list[Any] = []
"""Thunks must outlive every Go goroutine."""


def emit(message: dict[str, Any]) -> None:
    _lines.put(json.dumps(message, ensure_ascii=False).encode() + b"\n")


def write_lines() -> None:
    while True:
        os.write(OUTPUT, _lines.get())


def plain(value: Any) -> Any:
    if isinstance(value, ProtobufMessage):
        return MessageToDict(value, preserving_proto_field_name=True)
    if isinstance(value, (list, tuple)) or type(value).__name__ == "RepeatedCompositeContainer":
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


def jid(text: str) -> neonize.JID:
    user, _, server = text.partition("@")
    return build_jid(user, server or "s.whatsapp.net")


class Client:
    """One neonize client, started without ``NewClient.connect``."""

    def __init__(self, database: str) -> None:
        self.database = database
        self.uuid = f"driver-{os.getpid()}"
        self.neonize = NewClient(database, uuid=self.uuid)
        self.neonize._stop_finalizer.detach()

    def start(self) -> None:
        def on_event(_uuid: int, pointer: int, size: int, code: int) -> None:
            data = ctypes.string_at(pointer, size) if size else b""
            kind = INT_TO_EVENT.get(code)
            emit({"event": kind.__name__ if kind else str(code), "data": plain(kind.FromString(data)) if kind else {}})

        def on_log(pointer: int, size: int) -> None:
            if pointer and size:
                entry = neonize.LogEntry.FromString(ctypes.string_at(pointer, size))
                os.write(2, f"{entry.Level} {entry.Name}: {entry.Message}\n".encode())

        thunks = (
            func_string(lambda _uuid, text: emit({"event": "qr", "data": ctypes.string_at(text).decode()})),
            func_string(lambda _uuid, text: emit({"event": "login", "data": ctypes.string_at(text).decode()})),
            func_callback_bytes(on_event),
            func_callback_bytes2(on_log),
        )
        _keep.append(thunks)
        subscribed = bytes(sorted(INT_TO_EVENT))
        props = DeviceProps(os="Linux", platformType=DeviceProps.CHROME).SerializeToString()
        level = os.environ.get("DRIVER_LOG", "WARN").encode()

        def run() -> None:
            error = gocode.Neonize(
                self.database.encode(), self.uuid.encode(), b"", 0, 0, level, *thunks,
                subscribed, len(subscribed), props, len(props), b"", 0, None,
            )  # fmt: skip
            emit({"event": "end", "data": (error or b"").decode()})

        threading.Thread(target=run, daemon=True).start()

    # --- what the tests ask for ---

    def do_start(self) -> None:
        self.start()

    def do_me(self) -> Any:
        return self.neonize.get_me()

    def do_disconnect(self) -> None:
        self.neonize.disconnect()

    def do_pair_phone(self, phone: str) -> str:
        return self.neonize.PairPhone(phone, True, ClientName.LINUX, ClientType.CHROME)

    def do_send_text(self, to: str, text: str) -> Any:
        return self.neonize.send_message(jid(to), Message(conversation=text))

    def do_send(self, to: str, message: dict[str, Any]) -> Any:
        return self.neonize.send_message(jid(to), Parse(json.dumps(message), Message()))

    def do_react(self, chat: str, sender: str, message_id: str, emoji: str) -> Any:
        return self.neonize.send_message(
            jid(chat), self.neonize.build_reaction(jid(chat), jid(sender), message_id, emoji)
        )

    def do_edit(self, chat: str, message_id: str, text: str) -> Any:
        return self.neonize.edit_message(jid(chat), message_id, Message(conversation=text))

    def do_revoke(self, chat: str, sender: str, message_id: str) -> Any:
        return self.neonize.revoke_message(jid(chat), jid(sender), message_id)

    def do_mark_read(self, chat: str, ids: list[str]) -> None:
        self.neonize.mark_read(*ids, chat=jid(chat), sender=jid(chat), receipt=ReceiptType.READ)

    def do_set_profile_name(self, name: str) -> None:
        self.neonize.set_profile_name(name)

    def do_set_status(self, text: str) -> None:
        self.neonize.set_status_message(text)

    def do_is_on_whatsapp(self, numbers: list[str]) -> Any:
        return self.neonize.is_on_whatsapp(*numbers)

    def do_user_info(self, to: str) -> Any:
        return self.neonize.get_user_info(jid(to))

    def do_privacy(self) -> Any:
        return self.neonize.get_privacy_settings()

    def do_contacts(self) -> Any:
        return self.neonize.contact.get_all_contacts()

    def do_blocklist(self) -> Any:
        return self.neonize.get_blocklist()

    def do_block(self, who: str, action: str) -> Any:
        return self.neonize.update_blocklist(jid(who), BlocklistAction[action])

    def do_newsletters(self) -> Any:
        return self.neonize.get_subscribed_newletters()

    def do_picture(self, who: str) -> Any:
        parameters = neonize.GetProfilePictureParams(Preview=False, ExistingID="", IsCommunity=False)
        return self.neonize.get_profile_picture(jid(who), parameters)

    def do_set_picture(self, hexadecimal: str) -> Any:
        return self.neonize.set_profile_photo(bytes.fromhex(hexadecimal))

    def do_presence(self, available: bool) -> None:
        self.neonize.send_presence(Presence.AVAILABLE if available else Presence.UNAVAILABLE)

    def do_subscribe_presence(self, who: str) -> None:
        self.neonize.subscribe_presence(jid(who))

    def do_typing(self, chat: str) -> None:
        self.neonize.send_chat_presence(
            jid(chat), ChatPresence.CHAT_PRESENCE_COMPOSING, ChatPresenceMedia.CHAT_PRESENCE_MEDIA_TEXT
        )

    def do_mark_read_in_group(self, group: str, sender: str, ids: list[str]) -> None:
        self.neonize.mark_read(*ids, chat=jid(group), sender=jid(sender), receipt=ReceiptType.READ)

    def do_group_info(self, group: str) -> Any:
        return self.neonize.get_group_info(jid(group))

    def do_groups(self) -> Any:
        return self.neonize.get_joined_groups()

    def do_create_group(self, name: str, people: list[str]) -> Any:
        return self.neonize.create_group(name, [jid(person) for person in people])

    def do_change_people(self, group: str, action: str, people: list[str]) -> Any:
        change = ParticipantChange[action]
        return self.neonize.update_group_participants(jid(group), [jid(person) for person in people], change)

    def do_set_group_name(self, group: str, name: str) -> None:
        self.neonize.set_group_name(jid(group), name)

    def do_set_group_topic(self, group: str, topic: str) -> None:
        self.neonize.set_group_topic(jid(group), "", "", topic)

    def do_set_group_locked(self, group: str, locked: bool) -> None:
        self.neonize.set_group_locked(jid(group), locked)

    def do_set_group_announce(self, group: str, announce: bool) -> None:
        self.neonize.set_group_announce(jid(group), announce)

    def do_set_group_timer(self, group: str, seconds: int) -> None:
        self.neonize.set_disappearing_timer(jid(group), seconds * 10**9)

    def do_set_group_photo(self, group: str, hexadecimal: str) -> Any:
        return self.neonize.set_group_photo(jid(group), bytes.fromhex(hexadecimal))

    def do_group_invite_link(self, group: str, reset: bool = False) -> Any:
        return self.neonize.get_group_invite_link(jid(group), reset)

    def do_group_info_from_link(self, link: str) -> Any:
        return self.neonize.get_group_info_from_link(link)

    def do_join_group(self, link: str) -> Any:
        return self.neonize.join_group_with_link(link)

    def do_join_requests(self, group: str) -> Any:
        return self.neonize.get_group_request_participants(jid(group))

    def do_leave_group(self, group: str) -> None:
        self.neonize.leave_group(jid(group))

    def do_create_community(self, name: str, closed: bool) -> Any:
        mode = "request_required" if closed else ""
        parent = neonize.GroupParent(IsParent=True, DefaultMembershipApprovalMode=mode)
        return self.neonize.create_group(name, [], group_parent=parent)

    def do_create_linked_group(self, name: str, people: list[str], community: str) -> Any:
        parent = neonize.GroupLinkedParent(LinkedParentJID=jid(community))
        return self.neonize.create_group(name, [jid(person) for person in people], linked_parent=parent)

    def do_link_group(self, community: str, group: str) -> None:
        self.neonize.link_group(jid(community), jid(group))

    def do_unlink_group(self, community: str, group: str) -> None:
        self.neonize.unlink_group(jid(community), jid(group))

    def do_sub_groups(self, community: str) -> Any:
        return self.neonize.get_sub_groups(jid(community))

    def do_community_people(self, community: str) -> Any:
        return self.neonize.get_linked_group_participants(jid(community))

    # --- links to people ---

    def do_contact_link(self, revoke: bool = False) -> str:
        return self.neonize.get_contact_qr_link(revoke)

    def do_follow_contact_link(self, link: str) -> Any:
        return self.neonize.resolve_contact_qr_link(link)

    def do_follow_message_link(self, link: str) -> Any:
        return self.neonize.resolve_business_message_link(link)

    # --- media and polls; bytes travel as base64, or in files when they are large ---

    def do_upload(self, kind: str, path: str, newsletter: bool = False) -> Any:
        upload = self.neonize.upload_newsletter if newsletter else self.neonize.upload
        return upload(Path(path).read_bytes(), MediaType[kind])

    def do_download(self, message: dict[str, Any], path: str) -> int:
        content = self.neonize.download_any(Parse(json.dumps(message), Message()))
        return Path(path).write_bytes(content)

    def do_poll(self, to: str, question: str, options: list[str], selectable: int) -> Any:
        kind = VoteType.SINGLE if selectable == 1 else VoteType.MULTIPLE
        return self.neonize.send_message(jid(to), self.neonize.build_poll_vote_creation(question, options, kind))

    def do_vote(self, to: str, info: dict[str, Any], options: list[str]) -> Any:
        info = {**info, "Timestamp": int(info["Timestamp"]) // 1000}
        poll = Parse(json.dumps(info), neonize.MessageInfo())
        return self.neonize.send_message(jid(to), self.neonize.build_poll_vote(poll, options))

    def do_reject_call(self, who: str, call_id: str) -> None:
        self.neonize.reject_call(jid(who), call_id)

    # --- newsletters ---

    def do_newsletter(self, newsletter: str) -> Any:
        return self.neonize.get_newsletter_info(jid(newsletter))

    def do_newsletter_by_invite(self, key: str) -> Any:
        return self.neonize.get_newsletter_info_with_invite(key)

    def do_create_newsletter(self, name: str, description: str) -> Any:
        return self.neonize.create_newsletter(name, description, b"")

    def do_follow(self, newsletter: str) -> None:
        self.neonize.follow_newsletter(jid(newsletter))

    def do_unfollow(self, newsletter: str) -> None:
        self.neonize.unfollow_newsletter(jid(newsletter))

    def do_mute_newsletter(self, newsletter: str, mute: bool) -> None:
        self.neonize.newsletter_toggle_mute(jid(newsletter), mute)

    def do_newsletter_messages(self, newsletter: str, count: int = 10, before: int = 0) -> Any:
        return self.neonize.get_newsletter_messages(jid(newsletter), count, MessageServerID(before))

    def do_newsletter_updates(self, newsletter: str, count: int = 10, since: int = 0, after: int = 0) -> Any:
        return self.neonize.get_newsletter_message_update(jid(newsletter), count, since, after)

    def do_react_newsletter(self, newsletter: str, server_id: int, emoji: str) -> None:
        self.neonize.newsletter_send_reaction(jid(newsletter), MessageServerID(server_id), emoji, "")

    def do_live_updates(self, newsletter: str) -> int:
        return self.neonize.newsletter_subscribe_live_updates(jid(newsletter))

    def do_view_newsletter(self, newsletter: str, server_ids: list[int]) -> None:
        self.neonize.newsletter_mark_viewed(jid(newsletter), [MessageServerID(number) for number in server_ids])

    def do_logout(self) -> None:
        self.neonize.logout()  # type: ignore[no-untyped-call]

    def do_is_logged_in(self) -> bool:
        return bool(self.neonize.is_logged_in)


def main() -> None:
    threading.Thread(target=write_lines, daemon=True).start()
    client = Client(sys.argv[2])
    pool = ThreadPoolExecutor(8)

    def perform(request: dict[str, Any], action: Callable[..., Any]) -> None:
        arguments = {key: value for key, value in request.items() if key not in ("id", "do")}
        try:
            emit({"id": request["id"], "result": plain(action(**arguments))})
        except BaseException as error:
            emit({"id": request["id"], "error": f"{type(error).__name__}: {error}"})

    emit({"event": "ready", "data": None})
    for line in sys.stdin:
        request = json.loads(line)
        pool.submit(perform, request, getattr(client, f"do_{request['do']}"))
    os._exit(0)


if __name__ == "__main__":
    main()
