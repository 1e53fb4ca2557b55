"""An S3-compatible store for tests: moto's server, one for each process that runs them, a bucket of its own for whoever
asks.

It lies in an environment of its own, because it wants older versions of what we have: ``make .tools/s3/installed``.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
import urllib.request
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final

PROGRAM: Final = Path(__file__).parents[1] / ".tools" / "s3" / "bin" / "moto_server"
MISSING: Final = "there is no S3 for tests here; make .tools/s3/installed"
VARIABLES: Final = {
    "AWS_ACCESS_KEY_ID": "tests",
    "AWS_SECRET_ACCESS_KEY": "a secret of tests",
    "AWS_REGION": "us-east-1",
}
_LISTENS: Final = re.compile(rb"Running on (http://127\.0\.0\.1:\d+)")
"""It takes a port by itself: one that was free a moment ago may be another's."""
START_LIMIT: Final = 120.0
"""Seconds."""
_STOP_LIMIT: Final = 10.0

_numbers: Final = count(1)


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of a new one, which ends with the block."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([PROGRAM, "-H", "127.0.0.1", "-p", "0"], stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + START_LIMIT
            while not (said := _LISTENS.search(os.pread(log.fileno(), 10_000, 0))):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"moto_server did not start: {os.pread(log.fileno(), 10_000, 0)!r}")
                time.sleep(0.05)
            yield said[1].decode()
        finally:
            process.terminate()
            try:
                process.wait(_STOP_LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def new_bucket(url: str) -> str:
    """Its name, which nobody else has."""
    name = f"bucket-{next(_numbers)}"
    with urllib.request.urlopen(urllib.request.Request(f"{url}/{name}", method="PUT")):
        return name


def object_names(url: str, bucket: str) -> list[str]:
    return _texts(f"{url}/{bucket}", "Contents/Key")


def unfinished_uploads(url: str, bucket: str) -> list[str]:
    """Names of objects of which parts are there."""
    return _texts(f"{url}/{bucket}?uploads", "Upload/Key")


def _texts(address: str, path: str) -> list[str]:
    with urllib.request.urlopen(address) as answer:
        root = ElementTree.fromstring(answer.read())
    space = root.tag.partition("}")[0] + "}"
    found = root.findall("/".join(space + part for part in path.split("/")))
    return [one.text or "" for one in found]
