"""Server and session process on Windows Python under wine, the simulator on Linux: what a person does in a day.

Run by ``python -m tests.windows e2e``, which has built the rig.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.types import CallToolResult
from PIL import Image

from tests.e2e.harness import Host, Json, body_of, pictures, simulated, until
from tests.unit.media import samples
from tests.windows.rig import ROOT, Rig, linux_path, windows_path
from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.simulator import Simulator
from whatsapp_mcp.simulator.content.summary import ReceivedMessage
from whatsapp_mcp.simulator.people.contact import VirtualContact as Contact

LIMIT = 600.0
"""Seconds; what takes a machine with nothing else to do a tenth of it."""
RIG = Rig()
TRUST = Path(__file__).with_name("trust.py")


@contextmanager
def trusted(endpoint: Path) -> Iterator[Path]:
    """The endpoint file as Windows names its paths; meanwhile the rig's Windows trusts the simulator."""
    found = Endpoint.read(endpoint)
    theirs = endpoint.with_name("endpoint-windows.json")
    found.model_copy(update={"ca_file": windows_path(Path(found.ca_file))}).write(theirs)
    RIG.run([windows_path(TRUST), "add", windows_path(Path(found.ca_file))])
    try:
        yield theirs
    finally:
        RIG.run([windows_path(TRUST), "remove", windows_path(Path(found.ca_file))])


class PatientHost(Host):
    """Calls again, as the answer says, when a process was not ready in time: those of wine take longer to start than a
    tool waits for them, and then nothing was done.
    """

    async def raw(self, tool: str, arguments: Json | None = None) -> CallToolResult:
        while body_of(result := await super().raw(tool, arguments))["code"] == "not_connected":
            pass
        return result


@asynccontextmanager
async def windows_host(endpoint: Path, folder: Path) -> AsyncIterator[Host]:
    """A server under wine and a client connected to it; what the server says goes to ``server.log``."""
    (folder / "outbox").mkdir(exist_ok=True)
    environment = RIG.environment(
        WHATSAPP_MCP_ENDPOINT=windows_path(endpoint),
        WHATSAPP_MCP_REQUIRE_ENDPOINT="true",
        WHATSAPP_MCP_TOOLSETS="all",
        WHATSAPP_MCP_POLICY="open",
        WHATSAPP_MCP_CONNECT_WAIT="20",
        WHATSAPP_MCP_SESSION_LINGER="0",
        WHATSAPP_MCP_OUTBOX=windows_path(folder / "outbox"),
    )
    command = RIG.command("-m", "whatsapp_mcp", "stdio", "--data-dir", windows_path(folder / "data"))
    # wine takes no regular file as a standard handle, and pytest's standard error is one.
    through_a_pipe = ["-c", 'exec "$@" 2> >(exec cat >> "$0")', str(folder / "server.log"), *command]
    parameters = StdioServerParameters(command="bash", args=through_a_pipe, env=environment, cwd=ROOT)
    async with Client(parameters, mode="auto") as client:
        yield PatientHost(client, folder / "data")


def sessions() -> list[int]:
    """Session processes that run in the rig."""
    ours = f"WINEPREFIX={RIG.environment()['WINEPREFIX']}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if (
                entry.name.isdigit()
                and b"whatsapp_mcp.worker.process" in (entry / "cmdline").read_bytes().split(b"\0")
                and ours in (entry / "environ").read_bytes().split(b"\0")
            ):
                found.append(int(entry.name))
        except OSError:  # it ended
            continue
    return found


async def link(host: Host, simulator: Simulator) -> None:
    login = await host.call("appLogin")
    await simulator.phone.scan(login["qr_text"])
    await host.call("appDevices")


async def got(ana: Contact, text: str) -> ReceivedMessage:
    return await ana.wait_for_message(lambda message: message.text == text)


async def messages_go_both_ways(host: Host, ana: Contact) -> None:
    await host.call("sendMessage", phone=ana.number, message="from Windows, with ünïcode 🪟")
    await got(ana, "from Windows, with ünïcode 🪟")
    cursor = await host.cursor()
    ana.say("the picnic is on Friday")
    waited = await host.call("waitForMessage", cursor=cursor, timeout=40)
    assert waited["message"]["content"] == "the picnic is on Friday"
    found = await host.call("searchMessages", query="picnic")
    assert [row["content"] for row in found["data"]] == ["the picnic is on Friday"]


async def pictures_go_both_ways(host: Host, ana: Contact, folder: Path) -> None:
    photo = samples.photo_with_place(folder / "outbox" / "beach.jpg")
    await host.call("sendImage", phone=ana.number, image=windows_path(photo), caption="the beach")
    received = await got(ana, "the beach")
    shown = Image.open(io.BytesIO(await received.download()))
    assert shown.size == (200, 400), "the camera's rotation was applied"
    assert not shown.getexif()
    cursor = await host.cursor()
    content = samples.jpeg()
    said = ana.send_image(content, caption="look")
    await host.call("waitForMessage", cursor=cursor, timeout=40)
    result = await host.raw("downloadMessageMedia", {"message_id": said.id, "phone": ana.number})
    assert not result.is_error, body_of(result)
    path = body_of(result)["results"]["file_path"]
    assert path.startswith(windows_path(host.data_dir))
    assert linux_path(path).read_bytes() == content, "not a byte was taken for the end of a line"
    assert len(pictures(result)) == 1


async def a_star_is_set_by_a_login_of_our_own(host: Host, ana: Contact, simulator: Simulator) -> None:
    said = (await host.call("searchMessages", query="picnic"))["data"][0]
    await host.call("starMessage", message_id=said["message_id"], phone=ana.number)
    await simulator.phone.patches.wait_for(lambda change: change.index[0] == "star")


async def a_second_server_shares_the_session(first: Host, second: Host, ana: Contact) -> None:
    cursor = await first.cursor()
    await second.call("sendMessage", phone=ana.number, message="from the second server")
    await got(ana, "from the second server")
    assert len(sessions()) == 1
    ana.say("both of you hear this")
    for host in (first, second):
        waited = await host.call("waitForMessage", cursor=cursor, timeout=40)
        assert waited["message"]["content"] == "both of you hear this"


async def test_a_day_on_windows(tmp_path: Path) -> None:
    async with asyncio.timeout(LIMIT), simulated(tmp_path) as (simulator, linux_endpoint):
        ana = await simulator.add_contact("Ana")
        with trusted(linux_endpoint) as endpoint:
            async with windows_host(endpoint, tmp_path) as host:
                await link(host, simulator)
                await messages_go_both_ways(host, ana)
                await pictures_go_both_ways(host, ana, tmp_path)
                await a_star_is_set_by_a_login_of_our_own(host, ana, simulator)
                async with windows_host(endpoint, tmp_path) as second:
                    await a_second_server_shares_the_session(host, second, ana)
            await until(lambda: not sessions(), what="the end of the session process")
            async with windows_host(endpoint, tmp_path) as host:
                await host.call("sendMessage", phone=ana.number, message="still linked")
                await got(ana, "still linked")
            await until(lambda: not sessions(), what="the end of the second session process")
