"""Help that fits the terminal."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from whatsapp_mcp.cli import cli
from whatsapp_mcp.cli.program import _MODULES

COMMANDS = [name for names in _MODULES.values() for name in names]


def help_of(*command: str, columns: int) -> list[str]:
    done = CliRunner(env={"COLUMNS": str(columns)}).invoke(cli, [*command, "--help"])
    assert done.exit_code == 0
    return done.output.splitlines()


@pytest.mark.parametrize("columns", [40, 51, 80])
def test_the_list_of_commands_fits_and_cuts_no_sentence(columns: int) -> None:
    lines = help_of(columns=columns)
    assert max(map(len, lines)) <= columns
    listed = " ".join(" ".join(lines[lines.index("Commands:") :]).split())
    assert "chats List the chats, the one with the newest message first." in listed
    assert "..." not in listed


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_fits_a_narrow_terminal(command: str) -> None:
    assert max(map(len, help_of(command, columns=40))) <= 40
