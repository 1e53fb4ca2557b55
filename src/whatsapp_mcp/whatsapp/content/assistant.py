"""Answers of Meta AI and other bots: text, tables, code and links, part by part (waAICommonDeprecated, waAICommon)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from whatsapp_mcp.models.content import Content, MessageKind
from whatsapp_mcp.whatsapp.content.flows import texts_of_json
from whatsapp_mcp.whatsapp.content.lines import joined, known, lines
from whatsapp_mcp.whatsapp.content.strings import is_opaque, strings_of
from whatsapp_mcp.wire.boundary import readable

if TYPE_CHECKING:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import AIRichResponseMessage, MessageContextInfo


def rich_response(value: AIRichResponseMessage) -> Content:
    text = lines(text for part in value.submessages for text in _part(part))
    if not text:  # newer answers come whole, as JSON
        for whole in (value.unifiedResponse, value.originalRecipientMetadata):
            text = text or lines(texts_of_json(readable(whole.data)))
    return Content(MessageKind.TEXT, text)


def _part(part: Any) -> Iterator[str]:
    yield part.messageText
    table = part.tableMetadata
    yield table.title
    yield from (joined(" | ", *row.items) for row in table.rows)
    yield "".join(block.codeContent for block in part.codeMetadata.codeBlocks)
    picture = part.imageMetadata
    yield from (picture.imageText, _link(picture.tapLinkURL or picture.imageURL.sourceURL))
    yield from (_link(one.sourceURL) for one in part.gridImageMetadata.imageURLs)
    yield _link(part.dynamicMetadata.URL)
    latex = part.latexMetadata
    yield latex.text or " ".join(one.latexExpression for one in latex.expressions)
    yield from (joined(": ", one.title, one.body) for one in part.mapMetadata.annotations)
    for item in part.contentItemsMetadata.itemsMetadata:
        yield joined(" ", item.reelItem.title, _link(item.reelItem.videoURL))
    yield from strings_of_the_unknown(part)


def strings_of_the_unknown(part: Any) -> Iterator[str]:
    """Of a part that is newer than the protobuf classes."""
    bare = type(part)()
    bare.CopyFrom(part)
    for field, _ in part.ListFields():
        bare.ClearField(field.name)
    yield strings_of(bare)


def _link(url: str) -> str:
    return "" if is_opaque(url) else url


def bot_facts(info: MessageContextInfo) -> dict[str, object]:
    """What stands below the answer of a bot: its sources, and what one may ask next."""
    bot = info.botMetadata
    sources = [
        joined(" ", one.sourceTitle, _link(one.sourceProviderURL)) for one in bot.richResponseSourcesMetadata.sources
    ]
    prompts = list(bot.suggestedPromptMetadata.suggestedPrompts) or [
        one.prompt for one in bot.suggestedPromptMetadata.promptSuggestions.suggestions
    ]
    return known(
        sources=[one for one in sources if one],
        suggested_prompts=[one for one in prompts if one],
        disclaimer=bot.messageDisclaimerText,
    )
