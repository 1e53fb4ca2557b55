"""The endpoint file: complete, private, and strict when read."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from whatsapp_mcp.simulator import Endpoint


def test_written_file_has_exactly_the_agreed_fields_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "endpoint.json"
    Endpoint("http://127.0.0.1:4711", Path("/x/ca.pem"), bytes(range(32))).write(path)
    assert json.loads(path.read_text()) == {
        "proxy": "http://127.0.0.1:4711",
        "ca_file": "/x/ca.pem",
        "noise_root": bytes(range(32)).hex(),
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    assert Endpoint.read(path) == Endpoint("http://127.0.0.1:4711", Path("/x/ca.pem"), bytes(range(32)))


@pytest.mark.parametrize(
    ("field", "value"),
    [("proxy", "http://192.0.2.1:80"), ("noise_root", "00"), ("noise_root", "xyz"), ("proxy", None)],
)
def test_unusable_files_are_named(tmp_path: Path, field: str, value: object) -> None:
    path = tmp_path / "endpoint.json"
    good = {"proxy": "http://127.0.0.1:1", "ca_file": "ca.pem", "noise_root": "00" * 32}
    path.write_text(json.dumps({**good, field: value}))
    with pytest.raises(ValueError, match=r"endpoint\.json"):
        Endpoint.read(path)
