"""The webhooks of an account, in a file that only its owner reads, since it holds the secrets that sign; or in a
document of PostgreSQL."""

from __future__ import annotations

import base64
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.documents import changing_document, document_version, read_document
from whatsapp_mcp.errors import InvalidArgument, NotFound, SetupError, StoreError
from whatsapp_mcp.media.source.addresses import Reach
from whatsapp_mcp.models.events import EventKind
from whatsapp_mcp.platform.file_lock import FileLock
from whatsapp_mcp.platform.files import remove
from whatsapp_mcp.platform.ownership import how_to_close, not_ours_alone, others_may_read
from whatsapp_mcp.policy.chats import ChatList
from whatsapp_mcp.private_files import write_private
from whatsapp_mcp.whereabouts import Place

SECRET_PREFIX: Final = "whsec_"
"""Standard Webhooks, "Signature scheme": base64 of 24 to 64 random bytes behind it."""
MOST: Final = 1_000
_SECRET_BYTES: Final = 32
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_LARGEST: Final = 4 << 20
"""Bytes of the file."""
_PATIENCE: Final = 10.0
"""Seconds that a command waits for another one."""

Text = Annotated[str, Field(min_length=1, max_length=4_096)]


class Webhook(BaseModel):
    """One receiver."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    id: str
    """Ours: it goes into the ids of what is sent, so that a webhook that is made anew sends other ids."""
    url: Text
    secret: str
    kinds: tuple[EventKind, ...]
    chats: tuple[str, ...] | None = None
    """As policy.toml writes them; None: all that may be read."""
    reach: tuple[Literal["loopback", "private"], ...] = ()
    """Addresses beside public ones that it may be at, which only the owner can allow."""
    since: int = 0
    """The arrival number after which its events begin."""
    created: int = 0
    """Milliseconds since 1970."""
    resumed: int = 0
    """How often the owner let it go on after it had been stopped."""

    @property
    def key(self) -> bytes:
        """What signs. Raises ValueError: the secret is none."""
        return base64.b64decode(self.secret.removeprefix(SECRET_PREFIX), validate=True)

    @property
    def network(self) -> Reach:
        return Reach(loopback="loopback" in self.reach, private="private" in self.reach)


class _Content(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=1, le=1)] = 1
    webhooks: tuple[Webhook, ...] = ()


class WebhookBook:
    """Safe in any number of processes, on any number of nodes; each change is made alone."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def stamp(self) -> tuple[int, int, int] | None:
        """Another one when it was written anew; None: there is none. Raises SetupError: nobody can tell."""
        if not isinstance(self._place, Path):
            with _as_setup():
                version = document_version(self._place)
            return (version, 0, 0) if version is not None else None
        try:
            found = self._place.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def webhooks(self) -> tuple[Webhook, ...]:
        """Raises SetupError: the file is damaged, open to others, or cannot be read."""
        return _read(self._place).webhooks

    def add(
        self,
        name: str,
        url: str,
        *,
        kinds: tuple[EventKind, ...],
        chats: tuple[str, ...] | None = None,
        reach: tuple[Literal["loopback", "private"], ...] = (),
        since: int = 0,
    ) -> Webhook:
        """Make a webhook with a new secret.

        Raises:
            InvalidArgument: no webhook can be called so.
            SetupError: there is one of this name, there are too many, ``chats`` names something unknown, or the file
                cannot be used.
        """
        if not _NAME.fullmatch(name):
            raise InvalidArgument(
                f"--name: a webhook cannot be called {name!r}",
                next_step="Use 1 to 32 small letters, digits, - and _.",
            )
        if chats is not None:
            ChatList.parse(chats)
        secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
        facts = {"url": url, "kinds": kinds, "chats": chats, "reach": reach, "since": since}
        known = {"name": name, "id": secrets.token_hex(6), "secret": secret, "created": now_ms()}
        webhook = Webhook.model_validate(facts | known)
        with self._changing() as content:
            if any(other.name == name for other in content.webhooks):
                raise SetupError(
                    f"there is a webhook {name} already",
                    next_step=f"Choose another --name, or `whatsapp-mcp webhook remove {name}` first.",
                )
            if len(content.webhooks) >= MOST:
                raise SetupError(f"there are {MOST} webhooks", next_step="Remove some of them first.")
            content.webhooks = (*content.webhooks, webhook)
        return webhook

    def remove(self, name: str) -> None:
        """Raises NotFound, SetupError."""
        with self._changing() as content:
            _named(content.webhooks, name)
            content.webhooks = tuple(one for one in content.webhooks if one.name != name)

    def resume(self, name: str, *, since: int | None = None) -> None:
        """Let a webhook go on that was stopped. ``since``: leave out what waits up to this arrival number.

        Raises:
            NotFound, SetupError.
        """
        with self._changing() as content:
            found = _named(content.webhooks, name)
            changed = {"resumed": found.resumed + 1} | ({"since": since} if since is not None else {})
            content.webhooks = tuple(
                one.model_copy(update=changed) if one.name == name else one for one in content.webhooks
            )

    def named(self, name: str) -> Webhook:
        """Raises NotFound, SetupError."""
        return _named(self.webhooks(), name)

    @contextmanager
    def _changing(self) -> Iterator[_Content]:
        """What the file holds; written back when the body has ended well."""
        if not isinstance(self._place, Path):
            with _as_setup(), changing_document(self._place) as draft:
                content = _parsed(self._place, draft.content) if draft.content is not None else _Content()
                yield content
                draft.content = _written(content) if content.webhooks else None
            return
        try:
            path = self._place.with_suffix(".lock")
            lock = FileLock.wait(path, _PATIENCE)
            if lock is None:
                raise SetupError(f"{path} is held by another program", next_step="Try again.")
            try:
                content = _read(self._place)
                yield content
                if content.webhooks:
                    write_private(self._place, _written(content))
                else:  # without the file, nobody starts a deliverer
                    remove(self._place)
            finally:
                lock.release()
        except OSError as error:
            raise _unusable(self._place, error) from None


