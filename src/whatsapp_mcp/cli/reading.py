"""`chats`, `read`, `search`, `contacts` and `groups`: what is in the account."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from whatsapp_mcp.cli.options import json_option, place_options, settings_of
from whatsapp_mcp.cli.saying import print_json, say
from whatsapp_mcp.settings import Settings

NAMES = {
    "chat_jid": "CHAT",
    "phone": "CHAT",
    "start_time": "--since",
    "end_time": "--until",
    "query": "WORDS",
    "search": "--search",
}
"""Argument -> how the commands here call it."""

_limit = click.option("--limit", type=click.IntRange(min=1), default=25, show_default=True, help="Most to show.")
_since = click.option("--since", metavar="TIME", help="From this date or time on, as 2026-10-31 or 2026-10-31T18:30.")
_until = click.option("--until", metavar="TIME", help="Up to this date, all day, or time.")
_stored = click.option("--stored", is_flag=True, help="Show what is stored, without connecting.")
_ids = click.option("--ids", is_flag=True, help="Show the id of each message.")


@click.command()
@place_options
@_limit
@click.option("--search", metavar="TEXT", help="Only chats with this in their name.")
@click.option("--archived", is_flag=True, default=None, help="Only archived chats.")
@_stored
@json_option
def chats(
    data_dir: Path | None, account: str | None, limit: int, stored: bool, as_json: bool, **arguments: Any
) -> None:
    """List the chats, the one with the newest message first."""
    from whatsapp_mcp.cli import showing
    from whatsapp_mcp.clock import now

    body = _found(settings_of(data_dir, account), "listChats", arguments, limit, stored=stored)
    rows = body["results"]["data"]
    if as_json:
        print_json(body)
        return
    columns = [
        showing.Column("Chat", worth=30, grows=True),
        showing.Column("New", worth=20, right=True, style="green"),
        showing.Column("Last", worth=15, style="dim"),
        showing.Column("Address", worth=5, style="dim"),
        showing.Column("", worth=3, style="dim"),
    ]
    moment = now()
    showing.print_table(columns, [_chat(row, moment) for row in rows])
    _say_rest(body, "chat", "Link the account with `whatsapp-mcp login`; its chats come by themselves.")


def _chat(row: dict[str, Any], now: Any) -> list[str]:
    from whatsapp_mcp.cli import showing

    marks = [word for word in ("pinned", "archived", "left") if row.get(word)]
    marks += ["muted"] if row.get("muted_until") else []
    new = str(row.get("unread_count") or ("*" if row.get("marked_unread") else ""))
    return [
        showing.name_of(row, jid="chat_jid"),
        new,
        showing.recent(row.get("timestamp"), now),
        showing.address(row["chat_jid"]),
        ", ".join(marks),
    ]


@click.command()
@click.argument("chat")
@place_options
@_limit
@_since
@_until
@click.option("--search", metavar="WORDS", help="Only messages with these words.")
@click.option("--media", "media_only", is_flag=True, help="Only messages with a file.")
@_ids
@_stored
@json_option
def read(
    chat: str,
    data_dir: Path | None,
    account: str | None,
    limit: int,
    ids: bool,
    stored: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Show the newest messages of CHAT: a number with country code, a JID, or an exact and unique name.

    They are not marked as read.
    """
    from whatsapp_mcp.cli import showing

    arguments = {"chat_jid": chat, **_times(options)}
    body = _found(settings_of(data_dir, account), "getChatMessages", arguments, limit, stored=stored)
    if as_json:
        print_json(body)
        return
    info = body["results"].get("chat_info") or {}
    # In a chat with one person, rows need not say whose they are.
    whose = {"sender_name": info.get("name"), "sender_jid": info.get("chat_jid") or info.get("jid")}
    told = ("is_from_me", "sender_name", "sender_jid")
    rows = [row if any(row.get(name) for name in told) else whose | row for row in body["results"]["data"]]
    showing.print_messages(reversed(rows), ids=ids)
    _say_rest(body, "message", "")


