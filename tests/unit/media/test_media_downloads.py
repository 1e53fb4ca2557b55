from __future__ import annotations

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.systems import needs_links
from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.media.downloads import is_kept, keep, kept_or_free, remove, remove_all, target
from whatsapp_mcp.platform.names import is_misread
from whatsapp_mcp.platform.ownership import others_may_read
from whatsapp_mcp.private_files import new_private_file

ANA = Jid("4915112345678", "s.whatsapp.net")


def save(path: Path, data: bytes) -> None:
    """Fetch and keep."""
    with tempfile.TemporaryDirectory(dir=path.parent.parent.parent) as folder:
        fetched = Path(folder) / "fetched"
        with new_private_file(fetched) as file:
            file.write(data)
        keep(fetched, path)


def place(folder: Path, **changes: object) -> Path:
    values: dict[str, object] = {"chat": ANA, "message_id": "3EB0A1", "mimetype": "image/jpeg", "name": None, **changes}
    return target(folder, **values)  # type: ignore[arg-type]


def test_ordinary_places(tmp_path: Path) -> None:
    assert place(tmp_path) == tmp_path / "4915112345678@s.whatsapp.net" / "3EB0A1.jpg"
    assert place(tmp_path, mimetype="audio/ogg; codecs=opus").name == "3EB0A1.ogg"
    assert place(tmp_path, mimetype="x/y").name == "3EB0A1.bin"
    assert place(tmp_path, name="Отчёт.pdf").name == "3EB0A1-Отчёт.pdf"
    assert place(tmp_path, chat=replace(ANA, device=3)).parent.name == "4915112345678@s.whatsapp.net"


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../../../etc/cron.d/x"},
        {"name": "/etc/passwd"},
        {"name": "..\\..\\x.exe"},
        {"name": "..", "message_id": ".."},
        {"name": "a\0b"},
        {"name": "x" * 5000},
        {"message_id": "../../x"},
        {"message_id": "/etc/passwd"},
        {"message_id": ""},
        {"message_id": "x" * 5000},
        {"message_id": "\ud800"},
        {"chat": Jid("../../..", "g.us")},
        {"chat": Jid("/etc", "x")},
        {"chat": Jid("", "..")},
        {"mimetype": "image/../../x"},
        {"mimetype": "\0"},
    ],
)
def test_hostile_facts_stay_in_the_folder(changes: dict[str, object], tmp_path: Path) -> None:
    path = place(tmp_path / "media", **changes)
    assert path.resolve().is_relative_to((tmp_path / "media").resolve())
    assert len(path.relative_to(tmp_path / "media").parts) == 2
    save(path, b"x")
    assert path.read_bytes() == b"x"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=40), st.one_of(st.none(), st.text(max_size=300)))
def test_every_place_is_inside(tmp_path: Path, user: str, message_id: str, mimetype: str, name: str | None) -> None:
    path = target(tmp_path, chat=Jid(user, "g.us"), message_id=message_id, mimetype=mimetype, name=name)
    assert path.parent.parent == tmp_path
    assert path.name not in ("", ".", "..")
    assert len(path.name.encode("utf-8")) <= 255


def test_different_ids_never_share_a_place(tmp_path: Path) -> None:
    """Nor do they where case does not count."""
    ids = ["A/B", "A_B", "A:B", "a" * 64, "a" * 65, "A" * 64, "A" * 65, "A" * 66, "..A_B", "A_B.", "a_b", "Abc", "ABC"]
    ids += ["CON", "con", "aux", "CON.X", "COM1", "nul "]
    assert len({str(place(tmp_path, message_id=message_id)).casefold() for message_id in ids}) == len(ids)
    chats = [Jid(user, server) for server in ("g.us", "G.us") for user in ("a", "A", "con", "1-2", "1_2")]
    assert len({str(place(tmp_path, chat=chat)).casefold() for chat in chats}) == len(chats)


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_two_texts_meet(one: str, other: str) -> None:
    places = {str(place(Path(), message_id=text)).casefold() for text in (one, other, one.upper(), one.lower())}
    assert len(places) == len({one, other, one.upper(), one.lower()})


