"""Whom an access list lets in."""

from __future__ import annotations

import pytest

from whatsapp_mcp.platform.sddl import CHANGING, READING, parse, strangers

ME = "S-1-5-21-1-2-3-1001"
PROFILE = f"O:{ME}G:{ME}D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;{ME})"


@pytest.mark.parametrize(
    ("sddl", "read", "change"),
    [
        (PROFILE, [], []),
        ("D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;OW)", [], []),
        (f"{PROFILE}(A;;FR;;;WD)", ["Everyone"], []),
        (f"{PROFILE}(A;ID;0x1200a9;;;BU)", ["Users"], []),
        (f"{PROFILE}(A;ID;0x1301bf;;;AU)", ["Authenticated Users"], ["Authenticated Users"]),
        (f"{PROFILE}(A;OICIID;GA;;;S-1-5-21-1-2-3-1002)", ["S-1-5-21-1-2-3-1002"], ["S-1-5-21-1-2-3-1002"]),
        (f"{PROFILE}(A;OICIIOID;GA;;;WD)", [], []),  # for what is made inside only
        (f"{PROFILE}(A;;RC;;;WD)(A;;FX;;;WD)", [], []),  # may see the list, and go through
        (f"{PROFILE}(D;;FA;;;WD)(A;;DCLC;;;BG)", [], ["Guests"]),
        (f"{PROFILE}(A;;WD;;;BU)", [], ["Users"]),  # may change the list
        (f"{PROFILE}(A;;FA;;;AC)(A;;FA;;;S-1-15-2-1)", [], []),
        (f'{PROFILE}(XA;;FR;;;WD;(Title=="VP"))', ["Everyone"], []),
        (f"{PROFILE}S:(AU;SAFA;FA;;;WD)", [], []),  # what is logged
        ("O:S-1-5-21-1-2-3-1002D:P(A;;FA;;;SY)", ["S-1-5-21-1-2-3-1002"], ["S-1-5-21-1-2-3-1002"]),
        ("O:BAD:NO_ACCESS_CONTROL", ["Everyone"], ["Everyone"]),
        (f"O:{ME}", ["Everyone"], ["Everyone"]),
        (f"O:{ME}D:", [], []),
        ("O:LAD:(A;;FA;;;LA)", ["LA"], ["LA"]),
    ],
)
def test_strangers(sddl: str, read: list[str], change: list[str]) -> None:
    access = parse(sddl)
    assert strangers(access, ME, READING) == read
    assert strangers(access, ME, CHANGING) == change


def test_the_user_may_have_an_alias() -> None:
    assert strangers(parse("O:LAD:(A;;FA;;;LA)"), "LA", READING | CHANGING) == []
