"""Options and variables of the commands that serve, up to the point where they would serve."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from whatsapp_mcp.cli import cli, serving


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `serve` was about to serve with."""
    found: dict[str, Any] = {}

    def run(function: Any) -> None:
        found.update(function.keywords)

    monkeypatch.setattr("anyio.run", run)
    for name in list(os.environ):
        if name.startswith("WHATSAPP_MCP_"):
            monkeypatch.delenv(name)
    return found


def serve(tmp_path: Path, *options: str) -> None:
    result = CliRunner().invoke(cli, ["serve", "--data-dir", str(tmp_path / "data"), *options])
    assert result.exit_code == 0, result.output


def where(found: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(found[name] for name in ("host", "port", "allowed_hosts", "allow_remote"))


def test_nothing_is_said(served: dict[str, Any], tmp_path: Path) -> None:
    serve(tmp_path)
    assert where(served) == ("127.0.0.1", 8765, (), False)


def test_by_variables_and_options(served: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOST": "0.0.0.0", "PORT": "9000", "ALLOWED_HOST": "a.example", "ALLOW_REMOTE": "1"}.items():
        monkeypatch.setenv(f"WHATSAPP_MCP_{name}", value)
    serve(tmp_path)
    assert where(served) == ("0.0.0.0", 9000, ("a.example",), True)
    serve(tmp_path, "--port", "0", "--allowed-host", "b.example", "--allowed-host", "c.example")
    assert where(served) == ("0.0.0.0", 0, ("b.example", "c.example"), True)


def test_an_endpoint_by_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WHATSAPP_MCP_ENDPOINT", raising=False)
    file = tmp_path / "endpoint.json"
    with serving._server_settings(False, {"data_dir": tmp_path, "endpoint": file}) as settings:
        assert settings.endpoint == file


def test_an_endpoint_and_a_simulator_of_its_own_exclude_each_other(tmp_path: Path) -> None:
    options = ["serve", "--simulated", "--endpoint", str(tmp_path / "endpoint.json")]
    result = CliRunner().invoke(cli, options)
    assert result.exit_code == 1
    assert "--endpoint" in result.output


def test_what_would_have_no_effect_is_told(
    served: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WHATSAPP_MCP_TOOLSET", "all")
    monkeypatch.setenv("WHATSAPP_MCP_XYZZY", "1")
    serve(tmp_path, "--endpoint", str(tmp_path / "missing.json"))
    told = [record.getMessage() for record in caplog.records if record.name == serving.__name__]
    assert told[0] == (
        "WHATSAPP_MCP_TOOLSET is no setting and has no effect. Did you mean WHATSAPP_MCP_TOOLSETS? Rename or unset it."
    )
    assert told[1].startswith("WHATSAPP_MCP_XYZZY is no setting and has no effect.")
    assert f"endpoint file {tmp_path / 'missing.json'}" in told[2]
    caplog.clear()
    monkeypatch.delenv("WHATSAPP_MCP_TOOLSET")
    monkeypatch.delenv("WHATSAPP_MCP_XYZZY")
    serve(tmp_path)
    assert [record for record in caplog.records if record.name == serving.__name__] == []
