"""Settings: one place, every one of them a variable."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from whatsapp_mcp.settings import Settings


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("WHATSAPP_MCP_")]:
        monkeypatch.delenv(name)


def test_defaults() -> None:
    settings = Settings()
    assert settings.data_dir.is_absolute()
    assert settings.data_dir.name.lstrip(".") == "whatsapp-mcp"
    assert settings.endpoint is None
    assert not settings.require_endpoint
    assert not settings.read_only
    assert settings.toolsets == "core"


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())


VALUES = {
    "account": ("Work_2", "work_2"),
    "data_dir": ("/data", Path("/data").absolute()),
    "endpoint": ("/run/endpoint.json", Path("/run/endpoint.json").absolute()),
    "require_endpoint": ("1", True),
    "toolsets": ("core,group", "core,group"),
    "read_only": ("true", True),
    "output_schemas": ("false", False),
    "connect_wait": ("2.5", 2.5),
    "call_timeout": ("10", 10.0),
    "result_budget": ("4000", 4000),
    "log_level": ("DEBUG", "DEBUG"),
    "outbox": ("/a:/b", "/a:/b"),
    "allow_loopback_urls": ("1", True),
    "side_login_distance": ("0.5", 0.5),
    "side_login_per_day": ("7", 7),
    "phone_changes_distance": ("60", 60.0),
    "retention_days": ("90", 90),
}


@pytest.mark.parametrize("name", VALUES)
def test_variables(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, value = VALUES[name]
    monkeypatch.setenv(f"WHATSAPP_MCP_{name.upper()}", text)
    assert getattr(Settings(), name) == value


@pytest.mark.parametrize("name", VALUES)
def test_an_empty_variable_is_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts fill unset fields of their configuration with empty texts."""
    monkeypatch.setenv(f"WHATSAPP_MCP_{name.upper()}", "")
    field = Settings.model_fields[name]
    assert getattr(Settings(), name) == field.get_default(call_default_factory=True, validated_data={})


def test_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATSAPP_MCP_DATA_DIR", "/from-environment")
    assert Settings(data_dir=Path("/from-command-line")).data_dir == Path("/from-command-line").absolute()


def test_a_home_folder_is_found_without_a_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """MCP hosts start servers without a shell, so nobody else expands the tilde of their configuration."""
    monkeypatch.setenv("USERPROFILE" if sys.platform == "win32" else "HOME", str(tmp_path))
    monkeypatch.setenv("WHATSAPP_MCP_DATA_DIR", "~/whatsapp")
    monkeypatch.setenv("WHATSAPP_MCP_ENDPOINT", "~/endpoint.json")
    assert Settings().data_dir == tmp_path / "whatsapp"
    assert Settings().endpoint == tmp_path / "endpoint.json"


def test_a_relative_folder_stays_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hosts may change their folder later."""
    monkeypatch.chdir(tmp_path)
    settings = Settings(data_dir=Path("data"))
    monkeypatch.chdir("/")
    assert settings.data_dir == tmp_path / "data"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("connect_wait", "-1"),
        ("connect_wait", "61"),
        ("call_timeout", "0"),
        ("call_timeout", "81"),
        ("result_budget", "10"),
        ("side_login_distance", "inf"),
        ("side_login_per_day", "-1"),
        ("retention_days", "0"),
        ("retention_days", "-30"),
        ("retention_days", "1.5"),
        ("retention_days", "for ever"),
        ("read_only", "perhaps"),
        ("log_level", "LOUD"),
        ("account", "../other"),
        ("account", "con"),
    ],
)
def test_wrong_values_are_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"WHATSAPP_MCP_{name.upper()}", value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert caught.value.errors()[0]["loc"] == (name,)


def test_a_level_in_small_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATSAPP_MCP_LOG_LEVEL", "debug")
    assert Settings().log_level == "DEBUG"


def test_everything_of_an_account_lies_together() -> None:
    settings = Settings(data_dir=Path("/data"))
    for path in (settings.session_db, settings.store_path, settings.lock_path):
        assert path.parent == settings.account_dir
    assert settings.account_dir.parent == settings.data_dir
    assert settings.token_path.parent == settings.data_dir


def test_upper_and_lower_case_of_a_variable_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("whatsapp_mcp_toolsets", "group")
    assert Settings().toolsets == "group"


@pytest.mark.parametrize("written", ["$MY_PLACE/data", "${MY_PLACE}/data"])
def test_variables_in_paths_are_filled_in(written: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MY_PLACE", str(tmp_path))
    monkeypatch.setenv("WHATSAPP_MCP_DATA_DIR", written)
    monkeypatch.setenv("WHATSAPP_MCP_OUTBOX", written)
    settings = Settings()
    assert settings.data_dir == tmp_path / "data"
    assert settings.outbox_folders == (tmp_path / "data",)


@pytest.mark.parametrize("name", ["DATA_DIR", "OUTBOX", "ENDPOINT"])
def test_a_variable_that_is_not_set_is_no_folder(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    monkeypatch.setenv(f"WHATSAPP_MCP_{name}", "$NOWHERE/data")
    with pytest.raises(ValidationError, match=r"\$NOWHERE is not set"):
        Settings()


def test_how_the_phone_lists_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "attic.example.org")
    assert Settings().shown_name == "whatsapp-mcp on attic"
    assert Settings(account="work").shown_name == "whatsapp-mcp work on attic"
    assert Settings(device_name=" Kitchen ").shown_name == "Kitchen"


def test_names_of_a_server_in_one_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATSAPP_MCP_ALLOWED_HOST", "a.example, b.example:8443,")
    assert Settings().allowed_hosts == ("a.example", "b.example:8443")
