"""What is shown of a server to those who watch it, and to whom."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx2
import pytest

import whatsapp_mcp.server.health as health
import whatsapp_mcp.server.http as http
from tests.unit.server.connections import FakeAccounts, fake_server
from tests.unit.server.fakes import OPERATIONS, TOKEN, FakeTokens
from whatsapp_mcp.catalog import load_catalog
from whatsapp_mcp.models.figures import AccountFigures, HoldFigures, LimitUse, NodeFigures, WebhookFigures
from whatsapp_mcp.policy.caller import Caller, Grant
from whatsapp_mcp.policy.limits import Reservation
from whatsapp_mcp.policy.passage import Passage
from whatsapp_mcp.server.auth import HttpAccess
from whatsapp_mcp.server.health import AccountStanding
from whatsapp_mcp.server.metrics import BUCKETS, METRICS, CallCounts

FIGURES = AccountFigures(
    restarts=3,
    queue=2,
    arrivals=1_234,
    messages=1_200,
    bytes={"messages": 4_096, "session": 512, "policy": 0},
    disk_free=10**9,
    limits=(LimitUse("sends_per_minute", 2, 20),),
    approvals=1,
    webhooks=WebhookFigures(states={"ok": 1, "failing": 1}, behind=7, delivered=40, refused=1),
    hold=HoldFigures(here=True, age=0.5, holders=4),
)
NODE = NodeFigures(name="berlin-1", accounts=2, most=40, draining=False, age=0.25, ready=True)
TOKENS = {"w" * 40: Grant(name="work", accounts=("work",)), "c" * 40: Grant(name="chats", chats=("groups",))}
_LINE = re.compile(r"(whatsapp_mcp_\w+?)(?:_bucket|_sum|_count)?(?:\{((?:\w+=\"[^\"\\\n]*\",?)+)\})? (\d[\d.e+-]*)")


@asynccontextmanager
async def asking(accounts: FakeAccounts, *, trusts_here: bool = True) -> AsyncIterator[httpx2.AsyncClient]:
    access = HttpAccess(FakeTokens(**TOKENS))
    app = http.http_app(http.account_paths(accounts, host="127.0.0.1"), access=access, trusts_here=trusts_here)
    transport = httpx2.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport) as plain:
        plain.base_url = httpx2.URL("http://127.0.0.1:8765")
        yield plain


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def of_two_accounts() -> FakeAccounts:
    accounts = FakeAccounts(default=fake_server(), work=fake_server())
    accounts.figured = FIGURES
    accounts.node_figured = NODE
    return accounts


def ended(tool: str, error: str | None = None) -> Passage:
    operation = load_catalog().by_name[tool]
    passage = Passage(operation, Caller(host="a host 4915100000009"))
    passage.error = error
    passage.reservation = None if error or operation.touches.later else Reservation(1)
    return passage


def samples(text: str) -> dict[str, float]:
    """By name and labels, of an exposition each line of which is right."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            kind, name, _ = line.removeprefix("# ").split(" ", 2)
            assert kind in ("HELP", "TYPE")
            assert name in METRICS
            continue
        matched = _LINE.fullmatch(line)
        assert matched, line
        metric = METRICS.get(matched[1]) or METRICS[line.partition("{")[0].partition(" ")[0]]
        labels = re.findall(r"(\w+)=", matched[2] or "")
        assert [label for label in labels if label != "le"] == list(metric.labels)
        found[line.rpartition(" ")[0]] = float(matched[3])
    return found