@click.command()
@click.argument("words", nargs=-1, metavar="WORDS")
@place_options
@_limit
@click.option("--chat", "chat_jid", metavar="CHAT", help="Only in this chat.")
@click.option("--from", "sender", metavar="WHO", help="Only of this person.")
@click.option("--mine", "is_from_me", is_flag=True, default=None, help="Only what the owner wrote.")
@click.option("--kind", metavar="KIND", help="Only of this kind: text, image, video, audio, document, poll …")
@click.option("--links", "has_link", is_flag=True, default=None, help="Only with a link.")
@_since
@_until
@_ids
@_stored
@json_option
def search(
    words: tuple[str, ...],
    data_dir: Path | None,
    account: str | None,
    limit: int,
    ids: bool,
    stored: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Search all messages for WORDS, newest first: "several words" together, one OR another, -without, beginn*."""
    from whatsapp_mcp.cli import showing

    arguments = {"query": " ".join(words) or None, **_times(options)}
    names = {**NAMES, "chat_jid": "--chat", "sender": "--from", "kind": "--kind"}
    body = _found(settings_of(data_dir, account), "searchMessages", arguments, limit, stored=stored, names=names)
    if as_json:
        print_json(body)
        return
    showing.print_messages(body["results"]["data"], chats=True, ids=ids)
    _say_rest(body, "message", _hint(body["results"].get("hint") or {}))


def _hint(hint: dict[str, Any]) -> str:
    """What would be found instead."""
    from whatsapp_mcp.cli.showing import shown

    others = [*(hint.get("fewer_words") or ()), *([hint["spelling"]] if hint.get("spelling") else ())]
    found = [f"{shown(one['query'])} ({one['total']})" for one in others]
    found += [f"in {shown(one['chat_name'])} ({one['total']})" for one in hint.get("other_chats") or ()]
    if hint.get("without_filters"):
        found.append(f"without the other options ({hint['without_filters']})")
    return f"Found instead: {', '.join(found)}." if found else ""


@click.command()
@place_options
@click.option("--search", metavar="TEXT", help="Only people with this in their name or number.")
@_limit
@_stored
@json_option
def contacts(
    data_dir: Path | None, account: str | None, search: str | None, limit: int, stored: bool, as_json: bool
) -> None:
    """List the people whom the account knows."""
    from whatsapp_mcp.cli import showing
    from whatsapp_mcp.cli.calling import with_account

    settings = settings_of(data_dir, account)
    arguments = {"search": search}
    body = with_account(
        settings, lambda one: _body(one, "userMyContacts", arguments), names=NAMES, fresh=True, session=not stored
    )
    rows = body["results"]["data"] = body["results"]["data"][:limit]
    if as_json:
        print_json(body)
        return
    columns = [
        showing.Column("Name", worth=30, grows=True),
        showing.Column("Number", worth=20),
        showing.Column("Name from", worth=5, style="dim"),
    ]
    told = [
        [showing.name_of(row), showing.address(row["jid"]), "" if row["name_source"] == "saved" else row["name_source"]]
        for row in ({"name_source": "saved"} | row for row in rows)
    ]
    showing.print_table(columns, told)
    _say_rest(body, "contact", "")


@click.command()
@place_options
@json_option
def groups(data_dir: Path | None, account: str | None, as_json: bool) -> None:
    """List the groups that the account is in."""
    from whatsapp_mcp.cli import showing
    from whatsapp_mcp.cli.calling import with_account

    body = with_account(settings_of(data_dir, account), lambda one: _body(one, "userMyGroups", {}), names=NAMES)
    if as_json:
        print_json(body)
        return
    columns = [
        showing.Column("Group", worth=30, grows=True),
        showing.Column("People", worth=20, right=True),
        showing.Column("Address", worth=10, style="dim"),
        showing.Column("", worth=5, style="dim"),
    ]
    showing.print_table(columns, [_group(row) for row in body["results"]["data"]])
    _say_rest(body, "group", "")


def _group(row: dict[str, Any]) -> list[str]:
    from whatsapp_mcp.cli import showing

    marks = {"is_announce": "only admins write", "is_community": "community", "join_approval": "admins let in"}
    told = ", ".join(word for name, word in marks.items() if row.get(name))
    count = str(row.get("participant_count") or "")
    return [showing.name_of(row, jid="chat_jid"), count, showing.address(row["chat_jid"]), told]


def _found(
    settings: Settings,
    operation: str,
    arguments: dict[str, Any],
    limit: int,
    *,
    stored: bool,
    names: dict[str, str] = NAMES,
) -> dict[str, Any]:
    """The answer with up to so many rows, of however many pages."""
    from whatsapp_mcp.cli.calling import with_account

    return with_account(
        settings, lambda one: one.rows(operation, arguments, limit), names=names, fresh=True, session=not stored
    )


async def _body(account: Any, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = (await account.call(operation, arguments)).body
    return body


def _times(options: dict[str, Any]) -> dict[str, Any]:
    """Options as the operations call them."""
    since, until = options.pop("since"), options.pop("until")
    return {"start_time": since, "end_time": until, **options}


def _say_rest(body: dict[str, Any], what: str, nothing: str) -> None:
    """On standard error, where it is not among what a program reads: how many there are."""
    total = (body["results"].get("pagination") or {}).get("total")
    count = len(body["results"]["data"])
    if not count:
        say(f"No {what}. {nothing}".rstrip(), err=True)
    elif total is not None and total > count:
        more = " or more" if body["results"]["pagination"].get("total_is_more") else ""
        say(f"{count} of {total:,}{more}; --limit shows more.", err=True)
