"""What Windows takes a name or a path for."""

from __future__ import annotations

import pytest

from whatsapp_mcp.platform.names import is_device, is_misread, leads_elsewhere

DEVICES = ["CON", "con", "aux", "NUL.txt", "com1", "COM¹.tar.gz", "lpt9 .x", "CONIN$", "conout$.log", "prn. ", "clock$"]
NAMES = [
    "console",
    "a.con",
    "com",
    "com10",
    "lpt",
    "auxiliary.txt",
    "Grüße 1.txt",
    "x",
    "_con",
    "..x",
    "報告.pdf",
    "👍",
]


@pytest.mark.parametrize("name", DEVICES)
def test_devices(name: str) -> None:
    assert is_device(name)
    assert is_misread(name)


@pytest.mark.parametrize("name", NAMES)
def test_ordinary_names(name: str) -> None:
    assert not is_device(name)
    assert not is_misread(name)
    assert not leads_elsewhere(f"C:\\outbox\\{name}")
    assert not leads_elsewhere(f"folder/{name}")


@pytest.mark.parametrize(
    "name", ["", "a.", "a ", "a. .", "a:b", "a::$DATA", "a\0b", "a\nb", "what?", "*", 'a"', "<a>", "a|b"]
)
def test_names_that_are_no_names(name: str) -> None:
    assert is_misread(name)


@pytest.mark.parametrize(
    "path",
    [
        "\\\\host\\share\\x.txt",
        "//host/share/x.txt",
        "\\/host\\share\\x.txt",
        "/\\host/share",
        "\\\\?\\C:\\outbox\\x.txt",
        "\\\\.\\PhysicalDrive0",
        "\\\\.\\pipe\\x",
        "//?/UNC/host/share/x",
        "\\\\?\\GLOBALROOT\\Device\\HarddiskVolume1\\x",
        "C:x.txt",
        "c:",
        "C:..\\x.txt",
        "C:\\outbox\\x.txt:stream",
        "C:\\outbox\\x.txt::$DATA",
        "x.txt:stream",
        "outbox:x",
        "C:\\outbox\\CON",
        "folder/aux.txt/x",
        "x.txt.",
        "x.txt ",
        "folder./x.txt",
        "folder /x.txt",
        "... ",
        "a\0b",
        "what?.txt",
        "file:C:/x",
        "http://host/x",
    ],
)
def test_paths_that_lead_elsewhere(path: str) -> None:
    assert leads_elsewhere(path)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "C:\\outbox\\x.txt",
            "c:/outbox/x.txt",
            "x.txt",
            "./x.txt",
            "..\\x.txt",
            "a/../b.txt",
            "\\outbox\\x",
            "/outbox/x",
        ),
        *("~/x.txt", "C:\\", "C:\\PROGRA~1\\x.txt", "a\\\\b.txt", ".", "..", ""),
    ],
)
def test_paths_that_mean_what_they_say(path: str) -> None:
    """Whether they lie in the outbox is judged after that."""
    assert not leads_elsewhere(path)
