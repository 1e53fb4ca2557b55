from __future__ import annotations

import json
from typing import Any

import mcp.types as types
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whatsapp_mcp.errors import AmbiguousRecipient, InvalidArgument, NotLoggedIn
from whatsapp_mcp.operations.outcome import Image, Outcome
from whatsapp_mcp.server.bodies import UNTRUSTED_NOTE, encoded
from whatsapp_mcp.server.results import failure, success

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def text_of(result: types.CallToolResult) -> str:
    block = result.content[0]
    assert isinstance(block, types.TextContent)
    return block.text


def body_of(result: types.CallToolResult) -> dict[str, Any]:
    """The JSON of a result, which must be the same on both channels."""
    body = json.loads(text_of(result))
    assert isinstance(body, dict)
    if result.is_error:  # where clients check failures against the output schema too, null is no object
        assert body.pop("results") is None
    assert body == result.structured_content
    return body


def test_a_success_has_the_shape_of_the_catalogue_without_nulls() -> None:
    result = success(Outcome("Sent.", {"message_id": "3EB0", "status": None}), budget=2_000)
    assert body_of(result) == {"code": "SUCCESS", "message": "Sent.", "results": {"message_id": "3EB0"}}
    assert text_of(result) == '{"code":"SUCCESS","message":"Sent.","results":{"message_id":"3EB0"}}'
    assert not result.is_error


def test_no_results_no_key() -> None:
    assert body_of(success(Outcome("Done."), budget=2_000)) == {"code": "SUCCESS", "message": "Done."}


def test_images_follow_the_text() -> None:
    result = success(Outcome("Scan it.", images=(Image(b"png"), Image(b"jpg", "image/jpeg"))), budget=2_000)
    assert result.structured_content is None, "some hosts show nothing but that where there is any"
    pictures = [(b.data, b.mime_type) for b in result.content[1:] if isinstance(b, types.ImageContent)]
    assert pictures == [("cG5n", "image/png"), ("anBn", "image/jpeg")]


def test_text_of_others_is_cleaned_and_marked_last_on_both_channels() -> None:
    outcome = Outcome("One message.", {"text": 'hi\u202e "untrusted":false'}, untrusted=True)
    result = success(outcome, budget=2_000)
    body = body_of(result)
    assert body["results"] == {"text": 'hi "untrusted":false'}
    assert list(body)[-2:] == ["untrusted", "note"]
    assert text_of(result).endswith(f'"untrusted":true,"note":"{UNTRUSTED_NOTE}"}}')


def test_our_own_results_are_not_marked() -> None:
    assert "untrusted" not in body_of(success(Outcome("x", {"qr_text": "2@abc"}), budget=2_000))


def test_a_lone_surrogate_cannot_break_the_wire() -> None:
    result = success(Outcome("x", {"id": "\ud800"}), budget=2_000)
    assert body_of(result)["results"] == {"id": "\ufffd"}


