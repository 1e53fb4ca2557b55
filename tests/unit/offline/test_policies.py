"""`whatsapp-mcp policy` and `whatsapp-mcp approve`; what doctor says of both files."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.unit.systems import CHILD_LIMIT, child_environment, needs_signals

from whatsapp_mcp.cli import cli
from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.offline.diagnosis.configuration import check_policy
from whatsapp_mcp.platform.ownership import others_may_read
from whatsapp_mcp.policy.book import PolicyBook
from whatsapp_mcp.policy.caller import Consent, Question
from whatsapp_mcp.policy.file import parse_rules
from whatsapp_mcp.policy.limits import LimitKind, windows
from whatsapp_mcp.policy.page_key import new_link
from whatsapp_mcp.policy.rules import PRESETS, Limits
from whatsapp_mcp.policy.template import EXPLAINED, template
from whatsapp_mcp.settings import Settings

Run = Callable[..., Result]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "data" / "default").mkdir(parents=True)
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("WHATSAPP_MCP_DATA_DIR", str(settings.data_dir))
    monkeypatch.delenv("COLUMNS", raising=False)  # as for a pipe: pytest-xdist sets it
    return lambda *arguments, said="": CliRunner().invoke(cli, arguments, input=said)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whatsapp_mcp.cli.approvals.at_terminal", lambda: True)


def ask(settings: Settings, *, always: bool = True) -> str:
    question = Question("files", "Send plan.pdf to “Ana\x1b[2J”?\nYou are asked because.", "a" * 64, always)
    with closing(PolicyBook(settings.policy_book_path)) as book:
        return book.ask(question, 10, now_ms(), caller="office-bot")


def taken(settings: Settings) -> Consent | None:
    with closing(PolicyBook(settings.policy_book_path)) as book:
        return book.take("a" * 64, now_ms())


# ---- approve


def test_what_waits_is_listed(run: Run, settings: Settings) -> None:
    assert run("approve").output == "Nothing waits for an approval.\n"
    code = ask(settings)
    listed = run("approve").output
    assert listed.startswith(f"{code}  asked 2")
    assert "by office-bot" in listed
    assert "  Send plan.pdf to “Ana\\x1b[2J”?\n  You are asked because.\n" in listed


@pytest.mark.usefixtures("terminal")
def test_a_code_of_any_account_is_found_unless_one_is_named(run: Run, settings: Settings) -> None:
    office = settings.model_copy(update={"account": "office"})
    office.account_dir.mkdir()
    code = ask(office)
    assert f"Account office:\n\n{code}" in run("approve").output
    assert "Nothing waits" in run("approve", "--account", "default").output
    assert "no question with this code" in run("approve", code, "--account", "default").output
    assert run("approve", code, said="yes\n").exit_code == 0
    assert taken(office) is Consent.YES


@needs_signals
@pytest.mark.parametrize("through_a_pipe", [False, True])
def test_input_and_output_have_to_be_a_terminal(settings: Settings, *, through_a_pipe: bool) -> None:
    import pty

    code, (ours, theirs) = ask(settings), pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "whatsapp_mcp", "approve", code],
        env=child_environment(WHATSAPP_MCP_DATA_DIR=str(settings.data_dir)),
        stdin=theirs,
        stdout=subprocess.PIPE if through_a_pipe else theirs,
        stderr=subprocess.PIPE,
    ) as running:
        os.write(ours, b"yes\n")
        _, said = running.communicate(timeout=CHILD_LIMIT)
    os.close(theirs)
    os.close(ours)
    assert running.returncode == through_a_pipe, said
    assert taken(settings) is (None if through_a_pipe else Consent.YES)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("said", ["yes\n", "LAST\n"])
def test_a_person_approves(run: Run, settings: Settings, said: str) -> None:
    code = ask(settings)
    ran = run("approve", code.lower(), said=said.replace("LAST", code[-4:].lower()))
    assert ran.exit_code == 0, ran.output
    assert "Send plan.pdf" in ran.output
    assert f"To allow it this once, type {code[-4:]} or yes" in ran.output
    assert taken(settings) is Consent.YES


@pytest.mark.usefixtures("terminal")
def test_a_person_approves_for_good_or_refuses(run: Run, settings: Settings) -> None:
    assert run("approve", ask(settings), "--always", said="yes\n").exit_code == 0
    assert taken(settings) is Consent.ALWAYS
    assert "Refused." in run("approve", ask(settings), "--refuse", said="yes\n").output
    assert taken(settings) is Consent.NO


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("said", ["", "\n", "y\n", "no\n", "ABCD\n"])
def test_anything_else_answers_nothing(run: Run, settings: Settings, said: str) -> None:
    code = ask(settings)
    assert run("approve", code, said=said).exit_code == 1
    assert taken(settings) is None
    assert code in run("approve").output


@pytest.mark.usefixtures("terminal")
def test_what_cannot_be_approved_is_said(run: Run, settings: Settings) -> None:
    code = ask(settings, always=False)
    assert "cannot be answered for good" in run("approve", code, "--always", said="yes\n").output
    assert "exclude each other" in run("approve", code, "--always", "--refuse").output
    assert "no question with this code waits" in run("approve", "ABCD-EFGH").output
    assert taken(settings) is None


@pytest.mark.parametrize("options", [(), ("--always",), ("--refuse",)])
def test_without_a_terminal_nobody_answers(run: Run, settings: Settings, options: tuple[str, ...]) -> None:
    """Models have shells."""
    ran = run("approve", ask(settings), *options, said="yes\n")
    assert ran.exit_code == 1
    assert "a person at a terminal" in ran.output
    assert "models can run commands too" in ran.output
    assert taken(settings) is None


def test_the_link_to_the_page_is_for_a_terminal_too(
    run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as serving:
        page = f"http://127.0.0.1:{serving.getsockname()[1]}/approve"
        first = new_link(settings.approve_page_path, page)
        assert "?key=" not in run("approve", "--page").output
        monkeypatch.setattr("whatsapp_mcp.cli.approvals.at_terminal", lambda: True)
        link = run("approve", "--page").output.strip()
        assert link.startswith(f"{page}?key=")
        assert link != first
    assert "does not answer" in run("approve", "--page").output
    settings.approve_page_path.unlink()
    assert "no `whatsapp-mcp serve`" in run("approve", "--page").output


# ---- policy


def test_what_holds_is_shown(run: Run, settings: Settings) -> None:
    settings.policy_path.write_text('[read]\ndeny = ["+49*", "groups"]\n[limits]\nsends_per_day = 7\n')
    with closing(PolicyBook(settings.policy_book_path)) as book:
        book.reserve({LimitKind.SENDS: 2, LimitKind.MEDIA_BYTES: 1}, windows(Limits()), now_ms())
        book.always("files", Jid.parse("4915110000000@s.whatsapp.net"), "local", now_ms())
    said = run("policy").output
    assert f"preset careful ({settings.policy_path})" in said
    assert "read.deny = +49*, groups\n" in said
    assert "limits.sends_per_day = 7, used 2\n" in said
    assert "limits.media_mib_per_day = 1024, used 1\n" in said
    assert "  1  files to 4915110000000@s.whatsapp.net, for local, since 2" in said
    assert run("policy", "forget", "1").exit_code == 0
    assert "no standing answers" in run("policy").output
    for number in ("1", "files", "9" * 30):
        assert "there is no standing answer" in run("policy", "forget", number).output
    settings.policy_path.write_text('preset = "open"\n')
    assert "no limits\n" in run("policy").output
    settings.policy_path.write_text("[red]\n")
    assert "is wrong at red (line 1)" in run("policy").output


def test_a_file_is_checked(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "new.toml"
    assert "there is no file" in run("policy", "check", str(file)).output
    file.write_text('preset = "locked"\n')
    assert "builds on the preset locked" in run("policy", "check", str(file)).output
    file.write_text("read_onli = true\n")
    ran = run("policy", "check", str(file))
    assert ran.exit_code == 1
    assert "did you mean read_only?" in ran.output


def test_a_new_file_changes_nothing_and_replaces_none(run: Run, settings: Settings) -> None:
    assert run("policy", "init").exit_code == 0
    assert others_may_read(settings.policy_path) is None
    written = settings.policy_path.read_text()
    assert written == template("careful")
    assert "there is a" in run("policy", "init").output
    assert settings.policy_path.read_text() == written


@pytest.mark.parametrize("preset", PRESETS)
def test_a_new_file_says_what_holds(preset: str) -> None:
    """Also when every field of it counts."""
    (name,) = (one for one in PRESETS if one == preset)
    text = template(name)
    whole = re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)
    assert parse_rules(text, "careful", Path("new")) == PRESETS[name]
    said = parse_rules(whole, "careful", Path("new"))
    assert said.model_copy(update={"toolsets": None}) == PRESETS[name]
    assert said.toolsets == "all"


def test_every_field_is_explained() -> None:
    rules = PRESETS["careful"].model_dump()
    fields = {
        *rules,
        *(f"{part}.{field}" for part, value in rules.items() if isinstance(value, dict) for field in value),
    }
    assert set(EXPLAINED) == fields


# ---- doctor


def test_doctor_looks_at_policy_and_book(settings: Settings) -> None:
    (check,) = check_policy(settings)
    assert (check.verdict, check.message) == ("ok", "preset careful, no policy.toml")
    ask(settings)
    settings.policy_path.write_text('preset = "open"\n')
    (check,) = check_policy(settings)
    assert check.verdict == "warning"
    settings.policy_path.write_text("[limit]\n")
    settings.policy_book_path.write_bytes(b"x" * 2_000)
    wrong, damaged = check_policy(settings)
    assert (wrong.verdict, damaged.verdict) == ("problem", "problem")
    assert "did you mean limits?" in wrong.message
    assert "is not a database" in damaged.message
