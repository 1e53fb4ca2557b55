"""The local endpoint in both its forms: who is served, who gets nothing, and what is left."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import ModuleType

import pytest

from tests.unit.waiting import WAIT
from whatsapp_mcp.platform import loopback
from whatsapp_mcp.platform.listener import ADDRESS, read_address
from whatsapp_mcp.platform.ownership import others_may_read
from whatsapp_mcp.private_files import write_private

FORMS: list[ModuleType] = [loopback]
"""Windows has the first one, and everybody can have it."""
if sys.platform != "win32":
    from whatsapp_mcp.platform.posix import endpoint as posix

    FORMS.append(posix)

LIMIT = 2**16


@pytest.fixture(params=FORMS, ids=lambda form: "port" if form is loopback else "socket")
def form(request: pytest.FixtureRequest) -> ModuleType:
    found: ModuleType = request.param
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "account"
    folder.mkdir(mode=0o700)
    return folder


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says so when it is reached, then repeats lines."""
    writer.write(b"served\n")
    with suppress(OSError, ValueError):
        while line := await reader.readline():
            writer.write(line)
    writer.close()


@asynccontextmanager
async def listening(form: ModuleType, folder: Path) -> AsyncIterator[None]:
    more = {"write": write_private} if form is loopback else {}
    listener = await form.listen(folder, echo, limit=LIMIT, **more)
    try:
        async with asyncio.timeout(2 * WAIT):
            yield
    finally:
        # Newer Pythons stumble over a connection that is accepted while they close, and over one that is left to the
        # end of the loop.
        await asyncio.sleep(0.02)
        listener.close()
        async with asyncio.timeout(WAIT):
            while serving := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(serving)
                await asyncio.sleep(0)


async def served(form: ModuleType, folder: Path, said: bytes = b"hello\n") -> bytes:
    """What a client gets that does all as it should."""
    streams = await form.connect(folder, limit=LIMIT)
    assert streams is not None
    reader, writer = streams
    writer.write(said)
    heard = await reader.readline() + await reader.readline()
    writer.close()
    return bytes(heard)


async def test_there_and_back(form: ModuleType, folder: Path) -> None:
    assert await form.connect(folder, limit=LIMIT) is None
    assert not form.is_listening(folder) and form.remains(folder) is None
    async with listening(form, folder):
        assert form.is_listening(folder)
        assert others_may_read(form.remains(folder)) is None
        assert await asyncio.gather(*(served(form, folder) for _ in range(20))) == [b"served\nhello\n"] * 20
    assert await form.connect(folder, limit=LIMIT) is None
    assert not form.is_listening(folder) and form.remains(folder) is None


async def test_what_a_killed_process_left_is_replaced(form: ModuleType, folder: Path) -> None:
    async with listening(form, folder):
        left = form.remains(folder)
        aside = left.with_name("aside")
        os.link(left, aside)
    aside.rename(left)
    assert form.remains(folder) == left and not form.is_listening(folder)
    assert await form.connect(folder, limit=LIMIT) is None
    async with listening(form, folder):
        assert await served(form, folder) == b"served\nhello\n"


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b'{"port": 0, "secret": ""}', b'{"socket": "/nowhere"}'])
async def test_a_damaged_address_is_none(form: ModuleType, tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    (folder / ADDRESS).write_bytes(content)
    assert await form.connect(folder, limit=LIMIT) is None
    assert not form.is_listening(folder)


# ---- the socket -----------------------------------------------------------------------------------------------------

unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has a port instead")


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that everybody may pass through."""
    folder = Path("/tmp") / f"whatsapp-mcp-test-{os.getpid()}"
    folder.mkdir(mode=0o755)
    yield folder
    for left in folder.iterdir():
        left.unlink()
    folder.rmdir()


@unix
async def test_a_long_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime) if len(str(runtime)) < 50 else "")
    folder = tmp_path / ("a long name" * 10) / ("and another" * 10)
    folder.mkdir(parents=True, mode=0o700)
    async with listening(posix, folder):
        assert await served(posix, folder) == b"served\nhello\n"
        where = Path(read_address(folder)["socket"])
        assert len(os.fsencode(where)) <= 100
        assert stat.S_IMODE(where.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(where.stat().st_mode) == 0o600
    assert not where.exists()


STRANGER = f"""
import os, socket, sys
stranger = socket.socket(socket.AF_UNIX)
stranger.settimeout({WAIT})
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    stranger.connect(sys.argv[1])
except OSError as error:
    sys.exit(f"errno {{error.errno}}")
try:
    stranger.sendall(b'{{"type": "attach"}}\\n')
except (BrokenPipeError, ConnectionResetError):
    pass
try:
    said = stranger.recv(1000)
except ConnectionResetError:
    said = b""
sys.exit(f"got {{said}}")
"""


async def gets_as_nobody(path: Path) -> str:
    """All that another user of this machine gets who connects and writes. Only root can become somebody else."""
    command = (sys.executable, "-c", STRANGER, str(path))
    child = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, said = await child.communicate()
    return said.decode().strip()


@unix
@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can become another user")
async def test_another_user_gets_nothing(short: Path) -> None:
    async with listening(posix, short):
        path = short / "session.sock"
        assert await gets_as_nobody(path) == "errno 13", "by the socket's mode"
        path.chmod(0o777)
        assert await gets_as_nobody(path) == "got b''", "by who it is"
        assert await served(posix, short) == b"served\nhello\n"


@unix
async def test_the_socket_of_another_user_is_not_spoken_to(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(posix, folder):
        monkeypatch.setattr(posix, "_is_this_user", lambda _writer: False)
        assert await posix.connect(folder, limit=LIMIT) is None


# ---- the port -------------------------------------------------------------------------------------------------------


async def stranger(folder: Path, said: bytes, *, end: bool = False) -> bytes:
    """All that somebody gets who has found the port."""
    reader, writer = await asyncio.open_connection("127.0.0.1", read_address(folder)["port"])
    writer.write(said)
    if end:
        writer.write_eof()
    try:
        async with asyncio.timeout(WAIT):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 20 + b"\r\n",
        b'{"type": "attach", "client": {"kind": "stdio", "pid": 1}}' + b" " * 20 + b"\n",
        b"0" * 64 + b"\n" + b'{"type": "attach"}\n',
        b"\n" * 65,
        b"x" * 5_000_000,
        bytes(range(256)),
    ],
    ids=["HTTP", "no secret", "wrong secret", "blank lines", "a line without end", "bytes"],
)
async def test_who_does_not_know_the_secret_gets_nothing(folder: Path, said: bytes) -> None:
    async with listening(loopback, folder):
        assert await stranger(folder, said) == b""
        assert await served(loopback, folder) == b"served\nhello\n"


async def test_the_secret_has_to_come_soon(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "_PATIENCE", 0.2)
    async with listening(loopback, folder):
        secret = read_address(folder)["secret"].encode()
        assert len(secret) == 64
        for begun in (b"", secret[:10], secret):
            assert await stranger(folder, begun) == b""
        assert await stranger(folder, secret[:-1], end=True) == b""


async def test_strangers_keep_nobody_out(folder: Path) -> None:
    """However many connect and say nothing."""
    async with listening(loopback, folder):
        port = read_address(folder)["port"]
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
        assert await served(loopback, folder) == b"served\nhello\n"
        for _, writer in silent:
            writer.close()
