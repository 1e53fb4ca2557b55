"""Where clients reach the simulated WhatsApp: a proxy on loopback that vouches for itself with keys of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.simulator.network.certificates import issue_tls_identity, server_context
from whatsapp_mcp.simulator.network.connection import Connection, NoiseIdentity, SessionOpener
from whatsapp_mcp.simulator.network.http import HttpRequest, Routes
from whatsapp_mcp.simulator.network.own_folder import OwnFolder
from whatsapp_mcp.simulator.network.transport import Listener
from whatsapp_mcp.simulator.state.config import SimulatorConfig
from whatsapp_mcp.simulator.state.faults import Faults
from whatsapp_mcp.wire.certificates import issue_chain
from whatsapp_mcp.wire.keys import KeyPair


class LoopbackHost:
    """One port of 127.0.0.1, the keys behind it, and a private directory, from :meth:`start` to :meth:`stop`."""

    def __init__(self, config: SimulatorConfig, open_session: SessionOpener, routes: Routes, faults: Faults) -> None:
        self._config = config
        self.open_session = open_session
        """Decides what a login means."""
        self._routes = routes
        self._faults = faults
        self.root = KeyPair.generate()
        """Signs the chain: what a client has to trust."""
        self.static = KeyPair.generate()
        self.chain = issue_chain(self.root, self.static.public, now=int(config.clock()))
        """The Noise certificates that clients are shown."""
        self._folder: OwnFolder | None = None
        self._listener: Listener | None = None
        self._endpoint: Endpoint | None = None

    async def start(self) -> Endpoint:
        """Listen."""
        identity = issue_tls_identity()
        self._folder = await asyncio.to_thread(OwnFolder.make, self._config.directory)
        ca_file = self._folder.path / "ca.pem"
        ca_file.write_bytes(identity.ca_certificate)
        self._listener = Listener(server_context(identity), self._chat, self._routes)
        port = await self._listener.start(self._config.port)
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
