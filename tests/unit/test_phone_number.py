"""Phone numbers as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.phone_number import parse_number

NUMBERS = st.from_regex(r"[1-9][0-9]{4,14}", fullmatch=True)
SEPARATOR = st.text(" -./\u00a0\u2010\u2013\u202f\u2011", max_size=2)


@given(NUMBERS, st.lists(SEPARATOR, min_size=15, max_size=15), st.booleans())
def test_spellings_of_a_number(number: str, separators: list[str], plus: bool) -> None:
    written = ("+" if plus else "") + "".join(map("".join, zip(number, separators, strict=False)))
    assert parse_number(f"  {written} ", "phone") == number


@pytest.mark.parametrize(
    "text",
    [
        "4915100000001",
        "+4915100000001",
        "+49 151 000 000 01",
        "+49-151-000-00001",
        "+49 (151) 00000001",
        "+49 (0)151 00000001",
        "+49 (0) 151/00000001",
        "4915100000001@s.whatsapp.net",
        "4915100000001@c.us",
        "\u202a+49 151 00000001\u202c",
        "0049 151 00000001",
        "00 49 (0)151 00000001",
        "tel:+49-151-00000001",
        "TEL:+49-151-00000001;ext=2",
        "https://wa.me/4915100000001",
        "http://wa.me/+4915100000001?text=Hi%20there",
        "wa.me/4915100000001#x",
        " https://api.whatsapp.com/send?phone=4915100000001&text=Hi ",
        "https://api.whatsapp.com/send/?phone=+4915100000001",
        "whatsapp://send?phone=4915100000001&text=Hi",
        "https://web.whatsapp.com/send?phone=4915100000001",
        "٤٩١٥١٠٠٠٠٠٠٠١",
        "+４９１５１０００００００１",
    ],
)
def test_a_number(text: str) -> None:
    assert parse_number(text, "phone") == "4915100000001"


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("0151 00000001", "country code"),
        ("00 0151 00000001", "country code"),
        ("+049 151 00000001", "country code"),
        ("+0151", "country code"),
        ("1234", "not a phone number"),
        ("1" * 16, "not a phone number"),
        ("", "not a phone number"),
        ("Ana", "not a phone number"),
        ("49151x00000001", "not a phone number"),
        ("++4915100000001", "not a phone number"),
        ("4915+100000001", "not a phone number"),
        ("https://example.com/4915100000001", "not a phone number"),
        ("https://wa.me/", "not a phone number"),
        ("https://wa.me/message/ABC123", "not a phone number"),
        ("²²²²²²²", "not a phone number"),
    ],
)
def test_no_number(text: str, because: str) -> None:
    with pytest.raises(InvalidArgument, match=because) as caught:
        parse_number(text, "contact_phone")
    assert caught.value.details["field"] == "contact_phone"
    assert caught.value.message.startswith("contact_phone")