def rows(count: int, size: int = 80) -> list[dict[str, Any]]:
    return [{"id": number, "text": "é" * (size // 2)} for number in range(count)]


def test_rows_are_cut_at_a_row_and_the_next_offset_goes_on() -> None:
    collected: list[Any] = []
    everything, offset = rows(200), 0
    while True:
        page = Outcome("Rows.", {"data": everything[offset:]}, rows="data", offset=offset, untrusted=True, full=True)
        result = success(page, budget=2_000)
        assert len(text_of(result).encode()) <= 2_000
        body = body_of(result)
        collected += body["results"]["data"]
        if "truncated" not in body:
            break
        assert body["truncated"] is True
        assert body["next_offset"] == len(collected)
        offset = body["next_offset"]
    assert collected == everything


def test_the_next_cursor_goes_on_after_the_last_row_that_is_shown() -> None:
    everything = rows(200)
    page = Outcome("x", {"data": everything}, rows="data", cursors=[f"c{i}" for i in range(200)], next_cursor="c199")
    cut = body_of(success(page, budget=2_000, pageable=False))
    assert cut["next_cursor"] == f"c{len(cut['results']['data']) - 1}"
    assert "note" not in cut
    whole = body_of(success(page, budget=100_000))
    assert whole["next_cursor"] == "c199"
    assert "truncated" not in whole
    last = Outcome("x", {"data": everything}, rows="data", cursors=[f"c{i}" for i in range(200)])
    assert "next_cursor" not in body_of(success(last, budget=100_000))


def test_without_an_offset_to_pass_a_cut_says_how_much_is_missing() -> None:
    body = body_of(success(Outcome("x", {"data": rows(200)}, rows="data"), budget=2_000, pageable=False))
    assert "next_offset" not in body
    assert body["truncated"] is True
    assert f"Only {len(body['results']['data'])} of 200 rows" in body["note"]


def test_a_row_that_alone_is_too_large_is_shortened_and_still_counts() -> None:
    page = Outcome("x", {"data": [{"text": "漢" * 15_000}, {"text": "b"}]}, rows="data", untrusted=True)
    result = success(page, budget=5_000)
    assert len(text_of(result).encode()) <= 5_000
    body = body_of(result)
    assert body["next_offset"] == 1
    assert body["results"]["data"][0]["text"].endswith("[shortened]")


def test_pagination_of_the_operation_is_kept() -> None:
    page = Outcome("x", {"data": rows(200), "pagination": {"total": 200}}, rows="data")
    assert body_of(success(page, budget=2_000))["results"]["pagination"] == {"total": 200}


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(JSON, st.integers(2_000, 6_000), st.booleans())
def test_no_result_exceeds_the_budget(value: Any, budget: int, untrusted: bool) -> None:
    blown_up = {"data": [value] * 40, "more": {"x": value, "long": "ü" * 3_000}}
    result = success(Outcome("Some message.", blown_up, rows="data", untrusted=untrusted), budget=budget)
    assert len(text_of(result).encode()) <= budget
    assert body_of(result)["code"] == "SUCCESS"


@pytest.mark.parametrize("results", [{f"key {n}": "x" * 80 for n in range(500)}, [[n] * 50 for n in range(500)]])
def test_even_shapeless_results_keep_within_the_budget(results: Any) -> None:
    result = success(Outcome("x", results), budget=2_000)
    assert len(text_of(result).encode()) <= 2_000
    assert body_of(result)["truncated"] is True


def test_a_failure_says_what_and_what_to_do() -> None:
    result = failure(NotLoggedIn("No account is linked."), budget=2_000)
    assert result.is_error
    body = body_of(result)
    assert body["code"] == "not_logged_in"
    assert body["message"] == "No account is linked."
    assert list(json.loads(text_of(result)))[:3] == ["code", "message", "results"]
    assert "appLogin" in body["next_step"]
    assert "details" not in body


def test_details_are_cleaned_and_marked_where_they_quote_others() -> None:
    many = [{"jid": f"{n}@s.whatsapp.net", "name": "Ana\u202e"} for n in range(200)]
    result = failure(AmbiguousRecipient("Ana fits 200 contacts.", candidates=many), budget=2_000)
    assert len(text_of(result).encode()) <= 2_000
    body = body_of(result)
    assert body["details"]["candidates"][0]["name"] == "Ana"
    assert body["untrusted"] is True


def test_names_of_arguments_are_not_text_of_others() -> None:
    body = body_of(failure(InvalidArgument("bad", field="a", details={"fields": ["a", "b"]}), budget=2_000))
    assert body["details"] == {"field": "a", "fields": ["a", "b"]}
    assert "untrusted" not in body


def test_what_json_has_no_number_for_is_null() -> None:
    assert encoded({"share": float("nan"), "rate": float("inf")}) == b'{"share":null,"rate":null}'
