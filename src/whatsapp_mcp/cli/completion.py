"""`completion`: what a shell completes commands and options with. click has bash, zsh and fish; PowerShell is here."""

from __future__ import annotations

import os
from typing import Final

import click
from click.shell_completion import (
    CompletionItem,
    ShellComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

PROGRAM: Final = "whatsapp-mcp"
VARIABLE: Final = "_WHATSAPP_MCP_COMPLETE"
"""Set by the script of a shell when it asks what could follow; the name is click's."""
SHELLS: Final = ("bash", "zsh", "fish", "powershell")

_POWERSHELL: Final = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $env:%(complete_var)s = 'powershell_complete'
    $env:COMP_WORDS = $commandAst.ToString()
    $env:COMP_CURRENT = $wordToComplete
    try {
        %(prog_name)s | ForEach-Object {
            $value, $help = $_ -split "`t", 2
            if (-not $help) { $help = $value }
            [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $help)
        }
    } finally {
        Remove-Item Env:%(complete_var)s, Env:COMP_WORDS, Env:COMP_CURRENT -ErrorAction SilentlyContinue
    }
}
"""


@add_completion_class
class PowerShellComplete(ShellComplete):
    """Windows PowerShell 5.1 and PowerShell 7."""

    name = "powershell"
    source_template = _POWERSHELL

    def get_completion_args(self) -> tuple[list[str], str]:
        words = split_arg_string(os.environ.get("COMP_WORDS", ""))[1:]
        incomplete = os.environ.get("COMP_CURRENT", "")
        if incomplete and words and words[-1] == incomplete:
            words.pop()
        return words, incomplete

    def format_completion(self, item: CompletionItem) -> str:
        return f"{item.value}\t{item.help or ''}".rstrip("\t")


@click.command()
@click.argument("shell", metavar="SHELL", shell_complete=lambda ctx, param, incomplete: list(SHELLS))
def completion(shell: str) -> None:
    """Print the script that completes commands and options in SHELL: bash, zsh, fish or powershell.

    \b
    bash, in ~/.bashrc:
    eval "$(whatsapp-mcp completion bash)"

    \b
    zsh, in ~/.zshrc:
    eval "$(whatsapp-mcp completion zsh)"

    \b
    fish, in config.fish:
    whatsapp-mcp completion fish | source

    \b
    powershell, in $PROFILE:
    whatsapp-mcp completion powershell |
      Out-String | Invoke-Expression
    """
    from whatsapp_mcp.cli.program import cli

    kind = get_completion_class(shell) if shell in SHELLS else None
    if kind is None:
        raise click.BadParameter(f"{shell!r} is none of {', '.join(SHELLS)}.", param_hint="SHELL")
    click.echo(ShellComplete.source(kind(cli, {}, PROGRAM, VARIABLE)), nl=False)
