"""policy.toml: over its preset field by field, read again when it changes, failing closed when it is wrong."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tests.unit.systems import needs_links, needs_modes
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.policy.file import PolicyFile, parse_rules
from whatsapp_mcp.policy.rules import PRESETS, Rules


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "policy.toml"


def settle(path: Path, seconds: int) -> None:
    """As if it had been written so long ago."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_without_a_file_the_preset_holds(path: Path) -> None:
    assert PolicyFile(path, "careful").to_change() == PRESETS["careful"]
    assert PolicyFile(path, "locked").rules == PRESETS["locked"]


def test_a_field_alone_keeps_the_rest_of_its_preset(path: Path) -> None:
    path.write_text('[ask]\nfiles = "never"\n')
    rules = PolicyFile(path, "locked").to_change()
    assert rules.ask.files == "never"
    assert rules.ask.links == "always"
    assert (rules.read, rules.send) == (PRESETS["locked"].read, PRESETS["locked"].send)


def test_the_files_preset_counts_more_than_that_of_the_settings(path: Path) -> None:
    path.write_text('preset = "open"\n[limits]\nsends_per_day = 7\n[read]\ndeny = ["+49*"]\n')
    rules = PolicyFile(path, "locked").to_change()
    assert rules.preset == "open"
    assert (rules.limits.sends_per_day, rules.limits.sends_per_hour) == (7, 0)
    assert (rules.read.allow, rules.read.deny) == (("*",), ("+49*",))


def test_every_field_can_be_written(path: Path) -> None:
    for name, rules in PRESETS.items():
        lines = []
        for field, value in rules.model_dump(mode="json", exclude_none=True).items():
            given = value if isinstance(value, dict) else {field: value}
            before = f"{field}." if isinstance(value, dict) else ""
            lines += [f"{before}{key} = {json.dumps(one)}" for key, one in given.items()]
        assert parse_rules("\n".join(lines), "careful", path) == rules, name


def test_a_change_is_seen_at_the_next_look(path: Path) -> None:
    """Also one that leaves time and size as they were, as long as the file is young."""
    path.write_text("hold_seconds = 1\n")
    policy = PolicyFile(path, "careful")
    seen = [policy.rules.hold_seconds]
    first = path.stat()
    path.write_text("hold_seconds = 2\n")
    os.utime(path, ns=(first.st_atime_ns, first.st_mtime_ns))
    seen.append(policy.rules.hold_seconds)
    settle(path, 100)
    seen.append(policy.rules.hold_seconds)
    path.write_text("hold_seconds = 33\n")
    seen.append(policy.rules.hold_seconds)
    assert seen == [1, 2, 2, 33]


def test_a_file_that_is_being_replaced_opens_nothing_meanwhile(path: Path) -> None:
    """Editors move the old one away, or empty it, before they write the new one."""
    now = [100.0]
    path.write_text("read_only = true\n")
    policy = PolicyFile(path, "careful", lambda: now[0])
    seen = [policy.to_change().read_only]
    path.unlink()
    seen.append(policy.to_change().read_only)
    path.write_text("")
    with pytest.raises(SetupError, match="is empty"):
        policy.to_change()
    seen.append(policy.rules.read_only)
    path.write_text("read_only = true\ntaint_hours = 3\n")
    seen.append(policy.to_change().read_only)
    path.unlink()
    for later in (0.0, 1.9, 2.1):
        now[0] = 200.0 + later
        seen.append(policy.to_change().read_only)
    assert seen == [True, True, True, True, True, True, False]


def test_a_file_that_stays_is_read_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text("hold_seconds = 1\n")
    settle(path, 100)
    policy = PolicyFile(path, "careful")
    assert policy.rules.hold_seconds == 1
    monkeypatch.setattr("whatsapp_mcp.policy.file.read_rules", lambda *_: pytest.fail("read again"))
    assert policy.to_change().hold_seconds == 1


def test_a_file_that_gets_wrong_stops_changes_and_reads_go_on_as_before(path: Path) -> None:
    path.write_text('[read]\ndeny = ["+49*"]\n')
    policy = PolicyFile(path, "careful")
    before = policy.to_change()
    path.write_text('[read]\ndenied = ["+49*"]\n')
    with pytest.raises(SetupError, match="nothing is sent or changed"):
        policy.to_change()
    assert policy.rules == before
    assert policy.problem is not None
    path.write_text('[read]\ndeny = ["+44*"]\n')
    assert policy.to_change().read.deny == ("+44*",)
    assert policy.problem is None


