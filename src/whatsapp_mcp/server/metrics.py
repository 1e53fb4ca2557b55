"""``GET /metrics``: what a server did and how its accounts do, in the text format of Prometheus.

The format is a line for each figure, written here: most figures are looked for when somebody asks, so that nothing of
what a client library does for those that are kept (`prometheus-client`) would be used. No label holds a number, an
address or a name that somebody chose, but those of account and node; each has few values.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from whatsapp_mcp import __version__
from whatsapp_mcp.models.figures import AccountFigures, NodeFigures
from whatsapp_mcp.policy.audit import AuditDecision
from whatsapp_mcp.policy.passage import Passage

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS: Final = (0.005, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 60.0)
"""Seconds: what is read from the store, what WhatsApp answers, and what waits for somebody."""

Labels = Mapping[str, str]
Sample = tuple[str, Labels, float]
"""What stands behind the metric's name, its labels, its value."""


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str


_OF_ALL: Final = (
    Metric("info", "gauge", ("version",), "Always 1; which version runs."),
    Metric(
        "calls_total",
        "counter",
        ("account", "tool", "outcome"),
        "Calls that ended: `ok`, `asked`, or an error.",
    ),
    Metric(
        "call_duration_seconds", "histogram", ("tool",), "How long calls took, those that waited for news among them."
    ),
    Metric("sends_total", "counter", ("account",), "Calls of this server that put something into a chat."),
    Metric("node_info", "gauge", ("node",), "Always 1; the name of this machine among those that share the database."),
    Metric("node_accounts", "gauge", (), "Accounts that this node holds."),
    Metric("node_accounts_max", "gauge", (), "How many it holds at most; missing without `--max-accounts`."),
    Metric("node_draining", "gauge", (), "1 while this node gives its accounts to the others."),
    Metric("node_age_seconds", "gauge", (), "Since the database knew last that this node is alive."),
    Metric("http_sessions", "gauge", (), "MCP sessions over HTTP that are open."),
    Metric("session_state", "gauge", ("account", "state"), "1 for the state in which the account is."),
    Metric("ready", "gauge", ("account",), "1 when the account is connected, or would be by its next call."),
    Metric("session_restarts_total", "counter", ("account",), "Session processes that ended by themselves."),
    Metric("held", "gauge", ("account",), "1 where this node holds the account, 0 on the others."),
    Metric(
        "lease_age_seconds",
        "gauge",
        ("account",),
        "Since the holder renewed its hold: told by its node, and by all when it is late.",
    ),
    Metric("holders_total", "counter", ("account",), "Session processes that have held the account, on all nodes."),
    Metric("queue", "gauge", ("account",), "Events of WhatsApp that wait to be stored; missing without a session."),
    Metric("arrivals_total", "counter", ("account",), "Messages and events that were stored, all servers together."),
    Metric("messages", "gauge", ("account",), "Messages in the store; missing when it cannot be read."),
    Metric("store_bytes", "gauge", ("account", "database"), "Size of `messages`, `session` and `policy` with its log."),
    Metric("disk_free_bytes", "gauge", ("account",), "Free space where the account's folder is."),
    Metric("limit_used", "gauge", ("account", "limit"), "Used up of a limit of the policy, all servers together."),
    Metric("limit_max", "gauge", ("account", "limit"), "How much that limit allows."),
    Metric("approvals_waiting", "gauge", ("account",), "Calls that wait for the owner's yes."),
    Metric("webhooks", "gauge", ("account", "state"), "Webhooks that are `ok`, `failing` and `stopped`."),
    Metric("webhook_queue", "gauge", ("account",), "Arrivals that the webhook furthest behind has not come to."),
    Metric("webhook_delivered_total", "counter", ("account",), "Events that receivers took."),
    Metric(
        "webhook_refused_total",
        "counter",
        ("account",),
        "Events that were passed over, since their receivers did not take them.",
    ),
)

METRICS: Final = {f"whatsapp_mcp_{one.name}": one for one in _OF_ALL}
"""All there are, by their names."""


@dataclass(slots=True)
class _Durations:
    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    seconds: float = 0.0


