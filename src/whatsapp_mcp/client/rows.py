"""Short rows of a result made complete, as docs/results.md says to read them: one row then says everything."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_WITHOUT_A_WORD: Json = {"kind": "text", "is_from_me": False, "content": ""}
"""What holds of a message that does not say otherwise."""


def complete(results: Any) -> Any:
    """``results`` with complete rows: what stands beside them for all or for some is in each.

    A row keeps its own fields and gets those of ``common``, the addresses that ``people`` and ``chats`` give for its
    names, and what is left out of a message because it is usual (``kind`` text, not from me).
    """
    if not isinstance(results, dict):
        return results
    read = dict(results)
    common, people, chats = (read.pop(name, []) for name in ("common", "people", "chats"))
    known = [("chat_" if "chat_jid" in one else "", one) for one in [*people, *chats]]
    for name, rows in results.items():
        if name in ("data", "participants") and isinstance(rows, list):
            info = results.get("chat_info", {})
            chat = {"chat_jid": info["chat_jid"]} if "chat_jid" in info else {}
            read[name] = [_row({**chat, **dict(common), **row}, known, info) for row in rows]
    if isinstance(results.get("message"), dict):
        read["message"] = _row(results["message"], known)
    return read


def _row(row: Json, known: list[tuple[str, Json]], chat: Json | None = None) -> Json:
    whole: Json = _with_addresses(row, known)
    if (
        not whole.get("is_from_me")
        and "sender_jid" not in whole
        and {"chat_jid", "message_id", "timestamp"} <= whole.keys()
    ):
        whole["sender_jid"] = whole["chat_jid"]  # whoever writes in a chat with one person
        names = {f"sender_{name}": value for name, value in (chat or {}).items() if name in ("name", "name_source")}
        whole = names | whole
    return _WITHOUT_A_WORD | whole if {"message_id", "timestamp"} <= whole.keys() else whole


def _with_addresses(value: Any, known: list[tuple[str, Json]]) -> Any:
    if isinstance(value, list):
        return [_with_addresses(item, known) for item in value]
    if not isinstance(value, dict):
        return value
    whole = {name: _with_addresses(item, known) for name, item in value.items()}
    for name in [name for name in whole if name == "name" or name.endswith("_name")]:
        prefix = name.removesuffix("name")
        if f"{prefix}jid" in whole:
            continue
        for of_chat, one in known:
            if (of_chat == "chat_") == (prefix == "chat_") and one["name"] == whole[name]:
                whole[f"{prefix}jid"] = one["chat_jid" if of_chat else "jid"]
                if "name_source" in one:
                    whole[f"{prefix}name_source"] = one["name_source"]
    return whole
