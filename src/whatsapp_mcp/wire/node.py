"""A stanza of WhatsApp's binary XML as a value: tag, attributes, content. Its bytes are the matter of ``binary``."""

from __future__ import annotations

from dataclasses import dataclass, field

from whatsapp_mcp.jid import GROUP, USER, Jid

_DIGITS = 15

Attr = str | Jid
"""Value of an attribute. Numbers are decimal strings on the wire and stay strings."""


@dataclass(slots=True)
class Node:
    """One stanza or element.

    ``content`` is raw ``bytes``, a list of child nodes, ``None``, or ``str``: to be sent as a token where there is one.
    What arrives as a token or as packed digits is a ``str`` again, so read content through ``data``.
    """

    tag: str
    attrs: dict[str, Attr] = field(default_factory=dict)
    content: bytes | str | list[Node] | None = None

    def get(self, name: str, default: str = "") -> str:
        """The text of an attribute (of a JID: its text form)."""
        value = self.attrs.get(name)
        return default if value is None else str(value)

    def jid(self, name: str) -> Jid | None:
        """An attribute as JID; ``None`` when it is missing or is no JID. Text that looks like a JID counts as one."""
        value = self.attrs.get(name)
        if value is None or isinstance(value, Jid):
            return value
        if "@" not in value and value not in (USER, GROUP):
            return None
        try:
            return Jid.parse(value)
        except ValueError:
            return None

    def number(self, name: str) -> int | None:
        """An attribute as a whole number from 0 on; ``None``: it is missing, none, or has more than 15 digits."""
        text = self.get(name)
        return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None

    def children(self, tag: str | None = None) -> list[Node]:
        """The child nodes, or those with this tag; empty when the content is no list."""
        if not isinstance(self.content, list):
            return []
        return [child for child in self.content if tag is None or child.tag == tag]

    def child(self, tag: str) -> Node | None:
        """The first child with this tag."""
        return next(iter(self.children(tag)), None)

    def path(self, *tags: str) -> Node | None:
        """The node reached by going from first child to first child."""
        node: Node | None = self
        for tag in tags:
            if node is None:
                return None
            node = node.child(tag)
        return node

    @property
    def data(self) -> bytes:
        """The content as bytes; empty when there is none or when it is a list."""
        if isinstance(self.content, str):
            return self.content.encode()
        return self.content if isinstance(self.content, bytes) else b""

    def xml(self) -> str:
        """For logs and test messages: one line that looks like XML; binary content as hex, shortened."""
        attrs = "".join(f' {name}="{value}"' for name, value in self.attrs.items())
        if self.content is None:
            return f"<{self.tag}{attrs}/>"
        if isinstance(self.content, list):
            inner = "".join(child.xml() for child in self.content)
        elif isinstance(self.content, str):
            inner = self.content
        else:
            shown = self.content[:32].hex()
            inner = shown if len(self.content) <= 32 else f"{shown}…({len(self.content)} bytes)"
        return f"<{self.tag}{attrs}>{inner}</{self.tag}>"
