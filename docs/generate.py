"""Writes what is made of tools.yaml, and the parts of the documentation that are made from the code.

python docs/generate.py            catalog.json and arguments.pyi of whatsapp_mcp.catalog, docs/tools.md,
                                   docs/tools/, tables of other pages, and the picture of README.md
python docs/generate.py --check    exit code 1 and the names of the files if they are not up to date
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from picture import conversation

from whatsapp_mcp.catalog.build.files import arguments_module, catalog_json, read_tools_yaml
from whatsapp_mcp.catalog.build.reference import core_tools, overview, toolset_pages
from whatsapp_mcp.cli import cli
from whatsapp_mcp.policy.rules import PRESETS
from whatsapp_mcp.policy.template import EXPLAINED
from whatsapp_mcp.server.metrics import METRICS
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.simulator.control.control import Commands

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "docs" / "recorded" / "examples.json"
CATALOG = ROOT / "src" / "whatsapp_mcp" / "catalog"

TOOLS_HEAD = """\
# Tools

Each operation of [tools.yaml](../tools.yaml) is one tool. Listed to the model are those of the toolset `core`;
`--toolsets` (`WHATSAPP_MCP_TOOLSETS`) chooses others, for example `core,send`, `core,+sendPoll`,
`all,-appLogout`, `all`. `--read-only` leaves out every tool that changes something.

| Toolset | Tools for |
|---|---|
| `core` | what most conversations need; the default |
| `app` | linking the account, and the connection |
| `user` | people, and the own profile |
| `send` | sending messages of every kind, and presence |
| `message` | acting on a message that exists |
| `chat` | reading and arranging conversations |
| `group` | groups and their members |
| `newsletter` | channels |

In `core` are CORE_TOOLS

## All tools

A page for each toolset has their arguments, their results, and a call of each as it was answered on the simulator.

OVERVIEW

## What all have in common

Every result is `{"code": "SUCCESS", "message": …, "results": …}`; what `results` holds stands with
each tool, without what is unknown: rows carry no null. A failure is a tool result with `isError`, `{"code", "message",
"results": null, "next_step", …}`: [troubleshooting](troubleshooting.md). Who or where (`phone`, `chat_jid`, `group_id`,
`participants`) is a phone number with country code, a JID, or an exact and unique name. Limits that stand in the third
column are checked before anything happens.

What sends a message takes an `idempotency_key`, any text of up to 200 characters. Whoever does not know whether a call
worked calls again with the same key and the same arguments: for 24 hours, that returns the first result (`repeated`:
true) and sends nothing. The key is stored before the message is sent, so restarts do not matter. A call that certainly
sent nothing gives the key back. If a process was killed between sending and WhatsApp's acknowledgement, it is unknown
whether the message went out: such a key is answered with the error `outcome_unknown` and sends nothing, until a receipt
of somebody who got the message proves that it was sent; from then on it returns the result.

## What catchUp takes for new

`catchUp` tells what is new in the chats of people and groups, the chat with the newest message first. `since` is an ISO
time, a duration before now (`30m`, `2h`, `1d`, `1w`, `1d12h`) or a day. Without it, it is the last look of this client:
up to where `catchUp` has shown it everything, kept in the message store by token and name of the client, so that it
outlives conversations, servers and upgrades, and is erased with the messages. Whoever never looked gets the last day.
The look moves when the last page was shown whole, never for one that was cut or that others follow (`next_cursor`), nor
when `since` lies after it. What came late counts as new even if it is older. `unanswered` is a guess by form: a
question mark of any script, a mention of the owner or of all, or a reply to the owner's message, after which the owner
neither wrote in that chat nor reacted to it.

## What a search finds

