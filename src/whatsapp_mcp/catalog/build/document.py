"""tools.yaml as data that remembers its lines, and ``$ref`` within it."""

from __future__ import annotations

from typing import Any, NoReturn

import yaml

from whatsapp_mcp.catalog.operation import CatalogError


class Located(dict[str, Any]):
    """A YAML mapping that knows the line (from 1) of its first key and of each key."""

    line: int = 0
    lines: dict[str, int]

    def line_of(self, key: str) -> int:
        return self.lines.get(key, self.line)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # C where it was compiled in
    """Safe loader whose mappings are `Located` and refuse a key that comes twice."""

    def construct_located(self, node: yaml.MappingNode) -> Located:
        mapping = Located()
        mapping.line = node.start_mark.line + 1
        mapping.lines = {}
        for key_node, value_node in node.value:
            key = str(self.construct_object(key_node, deep=True))
            line = key_node.start_mark.line + 1
            if key in mapping.lines:
                raise CatalogError(f"line {line}: {key!r} stands twice in one mapping (first in {mapping.lines[key]})")
            mapping.lines[key] = line
            mapping[key] = self.construct_object(value_node, deep=True)
        return mapping


_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.construct_located)


def parse(text: str) -> Document:
    """Parse an OpenAPI document.

    Raises:
        CatalogError: not YAML, or its root is not a mapping.
    """
    try:
        root = yaml.load(text, Loader=_Loader)  # the loader derives from a safe one
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise CatalogError(f"line {line}: not valid YAML: {error.problem}") from None
    if not isinstance(root, Located):
        raise CatalogError("line 1: the document is not a mapping")
    return Document(root)


class Document:
    """Follows references and says where something stands."""

    def __init__(self, root: Located) -> None:
        self.root = root

    def fail(self, problem: str, at: int, operation: str | None = None) -> NoReturn:
        """Raise the error every reader of this document raises."""
        where = f"operation {operation}, line {at}" if operation else f"line {at}"
        raise CatalogError(f"{where}: {problem}")

    def mapping(self, value: object, what: str, at: int, operation: str | None = None) -> Located:
        """``value`` with its ``$ref`` followed; it has to be a mapping."""
        target, at = self._follow(value, at, operation)
        if not isinstance(target, Located):
            self.fail(f"{what} is missing or not a mapping", at, operation)
        return target

    def inline(self, value: object, at: int, operation: str | None = None) -> Any:
        """A plain copy of ``value`` in which every ``$ref`` is replaced by what it names."""
        return self._inline(value, at, operation, ())

    def _inline(self, value: object, at: int, operation: str | None, trail: tuple[str, ...]) -> Any:
        if isinstance(value, list):
            return [self._inline(item, at, operation, trail) for item in value]
        if not isinstance(value, Located):
            return value
        reference = value.get("$ref")
        if isinstance(reference, str):
            if reference in trail:
                self.fail(f"{reference} refers to itself", value.line, operation)
            target = self._target(reference, value.line, operation)
            copy = self._inline(target, value.line, operation, (*trail, reference))
            siblings = {key: item for key, item in value.items() if key != "$ref"}
            if siblings and isinstance(copy, dict):
                copy |= {k: self._inline(v, value.line_of(k), operation, trail) for k, v in siblings.items()}
            return copy
        return {key: self._inline(item, value.line_of(key), operation, trail) for key, item in value.items()}

    def _follow(self, value: object, at: int, operation: str | None) -> tuple[object, int]:
        trail: list[str] = []
        while isinstance(value, Located):
            at = value.line
            reference = value.get("$ref")
            if not isinstance(reference, str):
                break
            if reference in trail:
                self.fail(f"{reference} refers to itself", at, operation)
            trail.append(reference)
            value = self._target(reference, at, operation)
        return value, at

    def _target(self, reference: str, at: int, operation: str | None) -> object:
        node: object = self.root
        if not reference.startswith("#/"):
            self.fail(f"$ref {reference!r} leaves the document", at, operation)
        for part in reference[2:].split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, Located) or key not in node:
                self.fail(f"$ref {reference!r} names nothing", at, operation)
            node = node[key]
        return node
