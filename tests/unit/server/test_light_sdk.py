"""Parts of the SDK alone, and all of it for who asks."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.unit.systems import CHILD_LIMIT


def printed(code: str, *, http: bool = True, before: str = "") -> list[str]:
    light = (
        f"import sys; from whatsapp_mcp.server import light_sdk\n{before}\nlight_sdk.import_parts_on_demand({http=})"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{light}\n{code}"], capture_output=True, text=True, timeout=CHILD_LIMIT, check=True
    )
    return done.stdout.split()


def test_a_part_is_imported_without_the_others() -> None:
    code = "import mcp.types, mcp.server.lowlevel; print('mcp.client' in sys.modules, 'mcp.server' in sys.modules)"
    assert printed(code) == ["False", "True"]


@pytest.mark.parametrize(
    "code",
    [
        "import mcp; mcp.Client; import mcp.server; mcp.server.MCPServer",
        "from mcp import Client; from mcp.server import MCPServer",
        "import mcp.types; from mcp.server import MCPServer; from mcp import Client",
        "from mcp.server.mcpserver import MCPServer; from mcp.client.stdio import stdio_client",
        "from mcp.server.lowlevel import Server; from mcp.server import Server as Same; assert Server is Same",
    ],
)
def test_all_of_it_is_there_for_who_asks(code: str) -> None:
    whole = "import mcp, mcp.server; print(all(hasattr(each, n) for each in (mcp, mcp.server) for n in each.__all__))"
    assert printed(f"{code}\n{whole}\nprint(type(mcp).__name__, type(mcp.server).__name__)") == [
        "True",
        "module",
        "module",
    ]


def test_a_server_on_stdio_is_imported_without_http() -> None:
    http = {"starlette", "uvicorn", "mcp.server.auth"}
    code = f"from whatsapp_mcp.server import stdio\nprint({http} & sys.modules.keys())"
    assert printed(code, http=False) == ["set()"]


def test_http_is_there_for_who_asks_the_server_of_stdio_for_it() -> None:
    code = """
import mcp.server.lowlevel.server as lowlevel
from starlette.applications import Starlette
app = lowlevel.Starlette(routes=[lowlevel.Mount("/a", routes=[])])
print(type(app) is Starlette, isinstance(app, lowlevel.Starlette), app.routes[0].path)
print(lowlevel.AuthSettings.model_fields["issuer_url"].is_required())
class Ours(lowlevel.Starlette): pass
print(issubclass(Ours, Starlette))
from mcp.server.auth.settings import AuthSettings
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
print(AuthSettings.__name__, StreamableHTTPSessionManager.__name__)
"""
    expected = ["True", "True", "/a", "True", "True", "AuthSettings", "StreamableHTTPSessionManager"]
    assert printed(code, http=False) == expected


def test_an_sdk_that_needs_http_at_once_is_imported_as_ever() -> None:
    needed = "light_sdk._HTTP = ('mcp.server.context',)  # it makes types of what is in there"
    code = "from mcp.server.lowlevel import Server; print(Server('any').name)"
    assert printed(code, http=False, before=needed) == ["any"]


def test_models_of_a_revision_are_completed_when_they_are_used() -> None:
    code = """
import mcp_types._v2025_11_25 as models
print(models.CallToolRequestParams.__pydantic_complete__)
print(models.CallToolRequestParams.model_validate({"name": "sendMessage"}).name)
"""
    assert printed(code) == ["False", "sendMessage"]


def test_what_is_not_there_is_said_as_ever() -> None:
    code = """
import mcp, mcp.server
for package in (mcp, mcp.server):
    try:
        package.nothing_of_this_name
    except AttributeError as error:
        print(str(error).replace(" ", "_"))
try:
    from mcp import nothing_of_this_name
except ImportError:
    print("ImportError")
"""
    assert printed(code) == [
        "module_'mcp'_has_no_attribute_'nothing_of_this_name'",
        "module_'mcp.server'_has_no_attribute_'nothing_of_this_name'",
        "ImportError",
    ]


def test_nothing_is_done_where_it_was_imported_already() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import mcp; from whatsapp_mcp.server.light_sdk import import_parts_on_demand as light; light();"
            "print(type(mcp).__name__, mcp.Client.__name__)",
        ],
        capture_output=True,
        text=True,
        timeout=CHILD_LIMIT,
        check=True,
    )
    assert done.stdout.split() == ["module", "Client"]
