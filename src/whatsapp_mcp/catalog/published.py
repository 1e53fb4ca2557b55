"""What tools/list shows of the schema that arguments are checked against."""

from __future__ import annotations

from typing import Any, Final

from whatsapp_mcp.catalog.operation import JsonObject

ENDLESS: Final = {"maxLength": 200, "maxItems": 1000, "maximum": 1_000_000}
"""For each bound, the least that no model goes beyond by chance."""


def published_schema(schema: JsonObject) -> JsonObject:
    """What tools/list shows of an input schema.

    Every character here is paid for by each user in each request, so what a model does right anyway (not to invent
    arguments, not to pass empty, negative or endless values; to take what is left out for 0 or false) is enforced and
    explained by the check alone.
    """
    shown: JsonObject = {}
    for key, value in schema.items():
        if _goes_without_saying(key, value):
            continue
        if key == "properties":
            shown[key] = {name: published_schema(item) for name, item in value.items()}
        else:
            shown[key] = published_schema(value) if isinstance(value, dict) else value
    return shown


def _goes_without_saying(key: str, value: Any) -> bool:
    match key:
        case "additionalProperties":
            return value is False
        case "minLength" | "minItems" | "minimum":
            return value in (0, 1)
        case "maxLength" | "maxItems" | "maximum":
            return bool(value >= ENDLESS[key])
        case "default":
            return not value
    return False
