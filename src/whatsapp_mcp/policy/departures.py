"""Whether a message that was scheduled may leave, by the policy of the moment in which it is to."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from whatsapp_mcp.catalog import load_catalog
from whatsapp_mcp.clock import from_ms, local, now_ms
from whatsapp_mcp.errors import NotAllowed
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.policy.audit import AuditLog
from whatsapp_mcp.policy.book import PolicyBook
from whatsapp_mcp.policy.call import Call, Party
from whatsapp_mcp.policy.caller import Caller, Grant, Question
from whatsapp_mcp.policy.file import PolicyFile
from whatsapp_mcp.policy.gate import Gate, shown_text
from whatsapp_mcp.policy.passage import Passage
from whatsapp_mcp.policy.rules import Preset
from whatsapp_mcp.policy.tokens import TokenBook
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.untrusted_text import clean
from whatsapp_mcp.whereabouts import Place, Whereabouts

OPERATION: Final = "scheduleMessage"
_OF_NO_TOKEN: Final = "local"
_NAME_LENGTH: Final = 60
_ANSWERED_WITHIN: Final = 24 * 60
"""Minutes."""
_GRANTS: Final[TypeAdapter[Grant]] = TypeAdapter(Grant)


def grant_text(grant: Grant) -> str:
    """What is kept of a caller with a scheduled message."""
    return _GRANTS.dump_json(grant).decode()


class DeparturePolicy:
    """Of one account, in its session process."""

    def __init__(self, gate: Gate, tokens: TokenBook, store: StoreReader) -> None:
        self._gate = gate
        self._tokens = tokens
        self._store = store

    @classmethod
    def of(
        cls,
        preset: Preset,
        *,
        file: Place,
        book: Whereabouts,
        audit: Whereabouts,
        tokens: Place,
        default_token: Path,
        store: Whereabouts,
    ) -> DeparturePolicy:
        rules = PolicyFile(file, preset)
        gate = Gate(rules, PolicyBook(book), AuditLog(audit, lambda: rules.as_seen.audit))
        return cls(gate, TokenBook(tokens, default_token), StoreReader(store))

    def admit(self, caller: str, chat: Jid, text: str) -> Passage:
        """Let it leave, and count it.

        Args:
            caller: who scheduled it, from :func:`grant_text`.

        Raises:
            NotAllowed: a rule forbids it now, or who scheduled it may do nothing any more.
            RateLimited, SetupError, StoreError: not now.
        """
        operation = load_catalog().by_name[OPERATION]
        passage = Passage(operation, Caller(grant=_GRANTS.validate_json(caller), host="session process"))
        party = Party(self._store.chat_facts(chat), str(chat))
        try:
            passage.caller.grant = self._grant_now(passage.caller.grant)
            self._gate.departs(passage, Call(operation, {}, chats=(party,), texts={"message": text}))
        except NotAllowed as error:
            self.ended(passage, error=error.code)
            raise
        return passage

    def ask_about_late(self, message_id: str, caller: str, chat: Jid, text: str, due_at: int) -> None:
        """Return when the owner agreed that it is sent though it is late.

        Raises:
            NotAllowed: the owner said no.
            ConfirmationNeeded: there is no answer yet; ``details.approval_code``.
        """
        name = self._store.display_name(chat)
        called = f"{chat} (“{clean(name, _NAME_LENGTH)}”)" if name else str(chat)
        due = local(from_ms(due_at)).isoformat(timespec="minutes")
        lines = (
            f"Send a scheduled message late: {called}",
            f"When: it was due {due}",
            f"message: {shown_text(text)}",
            "You are asked because it is later than a scheduled message may be.",
        )
        digest = hashlib.sha256(f"late {message_id}".encode()).hexdigest()
        question = Question(rule="late", text="\n".join(lines), digest=digest)
        self._gate.ask_later(question, _ANSWERED_WITHIN, _GRANTS.validate_json(caller).name)

    def undone(self, passage: Passage) -> None:
        """It certainly was not sent: it does not count."""
        self._gate.undone(passage)

    def ended(self, passage: Passage, *, message_id: str | None = None, error: str | None = None) -> None:
        """Write down what became of it."""
        passage.ids, passage.error = (message_id,) if message_id else (), error
        self._gate.ended(passage)

    def close(self) -> None:
        self._gate.close()
        self._store.close()

    def _grant_now(self, grant: Grant) -> Grant:
        """What a token gives now; of others, what they gave. No token has a colon in its name (see `server.oauth`)."""
        if grant.name == _OF_NO_TOKEN or ":" in grant.name:
            return grant
        for token, _ in self._tokens.tokens():
            if token.name == grant.name and token.lasts(now_ms()):
                return token.grant
        raise NotAllowed("the token with which it was scheduled is not valid any more", details={"rule": "token"})
