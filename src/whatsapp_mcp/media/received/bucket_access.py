"""Opening a bucket: who we are, where it is and what is encrypted the usual ``AWS_*`` variables say."""

from __future__ import annotations

import os
from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from obstore.store import S3Store

from whatsapp_mcp.buckets import BucketPrefix
from whatsapp_mcp.errors import SetupError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

CONNECT_SECONDS: Final = 5
REQUEST_SECONDS: Final = 60
"""For one request, which moves at most a part of a file."""
RETRIES: Final = 3
RETRY_SECONDS: Final = 30
"""Since the first attempt, after which there is no other."""
JOINING_SECONDS: Final = 300
"""The same while a file goes there: to join its parts takes the store minutes at worst."""
HURRIED_SECONDS: Final = 5
"""For one request that others wait for, which is not tried again."""

_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_NOWHERE: Final = "http://127.0.0.1:9"
"""A proxy that is used for nothing: one that is named keeps those of the environment away."""


def opened(where: BucketPrefix, seconds: float | None = None, *, retried: bool = True) -> S3Store:
    """Asks nothing yet.

    Args:
        seconds: for one request; None: as long as most may take.

    Raises:
        SetupError: the variables do not say how, or would have everything go unencrypted over a network.
    """
    name, endpoint = next(((name, os.environ[name]) for name in _ENDPOINTS if os.environ.get(name)), ("", ""))
    local = bool(endpoint) and _is_here(name, endpoint)
    config: S3Config = {"endpoint": endpoint} if endpoint else {}
    client: ClientConfig = {
        "allow_http": local,
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "timeout": timedelta(seconds=REQUEST_SECONDS if seconds is None else seconds),
    }
    if local:
        client |= {"proxy_url": _NOWHERE, "proxy_excludes": urlsplit(endpoint).hostname or ""}
    retries: RetryConfig = {
        "max_retries": RETRIES if retried else 0,
        "retry_timeout": timedelta(seconds=RETRY_SECONDS),
    }
    try:
        return S3Store(where.bucket, prefix=where.prefix, config=config, client_options=client, retry_config=retries)
    except Exception:  # of its own kinds, and with values of variables in what it says
        raise SetupError(
            "the bucket for media cannot be opened: one of the AWS variables is wrong",
            next_step="Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL.",
        ) from None


def has_credentials() -> bool:
    """Whether a variable gives some, or says where they are; else only the machine itself can."""
    return any(
        os.environ.get(name)
        for name in (
            "AWS_ACCESS_KEY_ID",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        )
    )


def _is_here(name: str, endpoint: str) -> bool:
    """Whether an endpoint is on this machine, where http will do."""
    try:
        parts = urlsplit(endpoint)
        host, usable = parts.hostname, parts.port != 0 and not (parts.query or parts.fragment or parts.username)
    except ValueError:
        host, usable = None, False
    if not host or not usable or parts.scheme not in ("http", "https"):
        raise SetupError(
            f"{name} is no address of a store for media",
            next_step=f"Write {name} as https://HOST or https://HOST:PORT.",
        )
    if parts.scheme == "https":
        return False
    if not _is_loopback(host):
        raise SetupError(
            f"{name} would have media and keys go unencrypted over the network",
            next_step=f"Write {name} with https://; http:// is for a store on this machine.",
        )
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
