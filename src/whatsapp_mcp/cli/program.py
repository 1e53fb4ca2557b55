"""The program: which commands there are, each in the module of its family, loaded when it is named."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, Final, NoReturn

import click

from whatsapp_mcp import __version__
from whatsapp_mcp.cli.exits import explained, run, whole_output

_MODULES: Final[Mapping[str, tuple[str, ...]]] = {
    "linking": ("login", "logout", "reconnect"),
    "reading": ("chats", "read", "search", "contacts", "groups"),
    "writing": ("send", "schedule"),
    "watching": ("watch", "wait"),
    "media": ("media",),
    "serving": ("stdio", "serve"),
    "hosts": ("install",),
    "verify": ("verify",),
    "commands": ("status", "doctor", "export", "reindex", "simulate", "demo"),
    "keeping": ("backup", "restore", "vacuum"),
    "accounts": ("accounts",),
    "policies": ("policy",),
    "approvals": ("approve",),
    "audit": ("audit",),
    "tokens": ("token",),
    "webhooks": ("webhook",),
    "nodes": ("node",),
    "upgrades": ("upgrade-check",),
    "completion": ("completion",),
}
"""Module -> its commands, in the order in which help lists them."""

_NARROW: Final = 52
"""Columns below which click's help would be wider than the terminal."""

_SENTENCE: Final = 200
"""Characters of a command's first sentence, at the most."""


class _Help(click.HelpFormatter):
    """Leaves half of a narrow terminal to what is said of a command or option."""

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        super().write_dl(rows, min(col_max, self.width // 2), col_spacing)


class _Context(click.Context):
    formatter_class = _Help


class _Program(click.Group):
    """Loads a command when it is asked for, and ends as `exits` says."""

    context_class = _Context

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for names in _MODULES.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands:
            for module, names in _MODULES.items():
                if cmd_name in names:
                    command = getattr(import_module(f"whatsapp_mcp.cli.{module}"), cmd_name.replace("-", "_"))
                    for one in (command, *getattr(command, "commands", {}).values()):
                        one.context_class = _Context
                    self.commands[cmd_name] = command
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The whole first sentence of each, where click would cut it to one line."""
        rows = [(name, command.get_short_help_str(limit=_SENTENCE)) for name, command in self.all().items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            meant = get_close_matches(args[0], self.list_commands(ctx), n=1)
            if not meant:
                raise
            said = f"{error.format_message().rstrip('.')}. Did you mean {meant[0]!r}?"
            raise click.UsageError(said, ctx) from error

    def all(self) -> dict[str, click.Command]:
        """Every command by its name."""
        context = click.Context(self)
        found = ((name, self.get_command(context, name)) for name in self.list_commands(context))
        return {name: command for name, command in found if command is not None}

    def invoke(self, ctx: click.Context) -> Any:
        if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
            ctx.color = False
        with explained(), whole_output():  # before click, which would end a broken pipe as a failure
            return super().invoke(ctx)

    def main(self, *arguments: Any, **named: Any) -> NoReturn:
        named["standalone_mode"] = False
        columns = shutil.get_terminal_size().columns
        if columns < _NARROW:
            named["terminal_width"] = columns - 2
        if "_WHATSAPP_MCP_COMPLETE" in os.environ:  # a shell asks what could follow
            import_module("whatsapp_mcp.cli.completion")
        run(lambda: super(_Program, self).main(*arguments, **named))


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="whatsapp-mcp")
def cli() -> None:
    """A WhatsApp account as MCP tools, and at the command line."""
    from whatsapp_mcp.log_lines import start_logging

    gc.freeze()  # what was loaded stays, and need not be gone through
    gc.enable()  # switched off while the program was loaded
    start_logging()
