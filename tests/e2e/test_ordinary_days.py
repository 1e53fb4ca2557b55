"""What people have a model do all day, under the default policy: nobody is asked anything."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from tests.e2e.harness import Host
from tests.e2e.obedience import JPEG, World, got
from tests.e2e.test_messages import row_where
from tests.e2e.test_more_kinds import votes_of
from tests.e2e.test_obedient import NO_LIMITS, Owner, obedient_world
from tests.unit.media import samples

Day = Callable[[Host, World], Awaitable[None]]


async def written(host: Host, phone: str, message: str, **more: object) -> str:
    return str((await host.call("sendMessage", phone=phone, message=message, **more))["message_id"])


async def look_and_answer(host: Host, world: World) -> None:
    world.ana.say("Are you coming on Friday?")
    await row_where(host, world.ana.number, content="Are you coming on Friday?")
    assert any(row["name"] == "Ana" for row in (await host.call("listChats", search="Ana"))["data"])
    sent = await written(host, "Ana", "Yes, at eight")
    await host.call("getMessageStatus", phone="Ana", message_id=sent)


async def wait_and_answer(host: Host, world: World) -> None:
    cursor = await host.cursor()
    world.ana.say("Shall I bring wine?")
    waited = await host.call("waitForMessage", phone="Ana", cursor=cursor, timeout=40)
    await host.call("sendChatPresence", phone="Ana", action="start")
    await written(host, waited["message"]["chat_jid"], "Red, please")


async def quote_and_react(host: Host, world: World) -> None:
    said = world.ana.say("I found a tent")
    await row_where(host, world.ana.number, message_id=said.id)
    await written(host, world.ana.number, "Which one?", reply_message_id=said.id)
    await host.call("reactMessage", phone=world.ana.number, message_id=said.id, emoji="👍")


async def forward_in_the_chat(host: Host, world: World) -> None:
    said = world.ana.say("Tent: 3 kg, two people")
    await row_where(host, world.ana.number, message_id=said.id)
    await host.call("forwardMessage", message_id=said.id, phone=world.ana.number)


async def own_file(host: Host, world: World) -> None:
    (row,) = (await host.call("userMyContacts", search="Ana"))["data"]
    await host.call("sendFile", phone=row["jid"], file="contract.pdf", caption="As we agreed")
    assert got(world.ana, kind="document")


async def voice_and_sticker(host: Host, world: World) -> None:
    said = world.ana.say("Say something nice")
    await row_where(host, world.ana.number, message_id=said.id)
    voice = host.data_dir.parent / "voice.ogg"
    samples.sound(voice, "ogg", "libopus")
    audio = "data:audio/ogg;base64," + base64.b64encode(voice.read_bytes()).decode()
    await host.call("sendAudio", phone=world.ana.number, audio=audio, ptt=True)
    await host.call("sendSticker", phone=world.ana.number, sticker=JPEG)


async def group_and_poll(host: Host, world: World) -> None:
    team = str(world.team.jid)
    world.ana.say("When do we meet?", to=world.team)
    await row_where(host, team, content="When do we meet?")
    await written(host, team, "Let us vote")
    poll = await host.call("sendPoll", phone=team, question="When?", options=["Fri", "Sat"], max_answer=1)
    world.ana.vote(await world.ana.wait_for_message(lambda message: message.kind == "poll"), ["Fri"])
    await votes_of(host, team, poll["message_id"], {"Fri": 1, "Sat": 0})
    await written(host, team, "Friday it is")


async def search_and_answer(host: Host, world: World) -> None:
    said = world.boss.say("The budget is approved")
    await row_where(host, world.boss.number, message_id=said.id)
    (row,) = (await host.call("searchMessages", query="budget approved", chat_jid="Boss", context_lines=2))["data"]
    await written(host, row["chat_jid"], "Thank you", reply_message_id=row["message_id"])


async def note_to_self(host: Host, world: World) -> None:
    me = world.simulator.phone.account.number
    await written(host, me, "Tell Ana: the key is under the mat")
    await row_where(host, me, content="Tell Ana: the key is under the mat")
    await written(host, "Ana", "The key is under the mat")


async def put_away(host: Host, world: World) -> None:
    said = world.boss.say("Minutes of the meeting")
    await row_where(host, world.boss.number, message_id=said.id)
    await host.call("starMessage", phone=world.boss.number, message_id=said.id)
    await host.call("muteChat", chat_jid=world.boss.number, muted=True, duration=3600)
    await host.call("archiveChat", chat_jid=world.boss.number, archived=True)
    await host.call("archiveChat", chat_jid=world.boss.number, archived=False)


async def catch_up(host: Host, world: World) -> None:
    world.ana.say("Good morning")
    sent = world.boss.say("Call me back")
    await row_where(host, world.boss.number, message_id=sent.id)
    for row in (await host.call("checkInbox"))["data"]:
        await host.call("readMessage", phone=row["chat_jid"], message_id=row["message_id"])


async def second_thoughts(host: Host, world: World) -> None:
    sent = {"phone": "Ana", "message_id": await written(host, "Ana", "See you on Thrusday")}
    await host.call("updateMessage", **sent, message="See you on Thursday")
    await host.call("revokeMessage", **sent)


async def new_group(host: Host, world: World) -> None:
    group = await host.call("createGroup", title="Hiking", participants=["Ana", "Boss"])
    await written(host, group["group_id"], "Welcome!")
    await world.ana.wait_for_message(lambda message: message.text == "Welcome!")


DAYS: Final[tuple[Day, ...]] = (
    *(look_and_answer, wait_and_answer, quote_and_react, forward_in_the_chat, own_file, voice_and_sticker),
    *(group_and_poll, search_and_answer, note_to_self, put_away, catch_up, second_thoughts, new_group),
)


async def test_no_question_is_asked(tmp_path: Path) -> None:
    """Each day is a conversation of its own. Their limits are those of a day; here all are done in a minute."""
    async with obedient_world(tmp_path, NO_LIMITS) as (world, server, _):
        for day in DAYS:
            owner = Owner("yes")
            async with server.conversation(owner) as host:
                await day(host, world)
            assert not owner.asked, (day.__name__, owner.asked)
