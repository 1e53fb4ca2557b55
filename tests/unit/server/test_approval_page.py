"""The owner's pages of `serve`: who is let in, what is shown, and that an answer counts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import anyio
import httpx2
import pytest

import whatsapp_mcp.server.http as http
from tests.unit.server.connections import DEADLINE, FakeAccounts, fake_server, initialize
from tests.unit.server.fakes import TOKEN, FakeTokens
from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.platform.ownership import others_may_read
from whatsapp_mcp.policy.book import PolicyBook
from whatsapp_mcp.policy.caller import Consent, Grant, Question
from whatsapp_mcp.policy.page_key import new_link
from whatsapp_mcp.server.auth import HttpAccess
from whatsapp_mcp.server.owner_door import COOKIE
from whatsapp_mcp.server.owner_pages import OwnerPages
from whatsapp_mcp.settings import Settings

HERE = "http://127.0.0.1:8765"
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Origin": HERE}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "data" / "default").mkdir(parents=True)
    return Settings(data_dir=tmp_path / "data")


@asynccontextmanager
async def browser(
    settings: Settings, *, address: str = "127.0.0.1", base: str = HERE
) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser without cookies, at the page of a server that listens at ``HERE``."""
    access = HttpAccess(FakeTokens())
    with closing(OwnerPages(settings, access)) as pages:
        pages.announce(f"{HERE}/mcp")
        paths = http.account_paths(FakeAccounts(default=fake_server()), host="127.0.0.1")
        app = http.http_app(paths, access=access, more_routes=pages.routes)
        transport = httpx2.ASGITransport(app, client=(address, 5000))
        async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url=base) as client:
            with anyio.fail_after(DEADLINE):
                yield client


def key_of(settings: Settings) -> str:
    return settings.approve_page_path.read_text().splitlines()[1]


def ask(
    settings: Settings, text: str = "Send plan.pdf to Ana?", *, always: bool = True, account: str = "default"
) -> str:
    path = settings.model_copy(update={"account": account}).policy_book_path
    with closing(PolicyBook(path)) as book:
        return book.ask(Question("files", text, f"{text:0>64}"[-64:], can_be_always=always), 10, now_ms())


def taken(settings: Settings, text: str = "Send plan.pdf to Ana?") -> Consent | None:
    with closing(PolicyBook(settings.policy_book_path)) as book:
        return book.take(f"{text:0>64}"[-64:], now_ms())


async def open_page(client: httpx2.AsyncClient, settings: Settings) -> str:
    """Let the browser in; the CSRF token of its forms."""
    let_in = await client.get(f"/approve?key={key_of(settings)}")
    assert (let_in.status_code, let_in.headers["location"]) == (303, "/approve")
    page = await client.get("/approve")
    assert page.status_code == 200
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    return found[1] if found else ""


async def test_an_answer_on_the_page_counts(settings: Settings) -> None:
    code = ask(settings)
    async with browser(settings) as client:
        csrf = await open_page(client, settings)
        page = (await client.get("/approve")).text
        assert "Send plan.pdf to Ana?" in page
        assert code in page
        assert "Always for this chat" in page
        form = {"csrf": csrf, "account": "default", "code": code, "answer": "always"}
        sent = await client.post("/approve", data=form, headers=FORM)
        assert (sent.status_code, sent.headers["location"]) == (303, "/approve")
        after = (await client.get("/approve")).text
        assert "Allowed, and not asked again" in after
        assert "Nothing waits for an answer." in after
        assert "Allowed" not in (await client.get("/approve")).text
        again = await client.post("/approve", data=form, headers=FORM)
        assert again.status_code == 303
        assert "No question with this code waits for an answer." in (await client.get("/approve")).text
    assert taken(settings) is Consent.ALWAYS


async def test_refusing_and_what_cannot_be_answered_for_good(settings: Settings) -> None:
    code = ask(settings, "Log out?", always=False)
    async with browser(settings) as client:
        csrf = await open_page(client, settings)
        assert "Always for this chat" not in (await client.get("/approve")).text
        form = {"csrf": csrf, "account": "default", "code": code}
        await client.post("/approve", data=form | {"answer": "always"}, headers=FORM)
        assert "cannot be answered for good" in (await client.get("/approve")).text
        assert taken(settings, "Log out?") is None
        await client.post("/approve", data=form | {"answer": "refuse"}, headers=FORM)
        assert "Refused." in (await client.get("/approve")).text
    assert taken(settings, "Log out?") is Consent.NO


async def test_the_link_opens_once_and_the_cookie_is_the_browsers(settings: Settings) -> None:
    async with browser(settings) as client:
        key = key_of(settings)
        assert others_may_read(settings.approve_page_path) is None
        let_in = await client.get(f"/approve?key={key}")
        cookie = let_in.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
        assert (await client.get("/approve")).status_code == 200
        assert (await client.get(f"/approve?key={key}")).headers["location"] == "/approve"  # it has fetched it before
        client.cookies.clear()
        for address in (f"/approve?key={key}", "/approve?key=", "/approve"):
            assert (await client.get(address)).status_code == 403
        renewed = new_link(settings.approve_page_path)
        assert renewed.startswith(f"{HERE}/approve?key=")
        assert key not in renewed
        assert (await client.get(renewed)).status_code == 303
    assert not settings.approve_page_path.exists()
    with pytest.raises(SetupError, match="no `whatsapp-mcp serve`"):
        new_link(settings.approve_page_path)


