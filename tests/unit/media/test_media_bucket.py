"""Received media in an S3-compatible store."""

from __future__ import annotations

import hashlib
import http.server
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import obstore
import pytest

from tests.s3 import VARIABLES, object_names, unfinished_uploads
from whatsapp_mcp.buckets import BucketPrefix, bucket_address, prefix_from, prefix_of
from whatsapp_mcp.errors import SetupError, StoreError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.media import downloads
from whatsapp_mcp.media.received import bucket as bucket_module
from whatsapp_mcp.media.received import bucket_access
from whatsapp_mcp.media.received.bucket import PART, MediaBucket
from whatsapp_mcp.media.received.place import extent_of, on_disk
from whatsapp_mcp.models.downloaded import DownloadedFile
from whatsapp_mcp.private_files import new_private_file

ANA: Final = Jid("4915112345678", "s.whatsapp.net")
PDF: Final = b"%PDF-1.7 the bill"


def which(content: bytes = PDF, **changes: Any) -> DownloadedFile:
    file = DownloadedFile(ANA, "3EB0A1", "application/pdf", "Your bank details.pdf", hashlib.sha256(content).digest())
    return replace(file, **changes)


def fetched(folder: Path, content: bytes = PDF) -> Path:
    draft = downloads.draft(folder / downloads.TEMPORARY)
    with new_private_file(draft) as file:
        file.write(content)
    return draft


def of_account(bucket: str, account: str = "default") -> MediaBucket:
    return MediaBucket.at(prefix_of(f"s3://{bucket}/whatsapp", account))


def test_a_file_that_was_kept_is_found_read_and_removed(bucket: str, tmp_path: Path) -> None:
    media = of_account(bucket)
    assert media.find(which()) is None
    media.keep(fetched(tmp_path), which())
    found = media.find(which())
    assert found is not None
    assert (found.size, found.path, found.where) == (len(PDF), None, f"s3://{bucket}/whatsapp/default/{found.name}")
    with found.opened() as file:
        assert file.read(4) == PDF[:4]
        file.seek(-4, 2)
        assert file.read() == PDF[-4:]
    media.remove([which(), which(message_id="3EB0NONE")])
    assert media.find(which()) is None


