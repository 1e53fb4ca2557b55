"""What shops and bots send: buttons, lists, templates, carousels, products, orders, payments; and answers to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from whatsapp_mcp.models.content import Content, MessageKind
from whatsapp_mcp.whatsapp.content.flows import flow_button, texts_of_json
from whatsapp_mcp.whatsapp.content.lines import button, joined, known, lines, money, row
from whatsapp_mcp.whatsapp.content.media import head
from whatsapp_mcp.wire.boundary import seconds

if TYPE_CHECKING:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import (
        ButtonsMessage,
        ButtonsResponseMessage,
        HighlyStructuredMessage,
        InteractiveMessage,
        InteractiveResponseMessage,
        InvoiceMessage,
        ListMessage,
        ListResponseMessage,
        OrderMessage,
        ProductMessage,
        TemplateButtonReplyMessage,
        TemplateMessage,
    )

# -- what one can choose from ------------------------------------------------------------------------------------------


def buttons(value: ButtonsMessage) -> Content:
    shown: list[str] = []
    for one in value.buttons:
        if one.nativeFlowInfo.name:
            shown.extend(
                flow_button(one.buttonText.displayText or one.nativeFlowInfo.name, one.nativeFlowInfo.paramsJSON)
            )
        else:
            shown.append(button(one.buttonText.displayText))
    text = lines(value.text, _place(value), value.contentText, value.footerText, shown)
    return Content(MessageKind.INTERACTIVE, text, media=head(value))


def list_of_rows(value: ListMessage) -> Content:
    rows: list[str] = []
    for section in value.sections:
        rows.append(section.title)
        rows.extend(row(one.title, one.description) for one in section.rows)
    sections = [section.title for section in value.productListInfo.productSections]
    text = lines(value.title, value.description, button(value.buttonText), rows, sections, value.footerText)
    return Content(MessageKind.INTERACTIVE, text)


def template(value: TemplateMessage) -> Content:
    """Whichever of its forms is filled in; the newest one that is."""
    if value.HasField("interactiveMessageTemplate"):
        return interactive(value.interactiveMessageTemplate)
    for name in ("hydratedTemplate", "hydratedFourRowTemplate"):
        if value.HasField(name):
            return _hydrated(getattr(value, name))
    form = value.fourRowTemplate
    shown = []
    for one in form.buttons:
        which = one.WhichOneof("button")
        if which is not None:
            parts = getattr(one, which)
            target = parts.URL if which == "urlButton" else parts.phoneNumber if which == "callButton" else None
            shown.append(button(_structured(parts.displayText), _structured(target) if target is not None else ""))
    title = _structured(form.highlyStructuredMessage)
    text = lines(title, _place(form), _structured(form.content), _structured(form.footer), shown)
    return Content(MessageKind.INTERACTIVE, text, media=head(form))


def _hydrated(value: TemplateMessage.HydratedFourRowTemplate) -> Content:
    shown = []
    for one in value.hydratedButtons:
        shown.append(button(one.quickReplyButton.displayText))
        shown.append(button(one.urlButton.displayText, one.urlButton.URL))
        shown.append(button(one.callButton.displayText, one.callButton.phoneNumber))
    text = lines(value.hydratedTitleText, _place(value), value.hydratedContentText, value.hydratedFooterText, shown)
    return Content(MessageKind.INTERACTIVE, text, media=head(value))


def interactive(value: InteractiveMessage) -> Content:
    return Content(MessageKind.INTERACTIVE, lines(_interactive(value)), media=head(value.header))


def _interactive(value: InteractiveMessage, *, is_card: bool = False) -> Iterator[str]:
    top = value.header
    yield from (top.title, top.subtitle, _place(top))
    if top.HasField("productMessage"):
        yield _product(top.productMessage)
    yield from (value.body.text, value.footer.text)
    flow = value.nativeFlowMessage
    yield from texts_of_json(flow.messageParamsJSON)
    for one in flow.buttons:
        yield from flow_button(one.name, one.buttonParamsJSON)
    for widget in (top.bloksWidget, value.bloksWidget):
        yield widget.fallback or "\n".join(texts_of_json(widget.data))
    if not is_card:  # a card has no cards
        for card in value.carouselMessage.cards:
            yield from _interactive(card, is_card=True)


def structured(value: HighlyStructuredMessage) -> Content:
    if value.HasField("hydratedHsm"):
        return template(value.hydratedHsm)
    return Content(MessageKind.INTERACTIVE, _structured(value))


def _structured(value: HighlyStructuredMessage) -> str:
    """A text that lies on WhatsApp's servers: here are its name and what is filled in."""
    filled = list(value.params)
    for one in value.localizableParams:
        moment = one.dateTime.component
        day = f"{moment.year}-{moment.month:02}-{moment.dayOfMonth:02}" if moment.year else ""
        time = f"{moment.hour:02}:{moment.minute:02}" if day else ""
        amount = money(one.currency.amount1000, 1000, one.currency.currencyCode)
        filled.append(one.default or amount or joined(" ", day, time))
    return joined(
        ": ", value.elementName.replace("_", " ") if filled else value.elementName, ", ".join(filter(None, filled))
    )


