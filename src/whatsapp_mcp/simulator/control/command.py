"""``whatsapp-mcp simulate``: a simulator as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.simulator.control.control import ControlServer
from whatsapp_mcp.simulator.network.hosts_file import hosts_file, how_to_reach
from whatsapp_mcp.simulator.server import Simulator
from whatsapp_mcp.simulator.state.config import SimulatorConfig

log = logging.getLogger(__name__)

FIRST_USE_SECONDS: Final = 20.0
"""With ``exit_when_unused``: how long the first user may take to come."""
USE_CHECK: Final = 0.1
"""Seconds between two looks whether anybody uses it."""


@dataclass(frozen=True, slots=True)
class SimulateOptions:
    """Options of the command. Files that are not named go to a temporary directory that disappears at the end."""

    endpoint: Path | None = None
    """Where to write the endpoint file."""
    control: Path | None = None
    """Path of the control socket."""
    port: int = 0
    personas: bool = True
    """Start with people who answer (Ana, Bruno, Chen, Echo, a florist); otherwise with nobody."""
    phone_number: str = SimulatorConfig().phone_number
    phone_name: str = SimulatorConfig().phone_name
    accounts: tuple[str, ...] = ()
    """Further accounts, each with a phone of its own: ``NUMBER`` or ``NUMBER=NAME``."""
    history: bool = False
    """Whether newly linked devices get the history by themselves, as with WhatsApp."""
    state: Path | None = None
    """A folder for what is to outlive this simulator; files that are not named lie there too."""
    listen_tls: int | None = None
    """A port where TLS is spoken without a proxy."""
    hosts_file: Path | None = None
    """Where to write a hosts file that leads a client to that port."""
    autoscan: float | None = None
    """Seconds after which the phone scans a code it was told about (control command ``show_qr``)."""
    exit_on_stdin_eof: bool = False
    """End when standard input ends: for a parent that must not leave an orphan behind."""
    exit_when_unused: float | None = None
    """End so many seconds after its last user has gone: for one that several programs share, and that is nobody's
    child. Users are open control connections, and linked devices that are connected."""


def run_simulate(options: SimulateOptions, output: TextIO) -> int:
    """Run a simulator until SIGINT, SIGTERM, the control command ``stop`` or (optional) the end of stdin; returns the
    exit code.

    When everything listens, one line is written to ``output``: ``{"endpoint": "<path>", "control": "<path>"}``.
    """
    if sys.platform != "linux":
        log.warning(
            "Go asks this system, not SSL_CERT_FILE, which certificates to trust: neonize will refuse the simulator "
            "here. Run both in a Linux container or virtual machine."
        )
    asyncio.run(simulate(options, output))
    return 0


async def simulate(options: SimulateOptions, output: TextIO) -> None:
    """:func:`run_simulate` inside a running event loop (of the main thread)."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    if options.exit_on_stdin_eof:
        threading.Thread(target=_watch_stdin, args=(loop, stopped), daemon=True, name="stdin-watch").start()
    made = _simulator(options)
    async with AsyncExitStack() as stack:
        with _naming(*_listening(options)):
            simulator = await stack.enter_async_context(made)
        simulator.autoscan = options.autoscan
        if options.personas:
            await simulator.add_cast()
        folder = options.state or simulator.directory
        endpoint = options.endpoint or folder / "endpoint.json"
        control_path = options.control or folder / "control.sock"
        control = ControlServer(simulator, control_path, stop=stopped.set)
        with _naming("--control", control_path):
            await control.start()
        try:
            with _naming("--endpoint", endpoint):
                simulator.write_endpoint(endpoint)
            _tell_of_tls(simulator, options.hosts_file)
            output.write(json.dumps({"endpoint": str(endpoint), "control": str(control_path)}) + "\n")
            output.flush()
            if options.exit_when_unused is not None:
                unused = asyncio.create_task(_until_unused(simulator, control, options.exit_when_unused))
                unused.add_done_callback(lambda _: stopped.set())
            await stopped.wait()
        finally:
            with contextlib.suppress(OSError):  # a folder, say, which is why the simulator ends
                endpoint.unlink(missing_ok=True)
            await control.stop()


def _simulator(options: SimulateOptions) -> Simulator:
    """With all accounts, not yet started. Raises SetupError."""
    config = SimulatorConfig(
        port=options.port,
        tls_port=options.listen_tls,
        state=options.state,
        phone_number=options.phone_number,
        phone_name=options.phone_name,
        history_after_pairing=options.history,
    )
    with _naming("--phone-number", options.phone_number):
        simulator = Simulator(config)
    there = {phone.account.number for phone in simulator.phones}
    for given in options.accounts:
        number, _, name = given.partition("=")
        if number in there and options.state is not None:
            continue  # kept from before
        with _naming("--account", given):
            simulator.add_account(number, name or f"Account {number}")
    return simulator


def _listening(options: SimulateOptions) -> tuple[str, object]:
    """The option that is most likely to blame when it cannot listen."""
    return ("--port", options.port) if options.listen_tls is None else ("--listen-tls", options.listen_tls)


def _tell_of_tls(simulator: Simulator, hosts: Path | None) -> None:
    """Write the hosts file, and say on standard error what a client needs. Raises SetupError."""
    port = simulator.host.tls_port
    if port is None:
        if hosts is not None:
            raise SetupError(
                "--hosts-file leads to a port that nobody listens at",
                next_step="Add --listen-tls 443, or another port.",
            )
        return
    if hosts is not None:
        with _naming("--hosts-file", hosts):
            hosts.write_text(hosts_file(), encoding="ascii")
    sys.stderr.write(how_to_reach(port, simulator.endpoint.ca_file, hosts))
    sys.stderr.flush()


@contextlib.contextmanager
def _naming(option: str, value: object) -> Iterator[None]:
    """What cannot be had is an error that names the option. Raises SetupError."""
    try:
        yield
    except (OSError, ValueError) as error:
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise SetupError(f"{option} {value}: {why}", next_step=f"Choose another {option}, or leave it out.") from error


async def _until_unused(simulator: Simulator, control: ControlServer, seconds: float) -> None:
    """Returns when nobody has used the simulator for so long."""
    loop = asyncio.get_running_loop()
    end = loop.time() + FIRST_USE_SECONDS
    while (in_use := control.connections or simulator.is_connected) or loop.time() < end:
        if in_use:
            end = loop.time() + seconds
        await asyncio.sleep(USE_CHECK)


def _watch_stdin(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    """Wait for the end of standard input, in a thread: the event loop cannot watch every kind of file."""
    with contextlib.suppress(OSError):  # closed altogether
        while os.read(0, 4096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop ended first
        loop.call_soon_threadsafe(stopped.set)
