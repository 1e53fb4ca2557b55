"""Lists in few words, and read back: nothing is lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import mcp.types as types
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whatsapp_mcp.client.rows import complete
from whatsapp_mcp.operations.outcome import Image, Outcome, Rows
from whatsapp_mcp.server.results import success
from whatsapp_mcp.server.short_rows import factored, trimmed

ANA, BO = "491511@s.whatsapp.net", "491522@s.whatsapp.net"
GROUP = "120363000000000001@g.us"
Json = dict[str, Any]


def said(number: int, name: str, jid: str, **more: Any) -> Json:
    return {"message_id": f"M{number}", "sender_name": name, "sender_jid": jid, "content": "hi", **more}


def short(rows: list[Json], **how: Any) -> Json:
    """The results as a client gets them."""
    result = success(Outcome("x", {"data": Rows(rows, dict)}, rows="data", untrusted=True), budget=50_000, **how)
    results: Json = (result.structured_content or {})["results"]
    return results


def test_a_row_has_nothing_that_is_absent_none_or_empty() -> None:
    assert trimmed({"a": 0, "b": False, "c": "", "d": [], "e": {}, "f": 1, "g": "x"}) == {"f": 1, "g": "x"}


def test_what_all_have_in_common_stands_once_before_the_rows() -> None:
    rows = [said(n, f"P{n}", f"{n}@lid", chat_jid=GROUP, chat_name="Weekend trip") for n in range(3)]
    results = short(rows)
    assert results["common"] == {"chat_jid": GROUP, "chat_name": "Weekend trip"}
    assert [row.keys() for row in results["data"]] == [{"message_id", "sender_name", "sender_jid", "content"}] * 3
    assert list(results)[-1] == "data"


def test_one_row_is_complete() -> None:
    [row] = [said(1, "Ana", ANA, chat_jid=GROUP)]
    assert short([row]) == {"data": [row]}


def test_what_a_row_is_about_stays_in_it() -> None:
    results = short([{"message_id": "M", "content": "ok", "timestamp": "t", "kind": "poll"}] * 9)
    assert results["common"] == {"kind": "poll"}
    assert results["data"][0] == {"message_id": "M", "content": "ok", "timestamp": "t"}


def test_people_are_told_once() -> None:
    results = short([said(n, *(("Ana", ANA), ("Bo", BO))[n % 2]) for n in range(6)])
    assert results["people"] == [{"jid": ANA, "name": "Ana"}, {"jid": BO, "name": "Bo"}]
    assert results["data"][0] == {"message_id": "M0", "sender_name": "Ana", "content": "hi"}


def test_of_two_with_one_name_each_row_has_the_address() -> None:
    """A stranger who takes the name of a friend is not taken for that friend."""
    rows = [said(n, "Ana", (ANA, BO)[n % 2], sender_name_source=(None, "push")[n % 2]) for n in range(6)]
    results = short(rows)
    assert "people" not in results
    assert {row["sender_jid"] for row in results["data"]} == {ANA, BO}


def test_a_name_that_somewhere_stands_without_an_address_is_nobodys() -> None:
    rows = [said(n, "Ana", ANA, quoted={"sender_name": "Ana"} if n == 3 else None) for n in range(6)]
    results = short([*rows, said(9, "Bo", BO)])
    assert "people" not in results
    assert results["data"][0]["sender_jid"] == ANA


def test_where_a_name_comes_from_is_told_with_it() -> None:
    rows = [said(n, "Ana", ANA, sender_name_source="push") for n in range(4)] + [said(5, "Bo", BO)]
    assert short(rows)["people"] == [{"jid": ANA, "name": "Ana", "name_source": "push"}]
    assert [row["sender_name_source"] for row in complete(short(rows))["data"][:4]] == ["push"] * 4


def test_names_within_a_row_are_of_the_same_people() -> None:
    rows = [said(n, "Ana", ANA, reactions=[{"emoji": "👍", "sender_jid": BO, "sender_name": "Bo"}]) for n in range(4)]
    rows.append(said(9, "Bo", BO))
    results = short(rows)
    assert results["data"][0]["reactions"] == [{"emoji": "👍", "sender_name": "Bo"}]
    assert complete(results)["data"] == rows


NAMES = st.sampled_from(["Ana", "Bo", "", " ", "+491511", "x" * 90])
JIDS = st.sampled_from([ANA, BO, GROUP, "1@lid"])
ROWS = st.lists(
    st.fixed_dictionaries(
        {"message_id": st.text(min_size=1, max_size=4)},
        optional={
            "sender_jid": JIDS,
            "sender_name": NAMES,
            "sender_name_source": st.sampled_from(["push", "business"]),
            "chat_jid": JIDS,
            "chat_name": NAMES,
            "content": st.text(max_size=5),
            "n": st.integers(0, 2),
            "who": st.lists(st.fixed_dictionaries({"jid": JIDS, "name": NAMES}), max_size=3),
        },
    ),
    max_size=8,
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS)
def test_it_is_never_longer_and_addresses_can_be_read_back(rows: list[Json]) -> None:
    wanted = [trimmed(row) for row in rows]
    changed = json.loads(json.dumps(wanted))
    beside = factored(changed)
    assert size({"data": changed, **beside}) <= size({"data": wanted})
    people, chats = ({one["name"]: one for one in beside.get(table, [])} for table in ("people", "chats"))
    for before, after in zip(wanted, changed, strict=True):
        whole = {**beside.get("common", {}), **after}
        if "chat_jid" in before and "chat_jid" not in whole:
            whole["chat_jid"] = chats[before["chat_name"]]["chat_jid"]
        if "sender_jid" in before and "sender_jid" not in whole:
            one = people[before["sender_name"]]
            whole |= {"sender_jid": one["jid"]}
            whole |= {"sender_name_source": one["name_source"]} if "name_source" in one else {}
        assert {name: value for name, value in whole.items() if name != "who"} == {
            name: value for name, value in before.items() if name != "who"
        }


def size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


@pytest.mark.parametrize(
    ("zone", "in_row", "alone"),
    [
        (UTC, "2026-07-01T22:30Z", "2026-07-01T22:30:15Z"),
        (ZoneInfo("Asia/Kolkata"), "2026-07-02T04:00+05:30", "2026-07-02T04:00:15+05:30"),
        (ZoneInfo("America/Sao_Paulo"), "2026-07-01T19:30-03:00", "2026-07-01T19:30:15-03:00"),
    ],
)
def test_times_are_by_the_clock_of_the_zone(zone: Any, in_row: str, alone: str) -> None:
    then = datetime(2026, 7, 1, 22, 30, 15, tzinfo=UTC)
    assert short([{"timestamp": then}], zone=zone)["data"] == [{"timestamp": in_row}]
    one = success(Outcome("x", {"timestamp": then}), budget=2_000, zone=zone).structured_content
    assert (one or {})["results"] == {"timestamp": alone}


def test_everything_when_all_is_asked_for() -> None:
    rows = [{"id": "1", "n": 0, "same": "x"}, {"id": "2", "n": 0, "same": "x"}]
    result = success(Outcome("x", {"data": rows}, rows="data", full=True), budget=2_000)
    assert (result.structured_content or {})["results"] == {"data": rows}


def test_a_host_that_shows_only_structured_content_loses_no_picture() -> None:
    result = success(Outcome("Scan.", {"qr_text": "2@x"}, images=(Image(b"png"),)), budget=2_000)
    assert [type(block) for block in shown_by_such_a_host(result)] == [types.TextContent, types.ImageContent]
    plain = success(Outcome("Done.", {"n": 1}), budget=2_000)
    assert shown_by_such_a_host(plain) == [{"code": "SUCCESS", "message": "Done.", "results": {"n": 1}}]


def shown_by_such_a_host(result: types.CallToolResult) -> list[Any]:
    """Codex, opencode, openclaw: structured content where there is any, else the blocks."""
    return [result.structured_content] if result.structured_content is not None else list(result.content)
