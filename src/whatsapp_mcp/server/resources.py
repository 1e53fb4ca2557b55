"""resources/list, resources/templates/list, resources/read."""

from __future__ import annotations

import base64
from typing import Any, Final

import anyio.to_thread
import mcp.types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from whatsapp_mcp.errors import AlreadyLoggedIn, InvalidArgument, WhatsAppMcpError
from whatsapp_mcp.operations.outcome import KeptFile, Outcome
from whatsapp_mcp.policy.passage import Passage
from whatsapp_mcp.server.news import SessionBoard, is_unlinked
from whatsapp_mcp.server.offer import Offer
from whatsapp_mcp.server.reading import Reading, not_found
from whatsapp_mcp.server.resource_kinds import ResourceKind, kinds_for
from whatsapp_mcp.server.views import view_html
from whatsapp_mcp.settings import Settings

MIB: Final = 1024 * 1024
_Context = ServerRequestContext[Any]
_Contents = types.TextResourceContents | types.BlobResourceContents


class Resources:
    """Of one server."""

    def __init__(self, offer: Offer, reading: Reading, settings: Settings, board: SessionBoard | None) -> None:
        self._offer = offer
        self._reading = reading
        self._board = board
        self._limit = settings.resource_limit * MIB

    def kinds(self, ctx: _Context) -> tuple[ResourceKind, ...]:
        """What there is for this caller."""
        return kinds_for(self._offer, self._offer.listed(ctx))

    async def list(self, ctx: _Context, params: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
        _one_page(params)
        kinds = kinds_for(self._offer, self._offer.listed(ctx), unlinked=is_unlinked(self._board))
        return types.ListResourcesResult(resources=[_resource(kind) for kind in kinds if not kind.is_template])

    async def templates(
        self, ctx: _Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        _one_page(params)
        return types.ListResourceTemplatesResult(
            resource_templates=[_template(kind) for kind in self.kinds(ctx) if kind.is_template]
        )

    def find(self, ctx: _Context, uri: str) -> tuple[ResourceKind, dict[str, Any]]:
        """What a URI names, and the arguments of its operation. Raises MCPError: there is no such resource."""
        for kind in self.kinds(ctx):
            values = kind.values(uri)
            if values is not None:
                named = {parameter: values[variable] for parameter, variable in kind.arguments.items()}
                return kind, {**named, **kind.fixed}
        raise not_found(ctx, uri)

    async def read(self, ctx: _Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        kind, arguments = self.find(ctx, params.uri)
        if kind.shape == "view":
            return types.ReadResourceResult(contents=[_view(kind)])
        try:
            async with self._reading.passage(ctx, self._offer.operation(kind.operation)) as passage:
                outcome = await self._reading.run(ctx, passage, arguments)
                contents = await self._contents(kind, params.uri, passage, outcome)
        except WhatsAppMcpError as error:
            raise self._reading.refusal(ctx, error, params.uri) from None
        return types.ReadResourceResult(contents=[contents])

    async def _contents(self, kind: ResourceKind, uri: str, passage: Passage, outcome: Outcome) -> _Contents:
        """Raises WhatsAppMcpError: there is nothing to show, or too much."""
        if kind.shape == "json":
            text = self._reading.text(passage, outcome)
            return types.TextResourceContents(uri=uri, mime_type=kind.mime_type, text=text)
        if kind.shape == "picture":
            if not outcome.images:
                raise AlreadyLoggedIn("A WhatsApp account is linked: there is no QR code")
            picture = outcome.images[0]
            blob, mime_type = base64.b64encode(picture.data).decode(), picture.mime_type
        else:
            kept = outcome.file
            assert kept is not None, "operations of files hand them back"
            blob, mime_type = await anyio.to_thread.run_sync(_encoded, kept, self._limit), kept.mime_type
        passage.bytes_out = len(blob)
        return types.BlobResourceContents(uri=uri, mime_type=mime_type, blob=blob)


def _view(kind: ResourceKind) -> types.TextResourceContents:
    """Asks for nothing from anywhere, so that a host allows it nothing."""
    meta = {"ui": {"csp": {}, "prefersBorder": False}}
    return types.TextResourceContents(uri=kind.uri, mime_type=kind.mime_type, text=view_html(kind.name), _meta=meta)


def _encoded(kept: KeptFile, limit: int) -> str:
    """A file in base64. Raises InvalidArgument: it is larger than ``limit`` bytes."""
    with kept.file.opened() as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise InvalidArgument(
            f"the file is larger than {limit // MIB} MiB, which is the most that is read as a resource",
            next_step="downloadMessageMedia says where it lies on the server; the owner of the server can raise "
            "WHATSAPP_MCP_RESOURCE_LIMIT.",
        )
    return base64.b64encode(content).decode()


def _one_page(params: types.PaginatedRequestParams | None) -> None:
    if params is not None and params.cursor is not None:
        raise MCPError(types.INVALID_PARAMS, "Unknown cursor: everything is on one page")


def _annotations(kind: ResourceKind) -> types.Annotations | None:
    return types.Annotations(audience=["user"]) if kind.for_the_user else None


def _resource(kind: ResourceKind) -> types.Resource:
    return types.Resource(
        name=kind.name,
        title=kind.title,
        uri=kind.uri,
        description=kind.description,
        mime_type=kind.mime_type,
        annotations=_annotations(kind),
    )


def _template(kind: ResourceKind) -> types.ResourceTemplate:
    return types.ResourceTemplate(
        name=kind.name,
        title=kind.title,
        uri_template=kind.uri,
        description=kind.description,
        mime_type=kind.mime_type,
        annotations=_annotations(kind),
    )
