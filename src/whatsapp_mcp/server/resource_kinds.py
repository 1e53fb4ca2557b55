"""The resources: which there are, and which operation each of them shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from whatsapp_mcp.catalog import Operation
from whatsapp_mcp.server.offer import Offer

if TYPE_CHECKING:
    from mcp.shared.uri_template import UriTemplate

Shape = Literal["json", "file", "picture", "view"]
"""What is read: the result of the operation as text, the file that it fetched, the picture that it made; or a page in
which hosts show such results, and for which nothing is run."""

JSON: Final = "application/json"
VIEWS_EXTENSION: Final = "io.modelcontextprotocol/ui"
"""MCP Apps, revision 2026-01-26."""
VIEW: Final = "text/html;profile=mcp-app"


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """One resource, or all of one template. Reading it runs ``operation``, so that whatever holds for the tool of that
    name holds for it: arguments, policy, audit."""

    name: str
    title: str
    uri: str
    """With variables in braces."""
    operation: str
    description: str
    shape: Shape = "json"
    beside: tuple[str, ...] = ()
    """It is there where one of these is a tool of the server, as what it shows is in theirs; none: always."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Parameter of the operation -> the variable that it takes its value from."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Other arguments."""
    mime_type: str | None = JSON
    for_the_user: bool = False
    """No model has to see it."""
    while_unlinked: bool = False
    """It is there as long as no account is linked."""

    @property
    def template(self) -> UriTemplate:
        from mcp.shared.uri_template import UriTemplate  # which a server that is only listed need not load

        return UriTemplate.parse(self.uri)

    @property
    def is_template(self) -> bool:
        return "{" in self.uri

    def values(self, uri: str) -> dict[str, str] | None:
        """Values of the variables; None when it is not of this kind. Addresses may be written with ``@`` or ``%40``."""
        found = self.template.match(uri)
        if found is None:
            return None
        values = {name: value for name, value in found.items() if isinstance(value, str)}
        return values if len(values) == len(found) and all(values.values()) else None


KINDS: Final = (
    ResourceKind(
        name="chats",
        title="Chats",
        uri="whatsapp://chats",
        operation="listChats",
        beside=("listChats",),
        description="The newest chats: names, addresses, unread messages.",
    ),
    ResourceKind(
        name="status",
        title="Connection",
        uri="whatsapp://status",
        operation="appStatus",
        description="Whether WhatsApp is linked and connected, as whom, and what to do if not.",
    ),
    ResourceKind(
        name="login_qr",
        title="QR code for linking",
        uri="whatsapp://login/qr",
        operation="appLogin",
        beside=("appLogin",),
        description="The QR code that is valid now, to scan in WhatsApp > Linked devices. Reading it begins linking.",
        shape="picture",
        mime_type="image/png",
        for_the_user=True,
        while_unlinked=True,
    ),
    ResourceKind(
        name="pairing",
        title="Link WhatsApp",
        uri="ui://whatsapp/pairing",
        operation="appLogin",
        beside=("appLogin",),
        description="For hosts that show pages: the QR code that is valid now, until the account is linked.",
        shape="view",
        mime_type=VIEW,
        for_the_user=True,
    ),
    ResourceKind(
        name="conversation",
        title="Conversation",
        uri="ui://whatsapp/conversation",
        operation="getChatMessages",
        beside=("getChatMessages",),
        description="For hosts that show pages: the messages of a chat as a conversation.",
        shape="view",
        mime_type=VIEW,
        for_the_user=True,
    ),
    ResourceKind(
        name="chat",
        title="Chat",
        uri="whatsapp://chat/{jid}",
        operation="getChatMessages",
        beside=("getChatMessages",),
        arguments={"chat_jid": "jid"},
        description="The newest messages of a chat. jid: JID, phone number or exact unique name.",
    ),
    ResourceKind(
        name="message",
        title="Message",
        uri="whatsapp://message/{chat}/{id}",
        operation="getMessageContext",
        beside=("getMessageContext", "getChatMessages"),
        arguments={"chat_jid": "chat", "message_id": "id"},
        fixed={"before": 0, "after": 0},
        description="One message of a chat.",
    ),
    ResourceKind(
        name="media",
        title="Media of a message",
        uri="whatsapp://media/{chat}/{id}",
        operation="downloadMessageMedia",
        beside=("downloadMessageMedia",),
        arguments={"phone": "chat", "message_id": "id"},
        description="The picture, video, voice note or file of a message as it was sent, with the type of its content.",
        shape="file",
        mime_type=None,
    ),
)
"""Those without variables in the order in which they are listed, then the templates."""


def kinds_for(offer: Offer, has: Callable[[Operation], bool], *, unlinked: bool = True) -> tuple[ResourceKind, ...]:
    """What is there for who has these operations; ``unlinked``: also what is there until an account is linked."""
    return tuple(
        kind
        for kind in KINDS
        if (not kind.beside or offer.has_tool(kind.beside))
        and has(offer.operation(kind.operation))
        and (unlinked or not kind.while_unlinked)
    )


def uri_of(name: str, **values: str) -> str:
    """Of one resource of a template."""
    return next(kind for kind in KINDS if kind.name == name).template.expand(values)


VIEW_OF: Final[Mapping[str, str]] = {kind.operation: kind.uri for kind in KINDS if kind.shape == "view"}
"""Tool -> the page in which hosts show its results."""
