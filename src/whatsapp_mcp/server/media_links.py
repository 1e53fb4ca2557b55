"""What a result says of the resources of its media: in a list how their URIs are made, once; of a file its link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import mcp.types as types

from whatsapp_mcp.operations.outcome import KeptFile, Outcome, Rows
from whatsapp_mcp.server.resource_kinds import KINDS, uri_of

FIELD: Final = "media_uri"
TEMPLATE: Final = "whatsapp://media/{chat_jid}/{message_id}"
"""With the names that rows have for it."""
LINKS_SINCE: Final = "2025-06-18"
"""Earlier revisions know no links in results."""
_MEDIA: Final = next(kind for kind in KINDS if kind.shape == "file")


def with_template(outcome: Outcome, tools: Callable[[], frozenset[str]]) -> Outcome:
    """The same; when rows have media that a caller with these tools may read, with the form of their URIs."""
    results = outcome.results
    if outcome.rows is None or not isinstance(results, dict):
        return outcome
    rows = results.get(outcome.rows)
    if not isinstance(rows, Rows) or not any(map(_has_media, rows.views)) or tools().isdisjoint(_MEDIA.beside):
        return outcome
    return replace(outcome, results={**results, FIELD: TEMPLATE})


def _has_media(view: object) -> bool:
    """A message, or what stands around one."""
    message = getattr(view, "message", view)
    return bool(getattr(message, "media_mimetype", None))


def with_uri(outcome: Outcome, client: types.InitializeRequestParams | None) -> Outcome:
    """The same; for a host that no link is for, with the file's URI among the facts."""
    if outcome.file is None or _takes_links(client) or not isinstance(outcome.results, dict):
        return outcome
    return replace(outcome, results={**outcome.results, FIELD: _uri(outcome.file)})


def link_to(file: KeptFile, client: types.InitializeRequestParams | None, revision: str) -> list[types.ContentBlock]:
    """For a host on another machine, which cannot open the path. The name is ours: a sender could choose a sentence."""
    if revision < LINKS_SINCE or not _takes_links(client):
        return []
    return [types.ResourceLink(uri=_uri(file), name=_MEDIA.name, mime_type=file.mime_type, size=file.file.size)]


def _takes_links(client: types.InitializeRequestParams | None) -> bool:
    """Not langchain-mcp-adapters (0.3.2), which goes by the name of MCP's Python SDK: it makes of a link a picture or
    a file with that address for the model's vendor, who cannot fetch it and refuses the whole request."""
    return client is None or client.client_info.name.strip().casefold() != "mcp"


def _uri(file: KeptFile) -> str:
    return uri_of("media", chat=str(file.chat), id=file.message_id)
