"""The bearer tokens of the HTTP transport: what each was given, in one file of the data directory.

A token is 256 random bits, shown once; kept is its SHA-256, which is as good as a slow hash where nothing can be
guessed. The file is read again when it changes, so that what is revoked ends at once in every process. The token
``default`` has a file of its own, which its owner can read it from (`whatsapp_mcp.token_file`), and everything.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import NotFound, SetupError
from whatsapp_mcp.kept_model import KeptModel, OutOfReach, Stamp, stamp_of, unusable
from whatsapp_mcp.platform.files import remove
from whatsapp_mcp.policy.caller import Grant, Scope
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.token_file import read_token
from whatsapp_mcp.whereabouts import Place

DEFAULT_TOKEN: Final = "default"
_TAKEN: Final = frozenset({DEFAULT_TOKEN, "local"})
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_MOST: Final = 1_000
_NOTED_EVERY: Final = 60_000
"""Milliseconds between two notes of the last use of a token."""
_SETTLED_NS: Final = 2_000_000_000
"""A file that was written so short a time ago can change again without its time changing: it is read each time."""
_PATIENCE: Final = 5.0
"""Seconds that a change waits for another one; each takes milliseconds."""
_NO_PATIENCE: Final = 0.5
"""The same for what can be noted later."""

logger = logging.getLogger(__name__)


class Token(BaseModel):
    """What is kept of a token."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """SHA-256 of the secret."""
    scope: Scope = "full"
    accounts: tuple[str, ...] | None = None
    """None: all."""
    chats: tuple[str, ...] | None = None
    toolsets: str | None = None
    sends_per_day: int | None = None
    created: int = 0
    """Milliseconds since 1970, as are the next two."""
    expires: int | None = None

    @property
    def grant(self) -> Grant:
        return Grant(
            name=self.name,
            scope=self.scope,
            accounts=self.accounts,
            chats=self.chats,
            toolsets=self.toolsets,
            sends_per_day=self.sends_per_day,
        )

    def lasts(self, at: int) -> bool:
        return self.expires is None or at < self.expires


class _Content(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=1, le=1)] = 1
    tokens: tuple[Token, ...] = ()
    used: dict[str, int] = Field(default_factory=dict)
    """When each was last used, by name."""


class TokenBook:
    """All tokens of a data directory, or of all that share a database, where only ``default`` stays with its machine.
    Safe in any number of processes; each change is made alone."""

    def __init__(self, place: Place, default_path: Path) -> None:
        self.place = place
        self._kept = _kept(place)
        self._default_path = default_path
        self._lock = threading.Lock()
        self._stamp: tuple[Stamp | None, Stamp | None] | None = None
        self._content = _Content()
        self._tokens: tuple[Token, ...] = ()
        self._noted: dict[str, int] = {}

    @classmethod
    def of(cls, settings: Settings) -> TokenBook:
        return cls(settings.tokens_place, settings.token_path)

    def tokens(self) -> tuple[tuple[Token, int | None], ...]:
        """Each with the time of its last use.

        Raises:
            SetupError: a file is damaged, open to others, or cannot be read.
        """
        with self._lock:
            self._look()
            return tuple((token, self._content.used.get(token.name)) for token in self._tokens)

    def holder(self, secret: str) -> Token | None:
        """The token with this secret, if it is still good. All are compared, each in constant time. The one that stays
        with its machine is looked for there first, whatever the database does.

        Raises:
            OutOfReach: nobody can tell.
        """
        digest, found = digest_of(secret), None
        default = self._at_hand()
        if default is not None and hmac.compare_digest(default.digest, digest):
            return default
        for token in self.look():
            if hmac.compare_digest(token.digest, digest):
                found = token
        return found if found is not None and found.lasts(now_ms()) else None

    def look(self) -> tuple[Token, ...]:
        """Those that are good as far as can be seen: none when a file is damaged. Raises OutOfReach."""
        with self._lock:
            try:
                self._look()
            except OutOfReach:
                raise
            except SetupError as error:
                logger.warning("%s", error.message)
            return self._tokens

    def holds(self, name: str, digest: str) -> bool:
        """Whether it is still good, by what was seen at the last look."""
        at = now_ms()
        return any(token.name == name and token.digest == digest and token.lasts(at) for token in self._tokens)

    def note_use(self, name: str) -> bool:
        """Write down that a token was used, once a minute. Returns whether it was written; never raises."""
        at = now_ms()
        if at - max(self._noted.get(name, 0), self._content.used.get(name, 0)) < _NOTED_EVERY:
            return False
        self._noted[name] = at
        try:
            with self._kept.changing(_NO_PATIENCE) as content:
                content.used[name] = at
        except (OSError, SetupError) as error:
            logger.warning("the last use of a token cannot be noted: %s", error)
            return False
        return True

    def is_due(self, name: str) -> bool:
        """Whether :meth:`note_use` would write."""
        return now_ms() - max(self._noted.get(name, 0), self._content.used.get(name, 0)) >= _NOTED_EVERY

    def create(self, name: str, grant: Grant, *, expires: int | None = None, at: int | None = None) -> str:
        """Make a token and return its secret, which is kept nowhere. ``expires``, ``at``: milliseconds since 1970.

        Raises:
            SetupError: there is one of this name, the name cannot be one, or the file cannot be used.
        """
        if not _NAME.fullmatch(name) or name in _TAKEN:
            raise SetupError(
                f"a token cannot be called {name!r}",
                next_step="Use 1 to 32 letters a to z, digits, - and _, and none of: " + ", ".join(sorted(_TAKEN)),
            )
        secret = secrets.token_urlsafe(32)
        token = Token(
            name=name,
            digest=digest_of(secret),
            scope=grant.scope,
            accounts=grant.accounts,
            chats=grant.chats,
            toolsets=grant.toolsets,
            sends_per_day=grant.sends_per_day,
            created=now_ms() if at is None else at,
            expires=expires,
        )
        with self._kept.changing(_PATIENCE) as content:
            if any(other.name == name for other in content.tokens):
                raise SetupError(
                    f"there is a token {name} already",
                    next_step=f"Choose another name, or `whatsapp-mcp token revoke {name}` first.",
                )
            if len(content.tokens) >= _MOST:
                raise SetupError(f"there are {_MOST} tokens", next_step="Revoke some of them first.")
            content.tokens = (*content.tokens, token)
            content.used.pop(name, None)
        return secret

    def revoke(self, name: str) -> None:
        """From now on it opens nothing.

        Raises:
            NotFound: there is none of this name.
            SetupError: the file cannot be used.
        """
        with self._kept.changing(_PATIENCE) as content:
            kept = tuple(token for token in content.tokens if token.name != name)
            if name == DEFAULT_TOKEN and self._default_path.exists():
                remove(self._default_path)
            elif len(kept) == len(content.tokens):
                raise NotFound(
                    f"there is no token {name!r}", next_step="`whatsapp-mcp token list` shows which there are."
                )
            content.tokens = kept
            content.used.pop(name, None)

    def adopt(self, tokens: Iterable[Token], account: str) -> tuple[str, ...]:
        """Have these open the account here too, with the same secrets; what they may do otherwise is as it is here.

        Returns:
            Names under which there is another token here, so that it was not taken.

        Raises:
            SetupError: the file cannot be used.
        """
        taken: list[str] = []
        with self._kept.changing(_PATIENCE) as content:
            here = {token.name: token for token in content.tokens}
            for token in tokens:
                if token.name == DEFAULT_TOKEN or (token.accounts is not None and account not in token.accounts):
                    continue
                known = here.get(token.name)
                if known is None:
                    here[token.name] = token.model_copy(update={"accounts": (account,)})
                elif known.digest != token.digest:
                    taken.append(token.name)
                elif known.accounts is not None and account not in known.accounts:
                    here[token.name] = known.model_copy(update={"accounts": (*known.accounts, account)})
            content.tokens = tuple(here.values())
        return tuple(taken)

    # -- the files ----------------------------------------------------------------------------------------------------

    def _at_hand(self) -> Token | None:
        """The token of this machine, where the others are elsewhere."""
        if isinstance(self.place, Path):
            return None
        with suppress(SetupError):
            return self._default()
        return None

    def _look(self) -> None:
        stamp = self._kept.stamp(), stamp_of(self._default_path)
        if stamp == self._stamp and _settled(stamp):
            return
        self._stamp = None
        try:
            content = self._kept.read()
            default = self._default()
        except OutOfReach:
            raise
        except SetupError:
            self._content, self._tokens = _Content(), ()
            raise
        self._content, self._tokens = content, (*((default,) if default else ()), *content.tokens)
        self._stamp = stamp

    def _default(self) -> Token | None:
        try:
            return Token(name=DEFAULT_TOKEN, digest=digest_of(read_token(self._default_path)))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unusable(self._default_path, error) from None


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def tokens_in(place: Place) -> tuple[Token, ...]:
    """Those that it holds. Raises SetupError: it is damaged, open to others, or cannot be read."""
    return _kept(place).read().tokens


def _kept(place: Place) -> KeptModel[_Content]:
    return KeptModel(place, _Content, "tokens")


def _settled(stamps: tuple[Stamp | None, Stamp | None]) -> bool:
    since = time.time_ns() - _SETTLED_NS
    return all(stamp is None or max(stamp[0], stamp[3]) < since for stamp in stamps)