What `searchMessages` and `search` of `getChatMessages` find: messages with all words, in any order; case, accents and
punctuation do not matter. `one OR two` (in capitals; it binds closer than the blank between words) finds either,
`"several words"` what stands together, `-word`, `NOT word` and `-"several words"` leave out, `AND` changes nothing. A
word of three letters or more also finds what begins so (`meet` finds `meeting`), unless more than a thousand messages
have the word itself: then it is meant as it stands, and `the*` asks for beginnings all the same, of two letters at
least. `"meet"` in quotes finds this word alone. When nothing is found, words of one and two letters and numbers are
tried as beginnings too. Scripts without blanks between words are searched by character, anywhere. A search that finds
nothing says in `hint` what would be found: with fewer words, another spelling (a word that a message has, never one
from chats that may not be read), in another chat, or without sender, kind and times. Without words, `searchMessages`
shows what the other arguments leave (times, sender, kind, chat, links), newest first.
"""


def settings_table() -> str:
    lines = ["| Variable | Option | Default | |", "|---|---|---|---|"]
    options = {option.name: option.opts[0] for option in cli.all()["stdio"].params if isinstance(option, click.Option)}
    for name, field in Settings.model_fields.items():
        option = f"`{options[name]}`" if name in options else ""
        lines.append(f"| `WHATSAPP_MCP_{name.upper()}` | {option} | {default_text(name)} | {field.description} |")
    return "\n".join(lines)


def default_text(name: str) -> str:
    if name == "data_dir":
        return (
            "Linux `~/.local/share/whatsapp-mcp`, macOS `~/Library/Application Support/whatsapp-mcp`, "
            "Windows `%USERPROFILE%\\.whatsapp-mcp`"
        )
    default = Settings.model_fields[name].default
    if default is None:
        return "–"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def commands_table() -> str:
    lines = ["| Command | Options | |", "|---|---|---|"]
    for name, command in _commands(cli):
        options = " ".join(_option_text(option) for option in command.params if isinstance(option, click.Option))
        lines.append(f"| `whatsapp-mcp {name}` | {options} | {command.get_short_help_str(200)} |")
    return "\n".join(lines)


def _commands(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """All commands with their names, those of a group after it with what they are told."""
    for name, command in (cli.all() if group is cli else group.commands).items():
        told = [
            param.make_metavar(click.Context(command)) for param in command.params if isinstance(param, click.Argument)
        ]
        yield " ".join([f"{before}{name}", *told]), command
        if isinstance(command, click.Group):
            yield from _commands(command, f"{before}{name} ")


def _option_text(option: click.Option) -> str:
    return f"`{'/'.join([*option.opts, *option.secondary_opts])}`"


def control_table() -> str:
    """The simulator's control commands with the first lines of their documentation and their arguments."""
    lines = ["| Command | Arguments | |", "|---|---|---|"]
    for name, method in inspect.getmembers(Commands, inspect.isfunction):
        if not name.startswith("do_"):
            continue
        parameters = [
            parameter for parameter in inspect.signature(method).parameters.values() if parameter.name != "self"
        ]
        arguments = ", ".join(f"`{_argument_text(parameter)}`" for parameter in parameters)
        first_line = " ".join((inspect.getdoc(method) or "").partition("\n\n")[0].split()).replace("``", "`")
        lines.append(f"| `{name.removeprefix('do_')}` | {arguments} | {first_line} |")
    return "\n".join(lines)


def _argument_text(parameter: inspect.Parameter) -> str:
    if parameter.default is inspect.Parameter.empty:
        return parameter.name
    return f"{parameter.name}={json.dumps(parameter.default)}"


def policy_table() -> str:
    """Every field of policy.toml with what holds without it, by preset."""
    lines = [f"| Field | {' | '.join(f'`{name}`' for name in PRESETS)} | |", f"|---|{'---|' * len(PRESETS)}---|"]
    dumped = [rules.model_dump(mode="json") for rules in PRESETS.values()]
    for name, text in EXPLAINED.items():
        part, _, field = name.partition(".")
        values = [rules[part][field] if field else rules[part] for rules in dumped]
        if not isinstance(values[0], dict):
            shown = " | ".join(f"`{json.dumps(value)}`" if value is not None else "–" for value in values)
            lines.append(f"| `{name}` | {shown} | {text} |")
    return "\n".join(lines)


