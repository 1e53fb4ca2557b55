"""Stanzas as whatsmeow logs them (binary/xml.go), read back for their shapes.

The form escapes nothing, and values and contents are other people's: a line can be read in another way than it was
meant. That is why only shapes are made of it, which have no words but those of a list, and nothing is decided by them.
"""

from __future__ import annotations

import re
from typing import Final

from whatsapp_mcp.wire.node import Node

LONGEST: Final = 65_536
"""Characters that neonize hands on of a line: what is as long was cut off, and counts as closed there."""
_DEEPEST: Final = 24

_NAME: Final = r"[A-Za-z_][\w:.-]{0,60}"
_OPEN: Final = re.compile(rf"<({_NAME})", re.ASCII)
_ATTRIBUTE: Final = re.compile(rf' ({_NAME})="(.{{0,4000}}?)"(?= {_NAME}="|/?>)', re.ASCII | re.DOTALL)


def stanza_in(text: str) -> Node | None:
    """The stanza that a line shows, as far as neonize tells it; None when it cannot be read to its end."""
    if len(text) > LONGEST:
        return None
    found = _element(text, 0, 0)
    return found[0] if found is not None and found[1] == len(text) else None


def _element(text: str, start: int, depth: int) -> tuple[Node, int] | None:
    """An element that begins there, and where it ends."""
    opened = _OPEN.match(text, start)
    if opened is None or depth > _DEEPEST:
        return None
    node, place = Node(opened[1]), opened.end()
    while (attribute := _ATTRIBUTE.match(text, place)) is not None:
        node.attrs[attribute[1]] = attribute[2]
        place = attribute.end()
    if text.startswith("/>", place):
        return node, place + 2
    if not text.startswith(">", place):
        return None
    return _content(text, place + 1, depth, node)


def _content(text: str, start: int, depth: int, node: Node) -> tuple[Node, int] | None:
    closing, place = f"</{node.tag}>", start
    children: list[Node] = []
    while (child := _element(text, place, depth + 1)) is not None:
        children.append(child[0])
        place = child[1]
    if children and text.startswith(closing, place):
        node.content = children
        return node, place + len(closing)
    # It is no element, or looked like some: data, up to where this element is closed for the first time.
    end = text.find(closing, start)
    if end < 0:
        if len(text) < LONGEST:
            return None
        node.content = children or b"data"
        return node, len(text)
    node.content = b"data" if end > start else None
    return node, end + len(closing)
