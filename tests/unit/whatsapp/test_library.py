"""What is checked before neonize is loaded. Loading it is the matter of the end-to-end tests."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.unit.systems import CHILD_LIMIT
from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.whatsapp import library
from whatsapp_mcp.whatsapp.library import load, neonize_version
from whatsapp_mcp.wire.native import library_name, library_path

ENDPOINT = Endpoint(proxy="http://127.0.0.1:9", ca_file="/ca.pem", noise_root="ab" * 32)


@pytest.fixture(autouse=True)
def neonize_stays_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that lets load() pass must not load the Go library into this process."""
    monkeypatch.setitem(sys.modules, "neonize._binder", None)


def test_an_endpoint_that_is_required_and_missing() -> None:
    with pytest.raises(SetupError, match="requires a simulator endpoint") as caught:
        load(None, require_endpoint=True)
    assert "WHATSAPP_MCP_ENDPOINT" in caught.value.next_step


def test_without_an_endpoint_nothing_is_required() -> None:
    with pytest.raises(ImportError):  # it went on to the import, which the fixture forbids
        load(None, require_endpoint=False)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process was executed with")
def test_a_process_that_was_not_executed_with_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Setting the variables now is too late for Go."""
    for name, value in ENDPOINT.environment({}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SetupError, match="not executed with HTTPS_PROXY"):
        load(ENDPOINT, require_endpoint=True)


LOADED = textwrap.dedent(
    """
    import os, sys
    from whatsapp_mcp.whatsapp import library

    {before}
    library.load(None, require_endpoint=False)
    heavy = ("neonize.client", "neonize.utils.log", "requests", "PIL", "phonenumbers")
    print(*(name for name in heavy if name in sys.modules), flush=True)
    os._exit(0)  # Go threads keep a normal exit waiting for ever
    """
)


def loaded(before: str = "") -> list[str]:
    """What else a process imports that loads neonize; it connects to nobody."""
    code = LOADED.format(before=before)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=CHILD_LIMIT, check=True)
    return done.stdout.split()


def test_neonize_is_loaded_without_its_python_client() -> None:
    assert loaded() == []


def test_no_program_is_run_for_it() -> None:
    """neonize asks a shell for the name of its library, and leaves it as a zombie."""
    noted = "sys.addaudithook(lambda name, _: print(name) if name in ('subprocess.Popen', 'os.system') else None)"
    assert loaded(noted) == []


def test_a_neonize_that_needs_its_packages_gets_them() -> None:
    first = "library._PACKAGES = ('neonize', 'neonize.utils', 'neonize.utils.platform')"  # of which it needs a name
    assert "neonize.client" in loaded(first)


DOWNLOADED = textwrap.dedent(
    """
    import socket, sys

    def never(*_, **__):
        print("asked the internet")
        raise OSError

    socket.socket.connect = socket.getaddrinfo = never
    from whatsapp_mcp.whatsapp.library import load
    try:
        load(None, require_endpoint=False)
        print("loaded")
    except Exception as error:
        print(type(error).__name__, error)
    """
)


def neonize_without(folder: Path, name: str) -> Path:
    """A neonize of which one file is left out."""
    library = library_path()
    assert library is not None
    (folder / "neonize").mkdir()
    for path in library.parent.iterdir():
        if path.name not in (name, "__pycache__"):
            (folder / "neonize" / path.name).symlink_to(path)
    return folder / "neonize" / name


@pytest.mark.skipif(sys.platform != "linux", reason="links to files")
@pytest.mark.parametrize(
    ("left_out", "instead", "said"),
    [
        (library_name(), None, "is missing"),
        (library_name(), b"no library", "cannot be loaded"),
        ("download.py", b'__GONEONIZE_VERSION__ = "9.9.9"\n', "cannot be loaded"),
        ("download.py", None, "loaded"),
    ],
    ids=["no library", "a broken one", "one of another version", "nothing that downloads"],
)
def test_neonize_never_downloads_its_library(tmp_path: Path, left_out: str, instead: bytes | None, said: str) -> None:
    place = neonize_without(tmp_path, left_out)
    if instead is not None:
        place.write_bytes(instead)
    if said == "loaded":
        place.write_text("raise ImportError\n")  # the stand-in takes its place, and nothing reads it
    source = os.pathsep.join((str(tmp_path), str(Path(library.__file__).parents[2])))
    done = subprocess.run(
        [sys.executable, "-c", DOWNLOADED],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        timeout=CHILD_LIMIT,
    )
    assert "asked the internet" not in done.stdout
    assert said in done.stdout, done.stderr


CHECK = textwrap.dedent(
    """
    import sys
    sys.modules["neonize._binder"] = None
    from whatsapp_mcp.endpoint import Endpoint
    from whatsapp_mcp.whatsapp.library import load
    try:
        load(Endpoint.model_validate_json(sys.argv[1]), require_endpoint=True)
    except ImportError:
        print("would load")
    except Exception as error:
        print(type(error).__name__, error)
    """
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "would load"),
        ({"HTTPS_PROXY": "http://127.0.0.1:90"}, "SetupError"),
        ({"SSL_CERT_FILE": "/other.pem"}, "SetupError"),
    ],
    ids=["executed with it", "another proxy", "another authority"],
)
def test_the_environment_at_exec_counts(changes: dict[str, str], expected: str) -> None:
    source = os.pathsep.join((str(Path(library.__file__).parents[2]), os.environ.get("PYTHONPATH", "")))
    environment = ENDPOINT.environment({**os.environ, "PYTHONPATH": source}) | changes
    done = subprocess.run(
        [sys.executable, "-c", CHECK, ENDPOINT.model_dump_json()],
        env=environment,
        capture_output=True,
        text=True,
        timeout=CHILD_LIMIT,
        check=True,
    )
    assert done.stdout.startswith(expected), done.stdout


def test_version() -> None:
    assert neonize_version().startswith("0.5.")
