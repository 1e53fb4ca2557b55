"""Putting a question to the person behind a host: elicitation, in both generations of the protocol."""

from __future__ import annotations

import secrets
import time
from typing import Any, Final

import anyio
import mcp.types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError, NoBackChannelError

from whatsapp_mcp.policy.caller import Asking, Consent, Question
from whatsapp_mcp.waiting import waits_for

ROUNDS_SINCE: Final = "2026-07-28"
"""Since this revision a server answers a call with the question, and the host repeats the call with the answer."""

_KEY: Final = "confirmation"
_FIELD: Final = "answer"
_MOST_OPEN: Final = 1_000


class InputAsked(Exception):
    """What is asked goes out as the result of the call; the answer comes with the same call again."""

    def __init__(self, requests: types.InputRequests, state: str | None = None) -> None:
        super().__init__("asked first")
        self._requests = requests
        self._state = state

    def result(self) -> types.InputRequiredResult:
        return types.InputRequiredResult(input_requests=self._requests, request_state=self._state)


class AskedFirst(InputAsked):
    """A question to the owner."""

    def __init__(self, question: Question, state: str) -> None:
        super().__init__({_KEY: types.ElicitRequest(params=_form(question))}, state)


class Questions:
    """The questions of one server that went out as results and are not answered yet."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, float]] = {}
        """State that comes back with the answer -> digest of the call that it is about, and until when."""

    def asking(self, ctx: ServerRequestContext[Any], params: types.CallToolRequestParams) -> Asking:
        """How the person behind this call is asked. What a host cannot show is not asked: nobody has agreed then."""

        async def ask(question: Question) -> Consent:
            capabilities = ctx.session.client_capabilities
            shown = capabilities.elicitation if capabilities is not None else None
            if shown is None or (shown.form is None and shown.url is not None):
                return Consent.CANNOT_ASK
            if ctx.protocol_version >= ROUNDS_SINCE:
                return self._answered(params, question)
            try:
                with anyio.fail_after(question.seconds), waits_for("the owner to answer a question"):
                    form = _form(question)
                    answer = await ctx.session.elicit_form(form.message, form.requested_schema, ctx.request_id)
            except (TimeoutError, NoBackChannelError, MCPError):
                return Consent.CANNOT_ASK
            return _consent(answer)

        return ask

    def _answered(self, params: types.CallToolRequestParams, question: Question) -> Consent:
        """The answer that came with the repeated call. Good once, in time, and for exactly the call that was asked
        about; raises AskedFirst when there is none."""
        given = (params.input_responses or {}).get(_KEY)
        digest, until = self._open.pop(params.request_state or "", ("", 0.0))
        if given is None or digest != question.digest or time.monotonic() > until:
            raise AskedFirst(question, self._noted(question))
        return _consent(given) if isinstance(given, types.ElicitResult) else Consent.NO

    def _noted(self, question: Question) -> str:
        while len(self._open) >= _MOST_OPEN:
            del self._open[next(iter(self._open))]
        state = secrets.token_urlsafe(32)
        self._open[state] = question.digest, time.monotonic() + question.seconds
        return state


def _form(question: Question) -> types.ElicitRequestFormParams:
    choices = {"yes": "Yes, once", "always": "Yes, and always for this chat", "no": "No"}
    if not question.can_be_always:
        del choices["always"]
    answer = {
        "type": "string",
        "title": "Allow it?",
        "enum": list(choices),
        "enumNames": list(choices.values()),
        "default": "yes",
    }
    schema = {"type": "object", "properties": {_FIELD: answer}}
    return types.ElicitRequestFormParams(message=question.text, requested_schema=schema)


def _consent(answer: types.ElicitResult) -> Consent:
    """To accept is to agree; what is chosen in the form can only make it more or less."""
    if answer.action != "accept":
        return Consent.NO
    chosen = (answer.content or {}).get(_FIELD, "yes")
    return {"yes": Consent.YES, "always": Consent.ALWAYS}.get(str(chosen), Consent.NO)
