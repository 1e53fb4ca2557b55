"""What commands say: `--json` on every one, in one shape; sentences that fit the terminal."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from whatsapp_mcp.cli import cli
from whatsapp_mcp.cli.exits import Exit
from whatsapp_mcp.cli.saying import fitted
from whatsapp_mcp.cli.verify import PersonAtTerminal

WITHOUT_JSON = {
    "stdio",  # these two speak MCP
    "serve",
    "simulate",  # prints lines of JSON
    "demo",  # is to be looked at
    "export",  # writes JSON lines, or a transcript
    "completion",  # prints a script
    "policy text",  # prints the policy's file
    "media",  # has commands of its own
    "node",
    "webhook",
    "schedule",
}


def leaves(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path}{name}", command
        if isinstance(command, click.Group):
            yield from leaves(command, f"{path}{name} ")


def test_every_command_has_json() -> None:
    without = {
        name for name, command in leaves(cli) if not any("--json" in parameter.opts for parameter in command.params)
    }
    assert without == WITHOUT_JSON


def run(*arguments: str, folder: Path) -> tuple[int, object]:
    done = CliRunner().invoke(cli, [*arguments, "--json"], env={"WHATSAPP_MCP_DATA_DIR": str(folder)})
    return done.exit_code, json.loads(done.stdout)


def test_what_a_command_did_has_the_shape_that_tools_answer_in(tmp_path: Path) -> None:
    assert run("accounts", "add", "work", folder=tmp_path) == (
        0,
        {
            "code": "SUCCESS",
            "message": f"{tmp_path / 'work'} is ready. Start a host's server with `whatsapp-mcp stdio --account work`; "
            "`whatsapp-mcp serve` has it at /mcp/work.",
            "results": {"name": "work", "folder": str(tmp_path / "work")},
        },
    )
    code, made = run("token", "create", "agent", folder=tmp_path)
    assert isinstance(made, dict)
    assert (code, made["results"]["name"], len(made["results"]["token"])) == (0, "agent", 43)
    code, listed = run("token", "list", folder=tmp_path)
    assert isinstance(listed, list)
    assert [one["name"] for one in listed] == ["agent"]
    assert run("token", "revoke", "agent", folder=tmp_path)[0] == 0
    assert run("approve", folder=tmp_path) == (0, [])
    written = run("policy", "init", folder=tmp_path)
    assert written[0] == 0
    checked = run("policy", "check", str(tmp_path / "default" / "policy.toml"), folder=tmp_path)
    assert checked[0] == 0
    assert run("accounts", "remove", "work", "--yes", folder=tmp_path)[0] == 0


def test_given_to_the_group_it_is_for_the_command(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["accounts", "--json", "add", "work"], env={"WHATSAPP_MCP_DATA_DIR": str(tmp_path)})
    assert json.loads(done.stdout)["results"]["name"] == "work"


def test_an_error_is_told_to_the_program_too(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["reindex", "--json"], env={"WHATSAPP_MCP_DATA_DIR": str(tmp_path)})
    assert done.exit_code == Exit.NOT_FOUND
    told = json.loads(done.stdout)
    assert (told["code"], told["results"]) == ("not_found", None)
    assert f"no message store at {tmp_path}" in told["message"]
    assert "whatsapp-mcp status" in told["next_step"]
    assert done.stderr.startswith("whatsapp-mcp: there is no message store")
    plain = CliRunner().invoke(cli, ["reindex"], env={"WHATSAPP_MCP_DATA_DIR": str(tmp_path)})
    assert (plain.exit_code, plain.stdout) == (Exit.NOT_FOUND, "")


SENTENCE = "The message is scheduled; until then, `whatsapp-mcp schedule cancel ID` takes it back. HELD0123456789"


@pytest.mark.parametrize("columns", [20, 40, 120])
def test_no_word_is_broken_at_a_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = fitted(SENTENCE, io.StringIO())
    assert max(map(len, lines)) <= columns
    assert " ".join(line.strip() for line in lines) == SENTENCE
    path = "/" + "x" * 200
    assert path in [line.strip() for line in fitted(f"It is in {path} now.", io.StringIO())]


def test_in_a_pipe_nothing_is_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert fitted(SENTENCE, io.StringIO()) == [SENTENCE]


def test_what_verify_tells_breaks_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    screen = io.StringIO()
    PersonAtTerminal(screen).mark("  reply        as expected   0.1 s  in the chat, quotes the text", "green")
    first, second = screen.getvalue().splitlines()
    assert first == "  reply        as expected   0.1 s  in"
    assert second == "  the chat, quotes the text"
