"""The endpoint file of a simulator."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.platform.ownership import others_may_read

GOOD = {"proxy": "http://127.0.0.1:4711", "ca_file": "/tmp/ca.pem", "noise_root": "0f" * 32}
ENDPOINT = Endpoint.model_validate(GOOD)


def test_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "endpoint.json"
    ENDPOINT.write(path)
    assert Endpoint.read(path) == ENDPOINT
    assert json.loads(path.read_text()) == GOOD
    assert others_may_read(path) is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["endpoint.json"], "no draft stays behind"


def test_written_over_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "endpoint.json"
    path.write_text("something else")
    path.chmod(0o644)
    ENDPOINT.write(path)
    assert Endpoint.read(path) == ENDPOINT
    assert others_may_read(path) is None


def test_a_file_from_a_newer_simulator(tmp_path: Path) -> None:
    path = tmp_path / "endpoint.json"
    path.write_text(json.dumps(GOOD | {"control": "/somewhere"}))
    assert Endpoint.read(path) == ENDPOINT


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"])
def test_loopback(proxy: str) -> None:
    assert Endpoint.model_validate(GOOD | {"proxy": proxy}).proxy == proxy


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("proxy", "http://10.0.0.1:80"),
        ("proxy", "http://127.0.0.1.example.com:80"),
        ("proxy", "http://example.com:80"),
        ("proxy", "http://user@127.0.0.1:80"),
        ("proxy", "https://127.0.0.1:80"),
        ("proxy", "http://127.0.0.1"),
        ("proxy", "http://127.0.0.1:80/path"),
        ("proxy", "http://127.0.0.1:80\nX"),
        ("proxy", None),
        ("noise_root", "0f" * 31),
        ("noise_root", "xx" * 32),
        ("ca_file", 5),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, field: str, value: object) -> None:
    path = tmp_path / "endpoint.json"
    path.write_text(json.dumps(GOOD | {field: value}))
    with pytest.raises(SetupError, match=field) as caught:
        Endpoint.read(path)
    assert str(path) in caught.value.message


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe"])
def test_not_an_endpoint_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "endpoint.json"
    path.write_bytes(content)
    with pytest.raises(SetupError, match="endpoint file"):
        Endpoint.read(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be read") as caught:
        Endpoint.read(tmp_path / "missing.json")
    assert "simulate" in caught.value.next_step
    with pytest.raises(SetupError):
        Endpoint.read(tmp_path)


def test_environment_leads_to_the_simulator_only() -> None:
    base = {
        "PATH": "/bin",
        "http_proxy": "http://proxy.example:1",
        "HTTPS_PROXY": "http://proxy.example:1",
        "https_proxy": "http://proxy.example:1",
        "all_proxy": "http://proxy.example:1",
        "NO_PROXY": "*",
        "no_proxy": "web.whatsapp.com",
    }
    before = dict(base)
    assert ENDPOINT.environment(base) == {
        "PATH": "/bin",
        "HTTP_PROXY": ENDPOINT.proxy,
        "HTTPS_PROXY": ENDPOINT.proxy,
        "SSL_CERT_FILE": ENDPOINT.ca_file,
        "SSL_CERT_DIR": "/nonexistent",
    }
    assert base == before
    assert os.environ.get("SSL_CERT_FILE") != ENDPOINT.ca_file
