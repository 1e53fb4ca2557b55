"""What the commands share: where the data is, and settings from options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from whatsapp_mcp.account_folder import check_account
from whatsapp_mcp.cli.saying import JSON_WANTED
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

data_dir_option = click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Folder of all accounts: sessions, messages and media."
)


def place_options(command: F) -> F:
    """``--data-dir`` and ``--account``: which folder a command is about."""
    account = click.option("--account", metavar="NAME", help="One of the accounts that `whatsapp-mcp accounts` lists.")
    return data_dir_option(account(command))


def _json_option(help_text: str) -> Callable[[F], F]:
    def noted(context: click.Context, parameter: click.Parameter, given: bool) -> bool:
        wanted: bool = given or context.meta.get(JSON_WANTED, False)  # given to the group, it is for the command too
        context.meta[JSON_WANTED] = wanted
        return wanted

    return click.option("--json", "as_json", is_flag=True, help=help_text, callback=noted)


json_option = _json_option("Print JSON.")
json_lines_option = _json_option("Print JSON lines.")


def read_settings(options: Mapping[str, Any]) -> Settings:
    """Settings from the environment, overridden by the options that were given.

    Raises:
        SetupError: a value is wrong.
    """
    from pydantic import ValidationError

    given = {name: value for name, value in options.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        problem = error.errors()[0]
        name = ".".join(str(part) for part in problem["loc"])
        said = problem["msg"].removeprefix("Value error, ")
        raise SetupError(f"setting {name} (WHATSAPP_MCP_{name.upper()}): {said}") from error


def settings_of(data_dir: Path | None, account: str | None) -> Settings:
    """Settings of an account that there is.

    Raises:
        SetupError: a value is wrong, or there is no such account.
    """
    settings = read_settings({"data_dir": data_dir, "account": account})
    check_account(settings.account_dir)
    return settings
