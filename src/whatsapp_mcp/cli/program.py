"""The program: which commands there are, each in the module of its family, loaded when it is named."""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping
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
    "upgrades": ("upgrade-check",),
    "completion": ("completion",),
}
"""Module -> its commands, in the order in which help lists them."""


class _Program(click.Group):
    """Loads a command when it is asked for, and ends as `exits` says."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for names in _MODULES.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands:
            for module, names in _MODULES.items():
                if cmd_name in names:
                    self.commands[cmd_name] = getattr(
                        import_module(f"whatsapp_mcp.cli.{module}"), cmd_name.replace("-", "_")
                    )
        return self.commands.get(cmd_name)

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
