"""What a login means: a new companion that shows codes, a linked device that comes back, or nobody we know.

Sources: whatsmeow store/clientpayload.go, connectionevents.go, keepalive.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError

from whatsapp_mcp.simulator.service.pairing import Pairing, PairingError, country_code, parse_registration
from whatsapp_mcp.simulator.service.prekeys import tell_key_count
from whatsapp_mcp.simulator.service.router import SERVER, Router
from whatsapp_mcp.simulator.state.accounts import SimDevice, SimLink
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.faults import Faults, LoginRefusal, stream_error
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node
from whatsapp_mcp.wire.noise import ClientLogin
from whatsapp_mcp.wire.protos import wa6

if TYPE_CHECKING:
    from whatsapp_mcp.simulator.network.connection import Connection, SimSession

log = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 0.3
"""After a new device that is never passive has sent its keys. It may still be writing them down, and some forget what
they are told meanwhile (forks of Baileys: transactions that overlap); a real phone is slower than that."""


class Login:
    """Opens sessions, and answers what a client asks about its own session."""

    def __init__(self, world: World, pairing: Pairing, router: Router, faults: Faults) -> None:
        self._world = world
        self._pairing = pairing
        self._router = router
        self._faults = faults
        self.pushes_to_passive = False
        """Whether a device gets what waits for it, and what is new, before it sent ``<active/>``."""
        self.on_active: list[Callable[[SimDevice], None]] = []
        """Called when a device finished its login (``<active/>``)."""
        self.on_offline: list[Callable[[SimDevice], None]] = []
        """Called when a device lost its connection."""
        self.on_unlinked: list[Callable[[SimDevice], None]] = []
        router.on_iq("passive", "set", self._set_passive)
        for ping in ("w:p", "urn:xmpp:ping"):
            router.on_iq(ping, "get", lambda device, node: ())
        router.on_iq("md", "get", lambda device, node: country_code(node))
        router.on_iq("md", "set", self._remove_companion)

    def open(self, connection: Connection, login: ClientLogin) -> SimSession | None:
        """Start the session that a Noise handshake asks for; ``None`` when it was refused."""
        refusal = self._faults.login.take()
        if refusal is not None:
            connection.farewell(refusal.node())
            return None
        try:
            payload = wa6.ClientPayload.FromString(login.payload)
        except DecodeError:
            log.warning("a login without a readable ClientPayload")
            connection.farewell(LoginRefusal(400).node())
            return None
        if not payload.HasField("username"):
            try:
                return self._pairing.begin(connection, parse_registration(payload, login.noise_public))
            except PairingError as error:
                log.warning("refused a registration: %s", error)
                connection.farewell(LoginRefusal(400).node())
                return None
        device = self._known_device(payload, login.noise_public)
        if device is None:
            connection.farewell(LoginRefusal(401).node())
            return None
        device.goes_by_lid = payload.lidDbMigrated
        return DeviceSession(self, connection, device, passive=payload.passive)

    def _known_device(self, payload: wa6.ClientPayload, noise_public: bytes) -> SimDevice | None:
        accounts = {account.number: account for account in self._world.accounts}
        account = accounts.get(str(payload.username))
        device = account.devices.get(payload.device) if account else None
        if device is None or device.is_local:
            log.info("login as %s:%s, which is not linked", payload.username, payload.device)
            return None
        if device.noise_public != noise_public:
            log.warning("login as %r with another Noise key than it was linked with", device)
            return None
        return device

    def start(self, device: SimDevice, connection: Connection, *, passive: bool) -> None:
        """Greet a device that logged in. What waits for one that logs in passive follows when it sends ``<active/>``:
        companions finish their setup first (whatsmeow store/clientpayload.go, connectionevents.go)."""
        previous, device.link = device.link, None
        if previous is not None:
            device.connected_twice += 1
            previous.farewell(stream_error("replaced"))
        device.few_keys = partial(tell_key_count, self._world, device)
        device.active = not passive
        device.takes_stanzas = False
        attrs: dict[str, Attr] = {"t": self._world.now(), "props": "27", "location": "sim", "lid": device.lid}
        connection.send(Node("success", attrs))
        device.link = connection
        if not passive or self.pushes_to_passive:
            self._flush(device, connection)
        if not passive and not device.one_time_prekeys:
            device.pause = PAUSE_SECONDS
        self._be_ready(device)

    def keys_came(self, device: SimDevice) -> None:
        """A device that did not log in passive is ready once there are keys to write to it with."""
        if device.pause:
            asyncio.get_running_loop().call_later(device.pause, self._be_ready, device)
        else:
            self._be_ready(device)

    def _be_ready(self, device: SimDevice) -> None:
        if device.active and device.one_time_prekeys:
            for notify in self.on_active:
                notify(device)

    @staticmethod
    def _flush(device: SimDevice, link: SimLink) -> None:
        """Give a device what waits for it; from now on it gets everything at once."""
        waiting = device.waiting
        if waiting:
            counts = {"count": str(len(waiting)), "appdata": "0"}
            for tag in ("message", "notification", "receipt"):
                counts[tag] = str(sum(node.tag == tag for node in waiting))
            link.send(Node("ib", {"from": SERVER}, [Node("offline_preview", dict(counts))]))
        for node in waiting:
            link.send(Node(node.tag, {**node.attrs, "offline": "0"}, node.content))
        link.send(Node("ib", {"from": SERVER}, [Node("offline", {"count": str(len(waiting))})]))
        device.takes_stanzas = True

    def end(self, device: SimDevice, connection: Connection) -> None:
        """The device's connection is gone (unless a newer one took its place)."""
        if device.link is not connection:
            return
        device.link = None
        device.active = False
        device.takes_stanzas = False
        for notify in self.on_offline:
            notify(device)

    def receive(self, device: SimDevice, node: Node, connection: Connection) -> None:
        self._router.dispatch(device, node, connection.send)

    # --- requests ---

    def _set_passive(self, device: SimDevice, node: Node) -> Sequence[Node]:
        device.active = node.child("active") is not None
        if device.active:
            if device.link is not None and not device.takes_stanzas:
                self._flush(device, device.link)
            for notify in self.on_active:
                notify(device)
        return [Node(child.tag) for child in node.children()]

    def _remove_companion(self, device: SimDevice, node: Node) -> Sequence[Node]:
        """``<remove-companion-device jid reason=user_initiated/>``: a device logs itself out (whatsmeow client.go
        Logout)."""
        request = node.child("remove-companion-device")
        if request is None:
            raise IqError(501, "feature-not-implemented")
        target = self._world.device(request.jid("jid"))
        if target is not device:
            raise IqError(403, "forbidden")
        self.unlink(device)
        return ()

    def unlink(self, device: SimDevice) -> None:
        """Forget a linked device. Its connection stays as it is; it cannot log in again."""
        device.account.devices.pop(device.number, None)
        for notify in self.on_unlinked:
            notify(device)


class DeviceSession:
    """The session of a linked device."""

    def __init__(self, login: Login, connection: Connection, device: SimDevice, *, passive: bool) -> None:
        self._login = login
        self._connection = connection
        self._device = device
        login.start(device, connection, passive=passive)

    def receive(self, node: Node) -> None:
        self._login.receive(self._device, node, self._connection)

    def ended(self) -> None:
        self._login.end(self._device, self._connection)
