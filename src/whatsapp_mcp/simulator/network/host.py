"""Where clients reach the simulated WhatsApp: ports on loopback that vouch for themselves with keys of their own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.simulator.network.certificates import issue_tls_identity, new_authority, server_context
from whatsapp_mcp.simulator.network.connection import Connection, NoiseIdentity, SessionOpener
from whatsapp_mcp.simulator.network.http import HttpRequest, Routes
from whatsapp_mcp.simulator.network.own_folder import OwnFolder
from whatsapp_mcp.simulator.network.transport import Listener
from whatsapp_mcp.simulator.state.config import SimulatorConfig
from whatsapp_mcp.simulator.state.faults import Faults
from whatsapp_mcp.simulator.state.kept import KeptHost
from whatsapp_mcp.wire.certificates import issue_chain
from whatsapp_mcp.wire.keys import KeyPair

CA_NAME: Final = "ca.pem"


@dataclass(frozen=True)
class HostKeys:
    """What clients know the host by. Kept, they find it again after a restart."""

    root: KeyPair = field(default_factory=KeyPair.generate)
    """Signs the Noise certificates: what a client has to trust."""
    static: KeyPair = field(default_factory=KeyPair.generate)
    """A client that comes back may encrypt its first message for it."""
    authority: tuple[bytes, bytes] = field(default_factory=new_authority)
    """Signs the TLS certificate: certificate and key, PEM."""

    @classmethod
    def of(cls, kept: KeptHost) -> HostKeys:
        """Those of before."""
        authority = kept.ca_certificate.encode(), kept.ca_key.encode()
        return cls(KeyPair(kept.root), KeyPair(kept.static), authority)

    def to_keep(self) -> KeptHost:
        certificate, key = (pem.decode() for pem in self.authority)
        return KeptHost(root=self.root.private, static=self.static.private, ca_certificate=certificate, ca_key=key)


class LoopbackHost:
    """Ports of 127.0.0.1, the keys behind them, and a private directory, from :meth:`start` to :meth:`stop`."""

    def __init__(
        self,
        config: SimulatorConfig,
        open_session: SessionOpener,
        routes: Routes,
        faults: Faults,
        keys: HostKeys | None = None,
    ) -> None:
        self._config = config
        self.open_session = open_session
        """Decides what a login means."""
        self._routes = routes
        self._faults = faults
        self.keys = keys or HostKeys()
        self.root, self.static = self.keys.root, self.keys.static
        self.chain = issue_chain(self.root, self.static.public, now=int(config.clock()))
        """The Noise certificates that clients are shown."""
        self._folder: OwnFolder | None = None
        self._listener: Listener | None = None
        self._endpoint: Endpoint | None = None
        self.tls_port: int | None = None
        """Where TLS is spoken without a proxy, if anywhere."""

    async def start(self) -> Endpoint:
        """Listen."""
        identity = issue_tls_identity(self.keys.authority)
        self._folder = await asyncio.to_thread(OwnFolder.make, self._config.directory)
        ca_file = (self._config.state or self._folder.path) / CA_NAME
        ca_file.write_bytes(identity.ca_certificate)
        self._listener = Listener(server_context(identity), self._chat, self._routes)
        port = await self._listener.start(self._config.port)
        if self._config.tls_port is not None:
            self.tls_port = await self._listener.start_directly(self._config.tls_port)
        proxy, noise_root = f"http://127.0.0.1:{port}", self.root.public.hex()
        self._endpoint = Endpoint(proxy=proxy, ca_file=str(ca_file), noise_root=noise_root)
        return self._endpoint

    async def stop(self) -> None:
        """Cut all connections and stop listening."""
        if self._listener is not None:
            await self._listener.stop()
            self._listener = None
        if self._folder is not None:
            await asyncio.to_thread(self._folder.remove)
            self._folder = None

    @property
    def endpoint(self) -> Endpoint:
        if self._endpoint is None:
            raise RuntimeError("the simulator is not started")
        return self._endpoint

    @property
    def directory(self) -> Path:
        if self._folder is None:
            raise RuntimeError("the simulator is not started")
        return self._folder.path

    async def _chat(self, request: HttpRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        identity, idle_seconds = NoiseIdentity(self.static, self.chain), self._config.keep_alive_seconds
        await Connection(reader, writer, identity, self.open_session, self._faults, idle_seconds).run(request)
