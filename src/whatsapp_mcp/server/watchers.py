"""Who may see how the accounts do: who has a token, and a program on this machine that asks the server itself."""

from __future__ import annotations

from typing import Final

from mcp.server.auth.middleware.bearer_auth import RequireAuthMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from whatsapp_mcp.policy.caller import Grant
from whatsapp_mcp.server.auth import HttpAccess, grant_of_request
from whatsapp_mcp.server.listening import is_loopback

_NOT_FROM_HERE: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via", "authorization")
"""What proxies add; and a token that is not good is no reason to be let in without one."""
_HERE: Final = Grant(name="this machine", scope="read")


class Watchers:
    """Tells them from all others.

    Args:
        access: whose tokens are good.
        trusts_here: whether a program on this machine needs none. Not where a proxy may stand in front, behind which
            everybody has an address of this machine.
    """

    def __init__(self, access: HttpAccess, *, trusts_here: bool) -> None:
        self._access = access
        self._trusts_here = trusts_here

    def grant(self, request: Request) -> Grant | None:
        """What who asks may see; None: nothing."""
        if self._access.required_scope in request.auth.scopes:
            return grant_of_request(request.scope)
        return _HERE if self._trusts_here and _is_from_here(request) else None

    @property
    def refusal(self) -> ASGIApp:
        """What everybody else is answered, here as at every other path."""
        return RequireAuthMiddleware(_nothing, [self._access.required_scope], self._access.metadata)


async def _nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Nobody comes here."""


def _is_from_here(request: Request) -> bool:
    """By the address it comes from, and the name under which it looks for us: a page of another site can have the
    browser ask, but under its own name."""
    client, host = request.client, request.url.hostname
    named = client is not None and is_loopback(client.host) and host is not None and is_loopback(host)
    return named and not any(header in request.headers for header in _NOT_FROM_HERE)
