"""What commands say: progress, errors in words of commands, exit codes, completion."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.unit.systems import child_environment, needs_dev_full
from whatsapp_mcp import errors, operations
from whatsapp_mcp.catalog import load_catalog
from whatsapp_mcp.cli import cli
from whatsapp_mcp.cli.calling import COMMANDS, PLAINER, in_words_of_commands, said
from whatsapp_mcp.cli.exits import Exit, exit_code
from whatsapp_mcp.cli.progress import told, told_shortly


def in_a_child(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "whatsapp_mcp", *arguments],
        env=child_environment(**environment),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((12_000_000, 40_000_000, "B", 4.0, 12_000_000), "12.0 MB of 40.0 MB, 3.0 MB/s, 9 s left"),
        ((0.25, 1.0, "", 10.0, 0.25), "25 %, 30 s left"),
        ((2_500, 0, "messages", 2.0, 2_500), "2,500, 1,250/s"),
        ((0, 0, "", 12.4, 0), "12 s"),
        ((100, 400_000, "messages", 1.0, 100), "100 of 400,000, 100/s, 66 min 39 s left"),
    ],
)
def test_progress_tells_rate_and_time_left(arguments: tuple[float, float, str, float, float], text: str) -> None:
    assert told(*arguments) == text


def test_progress_on_a_narrow_terminal_tells_the_share_and_time_left() -> None:
    assert told_shortly(12_000_000, 40_000_000, "B", 4.0, 12_000_000) == "30 %, 9 s left"
    assert told_shortly(2_500, 0, "messages", 2.0, 2_500) == "2,500, 1,250/s"
    assert told_shortly(0.25, 1.0, "", 10.0, 0.25) == "25 %, 30 s left"


def test_tools_are_told_as_commands() -> None:
    assert said("Call appReconnect.") == "Run `whatsapp-mcp reconnect`."
    assert said("look with getChatMessages, then call again") == "look with `whatsapp-mcp read CHAT`, then run it again"
    assert said("phone: no such person", {"phone": "CHAT"}) == "CHAT: no such person"
    assert said("message is required; chat_jid: no", {"message": "TEXT", "chat_jid": "CHAT"}) == (
        "TEXT is required; CHAT: no"
    )
    assert said("the message store is a file", {"message": "TEXT", "file": "--file"}) == "the message store is a file"
    assert said("policy.toml says no") == "policy.toml says no"


@pytest.mark.parametrize("text", PLAINER)
def test_what_is_put_plainer_is_said_somewhere(text: str) -> None:
    folder = Path(operations.__file__).parent
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in folder.glob("*.py"))
    assert any(
        isinstance(node, ast.Constant) and text in str(node.value) for tree in trees for node in ast.walk(tree)
    ), text
    assert said(text) != text


@pytest.mark.parametrize("kind", sorted({kind for kind in vars(errors).values() if isinstance(kind, type)}, key=str))
def test_no_next_step_names_a_tool(kind: type) -> None:
    if not issubclass(kind, errors.WhatsAppMcpError):
        return
    step = in_words_of_commands(kind("it failed"), {}).next_step
    assert not [name for name in load_catalog().by_name if name in step]


def test_the_named_commands_are_there() -> None:
    assert set(COMMANDS) <= set(load_catalog().by_name)
    assert {command.split()[0] for command in COMMANDS.values()} <= set(cli.all())


def test_each_kind_of_error_has_its_exit_code() -> None:
    codes = {
        errors.NotFound: Exit.NOT_FOUND,
        errors.NotLoggedIn: Exit.SESSION,
        errors.AccountBanned: Exit.SESSION,
        errors.NotAllowed: Exit.NOT_ALLOWED,
        errors.RateLimited: Exit.NOT_ALLOWED,
        errors.InvalidArgument: Exit.USAGE,
        errors.StoreError: Exit.FAILED,
    }
    assert {kind: exit_code(kind("")) for kind in codes} == codes


def test_a_wrong_command_line_is_told_like_any_error() -> None:
    done = CliRunner().invoke(cli, ["chats", "--limit", "abc"])
    assert done.exit_code == Exit.USAGE
    assert done.stderr == (
        "whatsapp-mcp: invalid value for '--limit': 'abc' is not a whole number\n"
        "`whatsapp-mcp chats --help` shows how it is used.\n"
    ).replace("whatsapp-mcp chats", "cli chats")
    assert "no such command 'chatz'. Did you mean 'chats'?" in CliRunner().invoke(cli, ["chatz"]).stderr
    assert "no such command 'xyzzy'\n" in CliRunner().invoke(cli, ["xyzzy"]).stderr


@needs_dev_full
@pytest.mark.parametrize("command", ["status", "doctor", "--help"])
def test_a_full_output_is_no_traceback(command: str, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "whatsapp_mcp", command],
            env=child_environment(WHATSAPP_MCP_DATA_DIR=str(tmp_path)),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == Exit.FAILED
    assert done.stderr.startswith("whatsapp-mcp: standard output cannot be written to: No space left on device\n")


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("--phone-number", "abc"), "--phone-number abc: not an international"),
        (("--endpoint", "{folder}"), "--endpoint {folder}: Is a directory"),
        (("--control", "{folder}/" + "x" * 150), "AF_UNIX path too long"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="the simulator is for Linux")
def test_a_simulator_names_the_option_that_cannot_be_had(
    arguments: tuple[str, ...], option: str, tmp_path: Path
) -> None:
    done = in_a_child("simulate", *(part.format(folder=tmp_path) for part in arguments))
    assert done.returncode == Exit.FAILED
    assert option.format(folder=tmp_path) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_the_script_of_a_shell(shell: str) -> None:
    done = CliRunner().invoke(cli, ["completion", shell])
    assert done.exit_code == 0
    assert "_WHATSAPP_MCP_COMPLETE" in done.stdout
    assert "whatsapp-mcp" in done.stdout


def test_another_shell_is_named() -> None:
    assert "none of bash, zsh, fish, powershell" in CliRunner().invoke(cli, ["completion", "tcsh"]).stderr


@pytest.mark.parametrize(
    ("shell", "variables"),
    [
        ("bash", {"COMP_WORDS": "whatsapp-mcp sche", "COMP_CWORD": "1"}),
        ("zsh", {"COMP_WORDS": "whatsapp-mcp sche", "COMP_CWORD": "1"}),
        ("fish", {"COMP_WORDS": "whatsapp-mcp sche", "COMP_CWORD": "sche"}),
        ("powershell", {"COMP_WORDS": "whatsapp-mcp sche", "COMP_CURRENT": "sche"}),
    ],
)
def test_a_shell_is_told_what_could_follow(shell: str, variables: dict[str, str]) -> None:
    done = in_a_child(_WHATSAPP_MCP_COMPLETE=f"{shell}_complete", **variables)
    assert done.returncode == 0
    assert "schedule" in done.stdout
    assert "chats" not in done.stdout
