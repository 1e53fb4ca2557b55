"""Chromium, spoken to over its DevTools protocol by a pipe: one page at a time."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

WAIT: Final = 90.0
"""Seconds for anything that a page does; a loaded machine takes long to start a browser."""
PROGRAM: Final = shutil.which("chromium")
_ARGUMENTS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)
_ON_3_AND_4: Final = """
import fcntl, os, sys
commands, answers = (fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3])
os.dup2(commands, 3)
os.dup2(answers, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""The browser takes commands from one descriptor and answers on the other."""


class Browser:
    """The connection to it."""

    def __init__(self, commands: int, answers: asyncio.StreamReader) -> None:
        self._commands = commands
        self._answers = answers
        self._ids = itertools.count(1)
        self.frames: list[str] = []
        """Sessions of frames that have a process of their own."""
        self.requests: list[str] = []
        """Addresses that anything in a page asked for."""
        self.complaints: list[str] = []
        """What the browser had to say of scripts and policies."""

    async def ask(self, session: str | None, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        async with asyncio.timeout(WAIT):
            while True:
                answer = json.loads((await self._answers.readuntil(b"\0"))[:-1])
                if answer.get("id") == number:
                    assert "error" not in answer, answer
                    return dict(answer["result"])
                self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        about = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(about["request"]["url"])
            case "Log.entryAdded":
                self.complaints.append(about["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(about["exceptionDetails"])[:1_000])
            case "Target.attachedToTarget":
                self.frames.append(about["sessionId"])


class Page:
    """A page, or a frame in one."""

    def __init__(self, browser: Browser, session: str, context: int | None = None) -> None:
        self._browser = browser
        self._session = session
        self._context = context
        self.requests, self.complaints = browser.requests, browser.complaints

    @classmethod
    async def new(cls, browser: Browser, width: int, height: int) -> Page:
        target = (await browser.ask(None, "Target.createTarget", url="about:blank"))["targetId"]
        attached = await browser.ask(None, "Target.attachToTarget", targetId=target, flatten=True)
        page = cls(browser, attached["sessionId"])
        browser.frames.clear()
        for domain in ("Page", "Network", "Log", "Runtime"):
            await page._ask(f"{domain}.enable")
        await page._ask("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=False, flatten=True)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await page._ask("Emulation.setDeviceMetricsOverride", **size)
        return page

    async def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        return await self._browser.ask(self._session, method, **parameters)

    async def open(self, address: str) -> None:
        await self._ask("Page.navigate", url=address)

    async def frame(self) -> Page:
        """The one frame in the page."""
        tree = (await self._ask("Page.getFrameTree"))["frameTree"]
        if not tree.get("childFrames"):  # it has a process of its own
            return Page(self._browser, self._browser.frames[-1])
        world = await self._ask("Page.createIsolatedWorld", frameId=tree["childFrames"][0]["frame"]["id"])
        return Page(self._browser, self._session, world["executionContextId"])

    async def value(self, expression: str) -> Any:
        """Of JavaScript, in the page; a promise is waited for."""
        how: dict[str, Any] = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        if self._context is not None:
            how["contextId"] = self._context
        answer = await self._ask("Runtime.evaluate", **how)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, condition: str) -> None:
        """Wait for JavaScript to be true."""
        async with asyncio.timeout(WAIT):
            while not await self.value(condition):
                await asyncio.sleep(0.05)

    async def picture(self, path: Path) -> None:
        """A screenshot of the whole page, as PNG, of what it has painted."""
        await self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))).then(() => 1)")
        shot = await self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


@asynccontextmanager
async def chromium(profile: Path, *, width: int = 760, height: int = 640) -> AsyncIterator[Page]:
    """A browser with an empty profile; it ends with the block."""
    assert PROGRAM is not None
    theirs, commands = os.pipe()
    answers, theirs_too = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _ON_3_AND_4,
        str(theirs),
        str(theirs_too),
        PROGRAM,
        *_ARGUMENTS,
        f"--user-data-dir={profile}",
        pass_fds=(theirs, theirs_too),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(theirs)
    os.close(theirs_too)
    try:
        reader = asyncio.StreamReader(limit=1 << 26)
        loop = asyncio.get_running_loop()
        pipe = os.fdopen(answers, "rb")
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        yield await Page.new(Browser(commands, reader), width, height)
        transport.close()
    finally:
        os.close(commands)  # which ends it
        with suppress(TimeoutError):
            async with asyncio.timeout(10):
                await process.wait()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        await process.wait()
