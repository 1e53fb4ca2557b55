"""Where received media go when not into a folder: below a prefix of a bucket in an S3-compatible store.

An address is ``s3://BUCKET/PREFIX``. It holds no credentials and no host: these are the usual ``AWS_*`` variables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

SCHEME: Final = "s3://"
_ADDRESS: Final = re.compile(
    r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9_=-][A-Za-z0-9._=-]{0,99}){0,8})/?"
)
"""Bucket and prefix, of names that stand in addresses and in signatures as they are."""


@dataclass(frozen=True, slots=True)
class BucketPrefix:
    """Where the media of one account lie."""

    bucket: str
    prefix: str
    """Without a slash at its ends."""

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}"


def bucket_address(text: str) -> str:
    """The same, without a slash at its end. Raises ValueError: it is none."""
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise ValueError("write it as s3://BUCKET or s3://BUCKET/PREFIX; credentials and host are AWS_* variables")
    return f"{SCHEME}{found[1]}{found[2]}"


def prefix_of(address: str, account: str) -> BucketPrefix:
    """Of an account, below an address."""
    bucket, _, above = address.removeprefix(SCHEME).partition("/")
    return BucketPrefix(bucket, f"{above}/{account}" if above else account)


def prefix_from(text: str) -> BucketPrefix:
    """What ``str`` made of one."""
    bucket, _, prefix = text.removeprefix(SCHEME).partition("/")
    return BucketPrefix(bucket, prefix)
