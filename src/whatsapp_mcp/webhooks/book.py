"""The webhooks of an account, in a file that only its owner reads, since it holds the secrets that sign; or in a
document of PostgreSQL."""

from __future__ import annotations

import base64
import re
import secrets
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import InvalidArgument, NotFound, SetupError
from whatsapp_mcp.kept_model import KeptModel, Stamp
from whatsapp_mcp.media.source.addresses import Reach
from whatsapp_mcp.models.events import EventKind
from whatsapp_mcp.policy.chats import ChatList
from whatsapp_mcp.whereabouts import Place

SECRET_PREFIX: Final = "whsec_"
"""Standard Webhooks, "Signature scheme": base64 of 24 to 64 random bytes behind it."""
MOST: Final = 1_000
_SECRET_BYTES: Final = 32
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
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
        # Without the file, nobody starts a deliverer.
        self._kept = KeptModel(place, _Content, "webhooks", is_empty=lambda content: not content.webhooks)

    def stamp(self) -> Stamp | None:
        """Another one when it was written anew; None: there is none. Raises SetupError: nobody can tell."""
        return self._kept.stamp()

    def webhooks(self) -> tuple[Webhook, ...]:
        """Raises SetupError: the file is damaged, open to others, or cannot be read."""
        return self._kept.read().webhooks

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
        with self._kept.changing(_PATIENCE) as content:
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
        with self._kept.changing(_PATIENCE) as content:
            _named(content.webhooks, name)
            content.webhooks = tuple(one for one in content.webhooks if one.name != name)

    def resume(self, name: str, *, since: int | None = None) -> None:
        """Let a webhook go on that was stopped. ``since``: leave out what waits up to this arrival number.

        Raises:
            NotFound, SetupError.
        """
        with self._kept.changing(_PATIENCE) as content:
            found = _named(content.webhooks, name)
            changed = {"resumed": found.resumed + 1} | ({"since": since} if since is not None else {})
            content.webhooks = tuple(
                one.model_copy(update=changed) if one.name == name else one for one in content.webhooks
            )

    def named(self, name: str) -> Webhook:
        """Raises NotFound, SetupError."""
        return _named(self.webhooks(), name)


def _named(webhooks: tuple[Webhook, ...], name: str) -> Webhook:
    for one in webhooks:
        if one.name == name:
            return one
    raise NotFound(f"there is no webhook {name!r}", next_step="`whatsapp-mcp webhook list` shows which there are.")
