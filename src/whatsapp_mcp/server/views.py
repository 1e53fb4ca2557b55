"""Views: pages that hosts show beside a tool's result (MCP Apps, ``ui://``), and one of them `serve` by itself.

Each is one document with its style and its scripts in it, and asks nothing of any network: a view in a host speaks with
the host alone, a page of `serve` with that server alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

_TITLES: Final[Mapping[str, str]] = {"pairing": "Link WhatsApp", "conversation": "Conversation"}


def view_html(view: str) -> str:
    """The document, for a host."""
    return _document(view, "")


def view_page(view: str, *, url: str, token: str) -> str:
    """The document, for a browser: its scripts call tools at ``url`` with this bearer token."""
    here = json.dumps({"url": url, "token": token}).replace("<", "\\u003c")
    return _document(view, f'<script type="application/json" id="here">{here}</script>')


def page_policy(view: str) -> str:
    """Content-Security-Policy of the page."""
    return (
        f"default-src 'none'; script-src {_hash(_script(view))}; style-src {_hash(_file('view.css'))}; "
        "img-src data:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )


def _document(view: str, data: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_TITLES[view]}</title><style>{_file('view.css')}</style></head>"
        f"<body><main>{_file(f'{view}.html')}</main>{data}<script>{_script(view)}</script></body></html>"
    )


def _script(view: str) -> str:
    return f"{_file('view.js')}\n{_file(f'{view}.js')}"


@cache
def _file(name: str) -> str:
    return files(__package__).joinpath("view_files", name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
