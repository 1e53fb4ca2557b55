"""The login payload: who we are, in the same words as neonize."""

from __future__ import annotations

import contextlib
from typing import Final

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.wire.native import installed_version, library_path, read_library
from whatsapp_mcp.wire.protos import wa6

_KNOWN_VERSIONS: Final = {"0.5.2": "2.3000.1047769893"}
"""Wheel of neonize -> WhatsApp web version it announces, where its library cannot be searched."""


def announced_version() -> tuple[int, int, int]:
    """The WhatsApp web version that the installed neonize announces. Reads the library file once (some 20 ms).

    Two logins of one device with different versions would look like what they are; and the version that neonize
    announces is the one that WhatsApp has accepted a moment ago.

    Raises:
        SetupError: it cannot be told.
    """
    found = None
    path = library_path()
    with contextlib.suppress(OSError, ValueError):  # the table may know it
        found = read_library(path).web_version if path is not None else None
    neonize = installed_version()
    found = found or _KNOWN_VERSIONS.get(neonize or "")
    if found is None:
        raise SetupError(
            f"the WhatsApp version that neonize {neonize or '(not installed)'} announces cannot be told",
            next_step="Upgrade whatsapp-web-mcp, or install the neonize version that its changelog names.",
        )
    major, minor, build = (int(part) for part in found.split("."))
    return major, minor, build


def login_payload(device: Jid, version: tuple[int, int, int]) -> bytes:
    """Serialised ``ClientPayload`` of a linked device that logs in, byte for byte neonize 0.5.2's.

    ``passive`` is what keeps queued messages queued: they flow after ``<active/>``, which we never send. Source:
    whatsmeow store/clientpayload.go; neonize's values were compared on the wire.
    """
    payload = wa6.ClientPayload(
        username=int(device.user),
        device=device.device,
        passive=True,
        pull=True,
        connectType=wa6.ClientPayload.WIFI_UNKNOWN,
        connectReason=wa6.ClientPayload.USER_ACTIVATED,
        lc=1,
        lidDbMigrated=True,
    )
    agent = payload.userAgent
    agent.platform = wa6.ClientPayload.UserAgent.WEB
    agent.releaseChannel = wa6.ClientPayload.UserAgent.RELEASE
    agent.appVersion.primary, agent.appVersion.secondary, agent.appVersion.tertiary = version
    agent.mcc = agent.mnc = "000"
    agent.osVersion = agent.osBuildNumber = "0.1"
    agent.manufacturer = ""
    agent.device = "Desktop"
    agent.localeLanguageIso6391, agent.localeCountryIso31661Alpha2 = "en", "US"
    payload.webInfo.webSubPlatform = wa6.ClientPayload.WebInfo.WEB_BROWSER
    return payload.SerializeToString()