def _place(value: Any) -> str:
    """The place at the head of a message with buttons."""
    place = value.locationMessage
    return joined(", ", place.name, place.address)


# -- answers -----------------------------------------------------------------------------------------------------------


def buttons_answer(value: ButtonsResponseMessage) -> Content:
    return Content(MessageKind.INTERACTIVE, value.selectedDisplayText or value.selectedButtonID)


def list_answer(value: ListResponseMessage) -> Content:
    text = lines(value.title, value.description) or value.singleSelectReply.selectedRowID
    return Content(MessageKind.INTERACTIVE, text)


def template_answer(value: TemplateButtonReplyMessage) -> Content:
    return Content(MessageKind.INTERACTIVE, value.selectedDisplayText or value.selectedID)


def interactive_answer(value: InteractiveResponseMessage) -> Content:
    """A choice, or a form that was filled in."""
    filled = texts_of_json(value.nativeFlowResponseMessage.paramsJSON, with_keys=True)
    return Content(MessageKind.INTERACTIVE, lines(value.body.text, (one for one in filled if one != value.body.text)))


# -- shops and money ---------------------------------------------------------------------------------------------------


def product(value: ProductMessage) -> Content:
    extra = known(type="productMessage", link=value.product.URL)
    return Content(MessageKind.OTHER, _product(value), media=head(value.product), extra=extra)


def _product(value: ProductMessage) -> str:
    one = value.product
    price = money(one.priceAmount1000, 1000, one.currencyCode)
    reduced = money(one.salePriceAmount1000, 1000, one.currencyCode)
    catalogue = lines(value.catalog.title, value.catalog.description)
    return lines(one.title, one.description, reduced or price, one.URL, value.body, value.footer, catalogue)


def order(value: OrderMessage) -> Content:
    items = f"{value.itemCount} item" + ("s" if value.itemCount != 1 else "") if value.itemCount > 0 else ""
    total = money(value.totalAmount1000, 1000, value.totalCurrencyCode)
    extra = known(type="orderMessage", items=max(value.itemCount, 0), total=total)
    return Content(MessageKind.OTHER, lines(value.orderTitle, value.message, joined(", ", items, total)), extra=extra)


def invoice(value: InvoiceMessage) -> Content:
    return Content(MessageKind.OTHER, value.note, extra={"type": "invoiceMessage"})


def payment(name: str, value: Any, note: str) -> Content:
    """Money that is sent, asked for, declined, shared …

    Args:
        name: of the field of ``Message``.
        note: what was written beside it.
    """
    extra = known(type=name)
    fields = value.DESCRIPTOR.fields_by_name
    amount = ""
    for money_field in ("amount", "totalAmount"):
        if money_field in fields and value.HasField(money_field):
            one = getattr(value, money_field)
            amount = money(one.value, one.offset or 1000, one.currencyCode)
    if not amount and "amount1000" in fields:
        amount = money(value.amount1000, 1000, value.currencyCodeIso4217)
    extra |= known(amount=amount)
    if "expiryTimestamp" in fields:
        extra |= known(expires=seconds(value.expiryTimestamp))
    if "key" in fields:
        extra |= known(about_id=value.key.ID)
    description = value.description if "description" in fields else ""
    service = ""
    if "serviceType" in fields and value.serviceType:
        service = fields["serviceType"].enum_type.values_by_number[value.serviceType].name
    return Content(MessageKind.OTHER, lines(amount, note, description, service), extra=extra)
