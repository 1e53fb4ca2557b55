"""The report of `verify`: nothing gets in but words of ours."""

from __future__ import annotations

import platform
from dataclasses import replace
from importlib import metadata
from typing import Any, cast

import pytest

from whatsapp_mcp.offline.verify.findings import WITHHELD, Findings, report_text
from whatsapp_mcp.offline.verify.sequence import Result
from whatsapp_mcp.offline.verify.sight import Ending, Left, Sight
from whatsapp_mcp.offline.verify.steps import STEPS

HOSTILE = "Ana +49 151 12345678 | 3EB0F00 /home/robin \x1b[31m ‮ 12025550111@s.whatsapp.net"


def results(**of: Result) -> list[Result]:
    return [of.get(step.name.replace(" ", "_"), Result(step, Ending.AS_EXPECTED)) for step in STEPS]


def not_tried(name: str, *seen: Sight) -> Result:
    return Result(next(step for step in STEPS if step.name == name), Ending.NOT_TRIED, seen)


def test_every_step_has_its_row() -> None:
    text = report_text(Findings("simulator", results(), ()))
    rows = [line.split(" | ")[0].strip("| ") for line in text.splitlines() if line.startswith("| ")]
    assert rows[1:] == [step.name for step in STEPS]
    assert f"- result: {len(STEPS)} as expected" in text
    assert "- left behind: nothing" in text


def test_nothing_that_identifies_anybody_gets_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda _: f"0.5.2 {HOSTILE}")
    monkeypatch.setattr(platform, "system", lambda: HOSTILE)
    monkeypatch.setattr(platform, "python_version", lambda: "+4915112345678")
    foreign = cast("Any", HOSTILE)
    step = replace(STEPS[0], name=HOSTILE, expected=HOSTILE)
    hostile = Result(step, foreign, (foreign, Sight.SET), code=HOSTILE, seconds=4915112345678.0)
    text = report_text(Findings(HOSTILE, [hostile], (foreign, Left.PIN)))
    for secret in ("Ana", "4915112345678", "12345678", "3EB0", "robin", "12025550111", "\x1b", "‮"):
        assert secret not in text, secret
    assert f"| {WITHHELD} | {WITHHELD} | {WITHHELD} | {WITHHELD}, set | {WITHHELD} | 9999.0 |" in text
    assert f"- left behind: {WITHHELD}, the chat is pinned, or was" in text


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"vote": not_tried("vote", Sight.NOBODY_AT_PHONE)}, True),
        ({"mute": not_tried("mute", Sight.ALREADY), "unmute": not_tried("unmute")}, True),
        (
            {
                "group": not_tried("group", Sight.NOT_WANTED),
                "group_text": not_tried("group text"),
                "group_left": not_tried("group left"),
            },
            True,
        ),
        ({"unmute": not_tried("unmute")}, False),
        ({"names": not_tried("names", Sight.INTERRUPTED)}, False),
        ({"names": replace(not_tried("names"), ending=Ending.DIFFERS)}, False),
        ({"names": replace(not_tried("names"), ending=Ending.TIMED_OUT)}, False),
    ],
)
def test_what_counts_as_expected(changed: dict[str, Result], expected: bool) -> None:
    assert Findings("simulator", results(**changed), ()).is_as_expected is expected


def test_what_is_left_behind_is_not_as_expected() -> None:
    assert not Findings("simulator", results(), (Left.STAR,)).is_as_expected
