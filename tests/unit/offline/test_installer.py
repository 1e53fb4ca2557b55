"""Each installer is told by what it leaves, and gets its own commands."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from whatsapp_mcp.offline.installer import find_installer

VENV = Path("/home/you/env")


@pytest.mark.parametrize(
    ("marks", "place", "recorded", "name", "upgrade", "media"),
    [
        (["pipx_metadata.json"], "whatsapp-web-mcp", "uv", "pipx", "pipx reinstall whatsapp-web-mcp", "pipx install"),
        (
            ["uv-receipt.toml"],
            "whatsapp-web-mcp",
            "uv",
            "uv tool",
            "uv tool upgrade whatsapp-web-mcp",
            "uv tool install",
        ),
        ([], "archive-v0/Q-hiKd2nD7twliRQ", "uv", "uvx", "uvx --refresh whatsapp-web-mcp upgrade-check", "after uvx"),
        ([], "env", "uv", "uv", "uv pip install --python {}/bin/python --upgrade whatsapp-web-mcp neonize", "uv pip"),
        ([], "env", "pip", "pip", "{}/bin/python -m pip install --upgrade whatsapp-web-mcp neonize", "-m pip install"),
        ([], "env", None, "pip", "{}/bin/python -m pip install --upgrade whatsapp-web-mcp neonize", "-m pip install"),
    ],
)
def test_each_installer(
    tmp_path: Path, marks: list[str], place: str, recorded: str | None, name: str, upgrade: str, media: str
) -> None:
    prefix = tmp_path / place
    prefix.mkdir(parents=True)
    for mark in marks:
        (prefix / mark).touch()
    found = find_installer(prefix, recorded=recorded)
    assert found.name == name
    assert found.upgrade.replace("\\", "/") == upgrade.format(prefix).replace("\\", "/")
    assert media in found.add("media")
    assert '"whatsapp-web-mcp[media]"' in found.add("media")
    assert "whatsapp-web-mcp" in found.reinstall


def test_debian_says_no_to_pip() -> None:
    found = find_installer(Path("/usr"), recorded="pip", managed=True)
    assert "belongs to the system" in found.upgrade
    assert found.add("media").endswith('pipx install "whatsapp-web-mcp[media]"')


def test_a_clone_takes_what_git_brings() -> None:
    found = find_installer(VENV, recorded="pip", editable=Path("/src/it"))
    assert found.upgrade.startswith(f"git pull in {Path('/src/it')}, then ")
    assert "--editable" in found.reinstall
    assert "[media]" in found.add("media")


def test_no_command_takes_neonize_out_of_the_tested_range() -> None:
    """pip would install a neonize alone in whatever version, and complain afterwards."""
    for found in (find_installer(VENV, recorded=who) for who in ("pip", "uv")):
        words = shlex.split(found.upgrade)
        assert words.index("whatsapp-web-mcp") < words.index("neonize")


def test_this_one_is_found() -> None:
    found = find_installer()
    assert Path(sys.prefix).name
    assert found.name in {"pip", "uv", "pip, from a clone", "the system's Python"}
