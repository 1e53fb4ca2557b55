"""Calls, as far as they go without talking: somebody rings, the other side takes it or rejects it, one of them ends it.

Sources: whatsmeow call.go; whatsapp-rust wacore/src/stanza/call.rs for the order of what is said.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.service.router import Reply, Router
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.groups import new_invite_code
from whatsapp_mcp.simulator.state.record import Record
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node

log = logging.getLogger(__name__)


class Calls:
    """``<call>``: everything in it goes to the other side's devices."""

    def __init__(self, world: World) -> None:
        self._world = world

    def register(self, router: Router) -> None:
        router.on_stanza("call", self._receive)

    def _receive(self, sender: SimDevice, node: Node, reply: Reply) -> None:
        to, content = node.jid("to"), node.children()
        if node.get("id") and [child.tag for child in content] == ["link_create"]:
            # A link that others may call by (Baileys Socket/chats.ts createCallLink); nobody does.
            link = Node("link_create", {"token": new_invite_code(), "media": content[0].get("media", "audio")})
            about: dict[str, Attr] = {"class": "call", "id": node.get("id"), "type": "link_create"}
            reply(Node("ack", {**about, "from": node.attrs.get("to", "")}, [link]))
            return
        if to is None or not node.get("id") or not content:
            log.warning("%r sent a call without address, id or content: %s", sender, node.xml())
            return
        signal, attrs = content[0], dict[str, Attr]({"class": "call", "id": node.get("id"), "from": to})
        if not signal.get("call-id"):
            log.warning("%r sent something about no call: %s", sender, node.xml())
            reply(Node("ack", {**attrs, "type": signal.tag, "error": "400"}))
            return
        reply(Node("ack", {**attrs, "type": signal.tag}))
        other = self._world.account(to)
        if other is None or sender.account in other.blocked:
            return
        for target in list(other.devices.values()):
            self._deliver(sender, target, signal)
        if signal.tag in ("reject", "accept"):
            # The own other devices stop ringing.
            ended: dict[str, Attr] = {**signal.attrs, "reason": f"{signal.tag}ed_elsewhere"}
            for device in sender.account.others(sender):
                self._deliver(sender, device, Node("terminate", ended))

    def _deliver(self, sender: SimDevice, target: SimDevice, signal: Node) -> None:
        attrs: dict[str, Attr] = {
            "from": sender.lid,
            "id": self._world.new_id(),
            "t": self._world.now(),
            "platform": "android",
            "version": "2.26.1.1",
            "notify": sender.account.push_name,
        }
        content = signal.content
        if isinstance(content, list):
            content = list(_for_device(content, target))
        target.deliver(Node("call", attrs, [Node(signal.tag, signal.attrs, content)]))


def _for_device(content: list[Node], target: SimDevice) -> Iterator[Node]:
    """The key of the call is encrypted for each device: beside the rest, or in a ``<destination>``."""
    for child in content:
        if child.tag == "destination":
            for to in child.children("to"):
                if to.jid("jid") in (target.lid, target.pn):
                    yield from to.children()
        elif child.tag != "enc" or child.jid("jid") in (None, target.lid, target.pn):
            yield child


@dataclass(frozen=True, slots=True)
class CallSignal:
    """Something happened to a call: ``what`` is ``offer``, ``reject``, ``accept``, ``terminate`` …"""

    call_id: str
    what: str
    by: SimAccount
    reason: str = ""
    video: bool = False
    """Of an offer: with a picture."""
    creator: Jid | None = None
    """The device that rang."""


class SimCall:
    """A call that a simulated person makes or has taken."""

    def __init__(self, call_id: str, signals: Record[CallSignal], submit: Callable[[Node], None]) -> None:
        self.id = call_id
        self._signals = signals
        self._submit = submit

    async def wait_for(self, what: str = "reject", *, timeout: float = 30.0) -> CallSignal:
        """Wait until the other side rejects (or accepts …) the call.

        Raises:
            TimeoutError: it did not.
        """
        return await self._signals.wait_for(lambda s: s.call_id == self.id and s.what == what, timeout=timeout)

    @property
    def rejected(self) -> bool:
        return any(signal.call_id == self.id and signal.what == "reject" for signal in self._signals)

    @property
    def taken(self) -> bool:
        """Whether the other side has taken it."""
        return any(signal.call_id == self.id and signal.what == "accept" for signal in self._signals)

    def accept(self) -> None:
        """Take it. Nobody can be heard: there is nothing that carries voices."""
        media = [Node("audio", {"enc": "opus", "rate": "16000"}), Node("net", {"medium": "3"})]
        for tag in ("preaccept", "accept"):
            self._submit(Node(tag, {"call-id": self.id}, [*media, Node("encopt", {"keygen": "2"})]))

    def reject(self) -> None:
        """Do not take it."""
        self._submit(Node("reject", {"call-id": self.id, "count": "0"}))

    def end(self, reason: str = "timeout") -> None:
        """Give up, or hang up."""
        self._submit(Node("terminate", {"call-id": self.id, "reason": reason}))


def offer(call_id: str, caller: SimDevice, *, video: bool, keys: list[Node]) -> Node:
    """What makes the other side ring; ``keys``: the key of the call, encrypted for each device."""
    attrs: dict[str, Attr] = {"call-id": call_id, "call-creator": caller.lid, "caller_pn": caller.account.pn}
    content = [Node("audio", {"enc": "opus", "rate": rate}) for rate in ("8000", "16000")]
    if video:
        content.append(Node("video", {"enc": "vp8", "dec": "vp8", "orientation": "0"}))
    return Node("offer", attrs, [*content, Node("net", {"medium": "3"}), *keys, Node("encopt", {"keygen": "2"})])


def new_call_id() -> str:
    return secrets.token_hex(16).upper()


def parse_signal(world: World, node: Node) -> CallSignal | None:
    """What a ``<call>`` tells; ``None``: nothing that can be understood."""
    account = world.account(node.jid("from"))
    if account is None or not node.children():
        return None
    signal = node.children()[0]
    return CallSignal(
        signal.get("call-id"),
        signal.tag,
        account,
        signal.get("reason"),
        video=signal.child("video") is not None,
        creator=signal.jid("call-creator"),
    )
