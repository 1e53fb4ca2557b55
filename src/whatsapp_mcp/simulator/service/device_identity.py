"""The signed identity of a linked device: its phone vouches for the device's key, and the device confirms it.

Both signatures are made when the device is linked. It shows them again with every message that starts a Signal
session, so that whoever gets it knows that the sender belongs to the account (whatsmeow pair.go; send.go:
makeDeviceIdentityNode).
"""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.message import DecodeError

from whatsapp_mcp.simulator.state.accounts import SimDevice
from whatsapp_mcp.wire import xeddsa
from whatsapp_mcp.wire.keys import KeyPair
from whatsapp_mcp.wire.protos import adv

_BY_PHONE, _BY_DEVICE, _LIST = b"\x06\x00", b"\x06\x01", b"\x06\x02"


class ForgedIdentityError(Exception):
    """A signature of a device identity is missing or wrong."""


def sign_for_account(phone: KeyPair, details: bytes, identity: bytes) -> bytes:
    """The phone's 64-byte signature for a device with this identity key; ``details`` is an ``ADVDeviceIdentity``."""
    return xeddsa.sign(phone.private, _BY_PHONE + details + identity)


def signed_key_index_list(phone: KeyPair, devices: Iterable[SimDevice], *, raw_id: int, newest: int, now: int) -> bytes:
    """The phone's signed list of which linked devices there are, an ``ADVSignedKeyIndexList``. Careful clients write to
    no device that is not in it. ``newest``: the last index that was given to a device."""
    valid = sorted(device.key_index for device in devices)
    details = adv.ADVKeyIndexList(
        rawID=raw_id, timestamp=now, currentIndex=newest, validIndexes=valid, accountType=adv.E2EE
    ).SerializeToString()
    signature = xeddsa.sign(phone.private, _LIST + details)
    return adv.ADVSignedKeyIndexList(details=details, accountSignature=signature).SerializeToString()


def is_signed_by_device(signed: adv.ADVSignedDeviceIdentity, identity: bytes, phone: bytes) -> bool:
    """Whether the device's own signature fits its identity key and that of its phone."""
    return xeddsa.verify(identity, _BY_DEVICE + signed.details + identity + phone, signed.deviceSignature)


def check_device_identity(blob: bytes, device: SimDevice) -> None:
    """Check the identity that a linked device shows.

    Raises:
        ForgedIdentityError: it is not that of this device, or not one at all.
    """
    try:
        signed = adv.ADVSignedDeviceIdentity.FromString(blob)
    except DecodeError as error:
        raise ForgedIdentityError("not an ADVSignedDeviceIdentity") from error
    phone = device.account.devices[0].identity
    if signed.accountSignatureKey not in (b"", phone):
        raise ForgedIdentityError("it names the key of another phone")
    if not xeddsa.verify(phone, _BY_PHONE + signed.details + device.identity, signed.accountSignature):
        raise ForgedIdentityError("the phone did not sign it")
    if not is_signed_by_device(signed, device.identity, phone):
        raise ForgedIdentityError("the device did not sign it")
