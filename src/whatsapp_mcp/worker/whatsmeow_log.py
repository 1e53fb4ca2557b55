"""What only whatsmeow's log tells: no event says that an account is banned, or that a repeated message was ignored.

Other people write into that log: what could not be understood is quoted in it, with push names, ids and whole stanzas.
So a line counts when the logger and the level are the right ones and the whole line has the form that whatsmeow gives
it (connectionevents.go: ``handleConnectFailure``; message.go: ``decryptMessages``), with ids and addresses that parse.
"""

from __future__ import annotations

import re
from typing import Final

from whatsapp_mcp.models.session import Decrypted
from whatsapp_mcp.untrusted_text import is_plain_id
from whatsapp_mcp.whatsapp.boundary import jid

_LOGGER: Final = "Client"
_LEVEL: Final = "WARN"

_BAN: Final = re.compile(r'Temporary ban connect failure: <failure((?: [a-z_]+="[^"<>]*")+)/>')
_ATTRIBUTE: Final = re.compile(r' (code|expire)="(\d{1,9})"')
_REPETITION: Final = re.compile(
    r"Ignoring message (\S+) from (\S+?)(?: in (\S+?))?: [a-z: ]*received message with old counter"
    r" \([a-z]+: \d+, [a-z]+: \d+\)"
)


def ban_in(level: str, logger: str, line: str) -> str | None:
    """What is known of the ban that a line tells of, in our words; None for any other line."""
    if (level, logger) != (_LEVEL, _LOGGER):
        return None
    found = _BAN.fullmatch(line)
    if found is None:
        return None
    known = dict(_ATTRIBUTE.findall(found[1]))
    ending = f" for {known['expire']} seconds" if "expire" in known else ""
    return f"WhatsApp has banned this account{ending} (code {known.get('code', 'unknown')})"


def is_repetition(level: str, logger: str, line: str) -> bool:
    """Whether a line says that a repeated message was ignored."""
    return (level, logger) == (_LEVEL, _LOGGER) and repetition_in(line) is not None


def repetition_in(line: str) -> Decrypted | None:
    """The message whose repetition was ignored, from a line that ``is_repetition``."""
    found = _REPETITION.fullmatch(line)
    if found is None:
        return None
    sender, chat = jid(found[2]), jid(found[3] or found[2])
    if sender is None or chat is None or not is_plain_id(found[1]):
        return None
    return Decrypted(found[1], str(chat), str(sender))
