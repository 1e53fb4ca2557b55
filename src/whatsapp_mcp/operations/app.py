"""Operations on the linked device itself: link, unlink, reconnect."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from whatsapp_mcp.clock import now
from whatsapp_mcp.errors import WHATSAPP_SAID, AlreadyLoggedIn, SetupError, StoreError
from whatsapp_mcp.models.session import SessionSnapshot, SessionState
from whatsapp_mcp.operations.outcome import Image, Outcome
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import number
from whatsapp_mcp.pipe.account import GetDevice
from whatsapp_mcp.qr_picture import qr_picture

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args

PAIRING_CODE_SECONDS: Final = 160


@operation("appLogin")
async def app_login(services: Services, _arguments: args.AppLoginArguments) -> Outcome:
    try:
        snapshot = await services.session.login()
    except AlreadyLoggedIn:
        return Outcome(
            "A WhatsApp account is linked.",
            {"state": services.session.snapshot.state.value},
        )
    text, seconds, path = snapshot.qr_text or "", _seconds_left(snapshot), services.settings.qr_path
    picture = await asyncio.to_thread(qr_picture, text)
    return Outcome(
        f"Scan the QR code within {seconds} seconds: WhatsApp on the phone > Linked devices > Link a device.",
        {"qr_duration": seconds, "qr_link": path.as_uri(), "qr_text": text, "state": snapshot.state.value},
        images=(Image(picture),),
    )


@operation("appLoginWithCode")
async def app_login_with_code(services: Services, arguments: args.AppLoginWithCodeArguments) -> Outcome:
    digits = await number(services, arguments["phone"])
    code = await services.session.login_with_code(digits)
    return Outcome(
        f"Enter the code on the phone within {PAIRING_CODE_SECONDS} seconds: "
        "WhatsApp > Linked devices > Link a device > Link with phone number instead.",
        {"pair_code": code},
    )


@operation("appLogout")
async def app_logout(services: Services, arguments: args.AppLogoutArguments) -> Outcome:
    erase = arguments["erase"]
    confirmed = await services.session.logout(erase_messages=erase)
    note = await _without_media(services) if erase else None
    media = " and the downloaded media" if note is None else ""
    deleted = (
        f"Its session, the stored messages{media} were deleted here."
        if erase
        else "Its session was deleted here. The stored messages are kept, and go on when the account is linked again."
    )
    if confirmed:
        return Outcome(f"The device is unlinked. {deleted}", note=note)
    said = f"WhatsApp did not confirm it: remove the device on the phone too (Linked devices). {deleted}"
    return Outcome(said, note=note)


async def _without_media(services: Services) -> str | None:
    """Delete received media; what is to be said if that fails."""
    try:
        await asyncio.to_thread(lambda: services.received.remove_all())
    except (StoreError, SetupError) as error:
        return f"Media are still there: {error.message}. {error.next_step}"
    return None


@operation("appReconnect")
async def app_reconnect(services: Services, _arguments: args.AppReconnectArguments) -> Outcome:
    await services.session.restart()
    return Outcome("Connected to WhatsApp.")


@operation("appStatus")
async def app_status(services: Services, _arguments: args.AppStatusArguments) -> Outcome:
    snapshot = services.session.snapshot
    connected = snapshot.state is SessionState.CONNECTED
    message, said = "Connected.", None
    if not connected:
        problem = services.session.problem()
        message = f"{problem.message[:1].upper()}{problem.message[1:]}. {problem.next_step}"
        said = problem.details.get(WHATSAPP_SAID)
    return Outcome(
        message,
        {
            "state": snapshot.state.value,
            "is_connected": connected,
            "is_logged_in": snapshot.own_jid is not None,
            "jid": str(snapshot.own_jid) if snapshot.own_jid else None,
            "lid": str(snapshot.own_lid) if snapshot.own_lid else None,
            "push_name": snapshot.push_name,
            "since": snapshot.since,
            "restarts": snapshot.restarts,
            WHATSAPP_SAID: said,
        },
        untrusted=said is not None,
    )


@operation("appDevices")
async def app_devices(services: Services, _arguments: args.AppDevicesArguments) -> Outcome:
    device = await services.session.call(GetDevice())
    name = device.push_name or device.business_name
    return Outcome("The linked device.", [{"name": name, "device": str(device.jid)}])


def _seconds_left(snapshot: SessionSnapshot) -> int:
    expires = snapshot.qr_expires_at
    return max(1, round((expires - now()).total_seconds())) if expires else 1
