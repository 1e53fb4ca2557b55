"""Where each stanza of a logged-in device goes: one handler per tag, and for ``iq`` one per namespace and type.

A handler module offers ``register(router)``. An ``iq`` handler gets the device and the stanza and returns the
children of the result; it refuses by raising :class:`IqError`. Nothing a client sends is left without an answer: what
nobody handles gets error 501 and a log line.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from whatsapp_mcp.jid import USER, Jid
from whatsapp_mcp.simulator.state.accounts import SimDevice
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.faults import Faults
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node

log = logging.getLogger(__name__)

SERVER = Jid("", USER)
"""The server's own address, ``s.whatsapp.net``."""

Reply = Callable[[Node], None]
"""Sends a stanza back on the connection the request came from."""
IqHandler = Callable[[SimDevice, Node], Sequence[Node]]
StanzaHandler = Callable[[SimDevice, Node, Reply], None]


def _answer_to(request: Node) -> Jid:
    return request.jid("to") or SERVER


def iq_result(request: Node, content: Sequence[Node] = ()) -> Node:
    return Node("iq", _answer_attrs(request, "result"), list(content) if content else None)


def iq_error(request: Node, code: int, text: str) -> Node:
    return Node("iq", _answer_attrs(request, "error"), [Node("error", {"code": str(code), "text": text})])


def _answer_attrs(request: Node, kind: str) -> dict[str, Attr]:
    attrs: dict[str, Attr] = {"from": _answer_to(request), "type": kind}
    if request.get("id"):  # some clients ask in passing, and wait for nothing
        attrs["id"] = request.get("id")
    return attrs


def notification(world: World, origin: Jid, kind: str, *content: Node, **more: Attr) -> Node:
    """``<notification type=kind>``, with an id of its own and the time."""
    attrs: dict[str, Attr] = {"from": origin, "type": kind, "id": world.new_id(), "t": world.now(), **more}
    return Node("notification", attrs, list(content))


class Router:
    """Dispatches stanzas of logged-in devices."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._iq: dict[tuple[str, str], IqHandler] = {}
        self._stanzas: dict[str, StanzaHandler] = {"iq": self._handle_iq, "ack": _handle_ack, "ib": _ignore}

    def on_iq(self, xmlns: str, kind: str, handler: IqHandler) -> None:
        """Answer ``<iq xmlns type=kind>``; ``kind`` is ``get`` or ``set``."""
        if (xmlns, kind) in self._iq:
            raise ValueError(f"two handlers for iq {xmlns} {kind}")
        self._iq[xmlns, kind] = handler

    def on_stanza(self, tag: str, handler: StanzaHandler) -> None:
        if tag in self._stanzas:
            raise ValueError(f"two handlers for <{tag}>")
        self._stanzas[tag] = handler

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Namespace and type of all requests that are simulated."""
        return list(self._iq)

    @property
    def stanzas(self) -> list[str]:
        """Tags of all stanzas that are."""
        return list(self._stanzas)

    def answers(self, tag: str, xmlns: str = "", kind: str = "") -> bool:
        """Whether it knows what to do with such a stanza of a device; of an iq, whether it has an answer."""
        if tag == "iq" and kind in ("get", "set"):
            return (xmlns, kind) in self._iq
        return tag in self._stanzas

    def dispatch(self, device: SimDevice, node: Node, reply: Reply) -> None:
        """Handle one stanza that ``device`` sent."""
        handler = self._stanzas.get(node.tag)
        if handler is None:
            log.warning("%r sent an unknown stanza: %s", device, node.xml())
            return
        try:
            handler(device, node, reply)
        except Exception:
            # A mistake of ours, or a stanza so odd that no check foresaw it: the connection lives on.
            log.exception("cannot handle %s of %r", node.xml(), device)

    def _handle_iq(self, device: SimDevice, node: Node, reply: Reply) -> None:
        kind, xmlns = node.get("type"), node.get("xmlns")
        if kind in ("result", "error"):
            if kind == "error":
                log.info("%r refused a request of ours: %s", device, node.xml())
            return
        fault = self._faults.iq[xmlns].take()
        if fault is not None:
            if fault.code:
                reply(iq_error(node, fault.code, fault.text))
            return
        answer = self._answer(device, node, kind, xmlns)
        delay = self._faults.answer_delay
        if delay > 0:
            asyncio.get_running_loop().call_later(delay, reply, answer)
        else:
            reply(answer)

    def _answer(self, device: SimDevice, node: Node, kind: str, xmlns: str) -> Node:
        handler = self._iq.get((xmlns, kind))
        if handler is None:
            log.warning("%r asked for something not simulated: %s", device, node.xml())
            return iq_error(node, 501, "feature-not-implemented")
        try:
            return iq_result(node, handler(device, node))
        except IqError as error:
            log.info("refused %s (%s) for %r: %s", xmlns, kind, device, error)
            return iq_error(node, error.code, error.text)
        except Exception:
            log.exception("cannot answer %s of %r", node.xml(), device)
            return iq_error(node, 500, "internal-server-error")


def _handle_ack(device: SimDevice, node: Node, reply: Reply) -> None:
    if node.get("error"):
        log.info("%r rejected a %s: %s", device, node.get("class"), node.xml())
    device.confirm(node.get("class"), node)


def _ignore(device: SimDevice, node: Node, reply: Reply) -> None:
    """Stanzas that a server takes note of without answering."""