class CallCounts:
    """Of one server, from its start. Only for the thread of the event loop."""

    def __init__(self) -> None:
        self._calls: Counter[tuple[str, str, str]] = Counter()
        self._sends: Counter[str] = Counter()
        self._durations: dict[str, _Durations] = defaultdict(_Durations)

    def count(self, account: str, passage: Passage) -> None:
        """A call has ended."""
        seconds = time.perf_counter() - passage.began
        tool = passage.operation.name
        asked = passage.decision == AuditDecision.ASKED  # the answer comes with another call
        self._calls[account, tool, passage.error or ("asked" if asked else "ok")] += 1
        # Without a reservation nothing left: it is for later, was sent before, or the owner is asked.
        if passage.error is None and passage.operation.touches.act == "send" and passage.reservation is not None:
            self._sends[account] += 1
        took = self._durations[tool]
        took.counts[bisect_left(BUCKETS, seconds)] += 1
        took.seconds += seconds

    def by_account(self, accounts: Collection[str]) -> Iterator[tuple[str, Sample]]:
        for (account, tool, outcome), count in self._calls.items():
            if account in accounts:
                yield "calls_total", ("", {"account": account, "tool": tool, "outcome": outcome}, count)
        for account, count in self._sends.items():
            if account in accounts:
                yield "sends_total", ("", {"account": account}, count)

    def durations(self) -> Iterator[tuple[str, Sample]]:
        """Of all accounts together."""
        for tool, took in self._durations.items():
            total = 0
            for most, count in zip((*map(str, BUCKETS), "+Inf"), took.counts, strict=True):
                total += count
                yield "call_duration_seconds", ("_bucket", {"tool": tool, "le": most}, total)
            yield "call_duration_seconds", ("_sum", {"tool": tool}, took.seconds)
            yield "call_duration_seconds", ("_count", {"tool": tool}, total)


def account_samples(account: str, state: str, found: AccountFigures, *, ready: bool) -> Iterator[tuple[str, Sample]]:
    """How one account does."""

    def of(name: str, value: float | None, **labels: str) -> Iterator[tuple[str, Sample]]:
        if value is not None:
            yield name, ("", {"account": account, **labels}, value)

    yield from of("session_state", 1, state=state)
    yield from of("ready", int(ready))
    yield from of("session_restarts_total", found.restarts)
    if found.hold is not None:
        yield from of("held", int(found.hold.here))
        yield from of("lease_age_seconds", found.hold.age)
        yield from of("holders_total", found.hold.holders)
    yield from of("queue", found.queue)
    yield from of("arrivals_total", found.arrivals)
    yield from of("messages", found.messages)
    for database, size in found.bytes.items():
        yield from of("store_bytes", size, database=database)
    yield from of("disk_free_bytes", found.disk_free)
    for limit in found.limits:
        yield from of("limit_used", limit.used, limit=limit.name)
        yield from of("limit_max", limit.most, limit=limit.name)
    yield from of("approvals_waiting", found.approvals)
    for of_webhooks, count in found.webhooks.states.items():
        yield from of("webhooks", count, state=of_webhooks)
    if found.webhooks.states:
        yield from of("webhook_queue", found.webhooks.behind)
        yield from of("webhook_delivered_total", found.webhooks.delivered)
        yield from of("webhook_refused_total", found.webhooks.refused)


def server_samples(http_sessions: int, node: NodeFigures | None = None) -> Iterator[tuple[str, Sample]]:
    yield "info", ("", {"version": __version__}, 1)
    if node is not None:
        yield "node_info", ("", {"node": node.name}, 1)
        yield "node_accounts", ("", {}, node.accounts)
        if node.most is not None:
            yield "node_accounts_max", ("", {}, node.most)
        yield "node_draining", ("", {}, int(node.draining))
        if node.age is not None:
            yield "node_age_seconds", ("", {}, node.age)
    yield "http_sessions", ("", {}, http_sessions)


def exposition(samples: Iterable[tuple[str, Sample]]) -> str:
    """All of them as Prometheus reads them, by metric."""
    by_name: dict[str, list[Sample]] = defaultdict(list)
    for name, sample in samples:
        by_name[name].append(sample)
    lines: list[str] = []
    for full, metric in METRICS.items():
        if metric.name in by_name:
            lines += [f"# HELP {full} {metric.help}", f"# TYPE {full} {metric.kind}"]
            lines += [
                f"{full}{suffix}{_labels(labels)} {_value(value)}" for suffix, labels, value in by_name[metric.name]
            ]
    return "\n".join([*lines, ""])


def _labels(labels: Labels) -> str:
    """All values are words of ours and names of accounts, which hold nothing that would have to be escaped."""
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}" if labels else ""


def _value(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
