"""Changing one entry of a JSON text that people write too: with comments and trailing commas, which stay as they are.

A reader that knows where each value stands; what is changed is the text between two such places. Libraries that read
such JSON write all of it anew, and lose comments or the layout.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from whatsapp_mcp.offline.hosts.refusal import CannotChange

_TOKEN: Final = re.compile(
    r"""(?P<blank>[\s\ufeff]+)|(?P<comment>//[^\r\n]*|/\*.*?\*/)|(?P<string>"(?:[^"\\\n]|\\.)*")"""
    r"""|(?P<mark>[{}\[\]:,])|(?P<word>[A-Za-z0-9+.\-]+)""",
    re.DOTALL,
)
_DEEPEST: Final = 200


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class JsonMember:
    """A member of an object: its key begins at ``start``, its value at ``value_start``, and both end at ``end``."""

    name: str
    start: int
    node: JsonNode

    @property
    def end(self) -> int:
        return self.node.end


@dataclass(frozen=True, slots=True)
class JsonNode:
    value: Any
    start: int
    end: int
    members: tuple[JsonMember, ...] | None = None
    """Of an object, in the order of the text."""

    def member(self, name: str) -> JsonMember | None:
        return next((one for one in self.members or () if one.name == name), None)


def _tokens(text: str, position: int = 0) -> Iterator[_Token]:
    """The tokens from a place on, where one begins."""
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise CannotChange(f"line {line_of(text, position)}: this is no JSON")
        position = match.end()
        yield _Token(match.lastgroup or "", match[0], match.start(), match.end())


def line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def comments(text: str) -> list[str]:
    """The comments, in their order. Raises CannotChange as :func:`read` does."""
    return [token.text for token in _tokens(text) if token.kind == "comment"]


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._left = [token for token in _tokens(text) if token.kind not in ("blank", "comment")]
        self._at = 0

    def document(self) -> JsonNode:
        node = self._value(0)
        if self._at < len(self._left):
            raise self._wrong("something follows the end")
        return node

    def _next(self) -> _Token:
        if self._at >= len(self._left):
            raise self._wrong("the end is missing")
        self._at += 1
        return self._left[self._at - 1]

    def _is(self, mark: str) -> bool:
        return self._at < len(self._left) and self._left[self._at].text == mark

    def _wrong(self, what: str) -> CannotChange:
        position = self._left[min(self._at, len(self._left) - 1)].start if self._left else 0
        return CannotChange(f"line {line_of(self._text, position)}: {what}")

    def _value(self, depth: int) -> JsonNode:
        if depth > _DEEPEST:
            raise self._wrong("too many levels")
        token = self._next()
        if token.text == "{":
            return self._object(token, depth)
        if token.text == "[":
            return self._list(token, depth)
        if token.kind not in ("string", "word"):
            self._at -= 1
            raise self._wrong("a value is missing")
        return JsonNode(self._loaded(token), token.start, token.end)

    def _loaded(self, token: _Token) -> Any:
        try:
            return json.loads(token.text)
        except ValueError:
            self._at -= 1
            raise self._wrong("this is no value of JSON") from None

    def _object(self, opened: _Token, depth: int) -> JsonNode:
        members: list[JsonMember] = []
        while not self._is("}"):
            name = self._next()
            if name.kind != "string" or not self._is(":"):
                self._at -= 1
                raise self._wrong("a name in quotes and a colon are missing")
            self._next()
            members.append(JsonMember(self._loaded(name), name.start, self._value(depth + 1)))
            self._comma("}")
        names = [member.name for member in members]
        if len(set(names)) < len(names):
            raise self._wrong("an object names something twice")
        end = self._next().end
        return JsonNode({one.name: one.node.value for one in members}, opened.start, end, tuple(members))

    def _list(self, opened: _Token, depth: int) -> JsonNode:
        values: list[Any] = []
        while not self._is("]"):
            values.append(self._value(depth + 1).value)
            self._comma("]")
        return JsonNode(values, opened.start, self._next().end)

    def _comma(self, closing: str) -> None:
        if self._is(","):
            self._next()
        elif not self._is(closing):
            raise self._wrong("a comma is missing")


def read(text: str) -> JsonNode:
    """The text's value, with where its parts stand; comments and trailing commas are passed over.

    Raises:
        CannotChange: it is not such JSON; the message begins with the line.
    """
    return _Reader(text).document()


def value_of(text: str) -> Any:
    """The text's value alone. Strict JSON is read by the faster reader: hosts keep megabytes in such files.

    Raises:
        CannotChange: it is not such JSON.
    """
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except ValueError:
        return read(text).value


