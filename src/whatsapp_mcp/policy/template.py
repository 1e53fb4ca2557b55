"""The policy.toml that `whatsapp-mcp policy init` writes: every field, commented out, with what holds without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel

from whatsapp_mcp.policy.rules import PRESETS, Preset, Rules

EXPLAINED: Final = {
    "preset": "What holds where this file says nothing: open, careful, read-only or locked.",
    "read_only": "Nothing is sent or changed.",
    "toolsets": "Only these tools, written as for --toolsets: core,group,sendFile",
    "read": "Which chats may be read. What may not be read does not exist for a model.",
    "read.allow": 'Chats: *, saved, wrote_first, known, people, groups, channels, "+49 151 12345678", "+49*", a JID.',
    "read.deny": "Wins over allow.",
    "send": "To which chats something may be sent, and in which something may be changed.",
    "send.allow": "Written as in read.allow.",
    "send.deny": "Wins over allow.",
    "send.trusted": "Chats to which whatever was read may be sent without a question.",
    "ask": "When you are asked first: never, always, or tainted: when words of other people may have led to it.",
    "ask.first_contact": "A first message to somebody who is not saved, did not write first, was never written to.",
    "ask.other_chat": "Writing into, or arranging, another chat than the one that was read.",
    "ask.files": "Sending files of this machine.",
    "ask.links": "Opening or previewing links whose address can carry something out.",
    "ask.secrets": "Keys, card numbers, one-time codes and the like in what is sent.",
    "ask.deletes": "Deleting messages and chats.",
    "ask.groups": "Members, settings and invitations of groups.",
    "ask.account": "The link to the account, its name and picture, the channels that it follows.",
    "limits": "How much in any minute, hour or day, of all programs together. 0 means no limit.",
    "limits.sends_per_minute": "Messages, one for each chat that gets it.",
    "limits.sends_per_hour": "The same.",
    "limits.sends_per_day": "The same.",
    "limits.first_contacts_per_day": "People to whom a first message goes.",
    "limits.number_checks_per_hour": "Numbers of which WhatsApp is asked whether they use it.",
    "limits.group_additions_per_day": "People added to groups, those of new groups too.",
    "limits.media_mib_per_day": "MiB of files that are sent, those behind links too.",
    "audit": "What is written down of each call.",
    "audit.bodies": "Also the text that was sent.",
    "audit.file_mib": "MiB at which a file of the audit is closed and the next begun.",
    "audit.files": "How many are kept.",
    "hold_seconds": "Messages leave so many seconds later; until then revokeMessage stops them. 0 to 300.",
    "answer_within": "Seconds that you have for an answer in the program that asks. 10 to 600.",
    "approval_minutes": "Minutes that a code waits for its approval, and after it for its call. 1 to 60.",
    "taint_hours": "Hours after which what was read in a conversation counts no more. 1 to 1000.",
}
"""Each part and field of the rules, for people; a test wants it complete. docs/policy.md has the same words."""


def template(preset: Preset) -> str:
    """A file that changes nothing: only the preset is not commented out."""
    return "\n".join(_lines(preset)) + "\n"


def _lines(preset: Preset) -> Iterator[str]:
    rules = PRESETS[preset]
    yield "# The policy of this account: docs/policy.md explains it, `whatsapp-mcp policy` shows what holds."
    yield "# It is read again when it changes. A mistake in it stops everything that sends or changes something."
    yield ""
    parts = [name for name in Rules.model_fields if isinstance(getattr(rules, name), BaseModel)]
    for name in Rules.model_fields:
        if name not in parts:
            yield f"# {EXPLAINED[name]}"
            yield _field(name, getattr(rules, name), commented=name != "preset")
    for name in parts:
        part = getattr(rules, name)
        yield ""
        yield f"# {EXPLAINED[name]}"
        yield f"[{name}]"
        for field in type(part).model_fields:
            yield f"# {EXPLAINED[f'{name}.{field}']}"
            yield _field(field, getattr(part, field), commented=True)


def _field(name: str, value: object, *, commented: bool) -> str:
    # JSON and TOML write strings, numbers, true and false, and lists alike. All tools is what no list of tools means.
    written = f"{name} = {json.dumps('all' if value is None else value, ensure_ascii=False)}"
    return f"# {written}" if commented else written
