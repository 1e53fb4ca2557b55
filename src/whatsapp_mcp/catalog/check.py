"""Checks the arguments of a call and explains what is wrong to a model that can then call again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from whatsapp_mcp.catalog.near_miss import near_miss
from whatsapp_mcp.catalog.operation import JsonObject, Operation
from whatsapp_mcp.untrusted_text import encodable

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator, ValidationError

_SHOWN: Final = 60
"""Characters of a wrong value that a message repeats."""

_MOST: Final = 20
"""Problems that one answer names."""

_TYPE_NAMES: Final = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the arguments."""

    field: str
    """The argument, ``options[0]`` for an item of a list."""
    message: str
    """Names the argument, what is wrong with it, and what is allowed."""


class ArgumentChecker:
    """Checks arguments against the schemas of operations; each schema is compiled at its first call."""

    def __init__(self) -> None:
        self._validators: dict[str, Draft202012Validator] = {}

    def check(self, operation: Operation, arguments: Mapping[str, Any] | None) -> tuple[JsonObject, list[Problem]]:
        """The arguments as the operation takes them, defaults filled in, and all that is wrong with them.

        The arguments may be used only when the list is empty.
        """
        schema = operation.input_schema
        relaxed = relax(arguments or {}, schema)
        problems = list(islice(_unreadable(relaxed), _MOST))
        if problems:
            return relaxed, problems
        try:
            errors = list(islice(self._validator(operation).iter_errors(relaxed), _MOST))
        except ValueError:  # jsonschema_rs: nested too deeply, or a number beyond what JSON carries
            return relaxed, [Problem("arguments", "the arguments are nested too deeply or hold unusable numbers")]
        for error in errors:
            problems.extend(_explain(error, schema))
        if not problems:
            problems.extend(_blank(relaxed, schema))
            problems.extend(_choices(relaxed, operation))
        return _with_defaults(relaxed, schema), problems

    def _validator(self, operation: Operation) -> Draft202012Validator:
        validator = self._validators.get(operation.name)
        if validator is None:
            import jsonschema_rs  # 26 ms, which a server that is only listed need not spend

            validator = jsonschema_rs.Draft202012Validator(operation.input_schema, validate_formats=True)
            self._validators[operation.name] = validator
        return validator


def relax(arguments: Mapping[str, Any], schema: JsonObject) -> JsonObject:
    """Undo what hosts and models do to arguments without meaning anything by it.

    JSON in a string where the schema wants no string (``"5"``, ``"[\\"a\\"]"``), null for an optional argument, and
    ``5.0`` for a whole number.
    """
    properties: Mapping[str, JsonObject] = schema["properties"]
    required = schema.get("required", ())
    relaxed: JsonObject = {}
    for name, value in arguments.items():
        if value is None and name in properties and name not in required:
            continue
        wanted = properties.get(name, {}).get("type")
        if isinstance(value, str) and wanted not in (None, "string"):
            value = _from_json(value, str(wanted))
        if wanted == "integer" and isinstance(value, float) and value.is_integer():
            value = int(value)
        relaxed[name] = value
    return relaxed


