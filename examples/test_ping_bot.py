"""The tests of ping_bot.py: `pytest examples/test_ping_bot.py`."""

from __future__ import annotations

import ping_bot


async def test_everybody_gets_pong(whatsapp_server, whatsapp_bot, contact):
    ana, bruno = contact("Ana"), contact("Bruno", saved=True)
    await whatsapp_bot(ping_bot.run(whatsapp_server))
    ana.say("ping")
    bruno.say("ping")
    assert (await ana.wait_for_message()).text == "pong"
    assert (await bruno.wait_for_message()).text == "pong"


async def test_a_group_gets_pong(whatsapp_server, whatsapp_bot, whatsapp, contact):
    ana, zoe = contact("Ana"), contact("Zoe")
    group = await whatsapp.add_group("Hikers", [ana, zoe, whatsapp.phone])  # the phone's account is the bot's
    await whatsapp_bot(ping_bot.run(whatsapp_server))
    zoe.say("ping", to=group)
    answer = await ana.wait_for_message(lambda message: message.text == "pong")
    assert answer.group == group.jid


async def test_other_words_get_no_answer(whatsapp_server, whatsapp_bot, contact):
    ana = contact("Ana")
    await whatsapp_bot(ping_bot.run(whatsapp_server))
    ana.say("ping pong?")
    ana.say("ping")  # messages are answered in order: when this one is, the other one was not
    await ana.wait_for_message()
    assert [message.text for message in ana.inbox] == ["pong"]


async def test_the_whole_program(whatsapp_bot, contact):
    await whatsapp_bot(ping_bot.main())  # connect() in it starts a server on the simulated account
    ana = contact("Ana")
    ana.say("ping")
    assert (await ana.wait_for_message()).text == "pong"
