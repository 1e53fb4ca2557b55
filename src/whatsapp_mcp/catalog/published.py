"""What tools/list shows of the schema that arguments are checked against."""

from __future__ import annotations

from typing import Any, Final

from whatsapp_mcp.catalog.operation import JsonObject

ENDLESS: Final = {"maxLength": 200, "maxItems": 1000, "maximum": 1_000_000}
"""For each bound, the least that no model goes beyond by chance."""


Said = set[tuple[str, str]]
"""Parameters by name and description that a list has described already."""


def published_schema(schema: JsonObject, said: Said | None = None) -> JsonObject:
    """What tools/list shows of an input schema.

    Every character here is paid for by each user in each request, so what a model does right anyway (not to invent
    arguments, not to pass empty, negative or endless values; to take what is left out for 0 or false) is enforced and
    explained by the check alone. A parameter that an earlier tool of the list described in the same words, which stand
    in ``said``, is not described again.
    """
    shown: JsonObject = {}
    for key, value in schema.items():
        if _goes_without_saying(key, value):
            continue
        if key == "properties":
            shown[key] = {name: _once(name, published_schema(item), said) for name, item in value.items()}
        else:
            shown[key] = published_schema(value) if isinstance(value, dict) else value
    return _in_words(shown)


def _once(name: str, parameter: JsonObject, said: Said | None) -> JsonObject:
    words = parameter.get("description")
    if said is None or words is None:
        return parameter
    if (name, words) in said:
        return {key: value for key, value in parameter.items() if key != "description"}
    said.add((name, words))
    return parameter


def _in_words(schema: JsonObject) -> JsonObject:
    """Numbers to choose from stand in the description: Gemini refuses a request with an enum of anything but strings
    (googleapis: Schema.enum is a list of strings), and the check enforces them anyway."""
    choices = schema.get("enum")
    if choices and schema.get("default") == choices[0]:  # what comes first holds without a word
        schema = {key: value for key, value in schema.items() if key != "default"} | {"enum": choices[1:]}
    if choices is None or all(isinstance(choice, str) for choice in choices):
        return schema
    said = ", ".join(str(choice) for choice in choices)
    description = f"{schema['description']}: {said}" if "description" in schema else f"One of {said}"
    return {key: value for key, value in schema.items() if key != "enum"} | {"description": description}


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
        case "uniqueItems":  # Gemini's Schema has no such field, and refuses the request
            return True
    return False