def _named(webhooks: tuple[Webhook, ...], name: str) -> Webhook:
    for one in webhooks:
        if one.name == name:
            return one
    raise NotFound(f"there is no webhook {name!r}", next_step="`whatsapp-mcp webhook list` shows which there are.")


def _written(content: _Content) -> bytes:
    return content.model_dump_json(indent=1, exclude_defaults=True).encode() + b"\n"


@contextmanager
def _as_setup() -> Iterator[None]:
    """A database that cannot be used is no worse than a file that cannot."""
    try:
        yield
    except StoreError as error:
        raise SetupError(f"the webhooks cannot be read: {error.message}", next_step=error.next_step) from error


def _read(place: Place) -> _Content:
    if not isinstance(place, Path):
        with _as_setup():
            content = read_document(place)
        return _parsed(place, content) if content is not None else _Content()
    path = place
    try:
        with path.open("rb") as file:
            why = not_ours_alone(os.fstat(file.fileno()))
            open_to = others_may_read(file.fileno())
            written = file.read(_LARGEST)
    except FileNotFoundError:
        return _Content()
    except OSError as error:
        raise _unusable(path, error) from None
    if why is not None:
        raise SetupError(f"the file {path} {why}", next_step="Find out who made it so, then delete it.")
    if open_to is not None:
        raise SetupError(f"the file {path} can be read by others ({open_to})", next_step=how_to_close(path))
    return _parsed(path, written)


def _parsed(place: Place, written: bytes) -> _Content:
    try:
        return _Content.model_validate_json(written)
    except ValidationError:
        raise SetupError(
            f"the file {place} holds no webhooks that can be read",
            next_step="Delete it and make the webhooks anew, or upgrade if a newer version wrote it.",
        ) from None


def _unusable(path: Path, error: OSError) -> SetupError:
    return SetupError(
        f"the file {path} cannot be used: {error.strerror}",
        next_step="Make it readable and its folder writable for the user that runs the server.",
    )