def test_a_file_that_was_never_right_locks_everything(path: Path) -> None:
    path.write_text("nonsense")
    policy = PolicyFile(path, "open")
    assert policy.rules == PRESETS["locked"]
    with pytest.raises(SetupError):
        policy.to_change()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[ask]\nfile = "never"', "at ask.file (line 2): there is no such field; did you mean files?"),
        ('[asks]\nfiles = "never"', "at asks (line 1): there is no such field; did you mean ask?"),
        ("xyz = 1", "at xyz (line 1): there is no such field; expected one of preset, read_only"),
        ('\n\nask.files = "often"', "at ask.files (line 3): should be 'never', 'tainted' or 'always'"),
        ('preset = "carefull"', "at preset (line 1): expected one of open, careful, read-only, locked"),
        ("preset = ['open']", "at preset (line 1): expected one of"),
        ('[limits]\nsends_per_day = "5"', "at limits.sends_per_day (line 2): should be a valid integer"),
        ("[limits]\nsends_per_day = -1", "at limits.sends_per_day (line 2): should be greater than or equal to 0"),
        ("read_only = 1", "at read_only (line 1): should be a valid boolean"),
        ('[read]\nallow = ["*", 3]', "at read.allow.1 (line 2): should be a valid string"),
        (
            '[send]\nallow = ["saved", "savd"]',
            "at send.allow.1 (line 2): 'savd' is no chat (did you mean saved?)",
        ),
        ('toolsets = "core,sendPol"', "at toolsets (line 1): unknown toolset or tool 'sendPol'; did you mean"),
        ("ask = 1", "at ask (line 1): should be a table"),
        ("read = {allow = 1}", "at read.allow: should be a valid array"),
        ("hold_seconds =", "is no TOML: Invalid value (at end of document)"),
        ("a = 1\na = 2", "is no TOML: Cannot overwrite a value (at "),
        ("hold_seconds = 2020-01-01", "at hold_seconds (line 1): should be a valid integer"),
    ],
)
def test_what_is_wrong_is_named_with_line_and_expectation(path: Path, content: str, said: str) -> None:
    path.write_text(content)
    problem = PolicyFile(path, "careful").problem
    assert problem is not None
    assert said in problem.message
    assert str(path) in problem.message


def test_bytes_that_are_no_text_and_a_folder_are_refused(path: Path) -> None:
    path.write_bytes(b"preset = 'open'\n# \xff\n")
    assert "is not UTF-8 in line 2" in str(PolicyFile(path, "open").problem)
    path.unlink()
    path.mkdir()
    assert "is not a file" in str(PolicyFile(path, "open").problem)


@needs_links
def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.toml"
    elsewhere.write_text('preset = "open"')
    folder = tmp_path / "account"
    folder.mkdir()
    path = folder / "policy.toml"
    path.symlink_to(elsewhere)
    assert "is a link that leads out of its folder" in str(PolicyFile(path, "careful").problem)
    path.unlink()
    (folder / "mine.toml").write_text('preset = "open"')
    path.symlink_to("mine.toml")
    assert PolicyFile(path, "careful").to_change().preset == "open"
    (folder / "mine.toml").unlink()
    assert "cannot be read" in str(PolicyFile(path, "open").problem)


@needs_modes
def test_a_file_that_others_can_change_is_refused(path: Path) -> None:
    path.write_text('preset = "open"')
    path.chmod(0o644)
    policy = PolicyFile(path, "careful")
    assert policy.to_change().preset == "open"
    path.chmod(0o666)
    assert "can be changed by others (mode 0666)" in str(policy.problem)
    path.chmod(0o600)
    other = path.with_name("other.toml")
    other.hardlink_to(path)
    assert "it has another name" in str(policy.problem)


def test_a_look_costs_some_microseconds(path: Path) -> None:
    path.write_text("hold_seconds = 1\n")
    settle(path, 100)
    policy = PolicyFile(path, "careful")
    best = 1.0
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(100):
            policy.to_change()
        best = min(best, (time.perf_counter() - began) / 100)
    assert best < 50e-6


def test_defaults_of_the_presets() -> None:
    assert PRESETS["careful"] == Rules()