async def test_a_bearer_token_opens_nothing(settings: Settings) -> None:
    ask(settings, "a secret question")
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    async with browser(settings) as client:
        for address in ("/approve", f"/approve?key={TOKEN}"):
            closed = await client.get(address, headers=bearer)
            assert closed.status_code == 403
            assert "secret" not in closed.text
        client.cookies.set(COOKIE, TOKEN)
        assert (await client.get("/approve", headers=bearer)).status_code == 403
        sent = await client.post("/approve", data={"answer": "once"}, headers=FORM | bearer)
        assert sent.status_code == 403


@pytest.mark.parametrize(
    ("change", "headers"),
    [
        ({"csrf": ""}, FORM),
        ({"csrf": "guessed"}, FORM),
        ({}, FORM | {"Origin": "https://evil.example"}),
        ({}, FORM | {"Origin": "null"}),
        ({}, FORM | {"Host": "evil.example"}),
        ({"answer": "maybe"}, FORM),
        ({"account": "other"}, FORM),
        ({"account": "../default"}, FORM),
        ({"more": "x" * 5_000}, FORM),
    ],
)
async def test_forms_of_other_pages_count_for_nothing(
    settings: Settings, change: dict[str, str], headers: dict[str, str]
) -> None:
    code = ask(settings)
    async with browser(settings) as client:
        csrf = await open_page(client, settings)
        form = {"csrf": csrf, "account": "default", "code": code, "answer": "once"} | change
        assert (await client.post("/approve", data=form, headers=headers)).status_code == 403
        client.cookies.clear()
        assert (await client.post("/approve", data=form | {"csrf": csrf}, headers=FORM)).status_code == 403
    assert taken(settings) is None


@pytest.mark.parametrize(("address", "base"), [("192.0.2.7", HERE), ("127.0.0.1", "http://evil.example:8765")])
async def test_it_is_for_this_machine_under_its_own_name(settings: Settings, address: str, base: str) -> None:
    async with browser(settings, address=address, base=base) as client:
        key = key_of(settings)
        closed = await client.get(f"/approve?key={key}")
        assert closed.status_code == 403
        assert "set-cookie" not in closed.headers
    with closing(OwnerPages(settings, HttpAccess(FakeTokens()))) as page:
        page.announce("http://192.0.2.7:8765/mcp")
        assert not settings.approve_page_path.exists()
        page.announce("https://0.0.0.0:8765/mcp")
        assert settings.approve_page_path.read_text().startswith("https://127.0.0.1:8765/approve\n")


async def test_words_of_others_are_text_and_nothing_else(settings: Settings) -> None:
    ask(settings, "To “<script>alert(1)</script>\u202e\U000e0041” <img src=x onerror=y>")
    async with browser(settings) as client:
        await open_page(client, settings)
        page = await client.get("/approve")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;”" in page.text
    assert not re.search(r"<(script|img)|\u202e|\U000e0041|src=[\"'h]|https?://", page.text)
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    assert page.headers["cache-control"] == "no-store"


async def test_all_accounts_are_shown_and_a_damaged_book_hides_no_other(settings: Settings) -> None:
    for name in ("office", "broken"):
        (settings.data_dir / name).mkdir()
    ask(settings, "for the office", account="office")
    (settings.data_dir / "broken" / "policy.db").write_bytes(b"x" * 2_000)
    async with browser(settings) as client:
        await open_page(client, settings)
        page = (await client.get("/approve")).text
    assert "for the office" in page
    assert "Account office" in page
    assert "is not a database" in page


def test_the_link_is_told_to_a_terminal_only(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(OwnerPages(settings, HttpAccess(FakeTokens()))) as page:
        page.announce(f"{HERE}/mcp")
        logged = capsys.readouterr().err
        assert key_of(settings) not in logged
        assert "whatsapp-mcp approve --page" in logged
        monkeypatch.setattr("sys.stderr.isatty", lambda: True)
        page.announce(f"{HERE}/mcp")
        assert f"{HERE}/approve?key={key_of(settings)}" in capsys.readouterr().err


async def test_the_pairing_page_gets_a_token_for_linking_that_account_alone(settings: Settings) -> None:
    async with browser(settings) as client:
        assert (await client.get("/pair")).status_code == 403
        opened = await client.get(f"/pair?key={key_of(settings)}", follow_redirects=True)
        assert opened.status_code == 200 and opened.url.path == "/pair" and "script-src 'sha256-" in policy_of(opened)
        token = re.search(r'"token": "([\w-]{43})"', opened.text)
        assert token is not None
        bearer = {"Authorization": f"Bearer {token[1]}", "Accept": "application/json, text/event-stream"}
        for path, status in (("/mcp", 200), ("/mcp/other", 403)):
            assert (await client.post(path, headers=bearer, json=initialize())).status_code == status
        assert (await client.get("/approve")).status_code == 200  # one link opens both
        assert (await client.get("/pair/..%2Fx")).status_code in (403, 404)


async def test_what_is_lent_ends(settings: Settings) -> None:
    access = HttpAccess(FakeTokens())
    lent = access.lend(Grant("pairing page", toolsets="appLogin"), 60)
    found = await access.verify_token(lent)
    assert found is not None and found.grant.toolsets == "appLogin" and access.holds("pairing page", found.digest or "")
    gone = await access.verify_token(access.lend(Grant("pairing page"), -1))
    assert gone is None
    for _ in range(100):
        access.lend(Grant("pairing page"), 60)
    assert await access.verify_token(lent) is None  # the oldest makes room


def policy_of(response: httpx2.Response) -> str:
    return str(response.headers["content-security-policy"])
