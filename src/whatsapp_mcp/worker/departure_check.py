"""Asks the account's policy when a scheduled message is about to leave. What that takes is loaded at the first one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from whatsapp_mcp.errors import (
    ConfirmationNeeded,
    NotAllowed,
    OutcomeUnknown,
    RateLimited,
    SetupError,
    StoreError,
    WhatsAppMcpError,
)
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.pipe.lines import PolicyPlaces
from whatsapp_mcp.whereabouts import place_of, whereabouts_of

if TYPE_CHECKING:
    from whatsapp_mcp.policy.departures import DeparturePolicy


class NotNow(Exception):
    """The policy does not let it leave now, and may a little later."""

    def __init__(self, error: WhatsAppMcpError) -> None:
        super().__init__(error.message)
        self.error = error


class DepartureCheck:
    """Called from threads that may wait."""

    def __init__(self, places: PolicyPlaces | None) -> None:
        self._places = places
        self._policy: DeparturePolicy | None = None
        self._one = threading.Lock()

    @contextmanager
    def passed(self, caller: str, chat: Jid, text: str) -> Iterator[None]:
        """Inside, the message is sent; what certainly was not, does not count.

        Raises:
            NotAllowed: a rule forbids it.
            NotNow: a limit is reached, or the policy cannot be read.
        """
        with self._one:
            policy = self._loaded()
            try:
                passage = policy.admit(caller, chat, text)
            except (RateLimited, SetupError, StoreError) as error:
                raise NotNow(error) from error
        try:
            yield
        except OutcomeUnknown as error:
            policy.ended(passage, error=error.code)
            raise
        except WhatsAppMcpError:
            policy.undone(passage)
            raise
        policy.ended(passage)

    def ask(self, message_id: str, caller: str, chat: Jid, text: str, due_at: int) -> None:
        """Return when the owner agreed that a late message is sent.

        Raises:
            NotAllowed: the owner said no.
            NotNow: there is no answer yet.
        """
        with self._one:
            try:
                self._loaded().ask_about_late(message_id, caller, chat, text, due_at)
            except (ConfirmationNeeded, StoreError) as error:
                raise NotNow(error) from error

    def _loaded(self) -> DeparturePolicy:
        if self._policy is not None:
            return self._policy
        if self._places is None:
            raise NotAllowed("this session process knows no policy", details={"rule": "policy"})
        from whatsapp_mcp.policy.departures import DeparturePolicy

        places = self._places
        self._policy = DeparturePolicy.of(
            places.preset,
            file=place_of(places.file),
            book=whereabouts_of(places.book),
            audit=whereabouts_of(places.audit),
            tokens=place_of(places.tokens),
            default_token=Path(places.default_token),
            store=whereabouts_of(places.store),
        )
        return self._policy
