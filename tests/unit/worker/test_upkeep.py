"""While the session runs, old messages go, and their files, and nothing else; the search index is gathered."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, cast

import pytest

from tests.unit.store.build import ANA, PHOTO
from tests.unit.waiting import soon
from whatsapp_mcp.buckets import BucketPrefix
from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.media import downloads
from whatsapp_mcp.media.received.folder import MediaFolder
from whatsapp_mcp.media.received.opening import received_media
from whatsapp_mcp.models.changes import MessageReceived
from whatsapp_mcp.models.content import Content, MessageKind
from whatsapp_mcp.models.downloaded import DownloadedFile
from whatsapp_mcp.pipe.lines import Notice
from whatsapp_mcp.store.engine.sqlite.files import journal_path
from whatsapp_mcp.store.journal import Journal
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.worker import upkeep
from whatsapp_mcp.worker.open_store import OpenStore
from whatsapp_mcp.worker.store_thread import StoreThread
from whatsapp_mcp.worker.upkeep import keep_gathered, keep_pruned, policy

DAY = 24 * 60 * 60


def photo(message_id: str, days: float) -> MessageReceived:
    """From Ana, so many days old."""
    at = int((time.time() - days * DAY) * 1000)
    return MessageReceived(
        id=message_id,
        chat=ANA,
        sender=ANA,
        timestamp=at,
        content=Content(MessageKind.IMAGE, message_id, PHOTO),
        from_me=False,
    )


def path_of(writer: StoreWriter) -> Path:
    where = writer.where
    assert isinstance(where, Path)
    return where


@asynccontextmanager
async def pruned(
    writer: StoreWriter, keep: Callable[[StoreThread], Coroutine[None, None, None]] = keep_pruned
) -> AsyncIterator[StoreThread]:
    told: list[Notice] = []
    journal = Journal(journal_path(path_of(writer)))
    store = OpenStore(path_of(writer), journal, told.append, open_writer=lambda _: writer)
    thread = StoreThread(store, journal, lambda _code, _payload: [], told.append)
    thread.start()
    task = asyncio.create_task(keep(thread))
    yield thread
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(thread.close, 10)
    assert told == []


def file_of(media: Path, message_id: str) -> Path:
    return downloads.target(media, chat=ANA, message_id=message_id, mimetype=PHOTO.mimetype, name=PHOTO.file_name)


async def test_messages_and_their_files_go(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store, media = tmp_path / "messages.db", tmp_path / "media"
    writer = StoreWriter(store)
    writer.apply([photo("OLD", 31), photo("LOST", 32), photo("NEW", 29)])
    writer.close()
    for message_id in ("OLD", "NEW"):
        file = file_of(media, message_id)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    file_of(media, "LOST").symlink_to(store)
    reader = StoreReader(store)
    async with pruned(StoreWriter(store, retention=policy(30, MediaFolder(media)))):
        await soon(lambda: reader.messages(ANA, limit=9, offset=0).total == 1)
    assert not file_of(media, "OLD").exists()
    assert file_of(media, "NEW").exists()
    assert store.exists()
    assert caplog.messages == []
    reader.close()


async def test_a_file_that_stays_does_not_keep_its_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(root: Path, *parts: str) -> bool:
        raise PermissionError(13, "in use")

    monkeypatch.setattr(downloads, "remove_below", refuse)
    store, media = tmp_path / "messages.db", tmp_path / "media"
    writer = StoreWriter(store)
    writer.apply([photo("OLD", 31)])
    writer.close()
    reader = StoreReader(store)
    async with pruned(StoreWriter(store, retention=policy(30, MediaFolder(media)))):
        await soon(lambda: reader.messages(ANA, limit=9, offset=0).total == 0)
    assert "stays" in caplog.text
    reader.close()


def of_photo(message_id: str) -> DownloadedFile:
    return DownloadedFile(ANA, message_id, PHOTO.mimetype, PHOTO.file_name, PHOTO.file_sha256)


async def test_files_in_a_bucket_go_with_their_messages(tmp_path: Path, bucket: str) -> None:
    store, media = tmp_path / "messages.db", received_media(BucketPrefix(bucket, "default"))
    writer = StoreWriter(store)
    writer.apply([photo("OLD", 31), photo("LOST", 32), photo("NEW", 29)])
    writer.close()
    for message_id in ("OLD", "NEW"):
        draft = downloads.draft(tmp_path / "outgoing")
        draft.write_bytes(b"x")
        await asyncio.to_thread(media.keep, draft, of_photo(message_id))
    reader = StoreReader(store)
    async with pruned(StoreWriter(store, retention=policy(30, media))):
        await soon(lambda: reader.messages(ANA, limit=9, offset=0).total == 1)
    assert await asyncio.to_thread(media.find, of_photo("OLD")) is None
    assert await asyncio.to_thread(media.find, of_photo("NEW")) is not None
    reader.close()


async def test_while_a_bucket_cannot_be_reached_messages_stay(
    tmp_path: Path, aws: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    aws.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    store, media = tmp_path / "messages.db", received_media(BucketPrefix("nobody-listens", "default"))
    writer = StoreWriter(store)
    writer.apply([photo("OLD", 31)])
    writer.close()
    async with pruned(StoreWriter(store, retention=policy(30, media))) as thread:
        await soon(lambda: "AWS" in caplog.text or "does not answer" in caplog.text)
        assert await asyncio.wrap_future(thread.run(lambda writer: writer.find("OLD", ANA))) is not None


@pytest.mark.parametrize("failure", [StoreError("disk full"), ValueError("nobody thought of it")])
async def test_what_gets_old_later_goes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    """And a failure in between does not end it."""
    monkeypatch.setattr(upkeep, "INTERVAL", 0.01)
    now = time.time_ns() // 1_000_000
    writer = StoreWriter(
        tmp_path / "messages.db", now=lambda: now, retention=policy(30, MediaFolder(tmp_path / "media"))
    )
    writer.apply([photo("A1", 29)])
    failures = [failure]
    prune = writer.prune

    def failing() -> bool:
        if failures:
            raise failures.pop()
        return prune()

    monkeypatch.setattr(writer, "prune", failing)
    async with pruned(writer) as thread:
        await soon(lambda: not failures)
        assert writer.find("A1", ANA) is not None
        now += 2 * DAY * 1000
        await soon(lambda: writer.find("A1", ANA) is None)
        assert await asyncio.wrap_future(thread.run(lambda _writer: "others work")) == "others work"


@pytest.mark.parametrize("failure", [StoreError("disk full"), ValueError("nobody thought of it")])
async def test_the_search_index_is_gathered_when_little_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    """Part after part, not again before something came; and a failure does not end it."""
    monkeypatch.setattr(upkeep, "QUIET", 0.01)
    monkeypatch.setattr(upkeep, "PAUSE", 0.0)
    writer = StoreWriter(tmp_path / "messages.db")
    answers: list[bool | Exception] = [True, True, False, failure, False]
    asked = 0

    def gather() -> bool:
        nonlocal asked
        answer = answers[asked] if asked < len(answers) else False
        asked += 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(writer, "gather_search", gather)
    async with pruned(writer, keep_gathered) as thread:
        await soon(lambda: asked == 3)
        await asyncio.wrap_future(thread.run(lambda writer: writer.apply([photo("A1", 1)])))
        await soon(lambda: asked == 4)
        await asyncio.wrap_future(thread.run(lambda writer: writer.apply([photo("A2", 1)])))
        await soon(lambda: asked == 5)


class FillingStore:
    """In which more than hardly anything comes between the first looks at it."""

    LOOKS: Final = 6

    def __init__(self) -> None:
        self.looks = 0
        self.gathered_at: list[int] = []

    @property
    def newest_arrival(self) -> int:
        self.looks += 1
        return min(self.looks, self.LOOKS) * (upkeep.HARDLY + 1)

    def run(self, _work: Callable[[StoreWriter], bool]) -> Future[bool]:
        self.gathered_at.append(self.looks)
        done: Future[bool] = Future()
        done.set_result(False)
        return done


async def test_while_a_history_comes_the_search_index_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "QUIET", 0.001)
    store = FillingStore()
    task = asyncio.create_task(keep_gathered(cast("StoreThread", store)))
    await soon(lambda: store.looks > FillingStore.LOOKS + 5)
    task.cancel()
    assert store.gathered_at == [FillingStore.LOOKS + 1]
