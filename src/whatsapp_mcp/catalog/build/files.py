"""The files made of tools.yaml that this package comes with: ``catalog.json``, and the types of all arguments."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from whatsapp_mcp.catalog.build.load import build_catalog
from whatsapp_mcp.catalog.operation import Catalog, CatalogError, JsonObject, Operation

TOOLS_YAML: Final = Path(__file__).resolve().parents[4] / "tools.yaml"
"""At the top of a source checkout; an installed package holds only what is made of it."""

_TYPES: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
_LINE: Final = 120
_HEAD: Final = '''\
"""Arguments of each operation as its handler gets them. Made of tools.yaml by docs/generate.py; do not edit.

They are checked by then, and defaults are filled in: what may still be missing is ``NotRequired``.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict
'''


def read_tools_yaml(path: Path = TOOLS_YAML) -> Catalog:
    """The catalogue that ``path`` describes.

    Raises:
        CatalogError: the file is missing or wrong; names the operation and the line.
    """
    try:
        return build_catalog(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CatalogError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CatalogError(f"{path} is not UTF-8") from None
    except CatalogError as error:
        raise CatalogError(f"{path.name}: {error.message}") from None


def catalog_json(catalog: Catalog) -> str:
    """What `load_catalog` reads; a line for each operation, so that changes can be looked at."""
    rows = ",\n".join(_compact(asdict(operation)) for operation in catalog.operations)
    return f'{{"toolsets":{_compact(catalog.toolsets)},"operations":[\n{rows}\n]}}\n'


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def arguments_module(catalog: Catalog) -> str:
    """The source of `whatsapp_mcp.catalog.arguments`: a stub, because types of arguments are of no use at run time."""
    return "\n".join([_HEAD, *("\n".join(_typed(operation)) + "\n" for operation in catalog.operations)])


def _typed(operation: Operation) -> Iterator[str]:
    yield f"class {operation.arguments_type}(TypedDict):"
    properties: dict[str, JsonObject] = operation.input_schema["properties"]
    if not properties:
        yield "    pass"
    for name, schema in properties.items():
        given = name in operation.input_schema.get("required", ()) or "default" in schema
        line = f"    {name}: {_type(schema) if given else f'NotRequired[{_type(schema)}]'}"
        if len(line) > _LINE:  # as ruff would write it
            inner = f"        {_type(schema)}"
            line = f"    {name}: NotRequired[\n{inner if len(inner) <= _LINE else _one_a_line(schema)}\n    ]"
        yield line


def _one_a_line(schema: JsonObject, indent: str = " " * 8) -> str:
    deeper = indent + " " * 4
    if schema["type"] == "array":
        return f"{indent}list[\n{_one_a_line(schema['items'], deeper)}\n{indent}]"
    values = "".join(f"{deeper}{_compact(value)},\n" for value in schema["enum"])
    return f"{indent}Literal[\n{values}{indent}]"


def _type(schema: JsonObject) -> str:
    if "enum" in schema:
        return f"Literal[{', '.join(_compact(value) for value in schema['enum'])}]"
    if schema["type"] == "array":
        return f"list[{_type(schema['items'])}]"
    return _TYPES[schema["type"]]
