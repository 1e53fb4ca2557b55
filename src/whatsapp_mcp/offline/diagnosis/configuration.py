"""Checks of what was configured: the environment, the selection of tools, endpoint, token."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import ValidationError
from pydantic_core import PydanticUndefined

from whatsapp_mcp.catalog import CatalogError, SelectionError, load_catalog, select
from whatsapp_mcp.catalog.near_miss import near_miss
from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.documents import is_there
from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.errors import SetupError, StoreError
from whatsapp_mcp.offline.diagnosis.checks import Check, ok, problem, warning
from whatsapp_mcp.offline.webhooks import list_webhooks
from whatsapp_mcp.platform.system import HAS_SIMULATOR
from whatsapp_mcp.policy.book import PolicyBook
from whatsapp_mcp.policy.book_file import fault_of
from whatsapp_mcp.policy.file import PolicyFile
from whatsapp_mcp.policy.tokens import tokens_in
from whatsapp_mcp.settings import PREFIX, Settings
from whatsapp_mcp.token_file import read_token
from whatsapp_mcp.whereabouts import PostgresSchema

_CONNECT_TIMEOUT: Final = 2.0


def read_settings(given: Mapping[str, Any]) -> tuple[Settings, list[Check]]:
    """Settings from the environment and ``given``, and what is wrong with them; a wrong value counts as its default."""
    replaced: dict[str, Any] = {}
    found: list[Check] = []
    while True:
        try:
            settings = Settings(**{**replaced, **given})
            break
        except ValidationError as error:
            wrong = {str(item["loc"][0]): item["msg"] for item in error.errors() if item["loc"]}
            if not wrong.keys() - replaced.keys():
                raise
            for name, message in wrong.items():
                found.append(
                    problem("settings", f"{_variable(name)}: {message}", f"Correct or unset {_variable(name)}.")
                )
                replaced[name] = _default(name)
    return settings, found


def _default(name: str) -> Any:
    field = Settings.model_fields[name]
    value = field.get_default(call_default_factory=True, validated_data={})
    return None if value is PydanticUndefined else value


def _variable(field: str) -> str:
    return f"{PREFIX}{field.upper()}"


def check_variables(names: Iterable[str]) -> Iterator[Check]:
    """Variables of the environment that look like ours and are not: most are typing errors, and have no effect."""
    fields = tuple(Settings.model_fields)
    for name in sorted(names):
        upper = name.upper()
        if upper.startswith(PREFIX.rstrip("_")):
            rest = upper.removeprefix(PREFIX.rstrip("_")).lstrip("_").lower()
            if upper == _variable(rest) and rest in fields:
                continue
            meant = near_miss(rest, fields)
            if meant:
                hint = f"Did you mean {_variable(meant)}? Rename or unset it."
                yield problem("settings", f"{name} is no setting and has no effect", hint)
            else:
                yield warning("settings", f"{name} is no setting and has no effect", "Unset it.")
        elif upper.startswith("WHATSAPP_") and upper.removeprefix("WHATSAPP_").lower() in fields:
            meant = upper.removeprefix("WHATSAPP_").lower()
            yield warning(
                "settings", f"{name} is not a setting of this server", f"If meant for it: {_variable(meant)}."
            )


def check_tools(settings: Settings) -> Check:
    try:
        catalog = load_catalog()
        chosen = select(catalog, settings.toolsets, read_only=settings.read_only)
    except SelectionError as error:
        return problem("tools", f"{_variable('toolsets')}: {error.message}", error.next_step)
    except CatalogError as error:
        return problem("tools", error.message, error.next_step)
    mode = ", read-only" if settings.read_only else ""
    return ok("tools", f"{len(chosen.operations)} of {len(catalog.operations)} operations selected{mode}")


def check_endpoint(settings: Settings) -> Check:
    if settings.endpoint is None:
        if settings.require_endpoint:
            return problem(
                "endpoint",
                f"{_variable('require_endpoint')} is set without an endpoint: the session will not start",
                f"Set {_variable('endpoint')}, or unset {_variable('require_endpoint')} to use the real WhatsApp.",
            )
        return ok("endpoint", "none: the real WhatsApp")
    try:
        endpoint = Endpoint.read(settings.endpoint)
    except SetupError as error:
        return problem("endpoint", error.message, error.next_step)
    if not HAS_SIMULATOR:
        return problem("endpoint", "the simulator works on Linux only", f"Unset {_variable('endpoint')}.")
    if not Path(endpoint.ca_file).is_file():
        return problem("endpoint", f"its certificate file {endpoint.ca_file} is missing", _restart_simulator(settings))
    address = urlsplit(endpoint.proxy)
    try:
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=_CONNECT_TIMEOUT):
            return ok("endpoint", f"a simulator listens at {endpoint.proxy}, used instead of WhatsApp")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return problem("endpoint", f"nothing answers at {endpoint.proxy}: {reason}", _restart_simulator(settings))


def _restart_simulator(settings: Settings) -> str:
    return (
        f"Start the simulator again (`whatsapp-mcp simulate --endpoint {settings.endpoint}`), "
        f"or unset {_variable('endpoint')} to use the real WhatsApp."
    )


def check_token(path: Path) -> Check:
    """The bearer token of `whatsapp-mcp serve`. Never shows it."""
    try:
        read_token(path)
    except FileNotFoundError:
        return ok("http-token", "none yet; `serve` makes one")
    except OSError as error:
        return problem("http-token", f"{path} cannot be read: {error.strerror}", "Make it readable for this user.")
    except SetupError as error:
        return problem("http-token", f"{error.message}; `serve` refuses to start", error.next_step)
    return ok("http-token", f"{path}, closed to others")


def check_tokens(settings: Settings) -> Check | None:
    """The tokens of `whatsapp-mcp token create`, if there are any. `check_token` says what is wrong with the other."""
    path = settings.tokens_place
    try:
        if not is_there(path):
            return None
        found = tokens_in(path)
    except (SetupError, StoreError) as error:
        return problem("http-tokens", f"{error.message}; none of them opens anything", error.next_step)
    expired = sum(not token.lasts(now_ms()) for token in found)
    return ok("http-tokens", f"{path}, closed to others: {len(found)}, of which {expired} expired")


def check_webhooks(settings: Settings) -> Iterator[Check]:
    """The receivers of events, if there are any."""
    path = settings.webhooks_place
    try:
        if not is_there(path):
            return
        found = list_webhooks(settings)
    except (SetupError, StoreError) as error:
        yield problem("webhooks", f"{error.message}; nothing is delivered", error.next_step)
        return
    for one in found:
        if one.state == "stopped":
            again = f"When it answers, `whatsapp-mcp webhook test {one.name}`, then `… resume {one.name}`."
            yield problem("webhooks", f"{one.name} is stopped: {one.error}", again)
        elif one.state == "failing":
            yield warning("webhooks", f"{one.name} fails since {one.failing_since}: {one.error}", "Look after it.")
    failing = sum(one.state != "ok" for one in found)
    if not failing:
        yield ok("webhooks", f"{len(found)}, closed to others: {path}")


def check_policy(settings: Settings) -> Iterator[Check]:
    """What may be done with the account: policy.toml, and the book of limits and approvals."""
    policy = PolicyFile(settings.policy_place, settings.policy)
    if (wrong := policy.problem) is not None:
        yield problem("policy", wrong.message, wrong.next_step)
    else:
        source = policy.place if policy.is_written else "no policy.toml"
        said = f"preset {policy.rules.preset}, {source}"
        if policy.rules.preset == "open":
            yield warning(
                "policy",
                f"{said}: whoever writes to this account can have the model do everything",
                'Set preset = "careful" in policy.toml (`whatsapp-mcp policy init` writes one).',
            )
        else:
            yield ok("policy", said)
    if not isinstance(settings.policy_place, Path) and settings.policy_path.exists():
        yield warning(
            "policy",
            f"{settings.policy_path} has no effect: the policy is {settings.policy_place}",
            f"`whatsapp-mcp policy use {settings.policy_path}`, then delete the file.",
        )
    if isinstance(where := settings.policy_book, PostgresSchema):
        try:
            PolicyBook(where).standing()
        except StoreError as error:
            yield problem("policy", error.message, error.next_step)
    elif (fault := fault_of(where)) is not None:
        path = settings.policy_book_path
        yield problem(
            "policy",
            f"{fault}; what is limited or has to be approved is refused",
            f"Close all MCP hosts and move {path} away, with {path.name}-wal and {path.name}-shm: standing answers and "
            "what was counted are lost.",
        )
