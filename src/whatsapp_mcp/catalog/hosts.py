"""Arguments as hosts and models really send them: what is undone before the check, because nothing is meant by it.

Models fill in every optional argument, with ``""``, ``"null"`` or ``[]``; hosts send lists and numbers as JSON in a
string, and what looks like a number as one; some add arguments of their own to every call.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from whatsapp_mcp.catalog.operation import JsonObject
from whatsapp_mcp.untrusted_text import encodable

_OWN: Final = frozenset(
    {
        # n8n's MCP Client Tool: the items of its workflow (n8n-io/n8n#21500, #21716, #22787)
        *("toolcallid", "toolcall", "sessionid", "action", "chatinput", "tool", "toolname", "inputoverride"),
        # what Cursor, and Cline with some models, pass to a tool without arguments
        *("randomstring", "dummy", "noargs"),
        # agents that have the model explain each call, or say when it is to run
        *("toolsummary", "toolaction", "waitforprevious", "waitforprevioustools", "taskprogress", "securityrisk"),
        *("requiresapproval", "explanation", "reasoning", "thought"),
        # frameworks that pass their context on: LangChain, CrewAI, MCP clients that put `_meta` among the arguments
        *("meta", "metadata", "config", "runmanager", "callbacks", "threadid", "runid", "requestid", "traceid"),
        *("progresstoken", "securitycontext", "conversationid"),
    }
)
"""Folded names of arguments that hosts add by themselves, unless a tool has an argument of that name."""

_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_FALSE: Final = frozenset({"false", "0", "no", "off"})
_NO_VALUE: Final = frozenset({"None", "none", "undefined", "[]", "{}"})
"""More ways to write nothing, where a text cannot be meant."""
_EXACT: Final = 2**53
"""Beyond it, programs that keep numbers as floats (n8n, all in JavaScript) have changed digits of an integer."""
_LONGEST_JSON: Final = 1_000_000
"""Characters of JSON in a string that are looked into; no argument that is not a string needs so many."""


def added_by_host(name: str) -> bool:
    """Whether hosts are known to add this argument to any call; names that begin with ``_`` are theirs too."""
    return name.startswith("_") or name.casefold().replace("_", "").replace("-", "") in _OWN


def not_given(value: object, rule: JsonObject) -> bool:
    """Whether an optional argument that has this value was not given at all.

    ``rule`` is its schema. One with ``minLength: 0`` written out takes an empty text at its word.
    """
    if isinstance(value, str):
        if "minLength" in rule and not rule["minLength"]:
            return False
        said = value.strip()
        return said in ("", "null") or (rule.get("type") != "string" and said in _NO_VALUE)
    return value is None or value == {} or (isinstance(value, list) and all(_nothing(item) for item in value))


def _nothing(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def relax(arguments: Mapping[str, Any], schema: JsonObject) -> JsonObject:
    """The arguments that ``schema`` has, each as the type it has there where that changes no meaning.

    Left out are optional ones that count as not given. ``"5"`` becomes 5 and ``5.0`` a whole number, ``"True"`` a
    boolean, ``'["a"]'`` a list, and one value a list of one; 4915112345678 becomes a text, ``Image`` ``image``.
    """
    properties: Mapping[str, JsonObject] = schema["properties"]
    required = schema.get("required", ())
    relaxed: JsonObject = {}
    for name, value in arguments.items():
        if name not in properties or (name not in required and not_given(value, properties[name])):
            continue
        value = _as(value, properties[name])
        if name in required or not not_given(value, properties[name]):  # '[]' and '[""]' are seen only now
            relaxed[name] = value
    return relaxed


def _as(value: Any, rule: JsonObject) -> Any:
    match rule.get("type"):
        case "boolean":
            return _boolean(value)
        case "integer" | "number" as wanted:
            number = _from_json(value, (int, float))
            whole = wanted == "integer" and isinstance(number, float) and number.is_integer()
            return int(number) if whole else number
        case "array":
            items = _from_json(value, (list,))
            if not isinstance(items, list):
                items = [] if _nothing(items) else [items]
            return [_as(item, rule.get("items", {})) for item in items]
        case "object":
            return _from_json(value, (dict,))
        case "string":
            return _text(value, rule)
    return value


def _text(value: Any, rule: JsonObject) -> Any:
    """A number in its digits, and a word in the letters that it has among those that are allowed."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _EXACT:
        return str(int(value) if isinstance(value, float) and value.is_integer() else value)
    if isinstance(value, str) and "enum" in rule:
        return next((word for word in rule["enum"] if word.casefold() == value.strip().casefold()), value)
    return value


def _boolean(value: Any) -> Any:
    if isinstance(value, str):
        said = value.strip().casefold()
        return True if said in _TRUE else False if said in _FALSE else value
    # 1 and 0, but not 1.0: nothing writes a truth so
    return bool(value) if type(value) is int and value in (0, 1) else value


def _from_json(value: Any, wanted: tuple[type, ...]) -> Any:
    """What a string says as JSON, if that is of a type that is wanted."""
    if not isinstance(value, str) or len(value) > _LONGEST_JSON:
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return value
    # bool is an int to Python and none to JSON
    return found if isinstance(found, wanted) and not isinstance(found, bool) else value


# ---- what no schema needs to look at ---------------------------------------------------------------------------------

_DEEPEST: Final = 8
"""Lists and objects within one another; no argument needs more than one."""
_MOST_VALUES: Final = 20_000
"""Values within one argument."""
_LARGEST: Final = 2**63
"""Beyond it, an integer is none to the store or to WhatsApp."""


def unusable(value: object) -> str | None:
    """Why no argument can have this value, as the end of a sentence that begins with its name; None when it can."""
    level, seen = [value], 0
    for _ in range(_DEEPEST):
        below: list[object] = []
        for item in level:
            if isinstance(item, float) and not math.isfinite(item):
                return "is not a finite number"
            if isinstance(item, int) and not -_LARGEST < item < _LARGEST:
                return "is a number beyond all bounds"
            if isinstance(item, str) and ("\0" in item or encodable(item) != item):
                # NUL ends a string on its way into the native library; half of a pair cannot be encoded at all.
                return "holds characters that are no text (NUL or half of a surrogate pair)"
            if isinstance(item, dict):
                below += item
                below += item.values()
            elif isinstance(item, list):
                below += item
        seen += len(below)
        if seen > _MOST_VALUES:
            return f"holds more than {_MOST_VALUES} values"
        if not below:
            return None
        level = below
    return f"is nested more than {_DEEPEST} levels deep"
