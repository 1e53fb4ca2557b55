"""The code of a login, on terminals that have room for it and on such that have not."""

from __future__ import annotations

import io

import pytest

from whatsapp_mcp.cli.code_screen import CodeScreen

RESULTS = {"qr_text": "2@" + "a1B2" * 55, "qr_link": "file:///data/default/login-qr.png"}
WHERE = "WhatsApp on the phone > Linked devices > Link a device"


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def sized(monkeypatch: pytest.MonkeyPatch, columns: int, lines: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", str(lines))


def terminal(monkeypatch: pytest.MonkeyPatch) -> Screen:
    made = Screen()
    monkeypatch.setattr("sys.stdout", made)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    return made


@pytest.mark.parametrize(("columns", "lines"), [(40, 50), (80, 24)])
def test_where_it_does_not_fit_the_ways_out_are_told(monkeypatch: pytest.MonkeyPatch, columns: int, lines: int) -> None:
    screen = terminal(monkeypatch)
    sized(monkeypatch, columns, lines)
    with CodeScreen(as_json=False) as code:
        code.show(RESULTS, WHERE)
        written = screen.getvalue()
    assert "█" not in written
    assert RESULTS["qr_link"] in written
    assert "--phone NUMBER" in " ".join(written.split())
    assert f"has {columns}" in " ".join(written.split())


def test_it_is_drawn_when_the_terminal_gets_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    sized(monkeypatch, 40, 50)
    with CodeScreen(as_json=False) as code:
        code.show(RESULTS, WHERE)
        code.look_at_size()
        assert "█" not in screen.getvalue()
        sized(monkeypatch, 120, 50)
        code.look_at_size()
        assert "█" in screen.getvalue()
        before = screen.getvalue()
        code.look_at_size()
        code.show(RESULTS, WHERE)
        assert screen.getvalue() == before, "drawn once"


def test_in_a_pipe_it_is_drawn_whatever_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    made = io.StringIO()
    monkeypatch.setattr("sys.stdout", made)
    with CodeScreen(as_json=False) as code:
        code.show(RESULTS, WHERE)
    assert "█" in made.getvalue() or "##" in made.getvalue()
