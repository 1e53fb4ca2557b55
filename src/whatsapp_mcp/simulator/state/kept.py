"""What outlives a simulator that is given a folder: one file. Its shapes are here, ``persistence`` fills them.

Messages of the past, files, newsletters and Signal sessions are not in it: devices make new sessions by themselves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.private_files import write_private

FILE_NAME: Final = "simulator.json"


def _from_hex(value: object) -> object:
    return bytes.fromhex(value) if isinstance(value, str) else value


Hex = Annotated[bytes, BeforeValidator(_from_hex), PlainSerializer(bytes.hex)]


Key = Annotated[bytes, Field(min_length=32, max_length=32), BeforeValidator(_from_hex), PlainSerializer(bytes.hex)]


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid")


class KeptHost(_Kept):
    """What clients know the host by."""

    root: Key
    static: Key
    ca_certificate: str
    ca_key: str
    """PEM."""


class KeptDevice(_Kept):
    """A linked device."""

    number: int
    identity: Hex
    registration_id: int
    signed_prekey: tuple[int, Hex, Hex]
    """Id, public key, signature."""
    noise_public: Hex
    key_index: int
    platform: str
    inline_history: bool
    goes_by_lid: bool
    forms: dict[str, bool]
    """Number -> whether it names that person by LID."""
    one_time_prekeys: dict[int, Hex]
    waiting: list[Hex]
    """Stanzas that it has not confirmed, in their binary form."""


class KeptPhone(_Kept):
    """The keys of the simulated device of an account, and what it needs to link others."""

    identity: Key
    prekey: Key
    registration_id: int
    raw_id: int = 0
    key_index: int = 0
    sync_key: tuple[Hex, Hex, int] | None = None
    """Id, key, when it was made (ms)."""
    shared_with: list[int] = []
    """Devices that have the app-state key and the history."""


class KeptAccount(_Kept):
    number: str
    push_name: str
    business_name: str | None
    about: str
    privacy: dict[str, str]
    blocked: list[str] = []
    """Numbers."""
    disappearing_seconds: int = 0
    contact: str | None
    """Its name as a contact; ``None``: it has a phone that links devices."""
    next_device_number: int
    collections: dict[str, list[Hex]]
    """App state: the patches of each collection."""
    devices: list[KeptDevice]
    phone: KeptPhone


class KeptGroup(_Kept):
    """People are named by number."""

    id: str
    subject: str
    owner: str
    created_at: int
    invite_code: str
    addressing_mode: Literal["lid", "pn"]
    members: dict[str, Literal["member", "admin", "superadmin"]]
    description: tuple[str, str, int, str] | None
    """Id, text, when, who."""
    locked: bool
    announce: bool
    approval_required: bool
    ephemeral_seconds: int
    community: tuple[bool, bool] | None = None
    """Closed, whether members add groups; ``None``: it is none."""
    parent: str | None = None
    """Id of its community."""
    place: Literal["sub_group", "announcements", "general"] = "sub_group"


class KeptWorld(_Kept):
    """The whole file."""

    host: KeptHost
    accounts: list[KeptAccount] = []
    groups: list[KeptGroup] = []


def read_kept(folder: Path) -> KeptWorld | None:
    """What an earlier simulator left in its folder; ``None``: nothing. Raises SetupError: it cannot be read."""
    path = folder / FILE_NAME
    try:
        return KeptWorld.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        why = error.strerror if isinstance(error, OSError) else f"{error.error_count()} fields are not as expected"
        raise SetupError(
            f"--state: {path} cannot be used: {why}", next_step="Remove the file, or name another folder."
        ) from error


def write_kept(folder: Path, content: bytes) -> None:
    """Raises OSError."""
    write_private(folder / FILE_NAME, content)
