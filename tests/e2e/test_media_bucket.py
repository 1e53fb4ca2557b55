"""Received media in an S3-compatible store, through MCP and the real neonize."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from pathlib import Path

import mcp.types as types

from tests.e2e.harness import body_of, paired, pictures
from tests.e2e.test_messages import row_where
from tests.s3 import VARIABLES, object_names, unfinished_uploads
from tests.unit.media import samples

LARGE = 50_000_000


async def test_files_lie_in_the_bucket_and_are_used_like_others(tmp_path: Path, bucket: str, s3_url: str) -> None:
    variables = {**VARIABLES, "AWS_ENDPOINT_URL": s3_url, "WHATSAPP_MCP_MEDIA": f"s3://{bucket}/received"}
    async with paired(tmp_path, **variables) as (simulator, host):
        ana = await simulator.add_contact("Ana")
        picture, large = samples.jpeg(), hashlib.sha256(b"seed").digest() * (LARGE // 32)
        shown = ana.send_image(picture, caption="look")
        await row_where(host, ana.number, message_id=shown.id)
        result = await host.raw("downloadMessageMedia", {"message_id": shown.id, "phone": ana.number})
        found = body_of(result)["results"]
        assert found["file_path"] == f"s3://{bucket}/received/default/{found['filename']}"
        assert "file_url" not in found
        assert len(pictures(result)) == 1
        (contents,) = (await host.client.read_resource(found["media_uri"])).contents
        assert isinstance(contents, types.BlobResourceContents)
        assert base64.b64decode(contents.blob) == picture
        film = ana.send_document(large, name="all.zip", mimetype="application/zip")
        await row_where(host, ana.number, message_id=film.id)
        kept = await host.call("downloadMessageMedia", message_id=film.id, phone=ana.number)
        assert kept["file_size"] == LARGE
        await host.call("sendFile", phone=ana.number, file=f"message:{film.id}")
        passed_on = await ana.wait_for_message()
        assert await passed_on.download() == large
        media = host.data_dir / "default" / "media"
        assert [path for path in media.rglob("*") if path.is_file()] == [], "nothing stays on this machine"
        assert len(await asyncio.to_thread(object_names, s3_url, bucket)) == 2
        assert await asyncio.to_thread(unfinished_uploads, s3_url, bucket) == []
        log = (host.data_dir / "default" / "session.log").read_text()
        assert VARIABLES["AWS_SECRET_ACCESS_KEY"] not in log and "Signature" not in log


async def test_a_bucket_that_is_not_there_is_said(tmp_path: Path, bucket: str, s3_url: str) -> None:
    variables = {**VARIABLES, "AWS_ENDPOINT_URL": s3_url, "WHATSAPP_MCP_MEDIA": "s3://not-there"}
    async with paired(tmp_path, **variables) as (simulator, host):
        ana = await simulator.add_contact("Ana")
        shown = ana.send_image(samples.jpeg(), caption="look")
        await row_where(host, ana.number, message_id=shown.id)
        error = await host.refused("downloadMessageMedia", message_id=shown.id, phone=ana.number)
        assert error["code"] == "store_error"
        assert "no bucket 'not-there'" in error["message"] and "WHATSAPP_MCP_MEDIA" in error["next_step"]
        media = host.data_dir / "default" / "media"
        assert [path for path in media.rglob("*") if path.is_file()] == []