def metrics_table() -> str:
    lines = ["| Metric | Kind | Labels | |", "|---|---|---|---|"]
    for name, metric in METRICS.items():
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        lines.append(f"| `{name}` | {metric.kind} | {labels} | {metric.help} |")
    return "\n".join(lines)


def fields_table(place: str) -> str:
    """The fields and properties of a class, ``module:class``, with what the source says of them."""
    path, _, name = place.partition(":")
    tree = ast.parse((ROOT / "src" / "whatsapp_mcp" / path).read_text(encoding="utf-8"))
    [found] = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name]
    lines = ["| Name | Type | |", "|---|---|---|"]
    for node, after in zip(found.body, [*found.body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            said = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
            lines.append(_field_row(node.target.id, node.annotation, str(said)))
        elif isinstance(node, ast.FunctionDef) and [ast.unparse(one) for one in node.decorator_list] == ["property"]:
            lines.append(_field_row(node.name, node.returns, ast.get_docstring(node) or ""))
    return "\n".join(lines)


def _field_row(name: str, kind: ast.expr | None, said: str) -> str:
    if not said or kind is None:
        raise SystemExit(f"{name} has no text that says what it is")
    shown = ast.unparse(kind).replace("|", "\\|")
    return f"| `{name}` | `{shown}` | {' '.join(said.split()).replace('``', '`')} |"


def example(name: str) -> str:
    """A program of examples/, as it stands there."""
    return f"```python\n{(ROOT / 'examples' / name).read_text(encoding='utf-8')}```"


def with_block(path: Path, name: str, content: str, text: str) -> str:
    """``text`` of the file ``path`` with what stands between the marks of block ``name`` replaced."""
    begin, end = f"<!-- {name}: made by docs/generate.py -->\n", f"<!-- end of {name} -->"
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not (found and closed):
        raise SystemExit(f"{path.name} has no block {name!r}")
    return f"{head}{begin}\n{content}\n\n{end}{tail}"


def pages() -> dict[Path, str]:
    """What every file that holds something generated should contain."""
    catalog = read_tools_yaml()
    blocks = {
        ROOT / "docs" / "settings.md": {"settings": settings_table()},
        ROOT / "docs" / "commands.md": {"commands": commands_table()},
        ROOT / "docs" / "programs.md": {
            "bot": example("ping_bot.py"),
            "test": example("test_ping_bot.py"),
            "messages": fields_table("client/messages.py:IncomingMessage"),
            "server options": fields_table("client/connection.py:ServerOptions"),
        },
        ROOT / "docs" / "simulator.md": {
            "control": control_table(),
            "contact options": fields_table("simulator/server.py:ContactOptions"),
            "group options": fields_table("simulator/service/groups/group.py:GroupOptions"),
            "send options": fields_table("simulator/people/writing.py:SimSendOptions"),
            "received": fields_table("simulator/content/summary.py:ReceivedMessage"),
        },
        ROOT / "docs" / "policy.md": {"policy": policy_table()},
        ROOT / "docs" / "operating.md": {"metrics": metrics_table()},
    }
    texts = {
        CATALOG / "catalog.json": catalog_json(catalog),
        CATALOG / "arguments.pyi": arguments_module(catalog),
        ROOT / "docs" / "tools.md": (
            TOOLS_HEAD.replace("CORE_TOOLS", core_tools(catalog)).replace("OVERVIEW", overview(catalog))
        ),
        ROOT / "docs" / "images" / "conversation.svg": conversation(),
    }
    examples = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    for toolset, text in toolset_pages(catalog, examples).items():
        texts[ROOT / "docs" / "tools" / f"{toolset}.md"] = f"{text}\n"
    for path, contents in blocks.items():
        text = path.read_text(encoding="utf-8")
        for name, content in contents.items():
            text = with_block(path, name, content, text)
        texts[path] = text
    return texts


def main() -> int:
    wanted = pages()
    if "--check" not in sys.argv[1:]:
        for path, text in wanted.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        sys.stderr.write(f"{path.relative_to(ROOT)} is not up to date: run python docs/generate.py\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
