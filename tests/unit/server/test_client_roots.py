"""Which roots of a client count as an outbox."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from mcp.types import ClientCapabilities, RootsCapability

from whatsapp_mcp.policy.caller import Roots, no_roots
from whatsapp_mcp.server.client_roots import MOST, ClientRoots, usable


def roots_of(*, allowed: bool = True, request: object = None, offers: bool = True) -> Roots:
    capabilities = ClientCapabilities(roots=RootsCapability() if offers else None)
    session = SimpleNamespace(client_capabilities=capabilities)
    context = SimpleNamespace(session=session, request=request, protocol_version="2025-11-25")
    return ClientRoots(allowed=allowed).of(cast(Any, context), None)


def test_nobody_is_asked_whose_folders_do_not_count() -> None:
    assert roots_of(allowed=False) is no_roots
    assert roots_of(offers=False) is no_roots
    assert roots_of(request=object()) is no_roots, "over HTTP, where a path means another machine's"
    assert roots_of() is not no_roots


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