def _from_json(text: str, wanted: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    found = _type_of(value)
    return value if found == wanted or (found, wanted) == ("integer", "number") else text


def _with_defaults(arguments: JsonObject, schema: JsonObject) -> JsonObject:
    defaults = {name: item["default"] for name, item in schema["properties"].items() if "default" in item}
    return {**defaults, **arguments}


def _type_of(value: object) -> str:
    # bool before int: True is an int to Python and none to JSON.
    for kind, name in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array")):
        if isinstance(value, kind):
            return name
    return "null" if value is None else "object"


# ---- checks that JSON Schema cannot express ------------------------------------------------------------------------


def _unreadable(arguments: JsonObject) -> Iterator[Problem]:
    """NUL ends a string on its way into the native library; a lone surrogate cannot be encoded at all."""
    for name, value in arguments.items():
        for item in (name, *value) if isinstance(value, list) else (name, value):
            if isinstance(item, str) and ("\0" in item or encodable(item) != item):
                field = _label(name)
                yield Problem(field, f"{field} holds characters that are no text (NUL or half of a surrogate pair)")
                break


def _label(name: str) -> str:
    """A name that the caller made up, fit to be repeated."""
    return name.encode(errors="replace").decode()[:_SHOWN] or '""'


def _blank(arguments: JsonObject, schema: JsonObject) -> Iterator[Problem]:
    for name, value in arguments.items():
        rule = schema["properties"][name]
        if rule.get("minLength") and isinstance(value, str) and not value.strip():
            yield Problem(name, f"{name} must not be blank")
        if isinstance(value, list) and rule.get("items", {}).get("minLength"):
            for index, item in enumerate(value):
                if not item.strip():
                    yield Problem(f"{name}[{index}]", f"{name}[{index}] must not be blank")


def _choices(arguments: JsonObject, operation: Operation) -> Iterator[Problem]:
    for group in operation.exactly_one:
        given = [name for name in group if arguments.get(name)]
        if len(given) != 1:
            problem = "none is given" if not given else f"{' and '.join(given)} are given"
            yield Problem(given[0] if given else group[0], f"give exactly one of {' and '.join(group)}; {problem}")


# ---- explaining what JSON Schema found -----------------------------------------------------------------------------


def _explain(error: ValidationError, schema: JsonObject) -> Iterator[Problem]:
    facts: dict[str, Any] = error.kind.as_dict()
    keyword = error.kind.name
    if keyword == "required":
        field = str(facts["property"])
        yield Problem(field, f"{field} is missing; it has to be {_describe(schema['properties'].get(field, {}))}")
    elif keyword == "additionalProperties":
        for field in facts["unexpected"]:
            yield Problem(_label(str(field)), _unknown(str(field), schema))
    else:
        field = _field(error.instance_path)
        rule = _rule(schema, error.schema_path)
        explain = _SENTENCES.get(keyword)
        sentence = explain(error.instance, rule) if explain else str(error.message)
        yield Problem(field, f"{field} {sentence}")


def _unknown(field: str, schema: JsonObject) -> str:
    known = list(schema["properties"])
    suggestion = near_miss(field, known)
    if suggestion:
        return f"{_show(field)} is no argument of this tool; did you mean {suggestion}?"
    return f"{_show(field)} is no argument of this tool; it takes {', '.join(known) if known else 'none'}"


def _field(path: list[str | int]) -> str:
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return field.lstrip(".") or "arguments"


def _rule(schema: JsonObject, path: list[str | int]) -> JsonObject:
    """The part of the schema that holds the violated keyword."""
    rule: Any = schema
    for part in path[:-1]:
        rule = rule[part]
    return dict(rule)


def _describe(rule: JsonObject) -> str:
    text = _TYPE_NAMES.get(str(rule.get("type")), "a value")
    if "enum" in rule:
        return f"one of {_options(rule)}"
    return f"{text} ({rule['description']})" if "description" in rule else text


def _options(rule: JsonObject) -> str:
    return ", ".join(json.dumps(option, ensure_ascii=False) for option in rule["enum"])


def _show(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return json.dumps(shown, ensure_ascii=False) if isinstance(value, str) else shown


def _wrong_type(value: object, rule: JsonObject) -> str:
    found = {"null": "null", "boolean": "a boolean"}.get(_type_of(value)) or _TYPE_NAMES[_type_of(value)]
    quotes = "; write it in quotes" if rule["type"] == "string" and _type_of(value) in ("integer", "number") else ""
    return f"has to be {_describe(rule)}, not {found}{quotes}"


def _wrong_length(value: Any, rule: JsonObject) -> str:
    if not value:
        return "must not be empty"
    if len(value) < rule.get("minLength", 0):
        return f"has to have at least {rule['minLength']} characters; it has {len(value)}"
    return f"must have at most {rule['maxLength']} characters; it has {len(value)}"


def _wrong_range(value: object, rule: JsonObject) -> str:
    low, high = rule.get("minimum"), rule.get("maximum")
    if low is None:
        return f"must be at most {high}; it is {_show(value)}"
    return f"must be {f'from {low} to {high}' if high is not None else f'at least {low}'}; it is {_show(value)}"


def _wrong_count(value: Any, rule: JsonObject) -> str:
    low, high = rule.get("minItems", 0), rule.get("maxItems")
    allowed = f"{low} to {high} items" if high is not None else f"at least {low} item{'s' if low != 1 else ''}"
    return f"has to have {allowed}; it has {len(value)}"


def _wrong_format(value: object, rule: JsonObject) -> str:
    if rule["format"] == "date-time":
        return f"has to be a date and time with zone, such as 2026-01-31T18:30:00Z; it is {_show(value)}"
    return f"is no {rule['format']}: {_show(value)}"


_SENTENCES: Final[dict[str, Callable[[Any, JsonObject], str]]] = {
    "type": _wrong_type,
    "enum": lambda value, rule: f"has to be one of {_options(rule)}; it is {_show(value)}",
    "minLength": _wrong_length,
    "maxLength": _wrong_length,
    "minimum": _wrong_range,
    "maximum": _wrong_range,
    "minItems": _wrong_count,
    "maxItems": _wrong_count,
    "uniqueItems": lambda _value, _rule: "must not name the same item twice",
    "format": _wrong_format,
}
