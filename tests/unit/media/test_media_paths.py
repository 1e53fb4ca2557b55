from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.systems import needs_any_name, needs_fifos, needs_links, needs_proc
from whatsapp_mcp.errors import InvalidArgument, NotAllowed
from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.media.source import paths
from whatsapp_mcp.settings import Settings


def read(source: str | Path, policy: MediaPolicy) -> bytes:
    with paths.opened(str(source), field="file", policy=policy) as (descriptor, _name):
        return os.read(descriptor, 1000)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.txt"
    path.write_text("SECRET")
    return path


def test_files_of_an_outbox_open(outbox: Path, policy: MediaPolicy) -> None:
    (outbox / "a" / "b").mkdir(parents=True)
    (outbox / "a" / "b" / "Grüße 1.txt").write_text("hello")
    assert read(outbox / "a" / "b" / "Grüße 1.txt", policy) == b"hello"
    assert read("a/b/Grüße 1.txt", policy) == b"hello"
    assert read("./a/../a/b/Grüße 1.txt", policy) == b"hello"


def test_relative_paths_are_looked_up_in_every_outbox(tmp_path: Path, policy: MediaPolicy) -> None:
    second = tmp_path / "second"
    second.mkdir()
    (second / "x.txt").write_text("from the second")
    assert read("x.txt", replace(policy, outbox=(*policy.outbox, second))) == b"from the second"


@needs_links
def test_links_inside_the_outbox_work(outbox: Path, policy: MediaPolicy) -> None:
    (outbox / "real.txt").write_text("hello")
    (outbox / "link.txt").symlink_to("real.txt")
    assert read("link.txt", policy) == b"hello"


@needs_links
def test_an_outbox_that_is_a_link_itself_works(tmp_path: Path, outbox: Path, policy: MediaPolicy) -> None:
    (outbox / "x.txt").write_text("hello")
    (tmp_path / "alias").symlink_to(outbox)
    assert read(tmp_path / "alias" / "x.txt", replace(policy, outbox=(tmp_path / "alias",))) == b"hello"


@pytest.mark.parametrize(
    "source",
    [
        "../secret.txt",
        "a/../../secret.txt",
        "{tmp}/secret.txt",
        "{outbox}/../secret.txt",
        "{outbox}/a/b/../../../secret.txt",
        "/etc/passwd",
        "~/.ssh/id_rsa",
        "/proc/self/environ",
        "/proc/self/fd/0",
        "/proc/self/root/etc/passwd",
        "/proc/self/cwd/pyproject.toml",
        "/dev/zero",
        "/sys/kernel/notes",
        "{outbox}X/secret.txt",
        "{outbox}",
        ".",
        pytest.param("file:secret.txt/../../secret.txt", marks=needs_any_name),
    ],
)
def test_nothing_outside_the_outbox_opens(
    source: str, tmp_path: Path, outbox: Path, secret: Path, policy: MediaPolicy
) -> None:
    (tmp_path / "outboxX").mkdir()
    (tmp_path / "outboxX" / "secret.txt").write_text("SECRET")
    with pytest.raises(NotAllowed) as caught:
        read(source.format(tmp=tmp_path, outbox=outbox), policy)
    assert caught.value.details["field"] == "file"
    assert str(outbox) in caught.value.next_step


def test_a_forbidden_path_does_not_say_whether_it_exists(tmp_path: Path, secret: Path, policy: MediaPolicy) -> None:
    messages = set()
    for name in (secret, tmp_path / "nothing here"):
        with pytest.raises(NotAllowed) as caught:
            read(name, policy)
        messages.add((caught.value.message, caught.value.next_step))
    assert len(messages) == 1


@needs_links
def test_links_out_of_the_outbox_do_not_open(tmp_path: Path, outbox: Path, secret: Path, policy: MediaPolicy) -> None:
    (outbox / "file").symlink_to(secret)
    (outbox / "folder").symlink_to(tmp_path)
    (outbox / "proc").symlink_to("/proc/self")
    (outbox / "loop").symlink_to("loop")
    for source in ("file", "folder/secret.txt", "proc/environ", "proc/fd/0"):
        with pytest.raises(NotAllowed):
            read(source, policy)
    with pytest.raises((InvalidArgument, NotAllowed)):
        read("loop", policy)


