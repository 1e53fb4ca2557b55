"""Kinds of messages that shops, bots and newer phones send: shown in a chat's rows, and found."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.shared import SharedAccount
from tests.e2e.test_messages import row_where
from tests.unit.media import samples
from whatsapp_mcp.wire.protos import e2e


def shop_messages() -> dict[str, e2e.Message]:
    """A word that is in nothing but the message -> the message."""
    buttons = e2e.Message()
    buttons.buttonsMessage.contentText = "Half price"
    buttons.buttonsMessage.buttons.add(buttonID="b").buttonText.displayText = "Zucchini"
    rows = e2e.Message()
    rows.listMessage.title = "Menu"
    rows.listMessage.sections.add(title="Soups").rows.add(title="Leek", description="with Kohlrabi", rowID="r")
    template = e2e.Message()
    form = template.templateMessage.hydratedTemplate
    form.hydratedContentText = "On its way"
    form.hydratedButtons.add().urlButton.displayText = "Rhubarb"
    carousel = e2e.Message()
    card = carousel.templateMessage.interactiveMessageTemplate.carouselMessage.cards.add()
    card.body.text = "A card"
    params = json.dumps({"display_text": "Take", "url": "https://artichoke.example/1"})
    card.nativeFlowMessage.buttons.add(name="cta_url", buttonParamsJSON=params)
    order = e2e.Message()
    order.orderMessage.orderTitle, order.orderMessage.message = "2 cakes", "with Fennel please"
    payment = e2e.Message()
    payment.requestPaymentMessage.noteMessage.conversation = "for the Parsnips"
    ad = e2e.Message()
    ad.extendedTextMessage.text = "Is it there?"
    ad.extendedTextMessage.contextInfo.externalAdReply.title = "Asparagus season"
    event = e2e.Message()
    event.eventMessage.name, event.eventMessage.location.name = "Party", "Radish bar"
    event.eventMessage.joinLink = "https://call.example/1"
    answer = e2e.Message()
    answer.botForwardedMessage.message.richResponseMessage.submessages.add(messageText="Eat Broccoli.")
    reply = e2e.Message()
    reply.interactiveResponseMessage.nativeFlowResponseMessage.paramsJSON = '{"dish": "Celeriac"}'
    unknown = e2e.Message()
    unknown.musicMessage.embeddedMusic.title = "Turnip blues"
    return {
        "zucchini": buttons,
        "kohlrabi": rows,
        "rhubarb": template,
        "artichoke": carousel,
        "fennel": order,
        "parsnips": payment,
        "asparagus": ad,
        "radish": event,
        "broccoli": answer,
        "celeriac": reply,
        "turnip": unknown,
    }


async def test_what_shops_and_bots_write_is_shown_and_found(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        sent = {
            word: ana.send_message(simulator.phone.account, message).id for word, message in shop_messages().items()
        }
        await row_where(host, ana.number, message_id=list(sent.values())[-1])
        rows = {row["message_id"]: row for row in (await host.call("getChatMessages", chat_jid=ana.number))["data"]}
        for word, message_id in sent.items():
            row = rows[message_id]
            assert word in (row["content"] + json.dumps(row.get("details", {}))).lower()
            found = (await host.call("searchMessages", query=word))["data"]
            assert [one["message_id"] for one in found] == [message_id], word
        assert rows[sent["kohlrabi"]]["content"] == "Menu\nSoups\n- Leek: with Kohlrabi"
        assert rows[sent["radish"]]["details"]["link"] == "https://call.example/1"
        assert rows[sent["broccoli"]]["kind"] == "text"
        linked = (await host.call("searchMessages", query="", has_link=True, chat_jid=ana.number))["data"]
        assert {row["message_id"] for row in linked} == {sent["artichoke"], sent["radish"]}


async def test_a_long_text_is_read_to_its_end(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        text = " ".join(f"word{number}" for number in range(6_000))
        said = ana.say(text)
        row = await row_where(host, ana.number, message_id=said.id)
        assert row["content"] != text and row["content_length"] == len(text)
        whole, offset = "", 0
        while offset is not None:
            found = await host.call("getMessageContext", chat_jid=ana.number, message_id=said.id, text_offset=offset)
            whole += found["data"][0]["content"]
            offset = found["data"][0].get("next_text_offset")
        assert whole == text


async def test_a_picture_in_better_quality_and_an_album(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana, bruno = await simulator.add_contact("Ana"), await simulator.add_contact("Bruno")
        first = ana.send_image(samples.jpeg(), caption="look")
        ana.send_image(samples.jpeg(64), better_of=first)
        album, *pictures = ana.send_album([samples.jpeg(32), samples.jpeg(48)])
        await row_where(host, ana.number, message_id=pictures[-1].id)
        rows = (await host.call("getChatMessages", chat_jid=ana.number))["data"]
        assert [row["message_id"] for row in rows] == [pictures[1].id, pictures[0].id, album.id, first.id]
        assert rows[2]["details"]["parts"] == [picture.id for picture in pictures]
        assert rows[0]["details"]["belongs_to"] == {"id": album.id, "as": "album"}
        found = await host.call("downloadMessageMedia", message_id=first.id, phone=ana.number)
        assert Path(found["file_path"]).read_bytes() == samples.jpeg(64)
        await host.call("forwardMessage", message_id=first.id, phone=bruno.number)
        forwarded = await bruno.wait_for_message()
        assert await forwarded.download() == samples.jpeg(64)


async def test_what_a_reply_answers(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        await host.call("sendMessage", phone=ana.number, message="Shall we meet?")
        asked = await ana.wait_for_message()
        known = ana.send_content(e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(text="yes")), reply_to=asked)
        message = e2e.Message()
        message.extendedTextMessage.text = "do it"
        context = message.extendedTextMessage.contextInfo
        context.stanzaID, context.participant = "3EB0AAAAAAAAAAAAAAAA", str(simulator.phone.account.lid)
        context.quotedMessage.conversation = "Shall I cancel the hotel?"
        unknown = ana.send_message(simulator.phone.account, message)
        row = await row_where(host, ana.number, message_id=unknown.id)
        assert row["details"]["quoted"]["content"] == "Shall I cancel the hotel?"
        assert row["details"]["quoted"]["claimed"] is True
        row = await row_where(host, ana.number, message_id=known.id)
        assert row["reply_to_id"] == asked.id
        assert "details" not in row, "what it answers is one of the rows"
        (row,) = (await host.call("getChatMessages", chat_jid=ana.number, limit=1, offset=1))["data"]
        assert row["details"]["quoted"]["content"] == "Shall we meet?"
        assert "claimed" not in row["details"]["quoted"]
        assert [hit["message_id"] for hit in (await host.call("searchMessages", query="hotel"))["data"]] == [unknown.id]
