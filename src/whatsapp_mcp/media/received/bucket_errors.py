"""What went wrong with a bucket, in a sentence of ours and with the next step.

What the library or the store says may hold keys, signatures and names of files, so nothing of it is passed on but the
store's own word for the kind of the error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from whatsapp_mcp.buckets import BucketPrefix
from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.media.received.bucket_access import has_credentials

_CODE: Final = re.compile(r"<Code>([A-Za-z]{3,40})</Code>")
_STATUS: Final = re.compile(r"status code: (\d{3})")
_ELSEWHERE: Final = ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")


class NotThere(StoreError):
    """There is no such object."""

    next_step = "Call again: it is fetched anew."


@contextmanager
def told(where: BucketPrefix, doing: str) -> Iterator[None]:
    """Errors of the library as ours.

    Args:
        doing: what failed, after "cannot be": "read".

    Raises:
        NotThere: there is no such object, and nothing says that there is no such bucket.
        StoreError: for everything else, with the next step.
    """
    try:
        yield
    except (BaseError, OSError) as error:
        raise _as_ours(error, where, doing) from None


def _as_ours(error: Exception, where: BucketPrefix, doing: str) -> StoreError:
    said = str(error)
    code, status = _CODE.search(said), _STATUS.search(said)
    kind, number = code[1] if code else None, status[1] if status else ""
    if kind == "NoSuchBucket":
        why, step = f"there is no bucket {where.bucket!r}", "Make it, or correct WHATSAPP_MCP_MEDIA."
    elif isinstance(error, FileNotFoundError) or number == "404":
        return NotThere(f"media in {where} cannot be {doing}: it is not there")
    elif isinstance(error, PermissionDeniedError | UnauthenticatedError) or number in ("401", "403"):
        why = "the store denies it"
        step = (
            "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, this machine's clock, and that they may list the "
            f"bucket {where.bucket!r} and read, write and delete below {where.prefix!r}."
        )
    elif kind in _ELSEWHERE or number in ("301", "307") or "redirect" in said:
        why, step = "the bucket is in another region", "Set AWS_REGION to the one that the bucket is in."
    elif number:
        why, step = f"the store answers with error {number}", "Try again later; look into the log of the store."
    elif not has_credentials():
        why, step = "no credentials were found", "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    else:
        why, step = (
            "the store does not answer",
            "Check AWS_ENDPOINT_URL, AWS_REGION and the way from this machine to there.",
        )
    return StoreError(f"media in {where} cannot be {doing}: {why}", next_step=step, s3_code=kind)