async def test_everything_is_told_once_and_as_prometheus_reads_it() -> None:
    accounts = of_two_accounts()
    accounts.counts.count("default", ended("sendMessage"))
    accounts.counts.count("default", ended("sendMessage", "rate_limited"))
    accounts.counts.count("work", ended("userMyContacts"))
    async with asking(accounts) as plain:
        response = await plain.get("/metrics")
        await plain.get("/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert response.text.endswith("\n")
    found = samples(response.text)
    assert {name.partition("{")[0] for name in found if "duration" not in name} == set(METRICS) - {
        "whatsapp_mcp_call_duration_seconds"
    }
    assert found['whatsapp_mcp_calls_total{account="default",tool="sendMessage",outcome="ok"}'] == 1
    assert found['whatsapp_mcp_calls_total{account="default",tool="sendMessage",outcome="rate_limited"}'] == 1
    assert found['whatsapp_mcp_sends_total{account="default"}'] == 1
    assert found['whatsapp_mcp_session_state{account="work",state="connected"}'] == 1
    assert found['whatsapp_mcp_limit_used{account="work",limit="sends_per_minute"}'] == 2
    assert found['whatsapp_mcp_webhook_queue{account="default"}'] == 7
    assert found["whatsapp_mcp_http_sessions"] == 0
    assert found['whatsapp_mcp_node_info{node="berlin-1"}'] == 1
    assert (found["whatsapp_mcp_node_accounts"], found["whatsapp_mcp_node_accounts_max"]) == (2, 40)
    assert (found["whatsapp_mcp_node_draining"], found["whatsapp_mcp_node_age_seconds"]) == (0, 0.25)
    assert found['whatsapp_mcp_held{account="work"}'] == 1
    assert found['whatsapp_mcp_lease_age_seconds{account="work"}'] == 0.5
    assert found['whatsapp_mcp_holders_total{account="default"}'] == 4
    assert response.text.count("# TYPE whatsapp_mcp_ready gauge\n") == 1
    assert accounts.counted == ["default", "work"], "figures are good for a second"
    assert accounts.built == [], "to look starts nothing"


def test_how_long_calls_took_is_a_histogram(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, now = CallCounts(), 100.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    for seconds in (0.001, 0.2, 70.0):
        passage = ended("userMyContacts")
        passage.began = now - seconds
        counts.count("default", passage)
    found = {suffix + labels.get("le", ""): value for _, (suffix, labels, value) in counts.durations()}
    assert found == {
        **{f"_bucket{most}": 1 if most < 0.25 else 2 for most in BUCKETS},
        "_bucket+Inf": 3,
        "_sum": pytest.approx(70.201),
        "_count": 3,
    }


def test_what_is_scheduled_or_asked_about_is_no_send_yet() -> None:
    counts, asked = CallCounts(), ended("sendMessage")
    asked.decision, asked.reservation = "asked", None
    for passage in (asked, ended("scheduleMessage")):
        counts.count("default", passage)
    assert {name: sample[1].get("outcome") for name, sample in counts.by_account(["default"])} == {"calls_total": "ok"}
    assert ("", {"account": "default", "tool": "sendMessage", "outcome": "asked"}, 1) in [
        sample for _, sample in counts.by_account(["default"])
    ]


async def test_what_cannot_be_told_is_missing() -> None:
    accounts = FakeAccounts(default=fake_server())
    async with asking(accounts) as plain:
        found = samples((await plain.get("/metrics")).text)
    assert not any(
        name.startswith(tuple(f"whatsapp_mcp_{one}" for one in ("messages", "queue", "web", "node", "held", "lease")))
        for name in found
    )


async def test_no_label_names_a_person_or_a_number() -> None:
    accounts = of_two_accounts()
    accounts.counts.count("default", ended("sendMessage"))
    async with asking(accounts) as plain:
        text = (await plain.get("/metrics")).text
    values = set(re.findall(r'\w+="([^"]*)"', text))
    known = {"berlin-1", "default", "work", "connected", "ok", "failing", "sendMessage", "sends_per_minute", "+Inf"}
    assert values - known - {"messages", "session", "policy"} - {*map(str, BUCKETS)} == {http_version()}


def http_version() -> str:
    from whatsapp_mcp import __version__

    return __version__


def test_labels_need_no_escapes() -> None:
    """Names of tools and accounts, codes of errors, states: letters, digits, `-` and `_`."""
    names = [*load_catalog().by_name, *(operation.name for operation in OPERATIONS)]
    assert all(re.fullmatch(r"[\w-]+", name) for name in names)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 200),
        ({"Host": "localhost:8765"}, 200),
        ({"Host": "whatsapp.example.org"}, 401),
        ({"X-Forwarded-For": "203.0.113.9"}, 401),
        ({"Forwarded": "for=203.0.113.9"}, 401),
        ({"Via": "1.1 proxy"}, 401),
        (bearer("wrong" * 8), 401),
        (bearer(TOKEN) | {"X-Forwarded-For": "203.0.113.9"}, 200),
        (bearer("c" * 40), 403),
    ],
)
async def test_who_may_look(headers: dict[str, str], code: int) -> None:
    accounts = of_two_accounts()
    async with asking(accounts) as plain:
        assert (await plain.get("/metrics", headers=headers)).status_code == code
    assert bool(accounts.counted) == (code == 200)


async def test_behind_a_proxy_everybody_needs_a_token() -> None:
    async with asking(of_two_accounts(), trusts_here=False) as plain:
        for path in ("/metrics", "/ready/work"):
            response = await plain.get(path)
            assert (response.status_code, response.json()["error"]) == (401, "invalid_token")
            assert (await plain.get(path, headers=bearer(TOKEN))).status_code == 200
            assert (await plain.post(path)).status_code == 405


async def test_a_token_sees_its_accounts_alone() -> None:
    accounts = of_two_accounts()
    accounts.counts.count("default", ended("sendMessage"))
    async with asking(accounts, trusts_here=False) as plain:
        text = (await plain.get("/metrics", headers=bearer("w" * 40))).text
        refused = await plain.get("/ready/default", headers=bearer("w" * 40))
        assert (await plain.get("/ready/work", headers=bearer("w" * 40))).status_code == 200
    assert set(re.findall(r'account="([^"]*)"', text)) == {"work"}
    assert "sendMessage" not in text
    assert refused.status_code == 403
    assert accounts.counted == ["work"]


@pytest.mark.parametrize(("ready", "code"), [(True, 200), (False, 503)])
async def test_a_node_is_ready_whatever_becomes_of_an_account(ready: bool, code: int) -> None:
    accounts = of_two_accounts()
    accounts.standings = [AccountStanding("banned", ready=not ready)]
    accounts.node_figured = replace(NODE, ready=ready)
    async with asking(accounts) as plain:
        assert (await plain.get("/ready")).status_code == code
        assert (await plain.get("/ready/work")).status_code == (503 if ready else 200)
        assert (await plain.get("/health")).status_code == 200


async def test_each_account_says_whether_it_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_KEPT", -1.0)
    accounts = of_two_accounts()
    accounts.node_figured = None
    async with asking(accounts) as plain:
        assert (await plain.get("/ready/work")).json()["status"] == "ok"
        accounts.standings = [AccountStanding("replaced", False, "elsewhere")]
        response = await plain.get("/ready/Work")
        assert (response.status_code, response.json()) == (
            503,
            {"status": "impaired", "account": "work", "state": "replaced", "detail": "elsewhere"},
        )
        assert (await plain.get("/ready")).json()["detail"] == "elsewhere", "the reason is told on this machine"
        assert (await plain.get("/ready/other")).status_code == 404
        assert (await plain.get("/ready/a.b")).status_code == 404
        assert (await plain.get("/health")).status_code == 200
