"""`whatsapp-mcp upgrade-check`, against an index on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from click.testing import CliRunner

from whatsapp_mcp import __version__
from whatsapp_mcp.cli import cli
from whatsapp_mcp.offline.diagnosis.installation import NEONIZE_TESTED
from whatsapp_mcp.wire.native import installed_version

HERE = "py3-none-any"


def wheel(name: str, version: str, tag: str = HERE, **more: Any) -> dict[str, Any]:
    return {"filename": f"{name}-{version}-{tag}.whl", "yanked": False, "requires-python": ">=3.10"} | more


@contextmanager
def index(answers: dict[str, Any]) -> Iterator[str]:
    """Addresses that end so -> what the index says there: files, a status, or bytes."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path.strip("/").split("/")[-1], 404)
            body = answer if isinstance(answer, bytes) else json.dumps({"files": answer}).encode()
            self.send_response(answer if isinstance(answer, int) else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple"
    finally:
        server.shutdown()
        thread.join(20)
        server.server_close()


def check(answers: dict[str, Any], *options: str) -> tuple[int, str]:
    with index(answers) as address:
        done = CliRunner().invoke(cli, ["upgrade-check", "--index", address, *options])
    return done.exit_code, done.output


@pytest.fixture
def here() -> str:
    version = installed_version()
    assert version is not None
    return version


def test_nothing_newer(here: str) -> None:
    code, said = check(
        {"neonize": [wheel("neonize", here)], "whatsapp-web-mcp": [wheel("whatsapp_web_mcp", __version__)]}
    )
    assert code == 0
    assert said == f"whatsapp-web-mcp {__version__}: nothing newer\nneonize {here}: nothing newer\n"


def test_a_newer_neonize_and_how_to_install_it(here: str) -> None:
    code, said = check({"neonize": [wheel("neonize", here), wheel("neonize", "0.5.99")]})
    assert code == 1
    assert f"neonize {here}: 0.5.99 is there" in said
    assert "the index has none" in said  # of ours
    assert "neonize" in said.splitlines()[-2]
    assert "restart the MCP hosts" in said


def test_a_neonize_that_this_release_does_not_know(here: str) -> None:
    """It is named, and no command leads out of the range into it."""
    code, said = check({"neonize": [wheel("neonize", here), wheel("neonize", NEONIZE_TESTED[1] + ".0")]})
    assert code == 0
    assert f"neonize {here}: nothing newer" in said
    assert f"neonize {NEONIZE_TESTED[1]}.0 is there too" in said
    assert "look for a newer whatsapp-web-mcp" in said


def test_a_newer_release_of_ours_counts(here: str) -> None:
    code, said = check(
        {"neonize": [wheel("neonize", here)], "whatsapp-web-mcp": [wheel("whatsapp_web_mcp", "99.0")]}, "--json"
    )
    assert code == 1
    told = json.loads(said)
    assert [one["newest"] for one in told["packages"]] == ["99.0", here]
    assert told["command"]


@pytest.mark.parametrize(
    "file",
    [
        wheel("neonize", "0.5.99", yanked="broken"),
        wheel(
            "neonize", "0.5.99", "py310-none-win_arm64" if __import__("sys").platform != "win32" else "py3-none-plan9"
        ),
        wheel("neonize", "0.5.99rc1"),
        wheel("neonize", "0.5.99", **{"requires-python": ">=3.99"}),
        {"filename": "neonize-0.5.99.exe"},
        {"filename": 7},
        "no file",
    ],
)
def test_what_cannot_be_installed_here_is_no_upgrade(here: str, file: Any) -> None:
    code, said = check({"neonize": [wheel("neonize", here), file]})
    assert (code, "0.5.99" in said) == (0, False)


@pytest.mark.parametrize("answer", [500, b"<html>", b"[]", b'{"files": 1}', b"{}"])
def test_an_index_that_is_none(answer: Any) -> None:
    code, said = check({"neonize": answer, "whatsapp-web-mcp": answer})
    assert code == 1
    assert "does not tell which versions" in said
    assert "--index" in said


def test_no_index_at_all() -> None:
    done = CliRunner().invoke(cli, ["upgrade-check", "--index", "http://127.0.0.1:1/simple"])
    assert done.exit_code == 1
    assert "ConnectError" in done.output
