"""The local page as HTML: no scripts, nothing from elsewhere; all text of others cleaned and escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final, NamedTuple

from whatsapp_mcp.clock import from_ms, local
from whatsapp_mcp.policy.book import PendingApproval
from whatsapp_mcp.untrusted_text import clean_text

_STYLE: Final = """
:root { color-scheme: light dark; --line: #d5d9de; --soft: #5b6470; --card: #fff; --back: #f3f4f6; --text: #15191e;
  --yes: #0b6b4f; --no: #a32020; }
@media (prefers-color-scheme: dark) { :root { --line: #363d46; --soft: #a3adb8; --card: #1d2228; --back: #14181c;
  --text: #e8ebee; --yes: #157a5d; --no: #b23a3a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 42rem; margin: 0 auto; padding: 1.25rem 1rem 3rem; }
h1 { font-size: 1.3rem; margin: 0 0 .25rem; }
h2 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
p { margin: 0 0 .75rem; }
.soft { color: var(--soft); font-size: .875rem; }
article { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1rem;
  margin: 0 0 1rem; }
pre { font: inherit; white-space: pre-wrap; unicode-bidi: plaintext; overflow-wrap: anywhere; margin: .5rem 0 .75rem; }
code { font: 600 1rem/1 ui-monospace, monospace; letter-spacing: .03em; }
form { display: flex; flex-wrap: wrap; gap: .5rem; margin: 0; }
button, a.button { font: inherit; font-weight: 600; color: #fff; background: var(--yes); border: 1px solid transparent;
  border-radius: .5rem; padding: .5rem .9rem; min-height: 2.75rem; cursor: pointer; text-decoration: none; }
a.button { display: inline-block; }
button.plain, a.button { background: transparent; color: inherit; border-color: var(--line); }
button.no { background: transparent; color: var(--text); border-color: var(--no); margin-left: auto; }
button:focus-visible, a:focus-visible { outline: 3px solid #4c8dff; outline-offset: 2px; }
"""
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of the page."""


class AccountQuestions(NamedTuple):
    """What waits for the owner of one account."""

    account: str
    questions: Sequence[PendingApproval]
    problem: str | None = None


def questions_page(accounts: Sequence[AccountQuestions], csrf: str, *, said: str = "") -> str:
    """What waits, a form for each question. ``said``: what came of the answer before."""
    shown = [one for one in accounts if one.questions or one.problem]
    parts = [f'<p role="status"><strong>{escape(said)}</strong></p>'] if said else []
    if not shown:
        parts.append(
            "<article><p>Nothing waits for an answer.</p>"
            '<p class="soft">A question stands here as soon as a program has asked.</p></article>'
        )
    for one in shown:
        if len(accounts) > 1:
            parts.append(f"<h2>Account {escape(one.account)}</h2>")
        if one.problem is not None:
            parts.append(f"<article><p>{_text(one.problem)}</p></article>")
        parts += [_article(one.account, question, csrf) for question in one.questions]
    parts.append('<p><a class="button" href="/approve">Look again</a></p>')
    return _page("What waits for your answer", "A model wants to do this with your WhatsApp account.", parts)


def message_page(title: str, text: str) -> str:
    return _page(title, text, ())


def _article(account: str, question: PendingApproval, csrf: str) -> str:
    buttons = ['<button name="answer" value="once">Allow once</button>']
    if question.can_be_always:
        buttons.append('<button class="plain" name="answer" value="always">Always for this chat</button>')
    buttons.append('<button class="no" name="answer" value="refuse">Refuse</button>')
    hidden = {"csrf": csrf, "account": account, "code": question.code}
    fields = "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in hidden.items())
    return (
        f"<article><code>{escape(question.code)}</code>"
        f"<pre>{_text(question.text)}</pre>"
        f'<p class="soft">Asked {_time(question.asked_at)} by {_text(question.caller)}; until '
        f"{_time(question.expires_at)}. Rule: {_text(question.rule.replace(',', ', '))}</p>"
        f'<form method="post" action="/approve">{fields}{"".join(buttons)}</form></article>'
    )


def _text(text: str) -> str:
    return escape(clean_text(text))


def _time(milliseconds: int) -> str:
    return f"{local(from_ms(milliseconds)):%H:%M:%S}"


def _page(title: str, under: str, parts: Iterable[str]) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f'<body><main><h1>{escape(title)}</h1><p class="soft">{escape(under)}</p>{"".join(parts)}</main></body></html>'
    )
