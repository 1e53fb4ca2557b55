"""What a person sees of the pages: in a browser at `serve`, and in a host that shows views."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, Final

import pytest

from tests.browser.chromium import PROGRAM, Page, chromium
from tests.e2e.harness import http_server, whatsapp
from whatsapp_mcp.policy.page_key import new_link
from whatsapp_mcp.server.views import view_html

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed: apt install chromium")

HOST: Final = Path(__file__).with_name("host.html")
EVIL: Final = "<img src=http://127.0.0.1:9/x onerror=\"document.title='had'\"><script>document.title='had'</script>"
PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


async def keep(page: Page, name: str, folder: Path) -> None:
    """A screenshot, which somebody can look at who names a folder."""
    picture = folder / f"{name}.png"
    await page.picture(picture)
    assert picture.stat().st_size > 0
    if wanted := os.environ.get("SCREENSHOTS"):
        shutil.copy(picture, wanted)


def text_of(element: str) -> str:
    return f"document.getElementById({json.dumps(element)}).textContent"


async def test_an_account_is_linked_on_the_page_of_serve(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with (
        whatsapp(tmp_path) as (simulator, endpoint),
        http_server(endpoint, data, WHATSAPP_MCP_TOOLSETS="core") as (url, _, _),
        chromium(tmp_path / "profile") as page,
    ):
        origin = url.removesuffix("/mcp")
        await page.open(f"{origin}/pair")
        await page.until("document.body && document.body.textContent.includes('This page is closed')")
        link = new_link(data / "http-approve").replace("/approve?", "/pair?")
        await page.open(link)
        await page.until("document.getElementById('qr') && document.getElementById('qr').naturalWidth > 100")
        await keep(page, "pairing", tmp_path)
        first = await page.value("document.getElementById('qr').src")
        assert await page.value(text_of("state")) == "Scan this code with WhatsApp on the phone."

        await page.value("document.getElementById('by_code').open = true")
        number = json.dumps(f"+{simulator.phone.account.number}")
        await page.value(f"document.getElementById('phone').value = {number}")
        await page.value("document.querySelector('#ask_code button').click()")
        await page.until(f"{text_of('pair_code')} !== ''")
        await keep(page, "pairing_code", tmp_path)
        await simulator.phone.enter_code(await page.value(text_of("pair_code")))
        await page.until(f"{text_of('state')}.includes('linked and connected')")
        assert not await page.value("document.getElementById('qr').offsetParent")
        await keep(page, "linked", tmp_path)

        assert first.startswith("data:image/png;base64,")
        assert {each for each in page.requests if not each.startswith(("data:", f"{origin}/"))} == set()
        assert page.complaints == ["Failed to load resource: the server responded with a status of 403 (Forbidden)"]


async def view(page: Page, name: str, **how: Any) -> None:
    """Show a view in the host; from here on the page's JavaScript is that of the host."""
    await page.open(HOST.as_uri())
    await page.until("typeof show === 'function'")
    await page.value(f"show({json.dumps(view_html(name))}, {json.dumps(how)})")


def conversation(rows: list[dict[str, Any]], **beside: Any) -> dict[str, Any]:
    common = {"chat_jid": "4915112345678@s.whatsapp.net", "chat_name": "Ana"}
    body = {"code": "SUCCESS", "message": "x", "results": {"common": common, "data": rows}, **beside}
    return {"content": [{"type": "text", "text": json.dumps(body)}], "structuredContent": body}


async def test_a_conversation_in_a_host(tmp_path: Path) -> None:
    newest: list[dict[str, Any]] = [
        {
            "message_id": "B2",
            "content": "See you at 8",
            "timestamp": "2026-11-28T18:01+01:00",
            "is_from_me": True,
            "details": {"quoted": {"text": "When?"}},
        },
        {"message_id": "B1", "content": EVIL, "timestamp": "2026-11-28T18:00+01:00", "sender_name": EVIL},
    ]
    before: list[dict[str, Any]] = [
        {"message_id": "A1", "content": "مرحبا", "timestamp": "2026-11-27T09:00+01:00", "sender_name": "Ana"},
        {"message_id": "A0", "content": "", "kind": "image", "timestamp": "2026-11-27T08:59+01:00"},
    ]
    async with chromium(tmp_path / "profile") as page:
        answering = {"getChatMessages": {"result": conversation(before)}}
        result = conversation(newest, next_cursor="c1")
        await view(page, "conversation", result=result, theme="dark", answering=answering)
        await page.until("heard.some(each => each.method === 'ui/notifications/size-changed')")
        inside = await page.frame()
        await inside.until("document.querySelectorAll('#messages li:not(.day)').length === 2")
        assert await inside.value(text_of("name")) == "Ana"
        assert await inside.value("document.querySelector('#messages .said').textContent") == EVIL
        assert await inside.value("document.documentElement.dataset.theme") == "dark"
        await inside.value("document.getElementById('earlier').click()")
        await inside.until("document.querySelectorAll('#messages li:not(.day)').length === 4")
        asked = await page.value("heard.filter(each => each.method === 'tools/call').map(each => each.params)")
        chat = "4915112345678@s.whatsapp.net"
        assert asked == [{"name": "getChatMessages", "arguments": {"chat_jid": chat, "cursor": "c1"}}]
        texts = "[...document.querySelectorAll('#messages li:not(.day)')].map(each => each.textContent)"
        shown = await inside.value(texts)
        assert "[image]" in shown[0] and "مرحبا" in shown[1] and shown[3].startswith("When?See you at 8")
        assert await inside.value("document.querySelectorAll('img, main script').length") == 0
        assert await inside.value("document.title") == "Conversation"
        assert not await inside.value("!document.getElementById('earlier').hidden")
        await keep(page, "conversation", tmp_path)
        assert [each for each in page.requests if each.startswith("http")] == []


async def test_a_code_in_a_host(tmp_path: Path) -> None:
    """One that calls no tools for its views shows the code that came, and no more."""
    body = {"code": "SUCCESS", "message": "x", "results": {"qr_duration": 20, "state": "pairing"}}
    picture = {"type": "image", "data": PIXEL, "mimeType": "image/png"}
    result = {"content": [{"type": "text", "text": json.dumps(body)}, picture]}
    async with chromium(tmp_path / "profile") as page:
        await view(page, "pairing", result=result, tools=False)
        await page.until("heard.some(each => each.method === 'ui/notifications/size-changed')")
        inside = await page.frame()
        await inside.until("document.getElementById('qr').naturalWidth === 1")
        assert await inside.value("document.getElementById('by_code').hidden")
        assert await inside.value(f"{text_of('left')} === '' || {text_of('left')}.startsWith('A new code comes in')")
        assert await page.value("heard.some(each => each.method === 'tools/call')") is False
