"""The same as ``download`` with a bucket: the file goes there in parts and is looked into from there.

The store is moto's server (``make .tools/s3/installed``), whose own memory is not measured: it holds whole files.
"""

from __future__ import annotations

from typing import Final

import anyio
from tests import s3

from bench.download import downloaded
from bench.program import BenchError
from bench.row import Row
from bench.stores import Scale

__all__ = ["TIMEOUT", "measure"]

TIMEOUT: Final = 1200.0


async def measure(scale: Scale) -> list[Row]:
    if not s3.PROGRAM.exists():
        raise BenchError(s3.MISSING)
    with s3.s3_server() as url:
        bucket = await anyio.to_thread.run_sync(s3.new_bucket, url)
        variables = {**s3.VARIABLES, "AWS_ENDPOINT_URL": url, "WHATSAPP_MCP_MEDIA": f"s3://{bucket}/bench"}
        return await downloaded(scale, "a large download into a bucket", **variables)
