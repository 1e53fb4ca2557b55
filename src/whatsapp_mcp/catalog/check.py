"""Checks the arguments of a call and explains what is wrong to a model that can then call again."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from whatsapp_mcp.catalog.guesses import parameter_meant
from whatsapp_mcp.catalog.hosts import added_by_host, not_given, relax, unusable
from whatsapp_mcp.catalog.near_miss import sharing_a_word
from whatsapp_mcp.catalog.operation import JsonObject, Operation
from whatsapp_mcp.errors import InvalidArgument

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator, ValidationError

_SHOWN: Final = 60
"""Characters of a wrong value that a message repeats."""

_MOST: Final = 20
"""Problems that one answer names."""

_TOLD: Final = 5
"""Ignored arguments that a note names."""

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


class Checked(NamedTuple):
    """What came of the arguments of one call."""

    arguments: JsonObject
    """As the operation takes them, defaults filled in; to be used only when there are no problems."""
    problems: list[Problem]
    notes: list[str]
    """What was passed over, to be told beside the result; a sentence each."""


def invalid(problems: Sequence[Problem]) -> InvalidArgument:
    """What is wrong with the arguments of a call, as its error."""
    details: JsonObject = {"fields": [problem.field for problem in problems]} if len(problems) > 1 else {}
    return InvalidArgument("; ".join(p.message for p in problems), field=problems[0].field, details=details)


class ArgumentChecker:
    """Checks arguments against the schemas of operations; each schema is compiled at its first call."""

    def __init__(self) -> None:
        self._validators: dict[str, Draft202012Validator] = {}

    def check(self, operation: Operation, arguments: Mapping[str, Any] | None) -> Checked:
        given = arguments or {}
        schema = operation.input_schema
        relaxed = relax(given, schema)
        empty = _taken_out(relaxed, schema)
        problems = list(islice(_unreadable(relaxed), _MOST))
        if not problems:
            for error in islice(self._validator(operation).iter_errors(relaxed), _MOST):
                problems.extend(_explain(error, schema, empty))
        if not problems:
            problems.extend(_blank(relaxed, schema))
            problems.extend(_choices(relaxed, operation))
        unknown = _unknown(given, schema)
        if problems or not operation.reads_only:
            problems.extend(islice(_misspelt(unknown), _MOST))
        notes = [*_ignored(unknown, schema), *_nulls(given, relaxed, schema)]
        return Checked(_with_defaults(relaxed, schema), problems, notes)

    def _validator(self, operation: Operation) -> Draft202012Validator:
        validator = self._validators.get(operation.name)
        if validator is None:
            import jsonschema_rs  # 26 ms, which a server that is only listed need not spend

            # No formats: the one that there is, date-time, is how times are published; an operation understands more.
            validator = jsonschema_rs.Draft202012Validator(operation.input_schema, validate_formats=False)
            self._validators[operation.name] = validator
        return validator


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


def _taken_out(arguments: JsonObject, schema: JsonObject) -> set[str]:
    """Names of required arguments that hold nothing, and are now missing."""
    empty = {
        name
        for name in schema.get("required", ())
        if name in arguments and not_given(value := arguments[name], rule := schema["properties"][name])
        # a text of one's own may well say "null"
        if not (rule["type"] == "string" and isinstance(value, str) and value.strip())
    }
    for name in empty:
        del arguments[name]
    return empty


def _unreadable(arguments: JsonObject) -> Iterator[Problem]:
    for name, value in arguments.items():
        if (why := unusable(value)) is not None:
            yield Problem(name, f"{name} {why}")


def _label(name: str) -> str:
    """A name that the caller made up, fit to be repeated."""
    return name.encode(errors="replace").decode()[:_SHOWN] or '""'


def _blank(arguments: JsonObject, schema: JsonObject) -> Iterator[Problem]:
    for name, value in arguments.items():
        if isinstance(value, list) and schema["properties"][name]["items"].get("minLength"):
            for index, item in enumerate(value):
                if not item.strip():
                    yield Problem(f"{name}[{index}]", f"{name}[{index}] must not be blank")


def _choices(arguments: JsonObject, operation: Operation) -> Iterator[Problem]:
    for group in operation.exactly_one:
        given = [name for name in group if arguments.get(name)]
        if len(given) != 1:
            problem = "none is given" if not given else f"{' and '.join(given)} are given"
            yield Problem(given[0] if given else group[0], f"give exactly one of {' and '.join(group)}; {problem}")


# ---- arguments that the operation does not have ----------------------------------------------------------------------


def _unknown(given: Mapping[str, Any], schema: JsonObject) -> dict[str, str | None]:
    """Names that this operation does not have, each with the one of ours that is meant by it; what hosts add by
    themselves is not among them."""
    known: list[str] = list(schema["properties"])
    return {
        _label(name): parameter_meant(name, known) or sharing_a_word(name, known)
        for name in given
        if name not in known and not added_by_host(name)
    }


def _misspelt(unknown: Mapping[str, str | None]) -> Iterator[Problem]:
    for name, meant in unknown.items():
        if meant is not None:
            yield Problem(name, f"{_show(name)} is no argument of this tool; did you mean {meant}?")


def _ignored(unknown: Mapping[str, str | None], schema: JsonObject) -> Iterator[str]:
    if unknown:
        more = f" and {len(unknown) - _TOLD} more" if len(unknown) > _TOLD else ""
        first = islice(unknown.items(), _TOLD)
        shown = ", ".join(_show(name) + (f" (did you mean {meant}?)" if meant else "") for name, meant in first)
        takes = ", ".join(schema["properties"]) or "none"
        yield f"Ignored, because this tool has no such argument: {shown}{more}. It takes {takes}."


def _nulls(given: Mapping[str, Any], relaxed: JsonObject, schema: JsonObject) -> Iterator[str]:
    """A text that was taken for an absent one; somebody may have meant the word."""
    for name, rule in schema["properties"].items():
        if (
            name not in relaxed
            and rule["type"] == "string"
            and isinstance(given.get(name), str)
            and given[name].strip()
        ):
            yield f'{name} was given as "null" and counts as not given.'


# ---- explaining what JSON Schema found -----------------------------------------------------------------------------


def _explain(error: ValidationError, schema: JsonObject, empty: Collection[str]) -> Iterator[Problem]:
    facts: dict[str, Any] = error.kind.as_dict()
    keyword = error.kind.name
    if keyword == "required":
        field = str(facts["property"])
        but = ": what was given for it holds nothing" if field in empty else ""
        yield Problem(field, f"{field} is missing{but}; it has to be {_describe(schema['properties'].get(field, {}))}")
    else:
        field = _field(error.instance_path)
        rule = _rule(schema, error.schema_path)
        explain = _SENTENCES.get(keyword)
        sentence = explain(error.instance, rule) if explain else str(error.message)
        yield Problem(field, f"{field} {sentence}")


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
    "pattern": lambda value, rule: f"has to match {rule['pattern']}; it is {_show(value)}",
}
