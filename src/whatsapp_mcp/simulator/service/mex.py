"""``iq xmlns=w:mex``: GraphQL in JSON, by query id (whatsmeow newsletter.go: sendMexIQ; types/newsletter.go)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.service.router import SERVER, Router, notification
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Node

log = logging.getLogger(__name__)

Json = dict[str, Any]
QueryHandler = Callable[[SimDevice, Json], Json]
"""Gets the variables of a query and returns its data."""


class GraphQlError(Exception):
    """A query is refused: the answer is a result that says so. Client: "graphql error: 404 Not Found (CRITICAL)"."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message


def part(given: Json, name: str) -> Json:
    """An object inside of the variables of a query; empty when there is none.

    Raises:
        GraphQlError: 400, it is something else.
    """
    value = given.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise GraphQlError(400, "Bad Request")
    return value


def account_at(world: World, jid: object) -> SimAccount:
    """The account that a query names. Raises GraphQlError: 404, there is none."""
    try:
        account = world.account(Jid.parse(str(jid)))
    except ValueError:
        account = None
    if account is None:
        raise GraphQlError(404, "Not Found")
    return account


class Mex:
    """Dispatches queries by their id."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._queries: dict[str, QueryHandler] = {}

    def register(self, router: Router) -> None:
        router.on_iq("w:mex", "get", self._answer)

    def on_query(self, query_id: str, handler: QueryHandler) -> None:
        if query_id in self._queries:
            raise ValueError(f"two handlers for query {query_id}")
        self._queries[query_id] = handler

    @property
    def queries(self) -> list[str]:
        """Ids of all queries that are simulated."""
        return list(self._queries)

    def _answer(self, device: SimDevice, node: Node) -> Sequence[Node]:
        query = node.child("query")
        handler = self._queries.get(query.get("query_id")) if query else None
        if query is None or handler is None:
            log.warning("%r sent a GraphQL query that is not simulated: %s", device, node.xml())
            raise IqError(501, "feature-not-implemented")
        try:
            variables = json.loads(query.data)["variables"]
        except (ValueError, KeyError, TypeError):
            raise IqError(400, "bad-request") from None
        if not isinstance(variables, dict):
            raise IqError(400, "bad-request")
        try:
            answer: Json = {"data": handler(device, variables)}
        except GraphQlError as error:
            log.info("refused query %s for %r: %s", query.get("query_id"), device, error)
            extensions = {"error_code": error.code, "is_retryable": False, "severity": "CRITICAL"}
            answer = {"data": None, "errors": [{"message": error.message, "path": [], "extensions": extensions}]}
        return [Node("result", {}, json.dumps(answer, ensure_ascii=False).encode())]

    def notify(self, device: SimDevice, operation: str, data: Json) -> None:
        """Tell a device of a change that another one made."""
        update = Node("update", {"op_name": operation}, json.dumps({"data": data}, ensure_ascii=False).encode())
        device.deliver(notification(self._world, SERVER, "mex", update))
