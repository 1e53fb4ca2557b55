"""WhatsApp addresses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from whatsapp_mcp.jid import BROADCAST, GROUP, LID, NEWSLETTER, USER, Jid

DIGITS = st.text("0123456789", min_size=1, max_size=20)
ADDRESSES = st.builds(
    Jid, DIGITS, st.sampled_from([USER, LID, GROUP, NEWSLETTER, BROADCAST]), st.integers(min_value=0, max_value=0xFFFF)
)


@given(ADDRESSES)
def test_text_round_trip(jid: Jid) -> None:
    assert Jid.parse(str(jid)) == jid


@pytest.mark.parametrize(
    ("text", "jid"),
    [
        ("4915100000001@s.whatsapp.net", Jid("4915100000001", USER)),
        ("4915100000001:12@s.whatsapp.net", Jid("4915100000001", USER, 12)),
        ("4915100000001.0:12@s.whatsapp.net", Jid("4915100000001", USER, 12)),
        ("100000000000001.1@lid", Jid("100000000000001", LID)),
        ("4915100000001-1600000000@g.us", Jid("4915100000001-1600000000", GROUP)),
        ("status@broadcast", Jid("status", BROADCAST)),
        ("s.whatsapp.net", Jid("", USER)),
        ("@g.us", Jid("", GROUP)),
    ],
)
def test_parse(text: str, jid: Jid) -> None:
    assert Jid.parse(text) == jid


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("4915100000001:12@s.whatsapp.net", "4915100000001@s.whatsapp.net"),
        ("4915100000001@c.us", "4915100000001@s.whatsapp.net"),
        ("4915100000001:99@hosted", "4915100000001@s.whatsapp.net"),
        ("100000000000001:99@hosted.lid", "100000000000001@lid"),
        ("867051314767696@bot", "867051314767696@bot"),
        ("120363000000000001@g.us", "120363000000000001@g.us"),
    ],
)
def test_whose_device_it_is(text: str, bare: str) -> None:
    assert str(Jid.parse(text).bare) == bare


@pytest.mark.parametrize(
    "text",
    ["", "@", "123@", "1@2@g.us", "1:x@lid", "1:@lid", "1:-1@lid", "1:٣@lid", "1:2:3@lid", "1 2@lid", "1@lid\n", "a b"],
)
def test_not_a_jid(text: str) -> None:
    with pytest.raises(ValueError, match="not a JID"):
        Jid.parse(text)


@given(st.text(max_size=40))
def test_any_text_is_a_jid_or_a_value_error(text: str) -> None:
    try:
        jid = Jid.parse(text)
    except ValueError:
        return
    assert jid.server
    assert not any(c.isspace() for c in str(jid))


def test_bare() -> None:
    jid = Jid("1", USER, 5)
    assert jid.bare == Jid("1", USER)
    assert replace(jid.bare, device=5) == jid
    assert hash(jid) != hash(jid.bare) or jid != jid.bare


@pytest.mark.parametrize(
    ("server", "person", "lid", "group", "newsletter"),
    [
        (USER, True, False, False, False),
        (LID, True, True, False, False),
        (GROUP, False, False, True, False),
        (NEWSLETTER, False, False, False, True),
        (BROADCAST, False, False, False, False),
    ],
)
def test_kinds(server: str, *, person: bool, lid: bool, group: bool, newsletter: bool) -> None:
    jid = Jid("1", server)
    assert (jid.is_person, jid.is_lid, jid.is_group, jid.is_newsletter) == (person, lid, group, newsletter)


class Model(BaseModel):
    jid: Jid
    other: Jid | None = None


@given(ADDRESSES)
def test_json_round_trip(jid: Jid) -> None:
    model = Model(jid=jid)
    assert model.model_dump(mode="json") == {"jid": str(jid), "other": None}
    assert Model.model_validate_json(model.model_dump_json()) == model


@pytest.mark.parametrize("value", ["1@2@3", 5, None, ["1@lid"]])
def test_wrong_values_in_a_model(value: object) -> None:
    with pytest.raises(ValidationError):
        Model.model_validate({"jid": value})


def test_the_same_person_on_another_device() -> None:
    phone = Jid("4915100000001", "s.whatsapp.net")
    assert str(phone.with_device(7)) == "4915100000001:7@s.whatsapp.net"
    assert phone.with_device(7).bare == phone
