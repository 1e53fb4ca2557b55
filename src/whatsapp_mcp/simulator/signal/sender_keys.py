"""The sender keys of one simulated device: its own for each group it writes to, and those of others that it was given.

What is put into stanzas is the matter of ``actor``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.signal import DuplicateMessageError, SenderKey, SignalError
from whatsapp_mcp.simulator.state.accounts import SimDevice
from whatsapp_mcp.wire.protos import e2e

_KEPT_KEYS = 5
"""Of one sender in one group: messages may still be under way with an earlier key (libsignal sender_keys.rs)."""


@dataclass(slots=True)
class _OwnKey:
    key: SenderKey = field(default_factory=SenderKey.create)
    holders: set[str] = field(default_factory=set)
    """Addresses of the devices that were given the key."""


class SenderKeys:
    """Own and foreign sender keys, by group."""

    def __init__(self) -> None:
        self._own: dict[Jid, _OwnKey] = {}
        self._foreign: dict[tuple[Jid, str], dict[int, SenderKey]] = {}

    # --- sending ---

    def prepare(self, group: Jid, devices: Iterable[SimDevice]) -> list[SimDevice]:
        """Which of the group's devices still need the own key. When one that has it is not in the group any more, a new
        key is made, so that it cannot read on."""
        present = {device.address: device for device in devices}
        own = self._own.setdefault(group, _OwnKey())
        if not own.holders <= present.keys():
            own = self._own[group] = _OwnKey()
        missing = [device for name, device in present.items() if name not in own.holders]
        own.holders.update(present)
        return missing

    def distribution(self, group: Jid) -> e2e.SenderKeyDistributionMessage:
        """The own key as others need it: they can read everything that is encrypted from now on."""
        own = self._own.setdefault(group, _OwnKey())
        return e2e.SenderKeyDistributionMessage(
            groupID=str(group), axolotlSenderKeyDistributionMessage=own.key.distribution()
        )

    def encrypt(self, group: Jid, plaintext: bytes) -> bytes:
        """The content of an ``skmsg`` (padded plaintext)."""
        return self._own.setdefault(group, _OwnKey()).key.encrypt(plaintext)

    # --- receiving ---

    def learn(self, group: Jid, sender: SimDevice, distribution: bytes) -> None:
        """Take a key that another device handed out. A key that is known already stays as it is: some clients send it
        with every message, and earlier messages may still be under way. Another key under the same id replaces it:
        some clients number all their keys alike.

        Raises:
            SignalError: it is none.
        """
        key = SenderKey.from_distribution(distribution)
        known = self._foreign.setdefault((group, sender.address), {})
        if key.key_id in known and key.continues(known[key.key_id]):
            return
        known.pop(key.key_id, None)
        known[key.key_id] = key
        while len(known) > _KEPT_KEYS:
            del known[next(iter(known))]

    def decrypt(self, group: Jid, sender: SimDevice, ciphertext: bytes) -> bytes:
        """The (padded) plaintext of an ``skmsg``.

        Raises:
            DuplicateMessageError: decrypted before.
            SignalError: the sender's key is not known, or the message is damaged.
        """
        known = self._foreign.get((group, sender.address), {})
        failure = SignalError(f"no sender key of {sender.address} for {group}")
        for key in reversed(known.values()):
            try:
                return key.decrypt(ciphertext)
            except DuplicateMessageError:
                raise
            except SignalError as error:
                failure = error
        raise failure

    def forget(self) -> None:
        """Lose all keys, as after a reinstallation."""
        self._own.clear()
        self._foreign.clear()
