"""Which roots of a client count as an outbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from whatsapp_mcp.server.client_roots import MOST, usable


def test_folders_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home" / "me")
    project = tmp_path / "home" / "me" / "a project"
    project.mkdir(parents=True)
    (tmp_path / "link").symlink_to(project, target_is_directory=True)
    assert usable([project.as_uri()]) == (project.resolve(),)
    assert usable([project.as_uri(), (tmp_path / "link").as_uri()]) == (project.resolve(),), "one folder, two names"
    (tmp_path / "file").write_text("x")
    refused = {
        "the root": "file:///",
        "home": (tmp_path / "home" / "me").as_uri(),
        "what holds home": (tmp_path / "home").as_uri(),
        "a way back to home": f"{project.as_uri()}/..",
        "a file": (tmp_path / "file").as_uri(),
        "nothing": (tmp_path / "gone").as_uri(),
        "another machine": f"file://server{project.as_posix()}",
        "another scheme": f"https://{project.as_posix()}",
        "no path": "file:relative",
        "a zero": "file:///tmp/%00",
    }
    for what, uri in refused.items():
        assert usable([uri]) == (), what


def test_not_too_many(tmp_path: Path) -> None:
    for number in range(MOST + 5):
        (tmp_path / str(number)).mkdir()
    assert len(usable((tmp_path / str(number)).as_uri() for number in range(MOST + 5))) == MOST
