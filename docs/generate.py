"""Writes the parts of the documentation that are made from the code.

python docs/generate.py            docs/tools.md and the tables of README.md
python docs/generate.py --check    exit code 1 and the names of the files if they are not up to date
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from whatsapp_mcp.catalog import load_catalog
from whatsapp_mcp.catalog.reference import overview, reference
from whatsapp_mcp.cli import cli
from whatsapp_mcp.operations.registry import handlers
from whatsapp_mcp.settings import Settings

ROOT = Path(__file__).resolve().parents[1]

TOOLS_HEAD = """\
# Tools

Made from tools.yaml by `python docs/generate.py`; edit tools.yaml and run it again.

Every result is `{"code": "SUCCESS", "message": …, "results": …}`; what `results` holds stands below each tool, without
what is unknown: results carry no null. A failure is a tool result with `isError`, `{"code", "message", "results": null,
"next_step", …}`. Who or where (`phone`, `chat_jid`) is a phone number with country code, a JID, or an exact and unique
name. Limits that stand in the third column are checked before anything happens.

"""


def settings_table() -> str:
    lines = ["| Variable | Option | Default | |", "|---|---|---|---|"]
    options = {
        option.name: option.opts[0] for option in cli.commands["stdio"].params if isinstance(option, click.Option)
    }
    for name, field in Settings.model_fields.items():
        option = f"`{options[name]}`" if name in options else ""
        lines.append(f"| `WHATSAPP_MCP_{name.upper()}` | {option} | {default_text(name)} | {field.description} |")
    return "\n".join(lines)


def default_text(name: str) -> str:
    if name == "data_dir":
        return "the user's data folder, on Linux `~/.local/share/whatsapp-mcp`"
    default = Settings.model_fields[name].default
    if default is None:
        return "–"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def commands_table() -> str:
    lines = ["| Command | Options | |", "|---|---|---|"]
    for name, command in cli.commands.items():
        options = " ".join(_option_text(option) for option in command.params if isinstance(option, click.Option))
        lines.append(f"| `whatsapp-mcp {name}` | {options} | {command.get_short_help_str(200)} |")
    return "\n".join(lines)


def _option_text(option: click.Option) -> str:
    return f"`{'/'.join([*option.opts, *option.secondary_opts])}`"


def with_block(text: str, name: str, content: str) -> str:
    """``text`` with what stands between the marks of block ``name`` replaced."""
    begin, end = f"<!-- {name}: made by docs/generate.py -->\n", f"<!-- end of {name} -->"
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not (found and closed):
        raise SystemExit(f"README.md has no block {name!r}")
    return f"{head}{begin}\n{content}\n\n{end}{tail}"


def pages() -> dict[Path, str]:
    catalog, working = load_catalog(), handlers().keys()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, content in (
        ("tools", overview(catalog, working)),
        ("settings", settings_table()),
        ("commands", commands_table()),
    ):
        readme = with_block(readme, name, content)
    return {
        ROOT / "README.md": readme,
        ROOT / "docs" / "tools.md": TOOLS_HEAD + reference(catalog, working) + "\n",
    }


def main() -> int:
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(ROOT)} is not up to date: python docs/generate.py\n")
        return 1 if stale else 0
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
