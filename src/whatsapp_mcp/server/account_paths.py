"""One server for each account over HTTP, at a path of its own, started when it is first used."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from typing import Any, Final, Protocol

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup
from mcp.server.lowlevel import Server
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from whatsapp_mcp.account_names import account_name
from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.log_lines import about
from whatsapp_mcp.server.auth import grant_of_request
from whatsapp_mcp.server.health import WatchedAccounts
from whatsapp_mcp.server.sessions import AccountSessions

logger = logging.getLogger(__name__)

_INVALID_REQUEST: Final = -32600
_INTERNAL_ERROR: Final = -32603


class ServedAccounts(WatchedAccounts, Protocol):
    """Which accounts there are, and the server of each."""

    def unasked(self) -> Sequence[str]:
        """Accounts that are started without a request for them."""
        ...

    def find(self, name: str) -> Hashable | None:
        """What tells the account from a later one of the same name; None when there is no such account. Cheap."""
        ...

    def build(self, name: str) -> Server[Any]:
        """Raises WhatsAppMcpError."""
        ...

    def serving(self, begin: Callable[[str], bool]) -> AbstractAsyncContextManager[None]:
        """While inside, accounts may be begun with that nobody asked for here."""
        ...

    def close(self) -> None:
        """After the last server has ended."""
        ...


class _Running:
    """The server of one account, from its first request on."""

    def __init__(self) -> None:
        self.ready = anyio.Event()
        self.stop = anyio.Event()
        self.sessions: AccountSessions | None = None
        self.failure = "this account cannot be served; the server's log says why"
        self.identity: Hashable | None = None


class AccountPaths:
    """The ASGI application at ``/mcp`` and ``/mcp/{account}``; stands behind the check of the token.

    Until a request has passed the checks of Host and Origin as well, no account is looked up, and none started.
    """

    def __init__(
        self,
        accounts: ServedAccounts,
        security: TransportSecuritySettings,
        sessions: Callable[[Server[Any]], AccountSessions],
    ) -> None:
        self._accounts = accounts
        self._guard = TransportSecurityMiddleware(security)
        self._sessions = sessions
        self._running: dict[str, _Running] = {}
        self._tasks: TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While inside, accounts can be used; on leaving, the servers of all that were end, side by side."""
        with closing(self._accounts):
            async with anyio.create_task_group() as self._tasks:
                async with self._accounts.serving(lambda name: self._find(name) is not None):
                    for name in await anyio.to_thread.run_sync(self._accounts.unasked):
                        self._find(name)
                    yield
                for account in self._running.values():
                    account.stop.set()

    @property
    def accounts(self) -> WatchedAccounts:
        return self._accounts

    @property
    def open_sessions(self) -> list[AccountSessions]:
        """Of the accounts that run."""
        return [account.sessions for account in self._running.values() if account.sessions is not None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._guard.validate_request(Request(scope), is_post=scope["method"] == "POST")
        if response is not None:
            await response(scope, receive, send)
            return
        given = scope["path_params"].get("account")
        try:
            name = account_name(given) if given is not None else self._accounts.at_mcp
        except ValueError as error:
            await _refusal(404, f"there is no such account: {error.args[0]}.")(scope, receive, send)
            return
        accounts = grant_of_request(scope).accounts
        if accounts is not None and name not in accounts:  # whether there is such an account is not told
            await _refusal(403, f"this token may not use the account {name!r}.")(scope, receive, send)
            return
        account = self._find(name)
        if account is None:
            missing = f"there is no account {name!r} here. `whatsapp-mcp accounts add {name}` makes it."
            await _refusal(404, missing)(scope, receive, send)
            return
        await account.ready.wait()
        if account.sessions is None:
            await _refusal(503, account.failure)(scope, receive, send)
            return
        await account.sessions.handle_request(scope, receive, send)

    def _find(self, name: str) -> _Running | None:
        """The running account of this name, started if it was not; None if there is none."""
        identity, running = self._accounts.find(name), self._running.get(name)
        if running is not None and running.ready.is_set() and running.identity != identity:
            # It was removed or renamed, and perhaps made anew: what is open belongs to the former one.
            running.stop.set()
            del self._running[name]
            running = None
        if identity is None:
            return None
        if running is None:
            assert self._tasks is not None, "requests come while it runs"
            running = self._running[name] = _Running()
            with about(account=name):
                self._tasks.start_soon(self._run, name, running, name=f"account {name}")
        return running

    async def _run(self, name: str, running: _Running) -> None:
        """Serve one account until it is told to stop. What fails here fails for this account alone."""
        try:
            sessions = self._sessions(self._accounts.build(name))
            running.identity = self._accounts.find(name)  # building makes the folder
            async with sessions.run():
                running.sessions = sessions
                running.ready.set()
                await running.stop.wait()
        except WhatsAppMcpError as error:
            running.failure = f"{error.message}. {error.next_step}"
        except Exception:
            logger.exception("the server of account %r ended unexpectedly", name)
        finally:
            running.sessions = None
            running.ready.set()
            if self._running.get(name) is running:
                del self._running[name]  # the next request tries again


def _refusal(status: int, message: str) -> JSONResponse:
    """A JSON-RPC error, as the SDK answers a session that it does not know."""
    code = _INVALID_REQUEST if status < 500 else _INTERNAL_ERROR
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}, status_code=status)