def test_files_of_messages_that_leave_later_lie_beside_those_that_came(bucket: str, tmp_path: Path) -> None:
    media, file = of_account(bucket), fetched(tmp_path)
    media.keep(fetched(tmp_path), which())
    for name in ("HELD1", "HELD2"):
        media.hold(name, file)
    held = media.held("HELD1")
    assert held is not None and media.held("HELD3") is None
    held.copy_to(tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == PDF
    assert media.held_names() == ["HELD1", "HELD2"]
    assert extent_of(media, 10).files == 1, "they were not received, and are not removed for their age"
    media.let_go(["HELD1", "HELDnone"])
    assert media.held_names() == ["HELD2"]
    media.remove_all()
    assert media.held_names() == []


def test_names_of_objects_hold_nothing_that_others_chose(bucket: str, s3_url: str, tmp_path: Path) -> None:
    of_account(bucket).keep(fetched(tmp_path), which(message_id="CALL-ME"))
    (name,) = object_names(s3_url, bucket)
    assert name.startswith("whatsapp/default/") and name.endswith(".pdf")
    assert not [word for word in (ANA.user, "CALL", "bank", "Your") if word in name]


def test_messages_of_one_id_have_files_of_their_own(bucket: str, tmp_path: Path) -> None:
    media = of_account(bucket)
    other = b"%PDF-1.7 another bill"
    for content in (PDF, other):
        media.keep(fetched(tmp_path, content), which(content))
    for content in (PDF, other):
        found = media.find(which(content))
        assert found is not None
        with found.opened() as file:
            assert file.read() == content


def test_an_account_has_nothing_to_do_with_the_media_of_another(bucket: str, tmp_path: Path) -> None:
    mine, other = of_account(bucket), of_account(bucket, "default2")
    mine.keep(fetched(tmp_path), which())
    assert other.find(which()) is None
    other.keep(fetched(tmp_path), which())
    other.keep(fetched(tmp_path, b"more"), which(b"more"))
    assert (extent_of(other, 9).files, extent_of(other, 1).complete) == (2, False)
    other.remove_all()
    assert (extent_of(mine, 9), list(other.listed())) == (replace(extent_of(mine, 9), files=1, size=len(PDF)), [])


async def test_a_large_file_goes_there_in_parts_and_comes_back(bucket: str, tmp_path: Path) -> None:
    content = hashlib.sha256(b"seed").digest() * (50_000_000 // 32)
    media = of_account(bucket)
    media.keep(fetched(tmp_path, content), which(content))
    found = media.find(which(content))
    assert found is not None and found.size == len(content)
    async with on_disk(found, tmp_path / downloads.TEMPORARY) as place:
        assert place.read_bytes() == content
        assert place.stat().st_mode & 0o077 == 0
    assert not place.exists()


def test_an_upload_that_breaks_off_leaves_nothing(
    bucket: str, s3_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []

    class Broken:
        @property
        def done(self) -> int:
            return 0

        @done.setter
        def done(self, value: int) -> None:
            if value > 2 * PART:
                seen.append(unfinished_uploads(s3_url, bucket))
                raise OSError("unplugged")

    @contextmanager
    def waits_for(*_: object, **__: object) -> Iterator[Broken]:
        yield Broken()

    monkeypatch.setattr(bucket_module, "waits_for", waits_for)
    content = bytes(3 * PART)
    with pytest.raises(StoreError):
        of_account(bucket).keep(fetched(tmp_path, content), which(content))
    assert len(seen[0]) == 1, "it had begun"
    assert (unfinished_uploads(s3_url, bucket), object_names(s3_url, bucket)) == ([], [])


async def test_what_somebody_else_put_there_is_not_used(bucket: str, tmp_path: Path) -> None:
    media = of_account(bucket)
    media.keep(fetched(tmp_path), which())
    found = media.find(which())
    assert found is not None
    await obstore.put_async(media.store, found.name, b"%PDF-1.7 the evil")
    found = media.find(which())
    assert found is not None
    with pytest.raises(StoreError, match="not the file"):
        async with on_disk(found, tmp_path / downloads.TEMPORARY):
            raise AssertionError("it was handed out")
    (left,) = (tmp_path / downloads.TEMPORARY).iterdir()
    assert left.read_bytes() == PDF, "what the test itself fetched"


def test_an_address_opens_the_file_as_an_attachment(bucket: str, tmp_path: Path) -> None:
    link = of_account(bucket).keep(fetched(tmp_path), which()).link(60)
    assert link is not None and VARIABLES["AWS_SECRET_ACCESS_KEY"] not in link
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == PDF
        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.headers["Content-Disposition"] == "attachment"


def test_an_account_that_is_renamed_takes_its_media_along(bucket: str, tmp_path: Path) -> None:
    media, renamed = of_account(bucket), of_account(bucket, "work")
    media.keep(fetched(tmp_path), which())
    media.copy_all_to(renamed.where)
    media.remove_all()
    assert (media.find(which()), renamed.find(which()) is not None) == (None, True)


# -- what can be wrong ------------------------------------------------------------------------------------------------


def test_a_bucket_that_is_not_there(bucket: str, tmp_path: Path) -> None:
    media = of_account("nothing-there")
    with pytest.raises(StoreError, match="no bucket 'nothing-there'") as raised:
        media.keep(fetched(tmp_path), which())
    assert "WHATSAPP_MCP_MEDIA" in raised.value.next_step
    with pytest.raises(StoreError, match="no bucket"):
        extent_of(media, 1)


@contextmanager
def answering(status: int, code: str, pause: threading.Event | None = None) -> Iterator[str]:
    """The address of a store that says this and nothing else, with what it was sent in it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            if pause is not None:
                pause.wait(30)
            body = f"<Error><Code>{code}</Code><Key>{self.path} {self.headers['Authorization']}</Key></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        if pause is not None:
            pause.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def variables(aws: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    aws.setattr(bucket_access, "RETRIES", 1)
    return aws


@pytest.mark.parametrize(
    ("status", "code", "said", "step"),
    [
        (403, "AccessDenied", "denies", "AWS_ACCESS_KEY_ID"),
        (403, "InvalidAccessKeyId", "denies", "AWS_SECRET_ACCESS_KEY"),
        (401, "Unauthorized", "denies", "AWS_ACCESS_KEY_ID"),
        (301, "PermanentRedirect", "another region", "AWS_REGION"),
        (400, "AuthorizationHeaderMalformed", "another region", "AWS_REGION"),
        (503, "SlowDown", "error 503", "later"),
        (400, "InvalidRequest", "error 400", "log"),
    ],
)
def test_what_the_store_refuses_is_said_in_our_words(
    variables: pytest.MonkeyPatch, tmp_path: Path, status: int, code: str, said: str, step: str
) -> None:
    with answering(status, code) as url:
        variables.setenv("AWS_ENDPOINT_URL", url)
        media = of_account("some-bucket")
        works: tuple[Callable[[], object], ...] = (
            lambda: media.keep(fetched(tmp_path), which()),
            lambda: list(media.listed()),
        )
        for work in works:
            with pytest.raises(StoreError, match=said) as raised:
                work()
            assert step in raised.value.next_step
            assert raised.value.details == ({} if status == 301 else {"s3_code": code})
            shown = f"{raised.value.message} {raised.value.next_step} {raised.value!r} {raised.value.__cause__}"
            assert "Signature" not in shown and VARIABLES["AWS_SECRET_ACCESS_KEY"] not in shown


def test_a_store_that_cannot_be_reached(variables: pytest.MonkeyPatch, tmp_path: Path) -> None:
    variables.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    media = of_account("some-bucket")
    works: tuple[Callable[[], object], ...] = (lambda: media.find(which()), lambda: media.remove([which()]))
    for work in works:
        with pytest.raises(StoreError, match="does not answer") as raised:
            work()
        assert "AWS_ENDPOINT_URL" in raised.value.next_step


def test_a_store_that_never_answers_is_given_up(variables: pytest.MonkeyPatch, tmp_path: Path) -> None:
    variables.setattr(bucket_access, "REQUEST_SECONDS", 0.3)
    with answering(200, "Late", threading.Event()) as url:
        variables.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(StoreError, match="does not answer"):
            of_account("some-bucket").find(which())


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("http://store.example:9000", "unencrypted"),
        ("http://10.0.0.7", "unencrypted"),
        ("store.example", "no address"),
        ("ftp://store.example", "no address"),
        ("https://", "no address"),
        ("https://user:word@store.example", "no address"),
        ("https://store.example:port", "no address"),
    ],
)
def test_an_endpoint_that_cannot_be_meant(variables: pytest.MonkeyPatch, endpoint: str, said: str) -> None:
    variables.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(SetupError, match=said) as raised:
        of_account("some-bucket")
    assert "AWS_ENDPOINT_URL" in raised.value.message + raised.value.next_step
    assert "word" not in raised.value.message


# -- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "address", "of_default"),
    [
        ("s3://media", "s3://media", BucketPrefix("media", "default")),
        ("s3://media/", "s3://media", BucketPrefix("media", "default")),
        ("s3://my.media-1/a/b_c/", "s3://my.media-1/a/b_c", BucketPrefix("my.media-1", "a/b_c/default")),
    ],
)
def test_addresses_of_buckets(text: str, address: str, of_default: BucketPrefix) -> None:
    assert bucket_address(text) == address
    assert prefix_of(address, "default") == of_default
    assert prefix_from(str(of_default)) == of_default


@pytest.mark.parametrize(
    "text",
    (
        *("media", "S3://media", "https://media", "s3://", "s3://Me", "s3://a", "s3://media//x", "s3://media/../x"),
        *("s3://key:word@media", "s3://media/x?y", "s3://media/x#y", "s3://media/a b", "s3://media/.x"),
    ),
)
def test_what_is_no_address_of_a_bucket(text: str) -> None:
    with pytest.raises(ValueError, match="s3://BUCKET/PREFIX"):
        bucket_address(text)
