"""What is offered to whom: operations, by what the server was started with, the account's policy and the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mcp.server.context import ServerRequestContext

from whatsapp_mcp.catalog import Operation, load_catalog
from whatsapp_mcp.policy.scopes import allowed_by_rules, is_granted
from whatsapp_mcp.postgres import beside_loop
from whatsapp_mcp.server.callers import Callers
from whatsapp_mcp.settings import Settings

if TYPE_CHECKING:
    from whatsapp_mcp.policy.caller import Grant
    from whatsapp_mcp.policy.file import PolicyFile
    from whatsapp_mcp.policy.rules import Rules


_ASKED_AS: Final = {"account": "account", "delete": "deletes", "group": "groups"}
"""Act -> field of `Ask`."""


class Offer:
    """Of one server. It only says what is listed: the gate decides again at every call."""

    def __init__(self, operations: Sequence[Operation], callers: Callers, settings: Settings) -> None:
        self.tools = {operation.name: operation for operation in operations}
        """By name, in their order."""
        self._callers = callers
        self._settings = settings
        self._policy: PolicyFile | None = None
        self._named: tuple[Grant | None, Rules | None, frozenset[str]] = (None, None, frozenset())
        """For whom it was asked last: the answer to the same caller is the same until the policy is another one."""

    def has_tool(self, names: Iterable[str]) -> bool:
        """Whether one of these is a tool of this server, whoever asks."""
        return any(name in self.tools for name in names)

    def operation(self, name: str) -> Operation:
        """Any of the catalogue: what a resource shows need not be a tool here."""
        return self.tools.get(name) or self._catalog[name]

    def listed(self, ctx: ServerRequestContext[Any]) -> Callable[[Operation], bool]:
        """Whether this caller can have an operation at all."""
        grant, rules = self._callers.grant(ctx), self.rules()

        def lists(operation: Operation) -> bool:
            return is_granted(operation, grant) and (rules is None or allowed_by_rules(operation, rules))

        return lists

    def names(self, ctx: ServerRequestContext[Any]) -> frozenset[str]:
        """Of the tools that this caller can have at all."""
        grant, rules = self._callers.grant(ctx), self.rules()
        known_grant, known_rules, names = self._named
        if grant is not known_grant or rules is not known_rules:
            listed = self.listed(ctx)
            names = frozenset(name for name, operation in self.tools.items() if listed(operation))
            self._named = grant, rules, names
        return names

    def allowed(self) -> Callable[[Operation], bool]:
        """Whether the account has an operation at all, whoever asks."""
        rules = self.rules()
        return lambda operation: rules is None or allowed_by_rules(operation, rules)

    def asked(self, names: Iterable[str]) -> frozenset[str]:
        """Those of these tools about which the owner wants to be asked."""
        rules = self.rules()
        if rules is None:  # a preset alone, which asks about everything or about nothing
            return frozenset() if self._settings.policy == "open" else frozenset(names)
        found = ((name, self.tools.get(name)) for name in names)
        return frozenset(
            name
            for name, tool in found
            if tool is not None and getattr(rules.ask, _ASKED_AS[tool.touches.act], "always") != "never"
        )

    def rules(self) -> Rules | None:
        """Those of the account, as far as they can leave operations out; None: they leave none out.

        Most accounts have no file: their list is not worth the import of what reads it.
        """
        settings = self._settings
        if self._policy is None:
            place = settings.policy_place
            if settings.policy != "read-only" and isinstance(place, Path) and not place.exists():
                return None
            from whatsapp_mcp.policy.file import PolicyFile

            self._policy = PolicyFile(settings.policy_place, settings.policy)
        return self._policy.rules if isinstance(self._policy.place, Path) else self._policy.as_seen

    async def look(self, *, again: bool = True) -> None:
        """See what the policy says now, where it is not at hand; ``again``: also where it was looked at before."""
        place = self._settings.policy_place
        if isinstance(place, Path) or not (again or self._policy is None):
            return
        self.rules()
        if (policy := self._policy) is not None:
            await beside_loop(place, lambda: policy.rules)

    @property
    def policy_is_wrong(self) -> bool:
        """As far as its file was looked at."""
        if self._policy is None:
            return False
        at_hand = isinstance(self._policy.place, Path)
        return (self._policy.problem if at_hand else self._policy.problem_as_seen) is not None

    @cached_property
    def _catalog(self) -> dict[str, Operation]:
        return load_catalog().by_name