def with_entry(text: str, table: str, name: str, entry: Mapping[str, Any]) -> str:
    """The text with this entry of the table, in place of one of the same name.

    Raises:
        CannotChange: it is no JSON, or not an object with such a table.
    """
    if not text.strip("\ufeff \t\r\n"):
        return f"{text.strip()}{json.dumps({table: {name: dict(entry)}}, indent=2, ensure_ascii=False)}\n"
    root = read(text)
    holder = _object_at(root, table)
    layout = _Layout.of(text, root)
    if holder is None:
        return layout.add(root, table, {name: dict(entry)})
    old = holder.node.member(name)
    if old is None:
        return layout.add(holder.node, name, dict(entry))
    written = layout.written(dict(entry), indent=layout.indent_at(old.start))
    return text[: old.node.start] + written + text[old.node.end :]


def without_entry(text: str, table: str, name: str) -> str:
    """The text without this entry of the table.

    Raises:
        CannotChange: it is no JSON, or has no such entry.
    """
    holder = _object_at(read(text), table)
    old = holder.node.member(name) if holder is not None else None
    if holder is None or old is None:
        raise CannotChange("there is no such entry")
    start, end = old.start, old.end
    comma = next((token for token in _tokens(text, end) if token.kind not in ("blank", "comment")), None)
    if comma is not None and comma.text == ",":
        text = text[: comma.start] + text[comma.end :]
    else:  # it was the last one: the comma before it goes
        # It lies behind the bracket that opens the table: from there on it is looked for.
        before = [token for token in _tokens(text, holder.node.start) if token.end <= start]
        marks = [token for token in before if token.kind not in ("blank", "comment")]
        if marks[-1].text == ",":
            text = text[: marks[-1].start] + text[marks[-1].end :]
            start, end = start - 1, end - 1
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", end)
    if line_end >= 0 and not text[line_start:start].strip() and not text[end:line_end].strip():
        start, end = line_start, line_end + 1
    return text[:start] + text[end:]


def _object_at(root: JsonNode, table: str) -> JsonMember | None:
    if root.members is None:
        raise CannotChange("line 1: an object, {…}, is expected")
    found = root.member(table)
    if found is not None and found.node.members is None:
        raise CannotChange(f"{table} is no object, {{…}}")
    return found


@dataclass(frozen=True, slots=True)
class _Layout:
    text: str
    unit: str
    newline: str

    @classmethod
    def of(cls, text: str, root: JsonNode) -> _Layout:
        first = root.members[0] if root.members else None
        layout = cls(text, "  ", "\r\n" if "\r\n" in text else "\n")
        unit = layout.indent_at(first.start) if first is not None else ""
        return cls(text, unit or "  ", layout.newline)

    def indent_at(self, position: int) -> str:
        """The blanks that the line of this place begins with; none where something else stands before it."""
        line = self.text[self.text.rfind("\n", 0, position) + 1 : position]
        return line if not line.strip() else line[: len(line) - len(line.lstrip())]

    def written(self, value: Any, *, indent: str) -> str:
        lines = json.dumps(value, indent=self.unit, ensure_ascii=False).split("\n")
        return f"{self.newline}{indent}".join(lines)

    def add(self, holder: JsonNode, name: str, value: Any) -> str:
        members = holder.members or ()
        outer = self.indent_at(holder.start)
        indent = self.indent_at(members[-1].start) if members else outer + self.unit
        if members and "\n" not in self.text[holder.start : members[-1].start]:
            indent = outer + self.unit
        member = f"{json.dumps(name, ensure_ascii=False)}: {self.written(value, indent=indent)}"
        closing = holder.end - 1
        if not members:
            inside = self.text[holder.start + 1 : closing].rstrip()
            head = self.text[: holder.start + 1] + inside
            return f"{head}{self.newline}{indent}{member}{self.newline}{outer}{self.text[closing:]}"
        end = members[-1].end
        comma = next((token for token in _tokens(self.text[:closing], end) if token.text == ","), None)
        after = comma.end if comma is not None else end
        place = self._end_of_line(after, closing)
        between = ("" if comma is not None else ",") + self.text[after:place]
        tail = self.text[place:]
        if tail.startswith("}"):  # it stands on the same line
            tail = f"{self.newline}{outer}{tail}"
        return f"{self.text[:after]}{between}{self.newline}{indent}{member}{',' if comma is not None else ''}{tail}"

    def _end_of_line(self, position: int, closing: int) -> int:
        """Where the line of the last member ends, behind its comment; at most where the object does."""
        for token in _tokens(self.text, position):
            if token.kind == "comment":
                continue
            if token.kind != "blank":
                return min(token.start, closing)
            if "\n" in token.text:
                found = token.start + token.text.index("\n")
                return found - 1 if self.text[found - 1 : found] == "\r" else found
        return closing