WINDOWS_NAMES = [
    "CON",
    "aux",
    "nul.txt",
    "com1",
    "x.",
    "x ",
    "x:stream",
    "..",
    ".",
    "C:x",
    "\\\\host\\share\\x",
    "a|b*?",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(*([st.one_of(st.sampled_from(WINDOWS_NAMES), st.text(max_size=40))] * 3))
def test_windows_reads_every_place_as_it_is_written(chat: str, message_id: str, name: str) -> None:
    """A folder may be synced there."""
    path = place(Path("media"), chat=Jid(chat, "g.us"), message_id=message_id, name=name)
    assert not [part for part in path.parts if is_misread(part)]
    assert not is_misread(place(Path("media"), chat=Jid("1", chat), message_id=message_id).parent.name)


def test_saving(tmp_path: Path) -> None:
    path = place(tmp_path / "media")
    assert not is_kept(path)
    save(path, b"hello")
    assert path.read_bytes() == b"hello"
    assert others_may_read(path) is None
    assert others_may_read(path.parent) is None
    assert is_kept(path)
    save(path, b"other")
    assert path.read_bytes() == b"other"
    assert list(path.parent.iterdir()) == [path]


def test_two_messages_of_one_id_have_two_files(tmp_path: Path) -> None:
    usual = place(tmp_path / "media")
    first, second = (hashlib.sha256(content).digest() for content in (b"hello", b"other"))
    assert kept_or_free(usual, first) == (usual, False)
    save(usual, b"hello")
    assert kept_or_free(usual, first) == (usual, True)
    assert kept_or_free(usual, None) == (usual, True), "of what is kept since before hashes were"
    beside, is_there = kept_or_free(usual, second)
    assert (beside.parent, is_there) == (usual.parent, False)
    assert beside != usual
    save(beside, b"other")
    assert kept_or_free(usual, second) == (beside, True)
    assert kept_or_free(usual, first) == (usual, True)
    beside.write_bytes(b"damaged")
    assert kept_or_free(usual, second) == (beside, False)
    remove_all(usual, second)
    assert list(usual.parent.iterdir()) == []


@needs_links
def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "victim").write_bytes(b"precious")
    path = place(tmp_path / "media")
    path.parent.mkdir(parents=True)
    path.symlink_to(outside / "victim")
    assert not is_kept(path)
    save(path, b"new")
    assert (outside / "victim").read_bytes() == b"precious"
    assert not path.is_symlink()
    other = place(tmp_path / "media", chat=Jid("2", "g.us"))
    other.parent.symlink_to(outside)
    with pytest.raises(StoreError, match="symbolic"):
        save(other, b"new")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "media").write_bytes(b"a file")
    with pytest.raises(StoreError):
        save(place(tmp_path / "media"), b"x")


def test_removing(tmp_path: Path) -> None:
    path, other = place(tmp_path / "media"), place(tmp_path / "media", message_id="3EB0A2")
    assert not remove(path), "there is not even a folder"
    save(path, b"x")
    save(other, b"y")
    assert remove(path)
    assert not remove(path)
    assert list(path.parent.iterdir()) == [other]


@needs_links
def test_nothing_outside_the_media_folder_is_removed(tmp_path: Path) -> None:
    """Whatever was put in the way: a link as the file, as the chat's folder or as the media folder; a folder."""
    outside = tmp_path / "outside"
    outside.mkdir()
    path = place(tmp_path / "media")
    victim = outside / path.name
    victim.write_bytes(b"precious")
    path.parent.mkdir(parents=True)
    path.symlink_to(victim)
    assert not remove(path)
    path.unlink()
    path.mkdir()
    assert not remove(path)
    path.rmdir()
    path.parent.rmdir()
    path.parent.symlink_to(outside)
    with pytest.raises(StoreError):
        remove(path)
    chat_outside = tmp_path / "elsewhere" / path.parent.name
    chat_outside.mkdir(parents=True)
    (chat_outside / path.name).write_bytes(b"precious")
    linked = place(tmp_path / "linked")
    linked.parent.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError):
        remove(linked)
    assert victim.read_bytes() == (chat_outside / path.name).read_bytes() == b"precious"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=40), st.one_of(st.none(), st.text(max_size=300)))
def test_what_was_saved_is_removed(tmp_path: Path, user: str, message_id: str, mimetype: str, name: str | None) -> None:
    path = target(tmp_path, chat=Jid(user, "g.us"), message_id=message_id, mimetype=mimetype, name=name)
    save(path, b"x")
    assert remove(path)
    assert not is_kept(path)
