"""The gate that every call passes: access, taint, limits, confirmation; and what is written down of it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar

from anyio import CancelScope

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import ConfirmationNeeded, NotAllowed, SetupError
from whatsapp_mcp.policy.audit import AuditDecision, AuditLog, AuditRecord
from whatsapp_mcp.policy.book import PolicyBook
from whatsapp_mcp.policy.call import Call
from whatsapp_mcp.policy.caller import Caller, Consent, Grant, Question
from whatsapp_mcp.policy.chats import ChatList
from whatsapp_mcp.policy.decision import Reason, Seen, reasons
from whatsapp_mcp.policy.file import PolicyFile
from whatsapp_mcp.policy.limits import LimitKind, RateLimit, Reservation, Uses, windows
from whatsapp_mcp.policy.passage import Passage
from whatsapp_mcp.policy.rules import Rules
from whatsapp_mcp.policy.scopes import allowed_by_scope, allowed_by_toolsets
from whatsapp_mcp.postgres import beside_loop
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.untrusted_text import clean

R = TypeVar("R")
_QUOTED: Final = 1_500
"""Characters of a text that are shown in a question, the last ones among them."""
_END: Final = 300
_PEOPLE: Final = 20
"""So many are named in a question."""
_ALWAYS: Final = frozenset({"first_contact", "other_chat", "files"})
"""Rules whose question can be answered for all later calls to the same chat."""


class Gate:
    """Of one account. The same for all its servers: what has to be remembered lies in the policy book."""

    def __init__(self, file: PolicyFile, book: PolicyBook, audit: AuditLog) -> None:
        self._file = file
        self._book = book
        self._audit = audit
        self._let_in: tuple[Rules | None, Grant | None, set[str]] = (None, None, set())
        """Operations that these rules allow this caller: the same few are called again and again."""

    @classmethod
    def of(cls, settings: Settings) -> Gate:
        """The gate of an account."""
        file = PolicyFile(settings.policy_place, settings.policy)
        return cls(file, PolicyBook(settings.policy_book), AuditLog(settings.audit, lambda: file.as_seen.audit))

    def close(self) -> None:
        self._audit.close()
        self._book.close()

    async def beside_loop(self, work: Callable[[], R]) -> R:
        """Have something done here that asks the policy or its book, wherever they lie."""
        return await beside_loop(self._file.place, work)

    def enter(self, passage: Passage) -> Rules:
        """The call begins: the rules that hold for it, all through.

        Raises:
            NotAllowed: the rules, or what the caller was given, leave this operation out.
            SetupError: policy.toml cannot be read, and the operation changes something.
        """
        operation, grant = passage.operation, passage.caller.grant
        rules = self._file.to_change() if operation.touches.changes else self._file.rules
        known_rules, known_grant, let_in = self._let_in
        if rules is not known_rules or grant is not known_grant:
            let_in = set()
            self._let_in = rules, grant, let_in
        if operation.name not in let_in:
            self._check(passage, rules)
            let_in.add(operation.name)
        return rules

    @staticmethod
    def _check(passage: Passage, rules: Rules) -> None:
        operation, grant = passage.operation, passage.caller.grant
        if rules.read_only and operation.touches.changes:
            raise _refused(passage, "read_only", f"{operation.name} changes something, and this account is read-only")
        if not allowed_by_toolsets(operation, rules.toolsets):
            raise _refused(passage, "toolsets", f"{operation.name} is not among the toolsets of this account")
        if not allowed_by_scope(operation, grant.scope):
            why = f"{operation.name} is more than the scope {grant.scope!r} of {grant.name!r} allows"
            raise _refused(passage, "scope", why, where="the token's scope (`whatsapp-mcp token create`) or --scope")
        if not allowed_by_toolsets(operation, grant.toolsets):
            why = f"{operation.name} is not among the toolsets of {grant.name!r}"
            raise _refused(passage, "toolsets", why, where="the token's toolsets (`whatsapp-mcp token create`)")

    def ended(self, passage: Passage) -> None:
        """Write down what became of the call. The answer leaves after that where anything was changed, or was not let
        through; what only looked comes a moment later.
        """
        passage.seconds = time.perf_counter() - passage.began
        if passage.operation.touches.changes or passage.decision != AuditDecision.ALLOWED:
            self._audit.write(_record(passage))
        else:
            self._audit.write_soon(partial(_record, passage))

    @staticmethod
    def readable(rules: Rules, grant: Grant) -> ChatList | None:
        """Which chats may be read by this caller; None: all. Raises SetupError as :func:`_narrowed` does."""
        return _narrowed(rules.read.allow, rules.read.deny, grant)

    async def admit(self, passage: Passage, call: Call, rules: Rules, digest: Callable[[], Awaitable[str]]) -> None:
        """Let the call through, after limits and, where it has to be, the owner's yes.

        Raises:
            NotAllowed: a rule forbids it, or the owner said no.
            RateLimited: too much of this lately; ``details.retry_after_seconds``.
            ConfirmationNeeded: the owner has to approve it elsewhere.
        """
        passage.call = call
        self._check_chats(passage, call, rules)
        why = await self.beside_loop(partial(self._reasons, passage.caller, call, rules))
        if call.operation.touches.later is None:
            counted = partial(self._count, _uses(call), passage, rules)
            passage.reservation = await self.beside_loop(counted)
        try:
            if why:
                asked = await digest()
                await self._confirm(passage, call, rules, why, asked)
                if await digest() != asked:
                    raise _changed(passage)
        except BaseException:
            with CancelScope(shield=True):
                await self.beside_loop(partial(self.undone, passage))
            raise

    def departs(self, passage: Passage, call: Call) -> None:
        """What was let through for a later time is sent now: the rules and limits of this moment hold. What the owner
        was asked about it was answered then.

        Raises:
            NotAllowed, RateLimited, SetupError: it may not, or not now.
        """
        passage.call = call
        rules = self.enter(passage)
        self._check_chats(passage, call, rules)
        passage.reservation = self._count(_uses(call), passage, rules)

    def ask_later(self, question: Question, minutes: int, caller: str) -> None:
        """Return when the owner agreed, who is asked in a terminal or on the page, because no host is there to ask.

        Raises:
            NotAllowed: the owner said no.
            ConfirmationNeeded: there is no answer yet.
        """
        consent = self._book.take(question.digest, now_ms())
        if consent is Consent.NO:
            raise NotAllowed("the owner of the account said no to this", details={"rule": "confirmation"})
        if consent is None:
            code = self._book.ask(question, minutes, now_ms(), caller=caller)
            raise ConfirmationNeeded(
                "it is late, and the owner has to agree that it is sent",
                details={"rule": question.rule, "approval_code": code, "minutes": minutes},
            )

    def count_also(self, passage: Passage, rules: Rules, uses: Uses) -> None:
        """What shows on the way of a call; it counts, whatever becomes of the call. Raises RateLimited."""
        self._count(uses, passage, rules)

    def undone(self, passage: Passage) -> None:
        """The call certainly did nothing: it does not count."""
        if passage.reservation is not None:
            self._book.refund(passage.reservation)
            passage.reservation = None

    # -- access -------------------------------------------------------------------------------------------------------

    def _check_chats(self, passage: Passage, call: Call, rules: Rules) -> None:
        touches = call.operation.touches
        if not touches.changes:
            return  # what may not be read is not there for the handler
        writable = _narrowed(rules.send.allow, rules.send.deny, passage.caller.grant)
        if writable is None:
            return
        # Of a message that is sent, the chat counts; who is on a contact card hears nothing of it.
        about = call.parties if touches.act != "send" or not call.chats else call.chats
        for party in about:
            if not writable.allows(party.facts):
                where = f"in {party.jid}" if len(call.chats) > 1 else "there"
                why = f"nothing may be sent or changed {where}"
                raise _refused(passage, "send", why, where="[send] in policy.toml")

    # -- taint --------------------------------------------------------------------------------------------------------

    def _reasons(self, caller: Caller, call: Call, rules: Rules) -> tuple[Reason, ...]:
        conversation = caller.conversation
        hours = rules.taint_hours
        seen = Seen(conversation.read_within(hours), conversation.listed_within(hours))
        grant, chats = caller.grant.name, call.chats
        trust = ChatList.parse(rules.send.trusted)
        found = reasons(call, rules.ask, seen, trusted=bool(chats) and all(trust.allows(chat.facts) for chat in chats))
        if not chats or not all(reason.rule in _ALWAYS for reason in found):
            return found
        return tuple(
            reason for reason in found if not all(self._book.is_always(reason.rule, chat.jid, grant) for chat in chats)
        )

    # -- limits -------------------------------------------------------------------------------------------------------

    def _count(self, uses: Uses, passage: Passage, rules: Rules) -> Reservation | None:
        grant = passage.caller.grant
        if not uses:
            return None
        reserved = self._book.reserve(uses, windows(rules.limits, grant), now_ms(), caller=grant.name)
        if isinstance(reserved, RateLimit):
            passage.decision, passage.rule = AuditDecision.RATE_LIMITED, reserved.window.name
            raise reserved.error()
        return reserved

    # -- confirmation -------------------------------------------------------------------------------------------------

    async def _confirm(self, passage: Passage, call: Call, rules: Rules, why: tuple[Reason, ...], digest: str) -> None:
        grant, minutes = passage.caller.grant.name, rules.approval_minutes
        passage.rule = why[0].rule
        always = bool(call.chats) and all(reason.rule in _ALWAYS for reason in why)
        question = Question(
            rule=",".join(reason.rule for reason in why),
            text=question_text(call, why),
            digest=digest,
            can_be_always=always,
            seconds=rules.answer_within,
        )
        consent = await self.beside_loop(partial(self._book.take, digest, now_ms()))
        if consent is not None:
            passage.decision = AuditDecision.APPROVED
        else:
            passage.decision = AuditDecision.ASKED
            consent = await passage.caller.ask(question)
            given_for_good = consent is Consent.ALWAYS and always
            passage.decision = AuditDecision.ASKED_ALWAYS if given_for_good else AuditDecision.ASKED_YES
        if consent is Consent.ALWAYS and always:
            for reason in why:
                for chat in call.chats:
                    answered = partial(self._book.always, reason.rule, chat.jid, grant, now_ms())
                    await self.beside_loop(answered)
        elif consent is Consent.NO:
            passage.decision = AuditDecision.REFUSED
            raise NotAllowed(
                "the owner of the account said no to this",
                next_step="Do not try it again or in another way; ask the user what they want instead.",
                details={"rule": "confirmation"},
            )
        elif consent is Consent.CANNOT_ASK:
            passage.decision = AuditDecision.CONFIRMATION_NEEDED
            code = await self.beside_loop(partial(self._book.ask, question, minutes, now_ms(), caller=grant))
            raise ConfirmationNeeded(
                f"the owner has to agree first, because {'; '.join(reason.told for reason in why)}",
                details={"rule": question.rule, "approval_code": code, "minutes": minutes},
            )


def _record(passage: Passage) -> AuditRecord:
    call, caller = passage.call, passage.caller
    failed = passage.error is not None and passage.decision == AuditDecision.ALLOWED
    return AuditRecord(
        at=passage.at,
        host=caller.host,
        grant=caller.grant.name,
        transport=caller.transport,
        conversation=caller.conversation.number,
        operation=passage.operation.name,
        decision=AuditDecision.FAILED if failed else AuditDecision(passage.decision),
        duration_ms=passage.seconds * 1_000,
        chats=tuple(party.jid for party in call.parties) if call is not None else tuple(passage.heard),
        ids=passage.ids,
        rule=passage.rule,
        error=passage.error,
        bytes_in=passage.bytes_in,
        bytes_out=passage.bytes_out,
        body="\n".join(call.texts.values()) if call is not None and call.texts else None,
    )


def _refused(passage: Passage, rule: str, why: str, *, where: str = "policy.toml") -> NotAllowed:
    passage.decision, passage.rule = AuditDecision.REFUSED, rule
    return NotAllowed(
        f"{why} (rule {rule})",
        next_step=f"Tell the user; the owner of the account can change it: {where}.",
        details={"rule": rule},
    )


def _changed(passage: Passage) -> NotAllowed:
    passage.decision = AuditDecision.REFUSED
    return NotAllowed(
        "what would be sent was changed while the owner was asked about it",
        next_step="Call again: the owner is asked about what it holds now.",
        details={"rule": "confirmation"},
    )


def _narrowed(allow: tuple[str, ...], deny: tuple[str, ...], grant: Grant) -> ChatList | None:
    """Raises SetupError: another version of this server wrote the chats of the token; names the token."""
    everything = allow == ("*",) and not deny
    if grant.chats is None:
        return None if everything else ChatList.parse(allow, deny)
    try:
        chats = ChatList.parse(grant.chats)
    except SetupError as error:
        raise SetupError(
            f"the token {grant.name!r} is for chats that this version does not know: {error.message}",
            next_step=f"Make it again: `whatsapp-mcp token revoke {grant.name}`, then `whatsapp-mcp token create`. "
            f"{error.next_step}",
        ) from error
    return chats if everything else chats & ChatList.parse(allow, deny)


def _uses(call: Call) -> Uses:
    """What the call counts for."""
    act, uses = call.operation.touches.act, dict[LimitKind, int]()
    uses[LimitKind.FIRST_CONTACTS] = len(call.strangers)
    uses[LimitKind.GROUP_ADDITIONS] = len(call.added)
    if act == "send":
        uses[LimitKind.SENDS] = 1
        uses[LimitKind.MEDIA_BYTES] = sum(file.size for file in call.files)
    if act == "ask":
        uses[LimitKind.NUMBER_CHECKS] = sum(1 for party in call.parties if not party.facts.known)
    return {kind: count for kind, count in uses.items() if count}


def question_text(call: Call, why: tuple[Reason, ...]) -> str:
    """What the owner is asked: what would be done, to whom, with which text and file, and why it is asked."""
    lines = [f"{call.operation.title}{f': {call.chat.called}' if call.chat else ''}"]
    lines += [f"When: {call.when}"] if call.when is not None else []
    chats = call.chats if len(call.chats) > 1 else ()
    lines += [f"Chat: {party.called}" for party in chats[:_PEOPLE]]
    if len(chats) > _PEOPLE:
        lines.append(f"And {len(chats) - _PEOPLE} chats more")
    about = call.arguments.get(call.operation.touches.message or "")
    if isinstance(about, list) and len(about) > 1:
        lines.append(f"{len(about)} messages")
    people = (*call.people, *call.added)
    lines += [f"Person: {party.called}" for party in people[:_PEOPLE]]
    if len(people) > _PEOPLE:
        lines.append(f"And {len(people) - _PEOPLE} people more")
    lines += [f"{name}: {shown_text(text)}" for name, text in call.texts.items()]
    lines += [f"File: {file.called} ({file.size:,} bytes)" for file in call.files]
    lines += [f"Link: {shown_text(link)}" for link in call.links]
    lines.append(f"You are asked because {'; '.join(reason.why for reason in why)}.")
    return "\n".join(lines)


def shown_text(text: str) -> str:
    """As much of a text as a person reads, with its end, and how long it is: nothing hides behind a long beginning."""
    plain = " ".join(clean(text, len(text)).split())
    if len(plain) <= _QUOTED:
        return f"“{plain}”"
    return f"“{plain[: _QUOTED - _END]} […] {plain[-_END:]}” ({len(plain):,} characters, of which some are left out)"
