"""One call of every tool, played through MCP against the simulator; docs/record.py keeps what they answer.

What the pages of the tools show is what happened here: nothing is written by hand. A tool that is called twice is shown
as it was called first.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from mcp.types import TextContent
from PIL import Image, ImageDraw

from whatsapp_mcp.client import CallError, WhatsApp, connect
from whatsapp_mcp.simulator import Simulator, VirtualContact
from whatsapp_mcp.simulator.service.business import BusinessDetails, OpeningHours

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.stand_in import faster_whisper  # noqa: E402

Json = dict[str, Any]
SHOWN_FOLDER = "/home/you/.local/share/whatsapp-mcp"
_LONGEST = 120
"""Characters of a text in an answer; what is longer is cut on the page."""
_LABEL = {"label_id": "7", "label_name": "Friends", "labeled": True}


class Play:
    """A linked account and the people around it."""

    def __init__(self, simulator: Simulator, whatsapp: WhatsApp, folder: Path) -> None:
        self._whatsapp = whatsapp
        self._folder = folder
        self.simulator = simulator
        self.outbox = folder / "outbox"
        self.examples: dict[str, Json] = {}

    async def call(self, tool: str, **arguments: Any) -> Any:
        """``results`` of a call, which is kept if it is the tool's first."""
        result = await self._whatsapp.client.call_tool(tool, arguments)
        answer = json.loads(next(block.text for block in result.content if isinstance(block, TextContent)))
        if result.is_error:
            raise RuntimeError(f"{tool} answered {answer}")
        self.examples.setdefault(tool, {"arguments": arguments, "answer": self._shown(answer)})
        return answer.get("results")

    async def named(self, *names: str) -> None:
        """Wait until the account knows these contacts and groups by their names."""
        known: set[str] = set()
        with anyio.fail_after(30):
            while not known.issuperset(names):
                await anyio.sleep(0.1)
                tools = ("userMyContacts", "userMyGroups")
                rows = [row for tool in tools async for row in self._whatsapp.rows(tool)]
                known = {row["name"] for row in rows}

    async def arrived(self, chat: str, message_id: str) -> None:
        """Wait until a message is in the store."""
        with anyio.fail_after(30):
            while message_id not in await self._messages_of(chat):
                await anyio.sleep(0.1)

    async def _messages_of(self, chat: str) -> list[str]:
        try:
            results = await self._whatsapp.call("getChatMessages", chat_jid=chat)
        except CallError:  # the chat begins with that message
            return []
        return [row["message_id"] for row in results["data"]]

    def _shown(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._shown(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._shown(item) for item in value]
        if not isinstance(value, str):
            return value
        text = value.replace(str(self._folder / "data"), SHOWN_FOLDER)
        return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


async def examples() -> dict[str, Json]:
    """Tool -> arguments and answer, of all tools."""
    async with _stage() as play:
        await _link(play)
        ana = play.simulator.contact("Ana")
        await _read(play, ana)
        await _people(play, ana)
        await _send(play, ana)
        await _messages(play, ana)
        await _chats(play, ana)
        await _groups(play)
        await play.call("appReconnect")
        return play.examples


@asynccontextmanager
async def _stage() -> AsyncIterator[Play]:
    with tempfile.TemporaryDirectory(prefix="whatsapp-mcp-docs-") as name:
        folder = Path(name)
        (folder / "outbox").mkdir()
        _write_files(folder / "outbox")
        model = faster_whisper.model_in(folder / "model", "See you at the station")
        library = os.pathsep.join(filter(None, (str(faster_whisper.FOLDER), os.environ.get("PYTHONPATH"))))
        async with Simulator() as simulator:
            simulator.write_endpoint(folder / "endpoint.json")
            await _invite(simulator)
            settings = {
                "PYTHONPATH": library,
                "WHATSAPP_MCP_ACCOUNT": "",
                "WHATSAPP_MCP_ENDPOINT": str(folder / "endpoint.json"),
                "WHATSAPP_MCP_REQUIRE_ENDPOINT": "true",
                "WHATSAPP_MCP_OUTBOX": str(folder / "outbox"),
                "WHATSAPP_MCP_POLICY": "open",
                "WHATSAPP_MCP_SESSION_LINGER": "0",
                "WHATSAPP_MCP_SIDE_LOGIN_DISTANCE": "0",
                "WHATSAPP_MCP_TIMEZONE": "Europe/Berlin",
                "WHATSAPP_MCP_VOICE_MODEL": str(model),
            }
            with (folder / "server.log").open("w+", encoding="utf-8") as log:
                try:
                    async with connect(data_dir=folder / "data", settings=settings, log=log) as whatsapp:
                        yield Play(simulator, whatsapp, folder)
                except BaseException:
                    log.seek(0)
                    sys.stderr.write(log.read())
                    raise


async def _invite(simulator: Simulator) -> None:
    ana = await simulator.add_contact("Ana", saved=True)
    bruno = await simulator.add_contact("Bruno", saved=True)
    for name in ("Chen", "Zoe", "Yara"):
        await simulator.add_contact(name)
    shop = await simulator.add_contact("Petal & Stem", business_name="Petal & Stem")
    hours = (OpeningHours("mon", 540, 1080),)
    simulator.business.set(shop.account, BusinessDetails(email="hello@petal.example", hours=hours))
    simulator.profile.set_picture(ana.account, _picture("peru"))
    await simulator.add_group("Weekend trip", [simulator.phone, bruno], owner=ana)
    simulator.add_newsletter("Coffee facts", "About coffee", posts=["Arabica grows high up."], followed=True)


async def _link(play: Play) -> None:
    phone = play.simulator.phone
    code = await play.call("appLoginWithCode", phone=f"+{phone.account.number}")
    await phone.enter_code(code["pair_code"])
    await phone.linked.wait_for(timeout=20)
    await play.call("appDevices")
    await play.call("appLogout")
    code = await play.call("appLogin")
    await phone.scan(code["qr_text"])
    await play.call("appDevices")
    await play.named("Ana", "Bruno", "Weekend trip")
    await play.call("appStatus")


async def _read(play: Play, ana: VirtualContact) -> None:
    bruno, trip = play.simulator.contact("Bruno"), play.simulator.group("Weekend trip")
    bruno.say("Who brings the tent?", to=trip)
    ana.say("I found a place for Friday")
    asked = ana.say("Dinner at eight?")
    await play.arrived("Ana", asked.id)
    await play.call("catchUp")
    await play.call("checkInbox")
    await play.call("listChats")
    await play.call("getChatMessages", chat_jid="Ana")
    await play.call("searchMessages", query="dinner OR tent")
    await play.call("getMessageContext", chat_jid="Ana", message_id=asked.id)
    cursor = (await play.call("waitForMessage", phone="Ana", timeout=0))["cursor"]
    del play.examples["waitForMessage"]
    ana.say("Or at nine?")
    cursor = (await play.call("waitForMessage", phone="Ana", cursor=cursor, timeout=30))["cursor"]
    sent = await play.call("sendMessage", phone="Ana", message="Eight is fine", reply_message_id=asked.id)
    ana.react("👍", await ana.wait_for_message(lambda m: m.id == sent["message_id"], timeout=20))
    await play.call("waitForEvent", phone="Ana", kinds=["reaction"], cursor=cursor, timeout=30)


async def _people(play: Play, ana: VirtualContact) -> None:
    shop = play.simulator.contact("Petal & Stem")
    await play.call("userMyContacts")
    await play.call("userMyGroups")
    await play.call("userMyNewsletter")
    await play.call("userInfo", phone="Ana")
    await play.call("userAvatar", phone="Ana")
    await play.call("userCheck", phone=f"+{ana.number}")
    await play.call("userMyPrivacy")
    await play.call("userBusinessProfile", phone=f"+{shop.number}")
    await play.call("userChangePushName", push_name="Sam")
    await play.call("userChangeAvatar", avatar="photo.jpg")


async def _send(play: Play, ana: VirtualContact) -> None:
    await play.call("sendImage", phone="Ana", image="photo.jpg", caption="The place")
    await play.call("sendAudio", phone="Ana", audio="note.wav", ptt=True)
    await play.call("sendFile", phone="Ana", file="menu.pdf", caption="The menu")
    await play.call("sendVideo", phone="Ana", video="wave.gif", gif_playback=True)
    await play.call("sendSticker", phone="Ana", sticker="photo.jpg")
    chen = play.simulator.contact("Chen")
    await play.call("sendContact", phone="Ana", contact_name="Chen", contact_phone=f"+{chen.number}")
    await play.call("sendLink", phone="Ana", link="https://menu.example/friday", caption="Have a look")
    await play.call("sendLocation", phone="Ana", latitude="52.5200", longitude="13.4050")
    await play.call("sendPoll", phone="Weekend trip", question="When?", options=["Friday", "Saturday"], max_answer=1)
    await play.call("sendPresence", type="available")
    await play.call("sendChatPresence", phone="Ana", action="start")
    later = await play.call("scheduleMessage", phone="Ana", message="Happy birthday!", at="in 2h")
    await play.call("listScheduled")
    await play.call("cancelScheduled", message_id=later["message_id"])


async def _messages(play: Play, ana: VirtualContact) -> None:
    photo = ana.send_image(_picture("teal"), caption="Like this?")
    note = ana.send_voice((play.outbox / "note.wav").read_bytes(), seconds=1)
    await play.arrived("Ana", note.id)
    about = {"phone": "Ana", "message_id": photo.id}
    await play.call("downloadMessageMedia", **about)
    await play.call("transcribeMessage", phone="Ana", message_id=note.id)
    await play.call("reactMessage", **about, emoji="❤️")
    await play.call("readMessage", phone="Ana", message_id=[photo.id, note.id])
    await play.call("starMessage", phone="Ana", message_id=[photo.id])
    await play.call("unstarMessage", phone="Ana", message_id=[photo.id])
    await play.call("labelMessage", phone="Ana", message_id=[photo.id], **_LABEL)
    await play.call("forwardMessage", message_id=photo.id, phone="Bruno")
    sent = await play.call("sendMessage", phone="Ana", message="I bring a cake")
    mine = {"phone": "Ana", "message_id": sent["message_id"]}
    await play.call("updateMessage", **mine, message="I bring two cakes")
    await play.call("getMessageStatus", **mine)
    await play.call("revokeMessage", **mine)
    await play.call("deleteMessage", phone="Ana", message_id=note.id)
    ring = ana.call()
    await play.arrived("Ana", ring.id)
    await play.call("rejectCall", caller_jid=f"+{ana.number}", call_id=ring.id)


async def _chats(play: Play, ana: VirtualContact) -> None:
    chen = play.simulator.contact("Chen")
    await play.arrived(f"+{chen.number}", chen.say("Hi, is this Sam?").id)
    await play.call("labelChat", chat_jid=["Ana"], **_LABEL)
    await play.call("listLabels")
    await play.call("pinChat", chat_jid=["Ana"], pinned=True)
    await play.call("muteChat", chat_jid=["Weekend trip"], muted=True, duration=28800)
    await play.call("markChatRead", chat_jid=["Weekend trip"], read=True)
    await play.call("archiveChat", chat_jid=[f"+{chen.number}"], archived=True)
    await play.call("setDisappearingTimer", chat_jid="Ana", timer_seconds=604800)
    await play.call("deleteChat", chat_jid=f"+{chen.number}")
    news = play.simulator.newsletter("Coffee facts")
    await play.call("getNewsletterMessages", newsletter_id=str(news.jid))
    await play.call("unfollowNewsletter", newsletter_id=str(news.jid))


async def _groups(play: Play) -> None:
    simulator = play.simulator
    zoe, yara, chen = (simulator.contact(name) for name in ("Zoe", "Yara", "Chen"))
    made = await play.call("createGroup", title="Book club", participants=["Ana", "Bruno"])
    group = {"group_id": made["group_id"]}
    await play.call("addParticipantToGroup", **group, participants=[f"+{chen.number}"])
    await play.call("promoteParticipantToAdmin", **group, participants=["Ana"])
    await play.call("demoteParticipantToMember", **group, participants=["Ana"])
    await play.call("removeParticipantFromGroup", **group, participants=[f"+{chen.number}"])
    await play.call("setGroupName", **group, name="Book club, Tuesdays")
    await play.call("setGroupTopic", **group, topic="This month: Middlemarch")
    await play.call("setGroupPhoto", **group, photo="photo.jpg")
    await play.call("setGroupLocked", **group, locked=True)
    await play.call("setGroupAnnounce", **group, announce=True)
    await play.call("groupInviteLink", **group)
    state = simulator.group(made["group_id"])
    state.require_approval(by=simulator.phone)
    for person in (zoe, yara):
        person.request_to_join(state)
    await play.call("getGroupParticipantRequests", **group)
    await play.call("approveGroupParticipantRequest", **group, participants=[f"+{zoe.number}"])
    await play.call("rejectGroupParticipantRequest", **group, participants=[f"+{yara.number}"])
    await play.call("groupInfo", **group)
    await play.call("getGroupParticipants", **group)
    await play.call("leaveGroup", **group)
    party = await simulator.add_group("Garden party", [zoe], owner=yara)
    await play.call("getGroupInfoFromLink", link=party.invite_link)
    await play.call("joinGroupWithLink", link=party.invite_link)


def _write_files(outbox: Path) -> None:
    (outbox / "photo.jpg").write_bytes(_picture("olive"))
    (outbox / "menu.pdf").write_bytes(b"%PDF-1.4\n%%EOF\n")
    frames = [Image.new("RGB", (160, 120), colour) for colour in ("navy", "teal", "white")]
    frames[0].save(outbox / "wave.gif", save_all=True, append_images=frames[1:], duration=200)
    with wave.open(str(outbox / "note.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16000)
        sound.writeframes(b"\x00\x10\x00\xf0" * 16000)


def _picture(colour: str) -> bytes:
    picture = Image.new("RGB", (640, 640), colour)
    ImageDraw.Draw(picture).ellipse((160, 160, 480, 480), fill="white")
    file = io.BytesIO()
    picture.save(file, "JPEG")
    return file.getvalue()
