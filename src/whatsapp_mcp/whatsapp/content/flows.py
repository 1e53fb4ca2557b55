"""The JSON inside of messages with buttons, forms and payments ("native flows").

Its keys are not fixed: what a person reads in it are its texts and amounts, what programs read are ids, tokens and the
like, which are told by their names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from whatsapp_mcp.whatsapp.content.lines import button, money, row
from whatsapp_mcp.whatsapp.content.strings import is_for_programs, is_opaque
from whatsapp_mcp.wire.boundary import TEXT_LIMIT

_MAX_DEPTH: Final = 12
_MAX_WORDS: Final = 400
_LABELS: Final = ("display_text", "title", "button_title", "flow_cta", "text")
_TARGETS: Final = ("url", "merchant_url", "copy_code", "phone_number")
_HIDDEN: Final = frozenset(
    {
        *("flow_token", "flow_message_version", "flow_action", "flow_metadata", "webview_presentation", "icon"),
        *("landing_page_url", "webview_interaction", "tap_target_configuration", "in_thread_buttons_limit"),
        *("divider_indices", "has_multiple_buttons", "type", "mode", "status", "name_type", "key_type", "payment_type"),
        *("payment_configuration", "response_type", "order_type", "wa_flow_response_params", "flow_name", "currency"),
    }
)
"""Beside what ``is_for_programs`` tells by its name."""
_UNLABELLED: Final = frozenset({*_LABELS, "description", "body", "header", "footer", "response", "message", "name"})
"""Keys that say nothing beside their text."""


def texts_of_json(text: str, *, with_keys: bool = False) -> list[str]:
    """What a person would read in it, in its order; nothing when it is no JSON.

    Args:
        with_keys: it is a filled form: the names of what was filled in tell what it is, numbers are answers.
    """
    value = _loaded(text)
    found: list[str] = []
    if value is not None:
        _collect(value, "", found, with_keys=with_keys)
    return found[:_MAX_WORDS]


def flow_button(name: str, params: str) -> Iterator[str]:
    """The lines of a button: its label and where it leads, then what it opens.

    Args:
        name: what it does, as ``cta_url``; told when it has no label.
        params: its JSON.
    """
    value = _loaded(params)
    if not isinstance(value, dict):
        value = {}
    label = next((str(value[key]) for key in _LABELS if isinstance(value.get(key), str) and value[key]), "")
    targets = [str(value[key]) for key in _TARGETS if isinstance(value.get(key), str)]
    yield button(label or name.replace("_", " "), *dict.fromkeys(targets))
    more: list[str] = []
    rest = {key: item for key, item in value.items() if key not in (*_LABELS, *_TARGETS)}
    _collect(rest, "", more, with_keys=False)
    yield from more[:_MAX_WORDS]


def _loaded(text: str) -> Any:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text[:TEXT_LIMIT], parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def _collect(value: Any, key: str, found: list[str], *, with_keys: bool, depth: int = 0, currency: str = "") -> None:
    if depth > _MAX_DEPTH or len(found) >= _MAX_WORDS:
        return
    if isinstance(value, dict):
        _collect_object(value, key, found, with_keys=with_keys, depth=depth, currency=currency)
    elif isinstance(value, list):
        for item in value:
            _collect(item, key, found, with_keys=with_keys, depth=depth + 1, currency=currency)
    elif isinstance(value, str):
        inner = _loaded(value)
        if isinstance(inner, dict | list):
            _collect(inner, key, found, with_keys=with_keys, depth=depth + 1, currency=currency)
        elif value.strip() and not is_opaque(value):
            found.append(f"{key}: {value}" if with_keys and key and key not in _UNLABELLED else value)
    elif with_keys and key and value is not None:
        found.append(f"{key}: {json.dumps(value)[:100]}")
    elif key == "quantity" and isinstance(value, int) and value > 1:
        found.append(f"× {value}")


def _collect_object(
    value: dict[str, Any], key: str, found: list[str], *, with_keys: bool, depth: int, currency: str
) -> None:
    currency = value["currency"] if isinstance(value.get("currency"), str) else currency
    amount, divisor = value.get("value"), value.get("offset")
    if isinstance(amount, int) and isinstance(divisor, int) and max(abs(amount), abs(divisor)) < 1 << 63:
        found.append(": ".join(filter(None, (key.replace("_", " "), money(amount, divisor, currency[:10])))))
        return
    title, description = value.get("title"), value.get("description")
    if isinstance(title, str) and isinstance(description, str) and not with_keys:
        found.append(row(title, description))
        value = {name: item for name, item in value.items() if name not in ("title", "description")}
    for name, item in value.items():
        if name not in _HIDDEN and (isinstance(item, dict | list) or not is_for_programs(name)):
            _collect(item, name[:100], found, with_keys=with_keys, depth=depth + 1, currency=currency)