def test_a_file_with_a_second_name_does_not_open(outbox: Path, secret: Path, policy: MediaPolicy) -> None:
    """No path shows where the other names lead."""
    (outbox / "innocent.txt").hardlink_to(secret)
    with pytest.raises(NotAllowed, match=r"hard links") as caught:
        read("innocent.txt", policy)
    assert "copy" in caught.value.next_step


@needs_links
def test_the_data_directory_never_opens(tmp_path: Path, data_dir: Path, policy: MediaPolicy) -> None:
    wide = replace(policy, outbox=(tmp_path,))
    (tmp_path / "innocent").symlink_to(data_dir)
    (tmp_path / "innocent.db").symlink_to(data_dir / "session.db")
    account = Settings(data_dir=data_dir)
    account.account_dir.mkdir()
    owners = (account.policy_path, account.policy_book_path, account.approve_page_path, account.token_path)
    for path in owners:
        path.write_text("x")
    for source in (data_dir / "session.db", "innocent/session.db", "innocent.db", "data/../data/session.db", *owners):
        with pytest.raises(NotAllowed):
            read(source, wide)


def test_the_data_directory_is_known_by_identity_too(
    tmp_path: Path, data_dir: Path, policy: MediaPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a file system that ignores case, where another spelling passes every comparison of names."""
    monkeypatch.setattr(paths, "_is_closed", lambda resolved, forbidden: False)
    with pytest.raises(NotAllowed):
        read(data_dir / "session.db", replace(policy, outbox=(tmp_path,)))


@needs_proc
@pytest.mark.parametrize("source", ["/proc/self/environ", "/proc/self/maps", "/sys/kernel/notes"])
def test_the_kernel_s_files_do_not_open_even_when_everything_is_an_outbox(source: str, policy: MediaPolicy) -> None:
    with pytest.raises(NotAllowed):
        read(source, replace(policy, outbox=(Path("/"),)))


@needs_proc
def test_the_kernel_s_file_systems_are_known_by_identity_too(
    policy: MediaPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when /proc is mounted a second time somewhere else."""
    monkeypatch.setattr(paths, "_is_closed", lambda resolved, forbidden: False)
    with pytest.raises(NotAllowed):
        read("/proc/self/environ", replace(policy, outbox=(Path("/proc"),)))


@needs_fifos
def test_only_regular_files_open(outbox: Path, policy: MediaPolicy) -> None:
    os.mkfifo(outbox / "fifo")
    (outbox / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(outbox / "socket"))
        for source in ("fifo", "folder", "socket"):
            with pytest.raises(InvalidArgument, match="regular"):
                read(source, policy)


@pytest.mark.parametrize(
    "source", ["", "a\0b", "x" * 5000, "missing.txt", "no/such/folder.txt", "~nobody-has-this-name/x", "\ud800"]
)
def test_unusable_paths(source: str, policy: MediaPolicy) -> None:
    with pytest.raises((InvalidArgument, NotAllowed)):
        read(source, policy)


@pytest.mark.parametrize(
    "source",
    [
        "\\\\127.0.0.1\\share\\x.txt",
        "//127.0.0.1/share/x.txt",
        "\\\\?\\{outbox}\\x.txt",
        "\\\\.\\PhysicalDrive0",
        "C:x.txt",
        "x.txt:stream",
        "{outbox}\\x.txt::$DATA",
        "aux.txt",
        "CON",
        "x.txt.",
        "x.txt ",
    ],
)
def test_what_windows_would_find_elsewhere_does_not_open(source: str, outbox: Path, policy: MediaPolicy) -> None:
    """Other systems have no such file."""
    (outbox / "x.txt").write_text("hello")
    with pytest.raises((InvalidArgument, NotAllowed)):
        read(source.format(outbox=outbox), policy)


def test_without_an_outbox_nothing_opens(outbox: Path, policy: MediaPolicy) -> None:
    (outbox / "x.txt").write_text("hello")
    with pytest.raises(NotAllowed, match="outbox"):
        read(outbox / "x.txt", replace(policy, outbox=()))


Swap = Callable[[Path, Path], None]


def swap_file(outbox: Path, outside: Path) -> None:
    (outbox / "folder" / "x.txt").unlink()
    (outbox / "folder" / "x.txt").symlink_to(outside / "x.txt")


def swap_folder(outbox: Path, outside: Path) -> None:
    (outbox / "folder").rename(outbox / "away")
    (outbox / "folder").symlink_to(outside)


def swap_outbox(outbox: Path, outside: Path) -> None:
    outbox.rename(outbox.with_name("away"))
    (outside / "folder").mkdir()
    (outside / "folder" / "x.txt").write_text("SECRET")
    outbox.symlink_to(outside)


def swap_fifo(outbox: Path, outside: Path) -> None:
    (outbox / "folder" / "x.txt").unlink()
    os.mkfifo(outbox / "folder" / "x.txt")


@pytest.mark.parametrize("swap", [swap_file, swap_folder, swap_outbox, pytest.param(swap_fifo, marks=needs_fifos)])
def test_what_is_exchanged_between_check_and_use_does_not_open(
    swap: Swap, tmp_path: Path, outbox: Path, policy: MediaPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    (outbox / "folder").mkdir()
    (outbox / "folder" / "x.txt").write_text("hello")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.txt").write_text("SECRET")
    judge = paths._judge

    def judge_then_swap(source: str, *, field: str, policy: MediaPolicy) -> tuple[Path, Path]:
        judged = judge(source, field=field, policy=policy)
        swap(outbox, outside)
        return judged

    assert read("folder/x.txt", policy) == b"hello"
    monkeypatch.setattr(paths, "_judge", judge_then_swap)
    with pytest.raises((InvalidArgument, NotAllowed)):
        read("folder/x.txt", policy)


def open_below(folder: Path) -> list[str]:
    """What this process has open there; elsewhere, threads and forgotten objects open and close what they like."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(str(descriptor.readlink()))
    return [path for path in found if path.startswith(str(folder))]


@needs_proc
def test_no_descriptor_stays_open(outbox: Path, policy: MediaPolicy) -> None:
    (outbox / "x.txt").write_text("hello")
    os.mkfifo(outbox / "fifo")
    with (outbox / "x.txt").open():
        assert open_below(outbox)
    read("x.txt", policy)
    for source in ("fifo", "missing", "../x"):
        with pytest.raises((InvalidArgument, NotAllowed)):
            read(source, policy)
    assert open_below(outbox) == []


@needs_links
def test_what_is_exchanged_at_the_very_last_moment_does_not_open(
    outbox: Path, secret: Path, policy: MediaPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the last look at the file, before it is opened."""
    (outbox / "x.txt").write_text("hello")
    look = os.stat

    def look_then_swap(path: str, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
        found = look(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
        if dir_fd is not None:
            (outbox / "x.txt").unlink()
            (outbox / "x.txt").symlink_to(secret)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", look_then_swap)
        with pytest.raises((InvalidArgument, NotAllowed)):
            read("x.txt", policy)
    assert (outbox / "x.txt").is_symlink()


@pytest.mark.parametrize("source", ["3EB0A1B2C3D4E5F60718", "message:3EB0A1B2C3D4E5F6", "{data}/media/chat/photo.jpg"])
def test_what_came_with_a_message_is_to_be_forwarded(source: str, policy: MediaPolicy) -> None:
    with pytest.raises((InvalidArgument, NotAllowed)) as caught:
        read(source.format(data=policy.forbidden), policy)
    assert caught.value.details["field"] == "file"
    assert "forwardMessage" in caught.value.next_step


def test_an_ordinary_name_that_is_not_there_is_no_message(policy: MediaPolicy) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read("nothing.txt", policy)
    assert "forwardMessage" not in caught.value.next_step
