"""All that a person would read of a message is in its text, or in the facts beside it."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from whatsapp_mcp.models.content import Content, MessageKind, Quote
from whatsapp_mcp.whatsapp.content import file_of, read_content, unwrap
from whatsapp_mcp.whatsapp.content.kinds import BESIDE, GENERIC, PAYMENTS, PROTOCOL, READERS, WRAPPERS
from whatsapp_mcp.wire.boundary import QUOTE_LIMIT
from whatsapp_mcp.wire.protos import common, e2e

if TYPE_CHECKING:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message


def read(message: Message) -> Content:
    content = read_content(message)
    assert content is not None
    return content


def text_of(**fields: Any) -> str:
    return read(e2e.Message(**fields)).text


# -- every field is in a table -----------------------------------------------------------------------------------------


def test_every_field_of_a_message_is_in_exactly_one_table() -> None:
    """A newer neonize may bring kinds that nobody has looked at: they are shown with their strings until somebody
    does, and this test says that somebody should."""
    tables = [set(READERS), PAYMENTS, GENERIC, PROTOCOL, BESIDE, WRAPPERS]
    listed = [name for table in tables for name in table]
    assert sorted(listed) == sorted(field.name for field in e2e.Message.DESCRIPTOR.fields)


def test_wrappers_are_those_fields_that_hold_a_message() -> None:
    holding = {
        field.name
        for field in e2e.Message.DESCRIPTOR.fields
        if field.message_type is not None and field.message_type.name in ("FutureProofMessage", "DeviceSentMessage")
    }
    assert holding == WRAPPERS


def filled(message: Any, depth: int = 0) -> Any:
    """Every text and message in it set; texts say which field they are."""
    for field in message.DESCRIPTOR.fields:
        if field.type == field.TYPE_STRING:
            word = f"word of {field.name}"
            if field.is_repeated:
                getattr(message, field.name).append(word)
            else:
                setattr(message, field.name, word)
        elif field.message_type is not None and depth < 4 and field.message_type.name != "ContextInfo":
            inner = getattr(message, field.name)
            filled(inner.add() if field.is_repeated else inner, depth + 1)
            if field.message_type.name == "Message":
                inner.Clear()
    return message


@pytest.mark.parametrize("name", sorted({*READERS, *PAYMENTS, *GENERIC} - {"conversation"}))
def test_every_kind_that_is_shown_can_be_read_when_empty_and_when_full(name: str) -> None:
    field = e2e.Message.DESCRIPTOR.fields_by_name[name]
    empty, full = e2e.Message(), e2e.Message()
    getattr(empty, name).SetInParent()
    getattr(full, name).MergeFrom(filled(type(getattr(full, name))()))
    assert read_content(empty) is not None
    content = read(full)
    json.dumps(content.extra, allow_nan=False)
    assert field.message_type is not None
    fields = [one for one in field.message_type.fields if one.type == one.TYPE_STRING and not one.containing_oneof]
    texts = [one.name for one in fields if one.name in ("text", "caption", "title", "body", "note", "description")]
    whole = content.text + json.dumps(content.extra)
    assert [one for one in texts if f"word of {one}" not in whole] == []


# -- shops and bots ----------------------------------------------------------------------------------------------------


def test_buttons() -> None:
    message = e2e.ButtonsMessage(text="Sale", contentText="Half price", footerText="till Friday")
    message.buttons.add(buttonID="b1").buttonText.displayText = "Buy"
    flow = message.buttons.add(buttonID="b2").nativeFlowInfo
    flow.name, flow.paramsJSON = "cta_url", '{"display_text": "See", "url": "https://shop.example"}'
    assert text_of(buttonsMessage=message) == "Sale\nHalf price\ntill Friday\n[Buy]\n[See] https://shop.example"


def test_rows_of_a_list() -> None:
    message = e2e.ListMessage(title="Menu", description="Today", buttonText="Choose", footerText="Enjoy")
    section = message.sections.add(title="Soups")
    section.rows.add(title="Tomato", description="with cream", rowID="r1")
    section.rows.add(title="Leek", rowID="r2")
    assert text_of(listMessage=message) == "Menu\nToday\n[Choose]\nSoups\n- Tomato: with cream\n- Leek\nEnjoy"


def test_a_hydrated_template_with_its_buttons_and_picture() -> None:
    form = e2e.TemplateMessage.HydratedFourRowTemplate(
        hydratedTitleText="Order 7", hydratedContentText="is on its way", hydratedFooterText="Thanks"
    )
    form.hydratedButtons.add().quickReplyButton.displayText = "Stop"
    url = form.hydratedButtons.add().urlButton
    url.displayText, url.URL = "Track", "https://track.example/7"
    call = form.hydratedButtons.add().callButton
    call.displayText, call.phoneNumber = "Call", "+49151"
    message = e2e.Message(templateMessage=e2e.TemplateMessage(hydratedTemplate=form))
    content = read(message)
    assert content.text == ("Order 7\nis on its way\nThanks\n[Stop]\n[Track] https://track.example/7\n[Call] +49151")


def test_the_file_at_the_head_of_a_message_with_buttons() -> None:
    picture = e2e.ImageMessage(mimetype="image/png")
    for message in (
        e2e.Message(buttonsMessage=e2e.ButtonsMessage(imageMessage=picture)),
        e2e.Message(
            interactiveMessage=e2e.InteractiveMessage(header=e2e.InteractiveMessage.Header(imageMessage=picture))
        ),
        e2e.Message(
            templateMessage=e2e.TemplateMessage(
                hydratedTemplate=e2e.TemplateMessage.HydratedFourRowTemplate(imageMessage=picture)
            )
        ),
    ):
        content = read(message)
        assert content.media is not None and content.media.mimetype == "image/png"
        assert file_of(message).imageMessage.mimetype == "image/png"
    note = e2e.Message(ptvMessage=e2e.VideoMessage(mimetype="video/mp4"))
    assert file_of(note).videoMessage.mimetype == "video/mp4"
    assert file_of(e2e.Message(imageMessage=picture)) == e2e.Message(imageMessage=picture)


def test_a_template_of_texts_on_whatsapps_servers() -> None:
    message = e2e.HighlyStructuredMessage(namespace="n", elementName="parcel_arrives", params=["Ana"])
    money = message.localizableParams.add().currency
    money.currencyCode, money.amount1000 = "EUR", 12500
    moment = message.localizableParams.add().dateTime.component
    moment.year, moment.month, moment.dayOfMonth, moment.hour = 2026, 3, 4, 9
    assert text_of(highlyStructuredMessage=message) == "parcel arrives: Ana, 12.50 EUR, 2026-03-04 09:00"


def interactive(body: str) -> Any:
    return e2e.InteractiveMessage(
        header=e2e.InteractiveMessage.Header(title=f"{body} title", subtitle="sub"),
        body=e2e.InteractiveMessage.Body(text=body),
        footer=e2e.InteractiveMessage.Footer(text=f"{body} footer"),
    )


def test_native_flow_buttons() -> None:
    message = interactive("pick")
    flow = message.nativeFlowMessage
    flow.messageParamsJSON = json.dumps({"limited_time_offer": {"text": "Today only", "expiration_time": 1}})
    for name, params in (
        ("quick_reply", {"display_text": "Yes", "id": "1"}),
        ("cta_url", {"display_text": "Go", "url": "https://a.example", "merchant_url": "https://a.example"}),
        ("cta_copy", {"display_text": "Copy", "copy_code": "SAVE20", "id": "c"}),
        ("cta_call", {"display_text": "Call", "phone_number": "+49151"}),
        (
            "single_select",
            {
                "title": "Options",
                "sections": [{"title": "Best", "rows": [{"title": "Red", "description": "warm", "id": "row-1"}]}],
            },
        ),
        ("send_location", {}),
    ):
        flow.buttons.add(name=name, buttonParamsJSON=json.dumps(params))
    flow.buttons.add(name="cta_url", buttonParamsJSON="no JSON")
    assert text_of(interactiveMessage=message).split("\n") == [
        *("pick title", "sub", "pick", "pick footer", "Today only", "[Yes]", "[Go] https://a.example"),
        *("[Copy] SAVE20", "[Call] +49151", "[Options]", "Best", "- Red: warm", "[send location]", "[cta url]"),
    ]


def test_an_order_to_pay_says_items_amounts_and_what_to_pay_under() -> None:
    params = {
        "reference_id": "A-17",
        "type": "physical-goods",
        "currency": "BRL",
        "payment_settings": [
            {"type": "pix_static_code", "pix_static_code": {"merchant_name": "Bakery", "key": "39580525000189"}}
        ],
        "total_amount": {"value": 5000, "offset": 100},
        "order": {"items": [{"name": "Cake", "amount": {"value": 2500, "offset": 100}, "quantity": 2}]},
    }
    message = e2e.InteractiveMessage()
    message.nativeFlowMessage.buttons.add(name="payment_info", buttonParamsJSON=json.dumps(params))
    assert text_of(interactiveMessage=message).split("\n") == [
        *("[payment info]", "A-17", "Bakery", "39580525000189", "total amount: 50.00 BRL"),
        *("Cake", "amount: 25.00 BRL", "× 2"),
    ]


def test_cards_of_a_carousel_also_in_a_template() -> None:
    message = interactive("look")
    for name in ("one", "two"):
        card = interactive(name)
        card.nativeFlowMessage.buttons.add(name="quick_reply", buttonParamsJSON='{"display_text": "Take"}')
        message.carouselMessage.cards.append(card)
    expected = ["look title", "sub", "look", "look footer"]
    for name in ("one", "two"):
        expected += [f"{name} title", "sub", name, f"{name} footer", "[Take]"]
    assert text_of(interactiveMessage=message).split("\n") == expected
    template = e2e.TemplateMessage(interactiveMessageTemplate=message)
    assert text_of(templateMessage=template).split("\n") == expected


def test_answers() -> None:
    chosen = e2e.ListResponseMessage(title="Tomato", description="with cream")
    assert text_of(listResponseMessage=chosen) == "Tomato\nwith cream"
    form = e2e.InteractiveResponseMessage(body=e2e.InteractiveResponseMessage.Body(text="Sent"))
    form.nativeFlowResponseMessage.paramsJSON = json.dumps(
        {"flow_token": "unused", "first_name": "Ana", "guests": 3, "vegan": True, "day": "2026-03-04"}
    )
    assert text_of(interactiveResponseMessage=form) == "Sent\nfirst_name: Ana\nguests: 3\nvegan: true\nday: 2026-03-04"


@pytest.mark.parametrize(
    "params", ["[" * 60_000, '{"a": ' * 5_000, '{"value": 1e999, "offset": 1}', '"text"', "9" * 5000]
)
def test_json_of_strangers_hurts_nobody(params: str) -> None:
    message = e2e.InteractiveMessage(body=e2e.InteractiveMessage.Body(text="pick"))
    message.nativeFlowMessage.buttons.add(name="cta_url", buttonParamsJSON=params)
    assert text_of(interactiveMessage=message) == "pick\n[cta url]"


def test_products_orders_and_payments() -> None:
    product = e2e.ProductMessage(body="New!", footer="In stock")
    product.product.title, product.product.description, product.product.URL = "Mug", "blue", "https://mug.example"
    product.product.priceAmount1000, product.product.currencyCode = 9990, "EUR"
    product.catalog.title = "Kitchen"
    product.product.productImage.mimetype = "image/jpeg"
    content = read(e2e.Message(productMessage=product))
    assert content.text == "Mug\nblue\n9.99 EUR\nhttps://mug.example\nNew!\nIn stock\nKitchen"
    assert content.media is not None
    order = e2e.OrderMessage(
        orderTitle="2 cakes", message="for Friday", itemCount=2, totalAmount1000=31500, totalCurrencyCode="EUR"
    )
    content = read(e2e.Message(orderMessage=order))
    assert content.text == "2 cakes\nfor Friday\n2 items, 31.50 EUR"
    assert content.extra == {"type": "orderMessage", "items": 2, "total": "31.50 EUR"}
    sent = e2e.SendPaymentMessage(noteMessage=e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(text="rent")))
    assert text_of(sendPaymentMessage=sent) == "rent"
    asked = e2e.RequestPaymentMessage(
        noteMessage=e2e.Message(conversation="lunch"), amount1000=12000, currencyCodeIso4217="INR"
    )
    assert text_of(requestPaymentMessage=asked) == "12.00 INR\nlunch"
    declined = e2e.DeclinePaymentRequestMessage(key=common.MessageKey(ID="P1"))
    assert read(e2e.Message(declinePaymentRequestMessage=declined)).extra["about_id"] == "P1"
    assert text_of(paymentInviteMessage=e2e.PaymentInviteMessage(serviceType=e2e.PaymentInviteMessage.UPI)) == "UPI"
    assert text_of(invoiceMessage=e2e.InvoiceMessage(note="due in May")) == "due in May"


# -- answers of Meta AI ------------------------------------------------------------------------------------------------


def test_a_rich_response() -> None:
    message = e2e.Message()
    rich = message.botForwardedMessage.message.richResponseMessage
    rich.submessages.add(messageText="Paris is the capital.")
    table = rich.submessages.add().tableMetadata
    table.title = "Cities"
    table.rows.add(items=["City", "People"], isHeading=True)
    table.rows.add(items=["Paris", "2 million"])
    code = rich.submessages.add().codeMetadata
    code.codeBlocks.add(codeContent="print(")
    code.codeBlocks.add(codeContent="1)")
    rich.submessages.add().latexMetadata.text = "E = mc^2"
    rich.submessages.add().mapMetadata.annotations.add(title="Louvre", body="museum")
    picture = rich.submessages.add().imageMetadata
    picture.imageText, picture.imageURL.sourceURL = "The tower", "https://tower.example"
    bot = message.messageContextInfo.botMetadata
    bot.richResponseSourcesMetadata.sources.add(sourceTitle="Atlas", sourceProviderURL="https://atlas.example")
    bot.suggestedPromptMetadata.suggestedPrompts.append("And Rome?")
    content = read(message)
    assert content.kind is MessageKind.TEXT
    assert content.text == (
        "Paris is the capital.\nCities\nCity | People\nParis | 2 million\nprint(1)\nE = mc^2\nLouvre: museum\n"
        "The tower\nhttps://tower.example"
    )
    assert content.extra == {"sources": ["Atlas https://atlas.example"], "suggested_prompts": ["And Rome?"]}


def test_a_rich_response_that_comes_whole() -> None:
    message = e2e.Message()
    message.richResponseMessage.unifiedResponse.data = json.dumps(
        {
            "response_id": "1f0f",
            "sections": [
                {"view_model": {"primitive": {"text": "Bonjour!", "__typename": "GenAIMarkdownTextUXPrimitive"}}}
            ],
        }
    ).encode()
    assert read(message).text == "Bonjour!"


# -- places, people, polls, events -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "numbers",
    [
        {},
        {"degreesLatitude": 1.0},
        {"degreesLatitude": math.nan, "degreesLongitude": 1.0},
        {"degreesLatitude": 91.0, "degreesLongitude": 1.0},
        {"degreesLatitude": 1.0, "degreesLongitude": -math.inf},
    ],
)
def test_a_place_without_numbers_is_shown_without_numbers(numbers: Any) -> None:
    content = read(e2e.Message(locationMessage=e2e.LocationMessage(name="Café", **numbers)))
    assert (content.text, content.extra) == ("Café", {"name": "Café"})
    live = e2e.LiveLocationMessage(caption="coming", **numbers)
    assert read(e2e.Message(liveLocationMessage=live)).extra == {"live": True}


def test_an_event_says_where_until_when_and_how_to_join() -> None:
    event = e2e.EventMessage(name="Party", startTime=10, endTime=20, joinLink="https://call.example", isCanceled=True)
    event.location.name, event.location.address = "Bar", "Street 1"
    event.location.degreesLatitude, event.location.degreesLongitude = 1.5, 2.5
    assert read(e2e.Message(eventMessage=event)).extra == {
        "start_time": 10,
        "end_time": 20,
        "place": "Bar, Street 1",
        "link": "https://call.example",
        "canceled": True,
        "latitude": 1.5,
        "longitude": 2.5,
    }


def test_polls_of_every_form() -> None:
    quiz = e2e.PollCreationMessage(name="2 + 2?", pollType=e2e.PollType.QUIZ, endTime=1_800_000_000_000)
    quiz.options.add(optionName="4")
    quiz.correctAnswer.optionName = "4"
    content = read(e2e.Message(pollCreationMessageV5=quiz))
    assert content.kind is MessageKind.POLL
    assert content.extra["correct_answer"] == "4" and content.extra["quiz"] is True
    assert content.extra["end_time"] == 1_800_000_000
    result = e2e.PollResultSnapshotMessage(name="Lunch?")
    result.pollVotes.add(optionName="yes", optionVoteCount=3)
    assert text_of(pollResultSnapshotMessage=result) == "Lunch?\nyes: 3"
    added = e2e.PollAddOptionMessage()
    added.addOption.optionName = "maybe"
    assert text_of(pollAddOptionMessage=added) == "maybe"


def test_invitations_and_calls() -> None:
    call = e2e.ScheduledCallCreationMessage(title="Weekly", scheduledTimestampMS=1_800_000_000_000)
    content = read(e2e.Message(scheduledCallCreationMessage=call))
    assert (content.kind, content.text) == (MessageKind.EVENT, "Weekly")
    assert content.extra["start_time"] == 1_800_000_000
    admin = e2e.NewsletterAdminInviteMessage(newsletterJID="12@newsletter", newsletterName="Coffee")
    content = read(e2e.Message(newsletterAdminInviteMessage=admin))
    assert (content.kind, content.text, content.extra["newsletter_id"]) == (
        MessageKind.INVITE,
        "Coffee",
        "12@newsletter",
    )
    event = e2e.EventInviteMessage(eventTitle="Party", caption="come!", startTime=5)
    assert text_of(eventInviteMessage=event) == "Party\ncome!"
    assert text_of(stickerPackMessage=e2e.StickerPackMessage(name="Cats", publisher="Ana")) == "Cats\nAna"
    music = e2e.MusicMessage(embeddedMusic=e2e.EmbeddedMusic(title="Song", author="Singer", songID="77"))
    assert text_of(musicMessage=music) == "Singer\nSong"


def test_a_status_that_mentions_us_is_told() -> None:
    message = e2e.Message()
    protocol = message.statusMentionMessage.message.protocolMessage
    protocol.type = e2e.ProtocolMessage.STATUS_MENTION_MESSAGE
    content = read(message)
    assert (content.kind, content.extra["type"]) == (MessageKind.OTHER, "status_mention_message")


# -- around the content ------------------------------------------------------------------------------------------------


def test_the_ad_that_somebody_came_from() -> None:
    message = e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(text="Is it there?"))
    context = message.extendedTextMessage.contextInfo
    ad = context.externalAdReply
    ad.title, ad.body, ad.sourceURL = "Bikes", "20 % off", "https://fb.me/x"
    context.entryPointConversionSource, context.utm.utmCampaign = "ctwa_ad", "spring"
    assert read(message).extra == {
        "ad": {"title": "Bikes", "body": "20 % off", "link": "https://fb.me/x"},
        "came_by": {"source": "ctwa_ad", "utm_campaign": "spring"},
    }


def test_quotes_are_short_and_quote_nothing_themselves() -> None:
    message = e2e.Message(conversation="deepest")
    for depth in range(25):
        outer = e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(text=f"{depth} " + "x" * 2_000))
        context = outer.extendedTextMessage.contextInfo
        context.stanzaID, context.remoteJID = f"Q{depth}", "status@broadcast"
        context.quotedMessage.CopyFrom(message)
        message = outer
    content = read(message)
    assert content.quote is not None
    assert content.quote.text == "23 " + "x" * (QUOTE_LIMIT - 3) + "…"
    assert content.extra == {"quoted_chat": "status@broadcast"}


@pytest.mark.parametrize(
    ("association", "role"),
    [
        ("MEDIA_ALBUM", "album"),
        ("HD_IMAGE_DUAL_UPLOAD", "hd"),
        ("MOTION_PHOTO", "motion_photo"),
        ("EVENT_COVER_IMAGE", "event_cover"),
        ("STATUS_QUESTION", "status_question"),
    ],
)
def test_a_message_that_belongs_to_another_says_so_in_any_wrapper(association: str, role: str) -> None:
    picture = e2e.Message(imageMessage=e2e.ImageMessage(caption="me"))
    link = picture.messageContextInfo.messageAssociation
    link.associationType = e2e.MessageAssociation.AssociationType.Value(association)
    link.parentMessageKey.ID = "P1"
    wrapped = e2e.Message()
    wrapped.associatedChildMessage.message.CopyFrom(picture)
    outside = e2e.Message()
    outside.associatedChildMessage.message.imageMessage.caption = "me"
    outside.messageContextInfo.CopyFrom(picture.messageContextInfo)
    for message in (picture, wrapped, outside):
        assert read(message) == Content(
            MessageKind.IMAGE, "me", media=read(message).media, extra={"belongs_to": {"id": "P1", "as": role}}
        )


# -- what nobody has a reader for --------------------------------------------------------------------------------------


def field(number: int, content: bytes) -> bytes:
    """A field with a length (up to 127), as protobuf writes it."""
    tag = number << 3 | 2
    encoded = bytearray()
    while tag > 0x7F:
        encoded.append(tag & 0x7F | 0x80)
        tag >>= 7
    return bytes((*encoded, tag, len(content))) + content


def test_strings_of_a_kind_that_is_newer_than_the_classes() -> None:
    inner = field(1, "Grüße".encode()) + field(2, b"\x00\x01\xff") + field(3, field(5, b"and more")) + b"\x20\x07"
    inner += field(7, b"4915100000001@s.whatsapp.net") + field(8, b"https://mmg.whatsapp.net/v/t62.jpg")
    content = read(e2e.Message.FromString(field(9_999, inner)))
    assert content == Content(MessageKind.OTHER, "Grüße\nand more", extra={"type": "unknown"})


def test_a_wrapper_that_is_newer_than_the_classes_is_opened() -> None:
    picture = e2e.Message(imageMessage=e2e.ImageMessage(caption="me")).SerializeToString()
    content = read(e2e.Message.FromString(field(9_999, field(1, picture))))
    assert (content.kind, content.text) == (MessageKind.IMAGE, "me")
    assert unwrap(e2e.Message.FromString(field(9_999, field(1, picture))))[0].imageMessage.caption == "me"


def test_strings_for_programs_are_left_out() -> None:
    reminder = e2e.PaymentReminderMessage(
        reminderID="5f3a9c", description="Rent", payeeVpa="ana@bank", payeeJID="4915100000001@s.whatsapp.net"
    )
    assert text_of(paymentReminderMessage=reminder) == "Rent"
    comment = e2e.CommentMessage(message=e2e.Message(conversation="nice"))
    comment.targetMessageKey.ID = "M1"
    assert read(e2e.Message(commentMessage=comment)) == Content(
        MessageKind.TEXT, "nice", quote=Quote("M1", None), extra={"comment_on": "M1"}
    )


def test_a_part_that_no_reader_knows_speaks_for_itself() -> None:
    interactive_message, newer_part = 45, 77
    payload = field(interactive_message, field(newer_part, field(1, b"Pick a seat")))
    assert read(e2e.Message.FromString(payload)) == Content(MessageKind.INTERACTIVE, "Pick a seat")


def test_what_is_laid_over_a_picture() -> None:
    picture = e2e.ImageMessage()
    picture.interactiveAnnotations.add().location.name = "Lisbon"
    song = picture.annotations.add().embeddedContent.embeddedMusic
    song.title, song.author, song.songID = "Fado", "Amália", "123"
    assert read(e2e.Message(imageMessage=picture)).extra["on_it"] == ["Lisbon", "Amália\nFado"]
